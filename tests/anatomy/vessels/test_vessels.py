"""Vessels stand out where the phase shows them, each with its tree; where they do not, a reason is given."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.find import given_liver
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.field import look_for_blood
from hepalith.anatomy.vessels.kind import LABEL_OF, Roots, trace_trees
from hepalith.anatomy.vessels.vessels import find_vessels
from hepalith.geometry import Grid
from hepalith.image.volume import Volume

SHAPE = (60, 60, 80)
PORTAL, HEPATIC = 170.0, 155.0
PARENCHYMA = 105.0


def made_volume(hu: NDArray[np.float32], noise: float = 8.0) -> Volume:
    """Return an image at 2 mm whose voxel (k, j, i) lies at x = 2 i, y = 2 j, z = 2 k."""
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[1, 1] = affine[0, 2] = 2.0
    affine[3, 3] = 1.0
    random = np.random.default_rng(0)
    blurred = ndimage.gaussian_filter(hu, 0.5)
    return Volume(np.rint(blurred + random.normal(0, noise, hu.shape)).astype(np.int16), Grid(SHAPE, affine))


def tube(start: tuple[float, ...], end: tuple[float, ...], radius: float) -> NDArray[np.bool_]:
    """Return the voxels within `radius` voxels of a line."""
    places = np.moveaxis(np.indices(SHAPE), 0, -1).astype(np.float64)
    a, b = np.array(start), np.array(end)
    share = np.clip(((places - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.asarray(np.linalg.norm(places - (a + share[..., None] * (b - a)), axis=-1) <= radius)


PORTAL_TUBES = ((15, 30, 40), (15, 30, 12), 2.2), ((15, 30, 26), (30, 20, 16), 1.6)
HEPATIC_TUBES = ((50, 40, 40), (40, 12, 60), 2.2), ((45, 26, 50), (28, 20, 62), 1.6)


@pytest.fixture(scope="module")
def trees() -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """The liver, its portal vein and its hepatic vein, which never touch."""
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[4:56, 4:56, 4:76] = True
    portal = np.logical_or.reduce([tube(*t) for t in PORTAL_TUBES])
    hepatic = np.logical_or.reduce([tube(*t) for t in HEPATIC_TUBES])
    return mask, portal, hepatic


def enhanced(
    trees: tuple[NDArray[np.bool_], ...], portal_hu: float, hepatic_hu: float
) -> tuple[Volume, Liver]:
    mask, portal, hepatic = trees
    hu = np.where(mask, PARENCHYMA, -100.0)
    hu[portal], hu[hepatic] = portal_hu, hepatic_hu
    volume = made_volume(hu.astype(np.float32))
    return volume, given_liver(volume, mask)


def test_bright_tubes_are_found_and_little_else(trees: tuple[NDArray[np.bool_], ...]):
    volume, liver = enhanced(trees, PORTAL, HEPATIC)
    vessels = find_vessels(volume, liver, Phase("portal", 0.99))
    assert vessels.seen
    assert vessels.bright
    found = volume.pasted(vessels.labels, vessels.box) > 0
    true = trees[1] | trees[2]
    assert found[true].mean() > 0.85
    assert not found[ndimage.binary_dilation(true, iterations=3) == 0].any()
    assert vessels.blood_hu == pytest.approx(160, abs=20)


def test_each_tree_belongs_to_the_root_it_starts_from(trees: tuple[NDArray[np.bool_], ...]):
    volume, liver = enhanced(trees, PORTAL, HEPATIC)
    field = look_for_blood(volume, liver, Phase("portal", 0.99))
    assert not isinstance(field, str)
    hilum, mouths = np.array([80.0, 60, 30]), np.array([80.0, 80, 100])
    traced = trace_trees(field, Roots(hilum, mouths, (80.0, 80.0, 80.0, 110.0)), arterial=False)
    labels = volume.pasted(field.on_volume(traced.labels), field.box)
    assert (labels[trees[1] & (labels > 0)] == LABEL_OF["portal"]).mean() > 0.9
    assert (labels[trees[2] & (labels > 0)] == LABEL_OF["hepatic"]).mean() > 0.9
    for place, branch in enumerate(traced.branches):
        assert branch.parent < place
        assert len(branch.path_lps_mm) == len(branch.radii_mm)


def test_radii_are_those_of_the_tubes(trees: tuple[NDArray[np.bool_], ...]):
    volume, liver = enhanced(trees, PORTAL, HEPATIC)
    vessels = find_vessels(volume, liver, Phase("portal", 0.99))
    widest = max(float(np.median(b.radii_mm)) for b in vessels.branches)
    assert 3.0 < widest < 6.5  # 2.2 voxels of 2 mm


def test_blood_like_the_liver_is_not_seen_and_said_why(trees: tuple[NDArray[np.bool_], ...]):
    mask, portal, hepatic = trees
    hu = np.where(mask, 44.0, -100.0)
    hu[portal | hepatic] = 42.0
    volume = made_volume(hu.astype(np.float32))
    vessels = find_vessels(volume, given_liver(volume, mask), Phase("none", 0.99))
    assert not vessels.seen
    assert "measure alike" in vessels.reason
    assert not vessels.labels.any()
    assert np.isinf(vessels.distance_mm([[0.0, 0.0, 0.0]], ("portal",))).all()


def test_in_a_dense_unenhanced_liver_vessels_are_dark(trees: tuple[NDArray[np.bool_], ...]):
    mask, portal, hepatic = trees
    hu = np.where(mask, 70.0, -100.0)
    hu[portal | hepatic] = 40.0
    volume = made_volume(hu.astype(np.float32), noise=5.0)
    vessels = find_vessels(volume, given_liver(volume, mask), Phase("none", 0.99))
    assert vessels.seen
    assert not vessels.bright
    assert (volume.pasted(vessels.labels, vessels.box) > 0)[portal].mean() > 0.7


def test_a_round_lesion_and_calcium_are_no_vessels(trees: tuple[NDArray[np.bool_], ...]):
    mask, portal, _ = trees
    hu = np.where(mask, PARENCHYMA, -100.0)
    hu[portal] = PORTAL
    away = np.linalg.norm(np.moveaxis(np.indices(SHAPE), 0, -1) - np.array([42, 30, 60]), axis=-1)
    hu[away < 7] = 150.0
    stone = np.linalg.norm(np.moveaxis(np.indices(SHAPE), 0, -1) - np.array([42, 30, 25]), axis=-1) < 2.5
    hu[stone] = 700.0
    volume = made_volume(hu.astype(np.float32))
    vessels = find_vessels(volume, given_liver(volume, mask), Phase("portal", 0.99))
    found = volume.pasted(vessels.labels, vessels.box) > 0
    assert not found[away < 7].any()
    assert not found[stone].any()
    assert found[portal].mean() > 0.8


def test_distance_is_negative_inside_a_vessel(trees: tuple[NDArray[np.bool_], ...]):
    volume, liver = enhanced(trees, PORTAL, HEPATIC)
    vessels = find_vessels(volume, liver, Phase("arterial", 0.99))
    inside, apart = vessels.distance_mm([[70, 60, 30], [70, 60, 50]], ("portal",))
    assert inside < 0
    assert apart == pytest.approx(20 - 4.4, abs=4)
