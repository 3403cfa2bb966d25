"""Gas in ducts is told from calcium by what lies behind it, and said with its reason."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.calcification.ultrasound.made_sonogram import Made

from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.echo import COUNTED, Echo
from hepalith.calcification.ultrasound.evidence import weigh
from hepalith.calcification.ultrasound.evidence_measures import measures_asked
from hepalith.calcification.ultrasound.find import find_echoes, see_bodies
from hepalith.calcification.ultrasound.gas import GAS_ASKED, gas_measures, log_odds_of_gas
from hepalith.calcification.ultrasound.mimic import weigh_mimics
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.phantom.ultrasound.truth import SonoFocus

SEEDS = range(920_000, 920_010)
"""Development phantoms that nothing was learned from."""


def echoes_on(bodies: tuple[SonoFocus, ...], echoes: list[tuple[Echo, float, float]]) -> list[Echo]:
    """Return the echoes that lie on true bodies."""
    boxes = [b.bbox_px[0] for b in bodies if b.visible]
    return [
        echo
        for echo, x, y in echoes
        if any(box and box[0] - 3 <= x <= box[2] + 3 and box[1] - 3 <= y <= box[3] + 3 for box in boxes)
    ]


def read(seed: int, contents: str) -> tuple[list[Echo], list[Echo]]:
    """Return what is called on the gas, and on the foci, of a phantom."""
    phantom = make_sonogram(seed, contents=contents)
    (picture,) = find_pictures(phantom.cine)
    levels = picture.levels(0)
    found = find_echoes(levels, picture, map_sonogram(levels, picture)).echoes
    placed = []
    for echo in found:
        x0, y0, x1, y1 = echo.observation.bbox_px
        placed.append((echo, (x0 + x1) / 2, (y0 + y1) / 2))
    gas = tuple(m for m in phantom.truth.mimics if m.label == "gas")
    return echoes_on(gas, placed), echoes_on(phantom.truth.foci, placed)


def test_most_gas_that_is_told_of_is_named() -> None:
    labels = [echo.label for seed in SEEDS for echo in read(seed, "mimic:gas")[0]]
    assert len(labels) >= 10
    assert labels.count("gas") > 0.6 * len(labels)
    assert sum(label in COUNTED for label in labels) < 0.25 * len(labels)


def test_calcium_is_not_named_gas() -> None:
    labels = [echo.label for seed in SEEDS for echo in read(seed, "case:simple_healed")[1]]
    assert len(labels) >= 10
    assert labels.count("gas") <= 0.05 * len(labels)


def test_the_reason_for_gas_says_what_lies_behind() -> None:
    named = [e for seed in SEEDS for e in read(seed, "mimic:gas")[0] if e.label == "gas"]
    assert named
    assert all("behind it" in e.reason for e in named)


def test_where_nothing_behind_can_be_judged_nothing_is_said_of_gas() -> None:
    levels, picture, sonogram = Made(5).put(200, 110, 24, 26, 26).look()
    (sight, *_) = see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram))
    asked = measures_asked(sight, weigh(sight, weigh_mimics(sight)[0]))
    assert math.isfinite(log_odds_of_gas(sight, asked))
    assert log_odds_of_gas(replace(sight, trail="the picture ends behind it"), asked) == -math.inf
    assert not isinstance(sight.trail, str)
    assert gas_measures(sight.trail, asked).shape == (len(GAS_ASKED),)
    assert np.isfinite(gas_measures(sight.trail, asked)).all()


@pytest.mark.parametrize("db", [5.0, 20.0])
def test_a_body_with_a_shadow_is_no_gas(db: float) -> None:
    levels, picture, sonogram = Made(5).put(200, 110, 24, 26, 26).shade(206, 110, 26, db).look()
    sights = see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram))
    sight = max(sights, key=lambda s: s.body.contrast)
    asked = measures_asked(sight, weigh(sight, weigh_mimics(sight)[0]))
    assert log_odds_of_gas(sight, asked) < 0
