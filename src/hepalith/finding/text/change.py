"""How long ago the earlier examination was with which a report compares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from itertools import islice

__all__ = ["find_exam_date", "list_dates", "list_intervals"]

LONG_YEARS = 2.0
"""Years without change after which a focus counts as harmless (evidence review, rule A1.2)."""

_MONTHS = {
    name: number + 1
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    )
}
_NAME = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.?"
_Y, _M, _D = r"(?P<y>(?:19|20)\d\d)", r"(?P<m>0?[1-9]|1[0-2])", r"(?P<d>0?[1-9]|[12]\d|3[01])"
_DATES = (
    re.compile(rf"(?<!\d){_Y}\s?[-/.年]\s?{_M}(?:\s?[-/.月]\s?{_D}(?!\d))?"),
    re.compile(rf"(?<!\d){_D}?(?:st|nd|rd|th)?[ -]?{_NAME},?[ -]{_Y}(?!\d)"),
    re.compile(rf"{_NAME} {_D}(?:st|nd|rd|th)?,? {_Y}(?!\d)"),
    re.compile(rf"(?<!\d)(?:{_D}[/.])?{_M}[/.]{_Y}(?!\d)"),
    re.compile(rf"(?<![\d.-]){_Y}(?!\d|\.\d|\s?(?:mm|cm|hu|u/|ng|iu))"),
)
"""How reports write a date, the most exact first."""

_LABEL = re.compile(
    r"(?:exam(?:ination)? date|date of (?:exam(?:ination)?|study|scan|report)|(?:study|scan|report) date"
    r"|^[ ]{0,4}date|检查日期|检查时间|报告日期|报告时间|日期)\s{0,2}:?\s{0,2}",
    re.MULTILINE,
)
_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
    "十": 10, "several": 3, "many": 5, "数": 3, "多": 3,
}  # fmt: skip
_INTERVAL = re.compile(
    rf"(?:(?P<n>\d{{1,2}})|(?P<w>{'|'.join(_WORDS)}))\s{{0,2}}(?:\+|余|多)?\s{{0,2}}-?\s{{0,2}}"
    r"(?P<u>years?|yrs?|months?|余?年|个?月)"
)
"""Stretches of time. "Several" and "many" years are taken for three and five (our judgement)."""


MOST_DATES = 60
"""Dates of one form that are read of a text: a report has a few (our judgement)."""


def list_dates(normal: str, begin: int, end: int) -> Iterator[tuple[date, int, int]]:
    """Yield the dates between two places of a text; a year alone is taken as its middle."""
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for match in islice(pattern.finditer(normal, begin, end), MOST_DATES):
            if any(a < match.end() and match.start() < b for a, b in taken):
                continue
            groups = match.groupdict()
            month = int(groups.get("m") or 0) or _MONTHS.get((groups.get("month") or "")[:3], 0)
            taken.append(match.span())
            try:
                yield (
                    date(int(match["y"]), month or 7, int(groups.get("d") or 0) or (15 if month else 1)),
                    *match.span(),
                )
            except ValueError:
                continue


def find_exam_date(normal: str) -> tuple[date, int, int] | None:
    """Return the date of the examination, where the report labels one."""
    label = _LABEL.search(normal)
    if label is None:
        return None
    found = list(list_dates(normal, label.end(), min(label.end() + 24, len(normal))))
    return found[0] if found and found[0][1] <= label.end() + 2 else None


def list_intervals(normal: str, begin: int, end: int) -> Iterator[float]:
    """Yield the stretches of time, in years, that are named between two places of a text."""
    for match in _INTERVAL.finditer(normal, begin, end):
        count = int(match["n"]) if match["n"] else _WORDS[match["w"]]
        yield count / 12 if match["u"].startswith("mo") or "月" in match["u"] else float(count)
