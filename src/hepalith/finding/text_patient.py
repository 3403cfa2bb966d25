"""Who the report is about: age, sex, history, exposures, symptoms and laboratory values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hepalith.finding.text_mention import Mention, Sentence
from hepalith.finding.text_token import Tokens
from hepalith.vocabulary import load_vocabulary

__all__ = ["Fact", "Person", "read_age", "take_person"]

SURE = 0.5
"""Least probability with which a fact of a patient is taken for true: a patient file knows no doubt."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry of the patient file, and the places of the report that say it."""

    table: str
    key: str
    value: Any
    start: int
    end: int


@dataclass(slots=True)
class Person:
    """What is known of the patient so far."""

    facts: dict[tuple[str, str], Fact] = field(default_factory=dict)
    findings: list[tuple[str, float, Mention]] = field(default_factory=list)

    def note(self, table: str, key: str, value: Any, start: int, end: int) -> None:
        """Note a fact. What is present outweighs what is denied; else the first word stands."""
        known = self.facts.get((table, key))
        if (
            known is None
            or (known.value is False and value is not False)
            or (known.value == "other" != value)
        ):
            self.facts[table, key] = Fact(table, key, value, start, end)


_AGE = (
    re.compile(r"(?<![\d.])(?P<n>\d{1,3})\s{0,2}-?\s{0,2}(?P<u>year|yr|month|mo|week|wk|day)s?\s{0,2}-?\s{0,2}(?:old|of age)\b"),
    re.compile(r"(?<![\d./])(?P<n>\d{1,3})\s{0,2}(?:y/?o|yo|y\.o\.?|y|yrs?)\s{0,2}[,/]?\s{0,2}(?P<sex>m|f|male|female)?(?![a-z])"),
    re.compile(r"\b(?:aged?|age)\s{0,2}[:=]?\s{0,2}(?:of\s)?(?P<n>\d{1,3})(?![\d.]|\s{0,2}mm)(?:\s{0,2}(?P<u>year|month|week|day|yr|mo))?"),
    re.compile(r"(?<!\d)(?P<n>\d{1,3})\s{0,2}周?岁(?:\s{0,2}(?P<m>\d{1,2})\s{0,2}个?月)?"),
    re.compile(r"(?:年龄|患儿|婴儿)\D{0,4}(?P<n>\d{1,3})\s{0,2}(?P<u>岁|个月|月|天|周|日)"),
    re.compile(r"(?:男|女)[性婴孩]?[,、 ]{0,3}(?P<n>\d{1,3})\s{0,2}(?P<u>岁|个月|月|天|日|y)"),
    re.compile(r"(?<![\d./])(?P<n>\d{1,3})\s{0,1}(?P<sex>m|f)(?![a-z0-9/])"),
    re.compile(r"\b(?P<sex>m|f)\s{0,1}[/,]?\s{0,1}(?P<n>\d{1,3})(?![\d.]|\s{0,2}(?:mm|cm))"),
    re.compile(r"(?P<n>\d{1,3})\s{0,2}y(?:rs?|ears?)?\s{0,2}[/,]?\s{0,2}(?P<sex>m|f|male|female)\b"),
    re.compile(r"(?<!\d)(?P<n>\d{1,2})\s{0,2}(?P<u>个月|月龄)(?:大|龄|男|女|婴)"),
    re.compile(r"(?:生后|出生后|出生|日龄)\s{0,2}(?P<n>\d{1,3})\s{0,2}(?P<u>天|周|个月|月|日)"),
    re.compile(r"(?<![\d.])(?P<n>\d{1,3})\s{0,2}-?\s{0,2}(?P<u>day|week|month|year)s?\s{0,2}-?\s{0,2}(?:infant|boy|girl|baby|male|female|neonate|newborn|man|woman)"),
    re.compile(r"\b(?P<u>day|week|month) (?P<n>\d{1,2}) of life"),
)  # fmt: skip
_IN_YEARS = {
    "month": 12,
    "mo": 12,
    "个月": 12,
    "月": 12,
    "月龄": 12,
    "week": 52.18,
    "wk": 52.18,
    "周": 52.18,
    "day": 365.25,
    "天": 365.25,
    "日": 365.25,
}
_DECADE = re.compile(r"\bin (?:his|her) (?P<w>thirties|forties|fifties|sixties|seventies|eighties)\b")
_WEEKS = re.compile(
    r"(?<![\d.])(?P<n>[1-4]\d)\s{0,2}(?:\+\s{0,2}\d\s{0,2})?-?\s{0,2}(?:weeks?|wks?|w(?![a-z])|gestational weeks?|周)"
    r"|孕\s{0,2}(?P<z>[1-4]\d)|gestation(?:al age)?\s{0,2}:?\s{0,2}(?:of\s)?(?P<g>[1-4]\d)"
    r"|\bga\s{0,2}:?\s{0,2}(?P<h>[1-4]\d)"
)
_MOST_YEARS = 120


def read_age(normal: str, person: Person) -> None:
    """Note age and sex, from the first place of the report that states them."""
    best: re.Match[str] | None = None
    for pattern in _AGE:
        match = pattern.search(normal)
        if (
            match is not None
            and int(match["n"]) <= _MOST_YEARS
            and (best is None or match.start() < best.start())
        ):
            best = match
    if best is None:
        return
    groups = best.groupdict()
    years = int(best["n"]) / _IN_YEARS.get(groups.get("u") or "", 1)
    if groups.get("m"):
        years += int(groups["m"]) / 12
    person.note("", "age_years", round(years, 3), best.start(), best.end())
    if groups.get("sex"):
        person.note(
            "", "sex", "male" if groups["sex"].startswith("m") else "female", best.start(), best.end()
        )


def read_fetus(normal: str, person: Person, start: int, end: int) -> None:
    """Note a fetus and its weeks, if the report gives them."""
    match = _WEEKS.search(normal)
    if match is not None and ("", "age_years") not in person.facts:
        weeks = float(match["n"] or match["z"] or match["g"] or match["h"])
        person.note("", "subject", "fetus", start, end)
        person.note("", "gestation_weeks", weeks, match.start(), match.end())


def take_person(person: Person, tokens: Tokens, sentence: Sentence, normal: str) -> None:
    """Take in what a sentence says of the patient."""
    for mention in sentence.mentions:
        start, end = tokens.starts[mention.first], tokens.ends[mention.last - 1]
        for tag in mention.tags:
            if tag.kind == "sex" and not mention.family:
                person.note("", "sex", tag.name, start, end)
            elif tag.kind == "pregnancy" and mention.probability:
                person.note("", "pregnancy", True, start, end)
            elif tag.kind == "subject" and mention.probability:
                read_fetus(normal, person, start, end)
            elif tag.kind in _TABLES:
                _take_fact(person, mention, tag.kind, tag.name, tag.value, (start, end))
            elif tag.kind == "past_only" and mention.past and mention.probability is not None:
                person.note("history", tag.name, mention.probability >= SURE, start, end)
            elif tag.kind == "primary" and mention.past and (mention.probability or 0) >= SURE:
                person.note("history", "known_primary", tag.name, start, end)
                person.note("history", "cancer_history", True, start, end)
            elif (
                tag.kind == "cancer"
                and mention.past
                and mention.probability in (0.0, 1.0)
                and not mention.family
            ):
                person.note("history", "cancer_history", mention.probability == 1.0, start, end)
            elif tag.kind == "lab_finding" and mention.probability is not None:
                person.findings.append((tag.name, mention.probability, mention))
    _take_labs(person, tokens, sentence, normal)


_TABLES = {"history": "history", "exposure": "exposures", "symptom": "symptoms"}
_FAMILIAL = ("men2", "hepatoblastoma_syndrome")


def _take_fact(
    person: Person, mention: Mention, kind: str, name: str, value: str | None, span: tuple[int, int]
) -> None:
    if mention.probability is None or (mention.family and name not in _FAMILIAL):
        return
    holds = mention.probability >= SURE
    if 0 < mention.probability < SURE:
        return
    if name == "known_primary":
        if holds:
            person.note("history", name, value, *span)
        return
    if value == "false":
        holds = not holds
    person.note(_TABLES[kind], name, holds, *span)


_VALUE = re.compile(
    r"(?:\s{0,3}\([a-z0-9 -]{1,12}\))?"
    r"(?:\s{0,3}(?:levels?|concentration|count|值|水平|浓度|is|was|were|of|:|=|为|约|达|at|a|to|level of|明显|显著|轻度|升高至|升至|增高至|高达|"
    r"升高|增高|elevated|raised|increased|markedly|mildly|slightly|high|low|about|up|still|only|normal|within|正常|\(|,)){0,6}\s{0,3}"
    r"(?P<sign>[<>≤≥]|小于|大于)?\s{0,2}(?P<n>\d{1,3}(?:[ ,]\d{3})+(?![\d])|\d{1,7}(?:\.\d{1,4})?)(?:\s?x\s?10\s?\^?\s?(?P<e>[2-6])(?=\s?[a-z]))?\s{0,2}"
    r"(?P<unit>(?:10\^?\d\s{0,1}/\s{0,1}u?l|x\s{0,1}10\s{0,1}\^?\d{1,2}\s{0,1}/\s{0,1}u?l|[a-z%]{1,5}\s{0,1}/\s{0,1}(?:d?l|ml|u?l|mm3)|%|iu/l|g/dl|个/l)?)"
)
_LIMIT = re.compile(
    r"^\s{0,2}[,;]?\s{0,2}[(\[]?\s{0,2}(?:normal(?: range| value| limit)?s?|reference(?: range| interval| value)?|ref\.?|upper limit(?: of normal)?|uln|nr|rr|n|"
    r"参考值|正常值|参考范围|正常|正常参考值|正常上限|参考区间|上限|正常范围|参考)?\s{0,2}[:,]?\s{0,2}(?:of\s)?(?:is\s)?"
    r"(?P<sign><|≤|up to|小于|below|under)?=?\s{0,2}(?P<low>\d{1,6}(?:\.\d{1,4})?)\s{0,2}(?:(?:-|~|to|至)\s{0,2}(?P<high>\d{1,6}(?:\.\d{1,4})?))?"
)
_LIMIT_WORD = re.compile(r"normal|ref|upper|uln|nr|参考|正常|上限|rr|[(\[]\s{0,2}n")
_UPPER_WORD = re.compile(r"upper|uln|上限")
_UNITS = {
    "ng/ml": "ng/mL", "ug/l": "ug/L", "iu/ml": "IU/mL", "u/ml": "U/mL", "ku/l": "kU/L", "u/l": "U/L", "iu/l": "U/L",
    "mg/dl": "mg/dL", "umol/l": "umol/L", "mmol/l": "mmol/L", "g/l": "g/L", "g/dl": "g/dL", "pg/ml": "pg/mL",
    "mg/l": "mg/L", "pmol/l": "pmol/L", "%": "%", "ng/l": "ng/L", "nmol/l": "nmol/L", "ng/dl": "ng/dL", "u/dl": "U/dL",
    "ug/ml": "ug/mL", "kiu/l": "kU/L", "kpa": "kPa", "ng/ ml": "ng/mL", "mcg/l": "ug/L", "mu/l": "mU/L",
}  # fmt: skip
"""Units as they are written in lower case, and their UCUM codes."""

_THOUSANDS = re.compile(r"10\s?\^?9\s?/\s?l|10\s?\^?3\s?/\s?ul|10e9/l|k/ul|/nl")


def _take_labs(person: Person, tokens: Tokens, sentence: Sentence, normal: str) -> None:
    """Note laboratory values with their limits, and those that are called normal or raised."""
    names = [m for m in sentence.mentions if m.has("lab") or m.has("lab_name") or m.has("serology")]
    pending: list[Mention] = []
    for place, mention in enumerate(names):
        if mention.family or mention.probability is None:
            continue
        upto = (
            tokens.starts[names[place + 1].first]
            if place + 1 < len(names)
            else tokens.ends[sentence.last - 1]
        )
        end = tokens.ends[mention.last - 1]
        if mention.has("lab") and (value_at := _take_value(person, mention, normal, end, upto)):
            _judge_near_value(
                person, mention, normal[end : value_at[0]], normal[value_at[1] : value_at[1] + 2]
            )
            continue
        pending.append(mention)
        if _judge_words(person, tokens, sentence, pending, names, place):
            pending = []


_RAISED = re.compile(r"elevated|raised|increased|high|升高|增高|升至|高达")
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


def _take_value(person: Person, mention: Mention, normal: str, end: int, upto: int) -> tuple[int, int] | None:
    """Note the value behind a laboratory name; return where the number begins and where its unit ends."""
    match = _VALUE.match(normal, end, max(upto, end))
    if match is None:
        return None
    name = mention.names("lab")[0]
    written = re.sub(r"\s", "", match["unit"] or "")
    unit = _UNITS.get(written) or ("10*3/uL" if _THOUSANDS.search(written) else None)
    if unit is None and "/" in written:
        unit = written
    lab: dict[str, Any] = {
        "value": float(match["n"].replace(",", "").replace(" ", "")) * 10.0 ** int(match["e"] or 0),
        "unit": unit or str(load_vocabulary()[name].unit),
    }
    upper = _upper_limit(normal[match.end() : max(min(match.end() + 48, upto), match.end())])
    if upper is not None:
        lab["upper_limit"] = upper
    person.note("labs", name, lab, end, match.end())
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
    person: Person,
    tokens: Tokens,
    sentence: Sentence,
    pending: Sequence[Mention],
    names: Sequence[Mention],
    place: int,
) -> bool:
    """Judge laboratory names by the words after them, or right before; say whether any was found."""
    following = names[place + 1].first if place + 1 < len(names) else sentence.last
    last = names[place].last
    verdicts = [
        m for m in sentence.mentions if last <= m.first < following and m.has("cue", "normal", "high")
    ]
    before = [
        m for m in sentence.mentions
        if m.has("cue", "normal", "high") and m.last <= pending[0].first and pending[0].first - m.last <= 2
    ]  # fmt: skip
    verdict = verdicts[0] if verdicts else (before[-1] if before else None)
    if verdict is None:
        return False
    between = [m for m in sentence.mentions if m.has("cue", "no") and last <= m.first < verdict.first]
    raised = verdict.has("cue", "high") and not verdict.has("cue", "normal") and not between
    chance = 1.0 if raised else 0.0
    for mention in pending:
        for tag in mention.tags:
            if tag.kind == "lab":
                finding = load_vocabulary()[tag.name].raises
                if finding is not None:
                    person.findings.append((finding, chance, mention))
            elif tag.kind in ("lab_name", "serology"):
                person.findings.append((tag.name, chance, mention))
    return True
