"""A reading in words for the patient: plain and calm, without a verdict, a number of chance or a promise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from hepalith.reading.conclusion import ActionEntry, AlertEntry, FindingEntry
from hepalith.reading.document import Document
from hepalith.reading.meaning import Explained, meant, possible_meanings
from hepalith.reading.part import Choice, Quantity
from hepalith.reading.phrases import load_phrases, phrase
from hepalith.reading.punctuation import LEAD, PAUSE
from hepalith.reading.summary import WHOLE_LIVER
from hepalith.reading.wording import WEEKS_A_MONTH, format_number, span_text, weeks_text

__all__ = [
    "PatientText",
    "Step",
    "most_urgent",
    "summarise_for_patient",
    "tell_of_facts",
    "tell_patient",
    "text_of",
]

CHILD_BELOW_YEARS = 16.0
"""Age below which the page speaks to the parents. Our judgement; laws differ."""

SUSPECT_HOSTS = frozenset({"solid", "mixed", "infiltrative"})
"""Lesions around calcium that are never called harmless from their calcium."""

WEEKS_BELOW_MONTHS = 2.0
"""Length of an interval, in months, below which weeks are said."""

MONTHS_A_YEAR = 12.0
"""Months of a year."""

YEARS_FROM = 2.0
"""Length, in years, from which whole years are said. Our judgement."""

OWN_WARNINGS = ("hydatid", "wide_vessel")
"""Meanings that have a warning of their own beside the common one."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the page says before the plan: of what it is made, what was found, and what it may mean."""

    what: str
    seen: tuple[str, ...]
    meaning: tuple[tuple[str, str], ...]
    is_answerable: bool = True


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


class Told(Explained, Protocol):
    """What a patient is told of: the document of a reading, or an opinion without images."""

    @property
    def findings(self) -> tuple[FindingEntry, ...]:
        """What is known."""
        ...

    @property
    def alerts(self) -> tuple[AlertEntry, ...]:
        """The hard rules that fired."""
        ...

    @property
    def plan(self) -> tuple[ActionEntry, ...]:
        """The steps."""
        ...


def tell_patient(document: Document, language: str) -> PatientText:
    """Return what the patient is told of a scan that was read, drawn from the document alone."""
    whose = speak_to(document.plan, document.study.patient.age_years)
    hosts = hosts_of(document)
    meaning: list[tuple[str, str]] = []
    if document.is_answerable and (document.counted or document.differential):
        meaning = meant(document, suspect_host=bool(SUSPECT_HOSTS & hosts))
    what = "what" if not document.has_ultrasound else "what_both" if document.has_ct else "what_ultrasound"
    known = _Known(what, tuple(_seen(document, language)), tuple(meaning), document.is_answerable)
    return _tell(document, whose, known, language)


def tell_of_facts(document: Told, age_years: float | None, language: str) -> PatientText:
    """Return what the patient is told of an opinion without images: from the findings that were stated."""
    whose = speak_to(document.plan, age_years)
    told, suspect = _stated(document.findings, language)
    meaning = meant(document, suspect_host=suspect) if document.differential else []
    if whose == "fetus" and not meaning:
        meaning = [("meaning", "fetus_mass" if suspect else "fetus")]
    return _tell(document, whose, _Known("what_facts", tuple(told), tuple(meaning)), language)


def _tell(document: Told, whose: str, known: _Known, language: str) -> PatientText:
    urgency = most_urgent(document.alerts) if known.is_answerable else None
    your = phrase("whose", whose, language)
    steps = steps_of_plan(document.plan, language)
    warnings = (whose, *(key for key in OWN_WARNINGS if key in possible_meanings(document)))
    return PatientText(
        whose=whose,
        urgency=urgency,
        urgent=phrase("patient", f"alert_{urgency}", language) if urgency else "",
        what=phrase("patient", known.what, language, your=your),
        seen=known.seen,
        meaning=tuple(phrase(table, key, language) for table, key in known.meaning),
        steps=steps,
        about_steps=phrase("patient", "ask" if steps else "nothing_next", language),
        sooner=tuple(phrase("sooner", key, language) for key in warnings),
        talk=(
            phrase("patient", "discuss_fetus" if whose == "fetus" else "discuss", language, your=your),
            phrase("patient", "bring_fetus" if whose == "fetus" else "bring", language),
        ),
    )


def summarise_for_patient(document: Document, language: str) -> str:
    """Return the patient's page as running text."""
    return text_of(tell_patient(document, language), language)


def text_of(told: PatientText, language: str) -> str:
    """Return what the patient is told as running text, section by section."""
    colon = LEAD[language]
    steps = tuple(f"- {s.when}{colon}{s.text}" if s.when else f"- {s.text}" for s in told.steps)
    sections = (
        ("seen", told.seen),
        ("meaning", told.meaning),
        ("next", (*steps, told.about_steps)),
        ("sooner", told.sooner),
        ("talk", told.talk),
        ("what", (told.what,)),
    )
    blocks = [told.urgent] if told.urgent else []
    blocks += ["\n".join((phrase("heading", key, language), *lines)) for key, lines in sections if lines]
    return "\n\n".join((*blocks, phrase("patient", "notice", language)))


def speak_to(plan: Iterable[ActionEntry], age_years: float | None) -> str:
    """Return to whom the page speaks: the patient, or the parents of a child or of an unborn one."""
    if any(action.action.startswith("fetal_") for action in plan):
        return "fetus"
    return "child" if age_years is not None and age_years < CHILD_BELOW_YEARS else "self"


def most_urgent(alerts: Iterable[AlertEntry]) -> str | None:
    """Return how soon a physician has to look: the most urgent of the alerts; ``None`` without alerts."""
    raised = {alert.urgency for alert in alerts}
    return next((urgency for urgency in ("today", "prompt", "routine") if urgency in raised), None)


def _seen(document: Document, language: str) -> list[str]:
    """Say what was found on a scan, in everyday words."""
    if not document.is_answerable:
        return [phrase("patient", "unanswerable", language), phrase("patient", "ask_again", language)]
    if not document.has_ct:
        return _seen_on_ultrasound(document, language)
    foci = [focus for focus in document.calcifications if focus.modality == "CT"]
    if not foci:
        said = _nothing_found(document, language)
    else:
        sizes = [f.diameter.value for f in foci if isinstance(f.diameter, Quantity)]
        said = [_counted(len(foci), max(sizes, default=None), language)]
        said += _around(hosts_of(document), language, several=len(foci) > 1)
        if document.liver.in_view < WHOLE_LIVER:
            said.append(phrase("patient", "part", language))
    if document.mimics:
        said.append(phrase("patient", "mimics", language))
    if document.has_ultrasound:
        same = phrase("patient", "also_ultrasound", language)
        said.append(phrase("patient", "disagree", language) if document.disagreements else same)
    return said


def _seen_on_ultrasound(document: Document, language: str) -> list[str]:
    """Say what ultrasound showed: bright spots, and that it cannot say for sure what they are made of."""
    foci = document.counted
    if not foci:
        said = [phrase("patient", key, language) for key in ("us_none", "not_healthy")]
    else:
        sizes = [f.diameter.value for f in foci if isinstance(f.diameter, Quantity)]
        key = ("us_one" if len(foci) == 1 else "us_many") + ("" if sizes else "_unsized")
        size = max(1, round(max(sizes, default=0.0)))
        said = [phrase("patient", key, language, count=len(foci), size=size)]
        said.append(phrase("patient", "us_substance", language))
        said += _around(hosts_of(document), language, several=len(foci) > 1)
        said.append(phrase("patient", "us_planes", language))
    if document.mimics:
        said.append(phrase("patient", "us_mimics", language))
    return said


def hosts_of(document: Document) -> frozenset[str]:
    """Return what surrounds the calcifications: as a person stated it, else as the image shows it."""
    stated = [
        f.value.choice
        for f in document.findings
        if f.id == "host_kind"
        and f.state == "present"
        and f.source in ("person", "text")
        and isinstance(f.value, Choice)
    ]
    return frozenset(stated or (focus.host.kind for focus in document.counted))


def _counted(count: int, largest_mm: float | None, language: str) -> str:
    """Say how many bright spots there are, and how large."""
    key = ("one" if count == 1 else "many") + ("" if largest_mm is not None else "_unsized")
    return phrase("patient", key, language, count=count, size=max(1, round(largest_mm or 0)))


def _around(hosts: Iterable[str], language: str, *, several: bool) -> list[str]:
    """Say whether anything lies around the spots, or that this is open."""
    ending = "_many" if several else ""
    if SUSPECT_HOSTS.intersection(hosts):
        return [phrase("patient", f"host_seen{ending}", language)]
    return [phrase("patient", f"host_open{ending}", language)] if "not_assessable" in hosts else []


def _stated(findings: Iterable[FindingEntry], language: str) -> tuple[list[str], bool]:
    """Say what was stated of the calcium, and whether a suspect lesion surrounds it."""
    known = {f.id: f for f in findings if f.state == "present"}
    absent = {f.id for f in findings if f.state == "absent"}
    if "intrahepatic_calcification" in absent:
        return [phrase("patient", "stated_none", language)], False
    number, size = (_value(known.get(key)) for key in ("focus_count", "largest_calcium"))
    several = "multiple_foci" in known or (number or 0) > 1
    key = "stated_many" if several else "stated_one"
    said = [phrase("patient", key if size is not None else f"{key}_unsized", language, size=_whole(size))]
    host = known.get("host_kind")
    kind = host.value.choice if host is not None and isinstance(host.value, Choice) else "not_assessable"
    return [*said, *_around({kind}, language, several=several)], kind in SUSPECT_HOSTS


def _value(finding: FindingEntry | None) -> float | None:
    return finding.value.value if finding is not None and isinstance(finding.value, Quantity) else None


def _whole(size_mm: float | None) -> int:
    return max(1, round(size_mm or 0))


def _nothing_found(document: Document, language: str) -> list[str]:
    """Say that no calcium was found, and what that does not say."""
    said = [phrase("patient", "none" if document.liver.in_view >= WHOLE_LIVER else "none_part", language)]
    smallest = document.detectability.smallest_focus
    if isinstance(smallest, Quantity):
        said.append(phrase("patient", "none_small", language, size=max(1, round(smallest.value))))
    return [*said, phrase("patient", "not_healthy", language)]


def steps_of_plan(plan: Iterable[ActionEntry], language: str) -> tuple[Step, ...]:
    """Return the steps of a plan in everyday words; what two say alike is said once."""
    said: dict[str, Step] = {}
    for action in plan:
        told = step(action, language)
        said.setdefault(told.text, told)
    return tuple(said.values())


def step(action: ActionEntry, language: str) -> Step:
    """Return one step of the plan; one of a later version than this is said by its kind alone."""
    known = action.action in load_phrases()["step"]
    text = phrase("step", action.action, language) if known else phrase("patient", "nothing_next", language)
    return Step(text, when(action, language))


def day_text(day: date, language: str) -> str:
    """Return a date as people write it.

    Examples
    --------
    >>> day_text(date(2026, 3, 1), "en"), day_text(date(2026, 3, 1), "zh")
    ('1 March 2026', '2026年3月1日')
    """
    month = phrase("month", f"m{day.month}", language)
    return phrase("date", "day", language, day=day.day, month=month, year=day.year)


def when(action: ActionEntry, language: str) -> str:
    """Return when a step is suggested, by dates where they are known; empty where no time is set."""
    after, due, repeat = action.after, action.due, action.repeat
    if after is None:
        return ""
    if after.to_months == 0:
        text = phrase("when", "now", language)
    elif due is not None and after.from_months == 0:
        text = phrase("when", "by", language, end=day_text(due.end, language))
    elif due is not None and due.start == due.end:
        text = phrase("when", "on", language, start=day_text(due.start, language))
    elif due is not None:
        text = phrase(
            "when", "between", language, start=day_text(due.start, language), end=day_text(due.end, language)
        )
    elif 0 < after.from_months < 1:
        text = phrase("when", "after_weeks", language, weeks=weeks_text(after.from_months, after.to_months))
    elif after.from_months == 0 and after.to_months < WEEKS_BELOW_MONTHS:
        weeks = max(1, round(after.to_months * WEEKS_A_MONTH))
        text = phrase("when", "week" if weeks == 1 else "within", language, weeks=weeks)
    else:
        text = phrase("when", "after", language, months=span_text(after.from_months, after.to_months))
    if repeat is None:
        return text
    comma = PAUSE[language]
    every = span_text(*repeat.every_months)
    if action.stop is not None:
        return (
            text
            + comma
            + phrase("when", "repeat_date", language, every=every, stop=day_text(action.stop, language))
        )
    until = length_text(repeat.until_months, language)
    return text + comma + phrase("when", "repeat", language, every=every, until=until)


def length_text(months: float, language: str) -> str:
    """Return a length of time as people say it: whole years from two years on, else months.

    Examples
    --------
    >>> length_text(60, "en"), length_text(18, "zh")
    ('5 years', '18个月')
    """
    years = months / MONTHS_A_YEAR
    whole = years >= YEARS_FROM and years == int(years)
    number = format_number(years if whole else months)
    return phrase("when", "years" if whole else "months", language, number=number)
