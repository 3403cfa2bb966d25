"""Policies, alerts and tests, as rules read from files, each with the clause it comes from."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hepalith.errors import UsageError
from hepalith.management.case import Condition, check_condition
from hepalith.vocabulary import load_vocabulary

__all__ = [
    "AlertRule",
    "Policy",
    "Rule",
    "TestRule",
    "list_policies",
    "load_alerts",
    "load_policy",
    "load_tests",
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Text(_Strict):
    en: str = Field(min_length=4)
    zh: str = Field(min_length=1)


class Repetition(_Strict):
    """Again every so many months, until so many after the examination."""

    every_months: tuple[float, float]
    until_months: float = Field(gt=0)


class Rule(_Strict):
    """One clause of a policy: when it applies, what to do, and where that comes from."""

    id: str
    action: str
    when: Condition
    after_months: tuple[float, float] | None = None
    repeat: Repetition | None = None
    strength: str = Field(min_length=3)
    source: str = Field(min_length=3)
    en: str = Field(min_length=10)
    zh: str = Field(min_length=5)

    @model_validator(mode="after")
    def _intervals_run_forward(self) -> Rule:
        for interval in (self.after_months, self.repeat.every_months if self.repeat else None):
            if interval is not None and not 0 <= interval[0] <= interval[1]:
                raise ValueError(f"{self.id}: an interval runs from the earlier to the later")
        return self


class AlertRule(_Strict):
    """One red flag, under every policy."""

    id: str
    when: Condition
    without_calcification: bool = False
    """Whether it also stands where the liver holds no calcium."""
    urgency: Literal["today", "prompt", "routine"]
    """How soon a physician looks at it: today, within days, or before the next step is taken."""
    source: str = Field(min_length=3)
    en: str = Field(min_length=10)
    zh: str = Field(min_length=5)


class TestRule(_Strict):
    """One test that may settle the question, in the order of cost and harm."""

    __test__ = False

    id: str
    when: Condition
    why: _Text
    harm: _Text


@dataclass(frozen=True, slots=True)
class Policy:
    """A management policy: its rules, in order, those of the policy it extends first."""

    id: str
    version: str
    title: dict[str, str]
    rules: tuple[Rule, ...]


def list_policies() -> tuple[str, ...]:
    """Return the ids of the policies there are."""
    folder = files("hepalith.management") / "guidelines"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


@lru_cache(maxsize=8)
def load_policy(policy_id: str) -> Policy:
    """Return a policy, read once and checked.

    Raises
    ------
    UsageError
        If there is no such policy; the message names those there are.
    """
    known = list_policies()
    if policy_id not in known:
        near = difflib.get_close_matches(policy_id, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"there is no policy {policy_id!r}; there are: {', '.join(known)}{hint}")
    table = _read(f"guidelines/{policy_id}.toml")
    own = tuple(Rule.model_validate(row) for row in table["rule"])
    inherited: tuple[Rule, ...] = ()
    if "extends" in table:
        replaced = set(table.get("replaces", ()))
        base = load_policy(table["extends"])
        if not replaced <= {rule.id for rule in base.rules}:
            raise ValueError(f"{policy_id} replaces rules that {base.id} does not have")
        inherited = tuple(rule for rule in base.rules if rule.id not in replaced)
    for rule in own:
        check_condition(rule.id, rule.when)
        if rule.action not in load_vocabulary():
            raise ValueError(f"{policy_id}: {rule.action} is no action of the vocabulary")
    title = {"en": table["en"], "zh": table["zh"]}
    return Policy(table["id"], table["version"], title, (*own, *inherited) if inherited else own)


@lru_cache(maxsize=1)
def load_alerts() -> tuple[AlertRule, ...]:
    """Return the red flags, the gravest first."""
    rules = tuple(AlertRule.model_validate(row) for row in _read("alerts.toml")["alert"])
    _check([(rule.id, rule.when) for rule in rules])
    return rules


@lru_cache(maxsize=1)
def load_tests() -> tuple[TestRule, ...]:
    """Return the tests, the cheapest and least harmful first."""
    rules = tuple(TestRule.model_validate(row) for row in _read("tests.toml")["test"])
    _check([(rule.id, rule.when) for rule in rules])
    return rules


def _check(rules: list[tuple[str, Condition]]) -> None:
    for rule_id, when in rules:
        check_condition(rule_id, when)
        if rule_id not in load_vocabulary():
            raise ValueError(f"{rule_id} is no term of the vocabulary")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files("hepalith.management") / name).read_text(encoding="utf-8"))
