"""Laying one CT onto another, on a made liver that was moved by a known motion."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.geometry import Box, Grid
from hepalith.image.volume import AIR_HU, Volume
from hepalith.registration import Alignment
from hepalith.registration.align import align, lay

SPACING = (4.0, 2.5, 2.5)
SHAPE = (44, 96, 120)
BOX = Box((8, 22, 20), (36, 74, 84))


def grid(shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Grid:
    affine = np.zeros((4, 4))
    affine[0, 2], affine[1, 1], affine[2, 0], affine[3, 3] = SPACING[2], SPACING[1], SPACING[0], 1.0
    affine[:3, 3] = shift
    return Grid(SHAPE, affine)


def trunk(enhanced: bool) -> NDArray[np.float64]:
    """Return a trunk with a lumpy organ, vessels in it, a spine, and lung above the organ."""
    k, j, i = np.meshgrid(*(np.arange(n) * s for n, s in zip(SHAPE, SPACING, strict=True)), indexing="ij")
    hu = np.full(SHAPE, -1000.0)
    body = ((j - 120) / 105) ** 2 + ((i - 150) / 138) ** 2 < 1
    hu[body] = -95
    lumps = 9 * np.sin(k / 13.0) + 7 * np.sin(j / 17.0 + i / 23.0)
    liver = ((k - 85) / 52) ** 2 + ((j - 120) / 62) ** 2 + ((i - 130) / 76) ** 2 < 1 + lumps / 100
    hu[body & (k > 125 + 0.004 * (i - 130) ** 2)] = -850
    hu[liver] = 110 if enhanced else 55
    for slope, shift in ((0.5, 20), (-0.4, 150), (0.2, 70)):
        tube = (j - (shift + slope * i)) ** 2 + (k - 85 - 0.2 * (i - 130)) ** 2 < 36
        hu[tube & liver] = 180 if enhanced else 42
    hu[((j - 195) / 17) ** 2 + ((i - 150) / 20) ** 2 < 1] = 240
    return hu


def volume(hu: NDArray[np.float64], place: Grid, seed: int) -> Volume:
    noisy = hu + np.random.default_rng(seed).normal(0, 12, hu.shape)
    return Volume(np.clip(noisy, -1024, 3000).astype(np.int16), place)


def test_an_enhanced_liver_that_breathed_is_laid_onto_the_unenhanced_one() -> None:
    breath = np.array([2.0, -3.0, 17.0])  # LPS millimetres
    fixed = volume(trunk(enhanced=False), grid(), 1)
    moving = volume(trunk(enhanced=True), grid((2.0, -3.0, 17.0)), 2)
    found = align(fixed, moving, BOX)
    assert found is not None
    points = fixed.grid.to_lps(np.argwhere(fixed.hu > -50)[::997])
    inside = [p for p in points if BOX.start[0] <= fixed.grid.to_index(p)[0] < BOX.stop[0]]
    error = np.linalg.norm(found.to_moving(np.array(inside)) - np.array(inside) - breath, axis=1)
    assert np.median(error) < 1.5
    assert found.shift_mm == pytest.approx(np.linalg.norm(breath), abs=2.0)
    assert found.agreement > 0.6


@pytest.fixture(scope="module")
def shifted() -> tuple[Volume, Volume, Alignment]:
    fixed, moving = volume(trunk(enhanced=False), grid(), 1), volume(trunk(enhanced=True), grid((0, 0, 8)), 2)
    found = align(fixed, moving, BOX)
    assert found is not None
    return fixed, moving, found


def test_the_same_images_are_laid_the_same_way_twice(shifted: tuple[Volume, Volume, Alignment]) -> None:
    fixed, moving, first = shifted
    second = align(fixed, moving, BOX)
    assert second is not None
    assert np.array_equal(first.displacement_mm, second.displacement_mm)


def test_what_is_laid_lies_where_the_alignment_says(shifted: tuple[Volume, Volume, Alignment]) -> None:
    fixed, moving, found = shifted
    part = fixed.grid.cropped(BOX)
    laid = lay(found, moving, part)
    index = np.argwhere(np.ones(part.shape, bool))[::2003]
    at = moving.grid.to_index(found.to_moving(part.to_lps(index)))
    expected = ndimage.map_coordinates(moving.hu.astype(float), at.T, order=1, cval=AIR_HU)
    assert np.abs(laid[tuple(index.T)] - expected).max() <= 1.5


def test_images_of_other_places_are_not_laid_together() -> None:
    fixed = volume(trunk(enhanced=False), grid(), 1)
    moving = volume(trunk(enhanced=True), grid((0.0, 0.0, 400.0)), 2)
    assert align(fixed, moving, BOX) is None


def test_unrelated_images_agree_no_better_than_by_chance() -> None:
    fixed = volume(trunk(enhanced=False), grid(), 1)
    blobs = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 1, SHAPE), 2.5)
    moving = volume(60 + 900 * blobs, grid(), 4)
    found = align(fixed, moving, BOX)
    assert found is not None
    assert found.agreement < 0.35
