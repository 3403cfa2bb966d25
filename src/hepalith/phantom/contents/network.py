"""Calcified septa that divide part of the liver like a turtle's back and reach its capsule."""

from __future__ import annotations

import numpy as np

from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.contents.shell import Septa
from hepalith.phantom.contents.site import add, draw_direction, draw_site, normal_at
from hepalith.phantom.shape.shape import Common, Ellipsoid, Grown, Joined, Point, Shape
from hepalith.phantom.shape.solid import Measured
from hepalith.phantom.shape.volume import measured

__all__ = ["make_septal_network"]

CELL_MM = (15.0, 26.0)
"""Size of the cells between septa: lobules run together, as the map liver of schistosomiasis shows."""

WALL_MM = (1.3, 2.2)
"""Thickness of a calcified septum."""

BEYOND_CAPSULE_MM = 0.4
"""How deep beneath the capsule the septa end."""


def _seeds(low: Point, high: Point, cell_mm: float, random: np.random.Generator) -> tuple[Point, ...]:
    """Return the middles of cells: a lattice whose points are moved by chance."""
    found = []
    counts = [int((b - a) / cell_mm) + 3 for a, b in zip(low, high, strict=True)]
    for k in range(counts[2]):
        for j in range(counts[1]):
            for i in range(counts[0]):
                shift = random.uniform(-0.38, 0.38, 3)
                row = 0.5 * (k % 2)
                places = (i - 1 + row + shift[0], j - 1 + row + shift[1], k - 1 + shift[2])
                found.append(
                    tuple(round(float(a + cell_mm * p), 4) for a, p in zip(low, places, strict=True))
                )
    return tuple((p[0], p[1], p[2]) for p in found)


def make_septal_network(
    abdomen: Abdomen, random: np.random.Generator, diameter_mm: float, place: Point | None = None
) -> Measured:
    """Return septa within about `diameter_mm`, from the capsule inward, patchy at their inner edge."""
    liver = abdomen.liver.shape
    place = place or draw_site(abdomen, random, 1.0, clear_mm=1.0, at_most_mm=5.0)
    outward = normal_at(liver, place)
    half = diameter_mm / 2
    blobs: list[Shape] = []
    for number in range(3):
        way = draw_direction(random)
        middle = add(add(place, outward, -0.3 * half), way, 0.45 * half * number / 2)
        middle = (round(middle[0], 4), round(middle[1], 4), round(middle[2], 4))
        radii = [round(half * float(random.uniform(0.55, 0.85)), 4) for _ in range(3)]
        blobs.append(Ellipsoid(middle, (radii[0], radii[1], radii[2])))
    region = Common((Joined(tuple(blobs)), Grown(liver, -BEYOND_CAPSULE_MM)))
    low, high = region.bounds()
    wall = round(float(random.uniform(*WALL_MM)), 6)
    seeds = _seeds(low, high, float(random.uniform(*CELL_MM)), random)
    return measured(Septa(seeds, wall, region, 1.2, (low, high)), wall, (4.0, 6.0))
