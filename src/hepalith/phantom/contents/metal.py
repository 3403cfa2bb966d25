"""Metal left by surgeons and radiologists: clips, coils and stents, as wires of known volume."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from hepalith.phantom.contents.site import add, along_path, draw_direction, path_length, perpendicular, unit
from hepalith.phantom.shape.shape import Capsule, Point
from hepalith.phantom.shape.solid import Solid
from hepalith.phantom.shape.volume import fuse

__all__ = ["make_clip", "make_coil", "make_stent"]

CLIP_WIRE_MM = 1.1
"""Thickness of the two legs of a surgical clip."""

COIL_WIRE_MM = 0.45
"""Thickness of a coil's wire with its fibres: 0.018 inch."""

STENT_WIRE_MM = 0.35
"""Thickness of a biliary stent's wire. Drawn with `STENT_WIRES` wires each way."""

WIRE_STEPS = (3.0, 4.5)
"""Steps across a wire when its volume is measured: it is long, and what the lattice leaves averages out."""

STENT_WIRES = 6
"""Wires each way; real stents have twice as many of half the section, which CT cannot tell apart."""


def _cross(a: Point, b: Point) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _rounded(point: Point) -> Point:
    return (round(point[0], 6), round(point[1], 6), round(point[2], 6))


def _wire(path: Sequence[Point], thickness_mm: float) -> list[Solid]:
    return [Capsule(a, b, thickness_mm / 2) for a, b in itertools.pairwise(path)]


def make_clip(centre: Point, length_mm: float, random: np.random.Generator) -> Solid:
    """Return a clip: two legs side by side, joined at one end."""
    way = draw_direction(random)
    side = perpendicular(way, random)
    gap = 0.55 * CLIP_WIRE_MM + 0.25
    ends = []
    for sign in (-1.0, 1.0):
        base = add(centre, side, sign * gap)
        ends.append((_rounded(add(base, way, -length_mm / 2)), _rounded(add(base, way, length_mm / 2))))
    (a, b), (c, d) = ends
    return fuse(_wire((b, a, c, d), CLIP_WIRE_MM))


def make_coil(centre: Point, length_mm: float, random: np.random.Generator) -> Solid:
    """Return a coil: a wire wound about a bent axis, its loops uneven."""
    way = draw_direction(random)
    first = perpendicular(way, random)
    second = _cross(way, first)
    radius = float(random.uniform(1.6, 3.2))
    turns = max(3.0, length_mm / float(random.uniform(1.2, 2.2)))
    count = int(turns * 10)
    path = []
    for number in range(count + 1):
        share = number / count
        angle = 2 * math.pi * turns * share
        swell = radius * (1 + 0.3 * math.sin(5.1 * share * math.pi))
        point = add(centre, way, length_mm * (share - 0.5))
        point = add(point, first, swell * math.cos(angle))
        path.append(_rounded(add(point, second, swell * math.sin(angle))))
    return fuse(_wire(path, COIL_WIRE_MM), WIRE_STEPS)


def make_stent(path: Sequence[Point], diameter_mm: float) -> Solid:
    """Return a mesh tube along a path: wires wound both ways."""
    length = path_length(path)
    pitch = 2.2 * diameter_mm
    steps = max(12, int(length / pitch * 12))
    middles = along_path(path, [length * n / steps for n in range(steps + 1)])
    frames = []
    first = perpendicular(add(middles[1], middles[0], -1.0), np.random.default_rng(0))
    for number, middle in enumerate(middles):
        ahead = middles[min(number + 1, steps)]
        behind = middles[max(number - 1, 0)]
        way = unit(add(ahead, behind, -1.0))
        along = sum(p * q for p, q in zip(first, way, strict=True))
        first = unit(add(first, way, -along))
        frames.append((middle, first, _cross(way, first)))
    parts: list[Solid] = []
    for sign in (-1.0, 1.0):
        for wire in range(STENT_WIRES):
            points = []
            for number, (middle, a, b) in enumerate(frames):
                angle = 2 * math.pi * (wire / STENT_WIRES + sign * number / 12)
                point = add(middle, a, 0.5 * diameter_mm * math.cos(angle))
                points.append(_rounded(add(point, b, 0.5 * diameter_mm * math.sin(angle))))
            parts += _wire(points, STENT_WIRE_MM)
    return fuse(parts, WIRE_STEPS)
