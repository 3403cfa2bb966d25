"""What a fitted sphere leaves possible: its integrated excess and its volume, with what calcium can be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hepalith.calcification.extent.blur_belief import EXCESS, SIZE, BlurBelief
from hepalith.calcification.extent.sphere_fit import SphereFit

__all__ = ["CONTRAST_SPREAD", "MAX_CONTRAST_HU", "USUAL_CONTRAST_HU", "SphereVolume", "weigh_sphere"]

USUAL_CONTRAST_HU, CONTRAST_SPREAD = 500.0, 0.9
"""Contrast of calcium in the liver before it was looked at, and the standard deviation of its logarithm: from
90 to 2900 HU in 95 % of foci. Decides only where blur hides the size. Our judgement."""

MAX_CONTRAST_HU = 2500.0
"""Most that calcium in the liver stands above its surroundings. Pure hydroxyapatite would reach more;
calcified tissue and stones at 120 kVp stay below about 2000 HU. Our judgement."""

DIAMETERS_MM = np.geomspace(0.25, 16.0, 360)
"""Diameters that are weighed: the steps of 1.2 % are finer than any interval."""

SIZE_SHARE, SIZE_UNLIKE = 0.01, 1.0
"""Relative error of the squared diameter however little noise there is, and over how far the body may differ
from a sphere. From the development phantoms."""

EXCESS_SHARE, EXCESS_UNLIKE = 0.005, 0.4
"""The same of the integrated excess."""

Z95 = 1.96


@dataclass(frozen=True, slots=True)
class SphereVolume:
    """Integrated excess (HU·mm³) with its standard error, and volume (mm³) with its 95 % interval."""

    excess: float
    excess_se: float
    volume: float
    low: float
    high: float

    @property
    def volume_sd(self) -> float:
        """Standard deviation of the volume's logarithm, as its interval says it."""
        return math.log(self.high / self.low) / (2 * Z95)


def weigh_sphere(fit: SphereFit, belief: BlurBelief) -> SphereVolume:
    r"""Return integrated excess and volume of a fitted sphere.

    Notes
    -----
    The image of a sphere smaller than the blur is linear in its squared diameter :math:`q`, so that the
    fit's :math:`q` is normal even where it cannot be told from zero. The volume :math:`\pi q^{3/2} / 6` is
    weighed by that normal and by what contrast calcium has (`USUAL_CONTRAST_HU`); integrated excess and
    size are correlated, so the excess is that of the sizes that remain possible.
    """
    at, covariance = fit.solved(belief)
    scale = fit.scale_hu_mm3
    whole, size = scale * float(at[EXCESS]), float(at[SIZE])
    size_share = math.hypot(SIZE_SHARE, SIZE_UNLIKE * fit.unlike)
    size_sd = math.hypot(math.sqrt(float(covariance[SIZE, SIZE])), size_share * max(size, 0.0))
    slope = scale * float(covariance[EXCESS, SIZE] / covariance[SIZE, SIZE])
    alone = scale**2 * float(
        covariance[EXCESS, EXCESS] - covariance[EXCESS, SIZE] ** 2 / covariance[SIZE, SIZE]
    )
    q = DIAMETERS_MM**2
    volume = math.pi / 6 * DIAMETERS_MM**3
    excess = whole + slope * (q - size)
    contrast = np.maximum(excess, 1e-3) / volume
    usual = np.log(contrast / USUAL_CONTRAST_HU) / CONTRAST_SPREAD
    weight = -0.5 * ((q - size) / size_sd) ** 2 - 0.5 * usual**2
    weight[(excess <= 0) | (contrast > MAX_CONTRAST_HU)] = -np.inf
    if not np.isfinite(weight).any():
        weight = -np.abs(np.log(contrast / MAX_CONTRAST_HU))
    share = np.exp(weight - weight.max())
    share /= share.sum()
    mean = float((share * excess).sum())
    own = math.hypot(EXCESS_SHARE, EXCESS_UNLIKE * fit.unlike) * mean
    spread = math.sqrt(max(alone, 0.0) + float((share * (excess - mean) ** 2).sum()) + own**2)
    below = np.cumsum(share) - 0.5 * share
    low, value, high = (math.exp(float(np.interp(p, below, np.log(volume)))) for p in (0.025, 0.5, 0.975))
    return SphereVolume(mean, spread, value, low, high)
