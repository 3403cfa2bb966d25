"""Samples are bent, cut and dressed by chance, the same for the same seed, and true to their labels."""

from __future__ import annotations

import numpy as np
import pytest

from hepalith.anatomy.network import LEAST_SLICES, MULTIPLE, SPACING_MM
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Ellipsoid
from hepalith.training.appearance import dress
from hepalith.training.atlas import CLASSES, Atlas, paint_atlas
from hepalith.training.deformation import draw_sample
from hepalith.training.stream import QUARTERS, make_example, stream_examples

LIVER = CLASSES.index("liver")


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    bodies = (
        Body(Ellipsoid((0, 0, 0), (150, 100, 400)), -100.0),
        Body(Ellipsoid((-60, 0, 0), (60, 60, 60)), 60.0, "liver"),
        Body(Ellipsoid((60, 0, 60), (60, 60, 60)), -850.0, "lung"),
    )
    return paint_atlas(bodies)


@pytest.fixture(scope="module")
def stored(atlas, tmp_path_factory):
    path = tmp_path_factory.mktemp("maps") / "0000001.npz"
    atlas.save(path)
    return path


def test_every_voxel_is_shared_out_among_the_classes(atlas):
    random = np.random.default_rng(3)
    sample = dress(atlas, draw_sample(atlas, random), random)
    assert np.allclose(sample.share.sum(axis=0), 1)
    assert np.isfinite(sample.hu).all()
    assert sample.hu.min() >= -1024


def test_samples_differ_in_size_and_some_are_slabs(atlas):
    shapes = [draw_sample(atlas, np.random.default_rng(n)).tissue.shape[1:] for n in range(12)]
    assert len(set(shapes)) > 8
    assert min(s[0] for s in shapes) * SPACING_MM < 170


def test_lung_is_dark_in_every_sample(atlas):
    for seed in range(6):
        random = np.random.default_rng(seed)
        sample = dress(atlas, draw_sample(atlas, random), random)
        lung = sample.share[CLASSES.index("lung")] == 1
        if lung.sum() > 100:
            assert np.median(sample.hu[lung]) < -450


def test_the_same_seed_gives_the_same_example_and_another_seed_another(stored):
    one, again, other = (make_example(stored, (1, n)) for n in (5, 5, 6))
    assert (one[0] == again[0]).all()
    assert (one[1] == again[1]).all()
    assert one[0].shape != other[0].shape or (one[0] != other[0]).any()


def test_an_example_fits_the_network(stored):
    channels, quarters = make_example(stored, (1, 2))
    assert all(n % MULTIPLE == 0 for n in channels.shape[1:])
    assert channels.shape[1] >= LEAST_SLICES
    assert (quarters.sum(axis=0) == QUARTERS).all()


def test_the_stream_is_in_a_fixed_order_whatever_the_number_of_workers(stored):
    streams = [stream_examples(lambda: [stored], 4, workers) for workers in (1, 2)]
    for _ in range(2):
        one, other = (next(s)[0] for s in streams)
        assert one.shape == other.shape
        assert (one == other).all()
    for stream in streams:
        stream.close()
