from __future__ import annotations

import numpy as np
import pytest

from hepalith.phantom import Scanner, SliceProfile, kernel_blur_mm
from hepalith.phantom.scanner.scanner import KERNEL_BLUR_MM, KERNELS


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


def test_a_kernel_keeps_the_mean_and_a_sharp_one_raises_the_middle_frequencies() -> None:
    for kernel in KERNELS.values():
        assert sum(weight for weight, _ in kernel.parts) == pytest.approx(1)
    f = np.linspace(0, 1, 101)
    top = {}
    for name in ("soft", "lung"):
        parts = KERNELS[name].parts
        top[name] = np.sum([w * np.exp(-2 * np.pi**2 * s**2 * f**2) for w, s in parts], axis=0).max()
    assert 1.05 < top["lung"] < 1.15
    assert top["soft"] < 1.02


def test_a_scanner_takes_its_kernel_by_name() -> None:
    scanner = Scanner().with_kernel("lung")
    assert (scanner.kernel, scanner.blur_mm, scanner.boost) == ("LUNG", 0.36, 0.6)


def test_calcium_iodine_and_metal_gain_as_the_voltage_falls() -> None:
    labels = ("calcification", "iodine_in_vessel", "clip_or_coil", "gas")
    low, high = ([Scanner(kvp=kvp).gain_of(label) for label in labels] for kvp in (80.0, 140.0))
    assert low[1] > low[0] > 1.3
    assert 1 > high[0] > high[1]
    assert low[2] > 1 > high[2]
    assert low[3] == high[3] == 1
