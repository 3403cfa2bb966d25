"""Branching trees within the liver: veins, arteries and ducts, each branch with what it supplies."""

from __future__ import annotations

from dataclasses import dataclass

from hepalith.phantom.shape.shape import Point, Tube

__all__ = ["Branch", "Tree"]


@dataclass(frozen=True, slots=True)
class Branch:
    """One unbranched stretch of a tree.

    Parameters
    ----------
    path
        Points along its middle, from its root to its end, LPS mm.
    radii_mm
        Radius at each point.
    order
        Divisions between it and the trunk, which is 0.
    segment
        Couinaud segment that it supplies or drains, ``"I"`` to ``"VIII"``; ``""`` for a trunk of several.
    parent
        Place of its mother among the tree's branches; -1 for a root.
    """

    path: tuple[Point, ...]
    radii_mm: tuple[float, ...]
    order: int
    segment: str
    parent: int

    def tube(self) -> Tube:
        """Return the branch as a solid."""
        return Tube(self.path, self.radii_mm)


@dataclass(frozen=True, slots=True)
class Tree:
    """Branches, mothers before daughters."""

    branches: tuple[Branch, ...] = ()

    def tubes(self) -> tuple[Tube, ...]:
        """Return each branch as a solid, in order."""
        return tuple(b.tube() for b in self.branches)
