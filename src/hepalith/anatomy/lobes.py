"""Lobes: a first anatomical estimate from the spine, where hepatic veins are not yet traced.

The right and left lobe meet in the plane of Cantlie, from the vena cava to the bed of the
gallbladder; the caudate lies between the cava and the fissure of the venous ligament. Here
the cava is placed from the spine and the plane is given its usual tilt. A focus within
about 20 mm of the plane may be on the other side; rotated, resected or regrown livers are
beyond this estimate.
"""

from __future__ import annotations

from typing import NamedTuple

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["find_lobes"]

BONE_HU = 160
"""Above: vertebra, once its inside is filled. Below the cortex at any slice thickness in use. K."""
MOST_SLICES = 9
"""Slices in which the vertebra is looked for, spread over the liver."""
PLANE_MM = 3.0
"""In-plane spacing of the copy in which it is looked for."""
VERTEBRA_MM = (9.0, 32.0)
"""Radius of the largest disc within a vertebral body; beyond, it is something else."""
CAVA_RIGHT_MM = 12.0
"""The cava's middle lies so far right of the vertebra's. K; on the shared scan 8 to 16 mm."""
CAVA_FRONT_MM = 14.0
"""... and so far in front of its front."""
TILT_DEGREES = 28.0
"""Angle of the plane of Cantlie to the sagittal plane, its front end to the right. Our judgement: puts
60-70 % of an ordinary liver right of it, as volumetry does."""
CAUDATE_FRONT_MM, CAUDATE_LEFT_MM, CAUDATE_RIGHT_MM = 30.0, 32.0, 2.0
"""The caudate, from the cava's middle: so far forward, to the left, and to the right. Our judgement."""
CAUDATE_HEIGHT = (0.35, 0.85)
"""... and between these shares of the liver's height."""
LEAST_ML = 200.0
"""A smaller part of a liver is not divided."""


class _Place(NamedTuple):
    """Middle of the vertebral body (row, column), in voxels, and its radius in mm."""

    row: float
    column: float
    radius_mm: float


def find_lobes(volume: Volume, box: Box, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the lobe (keys of `LOBES`) of every voxel of `mask`; all 0 where it cannot be judged.

    Parameters
    ----------
    volume, box, mask
        The scan, the liver's box in it, and the liver, of the box's shape.
    """
    nothing = np.zeros(mask.shape, dtype=np.uint8)
    millilitres = float(np.count_nonzero(mask)) * volume.grid.voxel_mm3 / 1000
    spine = _find_vertebra(volume, box)
    if spine is None or millilitres < LEAST_ML:
        return nothing
    _, j_mm, i_mm = volume.spacing_mm
    forward = (spine.row - np.arange(box.start[1], box.stop[1]))[:, None] * j_mm - spine.radius_mm
    left = (np.arange(box.start[2], box.stop[2]) - spine.column)[None, :] * i_mm
    forward = forward - CAVA_FRONT_MM
    left = left + CAVA_RIGHT_MM
    slope = np.tan(np.radians(TILT_DEGREES))
    sides = np.where(left < -slope * np.maximum(forward, 0), 1, 2).astype(np.uint8)
    lobes: NDArray[np.uint8] = mask.view(np.uint8) * sides[None]
    right_share = float((lobes[::4, ::4, ::4] == 1).sum()) / max(1, int(mask[::4, ::4, ::4].sum()))
    if right_share == 0.0:
        return nothing
    caudate = (forward < CAUDATE_FRONT_MM) & (forward > -CAUDATE_FRONT_MM / 2)
    caudate = caudate & (left < CAUDATE_LEFT_MM) & (left > -CAUDATE_RIGHT_MM)
    low, high = (round(share * mask.shape[0]) for share in CAUDATE_HEIGHT)
    middle = lobes[low:high]
    middle[:, caudate] = np.where(mask[low:high][:, caudate], 3, 0)
    return lobes


def _find_vertebra(volume: Volume, box: Box) -> _Place | None:
    """Return the vertebral body behind the liver; None where none is in view."""
    _, j_mm, i_mm = volume.spacing_mm
    rows, columns = max(1, round(PLANE_MM / j_mm)), max(1, round(PLANE_MM / i_mm))
    found = []
    slices = np.linspace(box.start[0], box.stop[0] - 1, min(MOST_SLICES, box.shape[0])).round().astype(int)
    for k in np.unique(slices):
        plane = volume.hu[k, ::rows, ::columns]
        tissue = plane > -250
        lines = np.nonzero(tissue.mean(axis=1) > 0.1)[0]
        across = np.nonzero(tissue.mean(axis=0) > 0.1)[0]
        if lines.size < 10 or across.size < 10:
            continue
        bone = ndimage.binary_fill_holes(ndimage.binary_closing(plane > BONE_HU, iterations=2))
        depth = edt.edt(bone, anisotropy=(j_mm * rows, i_mm * columns))
        middle = (across[0] + across[-1]) / 2
        central = np.abs(np.arange(plane.shape[1]) - middle) * columns * i_mm < 40
        back = np.arange(plane.shape[0]) > (lines[0] + lines[-1]) / 2
        depth = np.where(back[:, None] & central[None, :], depth, 0)
        radius = float(depth.max())
        if VERTEBRA_MM[0] <= radius <= VERTEBRA_MM[1]:
            row, column = np.argwhere(depth > 0.9 * radius).mean(axis=0)
            found.append((row * rows, column * columns, radius))
    if not found:
        return None
    row, column, radius = np.median(np.array(found), axis=0)
    return _Place(float(row), float(column), float(radius))
