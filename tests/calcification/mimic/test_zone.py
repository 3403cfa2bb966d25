"""What lies at a distance about a body, and what bright thing goes on from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.mimic.zone import Zones, zones_of
from hepalith.geometry import Box

SHAPE = (29, 71, 71)
SPACING = (2.0, 1.0, 1.0)
LIVER_HU = 60.0
AWAY = (np.indices(SHAPE).T - np.array([14.0, 35.0, 35.0])).T * np.array(SPACING)[:, None, None, None]
DISTANCE = np.sqrt((AWAY**2).sum(axis=0))


def look(hu: NDArray[np.float64], extent: NDArray[np.bool_]) -> Zones:
    """Return the zones about a body in a blurred, noisy liver."""
    noise = np.random.default_rng(3).normal(0.0, 10.0, SHAPE)
    made = (ndimage.gaussian_filter(hu, (0.4, 0.7, 0.7)) + noise).astype(np.float32)
    excess = made - np.float32(LIVER_HU)
    aperture = SimpleNamespace(
        extent=extent, excess=excess, box=Box((0, 0, 0), SHAPE), level_hu=LIVER_HU, noise_share=1.0
    )
    scene = SimpleNamespace(
        spacing_mm=SPACING, hu=made, noise=SimpleNamespace(sd_hu=10.0),
        surroundings=SimpleNamespace(liver_hu=LIVER_HU),
    )  # fmt: skip
    return zones_of(cast("Any", aperture), cast("Any", scene), None)


BODY = DISTANCE <= 4.0
RUN = np.hypot(AWAY[0], AWAY[1]) <= 2.5


def test_a_vessel_goes_on_beyond_both_ends_of_a_piece_and_a_focus_ends() -> None:
    vessel = look(np.where(RUN, 210.0, LIVER_HU), RUN & (np.abs(AWAY[2]) < 8.0))
    assert vessel.of_body.exits == 2
    assert vessel.of_body.reach_mm > 13.0
    assert vessel.of_body.excess_hu > 50.0
    focus = look(np.where(BODY, 400.0, LIVER_HU), BODY)
    assert focus.of_body.exits == 0
    assert focus.of_body.excess_hu == 0.0


def test_what_is_bright_beside_a_focus_and_does_not_touch_it_goes_on_from_nothing() -> None:
    beside = np.hypot(AWAY[0], AWAY[1] - 14.0) <= 2.5
    seen = look(np.where(BODY, 400.0, np.where(beside, 210.0, LIVER_HU)), BODY)
    assert seen.of_body.exits == 0


def test_a_stone_lies_in_fluid_and_behind_it() -> None:
    pool = np.sqrt(AWAY[0] ** 2 + (AWAY[1] + 6.0) ** 2 + AWAY[2] ** 2) <= 14.0
    seen = look(np.where(BODY, 400.0, np.where(pool, 8.0, LIVER_HU)), BODY)
    near, _, far = seen.zones
    assert near.fluid > 0.6
    assert far.fluid < near.fluid
    assert sum(z.fluid_in_front for z in seen.zones) > 0.3
    plain = look(np.where(BODY, 400.0, LIVER_HU), BODY)
    assert plain.zones[0].fluid < 0.05
    assert abs(plain.zones[1].middle_hu) < 10.0
