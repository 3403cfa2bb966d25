"""Clauses that follow a published definition: by stage, size, age, sex or pregnancy, each with its words."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import pytest

from hepalith.differential import Diagnosis, Differential, load_knowledge
from hepalith.management import Action, Plan, advise
from hepalith.settings import Settings
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement


@pytest.fixture(autouse=True)
def no_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["hepalith.management.advise"], "plan_next_tests", lambda _: ())


def plan(shares: dict[str, float], **patient: Any) -> Plan:
    order = sorted(load_knowledge().entries, key=lambda e: -shares.get(e.id, 0.0))
    differential = Differential(
        tuple(Diagnosis(e.id, shares.get(e.id, 0.0), 0.0, 1.0, shares.get(e.id, 0.0)) for e in order)
    )
    return advise(differential, (), None, Patient(**patient), Settings(policy="guideline"), date(2026, 1, 31))


def step(made: Plan, rule: str) -> Action:
    return next(a for a in made.actions if a.rule == rule)


def rules(made: Plan) -> set[str]:
    return {a.rule for a in made.actions}


def mm(value: float) -> Measurement:
    return Measurement(value, "mm")


@pytest.mark.parametrize(
    ("stage", "size", "words"),
    [
        ("CE1", 49, "albendazole alone"),
        ("CE1", 50, "PAIR"),
        ("CE3a", 30, "albendazole alone"),
        ("CE3a", 80, "PAIR"),
        ("CE2", 40, "albendazole alone"),
        ("CE2", 60, "surgery"),
        ("CE3b", 60, "surgery"),
    ],
)
def test_a_cyst_is_treated_by_its_stage_and_size(stage: str, size: float, words: str) -> None:
    made = plan(
        {"ce_active_CE1_3": 0.9},
        findings={"ce_stage": stage, "host_kind": "fluid", "host_diameter": mm(size)},
    )
    (treated,) = [a for a in made.actions if a.action == "treat_echinococcal_cyst"]
    assert words in treated.text["en"]
    assert "centre" in treated.text["en"], "nobody punctures elsewhere"
    assert "ce_active" in rules(made)


def test_a_cyst_of_unknown_size_or_stage_is_staged_and_not_treated_yet() -> None:
    for findings in ({"ce_stage": "CE1"}, {"host_kind": "fluid", "host_diameter": mm(60)}):
        made = plan({"ce_active_CE1_3": 0.9}, findings=findings)
        assert "ce_active" in rules(made)
        assert not [a for a in made.actions if a.action == "treat_echinococcal_cyst"]


def test_an_inactive_cyst_is_watched_for_five_years_and_not_needled() -> None:
    made = plan({"ce_inactive_CE4_5": 0.9})
    watch = step(made, "ce_inactive")
    assert len(watch.visits) == 5
    assert watch.stop == date(2031, 1, 31)
    assert "no needle" in watch.text["en"]
    assert "ce_inactive" not in rules(plan({"ce_inactive_CE4_5": 0.9}, symptoms={"fever": True}))


def test_daughter_cysts_make_an_inactive_cyst_one_to_stage() -> None:
    made = plan({"ce_inactive_CE4_5": 0.9}, findings={"daughter_cysts": True, "host_kind": "mixed"})
    assert "ce_active" in rules(made)
    assert "ce_inactive" not in rules(made)


def test_silent_stones_are_observed_for_ten_years() -> None:
    observe = step(plan({"hepatolithiasis": 0.9}), "stones_silent")
    assert len(observe.visits) == 10
    assert observe.stop == date(2036, 1, 31)
    assert "11.5 %" in observe.source
    assert observe.grade == "A"


@pytest.mark.parametrize("name", ["lobar_atrophy", "duct_stricture", "common_duct_stones", "ca19_9_up"])
def test_stones_with_atrophy_or_stricture_are_referred(name: str) -> None:
    made = plan({"hepatolithiasis": 0.9}, findings={name: True})
    assert "stones_troubled" in rules(made)
    assert "stones_silent" not in rules(made)


@pytest.mark.parametrize(("shock", "rule"), [(True, "cholangitis_severe"), (None, "cholangitis_ungraded")])
def test_cholangitis_is_planned_by_its_grade(shock: bool | None, rule: str) -> None:
    made = plan(
        {"hepatolithiasis": 0.9},
        age_years=50,
        symptoms={"fever": True} | ({} if shock is None else {"hypotension": shock}),
        findings={"dilated_ducts": True},
    )
    assert made.actions[0].rule == rule
    assert made.actions[0].due == (date(2026, 1, 31), date(2026, 1, 31))
    assert [g.id for g in made.gradings] == ["tokyo_2018"]


@pytest.mark.parametrize(
    ("size", "symptoms", "rule"),
    [
        (39, {}, "foregut_cyst"),
        (40, {}, "foregut_cyst_large"),
        (20, {"jaundice": True}, "foregut_cyst_large"),
    ],
)
def test_a_foregut_cyst_is_excised_from_four_centimetres_or_with_symptoms(
    size: float, symptoms: dict[str, bool], rule: str
) -> None:
    made = plan(
        {"foregut_cyst": 0.9}, findings={"host_diameter": mm(size), "host_kind": "fluid"}, symptoms=symptoms
    )
    assert rule in rules(made)
    assert step(made, rule).grade in "KC"


def test_an_adenoma_says_what_differs_by_sex_and_size() -> None:
    text = step(plan({"adenoma": 0.9}, sex="male"), "adenoma").text["en"]
    assert "man" in text
    assert "5 cm" in text
    assert "contraception" in text


def test_a_lesion_of_somebody_at_risk_is_looked_at_sooner() -> None:
    host = {"host_kind": "solid", "host_diameter": mm(8)}
    low = step(plan({"none_of_these": 0.9}, findings=host), "host")
    high = step(plan({"none_of_these": 0.9}, findings=host, history={"cirrhosis": True}), "host_high_risk")
    assert low.after_months == (0, 1)
    assert high.after_months == (0, 0.5)
    assert "3 to 6 months" in high.text["en"], "the paper's rule below 10 mm"


def test_involved_vessels_or_nodes_go_straight_to_the_board() -> None:
    made = plan({"none_of_these": 0.9}, findings={"host_kind": "solid", "enlarged_nodes": True})
    assert "host_with_spread" in rules(made)


def test_a_pregnancy_changes_the_way_not_the_plan() -> None:
    for diagnosis in ("haemangioma", "ce_active_CE1_3", "hcc"):
        usual = rules(plan({diagnosis: 0.9}, age_years=30))
        pregnant = plan({diagnosis: 0.9}, age_years=30, pregnancy=True)
        assert rules(pregnant) == usual | {"pregnancy"}
        assert "without gadolinium" in step(pregnant, "pregnancy").text["en"]
        assert "pregnancy" not in rules(plan({diagnosis: 0.9}, pregnancy=False))


def test_a_weak_defence_is_told_to_those_who_treat_it() -> None:
    for weak in ("immunosuppression", "hiv_infection", "leukaemia_or_neutropenia"):
        made = plan({"simple_healed": 0.9}, age_years=50, history={weak: True})
        assert "weak_defence" in rules(made)
        assert "definite_simple" not in rules(made)


@pytest.mark.parametrize("age", [0.2, 2, 4.9])
def test_a_young_child_with_a_mass_goes_to_one_place(age: float) -> None:
    made = plan({"hepatoblastoma": 0.6, "infantile_haemangioma": 0.3}, age_years=age)
    assert "child" in rules(made)
    assert not {"refer_oncology", "search_primary", "characterise_host"} & {a.action for a in made.actions}


def test_an_adult_with_the_same_name_first_still_goes_there() -> None:
    assert "child" in rules(plan({"hepatoblastoma": 0.9}, age_years=14))


def test_the_fetal_pathway_states_how_rare_it_is_and_looks_for_malformation() -> None:
    empty = Differential(())
    known = Patient(subject="fetus", gestation_weeks=22.0)
    made = advise(empty, (), None, known, Settings(policy="article"), None)
    (action,) = made.actions
    assert "0.057 %" in action.text["en"]
    assert "malformations" in action.text["en"]
    assert made.beside == ()
    assert made.alerts == ()


def test_doubt_between_many_is_discussed_and_nothing_is_left_alone() -> None:
    made = plan({"hepatic_artery_wall": 0.3, "surgical_material_lipiodol": 0.25, "simple_healed": 0.2})
    assert {a.action for a in made.actions} == {"discuss_case"}
