"""A piece of a vessel goes on before and behind; a focus ends all about, also beside a vessel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from tests.calcification.mimic.test_judge import CALCIUM, COMPACT

from hepalith.calcification.mimic.judge import judge
from hepalith.calcification.mimic.leading import Leading, leading_of

SPACING = (2.5, 0.8, 0.8)
LIVER = 100.0
SHAPE = (17, 51, 51)
MIDDLE = (8.0, 25.0, 25.0)


def scan(excess: NDArray[np.float64], noise_hu: float = 12.0) -> NDArray[np.int16]:
    """Return a liver with something bright in it, blurred and noisy."""
    blurred = ndimage.gaussian_filter(excess, (0.4, 0.9, 0.9))
    noise = np.random.default_rng(5).normal(0.0, noise_hu, SHAPE)
    return np.round(LIVER + blurred + noise).astype(np.int16)


def away_mm(centre: tuple[float, float, float] = MIDDLE) -> NDArray[np.float64]:
    """Return the distances along the three axes from a place."""
    return (np.indices(SHAPE).T - np.array(centre)).T * np.array(SPACING)[:, None, None, None]


def ball(diameter_mm: float, centre: tuple[float, float, float] = MIDDLE) -> NDArray[np.bool_]:
    return np.asarray(np.sqrt((away_mm(centre) ** 2).sum(axis=0)) <= diameter_mm / 2)


def tube(axis: int, width_mm: float, beside_mm: float = 0.0) -> NDArray[np.bool_]:
    """Return a tube along an axis through the middle, or beside it."""
    apart = away_mm()
    across = [n for n in range(3) if n != axis]
    return np.asarray(np.hypot(apart[across[0]], apart[across[1]] - beside_mm) <= width_mm / 2)


def leading(bright: NDArray[np.bool_], excess_hu: float = 120.0) -> Leading:
    return leading_of(MIDDLE, 3.0, LIVER, scan(np.where(bright, excess_hu, 0.0)), SPACING)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_vessel_runs_through_whichever_way_it_lies(axis: int) -> None:
    seen = leading(tube(axis, 4.0))
    assert seen.through > 0.4
    assert seen.through <= seen.away


def test_nothing_leads_away_from_a_focus_that_ends_all_about() -> None:
    seen = leading(ball(4.0))
    assert seen.away < 0.3
    assert seen.through < 0.15


@pytest.mark.parametrize("axis", [0, 1])
def test_a_vessel_that_passes_by_does_not_run_through_a_focus(axis: int) -> None:
    bright = np.where(tube(axis, 4.0, beside_mm=7.0), 80.0, 0.0) + np.where(ball(4.0), 200.0, 0.0)
    seen = leading_of(MIDDLE, 3.0, LIVER, scan(bright), SPACING)
    assert seen.through < 0.2


def test_a_vessel_that_ends_leads_away_on_one_side_alone() -> None:
    seen = leading(tube(1, 4.0) & (away_mm()[1] >= -2.0))
    assert seen.away > 0.4
    assert seen.through < 0.2


def test_beyond_the_ends_of_the_scan_nothing_leads() -> None:
    vessel = scan(np.where(tube(0, 4.0), 120.0, 0.0))[7:10]
    assert leading_of((1.0, 25.0, 25.0), 3.0, LIVER, vessel, SPACING).through < 0.2


def test_what_is_darker_than_its_surroundings_leads_nowhere() -> None:
    assert leading(tube(1, 4.0), excess_hu=-80.0) == Leading()


def test_a_round_body_as_bright_as_blood_is_a_vessel_only_where_one_runs_through_it() -> None:
    near_blood = replace(
        CALCIUM, peak_hu=215.0, peak_excess_hu=105.0, core_hu=200.0, blood_hu=190.0, enhanced=1.0,
        goes_on=True, deviations=8.0, shape=COMPACT,
    )  # fmt: skip
    ends = judge(replace(near_blood, leading=Leading(0.08, 0.02)))
    runs = judge(replace(near_blood, leading=Leading(0.7, 0.5)))
    assert ends.label == "calcification"
    assert runs.label == "iodine_in_vessel"
    assert "before and behind" in runs.reason


@pytest.mark.parametrize("through", [0.0, 0.1, 0.2, 0.4, 0.8])
def test_calcium_far_above_blood_stays_calcium_wherever_vessels_run(through: float) -> None:
    dense = replace(
        CALCIUM, peak_hu=620.0, peak_excess_hu=500.0, core_hu=560.0, blood_hu=190.0, enhanced=1.0,
        goes_on=True, leading=Leading(through, through),
    )  # fmt: skip
    assert judge(dense).label == "calcification"
