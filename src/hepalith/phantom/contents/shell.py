"""Calcium on a surface: the rim and the eggshell of an old cyst, and septa between cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.contents.site import add, draw_direction, perpendicular
from hepalith.phantom.shape.shape import Bounds, Ellipsoid, HalfSpace, Point, Shape, Shell
from hepalith.phantom.shape.solid import Bowl, EggShell, Layered, Solid, middle_distance
from hepalith.phantom.shape.volume import fuse

__all__ = ["Septa", "make_eggshell", "make_rim_pieces"]

Array = NDArray[np.float32]


EVERYWHERE = HalfSpace((0.0, 0.0, -1e5), (0.0, 0.0, -1.0))
"""What cuts nothing off."""


def _tilted(axis: Point, angle_deg: float, random: np.random.Generator) -> Point:
    across = perpendicular(axis, random)
    turn = math.radians(angle_deg)
    return add(
        (axis[0] * math.cos(turn), axis[1] * math.cos(turn), axis[2] * math.cos(turn)), across, math.sin(turn)
    )


def _rounded(a: Point) -> Point:
    return (round(a[0], 9), round(a[1], 9), round(a[2], 9))


def make_rim_pieces(
    centre: Point, diameter_mm: float, random: np.random.Generator, *, wall_mm: float | None = None
) -> Solid:
    """Return calcium on part of a sphere's edge, uneven in thickness: bowls that overlap."""
    wall = wall_mm or float(random.uniform(1.2, 2.4))
    radius = diameter_mm / 2
    axis = draw_direction(random)
    main = float(random.uniform(48, 80))
    parts: list[Solid] = [Bowl(centre, _rounded(axis), radius, round(wall, 6), round(main, 6))]
    for _ in range(int(random.integers(2, 5))):
        lean = _tilted(axis, main * float(random.uniform(0.5, 1.0)), random)
        angle = round(float(random.uniform(18, 42)), 6)
        thick = round(wall * float(random.uniform(0.7, 1.5)), 6)
        parts.append(Bowl(centre, _rounded(lean), radius, thick, angle))
    return fuse(parts)


def make_eggshell(
    centre: Point, diameter_mm: float, random: np.random.Generator, *, wall_mm: float | None = None
) -> Solid:
    """Return a thin closed shell: of an ellipsoid, or of a sphere with denser patches."""
    wall = round(wall_mm or float(random.uniform(0.9, 1.9)), 6)
    radius = diameter_mm / 2
    if float(random.uniform()) < 0.5:
        second, third = (round(radius * float(random.uniform(0.75, 1.0)), 6) for _ in range(2))
        yaw, pitch, roll = (round(float(random.uniform(-60, 60)), 6) for _ in range(3))
        return EggShell(Ellipsoid(centre, (radius, second, third), yaw, pitch, roll), wall)
    whole = Shell(centre, radius, wall)
    layers: list[tuple[float, Solid]] = [(1.0, whole)]
    for _ in range(4):
        axis, angle = draw_direction(random), round(float(random.uniform(20, 50)), 6)
        weight = round(float(random.uniform(-0.12, 0.35)), 6)
        layers.append((weight, Bowl(centre, _rounded(axis), radius, wall, angle)))
    return Layered(whole, tuple(layers))


@dataclass(frozen=True, slots=True)
class Septa:
    """Walls between cells: everything within half a wall of the planes midway between neighbouring seeds.

    Parameters
    ----------
    seeds
        Middles of the cells.
    wall_mm
        Thickness of the walls.
    within
        What they are cut off by.
    wave_mm
        How far the planes are bent.
    box
        Bounds of `within`, where asking for them again and again would cost.
    """

    seeds: tuple[Point, ...]
    wall_mm: float
    within: Shape
    wave_mm: float = 0.0
    box: Bounds | None = None

    def bounds(self) -> Bounds:
        """Return the box of what cuts the walls off."""
        return self.box or self.within.bounds()

    def near(self, low: Point, high: Point) -> Shape | None:
        """Return the walls with the seeds alone whose cells can reach into a box."""
        apart, inside = middle_distance(self.within, low, high)
        if apart > inside:
            return None
        within = EVERYWHERE if apart < -inside else self.within
        middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
        reach = math.dist(low, high) / 2 + self.wall_mm + self.wave_mm
        away = [math.dist(middle, s) for s in self.seeds]
        limit = min(away) + 2 * reach
        kept = tuple(s for s, d in zip(self.seeds, away, strict=True) if d <= limit)
        return Septa(kept, self.wall_mm, within, self.wave_mm, (low, high)) if len(kept) > 1 else None

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the greater of the distances to the nearest wall and to what cuts it off."""
        within = self.within.distance(x, y, z)
        if self.wave_mm:
            x, y, z = _bent(x, y, z, self.wave_mm)
        squares = [
            (x - np.float32(s[0])) ** 2 + (y - np.float32(s[1])) ** 2 + (z - np.float32(s[2])) ** 2
            for s in self.seeds
        ]
        least = squares[0]
        owner = np.zeros(least.shape, dtype=np.int32)
        for number, square in enumerate(squares[1:], start=1):
            nearer = square < least
            owner = np.where(nearer, np.int32(number), owner)
            least = np.where(nearer, square, least)
        apart = np.full(least.shape, np.float32(1e3))
        for number, square in enumerate(squares):
            spans = np.array([2 * math.dist(self.seeds[number], s) for s in self.seeds], dtype=np.float32)
            spans[number] = np.inf
            gap = (square - least) / spans[owner]
            apart = np.where(owner == number, apart, np.minimum(apart, gap))
        return np.asarray(np.maximum(apart - np.float32(self.wall_mm / 2), within))


def _bent(x: Array, y: Array, z: Array, by_mm: float) -> tuple[Array, Array, Array]:
    """Return coordinates moved by slow waves of triangles rounded off, so that planes bow."""

    def wave(at: Array, length: float) -> Array:
        turn = at / np.float32(length)
        return _parabola(turn - np.floor(turn))

    amount = np.float32(by_mm)
    return x + amount * wave(y, 41.0), y + amount * wave(z, 47.0), z + amount * wave(x, 53.0)


def _parabola(turn: Array) -> Array:
    """Return a wave of unit height made of two parabolas, from its phase in turns."""
    first = np.float32(16) * turn * (np.float32(0.5) - turn)
    late = turn - np.float32(0.5)
    second = np.float32(-16) * late * (np.float32(0.5) - late)
    return np.asarray(np.where(turn < np.float32(0.5), first, second))
