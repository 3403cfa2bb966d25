"""How each focus lies to the bile ducts, and what the ducts themselves show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hepalith.anatomy.ducts import Ducts
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels import Vessels
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.finding import Finding, Subject
from hepalith.image.volume import Volume
from hepalith.vocabulary import Assessed, NotAssessable, State

__all__ = ["RELATIONS", "DuctRelation", "describe_ducts", "relate_to_ducts"]

RELATIONS = ("in_lumen", "in_wall", "along_portal_triad", "apart")
"""What a focus can be to a bile duct."""

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


@dataclass(frozen=True, slots=True)
class DuctRelation:
    """How one focus lies to the bile ducts.

    Parameters
    ----------
    relation
        One of `RELATIONS`, or ``"not_assessable"``.
    probabilities
        Of every one of `RELATIONS`; empty where not assessable.
    calibre
        Inner diameter of the duct at the focus, mm.
    dilated
        Whether that duct is dilated.
    side
        Which side of the focus is dilated: ``"upstream"``, ``"downstream"``, ``"both"``, ``"none"``.
    bile_around, bile_probability
        Whether bile surrounds the focus.
    duct
        Id of the duct; 0 where none is seen there.
    reason
        Why the relation is what it is, or why it cannot be said.
    """

    relation: str
    probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    calibre: Assessed = field(default_factory=lambda: NotAssessable("no duct is seen at the focus"))
    dilated: State = State.NOT_ASSESSABLE
    side: str = "none"
    bile_around: State = State.NOT_ASSESSABLE
    bile_probability: float | None = None
    duct: int = 0
    reason: str = ""


def relate_to_ducts(
    volume: Volume, liver: Liver, foci: Foci, ducts: Ducts, vessels: Vessels | None, phase: Phase
) -> Mapping[int, DuctRelation]:
    """Return how every focus lies to the bile ducts, by its id."""
    return MappingProxyType({f.id: _relate(f, foci, ducts) for f in foci.foci})


def _relate(focus: Focus, foci: Foci, ducts: Ducts) -> DuctRelation:
    reason = ducts.reason or "no duct is seen at the focus"
    return DuctRelation("not_assessable", reason=reason)


def describe_ducts(ducts: Ducts, relations: Mapping[int, DuctRelation]) -> tuple[Finding, ...]:
    """Return the findings of `FINDINGS`."""
    return tuple(Finding(name, Subject("duct"), State.UNKNOWN) for name in FINDINGS)
