"""Noise and blur are measured in the image."""

import numpy as np
import pytest
from scipy import ndimage

from hepalith.geometry import Grid
from hepalith.image import Volume
from hepalith.image.noise import estimate_blur, estimate_noise

SPACING = (3.0, 0.7, 0.7)


def correlated(shape: tuple[int, int, int], sd_hu: float, seed: int = 0, sigma: float = 1.0) -> np.ndarray:
    field = np.random.default_rng(seed).standard_normal(shape)
    field = ndimage.gaussian_filter(field, (0, sigma, sigma))
    return field * sd_hu / field.std()


@pytest.mark.parametrize("sd_hu", [5.0, 15.0, 35.0])
def test_noise_is_found_under_shading(sd_hu: float) -> None:
    shading = np.linspace(0, 60, 200)[None, None, :]
    hu = np.rint(60 + shading + correlated((12, 200, 200), sd_hu)).astype(np.int16)
    noise = estimate_noise(hu, np.ones(hu.shape, bool), SPACING)
    assert noise.measured
    assert noise.sd_hu == pytest.approx(sd_hu, rel=0.08)


def test_vessels_do_not_count_as_noise() -> None:
    hu = 100 + correlated((12, 200, 200), 12.0)
    hu[:, ::40, :] += 80
    hu[:, 1::40, :] += 80
    noise = estimate_noise(np.rint(hu).astype(np.int16), np.ones(hu.shape, bool), SPACING)
    assert noise.sd_hu == pytest.approx(12.0, rel=0.25)


def test_variance_of_a_sum_follows_the_correlation() -> None:
    field = correlated((20, 240, 240), 15.0)
    noise = estimate_noise(np.rint(field).astype(np.int16), np.ones(field.shape, bool), SPACING)
    sums = ndimage.uniform_filter(field, (1, 5, 5), mode="constant")[:, 10:-10:9, 10:-10:9] * 25
    weights = np.zeros((1, 15, 15))
    weights[:, 5:10, 5:10] = 1
    assert np.sqrt(noise.variance_of(weights)) == pytest.approx(float(sums.std()), rel=0.2)
    assert noise.voxels_per_element > 4


def test_overlapping_slices_share_their_noise() -> None:
    field = ndimage.uniform_filter1d(correlated((40, 160, 160), 15.0), 2, axis=0)
    noise = estimate_noise(np.rint(field).astype(np.int16), np.ones(field.shape, bool), SPACING)
    middle = [n // 2 for n in noise.correlation.shape]
    assert noise.correlation[middle[0] + 1, middle[1], middle[2]] == pytest.approx(0.5, abs=0.1)


def test_a_small_region_gives_a_plain_spread_and_says_so() -> None:
    hu = np.rint(50 + np.random.default_rng(0).normal(0, 10, (8, 12, 12))).astype(np.int16)
    region = np.zeros(hu.shape, bool)
    region[1:7, 3:9, 3:9] = True
    noise = estimate_noise(hu, region, (3.0, 3.0, 3.0))
    assert not noise.measured
    assert noise.sd_hu == pytest.approx(10.0, rel=0.4)


def edge_volume(fwhm_mm: float, pixel_mm: float = 0.7) -> Volume:
    x = np.arange(220) * pixel_mm
    profile = ndimage.gaussian_filter1d(np.where(np.arange(2200) * pixel_mm / 10 > 40, -80.0, -1000.0), 1)
    profile = ndimage.gaussian_filter1d(profile, fwhm_mm / 2.3548 / (pixel_mm / 10))[::10][: x.size]
    hu = np.broadcast_to(profile, (6, 120, x.size)) + np.random.default_rng(1).normal(0, 8, (6, 120, x.size))
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, :3] = np.array([[0, 0, pixel_mm], [0, pixel_mm, 0], [2.0, 0, 0]])
    return Volume(np.rint(hu).astype(np.int16), Grid(hu.shape, affine))


@pytest.mark.parametrize("fwhm_mm", [1.2, 1.8])
def test_blur_is_read_off_the_skin(fwhm_mm: float) -> None:
    blur = estimate_blur(edge_volume(fwhm_mm), None)
    assert blur.source == "skin edge"
    assert blur.in_plane_fwhm_mm == pytest.approx(fwhm_mm, rel=0.2)


def test_without_a_skin_a_usual_kernel_is_taken() -> None:
    hu = np.full((6, 64, 64), 60, np.int16)
    affine = np.eye(4)
    blur = estimate_blur(Volume(hu, Grid(hu.shape, affine)), 2.5)
    assert blur.source == "usual soft-tissue kernel"
    assert blur.slice_mm == 2.5


@pytest.mark.parametrize("thickness_mm", [None, 0.0, 50.0])
def test_an_implausible_slice_thickness_gives_way_to_the_distance(thickness_mm: float | None) -> None:
    hu = np.full((6, 64, 64), 60, np.int16)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, :3] = np.array([[0, 0, 0.7], [0, 0.7, 0], [3.0, 0, 0]])
    assert estimate_blur(Volume(hu, Grid(hu.shape, affine)), thickness_mm).slice_mm == 3.0
