"""Ribs, costal cartilage, sternum, spine and pelvis of the phantom."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.contrast import Tissues
from hepalith.phantom.body.trunk import Build, Chance
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Bounds, Cut, Ellipsoid, Grown, Point, Tube

__all__ = ["Drum", "Skeleton", "make_cage", "make_skeleton"]

Array = NDArray[np.float32]

RIB_RADIUS_MM = 5.0
"""Half of a rib's height in the phantom."""

CORTEX_MM = 1.3
"""Thickness of a rib's cortex."""

RIB_SPACING_MM = 24.0
"""Distance between neighbouring ribs along z."""

RIB_DROP_MM = 95.0
"""How far a rib falls from its head to its front end."""

TWELFTH_RIB_Z_MM = -44.0
"""Height of the head of the twelfth rib; the spine's levels follow it."""

DENTED_RIBS = (7, 8, 9, 10, 11)
"""Right ribs of which the one nearest to the liver bows inward onto it: bone at the liver's edge misleads."""

DENTED_ANGLES = (1.1, 2.2)
"""Part of the wall where a rib may bow inward, radians from the back: the side."""

LARGEST_BOW_MM = 14.0
"""Farthest that a rib bows inward; a liver that lies deeper is not touched."""

TOUCHING_MM = 0.5
"""Gap left between a rib and the liver: the peritoneum."""

VERTEBRA_MM, DISC_MM = 32.0, 6.0
"""From one vertebra to the next in the loin, and the disc's share of it."""

CREST_Z_MM = -152.0
"""Height of the iliac crests."""


@dataclass(frozen=True, slots=True)
class Drum:
    """A short upright cylinder of elliptic section with rounded rims: the body of a vertebra."""

    centre: Point
    radii: Point

    def bounds(self) -> Bounds:
        """Return its box."""
        (x, y, z), (a, b, c) = self.centre, self.radii
        return (x - a, y - b, z - c), (x + a, y + b, z + c)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the larger of the distances to its side and to its ends, rounded off over 3 mm."""
        (cx, cy, cz), (a, b, c) = self.centre, self.radii
        u, v = (x - np.float32(cx)) / np.float32(a), (y - np.float32(cy)) / np.float32(b)
        side = (np.sqrt(u * u + v * v) - np.float32(1)) * np.float32(math.sqrt(a * b))
        ends = np.abs(z - np.float32(cz)) - np.float32(c)
        near = np.maximum(np.float32(3) - np.abs(side - ends), np.float32(0)) / np.float32(3)
        return np.asarray(np.maximum(side, ends) + near * near * np.float32(0.75))


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The spine and the pelvis; the cage is made once the liver is there."""

    spine: tuple[Body, ...]
    pelvis: tuple[Body, ...]


def _bone(shape: Tube, cortex_mm: float, tissues: Tissues, share: float = 1.0) -> list[Body]:
    """Return a long bone: cortex, and marrow within."""
    cortex = tissues["cortical_bone"] * share
    inner = Tube(shape.path, tuple(max(r - cortex_mm, 0.3) for r in shape.radii))
    return [Body(shape, cortex, "bone"), Body(inner, tissues["trabecular_bone"], "bone")]


@dataclass(frozen=True, slots=True)
class _Cage:
    """How a patient's ribs run: their fall from back to front, where they end, how high they start."""

    build: Build
    drop_mm: float
    radius_mm: float
    spacing_mm: float

    def head_z(self, number: int) -> float:
        """Return the height of the head of a rib, 12 the lowest."""
        return TWELFTH_RIB_Z_MM + (12 - number) * self.spacing_mm - self.build.bone_drop_mm

    def reach(self, number: int) -> float:
        """Return how far round from back to front a rib's bone goes, 1 the midline."""
        return {12: 0.36, 11: 0.52, 10: 0.66, 9: 0.74, 8: 0.79}.get(number, 0.81)

    def rib(self, number: int, side: int, dent: tuple[float, float] | None) -> Tube:
        """Return a rib; `dent` is (angle, mm): it bows inward there."""
        reach = self.reach(number)
        steps = max(int(26 * reach), 8)
        path = []
        for step in range(steps + 1):
            share = step / steps
            angle = 0.22 + share * reach * (math.pi - 0.22)
            inward = 0.0 if dent is None else dent[1] * math.exp(-(((angle - dent[0]) / 0.16) ** 2))
            z = self.head_z(number) - self.drop_mm * reach * share * math.sqrt(math.sqrt(share))
            x, y, z = self.build.cavity.wall_point(side * angle, self.radius_mm + 2.5 - inward, z)
            path.append((x, y, z))
        return Tube(tuple(path), (self.radius_mm,) * len(path))

    def cartilage(self, number: int, side: int, rib: Tube) -> Tube:
        """Return the cartilage that carries a rib's end forward and up toward the sternum."""
        start = rib.path[-1]
        begin = 0.22 + self.reach(number) * (math.pi - 0.22)
        end = math.pi - (0.30 if number < 8 else 0.34 + 0.10 * (number - 7))
        rise = 20.0 + 7.0 * max(number - 4, 0)
        path = [start]
        for step in range(1, 9):
            share = step / 8
            angle = begin + share * (end - begin)
            z = start[2] + rise * share * math.sqrt(share)
            path.append(self.build.cavity.wall_point(side * angle, self.radius_mm + 2.5, z))
        return Tube(tuple(path), (self.radius_mm,) * len(path))


def _dent(
    cage: _Cage, depth_beneath: Callable[[Point], float]
) -> tuple[int, tuple[float, float], Point] | None:
    """Return the right rib nearest to the liver, where and how far it bows inward to touch it, and the place.

    ``None`` if the liver lies farther from every rib than a rib bows.
    """
    found = []
    for number in DENTED_RIBS:
        reach = cage.reach(number) * (math.pi - 0.22)
        path = cage.rib(number, -1, None).path
        for step, point in enumerate(path):
            angle = 0.22 + step / (len(path) - 1) * reach
            if DENTED_ANGLES[0] < angle < DENTED_ANGLES[1]:
                found.append((round(depth_beneath(point), 3), number, angle))
    gap, number, angle = min(found)
    bow = max(gap - cage.radius_mm - TOUCHING_MM, 0.0)
    if bow > LARGEST_BOW_MM:
        return None
    dent = (angle, bow)
    return number, dent, min(cage.rib(number, -1, dent).path, key=depth_beneath)


def make_cage(
    build: Build, tissues: Tissues, chance: Chance, depth_beneath: Callable[[Point], float]
) -> tuple[tuple[Body, ...], tuple[Point, ...]]:
    """Return ribs and cartilage of both sides with the sternum, and where ribs touch the liver.

    `depth_beneath` gives the distance in mm from a point of the build to the liver's surface.
    """
    cage = _Cage(
        build,
        chance.about(RIB_DROP_MM, 0.12) - 0.6 * build.bone_drop_mm,
        chance.about(RIB_RADIUS_MM, 0.1),
        chance.about(RIB_SPACING_MM, 0.05),
    )
    dented = _dent(cage, depth_beneath)
    bodies: list[Body] = []
    for number in range(2, 13):
        for side in (-1, 1):
            bows = dented is not None and side < 0 and number == dented[0]
            rib = cage.rib(number, side, dented[1] if dented is not None and bows else None)
            if number <= 10:
                hu = tissues["cartilage"]
                bodies.append(Body(cage.cartilage(number, side, rib), hu, "cartilage"))
            bodies += _bone(rib, CORTEX_MM, tissues)
    top = build.cavity.at(130.0)
    sternum = Ellipsoid(
        (0.0, top.y - top.front - 6.0, chance.between(125.0, 145.0) - build.bone_drop_mm), (17.0, 6.0, 62.0)
    )
    bodies.append(Body(sternum, tissues["cortical_bone"] * 0.55, "bone"))
    bodies.append(Body(Grown(sternum, -1.5), tissues["trabecular_bone"] * 0.8, "bone"))
    return tuple(bodies), () if dented is None else (dented[2],)


def _vertebra(build: Build, middle: float, height: float, wide: float, tissues: Tissues) -> list[Body]:
    """Return one vertebra: body, pedicles, laminae, processes."""
    x, y = build.spine_x(middle), build.spine_y(middle)
    drum = Drum((x, y, middle), (wide, wide * 0.8, (height - DISC_MM) / 2))
    inner = Drum(drum.centre, (wide - 1.6, wide * 0.8 - 1.6, (height - DISC_MM) / 2 - 1.6))
    bodies = [
        Body(drum, tissues["cortical_bone"] * 0.55, "bone"),
        Body(inner, tissues["trabecular_bone"], "bone"),
    ]
    y -= 2.0
    for side in (-1, 1):
        joints = (
            (((side * 13, 12.0, 4.0), (side * 15, 30.0, 1.0)), (5.5, 5.5)),
            (((side * 15, 30.0, 1.0), (0.0, 41.0, -6.0)), (5.0, 5.0)),
            (((side * 15, 28.0, 2.0), (side * 36, 34.0, 6.0)), (4.5, 3.5)),
        )
        for path, radii in joints:
            placed = tuple((x + p[0], y + p[1], middle + p[2]) for p in path)
            bodies += _bone(Tube(placed, radii), 1.8, tissues, 0.6)
    spinous = Tube(((x, y + 40, middle - 6), (x, y + 55, middle - 18)), (4.2, 3.8))
    return bodies + _bone(spinous, 1.8, tissues, 0.55)


def _make_spine(build: Build, tissues: Tissues, chance: Chance) -> list[Body]:
    """Return discs, vertebrae from the second lumbar up and down, and the canal with the cord."""
    low = TWELFTH_RIB_Z_MM - build.bone_drop_mm - 5 * VERTEBRA_MM - 12.0
    heights = [low + 26.0 * step for step in range(-1, 19)]
    column = tuple((build.spine_x(z), build.spine_y(z), z) for z in heights)
    size = chance.about(1.0, 0.06)
    bodies = [
        Body(
            Tube(column, tuple(max(20.0 - 0.35 * n, 13.0) * size for n in range(20))), tissues["disc"], "bone"
        )
    ]
    middle = low + VERTEBRA_MM / 2
    for number in range(16):
        height = VERTEBRA_MM - 0.75 * number
        wide = max(24.0 - 0.6 * number, 14.0) * size
        bodies += _vertebra(build, middle, height, wide, tissues)
        middle += height - 0.375
    canal = tuple((x, y + 24.0, z) for x, y, z in column)
    bodies.append(Body(Tube(canal, (8.8,) * len(canal)), -20.0, "spinal_canal"))
    bodies.append(Body(Tube(canal, (6.4,) * len(canal)), tissues["cord"], "spinal_canal"))
    return bodies


def _make_pelvis(build: Build, tissues: Tissues, chance: Chance) -> list[Body]:
    """Return the iliac wings with the muscles on them, and the sacrum. Crude."""
    z = CREST_Z_MM - build.bone_drop_mm - 62.0 + chance.between(-8.0, 8.0)
    wide = 0.5 + 0.5 * build.variation.breadth
    y = build.spine_y(z)
    bodies = []
    for side in (-1, 1):
        wing = Ellipsoid(
            (side * 88.0 * wide, y - 6.0, z), (7.0, 62.0, 66.0), yaw=side * 32.0, roll=side * 24.0
        )
        within = Ellipsoid(
            (side * 76.0 * wide, y - 14.0, z - 2), (14.0, 44.0, 50.0), yaw=side * 32.0, roll=side * 24.0
        )
        outside = Ellipsoid(
            (side * 104.0 * wide, y + 18.0, z - 22), (26.0, 62.0, 62.0), yaw=side * 36.0, roll=side * 16.0
        )
        bodies += [
            Body(outside, tissues["muscle"] - 6.0, "muscle"),
            Body(within, tissues["muscle"], "muscle"),
            Body(wing, tissues["cortical_bone"] * 0.6, "bone"),
            Body(Grown(wing, -2.0), tissues["trabecular_bone"], "bone"),
        ]
    sacrum = Cut(
        Ellipsoid((0.0, y + 22.0, z - 4.0), (52.0, 20.0, 56.0), pitch=28.0),
        (Ellipsoid((0.0, y - 20.0, z - 60.0), (40.0, 40.0, 60.0)),),
    )
    bodies += [
        Body(sacrum, tissues["cortical_bone"] * 0.45, "bone"),
        Body(Grown(sacrum, -2.0), tissues["trabecular_bone"] * 0.9, "bone"),
    ]
    return bodies


def make_skeleton(build: Build, tissues: Tissues, chance: Chance) -> Skeleton:
    """Return the spine and the pelvis of a patient."""
    spine = _make_spine(build, tissues, chance)
    pelvis = _make_pelvis(build, tissues, chance)
    return Skeleton(tuple(spine), tuple(pelvis))
