"""An opinion as JSON says it: the parts of ``reading.json`` that apply where no image was read."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from hepalith.reading.conclusion import (
    ActionEntry,
    AlertEntry,
    BesideEntry,
    ContradictionEntry,
    FindingEntry,
    GradingEntry,
    NextTestEntry,
    PatternEntry,
    ProcessEntry,
    RankedDiagnosis,
)
from hepalith.reading.document import NOTICE, SCHEMA, Provenance, SummaryEntry
from hepalith.reading.part import Entry, Number

__all__ = ["OpinionDocument", "OpinionPatient", "OpinionStudy", "SpanEntry", "opinion_json", "opinion_schema"]


class OpinionPatient(Entry):
    """The patient: age and sex as they were stated."""

    age_years: Number | None
    sex: str | None
    subject: str = "patient"
    gestation_weeks: Number | None = None


class OpinionStudy(Entry):
    """When the examination was, and of whom."""

    date: date | None
    patient: OpinionPatient


class SpanEntry(Entry):
    """Words of the text, where they stand in it, and what they say where that was understood."""

    start: int
    end: int
    words: str
    about: str = ""


class OpinionDocument(Entry):
    """What ``hepalith diagnose --json`` prints."""

    schema_: Literal["hepalith/reading/1"] = Field(default=SCHEMA, alias="schema")
    provenance: Provenance
    study: OpinionStudy
    patterns: tuple[PatternEntry, ...]
    findings: tuple[FindingEntry, ...]
    differential: tuple[RankedDiagnosis, ...]
    processes: tuple[ProcessEntry, ...]
    contradictions: tuple[ContradictionEntry, ...]
    alerts: tuple[AlertEntry, ...]
    next_tests: tuple[NextTestEntry, ...]
    plan: tuple[ActionEntry, ...]
    plan_beside: BesideEntry | None
    gradings: tuple[GradingEntry, ...]
    spans: tuple[SpanEntry, ...] = ()
    not_understood: tuple[SpanEntry, ...]
    summary: SummaryEntry
    notice: str = NOTICE


def opinion_json(document: OpinionDocument) -> dict[str, Any]:
    """Return an opinion as plain values.

    Numbers have six significant digits and nothing is NaN, as in ``reading.json``.
    """
    held: dict[str, Any] = document.model_dump(mode="json")
    return held


def opinion_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an opinion: the parts of ``reading.json`` that apply."""
    schema = OpinionDocument.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
