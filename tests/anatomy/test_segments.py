"""Segments are divided where landmarks show how, and left out where they cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from tests.anatomy.made_body import make_trunk

from hepalith.anatomy.atlas.couinaud import PARAMETERS, PLANES, Planes, load_atlas
from hepalith.anatomy.atlas.landmarks import FEATURES, VIEWS
from hepalith.anatomy.find import given_liver
from hepalith.anatomy.liver import Liver
from hepalith.anatomy.segments import SEGMENTS, find_lobes, find_segments
from hepalith.image.volume import Volume


@pytest.fixture(scope="module")
def seen() -> tuple[Volume, Liver]:
    trunk = make_trunk()
    return trunk.volume, given_liver(trunk.volume, trunk.liver)


def test_the_right_end_is_right_and_the_left_end_is_left(seen: tuple[Volume, Liver]):
    _, liver = seen
    assert (liver.lobes > 0)[liver.mask].all()
    assert (liver.lobes[~liver.mask] == 0).all()
    columns = np.nonzero(liver.mask)[2]
    lobes = liver.lobes[liver.mask]
    assert (lobes[columns < 20] == 1).all()
    assert (lobes[columns > liver.mask.shape[2] - 10] == 2).all()
    assert 0.5 < (lobes == 1).mean() < 0.9


def test_probabilities_sum_to_one_everywhere_and_every_voxel_has_a_segment(seen: tuple[Volume, Liver]):
    volume, liver = seen
    segments = find_segments(volume, liver)
    assert segments.assessable
    np.testing.assert_allclose(segments.probability.sum(axis=0), 1, atol=1e-4)
    assert (segments.labels[liver.mask] > 0).all()
    assert not segments.labels[~liver.mask].any()
    middle = segments.at(volume.grid.to_lps(np.argwhere(liver.mask)[0] + np.array(liver.box.start)))
    assert sum(middle.values()) == pytest.approx(1.0)
    assert tuple(middle) == SEGMENTS


def test_the_lower_right_end_is_below_the_upper_one(seen: tuple[Volume, Liver]):
    volume, liver = seen
    labels = find_segments(volume, liver).labels
    heights = np.nonzero(labels)[0]
    held = labels[labels > 0]
    upper, lower = heights[np.isin(held, (7, 8))].mean(), heights[np.isin(held, (5, 6))].mean()
    assert upper > lower


def test_a_small_part_is_not_divided(seen: tuple[Volume, Liver]):
    volume, _ = seen
    mask = np.zeros(volume.hu.shape, dtype=np.bool_)
    mask[30:34, 60:70, 40:50] = True
    liver = given_liver(volume, mask)
    segments = find_segments(volume, liver)
    assert not segments.assessable
    assert "too little" in segments.reason
    assert segments.at((0.0, 0.0, 0.0)) == {}
    assert not find_lobes(volume, liver).any()


def test_the_atlas_holds_every_view_and_its_covariances_are_possible():
    atlas = load_atlas()
    assert set(atlas) == set(VIEWS.values())
    for table in atlas.values():
        assert table.mean.size == len(FEATURES) + PARAMETERS
        assert np.linalg.eigvalsh(table.covariance).min() > -1e-4
        assert table.count >= 200


def test_a_point_seen_on_a_plane_draws_the_plane_to_it_and_narrows_it():
    mean = np.zeros(PARAMETERS)
    mean[4 * PLANES.index("middle")] = 1.0
    mean[23:26] = 0.1
    planes = Planes(np.zeros(3), 100.0, mean, np.eye(PARAMETERS) * 0.01)
    at = np.array([[0.1, -0.3, 0.0]])
    design = np.zeros((1, PARAMETERS))
    start = 4 * PLANES.index("middle")
    design[0, start : start + 4] = (*at[0], 1.0)
    after = planes.narrowed(design, np.zeros(1), np.array([1e-6]))
    assert planes.chance_beyond("middle", at)[0] > 0.8
    assert after.chance_beyond("middle", at)[0] == pytest.approx(0.5, abs=0.1)
    assert after.covariance[start + 3, start + 3] < planes.covariance[start + 3, start + 3]
