"""Bile ducts and hepatic arteries, which run beside the branches of the portal vein.

`hepalith.phantom.duct` widens the ducts above a stricture.
"""

from __future__ import annotations

import math

from hepalith.phantom.shape import Point
from hepalith.phantom.tree import Branch, Tree

__all__ = ["make_arteries", "make_ducts"]

DUCT_SHARE = 0.22
"""Calibre of a normal duct over that of the portal branch beside it: below 40 %, seldom seen on CT.

Bile ducts wider than 40 % of their portal branch, or than 2 mm, are called dilated in routine reading.
"""

ARTERY_SHARE = 0.30
"""Calibre of the artery over that of the portal branch: 4 mm beside 13 mm at the hilum."""

GAP_MM = 0.4
"""Sheath between the portal branch and what runs beside it."""

DUCT_SIDE = (0.15, -0.75, 0.65)
ARTERY_SIDE = (0.85, -0.50, 0.10)
"""Which side of the portal branch they run on: the duct before and above, the artery before and left."""


def _aside(path: tuple[Point, ...], place: int, side: Point, reach: float) -> Point:
    """Return a point of a path moved sideways, at right angles to it."""
    a, b = path[max(place - 1, 0)], path[min(place + 1, len(path) - 1)]
    length = max(math.dist(a, b), 1e-6)
    way = [(q - p) / length for p, q in zip(a, b, strict=True)]
    along = sum(w * s for w, s in zip(way, side, strict=True))
    across = [s - along * w for w, s in zip(way, side, strict=True)]
    size = math.sqrt(sum(v * v for v in across))
    if size < 0.05:
        across, size = [way[1], -way[0], 0.0], max(math.hypot(way[0], way[1]), 1e-6)
    x, y, z = (round(p + reach * v / size, 6) for p, v in zip(path[place], across, strict=True))
    return (x, y, z)


def _beside(portal: Tree, share: float, side: Point) -> Tree:
    """Return a tree that runs beside the portal vein, branch by branch."""
    found: list[Branch] = []
    for branch in portal.branches:
        radii = tuple(round(share * r, 6) for r in branch.radii_mm)
        path = [
            _aside(branch.path, k, side, p + r + GAP_MM)
            for k, (p, r) in enumerate(zip(branch.radii_mm, radii, strict=True))
        ]
        if branch.parent >= 0:
            path[0] = found[branch.parent].path[-1]
        found.append(Branch(tuple(path), radii, branch.order, branch.segment, branch.parent))
    return Tree(tuple(found))


def make_ducts(portal: Tree) -> Tree:
    """Return the bile ducts: branch `i` runs beside branch `i` of the portal vein."""
    return _beside(portal, DUCT_SHARE, DUCT_SIDE)


def make_arteries(portal: Tree) -> Tree:
    """Return the hepatic artery: branch `i` runs beside branch `i` of the portal vein."""
    return _beside(portal, ARTERY_SHARE, ARTERY_SIDE)
