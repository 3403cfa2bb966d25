"""Every diagnosis comes first by its textbook picture, and among three by what a short report says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepalith.differential import diagnose, load_knowledge
from hepalith.differential.belief import hypothesise
from hepalith.study.patient_file import make_patient

PICTURES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "textbook.toml").read_text(encoding="utf-8")
)["picture"]

FEWEST_FINDINGS = 5
"""A textbook picture states at least this many things beside age and sex."""

FIRST_OF_TOLD = 0.8
"""Share of the told cases whose diagnosis comes first; the aim of the project is 0.70 of published ones."""


def ranked(picture: dict[str, Any]) -> list[str]:
    patient = make_patient({k: v for k, v in picture.items() if k not in ("diagnosis", "kind")})
    return [d.diagnosis for d in diagnose((), (), patient).diagnoses]


def likeliest(picture: dict[str, Any]) -> list[str]:
    """Return the ranking without evidence and draws: the same, sooner."""
    patient = make_patient({k: v for k, v in picture.items() if k not in ("diagnosis", "kind")})
    belief = hypothesise((), (), patient)
    return [belief.diagnoses[i] for i in np.argsort(-belief.posterior, kind="stable").tolist()]


def of_kind(kind: str) -> list[Any]:
    chosen = [p for p in PICTURES if p["kind"] == kind]
    return [pytest.param(p, id=f"{p['diagnosis']}-{i}") for i, p in enumerate(chosen)]


@pytest.mark.parametrize("picture", of_kind("textbook"))
def test_a_textbook_picture_comes_first(picture: dict[str, Any]) -> None:
    assert ranked(picture)[0] == picture["diagnosis"]


@pytest.mark.parametrize("picture", [*of_kind("sparse"), *of_kind("told")])
def test_a_short_report_has_it_among_the_first_three(picture: dict[str, Any]) -> None:
    assert picture["diagnosis"] in likeliest(picture)[:3]


def test_four_of_five_told_cases_have_it_first() -> None:
    told = [p for p in PICTURES if p["kind"] == "told"]
    first = [likeliest(p)[0] == p["diagnosis"] for p in told]
    assert sum(first) / len(first) >= FIRST_OF_TOLD


def test_every_diagnosis_has_a_textbook_picture_of_its_own() -> None:
    drawn = {p["diagnosis"] for p in PICTURES if p["kind"] == "textbook"}
    assert drawn == {e.id for e in load_knowledge().entries if not e.pooled}
    for picture in PICTURES:
        stated = sum(
            len(picture.get(t, {})) for t in ("history", "exposures", "symptoms", "labs", "findings")
        )
        if picture["kind"] == "textbook":
            assert stated >= FEWEST_FINDINGS, picture["diagnosis"]
        assert picture["kind"] in ("textbook", "sparse", "told")
