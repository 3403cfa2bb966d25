"""The smallest focus that this scan could have shown."""

from __future__ import annotations

import math

import numpy as np

from hepalith.calcification.background import Surroundings
from hepalith.calcification.blur_model import SphereResponse
from hepalith.calcification.candidate import MIN_EXCESS_HU, MIN_PEAK_HU, Thresholds
from hepalith.calcification.focus import Detectability
from hepalith.image.noise import Blur, Noise
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["AT_EXCESS_HU", "find_detectability"]

AT_EXCESS_HU = 250.0
"""Contrast of the sphere asked for: soft calcification, about 150–200 mg/mL at 120 kVp."""

POWER_DEVIATIONS = 1.28
"""Noise deviations above the threshold at which nine of ten are found."""


def find_detectability(
    thresholds: Thresholds,
    surroundings: Surroundings,
    noise: Noise,
    blur: Blur,
    response: SphereResponse,
    spacing_mm: tuple[float, float, float],
) -> Detectability:
    """Return the diameter of the sphere at `AT_EXCESS_HU` that is found with probability 0.9.

    The peak of the sphere, at its least favourable sub-voxel place, must exceed the threshold by
    `POWER_DEVIATIONS` of noise. At the coarser scale the same, with the mean over that scale as blur.
    """
    spread = max(noise.sd_hu, float(np.median(surroundings.spread_hu)))
    floor = max(MIN_EXCESS_HU, MIN_PEAK_HU - surroundings.liver_hu)
    needed = max(max(thresholds.deviations * spread, MIN_EXCESS_HU) + thresholds.vessel_hu, floor)
    share = (needed + POWER_DEVIATIONS * spread) / AT_EXCESS_HU
    words = (
        f"noise {noise.sd_hu:.0f} HU, in-plane blur {blur.in_plane_fwhm_mm:.1f} mm, slices {blur.slice_mm:g} mm "
        f"every {spacing_mm[0]:g} mm: a focus must stand {needed:.0f} HU above the liver"
    )
    if share >= 0.98:
        return Detectability(
            NotAssessable("noise or vessels hide foci of any size at this contrast"), AT_EXCESS_HU, words
        )
    half = 0.5 * (response.recovery_low + response.recovery)
    low = _diameter(response.recovery, response, share)
    value = _diameter(half, response, share)
    high = _diameter(response.recovery_low, response, share)
    return Detectability(Measurement(value, "mm", min(low, value), max(high, value)), AT_EXCESS_HU, words)


def _diameter(recovery: np.ndarray, response: SphereResponse, share: float) -> float:
    """Return the diameter at which the recovery reaches a share."""
    return float(math.exp(np.interp(share, recovery, np.log(response.diameter_mm))))
