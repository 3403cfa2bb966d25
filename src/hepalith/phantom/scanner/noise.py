"""The scanner's noise: its spectrum from the kernel, its size and direction from the body and the dose.

A ray's noise grows as the photons that reach the detector dwindle. Filtered back-projection turns
it into noise whose power is a ramp times the kernel's response, and which at each place, in each
direction, has the variance of the rays that cross it that way: more in the middle of a large body
than at its edge, and streaks from shoulder to shoulder. So the noise is made as the sum of fields,
each with the full radial spectrum but of one sector of directions, each scaled by the rays of that
sector (a local approximation, right as long as the variance changes slowly over the noise's grain).

References
----------
.. [1] S. J. Riederer, N. J. Pelc, D. A. Chesler, "The noise power spectrum in computed X-ray
       tomography", Physics in Medicine and Biology 23:446-454, 1978. doi:10.1088/0031-9155/23/3/008
.. [2] A. Wunderlich, F. Noo, "Image covariance and lesion detectability in direct fan-beam x-ray computed
       tomography", Physics in Medicine and Biology 53:2471-2493, 2008. doi:10.1088/0031-9155/53/10/002
       (variance and covariance follow the rays through a place)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from hepalith.phantom.scanner.projector import FIELD, Projector
from hepalith.phantom.scanner.scanner import DETECTOR_BLUR_MM, EXPOSURE_SHARE, Scanner
from hepalith.phantom.shape import exact

__all__ = ["SECTORS", "NoiseScale", "draw_noise", "make_noise", "scale_noise"]

SECTORS = 4
"""Sectors of direction, 45 degrees each, that overlap as cosines squared."""

VIEWS = 1000
"""Views in one turn, for what a single reading of a detector cell holds; makers use 900 to 1200."""

CELL_MM2 = 0.36
"""Area of a detector cell at the axis: 0.6 by 0.6 mm, the usual size."""

ELECTRONIC_QUANTA = 10.0
"""Standard deviation of the electronics' noise, in quanta of a mean photon. Our judgement: it equals
quantum noise at a hundred photons a reading, reached behind about 40 cm of water at a low dose."""

BOWTIE_MM = 180.0
"""Radius of the water cylinder that the bow-tie filter evens out, and beyond which it is at its thickest."""

BOWTIE_SHARE = 0.5
"""How far it evens it out. Our judgement: makers keep body bow-ties weaker than the cylinder asks."""

HARDEST_RAY = 14.0
"""Largest attenuation, as an exponent, that noise follows: beyond it scanners smooth the readings."""

ITERATIVE_MM = 0.5
"""What iterative reconstruction smooths noise with at full strength, as the standard deviation of a
Gaussian: its peak moves to about two thirds of the frequency, as published for clinical strengths."""

ITERATIVE_SHARE = 0.9
"""Most of the high-frequency noise that iterative reconstruction takes away."""

FAINTEST_WEIGHT = 0.004
"""Weights along z below this are left out: together they hold less than a ten-thousandth of the power."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class NoiseScale:
    """Standard deviation of each sector's noise over the body, on the lattice of `FIELD`.

    Parameters
    ----------
    hu
        float32, (sector, row, column, level): noise of the sector's rays as if all rays were like them.
    middle_hu
        Noise in the middle of the body, all sectors together: the median over levels.
    """

    hu: Array
    middle_hu: float


def _sector_weights(projector: Projector) -> NDArray[np.float64]:
    """Return each angle's share in each sector, (sector, angle); over the sectors it sums to 1."""
    angles = np.asarray((np.arange(projector.angles) + 0.5) * (math.pi / projector.angles), np.float64)
    return np.stack([_share(angles, s) for s in range(SECTORS)])


def _share(angles: NDArray[np.float64], sector: int) -> NDArray[np.float64]:
    width = math.pi / SECTORS
    away = angles - sector * width
    away = away - math.pi * np.rint(away / math.pi)
    return np.where(np.abs(away) < width, np.square(exact.cos(away * (math.pi / (2 * width)))), 0.0)


def _frequency_power(scanner: Scanner) -> float:
    """Return the integral of f² G(f)² over the line, 1/mm³, G the kernel's response to a reading."""
    removed = _escaped_blur(scanner) ** 2
    parts = scanner.point_spread.parts
    total = 0.0
    for p, a in parts:
        for q, b in parts:
            width = 2 * math.pi**2 * (a * a + b * b - 2 * removed)
            total += p * q * math.sqrt(math.pi) / 2 / width**1.5
    return round(total, 12)


def _escaped_blur(scanner: Scanner) -> float:
    return min(DETECTOR_BLUR_MM, 0.8 * scanner.blur_mm)


def _reference_hu(scanner: Scanner, mas: float) -> float:
    """Return the noise of an unattenuated beam, HU: scaled by exp(half the attenuation) it is the image's.

    σ² = π² / (n T) ∫ f² G² df for n photons per mm² in a slice of T mm.
    """
    beam, profile = scanner.beam, scanner.profile
    photons = beam.photons_per_mm2_mas * mas * EXPOSURE_SHARE
    thickness = profile.width_mm / (1 - profile.edge_mm / (3 * profile.width_mm))
    variance = math.pi**2 / (photons * thickness) * _frequency_power(scanner)
    return 1000 * math.sqrt(variance) / beam.water_per_mm


def scale_noise(scanner: Scanner, paths: Array, projector: Projector = FIELD) -> NoiseScale:
    """Return the size of the noise from the body's line integrals.

    Parameters
    ----------
    scanner
        The protocol.
    paths
        Length of water that each ray passes, mm, (angle, ray, level).
    projector
        What made them.
    """
    beam = scanner.beam
    depth = paths * np.float32(beam.water_per_mm)
    side = np.minimum(np.abs(projector.ray_mm) / BOWTIE_MM, 1.0)
    bowtie = BOWTIE_SHARE * 2 * BOWTIE_MM * (1 - np.sqrt(1 - side * side)) * beam.water_per_mm
    current = exact.exp(np.float32(scanner.modulation) * depth.max(axis=1, keepdims=True))
    current = current / np.float32(current.mean())
    mas = scanner.mas if scanner.mas is not None else 150.0
    air = beam.photons_per_mm2_mas * mas * EXPOSURE_SHARE * CELL_MM2 / VIEWS
    lost = np.minimum(depth + bowtie.astype(np.float32)[None, :, None], np.float32(HARDEST_RAY))
    quanta = exact.exp(lost) / current
    variance = quanta * (1 + np.float32(ELECTRONIC_QUANTA**2 / air) * quanta)
    shares = _sector_weights(projector)
    sectors = []
    for weights in shares * shares * shares:  # near the sector's middle; to its borders it is interpolated
        weighed = variance * weights.astype(np.float32)[:, None, None]
        sectors.append(np.sqrt(projector.spread(weighed) / np.float32(weights.mean())))
    whole = projector.spread(np.ascontiguousarray(variance, dtype=np.float32))
    spread = np.stack(sectors) * np.sqrt(whole / _together(sectors, shares))
    middle = slice(projector.size // 2 - 3, projector.size // 2 + 3)
    level = _middle(whole[middle, middle].mean(axis=(0, 1)))
    reference = _reference_hu(scanner, mas) * _iterative_gain(scanner)
    if scanner.mas is None:
        reference = scanner.noise_hu / math.sqrt(level)
    return NoiseScale(spread * np.float32(reference), reference * math.sqrt(level))


def _together(sectors: Sequence[Array], shares: NDArray[np.float64]) -> Array:
    """Return the variance of all sectors' noise, interpolated between their middles."""
    found = np.zeros_like(sectors[0])
    for one, first in zip(sectors, shares, strict=True):
        for other, second in zip(sectors, shares, strict=True):
            found += np.float32((first * second).mean()) * (one * other)
    return found


def _middle(values: Array) -> float:
    ordered = np.sort(values.astype(np.float64))
    return float(ordered[ordered.size // 2])


def _iterative_response(scanner: Scanner, f2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what iterative reconstruction leaves of the noise's amplitude at squared frequencies."""
    left = exact.exp(-2 * math.pi**2 * ITERATIVE_MM**2 * 4 * f2)
    return np.asarray(1 - scanner.iterative * ITERATIVE_SHARE * (1 - left))


def _radial_power(scanner: Scanner, f2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the noise power at squared frequencies: ramp times the squared kernel response."""
    removed = _escaped_blur(scanner) ** 2
    response = np.zeros_like(f2)
    for weight, blur in scanner.point_spread.parts:
        response = response + weight * exact.exp(-2 * math.pi**2 * (blur**2 - removed) * f2)
    return np.asarray(np.sqrt(f2) * np.square(response * _iterative_response(scanner, f2)))


def _iterative_gain(scanner: Scanner) -> float:
    """Return the noise left by iterative reconstruction over that without."""
    if scanner.iterative == 0:
        return 1.0
    f = np.linspace(0, 2.5, 2001)
    response = _iterative_response(scanner, f * f)
    power = _radial_power(scanner, f * f) * f
    return math.sqrt(round(float(power.sum() / (power / np.square(response)).sum()), 9))


def _shapes(scanner: Scanner) -> Array:
    """Return each sector's amplitude over the half spectrum, (sector, n, n/2 + 1).

    The sum of sectors has unit variance: where two overlap their amplitudes add up to the whole.

    Frequencies above the pixels' limit fold back, as they do when a scanner samples its image.
    """
    n, pixel = scanner.matrix, scanner.pixel_mm
    fy = scipy.fft.fftfreq(n, pixel)[:, None]
    fx = scipy.fft.rfftfreq(n, pixel)[None, :]
    power = np.zeros((n, n // 2 + 1))
    sectors = np.zeros((SECTORS, n, n // 2 + 1))
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            y, x = fy + row / pixel, fx + column / pixel
            radial = _radial_power(scanner, y * y + x * x)
            if row == column == 0:
                radial[0, 0] = radial[0, 1] / 8  # the mean over the pixel of the spectrum about zero
            power += radial
            angle = exact.arctan2(y + 0 * x, x + 0 * y)
            for sector in range(SECTORS):
                sectors[sector] += radial * _share(angle, sector)
    twice = np.full(n // 2 + 1, 2.0)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    total = float((power * twice).sum()) / n**2
    sectors /= np.sqrt(np.maximum(power, 1e-30) * total)
    return sectors.astype(np.float32)


def _slice_filter(scanner: Scanner) -> NDArray[np.float32]:
    """Return weights along z that give white slices the correlation of overlapping profiles."""
    profile, step = scanner.profile, scanner.slice_spacing_mm
    fine = step / 16
    half = math.ceil(2 * profile.reach_mm / fine)
    edges = np.asarray((np.arange(-half, half + 2) - 0.5) * fine, dtype=np.float64)
    response = np.diff(profile.cumulative(edges))
    reach = math.ceil(2 * profile.reach_mm / step)
    size = response.size
    shared = [float((response[16 * k :] * response[: size - 16 * k]).sum()) for k in range(reach + 1)]
    count = 64
    row = np.zeros(count)
    for lag, value in enumerate(shared):
        row[lag] += value / shared[0]
        if lag:
            row[-lag] += value / shared[0]
    power = np.maximum(scipy.fft.fft(row).real, 0)
    weights = scipy.fft.fftshift(scipy.fft.ifft(np.sqrt(power)).real)
    needed = np.flatnonzero(np.abs(weights[count // 2 :]) > FAINTEST_WEIGHT)
    kept = weights[count // 2 - needed[-1] : count // 2 + needed[-1] + 1]
    return np.asarray(kept / np.sqrt(np.square(kept).sum()), dtype=np.float32)


def draw_noise(scanner: Scanner, random: np.random.Generator) -> Iterator[Array]:
    """Yield each slice's noise of unit variance in its sectors, (sector, row, column)."""
    n = scanner.matrix
    shapes = _shapes(scanner)
    weights = _slice_filter(scanner)
    held = [exact.draw_normal(random, (n, n)) for _ in range(weights.size - 1)]
    for _ in range(scanner.slices):
        held.append(exact.draw_normal(random, (n, n)))
        white = held[0] * weights[0]
        for layer, weight in zip(held[1:], weights[1:], strict=True):
            white += layer * weight
        spectrum = scipy.fft.rfft2(white)
        fields = np.empty((SECTORS, n, n), dtype=np.float32)
        part = np.empty_like(spectrum)
        for sector in range(SECTORS):
            np.multiply(spectrum.real, shapes[sector], out=part.real)
            np.multiply(spectrum.imag, shapes[sector], out=part.imag)
            fields[sector] = scipy.fft.irfft2(part, s=(n, n))
        yield fields
        del held[0]


def make_noise(scanner: Scanner, random: np.random.Generator) -> Array:
    """Return noise of unit standard deviation without a body: the same everywhere, in every direction.

    Returns
    -------
    array
        float32, (slice, row, column).
    """
    return np.stack([fields.sum(axis=0) for fields in draw_noise(scanner, random)])
