from __future__ import annotations

import numpy as np
import pytest

from hepalith.evaluation import dice, surface_distance_mm


def _cube(start: int, stop: int) -> np.ndarray:
    mask = np.zeros((12, 12, 12), dtype=bool)
    mask[start:stop, start:stop, start:stop] = True
    return mask


def test_an_outline_agrees_wholly_with_itself_and_not_at_all_with_its_outside() -> None:
    assert dice(_cube(2, 6), _cube(2, 6)) == 1.0
    assert dice(_cube(2, 6), ~_cube(2, 6)) == 0.0


def test_two_empty_outlines_agree() -> None:
    assert dice(np.zeros((3, 3, 3), bool), np.zeros((3, 3, 3), bool)) == 1.0


def test_a_cube_shifted_by_half_shares_half() -> None:
    one, other = _cube(2, 6), np.roll(_cube(2, 6), 2, axis=0)
    assert dice(one, other) == pytest.approx(0.5)


def test_surfaces_moved_by_two_voxels_are_two_spacings_apart() -> None:
    one = np.zeros((20, 5, 5), bool)
    one[:8] = True
    other = np.zeros((20, 5, 5), bool)
    other[:10] = True
    mean, far = surface_distance_mm(one, other, (1.5, 1.0, 1.0))
    assert mean == pytest.approx(3.0)
    assert far == pytest.approx(3.0)


def test_outlines_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="different shape"):
        dice(np.zeros((3, 3, 3), bool), np.zeros((3, 3, 4), bool))


def test_an_empty_outline_has_no_surface_distance() -> None:
    with pytest.raises(ValueError, match="without a surface"):
        surface_distance_mm(np.zeros((3, 3, 3), bool), _cube(2, 6)[:3, :3, :3], (1, 1, 1))
