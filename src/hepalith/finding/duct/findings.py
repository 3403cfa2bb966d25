"""What the bile ducts show, as findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hepalith.anatomy.ducts.ducts import Duct, Ducts
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.segments import Segments
from hepalith.finding.duct.atrophy import find_atrophy
from hepalith.finding.duct.duct import RELATIONS, DuctRelation
from hepalith.finding.finding import Finding, Subject
from hepalith.vocabulary import Measurement, State

__all__ = ["describe_ducts"]

LEAST_SEEN_MM = 4.0
"""Calibre that a scan must show before dilated ducts are called absent: mild dilatation is 3 to 5 mm."""

MISSED = 0.05
"""Probability that ducts are dilated though none is seen on a scan that would show them. On the development
phantoms fewer are missed. Our judgement."""

ABRUPT_MM = 3.0
"""Calibre of a duct's inner end from which it stops abruptly, rather than taper into what is too narrow to
see."""

HILAR_MM = 28.0
"""Distance from the expected hilum within which the inner end of a duct lies at the confluence: the right
and left ducts are 10 to 20 mm long, and the hilum is placed to about 10 mm."""

ABRUPT, WAISTED = 0.70, 0.75
"""Probabilities of a stricture where a dilated duct stops abruptly, and where it has a waist. Stones,
tumours and a bend out of the slice look alike. Our judgement."""

WAIST = 0.5
"""Calibre of a waist over that of the duct on either side of it."""

RIM, RIM_SPREAD = 0.05, 0.025
"""Brightening of the wall, as a share of the contrast of bile, at which it is as likely thickened as not.
Bile is blurred into a normal wall, which then reads -0.14 to -0.03 on the development phantoms; a wall of 3
mm that enhances by 40 HU reads 0.12."""

MUCH_GAS_MM3 = 300.0
"""Gas from which ducts are widely open to the gut: their calibre then says nothing of an obstruction."""

ENHANCED = ("arterial", "portal", "delayed")
"""Phases in which a wall can be seen to enhance."""

NO_FOCUS = "no calcification was found"
NO_DILATED = "only the walls and narrowings of ducts that are dilated can be seen on CT"


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the findings are read from."""

    ducts: Ducts
    relations: Mapping[int, DuctRelation]
    phase: Phase | None
    segments: Segments | None
    liver: Liver | None


def describe_ducts(
    ducts: Ducts,
    relations: Mapping[int, DuctRelation],
    phase: Phase | None = None,
    segments: Segments | None = None,
    liver: Liver | None = None,
) -> tuple[Finding, ...]:
    """Return the findings of bile ducts.

    Parameters
    ----------
    ducts
        What is seen of them.
    relations
        How the foci lie to them, by the focus's id.
    phase
        Of the image in which the ducts were looked for; None: not known.
    segments, liver
        Needed for the atrophy of a lobe; unknown without them.
    """
    scene = _Scene(ducts, relations, phase, segments, liver)
    return tuple(read(scene) for read in _READERS)


def _called(name: str, chance: float, ref: str = "", value: Measurement | None = None) -> Finding:
    state = State.PRESENT if chance >= 0.5 else State.ABSENT
    return Finding(name, Subject("duct", ref if state is State.PRESENT else ""), state, chance, value)


def _unjudged(name: str, reason: str) -> Finding:
    return Finding(name, Subject("duct"), State.NOT_ASSESSABLE, reason=reason)


def _relation(scene: _Scene) -> Finding:
    """Return the relation to ducts of the focus that has most to do with one."""
    name = "duct_relation"
    known = [(i, r) for i, r in scene.relations.items() if r.relation in RELATIONS]
    if not known:
        reasons = [r.reason for r in scene.relations.values() if r.bile_probability is not None]
        return _unjudged(name, reasons[0] if reasons else NO_FOCUS)
    focus, best = min(known, key=lambda p: (RELATIONS.index(p[1].relation), p[0]))
    return Finding(
        name, Subject("duct", str(focus)), State.PRESENT, best.probabilities.get(best.relation),
        best.relation, alternatives=tuple(sorted(best.probabilities.items())), foci=(focus,),
    )  # fmt: skip


def _bile_around(scene: _Scene) -> Finding:
    """Return whether bile lies around any focus."""
    chances = [(r.bile_probability, i) for i, r in scene.relations.items() if r.bile_probability is not None]
    if not chances:
        return _unjudged("bile_around_focus", NO_FOCUS)
    chance, focus = max(chances)
    return replace(_called("bile_around_focus", max(chance, 0.01), str(focus)), foci=(focus,))


def _dilated(scene: _Scene) -> Finding:
    """Return whether ducts are dilated."""
    name, ducts = "dilated_ducts", scene.ducts
    if ducts.dilated:
        widest = max(ducts.dilated, key=lambda d: d.probability)
        return _called(name, widest.probability, str(widest.id), widest.calibre)
    blocked = [r for r in scene.relations.values() if r.dilated is State.PRESENT]
    if blocked:
        best = max(blocked, key=lambda r: r.bile_probability or 0.0)
        value = best.calibre if isinstance(best.calibre, Measurement) else None
        return _called(name, max(best.bile_probability or 0.0, 0.5), "", value)
    if ducts.gas.biliary >= 0.5 and ducts.gas.volume_mm3 > MUCH_GAS_MM3:
        return _unjudged(name, "gas fills the ducts: their width is not that of ducts under bile")
    if not isinstance(ducts.smallest, Measurement):
        return _unjudged(name, ducts.reason)
    if ducts.smallest.value > LEAST_SEEN_MM:
        return _unjudged(
            name, f"on this scan only ducts of {ducts.smallest.value:.0f} mm and more would show"
        )
    return _called(name, MISSED)


def _stricture(scene: _Scene) -> Finding:
    """Return whether a duct is narrowed: it stops abruptly toward the hilum, or has a waist."""
    name = "duct_stricture"
    if not scene.ducts.dilated:
        return _without_dilatation(scene, name)
    chances = [(max(_abrupt_chance(d), _waist_chance(d)) * d.probability, d.id) for d in scene.ducts.dilated]
    chance, duct = max(chances)
    return _called(name, max(chance, MISSED), str(duct))


def _without_dilatation(scene: _Scene, name: str) -> Finding:
    """Return that no stricture is seen: one that matters widens the ducts upstream, where that would show."""
    if _dilated(scene).state is State.ABSENT:
        return _called(name, MISSED)
    return _unjudged(name, NO_DILATED)


def _abrupt_chance(duct: Duct) -> float:
    """Return the probability that a dilated duct ends in a stricture."""
    if duct.cut:
        return 0.3
    first = max(len(duct.calibres_mm) // 5, 1)
    return ABRUPT if float(np.median(duct.calibres_mm[:first])) >= ABRUPT_MM else 0.3


def _waist_chance(duct: Duct) -> float:
    """Return the probability that a duct has a stricture along its course."""
    calibres = duct.calibres_mm
    inner = np.maximum.accumulate(calibres)
    outer = np.maximum.accumulate(calibres[::-1])[::-1]
    beside = np.minimum(inner, outer)
    waist = (calibres < WAIST * beside) & (beside > ABRUPT_MM)
    return WAISTED if waist.any() else MISSED


def _hilar(scene: _Scene) -> Finding:
    """Return whether the narrowing lies at the confluence: the ducts of both sides end there."""
    name, ducts = "hilar_stricture", scene.ducts
    if not ducts.dilated:
        return _without_dilatation(scene, name)
    if ducts.hilum_lps_mm is None:
        return _unjudged(name, "the hilum could not be placed on this scan")
    hilum = ducts.hilum_lps_mm
    ends = [d for d in ducts.dilated if np.linalg.norm(d.path_lps_mm[0] - hilum) <= HILAR_MM and not d.cut]
    sides = {bool(np.mean(d.path_lps_mm[:, 0]) > hilum[0]) for d in ends}
    if len(sides) == 2:
        return _called(name, ABRUPT)
    return _called(name, 0.3 if ends else MISSED)


def _wall(scene: _Scene) -> Finding:
    """Return whether the wall of a dilated duct is thickened: it stands out, enhanced, on all sides."""
    name = "duct_wall_thickening"
    if not scene.ducts.dilated:
        return _unjudged(name, NO_DILATED)
    if scene.phase is None or scene.phase.label not in ENHANCED:
        return _unjudged(name, "without contrast the wall of a duct is not told from the liver")
    rim, duct = max((d.rim, d.id) for d in scene.ducts.dilated)
    return _called(name, 1.0 / (1.0 + math.exp(-(rim - RIM) / RIM_SPREAD)), str(duct))


def _gas(scene: _Scene) -> Finding:
    """Return whether gas lies in bile ducts."""
    gas = scene.ducts.gas
    if not gas.volume_mm3:
        return _called("duct_gas", 0.02)
    return _called("duct_gas", gas.biliary)


def _atrophy(scene: _Scene) -> Finding:
    """Return whether a lobe has shrunk."""
    if scene.segments is None or scene.liver is None:
        return Finding("lobar_atrophy", Subject("segment"), State.UNKNOWN)
    return find_atrophy(scene.segments, scene.liver)


_READERS: tuple[Callable[[_Scene], Finding], ...] = (
    _relation, _bile_around, _dilated, _stricture, _hilar, _wall, _gas, _atrophy,
)  # fmt: skip
"""What reads each finding, in order."""
