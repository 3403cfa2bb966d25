"""The follow-ups of a plan as iCalendar: one span of days for each visit, proposed and not booked.

What a locked telephone shows names neither the patient, nor an organ, nor a disease; the description says in
the patient's words what the visit is for. The same reading gives the same bytes.

References
----------
RFC 5545, Internet Calendaring and Scheduling Core Object Specification (iCalendar).
"""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from icalendar import Alarm, Calendar, Event, Journal, Todo

from hepalith.errors import OutputError, ReadingFileError
from hepalith.reading import Document, Reading
from hepalith.reading.conclusion import ActionEntry
from hepalith.reading.layperson import day_text, step
from hepalith.reading.phrases import phrase
from hepalith.report.words import LANGUAGES
from hepalith.settings import Formats

__all__ = ["Appointment", "calendar_bytes", "list_appointments", "read_calendar", "write_calendar"]

NAMESPACE = uuid.UUID("5f8a3c0e-64d1-4b5e-9a0a-2f6f0d1c7b42")
"""UUID namespace of the entries: a random number drawn once."""

NO_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Time stamp where the examination has no date (RFC 5545, 3.8.7.2 asks for one). Our judgement."""

ALARM_BEFORE: Final = timedelta(days=6, hours=15)
"""How long before a span begins its alarm rings: at nine in the morning, a week ahead. Our judgement."""

ACTION, RULE, VISIT = "X-HEPALITH-ACTION", "X-HEPALITH-RULE", "X-HEPALITH-VISIT"
"""Our own properties (RFC 5545, 3.8.8.2): the step, the clause of the policy, which visit of how many."""


@dataclass(frozen=True, slots=True, order=True)
class Appointment:
    """One visit of the plan: the step and its rule, which of how many, first and last day (None: no date)."""

    action: str
    rule: str
    number: int
    count: int
    start: date | None
    end: date | None


def write_calendar(reading: Reading, folder: Path, formats: Formats) -> None:
    """Write ``follow_up.ics`` in the language of the formats.

    Raises
    ------
    hepalith.errors.OutputError
        If the file cannot be written.
    """
    path = folder / "follow_up.ics"
    try:
        path.write_bytes(calendar_bytes(reading.document, formats.language))
    except OSError as error:
        raise OutputError(f"{path.name} cannot be written ({error.strerror or error})") from error


def list_appointments(document: Document) -> tuple[Appointment, ...]:
    """Return the visits of a plan, in its order; what asks for nothing to be done has none."""
    return tuple(visit for action in document.plan for visit in visits_of(action))


def visits_of(action: ActionEntry) -> Iterator[Appointment]:
    """Yield the visits of one step; where no date is known, one that stands for all of them."""
    if action.asks_nothing:
        return
    dated = [visit.due for visit in action.visits if visit.due is not None]
    if not dated and action.due is not None:
        dated = [action.due]
    if not dated:
        yield Appointment(action.action, action.rule, 1, 1, None, None)
    for number, due in enumerate(dated, start=1):
        yield Appointment(action.action, action.rule, number, len(dated), due.start, due.end)


def calendar_bytes(document: Document, language: str) -> bytes:
    """Return the plan as an iCalendar object.

    A visit with dates is an event of whole days that blocks nobody's time; one without is a to-do that names
    the interval. Where nothing is to be done, a journal entry says so: a calendar may not be empty (RFC 5545,
    3.6).

    Notes
    -----
    There is no METHOD: PUBLISH asks for the address of an organizer (RFC 5546, 3.2.1), which nobody here has,
    and a CalDAV server may hold no object with one (RFC 4791, 4.1).
    """
    chosen = language if language in LANGUAGES else "en"
    calendar = Calendar()
    calendar.add("prodid", f"-//hepalith//hepalith {document.provenance.version}//{chosen.upper()}")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    for action in document.plan:
        for visit in visits_of(action):
            calendar.add_component(entry_of(document, action, visit, chosen))
    if not calendar.subcomponents:
        calendar.add_component(note_of(document, chosen))
    made: bytes = calendar.to_ical()
    return made


def entry_of(document: Document, action: ActionEntry, visit: Appointment, language: str) -> Event | Todo:
    """Return one visit as an event, or as a to-do where it has no date."""
    key = "summary" if visit.count == 1 else "summary_of"
    summary = said(key, language, number=visit.number, count=visit.count)
    told = step(action, language)
    lines = [told.text]
    entry: Event | Todo
    if visit.start is None or visit.end is None:
        entry = Todo()
        entry.add("status", "NEEDS-ACTION")
        lines += [said("time", language, when=told.when)] if told.when else []
    else:
        entry = Event()
        entry.add("dtstart", visit.start)
        entry.add("dtend", visit.end + timedelta(days=1))  # the first day that is no longer meant
        entry.add("status", "TENTATIVE")
        entry.add("transp", "TRANSPARENT")
        first, last = day_text(visit.start, language), day_text(visit.end, language)
        lines.append(said("day" if first == last else "window", language, start=first, end=last))
        if action.after is not None and action.after.from_months > 0:
            entry.add_component(alarm_of(summary))
    accepted = document.reading.status != "preliminary"
    lines.append(said("confirmed" if accepted else "proposal", language))
    identify(document, entry, (visit.action, visit.rule, visit.number))
    describe(document, entry, (summary, lines), language)
    entry.add(ACTION, visit.action)
    entry.add(RULE, visit.rule)
    entry.add(VISIT, f"{visit.number}/{visit.count}")
    return entry


def note_of(document: Document, language: str) -> Journal:
    """Return the note that no appointment is suggested, and why."""
    note = Journal()
    note.add("status", "FINAL" if document.reading.status != "preliminary" else "DRAFT")
    lines = list(dict.fromkeys(step(action, language).text for action in document.plan))
    identify(document, note, ("none", "", 0))
    describe(
        document,
        note,
        (said("summary_none", language), lines or [phrase("patient", "nothing_next", language)]),
        language,
    )
    return note


def identify(document: Document, entry: Event | Todo | Journal, role: tuple[str, str, int]) -> None:
    """Set which entry this is: of the same visit of a study, a later revision replaces an earlier one."""
    name = " ".join((document.study.uid, *(str(part) for part in role)))
    accepted, day = document.accepted, document.study.date
    stamp = NO_DATE if day is None else datetime.combine(day, time(), UTC)
    entry.add("uid", f"{uuid.uuid5(NAMESPACE, name)}@hepalith")
    entry.add("dtstamp", stamp if accepted is None else accepted.at.astimezone(UTC).replace(microsecond=0))
    entry.add("sequence", document.reading.revision - 1)
    entry.add("class", "PRIVATE")


def describe(
    document: Document, entry: Event | Todo | Journal, words: tuple[str, list[str]], language: str
) -> None:
    """Set the summary and the lines of the description, with the reading's number and the notice."""
    summary, lines = words
    number = said("number", language, id=document.reading.id, version=document.provenance.version)
    text = "\n".join((*lines, number, phrase("patient", "notice", language)))
    parameters = {"LANGUAGE": language}
    entry.add("summary", summary, parameters=parameters)
    entry.add("description", text, parameters=parameters)


def alarm_of(summary: str) -> Alarm:
    """Return the alarm of a span of days: in the morning, a week before it begins."""
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    alarm.add("trigger", -ALARM_BEFORE)
    return alarm


def read_calendar(path: Path) -> tuple[Appointment, ...]:
    """Return the visits that a calendar of ours holds, in its order.

    Raises
    ------
    hepalith.errors.ReadingFileError
        If the file cannot be read, or is no calendar of ours.
    """
    try:
        calendar = Calendar.from_ical(path.read_bytes())
        return tuple(
            appointment_of(entry) for entry in calendar.subcomponents if isinstance(entry, Event | Todo)
        )
    except (OSError, KeyError, ValueError) as error:
        raise ReadingFileError(f"{path}: no calendar of hepalith ({error}); write it again") from error


def appointment_of(entry: Event | Todo) -> Appointment:
    """Return the visit that an event or a to-do of ours stands for."""
    number, _, count = str(entry[VISIT]).partition("/")
    start = entry.decoded("dtstart") if "dtstart" in entry else None
    end = entry.decoded("dtend") - timedelta(days=1) if "dtend" in entry else None
    return Appointment(str(entry[ACTION]), str(entry[RULE]), int(number), int(count), start, end)


def said(key: str, language: str, **values: object) -> str:
    """Return one of the calendar's sentences, its blanks filled."""
    return load_words()[key][language].format(**values)


@cache
def load_words() -> dict[str, dict[str, str]]:
    """Return the calendar's words, by key and language."""
    words: dict[str, dict[str, str]] = tomllib.loads(
        files("hepalith.report").joinpath("calendar.toml").read_text(encoding="utf-8")
    )
    return words
