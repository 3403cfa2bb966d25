from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluation.made_records import study

from hepalith.errors import UsageError
from hepalith.evaluation import run as run_module
from hepalith.evaluation.lines import RESULTS, to_line
from hepalith.evaluation.run import Order, fingerprint_of, run_order
from hepalith.evaluation.study_set import SETS, plan_of, seeds_of


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds that were read, each in no time."""
    seeds: list[int] = []

    def line(set_name: str, seed: int, fingerprint: str) -> str:
        seeds.append(seed)
        key = f"{plan_of(set_name).kind_of(seed)}-{seed}"
        return to_line(replace(study(seed, (), ()), key=key, fingerprint=fingerprint))

    monkeypatch.setattr(run_module, "_line", line)
    return seeds


def test_a_rerun_skips_what_is_finished(tmp_path: Path, read: list[int]) -> None:
    run_order(Order("spheres", count=2), tmp_path)
    records = run_order(Order("spheres", count=4), tmp_path)
    assert read == [0, 1, 2, 3]
    assert [r.seed for r in records] == [0, 1, 2, 3]


def test_a_killed_run_loses_only_the_study_in_hand(tmp_path: Path, read: list[int]) -> None:
    run_order(Order("spheres", count=2), tmp_path)
    path = tmp_path / RESULTS
    path.write_bytes(path.read_bytes()[:-30])
    records = run_order(Order("spheres", count=2), tmp_path)
    assert read == [0, 1, 1]
    assert len(records) == 2
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_lines_of_other_code_are_read_anew(
    tmp_path: Path, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_order(Order("spheres", count=1), tmp_path)
    monkeypatch.setattr(run_module, "fingerprint_of", lambda _: "other")
    (record,) = run_order(Order("spheres", count=1), tmp_path)
    assert read == [0, 0]
    assert record.fingerprint == "other"


def test_another_set_is_another_fingerprint() -> None:
    assert fingerprint_of(Order("spheres")) != fingerprint_of(Order("full"))
    assert fingerprint_of(Order("full")) == fingerprint_of(Order("full", split="test", count=3))


def test_the_splits_share_no_seed() -> None:
    assert seeds_of("development", 0, 999_999).stop <= seeds_of("test", 0, 1).start


def test_every_kind_of_a_set_is_drawn_in_proportion() -> None:
    for plan in SETS.values():
        total = sum(plan.shares.values())
        drawn = [plan.kind_of(seed) for seed in seeds_of("test", 0, total)]
        assert {kind: drawn.count(kind) for kind in plan.shares} == dict(plan.shares)


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="full"):
        plan_of("fulll")
