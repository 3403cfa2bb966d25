"""A bright echo on ultrasound that nobody called calcium: its shadow and its size say what it may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hepalith.differential import diagnose
from hepalith.differential.belief import hypothesise
from hepalith.differential.draw import draw_posterior
from hepalith.finding.finding import Finding, Subject
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State

CANCERS_THAT_SHINE = {
    "colorectal": "metastasis_crc",
    "neuroendocrine": "metastasis_net",
    "breast": "metastasis_breast",
    "stomach": "metastasis_gastric",
    "melanoma": "metastasis_other",
}


def echo(size_mm: float, shadow: str, **more: Any) -> Patient:
    findings = {
        "strong_echo": True,
        "focus_count": Measurement(1, "1"),
        "largest_calcium": Measurement(size_mm, "mm"),
        "acoustic_shadow": shadow,
    }
    return Patient(age_years=44, findings={**findings, **more.pop("findings", {})}, **more)


def chances(patient: Patient, findings: tuple[Finding, ...] = ()) -> dict[str, float]:
    belief = hypothesise(findings, (), patient)
    return dict(zip(belief.diagnoses, belief.posterior.tolist(), strict=True))


@pytest.mark.parametrize("size_mm", [10, 18, 28])
def test_a_large_bright_echo_without_a_shadow_is_a_haemangioma_first(size_mm: float) -> None:
    told = chances(echo(size_mm, "none"))
    assert max(told, key=lambda d: told[d]) == "haemangioma"
    assert told["haemangioma"] > 5 * told["simple_healed"]


def test_a_small_one_without_a_shadow_is_simple_first_and_a_haemangioma_second() -> None:
    told = chances(echo(4, "none"))
    assert sorted(told, key=lambda d: -told[d])[:2] == ["simple_healed", "haemangioma"]
    assert told["haemangioma"] > 0.2


@pytest.mark.parametrize("size_mm", [4, 10, 18])
def test_one_that_shadows_is_simple_first(size_mm: float) -> None:
    told = chances(echo(size_mm, "clean"))
    assert max(told, key=lambda d: told[d]) == "simple_healed"


def test_calcium_that_somebody_names_is_calcium() -> None:
    without = echo(4, "none")
    named = replace(without, findings={**without.findings, "intrahepatic_calcification": True})
    unsaid = {k: v for k, v in named.findings.items() if k != "strong_echo"}
    assert chances(named) == pytest.approx(chances(replace(named, findings=unsaid)), abs=1e-12)
    assert chances(named)["haemangioma"] < 0.1 < chances(without)["haemangioma"]


def test_ultrasound_alone_does_not_settle_that_it_is_calcium_and_ct_does() -> None:
    said = Finding("intrahepatic_calcification", Subject("liver"), State.PRESENT, 0.9, None, "us")
    on_ultrasound = chances(echo(4, "none"), (said,))
    assert on_ultrasound["haemangioma"] == pytest.approx(chances(echo(4, "none"))["haemangioma"], abs=1e-12)
    assert chances(echo(4, "none"), (replace(said, source="ct"),))["haemangioma"] < 0.1


@pytest.mark.parametrize(("primary", "deposit"), CANCERS_THAT_SHINE.items())
def test_in_somebody_with_cancer_a_bright_deposit_stays_among_the_first_three(
    primary: str, deposit: str
) -> None:
    told = chances(echo(15, "none", history={"known_primary": primary}))
    assert deposit in sorted(told, key=lambda d: -told[d])[:3]


def test_in_cirrhosis_liver_cancer_stays_among_the_first_three() -> None:
    told = chances(echo(15, "none", history={"cirrhosis": True, "hepatitis_b": True}))
    assert "hcc" in sorted(told, key=lambda d: -told[d])[:3]


def test_weights_and_draws_are_of_the_same_posterior() -> None:
    patient = echo(14, "none")
    made = diagnose((), (), patient)
    for d in made.diagnoses:
        weights = sum(e.weight for e in (*d.supporting, *d.opposing))
        odds = np.log10(d.probability / (1.0 - d.probability)) if 0 < d.probability < 1 else 0.0
        assert d.prior + weights == pytest.approx(odds, abs=1e-9)
    belief = hypothesise((), (), patient)
    middle = np.median(draw_posterior(belief), axis=1)
    first = belief.diagnoses.index("haemangioma")
    assert middle[first] == pytest.approx(belief.posterior[first], abs=0.1)


@pytest.mark.parametrize("lesion", [{"bulls_eye": True}, {"host_echogenicity": "hypoechoic"}])
def test_a_bright_middle_of_a_darker_lesion_is_no_bright_lesion_by_itself(lesion: dict[str, Any]) -> None:
    within = {"host_kind": "solid", "host_diameter": Measurement(22, "mm")}
    told = chances(echo(6, "none", findings={**within, **lesion}))
    alone = chances(echo(6, "none", findings=within))
    assert told["haemangioma"] < 0.5 * alone["haemangioma"]
    spread = (
        "metastasis_crc",
        "metastasis_other",
        "metastasis_breast",
        "metastasis_net",
        "metastasis_gastric",
    )
    assert sum(told[d] for d in spread) > sum(alone[d] for d in spread)
