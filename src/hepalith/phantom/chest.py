"""The chest: the diaphragm's domes, lungs, heart and gullet."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hepalith.phantom.contrast import Tissues
from hepalith.phantom.scene import Body
from hepalith.phantom.shape import Common, Cut, Ellipsoid, Grown, HalfSpace, Joined, Shape, Tube
from hepalith.phantom.trunk import Build, Chance

__all__ = ["Chest", "make_chest"]

DIAPHRAGM_MM = 2.2
"""Thickness of the diaphragm."""

LUNG_VESSELS = 46
"""Vessels drawn at the bases of the lungs."""


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
    """Return everything below the two domes, before the heart presses on them."""
    v = build.variation
    wide, deep = v.breadth, v.depth
    recess = chance.between(-35.0, 25.0)
    domes = []
    for side, top, x in ((-1, 79.0, -64.0), (1, 66.0 + v.dome_mm, 64.0)):
        low = -24.0 + chance.between(-14.0, 14.0)
        across, along = chance.sized((81.0, 86.0, 0.0), 0.05)[:2]
        centre = build.at(x + chance.between(-6, 6), -5.0 + chance.between(-8, 8), low)
        radii = (across * wide, along * deep, top - low)
        domes.append(Ellipsoid(centre, radii, roll=side * chance.between(-4.0, 7.0)))
    below = HalfSpace((0, 0, -42.0 + recess), (0, chance.between(-0.35, 0.1), 1))
    return Joined((*domes, below), rounding_mm=chance.between(16.0, 34.0))


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


def make_chest(build: Build, tissues: Tissues, chance: Chance) -> Chest:
    """Return the chest of a patient."""
    heart = _heart(build, chance)
    sac = Grown(heart, 3.0 + 7.0 * build.variation.visceral_fat)
    domes = _domes(build, chance)
    inside = build.cavity.grown(-1.0)
    space = Common((Cut(domes, (Grown(heart, 4.0),), rounding_mm=10.0), build.cavity))
    upper = Ellipsoid((build.spine_x(100.0), build.spine_y(120.0) - 34.0, 150.0), (28.0, 40.0, 110.0))
    middle = Joined((sac, upper), rounding_mm=14.0)
    lungs = Cut(inside, (Grown(space, DIAPHRAGM_MM), middle))
    above = Common((inside, HalfSpace((0.0, 0.0, -90.0), (0.0, 0.0, -1.0))))
    bodies = [
        Body(Common((build.cavity, Grown(space, DIAPHRAGM_MM), HalfSpace((0, 0, -70), (0, 0, -1)))),
             tissues["muscle"], "muscle"),
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
