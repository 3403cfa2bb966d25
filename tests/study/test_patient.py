"""A patient file is believed only where it says something we can use."""

from datetime import date
from pathlib import Path

import jsonschema
import pytest

from hepalith.errors import PatientFileError
from hepalith.study.alias import Alias, list_aliases
from hepalith.study.patient import Doubtful, Lab, Patient
from hepalith.study.patient_file import list_patient_schema, make_patient, read_patient, restate
from hepalith.vocabulary import Measurement, NotAssessable


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
        'sex = "x"',
        "age_years = 3\nage_months = 36",
        'age_years = "8 months"',
        'subject = "fetus"',
        "gestation_weeks = 20",
        'subject = "fetus"\ngestation_weeks = 20\nage_years = 1',
        "exam_date = 2026-13-01",
        "exam_date = 20260504",
        "exam_date = 0206-05-04",
        "exam_date = 2926-05-04",
        "age_years = true",
        "age_months = true",
        'exam_date = "yesterday"',
        "findings = { dilated_ducts = 3 }",
        "findings = { largest_calcium = 3 }",
        'findings = { largest_calcium = { value = 3, unit = "stones" } }',
        'findings = { largest_calcium = "big" }',
        "findings = { dilated_ducts = { p = 1.2 } }",
        "findings = { dilated_ducts = { p = true } }",
        "findings = { eggshell = true, punctate = true }",
        "findings = { soft_tissue_mass = true, host_kind = 'fluid' }",
        "findings = { small_lt10mm = true, largest_calcium = '4 cm' }",
        "symptoms = { fever = true }\nfindings = { fever = false }",
        "findings = { enhancement = [] }",
        'labs = { cea = { value = 3, unit = "mmol/L" } }',
        "labs = { cea = { value = 3 } }",
        "labs = { cea = 3 }",
        "[findings]\nfever = true\nage_years = 4",
        'findings = { largest_calcium = { value = -3, unit = "mm" } }',
        'findings = { largest_calcium = { value = 3, unit = "mm", low = 4, high = 5 } }',
        "findings = { host_kind = true }",
        'findings = { host_kind = "hard" }',
        "history = { known_primary = 3 }",
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age_years = -3", "age_years is at least 0, not -3"),
        ("age_years = 126", "age_years is at most 125, not 126"),
        ("exam_date = 20260504", "exam_date is a date as in 2026-05-04, not 20260504"),
        ("exam_date = 2026-05-04T12:30:00", "exam_date is a date as in 2026-05-04, not 2026-05-04T12:30:00"),
        ("dob = 1980-01-01", "did you mean 'age_years'?"),
        ("birth_date = 1980-01-01", "did you mean 'age_years'?"),
        ('patient_id = "7"', "There are: age_years, age_months, sex"),
    ],
)
def test_what_is_refused_is_said_in_plain_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PatientFileError) as refused:
        read_patient(write(tmp_path, text))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text", ['{"age_years": 46, "age_years": 64}', '{"findings": {"fever": true, "fever": false}}']
)
def test_json_that_says_a_key_twice_is_refused_as_toml_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "patient.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PatientFileError, match="stands twice"):
        read_patient(path)


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
    assert set(list_patient_schema()["properties"]) == {*Patient.__dataclass_fields__, "age_months"}


def test_a_number_of_thousands_of_digits_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PatientFileError) as caught:
        read_patient(write(tmp_path, '{"age_years": ' + "9" * 6000 + "}", "patient.json"))
    assert "\n" not in str(caught.value)


THIRDS = (("solid", 1 / 3), ("mixed", 1 / 3), ("infiltrative", 1 / 3))

COLUMNS = [
    *("multiple", "diffuse_bilobar", "left_predominant", "along_duct", "duct_dilated_upstream"),
    *("strong_shadow", "soft_tissue_mass", "ring_or_eggshell", "central_in_mass", "small_lt10mm"),
    *("surface_capsular", "lobar_atrophy", "spleen_calcium", "enhancing_mass", "known_primary"),
    *("fever", "alp_ggt_up", "afp_up", "cirrhosis_hbv"),
]
"""The columns of the first table of likelihoods."""


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("state", [True, False])
def test_every_column_of_the_first_table_is_understood(column: str, state: bool) -> None:
    said = make_patient({"findings": {column: state}})
    tables = (said.findings, said.history, said.symptoms)
    assert sum(len(t) for t in tables) >= 1


@pytest.mark.parametrize(
    ("written", "term", "value"),
    [
        ({"left_predominant": True}, "side_of_foci", "left"),
        ({"soft_tissue_mass": True}, "host_kind", "solid"),
        ({"strong_shadow": True}, "acoustic_shadow", "clean"),
        ({"central_in_mass": True}, "host_position", "central"),
        ({"small_lt10mm": True}, "largest_calcium", Measurement(5, "mm", 0, 10)),
        ({"surface_capsular": True}, "subcapsular", True),
        ({"duct_dilated_upstream": False}, "dilated_ducts", False),
        ({"enhancing_mass": False}, "enhancement", "none"),
        ({"eggshell": True}, "dominant_morphology", "eggshell"),
        ({"蛋壳状": True}, "dominant_morphology", "eggshell"),
        ({"lipiodol": True}, "tace", True),
        ({"cirrhosis_hbv": True}, "cirrhosis", True),
        ({"known_primary": True}, "cancer_history", True),
        ({"known_primary": "colorectal"}, "known_primary", "colorectal"),
        ({"fever": "yes"}, "fever", True),
        ({"mass": True}, "host_kind", Doubtful(1 / 3, THIRDS)),
        ({"cystic": True}, "host_kind", "fluid"),
        ({"host_kind": "cystic"}, "host_kind", "fluid"),
        ({"known_primary": "colon cancer"}, "known_primary", "colorectal"),
        ({"ovarian cancer": True}, "known_primary", "ovary"),
        ({"dominant_morphology": "dot"}, "dominant_morphology", "punctate"),
        ({"side_of_foci": "bilobar"}, "side_of_foci", "both"),
        (
            {"left_predominant": {"p": 0.8}},
            "side_of_foci",
            Doubtful(0.8, (("left", 0.8), ("right", pytest.approx(0.1)), ("both", pytest.approx(0.1)))),
        ),
        ({"echinococcus_serology": "negative"}, "echinococcus_serology", False),
        ({"largest_calcium": {"value": 1.2, "unit": "cm"}}, "largest_calcium", Measurement(12, "mm")),
        ({"largest_calcium": "3 x 4 mm"}, "largest_calcium", Measurement(4, "mm")),
        ({"host_diameter": "3-5 cm"}, "host_diameter", Measurement(40, "mm", 30, 50)),
        ({"ring_or_eggshell": True, "eggshell": True}, "dominant_morphology", "eggshell"),
        ({"dilated_ducts": {"p": 0.7}}, "dilated_ducts", Doubtful(0.7)),
        ({"dilated_ducts": {"value": False, "p": 0.75}}, "dilated_ducts", Doubtful(0.25)),
        ({"dilated_ducts": {"p": 1}}, "dilated_ducts", True),
        (
            {"enhancement": ["arterial", "rim"]},
            "enhancement",
            Doubtful(0.5, (("arterial", 0.5), ("rim", 0.5))),
        ),
    ],
)
def test_what_people_type_is_understood(written: dict[str, object], term: str, value: object) -> None:
    said = make_patient({"findings": written})
    assert {**said.history, **said.symptoms, **said.exposures, **said.findings}[term] == value


@pytest.mark.parametrize("table", ["findings", "history", "symptoms", "exposures"])
def test_a_known_name_in_the_wrong_table_is_put_where_it_belongs(table: str) -> None:
    said = make_patient(
        {table: {"fever": True, "cirrhosis": True, "raw_dairy": False, "lobar_atrophy": True}}
    )
    assert said.symptoms == {"fever": True}
    assert said.history == {"cirrhosis": True}
    assert said.exposures == {"raw_dairy": False}
    assert said.findings == {"lobar_atrophy": True}


def test_unknown_as_a_value_is_the_same_as_saying_nothing() -> None:
    said = make_patient({"sex": "unknown", "age_years": "不详", "findings": {"dilated_ducts": "unknown"}})
    assert said == Patient()


def test_not_assessable_is_not_unknown() -> None:
    said = make_patient({"findings": {"host_kind": "not assessable"}})
    assert isinstance(said.findings["host_kind"], NotAssessable)


def test_a_denied_choice_leaves_the_others() -> None:
    said = make_patient({"findings": {"left_predominant": False}})
    assert said.findings["side_of_foci"] == Doubtful(0.5, (("right", 0.5), ("both", 0.5)))


def test_months_are_an_age() -> None:
    assert make_patient({"age_months": 8}).age_years == pytest.approx(8 / 12)


@pytest.mark.parametrize(
    ("lab", "written", "expected"),
    [
        ("bilirubin", {"value": 171, "unit": "µmol/L"}, Lab(9.997857, "mg/dL")),
        ("afp", {"value": 1200, "unit": "µg/L"}, Lab(1200, "ng/mL")),
        ("albumin", {"value": 2.4, "unit": "g/dL"}, Lab(24, "g/L")),
        ("alp", {"value": 240, "unit": "IU/L", "upper_limit": 120}, Lab(240, "U/L", 120)),
        ("cea", {"value": 9, "unit": "arb", "upper_limit": 5}, Lab(9, "arb", 5)),
        ("cea", "12 ng/mL", Lab(12, "ng/mL")),
        ("platelets", {"value": 90, "unit": "10^9/L"}, Lab(90, "10*3/uL")),
    ],
)
def test_laboratory_values_come_in_the_vocabularys_unit(lab: str, written: object, expected: Lab) -> None:
    assert make_patient({"labs": {lab: written}}).labs == {lab: expected}


@pytest.mark.parametrize(("word", "state"), [("raised", True), ("normal", False)])
def test_a_laboratory_value_in_words_is_the_finding_it_makes(word: str, state: bool) -> None:
    assert make_patient({"labs": {"afp": word}}).findings == {"afp_up": state}


def test_restating_takes_back_what_contradicts() -> None:
    patient = make_patient({"age_years": 30, "symptoms": ["fever"], "labs": {"afp": "9 ng/mL"}})
    changed, touched = restate(patient, {"fever": "unknown", "afp_up": True, "age_years": 60})
    assert (changed.age_years, changed.symptoms, changed.labs) == (60, {}, {})
    assert changed.findings == {"afp_up": True}
    assert touched == {"fever", "afp_up"}


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(PatientFileError, match="kB"):
        read_patient(write(tmp_path, "#" * 1_100_000))


def test_a_finding_at_the_top_is_told_its_table(tmp_path: Path) -> None:
    with pytest.raises(PatientFileError, match="'symptoms'"):
        read_patient(write(tmp_path, "fever = true"))


def test_accepted_files_fit_the_schema_that_is_printed() -> None:
    schema = list_patient_schema()
    for table in (
        {"age_months": 8, "sex": "F", "findings": {"eggshell": True, "dilated_ducts": {"p": 0.7}}},
        {"symptoms": ["fever"], "findings": {"enhancement": ["arterial", "rim"], "largest_calcium": "3 mm"}},
        {"sex": "unknown", "age_years": "unknown", "pregnancy": "unknown", "exam_date": "unknown"},
        {"setting": "unknown", "subject": "fetus", "gestation_weeks": 20},
        {
            "symptoms": "fever, jaundice",
            "findings": {"ultrasound": {"largest_calcium": {"value": 3, "unit": "mm"}}},
        },
        {"labs": {"afp": {"value": 3, "unit": "ng/mL"}, "cea": "raised"}, "exam_date": "2026-03-01"},
    ):
        jsonschema.validate(table, schema)
        make_patient(table)


@pytest.mark.parametrize(
    "table", [{"age_years": -1}, {"age": 4}, {"subject": "dog"}, {"findings": 3}, {"exposures": [1]}]
)
def test_refused_files_do_not_fit_the_schema(table: dict[str, object]) -> None:
    with pytest.raises(PatientFileError):
        make_patient(table)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(table, list_patient_schema())


@pytest.mark.parametrize("alias", list_aliases().values(), ids=lambda a: a.name)
def test_every_alias_says_what_the_vocabulary_has(alias: Alias) -> None:
    for state in (True, False):
        make_patient({"findings": {alias.name: state}})
