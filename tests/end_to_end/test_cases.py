"""Published cases with proven diagnosis: the files are sound, and the dev half does not fall back.

The test half is not looked at here; `python benchmarks/cases.py --split test` tells its totals.
"""

import json
import tomllib
from pathlib import Path

import pytest
from benchmarks.cases import (
    FOLDER,
    MALIGNANT,
    TOP,
    Result,
    answer,
    product,
    rank_of,
    read_case,
    read_cases,
    read_pictures,
    score,
)

from hepalith.cli import main
from hepalith.vocabulary import list_terms

PATHS = sorted(FOLDER.glob("*.toml"))

FIRST_FLOOR = 0.70
"""Share of dev cases whose diagnosis must come first; it was 46 of 57 (0.81) when the floor was set."""

WITHIN_FLOOR = 0.82
"""Share of dev cases whose diagnosis must be among the first three; it was 52 of 57 (0.91) then."""

FEWEST = 40
"""Cases that each half must have for its shares to mean something."""

OWN_NAME_MISSED = {
    "angiosarcoma_1": "two earlier cancers and no calcium stated: that it is cancer leads, as a metastasis",
    "ehe_6": "neither calcium nor capsule told: several nodules with a rim, as any deposit; a cancer leads",
    "icc_2": "of 1965: neither the pattern of the calcium nor any mass is told",
}
"""Malignant dev cases whose own name need not be among the first three, with the reason."""

NO_CANCER_NAMED = {"icc_2": OWN_NAME_MISSED["icc_2"]}
"""Malignant dev cases in whose first three no cancer need be, with the reason."""


def terms(group: str) -> set[str]:
    return {term["id"] for term in list_terms() if term["group"] == group}


@pytest.fixture(scope="module")
def dev() -> list[Result]:
    return [answer(case) for case in read_cases() if case.split == "dev"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_case_is_sound(path: Path) -> None:
    case = read_case(path)
    assert case.id == path.stem
    assert case.accepted <= terms("diagnosis")
    assert case.diagnosis in case.accepted or case.patient.subject == "fetus"
    assert case.expected_alerts <= terms("alert")
    assert case.source.startswith("http")
    assert case.proof
    assert case.malignant == (case.diagnosis in MALIGNANT)


def test_there_are_cases_enough_in_both_halves() -> None:
    halves = [case.split for case in read_cases()]
    assert min(halves.count("dev"), halves.count("test")) >= FEWEST


@pytest.mark.parametrize("half", ["look", "confirm"])
def test_constructed_pictures_are_sound_and_say_that_they_are(half: str) -> None:
    cases = read_pictures(half)
    assert len(cases) >= FEWEST
    assert len({case.id for case in cases}) == len(cases)
    for case in cases:
        assert case.accepted <= terms("diagnosis"), case.id
        assert case.expected_alerts <= terms("alert"), case.id
        assert "constructed" in case.source, case.id
        assert case.malignant == (case.diagnosis in MALIGNANT), case.id


def test_no_publication_is_counted_twice() -> None:
    told = [(case.source, case.patient) for case in read_cases()]
    assert all(a != b for i, a in enumerate(told) for b in told[:i])


def test_dev_half_reaches_its_floor(dev: list[Result]) -> None:
    told = score(dev, product)
    assert told.first.value >= FIRST_FLOOR
    assert told.within.value >= WITHIN_FLOOR


def test_the_command_ranks_as_the_benchmark_does(
    dev: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = next(r for r in dev if r.case.patient.subject != "fetus")
    table = tomllib.loads((FOLDER / f"{result.case.id}.toml").read_text(encoding="utf-8"))["patient"]
    written = tmp_path / "patient.json"
    written.write_text(json.dumps(table), encoding="utf-8")
    assert main(["diagnose", str(written), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["differential"]
    assert [d["diagnosis"] for d in told[:TOP]] == [name for name, _ in result.ranking[:TOP]]


def test_no_cancer_of_the_dev_half_is_missed(dev: list[Result]) -> None:
    malignant = [r for r in dev if r.case.malignant]
    assert malignant
    missed = {r.case.id for r in malignant if rank_of(r.ranking, r.case.accepted) > TOP}
    assert missed <= set(OWN_NAME_MISSED)
    unnamed = {r.case.id for r in malignant if rank_of(r.ranking, MALIGNANT) > TOP}
    assert unnamed <= set(NO_CANCER_NAMED)


def test_no_alert_of_the_dev_half_is_missing(dev: list[Result]) -> None:
    assert {r.case.id: r.missing for r in dev if r.missing} == {}


def test_a_fetus_is_led_to_its_own_pathway(dev: list[Result]) -> None:
    fetal = [r for r in dev if r.case.patient.subject == "fetus"]
    assert fetal
    assert all(not r.ranking and r.plan.actions for r in fetal)
