"""What the reading takes from the header where nobody wrote a patient file."""

import pytest

from hepalith.pipeline import told_by_header
from hepalith.study import Identity, Patient


def test_the_header_makes_a_child_a_child() -> None:
    told = told_by_header(Patient(), Identity(age_years=3.0, sex="F"))
    assert (told.age_years, told.sex) == (3.0, "female")


def test_what_the_patient_file_says_is_believed() -> None:
    told = told_by_header(Patient(age_years=41, sex="male"), Identity(age_years=3.0, sex="F"))
    assert (told.age_years, told.sex) == (41, "male")


@pytest.mark.parametrize("sex", ["", "X", "f"])
def test_a_header_that_does_not_say_leaves_it_unknown(sex: str) -> None:
    assert told_by_header(Patient(), Identity(sex=sex)) == Patient()


def test_a_fetus_has_not_its_mothers_age() -> None:
    fetus = Patient(subject="fetus", gestation_weeks=22.0)
    assert told_by_header(fetus, Identity(age_years=31.0, sex="F")) == fetus
