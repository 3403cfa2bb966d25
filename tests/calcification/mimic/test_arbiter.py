"""The arbiter weighs features and judges' votes, and leaves what it does not know to the judges."""

import dataclasses

import numpy as np
import pytest
from tests.calcification.mimic.bodies import CALCIUM as PLAIN

from hepalith.calcification.mimic.appearance import Shape
from hepalith.calcification.mimic.arbiter import ASKED, VOTED, _arbiter, arbitrate, count_votes
from hepalith.calcification.mimic.change import Change
from hepalith.calcification.mimic.company import ALONE
from hepalith.calcification.mimic.feature import FEATURES, describe_feature, features_of
from hepalith.calcification.mimic.judge import LABELS, judge
from hepalith.calcification.mimic.wire_tube import WireTube

COMPACT = Shape((1.6, 1.5, 1.4), 1.07, 1.07, 0.0, 0, 0.95, 3.0, 0.3)
LONG = Shape((9.0, 1.0, 1.0), 9.0, 1.0, 0.0, 0, 0.9, 12.0, 0.3)
CALCIUM = dataclasses.replace(PLAIN, shape=COMPACT)
STENT = WireTube(np.zeros((1, 3)), 54.0, 4.8, hollow=True, gas=True, metal=False)
IN_STENT = dataclasses.replace(CALCIUM, company=dataclasses.replace(ALONE, tube=STENT), peak_hu=3071.0)


def test_probabilities_cover_every_label_and_sum_to_one() -> None:
    verdict = arbitrate(CALCIUM)
    assert set(verdict.probabilities) == set(LABELS)
    assert sum(verdict.probabilities.values()) == pytest.approx(1.0)
    assert verdict.label == "calcification"


def test_a_tube_of_wire_stays_a_stent() -> None:
    verdict = arbitrate(IN_STENT)
    assert verdict.label == "stent_or_catheter"
    assert "tube of wire" in verdict.reason


def test_history_raises_what_it_leads_one_to_expect() -> None:
    plain, told = arbitrate(CALCIUM), arbitrate(CALCIUM, {"lipiodol": 4.0})
    odds = [v.probabilities["lipiodol"] / v.probabilities["calcification"] for v in (plain, told)]
    assert 2.0 < np.log(odds[1] / odds[0]) <= 4.0 + 1e-6


def test_what_was_never_learned_keeps_the_judges_probability() -> None:
    faint = dataclasses.replace(CALCIUM, peak_hu=119.0, peak_excess_hu=60.0, liver_about=0.56, deviations=6.0)
    said, judged = arbitrate(faint).probabilities["undetermined"], judge(faint).probabilities["undetermined"]
    assert judged > 0.5
    assert said == pytest.approx(judged)


def test_what_fades_in_another_phase_is_iodine_in_full() -> None:
    fading = dataclasses.replace(CALCIUM, read_in="portal", changes=(Change("none", 300.0, 0.0, 20.0),))
    ballot = count_votes(fading)
    assert ballot.phases["iodine_in_vessel"] > 0
    assert ballot.here.get("iodine_in_vessel", 0.0) == pytest.approx(
        count_votes(dataclasses.replace(fading, changes=())).here.get("iodine_in_vessel", 0.0)
    )
    still, gone = arbitrate(dataclasses.replace(fading, changes=())), arbitrate(fading)
    assert gone.probabilities["iodine_in_vessel"] > 2 * still.probabilities["iodine_in_vessel"]


def test_a_body_unlike_all_that_was_learned_from_is_left_to_the_judges() -> None:
    arbiter, ballot = _arbiter(), count_votes(CALCIUM)
    asked = features_of(CALCIUM, ballot.here, VOTED)
    strange = np.where(np.arange(len(asked)) < len(asked) // 2, 1e6, asked)
    assert arbiter.familiarity(strange) == 0.0
    share = arbiter.probabilities(strange, ballot, {})
    by_rules = judge(CALCIUM).probabilities
    assert share == pytest.approx([by_rules[label] for label in LABELS], abs=1e-6)
    assert arbiter.why(strange, "glue") == ""


def test_a_long_bar_of_metal_is_no_glue_though_no_crowd_held_one() -> None:
    bar = dataclasses.replace(
        CALCIUM, peak_hu=3071.0, peak_excess_hu=3010.0, metal_mm=0.0, shape=LONG, thickness=1.5, thick_mm=2.0
    )
    assert judge(bar).label == "stent_or_catheter"
    assert arbitrate(bar).label == "stent_or_catheter"


def test_every_feature_is_a_number_and_has_words() -> None:
    asked = features_of(CALCIUM, {"glue": 2.0}, VOTED)
    assert asked.shape == (len(ASKED),)
    assert np.isfinite(asked).all()
    assert asked[ASKED.index("votes_glue")] == 2.0
    assert all(describe_feature(name, 1.0) for name in FEATURES)


def test_the_shipped_forest_knows_what_is_common() -> None:
    answers = set(_arbiter().forest.answers)
    assert {"calcification", "glue", "iodine_in_duct", "lipiodol", "clip_or_coil"} <= answers
    assert answers <= set(LABELS)


@pytest.mark.parametrize("change", [{"outside_mm3": 900.0}, {"inside_share": 0.3}])
def test_what_is_one_with_a_bone_is_left_to_the_judges(change: dict[str, float]) -> None:
    seen = dataclasses.replace(CALCIUM, bone_mm=0.0, liver_about=0.4, **change)  # type: ignore[arg-type]
    assert arbitrate(seen) == judge(seen)
    apart = dataclasses.replace(seen, bone_mm=12.0)
    assert arbitrate(apart) != judge(apart)
