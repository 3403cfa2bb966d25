from __future__ import annotations

from pathlib import Path

import pytest

from hepalith.errors import UsageError
from hepalith.evaluation.lines import RESULTS, to_line
from hepalith.evaluation.ultrasound import run as sono_run
from hepalith.evaluation.ultrasound.record import SonoRecord
from hepalith.evaluation.ultrasound.run import SonoOrder, run_sono_order, sono_fingerprint_of


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds that were read, each in no time."""
    seeds: list[int] = []

    def line(set_name: str, seed: int, fingerprint: str) -> str:
        seeds.append(seed)
        return to_line(SonoRecord(f"{set_name}-{seed}", seed, "development", set_name, fingerprint, "x"))

    monkeypatch.setattr(sono_run, "_line", line)
    return seeds


def test_a_rerun_skips_what_is_finished(tmp_path: Path, read: list[int]) -> None:
    run_sono_order(SonoOrder("phantoms", count=2), tmp_path)
    records = run_sono_order(SonoOrder("phantoms", count=4), tmp_path)
    assert read == [0, 1, 2, 3]
    assert [r.seed for r in records] == [0, 1, 2, 3]


def test_a_killed_run_loses_only_the_sonogram_in_hand(tmp_path: Path, read: list[int]) -> None:
    run_sono_order(SonoOrder("phantoms", count=2), tmp_path)
    path = tmp_path / RESULTS
    path.write_bytes(path.read_bytes()[:-30])
    assert len(run_sono_order(SonoOrder("phantoms", count=2), tmp_path)) == 2
    assert read == [0, 1, 1]


def test_sets_share_a_folder_and_no_line(tmp_path: Path, read: list[int]) -> None:
    run_sono_order(SonoOrder("phantoms", count=2), tmp_path)
    records = run_sono_order(SonoOrder("loops", count=2), tmp_path)
    assert [r.kind for r in records] == ["loops", "loops"]
    assert read == [0, 1, 0, 1]


def test_lines_of_other_code_are_read_anew(
    tmp_path: Path, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sono_order(SonoOrder("phantoms", count=1), tmp_path)
    monkeypatch.setattr(sono_run, "sono_fingerprint_of", lambda _: "other")
    (record,) = run_sono_order(SonoOrder("phantoms", count=1), tmp_path)
    assert read == [0, 0]
    assert record.fingerprint == "other"


def test_the_splits_share_no_seed_and_a_set_has_its_own_name() -> None:
    assert min(SonoOrder("phantoms", "test", 3).seeds) >= 1_000_000
    assert SonoOrder("phantoms", chosen=(5, 9)).seeds == (5, 9)
    assert sono_fingerprint_of(SonoOrder("phantoms")) != sono_fingerprint_of(SonoOrder("implants"))


def test_a_set_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no set of ultrasound"):
        run_sono_order(SonoOrder("spheres", count=1), tmp_path)
