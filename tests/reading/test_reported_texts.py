"""Whole letters through the reader of text and the reasoning: diagnosis and alerts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from hepalith.finding.text.read import read_report
from hepalith.reading.opinion import diagnose

TEXTS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "reported_texts.toml").read_text(encoding="utf-8")
)["text"]


@pytest.mark.parametrize("told", [pytest.param(t, id=t["id"]) for t in TEXTS])
def test_a_letter_leads_to_its_diagnosis_and_alerts(told: dict[str, Any]) -> None:
    opinion = diagnose(report=read_report(told["words"]))
    assert opinion.differential.diagnoses[0].diagnosis == told["diagnosis"]
    assert set(told["alerts"]) <= {a.id for a in opinion.plan.alerts}


@pytest.mark.parametrize(
    ("words", "lab", "value", "unit"),
    [
        ("WBC 16,800/mm3.", "leucocytes", 16800.0, "/uL"),
        ("PIVKA-II was 1,250 mAU/mL.", "pivka_ii", 1250.0, "mU/mL"),
        ("Hemoglobin was 9.1 g/dL.", "haemoglobin", 9.1, "g/dL"),
        ("ferritin 3,200 ng/mL", "ferritin", 3200.0, "ng/mL"),
        ("异常凝血酶原 820 mAU/mL", "pivka_ii", 820.0, "mU/mL"),
    ],
)
def test_a_figure_of_a_letter_keeps_its_unit(words: str, lab: str, value: float, unit: str) -> None:
    assert read_report(words).patient["labs"][lab] == {"value": value, "unit": unit}


def test_a_lesion_without_calcium_is_read_as_one_to_be_explained() -> None:
    report = read_report("There is no calcification. A 4 cm solid mass in segment IV shows rim enhancement.")
    found = {f.id: f for f in report.findings}
    assert found["intrahepatic_calcification"].state.value == "absent"
    assert found["host_kind"].value == "solid"
    assert diagnose(report=report).differential.diagnoses


@pytest.mark.parametrize(
    ("words", "exposure"),
    [
        ("A 40-year-old man from Uganda.", "tuberculosis_contact"),
        ("A Turkish woman, 50.", "ce_region"),
        ("She lives in Switzerland.", "fox_or_dog_ae_region"),
        ("男，66岁，湖北人。", "schistosoma_water"),
    ],
)
def test_where_somebody_comes_from_is_an_exposure(words: str, exposure: str) -> None:
    assert read_report(words).patient["exposures"][exposure] is True
