"""Forms of bright bodies: what is told of strokes, rims and strands drawn on beams."""

from __future__ import annotations

import numpy as np
import pytest
from tests.calcification.ultrasound.made_sonogram import Made

from hepalith.calcification.ultrasound.find import see_bodies
from hepalith.calcification.ultrasound.form import FORMS, see_form
from hepalith.calcification.ultrasound.form_measures import FORM_MEASURES, measure_form
from hepalith.calcification.ultrasound.scale import find_scales


def seen(made: Made) -> tuple[dict[str, float], dict[str, float]]:
    """Return the measures and the probabilities of the form of the body nearest to (200, 110)."""
    levels, picture, sonogram = made.look()
    scales = find_scales(levels, picture, sonogram)
    bodies = [sight for sight in see_bodies(levels, picture, sonogram, scales) if sight.body.contrast > 3]
    sight = min(bodies, key=lambda s: abs(s.body.centre[0] - 200) + abs(s.body.centre[1] - 110))
    asked = measure_form(sight.body, sight.caliper, scales, picture.grid)
    told = see_form(sight.body, sight.caliper, scales, picture.grid)
    return dict(zip(FORM_MEASURES, asked.tolist(), strict=True)), dict(told)


def ring(tall: float, thick: float) -> Made:
    """Return a bright ring about (200, 110)."""
    made = Made(1).put(200, 110, tall, tall, 26)
    s, n = np.mgrid[: made.shape[0], : made.shape[1]]
    made.gain_db[np.hypot(s - 200, n - 110) < tall / 2 - thick] = 0.0
    return made


def test_probabilities_are_of_every_form_and_sum_to_one() -> None:
    _, told = seen(Made(1).put(200, 110, 8, 9, 26))
    assert tuple(told) == FORMS
    assert sum(told.values()) == pytest.approx(1.0)
    assert min(told.values()) > 0


def test_a_dot_is_a_pin_and_a_strand_is_none() -> None:
    assert max(told := seen(Made(1).put(200, 110, 4, 4, 30))[1], key=lambda f: told[f]) == "pin"
    _, told = seen(Made(1).put(200, 110, 4, 26, 26))
    assert told["linear"] + told["band"] + told["beaded"] > 0.6


def test_a_ring_encloses_a_dark_middle() -> None:
    hollow, told = seen(ring(40, 7))
    solid, other = seen(Made(1).put(200, 110, 40, 40, 26))
    assert hollow["middle"] < solid["middle"] - 0.3
    assert told["rim"] + told["eggshell"] > 3 * (other["rim"] + other["eggshell"])


def test_strokes_behind_one_another_dip_along_the_beam() -> None:
    pair, told = seen(Made(1).put(194, 110, 5, 18, 28).put(206, 110, 5, 18, 28))
    single, _ = seen(Made(1).put(200, 110, 14, 18, 28))
    assert pair["down_dip"] > single["down_dip"] + 0.1
    assert max(told, key=lambda f: told[f]) == "equal_sign"


def test_a_body_far_longer_to_one_side_of_its_middle_is_measured() -> None:
    made = Made(1)
    s, n = np.mgrid[: made.shape[0], : made.shape[1]]
    made.gain_db[(np.abs(s - 200) < 3) & (n > 100) & (n < 160)] = 26.0
    made.gain_db[(np.abs(s - 200) < 16) & (n > 90) & (n < 112)] = 26.0
    measures, told = seen(made)
    assert all(np.isfinite(list(measures.values())))
    assert sum(told.values()) == pytest.approx(1.0)
