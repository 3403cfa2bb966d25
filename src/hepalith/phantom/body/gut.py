"""Stomach, duodenum, colon and small bowel, with what they hold; the bladder."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from hepalith.phantom.body.contrast import Tissues
from hepalith.phantom.body.organs import rippled
from hepalith.phantom.body.trunk import Build, Chance
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Common, Ellipsoid, Grown, HalfSpace, Joined, Point, Shape, Tube

__all__ = ["Gut", "make_gut"]


STEPS_OF_A_BEND = 7
"""Steps of a tube whose gas and fluid find one level."""

WALL_GAP_MM = 2.0
"""Peritoneum and fat between the gut and the wall or the diaphragm."""


@dataclass(frozen=True, slots=True)
class Gut:
    """The gut's bodies, and the surfaces of those parts that press on the liver."""

    bodies: tuple[Body, ...]
    stomach: Shape
    flexure: Tube


def _level(shape: Shape, gas: float) -> float:
    """Return y of the fluid level that leaves a share of a hollow organ's depth to gas above it."""
    low, high = shape.bounds()
    return low[1] + gas * 0.8 * (high[1] - low[1])


def _make_stomach(room: _Room, tissues: Tissues, chance: Chance) -> tuple[Shape, list[Body]]:
    """Return the stomach: fundus under the left dome, body in front of the spleen, antrum to the right."""
    build, v = room.build, room.build.variation
    size = 0.55 + 0.8 * v.stomach_fill
    drop = chance.between(-12.0, 8.0) - 16.0 * v.stomach_fill
    lift = 0.6 * v.dome_mm
    parts = (
        ((58.0, 8.0, 34.0 + lift), (35.0, 38.0, 36.0)),
        ((60.0, -30.0, 6.0 + 0.5 * drop), (29.0, 34.0, 40.0)),
        ((30.0, -52.0, -28.0 + drop), (32.0, 20.0, 18.0)),
    )
    pieces: list[Shape] = []
    for (x, y, z), radii in parts:
        a, b, c = chance.sized(radii, 0.12)
        middle = chance.near(build.at(x, y, z), 5.0)
        pieces.append(
            Ellipsoid(middle, (a * size, b * size, c * (0.5 + 0.5 * size)), roll=chance.between(-14, 20))
        )
    antrum = build.path((34.0, -56.0, -30.0 + drop), (10.0, -56.0, -40.0 + drop), (-10.0, -44.0, -42.0))
    wide = 11.0 + 7.0 * v.stomach_fill
    pieces.append(Tube(antrum, (wide, wide * 0.85, wide * 0.7)))
    whole = rippled(Joined(tuple(pieces), rounding_mm=26.0), 2.0, chance)
    inside = Common((Grown(room.space, -WALL_GAP_MM), build.cavity.grown(-WALL_GAP_MM)))
    stomach = Common((whole, inside), rounding_mm=8.0)
    lumen = Grown(stomach, -chance.between(3.0, 5.5))
    gas = Common((lumen, HalfSpace((0, _level(stomach, v.stomach_gas), 0), (0, 1, 0))))
    food = 22.0 if chance.happens(0.25) else 5.0
    return stomach, [
        Body(stomach, tissues["stomach_wall"], "stomach"),
        Body(lumen, tissues.gut_hu, "stomach", mottle_hu=food + 0.1 * max(tissues.gut_hu - 60.0, 0.0)),
        Body(gas, tissues["gas"], "stomach"),
    ]


def _haustra(path: tuple[Point, ...], radius: float, chance: Chance) -> Tube:
    """Return a colon along a path: finer steps, and a radius that swells and narrows."""
    points: list[Point] = []
    radii: list[float] = []
    phase = chance.between(0, 6.283)
    run = 0.0
    for a, b in itertools.pairwise(path):
        length = math.dist(a, b)
        steps = max(int(length / 14.0), 1)
        for step in range(steps):
            share = step / steps
            x, y, z = (round(p + share * (q - p), 6) for p, q in zip(a, b, strict=True))
            points.append((x, y, z))
            radii.append(round(radius * (1 + 0.16 * math.sin((run + share * length) / 6.5 + phase)), 6))
        run += length
    return Tube((*points, path[-1]), (*radii, radius))


def _gas_over(tube: Tube, gas: float, wall: float) -> list[Common]:
    """Return the gas in a tube: it lies in front, over one level in each bend of a few steps."""
    found = []
    for first in range(0, len(tube.path) - 1, STEPS_OF_A_BEND):
        path = tube.path[first : first + STEPS_OF_A_BEND + 1]
        radii = tube.radii[first : first + STEPS_OF_A_BEND + 1]
        low = min(y - r for (_, y, _), r in zip(path, radii, strict=True))
        high = max(y + r for (_, y, _), r in zip(path, radii, strict=True))
        level = round(low + gas * (high - low), 6)
        inner = Tube(path, tuple(r - wall for r in radii))
        found.append(Common((inner, HalfSpace((0.0, level, 0.0), (0.0, 1.0, 0.0)))))
    return found


@dataclass(frozen=True, slots=True)
class _Room:
    """Where gut may lie: within the wall and below the diaphragm."""

    build: Build
    space: Shape

    def kept(self, point: Point, radius_mm: float) -> Point:
        """Return a point, moved inward and down until a gut of this radius about it fits."""
        x, y, z = self.build.cavity.inside(point, radius_mm + WALL_GAP_MM)
        for _ in range(16):
            at = (np.full((1, 1, 1), v, dtype=np.float32) for v in (x, y, z))
            if float(self.space.distance(*at).ravel()[0]) < -radius_mm - WALL_GAP_MM:
                break
            x, y, z = self.build.cavity.inside((x, y, z - 6.0), radius_mm + WALL_GAP_MM)
        return (x, y, z)

    def path(self, path: tuple[Point, ...], chance: Chance, mm: float, radius_mm: float) -> tuple[Point, ...]:
        """Return where a path of an ordinary adult lies in this one, each point up to `mm` away."""
        return tuple(self.kept(chance.near(self.build.at(*p), mm), radius_mm) for p in path)


def _flexures(room: _Room, radius_mm: float, chance: Chance) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """Return the colon's path: up the right flank to the flexure, across; up to the left and down."""
    kind = room.build.variation.colon
    sag = chance.between(-45.0, 25.0)
    top = {"usual": -92.0, "high": -62.0, "low": -135.0, "interposed": -55.0}[kind] + chance.between(-12, 12)
    right: tuple[Point, ...]
    if kind == "interposed":
        height = chance.between(-10.0, 45.0)
        right = (
            (-100, 22, -210), (-104, 16, -130), (-112, -10, top), (-108, -42, 0.5 * height),
            (-80, -66, height), (-50, -72, 0.4 * height - 20), (-20, -74, -80 + sag),
        )  # fmt: skip
    elif kind == "high":
        right = ((-98, 26, -210), (-102, 24, -140), (-100, 26, top), (-82, -14, top - 12), (-56, -58, -84),
                 (-10, -72, -90 + sag))  # fmt: skip
    else:
        right = (
            (-98, 22, -210),
            (-100, 16, -150),
            (-94, -6, top),
            (-64, -56, top - 6),
            (-10, -72, top + 10 + sag),
        )
    left = (
        (50, -68, -80 + 0.6 * sag), (88, -44, -50), (106, -8, chance.between(-35, 20)), (112, 24, -40),
        (108, 32, -130), (96, 26, -190), (60, 8, -225), (20, 30, -235),
    )  # fmt: skip
    return room.path(right, chance, 6.0, radius_mm), room.path(left, chance, 6.0, radius_mm)


def _make_colon(room: _Room, tissues: Tissues, chance: Chance) -> tuple[Tube, list[Body]]:
    wide = chance.between(15.0, 29.0)
    right, left = _flexures(room, wide, chance)
    first = _haustra(right, wide, chance)
    second = _haustra((right[-1], *left), wide * chance.between(0.6, 0.95), chance)
    wall = chance.between(1.8, 3.2)
    dense = tissues.gut_hu if chance.happens(0.6) else chance.between(5.0, 60.0)
    bodies: list[Body] = []
    for tube in (first, second):
        inner = Tube(tube.path, tuple(r - wall for r in tube.radii))
        gas = min(max(room.build.variation.bowel_gas + chance.between(-0.3, 0.3), 0.0), 1.0)
        bodies += [
            Body(tube, tissues["bowel_wall"], "colon"),
            Body(inner, dense, "colon", mottle_hu=chance.between(10.0, 70.0)),
        ]
        if gas > 0.05:
            bodies += [Body(g, tissues["gas"], "colon") for g in _gas_over(tube, gas, wall)]
    return first, bodies


def _make_loops(room: _Room, tissues: Tissues, chance: Chance) -> list[Body]:
    """Return loops of small bowel: a walk that fills the middle of the belly."""
    v = room.build.variation
    bodies: list[Body] = []
    high = chance.between(-70.0, -15.0) - 25.0 * v.visceral_fat
    for _ in range(round(chance.between(6.0, 11.0) - 3.0 * v.visceral_fat)):
        x, y, z = chance.between(-50, 75), chance.between(-60, 10), chance.between(-200, high)
        radius = chance.between(9.0, 15.5)
        path: list[Point] = []
        for _ in range(int(chance.between(16, 30))):
            x = min(max(x + chance.between(-36, 36), -70.0), 86.0)
            y = min(max(y + chance.between(-28, 28), -66.0), 16.0)
            z = min(max(z + chance.between(-24, 24), -225.0), high if x > 0 else high - 25.0)
            path.append(room.kept(room.build.at(x, y, z), radius))
        tube = Tube(tuple(path), tuple(chance.about(radius, 0.18) for _ in path))
        dense = tissues.gut_hu if chance.happens(0.7) else chance.between(5.0, 40.0)
        bodies += [
            Body(tube, tissues["bowel_wall"], "bowel"),
            Body(Tube(tube.path, tuple(r - 2.2 for r in tube.radii)), dense, "bowel", mottle_hu=10.0),
        ]
        if chance.happens(0.4 * v.bowel_gas):
            bodies += [Body(g, tissues["gas"], "bowel") for g in _gas_over(tube, 0.4, 2.2)[::2]]
    return bodies


def _make_duodenum(room: _Room, tissues: Tissues, chance: Chance) -> list[Body]:
    drop = chance.between(-14.0, 12.0)
    spots = ((-6, -44, -42), (-26, -34, -44), (-38, -10, -62 + drop), (-38, 6, -92 + drop),
             (-14, 14, -110 + drop), (14, 8, -108 + drop), (30, -10, -84))  # fmt: skip
    wide = chance.between(9.0, 15.0)
    path = room.path(spots, chance, 4.0, wide)
    tube = Tube(path, tuple(chance.about(wide, 0.15) for _ in path))
    content = tissues.gut_hu if chance.happens(0.7) else chance.between(0.0, 30.0)
    bodies = [
        Body(tube, tissues["bowel_wall"], "duodenum"),
        Body(Tube(path, tuple(r - 2.8 for r in tube.radii)), content, "duodenum"),
    ]
    if chance.happens(0.5):
        bodies.append(Body(_gas_over(tube, chance.between(0.2, 0.7), 2.8)[0], tissues["gas"], "duodenum"))
    return bodies


def make_gut(build: Build, space: Shape, tissues: Tissues, chance: Chance) -> Gut:
    """Return the gut of a patient, below the diaphragm, and the bladder."""
    room = _Room(build, space)
    stomach, stomach_bodies = _make_stomach(room, tissues, chance)
    flexure, colon = _make_colon(room, tissues, chance)
    full = chance.between(0.5, 1.3)
    bladder = Ellipsoid((0.0, -14.0, -285.0), (42.0 * full, 36.0 * full, 50.0 * full))
    bodies = [
        Body(bladder, tissues["muscle"], "bladder"),
        Body(Grown(bladder, -3.0), tissues["urine"], "bladder"),
        *_make_loops(room, tissues, chance),
        *_make_duodenum(room, tissues, chance),
        *stomach_bodies,
        *colon,
    ]
    return Gut(tuple(bodies), stomach, flexure)
