"""The border between liver and what lies beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.outline.body import Body
from hepalith.anatomy.outline.border import place_border

SHAPE = (28, 28, 44)
FACE = 22
"""Column of the first voxel beyond the liver, which fills the right half."""


def half(face: int) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[:, 2:-2, 2:face] = True
    return mask


def scan(beside_hu: float, noise_hu: float = 8.0) -> NDArray[np.float32]:
    hu = np.full(SHAPE, -100.0)
    hu[:, 2:-2, 2:-2] = beside_hu
    hu[half(FACE)] = 60
    return (hu + np.random.default_rng(5).normal(0, noise_hu, SHAPE)).astype(np.float32)


def body_of(wall_depth_mm: float = 50.0) -> Body:
    none = np.zeros(SHAPE, bool)
    depth = np.full(SHAPE, wall_depth_mm, np.float32)
    return Body(np.ones(SHAPE, bool), none, none, none, depth, np.full(SHAPE[0], 22.0), 20.0)


def placed(hu: NDArray[np.float32], rough: NDArray[np.bool_], body: Body | None = None) -> NDArray[np.bool_]:
    likely = np.where(rough, 0.9, 0.1).astype(np.float32)
    return place_border(hu, hu > -20, body or body_of(), rough, likely) > 0.5


def wrong(found: NDArray[np.bool_], liver: NDArray[np.bool_]) -> float:
    """Share of the face's voxels: 1 is an error of one voxel all over it."""
    inner = (slice(4, -4), slice(6, -6), slice(12, 34))
    return np.count_nonzero((found ^ liver)[inner]) / (20 * 16)


def test_an_outline_a_voxel_too_wide_is_taken_back() -> None:
    assert wrong(placed(scan(30), half(FACE + 1)), half(FACE)) < 0.1


def test_an_outline_a_voxel_too_narrow_is_filled() -> None:
    assert wrong(placed(scan(30), half(FACE - 1)), half(FACE)) < 0.1


def test_a_brighter_neighbour_is_left_out_too() -> None:
    assert wrong(placed(scan(100), half(FACE + 1)), half(FACE)) < 0.1


def test_where_the_neighbour_measures_the_same_the_border_stands() -> None:
    rough = half(FACE + 1)
    assert wrong(placed(scan(60), rough), rough) < 0.1


def test_nothing_is_added_within_the_wall() -> None:
    rough = half(FACE - 1)
    found = placed(scan(30), rough, body_of(wall_depth_mm=0.0))
    assert not (found & ~rough).any()


def test_the_border_is_not_moved_far() -> None:
    found = placed(scan(30), half(FACE + 6))
    assert found[:, 6:-6, FACE + 2].mean() > 0.9


def test_calcium_below_the_capsule_stays_in_the_liver() -> None:
    hu = scan(30)
    hu[13:15, 13:15, FACE - 2 : FACE] = 400
    found = placed(hu, half(FACE))
    assert found[13:15, 13:15, FACE - 2 : FACE].all()


def test_a_vein_full_of_contrast_is_not_added() -> None:
    hu = scan(30)
    hu[10:18, 8:20, FACE:] = 260
    rough = half(FACE)
    assert not (placed(hu, rough) & ~rough)[10:18, 8:20].any()
