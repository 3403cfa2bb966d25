"""A stent that thick slices leave little of is told by the gas within it."""

import numpy as np
import pytest

from hepalith.calcification.mimic.gas_tube import find_gas_tubes

SPACING = (2.0, 1.0, 1.0)


def _crop(wall_hu: int, gas_hu: int = -900, length: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """A tube 8 mm wide along the slices at the hilum: liver to its right and in front of it."""
    hu = np.full((40, 60, 60), 50, np.int16)
    k, j, i = np.indices(hu.shape)
    away = np.hypot(j - 30, i - 40)
    along = (k >= 5) & (k < 5 + length)
    hu[along & (away <= 3)] = gas_hu
    hu[along & (np.abs(away - 4) <= 0.8)] = wall_hu
    return hu, (i < 30) | (j < 20)


@pytest.mark.parametrize(
    ("wall_hu", "gas_hu", "length", "found"),
    [(240, -900, 25, True), (120, -900, 25, False), (240, 20, 25, False), (240, -900, 8, False)],
)
def test_a_slender_body_of_gas_is_a_stent_if_it_is_walled_all_about(
    wall_hu: int, gas_hu: int, length: int, *, found: bool
) -> None:
    hu, liver = _crop(wall_hu, gas_hu, length)
    tubes = find_gas_tubes(hu, liver, SPACING, 60.0)
    assert bool(tubes) is found
    if found:
        assert tubes[0].length_mm == pytest.approx(50.0, abs=6.0)
        assert tubes[0].gas_within
        assert (hu[tuple(tubes[0].places.astype(int).T)] == wall_hu).all()


def test_gas_over_a_pool_of_contrast_medium_is_no_stent() -> None:
    hu, liver = _crop(60)
    hu[5:30, 33:38, 34:46] = 400
    assert find_gas_tubes(hu, liver, SPACING, 60.0) == ()


def test_gas_apart_from_the_hilum_is_no_stent() -> None:
    hu, _ = _crop(400)
    liver = np.zeros(hu.shape, bool)
    liver[:, :, 50:] = True
    assert find_gas_tubes(hu, liver, SPACING, 60.0) == ()
