"""Shadows behind bright bodies of known loss, and whether one could be expected."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.calcification.ultrasound.made_sonogram import GREY_PER_DB, LEVEL, Made

from hepalith.calcification.ultrasound.find import see_bodies
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.calcification.ultrasound.shadow import grade_shadow
from hepalith.calcification.ultrasound.shadow_cut import MEASURES
from hepalith.calcification.ultrasound.shadow_expected import expect_shadow
from hepalith.calcification.ultrasound.shadow_trail import Trail
from hepalith.calcification.ultrasound.sight import Sight
from hepalith.study.sonography import Sonography
from hepalith.vocabulary import Measurement, NotAssessable

SEEDS = range(3)


def body_at(made: Made, sample: int, line: int) -> Sight:
    """Return what is seen of the body nearest to a place."""
    levels, picture, sonogram = made.look()
    sights = see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram))
    return min(sights, key=lambda s: math.dist(s.body.centre, (sample, line)))


def trail_of(made: Made, sample: int = 200, line: int = 110) -> Trail:
    trail = body_at(made, sample, line).trail
    assert isinstance(trail, Trail), trail
    return trail


@pytest.mark.parametrize("loss_db", [0.0, 5.0, 10.0, 18.0])
def test_missing_share_is_what_the_loss_leaves_on_the_screen(loss_db: float) -> None:
    expected = min(loss_db * GREY_PER_DB / LEVEL, 0.9)
    seen = [trail_of(Made(s).put(200, 110, 16, 20).shade(206, 110, 20, loss_db)).index for s in SEEDS]
    assert np.mean(seen) == pytest.approx(expected, abs=0.12)


def test_deeper_loss_is_never_a_smaller_index() -> None:
    mean = [
        np.mean([trail_of(Made(s).put(200, 110, 16, 20).shade(206, 110, 20, db)).index for s in SEEDS])
        for db in (0.0, 4.0, 9.0, 16.0)
    ]
    assert all(a < b for a, b in pairwise(mean))


@pytest.mark.parametrize(("loss_db", "grade"), [(0.0, "none"), (5.0, "faint"), (20.0, "clean")])
def test_grade_of_a_plain_shadow(loss_db: float, grade: str) -> None:
    grades = [
        body_at(Made(s).put(200, 110, 16, 20).shade(206, 110, 20, loss_db), 200, 110).shadow.grade
        for s in SEEDS
    ]
    assert grades.count(grade) >= 2, grades


def test_at_the_same_share_the_deeper_loss_is_the_clean_shadow() -> None:
    seen = trail_of(Made(0).put(200, 110, 16, 20).shade(206, 110, 20, 7.0))
    level = np.array([name in {"loss", "above"} or name[:3] in {"row", "col"} for name in MEASURES])
    clean = []
    for db in (4.0, 8.0, 14.0):
        brighter = np.where(level, seen.cut * db / 7.0, seen.cut)
        trail = replace(seen, index=0.4, near=0.4, drop_db=db, cut=brighter)
        clean.append(grade_shadow(trail, None).probabilities["clean"])
    assert clean[0] < 0.3
    assert clean[2] > 0.6
    assert clean == sorted(clean)


def test_loss_in_front_of_a_body_is_not_its_shadow() -> None:
    made = Made(3).put(200, 110, 16, 20).shade(60, 110, 24, 7.0)
    assert trail_of(made).index == pytest.approx(0.0, abs=0.15)


def test_black_neighbours_leave_the_shadow_unjudged() -> None:
    made = Made(1).put(200, 110, 16, 20)
    made.loss_db[214:] = 40.0
    sight = body_at(made, 200, 110)
    assert sight.shadow.grade == "not_assessable"
    assert isinstance(sight.shadow.index, NotAssessable)
    assert sight.shadow.reason


def test_body_at_the_end_of_the_picture_has_no_judged_shadow() -> None:
    sight = body_at(Made(1).put(388, 110, 12, 20), 388, 110)
    assert sight.shadow.grade == "not_assessable"


def test_probabilities_of_grades_add_up_and_the_index_holds_its_interval() -> None:
    shadow = body_at(Made(0).put(200, 110, 16, 20).shade(206, 110, 20, 9.0), 200, 110).shadow
    assert sum(shadow.probabilities.values()) == pytest.approx(1.0)
    assert isinstance(shadow.index, Measurement)
    assert shadow.index.low is not None
    assert shadow.index.low < shadow.index.value
    assert "missing" in shadow.reason


def test_a_trail_that_could_not_be_measured_says_why() -> None:
    shadow = grade_shadow("the picture ends behind it", None)
    assert shadow.grade == "not_assessable"
    assert shadow.reason == "the picture ends behind it"


def test_no_shadow_is_expected_below_three_millimetres_and_one_is_above_eight() -> None:
    usual = Sonography(frequency_mhz=3.5)
    small, large = expect_shadow(1.5, 80.0, usual), expect_shadow(9.0, 80.0, usual)
    assert small is not None
    assert small < 0.1
    assert large is not None
    assert large > 0.9


def test_higher_frequency_expects_more_and_beyond_focus_or_compounded_less() -> None:
    def expected(**settings: object) -> float:
        found = expect_shadow(
            4.0, 100.0, Sonography(**{"frequency_mhz": 3.5, "compounding": False, **settings})
        )  # type: ignore[arg-type]
        assert found is not None
        return found

    usual = expected()
    assert expected(frequency_mhz=6.0) > usual > expected(frequency_mhz=2.4)
    assert expected(focus_mm=(50.0,)) < usual
    assert expected(focus_mm=(100.0,)) == usual
    assert expected(compounding=True) < expected(compounding=None) < usual < expected(harmonics=True)


@pytest.mark.parametrize("settings", [Sonography(), Sonography(frequency_mhz=0.0)])
def test_nothing_is_expected_where_frequency_or_size_is_unknown(settings: Sonography) -> None:
    assert expect_shadow(5.0, 50.0, settings) is None
    assert expect_shadow(None, 50.0, Sonography(frequency_mhz=3.5)) is None
