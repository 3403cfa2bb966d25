"""How bright foci of one picture lie to each other. One plane shows what it shows, and no more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from hepalith.calcification.focus import Focus
from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.finding import Pattern
from hepalith.finding.pattern.arrangement import CHANCE_OF_A_GENTLE_TURN, find_chain, link_foci
from hepalith.finding.ultrasound.host import Surround
from hepalith.finding.ultrasound.scene import Scene, Sight, pixels_of

__all__ = ["find_patterns", "others_unseen"]

GENTLE_IN_PLANE = 1.0 / 3.0
"""Share of the directions in a plane within 60 degrees of straight on; in space it is a quarter."""

UNSEEN_OTHERS, UNSEEN_LEAST = 0.35, 0.1
"""Probability that a liver with one focus in one plane holds others elsewhere, and the least that is left
after many pictures. Single foci are the commoner (the article; the 891-case series). Our judgement (C)."""

FADES = 0.8
"""... and by how much it falls with every further picture. Our judgement."""

CLUSTERED_RATIO, SCATTERED_RATIO = 0.4, 0.7
"""Clark-Evans ratios in a plane, as on CT. Our judgement."""

LEAST_CLUSTERED = 3
ELONGATED = ("beaded", "linear", "branching", "band")
IN_DUCT = ("in_lumen", "in_wall")
SHELLS = ("rim", "eggshell")
SAID = 0.5

Floats = NDArray[np.float64]


def find_patterns(
    scene: Scene, relations: Mapping[int, DuctRelation], surrounds: Mapping[int, Surround]
) -> tuple[Pattern, ...]:
    """Return the patterns that the counted foci make, likeliest first."""
    found = scene.explained
    if not found:
        return ()
    patterns = _in_masses(surrounds)
    held = {i for p in patterns for i in p.foci}
    for seen in _by_picture(scene):
        patterns += _in_picture(seen, relations, held)
    patterns += _network(scene)
    structured = [p for p in patterns if p.id not in ("scattered", "clustered") and len(p.foci) > 1]
    if len(found) == 1 and not structured:
        single = (1.0 - others_unseen(scene)) * scene.chance_bright(found[0].id)
        patterns.append(Pattern("solitary", single, (found[0].id,)))
    stated: dict[tuple[str, tuple[int, ...]], Pattern] = {}
    for pattern in patterns:
        if pattern.probability >= SAID:
            stated.setdefault((pattern.id, pattern.foci), pattern)
    return tuple(sorted(stated.values(), key=lambda p: (-p.probability, p.id, p.foci)))


def others_unseen(scene: Scene) -> float:
    """Return the probability that there are foci in planes that were not shown.

    Examples
    --------
    One picture leaves 0.35; ten leave the least.
    """
    pictures = max(len(scene.images), 1)
    return max(UNSEEN_OTHERS * FADES ** (pictures - 1), UNSEEN_LEAST)


def _by_picture(scene: Scene) -> list[list[Sight]]:
    """Return the foci of each picture, those of several pictures in the first of them only."""
    groups: dict[tuple[str, int, int], list[Sight]] = {}
    for focus in scene.explained:
        for sight in scene.sights[focus.id][:1]:
            key = (sight.look.image, sight.look.picture.region, sight.look.frame)
            groups.setdefault(key, []).append(sight)
    return [groups[key] for key in sorted(groups)]


def _places(seen: Sequence[Sight]) -> tuple[Floats, Floats]:
    """Return centres, shape (foci, 3), and radii, in mm: by the calibration, else by the usual depth."""
    unit = pixels_of(seen[0].look, 1.0)
    centres = np.array([[*s.echo.observation.centroid_px, 0.0] for s in seen], dtype=np.float64)
    radii = np.array([s.echo.length_px / 2.0 for s in seen], dtype=np.float64)
    return centres / unit, radii / unit


def _in_picture(
    seen: Sequence[Sight], relations: Mapping[int, DuctRelation], held: set[int]
) -> list[Pattern]:
    centres, radii = _places(seen)
    ids = [s.focus.id for s in seen]
    patterns = _in_ducts(seen, centres, radii, relations)
    taken = held | {i for p in patterns for i in p.foci}
    free = [n for n, i in enumerate(ids) if i not in taken]
    chain, probability = find_chain(centres[free], radii[free]) if free else ((), 0.0)
    if chain:
        odds = probability / max(1.0 - probability, 1e-6)
        odds *= (CHANCE_OF_A_GENTLE_TURN / GENTLE_IN_PLANE) ** (len(chain) - 2)
        strung = tuple(sorted(ids[free[n]] for n in chain))
        if odds >= 1.0:
            patterns.append(Pattern("along_portal_triad", odds / (1.0 + odds), strung))
            taken |= set(strung)
    return patterns + _spread(seen, centres, [n for n, i in enumerate(ids) if i not in taken])


def _in_ducts(
    seen: Sequence[Sight], centres: Floats, radii: Floats, relations: Mapping[int, DuctRelation]
) -> list[Pattern]:
    """Return foci in bile one after the other, or one that fills a stretch of duct by itself."""
    rows = [n for n, s in enumerate(seen) if _relation(s.focus, relations) in IN_DUCT]
    patterns = []
    for linked in link_foci(centres[rows], radii[rows]) if rows else ():
        held = [seen[rows[n]] for n in linked]
        if len(held) == 1 and held[0].focus.morphology not in ELONGATED:
            continue
        chances = [sum(relations[s.focus.id].probabilities.get(r, 0.0) for r in IN_DUCT) for s in held]
        ids = tuple(sorted(s.focus.id for s in held))
        patterns.append(Pattern("along_duct", min(float(np.mean(chances)), 0.99), ids))
    return patterns


def _relation(focus: Focus, relations: Mapping[int, DuctRelation]) -> str:
    related = relations.get(focus.id)
    return "" if related is None else related.relation


def _spread(seen: Sequence[Sight], centres: Floats, rows: list[int]) -> list[Pattern]:
    """Return clustered or scattered, by the distances between nearest neighbours against chance."""
    if len(rows) < 2:
        return []
    look = seen[0].look
    area = float((look.sonogram.liver * look.picture.grid.width_px * look.picture.grid.step_px).sum())
    if area <= 0:
        return []
    apart = cdist(centres[rows], centres[rows])
    np.fill_diagonal(apart, np.inf)
    unit = pixels_of(look, 1.0)
    ratio = float(apart.min(axis=1).mean()) / (0.5 * math.sqrt(area / unit**2 / len(rows)))
    scattered = min(max((ratio - CLUSTERED_RATIO) / (SCATTERED_RATIO - CLUSTERED_RATIO), 0.05), 0.95)
    ids = tuple(sorted(seen[n].focus.id for n in rows))
    if scattered >= SAID:
        return [Pattern("scattered", scattered if len(rows) >= LEAST_CLUSTERED else 0.7, ids)]
    return [Pattern("clustered", 1.0 - scattered, ids)] if len(rows) >= LEAST_CLUSTERED else []


def _in_masses(surrounds: Mapping[int, Surround]) -> list[Pattern]:
    """Return the foci within a lesion, and which lesions have a bright centre in a dark rim."""
    patterns = []
    lesions: dict[tuple[int, int], list[tuple[int, Surround]]] = {}
    for i, surround in sorted(surrounds.items()):
        if surround.is_lesion:
            key = (id(surround.sight.look), surround.relation.host)
            lesions.setdefault(key, []).append((i, surround))
    for held in lesions.values():
        ids = tuple(i for i, _ in held)
        relation = held[0][1].relation
        there = 1.0 - relation.probabilities.get("none", 0.0)
        shells = all(s.sight.focus.morphology in SHELLS for _, s in held)
        if relation.kind == "fluid" or shells:
            continue
        patterns.append(Pattern("within_mass", there, ids))
        if relation.position == "central":
            solid = relation.probabilities.get("solid", 0.0) + relation.probabilities.get("mixed", 0.0)
            patterns.append(Pattern("bulls_eye", solid, ids))
    return patterns


def _network(scene: Scene) -> list[Pattern]:
    """Return the septal lines that make a network: by the forms of foci, or by the texture of the liver."""
    septa = [f for f in scene.counted if f.morphology in ("curvilinear_septal", "band")]
    texture = max((look.sonogram.texture.get("network", 0.0) for look in scene.liver_looks), default=0.0)
    missed = math.prod(1.0 - f.morphology_probabilities.get("curvilinear_septal", 0.0) for f in septa)
    chance = max(1.0 - missed, texture if scene.counted else 0.0)
    return [Pattern("septal_network", chance, tuple(sorted(f.id for f in septa or scene.counted)))]
