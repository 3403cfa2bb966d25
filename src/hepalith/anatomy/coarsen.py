"""Making the coarse copy of a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK

from hepalith.anatomy.coarse import SPACING_MM, Coarse
from hepalith.image.volume import AIR_HU, Volume

__all__ = ["coarsen"]

sitk: Any = SimpleITK
"""Its functions carry no types."""

CEILING_HU = 1500
"""HU above which nothing is told apart; keeps metal from smearing through the averages."""


def coarsen(volume: Volume, spacing_mm: float = SPACING_MM) -> Coarse:
    """Return the scan averaged and resampled to an isotropic grid.

    Blocks of whole voxels are averaged first, so that no voxel is skipped; the rest is linear
    interpolation. The coarse grid is centred on the scan; at the ends of a slab the outermost
    slice is repeated, never mixed with air that was not measured.
    """
    shape, spacing = volume.hu.shape, volume.spacing_mm
    blocks = [max(1, min(n, int(spacing_mm / s + 0.25))) for n, s in zip(shape, spacing, strict=True)]
    image = sitk.GetImageFromArray(volume.hu)
    image = sitk.Clamp(image, sitk.sitkInt16, AIR_HU, CEILING_HU)
    if max(blocks) > 1:
        image = sitk.BinShrink(image, blocks[::-1])
    hu = sitk.GetArrayFromImage(image).astype(np.float32)
    first, step = [], []
    for axis in range(3):
        extent_mm = shape[axis] * spacing[axis]
        count = max(1, round(extent_mm / spacing_mm))
        step_voxels = spacing_mm / spacing[axis]
        start = (shape[axis] - 1) / 2 - (count - 1) / 2 * step_voxels
        wanted = (start + np.arange(count) * step_voxels - (blocks[axis] - 1) / 2) / blocks[axis]
        # BinShrink drops the voxels that do not fill a last block and starts at the first.
        wanted = np.clip(wanted, 0, hu.shape[axis] - 1)
        low = np.floor(wanted).astype(np.intp)
        high = np.minimum(low + 1, hu.shape[axis] - 1)
        weight_shape = [1, 1, 1]
        weight_shape[axis] = -1
        weight = (wanted - low).astype(np.float32).reshape(weight_shape)
        hu = hu.take(low, axis) * (1 - weight) + hu.take(high, axis) * weight
        first.append(float(start))
        step.append(float(step_voxels))
    return Coarse(np.ascontiguousarray(hu), (first[0], first[1], first[2]), (step[0], step[1], step[2]))
