from __future__ import annotations

import math

import numpy as np
import pytest

from hepalith.evaluation.sight import noise_in_liver, noise_of_scanner, power_of, sphere_renderer
from hepalith.phantom import Scanner
from hepalith.phantom.scanner.noise import make_noise

SCANNER = Scanner(matrix=128, slices=10, pixel_mm=0.8, slice_spacing_mm=3.0, slice_thickness_mm=3.0)


@pytest.mark.parametrize("kernel", ["smooth", "standard", "lung"])
def test_the_noise_in_a_liver_is_known_in_spite_of_its_vessels(kernel: str) -> None:
    scanner = SCANNER.with_kernel(kernel)
    hu = 100 + 14.0 * make_noise(scanner, np.random.default_rng(1))
    hu[:, 40:46, :] += 80  # a vessel along the rows
    hu[:, :, 60:64] += 80  # and one across
    liver = np.ones(hu.shape, bool)
    liver[:, :6] = False
    found = noise_in_liver(np.rint(hu).astype(np.int16), liver, (3.0, 0.8, 0.8), noise_of_scanner(scanner))
    assert found == pytest.approx(14.0, rel=0.08)


@pytest.mark.parametrize("kernel", ["smooth", "lung"])
def test_a_drawn_sphere_keeps_its_volume(kernel: str) -> None:
    draw = sphere_renderer(SCANNER.with_kernel(kernel))
    image = draw(4.0, (0.9, 0.2, 0.1), 4.0)
    assert float(image.sum()) * 3.0 * 0.8 * 0.8 == pytest.approx(math.pi / 6 * 64, rel=0.005)
    assert draw(3.8, (0.0, 0.0, 0.0), 4.0).shape == image.shape


def test_the_power_adds_up_to_the_variance() -> None:
    power = power_of(SCANNER, noise_of_scanner(SCANNER), 12.0)
    bins = power.at((6, 48, 48))
    twice = np.full(bins.shape[2], 2.0)
    twice[0] = twice[-1] = 1.0
    assert float((bins * twice).sum()) / (6 * 48 * 48) ** 2 == pytest.approx(144.1, rel=0.05)
