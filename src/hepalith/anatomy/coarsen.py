"""Making the coarse copy of a scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.coarse import SPACING_MM, Coarse
from hepalith.image.volume import AIR_HU, Volume

__all__ = ["coarsen"]

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
    hu = _average_blocks(volume.hu, blocks)
    first, step = [], []
    for axis in range(3):
        extent_mm = shape[axis] * spacing[axis]
        count = max(1, round(extent_mm / spacing_mm))
        step_voxels = spacing_mm / spacing[axis]
        start = (shape[axis] - 1) / 2 - (count - 1) / 2 * step_voxels
        wanted = (start + np.arange(count) * step_voxels - (blocks[axis] - 1) / 2) / blocks[axis]
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


def _average_blocks(hu: NDArray[np.int16], blocks: list[int]) -> NDArray[np.float32]:
    """Return the means of blocks of voxels, clamped and rounded to whole HU, half upward.

    Blocks start at the first voxel; those that do not fill a last block are dropped. The scan is gone
    through a layer of blocks at a time: no copy of it is made.
    """
    deep, high, wide = blocks
    layers, rows, columns = (n // b for n, b in zip(hu.shape, blocks, strict=True))
    means = np.empty((layers, rows, columns), dtype=np.float32)
    for n in range(layers):
        layer = np.zeros((rows * high, columns * wide), dtype=np.int32)
        for plane in hu[n * deep : (n + 1) * deep, : rows * high, : columns * wide]:
            layer += np.clip(plane, AIR_HU, CEILING_HU)
        lines = layer.reshape(rows, high, -1).sum(axis=1, dtype=np.int32)
        sums = sum((lines[:, n::wide] for n in range(1, wide)), start=lines[:, ::wide].astype(np.float64))
        means[n] = np.floor(sums * (1.0 / (deep * high * wide)) + 0.5)
    return means
