"""Answers of a search, whatever an archive may send."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepalith.errors import FetchError
from hepalith.server.dicomweb.find import found_study, matches, parse_answer, query_items, without_escapes
from hepalith.server.dicomweb.store import references
from hepalith.server.remote import FoundStudy, Query

TAGS = st.sampled_from(
    ["0020000D", "00100010", "00201208", "00081198", "00081199", "00081155", "00081197", "Value"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TAGS, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_or_refused_in_one_line(said: object) -> None:
    with suppress(FetchError):
        entries = parse_answer(json.dumps(said).encode(), "application/json", "http://pacs")
        references(entries)
        for entry in entries:
            matches(found_study(entry), Query(patient_id="P"))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_in_one_line(said: bytes) -> None:
    with suppress(FetchError):
        parse_answer(said, "", "http://pacs")


STUDY = FoundStudy("1.2", "P1", "LI^WEI^^", "20240131", ("CT", "SR"), "CT Abdomen", "A7")


@pytest.mark.parametrize(
    "query",
    [
        Query(patient_id="P1"),
        Query(patient_id="P?"),
        Query(patient_name="li^wei"),
        Query(patient_name="李*"),
        Query(description="ct*"),
        Query(date="20240101-"),
        Query(date="-20240131"),
        Query(date="20240131-20240131"),
        Query(modality="SR"),
    ],
)
def test_what_was_asked_for_matches(query: Query) -> None:
    assert matches(STUDY, query)
    assert matches(FoundStudy("1.2"), query), "what is not said is taken as matching"


@pytest.mark.parametrize(
    "query",
    [
        Query(study_uid="1.2.3"),
        Query(patient_id="p1"),
        Query(patient_name="li"),
        Query(accession_number="A8"),
        Query(date="20240201-"),
        Query(date="-20240130"),
        Query(modality="US"),
    ],
)
def test_what_was_not_asked_for_does_not_match(query: Query) -> None:
    assert not matches(STUDY, query)


def test_only_what_is_named_is_asked_for() -> None:
    assert [name for name, _ in query_items(Query(patient_id="P1"))] == ["PatientID"] + ["includefield"] * 3


def test_letters_that_a_url_escapes_become_wildcards() -> None:
    asked = query_items(Query(patient_id="P 1", patient_name="LI^W*", date="20240101-20240131"))
    assert without_escapes(asked)[:3] == [
        ("PatientID", "P?1"),
        ("PatientName", "LI?W*"),
        ("StudyDate", "20240101-20240131"),
    ]
