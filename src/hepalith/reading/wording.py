"""How numbers, dates and probabilities are said to people, in English and Chinese."""

from __future__ import annotations

from hepalith.reading.document import DueEntry, Measured, MonthsEntry, Quantity, RepeatEntry
from hepalith.reading.translate import translate

__all__ = [
    "due_text",
    "format_in_unit",
    "format_number",
    "interval_text",
    "months_text",
    "percent_text",
    "plain_unit",
    "probability_word",
    "quantity_text",
    "range_text",
    "rank_word",
    "repeat_text",
]

DISPLAY_DIGITS = 3
"""Significant digits that people are shown: the third is already below any interval's width here."""

THOUSANDS = "\N{NARROW NO-BREAK SPACE}"
"""Between groups of three digits, as ISO 80000-1 has it: no comma or point, which languages swap."""

UNITS = {
    "mm": "mm",
    "mm3": "mm³",
    "mL": "mL",
    "mg": "mg",
    "[hnsf'U]": "HU",
    "[hnsf'U].mm3": "HU·mm³",
    "1": "",
    "%": "%",
}
"""UCUM codes as they are printed."""

PROBABILITY_WORDS = (
    (0.90, {"en": "very likely", "zh": "高度可能"}),
    (0.625, {"en": "probable", "zh": "很可能"}),
    (0.375, {"en": "possible", "zh": "可能"}),
    (0.10, {"en": "less likely", "zh": "可能性较小"}),
    (0.0, {"en": "unlikely", "zh": "不太可能"}),
)
"""From which probability which word is used.

The steps (above 90 %, about 75, 50 and 25 %, below 10 %) are those of the lexicon of certainty in
Panicek and Hricak, AJR 2016;207:2-3; the bounds between them lie halfway. The number always
stands beside the word.
"""


CLOSE_TO_FIRST = 0.75
"""Share of the first one's probability from which another explanation is said to be close behind it.

Far inside the 95 % ranges of both, so that their order says little. Our judgement.
"""

RANK_WORDS = {
    "first": {"en": "first, but uncertain", "zh": "居首位，但不确定"},
    "close": {"en": "close behind the first", "zh": "与首位接近"},
    "second": {"en": "also to be considered", "zh": "亦需考虑"},
}
"""What is said of an explanation below "possible", where "less likely" would belie its place
in the ranking."""


def format_number(value: float, digits: int = DISPLAY_DIGITS) -> str:
    """Return a number for people: significant digits, no exponent, thousands set apart from 10 000.

    Examples
    --------
    >>> format_number(1234.5), format_number(8.249), format_number(0.0), format_number(-11.96)
    ('1230', '8.25', '0', '-12')
    >>> format_number(1_015_400).replace(THOUSANDS, "_")
    '1_020_000'
    """
    rounded = float(f"{value:.{digits}g}")
    if abs(rounded) >= 1e4:
        return f"{rounded:,.0f}".replace(",", THOUSANDS)
    return f"{rounded:f}".rstrip("0").rstrip(".") if rounded else "0"


def plain_unit(unit: str) -> str:
    """Return a UCUM unit as it is printed."""
    return UNITS.get(unit, unit)


def format_in_unit(value: float, unit: str) -> str:
    """Return a number of a unit: HU whole, mm to a tenth, everything else to three digits.

    Examples
    --------
    >>> format_in_unit(56.93, "[hnsf'U]"), format_in_unit(3.749, "mm"), format_in_unit(1332.1, "mm3")
    ('57', '3.7', '1330')
    """
    if unit == "[hnsf'U]":
        return format_number(float(round(value)), 4)
    if unit == "mm":
        return format_number(round(value, 1), 6)
    return format_number(value)


def interval_text(measured: Quantity) -> str | None:
    """Return the ends of the 95 % interval, ``None`` where none is claimed."""
    if measured.low is None or measured.high is None:
        return None
    return f"{format_in_unit(measured.low, measured.unit)}–{format_in_unit(measured.high, measured.unit)}"


def quantity_text(measured: Measured, language: str, *, interval: bool = False) -> str:
    """Return a measured number with its unit, or why there is none.

    Examples
    --------
    >>> quantity_text(Quantity(value=8.24, unit="mm", low=7.5, high=9.1), "en", interval=True)
    '8.2 mm (7.5–9.1)'
    """
    if not isinstance(measured, Quantity):
        return {"en": "not assessable: {}", "zh": "无法评估（{}）"}[language].format(
            translate(measured.not_assessable, language)
        )
    text = f"{format_in_unit(measured.value, measured.unit)} {plain_unit(measured.unit)}".strip()
    ends = interval_text(measured) if interval else None
    if ends is None:
        return text
    return text + {"en": " ({})", "zh": "（{}）"}[language].format(ends)


def probability_word(probability: float, language: str) -> str:
    """Return the word for a probability, as it is printed: in whole percent.

    Examples
    --------
    >>> probability_word(0.72, "en"), probability_word(0.05, "zh"), probability_word(0.0971, "en")
    ('probable', '不太可能', 'less likely')
    """
    printed = round(probability, 2)
    for least, words in PROBABILITY_WORDS:
        if printed >= least:
            return words[language]
    return PROBABILITY_WORDS[-1][1][language]


def rank_word(probability: float, first: float, language: str) -> str:
    """Return the word for one explanation of a ranking, whose first one has the probability `first`.

    Where no explanation is even possible by its number alone, the words tell its place instead:
    an explanation that leads at 22 % is the leading one and still uncertain.

    Examples
    --------
    >>> [rank_word(p, 0.22, "en") for p in (0.22, 0.2, 0.12, 0.06)]
    ['first, but uncertain', 'close behind the first', 'also to be considered', 'unlikely']
    >>> rank_word(0.22, 0.6, "en"), rank_word(0.6, 0.6, "en")
    ('less likely', 'possible')
    """
    bounds = [least for least, _ in PROBABILITY_WORDS]
    possible, less = bounds[-3], bounds[-2]
    if first >= possible or round(probability, 2) < less:
        return probability_word(probability, language)
    if probability == first:
        return RANK_WORDS["first"][language]
    return RANK_WORDS["close" if probability >= CLOSE_TO_FIRST * first else "second"][language]


def percent_text(probability: float, language: str) -> str:
    """Return a probability in whole percent; never 0 or 100, which nobody can know.

    Examples
    --------
    >>> percent_text(0.614, "en"), percent_text(0.9991, "zh"), percent_text(0.0004, "en")
    ('61 %', '>99%', '<1 %')
    """
    percent = round(100 * probability)
    text = "<1" if percent < 1 else ">99" if percent > 99 else str(percent)
    return text + {"en": " %", "zh": "%"}[language]


def range_text(low: float, high: float, language: str) -> str:
    """Return an interval of probabilities in percent.

    Examples
    --------
    >>> range_text(0.2, 0.75, "en")
    '20–75 %'
    """
    ends = [str(round(100 * low)), str(round(100 * high))]
    return "–".join(ends) + {"en": " %", "zh": "%"}[language]


def months_text(after: MonthsEntry, language: str) -> str:
    """Return an interval in months after the examination.

    Examples
    --------
    >>> months_text(MonthsEntry(from_months=3, to_months=6), "en")
    '3–6 months after the examination'
    >>> months_text(MonthsEntry(from_months=0, to_months=1), "en")
    'within 1 month of the examination'
    """
    if after.from_months == 0:
        months = format_number(after.to_months)
        if language == "zh":
            return f"检查后{months}个月内"
        return f"within {months} month{'' if months == '1' else 's'} of the examination"
    months = span_text(after.from_months, after.to_months)
    if language == "zh":
        return f"检查后{months}个月"
    return f"{months} month{'' if months == '1' else 's'} after the examination"


def span_text(low: float, high: float) -> str:
    """Return a span of numbers, one number where both ends are equal."""
    return format_number(low) if low == high else f"{format_number(low)}–{format_number(high)}"


def due_text(due: DueEntry, language: str) -> str:
    """Return the dates between which a step is due.

    Examples
    --------
    >>> from datetime import date
    >>> due_text(DueEntry(start=date(2026, 3, 1), end=date(2026, 6, 1)), "zh")
    '2026-03-01至2026-06-01'
    """
    if due.start == due.end:
        return due.start.isoformat()
    between = {"en": " to ", "zh": "至"}[language]
    return f"{due.start.isoformat()}{between}{due.end.isoformat()}"


def repeat_text(repeat: RepeatEntry, language: str) -> str:
    """Return how often and how long a step is repeated.

    Examples
    --------
    >>> repeat_text(RepeatEntry(every_months=(6, 12), until_months=36), "en")
    'every 6–12 months until 36 months after the examination'
    """
    pattern = {
        "en": "every {} months until {} months after the examination",
        "zh": "每{}个月一次，至检查后{}个月",
    }[language]
    return pattern.format(span_text(*repeat.every_months), format_number(repeat.until_months))
