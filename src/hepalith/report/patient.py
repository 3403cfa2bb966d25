"""The patient's page: one calm, self-contained page of everyday words."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from hepalith.errors import OutputError
from hepalith.reading import Reading
from hepalith.reading.document import ActionEntry, Document
from hepalith.reading.layperson import most_urgent, seen_by_patient
from hepalith.reading.phrases import phrase
from hepalith.reading.summary import WHOLE_LIVER
from hepalith.reading.wording import format_number, span_text
from hepalith.report.words import LANGUAGES

__all__ = ["render_patient", "write_patient"]

WEEKS_A_MONTH = 4.35
"""Weeks of a month, for people: an interval below two months is said in weeks."""

WEEKS_BELOW_MONTHS = 2.0
"""Length of an interval, in months, below which weeks are said."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the plan in everyday words, and when."""

    text: str
    when: str


def write_patient(reading: Reading, path: Path, *, language: str | None = None) -> None:
    """Write the patient's page, in `language` or the one that the reading's settings name.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = render_patient(reading, language=language)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path.name} cannot be written ({error.strerror or error})") from error


def render_patient(reading: Reading, *, language: str | None = None) -> str:
    """Return the patient's page as text.

    What was seen and what may come next, in everyday words and drawn from ``reading.json``
    alone. It names no diagnosis and no probability, promises nothing, and says nothing of who
    the patient is.
    """
    document = reading.document
    chosen = language or str(document.provenance.settings.get("language", "en"))
    chosen = chosen if chosen in LANGUAGES else "en"
    urgency = most_urgent(document) if document.is_answerable else None
    return load_template().render(
        d=document,
        language=chosen,
        said=partial(said, "page", chosen),
        phrase=partial(phrase, "patient", language=chosen),
        urgency=urgency,
        urgent_text=phrase("patient", f"alert_{urgency}", chosen) if urgency else "",
        seen=seen(document, chosen),
        steps=tuple(step(action, chosen) for action in document.plan),
    )


def said(table: str, language: str, key: str, **values: object) -> str:
    """Return one sentence of this page's own words, its blanks filled."""
    text: str = load_words()[table][key][language]
    return text.format(**values)


def seen(document: Document, language: str) -> tuple[str, ...]:
    """Return what was seen, sentence by sentence."""
    if not document.is_answerable:
        return (phrase("patient", "unanswerable", language), phrase("patient", "ask_again", language))
    sentences = [phrase("patient", key, language, **values) for key, values in seen_by_patient(document)]
    if document.calcifications:
        if document.liver.in_view < WHOLE_LIVER:
            sentences.append(phrase("patient", "part", language))
        sentences.append(phrase("patient", "causes", language))
    return tuple(sentences)


def step(action: ActionEntry, language: str) -> Step:
    """Return one step of the plan; one of a later version than this is said by its kind alone."""
    known = load_words()["step"]
    text = (
        known[action.action][language] if action.action in known else said("page", language, "nothing_next")
    )
    return Step(text, when(action, language))


def when(action: ActionEntry, language: str) -> str:
    """Return when a step is suggested, by dates where they are known; empty where no time is set."""
    after, due, repeat = action.after, action.due, action.repeat
    tell = partial(said, "when", language)
    if after is None:
        return ""
    if after.to_months == 0:
        text = tell("now")
    elif due is not None and after.from_months == 0:
        text = tell("by", end=due.end.isoformat())
    elif due is not None and due.start == due.end:
        text = tell("on", start=due.start.isoformat())
    elif due is not None:
        text = tell("between", start=due.start.isoformat(), end=due.end.isoformat())
    elif after.from_months == 0 and after.to_months < WEEKS_BELOW_MONTHS:
        text = tell("within", weeks=max(1, round(after.to_months * WEEKS_A_MONTH)))
    else:
        text = tell("after", months=span_text(after.from_months, after.to_months))
    if repeat is None:
        return text
    comma = {"en": ", ", "zh": "，"}[language]
    every, until = span_text(*repeat.every_months), format_number(repeat.until_months)
    return text + comma + tell("repeat", every=every, until=until)


@cache
def load_words() -> dict[str, Any]:
    """Return the page's own words, by table, key and language."""
    return tomllib.loads(files("hepalith.report").joinpath("patient.toml").read_text(encoding="utf-8"))


@cache
def load_template() -> Template:
    """Return the page's template; what it names must exist."""
    environment = Environment(
        loader=PackageLoader("hepalith.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("patient.html.j2")
