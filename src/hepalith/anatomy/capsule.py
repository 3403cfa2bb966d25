"""The capsule: depth below it, the volume inside it, and how much of it the scan has cut off."""

from __future__ import annotations

import edt
import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.depth import Depth
from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["find_depth", "share_in_view"]

DEPTH_SPACING_MM = 2.0
"""Depth is measured on a grid of about this spacing: finer adds time, not meaning, for an outline
that is itself good to about a millimetre. Our judgement."""
LIVER_HEIGHT_MM = 160.0
"""Craniocaudal extent of an adult liver in mm. K (textbook 130-170 in the midclavicular line)."""


def find_depth(mask: NDArray[np.bool_], box: Box, volume: Volume) -> Depth:
    """Return the distance from the capsule inward over `mask`, which fills `box`.

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
    return Depth(depth, (stride[0], stride[1], stride[2]), mask)


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
