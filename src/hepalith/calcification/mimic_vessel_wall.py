"""Calcified walls of vessels: plaque and aneurysm of the hepatic artery, tram tracks of a portal vein."""

from __future__ import annotations

from hepalith.calcification.appearance import Appearance
from hepalith.calcification.vote import Vote

__all__ = ["judge_vessel_wall"]

AT_HILUM_DEPTH_MM = 4.0
"""Greatest depth beneath the mask's surface of what lies at the hilum, where the outline is least sure."""

CLEAR_OF_WALL_MM = 12.0
"""Distance from bone that what lies at the hilum has; ribs and cartilage run along the other surfaces."""

CLEAR_OF_LUNG_MM = 10.0
"""Distance from lung and gas, likewise."""

BLOOD_HU = 22.0
"""How far below the liver, and no further, what a calcified wall encloses measures in an unenhanced scan."""

SHELL_FILL = 0.62
"""Share of the ellipsoid with its axes below which a body is no solid grain but a wall or a piece of one."""


def judge_vessel_wall(seen: Appearance) -> list[Vote]:
    """Return the evidence for the wall of a vessel: at the hilum, thin, around blood."""
    company = seen.company
    votes = []
    at_hilum = (
        company.depth_mm <= AT_HILUM_DEPTH_MM
        and (seen.inside_share < 0.9 or seen.liver_about < 0.75)
        and seen.bone_mm > CLEAR_OF_WALL_MM
        and company.gas_mm > CLEAR_OF_LUNG_MM
        and company.organ("bone", "lung", "bowel", "stomach", "gallbladder") < 0.3
    )
    wall = seen.shape.fill < SHELL_FILL or seen.shape.hollow > 0.02
    if at_hilum:
        outer = 1.0 - min(1.0, max(0.0, company.depth_mm / AT_HILUM_DEPTH_MM))
        weight = 3.0 + 2.0 * outer + (2.5 if wall else 0.0)
        words = "beside the liver at its hilum, where the hepatic artery runs"
        votes.append(Vote("vessel_wall_calcification", weight, words))
    return votes
