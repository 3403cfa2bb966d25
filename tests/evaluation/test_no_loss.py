"""The small set is read, and nothing may be lost beyond its interval."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.evaluation.made_records import body, study, true

from hepalith.evaluation.loss import expect, find_losses
from hepalith.evaluation.run import Order, run_order

EXPECTED = Path(__file__).resolve().parents[2] / "benchmarks" / "small_set.json"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_on_the_small_set(tmp_path: Path) -> None:
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    assert find_losses(run_order(Order("small"), tmp_path), expected) == ()


def test_foci_no_longer_found_are_a_loss() -> None:
    large = true(1, 6.0, 400.0)
    good = [study(s, (large,), (body(1, large, factor=1.02),)) for s in range(20)]
    missed = true(1, 6.0, 400.0, found=False)
    bad = [study(s, (missed,), ()) if s % 3 == 0 else good[s] for s in range(20)]
    assert find_losses(good, expect(good)) == ()
    lost = find_losses(bad, expect(good))
    assert any(loss.startswith("found:") for loss in lost)


def test_false_calls_and_errors_that_grow_are_a_loss() -> None:
    large = true(1, 6.0, 400.0)
    good = [study(s, (large,), (body(1, large, factor=1.02),)) for s in range(20)]
    bad = [study(s, (large,), (body(1, large, factor=1.2), body(2, None))) for s in range(20)]
    lost = " ".join(find_losses(bad, expect(good)))
    assert "false calls a scan" in lost
    assert "error of the integrated excess" in lost
    assert "hold the truth" in lost


def test_figures_that_cannot_be_had_any_more_are_a_loss() -> None:
    large = true(1, 6.0, 400.0)
    good = [study(s, (large,), (body(1, large),)) for s in range(5)]
    none = [study(s, (true(1, 6.0, 400.0, found=False),), ()) for s in range(5)]
    assert any("hold the truth: nan" in loss for loss in find_losses(none, expect(good)))
