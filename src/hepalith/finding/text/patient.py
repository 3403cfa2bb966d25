"""Who the report is about: age, sex, history, exposures, symptoms and laboratory values."""

from __future__ import annotations

import re

from hepalith.finding.text.laboratory import take_labs
from hepalith.finding.text.lexicon import Tag
from hepalith.finding.text.mention import Mention, Sentence
from hepalith.finding.text.person import Person
from hepalith.finding.text.token import Tokens

__all__ = ["read_age", "read_pressure", "take_person"]

SURE = 0.5
"""Least probability with which a fact of a patient is taken for true: a patient file knows no doubt."""


_S = r"\s{0,2}"
_AGE = tuple(
    re.compile(pattern.replace("_", _S))
    for pattern in (
        r"(?<![\d.])(?P<n>\d{1,3})_-?_(?P<u>year|yr|month|mo|week|wk|day)s?_-?_(?:old|of age)\b",
        r"(?<![\d./])(?P<n>\d{1,3})_(?:y/?o|yo|y\.o\.?|y|yrs?)_[,/]?_(?P<sex>m|f|male|female)?(?![a-z])",
        r"\b(?:aged?|age)_[:=]?_(?:of\s)?(?P<n>\d{1,3})(?!\d|\.\d|_mm)(?:_(?P<u>year|month|week|day|yr|mo))?",
        r"(?<!\d)(?P<n>\d{1,3})_周?岁(?:_(?P<m>\d{1,2})_个?月)?",
        r"(?:年龄|患儿|婴儿)\D{0,4}(?P<n>\d{1,3})_(?P<u>岁|个月|月|天|周|日)",
        r"(?:男|女)[性婴孩]?[,、 ]{0,3}(?P<n>\d{1,3})_(?P<u>岁|个月|月|天|日|y)",
        r"(?<![\d./])(?P<n>\d{1,3})\s?(?P<sex>m|f)(?![a-z0-9/])",
        r"\b(?P<sex>m|f)\s?[/,]?\s?(?P<n>\d{1,3})(?![\d.]|_(?:mm|cm))",
        r"(?P<n>\d{1,3})_y(?:rs?|ears?)?_[/,]?_(?P<sex>m|f|male|female)\b",
        r"(?<!\d)(?P<n>\d{1,2})_(?P<u>个月|月龄)(?:大|龄|男|女|婴)",
        r"(?:生后|出生后|出生|日龄)_(?P<n>\d{1,3})_(?P<u>天|周|个月|月|日)",
        r"(?<![\d.])(?P<n>\d{1,3})_-?_(?P<u>day|week|month|year)s?_-?_"
        r"(?:infant|boy|girl|baby|male|female|neonate|newborn|man|woman)",
        r"\b(?P<u>day|week|month) (?P<n>\d{1,2}) of life",
        r"\b(?:mr|mrs|ms|miss)\.? [a-z]{1,20},?_\(?(?P<n>\d{1,3})_[,)]",
        r"\b(?:man|woman|male|female|gentleman|lady|boy|girl|patient)_,_(?:aged\s)?(?P<n>\d{1,3})(?![\d./]|_(?:mm|cm|%))",
    )
)
"""How reports write an age; "_" stands for up to two blanks."""

_SEX = re.compile(r"\b(?:sex|gender)\s{0,2}:?\s{0,2}(?P<sex>m|f)(?![a-z0-9])")

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
_WEEKS = re.compile(
    r"(?<![\d.])(?P<n>[1-4]\d)\s{0,2}(?:\+\s{0,2}(?P<d>[0-6])\s{0,2})?-?\s{0,2}"
    r"(?:weeks?|wks?|w(?![a-z])|gestational weeks?|周)"
    r"|孕\s{0,2}(?P<z>[1-4]\d)(?:\s?\+\s?(?P<e>[0-6]))?"
    r"|gestation(?:al age)?\s{0,2}:?\s{0,2}(?:of\s)?(?P<g>[1-4]\d)"
    r"|\bga\s{0,2}:?\s{0,2}(?P<h>[1-4]\d)"
)
_DAYS_BEHIND = re.compile(r"(?:周|\s?weeks?)?\s?(?:\+\s?|and )?(?P<d>[0-6])(?:\s?(?:days?|d\b|天)|(?![\d.]))")
"""Days behind the weeks: 28周+2, "21 weeks 3 days"."""

_MOST_YEARS = 120


def read_age(normal: str, person: Person) -> None:
    """Note age and sex, from the first place of the report that states them."""
    found = [
        match for pattern in _AGE if (match := pattern.search(normal)) and int(match["n"]) <= _MOST_YEARS
    ]
    if sex := _SEX.search(normal):
        person.note("", "sex", "male" if sex["sex"] == "m" else "female", sex.start(), sex.end())
    best = min(found, key=lambda m: (m.start("n"), -m.end()), default=None)
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


_PRESSURE = re.compile(r"(?:\bbp|血压|blood pressure)(?![a-z])[^\d,.;。\n]{0,8}(?P<n>\d{2,3})(?![\d.])")
LOW_SYSTOLIC = 90
"""Systolic pressure in mmHg below which an adult's is low (general knowledge, K)."""

ADULT_PRESSURE_FROM = 12.0
"""Age in years from which that limit holds: a small child's pressure is that low in health (K)."""


def read_pressure(normal: str, person: Person) -> None:
    """Note a low blood pressure that is given in figures."""
    age = person.facts.get(("", "age_years"))
    if age is not None and age.value < ADULT_PRESSURE_FROM:
        return
    for match in _PRESSURE.finditer(normal):
        if int(match["n"]) < LOW_SYSTOLIC:
            person.note("symptoms", "hypotension", True, match.start(), match.end())


def read_fetus(normal: str, person: Person, start: int, end: int) -> None:
    """Note a fetus and its weeks, if the report gives them."""
    match = _WEEKS.search(normal)
    if match is not None and ("", "age_years") not in person.facts:
        weeks = float(match["n"] or match["z"] or match["g"] or match["h"])
        if days := match["d"] or match["e"] or _DAYS_BEHIND.match(normal, match.end()):
            weeks = round(weeks + int(days if isinstance(days, str) else days["d"]) / 7, 2)
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
            elif tag.kind == "subject" and mention.probability and not _is_well(sentence, mention):
                read_fetus(normal, person, start, end)
            elif tag.kind in _TABLES:
                _take_fact(person, mention, tag, (start, end))
            elif tag.kind == "past_only" and mention.past and mention.probability is not None:
                person.note("history", tag.name, mention.probability >= SURE, start, end)
            elif tag.kind in ("primary", "cancer") and mention.family and mention.probability:
                person.note("history", "family_cancer", True, start, end)
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
    take_labs(person, tokens, sentence, normal)


def _is_well(sentence: Sentence, mention: Mention) -> bool:
    """Say whether a clause only tells that the fetus is normal: then the liver is the mother's."""
    return any(m.has("cue", "normal") and m.part == mention.part for m in sentence.mentions)


_TABLES = {"history": "history", "exposure": "exposures", "symptom": "symptoms"}
_FAMILIAL = ("men2", "hepatoblastoma_syndrome")


def _take_fact(person: Person, mention: Mention, tag: Tag, span: tuple[int, int]) -> None:
    """Note a fact that a phrase names: true, denied, or one of the choices of a known cancer."""
    name = tag.name
    if mention.probability is None or (mention.family and name not in _FAMILIAL):
        return
    holds = mention.probability >= SURE
    if 0 < mention.probability < SURE:
        return
    if name == "known_primary":
        if holds:
            person.note("history", name, tag.value, *span)
        return
    if tag.value == "denied" and holds:
        return
    if tag.value == "false":
        holds = False
    person.note(_TABLES[tag.kind], name, holds, *span)
