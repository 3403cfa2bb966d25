"""The free-text test set itself: whether its gold is well formed, whatever a reader makes of it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hepalith.vocabulary import load_vocabulary

REPORTS = Path(__file__).parent / "reports"

SEGMENTS = {"I", "II", "III", "IV", "V", "VI", "VII", "VIII"}

FIELDS = ("finding", "pattern", "laboratory_finding")

TABLES = {"history": "history", "symptoms": "symptom", "exposures": "exposure", "labs": "laboratory"}

PATIENT_KEYS = {*TABLES, "age_years", "sex", "subject", "gestation_weeks"}

FEWEST_REPORTS = 60


def load(language: str) -> list[dict[str, Any]]:
    table = tomllib.loads((REPORTS / f"{language}.toml").read_text(encoding="utf-8"))
    reports: list[dict[str, Any]] = table["report"]
    return reports


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_language_has_enough_different_reports(language: str) -> None:
    reports = load(language)
    assert len({r["text"] for r in reports}) == len({r["id"] for r in reports}) == len(reports)
    assert len(reports) >= FEWEST_REPORTS
    assert {r["language"] for r in reports} == {language}
    assert {r["style"] for r in reports} == {
        "ultrasound",
        "ct",
        "dictated",
        "narrative",
        "messy",
        "health_check",
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_gold_uses_the_vocabulary(language: str) -> None:
    terms = load_vocabulary()
    for report in load(language):
        for name, stated in report.get("findings", {}).items():
            if name == "segment":
                assert set(stated) <= SEGMENTS, report["id"]
                continue
            term = terms[name]
            assert term.group in FIELDS, (report["id"], name)
            if term.type == "boolean":
                assert isinstance(stated, bool), (report["id"], name)
            elif term.type == "quantity":
                assert stated["unit"] == term.unit, (report["id"], name)
            else:
                wanted = {stated} if isinstance(stated, str) else set(stated)
                assert wanted <= {c.id for c in term.choices}, (report["id"], name)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_patient_of_the_gold_uses_the_keys_of_a_patient_file(language: str) -> None:
    terms = load_vocabulary()
    for report in load(language):
        patient = report.get("patient", {})
        assert set(patient) <= PATIENT_KEYS, report["id"]
        for table, group in TABLES.items():
            for name in patient.get(table, {}):
                assert terms[name].group == group, (report["id"], name)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_optional_is_not_in_the_gold_and_what_is_hedged_is(language: str) -> None:
    for report in load(language):
        gold = set(report.get("findings", {}))
        for table in ("history", "symptoms", "exposures"):
            gold |= set(report.get("patient", {}).get(table, {}))
        assert not gold & set(report.get("optional", [])), report["id"]
        assert set(report.get("hedged", [])) <= gold, report["id"]
