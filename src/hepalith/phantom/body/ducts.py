"""Bile ducts and hepatic arteries, which run beside the branches of the portal vein.

`hepalith.phantom.contents.duct` widens the ducts above a stricture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.tree import Branch, Tree
from hepalith.phantom.shape.shape import Point

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


def _across(points: NDArray[np.float64], sizes: list[int], side: Point) -> NDArray[np.float64]:
    """Return, for each point of paths laid end to end, the unit vector toward `side` across the path."""
    last = np.cumsum(sizes) - 1
    first = np.concatenate([[0], last[:-1] + 1])
    ahead = np.minimum(np.arange(len(points)) + 1, np.repeat(last, sizes))
    behind = np.maximum(np.arange(len(points)) - 1, np.repeat(first, sizes))
    way = points[ahead] - points[behind]
    way = way / np.maximum(np.sqrt((way * way).sum(axis=1)), 1e-6)[:, None]
    along = way[:, 0] * side[0] + way[:, 1] * side[1] + way[:, 2] * side[2]
    across = np.asarray(side) - along[:, None] * way
    size = np.sqrt((across * across).sum(axis=1))
    other = np.stack([way[:, 1], -way[:, 0], np.full(len(way), 1e-6)], axis=1)
    other = other / np.sqrt((other * other).sum(axis=1))[:, None]
    return np.asarray(np.where((size < 0.05)[:, None], other, across / np.maximum(size, 0.05)[:, None]))


def _beside(portal: Tree, share: float, side: Point) -> Tree:
    """Return a tree that runs beside the portal vein, branch by branch."""
    if not portal.branches:
        return Tree()
    points = np.array([p for b in portal.branches for p in b.path])
    wide = np.array([r for b in portal.branches for r in b.radii_mm])
    sizes = [len(b.path) for b in portal.branches]
    own = np.round(share * wide, 6)
    moved = np.round(points + _across(points, sizes, side) * (wide + own + GAP_MM)[:, None], 6).tolist()
    radii = own.tolist()
    found: list[Branch] = []
    at = 0
    for branch, size in zip(portal.branches, sizes, strict=True):
        path: list[Point] = [(p[0], p[1], p[2]) for p in moved[at : at + size]]
        if branch.parent >= 0:
            path[0] = found[branch.parent].path[-1]
        calibres = tuple(radii[at : at + size])
        found.append(Branch(tuple(path), calibres, branch.order, branch.segment, branch.parent))
        at += size
    return Tree(tuple(found))


def make_ducts(portal: Tree) -> Tree:
    """Return the bile ducts: branch `i` runs beside branch `i` of the portal vein."""
    return _beside(portal, DUCT_SHARE, DUCT_SIDE)


def make_arteries(portal: Tree) -> Tree:
    """Return the hepatic artery: branch `i` runs beside branch `i` of the portal vein."""
    return _beside(portal, ARTERY_SHARE, ARTERY_SIDE)
