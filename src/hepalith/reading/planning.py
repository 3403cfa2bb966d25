"""The plan in words: steps with their dates, grades and stages, tests, and what another policy asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hepalith.reading.conclusion import ActionEntry, BesideEntry, GradingEntry, NextTestEntry
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import CLAUSE
from hepalith.reading.terms import say
from hepalith.reading.translate import in_language
from hepalith.reading.wording import due_text, format_bits, months_text, repeat_text

__all__ = ["Planned", "plan_lines", "when_texts"]


MAX_TESTS_IN_WORDS = 3
"""Tests named in the text. Our judgement: the page has them all."""

MAX_SENTENCES_OF_A_TEST = 2
"""Sentences said of why a test is worth doing; the page has them all. Our judgement."""


class Planned(Protocol):
    """What the words are drawn from: the document of a reading, or an opinion without images."""

    @property
    def plan(self) -> tuple[ActionEntry, ...]:
        """The steps."""
        ...

    @property
    def plan_beside(self) -> BesideEntry | None:
        """What another policy asks for instead."""
        ...

    @property
    def gradings(self) -> tuple[GradingEntry, ...]:
        """Grades, stages and categories."""
        ...

    @property
    def next_tests(self) -> tuple[NextTestEntry, ...]:
        """The tests worth doing."""
        ...


def plan_lines(planned: Planned, language: str) -> list[str]:
    """Say what to do and when, what another policy asks instead, and which tests would settle it."""
    lines = [_line(action, language) for action in planned.plan]
    lines = lines or [phrase("radiology", "no_action", language)]
    lines += [in_language(g.text, g.text_zh, language) for g in planned.gradings]
    other = planned.plan_beside
    if other is not None and other.plan:
        lines.append(phrase("reasoning", "beside", language, policy=other.policy))
        lines += [_line(action, language) for action in other.plan]
    tests = say_tests(planned.next_tests, language)
    if tests:
        lines += [phrase("radiology", "tests", language), *(f"- {text}" for text in tests)]
    return lines


def _line(action: ActionEntry, language: str) -> str:
    text = in_language(action.text, action.text_zh, language).rstrip(".。")
    when = CLAUSE[language].join(when_texts(action, language))
    return "- " + phrase("radiology", "when" if when else "whenever", language, text=text, when=when)


def when_texts(action: ActionEntry, language: str) -> list[str]:
    """Say when a step is due, how often it is repeated, and when it may and when it does stop.

    By dates where they are known, else in months after the examination; never by both.
    """
    said = []
    if action.due is not None:
        said.append(due_text(action.due, language))
    elif action.after is not None:
        said.append(months_text(action.after, language))
    if action.repeat is not None:
        said.append(repeat_text(action.repeat, language, dated=action.stop is not None))
    if action.may_stop is not None and action.may_stop != action.stop:
        said.append(phrase("reasoning", "may_stop", language, date=action.may_stop.isoformat()))
    if action.stop is not None:
        said.append(phrase("reasoning", "until", language, date=action.stop.isoformat()))
    return said


def first_sentences(text: str, count: int, language: str) -> str:
    """Return the first sentences of a text.

    Examples
    --------
    >>> first_sentences("It costs nothing. It tells much. It is old.", 2, "en")
    'It costs nothing. It tells much.'
    """
    stop = {"en": ". ", "zh": "。"}[language]
    parts = text.split(stop)
    kept = stop.join(parts[:count]).rstrip()
    return kept if kept.endswith((".", "。")) or not kept else kept + stop.strip()


def say_tests(tests: Sequence[NextTestEntry], language: str) -> list[str]:
    """Say the first tests worth doing: why, what is expected of them, and what they cost the patient."""
    said = []
    for test in tests[:MAX_TESTS_IN_WORDS]:
        why = in_language(test.why, test.why_zh, language)
        harm = in_language(test.harm, test.harm_zh, language)
        gain = ""
        if test.expected_gain_bits is not None:
            gain = phrase("reasoning", "gain", language, bits=format_bits(test.expected_gain_bits))
        burden = phrase("reasoning", "harm", language, harm=harm.rstrip(".。")) if harm else ""
        name = say(test.test, language)
        said.append(
            phrase(
                "reasoning",
                "test",
                language,
                name=name,
                why=first_sentences(why, MAX_SENTENCES_OF_A_TEST, language),
                gain=gain,
                harm=burden,
            )
        )
    return said
