"""Forms drawn as solids of known shape are measured and named as what they are."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.form.form import Form, join_fragments, measure_form
from hepalith.calcification.form.grid import draw_on_grid
from hepalith.calcification.form.morphology import describe_morphology
from hepalith.vocabulary import Measurement

FINE_MM = 0.5
SIDE_MM = 44.0
Shape = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]


def seen(shape: Shape, spacing_mm: tuple[float, float, float] = (1.5, 0.75, 0.75), hu: float = 600.0) -> Form:
    """Return the form of a solid as a scan with 1.3 mm of blur and 6 HU of noise shows it."""
    line = np.arange(-SIDE_MM / 2, SIDE_MM / 2, FINE_MM) + 0.1
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    solid = np.where(shape(z, y, x), hu, 0.0).astype(np.float32)
    for axis, (step, sigma) in enumerate(zip(spacing_mm, (0.0, 0.55, 0.55), strict=True)):
        if sigma:
            solid = ndimage.gaussian_filter1d(solid, sigma / FINE_MM, axis=axis)
        times = round(step / FINE_MM)
        solid = ndimage.uniform_filter1d(solid, times, axis=axis)
        solid = np.take(solid, np.arange(0, solid.shape[axis], times), axis=axis)
    actual = tuple(round(s / FINE_MM) * FINE_MM for s in spacing_mm)
    noisy = solid + np.random.default_rng(1).normal(0, 6, solid.shape).astype(np.float32)
    grid = draw_on_grid(noisy, solid > 0.5 * solid.max(), actual, 6.0)  # type: ignore[arg-type]
    return measure_form(grid, (actual[0] * 1.3**2) ** (1 / 3))


def ball(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    return z**2 + y**2 + x**2 < 6.0**2


def shell(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    away = np.sqrt(z**2 + y**2 + x**2)
    return (away < 14.0) & (away > 12.3)


def bowl(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    return shell(z, y, x) & (y < -4.0)


def rod(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (np.abs(x) < 10) & ((y - 0.02 * x**2) ** 2 + (z - 0.3 * x) ** 2 < 1.2**2)


def plate(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (np.abs(y + 0.3 * x) < 1.0) & (x**2 + z**2 < 7.0**2)


def fork(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    stem = (x > -16) & (x < 0) & (y**2 + z**2 < 1.3**2)
    left = (x >= 0) & (x < 13) & ((y - 0.6 * x) ** 2 + z**2 < 1.2**2)
    right = (x >= 0) & (x < 11) & ((y + 0.6 * x) ** 2 + (z - 0.2 * x) ** 2 < 1.2**2)
    return stem | left | right


def star(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    rays = z**2 + y**2 + x**2 < 2.0**2
    for turn in np.linspace(0.1, 2 * np.pi + 0.1, 8)[:-1]:
        along = x * np.cos(turn) + y * np.sin(turn)
        across = (x * np.sin(turn) - y * np.cos(turn)) ** 2 + z**2
        rays |= (along > 0) & (along < 11) & (across < (1.4 - 0.06 * along) ** 2)
    return rays


def sleeve(z: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    away = np.sqrt(y**2 + (z - 0.01 * x**2) ** 2)
    return (np.abs(x) < 11) & (away > 3.6) & (away < 5.0)


@pytest.mark.parametrize(
    ("shape", "diameter_mm", "word"),
    [
        (ball, 12.0, "nodular"),
        (shell, 28.0, "eggshell"),
        (bowl, 26.0, "rim"),
        (rod, 21.0, "linear"),
        (plate, 14.0, "plaque"),
        (fork, 30.0, "branching"),
        (star, 22.0, "stellate"),
        (sleeve, 24.0, "tram_track"),
    ],
)
def test_a_solid_is_named_as_what_it_is(shape: Shape, diameter_mm: float, word: str) -> None:
    named, chances = describe_morphology(seen(shape), Measurement(diameter_mm, "mm"), Measurement(300, "mm3"))
    assert named == word, chances
    assert sum(chances.values()) == pytest.approx(1.0)


def test_geometry_is_that_of_the_solid() -> None:
    assert seen(ball).solidity > 0.75
    assert seen(ball).ellipsoid == pytest.approx(1.0, abs=0.04)
    assert seen(shell).shell_cover > 0.95
    assert seen(shell).shell_empty == pytest.approx(1.0, abs=0.05)
    assert seen(bowl).shell_cover == pytest.approx(0.35, abs=0.12)
    assert seen(rod).elongation > 5
    assert seen(plate).flatness > 2.5
    assert seen(fork).ends == 3
    assert seen(star).rays == 7
    assert seen(sleeve).enclosed > 0.1


def test_a_thin_shell_is_found_in_thick_slices() -> None:
    named, _ = describe_morphology(
        seen(shell, (5.0, 0.75, 0.75)), Measurement(28.0, "mm"), Measurement(3700, "mm3")
    )
    assert named == "eggshell"


def test_pieces_that_all_but_touch_are_one_form_and_beads_are_not() -> None:
    owners = np.zeros((20, 40, 40), np.int32)
    owners[8:12, 10:14, 10:14] = 1
    owners[8:12, 10:14, 15:19] = 2  # one pixel between
    owners[8:12, 10:14, 23:27] = 3  # four
    whole, others = join_fragments(owners, owners == 1, (2.0, 0.75, 0.75))
    assert set(np.unique(owners[whole])) == {1, 2}
    assert set(np.unique(owners[others])) == {3}


def test_what_leaves_the_neighbourhood_is_no_piece() -> None:
    owners = np.zeros((20, 40, 40), np.int32)
    owners[8:12, 10:14, 10:14] = 1
    owners[8:12, 15:17, :] = 2
    whole, _ = join_fragments(owners, owners == 1, (1.0, 1.0, 1.0))
    assert set(np.unique(owners[whole])) == {1}
