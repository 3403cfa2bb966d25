"""An opinion: what may explain the calcification and what follows, from words and numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hepalith import __version__, finding
from hepalith.differential import Contradiction, Differential
from hepalith.differential import diagnose as rank
from hepalith.finding import Finding, Pattern, findings_from_patient
from hepalith.management import Plan, advise
from hepalith.reading import entries
from hepalith.reading.document import InputEntry, PolicyEntry, Provenance, SummaryEntry
from hepalith.reading.opinion_document import (
    OpinionDocument,
    OpinionPatient,
    OpinionStudy,
    opinion_json,
)
from hepalith.reading.opinion_html import opinion_html
from hepalith.reading.opinion_table import compare_tables, explain_table, opinion_table
from hepalith.reading.opinion_words import summarise_opinion, summarise_opinion_for_patient
from hepalith.reading.part import TextEntry
from hepalith.reading.report_text import facts_of_report, findings_of_facts, span_entry
from hepalith.reading.unknown import Unknown, list_unknown, unknown_text
from hepalith.settings import Settings
from hepalith.study.claim import merge_patients
from hepalith.study.patient import Patient
from hepalith.study.patient_file import make_patient, read_patient, restate

__all__ = ["Opinion", "WhatIf", "diagnose"]


TABLE_WIDTH = 100
"""Columns of a table where no terminal says how many it has."""


@dataclass(frozen=True)
class Opinion:
    """A ranked, explained differential and a plan, from findings and patient; no image is needed.

    Parameters
    ----------
    patient
        As it was used: the file's statements, completed by those of a report.
    findings
        Every finding that was weighed, of whatever source.
    patterns
        Arrangements of the foci.
    differential, plan
        What may explain it, and what follows.
    settings
        Policy and language.
    report
        The report's text as it was read; None where there was none.
    inputs
        The files it was made from, by name and digest.
    """

    patient: Patient
    findings: tuple[Finding, ...]
    patterns: tuple[Pattern, ...]
    differential: Differential
    plan: Plan
    settings: Settings
    report: finding.ReportText | None = None
    inputs: tuple[InputEntry, ...] = ()

    @property
    def contradictions(self) -> tuple[Contradiction, ...]:
        """Findings that cannot all be true."""
        return self.differential.contradictions

    @cached_property
    def document(self) -> OpinionDocument:
        """The opinion as JSON says it."""
        return make_document(self)

    def table(self, language: str | None = None, *, width: int = TABLE_WIDTH, colour: bool = False) -> str:
        """Return the opinion as a table for a terminal, at most `width` columns wide."""
        return opinion_table(self.document, language or self.settings.language, width, colour=colour)

    def explain(self, language: str | None = None, *, width: int = TABLE_WIDTH, colour: bool = False) -> str:
        """Return why: the evidence for and against the first diagnoses, and which unknowns would matter."""
        spoken = language or self.settings.language
        unknown = [unknown_text(u, spoken) for u in self.unknown_that_matters()]
        return explain_table(self.document, unknown, spoken, width, colour=colour)

    def unknown_that_matters(self) -> tuple[Unknown, ...]:
        """Return the unknown findings that would tell most: how much, and what their outcomes would mean."""
        return list_unknown(self.findings, self.patterns, self.patient)

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return opinion_html(self.document, self.settings.language)

    def to_dict(self) -> dict[str, Any]:
        """Return the parts of ``reading.json`` that apply, as plain values."""
        return opinion_json(self.document)

    def what_if(self, changes: Mapping[str, Any] | None = None, /, **named: Any) -> WhatIf:
        """Return the opinion as it would be with some statements changed, beside this one.

        Parameters
        ----------
        changes, named
            By the name of a finding (or a key of the patient file): what it would be, as a patient file
            says it; ``"unknown"`` takes a statement back.
        """
        wanted = {**(changes or {}), **named}
        patient, touched = restate(self.patient, wanted)
        seen = [f for f in self.findings if f.source != "person" and f.id not in touched]
        patterns = [p for p in self.patterns if p.id not in touched]
        after = replace(form_opinion(patient, seen, patterns, self.settings), report=self.report)
        return WhatIf(self, after, wanted)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Two opinions beside each other: as things are, and as they would be."""

    before: Opinion
    after: Opinion
    changes: Mapping[str, Any]

    def table(self, language: str | None = None, *, width: int = TABLE_WIDTH, colour: bool = False) -> str:
        """Return both beside each other, with what changes in alerts and plan."""
        documents = (self.before.document, self.after.document)
        spoken = language or self.before.settings.language
        return compare_tables(*documents, self.changes, spoken, width, colour=colour)

    def to_dict(self) -> dict[str, Any]:
        """Return the changes, and both opinions as plain values."""
        changes = dict(self.changes)
        return {"changes": changes, "before": self.before.to_dict(), "after": self.after.to_dict()}

    def __str__(self) -> str:
        return self.table()


def diagnose(
    patient: Patient | Mapping[str, Any] | Path | str | None = None,
    findings: Sequence[Finding] = (),
    patterns: Sequence[Pattern] = (),
    *,
    settings: Settings | None = None,
    report: finding.ReportText | str | None = None,
    inputs: tuple[InputEntry, ...] = (),
) -> Opinion:
    """Return what may explain calcification in the liver, and what to do; no image is needed.

    Parameters
    ----------
    patient
        A `Patient`; a mapping with the keys of a patient file; or the path of such a file.
    findings, patterns
        Findings of other sources, to be weighed with those of the patient.
    settings
        Policy and language; the product's defaults.
    report
        A report in English or Chinese, whose findings are weighed too; where the patient says otherwise,
        the patient is believed.
    inputs
        Names and digests of the files that it rests on, for the provenance.

    Returns
    -------
    Opinion
        With `differential`, `plan`, `findings`, `contradictions`; it prints as a table.

    Raises
    ------
    hepalith.errors.PatientFileError
        If the patient says something that cannot be used; the message is one line.

    Examples
    --------
    >>> opinion = diagnose({"findings": {"dilated_ducts": True, "duct_relation": "in_lumen"}})
    >>> opinion.differential.diagnoses[0].diagnosis
    'hepatolithiasis'
    """
    settings = settings or Settings()
    known = as_patient(patient)
    if report is None:
        return replace(form_opinion(known, findings, patterns, settings), inputs=inputs)
    read = finding.read_report(report) if isinstance(report, str) else report
    told = facts_of_report(read)
    together = merge_patients(known, told)
    heard = (*findings, *read.findings, *findings_of_facts(read, told, together))
    return replace(form_opinion(together, heard, patterns, settings), report=read, inputs=inputs)


def as_patient(patient: Patient | Mapping[str, Any] | Path | str | None) -> Patient:
    """Return the patient that a person means."""
    if patient is None:
        return Patient()
    if isinstance(patient, Patient):
        return patient
    return make_patient(patient) if isinstance(patient, Mapping) else read_patient(Path(patient))


def form_opinion(
    patient: Patient, findings: Sequence[Finding], patterns: Sequence[Pattern], settings: Settings
) -> Opinion:
    """Weigh what is known and advise on it; the patient's own statements come last among the findings."""
    stated = {f.id: f for f in findings_from_patient(patient)}
    heard = tuple(
        f
        for f in findings
        if f.source != "text" or f.id not in stated or replace(f, source="person", words=None) == stated[f.id]
    )
    told = {f.id for f in heard if f.source == "text"}
    everything = (*heard, *(f for f in stated.values() if f not in heard and f.id not in told))
    differential = rank(everything, patterns, patient)
    plan = advise(differential, everything, None, patient, settings, None, patterns)
    return Opinion(patient, everything, tuple(patterns), differential, plan, settings)


def make_document(opinion: Opinion) -> OpinionDocument:
    """Return an opinion as JSON says it, the texts written from the rest."""
    differential, plan, patient = opinion.differential, opinion.plan, opinion.patient
    document = OpinionDocument(
        provenance=Provenance(
            version=__version__,
            inputs=opinion.inputs,
            settings={"policy": plan.policy, "language": opinion.settings.language},
            knowledge=differential.knowledge_digest,
            setting=differential.setting or None,
            policy=PolicyEntry(id=plan.policy, version=plan.policy_version, digest=plan.policy_digest),
        ),
        study=OpinionStudy(
            date=patient.exam_date,
            patient=OpinionPatient(
                age_years=patient.age_years,
                sex=patient.sex,
                subject=patient.subject,
                gestation_weeks=patient.gestation_weeks,
            ),
        ),
        patterns=tuple(entries.pattern_entry(p) for p in opinion.patterns),
        findings=tuple(entries.finding_entry(f, None) for f in opinion.findings),
        differential=entries.differential_entries(differential),
        processes=tuple(entries.process_entry(p) for p in differential.processes),
        contradictions=tuple(entries.contradiction_entry(c) for c in differential.contradictions),
        alerts=tuple(entries.alert_entry(a) for a in plan.alerts),
        next_tests=tuple(entries.next_test_entry(t) for t in plan.next_tests),
        plan=tuple(entries.action_entry(a) for a in plan.actions),
        plan_beside=entries.beside_entry(plan),
        gradings=tuple(entries.grading_entry(g) for g in plan.gradings),
        spans=() if opinion.report is None else tuple(map(span_entry, opinion.report.spans)),
        not_understood=()
        if opinion.report is None
        else tuple(map(span_entry, opinion.report.not_understood)),
        summary=SummaryEntry(radiology=TextEntry(en="", zh=""), patient=TextEntry(en="", zh="")),
    )
    texts = {
        "radiology": {language: summarise_opinion(document, language) for language in ("en", "zh")},
        "patient": {language: summarise_opinion_for_patient(document, language) for language in ("en", "zh")},
    }
    return document.model_copy(update={"summary": SummaryEntry.model_validate(texts)})
