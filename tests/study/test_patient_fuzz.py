"""Whatever a patient file holds: a patient comes of it, or one line that says why not."""

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from hepalith.errors import PatientFileError
from hepalith.finding import findings_from_patient
from hepalith.study.alias import STATED_GROUPS, list_aliases
from hepalith.study.claim import KEYS, TABLES, merge_patients
from hepalith.study.patient import Patient
from hepalith.study.patient_file import make_patient, read_patient
from hepalith.vocabulary import load_vocabulary

NAMES = [
    *(t.id for t in load_vocabulary().of_group(*STATED_GROUPS)),
    *list_aliases(),
    "no_such",
    "size",
    "mass",
]
WORDS = [
    "yes",
    "no",
    "unknown",
    "solid",
    "3 mm",
    "<1 cm",
    "3-5",
    "raised",
    "colorectal",
    "male",
    "2026-01-02",
    "",
]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 300), st.floats(), st.sampled_from(WORDS), st.text(max_size=6)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["value", "unit", "p", "low", "high", "upper_limit", "rim"]), inner, max_size=3
        ),
    ),
    max_leaves=4,
)
tables = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
    st.lists(st.sampled_from(NAMES), max_size=3),
    scalars,
)
files = st.dictionaries(
    st.one_of(st.sampled_from([*KEYS, *TABLES]), st.text(max_size=5)), st.one_of(tables, values), max_size=5
)


def try_patient(table: Any) -> Patient | None:
    line = ""
    try:
        return make_patient(table)
    except PatientFileError as error:
        line = str(error)
    assert len(line.splitlines()) == 1
    assert len(line) > 12
    return None


@given(files)
@settings(max_examples=400, deadline=None)
def test_any_table_gives_a_patient_or_one_line(table: dict[str, Any]) -> None:
    patient = try_patient(table)
    if patient is not None:
        found = findings_from_patient(patient)
        assert len({f.id for f in found}) == len(found)


@given(st.binary(max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_patient_or_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(content)
    line = "a patient came of it"
    try:
        read_patient(path)
    except PatientFileError as error:
        line = str(error)
    assert len(line.splitlines()) == 1


@given(files)
@settings(max_examples=100, deadline=None)
def test_json_and_a_mapping_say_the_same(table: dict[str, Any]) -> None:
    try:
        written = json.loads(json.dumps(table, allow_nan=False))
    except ValueError:
        return
    assert try_patient(table) == try_patient(written)


@given(files, files)
@settings(max_examples=100, deadline=None)
def test_of_two_sources_the_first_is_believed(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = try_patient(one), try_patient(other)
    if first is None or second is None:
        return
    both = merge_patients(first, second)
    for name in ("findings", "history", "symptoms", "exposures", "labs"):
        assert getattr(both, name).items() >= getattr(first, name).items()
    assert merge_patients(first, first) == first
