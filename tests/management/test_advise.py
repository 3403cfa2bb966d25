"""Plans, dates and red flags: safe first, and never a date that nobody gave."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest

from hepalith.calcification.focus import Foci
from hepalith.differential import Diagnosis, Differential, diagnose, load_knowledge
from hepalith.errors import UsageError
from hepalith.finding.finding import Finding, Subject
from hepalith.management import Plan, advise, list_policies, load_policy
from hepalith.management.advise import add_months
from hepalith.management.catalogue import load_catalogue
from hepalith.management.policy import Rule, load_alerts
from hepalith.settings import Settings
from hepalith.study.patient import Patient, Value
from hepalith.study.patient_file import make_patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

LIVER = Subject("liver")
DAY = date(2026, 1, 31)
NOTHING_HIDDEN = {
    "age_years": 40,
    "history": {"cancer_history": False, "cirrhosis": False, "hepatitis_b": False},
}
SMALL = {"focus_count": Measurement(1, "1"), "largest_calcium": Measurement(4, "mm"), "dilated_ducts": False}


def plan(policy: str = "guideline", day: date | None = DAY, **patient: object) -> Plan:
    known = Patient(**patient)  # type: ignore[arg-type]
    return advise(diagnose((), (), known), (), None, known, Settings(policy=policy), day)


def seen(finding: str, state: State, policy: str = "guideline", value: str | None = None) -> Plan:
    found = [Finding(finding, LIVER, state, value=value, reason="a reason")]
    return advise(diagnose(found, (), Patient()), found, None, Patient(), Settings(policy=policy), DAY)


def actions(made: Plan) -> list[str]:
    return [a.action for a in made.actions]


def alerts(made: Plan) -> list[str]:
    return [a.id for a in made.alerts]


# --- the simple focus


def test_a_simple_focus_on_ct_alone_is_only_probably_simple() -> None:
    made = plan(findings=SMALL)
    assert actions(made) == ["one_check"]
    assert made.actions[0].repeat is None
    assert made.next_tests[0].test == "fetch_prior_images"


def test_a_definite_simple_focus_needs_nothing() -> None:
    made = plan(findings={**SMALL, "host_kind": "none"}, **NOTHING_HIDDEN)
    assert actions(made) == ["no_follow_up"]
    assert made.next_tests == ()


@pytest.mark.parametrize(
    "risk",
    [
        {"history": {"cirrhosis": False, "hepatitis_b": False}},
        {"history": {**NOTHING_HIDDEN["history"], "cirrhosis": True}},
        {"age_years": None},
        {"findings": {**SMALL, "host_kind": "none", "calcitonin_up": True}},
        {"findings": {**SMALL, "host_kind": "none", "duct_wall_thickening": True}},
        {"findings": {k: v for k, v in SMALL.items() if k != "dilated_ducts"} | {"host_kind": "none"}},
    ],
)
def test_a_risk_or_an_open_question_leaves_it_probable(risk: dict[str, object]) -> None:
    known = {**NOTHING_HIDDEN, "findings": {**SMALL, "host_kind": "none"}, **risk}
    assert "no_follow_up" not in actions(plan(**known))


def test_two_years_unchanged_make_it_definite() -> None:
    assert actions(plan(findings={**SMALL, "unchanged_two_years": True})) == ["no_follow_up"]


def test_growth_undoes_what_two_years_said() -> None:
    made = plan(findings={**SMALL, "unchanged_two_years": True, "change_since_prior": "grown"})
    assert "no_follow_up" not in actions(made)
    assert "alert_growing" in alerts(made)


def test_a_host_is_characterised_and_never_reassured() -> None:
    for kind in ("solid", "mixed", "infiltrative"):
        made = plan(findings={**SMALL, "host_kind": kind, "unchanged_two_years": True})
        assert "characterise_host" in actions(made)
        assert not {"no_follow_up", "one_check"} & set(actions(made))
        assert "alert_host" in alerts(made)


def test_a_cyst_or_fat_raises_no_alarm_of_a_mass() -> None:
    for kind in ("fluid", "fat"):
        assert "alert_host" not in alerts(plan(findings={"host_kind": kind}))


# --- the article's policy


def test_the_articles_policy_repeats_ultrasound_and_says_that_no_guideline_asks_for_it() -> None:
    (action,) = plan("article", findings=SMALL).actions
    assert action.action == "follow_up_ultrasound"
    assert action.repeat is not None
    assert (action.repeat.every_months, action.repeat.until_months) == ((3, 6), 36)
    assert "no guideline asks for this" in action.strength
    assert "No guideline asks for this" in action.text["en"]
    assert action.due == (date(2026, 4, 30), date(2026, 7, 31))


def test_policies_share_what_they_do_not_replace() -> None:
    ids = {p: {r.id for r in load_policy(p).rules} for p in ("article", "guideline")}
    replaced = {"definite_simple", "probable_simple", "stones_silent", "ultrasound_undecided"}
    assert ids["guideline"] - ids["article"] == replaced


def test_an_unknown_policy_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"article, guideline.*did you mean 'guideline'"):
        plan("guidline")


# --- stones, parasites, tumours, children


STONES = {"multiple_foci": True, "side_of_foci": "left", "beaded_chain": True, "dilated_ducts": True}


def test_silent_duct_stones_are_observed_and_others_referred() -> None:
    silent = plan(findings=STONES)
    assert "observe_duct_stones" in actions(silent)
    for trouble in ({"lobar_atrophy": True}, {"duct_stricture": True}, {"right_upper_quadrant_pain": True}):
        troubled = plan(findings={**STONES, **trouble})
        assert "refer_hepatobiliary" in actions(troubled)
        assert "observe_duct_stones" not in actions(troubled)


def test_fever_with_suspected_stones_is_cholangitis_today_jaundice_or_not() -> None:
    for jaundice in (True, False):
        made = plan(findings=STONES, symptoms={"fever": True, "jaundice": jaundice})
        assert "alert_cholangitis" in alerts(made)
        assert made.actions[0].action == "urgent_cholangitis_care"
        assert made.actions[0].due == (DAY, DAY)


def test_stricture_asks_for_cancer_and_tuberculosis_though_stones_are_seen() -> None:
    made = plan(findings={**STONES, "duct_relation": "in_lumen", "duct_stricture": True})
    assert "alert_exclude_cholangiocarcinoma" in alerts(made)


@pytest.mark.parametrize("serology", [True, False])
def test_no_needle_while_echinococcosis_is_open_whatever_serology_says(serology: bool) -> None:
    cyst = {"dominant_morphology": "eggshell", "largest_calcium": Measurement(60, "mm")}
    made = plan(findings={**cyst, "echinococcus_serology": serology}, exposures={"dogs_or_livestock": True})
    assert "alert_needle_echinococcosis" in alerts(made)
    assert "biopsy" not in [t.test for t in made.next_tests]


def test_an_inactive_cyst_is_watched_and_one_with_fever_is_not() -> None:
    cyst = {
        "dominant_morphology": "eggshell",
        "host_kind": "mixed",
        "enhancement": "none",
        "host_position": "peripheral",
    }
    quiet = plan(findings=cyst, setting="ce_endemic")
    assert "watch_echinococcal_cyst" in actions(quiet)
    assert "alert_ce_complicated" not in alerts(quiet)
    assert "alert_ce_complicated" in alerts(
        plan(findings=cyst, setting="ce_endemic", symptoms={"fever": True})
    )


def written(**findings: object) -> Mapping[str, Value]:
    """Return findings as a patient file's are read."""
    return make_patient({"findings": {"intrahepatic_calcification": True, **findings}}).findings


def test_a_cyst_whose_stage_is_told_is_watched_and_not_characterised_again() -> None:
    staged = plan(findings=written(ce_stage="CE4", host_diameter="62 mm"))
    assert "watch_echinococcal_cyst" in actions(staged)
    assert "characterise_host" not in actions(staged)
    assert "characterise_host" in actions(plan(findings=written(host_diameter="62 mm")))


def test_where_a_report_leaves_a_duct_stone_open_ultrasound_has_not_decided() -> None:
    told = {"largest_calcium": "6 mm", "dilated_ducts": False}
    sure = plan("article", findings=written(**told, duct_relation="apart"))
    left = plan("article", findings=written(**told, duct_relation={"in_lumen": 0.5, "apart": 0.5}))
    assert "follow_up_ultrasound" in actions(sure)
    assert "follow_up_ultrasound" not in actions(left)
    assert "ct_where_undecided" in actions(left)


def test_a_ring_that_enhances_like_the_aorta_is_an_aneurysm_first_of_all() -> None:
    made = plan(findings={"blood_pool_ring": True})
    assert alerts(made)[0] == "alert_aneurysm"
    assert made.actions[0].action == "refer_vascular"


def _certain(name: str, diagnosis: Diagnosis) -> Diagnosis:
    return replace(diagnosis, probability=float(diagnosis.diagnosis == name))


def test_an_image_that_half_shows_a_flag_raises_it() -> None:
    half = [Finding("duct_stricture", LIVER, State.ABSENT, probability=0.3)]
    made = advise(diagnose(half, (), Patient()), half, None, Patient(), Settings(), DAY)
    assert "alert_exclude_cholangiocarcinoma" in alerts(made)


def test_a_child_with_a_mass_goes_to_a_paediatric_centre() -> None:
    made = plan(age_years=2, findings={"host_kind": "solid"})
    assert made.actions[0].action == "refer_paediatric_oncology"
    assert "search_primary" not in actions(made)


def test_a_fetus_has_a_pathway_of_its_own() -> None:
    assert actions(plan(subject="fetus", gestation_weeks=20.0)) == ["fetal_pathway"]


# --- nothing found, nothing assessable


def scanned(in_view: float, trust: float, policy: str, *labels: str) -> Plan:
    """Return the plan of a CT that covers so many percent of a liver, with foci of these labels."""
    state = State.NOT_ASSESSABLE if in_view < 95 else State.ABSENT
    if "calcification" in labels:
        state = State.PRESENT
    found = [
        Finding("intrahepatic_calcification", LIVER, state, reason="a reason"),
        Finding("liver_in_view", LIVER, State.PRESENT, value=Measurement(in_view, "%")),
        Finding("outline_trust", LIVER, State.PRESENT, value=Measurement(trust, "%")),
    ]
    named = tuple(SimpleNamespace(label=label) for label in labels)
    seen_foci = cast("Foci", SimpleNamespace(foci=named))
    differential = diagnose(found, (), Patient())
    return advise(differential, found, seen_foci, Patient(), Settings(policy=policy), DAY)


@pytest.mark.parametrize("policy", list_policies())
def test_a_liver_partly_in_view_is_never_done_with(policy: str) -> None:
    made = scanned(20, 90, policy)
    assert actions(made) == ["complete_examination"]
    assert "nothing is known of the rest" in made.actions[0].text["en"]
    assert "部分肝脏" in made.actions[0].text["zh"]
    found = scanned(60, 90, policy, "calcification")
    assert "complete_examination" in actions(found)
    assert len(found.actions) > 1, "what was found has its own step"
    assert actions(scanned(97, 90, policy)) == ["nothing_to_follow"]


@pytest.mark.parametrize("policy", list_policies())
def test_a_doubtful_outline_is_checked_before_the_result_is_used(policy: str) -> None:
    made = scanned(100, 40, policy)
    assert actions(made) == ["check_outline"]
    assert actions(scanned(20, 40, policy)) == ["check_outline", "complete_examination"]


def test_bright_foci_without_a_name_leave_the_question_open_in_a_part_too() -> None:
    assert actions(scanned(60, 90, "guideline", "undetermined")) == ["repeat_examination"]


def test_what_kills_within_a_day_is_said_to_be_for_today() -> None:
    urgency = {a.id: a.urgency for a in load_alerts()}
    assert {i for i, u in urgency.items() if u == "today"} >= {
        "alert_aneurysm",
        "alert_cholangitis",
        "alert_ce_complicated",
    }
    assert urgency["alert_needle_echinococcosis"] == "routine", "it forbids a step and asks for none"
    said_today = [a.id for a in load_alerts() if "today" in a.en]
    assert {urgency[i] for i in said_today} == {"today"}, "text and urgency agree"
    assert not [a.id for a in load_alerts() if a.urgency == "today" and "today" not in a.en]


@pytest.mark.parametrize("policy", list_policies())
def test_without_calcification_there_is_nothing_to_follow(policy: str) -> None:
    made = seen("intrahepatic_calcification", State.ABSENT, policy)
    assert actions(made) == ["nothing_to_follow"]
    assert made.alerts == made.next_tests == ()


@pytest.mark.parametrize("policy", list_policies())
def test_a_liver_that_could_not_be_read_is_read_again(policy: str) -> None:
    assert actions(seen("intrahepatic_calcification", State.NOT_ASSESSABLE, policy)) == ["repeat_examination"]


# --- dates


def test_dates_count_from_the_examination_before_the_study() -> None:
    made = plan(findings=SMALL, exam_date=date(2025, 8, 31))
    assert made.actions[0].due == (date(2026, 2, 28), date(2026, 8, 31))


def test_without_a_date_only_the_interval_is_given() -> None:
    (action,) = plan(day=None, findings=SMALL).actions
    assert action.due is None
    assert action.after_months == (6, 12)


def test_months_end_on_days_that_exist() -> None:
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2025, 12, 31), 2) == date(2026, 2, 28)
    assert add_months(date(2026, 1, 1), 0) == date(2026, 1, 1)


# --- what the files say


@pytest.mark.parametrize("policy", list_policies())
def test_every_clause_speaks_two_languages_and_names_its_source(policy: str) -> None:
    for rule in load_policy(policy).rules:
        assert load_vocabulary()[rule.action].group == "action"
        assert any("\u4e00" <= c <= "\u9fff" for c in rule.zh)


def test_no_text_calls_the_prognosis_good() -> None:
    clauses: list[Rule] = [r for p in list_policies() for r in load_policy(p).rules]
    english = " ".join(
        [r.en for r in clauses] + [a.en for a in load_alerts()] + [t.why.en for t in load_catalogue().tests]
    )
    chinese = " ".join([r.zh for r in clauses] + [a.zh for a in load_alerts()])
    assert "prognosis" not in english.casefold()
    assert "预后" not in chinese


def test_actions_come_soonest_first() -> None:
    made = plan(findings={**STONES, "host_kind": "solid", "blood_pool_ring": True}, symptoms={"fever": True})
    starts = [a.after_months[0] for a in made.actions if a.after_months]
    assert all(a <= b for a, b in pairwise(starts))


def test_every_diagnosis_leads_to_an_action() -> None:
    empty = diagnose((), (), Patient())
    for entry in load_knowledge().entries:
        order = sorted(empty.diagnoses, key=lambda d: d.diagnosis != entry.id)
        sure = Differential(tuple(_certain(entry.id, d) for d in order), setting=empty.setting)
        made = advise(sure, (), None, Patient(), Settings(), DAY)
        assert made.actions, entry.id
