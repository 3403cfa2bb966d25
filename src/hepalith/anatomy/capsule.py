"""The capsule: depth below it, the volume inside it, and how much of it the scan has cut off."""

from __future__ import annotations

from typing import Any

import edt
import numpy as np
import SimpleITK
from numpy.typing import NDArray

from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["box_around", "find_depth", "share_in_view"]

sitk: Any = SimpleITK
"""Its functions carry no types."""

DEPTH_SPACING_MM = 2.0
"""Depth is measured on a grid of about this spacing: finer adds time, not meaning, for an outline
that is itself good to about a millimetre. Our judgement."""
LIVER_HEIGHT_MM = 160.0
"""Craniocaudal extent of an adult liver in mm. K (textbook 130-170 in the midclavicular line)."""


def box_around(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest box that holds `mask`; as `Box.around`, but with two passes over the voxels."""
    (planes,) = np.nonzero(mask.any(axis=(1, 2)))
    if planes.size == 0:
        return Box((0, 0, 0), (0, 0, 0))
    first, last = int(planes[0]), int(planes[-1]) + 1
    shadow = np.logical_or.reduce(mask[first:last], axis=0)
    (rows,) = np.nonzero(shadow.any(axis=1))
    (columns,) = np.nonzero(shadow.any(axis=0))
    return Box((first, int(rows[0]), int(columns[0])), (last, int(rows[-1]) + 1, int(columns[-1]) + 1))


def find_depth(mask: NDArray[np.bool_], box: Box, volume: Volume) -> NDArray[np.float32]:
    """Return the distance from the capsule inward, in mm, shape of `mask` (which fills `box`).

    A face of the volume that cuts the liver is no capsule: the mask is continued beyond it
    before distances are taken.
    """
    spacing = volume.spacing_mm
    stride = [
        max(1, min(n, int(DEPTH_SPACING_MM / s + 0.25))) for n, s in zip(mask.shape, spacing, strict=True)
    ]
    small = mask[:: stride[0], :: stride[1], :: stride[2]]
    steps = [s * n for s, n in zip(spacing, stride, strict=True)]
    margins = []
    for axis in range(3):
        reach = max(2, min(small.shape[axis], round(60.0 / steps[axis])))
        cut_low = reach if box.start[axis] == 0 else 0
        cut_high = reach if box.stop[axis] == volume.hu.shape[axis] else 0
        margins.append((cut_low, cut_high))
    padded = np.pad(small, margins, mode="edge")
    # Any face that is not cut has air of this array's own beyond it, which counts as outside.
    depth = edt.edt(padded, anisotropy=tuple(steps), black_border=True, parallel=2)
    inner = tuple(slice(low, low + n) for (low, _), n in zip(margins, small.shape, strict=True))
    depth = np.ascontiguousarray(depth[inner], dtype=np.float32)
    # edt measures to the nearest outside voxel's centre; the capsule lies half a voxel before it.
    depth -= np.float32(min(spacing) / 2)
    np.maximum(depth, np.float32(min(spacing) / 2), out=depth)
    if stride == [1, 1, 1]:
        depth *= mask
        return depth
    return _enlarge(depth, stride, mask)


def _enlarge(field: NDArray[np.float32], stride: list[int], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return `field`, sampled at every `stride`-th voxel from the first, at all voxels of `mask` (linear)."""
    image = sitk.GetImageFromArray(field)
    image.SetSpacing([float(n) for n in stride[::-1]])
    size = [int(n) for n in mask.shape[::-1]]
    # The nearest value beyond the last sample: pad by one sample of the same value.
    image = sitk.ZeroFluxNeumannPad(image, [0, 0, 0], [1, 1, 1])
    out = sitk.Resample(
        image,
        size,
        sitk.Transform(),
        sitk.sitkLinear,
        [0.0] * 3,
        [1.0] * 3,
        [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        0.0,
        sitk.sitkFloat32,
    )
    whole: NDArray[np.float32] = np.multiply(sitk.GetArrayViewFromImage(out), mask)
    return whole


def share_in_view(mask: NDArray[np.bool_], box: Box, volume: Volume) -> float:
    """Return the estimated share of the liver that the scan covers, 0 to 1.

    Where the first or last slice cuts the liver, what is missing is guessed from the area of
    the cut: above, a dome of that base and of a height like its radius over two; below, a
    liver that tapers over the rest of its usual height.

    Notes
    -----
    A rough guess by design: it tells a dome from a whole liver, not 80 % from 90 %.
    """
    k_mm, j_mm, i_mm = volume.spacing_mm
    count = volume.hu.shape[0]
    seen = float(np.count_nonzero(mask)) * volume.grid.voxel_mm3
    if seen == 0:
        return 0.0
    missing = 0.0
    height = mask.shape[0] * k_mm
    if box.stop[0] == count:
        area = float(np.count_nonzero(mask[-1])) * j_mm * i_mm
        missing += area * np.sqrt(area / np.pi) / 2
    if box.start[0] == 0:
        area = float(np.count_nonzero(mask[0])) * j_mm * i_mm
        rest = max(LIVER_HEIGHT_MM - height, 0.2 * np.sqrt(area))
        missing += area * rest / 2
    share = seen / (seen + missing)
    return float(np.clip(share, 0.0, 1.0))
