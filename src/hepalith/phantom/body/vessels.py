"""Veins of the liver: trees that fill what they supply, each terminal branch within its own segment.

The liver is strewn evenly with terminals. The portal vein reaches them through its anatomical
branches (right anterior and posterior, transverse and umbilical parts of the left, caudate), the
hepatic veins from the cava through the planes between the portal sections. Below that level a
bundle of terminals is split in two across its broader side, again and again; the radius of a branch
follows Murray's law from the number of terminals that it feeds.

References
----------
.. [1] C. D. Murray, "The physiological principle of minimum work", PNAS 12:207-214, 1926.
       doi:10.1073/pnas.12.3.207
.. [2] C. Couinaud, "Le foie: études anatomiques et chirurgicales", Masson, 1957.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.liver_field import Sampled
from hepalith.phantom.body.liver_plan import Frame
from hepalith.phantom.body.segments import SEGMENTS, Planes, segment_of
from hepalith.phantom.body.tree import Branch, Tree
from hepalith.phantom.shape.shape import Point

__all__ = ["grow_hepatic", "grow_portal"]

Places = NDArray[np.float64]

PORTAL_RADIUS_MM = 6.3
"""Radius of the main portal vein of an adult: diameters of 11 to 13 mm are usual."""

HEPATIC_RADIUS_MM = 6.6
"""Radius that one vein would have that drained the whole liver; each of three then has 4 to 5 mm."""

TERMINALS = 640
"""Ends of each tree: with Murray's law the last branches have a radius of 0.7 mm, tapering to 0.5."""

END_TAPER = 0.7
"""Radius at the very end of a terminal branch over that at its start."""

TERMINAL_DEPTH_MM = 4.0
"""Terminals lie at least this deep beneath the capsule."""

KEPT_DEPTH_MM = 1.5
"""Branches are pushed this deep into the liver where a hollow would let them out."""

BEND_SHARE = 0.22
"""How far, over its length, a branch keeps its mother's heading before it bends to its own end."""

INFERIOR_RIGHT_SHARE = 0.2
"""Livers whose segment VI drains straight to the cava by an inferior right hepatic vein of note."""


@dataclass(slots=True)
class _Growth:
    """A tree in the making, LPS mm."""

    random: np.random.Generator
    trunk_mm: float
    total: int
    branches: list[Branch] = field(default_factory=list)

    def radius(self, terminals: int) -> float:
        """Return the radius that feeds so many terminals."""
        return round(float(self.trunk_mm * (terminals / self.total) ** (1 / 3)), 6)

    def add(self, path: tuple[Point, ...], radii: tuple[float, ...], segment: str, parent: int) -> int:
        """Add a branch; return its place."""
        order = 0 if parent < 0 else self.branches[parent].order + 1
        self.branches.append(Branch(path, radii, order, segment, parent))
        return len(self.branches) - 1

    def extend(self, start: Point, end: Point, terminals: int, segment: str, parent: int) -> int:
        """Add a branch from its mother's end to a point, bending as it leaves; return its place."""
        length = math.dist(start, end)
        way = _heading(self.branches[parent].path) if parent >= 0 else (0.0, 0.0, 0.0)
        bend = [s + BEND_SHARE * length * w + 0.06 * length * float(self.random.uniform(-1, 1))
                for s, w in zip(start, way, strict=True)]  # fmt: skip
        bend = [b + 0.3 * (e - s) for b, s, e in zip(bend, start, end, strict=True)]
        radius = self.radius(terminals)
        steps = 4 if length > 9 else 3
        path = tuple(_bezier(start, bend, end, k / steps) for k in range(steps + 1))
        last = END_TAPER if terminals == 1 else 0.94
        radii = tuple(round(radius * (1 - (1 - last) * k / steps), 6) for k in range(steps + 1))
        return self.add(path, radii, segment, parent)

    def fill(self, start: Point, points: Places, segment: str, parent: int, share: float = 0.5) -> None:
        """Grow from `start` to every one of `points`."""
        waiting = [(start, points, parent, share)]
        while waiting:
            start, points, parent, share = waiting.pop()
            count = len(points)
            if count == 0:
                continue
            if count == 1:
                self.extend(start, _point(points[0]), 1, segment, parent)
                continue
            centre = points.sum(axis=0) / count
            part = share * float(self.random.uniform(0.85, 1.15))
            fork = _point(np.asarray(start) + part * (centre - np.asarray(start)))
            branch = self.extend(start, fork, count, segment, parent)
            near, far = self.split(np.asarray(fork) - np.asarray(start), points - centre)
            waiting += [(fork, points[near], branch, 0.5), (fork, points[far], branch, 0.5)]

    def split(self, way: Places, offsets: Places) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return two halves of a bundle, split across its broader side as seen along `way`."""
        length = max(math.sqrt(float((way * way).sum())), 1e-6)
        a, b, c = (float(v) / length for v in way)
        first = np.array([b, -a, 0.0]) if abs(c) < 0.9 else np.array([0.0, c, -b])
        first = first / math.sqrt(float((first * first).sum()))
        second = np.array(
            [b * first[2] - c * first[1], c * first[0] - a * first[2], a * first[1] - b * first[0]]
        )
        across = [(offsets * v).sum(axis=1) for v in (first, second)]
        wider = across[0] if float((across[0] ** 2).sum()) > float((across[1] ** 2).sum()) else across[1]
        # the halves are seldom equal: a larger daughter goes on, a smaller one leaves
        rank = np.argsort(wider, kind="stable")
        cut = min(max(round(len(wider) * float(self.random.uniform(0.32, 0.68))), 1), len(wider) - 1)
        near = np.zeros(len(wider), dtype=bool)
        near[rank[:cut]] = True
        return near, ~near


def _point(values: Places) -> Point:
    return (round(float(values[0]), 6), round(float(values[1]), 6), round(float(values[2]), 6))


def _heading(path: tuple[Point, ...]) -> Point:
    a, b = path[-2], path[-1]
    length = max(math.dist(a, b), 1e-6)
    return ((b[0] - a[0]) / length, (b[1] - a[1]) / length, (b[2] - a[2]) / length)


def _bezier(start: Point, bend: list[float], end: Point, t: float) -> Point:
    s = 1 - t
    x, y, z = (round(s * s * a + 2 * s * t * b + t * t * c, 6)
               for a, b, c in zip(start, bend, end, strict=True))  # fmt: skip
    return (x, y, z)


def _strewn(
    shape: Sampled, frame: Frame, planes: Planes, random: np.random.Generator
) -> tuple[Places, Places]:
    """Return points spread evenly through the liver, one in each cell, and their segments."""
    cell = (shape.volume_ml * 1000 / TERMINALS) ** (1 / 3)
    low, high = shape.bounds()
    axes = [np.arange(a, b, cell) for a, b in zip(low, high, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    points = points + cell * random.uniform(0.1, 0.9, points.shape)
    columns = [points[:, a].astype(np.float32) for a in range(3)]
    inside = shape.distance(*columns) < -np.float32(TERMINAL_DEPTH_MM * min(frame.scale))
    points = points[inside]
    columns = [c[inside] for c in columns]
    return points, segment_of(planes, *frame.from_patient(*columns)).astype(float)


def _kept_inside(shape: Sampled, branches: list[Branch], free_order: int) -> tuple[Branch, ...]:
    """Return branches with the points that a hollow had let out pushed back into the liver."""
    points = np.array([p for b in branches for p in b.path], dtype=np.float32)
    held = np.array([b.order > free_order for b in branches for _ in b.path])
    for _ in range(3):
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        depth = shape.distance(x, y, z)
        out = np.flatnonzero(held & (depth > -KEPT_DEPTH_MM))
        if out.size == 0:
            break
        spots = points[out]
        slope = np.empty_like(spots)
        for axis in range(3):
            ahead, behind = spots.copy(), spots.copy()
            ahead[:, axis] += 1.5
            behind[:, axis] -= 1.5
            slope[:, axis] = shape.distance(*ahead.T) - shape.distance(*behind.T)
        size = np.sqrt((slope * slope).sum(axis=1))
        step = (depth[out] + np.float32(KEPT_DEPTH_MM + 0.5)) / np.maximum(size, np.float32(0.1))
        points[out] = spots - slope * np.minimum(step, 4.0)[:, None]
    found: list[Branch] = []
    at = 0
    for branch in branches:
        path = tuple(_point(p) for p in points[at : at + len(branch.path)].astype(float))
        at += len(branch.path)
        if branch.parent >= 0:
            path = (found[branch.parent].path[-1], *path[1:])
        found.append(Branch(path, branch.radii_mm, branch.order, branch.segment, branch.parent))
    return tuple(found)


def grow_portal(
    shape: Sampled, frame: Frame, planes: Planes, hilum: Point, random: np.random.Generator
) -> Tree:
    """Return the portal vein: its trunk up to the hilum, and branches to each segment that is there.

    Parameters
    ----------
    shape, frame, planes
        The liver.
    hilum
        Where the trunk divides, in the frame.
    random
        Seeded.
    """
    points, labels = _strewn(shape, frame, planes, random)
    growth = _Growth(random, PORTAL_RADIUS_MM * min(frame.scale), max(len(points), 1))
    shift = [float(v) for v in random.uniform(-3, 3, 6)]
    hx, hy, hz = hilum
    to = frame.to_patient
    radius = growth.trunk_mm
    trunk_path = (
        to((12.0, 12.0, hz - 34)),
        to((-4.0, 9.0, hz - 20)),
        to((hx + 7, hy + 3, hz - 6)),
        to(hilum),
    )
    trunk = growth.add(trunk_path, (radius,) * 4, "", -1)

    def of(*segments: int) -> Places:
        return points[np.isin(labels, segments)]

    def lead(start: Point, parent: int, end: Point, segments: tuple[int, ...]) -> tuple[Point, int]:
        fed = len(of(*segments))
        return (end, growth.extend(start, end, fed, "", parent)) if fed else (start, parent)

    def supply(start: Point, parent: int, segments: tuple[int, ...], share: float = 0.5) -> None:
        """Branch to several segments' common middle, then to each."""
        fed = of(*segments)
        if len(fed) == 0:
            return
        if len(segments) == 1:
            growth.fill(start, fed, SEGMENTS[segments[0] - 1], parent, share)
            return
        fork = _point(np.asarray(start) + share * (fed.sum(axis=0) / len(fed) - np.asarray(start)))
        branch = growth.extend(start, fork, len(fed), "", parent)
        for segment in segments:
            growth.fill(fork, of(segment), SEGMENTS[segment - 1], branch, 0.45)

    right = to((hx - 18 + shift[0], hy + 2 + shift[1], hz + 6))
    start, branch = lead(to(hilum), trunk, right, (5, 6, 7, 8))
    supply(start, branch, (5, 8), 0.42)
    supply(start, branch, (6, 7), 0.42)
    turn = to((hx + 16, hy - 12 + shift[2], hz + 9))
    start, branch = lead(to(hilum), trunk, turn, (1, 2, 3, 4))
    growth.fill(start, of(1), "I", branch, 0.6)
    umbilical = to((2.0 + shift[3], -27.0 + shift[4], hz + 15))
    start, branch = lead(start, branch, umbilical, (2, 3, 4))
    supply(start, branch, (4,), 0.35)
    supply(start, branch, (2,), 0.4)
    supply(start, branch, (3,), 0.4)
    return Tree(_kept_inside(shape, growth.branches, 2))


def grow_hepatic(shape: Sampled, frame: Frame, planes: Planes, random: np.random.Generator) -> Tree:
    """Return the hepatic veins: right, middle, left, those of the caudate, at times an inferior right.

    The roots lie at the vena cava; branches of a segment's own carry its name.
    """
    points, labels = _strewn(shape, frame, planes, random)
    growth = _Growth(random, HEPATIC_RADIUS_MM * min(frame.scale), max(len(points), 1))
    inferior = float(random.uniform()) < INFERIOR_RIGHT_SHARE
    columns = frame.from_patient(*(points[:, a].astype(np.float32) for a in range(3)))
    to_middle = np.abs(planes.middle.height(*columns))
    to_right = np.abs(planes.right.height(*columns))
    anterior = np.isin(labels, (5, 8))
    right = np.isin(labels, (7,) if inferior else (6, 7)) | (anterior & (to_right < to_middle))
    middle = (labels == 4) | (anterior & (to_right >= to_middle))
    to = frame.to_patient
    for root, mouth, share, held in (
        ((-15.0, 25.0, 55.0), (-24.0, 22.0, 52.0), 0.5, right),
        ((-14.0, 22.0, 57.0), (-17.0, 12.0, 53.0), 0.5, middle),
        ((-13.0, 22.0, 58.0), (-8.0, 12.0, 55.0), 0.5, np.isin(labels, (2, 3))),
        ((-17.0, 27.0, 18.0), (-11.0, 18.0, 20.0), 0.5, labels == 1),
        ((-18.0, 28.0, -2.0), (-30.0, 27.0, -4.0), 0.55, (labels == 6) & inferior),
    ):
        if not held.any():
            continue
        count = int(held.sum())
        radius = growth.radius(count)
        trunk = growth.add((to(root), to(mouth)), (radius, radius), "", -1)
        owners = np.unique(labels[held])
        name = SEGMENTS[int(owners[0]) - 1] if owners.size == 1 else ""
        growth.fill(to(mouth), points[held], name, trunk, share)
    return Tree(_kept_inside(shape, growth.branches, 0))
