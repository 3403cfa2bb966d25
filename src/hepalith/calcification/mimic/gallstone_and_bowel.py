"""What lies in neighbours that a liver's outline touches: gallstones, dense content of bowel or stomach."""

from __future__ import annotations

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.vote import Vote

__all__ = ["is_dense_pool", "judge_beside", "judge_bowel", "judge_gallstone"]

BESIDE_SHARE, BESIDE_ABOUT = 0.5, 0.6
"""Shares of itself and of its surroundings in the liver below which a body lies beside the liver."""

MOSTLY_OUTSIDE = 0.4
"""Share of liver in its surroundings below which a body lies beside the liver; a body on the capsule has
about one half."""

OUTSIDE = 4.0
"""Evidence against a body of the liver where it lies beside it; half as much where that is not so clear."""

SURE_ORGAN = 0.35
"""Mean probability, as the network sees it, from which a body lies in an organ; beside a liver the two share
what there is. Our judgement."""

BONE_NEAR_MM = 6.0
"""Distance within which bone shines into its neighbours."""

NO_BONE = 0.06
"""Mean probability of bone, as the network sees it, below which a large body is none."""

LARGE_MM3 = 3000.0
"""Volume of dense content outside the liver from which it fills bowel: more than any stone of an artery."""


def judge_gallstone(seen: Appearance) -> list[Vote]:
    """Return the evidence for a stone in the gallbladder: fluid about it, and the gallbladder's place."""
    beside = seen.inside_share < BESIDE_SHARE and seen.liver_about < BESIDE_ABOUT
    held = seen.company.organ("gallbladder")
    if held >= SURE_ORGAN and seen.company.depth_mm < 8.0:
        return [Vote("gallstone", 5.0 + 4.0 * held, "in the gallbladder")]
    if beside and seen.company.fluid > 0.4 and held > 0.05:
        return [Vote("gallstone", 7.5, "at the edge of the liver, in fluid, where the gallbladder lies")]
    if seen.company.organs:
        return []  # the network was asked, and sees no gallbladder here
    in_fluid = seen.outside_hu is not None and -10.0 <= seen.outside_hu <= 25.0
    if beside and in_fluid:
        return [Vote("gallstone", 6.8, "at the edge of the liver, in fluid")]
    return []


def judge_bowel(seen: Appearance) -> list[Vote]:
    """Return the evidence for dense content of bowel or stomach."""
    outer = seen.liver_about < MOSTLY_OUTSIDE or (
        seen.inside_share < BESIDE_SHARE and seen.liver_about < BESIDE_ABOUT
    )
    gut = seen.company.organ("bowel", "stomach")
    lung = seen.company.organ("lung")
    votes = []
    if outer and seen.gas_about > 0.02 and lung < 0.2 and (seen.outside_hu is None or seen.outside_hu > -500):
        weight = 7.5 if not seen.company.organs else 4.0 + 8.0 * min(1.0, gut / SURE_ORGAN)
        votes.append(Vote("bowel_content", min(weight, 9.0), "outside the liver, with gas beside it"))
    if seen.outside_mm3 >= LARGE_MM3 and seen.outside_dense > 0.5 and is_dense_pool(seen):
        words = f"one with {seen.outside_mm3 / 1000:.0f} mL of dense content outside the liver, and no bone"
        votes.append(Vote("bowel_content", 8.0, words))
    if gut >= SURE_ORGAN and seen.company.depth_mm < 6.0:
        words = "in bowel or stomach, as the organs about the liver lie"
        votes.append(Vote("bowel_content", 4.0 + 6.0 * gut, words))
    return votes


def is_dense_pool(seen: Appearance) -> bool:
    """Return whether a body is brighter than blood and clear of bone: an aneurysm's shell is thin."""
    clear = seen.bone_mm > BONE_NEAR_MM if not seen.company.organs else seen.company.organ("bone") < NO_BONE
    return clear and seen.core_hu > seen.blood_hu + 40 and seen.thickness > 4.0


def judge_beside(seen: Appearance) -> list[Vote]:
    """Return the evidence against the liver of a body that lies beside it and that nothing else explains."""
    beside = seen.inside_share < BESIDE_SHARE and seen.liver_about < BESIDE_ABOUT
    if not beside and seen.liver_about >= MOSTLY_OUTSIDE:
        return []
    weight = OUTSIDE if beside and seen.liver_about < MOSTLY_OUTSIDE else 0.5 * OUTSIDE
    return [Vote("undetermined", weight, "mostly outside the liver")]
