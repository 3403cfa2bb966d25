"""Stents are known as one object; casts by what they hold per millimetre."""

import numpy as np
import pytest

from hepalith.calcification.mimic.casting import NO_CAST, follow_cast, rod_of
from hepalith.calcification.mimic.wire_tube import find_wire_tubes
from hepalith.image.noise import Blur

SPACING = (2.0, 1.0, 1.0)
BLUR = Blur(in_plane_fwhm_mm=1.4, slice_mm=2.0, source="skin")
NO_BONE = np.zeros((0, 3))


def _crop(wall_hu: int, inside_hu: int, length: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """A tube 8 mm wide along the slices, liver to its right."""
    hu = np.full((40, 60, 60), 50, np.int16)
    k, j, i = np.indices(hu.shape)
    away = np.hypot(j - 30, i - 40)
    along = (k >= 5) & (k < 5 + length)
    hu[along & (away <= 3)] = inside_hu
    hu[along & (np.abs(away - 4) <= 0.8)] = wall_hu
    return hu, i < 30


@pytest.mark.parametrize(
    ("wall_hu", "inside_hu", "length", "found"),
    [(2500, 0, 25, True), (700, -800, 25, True), (500, 40, 25, False), (2500, 0, 6, False)],
)
def test_a_long_hollow_tube_of_metal_or_with_gas_is_a_stent(
    wall_hu: int, inside_hu: int, length: int, *, found: bool
) -> None:
    hu, liver = _crop(wall_hu, inside_hu, length)
    tubes = find_wire_tubes(hu, liver, SPACING, 350.0, NO_BONE)
    assert bool(tubes) is found
    if found:
        assert tubes[0].length_mm == pytest.approx(2.0 * length, abs=5.0)
        assert tubes[0].radius_mm == pytest.approx(4.0, abs=0.8)
        assert tubes[0].hollow


@pytest.mark.parametrize(("inside_hu", "found"), [(20, True), (160, False)])
def test_a_long_round_tube_of_faint_wire_at_the_hilum_is_a_stent_if_it_holds_bile(
    inside_hu: int, *, found: bool
) -> None:
    hu, liver = _crop(500, inside_hu)
    liver[:, :20, :] = True  # in front, too
    assert bool(find_wire_tubes(hu, liver, SPACING, 350.0, NO_BONE)) is found


def test_wire_on_the_chest_is_no_stent() -> None:
    hu, liver = _crop(2500, 0)
    assert find_wire_tubes(hu, np.roll(liver, 52, axis=2) & ~liver, SPACING, 350.0, NO_BONE) == ()


@pytest.mark.parametrize(
    ("wall_hu", "inside_hu", "found"), [(2500, 0, True), (700, -800, True), (700, 200, False)]
)
def test_what_was_taken_for_bone_is_a_stent_by_gas_or_metal_alone(
    wall_hu: int, inside_hu: int, *, found: bool
) -> None:
    hu, liver = _crop(wall_hu, inside_hu)
    bone = np.argwhere(hu == wall_hu)[::7].astype(np.float64)
    assert bool(find_wire_tubes(hu, liver, SPACING, 350.0, bone)) is found


def test_a_stent_that_the_scan_cuts_off_is_one_where_it_is_metal_for_sure() -> None:
    hu, liver = _crop(2500, -800, 14)
    assert find_wire_tubes(hu, liver, SPACING, 350.0, NO_BONE)
    assert find_wire_tubes(hu[5:], liver[5:], SPACING, 350.0, NO_BONE)
    short, liver = _crop(2500, -800, 9)
    assert find_wire_tubes(short, liver, SPACING, 350.0, NO_BONE) == ()
    assert find_wire_tubes(short[5:], liver[5:], SPACING, 350.0, NO_BONE)


def test_a_rod_is_told_from_what_it_holds_per_mm_and_its_middle() -> None:
    sigma = np.sqrt((2 * BLUR.in_plane_sigma_mm**2 + BLUR.slice_sigma_mm**2) / 3)
    shown = 1000 * (1 - np.exp(-(3.0**2) / (8 * sigma**2)))
    contrast, width = rod_of(np.pi / 4 * 3.0**2 * 1000, shown, BLUR)
    assert contrast == pytest.approx(1000, rel=0.1)
    assert width == pytest.approx(3.0, rel=0.06)


def test_a_fork_has_two_arms_and_a_dot_no_course() -> None:
    body = np.zeros((5, 60, 60), bool)
    body[1:4, 5:50, 29:32] = True
    for step in range(20):
        body[1:4, 25 + step, 30 + step : 33 + step] = True
    excess = np.where(body, 500, 0).astype(np.float32)
    cast = follow_cast(body, excess, (1.0, 1.0, 1.0), BLUR, total_hu_mm3=500.0 * body.sum(), width_mm=3.0)
    assert cast.arms == 2
    assert cast.longest_mm == pytest.approx(47, abs=5)
    assert cast.unevenness == pytest.approx(0.0, abs=1e-6)
    dot = np.zeros((3, 3, 3), bool)
    dot[1, 1, 1] = True
    zero = np.zeros((3, 3, 3), np.float32)
    assert follow_cast(dot, zero, (1.0, 1.0, 1.0), BLUR, total_hu_mm3=1.0, width_mm=1.0) == NO_CAST
