from __future__ import annotations

import math

import pytest

from hepalith.evaluation import wilson


def test_wilson_agrees_with_newcombe_1998() -> None:
    # R. G. Newcombe, Statistics in Medicine 17:857-872, 1998, table I, method 3:
    # 81/263 and 0/20
    some = wilson(81, 263)
    assert (some.low, some.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    none = wilson(0, 20)
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_nothing_counted_says_so_and_claims_nothing() -> None:
    empty = wilson(0, 0)
    assert math.isnan(empty.value)
    assert (empty.low, empty.high) == (0.0, 1.0)
    assert str(empty) == "none"


def test_more_than_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(3, 2)
