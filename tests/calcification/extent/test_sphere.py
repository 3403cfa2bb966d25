"""A blurred sphere is what a finely drawn one becomes, and its derivatives are its differences."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.extent.blur_belief import FIRST_BLUR, BlurBelief
from hepalith.calcification.extent.sphere import PointSpread, Seen, sphere_view
from hepalith.calcification.extent.sphere_fit import believe_blur
from hepalith.image.noise import Blur

SPACING = (2.5, 0.7, 0.7)
BLUR = Blur(1.3, 2.5, "known")
AXES = (np.arange(13) * 2.5, np.arange(31) * 0.7, np.arange(31) * 0.7)
CENTRE = (15.3, 10.2, 10.6)


def see(
    diameter: float,
    *,
    blur: float = 1.0,
    edge: float = 0.02,
    boost: float = 0.0,
    by: tuple[float, ...] = (0, 0, 0),
) -> Seen:
    z, y, x = (c + d for c, d in zip(CENTRE, by, strict=True))
    spread = PointSpread(blur, edge, boost)
    return sphere_view(BLUR, SPACING).see(diameter, diameter + 2.5, spread, (z, y, x), AXES)


def drawn(diameter: float) -> NDArray[np.float64]:
    """Return the share of contrast of a sphere drawn on a fine grid, then blurred and averaged."""
    fine = 0.1
    z, y, x = (np.arange(n * round(s / fine)) * fine for n, s in zip((13, 31, 31), SPACING, strict=True))
    z = z - 1.25 + fine / 2
    inside = (
        (z[:, None, None] - CENTRE[0]) ** 2 + (y[:, None] - CENTRE[1]) ** 2 + (x - CENTRE[2]) ** 2
    ) < diameter**2 / 4
    slices = inside.reshape(13, 25, *inside.shape[1:]).mean(axis=1)
    blurred = ndimage.gaussian_filter(slices, (0, 1.3 / 2.3548 / fine, 1.3 / 2.3548 / fine))
    return np.asarray(blurred[:, ::7, ::7])


@pytest.mark.parametrize("diameter", [0.5, 2.0, 6.0, 11.0])
@pytest.mark.parametrize("edge", [0.02, 0.5])
def test_the_integral_of_a_blurred_sphere_is_one(diameter: float, edge: float) -> None:
    assert see(diameter, edge=edge).share.sum() * math.prod(SPACING) == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("diameter", [2.0, 5.0])
def test_a_blurred_sphere_is_what_a_finely_drawn_one_becomes(diameter: float) -> None:
    volume = math.pi / 6 * diameter**3
    apart = np.abs(see(diameter).share * volume - drawn(diameter))
    assert float(apart.max()) < 0.02


def test_derivatives_are_differences() -> None:
    step, seen = 1e-3, see(4.0, edge=0.4)

    def slope(ahead: Seen, behind: Seen) -> NDArray[np.float64]:
        return (ahead.share - behind.share) / (2 * step)

    pairs = [
        (seen.by_log_diameter, slope(see(4 * math.exp(step), edge=0.4), see(4 * math.exp(-step), edge=0.4))),
        (
            seen.by_log_blur,
            slope(see(4.0, blur=math.exp(step), edge=0.4), see(4.0, blur=math.exp(-step), edge=0.4)),
        ),
        (seen.by_edge, slope(see(4.0, edge=0.4 + step), see(4.0, edge=0.4 - step))),
        (
            see(4.0, boost=0.2).by_boost,
            slope(see(4.0, boost=0.2 + step), see(4.0, boost=0.2 - step)),
        ),
    ]
    for axis in range(3):
        by = [0.0, 0.0, 0.0]
        by[axis] = step
        there = slope(see(4.0, edge=0.4, by=tuple(by)), see(4.0, edge=0.4, by=tuple(-b for b in by)))
        pairs.append((seen.by_place[axis], there))
    for given, found in pairs:
        assert float(np.abs(given - found).max()) < 0.06 * float(np.abs(found).max())


def test_without_foci_the_blur_is_as_estimated() -> None:
    assert believe_blur([]).blur[0] == FIRST_BLUR[0]
    assert BlurBelief().blur == FIRST_BLUR
