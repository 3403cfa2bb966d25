"""What the judge of bright foci is shown, and what it says of pictures it was not trained on."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest
from tests.calcification.ultrasound.made_sonogram import Made

from hepalith.calcification.ultrasound.network import (
    CHANNELS,
    GRID,
    MOST_ODDS,
    Belief,
    make_input,
    resample,
    see_foci,
    taper,
    weights_sha256,
)

LARGEST_BYTES = 2 * 2**20


def test_a_stretch_is_laid_onto_fewer_places_as_means_and_onto_more_as_straight_lines():
    ramp = np.arange(64, dtype=np.float32)
    fewer = taper(32, 64) @ ramp
    np.testing.assert_allclose(fewer[1:-1], np.arange(32)[1:-1] * 2 + 0.5, atol=1e-3)
    more = taper(128, 64) @ ramp
    np.testing.assert_allclose(np.diff(more[4:-4]), 0.5, atol=1e-3)
    part = taper(16, 64, 0.5, 0.75) @ ramp
    np.testing.assert_allclose(part, 32 + np.arange(16), atol=1e-3)


def test_what_is_no_picture_does_not_count():
    rng = np.random.default_rng(0)
    levels = rng.uniform(80, 120, (400, 220)).astype(np.float32)
    inside = np.ones(levels.shape, bool)
    inside[:, 150:] = False
    marked = levels.copy()
    marked[~inside] = 255
    plain, bright = (make_input(*resample(a, inside)) for a in (levels, marked))
    np.testing.assert_array_equal(plain, bright)
    assert plain.shape == (CHANNELS, *GRID)


def test_gain_and_its_error_with_depth_hardly_count():
    levels, picture, _ = Made(3).put(200, 110, 12, 12).look()
    ramp = np.linspace(0, 25, levels.shape[0], dtype=np.float32)[:, None]
    plain = make_input(*resample(levels, picture.grid.inside))[0]
    lifted = make_input(*resample(np.clip(levels * 0.8 + ramp, 0, 255), picture.grid.inside))[0]
    assert np.corrcoef(plain.ravel(), lifted.ravel())[0, 1] > 0.98
    assert abs(plain.std() / lifted.std() - 1) < 0.1


def test_places_of_a_body_are_those_it_covers_and_tops_are_told_once():
    odds = np.full((128, 64), -5.0, np.float32)
    odds[40, 30], odds[41, 30], odds[100, 5] = 3.0, 2.0, 1.0
    belief = Belief(odds, -odds, (512, 256))
    assert [(round(o), s // 4, n // 4) for s, n, o in belief.tops(0.0)] == [(3, 40, 30), (1, 100, 5)]
    mask = np.ones((8, 8), bool)
    assert belief.odds[belief.places_of(slice(160, 168), slice(120, 128), mask)].max() == 3.0
    assert belief.odds[belief.places_of(slice(300, 308), slice(120, 128), mask)].max() == -5.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_dot_with_a_shadow_is_believed_and_a_wall_as_bright_and_plain_speckle_are_not(seed):
    def most(made: Made, *, near: tuple[int, int] | None = None) -> float:
        levels, picture, _ = made.look()
        odds = see_foci(levels, picture.grid.inside).odds
        if near is not None:
            i, j = round(near[0] * 128 / 400), round(near[1] * 64 / 220)
            odds = odds[i - 5 : i + 6, j - 5 : j + 6]
        return float(odds.max())

    dot = most(Made(seed).put(180, 110, 12, 10, 24).shade(186, 110, 10, 12), near=(180, 110))
    wall = most(Made(seed).put(180, 110, 6, 150, 24))
    plain = most(Made(seed))
    assert dot > 0
    assert wall < dot - 2
    assert plain < dot - 2
    assert dot <= MOST_ODDS


def test_the_weights_fit_the_package_and_their_digest_is_told():
    stored = (resources.files("hepalith.calcification.ultrasound") / "weights" / "foci.onnx").read_bytes()
    assert len(stored) < LARGEST_BYTES
    assert weights_sha256() == hashlib.sha256(stored).hexdigest()
