"""A report's free text beside what a person states: whose word counts, and which words it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hepalith import finding
from hepalith.errors import PatientFileError
from hepalith.finding import Finding, findings_from_patient
from hepalith.reading.opinion_document import SpanEntry
from hepalith.study.claim import TABLES, merge_patients
from hepalith.study.patient import Patient
from hepalith.study.patient_file import make_patient
from hepalith.vocabulary import load_vocabulary

__all__ = ["facts_of_report", "findings_of_facts", "span_entry"]


def facts_of_report(report: finding.ReportText) -> Patient:
    """Return the patient that a report speaks of; what a patient file could not hold is left out."""
    patient = Patient()
    for part in _parts(report.patient):
        try:
            patient = merge_patients(patient, make_patient(part, "text"))
        except PatientFileError:
            continue
    return patient


def _parts(facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the facts in pieces that stand or fall by themselves."""
    keys = {key: value for key, value in facts.items() if key not in TABLES}
    about_whom: dict[str, Any] = {key: keys.pop(key) for key in ("subject", "gestation_weeks") if key in keys}
    yield about_whom
    yield from ({key: value} for key, value in keys.items())
    for table in TABLES:
        yield from ({table: {name: value}} for name, value in facts.get(table, {}).items())


def findings_of_facts(report: finding.ReportText, told: Patient, patient: Patient) -> tuple[Finding, ...]:
    """Return the findings that the report's facts make, with the words they came from.

    Parameters
    ----------
    told
        The patient as the report alone tells of them.
    patient
        The patient as they were used: a fact that a person contradicts is not among the findings.
    """
    words = {_told_by(span): span.words.strip() for span in report.spans}
    kept = {f.id: f for f in findings_from_patient(patient)}
    named = {f.id for f in report.findings}
    return tuple(
        replace(f, source="text", words=words.get(f.id))
        for f in findings_from_patient(told)
        if kept.get(f.id) == f and f.id not in named
    )


def _told_by(span: finding.Span) -> str:
    """Return the finding that words make: of a laboratory value, the one that it raises."""
    name = span.about.rpartition(".")[2]
    vocabulary = load_vocabulary()
    return (vocabulary[name].makes if name in vocabulary else None) or name


def span_entry(span: finding.Span) -> SpanEntry:
    """Return words of the text as JSON says them."""
    return SpanEntry(start=span.start, end=span.end, words=span.words, about=span.about)
