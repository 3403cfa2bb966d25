"""When a focus may be called simple: only after an adequate look, and with no risk in sight."""

from __future__ import annotations

from typing import Any

import pytest

from hepalith.differential import Diagnosis, Differential, load_knowledge
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.person import findings_from_patient
from hepalith.management import Plan, advise
from hepalith.management.case import Case
from hepalith.management.facts import RISKS
from hepalith.settings import Settings
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

LIVER = Subject("liver")

CLEAR: dict[str, Any] = {
    "age_years": 40,
    "history": {"cancer_history": False, "cirrhosis": False, "hepatitis_b": False},
    "findings": {"largest_calcium": Measurement(4, "mm"), "dilated_ducts": False, "host_kind": "none"},
}
"""An adequate look that found no lesion, and every risk of the rule denied."""

WATCHED: dict[str, Any] = {"age_years": 40, "findings": {"unchanged_two_years": True}}


def simple(share: float = 0.9) -> Differential:
    """Return a differential that a simple focus leads."""
    shares = {"simple_healed": share, "none_of_these": 1 - share}
    order = sorted(load_knowledge().entries, key=lambda e: -shares.get(e.id, 0.0))
    return Differential(
        tuple(Diagnosis(e.id, shares.get(e.id, 0.0), 0.0, 1.0, shares.get(e.id, 0.0)) for e in order)
    )


def case(seen: tuple[Finding, ...] = (), share: float = 0.9, **patient: Any) -> Case:
    known = Patient(**patient)
    return Case(simple(share), (*seen, *findings_from_patient(known)), None, known)


def plan(seen: tuple[Finding, ...] = (), policy: str = "guideline", **patient: Any) -> Plan:
    return advise(simple(), seen, None, Patient(**patient), Settings(policy=policy), None)


def with_risk(base: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a patient with one more thing present, in the table where it belongs."""
    tables = {"history": "history", "symptom": "symptoms", "exposure": "exposures"}
    table = tables.get(load_vocabulary()[name].group, "findings")
    return {**base, table: {**base.get(table, {}), name: True}}


def test_a_clear_or_a_watched_focus_is_definite() -> None:
    assert case(**CLEAR).is_fact("definite_simple")
    assert case(**WATCHED).is_fact("definite_simple")
    assert [a.action for a in plan(**CLEAR).actions] == ["no_follow_up"]


@pytest.mark.parametrize("risk", RISKS)
@pytest.mark.parametrize("base", [CLEAR, WATCHED], ids=["clear", "watched"])
def test_any_risk_that_is_present_undoes_it(base: dict[str, Any], risk: str) -> None:
    known = case(**with_risk(base, risk))
    assert not known.is_fact("definite_simple")
    assert "no_follow_up" not in {a.action for a in plan(**with_risk(base, risk)).actions}


@pytest.mark.parametrize("base", [CLEAR, WATCHED], ids=["clear", "watched"])
@pytest.mark.parametrize(
    "change",
    [
        {"age_years": 4},
        {"history": {**CLEAR["history"], "known_primary": "colorectal"}},
        {"findings": {**CLEAR["findings"], "unchanged_two_years": True, "change_since_prior": "grown"}},
        {"findings": {**CLEAR["findings"], "unchanged_two_years": True, "change_since_prior": "new"}},
        {"findings": {**CLEAR["findings"], "unchanged_two_years": True, "host_kind": "solid"}},
        {"findings": {**CLEAR["findings"], "unchanged_two_years": True, "central_scar": True}},
        {"findings": {**CLEAR["findings"], "unchanged_two_years": True, "suspected_primary": "ovary"}},
        {"findings": {**CLEAR["findings"], "unchanged_two_years": True, "enhancement": "arterial_washout"}},
    ],
)
def test_growth_a_lesion_or_a_primary_undo_it(base: dict[str, Any], change: dict[str, Any]) -> None:
    assert not case(**{**base, **change}).is_fact("definite_simple")


@pytest.mark.parametrize("missing", ["cancer_history", "cirrhosis", "hepatitis_b"])
def test_a_risk_that_nobody_asked_for_leaves_it_open(missing: str) -> None:
    history = {k: v for k, v in CLEAR["history"].items() if k != missing}
    known = case(**{**CLEAR, "history": history})
    assert known.is_fact("probable_simple")
    assert not known.is_fact("definite_simple")


def test_ducts_or_an_age_that_nobody_told_leave_it_open() -> None:
    no_ducts = {k: v for k, v in CLEAR["findings"].items() if k != "dilated_ducts"}
    assert not case(**{**CLEAR, "findings": no_ducts}).is_fact("definite_simple")
    assert not case(**{**CLEAR, "age_years": None}).is_fact("definite_simple")


def test_no_look_for_a_lesion_is_not_a_look_that_found_none() -> None:
    unseen = {k: v for k, v in CLEAR["findings"].items() if k != "host_kind"}
    assert not case(**{**CLEAR, "findings": unseen}).is_fact("definite_simple")
    blind = Finding("host_kind", Subject("host"), State.NOT_ASSESSABLE, reason="without contrast agent")
    known = case((blind,), **{**CLEAR, "findings": unseen})
    assert known.is_fact("probable_simple")
    assert not known.is_fact("definite_simple")


@pytest.mark.parametrize(("lesion", "definite"), [(0.1, True), (0.25, False), (0.45, False)])
def test_a_lesion_that_is_not_quite_excluded_leaves_it_open(lesion: float, definite: bool) -> None:
    unseen = {k: v for k, v in CLEAR["findings"].items() if k != "host_kind"}
    half = (("none", 1 - lesion), ("solid", lesion))
    looked = Finding("host_kind", Subject("host"), State.PRESENT, 1 - lesion, "none", alternatives=half)
    assert case((looked,), **{**CLEAR, "findings": unseen}).is_fact("definite_simple") is definite


@pytest.mark.parametrize(("chance", "definite"), [(0.05, True), (0.3, False)])
def test_ducts_that_are_perhaps_wide_are_not_denied(chance: float, definite: bool) -> None:
    no_ducts = {k: v for k, v in CLEAR["findings"].items() if k != "dilated_ducts"}
    perhaps = Finding("dilated_ducts", LIVER, State.ABSENT, chance)
    assert case((perhaps,), **{**CLEAR, "findings": no_ducts}).is_fact("definite_simple") is definite


@pytest.mark.parametrize("share", [0.3, 0.45])
def test_a_simple_focus_that_leads_weakly_is_discussed_not_reassured(share: float) -> None:
    known = case(share=share, **CLEAR)
    assert known.is_fact("unclear")
    assert not known.is_fact("definite_simple")
    made = advise(simple(share), (), None, Patient(**CLEAR), Settings(policy="guideline"), None)
    assert [a.action for a in made.actions] == ["discuss_case"]


def test_stable_without_saying_for_how_long_is_not_two_years() -> None:
    stable = {"largest_calcium": Measurement(4, "mm"), "change_since_prior": "stable"}
    assert not case(age_years=40, findings=stable).is_fact("definite_simple")


def test_exposure_to_dogs_forbids_a_needle_and_asks_for_no_follow_up() -> None:
    made = plan(**{**CLEAR, "exposures": {"dogs_or_livestock": True}})
    assert [a.action for a in made.actions] == ["no_follow_up"]
    assert {a.id for a in made.alerts} == {"alert_needle_echinococcosis"}


@pytest.mark.parametrize("policy", ["article", "guideline"])
def test_an_old_cancer_is_compared_before_anything_is_called_simple(policy: str) -> None:
    made = plan(policy=policy, **{**CLEAR, "history": {**CLEAR["history"], "cancer_history": True}})
    assert [a.action for a in made.actions] == ["exclude_deposit"]
