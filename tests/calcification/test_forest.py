"""A forest says what it owes each measure."""

import numpy as np
import pytest

from hepalith.calcification.forest import Forest

ONE_TREE = Forest(
    ("width", "height"),
    ("no", "yes"),
    np.array([0, -1, 1, -1, -1], np.int16),
    np.array([1.0, 0, 5.0, 0, 0], np.float32),
    np.array([1, 1, 3, 3, 4], np.int32),
    np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75], [0.5, 0.5], [0.0, 1.0]], np.float32),
    np.array([0], np.int32),
)


def test_reasons_and_the_root_make_the_answer() -> None:
    wide_and_high = np.array([2.0, 9.0])
    owed = ONE_TREE.reasons(wide_and_high, 1)
    assert owed == pytest.approx([0.25, 0.25])
    assert 0.5 + owed.sum() == pytest.approx(ONE_TREE.ask(wide_and_high)[1])


def test_a_measure_that_is_not_asked_for_is_owed_nothing() -> None:
    assert ONE_TREE.reasons(np.array([0.5, 9.0]), 1) == pytest.approx([-0.5, 0.0])
