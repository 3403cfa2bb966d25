"""Masses: bodies of another HU that the liver holds, told from the neighbours that it only touches."""

from __future__ import annotations

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM, smooth
from hepalith.anatomy.outline.body import Body
from hepalith.anatomy.outline.solid_core import depth_within

__all__ = ["add_masses"]

SOLID_HU = -15
"""Above, on the quiet copy: fluid or tissue, not fat."""
NECKS_MM = (12.0, 8.0, 5.0)
"""Bodies are told apart where they are thinner than twice these, in turn: large masses lie broadly on
kidney or muscle, small ones are themselves thin."""
LEAST_VOXELS = 60
"""Smaller bodies (1.6 mL) are left to the random walk."""
HELD_SHARE = 0.62
"""A body with this share of its surface on the liver is held by it: a gallbladder, the most embedded
neighbour, has up to half."""
COVERED_SHARE = 0.60
"""... or with this share on liver, lung base and wall together: a mass that reaches the surface."""
TOUCH_SHARE = 0.30
"""... of which at least this on the liver itself."""
LEFT_TOUCH_SHARE = 0.5
"""The same left of the midline, where stomach and spleen touch both liver and wall."""
ROUND_SHARE = 0.42
"""A mass is at least this deep, as a share of the radius of a ball of its volume; a pleural effusion
or ascites, a sheet between liver and wall, is less. A half ball has 0.6."""
BIG_SHARE, BIG_TOUCH_SHARE, BIG_COVERED_SHARE = 0.4, 0.22, 0.48
"""A body right of the midline with more than the first share of the liver known so far needs only these:
nothing else so large lies between liver, diaphragm and right wall. It is then the rest of a liver that
a mass divides, or whose mass was found first."""
MOST_SHARE = 3.0
"""A body larger than this multiple of the liver known so far is no part of it."""


def add_masses(hu: NDArray[np.float32], mask: NDArray[np.bool_], body: Body) -> NDArray[np.bool_]:
    """Return the liver with the masses that it holds.

    Bodies of fluid or tissue beside the liver are separated at their necks; each is judged as
    a whole, by what its surface touches and how round it is, never voxel by voxel.
    """
    quiet = smooth(hu, 0.7)
    solid = (quiet > SOLID_HU) & body.inside & ~body.lung & ~body.gas & (body.wall_depth_mm > -1)
    rest = solid & ~mask
    holes = ndimage.binary_fill_holes(np.pad(mask, 1, mode="constant"))[1:-1, 1:-1, 1:-1] & rest
    mask = mask | holes
    rest &= ~mask
    depth = depth_within(rest)
    for neck_mm in NECKS_MM:
        mask = _add_at_neck(mask, rest & ~mask, depth, body, neck_mm)
    return mask


def _add_at_neck(
    mask: NDArray[np.bool_],
    rest: NDArray[np.bool_],
    depth: NDArray[np.float32],
    body: Body,
    neck_mm: float,
) -> NDArray[np.bool_]:
    """Return `mask` with the held bodies of `rest` that part at necks thinner than twice `neck_mm`."""
    labels, count = ndimage.label((depth > neck_mm) & rest)
    if count == 0:
        return mask
    known = int(mask.sum())
    near = edt.edt(~mask, anisotropy=(SPACING_MM,) * 3, parallel=2) < neck_mm + 2 * SPACING_MM
    touching = np.unique(labels[near & (labels > 0)])
    slices = ndimage.find_objects(labels)
    margin = round(neck_mm / SPACING_MM) + 3
    result = mask.copy()
    for label in touching:
        where = tuple(
            slice(max(0, s.start - margin), min(n, s.stop + margin))
            for s, n in zip(slices[label - 1], mask.shape, strict=True)
        )
        part = labels[where] == label
        reach = edt.edt(~part, anisotropy=(SPACING_MM,) * 3)
        part = rest[where] & (reach <= neck_mm + SPACING_MM) & ((labels[where] == 0) | part)
        size = int(part.sum())
        if size < LEAST_VOXELS or size > MOST_SHARE * known:
            continue
        place = (where[0], where[1], where[2])
        if _is_held(part, mask[where], depth[where], body, place, big=size > BIG_SHARE * known):
            result[where] |= part
    return result


def _is_held(
    part: NDArray[np.bool_],
    liver: NDArray[np.bool_],
    depth: NDArray[np.float32],
    body: Body,
    where: tuple[slice, ...],
    *,
    big: bool,
) -> bool:
    """Return whether the liver holds `part`, by what its surface touches and by its roundness."""
    size = int(part.sum())
    shell = ndimage.binary_dilation(part) & ~part
    # Beyond the first and last slice nothing is known: those faces are no surface.
    surface = int(shell.sum())
    if surface == 0:
        return False
    on_liver = int((shell & liver).sum()) / surface
    on_wall = (body.wall_depth_mm[where] < SPACING_MM) | body.lung[where]
    covered = on_liver + int((shell & on_wall & ~liver).sum()) / surface
    ball_mm = (3 * size / (4 * np.pi)) ** (1 / 3) * SPACING_MM
    roundness = float(depth[part].max()) / ball_mm
    columns = np.arange(where[2].start, where[2].stop)
    rows = part.sum(axis=1)  # (slice, column)
    midline = body.midline[where[0]]
    left = float((rows * (columns[None, :] - midline[:, None])).sum()) / size > 0
    if big and not left and on_liver >= BIG_TOUCH_SHARE and covered >= BIG_COVERED_SHARE:
        return bool(roundness >= ROUND_SHARE)
    touch = LEFT_TOUCH_SHARE if left else TOUCH_SHARE
    return roundness >= ROUND_SHARE and (
        on_liver >= HELD_SHARE or (on_liver >= touch and covered >= COVERED_SHARE)
    )
