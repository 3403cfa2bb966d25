"""The longest caliper of a solid: its greatest extent over all directions."""

from __future__ import annotations

import math

import numpy as np

from hepalith.phantom.shape.shape import Capsule, Ellipsoid, Point, Shape, Shell
from hepalith.phantom.shape.solid import Bowl, Cloud, EggShell, Fused, Layered, Measured, Pill, Plate

__all__ = ["longest_caliper_mm"]

DIRECTIONS = 600
"""Directions tried on a half sphere, 5° apart: a caliper is missed by at most 0.1 %."""

LATTICE = 40
"""Steps along the longest side of the box on which a shape without a closed extent is measured; its
caliper is right to about one step, 2.5 %."""


def _directions() -> list[Point]:
    """Return directions spread evenly over a half sphere, by the golden angle."""
    turn = math.pi * (3 - math.sqrt(5))
    found = []
    for number in range(DIRECTIONS):
        height = (number + 0.5) / DIRECTIONS
        across = math.sqrt(1 - height * height)
        found.append(
            (
                round(across * math.cos(turn * number), 9),
                round(across * math.sin(turn * number), 9),
                round(height, 9),
            )
        )
    return found


def _dot(a: Point, b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _bowl(bowl: Bowl, way: Point) -> float:
    size = math.sqrt(_dot(bowl.axis, bowl.axis))
    turn = math.acos(max(-1.0, min(1.0, _dot(bowl.axis, way) / size)))
    share = math.cos(max(turn - math.radians(bowl.half_angle_deg), 0.0))
    return share * (bowl.radius if share > 0 else bowl.radius - bowl.thickness)


def _reach(shape: Shape, way: Point) -> float | None:  # noqa: PLR0911 - one for each kind
    """Return how far a shape reaches along a direction; ``None`` if that has no closed form."""
    match shape:
        case Capsule():
            last = shape.radius if shape.end_radius is None else shape.end_radius
            return max(_dot(shape.start, way) + shape.radius, _dot(shape.end, way) + last)
        case Pill():
            return max(_dot(shape.start, way) + shape.radius, _dot(shape.end, way) + shape.end_radius)
        case Ellipsoid():
            return _dot(shape.centre, way) + shape.reach(way)
        case Shell():
            return _dot(shape.centre, way) + shape.radius
        case EggShell():
            return _reach(shape.outer, way)
        case Bowl():
            return _dot(shape.centre, way) + _bowl(shape, way)
        case Plate():
            lean = _dot(shape.normal, way) / math.sqrt(_dot(shape.normal, shape.normal))
            flat = (shape.radius - shape.half_thickness) * math.sqrt(max(1 - lean * lean, 0.0))
            return _dot(shape.centre, way) + flat + shape.half_thickness
        case Fused() | Cloud():
            found = [_reach(p, way) for p in shape.parts]
            known = [f for f in found if f is not None]
            return max(known) if len(known) == len(found) else None
        case Measured():
            return _reach(shape.shape, way)
        case Layered():
            return _reach(shape.support, way)
        case _:
            return None


def _from_lattice(shape: Shape) -> float:
    """Return the longest caliper of the lattice points within a shape, and one step."""
    low, high = shape.bounds()
    step = max(b - a for a, b in zip(low, high, strict=True)) / LATTICE
    axes = [
        np.arange(a, b + step, step, dtype=np.float64).astype(np.float32)
        for a, b in zip(low, high, strict=True)
    ]
    x, y, z = axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None]
    inside = np.argwhere(np.broadcast_to(shape.distance(x, y, z), (z.size, y.size, x.size)) < step / 2)
    if not inside.size:
        return math.dist(low, high)
    points = [axes[2 - a][inside[:, a]].astype(np.float64) for a in (2, 1, 0)]
    spans = [
        p.max() - p.min()
        for p in (points[0] * u + points[1] * v + points[2] * w for u, v, w in _directions())
    ]
    return float(max(spans))


def longest_caliper_mm(shape: Shape) -> float:
    """Return the longest caliper in mm.

    In closed form over `DIRECTIONS` for what is made of spheres, rods, ellipsoids, plates and bowls;
    on a lattice for anything else.

    Examples
    --------
    >>> round(longest_caliper_mm(Capsule((0.0, 0.0, 0.0), (0.0, 0.0, 8.0), 1.0)), 1)
    10.0
    """
    longest = 0.0
    for x, y, z in _directions():
        ahead, behind = _reach(shape, (x, y, z)), _reach(shape, (-x, -y, -z))
        if ahead is None or behind is None:
            longest = _from_lattice(shape)
            break
        longest = max(longest, ahead + behind)
    return round(longest, 2)
