"""The chest: the diaphragm's domes, lungs, heart and gullet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.contrast import Tissues
from hepalith.phantom.body.trunk import Build, Chance
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import (
    Bounds,
    Common,
    Cut,
    Ellipsoid,
    Grown,
    HalfSpace,
    Joined,
    Point,
    Shape,
    Tube,
)

__all__ = ["Chest", "Dome", "make_chest"]

Array = NDArray[np.float32]

TINY = np.float32(1e-6)
"""Keeps a division finite at a dome's centre."""

DIAPHRAGM_MM = 2.2
"""Thickness of the diaphragm."""

LUNG_VESSELS = 90
"""Vessels drawn at the bases of the lungs."""


@dataclass(frozen=True, slots=True)
class Dome:
    """A rounded box, between an ellipsoid (`squareness` 0) and one of the fourth degree (1).

    A dome of the diaphragm is flatter on top and steeper at its sides than an ellipsoid.
    """

    centre: Point
    radii: Point
    squareness: float = 0.0

    def bounds(self) -> Bounds:
        """Return its box."""
        (x, y, z), (a, b, c) = self.centre, self.radii
        return (x - a, y - b, z - c), (x + a, y + b, z + c)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the first-order distance."""
        parts = [
            (p - np.float32(c)) / np.float32(r)
            for p, c, r in zip((x, y, z), self.centre, self.radii, strict=True)
        ]
        squares = [p * p for p in parts]
        two = squares[0] + squares[1] + squares[2]
        four = squares[0] * squares[0] + squares[1] * squares[1] + squares[2] * squares[2]
        round_ = np.sqrt(two)
        level = round_ + np.float32(self.squareness) * (np.sqrt(np.sqrt(four)) - round_)
        steep = [s * np.float32(1 / r**2) for s, r in zip(squares, self.radii, strict=True)]
        slope = np.sqrt((steep[0] + steep[1] + steep[2]) / np.maximum(two, TINY))
        return np.asarray((level - np.float32(1)) / np.maximum(slope, TINY), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Chest:
    """The chest's bodies, and what bounds the abdomen from above.

    Parameters
    ----------
    bodies
        Diaphragm, the fat beneath it, lungs, heart, gullet, in painting order.
    space
        Everything below the diaphragm.
    heart
        The heart's surface.
    """

    bodies: tuple[Body, ...]
    space: Shape
    heart: Shape


def _heart(build: Build, chance: Chance) -> Ellipsoid:
    v = build.variation
    x, y, z = chance.near(build.at(24.0, -32.0, 112.0), 6.0)
    wide, deep, high = chance.sized((64.0, 47.0, 46.0), 0.07)
    size = v.heart_scale
    return Ellipsoid(
        (x, y, z - v.heart_drop_mm + 24.0 * (size - 1)),
        (wide * size, deep * size, high * size),
        yaw=chance.between(-42.0, -12.0),
        roll=chance.between(-8.0, 18.0),
    )


def _domes(build: Build, chance: Chance) -> Shape:
    """Return everything below the two domes, before the heart presses on them.

    The domes are highest in front of the middle and fall steeply to the back, where the lungs reach
    down behind the liver and the spleen; below a slanting plane all is abdomen.
    """
    v = build.variation
    domes = []
    left_top = 66.0 + v.dome_mm + 18.0 * (v.stomach_fill - 0.5)
    for x, top in ((-64.0, 79.0), (62.0, left_top)):
        low = -42.0 + chance.between(-18.0, 14.0)
        across, along, _ = chance.sized((82.0, 87.0, 1.0), 0.05)
        centre = build.at(x + chance.between(-6, 6), -26.0 + chance.between(-14, 18), low)
        domes.append(
            Dome(centre, (across * v.breadth, along * v.depth, top - low), chance.between(0.2, 0.75))
        )
    lean, slant = chance.between(-0.05, 0.12), chance.between(0.15, 0.75)
    plane = HalfSpace((0.0, 0.0, -38.0 + chance.between(-28.0, 22.0)), (lean, slant, 1.0))
    return Joined((*domes, plane), rounding_mm=chance.between(14.0, 34.0))


def _lung_vessels(build: Build, lungs: Shape, tissues: Tissues, chance: Chance) -> list[Body]:
    bodies = []
    for _ in range(LUNG_VESSELS):
        angle, reach = chance.between(0, 2 * math.pi), chance.between(0.3, 0.86)
        z = chance.between(10, 190)
        at = build.cavity.at(z)
        x = round(math.cos(angle) * reach * at.side, 6)
        y = round(at.y + math.sin(angle) * reach * at.front, 6)
        away = (x * 1.08, y * 1.08, z - chance.between(10, 35))
        branch = Tube(((x, y, z), away), (chance.between(1.2, 2.6), 0.9))
        bodies.append(Body(Common((branch, lungs)), tissues["lung_vessel"]))
    return bodies


def _heart_bodies(heart: Ellipsoid, tissues: Tissues, chance: Chance) -> list[Body]:
    """Return the heart's muscle and its chambers: the right ones in front and on the diaphragm."""
    (x, y, z), (a, b, c) = heart.centre, heart.radii
    left = Ellipsoid((x + 0.32 * a, y + 0.12 * b, z), (0.44 * a, 0.42 * b, 0.5 * c), heart.yaw)
    right = Ellipsoid((x - 0.12 * a, y - 0.42 * b, z - 0.1 * c), (0.58 * a, 0.36 * b, 0.55 * c), heart.yaw)
    atrium = Ellipsoid((x - 0.62 * a, y + 0.12 * b, z + 0.02 * c), (0.3 * a, 0.5 * b, 0.6 * c))
    behind = Ellipsoid((x - 0.02 * a, y + 0.72 * b, z + 0.3 * c), (0.5 * a, 0.26 * b, 0.4 * c))
    chambers = ((right, "right_heart"), (atrium, "right_heart"), (left, "left_heart"), (behind, "left_heart"))
    inner = Grown(heart, -chance.between(2.0, 5.0))
    bodies = [Body(Joined((heart, Grown(behind, 3.0)), 8.0), tissues["heart"], "heart")]
    for chamber, name in chambers:
        whole = Common((chamber, inner)) if chamber is not behind else chamber
        bodies.append(Body(whole, tissues[name], "heart"))
    return bodies


def _root_of_lungs(build: Build, heart: Ellipsoid, tissues: Tissues, chance: Chance) -> list[Body]:
    """Return what lies above the heart: ascending aorta, pulmonary arteries, upper cava, windpipe."""
    x, y, z = heart.centre
    top, back = z + heart.radii[2], build.spine_y(170.0) - 38.0
    rise = Tube(
        ((x - 8.0, y, top - 25.0), (x - 26.0, y - 4.0, top + 30.0), (-6.0, back, top + 75.0)), (15.0,) * 3
    )
    trunk = Tube(
        ((x + 8.0, y, top - 22.0), (x + 6.0, y + 12.0, top + 10.0), (8.0, back - 6.0, top + 24.0)),
        (14.0,) * 3,
    )
    upper = Tube(((-28.0, y + 16.0, top - 30.0), (-26.0, y + 10.0, 240.0)), (10.0, 9.0))
    wind = Tube(((0.0, back + 2.0, top + 34.0), (0.0, back - 6.0, 240.0)), (9.0, 9.0))
    bodies = [
        Body(rise, tissues["aorta"], "aorta"),
        Body(upper, tissues["right_heart"], "heart"),
        Body(trunk, tissues["right_heart"], "heart"),
    ]
    for side in (-1, 1):
        reach = chance.between(48.0, 70.0)
        artery = Tube(((6.0, back - 8.0, top + 22.0), (side * reach, back + 6.0, top + 8.0)), (10.0, 6.0))
        low = Tube(((side * 30.0, back, top + 16.0), (side * reach, back + 18.0, top - 50.0)), (7.0, 3.0))
        bronchus = Tube(((0.0, back + 2.0, top + 34.0), (side * 42.0, back + 10.0, top + 4.0)), (7.0, 5.0))
        bodies += [Body(t, tissues["lung_vessel"], "") for t in (artery, low)]
        bodies.append(Body(bronchus, tissues["gas"], "lung"))
    return [*bodies, Body(wind, tissues["gas"], "lung")]


def make_chest(build: Build, tissues: Tissues, chance: Chance) -> Chest:
    """Return the chest of a patient."""
    heart = _heart(build, chance)
    sac = Grown(heart, 3.0 + 7.0 * build.variation.visceral_fat)
    domes = _domes(build, chance)
    inside = build.cavity.grown(-1.0)
    space = Common((Cut(domes, (Grown(heart, 4.0),), rounding_mm=10.0), build.cavity))
    fatty = 15.0 + 12.0 * build.variation.visceral_fat
    upper = Ellipsoid(
        (build.spine_x(100.0) + 4.0, build.spine_y(120.0) - 26.0, 150.0), (fatty, fatty + 10.0, 120.0)
    )
    middle = Joined((sac, upper), rounding_mm=14.0)
    lungs = Cut(inside, (Grown(space, DIAPHRAGM_MM), middle))
    above = Common((inside, HalfSpace((0.0, 0.0, -90.0), (0.0, 0.0, -1.0))))
    bodies = [
        Body(Common((build.cavity, Grown(space, DIAPHRAGM_MM), HalfSpace((0, 0, -70), (0, 0, -1)))),
             tissues["muscle"], "diaphragm"),
        Body(Common((build.cavity.grown(-2.2), space)), tissues["visceral_fat"], "fat"),
        Body(Common((lungs, above)), tissues["lung"], "lung", mottle_hu=18.0),
    ]  # fmt: skip
    depth = build.variation.effusion_mm
    if depth > 0:
        behind = HalfSpace(
            (0.0, build.cavity.at(20.0).y + build.cavity.at(20.0).back - depth, 0.0), (0, -1, 0.1)
        )
        bodies.append(Body(Common((lungs, behind)), tissues["fluid"], "fluid"))
    bodies += _lung_vessels(build, lungs, tissues, chance)
    bodies += _heart_bodies(heart, tissues, chance)
    bodies += _root_of_lungs(build, heart, tissues, chance)
    gullet = Tube(
        (
            (build.spine_x(200) + 4.0, build.spine_y(200) - 24.0, 220.0),
            (build.spine_x(110) + 8.0, build.spine_y(110) - 30.0, 110.0),
            (build.spine_x(60) + 20.0, build.spine_y(60) - 36.0, 60.0),
            build.at(34.0, 6.0, 46.0),
        ),
        (7.0, 7.0, 8.0, 8.0),
    )
    bodies.append(Body(gullet, tissues["stomach_wall"], "gullet"))
    return Chest(tuple(bodies), space, heart)
