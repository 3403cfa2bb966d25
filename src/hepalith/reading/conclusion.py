"""What was reasoned, in ``reading.json``: findings, differential, alerts, tests and plan."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from hepalith.reading.part import Choice, Entry, Number, Probability, Quantity, Term, Unassessed

__all__ = [
    "ActionEntry",
    "AlertEntry",
    "BesideEntry",
    "ContradictionEntry",
    "DueEntry",
    "EvidenceEntry",
    "FindingEntry",
    "GradingEntry",
    "MonthsEntry",
    "NextTestEntry",
    "OutcomeEntry",
    "PatternEntry",
    "ProcessEntry",
    "RankedDiagnosis",
    "RepeatEntry",
    "SubjectEntry",
    "VisitEntry",
]


class PatternEntry(Entry):
    """An arrangement of several foci."""

    id: Term
    probability: Probability
    foci: tuple[int, ...]


class SubjectEntry(Entry):
    """What a finding is about."""

    kind: Literal["focus", "host", "duct", "segment", "liver", "neighbour", "patient"]
    ref: str


class FindingEntry(Entry):
    """One statement in the controlled vocabulary."""

    id: Term
    code: str | None
    display: str
    subject: SubjectEntry
    state: Literal["present", "absent", "unknown", "not_assessable"]
    probability: Probability | None
    value: Quantity | Choice | Unassessed | None
    source: Literal["ct", "us", "text", "person"]
    images: tuple[str, ...]
    words: str | None
    reason: str | None
    alternatives: dict[str, Probability] = Field(default_factory=dict)
    """Where a person named several choices, the probability of each."""


class EvidenceEntry(Entry):
    """A finding's weight: log10 of its likelihood ratio against all other entries."""

    finding: str
    weight: Number
    source: str


class RankedDiagnosis(Entry):
    """One entry of the differential."""

    diagnosis: Term
    display: str
    probability: Probability
    low: Probability
    high: Probability
    first_in: Probability
    prior: Number
    supporting: tuple[EvidenceEntry, ...] = Field(alias="for")
    against: tuple[EvidenceEntry, ...]


class ContradictionEntry(Entry):
    """Findings that cannot all be true, why, and which of them do not count."""

    findings: tuple[str, ...]
    reason: str
    reason_zh: str = ""
    dropped: tuple[str, ...] = ()


class ProcessEntry(Entry):
    """A process at work in the liver, whatever else is."""

    diagnosis: Term
    probability: Probability
    foci: tuple[int, ...]


class AlertEntry(Entry):
    """A hard rule that fired."""

    id: Term
    urgency: Literal["today", "prompt", "routine"] = "prompt"
    text: str
    text_zh: str
    source: str


class OutcomeEntry(Entry):
    """What one outcome of a test would mean: how probable it is, and which diagnosis gains most by it."""

    text: str
    text_zh: str
    probability: Probability
    diagnosis: Term
    before: Probability
    after: Probability


class NextTestEntry(Entry):
    """A test worth doing next; null where its gain was not computed."""

    test: Term
    expected_gain_bits: Number | None
    expected_utility: Number | None
    harm: str
    harm_zh: str = ""
    why: str
    why_zh: str = ""
    finds: tuple[Term, ...] = ()
    """Findings that it would tell."""
    separates: tuple[Term, ...] = ()
    """Diagnoses that it tells most about."""
    outcomes: tuple[OutcomeEntry, ...] = ()
    source: str = ""
    instead_of: str = ""
    """The test above it that it may be done instead of."""


class MonthsEntry(Entry):
    """An interval in months after the examination."""

    from_months: Number
    to_months: Number


class DueEntry(Entry):
    """Dates between which a step is due."""

    start: date = Field(alias="from")
    end: date = Field(alias="to")


class RepeatEntry(Entry):
    """Again every so many months, until."""

    every_months: tuple[Number, Number]
    until_months: Number
    may_stop_from_months: Number | None = None


class VisitEntry(Entry):
    """One of several follow-ups."""

    after: MonthsEntry
    due: DueEntry | None = None


ASKS_NOTHING = frozenset({"nothing_to_follow", "no_follow_up", "no_treatment_vessel_wall"})
"""Actions of the vocabulary that say that nothing is to be done: no appointment and no request is made of
them."""


class ActionEntry(Entry):
    """One step of the plan."""

    action: Term
    text: str
    text_zh: str
    after: MonthsEntry | None
    due: DueEntry | None
    repeat: RepeatEntry | None
    strength: str
    source: str
    rule: str = ""
    """Id of the clause in the policy's file."""
    grade: str = ""
    visits: tuple[VisitEntry, ...] = ()
    stop: date | None = None
    may_stop: date | None = None

    @property
    def asks_nothing(self) -> bool:
        """Whether it says that nothing is to be done."""
        return self.action in ASKS_NOTHING


class BesideEntry(Entry):
    """What another policy asks for instead, where it differs from the plan."""

    policy: str
    plan: tuple[ActionEntry, ...]


class GradingEntry(Entry):
    """A grade, stage or category that a published definition gives this case."""

    id: str
    value: str
    certain: bool
    text: str
    text_zh: str
    source: str
