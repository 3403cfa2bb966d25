"""The liver is found, taken as given, or said not to be in view."""

from __future__ import annotations

import numpy as np
import pytest
from tests.anatomy.made_body import Trunk, dice, grid_of, make_trunk

from hepalith.anatomy.find import find_liver, given_liver
from hepalith.anatomy.phase import estimate_phase
from hepalith.image.volume import Volume
from hepalith.settings import Settings
from hepalith.study.acquisition import Acquisition


@pytest.fixture(scope="module")
def plain() -> Trunk:
    return make_trunk()


def found_in(trunk: Trunk):
    liver = find_liver(trunk.volume, Settings())
    return liver, trunk.volume.pasted(liver.mask, liver.box)


def test_an_unenhanced_liver_is_found(plain):
    liver, mask = found_in(plain)
    assert dice(mask, plain.liver) > 0.95
    assert liver.source == "builtin"
    truth_ml = plain.liver.sum() * plain.volume.grid.voxel_mm3 / 1000
    assert liver.volume.low <= truth_ml <= liver.volume.high
    assert liver.quality > 0.6


def test_a_dark_mass_at_the_surface_belongs_to_the_liver():
    trunk = make_trunk(liver_hu=110, aorta_hu=160, mass_hu=15)
    mass = trunk.liver & (trunk.volume.hu < 60)
    _, mask = found_in(trunk)
    assert mass.sum() > 2000
    assert (mask & mass).sum() / mass.sum() > 0.9
    assert dice(mask, trunk.liver) > 0.95


def test_a_fatty_liver_darker_than_the_spleen_is_found():
    trunk = make_trunk(liver_hu=15, noise_hu=12)
    _, mask = found_in(trunk)
    assert dice(mask, trunk.liver) > 0.90


def test_the_top_of_the_liver_alone_is_found_and_its_cut_face_is_no_capsule(plain):
    first = 38  # slices of 5 mm: from 190 mm up
    volume = Volume(plain.volume.hu[first:], grid_of((22, 125, 170), (5.0, 2.0, 2.0)))
    liver = find_liver(volume, Settings())
    truth = plain.liver[first:]
    assert dice(volume.pasted(liver.mask, liver.box), truth) > 0.93
    assert liver.box.start[0] == 0
    assert liver.depth_mm.within((slice(0, 1), slice(None), slice(None))).max() > 30
    assert liver.in_view < 0.9


@pytest.mark.parametrize("keep", [slice(0, 12), slice(54, 60)], ids=["pelvis", "chest"])
def test_a_scan_beside_the_liver_shows_none(plain, keep):
    part = plain.volume.hu[keep]
    liver = find_liver(Volume(part, grid_of(part.shape, (5.0, 2.0, 2.0))), Settings())
    assert not liver.is_in_view
    assert liver.quality == 0.0
    assert any("no liver in view" in reason for reason in liver.quality_reasons)


def test_a_trunk_without_a_liver_shows_none():
    liver = find_liver(make_trunk(with_liver=False).volume, Settings())
    assert not liver.is_in_view


@pytest.mark.parametrize("value", [-1024, 0, 60])
def test_an_image_of_nothing_shows_none(value):
    volume = Volume(np.full((8, 40, 40), value, np.int16), grid_of((8, 40, 40), (5.0, 5.0, 5.0)))
    assert not find_liver(volume, Settings()).is_in_view


def test_the_same_scan_gives_the_same_liver(plain):
    one, _ = found_in(plain)
    two, _ = found_in(plain)
    assert one.box == two.box
    assert np.array_equal(one.mask, two.mask)
    assert one.quality == two.quality


def test_a_given_mask_is_taken_as_it_is(plain):
    liver = given_liver(plain.volume, plain.liver)
    assert liver.source == "given"
    assert np.array_equal(plain.volume.pasted(liver.mask, liver.box), plain.liver)
    assert liver.volume.value == pytest.approx(plain.liver.sum() * 0.02)
    assert liver.quality == 1.0


def test_an_empty_given_mask_is_no_liver(plain):
    liver = given_liver(plain.volume, np.zeros_like(plain.liver))
    assert not liver.is_in_view
    assert liver.volume.value == 0


@pytest.mark.real
def test_the_shared_scan_reaches_the_goal(shared_data):
    import nibabel  # noqa: PLC0415 - only where the shared scans are

    from hepalith.geometry import Grid, StoredOrder  # noqa: PLC0415

    image = nibabel.load(shared_data / "totalseg" / "ct.nii.gz")
    grid = Grid(image.shape, np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine)
    order = StoredOrder.of(grid)
    hu = np.ascontiguousarray(order.to_working(np.asarray(image.dataobj))).astype(np.int16)
    truth = nibabel.load(shared_data / "totalseg" / "organs" / "liver.nii.gz")
    truth = order.to_working(np.asarray(truth.dataobj)) > 0
    volume = Volume(hu, order.working_grid(grid), order)
    liver = find_liver(volume, Settings())
    assert dice(volume.pasted(liver.mask, liver.box), truth) >= 0.92
    # The aorta on the network's grid of 6 mm reaches into the vertebra there.
    assert estimate_phase(volume, liver, Acquisition()).label == "none"
