"""The liver of a phantom: its outline, segments, vessels, ducts and gallbladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.liver_field import Sampled
from hepalith.phantom.liver_outline import Frame, draw_plan, make_frame, make_outline, placed
from hepalith.phantom.segments import Planes, draw_planes, segment_of
from hepalith.phantom.shape import Oval, Point, Shape
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
    planes, frame
        What divides the segments, and the frame that the planes are given in.
    """

    shape: Sampled
    portal: Tree
    hepatic: Tree
    artery: Tree
    ducts: Tree
    hilum: Point
    gallbladder: Shape | None
    planes: Planes
    frame: Frame

    def segment_at(self, x: Array, y: Array, z: Array) -> NDArray[np.uint8]:
        """Return the Couinaud segment, 1 to 8, that points in LPS mm belong to, inside the liver or not."""
        return segment_of(self.planes, *self.frame.from_patient(x, y, z))


HILUM = (-24.0, 2.0, -8.0)
"""Where the portal vein divides, in the frame."""


def _trees(shape: Sampled, frame: Frame, random: np.random.Generator) -> tuple[Tree, Tree, Tree, Tree]:
    """Return portal vein, hepatic veins, artery and ducts."""
    to = frame.to_patient
    hilum = to(HILUM)
    trunk = Branch((to((14, 12, -42)), to((-8, 8, -28)), hilum), (7.5, 7.5, 7.5), 0, "", -1)
    portal, hepatic = [trunk], []
    for toward, radius, segment in (
        ((-62.0, -22.0, 6.0), 6.2, "VIII"),
        ((-66.0, 30.0, -8.0), 5.8, "VI"),
        ((12.0, -29.0, 16.0), 5.2, "III"),
    ):
        tubes = grow_tree(shape, hilum, to(toward), radius, random)
        portal += [Branch(t.path, t.radii, 1, segment, 0) for t in tubes]
    for toward, radius in (
        ((-60.0, 20.0, 34.0), 5.4),
        ((-44.0, -36.0, 36.0), 5.0),
        ((16.0, -40.0, 40.0), 4.6),
    ):
        tubes = grow_tree(shape, to((-13.0, 16.0, 62.0)), to(toward), radius, random)
        hepatic += [Branch(t.path, t.radii, 1, "", -1) for t in tubes]
    beside = tuple(
        Branch(
            tuple((x, y - 1.2 * r, z) for (x, y, z), r in zip(b.path, b.radii_mm, strict=True)),
            tuple(0.25 * r for r in b.radii_mm), b.order, b.segment, b.parent,
        )
        for b in portal
    )  # fmt: skip
    return Tree(tuple(portal)), Tree(tuple(hepatic)), Tree(beside), Tree(beside)


def make_liver(variation: Variation, random: np.random.Generator, space: Shape, cavity: Oval) -> LiverModel:
    """Return the liver of a patient.

    Parameters
    ----------
    variation
        The patient.
    random
        Draws what the variation leaves open.
    space
        All that lies below the diaphragm and is not taken by firmer neighbours.
    cavity
        The inside of the trunk near the liver.
    """
    frame = make_frame(variation, cavity)
    planes = draw_planes(random)
    plan = draw_plan(variation, random, frame)
    shape = make_outline(plan, planes, frame, space, cavity)
    gallbladder = None if plan.gallbladder is None else placed(plan.gallbladder, frame)
    portal, hepatic, artery, ducts = _trees(shape, frame, random)
    return LiverModel(
        shape, portal, hepatic, artery, ducts, frame.to_patient(HILUM), gallbladder, planes, frame
    )
