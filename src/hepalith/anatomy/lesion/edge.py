"""How sharp a lesion's edge is, within its slices and against the blur of the scan itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hepalith.anatomy.lesion.field import SPACING_MM, LesionField

__all__ = ["Edge", "measure_edge"]

SECTORS = 10
"""Sectors about the middle of a lesion, each with an edge of its own place and levels: a ragged outline, a
vessel or another lesion beside it does not pass for blur."""

MIDDLE_SHARE = 0.6
"""Slices count whose section has this share of the largest: nearer to the poles thick slices blur it."""

REACH_MM = 9.0
"""How far from the outline, inward and outward, the profile is taken."""

BIN_MM = 1.0
"""Width of its bins: half a voxel of the copy."""

LEAST_VOXELS = 2
"""Fewest voxels of a bin that counts."""

LEAST_BINS = 3
"""Fewest bins on either side of the outline of a sector that counts."""

SPREADS_MM = np.array([0.7, 0.9, 1.1, 1.35, 1.65, 2.0, 2.4, 2.9, 3.5, 4.3, 5.2])
"""Standard deviations of the blurred edges that are compared with a profile."""

SHIFTS_MM = np.arange(-3.0, 3.1, 0.75)
"""Places of the edge beside the outline that are tried."""

BINS_PER_DRAW = 2.0
"""Bins that share one independent draw of noise: neighbours on the copy are correlated."""

WIDTH = 1.683
"""Distance over which an edge blurred by a Gaussian goes from 20 to 80 %, over its standard deviation."""

SCANNER_MM = 0.8
"""Standard deviation of a scanner's blur within the slice: 0.5 to 1.1 mm by kernel (grade K)."""

OUTLINE_MM = 0.6
"""Error of the distance from an outline drawn on the copy: that of a place in a voxel of 2 mm, 2 / √12."""

POLE_SLOPE = 0.35
"""Typical shift of an edge across from slice to slice over their distance, in the slices that count: that of
a ball there."""


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge's width, from 20 to 80 % of the contrast, in mm.

    Parameters
    ----------
    width_mm
        As it is seen.
    error_mm
        Its standard error.
    own_mm
        Width that a sharp edge has in this scan and on the copy.
    """

    width_mm: float
    error_mm: float
    own_mm: float

    @property
    def blur_mm(self) -> float:
        """Width of the lesion's own edge: what the scan's blur does not explain."""
        return math.sqrt(max(self.width_mm**2 - self.own_mm**2, 0.0))


def measure_edge(
    field: LesionField, where: tuple[slice, slice, slice], body: NDArray[np.bool_], trusted: NDArray[np.bool_]
) -> Edge | None:
    """Return how sharp a lesion's edge is; None where too little of it is seen.

    Parameters
    ----------
    field
        The liver on the 2 mm copy.
    where, body
        A box of the copy with a margin about the lesion, and the lesion in it.
    trusted
        bool, shape of `body`: tissue of the liver whose HU are known, no vessel.

    Notes
    -----
    Within each sector the mean HU at each distance from the outline is compared with edges blurred by
    Gaussians of several widths, each at its best place and levels; one width serves all sectors. Its
    likelihood, the noise being taken from what is left over, gives mean and error. Slices near the poles of
    the lesion are left out, so that thick slices do not pass for blurred edges.
    """
    profiles = _profiles(field, where, body, trusted)
    if not profiles:
        return None
    residues = np.zeros(len(SPREADS_MM))
    count = 0.0
    for at, mean, weight in profiles:
        residues += _residues(at, mean, weight)
        count += len(at) - 3
    draws = max(count / BINS_PER_DRAW, 1.0)
    score = -0.5 * draws * np.log(np.maximum(residues, 1e-3))
    chance = np.exp(score - score.max()) * np.gradient(SPREADS_MM)
    chance /= chance.sum()
    middle = float(chance @ SPREADS_MM)
    error = math.sqrt(float(chance @ (SPREADS_MM - middle) ** 2))
    return Edge(WIDTH * middle, WIDTH * error, WIDTH * _own_spread(field))


def _own_spread(field: LesionField) -> float:
    """Return the standard deviation of a sharp edge's blur: scanner, averaging, outline and the poles."""
    pixel_mm = SPACING_MM / field.coarse.step[2]
    slice_mm = SPACING_MM / field.coarse.step[0]
    block = max(pixel_mm, SPACING_MM) / math.sqrt(6)  # averaged over a block, then interpolated
    pole = POLE_SLOPE * max(slice_mm, SPACING_MM) / math.sqrt(12)
    return math.sqrt(SCANNER_MM**2 + block**2 + OUTLINE_MM**2 + pole**2)


Profile = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Distances from the outline (inward positive), mean HU there, and how many voxels were averaged."""


def _profiles(
    field: LesionField, where: tuple[slice, slice, slice], body: NDArray[np.bool_], trusted: NDArray[np.bool_]
) -> list[Profile]:
    """Return the profile across the edge in every sector that shows enough of both sides."""
    areas = body.sum(axis=(1, 2))
    cube = (SPACING_MM, SPACING_MM)
    distances, values, sectors = [], [], []
    excess = field.coarse.hu[where] - field.level_hu[where]
    for k in np.flatnonzero(areas >= MIDDLE_SHARE * areas.max()):
        part = np.ascontiguousarray(body[k])
        signed = np.where(
            part,
            edt.edt(part, anisotropy=cube) - 0.5 * SPACING_MM,
            0.5 * SPACING_MM - edt.edt(~part, anisotropy=cube),
        )
        j, i = np.nonzero(trusted[k] & (np.abs(signed) <= REACH_MM))
        middle = np.argwhere(part).mean(axis=0)
        angle = np.arctan2(j - middle[0], i - middle[1])
        distances.append(signed[j, i])
        values.append(excess[k, j, i])
        sectors.append(((angle + math.pi) / (2 * math.pi) * SECTORS).astype(np.intp) % SECTORS)
    distance, value, sector = (np.concatenate(x) for x in (distances, values, sectors))
    bins = round(2 * REACH_MM / BIN_MM)
    place = np.clip(((distance + REACH_MM) / BIN_MM).astype(np.intp), 0, bins - 1) + bins * sector
    held = np.bincount(place, minlength=bins * SECTORS).reshape(SECTORS, bins)
    total = np.bincount(place, weights=value, minlength=bins * SECTORS).reshape(SECTORS, bins)
    reach = np.bincount(place, weights=distance, minlength=bins * SECTORS).reshape(SECTORS, bins)
    found = []
    for n in range(SECTORS):
        good = held[n] >= LEAST_VOXELS
        at = reach[n][good] / held[n][good]
        if min(int((at < 0).sum()), int((at > 0).sum())) >= LEAST_BINS:
            found.append((at, total[n][good] / held[n][good], held[n][good].astype(np.float64)))
    return found


def _residues(
    at: NDArray[np.float64], mean: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weighted squares that each width of `SPREADS_MM` leaves, at its best place and levels."""
    share = ndtr((at[None, None, :] - SHIFTS_MM[None, :, None]) / SPREADS_MM[:, None, None])
    whole = weight.sum()
    level = float(weight @ mean) / whole
    away = share - (share @ weight / whole)[..., None]
    spread = (away**2) @ weight
    along = (away * (mean - level)) @ weight
    left = float(weight @ (mean - level) ** 2) - along**2 / np.maximum(spread, 1e-6)
    return np.asarray(left.min(axis=1))
