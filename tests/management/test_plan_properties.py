"""Whatever the patient: a plan exists, nothing in it contradicts, what is urgent comes first."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hepalith.differential import Diagnosis, Differential, Process, load_knowledge
from hepalith.finding.finding import Finding, Subject
from hepalith.management import Plan, advise, list_policies, load_policy
from hepalith.management.advise import add_months
from hepalith.management.policy import Repetition, load_conflicts
from hepalith.management.schedule import plan_visits
from hepalith.settings import Settings
from hepalith.study.patient import Lab, Patient
from hepalith.vocabulary import Measurement, State, Term, load_vocabulary

DIAGNOSES = [entry.id for entry in load_knowledge().entries]
DAY = date(2026, 1, 31)
LIVER = Subject("liver")

REASSURING = {"no_follow_up", "one_check", "follow_up_ultrasound", "nothing_to_follow"}
GENERIC = {"discuss_case", "repeat_examination", "complete_examination", "check_outline"}


@pytest.fixture(autouse=True)
def no_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["hepalith.management.advise"], "plan_next_tests", lambda _: ())


def ranked(weights: dict[str, float]) -> Differential:
    """Return a differential with these weights made to sum to 1."""
    total = sum(weights.values())
    shares = {d: weights.get(d, 0.0) / total for d in DIAGNOSES}
    order = sorted(DIAGNOSES, key=lambda d: (-shares[d], d))
    return Differential(tuple(Diagnosis(d, shares[d], 0.0, 1.0, shares[d]) for d in order))


def certain(diagnosis: str) -> Differential:
    return ranked({diagnosis: 1.0})


def plan(differential: Differential, patient: Patient, policy: str = "guideline", **kept: Any) -> Plan:
    return advise(
        differential, kept.get("found", ()), None, patient, Settings(policy=policy), kept.get("day", DAY)
    )


# --- random patients

differentials = st.dictionaries(st.sampled_from(DIAGNOSES), st.floats(0.01, 1.0), min_size=1, max_size=6).map(
    ranked
)


def stated(term: Term) -> st.SearchStrategy[Any]:
    if term.type == "boolean":
        return st.booleans()
    if term.type == "choice":
        return st.sampled_from([c.id for c in term.choices])
    return st.floats(0, 200).map(lambda v: Measurement(v, str(term.unit)))


def some_of(groups: tuple[str, ...], most: int, kinds: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    terms = [t for t in load_vocabulary().of_group(*groups) if t.type in kinds]
    chosen = st.lists(st.sampled_from(terms), max_size=most, unique_by=lambda t: t.id)
    return chosen.flatmap(lambda ts: st.fixed_dictionaries({t.id: stated(t) for t in ts}))


patients = st.builds(
    Patient,
    age_years=st.none() | st.floats(0, 100),
    sex=st.sampled_from([None, "male", "female"]),
    exposures=some_of(("exposure",), 2, ("boolean",)),
    history=some_of(("history",), 4, ("boolean", "choice")),
    symptoms=some_of(("symptom",), 4, ("boolean",)),
    findings=some_of(("finding", "laboratory_finding", "pattern"), 8, ("boolean", "choice", "quantity")),
    pregnancy=st.sampled_from([None, True, False]),
    exam_date=st.none() | st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    labs=st.dictionaries(
        st.sampled_from(["bilirubin", "leucocytes", "crp", "albumin", "temperature", "creatinine"]),
        st.builds(Lab, st.floats(0, 60), st.sampled_from(["mg/dL", "g/L", "mg/L", "10*3/uL", "Cel"])),
        max_size=4,
    ),
)

lenient = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@lenient
@given(differentials, patients, st.sampled_from(list_policies()))
def test_a_plan_exists_is_ordered_and_does_not_contradict_itself(
    differential: Differential, patient: Patient, policy: str
) -> None:
    made = plan(differential, patient, policy)
    for steps in (made.actions, made.beside):
        _check_steps(made, steps)
    assert made.actions
    assert (made.beside_policy == "guideline") == bool(made.beside)
    order = {"today": 0, "prompt": 1, "routine": 2}
    assert all(order[a.urgency] <= order[b.urgency] for a, b in pairwise(made.alerts))


def _check_steps(made: Plan, steps: tuple[Any, ...]) -> None:
    actions = {step.action for step in steps}
    alerts = {alert.id for alert in made.alerts}
    starts = [s.after_months[0] if s.after_months else float("inf") for s in steps]
    assert starts == sorted(starts), "what is urgent comes first"
    for conflict in load_conflicts():
        if actions & set(conflict.beside) or alerts & set(conflict.beside_alert):
            assert not actions & set(conflict.drops), conflict.id
    if alerts & {"alert_host", "alert_growing", "alert_cancer_history", "alert_gas", "alert_aneurysm"}:
        assert "no_follow_up" not in actions
    if "alert_needle_echinococcosis" in alerts or "alert_aneurysm" in alerts:
        assert "guided_biopsy" not in actions
    for alert in made.alerts if steps is made.actions else ():
        if alert.urgency == "today":
            assert 0 in starts, f"{alert.id} without a step today"
    assert len({s.rule for s in steps}) == len(steps)
    for step in steps:
        assert step.source
        assert step.grade in "ABCK"
        if step.repeat is not None:
            assert step.visits
            assert step.visits[-1].after_months[1] <= step.repeat.until_months


@lenient
@given(differentials, patients)
def test_reassurance_never_stands_beside_worry(differential: Differential, patient: Patient) -> None:
    for policy in list_policies():
        actions = {a.action for a in plan(differential, patient, policy).actions}
        worry = {"search_primary", "refer_oncology", "characterise_host", "refer_paediatric_oncology"}
        assert not (actions & REASSURING and actions & worry)


@lenient
@given(differentials, patients)
def test_dates_count_from_the_examination_alone(differential: Differential, patient: Patient) -> None:
    made = plan(differential, patient, "article", day=None)
    start = patient.exam_date
    for step in (*made.actions, *made.beside):
        if start is None:
            assert step.due is None
            assert step.stop is None
            assert all(visit.due is None for visit in step.visits)
        elif step.after_months is not None:
            assert step.due == tuple(add_months(start, m) for m in step.after_months)
        for visit in step.visits:
            if visit.due is not None:
                assert step.stop is not None
                assert visit.due[0] <= visit.due[1] <= step.stop


@lenient
@given(differentials, patients)
def test_the_same_case_has_the_same_plan(differential: Differential, patient: Patient) -> None:
    assert plan(differential, patient, "article") == plan(differential, patient, "article")


# --- every diagnosis


@pytest.mark.parametrize("diagnosis", [d for d in DIAGNOSES if d != "none_of_these"])
@pytest.mark.parametrize("policy", list_policies())
def test_every_diagnosis_that_leads_has_a_step_of_its_own_with_its_source(
    diagnosis: str, policy: str
) -> None:
    made = plan(certain(diagnosis), Patient(age_years=40), policy)
    own = [a for a in made.actions if a.action not in GENERIC]
    assert own, "only a generic step"
    assert all(len(a.source) > 8 for a in own)
    if diagnosis in {e.id for e in load_knowledge().entries if e.malignant}:
        assert not REASSURING & {a.action for a in made.actions}
        assert min(a.after_months[1] for a in own if a.after_months) <= 1, "cancer within a month"


def test_what_fits_nothing_is_discussed() -> None:
    assert [a.action for a in plan(certain("none_of_these"), Patient()).actions] == ["discuss_case"]


def test_every_clause_can_be_reached() -> None:
    """Some picture of few signs brings each clause up, so that none is dead."""
    reached: set[str] = set()
    for diagnosis in DIAGNOSES:
        possible = ranked({"none_of_these": 0.7, diagnosis: 0.3})
        asked = [(certain(diagnosis), patient) for patient in PICTURES] + [(possible, Patient())]
        for differential, patient in asked:
            made = plan(differential, patient, "article")  # the guideline's own clauses stand beside it
            reached |= {a.rule for a in (*made.actions, *made.beside)}
    every = {rule.id for policy in list_policies() for rule in load_policy(policy).rules}
    of_images = {"liver_not_read", "outline_doubtful", "none_in_part", "rest_not_seen", "nothing_found"}
    of_images |= {"none_on_ultrasound", "echo_unnamed", "echo_without_calcium", "ultrasound_undecided"}
    assert every - reached - of_images == set()


LARGE, SMALL = Measurement(60, "mm"), Measurement(20, "mm")

PICTURES = [
    Patient(),
    Patient(findings={"unchanged_two_years": True}),
    Patient(
        age_years=40,
        history={"cancer_history": False, "cirrhosis": False, "hepatitis_b": False},
        findings={"host_kind": "none", "dilated_ducts": False},
    ),
    Patient(subject="fetus", gestation_weeks=22.0, findings={"host_kind": "solid"}),
    Patient(pregnancy=True, history={"immunosuppression": True}),
    Patient(age_years=2),
    Patient(age_years=2, findings={"host_kind": "solid"}),
    Patient(history={"known_primary": "breast", "cirrhosis": True}, findings={"host_kind": "solid"}),
    Patient(findings={"host_kind": "solid", "vein_occlusion": True, "change_since_prior": "new"}),
    Patient(findings={"mass_without_calcium": True, "capsular_retraction": True}),
    Patient(symptoms={"jaundice": True}, findings={"adrenal_calcium": True, "spleen_calcium": True}),
    Patient(symptoms={"fever": True}, findings={"host_kind": "mixed", "gas_in_lesion": True}),
    Patient(symptoms={"fever": True}, findings={"host_kind": "mixed", "foreign_body_seen": True}),
    *(
        Patient(
            age_years=age,
            symptoms={"fever": True, "hypotension": low, "confusion": False},
            findings={"dilated_ducts": True},
            labs={
                "temperature": Lab(39.5, "Cel"),
                "bilirubin": Lab(2.0, "mg/dL"),
                "creatinine": Lab(1.0, "mg/dL"),
                "inr": Lab(1.0, "1"),
                "platelets": Lab(200.0, "10*3/uL"),
                "pao2_fio2": Lab(400.0, "mm[Hg]"),
                "leucocytes": Lab(9.0, "10*3/uL"),
                "albumin": Lab(40.0, "g/L"),
            },
        )
        for age, low in ((40, False), (80, False), (40, True))
    ),
    Patient(symptoms={"fever": True}, findings={"daughter_cysts": True}),
    Patient(symptoms={"fever": True, "jaundice": True}),
    *(
        Patient(findings={"ce_stage": stage, "host_diameter": size, "host_kind": "fluid"})
        for stage in ("CE1", "CE2")
        for size in (SMALL, LARGE)
    ),
    Patient(findings={"host_kind": "fluid", "host_diameter": LARGE}),
]


# --- months


@given(st.dates(date(1980, 1, 1), date(2090, 12, 31)), st.integers(0, 240), st.integers(0, 240))
def test_months_never_run_backwards(start: date, first: int, more: int) -> None:
    assert start <= add_months(start, first) <= add_months(start, first + more)
    whole = add_months(start, first)
    assert (whole.year * 12 + whole.month) - (start.year * 12 + start.month) == first


@given(st.dates(date(1980, 1, 1), date(2090, 12, 31)), st.floats(0, 0.999))
def test_part_of_a_month_stays_within_it(start: date, part: float) -> None:
    assert start <= add_months(start, part) <= start + timedelta(days=31)


@given(st.integers(1, 12), st.integers(0, 12), st.integers(1, 10))
def test_visits_follow_each_other_within_the_clause(shortest: int, wide: int, times: int) -> None:
    longest = shortest + wide
    repetition = Repetition(every_months=(shortest, longest), until_months=longest * times)
    visits = plan_visits((shortest, longest), repetition)
    assert len(visits) == times, "the fewest that the clause allows"
    ends = [end for _, end in visits]
    assert all(b - a == longest for a, b in pairwise(ends))
    assert ends[-1] <= repetition.until_months


def test_a_date_at_the_end_of_time_breaks_nothing() -> None:
    made = plan(certain("simple_healed"), Patient(exam_date=date(9999, 12, 31)), "article")
    assert made.actions[0].due is None


def test_a_deidentified_plan_keeps_no_date() -> None:
    made = plan(certain("simple_healed"), Patient(), "article").without_dates()
    for step in (*made.actions, *made.beside):
        assert (step.due, step.stop, step.may_stop) == (None, None, None)
        assert all(v.due is None for v in step.visits)
    assert made.actions[0].visits, "the intervals stay"


def test_a_second_process_counts_though_another_leads() -> None:
    """A healed focus and a deposit: the deposit is planned for by its own probability."""
    found = (Finding("largest_calcium", LIVER, State.PRESENT, 1.0, Measurement(4, "mm")),)
    quiet = certain("simple_healed")
    assert "search_primary" not in {a.action for a in plan(quiet, Patient(), found=found).actions}
    with_second = Differential(quiet.diagnoses, (Process("metastasis_crc", 0.4),))
    assert "search_primary" in {a.action for a in plan(with_second, Patient(), found=found).actions}
