"""What must hold for any patient and any findings."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepalith.differential import diagnose, hypothesise, load_knowledge
from hepalith.differential.model import load_model
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

TERMS = [
    t
    for t in load_vocabulary().of_group("finding", "laboratory_finding", "symptom", "exposure", "history")
    if t.id not in ("intrahepatic_calcification", "known_primary")
]
PATTERNS = ("solitary", "scattered", "along_duct", "along_portal_triad", "within_mass")
READ = sorted({r.id for f in load_knowledge().features.values() for r in f.findings})


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    made = []
    for term in draw(st.lists(st.sampled_from(TERMS), max_size=14, unique_by=lambda t: t.id)):
        present = draw(st.booleans())
        state = State.PRESENT if present else State.ABSENT
        probability = draw(st.floats(0.5, 1.0) if present else st.floats(0.0, 0.5))
        value: Measurement | str | None = None
        if term.type == "choice":
            value = draw(st.sampled_from([c.id for c in term.choices]))
        elif term.type == "quantity":
            value = Measurement(draw(st.floats(0, 200)), term.unit or "1")
        source = draw(st.sampled_from(["ct", "us", "text", "person"]))
        foci = draw(st.sampled_from([(), (1,), (2,), (1, 3)]))
        made.append(Finding(term.id, Subject("liver"), state, probability, value, source, foci=foci))
    return made


@st.composite
def patterns(draw: st.DrawFn) -> list[Pattern]:
    names = draw(st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True))
    return [
        Pattern(n, draw(st.floats(0.5, 1.0)), draw(st.sampled_from([(1,), (1, 2), (2, 3)]))) for n in names
    ]


@st.composite
def patients(draw: st.DrawFn) -> Patient:
    return Patient(
        age_years=draw(st.none() | st.floats(0, 100)),
        sex=draw(st.sampled_from([None, "male", "female"])),
        setting=draw(st.sampled_from([None, *load_knowledge().settings])),
        history=draw(st.sampled_from([{}, {"known_primary": "breast"}, {"cirrhosis": True}])),
    )


@settings(max_examples=25, deadline=None)
@given(findings(), patterns(), patients(), st.randoms())
def test_any_reading_is_exclusive_exact_and_free_of_order(
    made: list[Finding], arranged: list[Pattern], patient: Patient, chaos: random.Random
) -> None:
    told = diagnose(made, arranged, patient)
    assert math.isclose(sum(d.probability for d in told.diagnoses), 1.0, abs_tol=1e-9)
    assert {d.diagnosis for d in told.diagnoses} == {e.id for e in load_knowledge().entries}
    assert all(one.probability >= two.probability - 1e-12 for one, two in pairwise(told.diagnoses))
    assert math.isclose(sum(d.first_in for d in told.diagnoses), 1.0, abs_tol=1e-9)
    for d in told.diagnoses:
        assert 0.0 <= d.low <= d.probability <= d.high <= 1.0
        weights = sum(e.weight for e in (*d.supporting, *d.opposing))
        others = sum(o.probability for o in told.diagnoses if o.diagnosis != d.diagnosis)
        if d.probability > 1e-250 and others > 1e-9:
            assert math.isclose(d.prior + weights, math.log10(d.probability / others), abs_tol=1e-9)
    leading = {d.diagnosis: d.probability for d in told.diagnoses}
    for process in told.processes:
        assert leading[process.diagnosis] - 1e-9 <= process.probability <= 1.0
    shuffled, turned = made[:], arranged[:]
    chaos.shuffle(shuffled)
    chaos.shuffle(turned)
    assert diagnose(shuffled, turned, patient) == told


@settings(max_examples=15, deadline=None)
@given(findings(), patterns(), patients())
def test_what_is_unknown_or_not_assessable_or_said_twice_changes_nothing(
    made: list[Finding], arranged: list[Pattern], patient: Patient
) -> None:
    stated = {f.id for f in made}
    silent = [
        Finding(t.id, Subject("liver"), state, reason="a reason")
        for t in TERMS
        for state in (State.UNKNOWN, State.NOT_ASSESSABLE)
        if t.id not in stated
    ]
    assert diagnose([*made, *silent, *made], arranged, patient) == diagnose(made, arranged, patient)


@settings(max_examples=15, deadline=None)
@given(findings(), patients(), st.sampled_from(READ))
def test_what_would_be_believed_is_what_is_believed_once_it_is_known(
    made: list[Finding], patient: Patient, name: str
) -> None:
    known = [f for f in made if f.id != name]
    belief = hypothesise(known, (), patient)
    term = load_vocabulary()[name]
    for outcome in belief.outcomes(name):
        if isinstance(outcome, str) and term.type != "choice":
            continue  # a bin of sizes: no one size says just that
        if term.subject is None or (outcome is False and _only_seen(name)):
            continue
        value = outcome if isinstance(outcome, str) else None
        state = State.ABSENT if outcome is False else State.PRESENT
        said = Finding(name, Subject("liver"), state, float(outcome is not False), value, "person")
        after = hypothesise([*known, said], (), patient)
        if not after.question.contradictions:
            assert np.allclose(belief.given(name, outcome), after.posterior, atol=1e-9)


def _only_seen(name: str) -> bool:
    readers = [r for f in load_knowledge().features.values() for r in f.findings if r.id == name]
    return any(reader.one_sided for reader in readers)


@settings(max_examples=15, deadline=None)
@given(findings(), patients(), st.sampled_from(READ))
def test_what_is_expected_of_a_finding_adds_up(made: list[Finding], patient: Patient, name: str) -> None:
    belief = hypothesise(made, (), patient)
    outcomes, chances, after = belief.expect(name)
    if outcomes:
        assert math.isclose(chances.sum(), 1.0, abs_tol=1e-9)
        assert np.allclose(after.sum(axis=1), 1.0)
        assert belief.predict(name) == pytest.approx(dict(zip(outcomes, chances.tolist(), strict=True)))
    feature = next(f for f in load_knowledge().features.values() if any(r.id == name for r in f.findings))
    reader = next(r for r in feature.findings if r.id == name)
    lone = name not in {f.id for f in made} and feature.id not in belief.question.population.ignored
    if outcomes and lone and reader.kind == "boolean" and len(belief.question.units) == 0:
        assert np.allclose(chances @ after, belief.posterior, atol=1e-6), "no answer moves the average"


@settings(max_examples=10, deadline=None)
@given(patients(), st.sampled_from(READ))
def test_a_finding_as_likely_as_not_says_nothing(patient: Patient, name: str) -> None:
    if load_vocabulary()[name].type == "boolean":
        even = Finding(name, Subject("liver"), State.PRESENT, 0.5, source="person")
        assert diagnose([even], (), patient) == diagnose([], (), patient)


@pytest.mark.parametrize(
    ("name", "diagnosis"),
    [
        ("daughter_cysts", "ce_active_CE1_3"),
        ("microcystic_areas", "alveolar_echinococcosis"),
        ("blood_pool_ring", "hepatic_artery_aneurysm"),
        ("septal_network", "schisto_japonica"),
        ("calcitonin_up", "metastasis_mtc"),
        ("worm_seen", "fluke_disease"),
        ("foreign_body_seen", "foreign_body"),
        ("catecholamines_up", "metastasis_neuroblastoma"),
    ],
)
@settings(max_examples=8, deadline=None)
@given(made=findings(), patient=patients())
def test_more_of_a_pathognomonic_finding_never_lowers_its_disease(
    name: str, diagnosis: str, made: list[Finding], patient: Patient
) -> None:
    feature = next(f for f in load_knowledge().features.values() if any(r.id == name for r in f.findings))
    speakers = {r.id for r in feature.findings}
    others = [f for f in made if f.id not in speakers]
    place = [e.id for e in load_knowledge().entries].index(diagnosis)
    found = []
    for probability in (0.55, 0.7, 0.8, 0.9, 0.99):
        sign = Finding(name, Subject("liver"), State.PRESENT, probability, source="person")
        belief = hypothesise([*others, sign], (), patient)
        if belief.question.contradictions:
            return
        found.append(belief.hypotheses.at_work(_joint(belief.log_joint))[place])
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(found))


def _joint(log_joint: np.ndarray) -> np.ndarray:
    joint = np.exp(log_joint - log_joint.max())
    return np.asarray(joint / joint.sum())


@settings(max_examples=12, deadline=None)
@given(findings(), patients())
def test_whoever_leads_surely_leads_at_the_point_too(made: list[Finding], patient: Patient) -> None:
    told = diagnose(made, (), patient)
    for d in told.diagnoses:
        if d.first_in > 0.9:
            assert d.diagnosis == told.diagnoses[0].diagnosis


@pytest.mark.parametrize("setting", sorted(load_knowledge().settings))
def test_none_is_first_without_evidence_but_the_priors(setting: str) -> None:
    told = diagnose((), (), Patient(setting=setting))
    priors = {e.id: e.prior[setting].value for e in load_knowledge().entries}
    total = sum(priors.values())
    assert told.diagnoses[0].diagnosis == max(priors, key=lambda name: priors[name])
    for d in told.diagnoses:
        assert math.isclose(d.probability, priors[d.diagnosis] / total, rel_tol=1e-9)
        assert d.supporting == d.opposing == ()


def test_an_uncertain_finding_counts_by_so_much_as_it_is_certain() -> None:
    """Virtual evidence: the posterior is the mean of both certain ones, by their joint probabilities."""
    name = "microcystic_areas"
    sign = Finding(name, Subject("liver"), State.PRESENT, 1.0, source="ct")
    belief = hypothesise((), (), Patient())
    outcomes, chances, after = belief.expect(name)
    for certain in (0.6, 0.9):
        told = hypothesise([replace(sign, probability=certain)], (), Patient()).posterior
        weights = np.array([certain if o else 1 - certain for o in outcomes]) * chances
        assert np.allclose(told, weights @ after / weights.sum(), atol=1e-9)


def test_the_draws_are_as_wide_as_the_numbers_say() -> None:
    model = load_model()
    table = model.tables["fever"]
    drawn = model.draws("fever")[:, 0]
    middle = np.quantile(drawn, 0.5, axis=1)
    assert np.allclose(middle, table.points[:, 0], rtol=0.03)
    logits = np.log(drawn) - np.log1p(-drawn)
    low, high = np.quantile(logits, [0.025, 0.975], axis=1)
    centre = np.log(table.points[:, 0]) - np.log1p(-table.points[:, 0])
    assert np.allclose(centre - low, 1.96 * table.low_z[:, 0], rtol=0.1)
    assert np.allclose(high - centre, 1.96 * table.high_z[:, 0], rtol=0.1)


def test_unknown_is_not_absent() -> None:
    unknown, absent = (
        diagnose([Finding("host_kind", Subject("host"), state, chance, value)], (), Patient())
        for state, chance, value in ((State.UNKNOWN, None, None), (State.PRESENT, 0.95, "none"))
    )
    assert unknown == diagnose((), (), Patient())
    assert absent.diagnoses != unknown.diagnoses
    denied = Finding("fever", Subject("patient"), State.ABSENT, 0.0, source="person")
    assert diagnose([denied], (), Patient()).diagnoses != unknown.diagnoses


@settings(max_examples=10, deadline=None)
@given(findings(), patients(), st.lists(st.sampled_from(READ), min_size=2, max_size=3, unique=True))
def test_learning_one_thing_after_another_is_learning_them_together(
    made: list[Finding], patient: Patient, names: list[str]
) -> None:
    belief = hypothesise(made, (), patient)
    learnt = {name: belief.outcomes(name)[0] for name in names if belief.outcomes(name)}
    step = belief
    for name, outcome in learnt.items():
        step = step.learn({name: outcome})
    assert np.allclose(step.posterior, belief.given_all(learnt), atol=1e-9)
    backwards = belief
    for name, outcome in reversed(learnt.items()):
        backwards = backwards.learn({name: outcome})
    assert np.allclose(step.posterior, backwards.posterior, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(findings(), patients(), st.sampled_from(READ))
def test_a_narrowed_belief_expects_the_same(made: list[Finding], patient: Patient, name: str) -> None:
    belief = hypothesise(made, (), patient)
    narrow = belief.narrow()
    assert np.allclose(narrow.posterior, belief.posterior, atol=1e-3)
    assert narrow.predict(name) == pytest.approx(belief.predict(name), abs=5e-3)
