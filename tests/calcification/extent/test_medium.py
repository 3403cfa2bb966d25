"""The background below a focus is that of what surrounds it, not of what lies on one side or further off."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hepalith.calcification.extent.medium import Medium, carry_medium
from hepalith.image.noise import LAGS, Noise

SPACING = (2.0, 1.0, 1.0)
SHAPE = (13, 25, 25)


def white(sd_hu: float) -> Noise:
    correlation = np.zeros([2 * n + 1 for n in LAGS])
    correlation[LAGS] = 1.0
    return Noise(sd_hu, correlation)


def away() -> NDArray[np.float64]:
    """Return each voxel's distance from the middle, in mm."""
    z, y, x = (
        (np.arange(n) - n // 2).reshape([-1 if a == b else 1 for b in range(3)]) * s
        for a, (n, s) in enumerate(zip(SHAPE, SPACING, strict=True))
    )
    return np.asarray(np.sqrt(z**2 + y**2 + x**2))


def carried(step: NDArray[np.float64], noise_hu: float = 5.0) -> tuple[Medium, NDArray[np.bool_]]:
    hu = 60 + step + np.random.default_rng(3).normal(0, noise_hu, SHAPE)
    inside = away() < 4
    medium = carry_medium(
        hu.astype(np.float32),
        ~inside,
        inside,
        60.0,
        spacing_mm=SPACING,
        noise=white(noise_hu),
        texture_hu=1.0,
        noise_share=1.0,
    )
    return medium, inside


def test_even_liver_stays_at_the_level_of_the_ring() -> None:
    medium, inside = carried(np.zeros(SHAPE))
    assert abs(float(medium.step_hu[inside].mean())) < 0.5
    assert medium.error_hu < 1.0


def test_bile_on_all_sides_is_what_a_stone_lies_in() -> None:
    medium, inside = carried(np.where(away() < 9, -45.0, 0.0))
    assert float(medium.step_hu[inside].mean()) == pytest.approx(-45.0, abs=4.0)


def test_a_vessel_on_one_side_does_not_go_on_below_a_focus() -> None:
    beside = np.zeros(SHAPE)
    beside[:, :, 18:23] = 60.0
    medium, _ = carried(beside)
    assert abs(float(medium.step_hu[6, 12, 11])) < 5.0
    assert medium.error_hu > carried(np.zeros(SHAPE))[0].error_hu
