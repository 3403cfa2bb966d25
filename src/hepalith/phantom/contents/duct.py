"""Bile ducts that are dilated: upstream of a stone or a stricture they widen with all their branches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.body.tree import Tree
from hepalith.phantom.contents.site import (
    add,
    depths,
    joined_path,
    longest_paths,
    path_length,
    smoothed,
    unit,
)
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Point, Tube

__all__ = ["choose_duct", "dilate", "duct_beyond"]

LONG_ENOUGH_MM = 26.0
"""Least length of a duct that is chosen for stones, if any is as long."""

BENEATH_CAPSULE_MM = 4.0
"""Least depth of a chosen duct beneath the capsule."""

LARGE_ORDER = 4
"""Most divisions from the trunk for a duct that is chosen, if any such is long enough: segmental ducts and
their first branches, where stones form."""

THINNEST_MM = 1.2
"""Calibre below which a dilated branch is left out: it does not show."""

SIDE_BRANCH = 0.62
"""Calibre of a dilated side branch over that of the duct it leaves. Our judgement."""

TAPER = 0.72
"""Calibre at the outer end of a dilated duct over that at its inner end."""


def _usable_length(abdomen: Abdomen, path: Sequence[Point]) -> float:
    """Return the length of a path up to where it comes too near to the capsule."""
    deep = depths(abdomen.liver.shape, np.asarray(path, dtype=np.float64)) > BENEATH_CAPSULE_MM
    count = 0
    while count < len(path) and deep[count]:
        count += 1
    return path_length(path[:count])


def choose_duct(
    abdomen: Abdomen,
    random: np.random.Generator,
    near: Point | None = None,
    segments: Sequence[str] = (),
    least_mm: float = LONG_ENOUGH_MM,
) -> tuple[int, ...]:
    """Return the branches of a duct that runs outward well within the liver, the first nearest the hilum.

    Parameters
    ----------
    abdomen
        The patient.
    random
        Picks among those that are long enough.
    near
        If given, the duct that comes nearest to this place.
    segments
        If given, only ducts of these Couinaud segments.
    least_mm
        Least length; where none is as long, the longest.
    """
    tree = abdomen.liver.ducts
    farthest = longest_paths(tree)
    runs = []
    for index, branch in enumerate(tree.branches):
        if branch.order < 1 or (segments and branch.segment not in segments):
            continue
        run = farthest[index]
        path = joined_path([tree.branches[i] for i in run])
        runs.append((_usable_length(abdomen, path), index, run, path))
    if not runs:
        raise UsageError("this liver has no bile duct there; choose other segments or another seed")
    if near is not None:
        return min(runs, key=lambda r: min(_squared(p, near) for p in r[3]))[2]
    long = [r for r in runs if r[0] >= least_mm] or [max(runs)]
    large = [r for r in long if tree.branches[r[1]].order <= LARGE_ORDER] or long
    return large[int(random.integers(len(large)))][2]


def _squared(a: Point, b: Point) -> float:
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True))


def duct_beyond(tree: Tree, start: int) -> tuple[int, ...]:
    """Return a branch and all that lies beyond it."""
    found = {start: None}
    for index, branch in enumerate(tree.branches):
        if branch.parent in found:
            found.setdefault(index)
    return tuple(found)


def _pushed(abdomen: Abdomen, index: int, by_mm: float) -> tuple[Point, ...]:
    """Return a duct's path moved away from the portal branch it runs beside, to make room for itself."""
    path = abdomen.liver.ducts.branches[index].path
    portal = abdomen.liver.portal.branches
    if index >= len(portal) or len(portal[index].path) != len(path):
        return path
    return tuple(add(p, unit(add(p, q, -1.0)), by_mm) for p, q in zip(path, portal[index].path, strict=True))


def dilate(
    abdomen: Abdomen, run: Sequence[int], calibre_mm: float
) -> tuple[tuple[Body, ...], tuple[Point, ...]]:
    """Return the bodies of a dilated duct with its side branches, and the middle line of the duct.

    Parameters
    ----------
    abdomen
        The patient.
    run
        Branches of the duct from the hilum outward, as `choose_duct` gives them.
    calibre_mm
        Inner diameter at its inner end.
    """
    tree = abdomen.liver.ducts
    bile = abdomen.tissues["bile"]
    widths: dict[int, float] = {}
    for place, index in enumerate(run):
        widths[index] = calibre_mm * (1 - (1 - TAPER) * place / max(len(run), 1))
    for index in duct_beyond(tree, run[0]):
        mother = widths.get(tree.branches[index].parent, 0.0)
        if index not in widths and SIDE_BRANCH * mother > THINNEST_MM:
            widths[index] = SIDE_BRANCH * mother
    bodies, paths = [], {}
    for index, width in widths.items():
        branch = tree.branches[index]
        radius = max(width / 2, *branch.radii_mm)
        paths[index] = _pushed(abdomen, index, max(radius - max(branch.radii_mm), 0.0))
        count = len(paths[index])
        shrink = [radius * (1 - (1 - TAPER) * n / max(count - 1, 1) * 0.5) for n in range(count)]
        if index not in run:
            bodies.append(Body(Tube(paths[index], tuple(round(r, 6) for r in shrink)), bile))
    middle: list[Point] = []
    for index in run:
        middle += [p for p in paths[index] if not middle or _squared(p, middle[-1]) > 1e-9]
    middle = list(smoothed(middle))
    widest = max(calibre_mm / 2, 0.5)
    taper = [round(widest * (1 - (1 - TAPER) * n / max(len(middle) - 1, 1)), 6) for n in range(len(middle))]
    bodies.append(Body(Tube(tuple(middle), tuple(taper)), bile))
    length = _usable_length(abdomen, middle)
    kept = middle[:2]
    for point in middle[2:]:
        if path_length((*kept, point)) > length:
            break
        kept.append(point)
    return tuple(bodies), tuple(kept)
