"""The liver of a phantom: its outline, segments, vessels, ducts and gallbladder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.ducts import make_arteries, make_ducts
from hepalith.phantom.body.liver_field import Sampled
from hepalith.phantom.body.liver_outline import make_outline
from hepalith.phantom.body.liver_plan import Frame, draw_plan, make_frame, placed
from hepalith.phantom.body.segments import Planes, draw_planes, segment_of
from hepalith.phantom.body.tree import Branch, Tree
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.body.vessels import grow_hepatic, grow_portal
from hepalith.phantom.shape.shape import Oval, Point, Shape

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


def make_liver(
    variation: Variation,
    random: np.random.Generator,
    space: Shape,
    cavity: Oval,
    *,
    vessels: bool = True,
) -> LiverModel:
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
    vessels
        Whether to grow what runs in it; without, the trees are empty and all else is the same.
    """
    frame = make_frame(variation, cavity)
    plan = draw_plan(variation, random, frame)
    planes = draw_planes(random, plan.hilum)
    shape = make_outline(plan, planes, frame, space, cavity)
    growing = np.random.default_rng(int(random.integers(1 << 62)))
    portal = grow_portal(shape, frame, planes, plan.hilum, growing) if vessels else Tree()
    hepatic = grow_hepatic(shape, frame, planes, growing) if vessels else Tree()
    return LiverModel(
        shape=shape,
        portal=portal,
        hepatic=hepatic,
        artery=make_arteries(portal),
        ducts=make_ducts(portal),
        hilum=frame.to_patient(plan.hilum),
        gallbladder=None if plan.gallbladder is None else placed(plan.gallbladder, frame),
        planes=planes,
        frame=frame,
    )
