"""The atlas: where Couinaud's planes lie, given the landmarks, and how sure that is.

Each plane is a direction and an offset. Over phantom livers of the development split, whole and cut, these
numbers and the landmarks have a mean and a covariance, which the package holds (`couinaud.json`, made by
``python -m hepalith.training segments``). Given the landmarks of one liver the planes are a Gaussian; what is
seen of vessels narrows it further (`hepalith.anatomy.segments_evidence`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hepalith.anatomy.atlas.landmarks import FEATURES, UNDERSIDE_AT, Landmarks

__all__ = ["PLANES", "SEGMENTS", "Atlas", "Planes", "load_atlas", "place_planes"]

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
"""Names of the labels 1 to 8."""

PLANES = ("right", "middle", "umbilical", "right_level", "left_level")
"""The planes of the right and the middle hepatic vein and of the umbilical fissure, whose normals point to
the back, to the left and to the left; of the portal bifurcation on the right and of the left hepatic vein,
whose normals point up."""
PARAMETERS = 4 * len(PLANES) + 9
"""Of each plane its normal and its offset; then centre and half-axes of the caudate's ellipsoid, and where
the portal vein divides."""
FARTHEST_SD = 3.0
"""A landmark farther from the atlas's mean than this many standard deviations counts as no farther: the atlas
was not made from such livers, and a straight line would lead astray."""
WIDENED = 1.5
"""Factor on the covariance that landmarks leave: phantoms are not all livers, and planes are not quite flat.
Chosen on the even half of the development bank, so that what is said comes true."""
FOUND_MM, UNDERSIDE_MM = 2.0, 8.0
"""Standard deviation with which a landmark is found, and with which a height of the underside is: the atlas
saw true outlines, while found ones leak into gallbladder, duodenum and kidney there. Chosen on the
development bank, where slabs gain 5 points of segment accuracy and whole livers lose none."""
FILE = "couinaud.json"
"""In `hepalith.anatomy.weights`."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """Mean and covariance of landmarks, then of the planes' parameters, in half-widths of the rib cage.

    Parameters
    ----------
    mean
        float64, shape (n,): of `FEATURES`, then of the `PARAMETERS`.
    covariance
        float64, shape (n, n).
    count
        How many livers it was made from.
    """

    mean: Floats
    covariance: Floats
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Couinaud's planes in one liver, as far as they are known.

    Parameters
    ----------
    origin, unit_mm
        A point at LPS ``p`` has the coordinates ``u = (p - origin) / unit_mm``.
    mean, covariance
        Of the `PARAMETERS`: plane `i` is ``mean[4 i : 4 i + 3] · u + mean[4 i + 3] = 0``.
    """

    origin: Floats
    unit_mm: float
    mean: Floats
    covariance: Floats

    def chance_beyond(self, plane: str, units: Floats) -> Floats:
        """Return the probability that points, shape (n, 3) in units, lie on the side of a plane's normal."""
        start = 4 * PLANES.index(plane)
        mean = self.mean[start : start + 4]
        spread = self.covariance[start : start + 4, start : start + 4]
        height = units @ mean[:3] + mean[3]
        one = np.concatenate([units, np.ones((len(units), 1))], axis=1)
        variance = np.einsum("ni,ij,nj->n", one, spread, one)
        return np.asarray(ndtr(height / np.sqrt(np.maximum(variance, 1e-8))))

    def chance_in_caudate(self, units: Floats) -> Floats:
        """Return the probability that points lie in the caudate."""
        start = 4 * len(PLANES)
        centre, axes = self.mean[start : start + 3], np.maximum(self.mean[start + 3 : start + 6], 0.02)
        away = (units - centre) / axes
        level = np.sqrt((away * away).sum(axis=1))
        # To first order the surface moves with its centre along the gradient, and with its half-axes.
        slope = away / np.maximum(level, 1e-3)[:, None]
        gradient = np.concatenate([-slope / axes, -slope * away / axes], axis=1)
        spread = self.covariance[start : start + 6, start : start + 6]
        variance = np.einsum("ni,ij,nj->n", gradient, spread, gradient)
        return np.asarray(ndtr((1 - level) / np.sqrt(np.maximum(variance, 1e-6))))

    def probability(self, points_lps_mm: Floats) -> Floats:
        """Return the probability of each segment at points, shape (n, 3): float64, shape (8, n)."""
        units = (points_lps_mm - self.origin) / self.unit_mm
        behind, left, beside, above, high = (self.chance_beyond(name, units) for name in PLANES)
        caudate = self.chance_in_caudate(units)
        rest = 1 - caudate
        right, lateral = rest * (1 - left), rest * left * beside
        return np.array(
            [
                caudate,
                lateral * high,
                lateral * (1 - high),
                rest * left * (1 - beside),
                right * (1 - behind) * (1 - above),
                right * behind * (1 - above),
                right * behind * above,
                right * (1 - behind) * above,
            ]
        )

    @property
    def hilum_lps_mm(self) -> Floats:
        """Return where the portal vein is expected to divide."""
        return np.asarray(self.origin + self.mean[-3:] * self.unit_mm)

    def narrowed(self, design: Floats, value: Floats, variance: Floats) -> Planes:
        """Return the planes after observations ``design @ parameters = value`` of given variances."""
        spread = self.covariance @ design.T
        gain = np.linalg.solve(design @ spread + np.diag(variance), spread.T).T
        mean = self.mean + gain @ (value - design @ self.mean)
        covariance = self.covariance - gain @ spread.T
        return Planes(self.origin, self.unit_mm, mean, (covariance + covariance.T) / 2)


@functools.cache
def load_atlas() -> Mapping[str, Atlas]:
    """Return the atlas for each view of `hepalith.anatomy.atlas.landmarks.VIEWS`."""
    held = json.loads(resources.files("hepalith.anatomy").joinpath("weights", FILE).read_text())
    if tuple(held["features"]) != FEATURES:
        raise ValueError(f"{FILE} holds other landmarks than are measured; make it again")
    size = len(FEATURES) + PARAMETERS
    lower = np.tril_indices(size)
    found = {}
    for view, table in held["views"].items():
        covariance = np.zeros((size, size))
        covariance[lower] = table["covariance"]
        covariance = covariance + np.tril(covariance, -1).T
        found[view] = Atlas(np.array(table["mean"]), covariance, int(table["count"]))
    return found


def place_planes(landmarks: Landmarks, atlas: Atlas | None = None) -> Planes:
    """Return where the planes of a liver lie, given its landmarks."""
    atlas = atlas or load_atlas()[landmarks.view]
    count = len(FEATURES)
    values = np.array([landmarks.features[name] for name in FEATURES])
    known = np.flatnonzero(np.isfinite(values))
    undersides = {f"{name}_z" for name in UNDERSIDE_AT}
    error_mm = np.array([UNDERSIDE_MM if FEATURES[k] in undersides else FOUND_MM for k in known])
    spread = atlas.covariance[np.ix_(known, known)] + np.diag((error_mm / landmarks.half_width_mm) ** 2)
    sd = np.sqrt(np.diag(spread))
    away = np.clip((values[known] - atlas.mean[known]) / sd, -FARTHEST_SD, FARTHEST_SD) * sd
    across = atlas.covariance[count:][:, known]
    gain = np.linalg.solve(spread, across.T).T
    mean = atlas.mean[count:] + gain @ away
    covariance = WIDENED * (atlas.covariance[count:, count:] - gain @ across.T)
    if landmarks.cava_doubt_mm:
        covariance = covariance + _moved(mean, landmarks.cava_doubt_mm / landmarks.half_width_mm)
    return Planes(landmarks.origin, landmarks.half_width_mm, mean, covariance)


def _moved(mean: Floats, doubt: float) -> Floats:
    """Return the covariance of the parameters when the origin is moved at random across the body."""
    moves = np.zeros((PARAMETERS, 2))
    for index in range(len(PLANES)):
        moves[4 * index + 3] = mean[4 * index : 4 * index + 2]
    for start in (4 * len(PLANES), PARAMETERS - 3):
        moves[start][0] = moves[start + 1][1] = 1.0
    return np.asarray(doubt * doubt * (moves @ moves.T))
