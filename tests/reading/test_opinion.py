"""An opinion without images: the same reasoning, told in a table, in words, in JSON."""

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import hepalith
from hepalith.errors import PatientFileError
from hepalith.finding.text.read import Span, read_report
from hepalith.reading.opinion import Opinion, diagnose
from hepalith.reading.opinion_document import opinion_schema
from hepalith.reading.sheet import NARROWEST, columns
from hepalith.reading.unknown import Meaning, Unknown, unknown_text
from hepalith.settings import Settings
from hepalith.vocabulary import load_vocabulary

STONES = {
    "age_years": 46,
    "sex": "female",
    "exam_date": "2026-05-04",
    "symptoms": ["fever"],
    "findings": {"dilated_ducts": True, "duct_relation": "in_lumen", "left_predominant": False},
}


@pytest.fixture(scope="module")
def stones() -> Opinion:
    return diagnose(STONES)


def test_it_is_public() -> None:
    assert hepalith.diagnose is diagnose
    assert hepalith.Opinion is Opinion


def test_a_patient_may_be_a_mapping_a_path_or_a_patient(tmp_path: Path, stones: Opinion) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(STONES), encoding="utf-8")
    for patient in (path, str(path), stones.patient):
        assert diagnose(patient).to_dict() == stones.to_dict()


def test_what_is_wrong_with_a_mapping_is_one_line() -> None:
    with pytest.raises(PatientFileError, match="did you mean 'dilated_ducts'"):
        diagnose({"findings": {"dilated_duct": True}})
    with pytest.raises(PatientFileError, match="'qqq'; hepalith schema vocabulary lists them"):
        diagnose({"findings": {"qqq": True}})


def test_the_json_has_the_parts_that_apply(stones: Opinion) -> None:
    held = stones.to_dict()
    assert held["schema"] == "hepalith/reading/1"
    assert held["provenance"]["knowledge"] == stones.differential.knowledge_digest
    assert held["provenance"]["policy"]["id"] == stones.plan.policy
    assert {"findings", "differential", "processes", "contradictions", "alerts"} <= set(held)
    assert {"next_tests", "plan", "plan_beside", "gradings", "summary", "notice", "not_understood"} <= set(
        held
    )
    assert sum(d["probability"] for d in held["differential"]) == pytest.approx(1, abs=1e-6)
    first = held["differential"][0]
    assert first["low"] <= first["probability"] <= first["high"]
    assert {"first_in", "for", "against"} <= set(first)
    assert all({"en", "zh"} == set(text) and all(text.values()) for text in held["summary"].values())
    json.dumps(held, allow_nan=False)


def test_the_json_fits_its_schema(stones: Opinion) -> None:
    schema = opinion_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(stones.to_dict(), schema, cls=jsonschema.Draft202012Validator)
    with pytest.raises(jsonschema.ValidationError, match="differential"):
        jsonschema.validate({**stones.to_dict(), "differential": 3}, schema)


def test_prior_and_weights_add_up_to_the_posterior_in_what_is_printed(stones: Opinion) -> None:
    for d in stones.differential.diagnoses:
        total = d.prior + sum(e.weight for e in (*d.supporting, *d.opposing))
        assert total == pytest.approx(__import__("math").log10(d.probability / (1 - d.probability)), abs=1e-6)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [NARROWEST, 80, 120])
def test_no_line_of_a_table_is_wider_than_asked(stones: Opinion, language: str, width: int) -> None:
    for text in (
        stones.table(language, width=width),
        stones.explain(language, width=width),
        stones.what_if(dilated_ducts=False).table(language, width=width),
    ):
        too_wide = [line for line in text.splitlines() if columns(line) > width]
        assert [line for line in too_wide if len(line.split()) > 1] == []


def test_alerts_come_before_the_ranking_and_the_notice_is_last(stones: Opinion) -> None:
    text = stones.table("en")
    assert text.index("ALERT (today)") < text.index("Intrahepatic duct stones  ") < text.index("PLAN")
    assert "to be confirmed by a physician" in text.splitlines()[-1]


def test_there_is_no_colour_unless_it_is_asked_for(stones: Opinion) -> None:
    assert "\x1b" not in stones.table() + stones.explain()
    assert "\x1b" in stones.table(colour=True)


def test_the_chinese_table_is_chinese(stones: Opinion) -> None:
    left = re.sub(r"\[[^\]]*\]", "", stones.table("zh"))
    assert "可能的诊断" in left
    assert len(re.findall(r"[a-z]{4,}", left)) < 25, "codes, doses and names of policies only"


def test_reasons_are_told_in_words_numbers_source_and_grade(stones: Opinion) -> None:
    text = stones.explain("en")
    assert re.search(r"[+−-]\d\.\d\d  dilated bile ducts upstream: speaks .*for", text)
    assert "grade" in text
    assert "Not known, and would matter:" in text
    assert "side of the calcifications: right only or both" in text


def test_an_unknown_that_matters_says_what_its_outcomes_would_mean(stones: Opinion) -> None:
    unknown = stones.unknown_that_matters()
    assert [u.bits for u in unknown] == sorted((u.bits for u in unknown), reverse=True)
    known = {f.id for f in stones.findings}
    for u in unknown:
        assert u.finding not in known
        sized = load_vocabulary()[u.finding].type == "quantity"
        for meaning in () if sized else u.outcomes:
            then = stones.what_if({u.finding: meaning.outcome}).after.differential
            told = next(d for d in then.diagnoses if d.diagnosis == meaning.diagnosis)
            assert told.probability == pytest.approx(meaning.after, abs=0.03)
            assert meaning.after > meaning.before


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("lt3", "< 3 mm"),
        ("gt30", "> 30 mm"),
        ("3to8", "3–8 mm"),
        ("lt3|3to8", "< 8 mm"),
        ("8to30|gt30", "> 8 mm"),
    ],
)
def test_bins_of_a_size_are_said_as_people_read_them(outcome: str, said: str) -> None:
    unknown = Unknown("largest_calcium", 0.1, (Meaning(outcome, 0.5, "hcc", 0.1, 0.2),))
    assert f": {said}: " in unknown_text(unknown, "en")


def test_what_if_shows_both_sides_and_leaves_the_first_as_it_was(stones: Opinion) -> None:
    before = stones.to_dict()
    changed = stones.what_if(dilated_ducts=False, fever="unknown")
    assert stones.to_dict() == before
    assert changed.before is stones
    assert changed.after.patient.symptoms == {}
    assert changed.after.patient.findings["dilated_ducts"] is False
    text = changed.table("en")
    assert "now" in text
    assert "then" in text
    assert "dilated_ducts = false, fever = unknown" in text


def test_what_if_is_the_same_as_having_said_so(stones: Opinion) -> None:
    said = {**STONES, "findings": {**STONES["findings"], "dilated_ducts": False}}
    assert stones.what_if(dilated_ducts=False).after.differential == diagnose(said).differential


def test_what_if_takes_keys_of_the_patient_and_choices(stones: Opinion) -> None:
    after = stones.what_if({"age_years": 3, "host_kind": "solid"}).after
    assert after.patient.age_years == 3
    assert after.differential.setting == "child_under_five"


def test_a_notebook_shows_it_escaped(stones: Opinion) -> None:
    html = stones._repr_html_()
    assert html.startswith("<div")
    assert "Intrahepatic duct stones" in html
    assert "<script" not in html
    assert html.count("<li>") == html.count("</li>") > 3
    assert "ALERT (today)" in html


def test_a_fetus_gets_its_pathway_and_no_differential() -> None:
    opinion = diagnose({"subject": "fetus", "gestation_weeks": 22})
    assert opinion.differential.diagnoses == ()
    assert "fetus" in opinion.table("en")
    assert "胎儿" in opinion.table("zh")


def test_no_calcification_leaves_nothing_to_explain() -> None:
    opinion = diagnose({"findings": {"intrahepatic_calcification": False}})
    assert "no calcification" in opinion.table("en")


def test_the_policy_is_the_one_asked_for() -> None:
    patient = {"age_years": 40, "exam_date": "2026-01-10"}
    plans = {p: diagnose(patient, settings=Settings(policy=p)).plan for p in ("article", "guideline")}
    assert plans["article"].policy == "article"
    assert plans["guideline"].policy == "guideline"


def test_a_malignant_explanation_is_never_hidden_by_rounding() -> None:
    text = diagnose({"age_years": 30, "findings": {"largest_calcium": "3 mm"}}).table("en")
    assert "Malignant explanations together:" in text


def test_the_patients_text_promises_nothing_and_names_no_number(stones: Opinion) -> None:
    for text in (stones.document.summary.patient.en, stones.document.summary.patient.zh):
        assert "%" not in text
        assert len(text) > 100


def test_of_a_long_text_the_first_places_not_understood_are_quoted() -> None:
    report = read_report("A 4 mm calcification in segment V.")
    many = tuple(Span(n, n + 1, f"clause {n}") for n in range(40))
    text = diagnose(report=replace(report, not_understood=many)).table("en")
    assert "“clause 9”, and 30 more" in text
    assert "clause 10" not in text


def test_a_doubt_is_shown_with_its_probability_and_a_list_as_one() -> None:
    stated = {
        "dilated_ducts": {"p": 0.7},
        "enhancement": ["arterial", "rim"],
        "dominant_morphology": {"value": "rim", "p": 0.6},
        "left_predominant": False,
        "host_kind": "not assessable",
    }
    opinion = diagnose({"findings": stated})
    text = " ".join(opinion.table("en", width=120).split())
    assert "dilated bile ducts upstream (70 %)" in text
    assert "arterial without washout or rim" in text
    assert "rim (60 %)" in text
    assert "right only or both lobes" in text
    assert "not assessable" in text
    assert "肝内胆管扩张（70%）" in opinion.table("zh", width=120)
