"""One liver may hold two processes: which leads, what belongs to which, and what a named clip says."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from hepalith.differential import Differential, diagnose, hypothesise, load_knowledge
from hepalith.differential.hypotheses import load_hypotheses
from hepalith.differential.together import load_together
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State

LIVER = Subject("liver")
ENTRIES = {e.id: e for e in load_knowledge().entries}


def seen(name: str, *foci: int, chance: float = 0.95, value: str | Measurement | None = None) -> Finding:
    return Finding(name, LIVER, State.PRESENT, chance, value, foci=foci)


STONES = [
    seen("duct_relation", 3, value="in_lumen"),
    seen("bile_around_focus", 3),
    seen("beaded_chain"),
    seen("dilated_ducts"),
]
CYST = [
    seen("dominant_morphology", 1, value="eggshell"),
    seen("host_kind", 1, chance=0.8, value="fluid"),
    seen("host_position", 1, value="peripheral"),
]
PLACES = (Pattern("along_duct", 0.97, (3, 4, 5)), Pattern("scattered", 0.8, (1, 8)))


def at_work(found: Differential) -> dict[str, float]:
    return {p.diagnosis: p.probability for p in found.processes}


def test_stones_in_a_duct_lead_and_a_cysts_wall_is_a_process_of_its_own() -> None:
    found = diagnose([*STONES, *CYST], PLACES, Patient())
    assert found.diagnoses[0].diagnosis == "hepatolithiasis"
    assert at_work(found)["simple_cyst"] > 0.25
    named = {p.diagnosis: p.foci for p in found.processes}
    assert named["hepatolithiasis"] == (3, 4, 5)
    assert named["simple_cyst"] == (1,)


def test_each_of_two_places_by_itself_has_one_process() -> None:
    stones = diagnose(STONES, PLACES, Patient())
    cyst = diagnose(CYST, (), Patient())
    assert at_work(stones).get("simple_cyst", 0.0) < 0.05
    assert at_work(cyst).get("hepatolithiasis", 0.0) < 0.05


def test_one_focus_has_one_cause() -> None:
    """What is said of one and the same focus is not shared out between two processes."""
    one = [seen(f.id, 1, value=f.value, chance=f.probability or 0.95) for f in (*STONES[:2], *CYST)]
    assert of_two_processes(one, (Pattern("solitary", 0.99, (1,)),)) < 0.05
    assert of_two_processes([*STONES[:2], *CYST], PLACES) > 0.25


def of_two_processes(found: list[Finding], patterns: tuple[Pattern, ...]) -> float:
    belief = hypothesise(found, patterns, Patient())
    joint = np.exp(belief.log_joint - belief.log_joint.max())
    return float(joint[belief.hypotheses.count_alone :].sum() / joint.sum())


def test_what_a_healed_focus_explains_is_not_held_against_a_tumour_elsewhere() -> None:
    tumour = [
        seen("host_kind", 2, value="solid"),
        seen("enhancement", 2, value="rim"),
        seen("multiple_foci", chance=0.99),
    ]
    spleen = [seen("spleen_calcium"), seen("lung_granuloma")]
    patient = Patient(history={"known_primary": "colorectal"})
    found = diagnose([*tumour, *spleen], (), patient)
    assert found.diagnoses[0].diagnosis == "metastasis_crc"
    assert at_work(found)["simple_healed"] > 2 * at_work(diagnose(tumour, (), patient))["simple_healed"]


def test_stones_keep_the_cancer_that_comes_with_them_in_view() -> None:
    patient = Patient(symptoms={"jaundice": True, "weight_loss": True}, findings={"vein_occlusion": True})
    found = diagnose([*STONES, seen("duct_stricture"), seen("lobar_atrophy")], PLACES, patient)
    beside = at_work(found)
    cancer = sum(d.probability for d in found.diagnoses if d.diagnosis in ("icc", "perihilar_cca"))
    assert cancer > 0.1
    assert beside["hepatolithiasis"] > next(
        d.probability for d in found.diagnoses if d.diagnosis == "hepatolithiasis"
    )


def test_a_clip_that_is_named_says_nothing_of_the_calcium() -> None:
    clip = seen("metal_density", chance=0.86)
    assert diagnose([*STONES, clip], PLACES, Patient()) == diagnose(STONES, PLACES, Patient())
    stated = Patient(findings={"metal_density": True})
    assert diagnose((), (), stated) != diagnose((), (), Patient()), "what a person states is meant"


def test_processes_are_the_sums_over_the_hypotheses_that_hold_them() -> None:
    found = diagnose([*STONES, *CYST], PLACES, Patient())
    leading = {d.diagnosis: d.probability for d in found.diagnoses}
    for process in found.processes:
        assert leading[process.diagnosis] - 1e-12 <= process.probability <= 1.0
    assert sum(at_work(found).values()) > 1.0


def test_combinations_exclude_each_other_and_add_up_to_what_leads() -> None:
    found = diagnose([*STONES, *CYST], PLACES, Patient())
    assert ("hepatolithiasis", "simple_cyst") in {(c.leading, c.beside) for c in found.combinations[:2]}
    assert sum(c.probability for c in found.combinations) <= 1.0
    of_stones = sum(c.probability for c in found.combinations if c.leading == "hepatolithiasis")
    assert 0.6 * found.diagnoses[0].probability < of_stones <= found.diagnoses[0].probability + 1e-9
    alone = diagnose(STONES, PLACES, Patient()).combinations
    assert [(c.leading, c.beside) for c in alone] == [("hepatolithiasis", None)]


# --- the prior of two


@pytest.mark.parametrize("setting", sorted(load_knowledge().settings))
def test_hypotheses_are_exclusive_and_leave_the_priors_as_they_are(setting: str) -> None:
    hypotheses = load_hypotheses(setting)
    model = hypotheses.model
    prior = model.priors(setting)
    shares = hypotheses.log_prior(prior)
    summed = hypotheses.gather(pow(math.e, shares))
    assert summed == pytest.approx(prior, rel=1e-12)


def test_the_graver_of_two_leads() -> None:
    together, setting = load_together(), load_knowledge().default_setting
    assert together.share_beside(ENTRIES["hcc"], ENTRIES["simple_healed"], setting)[0] > 0
    assert together.share_beside(ENTRIES["simple_healed"], ENTRIES["hcc"], setting)[0] == 0
    assert together.share_beside(ENTRIES["hcc"], ENTRIES["hcc"], setting)[0] == 0
    for one, two in product(ENTRIES.values(), repeat=2):
        if together.rank(one) > together.rank(two) and one.malignant:
            assert together.share_beside(two, one, setting)[0] == 0


def test_none_of_these_stands_beside_nothing() -> None:
    together, setting = load_together(), load_knowledge().default_setting
    shares = [together.share_beside(e, ENTRIES["none_of_these"], setting)[0] for e in ENTRIES.values()]
    assert shares == [0.0] * len(ENTRIES)


def test_the_share_of_stones_that_have_a_cancer_is_the_measured_one() -> None:
    together = load_together()
    for setting in load_knowledge().settings:
        stones = ENTRIES["hepatolithiasis"].prior[setting].value
        both = sum(
            ENTRIES[name].prior[setting].value
            * together.share_beside(ENTRIES[name], ENTRIES["hepatolithiasis"], setting)[0]
            for name in ("icc", "perihilar_cca")
        )
        assert both / stones <= 0.0476
    assert both / stones > 0
