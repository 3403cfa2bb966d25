"""Attached bodies: parts of the first outline that hang on by a neck, judged as neighbours or lobes."""

from __future__ import annotations

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM
from hepalith.anatomy.outline.body import Body
from hepalith.anatomy.outline.solid_core import depth_within
from hepalith.anatomy.outline.spine import Spine

__all__ = ["drop_neighbours"]

NECKS_MM = (11.0, 7.5, 4.5)
"""Parts are separated where they are thinner than twice these, in turn. The first is for the right kidney,
which a liver with fat, as dark as it, meets over 20 mm; so wide a neck also parts a liver that a mass
divides, so nothing else is judged there. The others are for gut, aorta and diaphragm."""
LEAST_VOXELS = 40
"""Smaller parts stay with what they touch."""
LOOSE_SHARE = 0.09
"""A part with less of its surface on the rest only touches it: gut, aorta, diaphragm."""
LEFT_MM, STOMACH_MM, LEFT_SHARE = 25.0, 45.0, 0.20
"""Left of the spine by the first and not farther in front of it than the second lie stomach and spleen;
a part there with less than the third of its surface on the rest is one of them. Our judgement."""
LIKELY = 0.6
"""A part to which the network gives liver more than this on average stays: a lobe behind a narrow bridge."""
BACK_SHARE = 0.30
"""The same for parts behind the vertebra's front and off the wall, where the kidney lies."""


def drop_neighbours(
    mask: NDArray[np.bool_],
    core: NDArray[np.bool_],
    body: Body,
    spine: Spine | None,
    prior: NDArray[np.float32] | None = None,
) -> NDArray[np.bool_]:
    """Return `mask` without the parts that hang on by a neck where a neighbour must be.

    `prior` is the network's probability of liver, where it was asked.
    """
    for neck_mm in NECKS_MM:
        depth = depth_within(mask)
        labels, count = ndimage.label(depth > neck_mm)
        shared = np.bincount(labels[core], minlength=count + 1)
        shared[0] = 0
        if count < 2 or not shared.any():
            continue
        main_label = int(shared.argmax())
        # Every voxel of the mask goes to the nearest separated part.
        near = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        parts = np.where(mask, labels[tuple(near)], 0)
        main = parts == main_label
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        drop = np.zeros_like(mask)
        for label in range(1, count + 1):
            if label == main_label or sizes[label] < LEAST_VOXELS:
                continue
            part = parts == label
            if prior is not None and float(prior[part].mean()) > LIKELY:
                continue
            if _is_neighbour(part, main, body, spine, kidney_only=neck_mm == NECKS_MM[0]):
                drop |= part
        mask = mask & ~drop
    return mask


def _is_neighbour(
    part: NDArray[np.bool_], main: NDArray[np.bool_], body: Body, spine: Spine | None, *, kidney_only: bool
) -> bool:
    """Return whether `part` is a neighbour that only touches the liver; by its place alone a kidney."""
    shell = ndimage.binary_dilation(part) & ~part
    surface = max(1, int(shell.sum()))
    on_main = int((shell & main).sum()) / surface
    if on_main < LOOSE_SHARE and not kidney_only:
        return True
    if spine is None:
        return False
    on_wall = int((shell & ((body.wall_depth_mm < 2 * SPACING_MM) | body.lung)).sum()) / surface
    where = np.argwhere(part).mean(axis=0)
    front_mm = (spine.row[int(where[0])] - spine.radius - where[1]) * SPACING_MM
    left_mm = (where[2] - spine.column[int(where[0])]) * SPACING_MM
    if left_mm > LEFT_MM:
        return bool(not kidney_only and front_mm < STOMACH_MM and on_main < LEFT_SHARE)
    behind = front_mm < 0
    return bool(behind and on_main < BACK_SHARE and on_wall < BACK_SHARE)


def open_ball(mask: NDArray[np.bool_], thin_mm: float) -> NDArray[np.bool_]:
    """Return `mask` without what is thinner than `thin_mm`: crus, diaphragm, gut wall, vessels."""
    core = depth_within(mask) > thin_mm / 2
    reach = edt.edt(~core, anisotropy=(SPACING_MM,) * 3, parallel=2)
    return np.asarray(mask & (reach <= thin_mm / 2 + SPACING_MM), dtype=np.bool_)
