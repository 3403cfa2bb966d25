from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from hepalith.errors import UsageError
from hepalith.phantom.body.variation import COVERAGES, PHASES, Variation, draw_variation


def test_same_seed_gives_the_same_patient():
    assert draw_variation(np.random.default_rng(5)) == draw_variation(np.random.default_rng(5))


def test_fixing_one_field_leaves_the_others_as_they_were():
    free = draw_variation(np.random.default_rng(7))
    held = draw_variation(np.random.default_rng(7), phase="arterial", spleen_scale=0.0)
    differing = {f.name for f in fields(Variation) if getattr(free, f.name) != getattr(held, f.name)}
    assert differing <= {"phase", "spleen_scale"}
    assert (held.phase, held.spleen_scale) == ("arterial", 0.0)


def test_every_word_comes_up_and_sizes_spread():
    drawn = [draw_variation(np.random.default_rng(seed)) for seed in range(300)]
    assert {v.phase for v in drawn} == set(PHASES)
    assert {v.coverage for v in drawn} == set(COVERAGES)
    assert any(v.spleen_scale == 0 for v in drawn)
    assert any(v.age_years < 15 for v in drawn)
    assert np.std([v.wall_fat_mm for v in drawn]) > 5
    assert min(v.visceral_fat for v in drawn) < 0.1
    assert max(v.visceral_fat for v in drawn) > 0.8


def test_an_unknown_word_or_field_is_refused():
    with pytest.raises(UsageError, match="phase"):
        Variation(phase="late")
    with pytest.raises(UsageError, match="girth"):
        draw_variation(np.random.default_rng(0), girth=1)
