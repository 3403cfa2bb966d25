"""Calcified walls of vessels: plaque and aneurysm of the hepatic artery, tram tracks of a portal vein."""

from __future__ import annotations

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.vote import Vote

__all__ = ["judge_vessel_wall"]

AT_HILUM_DEPTH_MM = 4.0
"""Greatest depth beneath the mask's surface of what lies at the hilum, where the outline is least sure."""

HILUM_SHARE = 0.5
"""Least share of a body with liver in front of it and to its right."""

OUTSIDE_SEEN = 3.0
"""Evidence, from least to most, of the network's view that it lies outside the liver."""

CLEAR_OF_WALL_MM = 12.0
"""Distance from bone that what lies at the hilum has; ribs and cartilage run along the other surfaces."""

CLEAR_OF_LUNG_MM = 10.0
"""Distance from lung and gas, likewise."""

TRACK_LEAST = 0.25
"""Least probability of the form of a tram track that is evidence for a vessel's wall."""

TRACK_ELONGATION, TRACK_MM = 1.3, 14.0
"""Elongation and diameter, one of which a tram track reaches: shorter ones may be a coil or a shell."""

CLOSED_RESIDUAL, CLOSED_EMPTY, CLOSED_ELONGATION = 0.2, 0.8, 1.3
"""Most that a closed shell leaves the sphere through it, as a share of its radius, the least emptiness of
that sphere, and the elongation below which it stays. Of 199 crowds (seeds 510000 to 510199) walls of
vessels with two tracks left it by 0.18 to 0.37, most rims and eggshells by 0.05 to 0.17."""

MOSTLY_INSIDE = 0.5
"""Share of a closed shell within the liver from which it is a lesion's, though it lies at the hilum: of those
in the same crowds nine in ten of rims and eggshells there, three in ten of aneurysms."""

SHELL_FILL = 0.62
"""Share of the ellipsoid with its axes below which a body is no solid grain but a wall or a piece of one."""


IN_VESSEL_SHARE, VESSEL_SLENDER = 0.5, 8.0
"""Share of a body in a vessel that the scan shows, and length in widths, of an enhanced vessel with
plaque."""

LIKE_BLOOD_HU, PLAQUE_HU = 60.0, 100.0
"""How far above blood such a body's core stays, and its brightest place lies at least. Our judgement."""

PLAQUE = 7.5
"""Evidence of such places for plaque in the wall: it makes up for the prior (4) and for the density of
calcium (2)."""


STANDS_OUT_HU = 120.0
"""How far blood stands above the liver, at least, for what a shell holds to be known as blood: in the
arterial phase, before the liver is enhanced as well."""

HELD_SHARE, HELD_ABOVE_HU, HELD_BEYOND_HU = 0.75, 80.0, 60.0
"""Least share of blood's HU and HU above the liver that the content of such a shell measures, and how far
above blood the blur of its wall may lift it. Our judgement."""

SHELL = 7.5
"""Evidence of a shell about blood for the wall of an aneurysm: one until shown otherwise."""


def _holds_blood(seen: Appearance) -> bool:
    """Return whether a shell holds what measures as the arteries do, far above the liver."""
    held, level = seen.company.held_hu, seen.peak_hu - seen.peak_excess_hu
    if held is None or seen.enhanced < 0.5 or seen.blood_hu < level + STANDS_OUT_HU:
        return False
    return max(HELD_SHARE * seen.blood_hu, level + HELD_ABOVE_HU) <= held <= seen.blood_hu + HELD_BEYOND_HU


def _is_closed_shell(seen: Appearance) -> bool:
    """Return whether a body is the wall of a ball about something darker: a tube is open at its ends."""
    form = seen.words.form
    return (
        form is not None
        and seen.shape.elongation < CLOSED_ELONGATION
        and form.shell_residual <= CLOSED_RESIDUAL
        and form.shell_empty >= CLOSED_EMPTY
    )


def _is_vessel_with_plaque(seen: Appearance) -> bool:
    """Return whether a body is an enhanced vessel, by course and density, with far brighter places in it."""
    return (
        seen.enhanced >= 0.5
        and seen.company.in_vessel >= IN_VESSEL_SHARE
        and seen.cast.slender >= VESSEL_SLENDER
        and seen.core_hu <= seen.blood_hu + LIKE_BLOOD_HU
        and seen.peak_hu >= seen.blood_hu + PLAQUE_HU
    )


def judge_vessel_wall(seen: Appearance) -> list[Vote]:
    """Return the evidence for the wall of a vessel: at the hilum, thin, around blood."""
    company = seen.company
    votes = []
    at_hilum = (
        company.depth_mm <= AT_HILUM_DEPTH_MM
        and company.at_hilum >= HILUM_SHARE
        and (seen.inside_share < 0.9 or seen.liver_about < 0.75)
        and seen.bone_mm > CLEAR_OF_WALL_MM
        and company.gas_mm > CLEAR_OF_LUNG_MM
        and company.organ("bone", "lung", "bowel", "stomach", "gallbladder") < 0.3
    )
    closed = _is_closed_shell(seen)
    of_lesion = closed and seen.inside_share >= MOSTLY_INSIDE
    wall = not of_lesion and (seen.shape.fill < SHELL_FILL or seen.shape.hollow > 0.02)
    if at_hilum:
        outer = 1.0 - min(1.0, max(0.0, company.depth_mm / AT_HILUM_DEPTH_MM))
        weight = 3.0 + 2.0 * outer + (2.5 if wall else 0.0)
        if company.organs:
            weight += OUTSIDE_SEEN * (company.organ("background", "pancreas") - 0.3)
        words = "beside the liver at its hilum, where the hepatic artery runs"
        votes.append(Vote("vessel_wall_calcification", weight, words))
    if not closed and _is_vessel_with_plaque(seen):
        words = f"an enhanced vessel with places of up to {seen.peak_hu:.0f} HU, blood {seen.blood_hu:.0f}"
        votes.append(Vote("vessel_wall_calcification", PLAQUE, words))
    if _holds_blood(seen):
        words = (
            f"a shell about blood, {seen.company.held_hu:.0f} HU within: an aneurysm until shown otherwise"
        )
        votes.append(Vote("vessel_wall_calcification", SHELL, words))
    track = seen.words.any_of("tram_track")
    packed = seen.shape.elongation < TRACK_ELONGATION and seen.shape.longest_mm < TRACK_MM
    if track > TRACK_LEAST and not packed and not closed:
        words = "the wall of a tube, two lines where a slice cuts it lengthwise"
        votes.append(Vote("vessel_wall_calcification", 2.0 + 6.0 * track, words))
    return votes
