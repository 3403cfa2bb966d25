"""Ribs, costal cartilage, and bone or calcified pleura that a slice mixes into the liver's dome."""

from __future__ import annotations

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.gallstone_and_bowel import is_dense_pool
from hepalith.calcification.mimic.vote import Vote

__all__ = ["BONE_MM3", "judge_bone"]

BONE_MM3 = 250.0
"""Volume outside the search region from which a connected bright body counts as bone: a 12 mm
length of rib cortex. Our judgement."""

BONE_NEAR_MM = 6.0
"""Distance within which bone can shine into the edge of the liver by partial volume."""

CARTILAGE_NEAR_MM = 25.0
"""Distance from bone within which costal cartilage, calcified in patches, runs along the liver."""

CARTILAGE_LONG_MM, CARTILAGE_HU, PLAIN_CARTILAGE = 20.0, 200.0, 2.5
"""Length from which, and peak up to which, what runs along the chest wall is as faint as cartilage that holds
little calcium; calcium of that length is denser. And the further evidence. Our judgement."""

PART_OF_BONE = 3.0
"""Further evidence where a body at the edge is one with a bone that lies mostly outside the liver."""

DRAWN_OUT = 1.7
"""Elongation or flatness from which a body runs along something."""

MOSTLY_OUTSIDE = 0.4
"""Share of liver in its surroundings below which a body lies beside the liver; a body on the capsule has
about one half."""

IN_VESSEL_SHARE = 0.5
"""Share of a body in a vessel that the scan shows from which it is no rib."""

DOME_MM = 11.0
"""Distance from lung within which a plate on the liver lies in the diaphragm or the pleura: the diaphragm is
2-5 mm thick, and its muscle and fat about as much."""

DOME_SEEN = 5.0
"""Evidence, from least to most, of the network's view that the plate lies outside the liver."""

DOME_PLATE_MM = 3.6
"""Least diameter of such a plate; dots beneath the capsule are the liver's."""

DOME_DEPTH_MM = 2.0
"""Greatest depth beneath the surface of the mask of a plate that lies on the liver and not within it: the
outline is known to about a millimetre, and takes a plate on the surface in by half its blur."""


def judge_bone(seen: Appearance) -> list[Vote]:
    """Return the evidence for bone and cartilage."""
    if seen.metal_mm == 0.0 or seen.company.tube is not None:
        return []
    vessel = seen.company.in_vessel >= IN_VESSEL_SHARE  # joined to plaque, it is as dense and long as a rib
    votes = [] if is_dense_pool(seen) or vessel else _rib(seen)
    plate = seen.shape.longest_mm >= DOME_PLATE_MM
    outer = seen.company.depth_mm <= DOME_DEPTH_MM and seen.liver_about < 0.64
    if seen.company.gas_mm <= DOME_MM and outer and plate:
        away = 1.0 - min(1.0, max(0.0, seen.company.depth_mm / DOME_DEPTH_MM))
        weight = 3.5 + 2.0 * away + 2.0 * (1.0 - seen.liver_about)
        if seen.company.organs:
            weight += DOME_SEEN * (seen.company.organ("background", "lung", "bone") - 0.4)
        words = f"lies on the dome, {seen.company.gas_mm:.0f} mm from lung: diaphragm, pleura or rib"
        votes.append(Vote("bone_or_cartilage", weight, words))
    return votes


def _rib(seen: Appearance) -> list[Vote]:
    """Return votes for a rib or its cartilage."""
    votes = []
    edge = 1.0 - min(1.0, seen.liver_about)
    bony = seen.bone_mm <= BONE_NEAR_MM or seen.company.organ("bone") > 0.15
    if seen.outside_mm3 >= BONE_MM3 and seen.outside_dense >= 0.05 and bony:
        at_edge = seen.liver_about < 0.75 or seen.inside_share < 0.8
        weight = 0.5
        if seen.bone_mm == 0.0 and edge > 0.05:
            weight = 2.5 + 6.0 * edge
        elif at_edge:
            weight = 2.0 + 6.0 * edge
        votes.append(Vote("bone_or_cartilage", weight, "continues into a large dense body outside the liver"))
    flat = seen.shape.elongation > DRAWN_OUT or seen.shape.flatness > DRAWN_OUT
    if seen.bone_mm > BONE_NEAR_MM and seen.bone_mm <= CARTILAGE_NEAR_MM and seen.liver_about < 0.6 and flat:
        weight = 3.5 if seen.bone_mm > CARTILAGE_NEAR_MM / 2 else 5.0
        if seen.shape.longest_mm >= CARTILAGE_LONG_MM and seen.peak_hu < CARTILAGE_HU:
            weight += PLAIN_CARTILAGE
        votes.append(
            Vote("bone_or_cartilage", weight, "drawn out along the chest wall at the edge of the liver")
        )
    if seen.bone_mm <= BONE_NEAR_MM and (seen.liver_about < 0.75 or seen.inside_share < 0.8):
        weight = 1.0 + 3.0 * edge + (1.5 if seen.peak_hu < 200 else 0.0)
        weight += PART_OF_BONE if seen.bone_mm == 0.0 else 0.0
        words = f"lies {seen.bone_mm:.0f} mm from bone at the edge of the liver"
        votes.append(Vote("bone_or_cartilage", weight, words))
    outer = seen.liver_about < MOSTLY_OUTSIDE
    if outer and seen.bone_mm <= CARTILAGE_NEAR_MM and seen.company.organ("bone", "background") > 0.5:
        words = "in the chest wall, which the liver's mask takes in here"
        votes.append(Vote("bone_or_cartilage", 4.0 + 4.0 * seen.company.organ("bone"), words))
    return votes
