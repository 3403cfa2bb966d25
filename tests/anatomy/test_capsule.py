"""Depth below the capsule, the box, and the share in view."""

from __future__ import annotations

import numpy as np
import pytest
from tests.anatomy.made_body import ball, grid_of

from hepalith.anatomy.capsule import find_depth, share_in_view
from hepalith.geometry import Box
from hepalith.image.volume import Volume

WHOLE = (slice(None),) * 3


def sphere(shape=(60, 80, 80), spacing=(2.0, 1.0, 1.0), centre=(60.0, 40.0, 40.0), radius=30.0):
    at = tuple(a * s for a, s in zip(np.ogrid[tuple(slice(n) for n in shape)], spacing, strict=True))
    mask = ball(at, centre, (radius,) * 3)
    return Volume(np.zeros(shape, np.int16), grid_of(shape, spacing)), mask


def test_the_box_is_the_smallest():
    _, mask = sphere()
    box = Box.around(mask)
    assert mask[box.slices].sum() == mask.sum()
    assert all(mask[box.slices].any(axis=tuple({0, 1, 2} - {a})).all() for a in range(3))
    assert Box.around(np.zeros((3, 3, 3), bool)).is_empty


def test_depth_at_the_middle_of_a_ball_is_its_radius():
    volume, mask = sphere()
    box = Box.around(mask)
    depth = find_depth(mask[box.slices], box, volume).within(WHOLE)
    assert depth.max() == pytest.approx(30, abs=2)
    assert (depth[~mask[box.slices]] == 0).all()
    assert depth[mask[box.slices]].min() > 0


def test_a_face_of_the_volume_is_no_capsule():
    volume, mask = sphere(centre=(0.0, 40.0, 40.0))
    box = Box.around(mask)
    depth = find_depth(mask[box.slices], box, volume).within(WHOLE)
    assert depth[0].max() == pytest.approx(30, abs=2)


def test_depth_is_kept_on_two_millimetres_however_thin_the_slices_are():
    volume, mask = sphere(
        shape=(120, 160, 160), spacing=(0.5, 0.5, 0.5), centre=(30.0, 40.0, 40.0), radius=25
    )
    box = Box.around(mask)
    depth = find_depth(mask[box.slices], box, volume)
    assert depth.samples.size <= mask[box.slices].size / 40
    assert depth.within(WHOLE).max() == pytest.approx(25, abs=2)


def test_a_whole_liver_is_all_in_view_and_a_cut_one_is_not():
    volume, mask = sphere()
    box = Box.around(mask)
    assert share_in_view(mask[box.slices], box, volume) == 1.0
    volume, mask = sphere(centre=(0.0, 40.0, 40.0))
    box = Box.around(mask)
    assert share_in_view(mask[box.slices], box, volume) < 0.7
