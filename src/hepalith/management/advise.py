"""What to do and when, which red flags stand, and which test would settle it."""

from __future__ import annotations

import calendar
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from hepalith.calcification.focus import Foci
from hepalith.differential.differential import Differential
from hepalith.finding.finding import Finding
from hepalith.finding.person import findings_from_patient
from hepalith.management.case import ALERT_FROM, Case
from hepalith.management.plan import Action, Alert, NextTest, Plan, Repeat
from hepalith.management.policy import Rule, load_alerts, load_policy, load_tests
from hepalith.settings import Settings
from hepalith.study.patient import Patient

__all__ = ["add_months", "advise"]

DAYS_A_MONTH = 30.4375
"""Mean length of a month, for the part of an interval below a whole month."""


def advise(  # noqa: PLR0917 - the six nouns that a plan rests on
    differential: Differential,
    findings: Sequence[Finding],
    foci: Foci | None,
    patient: Patient,
    settings: Settings,
    study_date: date | None,
) -> Plan:
    """Return the plan under the chosen policy.

    Parameters
    ----------
    findings
        Of whatever source; those of the patient file are added.
    foci
        ``None`` where no image was read.
    study_date
        ``None`` where the study gives none, or its dates were removed. Dates count from the
        patient's `exam_date`, else from this, and never from today; without either only
        intervals are given.

    Raises
    ------
    UsageError
        If there is no such policy.
    """
    policy = load_policy(settings.policy)
    stated = tuple(f for f in findings_from_patient(patient) if f not in findings)
    case = Case(differential, (*findings, *stated), foci, patient)
    alerts = _raise_alerts(case)
    case = replace(case, alerts=frozenset(a.id for a in alerts))
    start = patient.exam_date or study_date
    actions = tuple(_act(rule, start) for rule in policy.rules if case.holds(rule.when))
    return Plan(
        policy=policy.id,
        policy_version=policy.version,
        actions=tuple(sorted(actions, key=_soonest_first)),
        alerts=alerts,
        next_tests=_list_tests(case),
    )


def _raise_alerts(case: Case) -> tuple[Alert, ...]:
    """Return the red flags that stand; a finding counts for them from a lower probability."""
    wary = replace(case, present_from=ALERT_FROM)
    bare = case.is_fact("no_calcification") or case.is_fact("none_in_part")
    return tuple(
        Alert(rule.id, {"en": rule.en, "zh": rule.zh}, rule.source, rule.urgency)
        for rule in load_alerts()
        if (rule.without_calcification or not bare) and wary.holds(rule.when)
    )


def _list_tests(case: Case) -> tuple[NextTest, ...]:
    if not case.differential.diagnoses:
        return ()
    return tuple(
        NextTest(rule.id, rule.why.model_dump(), harm=rule.harm.model_dump())
        for rule in load_tests()
        if case.holds(rule.when)
    )


def _act(rule: Rule, start: date | None) -> Action:
    due = None
    if start is not None and rule.after_months is not None:
        due = (add_months(start, rule.after_months[0]), add_months(start, rule.after_months[1]))
    repeat = rule.repeat
    return Action(
        action=rule.action,
        text={"en": rule.en, "zh": rule.zh},
        after_months=rule.after_months,
        due=due,
        repeat=Repeat(repeat.every_months, repeat.until_months) if repeat else None,
        strength=rule.strength,
        source=rule.source,
    )


def _soonest_first(action: Action) -> tuple[float, float]:
    return action.after_months if action.after_months is not None else (math.inf, math.inf)


def add_months(start: date, months: float) -> date:
    """Return the day so many months later; the last day of a shorter month where there is no such day.

    Examples
    --------
    >>> add_months(date(2025, 8, 31), 6)
    datetime.date(2026, 2, 28)
    >>> add_months(date(2025, 8, 31), 0.5)
    datetime.date(2025, 9, 15)
    """
    whole = int(months)
    year, month = divmod(start.year * 12 + start.month - 1 + whole, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, day) + timedelta(days=round((months - whole) * DAYS_A_MONTH))
