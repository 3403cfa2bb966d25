"""What a test would tell: nothing at least, all that is unknown at most, by the book for two diseases."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hepalith.differential import diagnose
from hepalith.differential.belief import hypothesise
from hepalith.differential.expectation import (
    Inquiry,
    Outlook,
    information_bits,
    loss_saved,
    make_inquiry,
    make_result,
    told_of_each,
)
from hepalith.differential.model import load_model
from hepalith.study.patient import Patient

FEATURES = load_model().knowledge.features
BOOLEANS = sorted(
    {r.id for f in FEATURES.values() for r in f.findings if r.kind == "boolean" and not r.one_sided}
    - {"solitary", "asymptomatic"}
)
CHOICES = ("host_kind", "enhancement", "duct_relation", "acoustic_shadow", "change_since_prior")


def outlook_of(**known: object) -> Outlook:
    patient = Patient(**known)  # type: ignore[arg-type]
    return Outlook.of(hypothesise((), (), patient), diagnose((), (), patient))


def ask(finding: str, right: float = 1.0, specificity: float = 1.0, missed_as: str | None = None) -> Inquiry:
    inquiry = make_inquiry(finding, FEATURES, right=right, specificity=specificity, missed_as=missed_as)
    assert inquiry is not None
    return inquiry


def entropy(p: NDArray[np.float64]) -> float:
    return -float((p * np.log2(np.where(p > 0, p, 1.0))).sum())


def between(outlook: Outlook, *names: str) -> Outlook:
    """Return the outlook of somebody who has one of these diagnoses, each as likely."""
    ids = [entry.id for entry in outlook.model.knowledge.entries]
    chosen = [ids.index(name) for name in names]
    weights = np.zeros_like(outlook.weights)
    for place in chosen:
        forms = outlook.model.diagnosis_of == place
        weights[forms] = outlook.model.share[forms] / len(chosen)
    return replace(outlook, weights=weights)


# --- by the book


@pytest.mark.parametrize(
    ("prior", "sensitivity", "specificity"), [(0.5, 0.9, 0.8), (0.02, 0.7, 0.99), (0.3, 1, 1)]
)
def test_two_diseases_and_a_test_follow_the_closed_form(
    prior: float, sensitivity: float, specificity: float
) -> None:
    joint = np.array(
        [
            [prior * sensitivity, (1 - prior) * (1 - specificity)],
            [prior * (1 - sensitivity), (1 - prior) * specificity],
        ]
    )
    positive = prior * sensitivity + (1 - prior) * (1 - specificity)

    def h(p: float) -> float:
        return 0.0 if p in (0, 1) else -p * math.log2(p) - (1 - p) * math.log2(1 - p)

    expected = h(positive) - prior * h(sensitivity) - (1 - prior) * h(specificity)
    assert information_bits(joint) == pytest.approx(expected, abs=1e-12)


def test_the_loss_saved_follows_the_closed_form() -> None:
    # treating a healthy person loses 2, leaving a sick one 10; a perfect test saves it all
    losses = np.array([[0.0, 2.0], [10.0, 0.0]])
    perfect, useless = np.diag([0.3, 0.7]), np.outer([0.5, 0.5], [0.3, 0.7])
    assert loss_saved(perfect, losses) == pytest.approx(min(0.7 * 2, 0.3 * 10))
    assert loss_saved(useless, losses) == 0.0


def test_a_finding_told_between_two_diseases_follows_the_numbers_of_the_knowledge() -> None:
    outlook = between(outlook_of(), "metastasis_mtc", "metastasis_breast")
    rates = load_model().likelihood("calcitonin_up", {"calcitonin_up": np.array([1.0, 0.0])})
    ids = [entry.id for entry in outlook.model.knowledge.entries]
    p, q = (
        float(rates[outlook.model.diagnosis_of == ids.index(d)][0])
        for d in ("metastasis_mtc", "metastasis_breast")
    )
    expected = entropy(np.array([(p + q) / 2, 1 - (p + q) / 2]))
    expected -= (entropy(np.array([p, 1 - p])) + entropy(np.array([q, 1 - q]))) / 2
    assert information_bits(outlook.foresee((ask("calcitonin_up"),))) == pytest.approx(expected, abs=1e-9)


def test_findings_that_depend_on_each_other_are_taken_together_as_the_model_has_them() -> None:
    outlook = outlook_of(findings={"host_kind": "solid"})
    outlook = replace(outlook, support={})
    joint = outlook.foresee((ask("host_kind"), ask("enhancement")), most=10_000)
    host, pattern = FEATURES["host"], FEATURES["enhancement"]
    rows = []
    for h, e in product(range(len(host.values)), range(len(pattern.values))):
        said = {"host": np.eye(len(host.values))[h], "enhancement": np.eye(len(pattern.values))[e]}
        atoms = outlook.weights * outlook.model.likelihood("host", said)
        rows.append(np.bincount(outlook.model.diagnosis_of, weights=atoms))
    assert sorted(joint.sum(axis=1)) == pytest.approx(sorted(np.array(rows).sum(axis=1)), abs=1e-12)
    assert information_bits(joint) == pytest.approx(information_bits(np.array(rows)), abs=1e-9)


# --- laws


known_findings = st.dictionaries(st.sampled_from(BOOLEANS), st.booleans(), max_size=5)
asked_findings = st.lists(st.sampled_from([*BOOLEANS, *CHOICES]), min_size=1, max_size=5, unique=True)


@settings(max_examples=40, deadline=None)
@given(known=known_findings, asked=asked_findings, age=st.integers(1, 95), right=st.floats(0.55, 1))
def test_information_is_never_negative_nor_more_than_is_unknown(
    known: dict[str, bool], asked: list[str], age: int, right: float
) -> None:
    outlook = outlook_of(age_years=age, findings=known)
    joint = outlook.foresee([ask(f, right, right) for f in asked])
    assert joint.sum() == pytest.approx(1.0)
    assert joint.sum(axis=0) == pytest.approx(outlook.probabilities, abs=1e-9)
    assert 0.0 <= information_bits(joint) <= entropy(outlook.probabilities) + 1e-9
    assert (told_of_each(joint) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(asked=asked_findings, data=st.data())
def test_the_order_of_the_findings_does_not_matter(asked: list[str], data: st.DataObject) -> None:
    outlook = outlook_of(age_years=50)
    shuffled = data.draw(st.permutations(asked))
    first, second = (outlook.foresee([ask(f) for f in order]) for order in (asked, shuffled))
    assert information_bits(first) == pytest.approx(information_bits(second), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(asked=st.lists(st.sampled_from(BOOLEANS), min_size=2, max_size=6, unique=True))
def test_one_finding_more_never_tells_less(asked: list[str]) -> None:
    outlook = outlook_of(age_years=50)
    fewer, more = (information_bits(outlook.foresee([ask(f) for f in found])) for found in (asked[1:], asked))
    assert more >= fewer - 1e-9


@settings(max_examples=25, deadline=None)
@given(finding=st.sampled_from([*BOOLEANS, *CHOICES]), worse=st.floats(0.55, 0.95))
def test_a_worse_test_never_tells_more(finding: str, worse: float) -> None:
    outlook = outlook_of(age_years=50)
    good, bad = (information_bits(outlook.foresee((ask(finding, r, r),))) for r in (1.0, worse))
    assert good >= bad - 1e-12


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("finding", ["calcitonin_up", "lobar_atrophy", "blood_pool_ring", "dilated_ducts"])
def test_a_finding_that_is_known_tells_nothing(finding: str, said: bool) -> None:
    joint = outlook_of(findings={finding: said}).foresee((ask(finding, 0.9, 0.9),))
    assert information_bits(joint) == pytest.approx(0.0, abs=1e-12)


def test_a_host_that_is_known_tells_nothing_and_its_enhancement_still_does() -> None:
    outlook = outlook_of(findings={"host_kind": "solid"})
    assert information_bits(outlook.foresee((ask("host_kind"),))) == pytest.approx(0.0, abs=1e-12)
    assert information_bits(outlook.foresee((ask("enhancement"),))) > 0.3


def test_of_too_many_findings_the_most_telling_are_taken_and_the_rest_is_a_bound() -> None:
    outlook = outlook_of(age_years=50)
    asked = [ask(f) for f in ("host_kind", "enhancement", "duct_relation", "dilated_ducts", "fever")]
    all_of_them = information_bits(outlook.foresee(asked, most=100_000))
    some = information_bits(outlook.foresee(asked, most=64))
    best = max(information_bits(outlook.foresee((a,))) for a in asked)
    assert best - 1e-9 <= some < all_of_them


def test_of_findings_that_speak_of_one_feature_the_most_telling_counts_whatever_their_order() -> None:
    outlook = outlook_of(findings={"host_kind": "solid"})
    fine, coarse = ask("enhancement", 0.9), ask("arterial_hyperenhancement", 0.9, 0.9)
    assert fine.feature == coarse.feature
    whole = information_bits(outlook.foresee_one(fine))
    assert whole > information_bits(outlook.foresee_one(coarse))
    for order in ((fine, coarse), (coarse, fine)):
        assert information_bits(outlook.foresee(order)) == pytest.approx(whole)


def test_a_miss_is_taken_for_the_value_that_it_looks_like() -> None:
    channel = ask("host_kind", 0.8, 0.95, "none").channel
    values = FEATURES["host"].values
    none, solid = values.index("none"), values.index("solid")
    assert channel.sum(axis=0) == pytest.approx(np.ones(len(values)))
    assert channel[none, solid] == pytest.approx(0.2)
    assert channel[none, none] == pytest.approx(0.95)
    assert channel[solid, solid] == pytest.approx(0.8)


def test_a_disease_that_is_named_is_named_as_often_as_said_and_else_by_mistake() -> None:
    model = load_model()
    result = make_result([{"metastasis_crc": 0.9}], [0.01], model)
    ids = [model.knowledge.entries[d].id for d in model.diagnosis_of]
    assert result.sum(axis=0) == pytest.approx(np.ones(len(ids)))
    assert result[0, ids.index("metastasis_crc")] == pytest.approx(0.9)
    assert result[0, ids.index("simple_healed")] == pytest.approx(0.01)


@pytest.mark.parametrize(("first", "then"), [("host_kind", "enhancement"), ("dilated_ducts", "alp_ggt_up")])
def test_what_two_findings_tell_is_what_the_first_tells_and_then_the_second(first: str, then: str) -> None:
    outlook, one, two = outlook_of(age_years=60), ask(first, 0.9, 0.9), ask(then, 0.8, 0.9)
    chances = outlook.foresee_one(one).sum(axis=1)
    later = [information_bits(outlook.learn(one, o).foresee_one(two)) for o in range(len(chances))]
    expected = information_bits(outlook.foresee_one(one)) + float(chances @ np.array(later))
    assert information_bits(outlook.foresee((one, two))) == pytest.approx(expected, abs=1e-9)


def test_what_was_learnt_is_believed_as_if_it_had_been_stated() -> None:
    inquiry = ask("calcitonin_up")
    learnt = outlook_of(age_years=60).learn(inquiry, 0)
    stated = outlook_of(age_years=60, findings={"calcitonin_up": True})
    assert learnt.probabilities == pytest.approx(stated.probabilities, abs=1e-3)
    with pytest.raises(ValueError, match="cannot be absent"):
        learnt.learn(inquiry, 1)


def test_nothing_is_foreseen_where_there_is_nothing_to_explain() -> None:
    patient = Patient(findings={"intrahepatic_calcification": False})
    with pytest.raises(ValueError, match="nothing to explain"):
        Outlook.of(hypothesise((), (), patient), diagnose((), (), patient))


@pytest.mark.parametrize("finding", ["calcitonin_up", "host_kind", "lobar_atrophy", "alp_ggt_up", "cea_up"])
def test_a_second_process_changes_what_is_told_by_little(finding: str) -> None:
    # the belief knows of pairs of processes; a test is foreseen from the leading one alone
    patient = Patient(age_years=60, findings={"multiple_foci": True})
    belief = hypothesise((), (), patient)
    outlook = Outlook.of(belief, diagnose((), (), patient))
    _, chances, after = belief.expect(finding)
    exact = entropy(belief.posterior) - float(
        sum(c * entropy(p) for c, p in zip(chances, after, strict=True))
    )
    assert information_bits(outlook.foresee((ask(finding),))) == pytest.approx(exact, abs=0.1)
