"""Iodine: contrast medium in vessels, and in bile ducts after cholangiography."""

from __future__ import annotations

import math

from hepalith.calcification.appearance import Appearance
from hepalith.calcification.mimic_metal import at_120_kvp
from hepalith.calcification.vote import Vote

__all__ = ["judge_iodine_in_duct", "judge_iodine_in_vessel"]

BLOOD_ERROR_HU = 15.0
"""Standard error of the HU of blood: it differs among vessels and is read from the brightest. Our
judgement."""

DRAWN_OUT = 1.7
"""Elongation from which a body may be a piece of a vessel; compact ones are vessels only end on."""

IN_VESSEL, END_ON, NODULE, ISOLATED = 5.0, 2.0, 1.0, -3.0
"""Evidence for contrast in a vessel of a body no brighter than blood: that goes on and is drawn out; that
goes on but looks round; that ends all about it and is drawn out or as bright as blood (an enhancing nodule
is, too); that ends all about it and is not. A vessel does not end all about. Our judgement."""

SOLID_FILL, SOLID_FLATNESS = 0.7, 1.7
"""Share of the ellipsoid with its axes that a rounded grain fills at least, and its greatest flatness."""

RESOLVED = 1.6
"""Width in widths of the blur from which the middle of a body shows its own density."""

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

DUCT_LONG_MM = 22.0
"""Length from which an even tube is longer than most calcified strands."""


def judge_iodine_in_vessel(seen: Appearance) -> list[Vote]:
    """Return the evidence for contrast in a vessel: no brighter than blood, drawn out, going on."""
    if seen.enhanced < 0.2:
        return []
    held = seen.company.held_hu
    if held is not None and held < seen.core_hu - seen.peak_excess_hu - SHELL_DARK_HU:
        return []  # a shell about fluid
    odds = math.log(seen.enhanced / max(1.0 - seen.enhanced, 0.02))
    error = math.hypot(seen.core_se_hu, BLOOD_ERROR_HU)
    noise = seen.peak_excess_hu / max(seen.deviations, 1.0)
    top = seen.peak_hu - BEYOND_PEAK * noise
    beyond = max((seen.core_hu - seen.blood_hu) / error, (top - seen.blood_hu) / BLOOD_ERROR_HU)
    drawn_out = seen.shape.elongation > DRAWN_OUT or seen.shape.branches > 0
    weight = odds + _form(seen, drawn_out=drawn_out) - max(beyond, -2.0)
    if weight <= 0:
        return []
    words = "drawn out and " if drawn_out else ""
    why = f"{words}no brighter than contrast in vessels ({seen.core_hu:.0f} HU, blood {seen.blood_hu:.0f})"
    return [Vote("iodine_in_vessel", min(weight, 9.0), why)]


def _form(seen: Appearance, *, drawn_out: bool) -> float:
    """Return how far the form of a body speaks for a vessel."""
    shape = seen.shape
    solid = not drawn_out and shape.fill >= SOLID_FILL and shape.flatness <= SOLID_FLATNESS
    if solid and seen.thickness >= RESOLVED:
        pooled = seen.core_hu >= POOLED_SHARE * seen.blood_hu and 3.5 * max(shape.lengths_mm) >= LEAST_POOL_MM
        if not pooled:
            return ISOLATED if not seen.goes_on else -1.0
        return NODULE
    if seen.goes_on:
        return IN_VESSEL if drawn_out else END_ON
    return NODULE if drawn_out or shape.blurs > 3.0 else ISOLATED


def judge_iodine_in_duct(seen: Appearance) -> list[Vote]:
    """Return the evidence for contrast medium in ducts: a long tube with arms, evenly filled, not too dense.

    In an enhanced scan it must be brighter than the veins; a tube as bright as blood is a vessel.
    """
    cast = seen.cast
    dense = at_120_kvp(cast.ridge_hu, seen.company.kvp)
    if not DUCT_HU[0] <= dense <= DUCT_HU[1] or cast.slender < DUCT_SLENDER or cast.unevenness > DUCT_EVEN:
        return []
    vein = seen.company.vein_hu
    if seen.enhanced > 0.5 and (vein is None or seen.core_hu < vein + 2 * BLOOD_ERROR_HU):
        return []
    long = min(1.0, max(0.0, (cast.length_mm - 8.0) / DUCT_LONG_MM))
    weight = 2.0 + 3.0 * long + (1.0 if cast.arms > 1 else 0.0) + 3.0 * seen.company.beside_vessel
    words = f"an evenly filled tube {cast.length_mm:.0f} mm long"
    if seen.company.beside_vessel > 0.4:
        words += " along the vessels"
    return [Vote("iodine_in_duct", weight, words)]
