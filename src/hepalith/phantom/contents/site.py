"""Where something is laid: places in a liver, directions, and paths along its branches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.body.tree import Branch, Tree
from hepalith.phantom.shape import exact
from hepalith.phantom.shape.shape import Point, Shape

__all__ = [
    "add",
    "along_path",
    "depth_at",
    "depths",
    "draw_direction",
    "draw_log",
    "draw_site",
    "joined_path",
    "longest_paths",
    "normal_at",
    "path_length",
    "perpendicular",
    "scaled",
    "smoothed",
    "spaced_along",
    "unit",
]

TRIES = 4000
"""Places drawn before a liver is said to have no room."""

CLEAR_OF_CAPSULE_MM = 3.0
"""How far beneath the capsule the edge of what is laid in stays unless told otherwise."""

SEARCH_STEP_MM = 0.1
"""Step along a path in search of the next place."""

NORMAL_STEP_MM = 0.5
"""Step over which the direction of a surface is taken."""


def add(a: Point, b: Point, times: float = 1.0) -> Point:
    """Return a + times · b."""
    return (a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2])


def scaled(a: Point, times: float) -> Point:
    """Return a vector `times` as long."""
    return (times * a[0], times * a[1], times * a[2])


def unit(a: Point) -> Point:
    """Return a vector of length 1."""
    size = math.sqrt(sum(v * v for v in a))
    return scaled(a, 1 / size) if size > 0 else (0.0, 0.0, 1.0)


def perpendicular(a: Point, random: np.random.Generator) -> Point:
    """Return a random direction across `a`."""
    axis = unit(a)
    while True:
        drawn = draw_direction(random)
        along = sum(p * q for p, q in zip(axis, drawn, strict=True))
        if abs(along) < 0.9:
            return unit(add(drawn, axis, -along))


def draw_direction(random: np.random.Generator) -> Point:
    """Return a direction, every one as likely."""
    while True:
        x, y, z = (float(random.uniform(-1, 1)) for _ in range(3))
        if 0.01 < x * x + y * y + z * z < 1:
            return unit((x, y, z))


def draw_log(random: np.random.Generator, low: float, high: float) -> float:
    """Return a number between `low` and `high`, evenly on a logarithmic scale."""
    return round(math.exp(float(random.uniform(math.log(low), math.log(high)))), 6)


def depths(shape: Shape, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return how deep points, (n, 3) LPS mm, lie beneath a surface."""
    x, y, z = (points[:, a].astype(np.float32) for a in range(3))
    return -np.broadcast_to(shape.distance(x, y, z), x.shape)


def depth_at(shape: Shape, point: Point) -> float:
    """Return how deep a point lies beneath a surface."""
    x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in point)
    return -float(np.broadcast_to(shape.distance(x, y, z), (1, 1, 1))[0, 0, 0])


def normal_at(shape: Shape, point: Point) -> Point:
    """Return the direction that leads out of a shape the fastest."""
    step = NORMAL_STEP_MM
    found = []
    for axis in range(3):
        ahead, behind = list(point), list(point)
        ahead[axis] += step
        behind[axis] -= step
        found.append(
            depth_at(shape, (behind[0], behind[1], behind[2]))
            - depth_at(shape, (ahead[0], ahead[1], ahead[2]))
        )
    return unit((found[0], found[1], found[2]))


def draw_site(
    abdomen: Abdomen,
    random: np.random.Generator,
    radius_mm: float,
    *,
    clear_mm: float = CLEAR_OF_CAPSULE_MM,
    at_most_mm: float = math.inf,
    clear_of: Sequence[Shape] = (),
) -> Point:
    """Return a place in the liver with room for something of `radius_mm`.

    Parameters
    ----------
    abdomen
        The patient.
    random
        Draws the place.
    radius_mm
        How far the thing reaches from its centre.
    clear_mm
        Least depth of its edge beneath the capsule.
    at_most_mm
        Greatest depth of its edge.
    clear_of
        Shapes that it must not touch.

    Raises
    ------
    UsageError
        If the liver has no room.
    """
    liver = abdomen.liver.shape
    low, high = (np.asarray(corner, dtype=np.float64) for corner in liver.bounds())
    for shrink in (1.0, 0.8, 0.6, 0.4):
        points = np.round(low + (high - low) * random.random((TRIES, 3)), 6)
        edge = depths(liver, points) - np.float32(radius_mm * shrink)
        good = (edge >= clear_mm) & (edge <= at_most_mm)
        for place in np.flatnonzero(good):
            x, y, z = (float(v) for v in points[place])
            if all(depth_at(other, (x, y, z)) < -radius_mm * shrink for other in clear_of):
                return (x, y, z)
    raise UsageError(
        f"the liver has no room for something {2 * radius_mm:.0f} mm across; ask for less, or another seed"
    )


def along_path(path: Sequence[Point], at_mm: Sequence[float]) -> tuple[Point, ...]:
    """Return points at lengths along a path; beyond its end, its end.

    Examples
    --------
    >>> along_path(((0.0, 0.0, 0.0), (10.0, 0.0, 0.0)), (2.5, 99.0))
    ((2.5, 0.0, 0.0), (10.0, 0.0, 0.0))
    """
    nodes = np.asarray(path, dtype=np.float64)
    steps = exact.norm(nodes[1:] - nodes[:-1])
    reached = np.concatenate([[0.0], np.cumsum(steps)])
    found = []
    for wanted in at_mm:
        place = int(np.clip(np.searchsorted(reached, wanted, side="right") - 1, 0, steps.size - 1))
        share = min(max((wanted - float(reached[place])) / max(float(steps[place]), 1e-9), 0.0), 1.0)
        point = nodes[place] + share * (nodes[place + 1] - nodes[place])
        found.append((round(float(point[0]), 6), round(float(point[1]), 6), round(float(point[2]), 6)))
    return tuple(found)


def spaced_along(path: Sequence[Point], first_mm: float, step_mm: float, most: int) -> tuple[Point, ...]:
    """Return up to `most` points along a path, each `step_mm` from the one before as the crow flies.

    The first lies `first_mm` along it, the last no nearer to its end.

    Examples
    --------
    >>> len(spaced_along(((0.0, 0.0, 0.0), (10.0, 0.0, 0.0)), 1.0, 3.0, 9))
    3
    """
    length = path_length(path)
    count = max(int((length - 2 * first_mm) / SEARCH_STEP_MM), 1)
    found: list[Point] = []
    for point in along_path(path, [first_mm + n * SEARCH_STEP_MM for n in range(count + 1)]):
        if len(found) < most and all(math.dist(point, p) >= step_mm - 1e-6 for p in found):
            found.append(point)
    return tuple(found)


def smoothed(path: Sequence[Point], rounds: int = 2) -> tuple[Point, ...]:
    """Return a path with its corners cut, twice as many points each round (Chaikin)."""
    now = tuple(path)
    for _ in range(rounds):
        cut = [now[0]]
        for a, b in itertools.pairwise(now):
            way = add(b, a, -1.0)
            cut += [add(a, way, 0.25), add(a, way, 0.75)]
        now = (*cut, now[-1])
    return tuple((round(x, 6), round(y, 6), round(z, 6)) for x, y, z in now)


def path_length(path: Sequence[Point]) -> float:
    """Return the length of a path in mm."""
    return sum(math.dist(a, b) for a, b in itertools.pairwise(path))


def longest_paths(tree: Tree) -> tuple[tuple[int, ...], ...]:
    """Return, for every branch, the branches from it to the farthest end of the tree beyond it."""
    count = len(tree.branches)
    length = [path_length(b.path) for b in tree.branches]
    following = [-1] * count
    for index in range(count - 1, -1, -1):  # daughters come after their mothers
        parent = tree.branches[index].parent
        if following[index] >= 0:
            length[index] += length[following[index]]
        if parent >= 0 and (following[parent] < 0 or length[index] > length[following[parent]]):
            following[parent] = index
    found: list[tuple[int, ...]] = [()] * count
    for index in range(count - 1, -1, -1):
        found[index] = (index, *(found[following[index]] if following[index] >= 0 else ()))
    return tuple(found)


def joined_path(branches: Sequence[Branch]) -> tuple[Point, ...]:
    """Return the middles of branches, one after another, as one path."""
    path: list[Point] = []
    for branch in branches:
        path += [p for p in branch.path if not path or math.dist(p, path[-1]) > 1e-6]
    return tuple(path)
