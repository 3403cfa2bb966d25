"""The vertebra behind the liver: where the cava is placed from when no network saw it."""

from __future__ import annotations

from typing import NamedTuple

import edt
import numpy as np
from scipy import ndimage

from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["Vertebra", "find_vertebra"]

BONE_HU = 160
"""Above: vertebra, once its inside is filled. Below the cortex at any slice thickness in use. K."""
MOST_SLICES = 9
"""Slices in which the vertebra is looked for, spread over the liver."""
PLANE_MM = 3.0
"""In-plane spacing of the copy in which it is looked for."""
VERTEBRA_MM = (9.0, 32.0)
"""Radius of the largest disc within a vertebral body; beyond, it is something else."""


class Vertebra(NamedTuple):
    """Middle of the vertebral body (row, column), in voxels, and its radius in mm."""

    row: float
    column: float
    radius_mm: float


def find_vertebra(volume: Volume, box: Box) -> Vertebra | None:
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
    return Vertebra(float(row), float(column), float(radius))
