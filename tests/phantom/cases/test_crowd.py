"""A crowd holds many things, each known."""

import numpy as np

from hepalith.phantom.cases.crowd import MOST_WITHIN, WITHIN, draw_crowd
from hepalith.phantom.contents.mimic import MIMICS


def test_a_crowd_holds_every_kind_of_mimic_sooner_or_later_and_calcium_always() -> None:
    seen = set()
    for seed in range(60):
        names = [name for _, name in draw_crowd(np.random.default_rng(seed), enhanced=True)]
        assert {"nodular", "punctate"} <= set(names)
        assert sum(name in WITHIN for name in names) == MOST_WITHIN
        seen.update(names)
    assert set(MIMICS) <= seen


def test_without_contrast_medium_there_is_none_in_vessels() -> None:
    for seed in range(20):
        parts = draw_crowd(np.random.default_rng(seed), enhanced=False)
        assert "iodine_in_vessel" not in [name for _, name in parts]
