"""What lies behind a body as a table, and the trees that are asked with it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from tests.calcification.ultrasound.made_sonogram import Made
from tests.calcification.ultrasound.test_shadow import trail_of

from hepalith.calcification.forest import Forest, load_forest
from hepalith.calcification.ultrasound.shadow import ASKED, GRADES, measures_of
from hepalith.calcification.ultrasound.shadow_cut import MEASURES
from hepalith.errors import UnreadableFileError
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.phantom.ultrasound.truth import ShadowTruth
from hepalith.training.ultrasound.shadows import fit_forest, rows_of, soft_grades


def cut_of(made: Made, sample: int = 200) -> dict[str, float]:
    return dict(zip(MEASURES, trail_of(made, sample).cut.tolist(), strict=True))


def test_loss_falls_with_the_shadow_and_is_its_rows_mean() -> None:
    losses = []
    for db in (0.0, 5.0, 12.0):
        cuts = [cut_of(Made(s).put(200, 110, 16, 20).shade(206, 110, 20, db)) for s in range(4)]
        for cut in cuts:
            assert cut["loss"] == pytest.approx(np.mean([cut[f"row_{n}"] for n in range(8)]), abs=0.5)
        losses.append(float(np.mean([cut["loss"] for cut in cuts])))
    assert losses[0] == pytest.approx(0.0, abs=1.5)
    assert losses[0] - 2 > losses[1] > losses[2] + 2


def test_columns_are_dark_behind_the_body_and_not_beside_it() -> None:
    cut = cut_of(Made(1).put(200, 110, 16, 20).shade(206, 110, 20, 12.0))
    columns = np.array([cut[f"column_{n}"] for n in range(14)])
    assert columns[6:8].max() < -4
    assert abs(columns[[0, 1, 12, 13]]).max() < 2.5


def test_rows_beyond_the_picture_count_as_no_different() -> None:
    cut = cut_of(Made(0).put(350, 110, 16, 20).shade(356, 110, 20, 14.0), 350)
    assert cut["row_0"] < -3
    assert cut["row_7"] == 0.0


def grown() -> Forest:
    random = np.random.default_rng(0)
    asked = random.normal(size=(400, len(ASKED)))
    told = np.zeros((400, len(GRADES)))
    told[np.arange(400), np.where(asked[:, 0] > 0.3, 2, 0)] = 1.0
    return fit_forest(asked, told, trees=20)


def test_a_forest_answers_what_it_was_shown_and_is_the_same_from_its_file(tmp_path: Path) -> None:
    forest = grown()
    low, high = np.zeros(len(ASKED)), np.zeros(len(ASKED))
    low[0], high[0] = -1.5, 2.0
    names = list(GRADES)
    assert forest.ask(low)[names.index("none")] > 0.7
    assert forest.ask(high)[names.index("clean")] > 0.7
    assert forest.ask(high).sum() == pytest.approx(1.0, abs=0.01)
    forest.save(tmp_path / "forest.npz")
    again = load_forest((tmp_path / "forest.npz").read_bytes())
    assert again.answers == forest.answers
    assert np.array_equal(again.ask(high), forest.ask(high))


def test_a_broken_file_of_trees_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="install hepalith anew"):
        load_forest(b"no archive")


def test_shipped_trees_are_asked_with_the_measures_that_are_taken() -> None:
    held = resources.files("hepalith.calcification.ultrasound").joinpath("weights", "shadow.npz").read_bytes()
    forest = load_forest(held)
    assert forest.measures == ASKED
    assert forest.answers == tuple(GRADES)
    assert measures_of(trail_of(Made(0).put(200, 110, 16, 20))).shape == (len(ASKED),)


def test_a_loss_at_a_border_of_grades_is_partly_either() -> None:
    near = dict(zip(GRADES, soft_grades(ShadowTruth("clean", 9.0, 9.0, 0.4)), strict=True))
    assert near["clean"] == pytest.approx(0.5)
    assert near["faint"] == pytest.approx(0.5)
    deep = dict(zip(GRADES, soft_grades(ShadowTruth("clean", 15.0, 15.0, 0.7)), strict=True))
    assert deep["clean"] == pytest.approx(1.0)
    hazy = dict(zip(GRADES, soft_grades(ShadowTruth("dirty", 5.0, 15.0, 0.3)), strict=True))
    assert hazy["dirty"] == 1.0


def test_rows_of_a_crowded_phantom_hold_its_bodies() -> None:
    asked, told = rows_of(make_sonogram(3, contents="case:crowded"))
    assert len(asked) >= 3
    assert told.sum(axis=1) == pytest.approx(1.0)
