"""The body wall: skin, fat, muscles of chest, belly, back and pelvis; arms, breasts and the couch."""

from __future__ import annotations

import math

from hepalith.phantom.body.contrast import Tissues
from hepalith.phantom.body.trunk import Build, Chance, Level, Trunk
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Common, Cut, Ellipsoid, Grown, HalfSpace, Oval, Tube

__all__ = ["make_couch", "make_muscles_within", "make_wall"]

SKIN_MM = 2.0
"""Thickness of the skin."""

CHEST_WALL_MM, BELLY_WALL_MM = 13.0, 16.0
"""From the inside of the trunk to the outside of its muscles, at the ribs and at the flank."""

BACK_GROOVE_MM = 17.0
"""From the wall's muscles to the skin of the back in someone without fat: room for the back's own muscles."""

RECTUS_MM = 10.0
"""Thickness of the belly's front muscle."""


def _muscle(build: Build, chance: Chance) -> Trunk:
    """Return the outside of the muscles: ribs and muscles of the chest, layers of the belly."""
    bulk = build.variation.muscle
    side = chance.about(0.5 * (CHEST_WALL_MM + BELLY_WALL_MM * bulk), 0.06)
    return build.cavity.grown(side, 3.0 + RECTUS_MM * bulk, CHEST_WALL_MM + 2.0 * bulk)


def _skin(build: Build, muscle: Trunk, chance: Chance) -> Trunk:
    """Return the skin: fat is thick at the belly and hips, thin on the chest."""
    fat = build.variation.wall_fat_mm
    female = build.variation.sex == "female"
    front, side, back = chance.about(1.1, 0.2), chance.about(0.95, 0.15), chance.about(0.75, 0.15)
    levels = []
    for v in muscle.levels:
        belly = round(math.exp(-(((v.z + 130.0) / 80.0) ** 2)), 9)
        hips = min(max((-v.z - 90.0) / 90.0, 0.0), 1.0)
        chest = min(max((v.z - 30.0) / 120.0, 0.0), 1.0)
        thick = fat * (1 - 0.35 * chest)
        levels.append(
            Level(
                v.z,
                v.x,
                v.y,
                v.side + thick * (side + (0.5 if female else 0.25) * hips) + 6.0 * chest + 10.0 * hips,
                v.front + thick * (front + 0.35 * belly),
                v.back + thick * back + BACK_GROOVE_MM + 8.0 * hips,
            )
        )
    return Trunk(tuple(levels), muscle.squareness * 0.8)


BACK_MUSCLE = (
    (-260.0, 22.0, 20.0, 15.0, 14.0),
    (-180.0, 28.0, 29.0, 19.0, 21.0),
    (-100.0, 31.0, 33.0, 20.0, 22.0),
    (-20.0, 30.0, 31.0, 17.0, 19.0),
    (70.0, 27.0, 25.0, 13.0, 15.0),
    (230.0, 24.0, 21.0, 10.0, 12.0),
)
"""Erector spinae: height, then how far beside the spine, half-width, reach to the front and back, mm."""


def _back_muscles(build: Build, tissues: Tissues, chance: Chance) -> list[Body]:
    """Return the erector spinae of both sides, with the fat between its two columns."""
    bulk = build.variation.muscle
    wide, deep = chance.about(0.55 + 0.45 * bulk, 0.06), chance.about(0.35 + 0.65 * bulk, 0.06)
    bodies = []
    for side in (-1, 1):
        levels, clefts = [], []
        for z, beside, half, front, back in BACK_MUSCLE:
            x, y = build.spine_x(z) + side * beside * wide, build.spine_y(z) + 33.0
            levels.append(Level(z, x, y, half * wide, front * deep, back * deep))
            clefts.append((x + side * 0.25 * half, y + 0.55 * back * deep, z))
        bodies.append(Body(Trunk(tuple(levels), 0.3), tissues["muscle"], "muscle"))
        fat = chance.between(0.8, 2.0) + 2.2 * max(1.0 - bulk, 0.0)
        bodies.append(Body(Tube(tuple(clefts), (fat,) * len(clefts)), tissues["fat"] * 0.7))
    return bodies


def make_muscles_within(build: Build, tissues: Tissues, chance: Chance) -> tuple[Body, ...]:
    """Return the psoas, the crura of the diaphragm, and the muscles that line the pelvis."""
    bulk = math.sqrt(build.variation.muscle)
    drop = build.bone_drop_mm
    bodies = []
    for side in (-1, 1):
        heights = (-15.0, -60.0, -110.0, -160.0, -225.0, -275.0)
        outward = (24.0, 31.0, 38.0, 47.0, 66.0, 82.0)
        sizes = tuple(chance.about(r, 0.05) * bulk for r in (5.0, 12.0, 18.0, 21.0, 20.0, 17.0))
        path = tuple(
            (build.spine_x(z) + side * o, build.spine_y(z) + 2.0 - max(-z - 150.0, 0.0) * 0.45, z - drop)
            for z, o in zip(heights, outward, strict=True)
        )
        bodies.append(Body(Tube(path, sizes), tissues["muscle"], "muscle"))
        loin = tuple((build.spine_x(z) + side * 58.0, build.spine_y(z) + 22.0, z - drop) for z in (-25, -135))
        bodies.append(Body(Tube(loin, (6.0 * bulk, 10.0 * bulk)), tissues["muscle"], "muscle"))
        crus = tuple(
            (build.spine_x(z) + side * o + 2.0, build.spine_y(z) + back, z)
            for z, o, back in ((-85.0, 12.0, -22.0), (0.0, 17.0, -23.0), (52.0, 18.0, -42.0))
        )
        bodies.append(Body(Tube(crus, (4.0, chance.about(6.0, 0.2), 5.0)), tissues["muscle"], "muscle"))
    return tuple(bodies)


def _breasts(build: Build, skin: Trunk, tissues: Tissues, chance: Chance) -> list[Body]:
    if build.variation.sex != "female" or build.variation.age_years < 12:
        return []
    size = chance.between(0.5, 1.4) * (0.75 + build.variation.wall_fat_mm / 45.0)
    z = chance.between(105.0, 165.0)
    at = skin.at(z)
    bodies = []
    for side in (-1, 1):
        middle = (side * at.side * 0.52, at.y - at.front * 0.93, z)
        radii = (52.0 * size, 30.0 * size, 48.0 * size)
        bodies += [
            Body(Ellipsoid(middle, radii), tissues["skin"], "fat"),
            Body(Grown(Ellipsoid(middle, radii), -SKIN_MM), tissues["breast"], "fat"),
        ]
    return bodies


def _arms(build: Build, skin: Trunk, tissues: Tissues, chance: Chance) -> list[Body]:
    """Return both arms beside the trunk: skin, fat, muscle and bone."""
    bodies = []
    fat = 3.0 + 0.25 * build.variation.wall_fat_mm
    muscle = 30.0 * math.sqrt(build.variation.muscle)
    gap = chance.between(2.0, 14.0)
    for side in (-1, 1):
        wide = skin.at(-40.0).side + muscle + fat + gap
        y = chance.between(-10.0, 40.0)
        path = (
            (side * wide, y + 15.0, 230.0),
            (side * wide, y, 10.0),
            (side * (wide + 12), y - 15.0, -260.0),
        )
        for radius, hu, organ in (
            (muscle + fat + SKIN_MM, tissues["skin"], "arm"),
            (muscle + fat, tissues["fat"], "arm"),
            (muscle, tissues["muscle"], "arm"),
            (11.0, tissues["cortical_bone"], "bone"),
            (6.5, tissues["trabecular_bone"] * 0.4, "bone"),
        ):
            bodies.append(Body(Tube(path, (radius, radius * 0.9, radius * 0.75)), hu, organ))
    return bodies


def make_wall(build: Build, tissues: Tissues, chance: Chance) -> tuple[tuple[Body, ...], Trunk]:
    """Return skin, fat and muscles, then the fat inside; and the surface of the skin."""
    muscle = _muscle(build, chance)
    skin = _skin(build, muscle, chance)
    layers = muscle.grown(-0.42 * BELLY_WALL_MM)
    bodies = [
        Body(skin, tissues["skin"], "body"),
        Body(skin.grown(-SKIN_MM), tissues["fat"], "fat"),
        *_breasts(build, skin, tissues, chance),
        Body(muscle, tissues["muscle"], "muscle"),
        Body(layers, -45.0, "muscle"),
        Body(layers.grown(-1.0), tissues["muscle"], "muscle"),
        *_back_muscles(build, tissues, chance),
        Body(build.cavity, tissues["visceral_fat"], "fat"),
    ]
    if build.variation.arms_down:
        bodies += _arms(build, skin, tissues, chance)
    return tuple(bodies), skin


def make_couch(lowest_y: float, tissues: Tissues, chance: Chance) -> tuple[Body, ...]:
    """Return the couch: foam in a thin skin, hollowed for the back, wider than the field of view.

    `lowest_y` is that of the patient's back, LPS mm.
    """
    back_y = lowest_y + chance.between(0.0, 25.0)
    hollow = chance.between(85.0, 180.0)
    top = Oval((chance.between(-25, 25), back_y - hollow), (225.0, hollow + 3.0))
    foam = Cut(Common((top.grown(14.0), HalfSpace((0, back_y - 50.0, 0), (0, -1, 0)))), (top,))
    return (
        Body(foam, tissues["couch_skin"], "couch"),
        Body(Grown(foam, -2.0), tissues["foam"], "couch"),
    )
