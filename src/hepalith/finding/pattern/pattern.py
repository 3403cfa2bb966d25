"""Patterns over the liver: how calcifications lie to each other and to what surrounds them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.liver import LOBES, Liver
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.finding import Pattern
from hepalith.finding.host.host import Hosts
from hepalith.finding.pattern.arrangement import clustering_ratio, evenness, find_chain, link_foci
from hepalith.finding.pattern.capsule import capsule_chances
from hepalith.vocabulary import Measurement

__all__ = ["SUBCAPSULAR_MM", "find_patterns", "share_below"]

SUBCAPSULAR_MM = 3.0
"""A focus whose centre lies within this of the capsule is subcapsular. A shell of 3 mm holds about a sixth
of a liver, the share in which simple foci were subcapsular (5 of 31, grade A), so that a focus
at random is as often subcapsular as was measured."""

MILIARY_FOCI, MILIARY_SPREAD, MILIARY_MM = 10.0, 2.0, 5.0
"""Number of foci that is as likely as not called many, over how many that changes, and largest diameter of
nine in ten of them (the vocabulary's). Our judgement."""

MILIARY_SHARE = 0.9

EVEN_FOCI = 5
"""Fewest foci whose evenness between the lobes is stated: fewer fit any density. Our judgement."""

CLUSTERED_RATIO, SCATTERED_RATIO = 0.4, 0.7
"""Clark-Evans ratio at and below which foci are surely clustered, and from which surely scattered;
linear between. Our judgement."""

LEAST_CLUSTERED = 3
"""Fewest foci of which it is said that they are clustered: two are close by chance too often."""

SHATTERED = frozenset(
    {"rim", "eggshell", "curvilinear_septal", "granular", "amorphous", "coarse", "branching", "tram_track"}
)
"""Forms whose pieces may be found as several foci."""

SHELLS = frozenset({"rim", "eggshell"})
"""Forms that lie on a wall."""

WALLED = ("fluid", "mixed")
"""Kinds of host whose peripheral calcium lies in the wall of a cyst, its content fluid still or turned
solid."""

BRIGHTER = ("arterial", "blood_pool", "delayed")
"""Enhancement of a lesion brighter than the liver: calcium in its middle is no bright centre in a dark
rim."""

SHATTERED_GAP_MM = 3.0
"""Gap between the calipers of two foci of one such form up to which they are pieces of one thing."""

NEAR_PORTAL_MM = 4.0
"""Distance from the wall of a portal branch up to which a focus may lie in its triad: the duct beside it and
the error of the path."""

NEAR_IF_TRIAD, NEAR_BY_CHANCE = 0.8, 0.4
"""Share of the foci of a chain along a triad that lie so near a portal branch that is seen, and of foci
anywhere: a third of a liver lies within 4 mm of a branch that shows. Our judgement."""

MOST_FROM_PORTAL = 5.0
"""Most that the distance from portal branches may change the odds of a chain."""

LEAST_AT_CAPSULE = 2
"""Fewest foci too small to run along the capsule that are said to lie along it."""

IN_DUCT = ("in_lumen", "in_wall")
"""Relations of a focus that lies in a bile duct."""

ELONGATED = ("beaded", "linear", "branching")
"""Forms of one focus that fills a stretch of duct by itself."""

SAID = 0.5
"""Probability from which a pattern is stated."""


def find_patterns(
    foci: Foci,
    liver: Liver,
    *,
    vessels: Vessels | None = None,
    relations: Mapping[int, DuctRelation] | None = None,
    hosts: Hosts | None = None,
) -> tuple[Pattern, ...]:
    """Return the patterns that the calcifications make, likeliest first; none without a liver or a focus.

    Parameters
    ----------
    foci, liver
        What was found, and where.
    vessels
        Portal branches make a chain beside them likelier, one far from them less likely.
    relations
        How each focus lies to the bile ducts: a chain in a duct that is seen is called along it.
    hosts
        Lesions: foci in one mass are one unit, whatever their number.

    Notes
    -----
    Foci are first put together to units: a chain, the foci of one mass, pieces of one rim, septum or
    field of sand. One unit of one focus or form is solitary; how the units lie to each other
    says scattered or clustered.
    """
    found = foci.calcifications
    if not found or not liver.is_in_view:
        return ()
    scene = _Scene.of(found, liver)
    patterns = _in_masses(found, hosts)
    held = {f for p in patterns for f in p.foci}
    chain = _find_chain(scene, vessels, relations, held)
    patterns += chain
    patterns += _find_network(found, held)
    patterns += _at_capsule(foci, liver)
    units = _units(scene, patterns)
    if len(set(units)) == 1 and not chain:
        patterns += _alone(scene, patterns)
    elif len(set(units)) > 1:
        patterns += _find_spread(scene, units, patterns)
    patterns += _find_even(scene, units)
    if any(p.id == "miliary" and p.probability >= SAID for p in patterns):
        patterns = [p for p in patterns if p.id != "scattered"]  # which says less of the same
    stated: dict[tuple[str, tuple[int, ...]], Pattern] = {}
    for pattern in patterns:
        if pattern.probability >= SAID and pattern.foci:
            stated.setdefault((pattern.id, pattern.foci), pattern)
    return tuple(sorted(stated.values(), key=lambda p: (-p.probability, p.id, p.foci)))


def share_below(measured: Measurement, limit: float) -> float:
    """Return the probability that a measured quantity lies below a limit."""
    if measured.low is None or measured.high is None or measured.high <= measured.low:
        return 0.95 if measured.value < limit else 0.05
    return NormalDist(measured.value, (measured.high - measured.low) / 3.92).cdf(limit)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """The calcifications of a liver: ids, centres and radii, one row each."""

    found: tuple[Focus, ...]
    liver: Liver
    ids: tuple[int, ...]
    centres: NDArray[np.float64]
    radii: NDArray[np.float64]

    @classmethod
    def of(cls, found: tuple[Focus, ...], liver: Liver) -> _Scene:
        sizes = [f.diameter.value if isinstance(f.diameter, Measurement) else 1.0 for f in found]
        centres = np.array([f.centroid_lps_mm for f in found])
        return cls(found, liver, tuple(f.id for f in found), centres, np.array(sizes) / 2.0)


def _in_masses(found: tuple[Focus, ...], hosts: Hosts | None) -> list[Pattern]:
    """Return the foci within each mass, and which of those masses have a bright centre in a dark rim.

    Calcium on the wall of a cyst, or a shell about what was one, is not within a mass.
    """
    patterns = []
    known = {f.id: f for f in found}
    for host in hosts.hosts if hosts is not None else ():
        ids = tuple(sorted(i for i in host.foci if i in known))
        shells = all(known[i].morphology in SHELLS for i in ids)
        wall = host.position == "peripheral" and (host.kind in WALLED or shells)
        if not ids or wall:
            continue
        patterns.append(Pattern("within_mass", host.probability, ids))
        dark = host.enhancement not in BRIGHTER
        if host.position == "central" and host.kind in ("solid", "mixed") and dark:
            patterns.append(
                Pattern("bulls_eye", host.probability * (1 - host.probabilities.get("fat", 0.0)), ids)
            )
    return patterns


def _find_chain(
    scene: _Scene,
    vessels: Vessels | None,
    relations: Mapping[int, DuctRelation] | None,
    held: set[int],
) -> list[Pattern]:
    """Return foci strung along one curve, called after the duct where that is seen, else after the triad."""
    patterns = _in_ducts(scene, relations)
    taken = held | {f for p in patterns for f in p.foci}
    free = [n for n, i in enumerate(scene.ids) if i not in taken]
    chain, probability = find_chain(scene.centres[free], scene.radii[free])
    if chain:
        rows = [free[n] for n in chain]
        odds = probability / max(1.0 - probability, 1e-6) * _portal_odds(scene.centres[rows], vessels)
        ids = tuple(sorted(scene.ids[n] for n in rows))
        patterns.append(Pattern("along_portal_triad", odds / (1.0 + odds), ids))
    return [p for p in patterns if p.probability >= SAID]


def _in_ducts(scene: _Scene, relations: Mapping[int, DuctRelation] | None) -> list[Pattern]:
    """Return the foci that lie in bile one after the other, or one that fills a stretch of duct."""
    rows = [
        n
        for n, i in enumerate(scene.ids)
        if relations is not None and i in relations and relations[i].relation in IN_DUCT
    ]
    patterns = []
    for linked in link_foci(scene.centres[rows], scene.radii[rows]):
        ids = tuple(sorted(scene.ids[rows[n]] for n in linked))
        if len(ids) == 1 and scene.found[rows[linked[0]]].morphology not in ELONGATED:
            continue
        chances = [_in_duct_chance(relations, i) for i in ids]
        patterns.append(Pattern("along_duct", float(np.mean(chances)), ids))
    return patterns


def _in_duct_chance(relations: Mapping[int, DuctRelation] | None, focus: int) -> float:
    chances = relations[focus].probabilities if relations is not None else {}
    return sum(chances.get(name, 0.0) for name in IN_DUCT) if chances else 0.8


def _portal_odds(centres: NDArray[np.float64], vessels: Vessels | None) -> float:
    """Return by how much the odds of a triad change with the distance of its foci from portal branches."""
    if vessels is None or not vessels.sees("portal"):
        return 1.0
    near = vessels.distance_mm(centres, ("portal",)) <= NEAR_PORTAL_MM
    each = np.where(near, NEAR_IF_TRIAD / NEAR_BY_CHANCE, (1 - NEAR_IF_TRIAD) / (1 - NEAR_BY_CHANCE))
    return float(np.clip(np.prod(each), 1 / MOST_FROM_PORTAL, MOST_FROM_PORTAL))


def _find_network(found: tuple[Focus, ...], held: set[int]) -> list[Pattern]:
    """Return the septa that make a network; septa within one mass are that mass's own."""
    septa = [f for f in found if f.morphology == "curvilinear_septal" and f.id not in held]
    if not septa:
        return []
    missed = math.prod(1.0 - f.morphology_probabilities.get("curvilinear_septal", 0.0) for f in septa)
    return [Pattern("septal_network", 1.0 - missed, tuple(sorted(f.id for f in septa)))]


def _at_capsule(foci: Foci, liver: Liver) -> list[Pattern]:
    """Return the foci that run along the surface, or several that lie at it and nearly nowhere else."""
    found = foci.calcifications
    chances = {i: p for i, p in capsule_chances(foci, liver).items() if p >= SAID}
    close = {f.id: p for f in found if (p := _near_capsule(f)) >= SAID}
    if len(close) >= LEAST_AT_CAPSULE and len(close) * 2 >= len(found):
        chances |= {i: max(p, chances.get(i, 0.0)) for i, p in close.items()}
    if not chances:
        return []
    return [Pattern("along_capsule", max(chances.values()), tuple(sorted(chances)))]


def _near_capsule(focus: Focus) -> float:
    depth = focus.capsule_distance
    return share_below(depth, SUBCAPSULAR_MM) if isinstance(depth, Measurement) else 0.0


def _units(scene: _Scene, patterns: list[Pattern]) -> list[int]:
    """Return which unit each focus belongs to: a mass, a chain, a network, pieces of one form."""
    owner = list(range(len(scene.ids)))

    def join(rows: list[int]) -> None:
        owners = {owner[n] for n in rows}
        for n, o in enumerate(owner):
            if o in owners:
                owner[n] = min(owners)

    for pattern in patterns:
        if pattern.id in ("within_mass", "along_duct", "along_portal_triad", "septal_network"):
            join([scene.ids.index(i) for i in pattern.foci])
    for n, one in enumerate(scene.found):
        for m in range(n):
            other = scene.found[m]
            gap = float(np.linalg.norm(scene.centres[n] - scene.centres[m])) - scene.radii[n] - scene.radii[m]
            if one.morphology == other.morphology and one.morphology in SHATTERED and gap <= SHATTERED_GAP_MM:
                join([n, m])
    return owner


def _alone(scene: _Scene, patterns: list[Pattern]) -> list[Pattern]:
    """Return that all there is is one focus, or the pieces of one form."""
    network = any(p.id == "septal_network" and p.probability >= SAID for p in patterns)
    several = len(scene.ids) > 1 and any(p.id == "within_mass" for p in patterns)
    if network or several:
        return []
    return [Pattern("solitary", max(f.probability for f in scene.found), scene.ids)]


def _find_spread(scene: _Scene, units: list[int], patterns: list[Pattern]) -> list[Pattern]:
    """Return clustered or scattered, whichever is likelier, of what belongs to no larger unit."""
    larger = ("within_mass", "along_duct", "along_portal_triad", "septal_network")
    held = {i for p in patterns if p.id in larger for i in p.foci}
    ids = tuple(i for i in scene.ids if i not in held)
    rows = _first_rows([units[scene.ids.index(i)] for i in ids], [scene.ids.index(i) for i in ids])
    if len(rows) < 2:
        return []
    ratio = clustering_ratio(scene.centres[rows], 1000.0 * scene.liver.volume.value)
    scattered = (ratio - CLUSTERED_RATIO) / (SCATTERED_RATIO - CLUSTERED_RATIO)
    scattered = min(max(scattered, 0.05), 0.95)
    if scattered >= SAID:
        return [Pattern("scattered", scattered if len(rows) >= LEAST_CLUSTERED else 0.8, ids)]
    return [Pattern("clustered", 1.0 - scattered, ids)] if len(rows) >= LEAST_CLUSTERED else []


def _first_rows(units: list[int], rows: list[int]) -> list[int]:
    """Return the first row of each unit."""
    first: dict[int, int] = {}
    for unit, row in zip(units, rows, strict=True):
        first.setdefault(unit, row)
    return sorted(first.values())


def _find_even(scene: _Scene, units: list[int]) -> list[Pattern]:
    """Return whether both lobes hold as many foci per volume, and whether many small ones lie all over.

    Foci of one unit count once: those of one mass or chain lie where it lies.
    """
    lobes = [scene.found[n].lobe for n in _first_rows(units, list(range(len(units))))]
    left, right = lobes.count("left"), lobes.count("right") + lobes.count("caudate")
    if None in lobes or left + right < EVEN_FOCI or not (left and right):
        return []
    label = {name: number for number, name in LOBES.items()}
    inside = scene.liver.lobes[scene.liver.mask]
    even = evenness(left, right, float(np.mean(inside == label["left"])))
    patterns = [Pattern("bilobar_even", even, scene.ids)]
    small = float(np.mean(2.0 * scene.radii <= MILIARY_MM))
    if small >= MILIARY_SHARE:
        many = 1.0 / (1.0 + math.exp(-(left + right - MILIARY_FOCI) / MILIARY_SPREAD))
        patterns.append(Pattern("miliary", many, scene.ids))
    return patterns
