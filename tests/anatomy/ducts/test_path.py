"""The course of a tube: length, branches, and calibre below a voxel."""

from __future__ import annotations

import numpy as np
import pytest
from tests.anatomy.made_ducts import distance_from

from hepalith.anatomy.ducts.path import trace_course

TRUNK = ((32.0, 20.0, 55.0), (32.0, 80.0, 55.0))
TWIG = ((32.0, 50.0, 55.0), (32.0, 70.0, 85.0))


def test_a_straight_tube_has_its_length_and_cross_section() -> None:
    share = np.clip(3.5 - distance_from(TRUNK), 0, 1).astype(np.float32)
    course = trace_course(share > 0.5, share, (1.0, 1.0, 1.0))
    assert course.length_mm == pytest.approx(65.0, abs=3.0)
    middle = course.calibres_mm[10:-10]
    assert middle == pytest.approx(np.full(len(middle), 6.0), rel=0.06)


def test_a_tube_thinner_than_its_voxels_keeps_its_calibre() -> None:
    share = np.clip(1.5 - distance_from(TRUNK), 0, 1).astype(np.float32)  # 2 mm wide
    thin = 0.5 * (share + np.roll(share, 1, axis=0))  # blurred along one axis
    course = trace_course(thin > 0.3, thin, (1.0, 1.0, 1.0))
    assert float(np.median(course.calibres_mm)) == pytest.approx(2.1, rel=0.12)


def test_a_branch_is_followed_from_the_root() -> None:
    distance = np.minimum(distance_from(TRUNK), distance_from(TWIG))
    share = np.clip(3.0 - distance, 0, 1).astype(np.float32)
    course = trace_course(share > 0.5, share, (1.0, 1.0, 1.0), np.array([32.0, 15.0, 55.0]))
    assert abs(course.path[0][1] - 18.0) < 2.5
    assert len(course.branches) == 1
    assert course.total_mm == pytest.approx(98.0, abs=10.0)
