"""Flat shapes of a sonogram: each gives the signed distance to its edge, in the plane of the beams.

x runs to the right of the screen and z away from the transducer's face, both in mm; z = 0 at the middle of
the face. Distances are negative inside, exact for circles and tubes and right to first order elsewhere,
which is what an anti-aliased edge needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "Below",
    "Both",
    "Bounds",
    "Ellipse",
    "Joined",
    "Lumpy",
    "Ring",
    "Shape",
    "Tube",
    "coverage",
]

Array = NDArray[np.float32]

Bounds = tuple[float, float, float, float]
"""Lowest x, lowest z, highest x, highest z, in mm."""

FAR_MM = 1e4
"""Stands for "no end", in mm."""


class Shape(Protocol):
    """A flat body with an edge."""

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        ...

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance in mm at points given in mm."""
        ...


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse with half axes `a` and `b`; `angle` turns `a` from x towards z, in radians."""

    x: float
    z: float
    a: float
    b: float
    angle: float = 0.0

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        u = math.hypot(self.a * cos, self.b * sin)
        v = math.hypot(self.a * sin, self.b * cos)
        return self.x - u, self.z - v, self.x + u, self.z + v

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance, first order."""
        cos, sin = np.float32(math.cos(self.angle)), np.float32(math.sin(self.angle))
        dx, dz = x - np.float32(self.x), z - np.float32(self.z)
        if self.a == self.b:
            return np.asarray(np.hypot(dx, dz) - np.float32(self.a), dtype=np.float32)
        u = (dx * cos + dz * sin) / np.float32(self.a)
        v = (dz * cos - dx * sin) / np.float32(self.b)
        k = np.hypot(u, v)
        slope = np.hypot(u / np.float32(self.a), v / np.float32(self.b)) + np.float32(1e-6)
        return np.asarray(
            np.where(k < 1e-3, -np.float32(min(self.a, self.b)), (k - 1) * k / slope), dtype=np.float32
        )


@dataclass(frozen=True, slots=True)
class Tube:
    """A line of points, thick by a radius that may change from point to point."""

    points: tuple[tuple[float, float], ...]
    radii: tuple[float, ...]

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        xs = [p[0] for p in self.points]
        zs = [p[1] for p in self.points]
        reach = max(self.radii)
        return min(xs) - reach, min(zs) - reach, max(xs) + reach, max(zs) + reach

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance."""
        best: Array | None = None
        ends = list(zip(self.points, self.radii, strict=True))
        for ((x0, z0), r0), ((x1, z1), r1) in zip(ends, ends[1:] or ends, strict=False):
            ex, ez = x1 - x0, z1 - z0
            length2 = max(ex * ex + ez * ez, 1e-9)
            t = np.clip(
                ((x - np.float32(x0)) * np.float32(ex) + (z - np.float32(z0)) * np.float32(ez))
                * np.float32(1 / length2),
                0,
                1,
            )
            u, v = x - np.float32(x0) - t * np.float32(ex), z - np.float32(z0) - t * np.float32(ez)
            d = np.sqrt(u * u + v * v)
            d = d - (np.float32(r0) + t * np.float32(r1 - r0))
            best = d if best is None else np.minimum(best, d)
        if best is None:
            return np.full(np.broadcast_shapes(x.shape, z.shape), FAR_MM, dtype=np.float32)
        return np.asarray(best, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Below:
    """Everything deeper than a curve z(x), given at rising `xs` and taken as straight between them."""

    xs: tuple[float, ...]
    zs: tuple[float, ...]

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        return -FAR_MM, min(self.zs), FAR_MM, FAR_MM

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance, first order."""
        curve, flat = _table(self)
        at = ((np.asarray(x, dtype=np.float32) - np.float32(self.xs[0])) * np.float32(PER_MM)).astype(
            np.int32
        )
        np.clip(at, 0, curve.size - 1, out=at)
        return np.asarray((curve[at] - z) * flat[at], dtype=np.float32)


PER_MM = 8
"""Places a mm at which a curve is tabled: an eighth of a mm is far finer than any beam."""


@lru_cache(maxsize=64)
def _table(below: Below) -> tuple[Array, Array]:
    """Return a curve's height and the cosine of its slope, tabled along x."""
    xs, zs = np.asarray(below.xs), np.asarray(below.zs)
    fine = np.arange(xs[0], xs[-1], 1 / PER_MM)
    slope = np.interp(fine, xs, np.gradient(zs, xs))
    return np.interp(fine, xs, zs).astype(np.float32), (1 / np.hypot(1, slope)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Ring:
    """The edge of a shape, thick by `width` (half of it on either side)."""

    of: Shape
    width: float

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        x0, z0, x1, z1 = self.of.bounds()
        h = self.width / 2
        if isinstance(self.of, Below):
            z1 = max(self.of.zs)
        return x0 - h, z0 - h, x1 + h, z1 + h

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance."""
        return np.asarray(np.abs(self.of.distance(x, z)) - np.float32(self.width / 2), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Lumpy:
    """A shape whose edge is uneven: pushed in and out by `amplitude` with waves of `period`, in mm."""

    of: Shape
    amplitude: float
    period: float
    phase: float = 0.0

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        x0, z0, x1, z1 = self.of.bounds()
        a = self.amplitude
        return x0 - a, z0 - a, x1 + a, z1 + a

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance, first order."""
        k, p = np.float32(2 * math.pi / self.period), np.float32(self.phase)
        wave = (
            np.sin(k * x + p)
            + np.sin(k * z * np.float32(1.21) + p * 2)
            + np.sin(k * (x - z) * np.float32(0.7))
        ) / 2
        return np.asarray(self.of.distance(x, z) + np.float32(self.amplitude) * wave, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Joined:
    """All of several shapes together."""

    parts: tuple[Shape, ...]

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        boxes = np.array([part.bounds() for part in self.parts])
        low, high = boxes.min(axis=0), boxes.max(axis=0)
        return float(low[0]), float(low[1]), float(high[2]), float(high[3])

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance."""
        return np.asarray(np.minimum.reduce([part.distance(x, z) for part in self.parts]), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Both:
    """What lies in two shapes at once; with `outside`, in the first and not in the second."""

    first: Shape
    second: Shape
    outside: bool = False

    def bounds(self) -> Bounds:
        """Return a box that holds the shape."""
        if self.outside and isinstance(self.second, Below):
            x0, z0, x1, z1 = self.first.bounds()
            return x0, z0, x1, min(z1, max(self.second.zs))
        if self.outside:
            return self.first.bounds()
        a, b = self.first.bounds(), self.second.bounds()
        return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])

    def distance(self, x: Array, z: Array) -> Array:
        """Return the signed distance."""
        second = self.second.distance(x, z)
        return np.asarray(np.maximum(self.first.distance(x, z), -second if self.outside else second))


def coverage(shape: Shape, x: Array, z: Array, soft_mm: float | Array) -> Array:
    """Return how much of each sample the shape covers, 0 to 1, its edge `soft_mm` wide."""
    return np.asarray(np.clip(0.5 - shape.distance(x, z) / soft_mm, 0, 1), dtype=np.float32)
