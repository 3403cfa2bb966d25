"""The trunk: a section that changes from chest to pelvis, and the frame that organs are placed in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.variation import Variation
from hepalith.phantom.shape.shape import Bounds, Oval, Point

__all__ = ["Build", "Chance", "Level", "Trunk", "make_build"]

Array = NDArray[np.float32]

TINY = np.float32(1e-6)
"""Keeps a division finite on the trunk's axis."""

FAR_MM = 1e6
"""The trunk has no ends within any scanner's reach."""

BACK_Y_MM = 75.5
"""y of the inside of the back wall: the frame grows forward from it, for the patient lies on it."""

HALF_WIDTH_MM, HALF_DEPTH_MM = 134.5, 83.5
"""Half the inside of an ordinary adult's trunk at the liver. Our judgement, from routine CT."""


@dataclass(frozen=True, slots=True)
class Level:
    """The trunk's section at one height: middle, half-width, and reach to the front and back, mm."""

    z: float
    x: float
    y: float
    side: float
    front: float
    back: float


@dataclass(frozen=True, slots=True)
class Trunk:
    """An endless tube of rounded section whose size follows levels, as a chest or belly does.

    The section is a blend of an ellipse and a squarer curve of the fourth degree:
    ``(1 - w) √(u² + v²) + w ⁴√(u⁴ + v⁴) = 1`` with u, v the offsets over the half-widths.
    """

    levels: tuple[Level, ...]
    squareness: float = 0.4

    def bounds(self) -> Bounds:
        """Return a box without ends along z."""
        low_x, high_x = min(v.x - v.side for v in self.levels), max(v.x + v.side for v in self.levels)
        low_y, high_y = min(v.y - v.front for v in self.levels), max(v.y + v.back for v in self.levels)
        return (low_x, low_y, -FAR_MM), (high_x, high_y, FAR_MM)

    def at(self, z: float) -> Level:
        """Return the section at a height, between the levels above and below."""
        heights = [v.z for v in self.levels]
        names = ("x", "y", "side", "front", "back")
        found = (float(np.interp(z, heights, [getattr(v, n) for v in self.levels])) for n in names)
        return Level(z, *found)

    def _level(self, u: Array, v: Array) -> Array:
        uu, vv = u * u, v * v
        round_ = np.sqrt(uu + vv)
        square = np.sqrt(np.sqrt(uu * uu + vv * vv))
        return np.asarray(round_ + np.float32(self.squareness) * (square - round_))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the first-order distance within the section."""
        heights = [v.z for v in self.levels]
        cx, cy, side, front, back = (
            np.interp(z, heights, [getattr(v, n) for v in self.levels]).astype(np.float32)
            for n in ("x", "y", "side", "front", "back")
        )
        dx, dy = x - cx, y - cy
        depth = np.where(dy < 0, front, back)
        u, v = dx / side, dy / depth
        level = self._level(u, v)
        su, sv = u / side, v / depth
        slope = np.sqrt((su * su + sv * sv) / np.maximum(u * u + v * v, TINY))
        return np.asarray((level - np.float32(1)) / np.maximum(slope, TINY), dtype=np.float32)

    def grown(self, side_mm: float, front_mm: float | None = None, back_mm: float | None = None) -> Trunk:
        """Return the trunk with its reach to the sides, front and back larger by so much."""
        front = side_mm if front_mm is None else front_mm
        back = side_mm if back_mm is None else back_mm
        levels = (Level(v.z, v.x, v.y, v.side + side_mm, v.front + front, v.back + back) for v in self.levels)
        return Trunk(tuple(levels), self.squareness)

    def inside(self, point: Point, margin_mm: float) -> Point:
        """Return a point, brought toward the axis until it lies at least about so far within the wall."""
        x, y, z = point
        at = self.at(z)
        depth = at.front if y < at.y else at.back
        u = (x - at.x) / max(at.side - margin_mm, 1.0)
        v = (y - at.y) / max(depth - margin_mm, 1.0)
        square = math.sqrt(math.sqrt(u * u * u * u + v * v * v * v))
        level = math.sqrt(u * u + v * v)
        level = max(level + self.squareness * (square - level), 1.0)
        return (round(at.x + (x - at.x) / level, 6), round(at.y + (y - at.y) / level, 6), z)

    def wall_point(self, angle: float, outward_mm: float, z: float) -> Point:
        """Return a point of the wall.

        `angle` runs in radians from the back (0) over the patient's left (π/2) to the front (π);
        negative on the right. `outward_mm` is counted from the trunk's surface.
        """
        at = self.at(z)
        u, v = math.sin(angle), math.cos(angle)
        four = math.sqrt(math.sqrt(u * u * u * u + v * v * v * v))
        level = 1 + self.squareness * (four - 1)
        depth = at.front if v < 0 else at.back
        return (
            round(at.x + u / level * (at.side + outward_mm), 6),
            round(at.y + v / level * (depth + outward_mm), 6),
            round(z, 6),
        )


@dataclass(frozen=True, slots=True)
class Chance:
    """A seeded source of small differences, as strong as the variation says."""

    random: np.random.Generator
    jitter: float

    def about(self, value: float, share: float) -> float:
        """Return a value within a share of itself."""
        share = min(share * self.jitter, 0.9)
        return float(value * self.random.uniform(1 - share, 1 + share))

    def between(self, low: float, high: float) -> float:
        """Return a value between two, whatever the jitter."""
        return float(self.random.uniform(low, high))

    def near(self, centre: Point, mm: float = 3.0) -> Point:
        """Return a point up to `mm` away along each axis."""
        reach = mm * self.jitter
        x, y, z = (float(c + self.random.uniform(-reach, reach)) for c in centre)
        return (x, y, z)

    def sized(self, radii: Point, share: float = 0.06) -> Point:
        """Return radii, each within a share of itself."""
        x, y, z = (self.about(r, share) for r in radii)
        return (x, y, z)

    def happens(self, share: float) -> bool:
        """Return true in a share of cases."""
        return float(self.random.uniform()) < share


@dataclass(frozen=True, slots=True)
class Build:
    """The frame of one patient at scale 1: its inside, and where things of an ordinary adult go in it.

    Parameters
    ----------
    variation
        What the patient is like.
    cavity
        The inside of the trunk, chest to pelvis.
    oval
        The same near the liver, as an endless oval.
    """

    variation: Variation
    cavity: Trunk
    oval: Oval

    @property
    def bone_drop_mm(self) -> float:
        """How far the skeleton lies below its usual place beside the liver."""
        return self.variation.breath_mm

    def at(self, x: float, y: float, z: float) -> Point:
        """Return where the point of an ordinary adult lies in this one: organs spread with the trunk."""
        return (
            x * self.variation.breadth + self.spine_x(z),
            BACK_Y_MM - (BACK_Y_MM - y) * self.variation.depth,
            z,
        )

    def path(self, *points: Point) -> tuple[Point, ...]:
        """Return where several points lie."""
        return tuple(self.at(*p) for p in points)

    def spine_x(self, z: float) -> float:
        """Return how far the bowed spine stands to the left at a height."""
        return round(self.variation.scoliosis_mm * math.exp(-(((z + 40.0) / 95.0) ** 2)), 6)

    def spine_y(self, z: float) -> float:
        """Return y of the middle of the vertebral bodies: forward in the loin, back in the chest."""
        chest = min(max((z - 10.0) / 140.0, 0.0), 1.5)
        loin = 7.0 * math.exp(-(((z + 120.0) / 60.0) ** 2))
        return round(55.5 + self.variation.kyphosis_mm * chest * chest - loin, 6)


PROFILE = (
    (-280.0, 0.93, 0.80, 1.10),
    (-200.0, 0.94, 0.90, 1.08),
    (-140.0, 0.89, 1.00, 1.00),
    (-100.0, 0.91, 1.02, 1.00),
    (-55.0, 0.99, 1.00, 1.00),
    (60.0, 1.00, 1.00, 1.00),
    (130.0, 0.97, 0.98, 1.06),
    (220.0, 0.86, 0.86, 1.10),
)
"""Height, then width and reach to the front and back of the trunk's inside over those at the liver."""


def make_build(variation: Variation, chance: Chance) -> Build:
    """Return the frame of a patient."""
    half = HALF_WIDTH_MM * variation.breadth * chance.about(1.0, 0.015)
    deep = HALF_DEPTH_MM * variation.depth * chance.about(1.0, 0.015)
    middle = BACK_Y_MM - deep
    belly = 1.0 + 0.16 * (variation.visceral_fat - 0.5) + chance.between(-0.05, 0.08)
    waist = 1.0 + 0.10 * (variation.visceral_fat - 0.5) + chance.between(-0.04, 0.04)
    levels = []
    for z, side, front, back in PROFILE:
        low = round(math.exp(-(((z + 120.0) / 55.0) ** 2)), 9)
        rise = max(z - 10.0, 0.0) / 140.0
        levels.append(
            Level(
                z,
                round(variation.scoliosis_mm * 0.3 * math.exp(-(((z + 40.0) / 95.0) ** 2)), 6),
                middle,
                half * side * (1 + (waist - 1) * low),
                deep * front * (1 + (belly - 1) * low),
                deep * back + 0.9 * variation.kyphosis_mm * rise * rise,
            )
        )
    cavity = Trunk(tuple(levels), chance.between(0.25, 0.6))
    return Build(variation, cavity, Oval((0.0, middle), (half, deep), chance.between(2.25, 2.5)))
