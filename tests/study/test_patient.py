"""A patient file is believed only where it says something we can use."""

from datetime import date
from pathlib import Path

import pytest

from hepalith.errors import PatientFileError
from hepalith.study.patient import Doubtful, Lab, Patient
from hepalith.study.patient_file import list_patient_schema, make_patient, read_patient, restate
from hepalith.vocabulary import Measurement


def write(folder: Path, text: str, name: str = "patient.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        age_years = 52
        sex = "female"
        setting = "oncology"
        exposures = ["dogs_or_livestock"]
        symptoms = { fever = true, jaundice = false }
        pregnancy = false
        exam_date = 2026-03-01
        [history]
        known_primary = "colorectal"
        trauma = true
        [labs]
        alp = { value = 240, unit = "U/L", upper_limit = 120 }
        [findings]
        dilated_ducts = true
        host_kind = "solid"
        largest_calcium = { value = 12.5, unit = "mm" }
        focus_count = 3
        """,
    )
    patient = read_patient(path)
    assert patient.age_years == 52
    assert patient.exposures == {"dogs_or_livestock": True}
    assert patient.symptoms == {"fever": True, "jaundice": False}
    assert patient.history == {"known_primary": "colorectal", "liver_trauma": True}
    assert patient.labs == {"alp": Lab(240, "U/L", 120)}
    assert patient.exam_date == date(2026, 3, 1)
    assert patient.findings == {
        "dilated_ducts": True,
        "host_kind": "solid",
        "largest_calcium": Measurement(12.5, "mm"),
        "focus_count": Measurement(3, "1"),
    }


def test_json_says_the_same_as_toml(tmp_path: Path) -> None:
    toml = write(tmp_path, 'age_years = 3\nexam_date = "2026-03-01"\nfindings = { afp_up = true }')
    json = write(
        tmp_path, '{"age_years": 3, "exam_date": "2026-03-01", "findings": {"afp_up": true}}', "patient.json"
    )
    assert read_patient(toml) == read_patient(json)


def test_an_empty_file_leaves_everything_unknown(tmp_path: Path) -> None:
    assert read_patient(write(tmp_path, "")) == Patient()


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("age_year = 4", "age_years"),
        ("findings = { dilated_duct = true }", "dilated_ducts"),
        ('exposures = ["dogs_and_livestock"]', "dogs_or_livestock"),
        ("history = { cirhosis = true }", "cirrhosis"),
        ('history = { known_primary = "colorectum" }', "colorectal"),
        ("symptoms = { feverish = true }", "fever"),
        ('labs = { alpp = { value = 1, unit = "U/L" } }', "alp"),
        ('labs = { alp = { value = 1, unit = "U/L", upper = 2 } }', "upper_limit"),
        ('setting = "oncologi"', "oncology"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, text: str, near: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(PatientFileError) as refused:
        read_patient(path)
    assert repr(near) in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "age_years = -1",
        "age_years = 200",
        "age_years = nan",
        'age_years = "old"',
        'sex = "f"',
        'subject = "fetus"',
        "gestation_weeks = 20",
        'subject = "fetus"\ngestation_weeks = 20\nage_years = 1',
        "exam_date = 2026-13-01",
        'exam_date = "yesterday"',
        "findings = { dilated_ducts = 3 }",
        "findings = { largest_calcium = 3 }",
        'findings = { largest_calcium = { value = 3, unit = "cm" } }',
        'findings = { largest_calcium = { value = -3, unit = "mm" } }',
        'findings = { largest_calcium = { value = 3, unit = "mm", low = 4, high = 5 } }',
        "findings = { host_kind = true }",
        'findings = { host_kind = "hard" }',
        "history = { known_primary = true }",
        'labs = { alp = { value = -1, unit = "U/L" } }',
        "labs = 3",
        "not toml at all",
        "[",
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(PatientFileError) as refused:
        read_patient(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatientFileError, match=r"absent\.toml"):
        read_patient(tmp_path / "absent.toml")


def test_a_list_in_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatientFileError):
        read_patient(write(tmp_path, "[1, 2]", "patient.json"))


def test_a_fetus_has_weeks(tmp_path: Path) -> None:
    patient = read_patient(write(tmp_path, 'subject = "fetus"\ngestation_weeks = 21.5'))
    assert (patient.subject, patient.gestation_weeks) == ("fetus", 21.5)


def test_what_is_not_said_is_unknown() -> None:
    patient = Patient(history={"cirrhosis": False})
    assert patient.knows("cirrhosis") is False
    assert patient.knows("hepatitis_b") is None


def test_the_schema_lists_every_key_of_the_patient() -> None:
    assert set(list_patient_schema()["properties"]) == set(Patient.__dataclass_fields__)


def test_a_number_of_thousands_of_digits_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PatientFileError) as caught:
        read_patient(write(tmp_path, '{"age_years": ' + "9" * 6000 + "}", "patient.json"))
    assert "\n" not in str(caught.value)
