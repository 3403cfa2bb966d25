"""What is measured is right where blur, vessels or fluid would mislead."""

from dataclasses import replace

import numpy as np
import pytest
from tests.calcification.made_liver import LIVER_HU, Body, ball, holds, read, scan, shell, value, volume_mm3

from hepalith.image import Volume

SIZE_MM = 36.0


def joined(seen: Volume, other: Body, excess_hu: float, slice_mm: float) -> Volume:
    """Return a scan with another body laid in without noise."""
    bare = scan(other, excess_hu, slice_mm=slice_mm, noise_hu=0.001, size_mm=SIZE_MM).hu.astype(np.int32)
    return replace(seen, hu=(seen.hu + bare - round(LIVER_HU)).astype(np.int16))


def test_volume_of_a_sphere_below_the_blur_is_known_within_a_tenth() -> None:
    """A sphere of 3 mm in slices of 3 mm keeps half of its contrast; its volume is measured all the same."""
    ratios, held = [], 0
    for seed in range(4):
        seen = scan(
            ball(1.5, (0.6, 0.2, -0.3)), 800.0, slice_mm=3.0, noise_hu=8.0, size_mm=SIZE_MM, seed=seed
        )
        (focus,) = read(seen).foci
        ratios.append(value(focus.volume) / volume_mm3(ball(1.5)))
        held += holds(focus.volume, volume_mm3(ball(1.5)))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)
    assert np.std(ratios) < 0.1
    assert held >= 3


def test_the_content_of_a_shell_is_not_taken_from_its_excess() -> None:
    truth = volume_mm3(shell(9.0, 1.5)) * 500
    seen = scan(shell(9.0, 1.5), 500.0, slice_mm=1.5, size_mm=SIZE_MM)
    (focus,) = read(joined(seen, ball(7.5, (0, 0, 0)), -40.0, 1.5)).calcifications
    assert value(focus.integrated_excess) == pytest.approx(truth, rel=0.03)


@pytest.mark.parametrize("middle_mm", [0.0, 0.8, 1.6])
def test_the_caps_of_a_shell_in_thick_slices_are_summed(middle_mm: float) -> None:
    def body(z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.asarray(shell(11.0, 1.5)(z - middle_mm, y, x))

    seen = scan(body, 300.0, slice_mm=6.0, noise_hu=8.0, size_mm=40.0)
    (focus,) = read(seen).calcifications
    assert value(focus.integrated_excess) == pytest.approx(volume_mm3(shell(11.0, 1.5)) * 300, rel=0.05)


def test_the_rest_of_a_shell_is_no_neighbour_of_a_sphere_fitted_to_a_part_of_it() -> None:
    seen = scan(shell(9.0, 1.5), 500.0, slice_mm=6.0, noise_hu=8.0, size_mm=40.0)
    (focus,) = read(seen).calcifications
    assert value(focus.integrated_excess) == pytest.approx(volume_mm3(shell(9.0, 1.5)) * 500, rel=0.1)


def test_a_vessel_beside_a_focus_does_not_add_to_it() -> None:
    def vessel(z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return (x - 6.5) ** 2 + (y - 0.5) ** 2 + 0 * z < 9.0

    seen = scan(ball(1.5), 700.0, slice_mm=3.0, noise_hu=8.0, size_mm=SIZE_MM)
    foci = read(joined(seen, vessel, 60.0, 3.0), phase="portal")
    near = min(foci.foci, key=lambda f: abs(value(f.peak_hu) - 400))
    assert value(near.integrated_excess) == pytest.approx(volume_mm3(ball(1.5)) * 700, rel=0.1)


def test_a_thin_wall_is_limited_by_resolution_and_its_interval_holds() -> None:
    seen = scan(shell(8.0, 1.0), 400.0, slice_mm=2.5, size_mm=SIZE_MM)
    (focus,) = read(seen).calcifications
    assert focus.volume_limited_by_resolution
    assert holds(focus.volume, volume_mm3(shell(8.0, 1.0)))
