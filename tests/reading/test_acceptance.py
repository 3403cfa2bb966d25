"""A person accepts a reading: who and when stand in a further revision, and nothing measured changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from hepalith.errors import UsageError
from hepalith.reading import accept, to_json

AT = datetime(2024, 5, 1, 9, 30, tzinfo=UTC)


def test_the_accepted_reading_is_a_final_revision_of_the_first(factories: ModuleType) -> None:
    before = factories.make_reading().document
    after = accept(before, "Rivera^Ana", AT, organization="General Hospital")
    assert (after.reading.status, after.reading.revision) == ("final", 2)
    assert after.reading.supersedes == before.reading.id != after.reading.id
    assert after.accepted is not None
    assert (after.accepted.by, after.accepted.at) == ("Rivera^Ana", AT)
    assert after.foci == before.foci
    assert after.differential == before.differential


def test_the_words_say_who_accepted(factories: ModuleType) -> None:
    before = factories.make_reading().document
    after = accept(before, "Rivera^Ana", AT)
    assert "to be confirmed by a physician" in before.summary.radiology.en
    assert "accepted by Rivera^Ana on 2024-05-01" in after.summary.radiology.en
    assert "to be confirmed" not in after.summary.radiology.en
    assert "Rivera^Ana" in after.summary.radiology.zh


def test_accepting_what_is_final_amends_it(factories: ModuleType) -> None:
    once = accept(factories.make_reading().document, "A", AT)
    twice = accept(once, "B", AT + timedelta(days=1))
    assert (twice.reading.status, twice.reading.revision) == ("amended", 3)
    assert twice.reading.supersedes == once.reading.id


def test_the_same_acceptance_gives_the_same_bytes(factories: ModuleType) -> None:
    first, second = (
        to_json(accept(factories.make_reading().document, "A", AT, organization="B")) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("by", "at", "diagnoses", "said"),
    [
        ("  ", AT, (), "must be named"),
        ("^", AT, (), "must be named"),
        ("Two\nlines", AT, (), "one line"),
        ("Liu\\Wei", AT, (), "without a backslash"),
        ("A" * 65, AT, (), "at most 64 letters"),
        ("A", AT.replace(tzinfo=None), (), "offset from UTC"),
        ("A", AT, ("flu",), "no diagnosis of this reading"),
    ],
)
def test_what_cannot_be_accepted_is_refused(
    factories: ModuleType, by: str, at: datetime, diagnoses: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        accept(factories.make_reading().document, by, at, diagnoses=diagnoses)


def test_an_organization_that_a_document_cannot_hold_is_refused(factories: ModuleType) -> None:
    with pytest.raises(UsageError, match="name of the organization must be one line of at most 64 letters"):
        accept(factories.make_reading().document, "A", AT, organization="o" * 65)
