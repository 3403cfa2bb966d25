"""The forest that judges bright bodies: learned from made pictures alone, and separating what it learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hepalith.calcification.forest import load_forest
from hepalith.calcification.ultrasound.evidence_measures import ASKED
from hepalith.errors import UsageError
from hepalith.training.ultrasound.judge import write_judge


def write_rows(path: Path, kind: str) -> Path:
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        for seed in range(30):
            bodies = []
            for truth in ("1", "nothing", "piece"):
                asked = rng.normal(3.0 if truth == "1" else 0.0, 1.0, len(ASKED)).tolist()
                bodies.append({"measures": {}, "truth": truth, "asked": asked})
            row = {"kind": kind, "seed": seed, "still": "", "foci": [], "bodies": bodies}
            file.write(json.dumps(row) + "\n")
    return path


def test_what_it_learned_it_tells_apart(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    write_judge([write_rows(tmp_path / "rows.jsonl", "phantoms")], tmp_path / "judge.npz")
    forest = load_forest((tmp_path / "judge.npz").read_bytes())
    assert forest.measures == ASKED
    focus, nothing = (float(forest.ask(np.full(len(ASKED), at))[0]) for at in (3.0, 0.0))
    assert focus > 0.8
    assert nothing < 0.2


def test_real_stills_are_not_learned_from(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stills"):
        write_judge([write_rows(tmp_path / "rows.jsonl", "stills")], tmp_path / "judge.npz")
