"""A vessel leads away from each of its pieces; a focus ends all about. Blood is as bright as the aorta."""

import numpy as np
import pytest
from tests.calcification.made_liver import ball, scan, together
from tests.calcification.search.test_evidence import evidence_of

from hepalith.anatomy import Phase
from hepalith.calcification.search.background import AORTA_LEAST_HU, Surroundings, blood_level
from hepalith.calcification.search.candidate import LEADING_SHARE
from hepalith.calcification.search.hit import find_hits
from hepalith.calcification.search.ray import share_leading_on

SPACING = (1.0, 0.75, 0.75)
MIDDLE = (24, 32, 32)


def test_a_tube_with_a_gap_leads_on_and_a_ball_does_not() -> None:
    tube = together(lambda z, y, x: (z**2 + y**2 < 2.0) & (np.abs(x) < 40) & (np.abs(x - 6) > 0.8))
    evidence = evidence_of(scan(tube, 120.0))
    assert share_leading_on(evidence, MIDDLE, 2.2, SPACING) > 2 * LEADING_SHARE
    alone = evidence_of(scan(ball(1.5), 120.0))
    hit = find_hits(alone, SPACING)[0]
    assert share_leading_on(alone, hit.place, 2.2, SPACING) < LEADING_SHARE


def test_a_neighbour_beside_a_focus_does_not_lead_on() -> None:
    pair = together(ball(1.5), ball(1.5, (0.0, 0.0, 7.0)))
    evidence = evidence_of(scan(pair, 120.0))
    assert share_leading_on(evidence, MIDDLE, 2.2, SPACING) < LEADING_SHARE


@pytest.mark.parametrize(
    ("label", "aorta", "vein", "even", "blood"),
    [
        ("portal", 150.0, 170.0, 320.0, 170.0),  # bone of 320 HU is no blood
        ("portal", 150.0, None, 180.0, 150.0),
        ("portal", 150.0, 140.0, 180.0, 180.0),  # heart
        ("arterial", 300.0, 120.0, 320.0, 300.0),
        ("delayed", None, 120.0, 140.0, 140.0),
        ("portal", 100.0 + 0.5 * AORTA_LEAST_HU, 190.0, 160.0, 170.0),  # no aorta, whatever it was
        ("none", 45.0, None, 300.0, 145.0),
    ],
)
def test_blood_is_that_of_aorta_heart_and_veins(
    label: str, aorta: float | None, vein: float | None, even: float | None, blood: float
) -> None:
    flat = np.zeros((1, 1, 1), np.float32)
    around = Surroundings((1, 1, 1), flat, flat, 100.0, 1.0, 0.0, even, aorta, vein)
    assert blood_level(around, Phase(label, 0.9)) == blood
