"""An opinion as a table for a terminal or a notebook's text: as wide as asked for, in either language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hepalith.reading.conclusion import ActionEntry, EvidenceEntry, RankedDiagnosis
from hepalith.reading.opinion_document import OpinionDocument
from hepalith.reading.opinion_words import alert_text, nothing_text, stated_texts, unread_text
from hepalith.reading.phrases import phrase
from hepalith.reading.planning import when_texts
from hepalith.reading.punctuation import CLAUSE, LEAD, PAUSE
from hepalith.reading.reasoning import (
    evidence_text,
    grades_text,
    malignant_text,
    source_text,
    stated_findings,
)
from hepalith.reading.sheet import BOLD, RED, Sheet
from hepalith.reading.terms import say, say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import explain_weight, format_bits, percent_text, range_text

__all__ = ["compare_tables", "explain_table", "listed_diagnoses", "opinion_table"]

MOST_DIAGNOSES = 8
"""Explanations listed; the rest are summed up in a line. Our judgement: a table is read in one glance."""

LEAST_LISTED = 0.01
"""Explanations below this are only summed up, but for the first three. Our judgement."""

ALWAYS_LISTED = 3
"""Explanations always listed."""

MOST_TESTS = 5
"""Tests listed; JSON has them all. Our judgement."""

MOST_EXPLAINED = 3
"""Diagnoses whose reasons are told in full. Our judgement."""

LEAST_WEIGHT = 0.005
"""Weight below which two decimals show none."""

URGENT = {"today": "!!", "prompt": "! ", "routine": "- "}
"""Mark before an alert, by its urgency."""


def opinion_table(document: OpinionDocument, language: str, width: int, *, colour: bool = False) -> str:
    """Return an opinion as people read it in a terminal: alerts, differential, tests, plan, notice."""
    sheet = Sheet(width, language, colour=colour)
    _stated(sheet, document)
    _alerts(sheet, document)
    _differential(sheet, document)
    _contradictions(sheet, document)
    _tests(sheet, document)
    _plan(sheet, document)
    _not_understood(sheet, document)
    sheet.lines.append("")
    sheet.paragraph(phrase("radiology", "notice", language), first="")
    return sheet.text


def _stated(sheet: Sheet, document: OpinionDocument) -> None:
    sheet.heading("heard")
    texts = stated_texts(document, sheet.language)
    setting = document.provenance.setting
    if setting is not None and document.study.patient.subject != "fetus":
        texts.append(phrase("opinion", "setting", sheet.language, name=say_inline(setting, sheet.language)))
    sheet.paragraph(CLAUSE[sheet.language].join(texts))


def _alerts(sheet: Sheet, document: OpinionDocument) -> None:
    if not document.alerts:
        return
    sheet.heading("alerts")
    for alert in document.alerts:
        text = alert_text(alert, sheet.language)
        sheet.paragraph(
            text, first=f"  {URGENT[alert.urgency]} ", code=RED if alert.urgency == "today" else ""
        )


def listed_diagnoses(ranked: Sequence[RankedDiagnosis]) -> list[RankedDiagnosis]:
    """Return the explanations that a table lists: the first three, and those that are not negligible."""
    return [
        d
        for place, d in enumerate(ranked[:MOST_DIAGNOSES])
        if place < ALWAYS_LISTED or d.probability >= LEAST_LISTED
    ]


def _differential(sheet: Sheet, document: OpinionDocument) -> None:
    language, ranked = sheet.language, document.differential
    sheet.heading("differential")
    if not ranked:
        sheet.paragraph(nothing_text(document, language))
        return
    listed = listed_diagnoses(ranked)
    header = ["", *(phrase("opinion", key, language) for key in ("probability", "range", "first_in"))]
    table = [
        [
            say(d.diagnosis, language),
            percent_text(d.probability, language),
            range_text(d.low, d.high, language),
            percent_text(d.first_in, language),
        ]
        for d in listed
    ]
    sheet.rows(header, table)
    rest = ranked[len(listed) :]
    if rest:
        together = percent_text(min(1.0, sum(d.probability for d in rest)), language)
        least = percent_text(max(listed[-1].probability, 0.01), language)
        text = phrase("opinion", "rest", language, count=len(rest), together=together, least=least)
        sheet.paragraph(text, first="     ")
    if text := malignant_text(ranked, language):
        sheet.paragraph(text, first="     ")


def _contradictions(sheet: Sheet, document: OpinionDocument) -> None:
    if document.contradictions:
        sheet.heading("contradictions")
    for clash in document.contradictions:
        sheet.paragraph(in_language(clash.reason, clash.reason_zh, sheet.language), first="  ! ")


def _tests(sheet: Sheet, document: OpinionDocument) -> None:
    if not document.next_tests:
        return
    language = sheet.language
    sheet.heading("tests")
    for place, test in enumerate(document.next_tests[:MOST_TESTS], start=1):
        why = in_language(test.why, test.why_zh, language)
        head = say(test.test, language)
        if test.expected_gain_bits is not None:
            gain = phrase("opinion", "gain_value", language, bits=format_bits(test.expected_gain_bits))
            head += {"en": f" ({gain})", "zh": f"（{gain}）"}[language]
        sheet.paragraph(f"{head}{LEAD[language]}{why}", first=f"{place:>3}  ")
        burden = in_language(test.harm, test.harm_zh, language)
        if burden:
            sheet.paragraph(phrase("opinion", "burden", language, text=burden), first="     ")


def _plan(sheet: Sheet, document: OpinionDocument) -> None:
    language = sheet.language
    for grading in document.gradings:
        text = in_language(grading.text, grading.text_zh, language)
        if grading is document.gradings[0]:
            sheet.heading("gradings")
        sheet.paragraph(text)
    sheet.heading("plan", policy=document.provenance.policy.id)
    for action in document.plan:
        _action(sheet, action)
    if not document.plan:
        sheet.paragraph(phrase("radiology", "no_action", language))
    if document.plan_beside is not None:
        sheet.heading("beside", policy=document.plan_beside.policy)
        for action in document.plan_beside.plan:
            _action(sheet, action)


def _action(sheet: Sheet, action: ActionEntry) -> None:
    language = sheet.language
    text = in_language(action.text, action.text_zh, language)
    when = CLAUSE[language].join(when_texts(action, language))
    sheet.paragraph(text, first="  - ")
    if when:
        sheet.paragraph(f"→ {when}", first="    ")
    source = phrase(
        "opinion",
        "source",
        language,
        strength=translate(action.strength, language),
        source=translate(action.source, language),
    )
    sheet.paragraph(f"[{source}]", first="    ")


def _not_understood(sheet: Sheet, document: OpinionDocument) -> None:
    if document.not_understood:
        sheet.heading("not_understood")
        sheet.paragraph(unread_text(document, sheet.language))


def explain_table(
    document: OpinionDocument,
    unknown: Sequence[str],
    language: str,
    width: int,
    *,
    colour: bool = False,
) -> str:
    """Return why the first explanations stand where they do: evidence for and against, in words and numbers.

    Parameters
    ----------
    unknown
        What is not known and would matter, each in words.
    """
    sheet = Sheet(width, language, colour=colour)
    known = stated_findings(document.findings)
    for place, diagnosis in enumerate(document.differential[:MOST_EXPLAINED], start=1):
        sheet.lines += [""] if sheet.lines else []
        title = (
            f"{place}. {say(diagnosis.diagnosis, language)}, {percent_text(diagnosis.probability, language)}"
        )
        sheet.lines.append(sheet.painted(title, BOLD))
        total = diagnosis.prior + sum(e.weight for e in (*diagnosis.supporting, *diagnosis.against))
        odds = {"prior": f"{diagnosis.prior:+.2f}", "posterior": f"{total:+.2f}"}
        sheet.paragraph(phrase("opinion", "prior", language, **odds), first="   ")
        for key, evidence in (("for", diagnosis.supporting), ("against", diagnosis.against)):
            if evidence:
                sheet.paragraph(phrase("opinion", key, language) + LEAD[language].rstrip(), first="   ")
            for e in evidence:
                name = evidence_text(e.finding, known, language, document.study.patient)
                sheet.paragraph(_evidence(e, name, language), first="     ")
    if document.differential:
        sheet.lines.append("")
        sheet.paragraph(grades_text(document.differential[0], language), first="")
    if unknown:
        sheet.lines.append("")
        sheet.lines.append(sheet.painted(phrase("opinion", "unknown", language), BOLD))
    for text in unknown:
        sheet.paragraph(text, first="   - ")
    _contradictions(sheet, document)
    return sheet.text


def _evidence(evidence: EvidenceEntry, name: str, language: str) -> str:
    return phrase(
        "opinion",
        "evidence",
        language,
        weight=f"{evidence.weight:+.2f}" if abs(evidence.weight) >= LEAST_WEIGHT else "±0.00",
        name=name,
        words=explain_weight(evidence.weight, language),
        source=source_text(evidence.source, language),
    )


def compare_tables(
    before: OpinionDocument,
    after: OpinionDocument,
    changes: Mapping[str, object],
    language: str,
    width: int,
    *,
    colour: bool = False,
) -> str:
    """Return two opinions beside each other: the probabilities, and what changes in alerts and plan."""
    sheet = Sheet(width, language, colour=colour)
    said = [f"{n} = {str(v).lower() if isinstance(v, bool) else v}" for n, v in changes.items()]
    sheet.heading("what_if", changes=PAUSE[language].join(said))
    listed = (*listed_diagnoses(after.differential), *listed_diagnoses(before.differential))
    named = dict.fromkeys(d.diagnosis for d in listed)
    now, then = (
        {d.diagnosis: percent_text(d.probability, language) for d in document.differential}
        for document in (before, after)
    )
    header = ["", phrase("opinion", "before", language), phrase("opinion", "after", language)]
    table = [[say(name, language), now.get(name, "–"), then.get(name, "–")] for name in named]
    if table:
        sheet.rows(header, table)
    if not after.differential:
        sheet.paragraph(nothing_text(after, language))
    sheet.lines.append("")
    pairs = {
        "alerts": ([a.id for a in before.alerts], [a.id for a in after.alerts]),
        "plan": ([a.action for a in before.plan], [a.action for a in after.plan]),
    }
    for key, (old, new) in pairs.items():
        change = changed(old, new, language)
        sheet.paragraph(
            phrase("opinion", f"{key}_change" if change else f"same_{key}", language, list=change)
        )
    return sheet.text


def changed(before: Sequence[str], after: Sequence[str], language: str) -> str:
    """Return which terms come and which go; empty where none does."""
    come = [("added", term) for term in dict.fromkeys(after) if term not in before]
    gone = [("dropped", term) for term in dict.fromkeys(before) if term not in after]
    said = [phrase("opinion", key, language, name=say(term, language)) for key, term in (*come, *gone)]
    return CLAUSE[language].join(said)
