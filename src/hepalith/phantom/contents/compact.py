"""Compact calcium: dots, nodules, chunks, grains, clouds and plates, as solids of known volume."""

from __future__ import annotations

import math

import numpy as np

from hepalith.phantom.contents.site import add, draw_direction, perpendicular, scaled
from hepalith.phantom.shape.shape import Capsule, Ellipsoid, Point
from hepalith.phantom.shape.solid import Cloud, Layered, Plate, Solid
from hepalith.phantom.shape.volume import fuse

__all__ = ["make_cloudy", "make_coarse", "make_grains", "make_nodule", "make_plaque", "make_punctate"]

GRAIN_MM = (0.5, 1.3)
"""Diameters of grains: sand, below what CT resolves one by one."""

GRAIN_GAP_MM = 0.25
"""Least gap between two grains, so that their volumes add up."""

GRAINS_PER_ML = 170.0
"""Grains in a mL: enough that they run together in the image. Our judgement."""

MOST_GRAINS = 400
"""Most grains in one focus; each is drawn by itself."""


def _turned(random: np.random.Generator) -> tuple[float, float, float]:
    yaw, pitch, roll = (round(float(random.uniform(-90, 90)), 6) for _ in range(3))
    return yaw, pitch, roll


def make_punctate(centre: Point, diameter_mm: float, random: np.random.Generator) -> Solid:
    """Return a dot: an ellipsoid that is nearly a sphere."""
    half = diameter_mm / 2
    second, third = (round(half * float(random.uniform(0.8, 1.0)), 6) for _ in range(2))
    return Ellipsoid(centre, (half, second, third), *_turned(random))


def make_nodule(centre: Point, diameter_mm: float, random: np.random.Generator) -> Solid:
    """Return a rounded lump, denser in a part of it and with a few holes."""
    half = diameter_mm / 2
    radii = (half, half * float(random.uniform(0.75, 0.97)), half * float(random.uniform(0.7, 0.95)))
    turn = _turned(random)
    whole = Ellipsoid(centre, (radii[0], round(radii[1], 6), round(radii[2], 6)), *turn)
    layers: list[tuple[float, Solid]] = [(1.0, whole)]
    least = min(radii)
    spots = [(float(random.uniform(0.3, 0.8)), float(random.uniform(0.4, 0.6)))]
    spots += [(-float(random.uniform(0.15, 0.4)), float(random.uniform(0.15, 0.28))) for _ in range(3)]
    for weight, share in spots:
        place = scaled(draw_direction(random), least * (0.95 - share) * float(random.uniform(0, 1)))
        radius = share * least
        middle = add(centre, place)
        layers.append((round(weight, 6), Capsule(middle, middle, round(radius, 6))))
    return Layered(whole, tuple(layers))


def make_coarse(centre: Point, diameter_mm: float, random: np.random.Generator) -> Solid:
    """Return an irregular chunk: lumps grown into each other, of uneven density."""
    count = int(random.integers(9, 15))
    half = diameter_mm / 2
    long_way = draw_direction(random)
    parts: list[Ellipsoid] = []
    for number in range(count):
        share = float(random.uniform(0.18, 0.4)) if number else 0.42
        radius = half * share
        free = half - radius
        along = free * (2 * (number + 0.5) / count - 1) * float(random.uniform(0.6, 1.0)) if number else 0.0
        aside = scaled(draw_direction(random), min(free, 0.5 * half) * float(random.uniform(0.2, 1)))
        middle = add(add(centre, long_way, along), aside)
        radii = (radius, radius * float(random.uniform(0.6, 1.0)), radius * float(random.uniform(0.55, 0.9)))
        parts.append(
            Ellipsoid(middle, (round(radii[0], 6), round(radii[1], 6), round(radii[2], 6)), *_turned(random))
        )
    whole = fuse(parts)
    layers: list[tuple[float, Solid]] = [(0.8, whole)]
    layers += [(round(float(random.uniform(0.05, 0.6)), 6), p) for p in parts]
    return Layered(whole, tuple(layers))


def make_grains(
    centre: Point, diameter_mm: float, random: np.random.Generator, *, per_ml: float = GRAINS_PER_ML
) -> Cloud:
    """Return sand: small spheres that do not touch, thicker toward the middle of an ellipsoid."""
    half = diameter_mm / 2
    radii = (half, half * float(random.uniform(0.6, 0.95)), half * float(random.uniform(0.5, 0.9)))
    count = int(per_ml * 4 / 3 * math.pi * radii[0] * radii[1] * radii[2] / 1000)
    count = min(max(count, 14), MOST_GRAINS)
    first = draw_direction(random)
    second = perpendicular(first, random)
    third = (
        first[1] * second[2] - first[2] * second[1],
        first[2] * second[0] - first[0] * second[2],
        first[0] * second[1] - first[1] * second[0],
    )
    grains: list[Capsule] = []
    for _ in range(60 * count):
        if len(grains) == count:
            break
        radius = round(float(random.uniform(*GRAIN_MM)) / 2, 6)
        far = math.sqrt(float(random.uniform(0, 1)))
        way = scaled(draw_direction(random), far)
        place = centre
        for axis, size, share in zip((first, second, third), radii, way, strict=True):
            place = add(place, axis, max(size - radius, 0.0) * share)
        place = (round(place[0], 6), round(place[1], 6), round(place[2], 6))
        if all(math.dist(place, g.start) > radius + g.radius + GRAIN_GAP_MM for g in grains):
            grains.append(Capsule(place, place, radius))
    return Cloud(tuple(grains))


def make_cloudy(centre: Point, diameter_mm: float, random: np.random.Generator) -> Layered:
    """Return an ill-defined cloud: soft balls laid over each other, thinning out toward its edge."""
    half = diameter_mm / 2
    stretch = (1.0, float(random.uniform(0.6, 1.0)), float(random.uniform(0.5, 0.9)))
    balls: list[tuple[float, Capsule]] = []
    for number in range(int(random.integers(24, 40))):
        radius = half * float(random.uniform(0.13, 0.26))
        far = max(float(random.uniform(0, 1)), float(random.uniform(0, 1)))
        reach = (half - radius) * far if number else 0.0
        way = draw_direction(random)
        offset = (way[0] * stretch[0], way[1] * stretch[1], way[2] * stretch[2])
        place = add(centre, offset, reach)
        place = (round(place[0], 6), round(place[1], 6), round(place[2], 6))
        weight = (1.5 - reach / half) * float(random.uniform(0.4, 1.0))
        radius = round(radius, 6)
        for share, part in ((1.0, 0.5), (0.6, 0.5)):
            balls.append((round(part * weight, 6), Capsule(place, place, round(share * radius, 6))))
    whole = fuse([b for _, b in balls[0::2]])
    return Layered(whole, tuple(balls))


def make_plaque(
    centre: Point, diameter_mm: float, random: np.random.Generator, *, normal: Point | None = None
) -> Solid:
    """Return an irregular flat plate: round plates grown into each other, nearly in one plane."""
    normal = normal or draw_direction(random)
    thick = round(float(random.uniform(1.2, 2.6)), 6)
    half = diameter_mm / 2
    parts: list[Solid] = []
    for number in range(int(random.integers(3, 6))):
        radius = half * (0.62 if number == 0 else float(random.uniform(0.3, 0.55)))
        way = perpendicular(normal, random)
        middle = add(centre, way, (half - radius) * (1.0 if number else 0.0))
        middle = add(middle, normal, 0.2 * thick * float(random.uniform(-1, 1)))
        lean = add(normal, draw_direction(random), 0.12)
        parts.append(Plate(middle, lean, round(max(radius, thick), 6), thick / 2))
    return fuse(parts)
