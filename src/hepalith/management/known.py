"""What is known of one reading, asked in one place: findings, patterns, differential and patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hepalith.calcification.focus import Foci
from hepalith.differential.differential import Differential
from hepalith.differential.entry import load_knowledge
from hepalith.finding.finding import Finding, Pattern
from hepalith.study.patient import Lab, Patient
from hepalith.vocabulary import Measurement, State

__all__ = ["ALERT_FROM", "PRESENT_FROM", "Known"]

PRESENT_FROM = 0.5
"""Probability from which a finding counts as present for a rule."""

ALERT_FROM = 0.2
"""Probability from which a finding counts as present for an alert: missing one costs more than raising one
too many. Below it a finding that was looked for counts as ruled out. Our judgement."""


@dataclass(frozen=True, slots=True)
class Known:
    """One reading as rules see it. `present_from` is the probability that counts as present.

    What nobody looked for or stated is unknown: it is neither present nor denied.
    """

    differential: Differential
    findings: Sequence[Finding]
    foci: Foci | None
    patient: Patient
    present_from: float = PRESENT_FROM
    alerts: frozenset[str] = field(default_factory=frozenset)
    patterns: Sequence[Pattern] = ()

    def has(self, finding_id: str) -> bool:
        """Return whether a finding (or a pattern of the foci) is present."""
        return self.probability(finding_id) >= self.present_from

    def probability(self, finding_id: str) -> float:
        """Return the highest probability that anyone gives a finding; 0 where nobody does."""
        if self.patient.knows(finding_id) is True:
            return 1.0
        given = [_probability(f) for f in self.of(finding_id)]
        given += [p.probability for p in self.patterns if p.id == finding_id]
        return max(given, default=0.0)

    def denies(self, finding_id: str) -> bool:
        """Return whether a finding is said to be absent, and by nobody to be present."""
        found = self.of(finding_id)
        absent = any(f.state is State.ABSENT for f in found) or self.patient.knows(finding_id) is False
        return absent and not self.has(finding_id)

    def rules_out(self, finding_id: str) -> bool:
        """Return whether a finding was looked for, and is absent beyond the doubt that an alert leaves."""
        return self.denies(finding_id) and self.probability(finding_id) < ALERT_FROM

    def states(self, finding_id: str) -> bool:
        """Return whether anything at all is known of a finding."""
        known = self.patient.knows(finding_id) is not None
        return known or any(f.state in (State.PRESENT, State.ABSENT) for f in self.of(finding_id))

    def chose(self, finding_id: str, values: Sequence[str]) -> bool:
        """Return whether a finding has one of these values."""
        return self.choice_probability(finding_id, values) >= self.present_from

    def choice_probability(self, finding_id: str, values: Sequence[str]) -> float:
        """Return the probability that a finding has one of these values.

        Where it has alternatives theirs are summed: a lesion that is solid at 0.3 and mixed at 0.3
        is solid or mixed at 0.6, whatever the likeliest single word is.
        """
        if self.patient.knows(finding_id) in values:
            return 1.0
        return max((_choice_probability(f, values) for f in self.of(finding_id)), default=0.0)

    def measured(self, finding_id: str) -> float | None:
        """Return the largest value measured, in the term's unit; ``None`` where there is none."""
        values = [f.value.value for f in self.of(finding_id) if isinstance(f.value, Measurement)]
        stated = self.patient.findings.get(finding_id)
        values += [stated.value] if isinstance(stated, Measurement) else []
        return max(values, default=None)

    def lab(self, term_id: str) -> Lab | None:
        """Return a laboratory value as the laboratory gave it."""
        return self.patient.labs.get(term_id)

    def share(self, names: Sequence[str]) -> float:
        """Return the probability of these diagnoses or families of diagnoses.

        Their sum in the ranking, or the probability of one of them as a process of its own beside
        another, whichever is higher.
        """
        return self._share(_members(tuple(names)))

    def share_malignant(self) -> float:
        """Return the probability of all malignant diagnoses together (or of one as a process of its own)."""
        return self._share(_malignant())

    def leads(self, names: Sequence[str]) -> bool:
        """Return whether one of these diagnoses is first."""
        diagnoses = self.differential.diagnoses
        return bool(diagnoses) and diagnoses[0].diagnosis in names

    def leading_probability(self) -> float:
        """Return the probability of the first diagnosis; 0 where there is none."""
        diagnoses = self.differential.diagnoses
        return diagnoses[0].probability if diagnoses else 0.0

    def of(self, finding_id: str) -> list[Finding]:
        """Return every finding with this id."""
        return [f for f in self.findings if f.id == finding_id]

    def _share(self, wanted: frozenset[str]) -> float:
        ranked = sum(d.probability for d in self.differential.diagnoses if d.diagnosis in wanted)
        processes = [p.probability for p in self.differential.processes if p.diagnosis in wanted]
        return max([ranked, *processes])


@lru_cache(maxsize=256)
def _members(names: tuple[str, ...]) -> frozenset[str]:
    """Return the diagnoses that are named, or belong to a family that is."""
    entries = load_knowledge().entries
    return frozenset(entry.id for entry in entries if entry.id in names or entry.family in names)


@lru_cache(maxsize=1)
def _malignant() -> frozenset[str]:
    return frozenset(entry.id for entry in load_knowledge().entries if entry.malignant)


def _probability(finding: Finding) -> float:
    if finding.state is State.PRESENT:
        return 1.0 if finding.probability is None else finding.probability
    if finding.state is State.ABSENT:
        return 0.0 if finding.probability is None else finding.probability
    return _left_open(finding)


def _left_open(finding: Finding) -> float:
    """Return the probability of what a report leaves open: "cannot be excluded" is no absence."""
    is_open = finding.source == "text" and finding.state is State.UNKNOWN
    return (finding.probability or 0.0) if is_open else 0.0


def _choice_probability(finding: Finding, values: Sequence[str]) -> float:
    if finding.state is not State.PRESENT:
        return _left_open(finding) if finding.value in values else 0.0
    if finding.alternatives:
        return sum(p for value, p in finding.alternatives if value in values)
    return _probability(finding) if finding.value in values else 0.0
