"""The summaries say what the document says, in both languages, and promise nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from types import ModuleType

import pytest

from hepalith.differential import Differential
from hepalith.finding import Finding, Pattern, Subject
from hepalith.management import Plan
from hepalith.reading import Document
from hepalith.reading.phrases import load_phrases, phrase
from hepalith.settings import Settings
from hepalith.study.patient import Patient
from hepalith.vocabulary import NotAssessable, State

JARGON = (
    "HU",
    "Agatston",
    "differential",
    "morphology",
    "attenuation",
    "lesion",
    "metastas",
    "cancer",
    "tumour",
)

PROMISES = (
    "good prognosis",
    "harmless",
    "benign",
    "nothing to worry",
    "no need to worry",
    "all is well",
    "预后良好",
    "不用担心",
    "良性",
)


def empty(factories: ModuleType) -> Document:
    foci = replace(factories.make_foci(), foci=())
    plan = Plan("guideline", "2026.1", ())
    return factories.make_reading(foci=foci, differential=Differential(()), patterns=(), plan=plan).document


def unanswerable(factories: ModuleType) -> Document:
    return factories.assemble(
        factories.make_examined(), factories.unanswerable_assessment(), Patient(), Settings()
    ).document


def test_radiology_text_holds_sizes_density_lobe_ranking_and_dates(factories: ModuleType) -> None:
    text = factories.make_reading().document.summary.radiology.en
    assert "3 calcified foci in the liver" in text
    assert "#1: right lobe, coarse, longest diameter 16 mm (15.2–16.8)" in text
    assert "mean 820 HU, peak 820 HU" in text
    assert "31 mm below the capsule" in text
    assert "#4 clip or coil (97 %)" in text
    assert "1. Simple or healed calcification: possible (61 %" in text
    assert "2025-06-14 to 2025-09-14" in text
    assert "every 3–6 months until 36 months" in text
    assert "ALERT (within days): A known primary tumour" in text
    assert text.index("ALERT") < text.index("1. Simple")
    assert "Not looked for" in text
    assert "without contrast medium enhancement cannot be seen" in text


def test_chinese_text_holds_the_same_numbers(factories: ModuleType) -> None:
    summary = factories.make_reading().document.summary.radiology
    numbers = re.compile(r"\d+(?:\.\d+)?")
    english, chinese = (sorted(numbers.findall(text)) for text in (summary.en, summary.zh))
    assert english == chinese
    assert "肝右叶" in summary.zh
    assert "平扫" in summary.zh
    assert "诊断意见" in summary.zh


def test_no_calcification_is_never_called_healthy_or_excluded(factories: ModuleType) -> None:
    summary = empty(factories).summary
    assert "No calcification was found in the liver. This does not exclude foci below" in summary.radiology.en
    assert "does not say that the liver is healthy" in summary.patient.en
    assert "Spots smaller than about 2 mm can be missed" in summary.patient.en
    assert "不能说明肝脏完全健康" in summary.patient.zh


def test_an_unanswerable_scan_is_said_to_be_so(factories: ModuleType) -> None:
    summary = unanswerable(factories).summary
    assert "cannot be answered from this scan: no liver is in view" in summary.radiology.en
    assert "FINDINGS" not in summary.radiology.en
    assert "Repeat with the liver in view" in summary.radiology.en
    assert "neither good nor bad news" in summary.patient.en
    assert "did not see calcium" not in summary.patient.en


def test_the_patients_page_has_no_jargon_no_diagnosis_and_no_promise(factories: ModuleType) -> None:
    documents = (factories.make_reading().document, empty(factories), unanswerable(factories))
    for document in documents:
        for text in (document.summary.patient.en, document.summary.patient.zh):
            for said in (*JARGON, *PROMISES):
                assert said.lower() not in text.lower()
            assert "doctor" in text or "医生" in text


def test_the_patient_is_told_of_an_alert_and_of_the_next_step(factories: ModuleType) -> None:
    text = factories.make_reading().document.summary.patient.en
    assert "should look at one point on this page within the next days" in text
    assert "Between 14 June 2025 and 14 September 2025" in text


def test_a_partly_scanned_liver_is_said_to_be_partly_scanned(factories: ModuleType) -> None:
    liver = replace(factories.make_liver(), in_view=0.55)
    summary = factories.make_reading(liver=liver).document.summary
    assert "About 55 % of the liver is in view" in summary.radiology.en
    assert "Only part of the liver" in summary.patient.en


def test_a_long_list_is_cut_and_says_so(factories: ModuleType) -> None:
    foci = factories.make_foci()
    many = tuple(replace(foci.foci[0], id=n) for n in range(1, 41))
    text = factories.make_reading(foci=replace(foci, foci=many)).document.summary.radiology.en
    assert "40 calcified foci in the liver, the largest 10:" in text
    assert text.count("calcification very likely") == 10


def test_a_size_that_could_not_be_had_is_said_with_its_reason(factories: ModuleType) -> None:
    foci = factories.make_foci()
    unsized = replace(foci.foci[0], diameter=NotAssessable("it touches the edge of the scan"))
    document = factories.make_reading(foci=replace(foci, foci=(unsized,))).document
    assert "not assessable: it touches the edge of the scan" in document.summary.radiology.en
    assert "one bright spot in the liver that looks like calcium." in document.summary.patient.en


@pytest.mark.parametrize("table", sorted(load_phrases()))
def test_both_languages_fill_the_same_blanks(table: str) -> None:
    blank = re.compile(r"\{(\w+)\}")
    for key, said in load_phrases()[table].items():
        assert set(said) - {"least"} == {"en", "zh"}, key
        assert set(blank.findall(said["en"])) == set(blank.findall(said["zh"])), key


def test_an_unknown_sentence_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        phrase("radiology", "no_such_sentence", "en")


def test_findings_of_one_reason_are_said_together(factories: ModuleType) -> None:
    liver = Subject("liver")
    reason = "the lobes could not be told apart on this scan"
    findings = tuple(
        Finding(name, liver, State.NOT_ASSESSABLE, reason=reason) for name in ("multiple", "at_capsule")
    )
    text = factories.make_reading(findings=findings).document.summary.radiology.en
    assert text.count(reason) == 1


def test_what_is_not_there_is_no_limit_of_the_reading(factories: ModuleType) -> None:
    reason = "no calcification was found"
    findings = (Finding("at_capsule", Subject("liver"), State.NOT_ASSESSABLE, reason=reason),)
    document = factories.make_reading(findings=findings).document
    assert reason not in document.summary.radiology.en
    assert document.findings[0].state == "not_assessable", "reading.json keeps it"


def with_alert(factories: ModuleType, urgency: str) -> Document:
    plan = factories.make_plan()
    alerts = tuple(replace(alert, urgency=urgency) for alert in plan.alerts)
    return factories.make_reading(plan=replace(plan, alerts=alerts)).document


def test_each_alert_says_how_soon(factories: ModuleType) -> None:
    said = {u: with_alert(factories, u).summary for u in ("today", "prompt", "routine")}
    assert "ALERT (today): A known" in said["today"].radiology.en
    assert "emergency department" in said["today"].patient.en
    assert "急诊" in said["today"].patient.zh
    assert "within the next days" in said["prompt"].patient.en
    for text in (said["routine"].patient.en, said["routine"].radiology.en):
        assert "today" not in text
        assert "within days" not in text
    assert "CAUTION (before the next step): A known" in said["routine"].radiology.en


def test_the_leading_explanation_is_never_called_less_likely(factories: ModuleType) -> None:
    for text in factories.make_reading(differential=flat(factories)).document.summary.radiology.en.split(
        "\n"
    ):
        if text.startswith("1. "):
            assert "first, but uncertain" in text
        if text.startswith("2. "):
            assert "close behind the first" in text


def flat(factories: ModuleType) -> Differential:
    made = factories.make_differential()
    shares = (0.26, 0.24, 0.17, 0.17, 0.16)
    diagnoses = tuple(
        replace(d, probability=p, low=p / 2, high=p * 2) for d, p in zip(made.diagnoses, shares, strict=True)
    )
    return replace(made, diagnoses=diagnoses)


def test_foci_that_differ_are_said_to_differ_without_a_cause(factories: ModuleType) -> None:
    foci = factories.make_foci()
    shell = replace(foci.foci[0], morphology="eggshell")
    mixed = replace(foci, foci=(shell, *foci.foci[1:]))
    text = factories.make_reading(foci=mixed).document.summary.radiology
    assert "#1 eggshell; #2 nodular; #3 punctate) and may have different causes" in text.en
    assert "病因可能不同" in text.zh
    plain = factories.make_reading().document.summary.radiology.en
    assert "different causes" not in plain, "solid foci of other sizes are no other disease"
    chain = (Pattern("along_portal_triad", 0.9, (2, 3)),)
    strung = factories.make_reading(patterns=chain).document.summary.radiology.en
    assert "#1 coarse; #2, #3 along a portal triad" in strung
    alike = replace(foci, foci=tuple(replace(f, morphology="eggshell") for f in foci.foci))
    assert "different causes" not in factories.make_reading(foci=alike).document.summary.radiology.en


def test_what_was_not_looked_for_is_listed_apart_from_what_was_not_judged(
    factories: ModuleType,
) -> None:
    host = Finding("host_kind", Subject("host"), State.NOT_ASSESSABLE, reason="a reason")
    duct = Finding("dilated_ducts", Subject("duct"), State.UNKNOWN)
    text = factories.make_reading(findings=(host, duct)).document.summary.radiology.en
    assert "Not looked for in this reading: dilated bile ducts" in text
    assert "could not be judged: " in text
    everything = factories.make_reading(findings=(host,)).document.summary.radiology.en
    assert "Not looked for" not in everything


def test_a_flat_ranking_is_said_to_be_flat(factories: ModuleType) -> None:
    said = "No single explanation stands out."
    ranked = factories.make_differential().diagnoses
    flat = Differential(tuple(replace(d, probability=1 / len(ranked), low=0.0, high=1.0) for d in ranked))
    assert said not in factories.make_reading().document.summary.radiology.en
    assert said in factories.make_reading(differential=flat).document.summary.radiology.en


def test_a_step_due_from_the_day_of_the_scan_is_due_by_its_end(factories: ModuleType) -> None:
    plan = factories.make_plan()
    soon = replace(
        plan.actions[0], due=(date(2025, 3, 14), date(2025, 4, 14)), after_months=(0.0, 1.0), repeat=None
    )
    summary = factories.make_reading(plan=replace(plan, actions=(soon,))).document.summary
    assert "By 14 April 2025" in summary.patient.en
    assert "2025-03-14 to 2025-04-14: Ultrasound" in summary.radiology.en  # not in months as well


def test_a_partly_scanned_liver_is_never_called_clear_as_a_whole(factories: ModuleType) -> None:
    liver = replace(factories.make_liver(), in_view=0.2)
    foci = replace(factories.make_foci(), foci=())
    text = factories.make_reading(foci=foci, liver=liver).document.summary.radiology.en
    assert "No calcification was found in the part of the liver that is in view." in text
    assert "No calcification was found in the liver." not in text
