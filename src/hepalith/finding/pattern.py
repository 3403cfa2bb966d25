"""Patterns over the liver: how calcifications lie to each other and to what surrounds them."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.liver import LOBES, Liver
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.arrangement import clustering_ratio, evenness, find_chain
from hepalith.finding.finding import Pattern
from hepalith.vocabulary import Measurement

__all__ = ["SUBCAPSULAR_MM", "find_patterns", "share_below"]

SUBCAPSULAR_MM = 3.0
"""A focus whose centre lies within this of the capsule is subcapsular. A shell of 3 mm holds about a sixth
of a liver, the share in which simple foci were subcapsular (5 of 31, grade A), so that a focus
at random is as often subcapsular as was measured."""

MILIARY_FOCI, MILIARY_MM = 20, 5.0
"""Fewest foci, and largest diameter of nine in ten of them, that are called miliary. Our judgement."""

EVEN_FOCI = 10
"""Fewest foci whose evenness between the lobes is stated: fewer fit many densities. Our judgement."""

CLUSTERED_RATIO, SCATTERED_RATIO = 0.4, 0.7
"""Clark-Evans ratio at and below which foci are surely clustered, and from which surely scattered;
linear between. Our judgement."""

LEAST_SCATTERED = 3
"""Fewest foci of which an arrangement is judged."""


def find_patterns(foci: Foci, liver: Liver) -> tuple[Pattern, ...]:
    """Return the patterns that the calcifications make, likeliest first; none without a liver or a focus."""
    found = foci.calcifications
    if not found or not liver.is_in_view:
        return ()
    ids = tuple(f.id for f in found)
    if len(found) == 1:
        return (Pattern("solitary", found[0].probability, ids),)
    centres = np.array([f.centroid_lps_mm for f in found])
    radii = np.array([f.diameter.value / 2.0 if isinstance(f.diameter, Measurement) else 0.5 for f in found])
    patterns = []
    chain, probability = find_chain(centres, radii)
    if chain:
        patterns.append(Pattern("along_portal_triad", probability, tuple(sorted(ids[i] for i in chain))))
    patterns += _find_spread(liver, centres, ids)
    patterns += _find_bilobar(liver, found, radii)
    near = tuple(f.id for f in found if _near_capsule(f) >= 0.5)
    if len(near) >= 2 and len(near) * 2 >= len(found):
        patterns.append(Pattern("along_capsule", min(_near_capsule(f) for f in found if f.id in near), near))
    return tuple(sorted(patterns, key=lambda p: (-p.probability, p.id)))


def share_below(measured: Measurement, limit: float) -> float:
    """Return the probability that a measured quantity lies below a limit."""
    if measured.low is None or measured.high is None or measured.high <= measured.low:
        return 0.95 if measured.value < limit else 0.05
    return NormalDist(measured.value, (measured.high - measured.low) / 3.92).cdf(limit)


def _near_capsule(focus: Focus) -> float:
    depth = focus.capsule_distance
    return share_below(depth, SUBCAPSULAR_MM) if isinstance(depth, Measurement) else 0.0


def _find_spread(liver: Liver, centres: NDArray[np.float64], ids: tuple[int, ...]) -> list[Pattern]:
    """Return clustered or scattered, whichever is likelier; two foci are scattered unless close."""
    ratio = clustering_ratio(centres, 1000.0 * liver.volume.value)
    scattered = (ratio - CLUSTERED_RATIO) / (SCATTERED_RATIO - CLUSTERED_RATIO)
    scattered = min(max(scattered, 0.05), 0.95)
    if len(ids) < LEAST_SCATTERED:
        scattered = min(max(scattered, 0.2), 0.8)
    if scattered >= 0.5:
        return [Pattern("scattered", scattered, ids)]
    return [Pattern("clustered", 1.0 - scattered, ids)]


def _find_bilobar(liver: Liver, found: tuple[Focus, ...], radii: NDArray[np.float64]) -> list[Pattern]:
    ids = tuple(f.id for f in found)
    lobes = [f.lobe for f in found]
    left, right = lobes.count("left"), lobes.count("right") + lobes.count("caudate")
    if None in lobes or left + right < EVEN_FOCI or not (left and right):
        return []
    label = {name: number for number, name in LOBES.items()}
    inside = liver.lobes[liver.mask]
    fit = evenness(left, right, float(np.mean(inside == label["left"])))
    patterns = [Pattern("bilobar_even", min(max(fit, 0.05), 0.95), ids)] if fit >= 0.05 else []
    if len(ids) >= MILIARY_FOCI:
        small = float(np.mean(2.0 * radii <= MILIARY_MM))
        if small >= 0.9:
            patterns.append(Pattern("miliary", min(small, 0.95), ids))
    return patterns
