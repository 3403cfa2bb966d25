"""What was reasoned is said in full: reasons in words, all that is malignant together, nothing made up."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepalith.differential import Differential, Evidence, Process
from hepalith.reading import Document
from hepalith.reading.phrases import load_phrases
from hepalith.reading.reasoning import evidence_text, grade_of, is_malignant, malignant_text, stated_findings
from hepalith.reading.wording import explain_weight, percent_text, range_text, weight_key

REASSURANCE = re.compile(
    r"good prognosis|harmless|reassur|nothing to worry|预后良好|预后好|无害|放心|"
    r"(?<!never called )(?<!anything is called )(?<!not called )\bbenign\b|(?<!判为)良性",
    re.IGNORECASE,
)
"""Words of reassurance; "never called benign" is the rule that forbids them."""


def percents(text: str) -> set[str]:
    return set(re.findall(r"(?<![\d.])(?:[<>]?\d+) %", text))


def section(text: str, head: str, end: str) -> str:
    return text[text.index(head) : text.index(end)]


@given(st.floats(0.001, 6.0), st.sampled_from(["en", "zh"]))
def test_a_weight_for_and_its_mirror_against_are_equally_strong(weight: float, language: str) -> None:
    if weight_key(weight) != "neither":
        assert weight_key(weight).removeprefix("for") == weight_key(-weight).removeprefix("against")
        assert explain_weight(weight, language) != explain_weight(-weight, language)


@given(st.lists(st.floats(0.0, 6.0), min_size=2, max_size=2).map(sorted))
def test_more_weight_is_never_said_weaker(weights: list[float]) -> None:
    order = ["neither", "for_a_little", "for", "for_strongly", "for_very_strongly"]
    small, large = (order.index(weight_key(w)) for w in weights)
    assert small <= large


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_no_end_of_an_interval_is_certain(low: float, high: float) -> None:
    said = range_text(min(low, high), max(low, high), "en")
    ends = re.findall(r"[<>]?\d+", said)
    assert not {"0", "100"} & set(ends)


def test_every_sentence_of_the_reasoning_is_in_both_languages() -> None:
    for table in ("certainty", "rank", "weight", "grade", "reasoning", "evidence", "time", "number"):
        for key, said in load_phrases()[table].items():
            assert said["en"].strip(), key
            assert said["zh"].strip(), key


def test_the_impression_says_interval_stability_reasons_and_grades(factories: ModuleType) -> None:
    text = factories.make_reading().document.summary.radiology.en
    assert "possible (61 %, 95 % range 24–80 %; first in 61 % of draws)" in text
    assert "Speaks a little for it: size of the largest calcification: 5.2 mm." in text
    assert "grade C: judgement, not measured" in text


def test_every_percentage_of_the_impression_was_inferred(factories: ModuleType) -> None:
    document: Document = factories.make_reading().document
    ranked = document.differential
    text = section(document.summary.radiology.en, "1. Simple", "RECOMMENDATION")
    inferred = [p for d in ranked for p in (d.probability, d.low, d.high, d.first_in)]
    inferred += [p.probability for p in document.processes]
    inferred.append(sum(d.probability for d in ranked if is_malignant(d.diagnosis)))
    known = {percent_text(p, "en") for p in inferred} | {"95 %", "5 %"}
    assert percents(text) <= known, percents(text) - known


def small_malignant(factories: ModuleType, share: float) -> Differential:
    made = factories.make_differential()
    names = ("simple_healed", "hepatolithiasis", "metastasis_crc", "hcc", "none_of_these")
    shares = (0.9 - 2 * share, 0.06, share, share, 0.04)
    return replace(
        made,
        diagnoses=tuple(
            replace(d, diagnosis=n, probability=p, low=0.0, high=min(1.0, 2 * p))
            for d, n, p in zip(made.diagnoses, names, shares, strict=True)
        ),
    )


def test_a_malignant_explanation_is_never_rounded_away(factories: ModuleType) -> None:
    document = factories.make_reading(differential=small_malignant(factories, 0.0004)).document
    assert "Malignant explanations together: <1 %; the first of them" in document.summary.radiology.en
    assert "恶性诊断合计：<1%；其中首位为" in document.summary.radiology.zh
    assert " 0 %" not in document.summary.radiology.en


def test_what_is_malignant_is_summed_though_none_is_named(factories: ModuleType) -> None:
    document = factories.make_reading(differential=small_malignant(factories, 0.04)).document
    assert "together: 8 %" in document.summary.radiology.en
    assert malignant_text(document.differential, "en").startswith("Malignant explanations together: 8 %")


def test_absent_and_chosen_findings_are_said_as_they_counted(factories: ModuleType) -> None:
    document = factories.make_reading().document
    known = stated_findings(document.findings)
    assert evidence_text("lobar_atrophy", known, "en") == "no atrophy of a lobe or segment"
    assert evidence_text("lobar_atrophy", known, "zh") == "无肝叶或肝段萎缩"
    assert evidence_text("age_years", {}, "en", document.study.patient) == "age 64 years"
    assert evidence_text("sex", {}, "zh", document.study.patient) == "性别：女"


def test_a_grade_that_was_not_checked_is_printed_as_such(factories: ModuleType) -> None:
    made = factories.make_differential()
    first = replace(
        made.diagnoses[0], supporting=(Evidence("sex", 0.6, "a textbook (grade K)"),), opposing=()
    )
    document = factories.make_reading(
        differential=replace(made, diagnoses=(first, *made.diagnoses[1:]))
    ).document
    assert "1 × grade K: general knowledge, not checked" in document.summary.radiology.en
    assert "1项K级：一般知识，未核实" in document.summary.radiology.zh
    assert grade_of("said nowhere") is None


def test_a_second_process_is_named_with_its_foci(factories: ModuleType) -> None:
    made = replace(
        factories.make_differential(),
        processes=(
            Process("simple_healed", 0.7, ()),
            Process("hepatolithiasis", 0.6, (2, 3)),
            Process("hcc", 0.01, ()),
        ),
    )
    text = factories.make_reading(differential=made).document.summary.radiology.en
    assert "More than one process may be at work; beside the first explanation: intrahepatic duct" in text
    assert "(60 %; #2, #3)" in text
    assert "hepatocellular" not in section(text, "More than one", "RECOMMENDATION")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_solid_or_unseen_host_is_never_reassured(factories: ModuleType, language: str) -> None:
    foci = factories.make_foci()
    for differential in (factories.make_differential(), small_malignant(factories, 0.0004)):
        document = factories.make_reading(foci=foci, differential=differential).document
        for text in (document.summary.radiology, document.summary.patient):
            assert not REASSURANCE.findall(getattr(text, language))


def test_the_word_that_reassures_would_be_found() -> None:
    assert REASSURANCE.search("The focus is benign.")
    assert REASSURANCE.search("考虑良性病变")
    assert not REASSURANCE.search("It is never called benign from its calcium")
    assert not REASSURANCE.search("不能仅凭钙化判为良性")


def test_the_example_of_the_page_about_words_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "the-words.md"
    text = page.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (said,) = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(code, page.name, "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == said
