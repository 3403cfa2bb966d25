"""When a step is due: calendar months counted from the examination, never from today."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from hepalith.management.plan import Repeat, Visit
from hepalith.management.policy import Repetition

__all__ = ["Schedule", "add_months", "plan_visits", "schedule"]

DAYS_A_MONTH = 30.4375
"""Mean length of a month, for the part of an interval below a whole month."""

LATEST_YEAR = 9000
"""An examination dated later is a slip: no date is counted from it (a `date` ends with the year 9999)."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The dates of one step; ``None`` where the day of the examination is not known."""

    due: tuple[date, date] | None
    repeat: Repeat | None
    visits: tuple[Visit, ...]
    stop: date | None
    may_stop: date | None


def schedule(
    after_months: tuple[float, float] | None, repetition: Repetition | None, start: date | None
) -> Schedule:
    """Return when a step is due, how often again, and when it stops, from the day of the examination."""
    start = None if start is not None and start.year > LATEST_YEAR else start
    due = _dates(after_months, start) if after_months is not None else None
    if after_months is None or repetition is None:
        return Schedule(due, None, (), None, None)
    may_stop = repetition.may_stop_from_months
    return Schedule(
        due=due,
        repeat=Repeat(repetition.every_months, repetition.until_months, may_stop),
        visits=tuple(Visit(m, _dates(m, start)) for m in plan_visits(after_months, repetition)),
        stop=add_months(start, repetition.until_months) if start is not None else None,
        may_stop=add_months(start, may_stop) if start is not None and may_stop is not None else None,
    )


def plan_visits(first: tuple[float, float], repetition: Repetition) -> tuple[tuple[float, float], ...]:
    """Return the months between which each follow-up falls, the first one included.

    The fewest that the clause allows: each follows the one before by the longest interval, and may be
    had earlier by as much as the clause's interval is wide. None lies beyond `until_months`.

    Examples
    --------
    >>> plan_visits((3, 6), Repetition(every_months=(3, 6), until_months=24))
    ((3, 6), (9.0, 12.0), (15.0, 18.0), (21.0, 24.0))
    """
    shortest, longest = repetition.every_months
    visits = [first]
    while visits[-1][1] + longest <= repetition.until_months:
        end = visits[-1][1] + longest
        visits.append((end - (longest - shortest), end))
    return tuple(visits)


def _dates(months: tuple[float, float], start: date | None) -> tuple[date, date] | None:
    return None if start is None else (add_months(start, months[0]), add_months(start, months[1]))


def add_months(start: date, months: float) -> date:
    """Return the day so many months later; the last day of a shorter month where there is no such day.

    Examples
    --------
    >>> add_months(date(2025, 8, 31), 6)
    datetime.date(2026, 2, 28)
    >>> add_months(date(2025, 8, 31), 0.5)
    datetime.date(2025, 9, 15)
    """
    whole = int(months)
    year, month = divmod(start.year * 12 + start.month - 1 + whole, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, day) + timedelta(days=round((months - whole) * DAYS_A_MONTH))
