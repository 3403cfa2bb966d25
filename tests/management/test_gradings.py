"""Grades, stages and categories of published definitions, worked out from what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hepalith.differential import Diagnosis, Differential, load_knowledge
from hepalith.finding.person import findings_from_patient
from hepalith.management import Grading
from hepalith.management.case import Case
from hepalith.management.echinococcosis import stage_cyst, stage_group
from hepalith.management.grading import list_gradings
from hepalith.management.incidental import categorise_lesion
from hepalith.management.tokyo import assess_cholangitis
from hepalith.study.patient import Lab, Patient
from hepalith.study.patient_file import read_patient
from hepalith.vocabulary import Measurement, State

WELL = {
    "temperature": Lab(38.2, "Cel"),
    "leucocytes": Lab(11.0, "10*3/uL"),
    "platelets": Lab(210.0, "10*9/L"),
    "bilirubin": Lab(40.0, "umol/L", 21.0),
    "albumin": Lab(3.9, "g/dL"),
    "creatinine": Lab(80.0, "umol/L", 110.0),
    "inr": Lab(1.1, "1"),
    "pao2_fio2": Lab(430.0, "mm[Hg]"),
}
"""A mild cholangitis in which everything was measured, in mixed units."""


def case(cyst: float = 0.0, alerts: tuple[str, ...] = (), **patient: Any) -> Case:
    known = Patient(**patient)
    shares = {"ce_active_CE1_3": cyst / 2, "ce_inactive_CE4_5": cyst / 2, "simple_healed": 1 - cyst}
    order = sorted(load_knowledge().entries, key=lambda e: -shares.get(e.id, 0.0))
    differential = Differential(
        tuple(Diagnosis(e.id, shares.get(e.id, 0.0), 0.0, 1.0, shares.get(e.id, 0.0)) for e in order)
    )
    return Case(differential, findings_from_patient(known), None, known, alerts=frozenset(alerts))


def ill(age: float = 50, labs: dict[str, Lab] | None = None, **symptoms: bool) -> Case:
    stated = {"fever": True, "hypotension": False, "confusion": False, **symptoms}
    return case(
        age_years=age,
        labs={**WELL, **(labs or {})},
        symptoms=stated,
        findings={"dilated_ducts": True},
        alerts=("alert_cholangitis",),
    )


# --- Tokyo 2018


def test_a_mild_cholangitis_with_everything_known_is_grade_one() -> None:
    found = assess_cholangitis(ill())
    assert (found.definite, found.grade, found.met, found.unknown) == (True, 1, (), ())


@pytest.mark.parametrize(
    "labs",
    [
        {"creatinine": Lab(2.1, "mg/dL")},
        {"creatinine": Lab(190.0, "umol/L")},
        {"inr": Lab(1.6, "1")},
        {"platelets": Lab(99.0, "10*9/L")},
        {"platelets": Lab(80_000.0, "/uL")},
        {"pao2_fio2": Lab(299.0, "mm[Hg]")},
    ],
)
def test_any_organ_that_fails_is_grade_three(labs: dict[str, Lab]) -> None:
    assert assess_cholangitis(ill(labs=labs)).grade == 3


@pytest.mark.parametrize("sign", ["hypotension", "confusion"])
def test_shock_or_confusion_is_grade_three(sign: str) -> None:
    assert assess_cholangitis(ill(**{sign: True})).grade == 3


@pytest.mark.parametrize(
    ("age", "labs", "grade"),
    [
        (75, {}, 1),
        (74.9, {"leucocytes": Lab(12.1, "10*3/uL")}, 1),
        (75, {"leucocytes": Lab(12.1, "10*3/uL")}, 2),
        (75, {"leucocytes": Lab(3.9, "10*3/uL")}, 2),
        (75, {"leucocytes": Lab(12.0, "10*3/uL")}, 1),
        (50, {"temperature": Lab(39.0, "Cel"), "bilirubin": Lab(5.0, "mg/dL")}, 2),
        (50, {"temperature": Lab(38.9, "Cel"), "bilirubin": Lab(5.0, "mg/dL")}, 1),
        (50, {"temperature": Lab(39.0, "Cel"), "bilirubin": Lab(84.0, "umol/L")}, 1),
        (50, {"temperature": Lab(39.0, "Cel"), "bilirubin": Lab(86.0, "umol/L")}, 2),
        (80, {"albumin": Lab(24.4, "g/L")}, 2),
        (80, {"albumin": Lab(24.6, "g/L")}, 1),
        (80, {"albumin": Lab(2.4, "g/dL")}, 2),
    ],
)
def test_two_of_five_signs_are_grade_two(age: float, labs: dict[str, Lab], grade: int) -> None:
    assert assess_cholangitis(ill(age, labs)).grade == grade


def test_what_nobody_measured_leaves_the_grade_open_and_is_named() -> None:
    found = assess_cholangitis(case(age_years=50, symptoms={"fever": True, "jaundice": True}))
    assert (found.suspected, found.grade) == (True, None)
    assert {"creatinine", "temperature", "inr", "hypotension"} <= set(found.unknown)
    assert "age_years" not in found.unknown


def test_a_value_in_a_unit_without_a_conversion_is_unknown_not_wrong() -> None:
    assert "creatinine" in assess_cholangitis(ill(labs={"creatinine": Lab(9.0, "furlong")})).unknown


@pytest.mark.parametrize("unit", ["Cel", "°C", "℃"])
def test_a_patient_files_temperature_is_read_and_states_the_fever(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "patient.toml"
    path.write_text(f'labs = {{ temperature = {{ value = 39.2, unit = "{unit}" }} }}', encoding="utf-8")
    known = read_patient(path)
    found = assess_cholangitis(case(labs=known.labs))
    assert "temperature" in found.met
    assert {f.id: f.state for f in findings_from_patient(known)}["fever"] is State.PRESENT


@pytest.mark.parametrize(
    ("patient", "suspected", "definite"),
    [
        ({"symptoms": {"fever": True}}, False, False),
        ({"symptoms": {"fever": True, "jaundice": True}}, True, False),
        ({"symptoms": {"fever": True}, "findings": {"dilated_ducts": True}}, True, False),
        ({"symptoms": {"jaundice": True}, "findings": {"dilated_ducts": True}}, False, False),
        (
            {"symptoms": {"fever": True, "jaundice": True}, "findings": {"dilated_ducts": True}},
            True,
            True,
        ),
        (
            {"labs": {"crp": Lab(1.0, "mg/dL"), "alp": Lab(151.0, "U/L", 100.0)}},
            True,
            False,
        ),
        ({"labs": {"crp": Lab(0.9, "mg/dL", 1.0), "alp": Lab(400.0, "U/L", 100.0)}}, False, False),
        ({"labs": {"crp": Lab(20.0, "mg/L"), "alp": Lab(149.0, "U/L", 100.0)}}, False, False),
        ({"labs": {"leucocytes": Lab(3.5, "10*3/uL"), "ast": Lab(90.0, "U/L", 40.0)}}, True, False),
    ],
)
def test_suspicion_needs_inflammation_and_definition_all_three(
    patient: dict[str, Any], suspected: bool, definite: bool
) -> None:
    found = assess_cholangitis(case(**patient))
    assert (found.suspected, found.definite) == (suspected, definite)


def graded(known: Case) -> dict[str, Grading]:
    return {g.id: g for g in list_gradings(known)}


def test_the_grade_is_said_with_what_is_met_and_what_is_unknown() -> None:
    full = graded(ill(75, {"leucocytes": Lab(15.0, "10*3/uL")}))["tokyo_2018"]
    assert (full.value, full.certain) == ("II", True)
    assert "grade II" in full.text["en"]
    assert "age 75 or more" in full.text["en"]
    assert "Ⅱ级" in full.text["zh"]
    less = dict(WELL)
    del less["creatinine"]
    part = ill(75, {"leucocytes": Lab(15.0, "10*3/uL")})
    part = case(
        age_years=75,
        labs={**less, "leucocytes": Lab(15.0, "10*3/uL")},
        symptoms={"fever": True},
        findings={"dilated_ducts": True},
        alerts=("alert_cholangitis",),
    )
    said = graded(part)["tokyo_2018"]
    assert (said.value, said.certain) == ("II", False)
    assert "at least grade II" in said.text["en"]
    assert "creatinine" in said.text["en"]
    assert "10.1002/jhbp.512" in said.source


def test_no_grade_is_given_where_no_cholangitis_is_suspected() -> None:
    assert graded(case(age_years=80, labs=WELL)) == {}


# --- cystic echinococcosis


@pytest.mark.parametrize(
    ("findings", "stages", "group"),
    [
        ({"ce_stage": "CE3b"}, ("CE3b",), "multivesicular"),
        ({"host_kind": "fluid", "daughter_cysts": True}, ("CE2",), "multivesicular"),
        ({"host_kind": "mixed", "daughter_cysts": True}, ("CE3b",), "multivesicular"),
        ({"host_kind": "fluid", "daughter_cysts": False}, ("CE1", "CE3a"), "univesicular"),
        (
            {"host_kind": "mixed", "daughter_cysts": False, "dominant_morphology": "eggshell"},
            ("CE4", "CE5"),
            "inactive",
        ),
        ({"host_kind": "mixed", "solidified_content": True}, ("CE4",), "inactive"),
        ({"daughter_cysts": True}, ("CE2", "CE3b"), "multivesicular"),
    ],
)
def test_the_stage_of_a_cyst_follows_from_its_signs(
    findings: dict[str, Any], stages: tuple[str, ...], group: str
) -> None:
    known = case(cyst=0.8, findings=findings)
    cyst = stage_cyst(known)
    assert cyst is not None
    assert cyst.stages == stages
    assert stage_group(known) == group


@pytest.mark.parametrize(
    "findings", [{}, {"dominant_morphology": "eggshell"}, {"host_kind": "fluid"}, {"host_kind": "none"}]
)
def test_calcium_alone_stages_nothing(findings: dict[str, Any]) -> None:
    assert stage_cyst(case(cyst=0.8, findings=findings)) is None


def test_what_is_no_hydatid_is_not_staged() -> None:
    assert stage_cyst(case(cyst=0.0, findings={"host_kind": "fluid", "daughter_cysts": False})) is None


def test_a_stage_that_was_worked_out_is_never_certain() -> None:
    worked = graded(case(cyst=0.8, findings={"host_kind": "fluid", "daughter_cysts": True}))
    assert (worked["who_echinococcosis"].value, worked["who_echinococcosis"].certain) == ("CE2", False)
    stated = graded(case(cyst=0.8, findings={"ce_stage": "CE5"}))
    assert (stated["who_echinococcosis"].value, stated["who_echinococcosis"].certain) == ("CE5", True)


# --- incidental lesions


DENIED = {"cancer_history": False, "cirrhosis": False, "hepatitis_b": False}


@pytest.mark.parametrize(
    ("history", "diameter", "risk", "size"),
    [
        (DENIED, 9.9, "low", "small"),
        (DENIED, 10.0, "low", "large"),
        ({**DENIED, "cirrhosis": True}, 9.0, "high", "small"),
        ({"known_primary": "breast"}, 25.0, "high", "large"),
        ({}, 25.0, "unknown", "large"),
        (DENIED, None, "low", "unknown"),
    ],
)
def test_the_category_needs_risk_and_size(
    history: dict[str, Any], diameter: float | None, risk: str, size: str
) -> None:
    findings: dict[str, Any] = {"host_kind": "solid"}
    if diameter is not None:
        findings["host_diameter"] = Measurement(diameter, "mm")
    known = case(history=history, findings=findings)
    found = categorise_lesion(known)
    assert (found.risk, found.size) == (risk, size)
    said = graded(known)["acr_2017"]
    assert said.certain == ("unknown" not in (risk, size))
    assert "no reason to wait" in said.text["en"]


def test_a_child_or_a_lesion_of_which_nothing_is_known_has_no_category() -> None:
    assert graded(case(age_years=9, history=DENIED, findings={"host_kind": "solid"})) == {}
    assert graded(case(findings={"host_kind": "solid"})) == {}


def test_vessels_and_nodes_leave_the_size_classes() -> None:
    known = case(findings={"host_kind": "solid", "vein_occlusion": True})
    assert graded(known)["acr_2017"].value == "oncological assessment"
