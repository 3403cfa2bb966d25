"""A small sphere keeps a share of its contrast that blur, slices and place decide."""

import numpy as np
import pytest

from hepalith.calcification.extent.blur_model import sphere_response
from hepalith.image.noise import Blur

SPACING = (3.0, 0.7, 0.7)


def test_recovery_rises_from_none_to_all() -> None:
    response = sphere_response(Blur(1.2, 3.0, "test"), SPACING)
    assert (np.diff(response.recovery) >= -1e-9).all()
    assert response.recovery[0] < 0.01
    assert response.recovery[-1] == pytest.approx(1.0, abs=0.02)
    assert (response.recovery_low <= response.recovery + 1e-6).all()
    assert (response.recovery <= response.recovery_high + 1e-6).all()


@pytest.mark.parametrize("diameter_mm", [3.0, 5.0, 8.0])
def test_diameter_comes_back_from_peak_and_sum(diameter_mm: float) -> None:
    response = sphere_response(Blur(1.2, 3.0, "test"), SPACING)
    ratio = response.recovery_at(diameter_mm) / (np.pi / 6 * diameter_mm**3)
    assert response.diameter_of(ratio) == pytest.approx(diameter_mm, rel=0.02)


def test_thicker_slices_keep_less() -> None:
    thin = sphere_response(Blur(1.2, 1.0, "test"), (1.0, 0.7, 0.7))
    thick = sphere_response(Blur(1.2, 5.0, "test"), (5.0, 0.7, 0.7))
    assert thick.recovery_at(3.0) < 0.6 * thin.recovery_at(3.0)
