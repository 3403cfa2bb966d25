"""Shapes whose inside is known on paper: each gives the signed distance to its surface.

A shape answers one question, how far a point is from its surface (negative inside), and
may be combined with others. Distances of spheres, capsules and shells are exact; those of
ellipsoids and blends are first-order (right at the surface, approximate away from it),
which is what an anti-aliased edge needs.

References
----------
.. [1] J. C. Hart, "Sphere tracing: a geometric method for the antialiased ray tracing of
       implicit surfaces", The Visual Computer 12:527-545, 1996. doi:10.1007/s003710050084
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.shape import exact

__all__ = [
    "Bounds",
    "Capsule",
    "Common",
    "Cut",
    "Ellipsoid",
    "Grown",
    "HalfSpace",
    "Joined",
    "Oval",
    "Point",
    "Rippled",
    "Shape",
    "Shell",
    "Tube",
]

Point = tuple[float, float, float]
"""(x, y, z) in LPS millimetres."""

Bounds = tuple[Point, Point]
"""Lowest and highest corner of a box that holds the shape, LPS mm."""

Array = NDArray[np.float32]

EVERYWHERE: Bounds = ((-1e6, -1e6, -1e6), (1e6, 1e6, 1e6))
"""Bounds of what has no end, in mm: beyond any scanner's reach."""

TINY = np.float32(1e-6)
"""Keeps a division finite at a shape's very centre; far below any length in mm that is used."""


class Shape(Protocol):
    """A body with a surface."""

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        ...

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the signed distance in mm at points given as broadcastable LPS coordinates."""
        ...


def _clamped(values: Array) -> Array:
    return np.asarray(np.clip(values, np.float32(0), np.float32(1)))


def _around(centre: Point, reach: float | Point) -> Bounds:
    rx, ry, rz = (reach, reach, reach) if isinstance(reach, float | int) else reach
    x, y, z = centre
    return (x - rx, y - ry, z - rz), (x + rx, y + ry, z + rz)


def _enclosing(boxes: list[Bounds]) -> Bounds:
    low = [min(b[0][a] for b in boxes) for a in range(3)]
    high = [max(b[1][a] for b in boxes) for a in range(3)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


Rows = tuple[Point, Point, Point]
"""A three by three matrix."""


def _times(a: Rows, b: Rows) -> Rows:
    """Return the product of two small matrices, rounded so that every C library gives the same."""
    rows = [[round(sum(a[i][k] * b[k][j] for k in range(3)), 12) for j in range(3)] for i in range(3)]
    first, second, third = ((r[0], r[1], r[2]) for r in rows)
    return first, second, third


@lru_cache(maxsize=256)
def _turn(yaw: float, pitch: float, roll: float) -> Rows:
    """Return the rows of the matrix that turns a body's own axes into the patient's; angles in degrees."""
    a, b, c = (math.radians(v) for v in (yaw, pitch, roll))
    about_z = ((math.cos(a), -math.sin(a), 0.0), (math.sin(a), math.cos(a), 0.0), (0.0, 0.0, 1.0))
    about_x = ((1.0, 0.0, 0.0), (0.0, math.cos(b), -math.sin(b)), (0.0, math.sin(b), math.cos(b)))
    about_y = ((math.cos(c), 0.0, math.sin(c)), (0.0, 1.0, 0.0), (-math.sin(c), 0.0, math.cos(c)))
    return _times(about_y, _times(about_x, about_z))


@lru_cache(maxsize=8192)
def _rod_box(start: Point, end: Point, radius: float, last: float) -> Bounds:
    """Return the box around two balls; kept, for the parts of a tree are asked again and again."""
    return _enclosing([_around(start, radius), _around(end, last)])


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """Ellipsoid with semi-axes along x, y, z in mm, turned by `yaw`, `pitch`, `roll` in degrees.

    `yaw` turns about z, `pitch` about x, `roll` about y, in that order.
    """

    centre: Point
    radii: Point
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def _turn(self) -> Rows:
        return _turn(self.yaw, self.pitch, self.roll)

    @property
    def width_mm(self) -> float:
        """Smallest extent: twice the smallest half-axis."""
        return 2 * min(self.radii)

    @property
    def volume_mm3(self) -> float:
        """Volume, 4/3 π abc."""
        return 4 / 3 * math.pi * math.prod(self.radii)

    def reach(self, way: Point) -> float:
        """Return how far the surface reaches from the centre along a direction of length 1."""
        rows = self._turn()
        own = [sum(rows[a][axis] * way[a] for a in range(3)) * self.radii[axis] for axis in range(3)]
        return math.sqrt(sum(v * v for v in own))

    def bounds(self) -> Bounds:
        """Return the box around the turned ellipsoid."""
        reach = [
            math.sqrt(sum((t * r) ** 2 for t, r in zip(row, self.radii, strict=True))) for row in self._turn()
        ]
        return _around(self.centre, (reach[0], reach[1], reach[2]))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return k(k - 1)/|∇|, first-order; exact for a sphere."""
        offsets = [p - np.float32(c) for p, c in zip((x, y, z), self.centre, strict=True)]
        if self.yaw or self.pitch or self.roll:
            rows = self._turn()
            back = [[np.float32(row[a]) for row in rows] for a in range(3)]
            offsets = [row[0] * offsets[0] + row[1] * offsets[1] + row[2] * offsets[2] for row in back]
        squares = [(o / np.float32(r)) ** 2 for o, r in zip(offsets, self.radii, strict=True)]
        level = np.sqrt(squares[0] + squares[1] + squares[2])
        r2 = [np.float32(1 / r**2) for r in self.radii]
        slope = np.sqrt(squares[0] * r2[0] + squares[1] * r2[1] + squares[2] * r2[2])
        near = level * (level - np.float32(1)) / np.maximum(slope, TINY)
        return np.asarray(np.where(level > TINY, near, np.float32(-min(self.radii))))


@dataclass(frozen=True, slots=True)
class Capsule:
    """Everything within a radius of a straight segment; the radius may taper. A sphere has equal ends."""

    start: Point
    end: Point
    radius: float
    end_radius: float | None = None

    @property
    def width_mm(self) -> float:
        """Smallest extent: twice the smaller radius."""
        return 2 * (self.radius if self.end_radius is None else min(self.radius, self.end_radius))

    @property
    def volume_mm3(self) -> float:
        """Volume of a capsule of one radius: cylinder and two half spheres."""
        if self.end_radius is not None and self.end_radius != self.radius:
            raise ValueError("only a capsule of one radius has its volume in closed form here")
        return math.pi * self.radius**2 * (math.dist(self.start, self.end) + 4 / 3 * self.radius)

    def bounds(self) -> Bounds:
        """Return the box around both end spheres."""
        last = self.radius if self.end_radius is None else self.end_radius
        return _rod_box(self.start, self.end, self.radius, last)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the exact distance (first-order where the radius tapers)."""
        axis = [np.float32(b - a) for a, b in zip(self.start, self.end, strict=True)]
        offsets = [p - np.float32(a) for p, a in zip((x, y, z), self.start, strict=True)]
        length2 = sum(float(a) ** 2 for a in axis)
        radius = np.float32(self.radius)
        if length2 < 1e-12:
            return np.asarray(np.sqrt(offsets[0] ** 2 + offsets[1] ** 2 + offsets[2] ** 2) - radius)
        along = offsets[0] * axis[0] + offsets[1] * axis[1] + offsets[2] * axis[2]
        share = _clamped(along / np.float32(length2))
        apart = [o - share * a for o, a in zip(offsets, axis, strict=True)]
        reach = np.sqrt(apart[0] ** 2 + apart[1] ** 2 + apart[2] ** 2)
        if self.end_radius is None:
            return np.asarray(reach - radius)
        return np.asarray(reach - (radius + share * np.float32(self.end_radius - self.radius)))


@dataclass(frozen=True, slots=True)
class Tube:
    """A string of capsules along a path, such as a vessel, a rib or a loop of bowel."""

    path: tuple[Point, ...]
    radii: tuple[float, ...]

    @property
    def parts(self) -> tuple[Capsule, ...]:
        """The capsules, one for each step of the path."""
        steps = zip(self.path, self.path[1:], self.radii, self.radii[1:], strict=False)
        return tuple(Capsule(a, b, r, s) for a, b, r, s in steps)

    def bounds(self) -> Bounds:
        """Return the box around all capsules."""
        return _enclosing([p.bounds() for p in self.parts])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance to the nearest capsule."""
        parts = self.parts
        nearest = parts[0].distance(x, y, z)
        for part in parts[1:]:
            nearest = np.minimum(nearest, part.distance(x, y, z))
        return nearest


@dataclass(frozen=True, slots=True)
class Oval:
    """An endless cylinder along z with a superelliptic section: a trunk, or its inside.

    ``|x/a|^p + |y/b|^p < 1``; `power` 2 is an ellipse, above it the section grows squarer.
    """

    centre: tuple[float, float]
    radii: tuple[float, float]
    power: float = 2.0

    def bounds(self) -> Bounds:
        """Return a box without ends along z."""
        (x, y), (a, b) = self.centre, self.radii
        return (x - a, y - b, -1e6), (x + a, y + b, 1e6)

    def distance(self, x: Array, y: Array, z: Array) -> Array:  # noqa: ARG002 - endless along z
        """Return the first-order distance within the section; one slice deep, for broadcasting."""
        (cx, cy), (a, b), p = self.centre, self.radii, self.power
        u = np.abs(x - np.float32(cx)) / np.float32(a)
        v = np.abs(y - np.float32(cy)) / np.float32(b)
        if p == 2:
            level = np.sqrt(np.maximum(u * u + v * v, TINY))
            across, along = u / np.float32(a), v / np.float32(b)
            slope = exact.hypot(across, along) / level
        else:
            to_p, to_q = (exact.power(w, np.float32(p - 1)) for w in (u, v))
            level = exact.power(np.maximum(to_p * u + to_q * v, TINY), np.float32(1 / p))
            slope = exact.hypot(to_p / np.float32(a), to_q / np.float32(b)) * exact.power(
                level, np.float32(1 - p)
            )
        return np.asarray((level - 1) / np.maximum(slope, TINY), dtype=np.float32)

    def grown(self, by_mm: float) -> Oval:
        """Return the oval with both half-widths larger by `by_mm`."""
        return Oval(self.centre, (self.radii[0] + by_mm, self.radii[1] + by_mm), self.power)


@dataclass(frozen=True, slots=True)
class HalfSpace:
    """Everything behind a plane through `point`; `normal` points outward."""

    point: Point
    normal: Point

    def bounds(self) -> Bounds:
        """Return a box without ends."""
        return EVERYWHERE

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the exact distance."""
        size = math.sqrt(sum(c * c for c in self.normal))
        n = [np.float32(c / size) for c in self.normal]
        p = [np.float32(c) for c in self.point]
        return np.asarray((x - p[0]) * n[0] + (y - p[1]) * n[1] + (z - p[2]) * n[2])


def _least(a: Array, b: Array, rounding_mm: float) -> Array:
    """Return the smaller of two distances, rounded off over `rounding_mm` where they are near."""
    if rounding_mm <= 0:
        return np.asarray(np.minimum(a, b))
    k = np.float32(rounding_mm)
    overlap = np.maximum(k - np.abs(a - b), np.float32(0)) / k
    return np.asarray(np.minimum(a, b) - overlap * overlap * k * np.float32(0.25))


@dataclass(frozen=True, slots=True)
class Joined:
    """The union of shapes, with joints rounded off over `rounding_mm`."""

    shapes: tuple[Shape, ...]
    rounding_mm: float = 0.0

    def bounds(self) -> Bounds:
        """Return the box around all, with room for the rounding."""
        low, high = _enclosing([s.bounds() for s in self.shapes])
        m = self.rounding_mm / 4
        return (low[0] - m, low[1] - m, low[2] - m), (high[0] + m, high[1] + m, high[2] + m)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the smooth minimum."""
        nearest = self.shapes[0].distance(x, y, z)
        for shape in self.shapes[1:]:
            nearest = _least(nearest, shape.distance(x, y, z), self.rounding_mm)
        return nearest


@dataclass(frozen=True, slots=True)
class Common:
    """What several shapes share, with edges rounded off over `rounding_mm`."""

    shapes: tuple[Shape, ...]
    rounding_mm: float = 0.0

    def bounds(self) -> Bounds:
        """Return the box common to all."""
        boxes = [s.bounds() for s in self.shapes]
        low = [max(b[0][a] for b in boxes) for a in range(3)]
        high = [min(b[1][a] for b in boxes) for a in range(3)]
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the smooth maximum."""
        farthest = self.shapes[0].distance(x, y, z)
        for shape in self.shapes[1:]:
            farthest = -_least(-farthest, -shape.distance(x, y, z), self.rounding_mm)
        return farthest


@dataclass(frozen=True, slots=True)
class Cut:
    """A shape with others taken out of it, with edges rounded off over `rounding_mm`."""

    whole: Shape
    removed: tuple[Shape, ...]
    rounding_mm: float = 0.0

    def bounds(self) -> Bounds:
        """Return the box of the whole."""
        return self.whole.bounds()

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the smooth maximum of the whole and what is outside the removed."""
        rest = self.whole.distance(x, y, z)
        for shape in self.removed:
            rest = -_least(-rest, shape.distance(x, y, z), self.rounding_mm)
        return rest


@dataclass(frozen=True, slots=True)
class Grown:
    """A shape with its surface moved outward by `by_mm` (inward if negative)."""

    shape: Shape
    by_mm: float

    def bounds(self) -> Bounds:
        """Return the box, moved alike."""
        low, high = self.shape.bounds()
        m = self.by_mm
        return (low[0] - m, low[1] - m, low[2] - m), (high[0] + m, high[1] + m, high[2] + m)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance to the moved surface."""
        return self.shape.distance(x, y, z) - np.float32(self.by_mm)


@dataclass(frozen=True, slots=True)
class Shell:
    """A hollow sphere: wall of `thickness` inside an outer `radius`. An eggshell, a healed cyst's rim."""

    centre: Point
    radius: float
    thickness: float

    @property
    def width_mm(self) -> float:
        """Smallest extent: the wall."""
        return self.thickness

    @property
    def volume_mm3(self) -> float:
        """Volume of the wall."""
        return 4 / 3 * math.pi * (self.radius**3 - (self.radius - self.thickness) ** 3)

    def bounds(self) -> Bounds:
        """Return the box of the outer sphere."""
        return _around(self.centre, self.radius)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the exact distance to the wall."""
        offsets = [p - np.float32(c) for p, c in zip((x, y, z), self.centre, strict=True)]
        reach = np.sqrt(offsets[0] ** 2 + offsets[1] ** 2 + offsets[2] ** 2)
        middle = np.float32(self.radius - self.thickness / 2)
        return np.asarray(np.abs(reach - middle) - np.float32(self.thickness / 2))


@dataclass(frozen=True, slots=True)
class Rippled:
    """A shape whose surface waves by `height_mm`, so that nothing looks turned on a lathe.

    The waves are sines along x, y and z with `lengths_mm` and `phases`; summed, they move
    the surface by at most `height_mm`.
    """

    shape: Shape
    height_mm: float
    lengths_mm: Point
    phases: Point

    def bounds(self) -> Bounds:
        """Return the box with room for the waves."""
        return Grown(self.shape, self.height_mm).bounds()

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance with the waves added."""
        third = np.float32(self.height_mm / 3)
        waves = [
            third * exact.sin(p * np.float32(2 * math.pi / length) + np.float32(phase))
            for p, length, phase in zip((x, y, z), self.lengths_mm, self.phases, strict=True)
        ]
        return np.asarray(self.shape.distance(x, y, z) + waves[0] + waves[1] + waves[2])
