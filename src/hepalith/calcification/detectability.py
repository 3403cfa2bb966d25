"""The smallest focus that this scan could have shown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.aperture import Scene
from hepalith.calcification.background import Surroundings
from hepalith.calcification.blur_model import SphereResponse, sphere_response
from hepalith.calcification.candidate import MIN_EXCESS_HU, MIN_PEAK_HU, Thresholds, smooth_ratio
from hepalith.calcification.focus import Detectability
from hepalith.image.noise import FWHM_PER_SIGMA
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["AT_EXCESS_HU", "find_detectability"]

AT_EXCESS_HU = 250.0
"""Contrast of the sphere asked for: soft calcification, about 150–200 mg/mL at 120 kVp."""

POWER_DEVIATIONS = 1.28
"""Noise deviations above the threshold at which nine of ten are found."""

MOST_SHARE = 0.97
"""Share of its contrast that a focus must not need: larger ones would not help."""


def find_detectability(
    thresholds: Thresholds, surroundings: Surroundings, scene: Scene, blood_hu: float | None
) -> Detectability:
    """Return the diameter of the sphere at `AT_EXCESS_HU` that is called with probability 0.9.

    Parameters
    ----------
    thresholds, surroundings
        What a voxel must exceed, and where it stands.
    scene
        Noise, blur and grid.
    blood_hu
        The most that blood reaches in an enhanced scan: a focus must exceed it to be told from a
        vessel. None in an unenhanced scan.

    Notes
    -----
    The peak of the sphere at its least favourable sub-voxel place (between two slices) must exceed
    the threshold by `POWER_DEVIATIONS` of noise; at the coarser scale the same holds with the mean
    over that scale added to the blur. The better of the two scales counts. Checked by implanting
    (`benchmarks/intervals.py`).
    """
    noise, blur, spacing = scene.noise, scene.blur, scene.spacing_mm
    spread = max(noise.sd_hu, float(np.median(surroundings.spread_hu)))
    floor = max(MIN_EXCESS_HU + thresholds.vessel_hu, MIN_PEAK_HU - surroundings.liver_hu)
    if blood_hu is not None:
        floor = max(floor, blood_hu - surroundings.liver_hu)
    needed = max(thresholds.deviations * spread + thresholds.vessel_hu, floor)
    options = [(needed + POWER_DEVIATIONS * spread, scene.response)]
    ratio = smooth_ratio(thresholds, noise, surroundings)
    if ratio < 1.0:
        softer = blur.in_plane_fwhm_mm**2 + (
            (FWHM_PER_SIGMA * thresholds.smooth_width[1] * spacing[1]) ** 2 / 12
        )
        thick = math.hypot(blur.slice_mm, (thresholds.smooth_width[0] - 1) * spacing[0])
        smoothed = sphere_response(replace(blur, in_plane_fwhm_mm=math.sqrt(softer), slice_mm=thick), spacing)
        least = max(thresholds.smooth_deviations * spread * ratio + thresholds.vessel_hu, floor)
        options.append((least + POWER_DEVIATIONS * spread * ratio, smoothed))
    words = (
        f"noise {noise.sd_hu:.0f} HU, in-plane blur {blur.in_plane_fwhm_mm:.1f} mm, "
        f"slices {blur.slice_mm:g} mm "
        f"every {spacing[0]:g} mm: a voxel must stand {min(n for n, _ in options):.0f} HU above the liver"
    )
    if blood_hu is not None and floor == blood_hu - surroundings.liver_hu:
        words += f", as blood reaches {blood_hu:.0f} HU"
    sizes = [_sizes(response, n / AT_EXCESS_HU) for n, response in options if n < MOST_SHARE * AT_EXCESS_HU]
    if not sizes:
        hidden = NotAssessable("noise or enhanced vessels hide foci of any size at this contrast")
        return Detectability(hidden, AT_EXCESS_HU, words)
    best, worst = min(sizes, key=lambda size: size[1])
    return Detectability(Measurement(worst, "mm", min(best, worst), worst), AT_EXCESS_HU, words)


def _sizes(response: SphereResponse, share: float) -> tuple[float, float]:
    """Return the diameters that keep a share of their contrast at the best and at the worst place."""
    return _diameter(response.recovery_high, response, share), _diameter(
        response.recovery_low, response, share
    )


def _diameter(recovery: NDArray[np.float64], response: SphereResponse, share: float) -> float:
    """Return the diameter at which the recovery reaches a share."""
    return float(math.exp(np.interp(share, recovery, np.log(response.diameter_mm))))
