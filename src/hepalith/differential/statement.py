"""What findings, patterns and the patient say of each feature, as a likelihood of its values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.entry import Feature, Knowledge, PopulationSetting, Reader
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State

__all__ = ["Statement", "combine", "known_features", "list_statements", "strongest"]

AGE_EDGES_YEARS = (1.0, 5.0, 15.0, 25.0, 40.0, 65.0)
"""Ends of the age bands: infant, young child (hepatoblastoma is below five), older child, adolescent
(fibrolamellar carcinoma, osteosarcoma), young adult, adult, old. Our judgement."""

SPOKEN_BY_THE_PRIMARY = "suspected_primary"
"""A mass elsewhere that may be a primary. Where the primary is known it has already divided the
metastases among themselves, and is not counted again."""

CI95_WIDTH_IN_SD = 3.92
"""A 95 % interval of a normal distribution is this many standard deviations wide."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One finding's word on one feature: `likelihood` over the feature's values, each 0 to 1.

    `any_of` marks findings of which one suffices (stricture or thickened wall).
    """

    finding: str
    feature: str
    likelihood: NDArray[np.float64]
    any_of: bool = False


def combine(statements: Sequence[Statement], size: int) -> NDArray[np.float64]:
    """Return what several findings say together of one feature.

    They are views of one thing, so the weakest support counts (the minimum, value by value): the
    order does not matter and the same thing said twice counts once. Where findings contradict
    each other outright nothing is left, and nothing is concluded.
    """
    likelihood = np.ones(size)
    any_of = [s.likelihood for s in statements if s.any_of]
    if any_of:
        absent = math.prod(float(v[1]) for v in any_of)
        likelihood = np.array([1.0 - absent, absent])
    for statement in statements:
        if not statement.any_of:
            likelihood = np.minimum(likelihood, statement.likelihood)
    return likelihood if likelihood.max() > 0 else np.ones(size)


def list_statements(
    findings: Iterable[Finding],
    patterns: Iterable[Pattern],
    patient: Patient,
    knowledge: Knowledge,
    setting: PopulationSetting,
) -> list[Statement]:
    """Return every word that bears on a feature, sorted, so that the order of findings is forgotten.

    Findings that are unknown or not assessable say nothing. Where a person and the machine both
    speak of one finding the person is heard.
    """
    heard = strongest(findings, patterns)
    if patient.knows("known_primary") is not None:
        heard.pop(SPOKEN_BY_THE_PRIMARY, None)
    statements: list[Statement] = []
    for feature in knowledge.features.values():
        if feature.id in setting.ignored:
            continue
        for reader in feature.findings:
            if reader.id in heard:
                likelihood = _read(feature, reader, heard[reader.id])
                if likelihood is not None and np.ptp(likelihood) > 0:
                    statements.append(
                        Statement(reader.id, feature.id, likelihood, any_of=reader.kind == "any")
                    )
    statements.extend(_demographics(patient, knowledge, setting))
    return sorted(statements, key=lambda s: (s.feature, s.finding))


def strongest(findings: Iterable[Finding], patterns: Iterable[Pattern]) -> dict[str, Finding]:
    """Return one finding per id: a person's before a machine's, then the most probable."""
    heard: dict[str, Finding] = {}
    candidates = [f for f in findings if f.state in (State.PRESENT, State.ABSENT)]
    candidates += [
        Finding(p.id, Subject("liver"), State.PRESENT, probability=p.probability) for p in patterns
    ]
    for finding in candidates:
        if finding.id not in heard or _rank(finding) > _rank(heard[finding.id]):
            heard[finding.id] = finding
    return heard


def _rank(finding: Finding) -> tuple[bool, float, bool, str]:
    present = finding.state is State.PRESENT
    probability = finding.probability if finding.probability is not None else float(present)
    return (finding.source in ("person", "text"), probability, present, str(finding.value))


def _read(feature: Feature, reader: Reader, finding: Finding) -> NDArray[np.float64] | None:
    """Return what a finding says of a feature, or ``None`` where it says nothing."""
    present = finding.state is State.PRESENT
    probability = finding.probability if finding.probability is not None else float(present)
    likelihood = None
    if reader.kind == "any":
        likelihood = np.array([probability if v == "present" else 1.0 - probability for v in feature.values])
    elif (
        reader.kind == "graded"
        and isinstance(finding.value, Measurement)
        and finding.value.unit == reader.unit
    ):
        likelihood = _cut(feature, reader, finding.value)
    elif reader.kind in ("graded", "boolean") and (present or not reader.one_sided):
        support = np.array([reader.support(v) for v in feature.values])
        likelihood = probability * support + (1.0 - probability) * (1.0 - support)
    elif reader.kind == "absence" and not present:
        left = np.array([reader.leaves.get(v, 1.0) for v in feature.values])
        likelihood = probability + (1.0 - probability) * left
    elif reader.kind == "choice" and present and str(finding.value) in reader.choices:
        likelihood = _choose(feature, reader, finding, probability)
    elif reader.kind == "bins" and present and isinstance(finding.value, Measurement):
        likelihood = _cut(feature, reader, finding.value)
    return likelihood


def _choose(feature: Feature, reader: Reader, finding: Finding, probability: float) -> NDArray[np.float64]:
    """Return the likelihood of each value from the probabilities of the choices.

    A choice that means several values supports each of them equally; what no choice accounts for is
    spread over the values that were not chosen.
    """
    choices = dict(finding.alternatives) or {str(finding.value): probability}
    support = np.zeros(len(feature.values))
    for choice, chance in choices.items():
        meant = reader.choices.get(choice, ())
        for value in meant:
            support[feature.values.index(value)] += chance / len(meant)
    spare = max(1.0 - sum(choices[c] for c in choices if c in reader.choices), 0.0)
    rest = support == 0
    if rest.any():
        support[rest] = spare / rest.sum()
    return np.asarray(support / support.max())


def _cut(feature: Feature, reader: Reader, measured: Measurement) -> NDArray[np.float64]:
    """Return how probable each bin is, from the measurement and its interval."""
    if measured.low is not None and measured.high is not None and measured.high > measured.low:
        spread = NormalDist(measured.value, (measured.high - measured.low) / CI95_WIDTH_IN_SD)
        below = [spread.cdf(edge) for edge in reader.edges]
    else:
        below = [float(measured.value < edge) for edge in reader.edges]
    shares = np.diff([0.0, *below, 1.0])
    likelihood = np.zeros(len(feature.values))
    for share, meant in zip(shares, reader.bins, strict=True):
        for value in meant:
            likelihood[feature.values.index(value)] = share
    return likelihood


def _demographics(patient: Patient, knowledge: Knowledge, setting: PopulationSetting) -> list[Statement]:
    statements = []
    if patient.age_years is not None and patient.subject == "patient":
        ages = knowledge.features["age"].values
        band = sum(patient.age_years >= edge for edge in AGE_EDGES_YEARS)
        if not setting.age_bands or ages[band] in setting.age_bands:
            statements.append(Statement("age_years", "age", np.eye(len(ages))[band]))
    if patient.sex in ("male", "female"):
        statements.append(Statement("sex", "female", np.eye(2)[int(patient.sex == "male")]))
    return statements


def known_features(statements: Iterable[Statement]) -> Mapping[str, list[Statement]]:
    """Return the statements by feature."""
    by_feature: dict[str, list[Statement]] = {}
    for statement in statements:
        by_feature.setdefault(statement.feature, []).append(statement)
    return by_feature
