"""What to do and when, which red flags stand, and which test would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from hepalith.calcification.focus import Foci
from hepalith.differential.differential import Differential
from hepalith.finding.finding import Finding, Pattern
from hepalith.finding.person import findings_from_patient
from hepalith.management.case import ALERT_FROM, Case
from hepalith.management.grading import list_gradings
from hepalith.management.next_test import plan_next_tests
from hepalith.management.plan import Action, Alert, Plan
from hepalith.management.policy import AlertRule, Policy, Rule, load_alerts, load_conflicts, load_policy
from hepalith.management.schedule import add_months, plan_visits, schedule
from hepalith.settings import Settings
from hepalith.study.patient import Patient

__all__ = ["GUIDELINE", "add_months", "advise", "plan_visits"]

GUIDELINE = "guideline"
"""The policy shown beside any other, where they differ."""

FALLBACK = "unclear"
"""The guideline's rule that holds where no other does: a plan always says something."""


def advise(  # noqa: PLR0917 - the nouns that a plan rests on
    differential: Differential,
    findings: Sequence[Finding],
    foci: Foci | None,
    patient: Patient,
    settings: Settings,
    study_date: date | None,
    patterns: Sequence[Pattern] = (),
) -> Plan:
    """Return the plan under the chosen policy, and what the guideline asks for where that differs.

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
    patterns
        Arrangements of the foci; they speak as findings do.

    Raises
    ------
    UsageError
        If there is no such policy.
    PolicyFileError
        If the policy's file cannot be used.
    """
    policy = load_policy(settings.policy)
    stated = tuple(f for f in findings_from_patient(patient) if f not in findings)
    case = Case(differential, (*findings, *stated), foci, patient, patterns=patterns)
    alerts = _raise_alerts(case)
    case = replace(case, alerts=frozenset(a.id for a in alerts))
    start = patient.exam_date or study_date
    actions = _choose(policy, case, start)
    beside = () if policy.id == GUIDELINE else _differing(load_policy(GUIDELINE), actions, case, start)
    return Plan(
        policy=policy.id,
        policy_version=policy.version,
        actions=actions,
        alerts=alerts,
        next_tests=plan_next_tests(case),
        beside=beside,
        beside_policy=GUIDELINE if beside else "",
        gradings=list_gradings(case),
        policy_digest=policy.digest,
    )


def _raise_alerts(case: Case) -> tuple[Alert, ...]:
    """Return the red flags that stand; a finding counts for them from a lower probability.

    Where the liver holds no calcium nothing adds to a sign's doubt: it must be present, not merely possible.
    """
    bare = case.is_fact("no_calcification") or case.is_fact("none_in_part")
    bare = bare and not case.is_fact("something_to_explain")
    wary = case if bare else replace(case, present_from=ALERT_FROM)
    unborn = case.is_fact("fetus")
    return tuple(
        Alert(rule.id, _words(rule, case), rule.source, rule.urgency)
        for rule in load_alerts()
        if (rule.without_calcification or not bare) and (rule.fetus or not unborn) and wary.holds(rule.when)
    )


def _words(rule: AlertRule, case: Case) -> dict[str, str]:
    """Return the words of a red flag: what is only possible is not stated as a fact."""
    if rule.en_possible and not case.holds(rule.certain or rule.when):
        return {"en": rule.en_possible, "zh": rule.zh_possible}
    return {"en": rule.en, "zh": rule.zh}


def _choose(policy: Policy, case: Case, start: date | None) -> tuple[Action, ...]:
    """Return the steps of a policy, soonest first, without those that contradict others."""
    rules = [rule for rule in policy.rules if case.holds(rule.when)]
    dropped = _contradicted({rule.action for rule in rules}, case.alerts)
    rules = [rule for rule in rules if rule.action not in dropped]
    if not rules:
        rules = [rule for rule in load_policy(GUIDELINE).rules if rule.id == FALLBACK]
    return tuple(sorted((_act(rule, start) for rule in rules), key=_soonest_first))


def _contradicted(actions: set[str], alerts: frozenset[str]) -> set[str]:
    """Return the actions that may not stand beside the others, or beside a red flag."""
    dropped: set[str] = set()
    for conflict in load_conflicts():
        beside = actions - set(conflict.drops)
        if beside & set(conflict.beside) or alerts & set(conflict.beside_alert):
            dropped |= set(conflict.drops)
    return dropped


def _differing(
    guideline: Policy, actions: tuple[Action, ...], case: Case, start: date | None
) -> tuple[Action, ...]:
    """Return the guideline's steps that the chosen policy does not have.

    Empty where the chosen policy only adds to them.
    """
    return tuple(action for action in _choose(guideline, case, start) if action not in actions)


def _act(rule: Rule, start: date | None) -> Action:
    when = schedule(rule.after_months, rule.repeat, start)
    return Action(
        action=rule.action,
        text={"en": rule.en, "zh": rule.zh or rule.en},
        after_months=rule.after_months,
        due=when.due,
        repeat=when.repeat,
        strength=rule.strength,
        source=rule.citation,
        rule=rule.id,
        grade=rule.grade,
        visits=when.visits,
        stop=when.stop,
        may_stop=when.may_stop,
    )


def _soonest_first(action: Action) -> tuple[float, float]:
    return action.after_months if action.after_months is not None else (math.inf, math.inf)
