"""Below a focus at the surface lies what lies about it, as far as its own slice tells."""

import numpy as np
import pytest

from hepalith.calcification.extent.surface import carry_outside, continue_liver

SPACING_MM = (5.0, 0.7, 0.7)
SHAPE = (5, 41, 41)


def dome() -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return HU, mask and aperture of a focus in the liver's uppermost slice (1), lung above it (0)."""
    hu = np.full(SHAPE, 100.0, np.float32)
    hu[0] = -700.0
    liver = hu > 0
    inside = np.zeros(SHAPE, np.bool_)
    inside[1:3, 14:27, 14:27] = True
    liver[1, 14:27, 14:27] = False  # the outline left the bright voxels out
    return hu, liver, inside


def test_lung_above_the_dome_is_not_carried_on_into_the_slice_of_a_focus() -> None:
    hu, liver, inside = dome()
    found = continue_liver(hu, liver, inside, ~inside, level_hu=100.0, reach_hu=5.0, spacing_mm=SPACING_MM)
    assert found[inside].mean() > 0.85  # the very middle is as near to the lung as to its own slice
    outside = ~found & ~inside
    assert carry_outside(hu, outside, 100.0, SPACING_MM)[1, 20, 20] == pytest.approx(-700.0)


def test_the_tissue_of_the_slice_itself_is_carried_on_before_that_of_the_next() -> None:
    hu, liver, inside = dome()
    liver[1, :, :14] = False
    hu[1, :, :14] = -100.0  # fat beside the focus, lung above
    found = carry_outside(hu, ~liver & ~inside, 100.0, SPACING_MM)
    assert found[1, 20, 16] == pytest.approx(-100.0, abs=1.0)


def test_what_looks_like_the_liver_counts_as_liver_though_the_outline_steps_back() -> None:
    hu, liver, inside = dome()
    liver[:, :, :20] = False  # half of the liver about the focus is missing from the mask
    found = continue_liver(hu, liver, inside, ~inside, level_hu=100.0, reach_hu=5.0, spacing_mm=SPACING_MM)
    assert found[2][inside[2]].all()


def test_fat_beside_a_focus_stays_outside() -> None:
    hu, liver, inside = dome()
    liver[:, :, :20] = False
    hu[1:, :, :20] = -100.0
    found = continue_liver(hu, liver, inside, ~inside, level_hu=100.0, reach_hu=5.0, spacing_mm=SPACING_MM)
    assert not found[2, :, 14:18].any()
