"""The follow-ups of a plan as iCalendar: every visit once, by RFC 5545, with nothing that frightens."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from icalendar import Calendar, Event, Journal, Todo

from hepalith.errors import OutputError, ReadingFileError
from hepalith.reading import Document, accept
from hepalith.reading.conclusion import ASKS_NOTHING, ActionEntry, DueEntry, MonthsEntry, VisitEntry
from hepalith.reading.phrases import load_phrases
from hepalith.report.calendar import (
    calendar_bytes,
    list_appointments,
    load_words,
    read_calendar,
    write_calendar,
)
from hepalith.settings import Formats

DAY = date(2025, 3, 14)


def planned(factories: ModuleType, *actions: ActionEntry) -> Document:
    document: Document = factories.make_reading().document
    return document.model_copy(update={"plan": actions})


def act(action: str = "follow_up_ultrasound", **said: object) -> ActionEntry:
    nothing: dict[str, object] = dict.fromkeys(("after", "due", "repeat"))
    words = {
        "text": "Look again for cancer.",
        "text_zh": "复查。",
        "strength": "",
        "source": "",
        "rule": "r1",
    }
    return ActionEntry.model_validate({"action": action, **words, **nothing, **said})


def span(first: int, last: int) -> DueEntry:
    return DueEntry.model_validate({"from": DAY + timedelta(first), "to": DAY + timedelta(last)})


def three_visits() -> ActionEntry:
    after = [MonthsEntry(from_months=3 * n, to_months=3 * n + 1) for n in (1, 2, 3)]
    visits = tuple(VisitEntry(after=a, due=span(90 * n, 90 * n + 30)) for n, a in enumerate(after, start=1))
    return act(after=after[0], due=visits[0].due, visits=visits)


def entries(document: Document, language: str = "en") -> list[Event | Todo | Journal]:
    return list(Calendar.from_ical(calendar_bytes(document, language)).subcomponents)


def test_every_dated_visit_is_an_event_of_whole_days(factories: ModuleType) -> None:
    found = entries(planned(factories, three_visits()))
    assert [type(entry) for entry in found] == [Event] * 3
    for number, entry in enumerate(found, start=1):
        assert entry.decoded("dtstart") == DAY + timedelta(90 * number)
        assert entry.decoded("dtend") == DAY + timedelta(90 * number + 31), "the day after the last"
        assert (entry["status"], entry["transp"], entry["class"]) == ("TENTATIVE", "TRANSPARENT", "PRIVATE")
        assert entry["summary"] == f"Appointment to arrange ({number} of 3)"


def test_the_visits_read_back_are_those_of_the_plan(factories: ModuleType, tmp_path: Path) -> None:
    undated = act("refer_oncology", after=MonthsEntry(from_months=0, to_months=0.5), rule="r2")
    document = planned(factories, three_visits(), act("one_check", due=span(0, 14), rule="r3"), undated)
    path = tmp_path / "follow_up.ics"
    path.write_bytes(calendar_bytes(document, "zh"))
    assert read_calendar(path) == list_appointments(document)
    assert [(v.action, v.number, v.count, v.end) for v in read_calendar(path)[2:]] == [
        ("follow_up_ultrasound", 3, 3, DAY + timedelta(300)),
        ("one_check", 1, 1, DAY + timedelta(14)),
        ("refer_oncology", 1, 1, None),
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_lines_are_folded_and_ended_as_the_rfc_asks(factories: ModuleType, language: str) -> None:
    made = calendar_bytes(planned(factories, three_visits()), language)
    assert made.endswith(b"\r\n")
    lines = made.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    unfolded = made.decode().replace("\r\n ", "")
    for line in unfolded.splitlines():
        assert re.match(r"[A-Z-]+(;[A-Z-]+=[^:;]+)*:", line), line


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_entry_has_what_the_rfc_requires(factories: ModuleType, language: str) -> None:
    undated = act("refer_oncology", after=MonthsEntry(from_months=0, to_months=0.5), rule="r2")
    calendar = Calendar.from_ical(calendar_bytes(planned(factories, three_visits(), undated), language))
    assert calendar["version"] == "2.0"
    assert "method" not in calendar, "with one, the address of an organizer is required"
    assert "prodid" in calendar
    uids = [str(entry["uid"]) for entry in calendar.subcomponents]
    assert len(set(uids)) == len(uids) == 4
    for entry in calendar.subcomponents:
        assert entry.decoded("dtstamp").tzinfo is not None
        assert not entry.errors
        assert entry["description"].params["LANGUAGE"] == language


def test_a_visit_without_a_date_is_a_to_do_that_names_the_interval(factories: ModuleType) -> None:
    (entry,) = entries(planned(factories, act(after=MonthsEntry(from_months=6, to_months=12))))
    assert isinstance(entry, Todo)
    assert "due" not in entry
    assert "dtstart" not in entry
    assert "6–12 months after the scan" in entry["description"]


def test_where_nothing_is_to_be_done_a_note_says_so(factories: ModuleType, tmp_path: Path) -> None:
    for plan in ((), (act("no_follow_up"),)):
        document = planned(factories, *plan)
        (entry,) = entries(document)
        assert isinstance(entry, Journal)
        assert entry["summary"] == "No appointment suggested"
        path = tmp_path / "follow_up.ics"
        path.write_bytes(calendar_bytes(document, "en"))
        assert read_calendar(path) == ()


def test_steps_that_ask_for_nothing_are_steps_of_the_vocabulary() -> None:
    assert set(load_phrases()["step"]) >= ASKS_NOTHING


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_locked_telephone_shows_no_body_and_no_disease(factories: ModuleType, language: str) -> None:
    document = planned(factories, three_visits(), act("refer_oncology", due=span(0, 9), rule="r2"))
    frightening = re.compile("cancer|tumou?r|liver|oncolog|scan|CT|癌|瘤|肝|扫描|超声", re.IGNORECASE)
    for entry in entries(document, language):
        shown = [entry["summary"], *(alarm["description"] for alarm in entry.subcomponents)]
        assert not any(frightening.search(text) for text in shown)
        assert "Look again for cancer" not in entry["description"], "the patient's words, not the report's"


def test_an_alarm_rings_a_week_ahead_unless_the_step_is_due_at_once(factories: ModuleType) -> None:
    at_once = act("one_check", after=MonthsEntry(from_months=0, to_months=1), due=span(0, 30), rule="r2")
    *later, now = entries(planned(factories, three_visits(), at_once))
    for entry in later:
        (alarm,) = entry.subcomponents
        assert alarm.decoded("trigger") == -timedelta(days=6, hours=15)
    assert now.subcomponents == []


def test_a_later_revision_replaces_the_entries_of_an_earlier_one(factories: ModuleType) -> None:
    before = planned(factories, three_visits())
    at = datetime(2025, 3, 20, 9, 30, tzinfo=UTC)
    after = accept(before, "Rivera^Ana", at)
    for old, new in zip(entries(before), entries(after), strict=True):
        assert old["uid"] == new["uid"]
        assert (old["sequence"], new["sequence"]) == (0, 1)
        assert (old.decoded("dtstamp").date(), new.decoded("dtstamp")) == (before.study.date, at)
        assert "suggestion by a computer" in old["description"]
        assert "A doctor has checked" in new["description"]


def test_the_same_reading_gives_the_same_bytes_and_names_nobody(
    factories: ModuleType, tmp_path: Path
) -> None:
    reading = factories.make_reading()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_calendar(reading, tmp_path / name, Formats(language="en"))
    first, second = ((tmp_path / name / "follow_up.ics").read_bytes() for name in ("a", "b"))
    assert first == second
    assert not any(secret in first for secret in (b"MRN-4711", b"Doe", b"Jane", b"19610203"))
    assert reading.document.study.uid.encode() not in first


def test_every_sentence_is_in_both_languages_with_the_same_blanks() -> None:
    blank = re.compile(r"\{(\w+)\}")
    for key, said in load_words().items():
        assert set(said) == {"en", "zh"}, key
        assert sorted(blank.findall(said["en"])) == sorted(blank.findall(said["zh"])), key


def test_a_file_that_is_no_calendar_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ics"
    for text in ("", "hello", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"):
        path.write_bytes(text.encode())
        with pytest.raises(ReadingFileError, match="no calendar of hepalith"):
            read_calendar(path)
    with pytest.raises(ReadingFileError, match=r"absent\.ics"):
        read_calendar(tmp_path / "absent.ics")


def test_a_folder_that_cannot_be_written_is_named_in_one_line(factories: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^follow_up\.ics cannot be written"):
        write_calendar(factories.make_reading(), tmp_path / "absent", Formats())
