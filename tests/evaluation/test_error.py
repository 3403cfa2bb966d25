from __future__ import annotations

import math

import pytest

from hepalith.evaluation import cover, relative_error
from hepalith.vocabulary import Measurement


def test_bias_and_spread_by_hand() -> None:
    error = relative_error([110, 120, 130], [100, 100, 100])
    assert error.count == 3
    assert error.bias == pytest.approx(0.2)
    assert error.spread == pytest.approx(0.1)
    assert error.median == pytest.approx(0.2)


def test_the_median_is_not_swayed_by_one_wild_focus() -> None:
    assert relative_error([101, 99, 1000], [100, 100, 100]).median_size == pytest.approx(0.01)


def test_no_foci_give_no_error_and_one_focus_no_spread() -> None:
    assert math.isnan(relative_error([], []).bias)
    assert math.isnan(relative_error([1.0], [2.0]).spread)


def test_a_true_value_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        relative_error([1.0], [0.0])


def test_intervals_are_counted_when_they_hold_the_truth_and_left_out_when_there_are_none() -> None:
    measured = [Measurement(5, "mm", 4, 6), Measurement(5, "mm", 4.9, 5.1), Measurement(5, "mm")]
    held = cover(measured, [4.0, 4.0, 5.0])
    assert (held.count, held.total) == (1, 2)
