r"""The ideal observer: what noise and blur let anyone see or measure.

A signal :math:`s` (the focus as sampled, known exactly) in Gaussian noise of covariance :math:`C`
(known) on an even background of unknown level is detected best by the prewhitening matched filter,
with :math:`d'^2 = s^T C^{-1} s`; no unbiased estimate of its parameters has less variance than the
inverse of the Fisher information, :math:`F_{ij} = \partial_i s^T C^{-1} \partial_j s`. Both are sums
over frequencies where the noise is stationary:

.. math:: d'^2 = \sum_{f \ne 0} |\hat s(f)|^2 / P(f)

with :math:`P` the noise power (the expected squared modulus of the noise's transform) and the
frequency zero left out, as the level is not known.

Notes
-----
A bound, not a reader: it knows the size, the shape and the noise, and its background has no vessels
and no texture. A product may come near it and cannot pass it but by chance.

References
----------
.. [1] H. H. Barrett, K. J. Myers, "Foundations of Image Science", Wiley 2004, chapter 13
       (ideal observers) and 13.3 (Fisher information).
.. [2] K. J. Worsley et al., "A three-dimensional statistical analysis for CBF activation studies in
       human brain", J Cereb Blood Flow Metab 12:900-918, 1992. doi:10.1038/jcbfm.1992.127
       (maxima of a Gaussian field above a threshold).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize, special

__all__ = ["NoisePower", "Sight", "SphereLimits", "false_calls", "ideal_snr", "limits_of", "threshold_for"]

ROUNDING_HU2 = 1 / 12
"""Variance of rounding to whole HU, in HU². It bounds what noise-free frequencies could tell."""

RADIAL_BINS = 96
"""Bins of spatial frequency in which the in-plane noise power is averaged."""

MOST_LAGS = 8
"""Slices apart at which the noise of slices is still compared."""

DIAMETERS_MM = tuple(float(v) for v in np.geomspace(1.0, 12.0, 9))
"""Diameters at which limits are worked out; between them they are interpolated."""

PLACES = ((0.13, 0.29, 0.41), (0.38, 0.08, 0.21))
"""Sub-voxel places (voxels off the centre of one) over which limits are averaged."""

SHIFT_MM = 0.2
"""Step of the derivative by place."""

SWELL = 0.02
"""Relative step of the derivative by diameter."""

PADDING_MM = 8.0
"""Empty room about a signal on each side, so that the periodic transform does not meet itself."""

SOUGHT_SHARE = 0.9
"""Share of foci that must be found at the smallest detectable size: the product's own claim."""

FALSE_GOAL = 0.34
"""False calls a liver allowed, the published anchor (peers.md, urolithiasis ensemble, A)."""

CLAIM_EXCESS_HU = 250.0
"""Contrast at which the smallest focus is stated (`detectability.at_excess_hu` of the contract)."""


@dataclass(frozen=True, slots=True, eq=False)
class NoisePower:
    """Noise power of a scanner, known from its noise alone.

    Parameters
    ----------
    spacing_mm
        Voxels along (slice, row, column).
    frequency, power
        In-plane frequency in cycles per mm and relative power there; its mean over the pixels'
        frequencies is 1.
    across
        Correlation of slices by lag, from 1 at lag 0.
    sd_hu
        Standard deviation in the liver.
    """

    spacing_mm: tuple[float, float, float]
    frequency: NDArray[np.float64]
    power: NDArray[np.float64]
    across: NDArray[np.float64]
    sd_hu: float

    @classmethod
    def of(
        cls, noise: NDArray[np.float32], spacing_mm: tuple[float, float, float], sd_hu: float
    ) -> NoisePower:
        """Return the power of a stationary noise field, periodic in its slices.

        Examples
        --------
        >>> import numpy as np
        >>> white = np.random.default_rng(1).standard_normal((6, 64, 64), dtype=np.float32)
        >>> power = NoisePower.of(white, (1.0, 0.8, 0.8), 10.0)
        >>> abs(float(power.at((4, 16, 16)).mean()) / (4 * 16 * 16 * (100 + 1 / 12)) - 1) < 0.05
        True
        """
        field = noise / noise.std()
        spectrum = np.zeros((field.shape[1], field.shape[2] // 2 + 1))
        for plane in field:
            spectrum += np.abs(fft.rfft2(plane)) ** 2
        f = _in_plane_frequency(field.shape[1:], spacing_mm[1:])
        edges = np.linspace(0, float(f.max()) * (1 + 1e-9), RADIAL_BINS + 1)
        at = np.digitize(f.ravel(), edges) - 1
        count = np.bincount(at, minlength=RADIAL_BINS)[:RADIAL_BINS]
        total = np.bincount(at, spectrum.ravel(), minlength=RADIAL_BINS)[:RADIAL_BINS]
        middle = np.bincount(at, f.ravel(), minlength=RADIAL_BINS)[:RADIAL_BINS]
        held = count > 0
        power = total[held] / count[held] / field.size
        lags = min(MOST_LAGS, field.shape[0] - 1)
        across = [1.0, *(float((field[n:] * field[:-n]).mean()) for n in range(1, lags + 1))]
        kept = np.where(np.abs(across) > 0.03, across, 0.0)
        return cls(spacing_mm, middle[held] / count[held], power, kept, sd_hu)

    def at(self, shape: tuple[int, int, int]) -> NDArray[np.float64]:
        """Return the expected squared modulus of the noise's half transform over a box, in HU²."""
        f = _in_plane_frequency(shape[1:], self.spacing_mm[1:])
        plane = np.interp(f, self.frequency, self.power)
        turn = 2 * np.pi * fft.fftfreq(shape[0])
        lags = np.arange(1, self.across.size)
        slices = 1 + 2 * (self.across[1:, None] * np.cos(lags[:, None] * turn[None])).sum(axis=0)
        variance = self.sd_hu**2 * np.maximum(slices, 0.0)[:, None, None] * plane[None]
        return np.asarray(math.prod(shape) * (variance + ROUNDING_HU2))


def _in_plane_frequency(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the modulus of the frequency at each bin of a half transform, in cycles per mm."""
    fy = fft.fftfreq(shape[0], spacing_mm[0])[:, None]
    fx = fft.rfftfreq(shape[1], spacing_mm[1])[None, :]
    return np.asarray(np.hypot(fy, fx))


def _padded(signal: NDArray[np.floating], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return a signal with empty room after it."""
    wide = [
        fft.next_fast_len(n + max(2, math.ceil(2 * PADDING_MM / s)), real=True)
        for n, s in zip(signal.shape, spacing_mm, strict=True)
    ]
    return np.pad(signal.astype(np.float64), [(0, w - n) for w, n in zip(wide, signal.shape, strict=True)])


def _weights(power: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """Return one over the power at each bin, doubled for the half not stored, zero for the level."""
    twice = np.full(power.shape[2], 2.0)
    twice[0] = 1.0
    if columns % 2 == 0:
        twice[-1] = 1.0
    weights = twice[None, None, :] / power
    weights[0, 0, 0] = 0.0
    return weights


def ideal_snr(signal: NDArray[np.floating], noise: NoisePower) -> float:
    """Return d' of the ideal observer for a signal in HU, known exactly."""
    if not signal.size:
        return 0.0
    wide = _padded(signal, noise.spacing_mm)
    shape = (wide.shape[0], wide.shape[1], wide.shape[2])
    weights = _weights(noise.at(shape), shape[2])
    return float(np.sqrt((np.abs(fft.rfftn(wide)) ** 2 * weights).sum()))


def false_calls(threshold: float, liver_mm3: float, voxels: int, roughness: float) -> float:
    """Return how many places of a liver without foci an ideal observer's filter lifts above a threshold.

    The expected number of maxima of a Gaussian field of unit variance (Worsley 1992), or of voxels,
    whichever is less: both are bounds from above, the first tight for smooth fields, the second for
    coarse grids.

    Parameters
    ----------
    threshold
        In standard deviations of the filter's output.
    liver_mm3, voxels
        What is searched.
    roughness
        Square root of the determinant of the covariance of the field's gradient, 1/mm³.
    """
    smooth = liver_mm3 * roughness * (threshold**2 - 1) * math.exp(-(threshold**2) / 2) / (2 * math.pi) ** 2
    coarse = voxels * float(special.ndtr(-threshold))
    return min(smooth, coarse) if threshold > math.sqrt(3) else coarse


def threshold_for(rate: float, liver_mm3: float, voxels: int, roughness: float) -> float:
    """Return the threshold at which `false_calls` is `rate`.

    Examples
    --------
    >>> round(threshold_for(0.34, 1.5e6, 10**6, 0.5), 2)
    4.97
    """
    return float(
        optimize.brentq(lambda t: false_calls(t, liver_mm3, voxels, roughness) - rate, 1.8, 12.0, xtol=1e-6)
    )


Render = Callable[[float, tuple[float, float, float], float], NDArray[np.float32]]
"""Draws a sphere of 1 HU: diameter in mm, centre in mm along (slice, row, column) off that of a voxel,
and the largest diameter that the array must have room for, on which alone its shape depends."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A scan as the ideal observer knows it: how it draws spheres, its noise, and the liver searched."""

    render: Render
    noise: NoisePower
    liver_mm3: float


@dataclass(frozen=True, slots=True, eq=False)
class SphereLimits:
    """Limits for spheres of a scan, by diameter (`diameter_mm`).

    Parameters
    ----------
    snr
        d' at 1 HU of contrast; it is proportional to contrast.
    threshold
        At `FALSE_GOAL` false calls a liver.
    excess, volume
        Cramér–Rao bounds at d' = 1 as relative standard deviations (divide by d'): of the integrated
        excess and of the volume, contrast, size and place unknown. The diameter's bound is a third
        of the volume's; that of the contrast alone, all else known, is 1 at d' = 1.
    """

    diameter_mm: NDArray[np.float64]
    snr: NDArray[np.float64]
    threshold: NDArray[np.float64]
    excess: NDArray[np.float64]
    volume: NDArray[np.float64]

    def snr_of(self, diameter_mm: float, excess_hu: float) -> float:
        """Return d' of a sphere."""
        return excess_hu * self._at(diameter_mm, self.snr)

    def excess_bound(self, diameter_mm: float, excess_hu: float) -> float:
        """Return the least relative standard deviation of the integrated excess."""
        return self._at(diameter_mm, self.excess) / self.snr_of(diameter_mm, excess_hu)

    def volume_bound(self, diameter_mm: float, excess_hu: float) -> float:
        """Return the least relative standard deviation of the volume, its contrast unknown too."""
        return self._at(diameter_mm, self.volume) / self.snr_of(diameter_mm, excess_hu)

    def snr_needed(self, diameter_mm: float) -> float:
        """Return the d' at which `SOUGHT_SHARE` of spheres are found."""
        return self._at(diameter_mm, self.threshold) + float(special.ndtri(SOUGHT_SHARE))

    def smallest_mm(self, excess_hu: float = CLAIM_EXCESS_HU) -> float | None:
        """Return the smallest diameter of which `SOUGHT_SHARE` are found; None where none of them is."""
        short = excess_hu * self.snr - self.threshold - float(special.ndtri(SOUGHT_SHARE))
        if short[-1] < 0:
            return None
        return float(np.exp(np.interp(0.0, np.maximum.accumulate(short), np.log(self.diameter_mm))))

    def _at(self, diameter_mm: float, values: NDArray[np.float64]) -> float:
        return float(np.exp(np.interp(math.log(diameter_mm), np.log(self.diameter_mm), np.log(values))))


def limits_of(sight: Sight) -> SphereLimits:
    """Return the limits for spheres of `DIAMETERS_MM`, averaged over `PLACES`."""
    rows = []
    for diameter in DIAMETERS_MM:
        told = [_inform(sight, diameter, place) for place in PLACES]
        fisher = np.mean([f for f, _ in told], axis=0)
        roughness = float(np.mean([r for _, r in told]))
        snr = math.sqrt(float(fisher[0, 0]))  # the first parameter is the logarithm of the contrast
        voxels = max(1, round(sight.liver_mm3 / math.prod(sight.noise.spacing_mm)))
        covariance = np.linalg.inv(fisher)
        excess = np.array([1.0, 3.0, 0.0, 0.0, 0.0])  # the logarithm of contrast times diameter cubed
        rows.append(
            (
                snr,
                threshold_for(FALSE_GOAL, sight.liver_mm3, voxels, roughness),
                snr * math.sqrt(float(excess @ covariance @ excess)),
                snr * 3.0 * math.sqrt(float(covariance[1, 1])),
            )
        )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return SphereLimits(np.array(DIAMETERS_MM), *columns)


def _inform(
    sight: Sight, diameter: float, place: tuple[float, float, float]
) -> tuple[NDArray[np.float64], float]:
    """Return the Fisher information at 1 HU (log contrast, log diameter, place) and the field's roughness."""
    spacing = sight.noise.spacing_mm
    at = np.array(place) * spacing

    def draw(size: float, centre: NDArray[np.float64]) -> NDArray[np.float64]:
        z, y, x = (float(c) for c in centre)
        return _padded(sight.render(size, (z, y, x), diameter * (1 + SWELL)), spacing)

    signal = draw(diameter, at)
    k, j, i = signal.shape
    slopes = [signal, (draw(diameter * (1 + SWELL), at) - draw(diameter * (1 - SWELL), at)) / (2 * SWELL)]
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = SHIFT_MM
        slopes.append((draw(diameter, at + step) - draw(diameter, at - step)) / (2 * SHIFT_MM))
    spectra = [fft.rfftn(slope) for slope in slopes]
    weights = _weights(sight.noise.at((k, j, i)), i)
    fisher = np.array([[float(((a.conj() * b).real * weights).sum()) for b in spectra] for a in spectra])
    filtered = np.abs(spectra[0]) ** 2 * weights
    axes = (
        fft.fftfreq(k, spacing[0])[:, None, None],
        fft.fftfreq(j, spacing[1])[None, :, None],
        fft.rfftfreq(i, spacing[2])[None, None, :],
    )
    moments = [float((filtered * (2 * np.pi * f) ** 2).sum() / filtered.sum()) for f in axes]
    return fisher, math.sqrt(math.prod(moments))
