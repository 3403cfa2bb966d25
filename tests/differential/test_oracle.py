"""The posterior is exact: it equals that of an oracle in loops, and of a Bayesian-network library."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.differential import oracle

from hepalith.differential import diagnose, hypothesise, load_knowledge
from hepalith.differential.question import ask, say
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State, load_vocabulary

LIVER = Subject("liver")


def seen(name: str, probability: float = 1.0, *foci: int, value: Any = None, source: str = "ct") -> Finding:
    state = State.PRESENT if probability >= 0.5 else State.ABSENT
    return Finding(name, LIVER, state, probability, value, source, foci=foci)


READINGS: dict[str, tuple[list[Finding], list[Pattern], Patient]] = {
    "nothing": ([], [], Patient()),
    "what either may show": (
        [seen("fever"), seen("lobar_atrophy", 0.9), seen("spleen_calcium", 0.04), seen("enlarged_nodes")],
        [],
        Patient(),
    ),
    "a feature and what follows from it": (
        [seen("dilated_ducts", 0.95), seen("alp_ggt_up"), seen("jaundice", 0.0)],
        [],
        Patient(setting="health_check_east_asia"),
    ),
    "causes": (
        [],
        [],
        Patient(age_years=64, sex="male", history={"cirrhosis": True, "tace": True}),
    ),
    "number, side and size": (
        [
            seen("focus_count", value=Measurement(4, "1")),
            seen("side_of_foci", 0.95, value="left"),
            seen("largest_calcium", value=Measurement(6, "mm", 4, 8)),
            seen("acoustic_shadow", 0.8, value="clean"),
        ],
        [],
        Patient(),
    ),
    "a stone in a duct and a cyst's wall": (
        [
            seen("duct_relation", 0.95, 3, value="in_lumen"),
            seen("dominant_morphology", 0.97, 1, value="eggshell"),
            seen("host_kind", 0.8, 1, value="fluid"),
            seen("host_position", 0.85, 1, value="peripheral"),
        ],
        [Pattern("along_duct", 0.97, (3, 4, 5)), Pattern("scattered", 0.8, (1, 8))],
        Patient(),
    ),
    "three groups": (
        [
            seen("duct_relation", 0.95, 3, value="in_lumen"),
            seen("dominant_morphology", 0.97, 1, value="eggshell"),
            seen("host_kind", 0.8, 2, value="solid"),
            seen("unchanged_two_years"),
        ],
        [],
        Patient(history={"known_primary": "colorectal"}),
    ),
    "nothing around a single focus": (
        [seen("host_kind", 0.9, value="none"), seen("dominant_morphology", 0.9, value="punctate")],
        [Pattern("solitary", 0.97, (1,))],
        Patient(),
    ),
    "a bright echo of which nobody knows the substance": (
        [
            seen("strong_echo", source="us"),
            seen("intrahepatic_calcification", 0.6, source="us"),
            seen("focus_count", value=Measurement(1, "1")),
            seen("largest_calcium", value=Measurement(14, "mm")),
            seen("acoustic_shadow", 0.8, value="none"),
        ],
        [],
        Patient(age_years=41),
    ),
}


def what_was_said(
    findings: list[Finding], patterns: list[Pattern], patient: Patient
) -> tuple[dict[str, dict[str, float]], list[list[str]], str]:
    """Return the support of every value by feature, the groups of units, and the setting."""
    question = ask(findings, patterns, patient)
    said = {}
    for unit in question.units.values():
        for feature, likelihood in say(question.model, unit).items():
            values = question.model.knowledge.features[feature].values
            said[feature] = dict(zip(values, likelihood.tolist(), strict=True))
    names = sorted(set(question.groups.values()))
    groups = [[r for r in question.groups if question.groups[r] == name] for name in names]
    return said, groups, question.setting


@pytest.mark.parametrize("name", [n for n in READINGS if n != "three groups"])
def test_the_posterior_is_that_of_every_hypothesis_in_turn(name: str) -> None:
    reading = READINGS[name]
    expected = oracle.posterior(*what_was_said(*reading), echo="echo" in name)
    belief = hypothesise(*reading)
    assert len(expected) == len(belief.diagnoses)
    for diagnosis, probability in zip(belief.diagnoses, belief.posterior, strict=True):
        assert probability == pytest.approx(expected[diagnosis], abs=1e-9, rel=1e-9)


def test_the_differential_holds_the_same_posterior() -> None:
    reading = READINGS["a stone in a duct and a cyst's wall"]
    belief = hypothesise(*reading)
    told = {d.diagnosis: d.probability for d in diagnose(*reading).diagnoses}
    assert np.allclose([told[i] for i in belief.diagnoses], belief.posterior, rtol=0, atol=1e-12)


def test_three_groups_have_two_causes_at_most_and_one_of_them_leads() -> None:
    findings, patterns, patient = READINGS["three groups"]
    said, groups, setting = what_was_said(findings, patterns, patient)
    assert len(groups) == 3
    unknown = oracle.posterior(said, groups, setting)
    belief = hypothesise(findings, patterns, patient)
    told = dict(zip(belief.diagnoses, belief.posterior.tolist(), strict=True))
    metastases = {e.id for e in load_knowledge().entries if e.family == "metastasis"}
    for diagnosis in set(told) - metastases:  # the known primary moves these, and no others' odds
        ratio = told[diagnosis] / told["hepatolithiasis"]
        assert ratio == pytest.approx(unknown[diagnosis] / unknown["hepatolithiasis"], rel=1e-9)


READ = sorted({r.id for f in load_knowledge().features.values() for r in f.findings})


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[Finding], list[Pattern], Patient]:
    made = []
    for name in draw(st.lists(st.sampled_from(READ), min_size=1, max_size=7, unique=True)):
        term = load_vocabulary()[name]
        present = term.type != "boolean" or draw(st.booleans())
        value: Any = None
        if term.type == "choice":
            value = draw(st.sampled_from([c.id for c in term.choices]))
        elif term.type == "quantity":
            value = Measurement(draw(st.floats(0, 60)), term.unit or "1")
        chance = draw(st.floats(0.6, 1.0) if present else st.floats(0.0, 0.4))
        foci = draw(st.sampled_from([(), (1,), (2,)]))
        made.append(seen(name, chance, *foci, value=value, source="person"))
    patient = Patient(
        age_years=draw(st.sampled_from([None, 30.0, 70.0])),
        sex=draw(st.sampled_from([None, "male", "female"])),
        setting=draw(st.sampled_from([None, "oncology"])),
    )
    return made, [], patient


@settings(max_examples=8, deadline=None)
@given(readings())
def test_any_posterior_is_that_of_every_hypothesis_in_turn(
    reading: tuple[list[Finding], list[Pattern], Patient],
) -> None:
    expected = oracle.posterior(*what_was_said(*reading))
    belief = hypothesise(*reading)
    for diagnosis, probability in zip(belief.diagnoses, belief.posterior, strict=True):
        assert probability == pytest.approx(expected[diagnosis], abs=1e-9, rel=1e-7)


# --- a library of Bayesian networks


@functools.cache
def network(features: tuple[str, ...]) -> Any:
    """Return pgmpy's inference over the hypotheses of one process and these features."""
    models = pytest.importorskip("pgmpy.models")
    factors = pytest.importorskip("pgmpy.factors.discrete")
    inference = pytest.importorskip("pgmpy.inference")
    known = load_knowledge()
    nodes = {*features, *(g for f in features if (g := known.features[f].given))}
    edges = [("cause", n) for n in nodes]
    edges += [(g, n) for n in nodes if (g := known.features[n].given)]
    net = models.DiscreteBayesianNetwork(edges)
    total = sum(e.prior[known.default_setting].value for e in known.entries)
    prior = []
    for atom in oracle.ATOMS:
        beside = sum(
            oracle.TOGETHER.share_beside(atom[0], e, known.default_setting)[0] for e in known.entries
        )
        share = atom[1].share.value / sum(v.share.value for v in atom[0].variant) if atom[1] else 1.0
        prior.append(atom[0].prior[known.default_setting].value / total * share * (1 - beside))
    prior = [p / sum(prior) for p in prior]
    cards = {n: len(known.features[n].values) for n in nodes}
    net.add_cpds(factors.TabularCPD("cause", len(prior), [[p] for p in prior]))
    for node in nodes:
        values, given = known.features[node].values, known.features[node].given
        parents = known.features[given].values if given else ("any",)
        columns = [
            [oracle.spread(atom, node, parent)[v] for atom in oracle.ATOMS for parent in parents]
            for v in values
        ]
        evidence = ["cause", given] if given else ["cause"]
        sizes = [len(prior), cards[given]] if given else [len(prior)]
        net.add_cpds(factors.TabularCPD(node, cards[node], columns, evidence, sizes))
    return inference.VariableElimination(net), factors.TabularCPD


@pytest.mark.filterwarnings("ignore")  # the library's own
@pytest.mark.parametrize(
    "name", ["what either may show", "a feature and what follows from it", "number, side and size"]
)
def test_the_posterior_of_one_process_is_that_of_a_bayesian_network_library(name: str) -> None:
    findings, patterns, patient = READINGS[name]
    patient = Patient(age_years=patient.age_years, sex=patient.sex)
    said, _, _ = what_was_said(findings, patterns, patient)
    engine, make = network(tuple(sorted(said)))
    virtual = [make(f, len(s), [[v / max(s.values())] for v in s.values()]) for f, s in said.items()]
    found = engine.query(["cause"], virtual_evidence=virtual, show_progress=False).values
    belief = hypothesise(findings, patterns, patient)
    alone = belief.log_joint[: len(oracle.ATOMS)]
    ours = np.exp(alone - alone.max())
    assert np.allclose(ours / ours.sum(), found, rtol=0, atol=1e-9)
