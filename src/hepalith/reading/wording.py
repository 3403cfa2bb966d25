"""How numbers, dates and probabilities are said to people, in English and Chinese."""

from __future__ import annotations

from hepalith.reading.document import DueEntry, Measured, MonthsEntry, Quantity, RepeatEntry
from hepalith.reading.phrases import phrase, steps_of
from hepalith.reading.translate import translate

__all__ = [
    "due_text",
    "explain_weight",
    "format_bits",
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
    "weeks_text",
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

LEAST_BITS = 0.001
"""Expected gain below which a test tells next to nothing: a thousandth of a yes-or-no question."""

WEEKS_A_MONTH = 4.35
"""Weeks of a month, for people: an interval below a month is said in weeks."""

CLOSE_TO_FIRST = 0.75
"""Share of the first one's probability from which another explanation is said to be close behind it.

Far inside the 95 % ranges of both, so that their order says little. Our judgement.
"""


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


def format_bits(gain: float) -> str:
    """Return an expected gain in bits, with two digits; what is next to nothing is not spelled out.

    Examples
    --------
    >>> format_bits(0.4567), format_bits(0.00006)
    ('0.46', '<0.001')
    """
    return f"<{LEAST_BITS:g}" if gain < LEAST_BITS else format_number(gain, 2)


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
        reason = translate(measured.not_assessable, language)
        return phrase("number", "not_assessable", language, reason=reason)
    text = f"{format_in_unit(measured.value, measured.unit)} {plain_unit(measured.unit)}".strip()
    ends = interval_text(measured) if interval else None
    return text if ends is None else phrase("number", "interval", language, value=text, ends=ends)


def probability_word(probability: float, language: str) -> str:
    """Return the word for a probability, as it is printed: in whole percent.

    Examples
    --------
    >>> probability_word(0.72, "en"), probability_word(0.05, "zh"), probability_word(0.0971, "en")
    ('probable', '不太可能', 'less likely')
    """
    return phrase("certainty", certainty_key(probability), language)


def certainty_key(probability: float) -> str:
    """Return the step of the lexicon of certainty that a probability, as it is printed, stands on."""
    steps = steps_of("certainty")
    return next((key for least, key in steps if round(probability, 2) >= least), steps[-1][1])


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
    *_, (possible, _), (less, _), _ = steps_of("certainty")
    if first >= possible or round(probability, 2) < less:
        return probability_word(probability, language)
    if probability == first:
        return phrase("rank", "first", language)
    return phrase("rank", "close" if probability >= CLOSE_TO_FIRST * first else "second", language)


def explain_weight(weight: float, language: str) -> str:
    """Return the weight of a finding (log10 of its likelihood ratio) in words.

    Examples
    --------
    >>> explain_weight(1.2, "en"), explain_weight(-0.6, "en"), explain_weight(0.2, "zh")
    ('speaks strongly for', 'speaks against', '略支持')
    >>> explain_weight(0.001, "en")
    'hardly bears on'
    """
    return phrase("weight", weight_key(weight), language)


def weight_key(weight: float) -> str:
    """Return the step of the words for weights that a weight stands on.

    Examples
    --------
    >>> weight_key(-2.5)
    'against_very_strongly'
    """
    steps = steps_of("weight", "for" if weight > 0 else "against")
    return next((key for least, key in steps if abs(weight) >= least), "neither")


def percent_text(probability: float, language: str) -> str:
    """Return a probability in whole percent; never 0 or 100, which nobody can know.

    Examples
    --------
    >>> percent_text(0.614, "en"), percent_text(0.9991, "zh"), percent_text(0.0004, "en")
    ('61 %', '>99%', '<1 %')
    """
    return phrase("number", "percent", language, value=_percent(probability))


def _percent(probability: float) -> str:
    """Return whole percent; never 0 or 100, which nobody can know: what is small is still open."""
    percent = round(100 * probability)
    return "<1" if percent < 1 else ">99" if percent > 99 else str(percent)


def range_text(low: float, high: float, language: str) -> str:
    """Return an interval of probabilities in percent.

    Examples
    --------
    >>> range_text(0.2, 0.75, "en"), range_text(0.001, 0.03, "en"), range_text(0.0, 0.004, "zh")
    ('20–75 %', '<1–3 %', '<1%')
    >>> range_text(0.87, 0.999, "en")
    '87 to >99 %'
    """
    ends = list(dict.fromkeys((_percent(low), _percent(high))))
    if len(ends) > 1 and ends[-1].startswith(">"):
        return phrase("number", "to", language, low=ends[0], high=ends[1])
    return phrase("number", "percent", language, value="–".join(ends))


def months_text(after: MonthsEntry, language: str) -> str:
    """Return an interval in months after the examination.

    Examples
    --------
    >>> months_text(MonthsEntry(from_months=3, to_months=6), "en")
    '3–6 months after the examination'
    >>> months_text(MonthsEntry(from_months=0, to_months=1), "en")
    'within 1 month of the examination'
    >>> months_text(MonthsEntry(from_months=0, to_months=0.5), "en")
    'within about 2 weeks of the examination'
    """
    if after.to_months == 0:
        return phrase("time", "now", language)
    if after.to_months < 1:
        weeks = max(1, round(after.to_months * WEEKS_A_MONTH))
        return phrase("time", "week" if weeks == 1 else "weeks", language, weeks=weeks)
    if 0 < after.from_months < 1:
        span = weeks_text(after.from_months, after.to_months)
        return phrase("time", "after_weeks", language, weeks=span)
    months = span_text(after.from_months or after.to_months, after.to_months)
    key = "within" if after.from_months == 0 else "after"
    return phrase("time", f"{key}_one" if months == "1" else key, language, months=months)


def weeks_text(from_months: float, to_months: float) -> str:
    """Return a span of months in whole weeks.

    Examples
    --------
    >>> weeks_text(0.5, 2)
    '2–9'
    """
    low, high = (max(1, round(months * WEEKS_A_MONTH)) for months in (from_months, to_months))
    return str(low) if low == high else f"{low}–{high}"


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
    return phrase("time", "between", language, start=due.start.isoformat(), end=due.end.isoformat())


def repeat_text(repeat: RepeatEntry, language: str, *, dated: bool = False) -> str:
    """Return how often a step is repeated, and until when unless its end is said by date.

    Examples
    --------
    >>> repeat_text(RepeatEntry(every_months=(6, 12), until_months=36), "en")
    'every 6–12 months until 36 months after the examination'
    >>> repeat_text(RepeatEntry(every_months=(6, 12), until_months=36), "en", dated=True)
    'then every 6–12 months'
    """
    every, until = span_text(*repeat.every_months), format_number(repeat.until_months)
    if dated:
        return phrase("time", "then", language, every=every)
    return phrase("time", "repeat", language, every=every, until=until)
