"""Many spheres in one liver, for curves of detection and of measurement."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.contents.site import depths, draw_log
from hepalith.phantom.deposit import Deposit, make_calcium
from hepalith.phantom.insert import Insert, PatternTruth
from hepalith.phantom.shape.shape import Capsule, Point

__all__ = ["DIAMETERS_MM", "EXCESSES_HU", "make_sphere_set"]

DIAMETERS_MM = (1.0, 12.0)
"""Diameters, least and most: from below what any scan shows to well above its resolution."""

EXCESSES_HU = (60.0, 1200.0)
"""Excess, least and most, drawn evenly on a logarithmic scale."""

APART_MM = 12.0
"""Least distance between two surfaces: room for each one's surroundings on 5 mm slices."""

BENEATH_CAPSULE_MM = 4.0
"""Least depth of a surface beneath the capsule."""

IN_VESSELS = 0.15
"""Share of spheres that may lie on a vessel; the others keep clear of every vessel's middle."""

TRIES = 6000
"""Places drawn for a whole set."""


def _vessel_room(
    abdomen: Abdomen, points: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the distance of points from the nearest wall of a portal or hepatic vein; negative inside."""
    nearest = np.full(points.shape[0], np.float32(1e3))
    for tree in (abdomen.liver.portal, abdomen.liver.hepatic):
        for tube in tree.tubes():
            nearest = np.minimum(nearest, -depths(tube, points))
    return nearest


def make_sphere_set(
    abdomen: Abdomen,
    random: np.random.Generator,
    count: int,
    diameters_mm: Sequence[float] = DIAMETERS_MM,
    excesses_hu: Sequence[float] = EXCESSES_HU,
) -> Insert:
    """Return spheres well apart in the liver.

    Parameters
    ----------
    abdomen
        The patient.
    random
        Draws sizes, densities and places.
    count
        How many; fewer if the liver has no room.
    diameters_mm, excesses_hu
        Two numbers are a range, drawn evenly on a logarithmic scale; more are values to draw from.
    """
    liver = abdomen.liver.shape
    low, high = (np.asarray(corner, dtype=np.float64) for corner in liver.bounds())
    points = np.round(low + (high - low) * random.random((TRIES, 3)), 6)
    deep = depths(liver, points)
    points, deep = points[deep > BENEATH_CAPSULE_MM], deep[deep > BENEATH_CAPSULE_MM]
    room = _vessel_room(abdomen, points)
    made: list[Deposit] = []
    taken: list[tuple[Point, float]] = []
    free = np.ones(points.shape[0], dtype=bool)
    for _ in range(count):
        diameter, excess = _draw(random, diameters_mm), _draw(random, excesses_hu)
        anywhere = float(random.uniform()) < IN_VESSELS
        radius = diameter / 2
        good = free & (deep > BENEATH_CAPSULE_MM + radius)
        if not anywhere:
            good &= room > radius + 1.0
        for place in np.flatnonzero(good):
            x, y, z = (float(v) for v in points[place])
            if all(math.dist((x, y, z), c) > radius + r + APART_MM for c, r in taken):
                taken.append(((x, y, z), radius))
                free[place] = False
                sphere = Capsule((x, y, z), (x, y, z), radius)
                made.append(make_calcium("nodular", sphere, excess, diameter_mm=diameter))
                break
    pattern = (PatternTruth("scattered", tuple(range(len(made)))),) if len(made) > 1 else ()
    return Insert(deposits=tuple(made), patterns=pattern)


def _draw(random: np.random.Generator, values: Sequence[float]) -> float:
    if len(values) == 2:
        return draw_log(random, values[0], values[1])
    return float(values[int(random.integers(len(values)))])
