"""Calcium stays as bright from phase to phase; contrast in a vessel fades."""

from __future__ import annotations

import pytest

from hepalith.calcification.mimic.change import Change, judge_change
from hepalith.calcification.mimic.vote import Vote


def weight_of(votes: list[Vote], label: str) -> float:
    return sum(v.weight for v in votes if v.label == label)


def test_what_is_as_bright_without_contrast_is_no_iodine() -> None:
    votes = judge_change([Change("none", 180.0, 190.0, 30.0)], "portal")
    assert weight_of(votes, "iodine_in_vessel") < -3
    assert weight_of(votes, "calcification") > 1


def test_what_is_gone_without_contrast_is_iodine() -> None:
    votes = judge_change([Change("none", 180.0, 5.0, 30.0)], "portal")
    assert weight_of(votes, "iodine_in_vessel") > 3
    assert weight_of(votes, "calcification") == 0


def test_what_fades_between_two_enhanced_phases_is_more_likely_iodine() -> None:
    fades = weight_of(judge_change([Change("portal", 230.0, 50.0, 45.0)], "arterial"), "iodine_in_vessel")
    stays = weight_of(judge_change([Change("portal", 230.0, 225.0, 45.0)], "arterial"), "iodine_in_vessel")
    assert fades > 1
    assert stays < -1


def test_two_enhanced_phases_weigh_less_than_one_without_contrast() -> None:
    enhanced = weight_of(judge_change([Change("portal", 230.0, 230.0, 20.0)], "arterial"), "iodine_in_vessel")
    plain = weight_of(judge_change([Change("none", 230.0, 230.0, 20.0)], "arterial"), "iodine_in_vessel")
    assert plain < enhanced < 0


@pytest.mark.parametrize(("there", "here"), [("portal", "none"), ("unknown", "portal"), ("portal", "portal")])
def test_what_cannot_tell_says_nothing(there: str, here: str) -> None:
    assert judge_change([Change(there, 200.0, 20.0, 30.0)], here) == []
