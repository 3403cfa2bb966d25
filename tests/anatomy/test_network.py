"""What the network is shown, and what it says of phantoms it was not trained on."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pytest
from tests.anatomy.made_body import dice, grid_of, make_trunk

from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.find import find_builtin, find_liver
from hepalith.anatomy.network import (
    CHANNELS,
    CLASSES,
    LEAST_SLICES,
    MULTIPLE,
    SPACING_MM,
    find_organs,
    make_input,
    weights_sha256,
)
from hepalith.image.volume import Volume
from hepalith.phantom.body.abdomen import make_abdomen
from hepalith.phantom.body.variation import draw_variation
from hepalith.settings import Settings
from hepalith.training.atlas import SPACING_MM as ATLAS_MM
from hepalith.training.atlas import paint_atlas

LARGEST_BYTES = 8 * 2**20


@pytest.fixture(scope="module")
def phantom():
    """A phantom of the development split at 4 mm, with noise, and its liver."""
    random = np.random.default_rng([7, 5])
    atlas = paint_atlas(make_abdomen(random, draw_variation(random, coverage="whole")).bodies)
    hu = atlas.hu[atlas.tissue] + random.normal(0, 10, atlas.tissue.shape)
    liver = atlas.organ[atlas.tissue] == CLASSES.index("liver")
    volume = Volume(np.rint(hu).astype(np.int16), grid_of(hu.shape, (ATLAS_MM,) * 3))
    return volume, liver


def test_every_axis_fits_the_network_and_padding_is_out_of_the_field_of_view():
    hu = np.full((9, 33, 41), -1000, np.float32)
    hu[:, 8:25, 10:31] = 50
    channels = make_input(hu)
    assert channels.shape[0] == CHANNELS
    assert all(n % MULTIPLE == 0 for n in channels.shape[1:])
    assert channels.shape[1] == LEAST_SLICES
    field = channels[3]
    assert field[:9, :33, :41].all()
    assert field.sum() == hu.size


def test_coordinates_are_told_by_the_trunk_and_not_by_the_image():
    hu = np.full((9, 33, 60), -1000, np.float32)
    hu[:, 8:25, 10:31] = 50
    left = make_input(hu)[4, 0, 0]
    assert left[10] == pytest.approx(-1)
    assert left[20] == pytest.approx(0)
    assert left[30] == pytest.approx(1)


def test_metal_and_air_are_clipped():
    hu = np.full((4, 16, 16), 30000, np.float32)
    hu[0] = -2000
    assert np.abs(make_input(hu)[:2]).max() == 1


@pytest.mark.parametrize("value", [-1024, 0, 3000])
def test_an_image_of_nothing_is_taken(value):
    hu = np.full((3, 10, 10), value, np.float32)
    assert np.isfinite(make_input(hu)).all()


def test_probabilities_sum_to_one_and_come_out_the_same_twice(phantom):
    volume, _ = phantom
    one, other = find_organs(volume), find_organs(volume)
    assert np.allclose(one.probability.sum(axis=0), 1, atol=1e-4)
    assert (one.probability == other.probability).all()


def test_organs_of_a_phantom_lie_where_they_should(phantom):
    volume, liver = phantom
    organs = find_organs(volume)
    there = organs.on(coarsen(volume, ATLAS_MM), "liver")
    assert there.shape == liver.shape
    assert dice(there > 0.5, liver) > 0.85
    spleen, lung = organs.of("spleen") > 0.5, organs.of("lung") > 0.5
    assert np.argwhere(spleen)[:, 2].mean() > np.argwhere(organs.of("liver") > 0.5)[:, 2].mean()
    assert lung.sum() * SPACING_MM**3 > 5e5


def test_densities_and_network_together_find_the_liver_of_a_phantom(phantom):
    volume, liver = phantom
    found = find_liver(volume, Settings())
    assert dice(volume.pasted(found.mask, found.box), liver) > 0.9
    assert found.weights_sha256 == weights_sha256()


def test_a_disagreement_with_the_network_lowers_the_quality(phantom):
    volume, _ = phantom
    organs = find_organs(volume)
    shifted = organs.probability.copy()
    shifted[CLASSES.index("liver")] = np.roll(shifted[CLASSES.index("liver")], 4, axis=2)
    agreed = find_builtin(volume, organs)
    doubted = find_builtin(volume, type(organs)(organs.coarse, shifted))
    assert doubted.quality < agreed.quality


def test_a_trunk_without_a_liver_has_none_with_the_network_either():
    assert not find_liver(make_trunk(with_liver=False).volume, Settings()).is_in_view


def test_the_weights_are_small_and_told_by_their_digest():
    held = resources.files("hepalith.anatomy").joinpath("weights", "liver.onnx").read_bytes()
    assert len(held) <= LARGEST_BYTES
    assert hashlib.sha256(held).hexdigest() == weights_sha256()
