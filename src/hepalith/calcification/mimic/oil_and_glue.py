"""What interventional radiology leaves: iodised oil in a nodule, and glue in vessels."""

from __future__ import annotations

import math

from hepalith.calcification.mimic.appearance import Appearance, is_tubular
from hepalith.calcification.mimic.metal import at_120_kvp
from hepalith.calcification.mimic.vote import Vote
from hepalith.calcification.search.candidate import METAL_HU

__all__ = ["judge_glue", "judge_lipiodol"]

CLOUD_TEXTURE = (0.20, 0.36)
"""Spread within a body over its mean between which it turns from even into cloudy: oil fills tumour vessels
patchily, calcium of a healed focus is solid."""

CLOUD_FILL = 0.45
"""Least share of the ellipsoid with its axes that a cloud fills."""

CLOUD_FADING = (0.15, 0.6)
"""Fading (`fading_of`) between which a body turns from one that ends at an edge into a cloud. Even calcium
has 0 to 0.1, lumps of uneven density 0.2 to 0.45, oil 0.4 to 2 and cloudy calcium 0.5 to 1.2 (development
phantoms)."""

CLOUD, DENSE_CLOUD, DENSE_CLOUD_HU = 3.6, 6.4, (400.0, 1500.0)
"""Evidence for oil of a cloud, that of its density, and the excess at 120 kVp of its brightest part over
which that grows: prior and density of calcium are 7, so that a cloud of 1000 HU is as likely oil as calcium.
Oil measures 283 ± 152 HU above the liver on average, 365 and more where it stays for weeks, and in its
densest parts above 1500 (PMID 24094672, 8402781); faint, cloudy calcium of mucinous metastases stays below
450 on average, its densest parts below 1100 (development phantoms)."""

SUREST = 0.99
"""Most that a cloud is taken to be surely oil."""

IN_LIVER = 0.5
"""Least share of liver about what was left in it."""

LEAST_CLOUD_MM = 4.5
"""Least diameter of a cloud."""

COARSE_AGAINST = 2.5
"""Evidence against oil of a coarse chunk: lumps grown into each other, each of its own density."""

IN_MASS_HU = -6.0
"""How far below the liver the surroundings of oil measure, kept in a nodule."""

PIECE, PIECE_MM = 6.0, 14.0
"""Evidence, beyond prior and density of calcium (`EVEN_ODDS`), for oil of a body that touches a sure cloud of
it, and the gap over which it turns into as much against. Calcium beside oil is not told from it. Our
judgement."""

EVEN_ODDS = 7.0
"""Evidence that makes oil as likely as calcium: the prior against oil (5) and the density of calcium (2)."""

GLUE_RIDGE_HU = (500.0, 900.0)
"""Excess at 120 kVp along the middle of a drawn-out body between which it becomes a cast of glue: glue is
mixed with iodised oil and measures 700-2500 HU; calcium in strands of 1-3 mm is blurred to a few hundred."""

GLUE_CONTRAST_HU, GLUE_WIDTH_MM = (700.0, 1150.0), 1.6
"""The same of its density with the blur undone, and the width from which that is told: calcium averages up to
1000 HU in strands, and those are mostly thinner."""

GLUE_MM, GLUE_LONG_MM = 10.0, 17.0
"""Least length of a cast, and of one that is as bright as metal: clips are no longer as seen."""

LOOPED = 1.8
"""Elongation below which a cast that encloses something is a tangle."""

STRAIGHT = 8.0
"""Elongation from which a tube runs straight: a quarter of a circle has about 5. Our judgement."""

GLUE_SLENDER = 4.0
"""Length in widths of a cast."""

GLUE_EVEN = 0.34
"""Unevenness along the middle up to which a tube is a cast."""

GLUE_WIDE_MM = 10.0
"""Widest branch that glue is looked for in: half of a wide portal trunk."""


def _ramp(value: float, ends: tuple[float, float]) -> float:
    """Return 0 below the first end, 1 above the second, linear between."""
    return min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0])))


def judge_lipiodol(seen: Appearance) -> list[Vote]:
    """Return the evidence for iodised oil: a dense, patchy cloud in a nodule, or a piece beside one."""
    if seen.company.oil_mm < PIECE_MM:
        words = f"{seen.company.oil_mm:.0f} mm from a cloud of iodised oil, a piece of the same nodule"
        own = _cloud(seen)
        piece = Vote("lipiodol", _piece_weight(seen), words)
        return [piece] if not own or piece.weight >= own[0].weight else own
    return _cloud(seen)


def _piece_weight(seen: Appearance) -> float:
    """Return the evidence that a body is a piece of a cloud: no surer than the cloud itself is oil."""
    near = 1.0 / (1.0 + math.exp(-PIECE * (1.0 - 2.0 * seen.company.oil_mm / PIECE_MM)))
    chance = near * min(seen.company.oil_chance, SUREST)
    return EVEN_ODDS + math.log(chance / (1.0 - chance))


def _cloud(seen: Appearance) -> list[Vote]:
    """Return the votes for a patchy cloud."""
    size = seen.shape.longest_mm
    fading = _ramp(seen.fading, CLOUD_FADING)
    cloudy = max(_ramp(max(seen.texture, seen.shape.variation - 0.12), CLOUD_TEXTURE), fading)
    if (
        seen.liver_about < IN_LIVER
        or size < LEAST_CLOUD_MM
        or seen.shape.elongation > 2.4
        or seen.shape.fill < CLOUD_FILL
        or cloudy == 0.0
    ):
        return []
    peak = at_120_kvp(seen.peak_excess_hu, seen.company.kvp)
    dense = DENSE_CLOUD * _ramp(peak, DENSE_CLOUD_HU)
    weight = max(fading * CLOUD + dense, cloudy * (3.0 + dense)) if fading else cloudy * (3.0 + dense)
    weight -= COARSE_AGAINST * (1.0 - fading) * seen.words.any_of("coarse")
    words = f"a patchy cloud {size:.0f} mm across, up to {seen.peak_hu:.0f} HU"
    if fading >= 0.5:
        words += "; it thins out toward its edge"
    if seen.company.small_others:
        weight += min(2.0, 0.7 * seen.company.small_others)
        words += "; flecks lie about it"
    if seen.level_step_hu < IN_MASS_HU:
        weight += 1.0
        words += "; it lies in a nodule"
    return [Vote("lipiodol", weight, words)]


def judge_glue(seen: Appearance) -> list[Vote]:
    """Return the evidence for glue: a very dense, even cast of a vessel's branches."""
    cast = seen.cast
    if not is_tubular(seen) or cast.slender < GLUE_SLENDER or cast.unevenness > GLUE_EVEN:
        return []
    looped = seen.company.held_hu is not None and seen.shape.elongation < LOOPED  # as a coil's
    if cast.width_mm > GLUE_WIDE_MM or seen.liver_about < IN_LIVER or looped:
        return []
    if cast.length_mm < GLUE_MM or (seen.peak_hu >= METAL_HU and cast.length_mm < GLUE_LONG_MM):
        return []  # a short bar as bright as metal is metal
    if seen.peak_hu >= METAL_HU and seen.shape.elongation > STRAIGHT and not seen.shape.branches:
        return []  # a straight rod as bright as metal is metal: what fills vessels bends with them
    dense = _ramp(at_120_kvp(cast.ridge_hu, seen.company.kvp), GLUE_RIDGE_HU)
    if cast.width_mm >= GLUE_WIDTH_MM:
        dense = max(dense, _ramp(at_120_kvp(cast.contrast_hu, seen.company.kvp), GLUE_CONTRAST_HU))
    if dense == 0.0:
        return []
    weight = 4.0 + 8.0 * dense - 3.0 * max(0.0, seen.texture - 0.2)
    words = (
        f"an even cast {cast.length_mm:.0f} mm long, {cast.ridge_hu:.0f} HU above the liver along its middle"
    )
    return [Vote("glue", weight, words)]
