"""What people type into a patient file in their own style: it is understood, or refused in one clear line."""

from __future__ import annotations

from typing import Any

import pytest

from hepalith.errors import PatientFileError
from hepalith.finding import findings_from_patient
from hepalith.study.patient_file import make_patient
from hepalith.vocabulary import State


def said(table: dict[str, Any]) -> dict[str, Any]:
    patient = make_patient(table)
    return {**patient.exposures, **patient.history, **patient.symptoms, **patient.findings}


@pytest.mark.parametrize(
    ("typed", "value", "unit"),
    [
        ({"wbc": "17.4 10*9/L"}, 17.4, "10*3/uL"),
        ({"WBC": "12,400/mm3"}, 12.4, "10*3/uL"),
        ({"PLT": "88×10^9/L"}, 88.0, "10*3/uL"),
        ({"platelets": "250 K/uL"}, 250.0, "10*3/uL"),
        ({"Hb": "98 g/L"}, None, None),
        ({"hemoglobin": "9.8 g/dL"}, 9.8, "g/dL"),
        ({"CA19-9": "1,250 U/mL"}, 1250.0, "U/mL"),
        ({"AFP": ">1000 ng/mL"}, 1000.0, "ng/mL"),
        ({"cea": "<2 ng/mL"}, 2.0, "ng/mL"),
        ({"Total bilirubin": "68 µmol/L"}, 3.975756, "mg/dL"),
        ({"alt": {"value": "78", "unit": "U/L"}}, 78.0, "U/L"),
        ({"eosinophils": "22 %"}, 22.0, "%"),
        ({"PIVKA-II": "1,200 mAU/mL"}, 1200.0, "mU/mL"),
    ],
)
def test_a_figure_is_read_as_letters_type_it(
    typed: dict[str, Any], value: float | None, unit: str | None
) -> None:
    if value is None:
        with pytest.raises(PatientFileError, match="not converted"):
            make_patient({"labs": typed})
        return
    (lab,) = make_patient({"labs": typed}).labs.values()
    assert (lab.value, lab.unit) == (pytest.approx(value), unit)


@pytest.mark.parametrize(
    ("labs", "finding", "state"),
    [
        ({"platelets": "60 10*9/L"}, "platelets_low", State.PRESENT),
        ({"platelets": "120 10*9/L"}, "platelets_low", State.NOT_ASSESSABLE),
        ({"platelets": "260 10*9/L"}, "platelets_low", State.ABSENT),
        ({"haemoglobin": "8.1 g/dL"}, "anaemia", State.PRESENT),
        ({"haemoglobin": "low"}, "anaemia", State.PRESENT),
        ({"haemoglobin": "normal"}, "anaemia", State.ABSENT),
        ({"eosinophils": "22 %"}, "eosinophilia", State.PRESENT),
        ({"afp": "not elevated"}, "afp_up", State.ABSENT),
        ({"afp": "markedly raised"}, "afp_up", State.PRESENT),
        ({"ALP": True}, "alp_ggt_up", State.PRESENT),
        ({"CA 15-3": "120 U/mL"}, "ca15_3_up", State.PRESENT),
        ({"liver function tests": "normal"}, "alp_ggt_up", State.ABSENT),
        ({"tumour markers": "negative"}, "ca19_9_up", State.ABSENT),
        ({"viral hepatitis": "negative"}, "hepatitis_b", State.ABSENT),
    ],
)
def test_a_laboratory_value_makes_its_finding(labs: dict[str, Any], finding: str, state: State) -> None:
    found = {f.id: f.state for f in findings_from_patient(make_patient({"age_years": 50, "labs": labs}))}
    assert found[finding] is state


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {"history": {"cancer": "rectal adenocarcinoma"}},
            {"known_primary": "colorectal", "cancer_history": True},
        ),
        ({"history": {"known_primary": "prostate"}}, {"known_primary": "other"}),
        (
            {"history": {"cholecystectomy": "2019", "weight loss": "10 kg"}},
            {"cholecystectomy": True, "weight_loss": True},
        ),
        ({"history": "diabetes, appendectomy"}, {"diabetes": True, "appendectomy": True}),
        (
            {"history": {"surgery": "cholecystectomy and appendectomy"}},
            {"cholecystectomy": True, "appendectomy": True},
        ),
        ({"history": {"medication": ["oxaliplatin"]}}, {"chemotherapy": True}),
        (
            {"history": {"alcohol": "denied", "gold therapy": "yes"}},
            {"alcohol_use": False, "amiodarone_or_thorotrast": True},
        ),
        ({"symptoms": "asymptomatic"}, {"asymptomatic": True}),
        ({"symptoms": {"pain": "right upper quadrant"}}, {"right_upper_quadrant_pain": True}),
        ({"symptoms": {"fever": "38.7 C"}}, {"fever": True}),
        ({"symptoms": {"fever": "36.6 C", "back pain": "mild"}}, {"fever": False, "back_pain": True}),
        ({"exposures": {"country": "Turkey"}}, {"ce_region": True}),
        ({"exposures": ["India", "dogs"]}, {"tuberculosis_contact": True, "dogs_or_livestock": True}),
        ({"exposures": {"occupation": "shepherd"}}, {"dogs_or_livestock": True}),
        ({"findings": {"location": "segment VI"}}, {"side_of_foci": "right"}),
        ({"findings": {"segments": "S2 and S7"}}, {"side_of_foci": "both"}),
        ({"findings": {"focus_count": "multiple"}}, {"multiple_foci": True}),
        (
            {"findings": {"ultrasound": {"shadow": "posterior acoustic shadowing"}}},
            {"acoustic_shadow": "clean"},
        ),
        ({"findings": {"host_kind": "solid mass"}}, {"host_kind": "solid"}),
        (
            {"findings": {"enhancement": "peripheral nodular enhancement"}},
            {"enhancement": "peripheral_nodular"},
        ),
        (
            {"findings": {"enhancement": "arterial hyperenhancement with washout"}},
            {"enhancement": "arterial_washout"},
        ),
        ({"findings": {"duct dilatation": "mild"}}, {"dilated_ducts": True}),
        ({"findings": {"portal vein thrombosis": "yes (left branch)"}}, {"portal_thrombosis": True}),
        ({"findings": {"host_kind": None, "calcification": 1}}, {"intrahepatic_calcification": True}),
        (
            {"findings": {"calcification": "punctate"}},
            {"intrahepatic_calcification": True, "dominant_morphology": "punctate"},
        ),
        ({"labs": {"liver enzymes": "abnormal"}, "symptoms": None}, {}),
        ({"findings": {"T2": "hyperintense"}}, {"t2_signal": "bright"}),
        ({"findings": {"calcification pattern": "eggshell"}}, {"dominant_morphology": "eggshell"}),
    ],
)
def test_a_statement_is_understood_in_other_words(table: dict[str, Any], expected: dict[str, Any]) -> None:
    assert said(table) == expected


def test_a_mass_of_a_size_is_a_lesion_of_that_size() -> None:
    found = said({"findings": {"mass": "6 cm"}})
    assert found["host_diameter"].value == 60.0
    assert {name for name, _ in found["host_kind"].choices} == {"solid", "mixed", "infiltrative"}


@pytest.mark.parametrize(
    ("table", "hint"),
    [
        ({"age": 54}, "'age_years'"),
        ({"Gender": "F"}, "'sex'"),
        ({"ct": {"host_kind": "solid"}}, "'findings'"),
        ({"country": "Turkey"}, "'exposures'"),
        ({"labs": {"cea": {"value": 3, "unit": "ng/mL", "ref": 5}}}, "'upper_limit'"),
        ({"labs": {"cea": {"value": 3, "units": "ng/mL"}}}, "'unit'"),
        ({"findings": {"ascites": "possible"}}, "true or false"),
        ({"findings": {"host_kind": "hard and stony"}}, "it takes"),
        ({"history": {"known_primary": "nowhere"}}, "it takes"),
    ],
)
def test_what_is_not_understood_is_refused_in_one_line(table: dict[str, Any], hint: str) -> None:
    with pytest.raises(PatientFileError) as refused:
        make_patient(table)
    assert hint.casefold() in str(refused.value).casefold()
    assert "\n" not in str(refused.value)
