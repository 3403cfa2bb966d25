"""Findings that cannot all be true: found, said, and not averaged away."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from itertools import combinations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from hepalith.differential.differential import Contradiction, Differential
from hepalith.differential.statement import Statement
from hepalith.finding.disagreement import Disagreement
from hepalith.finding.finding import Finding
from hepalith.vocabulary import Measurement, State, inline, load_vocabulary

__all__ = [
    "Clash",
    "clash_of_rules",
    "clash_of_sources",
    "clash_of_words",
    "load_clash_rules",
    "with_disagreements",
]

SURE = 0.8
"""Probability from which a finding is taken at its word: below it two findings can both be half right."""

NO_COMMON_GROUND = 0.2
"""Two findings about one feature clash where no value of it has more than this support from both."""

RANK = {"person": 2, "text": 1, "us": 0, "ct": 0}
"""Who is believed where two clash: a person before a report's text, and that before a machine."""

LARGER_BY = 1.1
"""One size surely exceeds another from a tenth more: readers differ by less (our judgement)."""

SOURCES = {
    "person": ("the patient file", "患者资料"),
    "text": ("the report", "报告文本"),
    "us": ("the ultrasound image", "超声图像"),
    "ct": ("the CT image", "CT图像"),
}
"""Who says a finding, in English and Chinese."""


class _Side(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    finding: tuple[str, ...]
    said: tuple[bool | str, ...] = Field(default=(), alias="is")

    @field_validator("finding", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def holds(self, finding: Finding) -> bool:
        """Return whether this finding is surely what the side says."""
        chance = _chance(finding)
        if not self.said:
            return chance >= SURE
        return any(
            (chance >= SURE if said else chance <= 1.0 - SURE)
            if isinstance(said, bool)
            else chance >= SURE and finding.value == said
            for said in self.said
        )


class Rule(BaseModel):
    """Sides that cannot all hold. `silences`: what clashes, and is no better founded, does not count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sides: tuple[_Side, _Side]
    larger: bool = False
    silences: bool = True
    en: str
    zh: str


class Rules(BaseModel):
    """The file: its rules, and words so general (no symptoms) that a definite one counts before them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    general: frozenset[str]
    rule: tuple[Rule, ...]


PLACES = "place"
"""Group of terms that several foci fill differently without a clash: one lies in segment IV, one in VII."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A contradiction, and the findings that are not to be heard for it."""

    contradiction: Contradiction
    silenced: tuple[Finding, ...]


@lru_cache(maxsize=1)
def load_clash_rules() -> Rules:
    """Return the rules of the file beside this module, checked against the vocabulary.

    Raises
    ------
    ValueError
        If a rule breaks the schema or names a finding that does not exist.
    """
    content = (files("hepalith.differential") / "contradictions.toml").read_text(encoding="utf-8")
    rules = Rules.model_validate(tomllib.loads(content))
    named = {name for rule in rules.rule for side in rule.sides for name in side.finding} | rules.general
    if unknown := sorted(name for name in named if name not in load_vocabulary()):
        raise ValueError(f"contradictions.toml names what does not exist: {', '.join(unknown)}")
    return rules


def with_disagreements(differential: Differential, disagreements: Sequence[Disagreement]) -> Differential:
    """Return a differential that also tells where CT and ultrasound disagree, those first.

    They were settled before the reasoning (`hepalith.finding.together`): where neither counts the finding is
    named as left out.
    """
    told = tuple(
        Contradiction((d.finding,), {"en": d.en, "zh": d.zh}, () if d.heard else (d.finding,))
        for d in disagreements
    )
    return replace(differential, contradictions=(*told, *differential.contradictions))


def clash_of_sources(findings: Sequence[Finding]) -> Iterator[Clash]:
    """Yield where one finding about one subject is surely so and surely not, or two things at once."""
    by_name: dict[str, list[Finding]] = {}
    for finding in findings:
        several = load_vocabulary()[finding.id].group == PLACES
        if finding.state in (State.PRESENT, State.ABSENT) and not several:
            by_name.setdefault(finding.id, []).append(finding)
    for name, said in sorted(by_name.items()):
        for one, other in combinations(sorted(set(said), key=_order), 2):
            if _same_subject(one, other) and _opposed(one, other):
                title = {lang: inline(load_vocabulary().display(name, lang), lang) for lang in ("en", "zh")}
                both = [SOURCES[f.source] for f in (one, other)]
                reason = {
                    "en": f"{both[0][0]} and {both[1][0]} disagree on “{title['en']}”"
                    if one.source != other.source
                    else f"{both[0][0]} says two things of “{title['en']}”",
                    "zh": f"{both[0][1]}与{both[1][1]}对“{title['zh']}”的说法不一致"
                    if one.source != other.source
                    else f"{both[0][1]}对“{title['zh']}”有两种说法",
                }
                yield _settle((one, other), reason)


def clash_of_words(statements: Sequence[Statement], heard: Mapping[str, Finding]) -> Iterator[Clash]:
    """Yield where two findings speak of one feature and leave no value of it that both support."""
    for one, other in combinations(statements, 2):
        if one.feature != other.feature or one.finding == other.finding or (one.any_of and other.any_of):
            continue
        common = np.minimum(one.likelihood / one.likelihood.max(), other.likelihood / other.likelihood.max())
        if common.max() <= NO_COMMON_GROUND and one.finding in heard and other.finding in heard:
            both = sorted((heard[one.finding], heard[other.finding]), key=_order)
            en, zh = (" and ".join(_quote(f, "en") for f in both), "与".join(_quote(f, "zh") for f in both))
            reason = {"en": f"{en} cannot both be true", "zh": f"{zh}不能同时成立"}
            yield _settle((both[0], both[1]), reason)


def clash_of_rules(heard: Mapping[str, Finding]) -> Iterator[Clash]:
    """Yield where the rules of the file say that findings cannot both be true."""
    for rule in load_clash_rules().rule:
        for one in _holding(rule.sides[0], heard):
            for other in _holding(rule.sides[1], heard):
                if rule.larger and not _is_larger(one, other):
                    continue
                both = sorted((one, other), key=_order)
                en, zh = (
                    " and ".join(_quote(f, "en") for f in both),
                    "与".join(_quote(f, "zh") for f in both),
                )
                reason = {"en": f"{en}: {rule.en}", "zh": f"{zh}：{rule.zh}"}
                if rule.silences:
                    yield _settle((both[0], both[1]), reason)
                else:
                    names = tuple(f.id for f in both)
                    yield Clash(Contradiction(names, reason), ())


def _holding(side: _Side, heard: Mapping[str, Finding]) -> Iterable[Finding]:
    return [heard[name] for name in side.finding if name in heard and side.holds(heard[name])]


def _settle(both: tuple[Finding, Finding], reason: Mapping[str, str]) -> Clash:
    """Return the clash: the better founded of two counts, and where none is, neither."""
    ranks = [(RANK[f.source], f.id not in load_clash_rules().general) for f in both]
    silenced = tuple(f for f, rank in zip(both, ranks, strict=True) if rank < max(ranks)) or both
    if len(silenced) == len(both):
        ending = ("; neither counts", "；两者均不计入")
    else:
        counts = both[1] if silenced[0] is both[0] else both[0]
        ending = (f"; {SOURCES[counts.source][0]} counts", f"；以{SOURCES[counts.source][1]}为准")
        if both[0].source == both[1].source:
            ending = ("; the more definite counts", "；以较具体者为准")
    said = {"en": reason["en"] + ending[0], "zh": reason["zh"] + ending[1]}
    names = tuple(dict.fromkeys(f.id for f in both))
    return Clash(Contradiction(names, said, tuple(dict.fromkeys(f.id for f in silenced))), silenced)


def _same_subject(one: Finding, other: Finding) -> bool:
    """Return whether two findings may be about one thing: what names no focus or duct may mean any."""
    return one.subject.ref == other.subject.ref or not (one.subject.ref and other.subject.ref)


def _opposed(one: Finding, other: Finding) -> bool:
    chances = _chance(one), _chance(other)
    if min(chances) <= 1.0 - SURE and max(chances) >= SURE:
        return True
    words = isinstance(one.value, str) and isinstance(other.value, str) and one.value != other.value
    return words and min(chances) >= SURE


def _is_larger(one: Finding, other: Finding) -> bool:
    if not (isinstance(one.value, Measurement) and isinstance(other.value, Measurement)):
        return False
    low = one.value.value if one.value.low is None else one.value.low
    high = other.value.value if other.value.high is None else other.value.high
    return one.value.unit == other.value.unit and low > LARGER_BY * high


def _chance(finding: Finding) -> float:
    if finding.state not in (State.PRESENT, State.ABSENT):
        return 0.5
    return float(finding.state is State.PRESENT) if finding.probability is None else finding.probability


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return (finding.id, finding.source, finding.state.value, str(finding.value))


def _quote(finding: Finding, language: str) -> str:
    """Return a finding as it was said: its name, and what it was said to be."""
    name = inline(load_vocabulary().display(finding.id, language), language)
    colon = "：" if language == "zh" else ": "
    if isinstance(finding.value, Measurement):
        unit = "" if finding.value.unit == "1" else f" {finding.value.unit}"
        return f"“{name}{colon}{finding.value.value:g}{unit}”"
    if isinstance(finding.value, str):
        return f"“{name}{colon}{load_vocabulary().display(finding.id, language, finding.value)}”"
    if finding.state is State.PRESENT:
        return f"“{name}”"
    return f"“no {name}”" if language == "en" else f"“无{name}”"
