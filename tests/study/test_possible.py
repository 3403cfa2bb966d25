"""Numbers and persons that cannot be are refused with one clear line; what is merely rare is taken."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hepalith.errors import PatientFileError
from hepalith.study.patient_file import make_patient
from hepalith.study.possible import AHEAD, WRITTEN, check_exam

IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"findings": {"focus_count": 2.5}}, "focus_count is a whole number, not 2.5"),
    ({"findings": {"focus_count": {"value": 2.5, "unit": "1"}}}, "focus_count is a whole number, not 2.5"),
    ({"findings": {"focus_count": 1_000_000}}, "focus_count is at most 10000, not 1e+06"),
    ({"findings": {"largest_calcium": {"value": 0, "unit": "mm"}}}, "largest_calcium is more than 0 mm"),
    (
        {"findings": {"host_diameter": {"value": 90, "unit": "cm"}}},
        "host_diameter is at most 400 mm",
    ),
    ({"findings": {"liver_in_view": {"value": 140, "unit": "%"}}}, "liver_in_view is at most 100 %"),
    ({"labs": {"albumin": {"value": 4000, "unit": "g/dL"}}}, "labs.albumin is at most 100 g/L, not 40000"),
    ({"labs": {"platelets": {"value": 200000, "unit": "10*3/uL"}}}, "labs.platelets is at most 10000 10"),
    ({"labs": {"temperature": {"value": 386, "unit": "Cel"}}}, "labs.temperature is at most 46 Cel"),
    ({"sex": "male", "pregnancy": True}, "sex = 'male' and pregnancy = true contradict each other"),
    ({"sex": "male", "history": {"known_primary": "ovary"}}, "known_primary = 'ovary' contradict"),
    ({"sex": "male", "history": {"childbirth": True}}, "childbirth = true contradict"),
    ({"age_years": 3, "sex": "female", "pregnancy": True}, "pregnancy = true at age_years = 3 cannot be"),
    ({"age_years": 50, "setting": "child_under_five"}, "setting = 'child_under_five' is not that of"),
    ({"subject": "fetus", "gestation_weeks": 20, "age_years": 0}, "a fetus has gestation_weeks and no"),
    (
        {"age_years": 1, "symptoms": {"symptom_duration": {"value": 300, "unit": "mo"}}},
        "symptom_duration of 300 months is longer than age_years = 1",
    ),
    (
        {"findings": {"focus_count": 0, "intrahepatic_calcification": True}},
        "focus_count = 0 and intrahepatic_calcification = true contradict each other",
    ),
    ({"findings": {"focus_count": 0, "largest_calcium": "8 mm"}}, "focus_count = 0 and a largest_calcium"),
    (
        {"labs": {"direct_bilirubin": "4 mg/dL", "bilirubin": "34 umol/L"}},
        "labs.direct_bilirubin of 4 mg/dL is a part of labs.bilirubin and cannot exceed its 1.98",
    ),
    ({"exam_date": "2150-01-01"}, "exam_date = 2150-01-01 lies in the future"),
]


@pytest.mark.parametrize(("table", "told"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_in_one_line(table: dict[str, Any], told: str) -> None:
    with pytest.raises(PatientFileError) as caught:
        make_patient(table, "patient.toml")
    assert told in str(caught.value)
    assert str(caught.value).startswith("patient.toml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        {"findings": {"focus_count": {"value": 3, "low": 2, "high": 5, "unit": "1"}}},
        {"findings": {"focus_count": "3-6"}},
        {"findings": {"focus_count": 250}},
        {"findings": {"host_diameter": {"value": 32, "unit": "cm"}}},
        {"findings": {"liver_density": {"value": -12, "unit": "[hnsf'U]"}}},
        {"labs": {"leucocytes": {"value": 310, "unit": "10*3/uL"}}},
        {"labs": {"platelets": {"value": 200000, "unit": "/uL"}}},
        {"labs": {"afp": {"value": 3_000_000, "unit": "ng/mL"}}},
        {"labs": {"direct_bilirubin": "34 umol/L", "bilirubin": "2 mg/dL"}},
        {"findings": {"focus_count": 0, "intrahepatic_calcification": False}},
        {"sex": "other", "pregnancy": True},
        {"sex": "male", "subject": "fetus", "gestation_weeks": 20, "pregnancy": True},
        {"age_years": 0.3, "symptoms": {"symptom_duration": {"value": 5, "unit": "mo"}}},
        {"age_years": 5, "setting": "child_under_five"},
    ],
)
def test_what_is_merely_rare_is_taken(table: dict[str, Any]) -> None:
    make_patient(table)


def test_an_examination_is_not_of_the_far_future_and_a_wrong_clock_is_not_believed() -> None:
    check_exam(date(2026, 12, 24), date(2026, 11, 23))
    check_exam(WRITTEN + AHEAD, date(1970, 1, 1))
    check_exam(None, date(2026, 11, 23))
    with pytest.raises(ValueError, match="lies in the future"):
        check_exam(date(2029, 1, 1), date(2026, 11, 23))
