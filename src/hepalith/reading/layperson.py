"""A reading in words for the patient: plain and calm, without a verdict, a number of chance or a promise."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hepalith.differential import load_knowledge
from hepalith.reading.document import ActionEntry, Document, Quantity
from hepalith.reading.phrases import load_phrases, phrase
from hepalith.reading.reasoning import LEAST_SECOND_PROCESS, is_malignant
from hepalith.reading.summary import WHOLE_LIVER
from hepalith.reading.wording import format_number, span_text

__all__ = ["PatientText", "Step", "meaning_key", "most_urgent", "summarise_for_patient", "tell_patient"]

CHILD_BELOW_YEARS = 16.0
"""Age below which the page speaks to the parents. Our judgement; laws differ."""

LIKELY = 0.8
"""Share of one meaning from which it is said to fit best without a "but". Our judgement."""

UNSURE = 0.5
"""Share below which all other meanings together outweigh the first: nothing stands out."""

CLOSER_LOOK_FROM = 0.10
"""Share of all malignant explanations from which the other causes are said to need a closer look.

Below it they are still said to be possible. Our judgement: no patient's page hides them.
"""

CLOSER_LOOK = "closer_look"
"""The meaning of whatever is malignant: never a verdict, never a comfort."""

SUSPECT_HOSTS = frozenset({"solid", "mixed", "infiltrative"})
"""Lesions around calcium that are never called harmless from their calcium."""

WEEKS_A_MONTH = 4.35
"""Weeks of a month, for people: an interval below two months is said in weeks."""

WEEKS_BELOW_MONTHS = 2.0
"""Length of an interval, in months, below which weeks are said."""

OWN_WARNINGS = ("hydatid", "wide_vessel")
"""Meanings that have a warning of their own beside the common one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the plan in everyday words, and when; empty where no time is set."""

    text: str
    when: str


@dataclass(frozen=True, slots=True)
class PatientText:
    """What the patient is told, section by section; `whose` is ``self``, ``child`` or ``fetus``."""

    whose: str
    urgency: str | None
    urgent: str
    what: str
    seen: tuple[str, ...]
    meaning: tuple[str, ...]
    steps: tuple[Step, ...]
    about_steps: str
    sooner: tuple[str, ...]
    talk: tuple[str, ...]


def tell_patient(document: Document, language: str) -> PatientText:
    """Return what the patient is told of a reading, drawn from the document alone."""
    whose = speak_to(document)
    urgency = most_urgent(document) if document.is_answerable else None
    your = phrase("whose", whose, language)
    steps = tuple(step(action, language) for action in document.plan)
    return PatientText(
        whose=whose,
        urgency=urgency,
        urgent=phrase("patient", f"alert_{urgency}", language) if urgency else "",
        what=phrase("patient", "what", language, your=your),
        seen=seen(document, language),
        meaning=tuple(phrase(table, key, language) for table, key in meant(document)),
        steps=steps,
        about_steps=phrase("patient", "ask" if steps else "nothing_next", language),
        sooner=sooner(document, whose, language),
        talk=(phrase("patient", "discuss", language, your=your), phrase("patient", "bring", language)),
    )


def summarise_for_patient(document: Document, language: str) -> str:
    """Return the patient's page as running text."""
    told = tell_patient(document, language)
    colon = {"en": ": ", "zh": "："}[language]
    steps = tuple(f"- {s.when}{colon}{s.text}" if s.when else f"- {s.text}" for s in told.steps)
    sections = (
        ("what", (told.what,)),
        ("seen", told.seen),
        ("meaning", told.meaning),
        ("next", (*steps, told.about_steps)),
        ("sooner", told.sooner),
        ("talk", told.talk),
    )
    blocks = [told.urgent] if told.urgent else []
    blocks += ["\n".join((phrase("heading", key, language), *lines)) for key, lines in sections if lines]
    return "\n\n".join((*blocks, phrase("patient", "notice", language)))


def speak_to(document: Document) -> str:
    """Return to whom the page speaks: the patient, or the parents of a child or of an unborn one."""
    if any(action.action == "fetal_pathway" for action in document.plan):
        return "fetus"
    age = document.study.patient.age_years
    return "child" if age is not None and age < CHILD_BELOW_YEARS else "self"


def most_urgent(document: Document) -> str | None:
    """Return how soon a physician has to look: the most urgent of the alerts; ``None`` without alerts."""
    raised = {alert.urgency for alert in document.alerts}
    return next((urgency for urgency in ("today", "prompt", "routine") if urgency in raised), None)


def seen(document: Document, language: str) -> tuple[str, ...]:
    """Say what was found, in everyday words."""
    if not document.is_answerable:
        return (phrase("patient", "unanswerable", language), phrase("patient", "ask_again", language))
    foci = document.calcifications
    if not foci:
        said = _nothing_found(document, language)
    else:
        sizes = [f.diameter.value for f in foci if isinstance(f.diameter, Quantity)]
        key = ("one" if len(foci) == 1 else "many") + ("" if sizes else "_unsized")
        size = max(1, round(max(sizes))) if sizes else 0
        said = [phrase("patient", key, language, count=len(foci), size=size)]
        hosts = {f.host.kind for f in foci}
        if hosts & SUSPECT_HOSTS:
            said.append(phrase("patient", "host_seen", language))
        elif "not_assessable" in hosts:
            said.append(phrase("patient", "host_open", language))
        if document.liver.in_view < WHOLE_LIVER:
            said.append(phrase("patient", "part", language))
    if document.mimics:
        said.append(phrase("patient", "mimics", language))
    return tuple(said)


def _nothing_found(document: Document, language: str) -> list[str]:
    """Say that no calcium was found, and what that does not say."""
    said = [phrase("patient", "none" if document.liver.in_view >= WHOLE_LIVER else "none_part", language)]
    smallest = document.detectability.smallest_focus
    if isinstance(smallest, Quantity):
        said.append(phrase("patient", "none_small", language, size=max(1, round(smallest.value))))
    return [*said, phrase("patient", "not_healthy", language)]


@cache
def load_meanings() -> dict[str, str]:
    """Return which plain sentence says a diagnosis, by diagnosis."""
    text = files("hepalith.reading").joinpath("meaning.toml").read_text(encoding="utf-8")
    tables: dict[str, Any] = tomllib.loads(text)
    own: Mapping[str, str] = tables["diagnosis"]
    return {e.id: own.get(e.id, tables["family"][e.family]) for e in load_knowledge().entries}


def meaning_key(diagnosis: str) -> str:
    """Return which plain sentence says a diagnosis; one of a later version is not clear to this one.

    Examples
    --------
    >>> meaning_key("simple_healed"), meaning_key("hcc"), meaning_key("of_a_later_version")
    ('healed', 'closer_look', 'unclear')
    """
    return load_meanings().get(diagnosis, "unclear")


def leading_meaning(document: Document) -> tuple[str, float] | None:
    """Return the meaning that most of the probability stands behind, and its share."""
    shares: dict[str, float] = {}
    for diagnosis in document.differential:
        key = meaning_key(diagnosis.diagnosis)
        shares[key] = shares.get(key, 0.0) + diagnosis.probability
    return max(shares.items(), key=lambda item: item[1]) if shares else None


def meant(document: Document) -> list[tuple[str, str]]:
    """Say what it most likely means and how sure that is, as keys of the tables of sentences."""
    if not document.is_answerable or not (document.calcifications or document.differential):
        return []
    leading = leading_meaning(document)
    if leading is None:
        return [("meaning", "open")]
    key, share = leading
    keys = [("meaning", key)]
    if key not in (CLOSER_LOOK, "unclear"):
        sure = "likely" if share >= LIKELY else "unsure" if share >= UNSURE else "flat"
        keys.append(("sure", sure))
    if _may_be_several(document):
        keys.append(("sure", "several"))
    if key != CLOSER_LOOK:
        together = sum(d.probability for d in document.differential if is_malignant(d.diagnosis))
        suspect = any(f.host.kind in SUSPECT_HOSTS for f in document.calcifications)
        keys.append(("sure", "closer" if together >= CLOSER_LOOK_FROM or suspect else "open"))
    if document.contradictions:
        keys.append(("sure", "clash"))
    return keys


def _may_be_several(document: Document) -> bool:
    """Return whether a second process of another meaning is likely enough to be said."""
    first = meaning_key(document.differential[0].diagnosis)
    return (
        any(
            p.probability >= LEAST_SECOND_PROCESS and meaning_key(p.diagnosis) != first
            for p in document.processes
        )
        and sum(p.probability for p in document.processes) >= 1 + LEAST_SECOND_PROCESS
    )


def sooner(document: Document, whose: str, language: str) -> tuple[str, ...]:
    """Say when not to wait for the appointment."""
    said = [phrase("sooner", whose, language)]
    possible = {
        meaning_key(d.diagnosis) for d in document.differential if d.probability >= LEAST_SECOND_PROCESS
    }
    said += [phrase("sooner", key, language) for key in OWN_WARNINGS if key in possible]
    return tuple(said)


def step(action: ActionEntry, language: str) -> Step:
    """Return one step of the plan; one of a later version than this is said by its kind alone."""
    known = action.action in load_phrases()["step"]
    text = phrase("step", action.action, language) if known else phrase("patient", "nothing_next", language)
    return Step(text, when(action, language))


def when(action: ActionEntry, language: str) -> str:
    """Return when a step is suggested, by dates where they are known; empty where no time is set."""
    after, due, repeat = action.after, action.due, action.repeat
    if after is None:
        return ""
    if after.to_months == 0:
        text = phrase("when", "now", language)
    elif due is not None and after.from_months == 0:
        text = phrase("when", "by", language, end=due.end.isoformat())
    elif due is not None and due.start == due.end:
        text = phrase("when", "on", language, start=due.start.isoformat())
    elif due is not None:
        text = phrase("when", "between", language, start=due.start.isoformat(), end=due.end.isoformat())
    elif after.from_months == 0 and after.to_months < WEEKS_BELOW_MONTHS:
        text = phrase("when", "within", language, weeks=max(1, round(after.to_months * WEEKS_A_MONTH)))
    else:
        text = phrase("when", "after", language, months=span_text(after.from_months, after.to_months))
    if repeat is None:
        return text
    comma = {"en": ", ", "zh": "，"}[language]
    every = span_text(*repeat.every_months)
    if action.stop is not None:
        return (
            text + comma + phrase("when", "repeat_date", language, every=every, stop=action.stop.isoformat())
        )
    until = format_number(repeat.until_months)
    return text + comma + phrase("when", "repeat", language, every=every, until=until)
