"""An opinion in words: the radiologist's text and the patient's, English and Chinese."""

from __future__ import annotations

from hepalith.reading.alternatives import alternatives_text
from hepalith.reading.conclusion import AlertEntry, FindingEntry
from hepalith.reading.layperson import tell_of_facts, text_of
from hepalith.reading.negation import say_absent
from hepalith.reading.opinion_document import OpinionDocument
from hepalith.reading.part import Choice, Quantity
from hepalith.reading.phrases import phrase
from hepalith.reading.planning import plan_lines
from hepalith.reading.punctuation import CLAUSE, LEAD, PAUSE
from hepalith.reading.reasoning import age_text, contradiction_texts, impression_of
from hepalith.reading.terms import say_choice, say_inline
from hepalith.reading.translate import in_language, translate
from hepalith.reading.wording import percent_text, quantity_text
from hepalith.vocabulary import inline

__all__ = [
    "alert_text",
    "finding_text",
    "nothing_text",
    "stated_texts",
    "summarise_opinion",
    "summarise_opinion_for_patient",
    "unread_text",
]

MOST_QUOTED = 10
"""Places of a text that are quoted as not understood; JSON has them all. Our judgement."""


def summarise_opinion(document: OpinionDocument, language: str) -> str:
    """Return the short radiology text: findings, impression, recommendation, limits."""
    stated = CLAUSE[language].join(stated_texts(document, language))
    sections = {
        "findings": [phrase("opinion", "stated", language, list=stated)],
        "impression": impression_lines(document, language),
        "recommendation": plan_lines(document, language),
        "limits": limit_lines(document, language),
    }
    blocks = [
        "\n".join([phrase("opinion", name, language) + LEAD[language].rstrip(), *lines])
        for name, lines in sections.items()
        if lines
    ]
    return "\n\n".join([*blocks, phrase("radiology", "notice", language)])


def stated_texts(document: OpinionDocument, language: str) -> list[str]:
    """Return what is known, each as a few words: the patient first, then the findings."""
    return [*_patient_texts(document, language), *(finding_text(f, language) for f in document.findings)]


def _patient_texts(document: OpinionDocument, language: str) -> list[str]:
    patient = document.study.patient
    said = []
    if patient.age_years is not None:
        said.append(age_text(patient.age_years, language))
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
        name = f"{name}{LEAD[language]}{alternatives_text(finding, language)}"
    elif isinstance(finding.value, Choice):
        choice = inline(say_choice(finding.id, finding.value.choice, language), language)
        name = f"{name}{LEAD[language]}{choice}"
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
    clashes = contradiction_texts(document.contradictions, language)
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


def unread_text(document: OpinionDocument, language: str) -> str:
    """Quote what of the text was not understood, the first places of it."""
    spans = document.not_understood
    quoted = [f"“{' '.join(span.words.split())}”" for span in spans[:MOST_QUOTED]]
    if len(spans) > MOST_QUOTED:
        quoted.append(phrase("opinion", "and_more", language, count=len(spans) - MOST_QUOTED))
    return PAUSE[language].join(quoted)


def limit_lines(document: OpinionDocument, language: str) -> list[str]:
    """Say what this rests on, and what of a text was not understood."""
    lines = [phrase("opinion", "no_image", language)]
    if document.not_understood:
        lines.append(phrase("opinion", "unread", language, list=unread_text(document, language)))
    return lines


def summarise_opinion_for_patient(document: OpinionDocument, language: str) -> str:
    """Return the patient's text: plain and calm, without a verdict, a number of chance or a promise."""
    return text_of(tell_of_facts(document, document.study.patient.age_years, language), language)
