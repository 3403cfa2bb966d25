"""Lobes are estimated, or left out where they cannot be."""

from __future__ import annotations

import numpy as np
from tests.anatomy.made_body import make_trunk

from hepalith.anatomy.find import given_liver
from hepalith.anatomy.lobes import find_lobes
from hepalith.geometry import Box


def test_the_right_end_is_right_and_the_left_end_is_left():
    trunk = make_trunk()
    liver = given_liver(trunk.volume, trunk.liver)
    assert (liver.lobes > 0)[liver.mask].all()
    assert (liver.lobes[~liver.mask] == 0).all()
    columns = np.nonzero(liver.mask)[2]
    lobes = liver.lobes[liver.mask]
    assert (lobes[columns < 20] == 1).all()
    assert (lobes[columns > liver.mask.shape[2] - 10] == 2).all()
    assert 0.5 < (lobes == 1).mean() < 0.9


def test_a_small_part_is_not_divided():
    trunk = make_trunk()
    box = Box((30, 60, 40), (34, 70, 50))
    assert not find_lobes(trunk.volume, box, np.ones(box.shape, bool)).any()
