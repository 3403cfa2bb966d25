from __future__ import annotations

import numpy as np
import pytest

from hepalith.evaluation.baseline import find_components


def test_a_component_is_measured_against_the_liver() -> None:
    hu = np.full((6, 12, 12), 60, np.int16)
    hu[2:4, 5:8, 5:8] = 260
    hu[0, 0, 0] = 900  # one voxel: too small
    hu[5, 11, 11] = 900  # not in the liver
    liver = np.ones(hu.shape, bool)
    liver[5] = False
    (part,), box, labels = find_components(hu, liver, 2.0, 130.0)
    assert part.voxels == 18
    assert part.volume_mm3 == 36
    assert part.excess_hu_mm3 == pytest.approx(36 * 200)
    assert part.mass_hu_mm3 == pytest.approx(36 * 260)
    assert part.centre == pytest.approx((2.5, 6, 6))
    assert box.shape == labels.shape


def test_without_a_liver_nothing_is_found() -> None:
    parts, box, _ = find_components(np.zeros((3, 3, 3), np.int16), np.zeros((3, 3, 3), bool), 1.0, 130.0)
    assert parts == ()
    assert box.is_empty
