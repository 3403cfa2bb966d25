"""What leads away from a body: a piece of a vessel is bright on before and behind, a focus ends all about."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.search.ray import END_MM, FAR_MM, NEAR_MM, STEP_MM, directions
from hepalith.geometry import Box

__all__ = ["NOTHING_LEADS", "Leading", "leading_of"]

RAYS = 120
"""Directions looked along, even over the sphere: neighbours are 16 degrees apart."""

MOST_MM = 8.0
"""Greatest diameter from which rays start: what is thicker is taken as a tube of that."""

SMOOTHING_MM = 0.8
"""Standard deviation of the blur that takes the noise off single voxels: half the width of a small vessel."""

OWN_MM = 1.5
"""How far about its middle the brightest place of a body is looked for."""

BEHIND = -0.6
"""Cosine beyond which a direction lies behind another: a vessel may bend by 53 degrees."""


@dataclass(frozen=True, slots=True)
class Leading:
    """How bright what leads away from a body is, as a share of the body's own excess.

    Parameters
    ----------
    away
        In the direction in which most leads away.
    through
        In the better of the directions that lie behind that, and no more than `away`.
    """

    away: float = 0.0
    through: float = 0.0


NOTHING_LEADS = Leading()


def leading_of(
    centre: tuple[float, float, float],
    width_mm: float,
    level_hu: float,
    hu: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
) -> Leading:
    """Return what leads away from a body.

    Parameters
    ----------
    centre
        Its middle, in voxels of `hu`.
    width_mm
        Its least diameter.
    level_hu
        What it lies in.
    hu
        HU of the crop, shape (slice, row, column). Beyond its ends nothing is seen, and nothing leads there.
    spacing_mm
        Voxel spacing.

    Notes
    -----
    Along each ray, as where the search asks (`search.ray`) but in the image itself, the mean excess is taken
    over two parts; the weaker counts. On development phantoms 98 in a
    hundred foci have a `through` below 0.15, those beside vessels included, and 82 in a hundred pieces of
    vessels one above 0.2.
    """
    spacing = np.asarray(spacing_mm)
    radius = 0.5 * min(width_mm, MOST_MM)
    place = np.clip(np.round(centre), 0, np.array(hu.shape) - 1).astype(int)
    reach = [math.ceil((radius + END_MM) / s) + 2 for s in spacing_mm]
    k, j, i = (int(n) for n in place)
    box = Box((k, j, i), (k + 1, j + 1, i + 1)).grown(reach, hu.shape)
    excess = ndimage.gaussian_filter(hu[box.slices].astype(np.float32), SMOOTHING_MM / spacing) - np.float32(
        level_hu
    )
    middle = place - np.array(box.start)
    about = [max(1, int(OWN_MM / s)) for s in spacing_mm]
    part = tuple(slice(max(m - n, 0), m + n + 1) for m, n in zip(middle, about, strict=True))
    own = float(excess[part].max())
    if own <= 0:
        return NOTHING_LEADS
    rays = directions(RAYS)
    weaker = np.full(RAYS, np.inf)
    for low, high in ((NEAR_MM, FAR_MM), (FAR_MM, END_MM)):
        along = np.arange(radius + low + 0.5 * STEP_MM, radius + high, STEP_MM)
        points = middle + rays[:, None, :] * along[None, :, None] / spacing
        values = ndimage.map_coordinates(excess, points.reshape(-1, 3).T, order=1, mode="constant", cval=0.0)
        weaker = np.minimum(weaker, values.reshape(points.shape[:2]).mean(axis=1))
    best = int(weaker.argmax())
    away = float(weaker[best])
    behind = rays @ rays[best] < BEHIND
    through = min(away, float(weaker[behind].max()))
    return Leading(max(0.0, away / own), max(0.0, through / own))
