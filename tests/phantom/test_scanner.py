from __future__ import annotations

import numpy as np
import pytest

from hepalith.phantom import Scanner, SliceProfile, kernel_blur_mm
from hepalith.phantom.noise import make_noise
from hepalith.phantom.scanner import KERNEL_BLUR_MM


def test_slice_profiles_that_touch_see_every_point_alike() -> None:
    at = np.linspace(0, 3, 61)
    for thickness, spacing in ((3.0, 3.0), (5.0, 2.5), (3.0, 2.0)):
        profile = SliceProfile.of(thickness, spacing)
        width = 1e-4
        seen = np.zeros_like(at)
        for n in range(-6, 8):
            low = profile.cumulative(at - n * spacing - width)
            seen += (profile.cumulative(at - n * spacing + width) - low) / (2 * width)
        assert seen * spacing == pytest.approx(1.0, abs=1e-3)


def test_a_profile_is_all_there_and_half_at_its_centre() -> None:
    profile = SliceProfile.of(2.5, 2.5)
    shares = profile.cumulative(np.array([-profile.reach_mm, 0.0, profile.reach_mm]))
    assert shares == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("STANDARD", "soft"), ("LUNG", "sharp"), ("B70f", "sharp"), ("B20f", "smooth"), ("B30f", "soft"),
     ("BONE", "sharp"),      ("Br40d", "soft"), ("FC51", "sharp"), ("", "soft")],
)  # fmt: skip
def test_kernels_are_known_by_name(name: str, kind: str) -> None:
    assert kernel_blur_mm(name) == KERNEL_BLUR_MM[kind]


def test_noise_is_of_unit_size_and_its_power_vanishes_toward_both_ends_of_the_spectrum() -> None:
    scanner = Scanner(matrix=128, slices=6, pixel_mm=0.8)
    noise = make_noise(scanner, np.random.default_rng(0))
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    power = np.abs(np.fft.rfft2(noise)).mean(axis=0) ** 2
    rows = power[:, 0][1:64]
    peak = int(rows.argmax())
    assert 5 < peak < 50
    assert rows[:3].mean() < 0.35 * rows[peak - 3 : peak + 4].mean()
    assert rows[-6:].mean() < 0.8 * rows[peak - 3 : peak + 4].mean()


def test_neighbouring_slices_share_some_noise_and_others_none() -> None:
    noise = make_noise(Scanner(matrix=128, slices=8), np.random.default_rng(1))
    flat = noise.reshape(8, -1)
    shared = 1 / 10  # of two trapezoids of width w, edge w/2 and distance w: (w/12) / (5w/6)
    assert np.corrcoef(flat[2], flat[3])[0, 1] == pytest.approx(shared, abs=0.03)
    assert abs(np.corrcoef(flat[2], flat[4])[0, 1]) < 0.05
