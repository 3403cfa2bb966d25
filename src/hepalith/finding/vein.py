"""Whether the large veins of the liver fill: occlusion, as far as one phase can say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.field import look_for_dark_veins
from hepalith.anatomy.vessels.kind import VesselBranch
from hepalith.anatomy.vessels.tree import find_nodes
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.finding.finding import Finding, Subject
from hepalith.image.volume import Volume
from hepalith.vocabulary import State

__all__ = ["find_vein_occlusion"]

FILLING_PHASES = ("portal", "delayed")
"""Phases in which both portal and hepatic veins are filled in a patent liver."""
TRUNK_RADIUS_MM = 2.5
"""A trunk is at least so wide: right and left portal vein and the three hepatic veins have 3 to 6 mm."""
TRUNK_REACH_MM = 35.0
"""... and runs within so far of its root."""
DARK_LENGTH_MM = 15.0
"""A dark cord at a portal trunk's place is at least so long. Our judgement."""
FILLED, DARK = 0.03, 0.75
"""Probability of occlusion where all trunks fill, and where the portal trunk does not and a dark cord lies
in its place: a dilated duct or an infiltrating mass can look so too. Our judgement: no phantom shows it."""

Floats = NDArray[np.float64]


def find_vein_occlusion(volume: Volume, liver: Liver, vessels: Vessels, phase: Phase) -> Finding:
    """Return whether the portal vein's trunks or the hepatic veins are occluded.

    Absent only where the trunks of both are seen filled; present where the portal trunk is not, while
    other vessels are, and a dark cord lies in its place. Anything else cannot be judged.
    """
    reason = _why_not(liver, vessels, phase)
    if reason:
        return _not_assessable(reason)
    roots = vessels.roots
    if roots is None:
        return _not_assessable("the roots of the veins could not be placed")
    portal = _has_trunk(vessels.branches, roots.hilum, ("portal", "unknown"))
    hepatic = _has_trunk(vessels.branches, roots.mouths, ("hepatic", "unknown"))
    if portal and hepatic:
        return _told(State.ABSENT, FILLED)
    if portal:
        return _not_assessable("the hepatic veins could not be followed to the vena cava")
    if _dark_cord(volume, liver, phase, roots.hilum):
        return _told(State.PRESENT, DARK)
    return _not_assessable("the trunk of the portal vein was not seen")


def _why_not(liver: Liver, vessels: Vessels, phase: Phase) -> str:
    """Return why occlusion cannot be judged at all; empty where it can."""
    if not liver.is_in_view:
        return "no liver is in view"
    if phase.label not in FILLING_PHASES:
        return "only a portal venous or delayed phase shows whether the veins fill"
    if not vessels.seen:
        return vessels.reason
    if vessels.roots is None or vessels.roots.cava is None:
        return "not all roots of the veins are in view"
    return ""


def _has_trunk(branches: Sequence[VesselBranch], root: Floats, kinds: tuple[str, ...]) -> bool:
    """Return whether a wide vessel of one of some kinds runs near a root."""
    for branch in branches:
        near = np.linalg.norm(branch.path_lps_mm - root, axis=1) < TRUNK_REACH_MM
        if branch.kind in kinds and bool((near & (branch.radii_mm >= TRUNK_RADIUS_MM)).any()):
            return True
    return False


def _dark_cord(volume: Volume, liver: Liver, phase: Phase, hilum: Floats) -> bool:
    """Return whether something long, wide and dark, but no bile, lies where the portal vein divides."""
    field = look_for_dark_veins(volume, liver, phase)
    nodes = None if field is None else find_nodes(field)
    if nodes is None:
        return False
    near = np.linalg.norm(nodes.points_lps_mm - hilum, axis=1) < TRUNK_REACH_MM
    held = nodes.points_lps_mm[near & (nodes.radius_mm >= TRUNK_RADIUS_MM)]
    return len(held) > 1 and float(np.ptp(held, axis=0).max()) >= DARK_LENGTH_MM


def _told(state: State, probability: float) -> Finding:
    return Finding("vein_occlusion", Subject("neighbour", "vein"), state, probability)


def _not_assessable(reason: str) -> Finding:
    return Finding("vein_occlusion", Subject("neighbour", "vein"), State.NOT_ASSESSABLE, reason=reason)
