"""The case that rules look at: findings, differential and patient, asked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from hepalith.calcification.focus import Foci
from hepalith.differential.diagnose import CHILD_BELOW_YEARS
from hepalith.differential.differential import Differential
from hepalith.differential.entry import load_knowledge
from hepalith.finding.finding import Finding
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

__all__ = ["FACTS", "Case", "Condition", "Share"]

PRESENT_FROM = 0.5
"""Probability from which a finding counts as present for a rule."""

ALERT_FROM = 0.2
"""Probability from which a finding counts as present for an alert: missing one costs more than raising one
too many. Our judgement."""

UNCLEAR_BELOW = 0.4
"""A leading diagnosis less probable than this explains the picture too poorly to act on. Our judgement."""

SIMPLE_FROM = 0.5
"""Probability from which a leading simple focus is treated as one. Our judgement."""

WHOLE_FROM_PERCENT = 95.0
"""Share in view below which a plan says that part of the liver was not seen: the estimate of the share is
no better than that. Our judgement."""

TRUSTED_FROM_PERCENT = 60.0
"""Trust in the liver's outline below which a person is asked to check it first. Our judgement."""

HOSTS = ("solid", "mixed", "infiltrative")
"""Kinds of host that are never called benign from their calcium."""

DENIED_FOR_DEFINITE = ("cancer_history", "cirrhosis", "hepatitis_b", "dilated_ducts")
"""What must be known to be absent before a simple focus is definite (review of the red flags, rule 2)."""

EXCLUDED_FOR_DEFINITE = (
    "duct_stricture",
    "hilar_stricture",
    "duct_wall_thickening",
    "lobar_atrophy",
    "afp_up",
    "cea_up",
    "ca19_9_up",
    "ca125_up",
    "calcitonin_up",
    "chromogranin_up",
    "hepatitis_c",
)
"""What must not be present before a simple focus is definite (same rule)."""

FACTS = (
    "child_under_five",
    "definite_simple",
    "enhanced_only",
    "fetus",
    "host",
    "no_calcification",
    "none_in_part",
    "not_assessable",
    "outline_doubtful",
    "partly_in_view",
    "probable_simple",
    "unclear",
)
"""What `Condition.fact` may name."""


class Share(BaseModel):
    """A sum of probabilities over diagnoses (or families of them) of at least so much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: tuple[str, ...]
    at_least: float


class Condition(BaseModel):
    """When a rule applies. Every part that is given must hold; within `present`, `leading`, `stated`: any.

    `not_present` and `not_stated` hold where none is. `choice` holds where the finding has one of
    the values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    present: tuple[str, ...] = ()
    not_present: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    not_stated: tuple[str, ...] = ()
    choice: dict[str, tuple[str, ...]] = {}
    leading: tuple[str, ...] = ()
    share: Share | None = None
    share_malignant: float | None = None
    fact: str | None = None
    not_fact: str | None = None
    alert: str | None = None
    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()

    def names(self) -> set[str]:
        """Return every id that this condition names, to check it against the vocabulary."""
        named = {
            *self.present,
            *self.not_present,
            *self.stated,
            *self.not_stated,
            *self.choice,
            *self.leading,
        }
        named |= {self.alert} if self.alert else set()
        return named.union(*(c.names() for c in (*self.all_of, *self.any_of)))


@dataclass(frozen=True, slots=True)
class Case:
    """One reading as rules see it. `present_from` is the probability that counts as present."""

    differential: Differential
    findings: Sequence[Finding]
    foci: Foci | None
    patient: Patient
    present_from: float = PRESENT_FROM
    alerts: frozenset[str] = field(default_factory=frozenset)

    def has(self, finding_id: str) -> bool:
        """Return whether a finding is present."""
        known = self.patient.knows(finding_id)
        return known is True or any(
            f.id == finding_id and _probability(f) >= self.present_from for f in self._of(finding_id)
        )

    def denies(self, finding_id: str) -> bool:
        """Return whether a finding is known to be absent."""
        found = self._of(finding_id)
        absent = any(f.state is State.ABSENT for f in found) or self.patient.knows(finding_id) is False
        return absent and not self.has(finding_id)

    def states(self, finding_id: str) -> bool:
        """Return whether anything at all is known of a finding."""
        known = self.patient.knows(finding_id) is not None
        return known or any(f.state in (State.PRESENT, State.ABSENT) for f in self._of(finding_id))

    def chose(self, finding_id: str, values: Sequence[str]) -> bool:
        """Return whether a finding has one of these values."""
        return self.patient.knows(finding_id) in values or any(
            f.value in values and _probability(f) >= self.present_from for f in self._of(finding_id)
        )

    def share(self, names: Sequence[str]) -> float:
        """Return the probability of these diagnoses or families of diagnoses together."""
        families = {entry.id: entry.family for entry in load_knowledge().entries}
        return sum(
            d.probability
            for d in self.differential.diagnoses
            if d.diagnosis in names or families.get(d.diagnosis) in names
        )

    def share_malignant(self) -> float:
        """Return the probability of all malignant diagnoses together."""
        malignant = [entry.id for entry in load_knowledge().entries if entry.malignant]
        return sum(d.probability for d in self.differential.diagnoses if d.diagnosis in malignant)

    def leads(self, names: Sequence[str]) -> bool:
        """Return whether one of these diagnoses is first."""
        diagnoses = self.differential.diagnoses
        return bool(diagnoses) and diagnoses[0].diagnosis in names

    def is_fact(self, name: str) -> bool:
        """Return whether one of `FACTS` holds."""
        return {
            "child_under_five": self._is_child,
            "definite_simple": self._is_definite_simple,
            "enhanced_only": self._is_enhanced_only,
            "fetus": lambda: self.patient.subject == "fetus",
            "host": self._has_host,
            "no_calcification": self._has_no_calcification,
            "none_in_part": self._has_none_in_part,
            "not_assessable": self._is_not_assessable,
            "outline_doubtful": lambda: self._is_below("outline_trust", TRUSTED_FROM_PERCENT),
            "partly_in_view": lambda: self._is_below("liver_in_view", WHOLE_FROM_PERCENT),
            "probable_simple": lambda: self._is_simple() and not self._is_definite_simple(),
            "unclear": self._is_unclear,
        }[name]()

    def holds(self, when: Condition) -> bool:
        """Return whether a condition holds."""
        parts = (
            not when.present or any(self.has(i) for i in when.present),
            not any(self.has(i) for i in when.not_present),
            not when.stated or any(self.states(i) for i in when.stated),
            not any(self.states(i) for i in when.not_stated),
            all(self.chose(i, values) for i, values in when.choice.items()),
            not when.leading or self.leads(when.leading),
            when.share is None or self.share(when.share.of) >= when.share.at_least,
            when.share_malignant is None or self.share_malignant() >= when.share_malignant,
            when.fact is None or self.is_fact(when.fact),
            when.not_fact is None or not self.is_fact(when.not_fact),
            when.alert is None or when.alert in self.alerts,
        )
        nested = all(self.holds(c) for c in when.all_of)
        return all(parts) and nested and (not when.any_of or any(self.holds(c) for c in when.any_of))

    def _of(self, finding_id: str) -> list[Finding]:
        return [f for f in self.findings if f.id == finding_id]

    def _is_child(self) -> bool:
        age = self.patient.age_years
        return self.patient.subject == "patient" and age is not None and age < CHILD_BELOW_YEARS

    def _has_host(self) -> bool:
        masses = ("within_mass", "bulls_eye")
        return self.chose("host_kind", HOSTS) or any(self.has(m) for m in masses)

    def _has_no_calcification(self) -> bool:
        return self.denies("intrahepatic_calcification") and self.patient.subject == "patient"

    def _is_not_assessable(self) -> bool:
        return self._leaves_calcification_open() and not self._has_none_in_part()

    def _has_none_in_part(self) -> bool:
        """Return whether what was seen of the liver held no calcification, and not all was seen."""
        nothing = self.foci is not None and not any(
            f.label in {"calcification", "undetermined"} for f in self.foci.foci
        )
        return nothing and self._leaves_calcification_open() and self.is_fact("partly_in_view")

    def _leaves_calcification_open(self) -> bool:
        found = self._of("intrahepatic_calcification")
        return bool(found) and all(f.state is State.NOT_ASSESSABLE for f in found)

    def _is_below(self, finding_id: str, limit: float) -> bool:
        """Return whether a measured finding lies below a limit; no, where it was not measured."""
        measured = [f.value for f in self._of(finding_id) if isinstance(f.value, Measurement)]
        return any(m.value < limit for m in measured)

    def _is_enhanced_only(self) -> bool:
        """Return whether a CT was read on which density could not be judged for the contrast in it."""
        return self.foci is not None and any(
            f.id == "host_kind" and f.source == "ct" and f.state is State.UNKNOWN for f in self.findings
        )

    def _is_simple(self) -> bool:
        diagnoses = self.differential.diagnoses
        leads = self.leads(("simple_healed",)) and diagnoses[0].probability >= SIMPLE_FROM
        return leads and not self._has_host()

    def _is_definite_simple(self) -> bool:
        """Return whether a leading simple focus is definite: no host, no risk, or two years unchanged.

        Growth, or a host, undoes it.
        """
        if not self._is_simple() or self.chose("change_since_prior", ("grown", "new")):
            return False
        if self.has("unchanged_two_years"):
            return True
        looked = self.chose("host_kind", ("none",))
        denied = all(self.denies(i) for i in DENIED_FOR_DEFINITE)
        old_enough = self.patient.age_years is not None and not self._is_child()
        clear = not any(self.has(i) for i in EXCLUDED_FOR_DEFINITE)
        no_primary = self.patient.knows("known_primary") is None
        return looked and denied and old_enough and clear and no_primary

    def _is_unclear(self) -> bool:
        diagnoses = self.differential.diagnoses
        return bool(diagnoses) and (
            diagnoses[0].probability < UNCLEAR_BELOW or diagnoses[0].diagnosis == "none_of_these"
        )


def _probability(finding: Finding) -> float:
    if finding.state is State.PRESENT:
        return 1.0 if finding.probability is None else finding.probability
    if finding.state is State.ABSENT:
        return 0.0 if finding.probability is None else finding.probability
    return 0.0


def check_condition(where: str, when: Condition) -> None:
    """Raise `ValueError` where a condition names what does not exist."""
    unknown = sorted(name for name in when.names() if name not in load_vocabulary())
    if unknown:
        raise ValueError(f"{where} names {', '.join(unknown)}, which the vocabulary does not have")
    facts = {c.fact for c in _flat(when)} | {c.not_fact for c in _flat(when)}
    if not facts <= {None, *FACTS}:
        raise ValueError(f"{where} names a fact that does not exist: {facts - {None, *FACTS}}")
    families = {entry.family for entry in load_knowledge().entries}
    for part in _flat(when):
        for name in part.share.of if part.share else ():
            if name not in families and name not in load_vocabulary():
                raise ValueError(f"{where} names {name}, neither a diagnosis nor a family")


def _flat(when: Condition) -> list[Condition]:
    return [when, *(c for part in (*when.all_of, *when.any_of) for c in _flat(part))]
