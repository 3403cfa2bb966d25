"""Pieces of one bright body: two strokes behind one another make an equal sign, pieces in a row do not."""

from __future__ import annotations

import numpy as np

from hepalith.calcification.ultrasound.body import Bright, join_bodies, pair_up
from hepalith.calcification.ultrasound.scale import Cell

CELL = Cell(6.0, 4.0)


def stroke(sample: int, line: int) -> Bright:
    return Bright((sample, line), np.ones((5, 20), np.bool_), 0.0, 8.0, 1, 6.0)


def test_two_strokes_behind_one_another_are_an_equal_sign() -> None:
    (body,) = pair_up([stroke(100, 50), stroke(112, 51)], CELL)
    assert (body.strokes, body.parts) == (2, 2)


def test_the_pieces_of_a_line_are_no_equal_sign() -> None:
    pieces = pair_up([stroke(100, 50), stroke(101, 72)], CELL)
    assert len(pieces) == 2
    line = join_bodies(*pieces)
    assert (line.strokes, line.parts) == (1, 2)


def test_an_equal_sign_with_a_splinter_is_one_still() -> None:
    (pair,) = pair_up([stroke(100, 50), stroke(112, 51)], CELL)
    body = join_bodies(pair, stroke(101, 72))
    assert (body.strokes, body.parts) == (2, 3)
