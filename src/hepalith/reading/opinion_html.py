"""An opinion as a small table for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hepalith.reading.conclusion import ActionEntry
from hepalith.reading.opinion_document import OpinionDocument
from hepalith.reading.opinion_table import listed_diagnoses
from hepalith.reading.opinion_words import alert_text, nothing_text, stated_texts, unread_text
from hepalith.reading.phrases import phrase
from hepalith.reading.planning import when_texts
from hepalith.reading.punctuation import CLAUSE, LEAD
from hepalith.reading.reasoning import malignant_text
from hepalith.reading.terms import say
from hepalith.reading.translate import in_language
from hepalith.reading.wording import percent_text, range_text

__all__ = ["opinion_html"]

MOST_TESTS = 5
"""Tests shown; JSON has them all. Our judgement."""


def opinion_html(document: OpinionDocument, language: str) -> str:
    """Return the opinion as HTML without scripts or styles of its own, everything escaped."""
    parts = [_list("heard", stated_texts(document, language), language)]
    alerts = [alert_text(alert, language) for alert in document.alerts]
    parts.append(_list("alerts", alerts, language))
    parts.append(_differential(document, language))
    clashes = [in_language(c.reason, c.reason_zh, language) for c in document.contradictions]
    parts.append(_list("contradictions", clashes, language))
    colon = LEAD[language]
    tests = [
        f"{say(t.test, language)}{colon}{in_language(t.why, t.why_zh, language)}"
        for t in document.next_tests[:MOST_TESTS]
    ]
    parts.append(_list("tests", tests, language))
    gradings = [in_language(g.text, g.text_zh, language) for g in document.gradings]
    parts.append(_list("gradings", gradings, language))
    policy = document.provenance.policy.id
    parts.append(_list("plan", _steps(document.plan, language), language, policy=policy))
    beside = document.plan_beside
    if beside is not None:
        parts.append(_list("beside", _steps(beside.plan, language), language, policy=beside.policy))
    unread = [unread_text(document, language)] if document.not_understood else []
    parts.append(_list("not_understood", unread, language))
    parts.append(f"<p><small>{escape(phrase('radiology', 'notice', language))}</small></p>")
    return f'<div lang="{language}">{"".join(parts)}</div>'


def _list(key: str, items: list[str], language: str, **values: object) -> str:
    """Return a heading and a list; nothing where there are no items."""
    if not items:
        return ""
    rows = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h4>{escape(phrase('opinion', key, language, **values))}</h4><ul>{rows}</ul>"


def _steps(plan: Sequence[ActionEntry], language: str) -> list[str]:
    """Return the steps of a plan, each with its dates."""
    steps = []
    for action in plan:
        text = in_language(action.text, action.text_zh, language)
        when = CLAUSE[language].join(when_texts(action, language))
        steps.append(phrase("opinion", "when", language, when=when, text=text) if when else text)
    return steps


def _differential(document: OpinionDocument, language: str) -> str:
    title = f"<h4>{escape(phrase('opinion', 'differential', language))}</h4>"
    ranked = document.differential
    if not ranked:
        return f"{title}<p>{escape(nothing_text(document, language))}</p>"
    head = "".join(
        f"<th>{escape(phrase('opinion', key, language))}</th>" for key in ("probability", "range", "first_in")
    )
    rows = "".join(
        f"<tr><td>{escape(say(d.diagnosis, language))}</td>"
        f"<td>{escape(percent_text(d.probability, language))}</td>"
        f"<td>{escape(range_text(d.low, d.high, language))}</td>"
        f"<td>{escape(percent_text(d.first_in, language))}</td></tr>"
        for d in listed_diagnoses(ranked)
    )
    malignant = escape(malignant_text(ranked, language))
    return f"{title}<table><tr><th></th>{head}</tr>{rows}</table><p>{malignant}</p>"
