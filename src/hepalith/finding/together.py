"""CT and ultrasound of one patient: each clinical fact heard once, from the one that shows it better.

Their foci are not matched one to one, since an ultrasound picture has no place in the patient: numbers and
sizes are compared, never summed. What one could not judge the other may; where both could and contradict each
other that is said, with what would settle it.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hepalith.finding.description import Description
from hepalith.finding.disagreement import Disagreement
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.vocabulary import Measurement, State, inline, load_vocabulary

__all__ = ["Disagreement", "Joined", "join", "load_modality_rules"]

SURE = 0.8
"""Probability from which a finding is taken at its word, as within one report."""

SIZES_APART = 1.5
"""Ratio of two sizes from which they differ, where their intervals do not meet either. A focus cut in one
plane and blurred by the beam is measured to no better than this. Our judgement."""

ABSENT_CHANCE = 0.03
"""Probability of what is called absent without a number."""

JUDGED = (State.PRESENT, State.ABSENT)

Source = Literal["ct", "us"]


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str
    zh: str


class ModalityRule(BaseModel):
    """Which of CT and ultrasound is heard on some findings, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: tuple[str, ...]
    better: Literal["ct", "us", "either"]
    on_clash: Literal["better", "seen"]
    grade: Literal["A", "B", "C", "K"]
    source: str
    why: _Words
    settle: _Words


class _Special(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str
    zh: str
    settle: _Words | None = None
    source: str = ""


class ModalityRules(BaseModel):
    """The file beside this module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: tuple[ModalityRule, ...]
    echo_without_calcium: _Special
    more_echoes: _Special


@dataclass(frozen=True, slots=True)
class Joined:
    """CT and ultrasound as one.

    Parameters
    ----------
    findings, patterns
        For the reasoning: one finding an id, and the patterns that go with them.
    disagreements
        What the two say differently.
    all_findings, all_patterns
        For the document: what each said, with its source; of two of one id the one that is heard first.
    """

    findings: tuple[Finding, ...]
    patterns: tuple[Pattern, ...]
    disagreements: tuple[Disagreement, ...] = ()
    all_findings: tuple[Finding, ...] = ()
    all_patterns: tuple[Pattern, ...] = ()


@lru_cache(maxsize=1)
def load_modality_rules() -> ModalityRules:
    """Return the rules of the file beside this module, checked against the vocabulary.

    Raises
    ------
    ValueError
        If a finding does not exist, or has two rules.
    """
    content = (files("hepalith.finding") / "modality.toml").read_text(encoding="utf-8")
    rules = ModalityRules.model_validate(tomllib.loads(content))
    named = [name for rule in rules.rule for name in rule.findings]
    wrong = sorted({n for n in named if n not in load_vocabulary() or named.count(n) > 1})
    if wrong:
        raise ValueError(f"modality.toml names what does not exist, or twice: {', '.join(wrong)}")
    return rules


def _rule_of(name: str) -> ModalityRule | None:
    return next((rule for rule in load_modality_rules().rule if name in rule.findings), None)


def join(ct: Description, us: Description) -> Joined:
    """Return what CT and ultrasound of one patient say together.

    Parameters
    ----------
    ct, us
        What each shows; ids of foci differ between the two.
    """
    by_ct, by_us = ({f.id: f for f in d.findings} for d in (ct, us))
    names = list(dict.fromkeys([*by_ct, *by_us]))
    heard, disagreements, told = list[Finding](), list[Disagreement](), list[Finding]()
    counts_apart = _is_open(by_ct)
    for name in names:
        one, other = by_ct.get(name), by_us.get(name)
        only_us = counts_apart and name in OF_FOCI and other is not None
        chosen, clash = _hear(None if only_us else one, other)
        told += [f for f in (one, other) if f is not None and f is chosen]
        told += [f for f in (one, other) if f is not None and f is not chosen]
        heard += [] if chosen is None else [chosen]
        disagreements += [] if clash is None else [clash]
    special = _echo_without_calcium(by_ct, by_us)
    if special is not None:
        disagreements = [d for d in disagreements if d.finding != special.finding] + [special]
    more = _more_echoes(by_ct, by_us)
    disagreements += [] if more is None or special is not None else [more]
    findings, patterns = _own_foci(heard, ct, us)
    return Joined(
        findings, patterns, tuple(sorted(disagreements, key=lambda d: names.index(d.finding))),
        tuple(told), (*ct.patterns, *us.patterns),
    )  # fmt: skip


OF_FOCI = ("focus_count",)
"""Findings that say of no focus as much as of some: none in the part that CT shows is no number of them."""


def _is_open(by_ct: Mapping[str, Finding]) -> bool:
    """Return whether CT found no calcium and cannot exclude it either: then ultrasound counts."""
    calcium = by_ct.get("intrahepatic_calcification")
    return calcium is not None and calcium.state not in JUDGED


def _hear(ct: Finding | None, us: Finding | None) -> tuple[Finding | None, Disagreement | None]:
    """Return the finding that is heard, and where the two contradict each other."""
    if ct is None or us is None:
        return ct or us, None
    if ct.state not in JUDGED or us.state not in JUDGED:
        return _only(ct, us), None
    rule = _rule_of(ct.id)
    if _contradict(ct, us):
        heard = _settle(ct, us, rule)
        return heard, _disagreement(ct, us, rule, heard)
    if rule is None or rule.better == "ct":
        return ct, None
    return (us if rule.better == "us" or _sureness(us) > _sureness(ct) else ct), None


def _only(ct: Finding, us: Finding) -> Finding:
    """Return the one that could judge; of two that could not the one that tried, CT before ultrasound."""
    order = {State.PRESENT: 0, State.ABSENT: 0, State.NOT_ASSESSABLE: 1, State.UNKNOWN: 2}
    return us if order[us.state] < order[ct.state] else ct


def _chance(finding: Finding) -> float:
    if finding.probability is not None:
        return finding.probability
    return 1.0 if finding.state is State.PRESENT else ABSENT_CHANCE


def _sureness(finding: Finding) -> float:
    return abs(_chance(finding) - 0.5)


def _contradict(ct: Finding, us: Finding) -> bool:
    """Return whether the two say opposite things, both surely."""
    if isinstance(ct.value, Measurement) and isinstance(us.value, Measurement):
        return ct.id != "focus_count" and _are_apart(ct.value, us.value)
    if isinstance(ct.value, str) and isinstance(us.value, str):
        if ct.value == us.value or min(_chance(ct), _chance(us)) < SURE:
            return False
        left = [dict(a.alternatives).get(str(b.value), 0.0) for a, b in ((ct, us), (us, ct))]
        return max(left) <= 1.0 - SURE
    return max(_chance(ct), _chance(us)) >= SURE and min(_chance(ct), _chance(us)) <= 1.0 - SURE


def _are_apart(one: Measurement, other: Measurement) -> bool:
    """Return whether two sizes differ by more than both measurements leave open."""
    if one.unit != other.unit or min(one.value, other.value) <= 0:
        return False
    small, large = sorted((one, other), key=lambda m: m.value)
    high = small.value if small.high is None else small.high
    low = large.value if large.low is None else large.low
    return large.value > SIZES_APART * small.value and low > high


def _settle(ct: Finding, us: Finding, rule: ModalityRule | None) -> Finding | None:
    """Return which of two that contradict each other is heard; None where neither is."""
    if rule is None:
        return None
    if rule.on_clash == "seen" and isinstance(ct.value, str) and isinstance(us.value, str):
        seen = [f for f in (ct, us) if f.value not in NOTHING]
        if len(seen) == 1:
            return seen[0]
    elif rule.on_clash == "seen" and ct.state is not us.state:
        return ct if ct.state is State.PRESENT else us
    return {"ct": ct, "us": us}.get(rule.better)


NOTHING = ("none", "apart")
"""Choices that say that there is nothing to be seen."""


SEEN: Mapping[str, str] = {
    "en": ", since what one of them shows is there",
    "zh": "（一方已显示，即视为存在）",
}
"""Why the one that sees something is heard."""

NOT_SAID: Mapping[str, str] = {"en": "", "zh": ""}


def _disagreement(ct: Finding, us: Finding, rule: ModalityRule | None, heard: Finding | None) -> Disagreement:
    said = {
        source: {lang: _quote(f, lang) for lang in ("en", "zh")} for source, f in (("ct", ct), ("us", us))
    }
    title = {lang: inline(load_vocabulary().display(ct.id, lang), lang) for lang in ("en", "zh")}
    counts = "" if heard is None else heard.source
    ending = {
        "": ("neither counts", "两者均不计入"),
        "ct": ("CT counts", "以CT为准"),
        "us": ("ultrasound counts", "以超声为准"),
    }[counts]
    why = {
        "en": "" if rule is None else f", since {rule.why.en}",
        "zh": "" if rule is None else f"（{rule.why.zh}）",
    }
    settle = {
        "en": "" if rule is None else f" {rule.settle.en}",
        "zh": "" if rule is None else rule.settle.zh,
    }
    kept = (
        why
        if heard is not None and rule is not None and rule.better == counts
        else SEEN
        if counts
        else NOT_SAID
    )
    return Disagreement(
        ct.id, said["ct"], said["us"], counts,
        f"CT and ultrasound disagree on “{title['en']}”: CT says {said['ct']['en']}, ultrasound says "
        f"{said['us']['en']}; {ending[0]}{kept['en']}.{settle['en']}",
        f"CT与超声对“{title['zh']}”的判断不一致：CT为{said['ct']['zh']}，超声为{said['us']['zh']}；"
        f"{ending[1]}{kept['zh']}。{settle['zh']}",
    )  # fmt: skip


def _quote(finding: Finding, language: str) -> str:
    """Return what one says of a finding, in a few words."""
    chinese = language == "zh"
    there = (
        ("有" if chinese else "present")
        if finding.state is State.PRESENT
        else ("无" if chinese else "absent")
    )
    if isinstance(finding.value, Measurement):
        unit = "" if finding.value.unit == "1" else f" {finding.value.unit}"
        size = f"{finding.value.value:.3g}{unit}"
        stated = load_vocabulary()[finding.id].type == "boolean"
        return (f"{there}（{size}）" if chinese else f"{there} ({size})") if stated else size
    if isinstance(finding.value, str):
        return f"“{load_vocabulary().display(finding.id, language, finding.value)}”"
    return there


def _echo_without_calcium(ct: Mapping[str, Finding], us: Mapping[str, Finding]) -> Disagreement | None:
    """Return that ultrasound shows a strong echo where CT shows no calcium."""
    name = "intrahepatic_calcification"
    calcium, echo = ct.get(name), us.get("strong_echo")
    if calcium is None or echo is None:
        return None
    if calcium.state is not State.ABSENT or echo.state is not State.PRESENT:
        return None
    words = load_modality_rules().echo_without_calcium
    settle = words.settle or _Words(en="", zh="")
    said = {
        "ct": {"en": "no calcium", "zh": "未见钙化"},
        "us": {"en": "a strong echo", "zh": "见强回声"},
    }
    return Disagreement(
        name, said["ct"], said["us"], "ct", f"{words.en} {settle.en}".strip(), f"{words.zh}{settle.zh}"
    )


def _more_echoes(ct: Mapping[str, Finding], us: Mapping[str, Finding]) -> Disagreement | None:
    """Return that ultrasound shows more bright foci than CT has foci with calcium."""
    name = "focus_count"
    one, other = ct.get(name), us.get(name)
    counts = [
        f.value.value if f is not None and isinstance(f.value, Measurement) else math.nan
        for f in (one, other)
    ]
    calcium = ct.get("intrahepatic_calcification")
    if calcium is None or calcium.state not in JUDGED or not counts[1] > counts[0]:
        return None
    words = load_modality_rules().more_echoes
    numbers = {"ct": f"{counts[0]:.0f}", "us": f"{counts[1]:.0f}"}
    said = {source: {"en": number, "zh": number} for source, number in numbers.items()}
    return Disagreement(
        name, said["ct"], said["us"], "ct", words.en.format(**numbers), words.zh.format(**numbers)
    )


def _own_foci(
    heard: Sequence[Finding], ct: Description, us: Description
) -> tuple[tuple[Finding, ...], tuple[Pattern, ...]]:
    """Return findings and patterns in which foci of one of the two alone are named.

    Where CT has patterns of foci, it is CT's foci that findings of a focus are about: what ultrasound adds
    names none, and its patterns are heard as findings of the liver where CT has none of that name.
    """
    if not ct.patterns:
        return tuple(heard), us.patterns
    nameless = [
        f if f.source != "us" else replace(f, subject=Subject(f.subject.kind), foci=()) for f in heard
    ]
    known = {p.id for p in ct.patterns}
    lesions = [p for p in us.patterns if p.id in OF_LESIONS and p.id not in known]
    added = [
        Finding(p.id, Subject("liver"), State.PRESENT, p.probability, source="us")
        for p in sorted(lesions, key=lambda p: p.id)
    ]
    chosen = {f.id: f for f in added}
    return (*nameless, *chosen.values()), ct.patterns


OF_LESIONS = ("within_mass", "bulls_eye", "along_duct", "septal_network")
"""Patterns that ultrasound can add to CT's: they say what foci lie in. How foci are spread CT alone says."""
