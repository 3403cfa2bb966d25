"""The forest that tells gas: learned from made pictures, of which it knows gas from the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hepalith.calcification.forest import load_forest
from hepalith.calcification.ultrasound.gas import GAS_ASKED
from hepalith.errors import UsageError
from hepalith.training.__main__ import main
from hepalith.training.ultrasound.gas import make_gas_rows, write_gas


def test_pictures_with_gas_hold_gas_and_every_measure_has_a_name() -> None:
    asked, told = make_gas_rows(1)
    assert asked.shape == (len(told), len(GAS_ASKED))
    assert told.shape == (len(asked), 1)
    assert np.isfinite(asked).all()
    assert told.any()
    assert not told.all()


def test_a_forest_of_a_few_pictures_tells_its_own_gas(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    write_gas(tmp_path / "gas.npz", 6)
    forest = load_forest((tmp_path / "gas.npz").read_bytes())
    assert forest.measures == GAS_ASKED
    asked, told = make_gas_rows(1)
    said = np.array([float(forest.ask(row)[0]) for row in asked])
    gas = told[:, 0] > 0
    assert said[gas].mean() > said[~gas].mean() + 0.3


def test_seeds_of_other_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at most"):
        write_gas(tmp_path / "gas.npz", 10_000_000)


def test_no_picture_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "new" / "gas.npz"
    monkeypatch.setattr("sys.argv", ["hepalith.training", "gas", "--out", str(out), "--count", "0"])
    with pytest.raises(SystemExit, match="0 pictures are too few"):
        main()
    assert not out.exists()
