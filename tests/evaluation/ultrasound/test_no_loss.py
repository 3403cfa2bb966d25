"""A few phantoms of the development split are read, and nothing may be lost beyond a floor.

The floors lie below what the code yields by some two standard errors of so small a set: they tell a loss, not
how good the product is (`benchmarks/RESULTS.md` does).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hepalith.evaluation.ultrasound.measure import (
    cases_of,
    duct_pairs,
    false_calls,
    found_share,
    shadow_pairs,
    stone_area,
    stone_scores,
)
from hepalith.evaluation.ultrasound.record import SonoRecord
from hepalith.evaluation.ultrasound.run import SonoOrder, run_sono_order

SEEDS = (0, 1, 4, 5, 10, 11, 12, 15, 30, 34)
"""Stones, simple calcifications, mimics and ordinary livers, chosen by contents alone."""

ROLLING = 12
"""A loop with two stones in a duct, one of which rolls."""

FOUND, FALSE, SHADOW, SIDE, AREA = 0.45, 0.8, 0.6, 0.8, 0.85
"""Least shares found, graded and placed, most false calls a picture, least area under the curve."""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[SonoRecord, ...]:
    """The set, read."""
    return run_sono_order(SonoOrder("phantoms", chosen=SEEDS), Path(tmp_path_factory.mktemp("sono")))


@pytest.mark.slow
def test_every_sonogram_is_read(records: tuple[SonoRecord, ...]) -> None:
    assert [r.failure for r in records] == [""] * len(SEEDS)


@pytest.mark.slow
def test_foci_are_found_and_few_are_called_where_none_is(records: tuple[SonoRecord, ...]) -> None:
    assert found_share(cases_of(records)).value >= FOUND
    assert false_calls(records).value <= FALSE


@pytest.mark.slow
def test_shadows_are_graded(records: tuple[SonoRecord, ...]) -> None:
    pairs = shadow_pairs(records, borderline=False)
    assert sum(t == c for t, c in pairs) >= SHADOW * len(pairs)


@pytest.mark.slow
def test_in_a_duct_or_apart_is_told(records: tuple[SonoRecord, ...]) -> None:
    pairs = duct_pairs(records)
    assert sum(t == c for t, c in pairs) >= SIDE * len(pairs)


@pytest.mark.slow
def test_stones_are_told_from_simple_calcification(records: tuple[SonoRecord, ...]) -> None:
    assert stone_area(stone_scores(records)).value >= AREA


@pytest.mark.slow
def test_a_stone_that_rolls_is_told_from_one_that_stays(tmp_path: Path) -> None:
    (record,) = run_sono_order(SonoOrder("loops", chosen=(ROLLING,)), tmp_path)
    moves = {
        bool(t.moves): c.moves
        for t in (*record.true, *record.mimics)
        for c in record.calls
        if c.truth == t.id and c.moves is not None
    }
    assert moves[True] > 0.5 > moves[False]
