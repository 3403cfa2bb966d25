"""Solids of known volume beyond sphere, rod and shell: what calcium in a liver is built of.

Each has its volume in closed form, or measured once on two fine lattices whose second-order
error is taken out (`hepalith.phantom.shape.volume`). Solids without touching parts add up (`Cloud`);
overlapping parts are one solid (`Fused`); a density that is not even is a sum of even solids
(`Layered`), so that its integral stays exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.shape.shape import Bounds, Ellipsoid, Point, Shape

__all__ = [
    "Bowl",
    "Cloud",
    "EggShell",
    "Fused",
    "Hollow",
    "Layered",
    "Measured",
    "Pill",
    "Plate",
    "Solid",
    "middle_distance",
    "near",
]

Array = NDArray[np.float32]

REACH_FACTOR = 1.5
"""How far beyond a tile's own half diagonal a surface is still looked for: distances of ellipsoids
and blends are right only near the surface."""


class Solid(Shape, Protocol):
    """A shape whose volume is known."""

    @property
    def volume_mm3(self) -> float:
        """Volume in mm³, in closed form or to within 0.2 %."""
        ...

    @property
    def width_mm(self) -> float:
        """Smallest extent: a sphere's diameter, a shell's wall."""
        ...


@runtime_checkable
class Divided(Shape, Protocol):
    """A shape that can leave out what of it does not reach into a box."""

    def near(self, low: Point, high: Point) -> Shape | None:
        """Return what can reach into a box; ``None`` if nothing does."""
        ...


def _enclosing(boxes: Sequence[Bounds]) -> Bounds:
    low = [min(b[0][a] for b in boxes) for a in range(3)]
    high = [max(b[1][a] for b in boxes) for a in range(3)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _unit(vector: Point) -> Point:
    size = math.sqrt(sum(v * v for v in vector))
    return (vector[0] / size, vector[1] / size, vector[2] / size)


def _offsets(centre: Point, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    return x - np.float32(centre[0]), y - np.float32(centre[1]), z - np.float32(centre[2])


def _along(axis: Point, x: Array, y: Array, z: Array) -> Array:
    return np.asarray(x * np.float32(axis[0]) + y * np.float32(axis[1]) + z * np.float32(axis[2]))


@dataclass(frozen=True, slots=True)
class Pill:
    """A rod whose radius tapers evenly from `radius` to `end_radius`, with half spheres at its ends.

    The slanted side is a cone about the axis, so that the volume is a frustum and two half spheres.
    """

    start: Point
    end: Point
    radius: float
    end_radius: float

    @property
    def width_mm(self) -> float:
        """Smallest extent: twice the smaller radius."""
        return 2 * min(self.radius, self.end_radius)

    @property
    def volume_mm3(self) -> float:
        """Volume, π/3 L (r² + rs + s²) + 2π/3 (r³ + s³)."""
        r, s = self.radius, self.end_radius
        side = math.dist(self.start, self.end) * (r * r + r * s + s * s)
        return math.pi / 3 * side + 2 * math.pi / 3 * (r**3 + s**3)

    def bounds(self) -> Bounds:
        """Return the box around both end spheres."""
        ends = [(self.start, self.radius), (self.end, self.end_radius)]
        return _enclosing([((x - r, y - r, z - r), (x + r, y + r, z + r)) for (x, y, z), r in ends])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance across the axis, first-order where the radius tapers."""
        axis = (self.end[0] - self.start[0], self.end[1] - self.start[1], self.end[2] - self.start[2])
        dx, dy, dz = _offsets(self.start, x, y, z)
        length2 = sum(a * a for a in axis)
        share = np.clip(_along(axis, dx, dy, dz) / np.float32(max(length2, 1e-12)), 0, 1)
        dx, dy, dz = (d - share * np.float32(a) for d, a in zip((dx, dy, dz), axis, strict=True))
        radius = np.float32(self.radius) + share * np.float32(self.end_radius - self.radius)
        return np.asarray(np.sqrt(dx * dx + dy * dy + dz * dz) - radius)


@dataclass(frozen=True, slots=True)
class Plate:
    """A round flat plate with a round edge: everything within `half_thickness` of a disc."""

    centre: Point
    normal: Point
    radius: float
    half_thickness: float

    @property
    def width_mm(self) -> float:
        """Smallest extent: the thickness."""
        return 2 * self.half_thickness

    @property
    def volume_mm3(self) -> float:
        """Volume, 2πR²t + π²Rt² + 4/3 πt³ with R the disc's radius."""
        r, t = self.radius - self.half_thickness, self.half_thickness
        return 2 * math.pi * r * r * t + math.pi**2 * r * t * t + 4 / 3 * math.pi * t**3

    def bounds(self) -> Bounds:
        """Return the box around the plate."""
        r, t = self.radius - self.half_thickness, self.half_thickness
        reach = [r * math.sqrt(max(1 - n * n, 0.0)) + t for n in _unit(self.normal)]
        (x, y, z), (a, b, c) = self.centre, reach
        return (x - a, y - b, z - c), (x + a, y + b, z + c)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the exact distance."""
        dx, dy, dz = _offsets(self.centre, x, y, z)
        height = _along(_unit(self.normal), dx, dy, dz)
        across = np.sqrt(np.maximum(dx * dx + dy * dy + dz * dz - height * height, np.float32(0)))
        out = np.maximum(across - np.float32(self.radius - self.half_thickness), np.float32(0))
        return np.asarray(np.sqrt(out * out + height * height) - np.float32(self.half_thickness))


@dataclass(frozen=True, slots=True)
class Bowl:
    """Part of a hollow sphere: its wall within `half_angle_deg` of `axis` as seen from the centre."""

    centre: Point
    axis: Point
    radius: float
    thickness: float
    half_angle_deg: float

    @property
    def width_mm(self) -> float:
        """Smallest extent: the wall."""
        return self.thickness

    @property
    def volume_mm3(self) -> float:
        """Volume, the shell's times (1 - cos θ) / 2."""
        shell = 4 / 3 * math.pi * (self.radius**3 - (self.radius - self.thickness) ** 3)
        return shell * (1 - math.cos(math.radians(self.half_angle_deg))) / 2

    def bounds(self) -> Bounds:
        """Return the box around the part of the sphere that the wall covers."""
        theta = math.radians(self.half_angle_deg)
        low, high = [], []
        inner = (self.radius - self.thickness) / self.radius
        for c, a in zip(self.centre, _unit(self.axis), strict=True):
            turn = math.acos(max(-1.0, min(1.0, a)))
            most = 1.0 if turn <= theta else math.cos(turn - theta)
            least = -1.0 if math.pi - turn <= theta else math.cos(turn + theta)
            high.append(c + self.radius * (most if most > 0 else most * inner))
            low.append(c + self.radius * (least if least < 0 else least * inner))
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the greater of the distances to the wall and to the cone, each right at its surface."""
        dx, dy, dz = _offsets(self.centre, x, y, z)
        reach = np.sqrt(dx * dx + dy * dy + dz * dz)
        middle, half = np.float32(self.radius - self.thickness / 2), np.float32(self.thickness / 2)
        wall = np.abs(reach - middle) - half
        if self.half_angle_deg >= 180:
            return np.asarray(wall)
        theta = math.radians(self.half_angle_deg)
        beyond = reach * np.float32(math.cos(theta)) - _along(_unit(self.axis), dx, dy, dz)
        return np.asarray(np.maximum(wall, beyond / np.float32(math.sin(theta))))


@dataclass(frozen=True, slots=True)
class EggShell:
    """The wall between two ellipsoids that share a centre: `outer`, and one `thickness` smaller."""

    outer: Ellipsoid
    thickness: float

    @property
    def inner(self) -> Ellipsoid:
        """The hollow."""
        o, t = self.outer, self.thickness
        radii = (o.radii[0] - t, o.radii[1] - t, o.radii[2] - t)
        return Ellipsoid(o.centre, radii, o.yaw, o.pitch, o.roll)

    @property
    def width_mm(self) -> float:
        """Smallest extent: the wall."""
        return self.thickness

    @property
    def volume_mm3(self) -> float:
        """Volume of the wall."""
        return self.outer.volume_mm3 - self.inner.volume_mm3

    def bounds(self) -> Bounds:
        """Return the box of the outer ellipsoid."""
        return self.outer.bounds()

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the greater of the distance to the outside and the depth in the hollow."""
        return np.asarray(np.maximum(self.outer.distance(x, y, z), -self.inner.distance(x, y, z)))


@dataclass(frozen=True, slots=True)
class Cloud:
    """Solids that do not touch, taken as one: grains, or the pieces of a broken rim."""

    parts: tuple[Solid, ...]

    @property
    def width_mm(self) -> float:
        """Smallest extent of the smallest part."""
        return min(p.width_mm for p in self.parts)

    @property
    def volume_mm3(self) -> float:
        """Sum of the parts' volumes."""
        return math.fsum(p.volume_mm3 for p in self.parts)

    def bounds(self) -> Bounds:
        """Return the box around all."""
        return _enclosing([p.bounds() for p in self.parts])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance to the nearest part."""
        return _nearest(self.parts, x, y, z)


def _nearest(parts: Sequence[Shape], x: Array, y: Array, z: Array) -> Array:
    nearest = parts[0].distance(x, y, z)
    for part in parts[1:]:
        nearest = np.minimum(nearest, part.distance(x, y, z))
    return nearest


@dataclass(frozen=True, slots=True)
class Measured:
    """A shape with its volume measured beforehand; made by `measured`.

    `volume_error` is the relative error to be expected of the volume.
    """

    shape: Shape
    volume_mm3: float
    width_mm: float
    volume_error: float

    def bounds(self) -> Bounds:
        """Return the shape's box."""
        return self.shape.bounds()

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the shape's distance."""
        return self.shape.distance(x, y, z)

    def near(self, low: Point, high: Point) -> Shape | None:
        """Return what of the shape can reach into a box."""
        return near(self.shape, low, high)


@dataclass(frozen=True, slots=True)
class Fused:
    """Overlapping solids as one shape; `fuse` measures its volume."""

    parts: tuple[Solid, ...]

    def bounds(self) -> Bounds:
        """Return the box around all."""
        return _enclosing([p.bounds() for p in self.parts])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance to the nearest part."""
        return _nearest(self.parts, x, y, z)

    def near(self, low: Point, high: Point) -> Shape | None:
        """Return the parts that can reach into a box."""
        kept = [p for p in self.parts if _meet(p.bounds(), low, high)]
        if not kept:
            return None
        return kept[0] if len(kept) == 1 else Fused(tuple(kept))


@dataclass(frozen=True, slots=True)
class Hollow:
    """A shape with another taken out of it, each looked at only where it can reach."""

    outer: Shape
    inner: Shape

    def bounds(self) -> Bounds:
        """Return the box of the outer shape."""
        return self.outer.bounds()

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the greater of the distance to the outside and the depth in the hollow."""
        return np.asarray(np.maximum(self.outer.distance(x, y, z), -self.inner.distance(x, y, z)))

    def near(self, low: Point, high: Point) -> Shape | None:
        """Return what of both can reach into a box."""
        outer, inner = near(self.outer, low, high), near(self.inner, low, high)
        if outer is None or inner is None:
            return outer
        return Hollow(outer, inner)


@dataclass(frozen=True, slots=True)
class Layered:
    """A solid of uneven density: even solids within it, each adding its weight.

    Parameters
    ----------
    support
        Where there is anything at all; it gives the volume.
    layers
        (weight, solid) of each layer, all of them within `support`. Only the ratios of the weights
        count: the density is scaled so that its mean over the volume is 1.
    """

    support: Solid
    layers: tuple[tuple[float, Solid], ...]

    @property
    def width_mm(self) -> float:
        """Smallest extent of the whole."""
        return self.support.width_mm

    @property
    def volume_mm3(self) -> float:
        """Volume of the whole."""
        return self.support.volume_mm3

    @property
    def scale(self) -> float:
        """What makes the mean density 1."""
        return self.volume_mm3 / math.fsum(w * s.volume_mm3 for w, s in self.layers)

    def bounds(self) -> Bounds:
        """Return the box of the whole."""
        return self.support.bounds()

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance to the surface of the whole."""
        return self.support.distance(x, y, z)


def _meet(box: Bounds, low: Point, high: Point) -> bool:
    return all(box[0][a] <= high[a] and box[1][a] >= low[a] for a in range(3))


def near(shape: Shape, low: Point, high: Point) -> Shape | None:
    """Return what of a shape can reach into a box; ``None`` if nothing does."""
    if not _meet(shape.bounds(), low, high):
        return None
    return shape.near(low, high) if isinstance(shape, Divided) else shape


def middle_distance(shape: Shape, low: Point, high: Point) -> tuple[float, float]:
    """Return how far a box's middle lies from the surface, and how far for the surface to reach in."""
    middle = (np.full((1, 1, 1), (a + b) / 2, dtype=np.float32) for a, b in zip(low, high, strict=True))
    apart = float(np.broadcast_to(shape.distance(*middle), (1, 1, 1))[0, 0, 0])
    return apart, REACH_FACTOR * math.dist(low, high) / 2
