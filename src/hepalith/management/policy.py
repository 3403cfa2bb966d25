"""Policies, red flags and contradictions, as rules read from files, each with the clause it comes from."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hepalith.errors import PolicyFileError, UsageError
from hepalith.management.condition import Condition, check_condition, nearest
from hepalith.vocabulary import load_vocabulary

__all__ = [
    "AlertRule",
    "Conflict",
    "Policy",
    "Rule",
    "list_policies",
    "load_alerts",
    "load_conflicts",
    "load_policy",
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Repetition(_Strict):
    """Again every so many months, until so many after the examination.

    From `may_stop_from_months` the clause allows stopping where nothing has changed.
    """

    every_months: tuple[float, float]
    until_months: float = Field(gt=0, le=1200)
    may_stop_from_months: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _it_stops_after_it_starts(self) -> Repetition:
        if not 0 < self.every_months[0] <= self.every_months[1] <= self.until_months:
            raise ValueError("every_months runs from the shorter to the longer interval, up to until_months")
        if self.may_stop_from_months is not None and self.may_stop_from_months > self.until_months:
            raise ValueError("may_stop_from_months lies after until_months")
        return self


class Rule(_Strict):
    """One clause of a policy: when it applies, what to do, and where that comes from."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    action: str
    when: Condition
    after_months: tuple[float, float] | None = None
    repeat: Repetition | None = None
    strength: str = Field(min_length=3)
    grade: Literal["A", "B", "C", "K"]
    source: str = Field(min_length=3)
    en: str = Field(min_length=10)
    zh: str = ""

    @model_validator(mode="after")
    def _intervals_run_forward(self) -> Rule:
        after = self.after_months
        if after is not None and not 0 <= after[0] <= after[1] <= LONGEST_MONTHS:
            raise ValueError("after_months runs from the earlier to the later month, neither before 0")
        if self.repeat is not None and after is None:
            raise ValueError("a step that is repeated says after_months when it is first due")
        return self

    @property
    def citation(self) -> str:
        """The source and its grade, as a report prints them."""
        return f"{self.source} ({self.grade})"


LONGEST_MONTHS = 1200.0
"""A hundred years: an interval beyond it is a slip of units."""


class AlertRule(_Strict):
    """One red flag, under every policy."""

    id: str
    when: Condition
    without_calcification: bool = False
    """Whether it also stands where the liver holds no calcium."""
    fetus: bool = False
    """Whether it also stands for a fetus, whose pathway is otherwise its own."""
    urgency: Literal["today", "prompt", "routine"]
    """How soon a physician looks at it: today, within days, or before the next step is taken."""
    source: str = Field(min_length=3)
    en: str = Field(min_length=10)
    zh: str = Field(min_length=5)
    certain: Condition | None = None
    """When what the words state is likelier than not, where `when` alone does not tell."""
    en_possible: str = ""
    """The words where it is only possible: a red flag stands from a lower probability than a fact."""
    zh_possible: str = ""

    @model_validator(mode="after")
    def _both_languages_say_how_sure(self) -> AlertRule:
        if bool(self.en_possible) != bool(self.zh_possible):
            raise ValueError("en_possible and zh_possible belong together")
        if self.certain is not None and not self.en_possible:
            raise ValueError("certain asks for en_possible, the words where it does not hold")
        return self


class Conflict(_Strict):
    """Actions that may not stand beside others, or beside a red flag."""

    id: str
    drops: tuple[str, ...] = Field(min_length=1)
    beside: tuple[str, ...] = ()
    beside_alert: tuple[str, ...] = ()
    why: str = Field(min_length=10)


class _PolicyFile(_Strict):
    """A policy as it is written."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str = Field(min_length=1)
    en: str = Field(min_length=3)
    zh: str = ""
    extends: str | None = None
    replaces: tuple[str, ...] = ()
    rule: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A management policy: its rules, in order, those of the policy it extends last.

    `digest` is the SHA-256 of everything it was read from, red flags included.
    """

    id: str
    version: str
    title: Mapping[str, str]
    rules: tuple[Rule, ...]
    digest: str


@lru_cache(maxsize=1)
def list_policies() -> tuple[str, ...]:
    """Return the ids of the policies that come with the product."""
    folder = files("hepalith.management") / "guidelines"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def load_policy(policy: str) -> Policy:
    """Return a policy: one that comes with the product, by its id, or one's own, by the path of its file.

    Parameters
    ----------
    policy
        ``article``, ``guideline``, or a path that ends in ``.toml``.

    Raises
    ------
    UsageError
        If there is no such policy; the message names those there are.
    PolicyFileError
        If the file cannot be read or a rule of it cannot be used: one line with file, rule and what is wrong.
    """
    if policy.casefold().endswith(".toml"):
        return _load_own(Path(policy))
    known = list_policies()
    if policy not in known:
        near = nearest(policy, known)
        raise UsageError(
            f"there is no policy {policy!r}; there are: {', '.join(known)}, or the path of a .toml file{near}"
        )
    return _load_built_in(policy)


@lru_cache(maxsize=8)
def _load_built_in(policy_id: str) -> Policy:
    return _compose(_content(f"guidelines/{policy_id}.toml"), f"{policy_id}.toml")


def _load_own(path: Path) -> Policy:
    """Return a policy from a file of the user's, which must extend one of the product's."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyFileError(f"{path}: the policy file cannot be read: {error.strerror}") from None
    policy = _compose(content, str(path), own=True)
    if policy.id in list_policies():
        raise PolicyFileError(f"{path}: id: {policy.id!r} is a policy of the product; give yours another id")
    return policy


def _compose(content: bytes, where: str, *, own: bool = False) -> Policy:
    """Return the policy that a file describes, with what it inherits."""
    written = _parse(content, where)
    if own and written.extends is None:
        names = " or ".join(repr(name) for name in list_policies())
        raise PolicyFileError(f"{where}: extends is missing: name the policy that yours changes, {names}")
    if written.extends is not None and written.extends not in list_policies():
        hint = nearest(written.extends, list_policies())
        raise PolicyFileError(f"{where}: extends: there is no policy {written.extends!r} to extend{hint}")
    base = _load_built_in(written.extends) if written.extends is not None else None
    inherited = _inherit(base.rules if base else (), written, where)
    _check_rules(written.rule, inherited, where)
    digest = hashlib.sha256(content)
    for name in ("alerts.toml", "conflicts.toml"):
        digest.update(b"\0" + _content(name))
    digest.update(b"\0" + (base.digest.encode() if base else b""))
    title = {"en": written.en, "zh": written.zh or written.en}
    return Policy(written.id, written.version, title, (*written.rule, *inherited), digest.hexdigest())


def _inherit(rules: Sequence[Rule], written: _PolicyFile, where: str) -> tuple[Rule, ...]:
    """Return the rules that the policy takes over."""
    ids = [rule.id for rule in rules]
    for name in written.replaces:
        if name not in ids:
            hint = nearest(name, ids)
            raise PolicyFileError(f"{where}: replaces: {written.extends} has no rule {name!r}{hint}")
    return tuple(rule for rule in rules if rule.id not in written.replaces)


def _check_rules(own: Sequence[Rule], inherited: Sequence[Rule], where: str) -> None:
    """Raise `PolicyFileError` where a rule contradicts another, or names what does not exist."""
    seen = {rule.id for rule in inherited}
    actions = [term.id for term in load_vocabulary().of_group("action")]
    for rule in own:
        place = f"{where}: rule {rule.id!r}"
        if rule.id in seen:
            raise PolicyFileError(f"{place}: there is a rule of this id already; list it under replaces")
        seen.add(rule.id)
        if rule.action not in actions:
            raise PolicyFileError(f"{place}: action: {rule.action!r} is none{nearest(rule.action, actions)}")
        try:
            check_condition("when", rule.when)
        except ValueError as error:
            raise PolicyFileError(f"{place}: {error}") from None


def _parse(content: bytes, where: str) -> _PolicyFile:
    try:
        table = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise PolicyFileError(f"{where}: not UTF-8 text; save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyFileError(f"{where}: not TOML: {' '.join(str(error).split())}") from None
    try:
        return _PolicyFile.model_validate(table)
    except ValidationError as error:
        raise PolicyFileError(f"{where}: {_first_fault(error, table)}") from None


def _first_fault(error: ValidationError, table: Mapping[str, Any]) -> str:
    """Return in a few words where a policy file breaks the schema: the rule, the key, and what is wrong."""
    fault = error.errors()[0]
    place = list(fault["loc"])
    words = []
    if len(place) > 1 and place[0] == "rule" and isinstance(place[1], int):
        row = table["rule"][place[1]]
        named = row.get("id") if isinstance(row, dict) else None
        words.append(f"rule {named!r}" if isinstance(named, str) else f"rule number {place[1] + 1}")
        place = place[2:]
    if place:
        words.append(".".join(str(part) for part in place))
    if fault["type"] == "extra_forbidden":
        known = {*Rule.model_fields, *Condition.model_fields, *_PolicyFile.model_fields, *OTHER_KEYS}
        words.append(f"there is no such key{nearest(str(place[-1]), known)}")
    elif fault["type"] == "missing":
        words.append("it is missing")
    else:
        message = fault["msg"].removeprefix("Value error, ")
        words.append(message[0].lower() + message[1:])
    return re.sub(r"\s+", " ", ": ".join(words))


OTHER_KEYS = (*Repetition.model_fields, "of")
"""Keys of nested tables, for the hint at a misspelt one."""


@lru_cache(maxsize=1)
def load_alerts() -> tuple[AlertRule, ...]:
    """Return the red flags, the gravest first."""
    rules = tuple(AlertRule.model_validate(row) for row in _table("alerts.toml")["alert"])
    _check([(rule.id, rule.when) for rule in rules])
    _check([(rule.id, rule.certain) for rule in rules if rule.certain is not None])
    for rule in rules:
        if any(part.alert or part.not_alert for part in rule.when.flat()):
            raise ValueError(f"{rule.id} asks for another alert: alerts are raised all at once")
    return rules


@lru_cache(maxsize=1)
def load_conflicts() -> tuple[Conflict, ...]:
    """Return which actions may not stand beside which."""
    conflicts = tuple(Conflict.model_validate(row) for row in _table("conflicts.toml")["conflict"])
    for conflict in conflicts:
        for name in (*conflict.drops, *conflict.beside):
            if name not in load_vocabulary() or load_vocabulary()[name].group != "action":
                raise ValueError(f"{conflict.id} names {name!r}, which is no action")
        for name in conflict.beside_alert:
            if name not in load_vocabulary() or load_vocabulary()[name].group != "alert":
                raise ValueError(f"{conflict.id} names {name!r}, which is no alert")
    return conflicts


def _check(rules: list[tuple[str, Condition]]) -> None:
    for rule_id, when in rules:
        check_condition(rule_id, when)
        if rule_id not in load_vocabulary():
            raise ValueError(f"{rule_id} is no term of the vocabulary")


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(_content(name).decode("utf-8"))


def _content(name: str) -> bytes:
    return (files("hepalith.management") / name).read_bytes()
