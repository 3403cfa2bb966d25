"""The stated smallest focus reckons with the vessels beside which it would be lost."""

from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.calcification.made_liver import ball, scan
from tests.calcification.search.test_evidence import evidence_of as evidence_in

from hepalith.calcification.detectability import BESIDE_LEAST, _weights, power_asked
from hepalith.calcification.search.candidate import Asked, _held
from hepalith.calcification.search.evidence import Evidence
from hepalith.calcification.search.hit import Hit
from hepalith.calcification.search.output import Output
from hepalith.calcification.search.ray import leads_on, share_leading_on
from hepalith.geometry import Box

SHAPE = (12, 12, 12)


def hit_at(box: Box, value: float, *, goes_on: bool) -> Hit:
    return Hit(box.start, 1, value, value, box, np.ones(box.shape, np.bool_), goes_on, 50.0, 100.0)


def places_of(shape: tuple[int, ...]) -> NDArray[np.intp]:
    return np.argwhere(np.ones(shape, np.bool_))


def test_what_goes_on_holds_its_cells_and_what_ends_holds_none() -> None:
    vessel = hit_at(Box((0, 10, 10), (24, 12, 12)), 12.0, goes_on=True)
    focus = hit_at(Box((4, 2, 2), (6, 4, 4)), 30.0, goes_on=False)
    held = _held([focus, vessel], SHAPE, (2, 2, 2))
    assert (held[:, 5, 5] == 12.0).all()
    assert held.sum() == pytest.approx(12 * 12.0)


def test_foci_beside_vessels_count_for_half_at_least() -> None:
    held = np.zeros(SHAPE, np.float32)
    asked = Asked(np.ones(SHAPE, np.float32), held)
    places = places_of(SHAPE)
    assert _weights(asked, places) == pytest.approx(1 / len(places))  # no vessel, no place beside one
    held[:, 5, 5] = 8.0
    weights = _weights(asked, places)
    beside = (np.abs(places[:, 1:] - 5) <= 1).all(axis=1)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[beside].sum() == pytest.approx(BESIDE_LEAST)
    held[:] = 8.0
    assert _weights(asked, places).sum() == pytest.approx(1.0)


def test_what_leads_on_is_the_vessels_own_evidence() -> None:
    values = np.zeros((40, 40, 40), np.int16)
    values[20, 20, :] = 1000  # a line of 10 deviations along the columns
    output = Output(values, (1, 1, 1), 0.01)
    nothing = cast("Any", None)
    evidence = Evidence(
        (40, 40, 40), (output,) * 3, nothing, 1, np.ones(1, np.float32), 5.0, nothing, (1, 1, 1)
    )
    on, off = leads_on(evidence, np.array([[20, 20, 20], [5, 5, 5]]), 1.2, (1.0, 1.0, 1.0))
    assert 1.0 < on.min() <= on.max() <= 10.0
    assert (off == 0.0).all()


def test_the_share_is_that_of_the_places_own_evidence() -> None:
    evidence = evidence_in(scan(ball(1.5), 120.0))
    place = (24, 32, 32)
    leads = leads_on(evidence, np.array([place]), 2.2, (1.0, 0.75, 0.75))[0]
    own = [float(evidence.outputs[n].at(np.array([place]))[0]) for n in (1, 2)]
    shares = [lead / v for lead, v in zip(leads, own, strict=True)]
    assert share_leading_on(evidence, place, 2.2, (1.0, 0.75, 0.75)) == pytest.approx(max(shares))


def test_thick_slices_after_contrast_ask_the_search_for_more() -> None:
    """Some that it finds there are taken for contrast in a vessel; the statement must hold all the same."""
    assert power_asked(5.0, enhanced=True) > power_asked(5.0, enhanced=False)
    assert power_asked(1.0, enhanced=True) == power_asked(1.0, enhanced=False)
