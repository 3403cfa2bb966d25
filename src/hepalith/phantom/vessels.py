"""Branching vessels of the liver, grown from a seed inside its surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.shape import Point, Shape, Tube

__all__ = ["grow_tree"]

MURRAY = 2 ** (-1 / 3)
"""Radius of each of two equal daughters over the mother's, by Murray's law.

C. D. Murray, "The physiological principle of minimum work", PNAS 12:207-214, 1926.
doi:10.1073/pnas.12.3.207
"""

THINNEST_MM = 1.0
"""Radius below which branches are left out: they are lost in the noise of a plain scan."""

CAPSULE_MARGIN_MM = 6.0
"""Vessels stop this far beneath the liver's surface."""

LENGTH_PER_RADIUS = 6.5
"""Length of a branch over its radius. Our judgement, between published 5 and 8 for hepatic trees."""


def _depth(shape: Shape, point: NDArray[np.float64]) -> float:
    x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in point)
    return -float(shape.distance(x, y, z).ravel()[0])


def _direction(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


def _as_point(vector: NDArray[np.float64]) -> Point:
    return (float(vector[0]), float(vector[1]), float(vector[2]))


def grow_tree(
    liver: Shape, root: Point, toward: Point, radius_mm: float, random: np.random.Generator
) -> tuple[Tube, ...]:
    """Return the branches of a tree that starts at `root`, heads `toward` and divides within `liver`.

    Each branch is a gently bent tube; its two daughters leave at 25 to 50 degrees in a random
    plane, turned back inward near the capsule, their radii by Murray's law with some unevenness.
    """
    branches: list[Tube] = []
    start = np.asarray(root, dtype=np.float64)
    heading = _direction(np.asarray(toward, dtype=np.float64) - start)
    waiting = [(start, heading, radius_mm)]
    while waiting:
        position, heading, radius = waiting.pop()
        if radius < THINNEST_MM:
            continue
        length = LENGTH_PER_RADIUS * radius * random.uniform(0.8, 1.25) + 6.0
        path = [position]
        step = length / 4
        for _ in range(4):
            heading = _direction(heading + 0.16 * random.standard_normal(3))
            following = path[-1] + step * heading
            if len(path) > 1 and _depth(liver, following) < CAPSULE_MARGIN_MM:
                break
            path.append(following)
        taper = np.linspace(radius, radius * 0.9, len(path))
        if len(path) > 1:
            branches.append(Tube(tuple(_as_point(p) for p in path), tuple(float(r) for r in taper)))
        if len(path) < 4:
            continue
        across = _direction(np.cross(heading, random.standard_normal(3)))
        share = random.uniform(0.4, 0.6)
        for sign, part in ((1, share), (-1, 1 - share)):
            angle = np.radians(random.uniform(25, 50))
            turned = _direction(np.cos(angle) * heading + sign * np.sin(angle) * across)
            if _depth(liver, path[-1] + 14 * turned) < CAPSULE_MARGIN_MM:
                turned = _direction(np.cos(angle) * heading - 0.5 * sign * np.sin(angle) * across)
            waiting.append((path[-1], turned, radius * MURRAY * (2 * part) ** (1 / 3)))
    return tuple(branches)
