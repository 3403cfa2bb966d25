"""Calcium along a line: strings, trees, rays and the walls of vessels, as solids of known volume."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from hepalith.phantom.contents.site import add, along_path, draw_direction, path_length, perpendicular, unit
from hepalith.phantom.shape.shape import Capsule, Point
from hepalith.phantom.shape.solid import Fused, Hollow, Measured, Pill, Solid
from hepalith.phantom.shape.volume import fuse, measured

__all__ = ["make_fork", "make_sleeve", "make_star", "make_string", "make_tree"]

STEP_MM = 3.0
"""Length of one straight step of a bent line."""

BEND = 0.16
"""How far a line turns aside in one step, as a share of the step."""


def _rounded(point: Point) -> Point:
    return (round(point[0], 6), round(point[1], 6), round(point[2], 6))


def draw_path(
    start: Point, way: Point, length_mm: float, random: np.random.Generator, bend: float = BEND
) -> tuple[Point, ...]:
    """Return a gently bent path."""
    count = max(2, round(length_mm / STEP_MM))
    path = [_rounded(start)]
    heading = unit(way)
    bow = perpendicular(heading, random)
    for _ in range(count):
        heading = unit(add(add(heading, bow, 0.5 * bend), draw_direction(random), 0.6 * bend))
        path.append(_rounded(add(path[-1], heading, length_mm / count)))
    return tuple(path)


def _rods(path: Sequence[Point], radius: float) -> list[Solid]:
    return [Capsule(a, b, radius) for a, b in itertools.pairwise(path)]


def _centred(path: tuple[Point, ...], centre: Point) -> tuple[Point, ...]:
    """Return a path moved so that the middle of its length lies at `centre`."""
    (middle,) = along_path(path, [path_length(path) / 2])
    shift = add(centre, middle, -1.0)
    return tuple(_rounded(add(p, shift)) for p in path)


def make_string(centre: Point, length_mm: float, width_mm: float, random: np.random.Generator) -> Solid:
    """Return a single bent line."""
    path = draw_path(centre, draw_direction(random), length_mm - width_mm, random)
    return fuse(_rods(_centred(path, centre), round(width_mm / 2, 6)))


def make_fork(centre: Point, length_mm: float, width_mm: float, random: np.random.Generator) -> Solid:
    """Return a line that divides in two, and one of its arms once more."""
    way = draw_direction(random)
    stem = draw_path(add(centre, way, -0.45 * length_mm), way, 0.45 * length_mm, random)
    radius = width_mm / 2
    parts = _rods(stem, round(radius, 6))
    heading = unit(add(stem[-1], stem[-2], -1.0))
    side = perpendicular(heading, random)
    for sign, share in ((1.0, 0.5), (-1.0, 0.36)):
        turn = math.radians(float(random.uniform(24, 46)))
        arm_way = add(add((0.0, 0.0, 0.0), heading, math.cos(turn)), side, sign * math.sin(turn))
        arm = draw_path(stem[-1], arm_way, share * length_mm, random)
        parts += _rods(arm, round(0.82 * radius, 6))
        if sign > 0:
            twig_way = unit(add(arm_way, side, -0.8))
            twig = draw_path(arm[len(arm) // 2], twig_way, 0.22 * length_mm, random)
            parts += _rods(twig, round(0.7 * radius, 6))
    return fuse(parts)


def make_tree(paths: Sequence[tuple[Point, ...]], radii_mm: Sequence[float]) -> Solid:
    """Return a cast of branches: each path filled to its radius."""
    parts: list[Solid] = []
    for path, radius in zip(paths, radii_mm, strict=True):
        parts += _rods(path, round(radius, 6))
    return fuse(parts)


def make_star(
    centre: Point, reach_mm: float, width_mm: float, random: np.random.Generator, rays: int | None = None
) -> Solid:
    """Return rays that thin out from one centre, most of them near one plane, as in a scar."""
    rays = rays or int(random.integers(6, 10))
    plane = draw_direction(random)
    first = perpendicular(plane, random)
    second = unit(
        (
            plane[1] * first[2] - plane[2] * first[1],
            plane[2] * first[0] - plane[0] * first[2],
            plane[0] * first[1] - plane[1] * first[0],
        )
    )
    parts: list[Solid] = [Capsule(centre, centre, round(0.85 * width_mm, 6))]
    for number in range(rays):
        angle = 2 * math.pi * (number + float(random.uniform(-0.3, 0.3))) / rays
        flat = add(add((0.0, 0.0, 0.0), first, math.cos(angle)), second, math.sin(angle))
        way = unit(add(flat, plane, float(random.uniform(-0.55, 0.55))))
        length = reach_mm * float(random.uniform(0.55, 1.0))
        bend = _rounded(add(add(centre, way, 0.55 * length), draw_direction(random), 0.08 * length))
        end = _rounded(add(bend, unit(add(way, draw_direction(random), 0.25)), 0.45 * length))
        near, middle, far = (round(s * width_mm, 6) for s in (0.62, 0.45, 0.3))
        parts += [Pill(centre, bend, near, middle), Pill(bend, end, middle, far)]
    return fuse(parts)


def make_sleeve(path: Sequence[Point], radius_mm: float, wall_mm: float) -> Measured:
    """Return the wall of a stretch of vessel: two parallel lines wherever a slice cuts it lengthwise.

    `radius_mm` is the inner radius.
    """
    path = tuple(path)
    outer = Fused(tuple(_rods(path, radius_mm + wall_mm)))
    first, last = unit(add(path[0], path[1], -1.0)), unit(add(path[-1], path[-2], -1.0))
    beyond = radius_mm + 2 * wall_mm
    inner = (_rounded(add(path[0], first, beyond)), *path, _rounded(add(path[-1], last, beyond)))
    return measured(Hollow(outer, Fused(tuple(_rods(inner, radius_mm)))), wall_mm, (5.0, 8.0))
