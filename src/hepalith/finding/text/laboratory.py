"""Laboratory values of a report: the number, its unit and limit, or the word that judges it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hepalith.finding.text.mention import Mention, Sentence
from hepalith.finding.text.person import Person
from hepalith.finding.text.token import Tokens
from hepalith.vocabulary import load_vocabulary

__all__ = ["take_labs"]

_BETWEEN = (
    r"levels?|concentration|count|值|水平|浓度|is|was|were|of|:|=|为|约|达|at|a|to|level of|明显|显著|轻度|"
    r"升高至|升至|增高至|高达|超过|over|above|greater than|more than|exceed(?:ed|s|ing)|"
    r"elevation|reach(?:ed|ing)|measured|found to be|"
    r"(?:由|从|from)\s?\d{1,7}(?:\.\d{1,3})?\s?(?:[a-z]{1,3}/[a-z]{1,3})?\s?(?:降至|升至|降到|升到|下降至|上升至|to)|"
    r"升高|增高|elevated|raised|increased|rising|falling|rose|fell|now|today|markedly|mildly|slightly|high|low|about|up|still|only|normal|within|正常|\(|,"
)
_NUMBER = r"\d{1,3}(?:[ ,]\d{3})+(?!\d)|\d{1,7}(?:\.\d{1,4})?"
_POWER = r"(?:\s?x\s?10\s?\^?\s?(?P<e>[2-6])(?=\s?[a-z]))?"
_UNIT = (
    r"(?:10\^?\d\s?/\s?u?l|x\s?10\s?\^?\d{1,2}\s?/\s?u?l"
    r"|(?:cells\s?|个\s?)?/\s?(?:mm3|ul|cu\s?mm)"
    r"|[a-z%]{1,5}\s?/\s?(?:d?l|ml|u?l|mm3|h)|%|iu/l|g/dl|个/l|mm|°?c(?![a-z])|℃)?"
)
_VALUE = re.compile(
    r"(?:\s{0,3}\([a-z0-9 -]{1,12}\))?"
    rf"(?:\s{{0,3}}(?:{_BETWEEN})){{0,6}}\s{{0,3}}"
    rf"(?P<sign>[<>≤≥]|小于|大于)?\s{{0,2}}(?P<n>{_NUMBER}){_POWER}\s{{0,2}}(?P<unit>{_UNIT})"
)
"""A value behind the name of a test; every repetition is bounded, so that time stays linear."""

_LIMIT_NAME = (
    r"normal(?: range| value| limit)?s?|reference(?: range| interval| value)?|ref\.?|"
    r"upper limit(?: of normal)?|uln|nr|rr|n|"
    r"参考值|正常值|参考范围|正常|正常参考值|正常上限|参考区间|上限|正常范围|参考"
)
_LIMIT = re.compile(
    rf"\s{{0,2}}[,;]?\s{{0,2}}[(\[]?\s{{0,2}}(?:{_LIMIT_NAME})?\s{{0,2}}[:,]?\s{{0,2}}(?:of\s)?(?:is\s)?"
    r"(?P<sign><|≤|up to|小于|below|under)?=?\s{0,2}(?P<low>\d{1,6}(?:\.\d{1,4})?)"
    r"\s{0,2}(?:(?:-|~|to|至)\s{0,2}(?P<high>\d{1,6}(?:\.\d{1,4})?))?"
)
_LIMIT_WORD = re.compile(r"normal|ref|upper|uln|nr|参考|正常|上限|rr|[(\[]\s{0,2}n")
_UPPER_WORD = re.compile(r"upper|uln|上限")
LIMIT_REACH = 48
"""Characters behind a value within which its limit is looked for (our judgement)."""

LEAST_CELSIUS, MOST_CELSIUS = 30.0, 44.0
"""What else stands behind a "T" is no temperature of a living person: T1, T2, T12 (our judgement).

A larger number is in degrees Fahrenheit.
"""

_UNITS = {
    "ng/ml": "ng/mL", "ug/l": "ug/L", "iu/ml": "IU/mL", "u/ml": "U/mL", "ku/l": "kU/L", "u/l": "U/L",
    "iu/l": "U/L", "mg/dl": "mg/dL", "umol/l": "umol/L", "mmol/l": "mmol/L", "g/l": "g/L", "g/dl": "g/dL",
    "pg/ml": "pg/mL", "mg/l": "mg/L", "pmol/l": "pmol/L", "%": "%", "ng/l": "ng/L", "nmol/l": "nmol/L",
    "ng/dl": "ng/dL", "ug/ml": "ug/mL", "kiu/l": "kU/L", "mcg/l": "ug/L", "mu/l": "mU/L",
    "mm/h": "mm/h", "mm/hr": "mm/h", "c": "Cel", "°c": "Cel", "℃": "Cel",
    "/mm3": "/uL", "/ul": "/uL", "/cumm": "/uL", "cells/mm3": "/uL", "cells/ul": "/uL", "个/ul": "/uL",
    "mau/ml": "mU/mL", "ug/dl": "ug/dL", "u/dl": "U/dL", "k/ul": "10*3/uL",
}  # fmt: skip
"""Units as they are written, in lower case, and their UCUM codes."""

SHORT_NAME = 2
"""Letters of a name ("Ca") that means other things too: it is a test only where a unit is written."""

CELLS_FROM = 1000.0
"""A count of cells from this number on, without a unit, is one of cells a microlitre: "Plt 74,000"."""

_PER_THOUSAND = ("10*3/uL", "10*9/L")

_TEN_THOUSANDS = re.compile(r"10\s?\^?4\s?/\s?u?l")
_THOUSANDS = re.compile(r"10\s?\^?9\s?/\s?l|10\s?\^?3\s?/\s?ul|10e9/l|k/ul|/nl")


def take_labs(person: Person, tokens: Tokens, sentence: Sentence, normal: str) -> None:
    """Note laboratory values with their limits, and those that are called normal or raised."""
    names = [m for m in sentence.mentions if m.has("lab") or m.has("lab_name") or m.has("serology")]
    pending: list[Mention] = []
    verdicts = [m for m in sentence.mentions if m.has("cue", "normal", "high", "no")] if names else []
    verdicts = [m for m in verdicts if not _names_limit(tokens, m)]
    for place, mention in enumerate(names):
        if mention.family or mention.probability is None:
            continue
        following = names[place + 1].first if place + 1 < len(names) else sentence.last
        upto = tokens.starts[following] if place + 1 < len(names) else tokens.ends[sentence.last - 1]
        end = tokens.ends[mention.last - 1]
        if mention.has("lab") and (
            value_at := _take_value(person, mention, normal, (tokens.starts[mention.first], end, upto))
        ):
            before = normal[max(tokens.starts[mention.first] - 14, 0) : tokens.starts[mention.first]]
            if (word := _LAST_WORD.search(before)) is not None:
                before = word.group()
            between = before + " " + normal[end : value_at[0]]
            _judge_near_value(person, mention, between, normal[value_at[1] : value_at[1] + 2])
            if place and normal[tokens.ends[names[place - 1].last - 1] : tokens.starts[mention.first]] == "/":
                _share_values(person, names[place - 1], mention, normal[value_at[0] :])
            continue
        pending.append(mention)
        if _judge_words(person, verdicts, pending, mention.last, following):
            pending = []


_OF_LIMIT = frozenset(("<", "≤", "range", "value", "limit", "interval", "up", "below"))
"""Words behind "normal" that make it the name of a limit: "1000 ng/L (normal < 50)"."""


def _names_limit(tokens: Tokens, verdict: Mention) -> bool:
    """Say whether a "normal" judges nothing, but names the limit that follows it."""
    following = [w for w in tokens.words[verdict.last : verdict.last + 2] if w not in (",", ":", "-")]
    head = following[0] if following else ""
    return verdict.has("cue", "normal") and (head in _OF_LIMIT or head[:1].isdigit())


_PAIR = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s?/\s?(\d{1,6}(?:\.\d{1,3})?)(?![\d/])")
"""Two values behind two names: "ALT/AST 45/38"."""


def _share_values(person: Person, first: Mention, second: Mention, rest: str) -> None:
    """Give each of two tests that are named together its own of two values."""
    pair = _PAIR.match(rest)
    known = person.facts.get(("labs", second.names("lab")[0]))
    if pair is None or known is None or not first.has("lab"):
        return
    for mention, written in ((first, pair[1]), (second, pair[2])):
        name = mention.names("lab")[0]
        unit = str(load_vocabulary()[name].unit)
        person.facts["labs", name] = replace(known, key=name, value={"value": float(written), "unit": unit})


_LAST_WORD = re.compile(r"[a-z]*(?: serum)?\s*$")
_RAISED = re.compile(r"elevated|elevation|rising|rose|raised|increased|high|升高|增高|升至|高达")
_ARROW = re.compile(r"\s?[↑]")
_BEFORE_VALUE = re.compile(r"normal|正常")


def _judge_near_value(person: Person, mention: Mention, before: str, after: str) -> None:
    """Judge a laboratory name by the word between it and its value, or the arrow behind it."""
    finding = load_vocabulary()[mention.names("lab")[0]].raises
    if finding is None:
        return
    if _RAISED.search(before) or _ARROW.match(after):
        person.findings.append((finding, 1.0, mention))
    elif _BEFORE_VALUE.search(before):
        person.findings.append((finding, 0.0, mention))


def _take_value(
    person: Person, mention: Mention, normal: str, reach: tuple[int, int, int]
) -> tuple[int, int] | None:
    """Note the value behind a laboratory name, which spans the first two places, up to the third.

    Returns where the number begins and where its unit ends; None if there is no value.
    """
    start, end, upto = reach
    match = _VALUE.match(normal, end, max(upto, end))
    if match is None:
        return None
    name = mention.names("lab")[0]
    written = re.sub(r"\s", "", match["unit"] or "")
    unit = _UNITS.get(written) or ("10*3/uL" if _THOUSANDS.search(written) else None)
    ten_thousands = _TEN_THOUSANDS.search(written) is not None
    if unit is None and "/" in written:
        unit = "10*3/uL" if ten_thousands else written
    scale = 10.0 if ten_thousands else 1.0
    if unit is None and end - start <= SHORT_NAME:
        return None
    value = float(match["n"].replace(",", "").replace(" ", "")) * 10.0 ** int(match["e"] or 0) * scale
    usual = str(load_vocabulary()[name].unit)
    if unit is None and value >= CELLS_FROM and usual in _PER_THOUSAND:
        value /= 1000.0
    if name == "temperature":
        value = value if value <= MOST_CELSIUS else round((value - 32.0) / 1.8, 1)
        if not LEAST_CELSIUS <= value <= MOST_CELSIUS:
            return None
    lab: dict[str, Any] = {
        "value": value,
        "unit": unit or usual,
    }
    upper = _upper_limit(normal[match.end() : max(min(match.end() + LIMIT_REACH, upto), match.end())])
    if upper is not None:
        lab["upper_limit"] = upper
    person.note("labs", name, lab, start, match.end())
    return match.start("n"), match.end()


def _upper_limit(rest: str) -> float | None:
    """Return the upper limit that stands behind a laboratory value, if one does."""
    limit = _LIMIT.match(rest)
    if limit is None:
        return None
    said = limit.group()
    upper = limit["high"]
    if upper is None and (limit["sign"] or _UPPER_WORD.search(said)):
        upper = limit["low"] if _LIMIT_WORD.search(said) or "(" in said else None
    return float(upper) if upper is not None and float(upper) > 0 else None


def _judge_words(
    person: Person, cues: Sequence[Mention], pending: Sequence[Mention], last: int, following: int
) -> bool:
    """Judge tests by the words between two tokens, or right before the first; say whether any was found."""
    verdicts = [m for m in cues if m.has("cue", "normal", "high")]
    after = [m for m in verdicts if last <= m.first < following]
    before = [m for m in verdicts if 0 <= pending[0].first - m.last <= 2]
    if not after and not before:
        return False
    verdict = after[0] if after else before[-1]
    denied = any(m.has("cue", "no") and last <= m.first < verdict.first for m in cues)
    raised = verdict.has("cue", "high") and not verdict.has("cue", "normal") and not denied
    for mention in pending:
        for tag in mention.tags:
            finding = load_vocabulary()[tag.name].raises if tag.kind == "lab" else None
            if tag.kind in ("lab_name", "serology"):
                finding = tag.name
            if finding is not None:
                person.findings.append((finding, float(raised), mention))
    return True
