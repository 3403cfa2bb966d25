from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from hepalith.evaluation.observer import (
    NoisePower,
    Sight,
    false_calls,
    ideal_snr,
    limits_of,
    threshold_for,
)

SPACING = (2.0, 1.0, 1.0)


def white_power(sd_hu: float) -> NoisePower:
    frequency = np.linspace(0, 1, 5)
    return NoisePower(SPACING, frequency, np.ones(5), np.array([1.0]), sd_hu)


def blob(diameter: float, centre: tuple[float, float, float], largest: float) -> NDArray[np.float32]:
    """A Gaussian blob with the volume of a sphere: a signal whose slopes are known in closed form."""
    half = [math.ceil((largest + 8) / s) for s in SPACING]
    k, j, i = (
        np.arange(-h, h + 1)[:, None, None].reshape([-1 if a == n else 1 for n in range(3)]) * SPACING[a]
        - centre[a]
        for a, h in enumerate(half)
    )
    width = math.hypot(diameter / 2, 1.5)
    sphere = math.pi / 6 * diameter**3
    density = np.exp(-(k * k + j * j + i * i) / (2 * width**2)) / (width * math.sqrt(2 * math.pi)) ** 3
    return np.asarray(sphere * density, dtype=np.float32)


def test_in_white_noise_the_ratio_is_that_of_the_signals_energy() -> None:
    signal = blob(3.0, (0.0, 0.0, 0.0), 3.0)
    expected = math.sqrt(float((signal.astype(float) ** 2).sum())) / math.sqrt(0.1**2 + 1 / 12)
    assert ideal_snr(signal, white_power(0.1)) == pytest.approx(expected, rel=0.01)  # less the level


def test_the_ideal_filter_reaches_its_ratio_on_simulated_noise() -> None:
    random = np.random.default_rng(3)
    noise = random.standard_normal((64, 96, 96), dtype=np.float32)
    smooth = noise[1:] + 0.5 * noise[:-1]
    for axis in (1, 2):
        smooth = smooth + 0.6 * np.roll(smooth, 1, axis) + 0.6 * np.roll(smooth, -1, axis)
    field = 10.0 * smooth / smooth.std()
    power = NoisePower.of(field, SPACING, 10.0)
    signal = blob(4.0, (0.3, 0.2, 0.1), 4.0) * 40
    k, j, i = signal.shape
    spectrum = np.fft.rfftn(signal)
    weights = 1 / power.at((k, j, i))
    weights[0, 0, 0] = 0
    template = np.fft.irfftn(spectrum * weights, signal.shape, axes=(0, 1, 2))
    trials = [
        float((field[a : a + k, b : b + j, c : c + i] * template).sum())
        for a, b, c in random.integers(0, [63 - k, 96 - j, 96 - i], (800, 3))
    ]
    reached = float((signal * template).sum()) / np.std(trials)
    assert reached == pytest.approx(ideal_snr(signal, power), rel=0.15)


def test_false_calls_of_a_filter_are_counted_as_they_come() -> None:
    # white noise: no smoothness, so the count is that of voxels beyond the threshold
    assert false_calls(3.0, 1e6, 1000, 1e6) == pytest.approx(1.35, rel=0.01)
    assert false_calls(threshold_for(0.34, 1.5e6, 10**6, 0.2), 1.5e6, 10**6, 0.2) == pytest.approx(0.34)


def test_more_liver_to_search_asks_for_a_higher_threshold() -> None:
    assert threshold_for(0.34, 1.5e6, 10**6, 0.2) > threshold_for(0.34, 1.5e5, 10**5, 0.2)


def test_no_estimate_of_a_known_shape_beats_the_one_where_it_is_unknown() -> None:
    limits = limits_of(Sight(blob, white_power(10.0), 1.5e6))
    for diameter in (1.5, 3.0, 8.0):
        known = 1 / limits.snr_of(diameter, 300.0)
        assert limits.excess_bound(diameter, 300.0) > known
        assert limits.volume_bound(diameter, 300.0) > limits.excess_bound(diameter, 300.0)


def test_a_least_squares_fit_reaches_the_bound_of_the_integrated_excess() -> None:
    random = np.random.default_rng(5)
    diameter, excess, sd = 5.0, 400.0, 10.0
    limits = limits_of(Sight(blob, white_power(sd), 1.5e6))
    at = (0.3, 0.2, -0.1)
    clean = excess * blob(diameter, at, diameter).astype(float)
    slopes = [clean]
    slopes.append(excess * (blob(diameter * 1.01, at, diameter) - blob(diameter * 0.99, at, diameter)) / 0.02)
    for axis in range(3):
        there = np.array(at)
        there[axis] += 0.05
        back = np.array(at)
        back[axis] -= 0.05
        ends = [blob(diameter, (float(p[0]), float(p[1]), float(p[2])), diameter) for p in (there, back)]
        slopes.append(excess * (ends[0] - ends[1]) / 0.1)
    slopes.append(np.ones_like(clean))
    design = np.stack([s.ravel() for s in slopes], axis=1).astype(float)
    fit = np.linalg.pinv(design)
    drawn = random.normal(0, sd, (400, clean.size))
    estimates = drawn @ fit.T  # small changes of log contrast, log diameter, place, level
    spread = float(np.std(estimates[:, 0] + 3 * estimates[:, 1]))
    assert spread == pytest.approx(limits.excess_bound(diameter, excess), rel=0.15)


def test_a_larger_claim_is_needed_in_more_noise() -> None:
    quiet = limits_of(Sight(blob, white_power(5.0), 1.5e6)).smallest_mm()
    loud = limits_of(Sight(blob, white_power(40.0), 1.5e6)).smallest_mm()
    assert quiet is not None
    assert loud is not None
    assert quiet < loud
