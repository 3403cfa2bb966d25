"""The liver of a phantom: its outline, segments, vessels, ducts and gallbladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.shape import (
    Common,
    Cut,
    Ellipsoid,
    Grown,
    HalfSpace,
    Joined,
    Oval,
    Point,
    Rippled,
    Shape,
    Tube,
)
from hepalith.phantom.tree import Branch, Tree
from hepalith.phantom.variation import Variation
from hepalith.phantom.vessels import grow_tree

__all__ = ["Branch", "LiverModel", "Tree", "make_liver"]

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LiverModel:
    """A liver and what runs in it.

    Parameters
    ----------
    shape
        Its surface, vessels and ducts included, the trunks outside the hilum not.
    portal, hepatic, artery
        Portal vein, hepatic veins (roots at the vena cava), hepatic artery.
    ducts
        Bile ducts: ``ducts.branches[i]`` runs beside ``portal.branches[i]``.
    hilum
        Where the portal vein divides, LPS mm.
    gallbladder
        Outer surface of its wall; ``None`` after cholecystectomy.
    """

    shape: Shape
    portal: Tree
    hepatic: Tree
    artery: Tree
    ducts: Tree
    hilum: Point
    gallbladder: Shape | None

    def segment_at(self, x: Array, y: Array, z: Array) -> NDArray[np.uint8]:
        """Return the Couinaud segment, 1 to 8, that points in LPS mm belong to."""
        hx, _, hz = self.hilum
        x, y, z = np.broadcast_arrays(x, y, z)
        high = z > hz + 12
        found = np.where(x < hx - 38, np.where(high, 7, 6), np.where(high, 8, 5))
        found = np.where((x > hx - 4) & (x < hx + 28), 4, found)
        found = np.where(x >= hx + 28, np.where(high, 2, 3), found)
        caudate = (np.abs(x - (hx + 10)) < 16) & (y > 4) & (z > hz)
        return np.asarray(np.where(caudate, 1, found), dtype=np.uint8)


def _outline(space: Shape, cavity: Oval) -> Shape:
    right = Ellipsoid((-72, -6, -2), (66, 80, 91))
    left = Ellipsoid((-8, -48, 30), (78, 34, 36), roll=-8)
    caudate = Ellipsoid((-12, 16, 22), (17, 17, 30))
    mass = Joined((right, left, caudate), rounding_mm=18)
    underside = HalfSpace((-100, 0, -72), (0.50, 0.16, -1.0))
    medial = HalfSpace((-14, 30, 0), (1.0, 0.75, -0.25))
    left_part = Cut(
        Joined((left, caudate), rounding_mm=8), (HalfSpace((20, -50, 2), (-0.12, -0.55, 1.0)),), 10
    )
    whole = Common((mass, underside), rounding_mm=24)
    body = Joined((Common((whole, Joined((medial, left), 14)), 14), left_part), rounding_mm=10)
    hollows = (
        Ellipsoid((-64, 58, -80), (38, 42, 60)),
        Ellipsoid((-38, -54, -50), (15, 18, 34), pitch=-20),
        Ellipsoid((-20, 2, -22), (26, 13, 15), yaw=20),
        Tube(((-19, 30, -110), (-19, 29, 20), (-12, 20, 95)), (14, 14, 14)),
        Ellipsoid((10, 50, 0), (40, 38, 150)),
    )
    inside = Common((body, Grown(space, -1.0), cavity.grown(-2.6)), rounding_mm=4)
    return Rippled(Cut(inside, hollows, rounding_mm=10), 2.2, (45, 60, 52), (0.3, 1.9, 4.0))


def make_liver(
    variation: Variation,  # noqa: ARG001 - first shape; the anatomy that varies follows
    random: np.random.Generator,
    space: Shape,
    cavity: Oval,
) -> LiverModel:
    """Return a liver that fills the right of `space` within `cavity`."""
    shape = _outline(space, cavity)
    hilum = (-24.0, 4.0, -12.0)
    trunk = Branch(((14, 12, -42), (-8, 8, -28), hilum), (7.5, 7.5, 7.5), 0, "", -1)
    portal = [trunk]
    hepatic: list[Branch] = []
    for root, toward, radius, segment in (
        (hilum, (-62.0, -22.0, 6.0), 6.2, "VIII"),
        (hilum, (-66.0, 30.0, -8.0), 5.8, "VI"),
        (hilum, (12.0, -29.0, 16.0), 5.2, "III"),
    ):
        for tube in grow_tree(shape, root, toward, radius, random):
            portal.append(Branch(tube.path, tube.radii, 1, segment, 0))
    for root, toward, radius in (
        ((-13.0, 18.0, 62.0), (-60.0, 20.0, 34.0), 5.4),
        ((-13.0, 16.0, 64.0), (-44.0, -36.0, 36.0), 5.0),
        ((-12.0, 14.0, 64.0), (16.0, -40.0, 40.0), 4.6),
    ):
        for tube in grow_tree(shape, root, toward, radius, random):
            hepatic.append(Branch(tube.path, tube.radii, 1, "", -1))
    beside = tuple(
        Branch(tuple((x, y - 1.2 * r, z) for (x, y, z), r in zip(b.path, b.radii_mm, strict=True)),
               tuple(0.25 * r for r in b.radii_mm), b.order, b.segment, b.parent)
        for b in portal
    )  # fmt: skip
    tree = Tree(beside)
    gallbladder = Ellipsoid((-38, -52, -48), (13, 14, 31), pitch=-20)
    return LiverModel(shape, Tree(tuple(portal)), Tree(tuple(hepatic)), tree, tree, hilum, gallbladder)
