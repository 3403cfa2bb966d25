"""What was concluded, in FHIR: the differential, red flags, conditions once a person has confirmed them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hepalith.reading.conclusion import AlertEntry, EvidenceEntry, RankedDiagnosis
from hepalith.reading.terms import say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.report.fhir.context import Context, Item
from hepalith.report.fhir.element import (
    TERMINOLOGY,
    Json,
    compact,
    interval,
    percent,
    quantity,
    vocabulary_term,
)
from hepalith.report.words import word

__all__ = ["assess_risks", "list_conditions", "list_issues"]

TOLD = 5
"""How many findings for and against a diagnosis are told in words: those that weigh most. Our judgement."""

NO_CONDITION = "none_of_these"
"""The entry of the differential that names no condition."""


def assess_risks(context: Context) -> Iterator[Item]:
    """Yield the differential, and the processes that may be at work beside each other.

    Two resources, since the probabilities of the one sum to 1 and those of the other need not. FHIR has
    probabilities in percent (RiskAssessment.prediction.probability).
    """
    document = context.document
    if document.differential:
        used = {e.finding for d in document.differential for e in (*d.supporting, *d.against)}
        basis = [
            context.refer(f"finding {number} {finding.id}")
            for number, finding in enumerate(document.findings)
            if finding.id in used
        ]
        predictions = [predict(context, entry) for entry in document.differential]
        yield risk(context, "differential", basis, predictions)
    if document.processes:
        foci = sorted({number for process in document.processes for number in process.foci})
        predictions = [
            {
                "outcome": vocabulary_term(process.diagnosis, context.language),
                "probabilityDecimal": percent(process.probability),
            }
            for process in document.processes
        ]
        yield risk(context, "process", [context.refer(f"focus {n}") for n in foci], predictions)


def risk(context: Context, name: str, basis: Sequence[Json], predictions: Sequence[Json]) -> Item:
    """Return one RiskAssessment."""
    return context.item(
        name,
        "RiskAssessment",
        status=context.status,
        method={"text": context.word("method")},
        code=context.concept(name),
        subject=context.subject,
        occurrenceDateTime=context.examined,
        performer=context.refer("device"),
        basis=basis,
        prediction=predictions,
    )


def predict(context: Context, entry: RankedDiagnosis) -> Json:
    """Return one entry of the differential: how probable, within which range, and why."""
    ends = interval_percent(entry.low, entry.high)
    reasons = [
        context.word(key, list="; ".join(tell(context, one) for one in strongest(evidence)))
        for key, evidence in (("supporting", entry.supporting), ("against", entry.against))
        if evidence
    ]
    return compact(
        extension=[ends],
        outcome=vocabulary_term(entry.diagnosis, context.language),
        probabilityDecimal=percent(entry.probability),
        rationale=". ".join(reasons),
    )


def interval_percent(low: float, high: float) -> Json:
    """Return the range of a probability as the extension of an interval, in percent."""
    said = interval(low, high, "%")
    for end, value in (("low", low), ("high", high)):
        said["valueRange"][end] = {**quantity(value, "%"), "value": percent(value)}
    return said


def strongest(evidence: Sequence[EvidenceEntry]) -> list[EvidenceEntry]:
    """Return the findings that weigh most, the strongest first."""
    return sorted(evidence, key=lambda one: -abs(one.weight))[:TOLD]


def tell(context: Context, evidence: EvidenceEntry) -> str:
    """Return a finding and its weight (log10 of its likelihood ratio) in words."""
    return f"{say_inline(evidence.finding, context.language)} ({evidence.weight:+.2f})"


def list_issues(context: Context) -> list[Item]:
    """Return the red flags.

    DetectedIssue, and not Flag: a flag stands beside the patient's name from when it is made, and nobody has
    accepted this yet. R5 has fewer states: one that was amended is final there.
    """
    return [describe_issue(context, n, alert) for n, alert in enumerate(context.document.alerts)]


def describe_issue(context: Context, number: int, alert: AlertEntry) -> Item:
    """Return one red flag; its urgency stands in words, since FHIR's severity means harm, not haste."""
    language = context.language
    text = in_language(alert.text, alert.text_zh, language)
    status = "final" if context.is_r5 and context.status == "amended" else context.status
    code = vocabulary_term(alert.id, language)
    return context.item(
        f"alert {number} {alert.id}",
        "DetectedIssue",
        status=status,
        **({"category": [context.concept("alert")]} if context.is_r5 else {}),
        code=code,
        **{"subject" if context.is_r5 else "patient": context.subject},
        identifiedDateTime=context.examined,
        author=context.refer("device"),
        detail=f"{word(f'alert_{alert.urgency}', language)}: {text} ({translate(alert.source, language)})",
    )


def list_conditions(context: Context) -> list[Item]:
    """Return the diagnoses that a person confirmed when they accepted the reading; before that none."""
    accepted = context.document.accepted
    if accepted is None:
        return []
    return [
        describe_condition(context, diagnosis)
        for diagnosis in accepted.diagnoses
        if diagnosis != NO_CONDITION
    ]


def describe_condition(context: Context, diagnosis: str) -> Item:
    """Return one confirmed diagnosis."""
    person, report = context.refer("practitioner"), context.refer("report")
    who: dict[str, Any]
    if context.is_r5:
        who = {"participant": [{"actor": person}], "evidence": [{"reference": report}]}
    else:
        who = {"asserter": person, "evidence": [{"detail": [report]}]}
    return context.item(
        f"condition {diagnosis}",
        "Condition",
        clinicalStatus={"coding": [{"system": f"{TERMINOLOGY}/condition-clinical", "code": "active"}]},
        verificationStatus={
            "coding": [{"system": f"{TERMINOLOGY}/condition-ver-status", "code": "confirmed"}]
        },
        code=vocabulary_term(diagnosis, context.language),
        bodySite=[context.concept("liver")],
        subject=context.subject,
        recordedDate=context.accepted_at,
        **who,
    )
