"""A plan: what to do and when, each with the clause it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

__all__ = ["Action", "Alert", "NextTest", "Plan", "Repeat"]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Again every `every_months` (from, to), until `until_months` after the examination."""

    every_months: tuple[float, float]
    until_months: float


@dataclass(frozen=True, slots=True)
class Action:
    """One step. `due` counts from the examination's date, and is ``None`` where that is not known."""

    action: str
    text: dict[str, str]
    """By language: ``en`` and ``zh``."""
    after_months: tuple[float, float] | None
    due: tuple[date, date] | None
    repeat: Repeat | None
    strength: str
    source: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A hard rule that fired; it stands above the differential.

    `urgency`: ``today``, ``prompt`` (within days) or ``routine`` (before the next step is taken).
    """

    id: str
    text: dict[str, str]
    source: str
    urgency: Literal["today", "prompt", "routine"] = "prompt"


@dataclass(frozen=True, slots=True)
class NextTest:
    """A test worth doing next. Gains are ``None`` until they are computed, never guessed."""

    test: str
    why: dict[str, str]
    """By language, as is `harm`."""
    expected_gain_bits: float | None = None
    expected_utility: float | None = None
    harm: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Alerts first, then what to do, then which tests would settle it; and under which policy."""

    policy: str
    policy_version: str
    actions: tuple[Action, ...]
    alerts: tuple[Alert, ...] = ()
    next_tests: tuple[NextTest, ...] = ()
