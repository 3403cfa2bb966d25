"""The plan in words: each step with its dates and stop, grades and stages, and what is asked beside it."""

from __future__ import annotations

from typing import Protocol

from hepalith.reading.conclusion import ActionEntry, BesideEntry, GradingEntry, NextTestEntry
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import CLAUSE
from hepalith.reading.reasoning import tests_in_words
from hepalith.reading.translate import in_language
from hepalith.reading.wording import due_text, months_text, repeat_text

__all__ = ["Planned", "plan_lines", "when_texts"]


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
    tests = tests_in_words(planned.next_tests, language)
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
