"""Ribs and spine near the liver: what a rim of bone sharing a voxel with the liver comes from."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["find_bone"]

CORTEX_HU = 250
"""Bone's cortex lies above at any slice thickness to 5 mm; most vessels lie below in the portal phase. K."""
BONE_MM3 = 2000.0
"""A rib's part within the box is larger (10 mm x 8 mm x 25 mm); calcified foci that large are rare
and lie inside the liver, which this mask never enters by more than its rim."""
BONE_MARGIN_MM = 15.0
"""How far beyond the box bones are followed, so that a rib cut by the box is not taken for a speck."""


def find_bone(volume: Volume, box: Box) -> NDArray[np.bool_]:
    """Return the voxels of `box` that belong to large bright bodies (ribs, spine), shape of `box`.

    Notes
    -----
    In the arterial phase the aorta and the heart are such bodies as well; metal is too. A
    caller that must tell them apart looks at the phase.
    """
    margin = [round(BONE_MARGIN_MM / s) for s in volume.spacing_mm]
    wide = box.grown(margin, volume.hu.shape)
    bright = volume.hu[wide.slices] > CORTEX_HU
    smallest = max(1, round(BONE_MM3 / volume.grid.voxel_mm3))
    kept = cc3d.dust(bright, threshold=smallest, connectivity=18)
    inner = tuple(slice(a - b, c - b) for a, b, c in zip(box.start, wide.start, box.stop, strict=True))
    result: NDArray[np.bool_] = np.asarray(kept[inner], dtype=np.bool_)
    return result
