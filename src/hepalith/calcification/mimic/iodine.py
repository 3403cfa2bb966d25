"""Iodine: contrast medium in vessels, and in bile ducts after cholangiography."""

from __future__ import annotations

import math

from hepalith.calcification.mimic.appearance import Appearance, is_tubular
from hepalith.calcification.mimic.metal import at_120_kvp
from hepalith.calcification.mimic.vote import Vote

__all__ = ["judge_iodine_in_duct", "judge_iodine_in_vessel"]

BLOOD_ERROR_HU = 15.0
"""Standard error of the HU of blood: it differs among vessels and is read from the brightest. Our
judgement."""

DRAWN_OUT = 1.7
"""Elongation from which a body may be a piece of a vessel; compact ones are vessels only end on."""

BENT_SLENDER = 4.0
"""Length in widths from which a tube is drawn out however it bends: its moments say little. Our judgement."""

IN_VESSEL, END_ON, NODULE, ISOLATED = 5.0, (2.0, 4.0), 1.0, -3.0
"""Evidence for contrast in a vessel of a body no brighter than blood: that goes on and is drawn out; that
goes on but looks round, where nothing leads away from it and where something does; that ends all about it and
is drawn out or as bright as blood (an enhancing nodule is, too); that ends all about it and is not. A vessel
does not end all about. Of 91 bodies of development phantoms that go on and are no brighter than blood two
were calcium."""

BRIGHTER_AT = (2.0, 5.0)
"""Errors of the HU of blood by which a body is brighter than blood between which what leads on from it ceases
to speak for a vessel: strands of calcium run through their own pieces, too. Our judgement."""

STRETCH = 2.0
"""The same of a body that is drawn out and ends all about."""

THROUGH, ENDS = 5.0, -1.5
"""The same of a body through which something as bright runs, and of one from which nothing leads away. Of
development phantoms' foci two in a hundred, of their pieces of vessels nine in ten lie above the
middle of `THROUGH_AT`; below `AWAY_AT` lie nine foci in ten and one piece in twenty. Our judgement."""

THROUGH_AT, AWAY_AT = (0.12, 0.24), (0.3, 0.5)
"""Shares of its own excess (`Leading`) between which a body becomes one of these."""

JOINED_SHARE, JOINED_MM = 0.5, 1.5
"""Share of a body in a vessel that the scan shows, or distance from its wall, from which it is part of it."""

SOLID_FILL, SOLID_FLATNESS = 0.7, 1.7
"""Share of the ellipsoid with its axes that a rounded grain fills at least, and its greatest flatness."""

RESOLVED = 1.6
"""Width in widths of the blur from which the middle of a body shows its own density."""

RESOLVED_MM, FEW_VOXELS = 2.4, 12
"""The same in mm where pixels are wider than the blur, and the fewest voxels that show a form at all."""

POOLED_SHARE = 0.88
"""Share of the HU of blood that a resolved body must reach to be a pool of it: what is clearly darker and
ends all about is no vessel, whatever its calcium."""

LEAST_POOL_MM = 8.0
"""Diameter from which a rounded body as bright as blood is as likely a pool of it (haemangioma, aneurysm)."""

BEYOND_PEAK = 3.0
"""Noise deviations by which the brightest voxel of a few dozen exceeds an even body by chance."""

SHELL_DARK_HU = 15.0
"""How far below the liver what a body encloses measures when it is a shell about fluid."""

DUCT_HU = (90.0, 900.0)
"""Excess at 120 kVp of diluted contrast medium in ducts: 150 to above 1000 HU (evidence.md, grade K)."""

DUCT_SLENDER = 6.0
"""Length in widths from which a body is a tube."""

DUCT_EVEN = 0.32
"""Unevenness along the middle line up to which a tube is evenly filled; stones in a row are not. Sampling by
thick slices alone makes 0.2."""

LEAST_WIDTH_MM, CONTRAST_SHARE = 1.8, 0.15
"""Width from which the density of a tube is told from its blurred image, and its error as a share."""

ARTERY_MM, ARTERY_DEPTH_MM, LONG_MM = 2.0, 7.0, 20.0
"""Width, depth beneath the surface and length from which a tube is no artery of the liver: beyond the hilum
they are 1-2 mm wide. What is so wide, so long and brighter than the veins is a duct, or calcium."""

WIDE_AGAINST, SHELL_AGAINST = 4.0, 5.0
"""Evidence against a vessel of such a tube, and of a shell."""

ARTERY_SHARE = 0.8
"""Share of the brightest blood that a tube must reach to be an artery: contrast of the same bolus."""

DUCT_WIDE_MM = 7.0
"""Widest duct that contrast is looked for in: wider ones are the hilum's."""

DUCT_DENSE_HU, DENSE_AGAINST = (550.0, 900.0), 6.0
"""Excess at 120 kVp between which a tube becomes too dense for contrast medium thinned by bile, and the
evidence that is against it."""

BRANCHING = 0.5
"""Evidence of a tree's form."""

IN_LIVER = 0.6
"""Least share of liver about a duct that is looked at."""

DUCT_LONG_MM = 22.0
"""Length from which an even tube is longer than most calcified strands."""


def judge_iodine_in_vessel(seen: Appearance) -> list[Vote]:
    """Return the evidence for contrast in a vessel: no brighter than blood, drawn out, going on."""
    if seen.enhanced < 0.2:
        return []
    held, level = seen.company.held_hu, seen.peak_hu - seen.peak_excess_hu
    if held is not None and held < level - SHELL_DARK_HU:
        return []  # a shell about fluid
    odds = math.log(seen.enhanced / max(1.0 - seen.enhanced, 0.02))
    error = math.hypot(seen.core_se_hu, BLOOD_ERROR_HU)
    noise = seen.peak_excess_hu / max(seen.deviations, 1.0)
    top = seen.peak_hu - BEYOND_PEAK * noise
    beyond = max((seen.core_hu - seen.blood_hu) / error, (top - seen.blood_hu) / BLOOD_ERROR_HU)
    if seen.cast.width_mm >= LEAST_WIDTH_MM and is_tubular(seen):
        spread = BLOOD_ERROR_HU + CONTRAST_SHARE * seen.cast.contrast_hu
        beyond = max(beyond, (_true_hu(seen) - seen.blood_hu) / spread)
    bent = is_tubular(seen) and seen.cast.slender >= BENT_SLENDER
    drawn_out = seen.shape.elongation > DRAWN_OUT or seen.shape.branches > 0 or bent
    leads = _leads(seen)
    leads -= max(leads, 0.0) * _rise(beyond, BRIGHTER_AT)
    weight = odds + _form(seen, drawn_out=drawn_out) + leads - max(beyond, -2.0)
    weight -= SHELL_AGAINST * seen.words.any_of("rim", "eggshell")
    if _is_too_wide_for_an_artery(seen):
        weight -= WIDE_AGAINST
    if weight <= 0:
        return []
    words = "drawn out and " if drawn_out else ""
    if seen.leading.through >= THROUGH_AT[1]:
        words = "bright on before and behind, " + words
    why = f"{words}no brighter than contrast in vessels ({seen.core_hu:.0f} HU, blood {seen.blood_hu:.0f})"
    return [Vote("iodine_in_vessel", min(weight, 9.0), why)]


def _leads(seen: Appearance) -> float:
    """Return how far what leads away from a body speaks for a vessel."""
    away, through = _rise(seen.leading.away, AWAY_AT), _rise(seen.leading.through, THROUGH_AT)
    return THROUGH * through + ENDS * (1.0 - max(away, through))


def _rise(share: float, ends: tuple[float, float]) -> float:
    """Return how far a share has come from one end to the other, 0 to 1."""
    return min(1.0, max(0.0, (share - ends[0]) / (ends[1] - ends[0])))


def _form(seen: Appearance, *, drawn_out: bool) -> float:
    """Return how far the form of a body speaks for a vessel."""
    shape = seen.shape
    solid = not drawn_out and shape.fill >= SOLID_FILL and shape.flatness <= SOLID_FLATNESS
    if solid and seen.thickness >= RESOLVED and seen.thick_mm >= RESOLVED_MM and seen.voxels >= FEW_VOXELS:
        pooled = seen.core_hu >= POOLED_SHARE * seen.blood_hu and shape.longest_mm >= LEAST_POOL_MM
        if not pooled:
            return ISOLATED if not seen.goes_on else -1.0
        return NODULE
    joined = seen.company.in_vessel >= JOINED_SHARE or seen.company.vessel_mm <= JOINED_MM
    if seen.goes_on or (joined and drawn_out):
        least, most = END_ON
        return IN_VESSEL if drawn_out else least + (most - least) * _rise(seen.leading.away, AWAY_AT)
    if drawn_out:
        return STRETCH
    return NODULE if shape.blurs > 3.0 else ISOLATED


def judge_iodine_in_duct(seen: Appearance) -> list[Vote]:
    """Return the evidence for contrast medium in ducts: a long tube with arms, evenly filled, not too dense.

    In an enhanced scan it must be brighter than the veins; a tube as bright as blood is a vessel.
    """
    cast = seen.cast
    dense = at_120_kvp(cast.ridge_hu, seen.company.kvp)
    if not DUCT_HU[0] <= dense <= DUCT_HU[1] or cast.slender < DUCT_SLENDER or cast.unevenness > DUCT_EVEN:
        return []
    if seen.liver_about < IN_LIVER:
        return []
    if not is_tubular(seen) or cast.width_mm > DUCT_WIDE_MM or _is_as_bright_as_blood(seen):
        return []
    long = min(1.0, max(0.0, (cast.length_mm - 8.0) / DUCT_LONG_MM))
    weight = 3.0 + 3.5 * long + (1.0 if cast.arms > 1 else 0.0) + 2.0 * seen.company.beside_vessel
    weight -= 4.0 * seen.enhanced * max(0.0, seen.company.in_vessel - 0.5)
    true = at_120_kvp(max(cast.ridge_hu, min(cast.contrast_hu, 2 * cast.ridge_hu)), seen.company.kvp)
    weight -= DENSE_AGAINST * min(
        1.0, max(0.0, (true - DUCT_DENSE_HU[0]) / (DUCT_DENSE_HU[1] - DUCT_DENSE_HU[0]))
    )
    weight += BRANCHING * seen.words.any_of("branching")
    words = f"an evenly filled tube {cast.length_mm:.0f} mm long"
    if seen.company.beside_vessel > 0.4:
        words += " along the vessels"
    return [Vote("iodine_in_duct", weight, words)]


def _is_too_wide_for_an_artery(seen: Appearance) -> bool:
    """Return whether a long tube deep in the liver is brighter than its veins and wider than its arteries."""
    vein, cast = _brightest_vein(seen), seen.cast
    if vein is None or not is_tubular(seen) or cast.length_mm < LONG_MM or cast.width_mm < ARTERY_MM:
        return False
    error = math.hypot(BLOOD_ERROR_HU, CONTRAST_SHARE * cast.contrast_hu)
    return seen.company.depth_mm >= ARTERY_DEPTH_MM and _true_hu(seen) > vein + 3 * error


def _brightest_vein(seen: Appearance) -> float | None:
    """Return the most that veins measure: hepatic veins lag behind the portal vein until they are alike."""
    vein = seen.company.vein_hu
    if vein is None or seen.read_in == "arterial":
        return vein
    return max(vein, seen.blood_hu)


def _true_hu(seen: Appearance) -> float:
    """Return what a tube measures with the blur undone."""
    return seen.peak_hu - seen.peak_excess_hu + seen.cast.contrast_hu


def _is_as_bright_as_blood(seen: Appearance) -> bool:
    """Return whether a tube, blur undone, measures what veins or arteries of this scan measure."""
    if seen.enhanced < 0.5:
        return False
    vein = _brightest_vein(seen)
    true_hu = _true_hu(seen)
    if vein is None or true_hu < vein + 2 * BLOOD_ERROR_HU:
        return True
    if seen.cast.width_mm >= ARTERY_MM and seen.company.depth_mm >= ARTERY_DEPTH_MM:
        return False
    return ARTERY_SHARE * seen.blood_hu <= true_hu <= seen.blood_hu + 2 * BLOOD_ERROR_HU
