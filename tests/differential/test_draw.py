"""The draws: what is left out of them for the sake of time changes nothing that is printed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hepalith.differential import draw, hypothesise, model
from hepalith.differential.diagnose import INTERVAL_PERCENT
from hepalith.differential.draw import draw_posterior, interval
from hepalith.finding.finding import Finding, Pattern, Subject
from hepalith.study.patient import Patient
from hepalith.vocabulary import Measurement, State

LIVER = Subject("liver")


def seen(name: str, *foci: int, chance: float = 0.95, value: str | Measurement | None = None) -> Finding:
    return Finding(name, LIVER, State.PRESENT, chance, value, foci=foci)


READINGS = {
    "nothing": ((), (), Patient()),
    "two places": (
        (
            seen("duct_relation", 3, value="in_lumen"),
            seen("dominant_morphology", 1, value="eggshell"),
            seen("host_kind", 1, chance=0.8, value="fluid"),
            seen("dilated_ducts"),
            seen("focus_count", value=Measurement(5, "1")),
        ),
        (Pattern("along_duct", 0.97, (3, 4, 5)),),
        Patient(age_years=60),
    ),
    "a child": ((seen("host_kind", value="solid"), seen("afp_up")), (), Patient(age_years=2)),
    "a known cancer": (
        (seen("host_kind", value="solid"), seen("spleen_calcium"), seen("multiple_foci")),
        (),
        Patient(history={"known_primary": "colorectal"}),
    ),
}


@pytest.mark.parametrize("name", READINGS)
def test_what_is_not_drawn_changes_nothing_that_is_printed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    belief = hypothesise(*READINGS[name])
    quick = draw_posterior(belief)
    monkeypatch.setattr(draw, "LEAST_DRAWN", 0.0)
    monkeypatch.setattr(draw, "LEFT_OUT", 1e-6)
    monkeypatch.setattr(draw, "MOST_PAIRS", 150)
    whole = draw_posterior(belief)
    for one, two in zip(
        interval(quick, belief.posterior, INTERVAL_PERCENT),
        interval(whole, belief.posterior, INTERVAL_PERCENT),
        strict=True,
    ):
        assert np.abs(one - two).max() < 0.03
    firsts = [np.bincount(d.argmax(axis=0), minlength=len(d)) / d.shape[1] for d in (quick, whole)]
    assert np.abs(firsts[0] - firsts[1]).max() < 0.03


@pytest.mark.parametrize("name", READINGS)
def test_every_draw_is_a_posterior_and_the_point_lies_among_them(name: str) -> None:
    belief = hypothesise(*READINGS[name])
    drawn = draw_posterior(belief)
    assert drawn.dtype == np.float32
    assert np.isfinite(drawn).all()
    assert drawn.min() >= 0
    assert np.allclose(drawn.sum(axis=0), 1.0, atol=1e-5)
    leading = int(belief.posterior.argmax())
    assert 0.2 < (drawn[leading] < belief.posterior[leading]).mean() < 0.95


def test_the_same_draws_come_whenever_they_are_made() -> None:
    belief = hypothesise(*READINGS["two places"])
    first = draw_posterior(belief)
    belief.question.model.weighed.clear()
    belief.question.model.draws_made.clear()
    assert np.array_equal(first, draw_posterior(belief))


def test_evidence_that_hardly_anything_explains_stays_within_single_precision() -> None:
    odd = [
        seen(name)
        for name in (
            "worm_seen", "catecholamines_up", "paraprotein", "daughter_cysts", "foreign_body_seen", "men2",
            "umbilical_catheter", "gas_in_lesion", "mobile_focus", "skin_haemangioma", "kidney_cysts",
            "chronic_granulomatous_disease", "calcitonin_up", "amyloid_cause", "dense_parenchyma",
        )
    ]  # fmt: skip
    drawn = draw_posterior(hypothesise(odd, (), Patient()))
    assert np.isfinite(drawn).all()
    assert np.allclose(drawn.sum(axis=0), 1.0, atol=1e-5)


def test_readings_at_the_same_time_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MOST_WEIGHED", 3)
    alone = {name: draw_posterior(hypothesise(*reading)) for name, reading in READINGS.items()}
    with ThreadPoolExecutor(4) as pool:
        names = list(READINGS) * 4
        together = pool.map(lambda name: draw_posterior(hypothesise(*READINGS[name])), names)
        for name, drawn in zip(names, together, strict=True):
            assert np.array_equal(drawn, alone[name])
