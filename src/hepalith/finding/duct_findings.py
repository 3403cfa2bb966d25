"""What the bile ducts show, as findings."""

from __future__ import annotations

from collections.abc import Mapping

from hepalith.anatomy.ducts import Ducts
from hepalith.finding.duct import DuctRelation
from hepalith.finding.finding import Finding, Subject
from hepalith.vocabulary import Measurement, State

__all__ = ["describe_ducts"]

FINDINGS = (
    "duct_relation",
    "bile_around_focus",
    "dilated_ducts",
    "duct_stricture",
    "hilar_stricture",
    "duct_wall_thickening",
    "duct_gas",
    "lobar_atrophy",
)
"""The findings of the vocabulary that are read here."""

LEAST_SEEN_MM = 4.0
"""Calibre that a scan must show before dilated ducts are called absent: mild dilatation is 3 to 5 mm."""

NO_FOCUS = "no calcification was found"


def describe_ducts(ducts: Ducts, relations: Mapping[int, DuctRelation]) -> tuple[Finding, ...]:
    """Return the findings of `FINDINGS`."""
    done = (_relation(relations), _bile_around(relations), _dilated(ducts, relations))
    read = {f.id: f for f in done}
    return tuple(read.get(name, Finding(name, Subject("duct"), State.UNKNOWN)) for name in FINDINGS)


def _relation(relations: Mapping[int, DuctRelation]) -> Finding:
    """Return the relation of the foci: of the one that lies closest to a duct."""
    subject = Subject("duct")
    known = [(i, r) for i, r in relations.items() if r.relation != "not_assessable"]
    if not known:
        reasons = [r.reason for r in relations.values() if r.probabilities or r.reason]
        return Finding(
            "duct_relation", subject, State.NOT_ASSESSABLE, reason=reasons[0] if reasons else NO_FOCUS
        )
    ranks = ("in_lumen", "in_wall", "along_portal_triad", "apart")
    focus, best = min(known, key=lambda p: (ranks.index(p[1].relation), p[0]))
    chance = best.probabilities.get(best.relation)
    alternatives = tuple(sorted(best.probabilities.items()))
    return Finding(
        "duct_relation", Subject("duct", str(focus)), State.PRESENT, chance, best.relation,
        alternatives=alternatives,
    )  # fmt: skip


def _bile_around(relations: Mapping[int, DuctRelation]) -> Finding:
    """Return whether bile lies around any focus."""
    name, subject = "bile_around_focus", Subject("duct")
    chances = [r.bile_probability for r in relations.values() if r.bile_probability is not None]
    if not chances:
        return Finding(name, subject, State.NOT_ASSESSABLE, reason=NO_FOCUS)
    chance = max(
        max((r.bile_probability or 0.0) for r in relations.values() if r.relation in ("in_lumen", "in_wall"))
        if any(r.relation in ("in_lumen", "in_wall") for r in relations.values())
        else min(max(chances), 0.45),
        0.01,
    )
    return Finding(name, subject, State.PRESENT if chance >= 0.5 else State.ABSENT, chance)


def _dilated(ducts: Ducts, relations: Mapping[int, DuctRelation]) -> Finding:
    """Return whether ducts are dilated."""
    name = "dilated_ducts"
    wide = [d for d in ducts.ducts if d.dilated is State.PRESENT]
    if wide:
        widest = max(wide, key=lambda d: d.probability)
        return Finding(
            name, Subject("duct", str(widest.id)), State.PRESENT, widest.probability, widest.calibre
        )
    blocked = [r for r in relations.values() if r.dilated is State.PRESENT]
    if blocked:
        best = max(blocked, key=lambda r: r.probabilities.get("in_lumen", 0.0))
        value = best.calibre if isinstance(best.calibre, Measurement) else None
        return Finding(name, Subject("duct"), State.PRESENT, best.probabilities.get("in_lumen", 0.5), value)
    if not isinstance(ducts.smallest, Measurement):
        return Finding(name, Subject("duct"), State.NOT_ASSESSABLE, reason=ducts.reason)
    if ducts.smallest.value > LEAST_SEEN_MM:
        reason = f"on this scan only ducts of {ducts.smallest.value:.0f} mm and more would show"
        return Finding(name, Subject("duct"), State.NOT_ASSESSABLE, reason=reason)
    return Finding(name, Subject("duct"), State.ABSENT, 0.05)
