"""Metal: clips, coils, stents and catheters."""

from __future__ import annotations

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.vote import Vote
from hepalith.calcification.search.candidate import METAL_HU

__all__ = ["at_120_kvp", "judge_metal"]

TUBE = 14.0
"""Evidence of being part of a wire tube: no other thing in a liver is a hollow tube of metal."""

CLIPPED_HU = 3000
"""HU at which scanners clip: only metal reaches it."""

WIRE_THICKNESS, BODY_THICKNESS = 2.2, 3.2
"""Greatest width, in widths of the blur, of what may be a clip or a wire blurred by the scan, and from which
it is wider: metal so wide would clip the scale in full. Clips are 1-3 mm thick."""

BODY_MM = 4.5
"""The same in mm, where pixels are wider than the blur."""

UNEVEN = 0.35
"""Spread within a body over its mean that a piece of metal does not show, however blurred; a cloud does."""

PLATEAU_HU = 2400
"""Mean of a wide body's core below which it is no metal: resolved metal measures its own 8000 HU and more."""

CLIP_MM = (2.0, 16.0)
"""Longest diameter of a clip or coil as seen, blur included: surgical clips are 5-12 mm long."""

LIKELY_HU = 1400
"""HU at 120 kVp from which a thin body may be metal thinned out by thick slices: calcium of the liver mostly
stays below 1200 HU on average, its densest spots reach 1500. Our judgement."""

STREAK_DEVIATIONS = 6.0
"""Depth of dark bands, in noise deviations, that metal makes beside itself and calcium does not."""

METAL_NEAR_MM = 10.0
"""Distance from metal within which brightness is the metal's own: blooming. Our judgement."""

COIL_MM = (5.0, 16.0)
"""Diameter of a packed coil as seen."""

COIL_PEAK_HU = 700.0
"""Least excess of a coil's brightest voxel: 0.4 mm of platinum in slices of 5 mm."""

COIL_HELD = 0.25
"""Least brightness of what a tangle encloses over its own: loops a millimetre or two apart blur into each
other; fluid in a shell stays dark."""

COIL_FILL = 0.66
"""Most of the ellipsoid with its axes that a tangle of wire fills; rounded calcium fills 0.8 and more."""

WOUND_SLENDER, WOUND_HU = 6.0, 900.0
"""Length in widths, and excess at 120 kVp of its brightest voxel, of what winds in so small a room that it is
wire: strands of calcium as thin are blurred to a few hundred HU. Our judgement."""


def at_120_kvp(hu: float, kvp: float) -> float:
    """Return what an excess of calcium or iodine would be at 120 kVp.

    Examples
    --------
    >>> round(at_120_kvp(1000, 80))
    723
    """
    return float(hu * (kvp / 120.0) ** 0.8)


def judge_metal(seen: Appearance) -> list[Vote]:
    """Return the evidence for metal: tubes of wire, thin bodies denser than calcium, tangles of wire."""
    tube = seen.company.tube
    if tube is not None:
        gas = " with gas in it" if tube.gas else ""
        words = (
            f"part of a tube of wire {tube.length_mm:.0f} mm long and {2 * tube.radius_mm:.0f} mm wide{gas}"
        )
        return [Vote("stent_or_catheter", TUBE, words)]
    dense = _dense(seen)
    if dense and dense[0].weight < 0:
        return dense
    ways = [votes for votes in (dense, _near(seen), _coil(seen)) if votes]
    return max(ways, key=lambda votes: votes[0].weight) if ways else []


def _dense(seen: Appearance) -> list[Vote]:
    """Return votes for what is as bright as metal."""
    peak = at_120_kvp(seen.peak_hu, seen.company.kvp)
    wide = (
        seen.thickness >= BODY_THICKNESS
        and seen.thick_mm >= BODY_MM
        and seen.core_hu < PLATEAU_HU
        and (seen.peak_hu < CLIPPED_HU or seen.texture > UNEVEN)
    )
    if seen.peak_hu >= METAL_HU and not wide:
        sure = seen.peak_hu >= CLIPPED_HU
        weight = 11.0 if sure else 9.0
        broad = seen.thickness > WIRE_THICKNESS and seen.thick_mm > BODY_MM
        uneven = seen.texture > UNEVEN
        weight -= 4.0 if (broad and uneven) or ((broad or uneven) and not sure) else 0.0
        why = f"peak {seen.peak_hu:.0f} HU, denser than calcium, and as thin as wire"
        if sure:
            why = f"peak {seen.peak_hu:.0f} HU, denser than calcium"
        long = seen.shape.longest_mm > CLIP_MM[1]  # no clip or coil is so long
        likely, other = (
            ("stent_or_catheter", "clip_or_coil") if long else ("clip_or_coil", "stent_or_catheter")
        )
        return [Vote(likely, weight, why), Vote(other, weight - 4.0, why)]
    if wide:
        why = f"wide enough to show its density, {seen.core_hu:.0f} HU, too little for metal"
        return [Vote("clip_or_coil", -2.0, why)]
    thin = seen.thickness <= BODY_THICKNESS or seen.thick_mm <= BODY_MM
    short = CLIP_MM[0] <= seen.shape.longest_mm <= CLIP_MM[1]
    if peak >= LIKELY_HU and seen.dark_about > STREAK_DEVIATIONS and thin:
        why = f"peak {seen.peak_hu:.0f} HU with dark bands beside it"
        return [Vote("clip_or_coil", 7.0, why), Vote("stent_or_catheter", 3.5, why)]
    if peak >= LIKELY_HU and thin and short and seen.texture <= UNEVEN:
        why = f"a short, thin body of {seen.peak_hu:.0f} HU"
        return [Vote("clip_or_coil", 4.0 + 6.0 * min(1.0, (peak - LIKELY_HU) / 400.0), why)]
    return []


def _near(seen: Appearance) -> list[Vote]:
    """Return votes for what lies beside metal and is its own blooming or the next strut."""
    if seen.metal_mm > METAL_NEAR_MM or seen.peak_hu < LIKELY_HU / 3:
        return []
    if seen.metal_mm > 3.0 and seen.thickness > WIRE_THICKNESS:
        return []
    why = f"part of a metal object {seen.metal_mm:.0f} mm away"
    return [Vote("clip_or_coil", 7.0 if seen.metal_mm <= 3.0 else 4.5, why)]


def _coil(seen: Appearance) -> list[Vote]:
    """Return votes for a tangle of wire: compact, bright, and not filled."""
    size = seen.shape.longest_mm
    compact = seen.shape.elongation < 1.8 and COIL_MM[0] <= size <= COIL_MM[1]
    held = seen.company.held_hu
    form = seen.words.any_of("tram_track", "rim", "stellate")
    open_within = seen.shape.fill < COIL_FILL and (held is not None or seen.shape.hollow > 0)
    open_within |= held is not None and form > 0.5
    open_within |= seen.shape.fill < COIL_FILL and _is_wound(seen)
    if not compact or not open_within or at_120_kvp(seen.peak_excess_hu, seen.company.kvp) < COIL_PEAK_HU:
        return []
    if held is not None and held < COIL_HELD * seen.core_hu:
        return []  # fluid in a shell
    why = f"a tangle {size:.0f} mm across, open within, {seen.peak_hu:.0f} HU at its brightest"
    return [Vote("clip_or_coil", 9.0, why)]


def _is_wound(seen: Appearance) -> bool:
    """Return whether a body is a thin thing, wound up, and too bright for a strand of calcium."""
    bright = at_120_kvp(seen.peak_excess_hu, seen.company.kvp) >= WOUND_HU
    return bright and seen.thickness <= BODY_THICKNESS and seen.cast.slender >= WOUND_SLENDER
