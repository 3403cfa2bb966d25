"""What interventional radiology leaves: iodised oil in a nodule, and glue in vessels."""

from __future__ import annotations

from hepalith.calcification.appearance import Appearance
from hepalith.calcification.mimic_metal import at_120_kvp
from hepalith.calcification.vote import Vote

__all__ = ["judge_glue", "judge_lipiodol"]

CLOUD_TEXTURE = (0.22, 0.42)
"""Spread within a body over its mean between which it turns from even into cloudy: oil fills tumour vessels
patchily, calcium of a healed focus is solid."""

CLOUD_FILL = 0.45
"""Least share of the ellipsoid with its axes that a cloud fills."""

DENSE_CLOUD_HU = (700.0, 1500.0)
"""Excess at 120 kVp of the brightest part of a cloud between which oil becomes more likely than calcium. Oil
measures 283 ± 152 HU above the liver on average, 365 and more where it stays for weeks, and in its densest
parts above 1500 (PMID 24094672, 8402781); faint, cloudy calcium of mucinous metastases stays below 450 on
average."""

IN_MASS_HU = -6.0
"""How far below the liver the surroundings of oil measure, kept in a nodule."""

GLUE_RIDGE_HU = (500.0, 950.0)
"""Excess at 120 kVp along the middle of a drawn-out body between which it becomes a cast of glue: glue is
mixed with iodised oil and measures 700-2500 HU; calcium in strands of 1-3 mm is blurred to a few hundred."""

GLUE_SLENDER = 4.0
"""Length in widths of a cast."""

GLUE_EVEN = 0.34
"""Unevenness along the middle up to which a tube is a cast."""

GLUE_ELONGATED = 1.8
"""Elongation from which a body without arms is drawn out."""


def _ramp(value: float, ends: tuple[float, float]) -> float:
    """Return 0 below the first end, 1 above the second, linear between."""
    return min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0])))


def judge_lipiodol(seen: Appearance) -> list[Vote]:
    """Return the evidence for iodised oil: a dense, patchy cloud, flecks about it, in a nodule."""
    size = 3.5 * max(seen.shape.lengths_mm)
    cloudy = _ramp(max(seen.texture, seen.shape.variation - 0.12), CLOUD_TEXTURE)
    if size < 6.0 or seen.shape.elongation > 2.4 or seen.shape.fill < CLOUD_FILL or cloudy == 0.0:
        return []
    peak = at_120_kvp(seen.peak_excess_hu, seen.company.kvp)
    weight = cloudy * (2.0 + 6.0 * _ramp(peak, DENSE_CLOUD_HU))
    words = f"a patchy cloud {size:.0f} mm across, up to {seen.peak_hu:.0f} HU"
    if seen.company.small_others:
        weight += min(2.0, 0.7 * seen.company.small_others)
        words += ", flecks about it"
    if seen.level_step_hu < IN_MASS_HU:
        weight += 1.0
        words += ", in a nodule"
    return [Vote("lipiodol", weight, words)]


def judge_glue(seen: Appearance) -> list[Vote]:
    """Return the evidence for glue: a very dense, even cast of a vessel's branches."""
    cast = seen.cast
    drawn_out = seen.shape.elongation > GLUE_ELONGATED or cast.arms > 1 or cast.slender > 6.0
    if not drawn_out or cast.slender < GLUE_SLENDER or cast.unevenness > GLUE_EVEN or seen.thickness > 4.0:
        return []
    dense = _ramp(at_120_kvp(cast.ridge_hu, seen.company.kvp), GLUE_RIDGE_HU)
    if dense == 0.0:
        return []
    weight = 3.0 + 8.0 * dense - 6.0 * max(0.0, seen.texture - 0.2)
    words = (
        f"an even cast {cast.length_mm:.0f} mm long, {cast.ridge_hu:.0f} HU above the liver along its middle"
    )
    return [Vote("glue", weight, words)]
