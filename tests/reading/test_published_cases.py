"""The texts of every published case: no alarm, no comfort, one language at a time, read at twelve."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hepalith.reading.opinion import diagnose
from hepalith.vocabulary import load_vocabulary

CASES = Path(__file__).resolve().parents[2] / "benchmarks" / "cases"

ALARM = re.compile(r"cancer|tumou?r|malignan|metasta|carcinoma|sarcoma|癌|肿瘤|恶性|转移|肉瘤", re.IGNORECASE)

COMFORT = re.compile(
    r"benign|prognos|harmless|nothing to worry|no need to worry|良性|预后|放心|无害|不要紧", re.IGNORECASE
)

THE_RULE = re.compile(
    r"never called benign|before anything is called benign|判为良性|"
    r"(?:benign (?:liver )?(?:tumou?r|lesion)s?)|(?:良性(?:肝脏?)?(?:肿瘤|病变|病灶))",
    re.IGNORECASE,
)
"""Where a radiologist's text may use the word: the rule that forbids it, and names of teams and diseases."""

ENGLISH = re.compile(r"(?:\b[A-Za-z][a-z'-]+,? ){3,}[a-z]+")


@pytest.mark.slow
def test_no_case_is_told_with_alarm_or_false_comfort() -> None:
    seen = 0
    for path in sorted(CASES.glob("*.toml")):
        patient = tomllib.loads(path.read_text(encoding="utf-8"))["patient"]
        summary = diagnose(patient).document.summary
        for text in (summary.patient.en, summary.patient.zh):
            assert not ALARM.findall(text), path.name
            assert not COMFORT.findall(text), path.name
            assert not re.search(r"\d ?%", text), path.name
        for text in (summary.radiology.en, summary.radiology.zh):
            assert not COMFORT.findall(THE_RULE.sub("", text).replace("harm nobody", "")), path.name
        assert not ENGLISH.findall(summary.patient.zh + summary.radiology.zh), path.name
        seen += 1
    assert seen >= 60


def any_findings() -> st.SearchStrategy[dict[str, bool | str]]:
    """Return tables of a patient file with a few findings of any kind, as they come."""
    terms = load_vocabulary().of_group("finding", "pattern", "symptom", "laboratory_finding")
    values: list[st.SearchStrategy[tuple[str, bool | str]]] = []
    for term in terms:
        if term.type == "boolean":
            values.append(st.tuples(st.just(term.id), st.booleans()))
        elif term.type == "choice":
            values.append(st.tuples(st.just(term.id), st.sampled_from([c.id for c in term.choices])))
    return st.lists(st.one_of(values), max_size=8, unique_by=lambda pair: pair[0]).map(dict)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_findings(), st.none() | st.floats(0.01, 100))
def test_no_patient_at_all_is_told_with_alarm_or_false_comfort(
    findings: dict[str, bool | str], age: float | None
) -> None:
    given_age = {} if age is None else {"age_years": age}
    summary = diagnose({**given_age, "findings": findings}).document.summary
    for text in (summary.patient.en, summary.patient.zh):
        assert text
        assert not ALARM.findall(text)
        assert not COMFORT.findall(text)
    assert not ENGLISH.findall(summary.patient.zh + summary.radiology.zh)
    impression = summary.radiology.en.split("RECOMMENDATION")[0]  # what follows may quote a series' 100 %
    assert " 0 %" not in impression
    assert " 100 %" not in impression


def test_the_words_looked_for_would_be_found() -> None:
    assert ALARM.search("可能是肝癌")
    assert COMFORT.search(THE_RULE.sub("", "The focus is benign."))
    assert ENGLISH.search("图像：two slices were missing here")
