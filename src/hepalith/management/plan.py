"""A plan: what to do and when, each with the clause it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

__all__ = ["Action", "Alert", "Grading", "NextTest", "Plan", "Repeat", "TestOutcome", "Visit"]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Again every `every_months` (from, to), until `until_months` after the examination.

    `may_stop_from_months`: from then on the clause allows stopping where nothing has changed; ``None``
    where it does not.
    """

    every_months: tuple[float, float]
    until_months: float
    may_stop_from_months: float | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One of several follow-ups: between which months, and between which dates where a date is known."""

    after_months: tuple[float, float]
    due: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One step. `due` counts from the examination's date, and is ``None`` where that is not known.

    Parameters
    ----------
    rule
        Id of the clause that asks for it, in the policy's file.
    grade
        A measured in a series, B a guideline or several sources, C judgement, K not checked.
    visits
        Every follow-up of a step that is repeated, the first one included: the fewest that the
        clause allows. Empty where it is done once.
    stop
        Last day of a repeated step: nothing is looked at after it unless something has changed.
    may_stop
        First day on which the clause allows stopping where nothing has changed.
    """

    action: str
    text: dict[str, str]
    """By language: ``en`` and ``zh``."""
    after_months: tuple[float, float] | None
    due: tuple[date, date] | None
    repeat: Repeat | None
    strength: str
    source: str
    rule: str = ""
    grade: str = ""
    visits: tuple[Visit, ...] = ()
    stop: date | None = None
    may_stop: date | None = None

    def without_dates(self) -> Action:
        """Return the step with intervals only."""
        visits = tuple(replace(visit, due=None) for visit in self.visits)
        return replace(self, due=None, visits=visits, stop=None, may_stop=None)


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
class Grading:
    """A grade, stage or category that a published definition gives this case.

    Parameters
    ----------
    id
        ``tokyo_2018``, ``who_echinococcosis`` or ``acr_2017``.
    value
        As the definition names it: ``"II"``, ``"CE4 or CE5"``, ``"high risk, 10 mm or more"``.
    certain
        False where facts that the definition asks for are not known; `text` names them.
    """

    id: str
    value: str
    certain: bool
    text: dict[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What one outcome of a test would mean: its probability, and the diagnosis that gains most by it.

    `before` and `after` are that diagnosis's probability now and then.
    """

    __test__ = False

    text: dict[str, str]
    """By language."""
    probability: float
    diagnosis: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class NextTest:
    """A test worth doing next. What was not computed is ``None``, never guessed.

    Parameters
    ----------
    expected_gain_bits
        Information about the diagnosis that its outcome is expected to hold.
    expected_utility
        Loss that it is expected to save, in hundredths of an avoidable death, with what knowing is
        worth by itself, less what the test does to the patient (`losses.toml`). It may be negative where
        a test is asked for whatever it tells about the cause.
    finds
        Findings that it would tell and that are not known yet, the most telling first.
    separates
        The two or three diagnoses that it tells most about.
    outcomes
        What its outcomes would mean.
    source
        Where what it tells, and how well, comes from.
    instead_of
        The test above it that tells much the same; empty where it adds to those above.
    """

    test: str
    why: dict[str, str]
    """By language, as is `harm`."""
    expected_gain_bits: float | None = None
    expected_utility: float | None = None
    harm: dict[str, str] = field(default_factory=dict)
    finds: tuple[str, ...] = ()
    separates: tuple[str, ...] = ()
    outcomes: tuple[TestOutcome, ...] = ()
    source: str = ""
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Alerts first, then what to do, then which tests would settle it; and under which policy.

    Parameters
    ----------
    beside
        What the policy `beside_policy` asks for instead, where the chosen one differs; else empty.
    gradings
        Grades, stages and categories of published definitions that could be worked out.
    policy_digest
        SHA-256 of the policy's files, and of the red flags.
    """

    policy: str
    policy_version: str
    actions: tuple[Action, ...]
    alerts: tuple[Alert, ...] = ()
    next_tests: tuple[NextTest, ...] = ()
    beside: tuple[Action, ...] = ()
    beside_policy: str = ""
    gradings: tuple[Grading, ...] = ()
    policy_digest: str = ""

    def without_dates(self) -> Plan:
        """Return the plan with intervals only, as a de-identified reading says it."""
        actions = tuple(action.without_dates() for action in self.actions)
        return replace(self, actions=actions, beside=tuple(action.without_dates() for action in self.beside))
