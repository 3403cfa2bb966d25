"""Atrophy of a lobe, by its share of the liver."""

from __future__ import annotations

import numpy as np
import pytest
from tests.anatomy.made_ducts import made_liver

from hepalith.anatomy.segments import SEGMENTS, Segments
from hepalith.finding.duct.atrophy import find_atrophy
from hepalith.geometry import Box, Grid
from hepalith.vocabulary import State

USUAL = {"I": 3, "II": 8, "III": 9, "IV": 16, "V": 14, "VI": 14, "VII": 18, "VIII": 18}


def divided(shares: dict[str, int], *, assessable: bool = True) -> Segments:
    labels = np.concatenate([np.full(10 * n, SEGMENTS.index(s) + 1) for s, n in shares.items()])
    shape = (1, 1, labels.size)
    return Segments(
        Box((0, 0, 0), shape), labels.reshape(shape).astype(np.uint8), np.zeros((8, 1, 1, 1), np.float32),
        Grid((1, 1, 1), np.eye(4)), assessable=assessable, reason="" if assessable else "too little is seen",
    )  # fmt: skip


def test_usual_shares_are_no_atrophy() -> None:
    assert find_atrophy(divided(USUAL), made_liver(np.ones((4, 4, 4), bool))).state is State.ABSENT


@pytest.mark.parametrize(
    ("shares", "part"),
    [
        (USUAL | {"II": 2, "III": 2}, "left lateral"),
        (USUAL | {"II": 3, "III": 3, "IV": 3}, "left"),
        (USUAL | {"V": 3, "VI": 3, "VII": 6, "VIII": 5}, "right"),
    ],
)
def test_a_shrunken_part_is_named(shares: dict[str, int], part: str) -> None:
    finding = find_atrophy(divided(shares), made_liver(np.ones((4, 4, 4), bool)))
    assert finding.state is State.PRESENT
    assert finding.subject.ref == part


def test_a_part_that_was_taken_out_has_not_shrunk() -> None:
    finding = find_atrophy(
        divided(USUAL | {"II": 0, "III": 0, "IV": 0}), made_liver(np.ones((4, 4, 4), bool))
    )
    assert finding.state is State.ABSENT


def test_without_segments_it_is_not_assessable() -> None:
    finding = find_atrophy(divided(USUAL, assessable=False), made_liver(np.ones((4, 4, 4), bool)))
    assert finding.state is State.NOT_ASSESSABLE
    assert finding.reason == "too little is seen"
