"""An opinion in words: the radiologist's text and the patient's, English and Chinese."""

from __future__ import annotations

from hepalith.reading.alternatives import alternatives_text
from hepalith.reading.conclusion import ActionEntry, AlertEntry, FindingEntry
from hepalith.reading.layperson import tell_of_facts, text_of
from hepalith.reading.negation import say_absent
from hepalith.reading.opinion_document import OpinionDocument
from hepalith.reading.part import Choice, Quantity
from hepalith.reading.phrases import phrase
from hepalith.reading.reasoning import impression_of, tests_in_words
from hepalith.reading.terms import say_choice, say_inline
from hepalith.reading.translate import translate
from hepalith.reading.wording import (
    due_text,
    format_number,
    months_text,
    percent_text,
    quantity_text,
    repeat_text,
)
from hepalith.vocabulary import inline

__all__ = [
    "alert_text",
    "finding_text",
    "in_language",
    "nothing_text",
    "stated_texts",
    "summarise_opinion",
    "summarise_opinion_for_patient",
    "unread_text",
    "when_texts",
]

COMMA = {"en": ", ", "zh": "，"}
SEMICOLON = {"en": "; ", "zh": "；"}
COLON = {"en": ":", "zh": "："}
NAMED = {"en": ": ", "zh": "："}

MOST_QUOTED = 10
"""Places of a text that are quoted as not understood; JSON has them all. Our judgement."""

MONTHS_BELOW_YEARS = 2.0
"""Age below which an age is said in months."""


def summarise_opinion(document: OpinionDocument, language: str) -> str:
    """Return the short radiology text: findings, impression, recommendation, limits."""
    sections = {
        "findings": [
            phrase("opinion", "stated", language, list=COMMA[language].join(stated_texts(document, language)))
        ],
        "impression": impression_lines(document, language),
        "recommendation": recommendation_lines(document, language),
        "limits": limit_lines(document, language),
    }
    blocks = [
        "\n".join([phrase("opinion", name, language) + COLON[language], *lines])
        for name, lines in sections.items()
        if lines
    ]
    return "\n\n".join([*blocks, phrase("radiology", "notice", language)])


def in_language(english: str, chinese: str, language: str) -> str:
    """Return a text that stands in both languages; the English one where there is no Chinese."""
    return chinese if language == "zh" and chinese else english


def stated_texts(document: OpinionDocument, language: str) -> list[str]:
    """Return what is known, each as a few words: the patient first, then the findings."""
    return [*_patient_texts(document, language), *(finding_text(f, language) for f in document.findings)]


def _patient_texts(document: OpinionDocument, language: str) -> list[str]:
    patient = document.study.patient
    said = []
    if patient.age_years is not None:
        months = patient.age_years < MONTHS_BELOW_YEARS
        value = format_number(patient.age_years * 12 if months else patient.age_years, 2)
        said.append(phrase("opinion", "months" if months else "age", language, value=value))
    if patient.sex is not None:
        said.append(phrase("opinion", patient.sex, language))
    return said


def finding_text(finding: FindingEntry, language: str) -> str:
    """Return one finding as it counted: its state, value and doubt, and the words it came from."""
    absent = finding.state == "absent"
    name = say_absent(finding.id, language) if absent else say_inline(finding.id, language)
    if isinstance(finding.value, Quantity):
        name = f"{name} {quantity_text(finding.value, language, interval=True)}"
    elif len(finding.alternatives) > 1:
        name = f"{name}{NAMED[language]}{alternatives_text(finding, language)}"
    elif isinstance(finding.value, Choice):
        choice = inline(say_choice(finding.id, finding.value.choice, language), language)
        name = f"{name}{NAMED[language]}{choice}"
    if finding.state == "not_assessable":
        reason = translate(finding.reason or "", language)
        said = phrase("opinion", "not_assessable", language, name=name, reason=reason)
    elif absent:
        said = name
    elif finding.probability is not None and finding.probability < 1 and len(finding.alternatives) < 2:
        probability = percent_text(finding.probability, language)
        said = phrase("evidence", "chance", language, name=name, probability=probability)
    else:
        said = name
    if finding.words:
        said = phrase("opinion", "words", language, name=said, words=" ".join(finding.words.split()))
    return said


def impression_lines(document: OpinionDocument, language: str) -> list[str]:
    """Say what it may be, ranked; alerts and contradictions first."""
    alerts = [alert_text(alert, language) for alert in document.alerts]
    clashes = [in_language(c.reason, c.reason_zh, language) for c in document.contradictions]
    return [*alerts, *clashes, *(impression_of(document, language) or [nothing_text(document, language)])]


def alert_text(alert: AlertEntry, language: str) -> str:
    """Say one red flag, and how soon it asks for a physician."""
    text = in_language(alert.text, alert.text_zh, language)
    return phrase("radiology", f"alert_{alert.urgency}", language, text=text)


def nothing_text(document: OpinionDocument, language: str) -> str:
    """Say why there is no ranking."""
    if document.study.patient.subject == "fetus":
        return phrase("opinion", "fetus", language)
    states = {f.state for f in document.findings if f.id == "intrahepatic_calcification"}
    return phrase("opinion", "nothing" if states <= {"absent"} else "open", language)


def when_texts(action: ActionEntry, language: str) -> list[str]:
    """Say when a step is due, how often it is repeated, and when it ends."""
    said = []
    if action.due is not None:
        said.append(due_text(action.due, language))
    elif action.after is not None:
        said.append(months_text(action.after, language))
    if action.repeat is not None:
        said.append(repeat_text(action.repeat, language))
    if action.stop is not None:
        said.append(phrase("opinion", "stop", language, date=action.stop.isoformat()))
    return said


def recommendation_lines(document: OpinionDocument, language: str) -> list[str]:
    """Say what to do and when, and which tests would settle it."""
    lines = []
    for action in document.plan:
        text = in_language(action.text, action.text_zh, language).rstrip(".。")
        when = SEMICOLON[language].join(when_texts(action, language))
        lines.append(
            "- " + phrase("radiology", "when" if when else "whenever", language, text=text, when=when)
        )
    tests = tests_in_words(document.next_tests, language)
    said = [phrase("radiology", "tests", language), *(f"- {text}" for text in tests)] if tests else []
    return [*(lines or [phrase("radiology", "no_action", language)]), *said]


def unread_text(document: OpinionDocument, language: str) -> str:
    """Quote what of the text was not understood, the first places of it."""
    spans = document.not_understood
    quoted = [f"“{' '.join(span.words.split())}”" for span in spans[:MOST_QUOTED]]
    if len(spans) > MOST_QUOTED:
        quoted.append(phrase("opinion", "and_more", language, count=len(spans) - MOST_QUOTED))
    return COMMA[language].join(quoted)


def limit_lines(document: OpinionDocument, language: str) -> list[str]:
    """Say what this rests on, and what of a text was not understood."""
    lines = [phrase("opinion", "no_image", language)]
    if document.not_understood:
        lines.append(phrase("opinion", "unread", language, list=unread_text(document, language)))
    return lines


def summarise_opinion_for_patient(document: OpinionDocument, language: str) -> str:
    """Return the patient's text: plain and calm, without a verdict, a number of chance or a promise."""
    return text_of(tell_of_facts(document, document.study.patient.age_years, language), language)
