r"""The best linear observer in a liver with vessels: what their statistics let a filter see.

The ideal observer of `hepalith.evaluation.observer` knows noise and blur, and an even background. In a real
liver vessels, and whatever else is there, vary as well. Of all linear filters the Hotelling observer's
:math:`w = K^{-1} s` stands out most, with :math:`K` the covariance of all that varies without the signal,
noise and anatomy together [1]_. Taken as stationary, :math:`K` is the power spectrum of patches of this very
scan without foci (mean of windowed patches [2]_, averaged over directions in plane), never below that of the
noise, which is known.

Vessels are not Gaussian: far out, where false calls are made, their tail is much heavier than their variance
tells. So the threshold is not worked out but counted: the filter is run over the whole liver, and what is
found must exceed the greatest output in the scan without foci.

Notes
-----
A power spectrum known from few patches is overfitted by its own filter. Each half of the liver is therefore
filtered by what the other half tells, as in cross-validation; `Hotelling.snr` states the hold-out figure, a
bound from below, and `Hotelling.snr_resubstituted` that of the halves on themselves, one from above [3]_.

It is no limit for a reader who is not linear: who follows a vessel, or tells a dot from a tube, can see what
no filter tells from a vessel. Nor does it know more than second moments, nor where in the liver vessels are
large: noise and vessels are taken as alike all over it.

References
----------
.. [1] H. H. Barrett, K. J. Myers, "Foundations of Image Science", Wiley 2004, section 13.2.12.
.. [2] P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans Audio
       Electroacoust 15:70-73, 1967. doi:10.1109/TAU.1967.1161901
.. [3] K. Fukunaga, R. R. Hayes, "Effects of sample size in classifier design", IEEE Trans Pattern Anal Mach
       Intell 11:873-885, 1989. doi:10.1109/34.31448
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from scipy import fft

from hepalith.evaluation.observer import CLAIM_EXCESS_HU, PLACES, SOUGHT_SHARE, NoisePower, Sight
from hepalith.geometry import Box

__all__ = ["Hotelling", "observe_liver"]

PATCH_MM = 28.0
"""Side of the patches whose power is averaged: several times the spheres, small against a liver."""

FULL = 0.97
"""Least share of a patch that must be liver."""

FEWEST = 4
"""Fewest patches in each half of a liver from which its anatomy is told."""

CLEAR_MM = 4.0
"""Depth beneath the surface from which places are looked at: the surface is not the vessels' doing."""

GROWTH = 1.12
"""Ratio of the diameters that are tried."""

MOST_MM = 12.0
"""Largest diameter tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Hotelling:
    """The best linear observer of one liver.

    Parameters
    ----------
    spacing_mm
        Voxels along (slice, row, column).
    halves
        Power of noise and anatomy in each half of the liver, HU² per voxel: a table by slice frequency
        and by in-plane frequency, `across` and `in_plane` in cycles per mm.
    noise
        That of the noise alone.
    """

    spacing_mm: tuple[float, float, float]
    across: NDArray[np.float64]
    in_plane: NDArray[np.float64]
    halves: tuple[NDArray[np.float64], NDArray[np.float64]]
    noise: NoisePower

    def power(self, half: int, shape: tuple[int, int, int]) -> NDArray[np.float64]:
        """Return the expected squared modulus over a box of what varies in a half; see `NoisePower.at`."""
        fz = np.abs(fft.fftfreq(shape[0], self.spacing_mm[0]))
        fy = fft.fftfreq(shape[1], self.spacing_mm[1])[:, None]
        fx = fft.rfftfreq(shape[2], self.spacing_mm[2])[None]
        places = (
            np.interp(fz, self.across, np.arange(self.across.size))[:, None, None],
            np.interp(np.hypot(fy, fx), self.in_plane, np.arange(self.in_plane.size))[None],
        )
        at = np.stack(np.broadcast_arrays(*places)).reshape(2, -1)
        told = ndi.map_coordinates(self.halves[half], at, order=1, mode="nearest")
        whole = told.reshape(shape[0], shape[1], -1) * math.prod(shape)
        return np.asarray(np.maximum(whole, self.noise.at(shape)))

    def snr(self, signal: NDArray[np.floating]) -> float:
        """Return d' of a signal in HU, each half seen by what the other tells: a bound from below."""
        return float(np.mean([self._snr(signal, 0, 1), self._snr(signal, 1, 0)]))

    def snr_resubstituted(self, signal: NDArray[np.floating]) -> float:
        """Return d' of a signal in HU, each half seen by what it tells itself: a bound from above."""
        return float(np.mean([self._snr(signal, 0, 0), self._snr(signal, 1, 1)]))

    def template(self, signal: NDArray[np.floating], half: int) -> NDArray[np.float64]:
        """Return the filter for a signal, in its box, from what a half tells."""
        shape = (signal.shape[0], signal.shape[1], signal.shape[2])
        spectrum = fft.rfftn(signal.astype(np.float64)) / self.power(half, shape)
        spectrum[0, 0, 0] = 0.0
        return np.asarray(fft.irfftn(spectrum, shape))

    def _snr(self, signal: NDArray[np.floating], told: int, seen: int) -> float:
        shape = (signal.shape[0], signal.shape[1], signal.shape[2])
        twice = np.full(shape[2] // 2 + 1, 2.0)
        twice[0] = 1.0
        if shape[2] % 2 == 0:
            twice[-1] = 1.0
        found = np.abs(fft.rfftn(signal.astype(np.float64))) ** 2 * twice
        found[0, 0, 0] = 0.0
        own, other = self.power(told, shape), self.power(seen, shape)
        return float((found / own).sum() / math.sqrt((found * other / own**2).sum()))


def observe_liver(
    sight: Sight, hu: NDArray[np.int16], liver: NDArray[np.bool_], first_mm: float = 1.0
) -> tuple[Hotelling, float | None] | None:
    """Return the best linear observer of a scan without foci, and the smallest diameter it finds at 250 HU.

    Found are `SOUGHT_SHARE` of spheres at places all over the liver, at a threshold that nothing in the
    liver exceeds. Of one liver no rate of 0.34 can be counted: a level that is just not exceeded in
    it is exceeded 0.7 times in the median by another such liver, so that the observer is favoured, as a limit
    should be.

    Parameters
    ----------
    sight
        The scanner, as the ideal observer knows it.
    hu, liver
        A scan without foci and its true liver, shape (slice, row, column).
    first_mm
        Smallest diameter that is tried: what the ideal observer finds.

    Returns
    -------
    observer, diameter
        The diameter in mm is ``None`` where even the largest sphere is missed; ``None`` alone where there
        is too little liver to know its anatomy.
    """
    box = Box.around(liver)
    if box.is_empty:
        return None
    spacing = sight.noise.spacing_mm
    inner = liver[box.slices]
    part = hu[box.slices].astype(np.float32)
    part = np.where(inner, part - np.float32(np.median(part[inner])), np.float32(0))
    halves = _halves(inner)
    tables = [_measure_power(part, inner, half, spacing) for half in halves]
    if tables[0] is None or tables[1] is None:
        return None
    across, in_plane = _frequencies(spacing)
    observer = Hotelling(spacing, across, in_plane, (tables[0], tables[1]), sight.noise)
    depth = ndi.distance_transform_edt(np.pad(inner, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    deep = depth > CLEAR_MM
    if not all((deep & half).any() for half in halves):
        return None
    shape = tuple(fft.next_fast_len(n + 2 * math.ceil(PATCH_MM / s), real=True)
                  for n, s in zip(part.shape, spacing, strict=True))  # fmt: skip
    image = fft.rfftn(part, shape)
    searched = _Searched(image, shape, halves, deep)
    diameter, before = first_mm, 0.0
    while diameter <= MOST_MM:
        short = float(np.mean([_short(observer, sight, searched, diameter, place) for place in PLACES]))
        if short <= 0:
            return observer, diameter * GROWTH ** (before / (before - short) - 1) if before else diameter
        diameter, before = diameter * GROWTH, short
    return observer, None


@dataclass(frozen=True, slots=True, eq=False)
class _Searched:
    """What is searched: the spectrum of the scan padded to a shape, the liver's halves, its deep places."""

    image: NDArray[np.complex64]
    shape: tuple[int, ...]
    halves: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    deep: NDArray[np.bool_]


def _short(
    observer: Hotelling,
    sight: Sight,
    searched: _Searched,
    diameter_mm: float,
    place: tuple[float, float, float],
) -> float:
    """Return by how much a sphere's output falls short of what it needs, over the output's deviation."""
    z, y, x = (p * s for p, s in zip(place, observer.spacing_mm, strict=True))
    signal = CLAIM_EXCESS_HU * sight.render(diameter_mm, (z, y, x), diameter_mm).astype(np.float64)
    shape, deep = searched.shape, searched.deep
    seen, highest = [], -math.inf
    for half, told in ((0, 1), (1, 0)):
        template = observer.template(signal, told)
        template /= math.sqrt(_variance(template, observer.noise))
        kernel = np.zeros(shape, np.float32)
        kernel[tuple(slice(0, n) for n in template.shape)] = template
        whole = fft.irfftn(searched.image * fft.rfftn(kernel).conj(), shape)
        whole = np.roll(whole, [n // 2 for n in template.shape], axis=(0, 1, 2))
        found = whole[tuple(slice(0, n) for n in deep.shape)][deep & searched.halves[half]]
        highest = max(highest, float(found.max()))
        seen.append(found + np.float32((template * signal).sum()))
    return highest - float(np.quantile(np.concatenate(seen), 1 - SOUGHT_SHARE))


def _variance(template: NDArray[np.float64], noise: NoisePower) -> float:
    """Return the variance that noise alone gives to a filter's output."""
    shape = (template.shape[0], template.shape[1], template.shape[2])
    twice = np.full(shape[2] // 2 + 1, 2.0)
    twice[0] = 1.0
    if shape[2] % 2 == 0:
        twice[-1] = 1.0
    return float((np.abs(fft.rfftn(template)) ** 2 * noise.at(shape) * twice).sum()) / math.prod(shape) ** 2


def _halves(liver: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the liver cut in two of equal volume, to the left and right of a plane."""
    below = np.cumsum(liver.sum(axis=(0, 1)))
    cut = int(np.searchsorted(below, below[-1] / 2))
    left = np.zeros(liver.shape, np.bool_)
    left[:, :, :cut] = True
    return left & liver, ~left & liver


def _patch(spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the shape of a patch in voxels, even."""
    k, j, i = (max(4, 2 * round(PATCH_MM / (2 * s))) for s in spacing_mm)
    return (k, j, i)


def _frequencies(spacing_mm: tuple[float, float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the slice frequencies and the in-plane ones at which power is tabulated, cycles per mm."""
    size = _patch(spacing_mm)
    step = 1 / (max(size[1] * spacing_mm[1], size[2] * spacing_mm[2]))
    most = 0.5 * math.hypot(1 / spacing_mm[1], 1 / spacing_mm[2])
    return np.arange(size[0] // 2 + 1) / (size[0] * spacing_mm[0]), np.arange(0, most + step, step)


def _measure_power(
    hu: NDArray[np.float32],
    liver: NDArray[np.bool_],
    half: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.float64] | None:
    """Return the power per voxel in a half of the liver, by slice and in-plane frequency; None of too few.

    Patches overlap by half and are weighed by a Hann window, so that vessels that leave a patch do not
    leak into its high frequencies.
    """
    size = _patch(spacing_mm)
    windows = [np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in size]
    window = windows[0][:, None, None] * windows[1][:, None] * windows[2]
    total, patches = np.zeros((size[0], size[1], size[2] // 2 + 1)), 0
    starts = [range(0, n - m + 1, m // 2) for n, m in zip(hu.shape, size, strict=True)]
    for k in starts[0]:
        for j in starts[1]:
            for i in starts[2]:
                where = (slice(k, k + size[0]), slice(j, j + size[1]), slice(i, i + size[2]))
                if not half[where].mean() > 0.5 or liver[where].mean() < FULL:
                    continue
                piece = hu[where] - float((hu[where] * window).sum() / window.sum())
                total += np.abs(fft.rfftn(piece * window)) ** 2
                patches += 1
    if patches < FEWEST:
        return None
    total /= patches * float((window**2).sum())
    fy = fft.fftfreq(size[1], spacing_mm[1])[:, None]
    fx = fft.rfftfreq(size[2], spacing_mm[2])[None]
    _, in_plane = _frequencies(spacing_mm)
    near = np.rint(np.hypot(fy, fx) / in_plane[1]).astype(np.intp).clip(max=in_plane.size - 1)
    folded = 0.5 * (total + total[(-np.arange(size[0])) % size[0]])[: size[0] // 2 + 1]
    counts = np.bincount(near.ravel(), minlength=in_plane.size)
    table = np.stack([np.bincount(near.ravel(), plane.ravel(), minlength=in_plane.size) for plane in folded])
    table[:, counts > 0] = table[:, counts > 0] / counts[counts > 0]
    held = np.flatnonzero(counts)
    # the window spreads the mean that was taken off over the bins beside it: nothing is told there
    table[0, :2] = table[0, 2]
    return np.stack([np.interp(np.arange(in_plane.size), held, row[held]) for row in table])
