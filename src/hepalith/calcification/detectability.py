"""The smallest focus that this scan could have shown."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hepalith.calcification.aperture import Scene
from hepalith.calcification.background import Surroundings, reduce_sum
from hepalith.calcification.blur_model import SphereResponse, sphere_response
from hepalith.calcification.candidate import MIN_EXCESS_HU, MIN_PEAK_HU, Thresholds, smooth_ratio
from hepalith.calcification.focus import Detectability
from hepalith.image.noise import FWHM_PER_SIGMA
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["AT_EXCESS_HU", "find_detectability"]

AT_EXCESS_HU = 250.0
"""Contrast of the sphere asked for: soft calcification, about 150–200 mg/mL at 120 kVp."""

POWER = 0.9
"""Share of foci of the claimed size, anywhere in the liver, that must be found."""

POINT_MM3 = 27.0
"""Volume over which the liver's own structure adds to or takes from the peak of a focus as small as those
the claim is about. Our judgement."""

BISECTIONS = 14
"""Halvings of the range in which the needed excess is looked for: below 0.1 HU of 1000."""

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
    Noise and background differ within a liver, and so does the threshold. The peak of the sphere at its
    least favourable sub-voxel place (between two slices) must exceed the threshold in so many places that
    `POWER` of all foci are found, with noise and the liver's own structure added to the peak; at the
    coarser scale the same holds with the mean over that scale added to the blur. The better of the two
    scales counts. Checked by implanting (`benchmarks/implants.py`).
    """
    noise, blur, spacing = scene.noise, scene.blur, scene.spacing_mm
    floor = MIN_EXCESS_HU + thresholds.vessel_hu
    if blood_hu is not None:
        floor = max(floor, blood_hu - surroundings.liver_hu)
    cells = _Cells.of(scene, surroundings)
    least = thresholds.deviations * cells.spread_hu + thresholds.vessel_hu
    options = [(cells.peak_for(least, floor, 1.0), scene.response)]
    ratio = smooth_ratio(thresholds, noise, surroundings)
    if ratio < 1.0:
        softer = blur.in_plane_fwhm_mm**2 + (
            (FWHM_PER_SIGMA * thresholds.smooth_width[1] * spacing[1]) ** 2 / 12
        )
        thick = math.hypot(blur.slice_mm, (thresholds.smooth_width[0] - 1) * spacing[0])
        smoothed = sphere_response(replace(blur, in_plane_fwhm_mm=math.sqrt(softer), slice_mm=thick), spacing)
        least = thresholds.smooth_deviations * cells.spread_hu * ratio + thresholds.vessel_hu
        options.append((cells.peak_for(least, floor, ratio), smoothed))
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


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The liver's places on the coarse grid: spread of a voxel, level, and error of that level, in HU."""

    spread_hu: NDArray[np.float64]
    level_hu: NDArray[np.float64]
    structure_hu: float

    @classmethod
    def of(cls, scene: Scene, surroundings: Surroundings) -> _Cells:
        """Return the places of a scene's liver."""
        places = reduce_sum(scene.liver, surroundings.factor) > 0.5 * float(np.prod(surroundings.factor))
        if not places.any():
            places[:] = True
        return cls(
            np.maximum(surroundings.spread_hu[places], scene.noise.sd_hu).astype(np.float64),
            surroundings.level_hu[places].astype(np.float64),
            surroundings.error_of(POINT_MM3),
        )

    def peak_for(self, least_hu: NDArray[np.float64], floor_hu: float, ratio: float) -> float:
        """Return the excess at which `POWER` of foci exceed what their places ask for.

        Parameters
        ----------
        least_hu
            Excess that each place asks for.
        floor_hu
            Excess asked for everywhere.
        ratio
            Noise at this scale over that of a voxel.
        """
        needed = np.maximum(np.maximum(least_hu, floor_hu), MIN_PEAK_HU - self.level_hu)
        chance = np.hypot(self.spread_hu * ratio, self.structure_hu)
        low, high = 0.0, float((needed + 6 * chance).max())
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            found = float(special.ndtr((middle - needed) / chance).mean())
            low, high = (middle, high) if found < POWER else (low, middle)
        return high


def _sizes(response: SphereResponse, share: float) -> tuple[float, float]:
    """Return the diameters that keep a share of their contrast at the best and at the worst place."""
    return _diameter(response.recovery_high, response, share), _diameter(
        response.recovery_low, response, share
    )


def _diameter(recovery: NDArray[np.float64], response: SphereResponse, share: float) -> float:
    """Return the diameter at which the recovery reaches a share."""
    return float(math.exp(np.interp(share, recovery, np.log(response.diameter_mm))))
