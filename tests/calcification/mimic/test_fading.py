"""Calcium ends at an edge, oil thins out; where neither form nor density tells, the probabilities say so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.calcification.mimic.test_judge import CALCIUM, COMPACT

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.judge import ASK_FOR_OIL, judge
from hepalith.calcification.mimic.oil import FADES

LARGER = replace(COMPACT, lengths_mm=(2.2, 2.0, 1.9), variation=0.2)


def look(excess_hu: float) -> Appearance:
    """Return a rounded body 8 mm across, so far above a liver of 60 HU."""
    return replace(
        CALCIUM, shape=LARGER, peak_hu=excess_hu + 60.0, peak_excess_hu=excess_hu, thick_mm=6.0, thickness=4.0
    )


def test_the_same_dense_body_is_oil_where_it_thins_out_and_calcium_where_it_ends() -> None:
    seen = look(1300.0)
    assert judge(replace(seen, fading=0.0)).label == "calcification"
    assert judge(replace(seen, fading=1.0)).label == "lipiodol"


def test_a_faint_cloud_is_calcium_still_and_a_middling_one_says_that_it_may_be_either() -> None:
    faint = judge(replace(look(500.0), fading=1.0))
    assert faint.label == "calcification"
    middling = judge(replace(look(830.0), fading=0.8))
    assert min(middling.probabilities[n] for n in ("calcification", "lipiodol")) > 0.2
    assert ASK_FOR_OIL in middling.reason
    assert ASK_FOR_OIL not in faint.reason


@pytest.mark.parametrize("excess_hu", [500.0, 900.0, 1300.0])
def test_more_fading_never_speaks_against_oil(excess_hu: float) -> None:
    seen = look(excess_hu)
    shares = [judge(replace(seen, fading=f)).probabilities["lipiodol"] for f in (0.0, FADES, 0.6, 1.2)]
    assert shares == sorted(shares)
