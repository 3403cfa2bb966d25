"""The best linear observer: known answers in noise alone, and what vessels cost it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.evaluation.test_observer import blob

from hepalith.evaluation.hotelling import observe_liver
from hepalith.evaluation.observer import NoisePower, Sight, ideal_snr, limits_of

SPACING = (2.0, 1.0, 1.0)
SHAPE = (40, 110, 130)
SD_HU = 12.0


def draw(diameter: float, centre: tuple[float, float, float], largest: float) -> NDArray[np.float32]:
    return blob(diameter, centre, largest)


def white() -> NoisePower:
    return NoisePower(SPACING, np.linspace(0, 1, 5), np.ones(5), np.array([1.0]), SD_HU)


def scanned(vessels_hu: float, seed: int = 4) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    hu = 100 + random.normal(0, SD_HU, SHAPE)
    j, i = np.mgrid[: SHAPE[1], : SHAPE[2]]
    for _ in range(14):  # straight vessels across the slices, of 2 to 4 mm radius
        y, x, radius = random.uniform(0, SHAPE[1]), random.uniform(0, SHAPE[2]), random.uniform(2, 4)
        hu += vessels_hu / (1 + np.exp((np.hypot(j - y, i - x) - radius) / 0.5))
    return np.rint(hu).astype(np.int16)


def sight() -> Sight:
    return Sight(draw, white(), float(np.prod(SHAPE)) * 2.0)


LIVER = np.ones(SHAPE, bool)


def test_in_noise_alone_it_sees_what_the_ideal_observer_sees() -> None:
    seen = observe_liver(sight(), scanned(0.0), LIVER, 2.0)
    assert seen is not None
    observer, smallest = seen
    signal = 200.0 * draw(3.0, (0.3, 0.2, 0.1), 3.0)
    known = ideal_snr(signal, white())
    held_out, own = observer.snr(signal), observer.snr_resubstituted(signal)
    assert held_out == pytest.approx(known, rel=0.05)
    assert held_out <= own * 1.001
    limits = limits_of(sight())
    ideal = limits.smallest_mm()
    assert ideal is not None
    assert smallest is not None
    # the greatest of one liver's outputs is a draw: half a deviation of seven either way
    assert limits.snr_of(smallest, 250.0) == pytest.approx(limits.snr_needed(ideal), rel=0.12)


def test_vessels_cost_it_what_outshines_them() -> None:
    signal = 200.0 * draw(3.0, (0.3, 0.2, 0.1), 3.0)
    sizes, ratios = [], []
    for vessels in (0.0, 15.0, 40.0):
        seen = observe_liver(sight(), scanned(vessels), LIVER, 2.0)
        assert seen is not None
        assert seen[1] is not None
        sizes.append(seen[1])
        ratios.append(seen[0].snr(signal))
    assert sizes[0] < sizes[1] < sizes[2]
    assert ratios[0] > ratios[1] > ratios[2]


def test_too_little_liver_tells_nothing_of_its_anatomy() -> None:
    liver = np.zeros(SHAPE, bool)
    liver[10:14, 20:40, 20:40] = True
    assert observe_liver(sight(), scanned(0.0), liver) is None
    assert observe_liver(sight(), scanned(0.0), LIVER & False) is None
