"""The border on the scan's own voxels: finer than the coarse copy, and nothing new beyond it."""

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.sharpen import fill_holes, sharpen
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

SHAPE = (48, 96, 96)


def ball(radius_mm: float, centre: float = 36.0) -> NDArray[np.bool_]:
    k, j, i = np.ogrid[tuple(slice(n) for n in SHAPE)]
    away = (1.5 * k - 36) ** 2 + (0.75 * j - centre) ** 2 + (0.75 * i - centre) ** 2
    return np.asarray(away < radius_mm**2)


def scan(liver: NDArray[np.bool_], beyond_hu: float) -> Volume:
    hu = np.where(liver, 110.0, beyond_hu) + np.random.default_rng(0).normal(0, 12, SHAPE)
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    affine[2, 0], affine[1, 1], affine[0, 2] = 1.5, 0.75, 0.75
    return Volume(hu.astype(np.int16), Grid(SHAPE, affine))


def sharpened(volume: Volume, rough: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the border found from a rough mask, seen on the coarse copy."""
    as_hu = Volume(np.where(rough, 1000, 0).astype(np.int16), volume.grid)
    coarse = coarsen(as_hu)
    probability = np.clip(coarse.hu / 1000, 0.0, 1.0).astype(np.float32)
    return sharpen(volume, probability, coarse, Box((0, 0, 0), SHAPE))


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return 2 * int((one & other).sum()) / int(one.sum() + other.sum())


def test_a_border_with_fat_is_found_where_it_runs() -> None:
    liver, rough = ball(25.0), ball(24.0)
    found = sharpened(scan(liver, -100.0), rough)
    assert dice(found, liver) > 0.95
    assert dice(rough, liver) < 0.94


def test_what_lies_in_fat_is_taken_off() -> None:
    liver, rough = ball(25.0), ball(26.0)
    assert dice(sharpened(scan(liver, -100.0), rough), liver) > 0.98


def test_against_a_neighbour_that_measures_alike_the_border_stands() -> None:
    rough = ball(24.0)
    found = sharpened(scan(ball(34.0), -100.0), rough)
    assert dice(found, rough) > 0.97


def test_a_mass_within_stays_whatever_it_measures() -> None:
    liver = ball(25.0)
    volume = scan(liver, -100.0)
    hu = volume.hu.copy()
    hu[ball(10.0)] = -60
    found = sharpened(Volume(hu, volume.grid), liver)
    assert found[ball(10.0)].all()


def test_what_a_liver_encloses_is_of_the_liver_and_what_is_open_is_not() -> None:
    mask = np.ones((12, 12, 12), bool)
    mask[4:7, 4:7, 4:7] = False  # a cyst
    mask[9:, 9, 9] = False  # a notch, open to the upper face
    filled = fill_holes(mask)
    assert filled[5, 5, 5]
    assert not filled[10, 9, 9]
    assert np.count_nonzero(~filled) == 3
