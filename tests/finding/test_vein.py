"""Occlusion is told only where both trees of veins fill, or where a trunk is replaced by a dark cord."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.find import given_liver
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.kind import Roots
from hepalith.anatomy.vessels.vessels import Vessels, find_vessels
from hepalith.finding.vein import find_vein_occlusion
from hepalith.geometry import Grid
from hepalith.image.volume import Volume
from hepalith.vocabulary import State

SHAPE = (60, 60, 80)
PORTAL = Phase("portal", 0.99)
ROOTS = Roots(np.array([80.0, 60, 30]), np.array([80.0, 80, 100]), (80.0, 80.0, 80.0, 110.0))


def tube(start: tuple[float, ...], end: tuple[float, ...], radius: float) -> NDArray[np.bool_]:
    places = np.moveaxis(np.indices(SHAPE), 0, -1).astype(np.float64)
    a, b = np.array(start), np.array(end)
    share = np.clip(((places - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.asarray(np.linalg.norm(places - (a + share[..., None] * (b - a)), axis=-1) <= radius)


def seen(portal_hu: float) -> tuple[Volume, Liver, Vessels]:
    """Return an enhanced liver whose hepatic vein fills and whose portal trunk has a given density."""
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[4:56, 4:56, 4:76] = True
    hu = np.where(mask, 105.0, -100.0)
    hu[tube((15, 30, 44), (15, 30, 24), 2.4)] = portal_hu
    hu[tube((50, 40, 40), (40, 12, 60), 2.4)] = 160.0
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[1, 1] = affine[0, 2] = 2.0
    affine[3, 3] = 1.0
    noise = np.random.default_rng(1).normal(0, 6, SHAPE)
    volume = Volume(np.rint(ndimage.gaussian_filter(hu, 0.5) + noise).astype(np.int16), Grid(SHAPE, affine))
    liver = given_liver(volume, mask)
    return volume, liver, replace(find_vessels(volume, liver, PORTAL), roots=ROOTS)


def test_filled_trunks_are_not_occluded():
    found = find_vein_occlusion(*seen(165.0), PORTAL)
    assert found.state == State.ABSENT
    assert found.probability == pytest.approx(0.03)


def test_a_dark_cord_in_place_of_the_trunk_is_an_occlusion():
    found = find_vein_occlusion(*seen(50.0), PORTAL)
    assert found.state == State.PRESENT
    assert found.probability is not None
    assert found.probability > 0.5


def test_a_trunk_that_is_not_seen_at_all_is_not_judged():
    found = find_vein_occlusion(*seen(105.0), PORTAL)
    assert found.state == State.NOT_ASSESSABLE
    assert "not seen" in str(found.reason)


def test_an_unenhanced_scan_cannot_say():
    found = find_vein_occlusion(*seen(165.0), Phase("none", 0.99))
    assert found.state == State.NOT_ASSESSABLE
    assert "phase" in str(found.reason)
