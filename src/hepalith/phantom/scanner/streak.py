"""Streaks about metal: hardened and starved rays, reconstructed.

Rays through metal read far too little (the beam hardens) and hardly any photon of them arrives. Both
errors are worked out ray by ray for the metal's own thickness and the body around it, and the
reconstruction of the errors alone is laid over the image: dark bands along the metal's longest
ways, bright ones beside them, and noise in rays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from hepalith.geometry import Box
from hepalith.phantom.scanner.noise import ELECTRONIC_QUANTA, HARDEST_RAY
from hepalith.phantom.scanner.projector import Projector, ramp
from hepalith.phantom.scanner.scanner import EXPOSURE_SHARE, Scanner
from hepalith.phantom.shape import exact
from hepalith.phantom.shape.shape import Point

__all__ = ["Metal", "Rays", "Streak", "add_metal_streaks", "add_streak", "between"]

ANGLES = 240
"""Angles over half a turn at which metal is looked at: rays 1.3 mm apart 100 mm away."""

LARGEST_MATRIX = 320
"""Matrices above this get streaks at every other pixel, interpolated."""

LEAST_METAL_MM = 0.02
"""Thickness of metal below which a ray counts as free of it: a thousandth of its photons or so."""

SUPERSEDED_MM = 8.0
"""A drawn streak this near to a piece of metal is left out: the metal throws its own."""

Array = NDArray[np.float32]
Double = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Streak:
    """Alternate bright and dark rays in the slices about a point: metal outside the scene, or motion."""

    centre: Point
    height_mm: float
    amplitude_hu: float
    fade_mm: float = 18.0
    rays: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class Metal:
    """A piece of metal as sampled: its excess in HU in a box of the image, and of which metal it is."""

    box: Box
    excess_hu: Array
    steel: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """What rays pass on their way through the patient.

    Parameters
    ----------
    projector
        The rays.
    levels
        z of the levels at which they run.
    water_mm
        float32, (angle, ray, level): length of water.
    """

    projector: Projector
    levels: Double
    water_mm: Array


def between(points: Double, wanted: Double) -> Array:
    """Return weights, (wanted, points), that interpolate linearly from even points, held at both ends."""
    made = np.zeros((wanted.size, points.size), dtype=np.float32)
    if points.size == 1:
        made[:, 0] = 1
        return made
    place = np.clip((wanted - points[0]) / (points[1] - points[0]), 0, points.size - 1)
    lower = np.minimum(place.astype(np.intp), points.size - 2)
    share = place - lower
    rows = np.arange(wanted.size)
    made[rows, lower] = 1 - share
    made[rows, lower + 1] = share
    return made


def add_streak(image: Array, streak: Streak, scanner: Scanner) -> None:
    """Add a drawn streak to the slices it lies in."""
    centre = scanner.grid.to_index(streak.centre)
    half = streak.height_mm / 2 / scanner.slice_spacing_mm
    low, high = (int(np.clip(round(float(centre[0]) + s * half), 0, scanner.slices - 1)) for s in (-1, 1))
    y = (np.arange(scanner.matrix) - centre[1])[:, None] * scanner.pixel_mm
    x = (np.arange(scanner.matrix) - centre[2])[None, :] * scanner.pixel_mm
    away = exact.hypot(x, y)
    rays = exact.cos(2 * streak.rays * exact.arctan2(y + 0 * x, x + 0 * y) + 0.6)
    pattern = streak.amplitude_hu * rays * exact.exp(-away / streak.fade_mm) * (1 - exact.exp(-away / 2.0))
    image[low : high + 1] += pattern.astype(np.float32)


def _metal_paths(metal: Sequence[Metal], scanner: Scanner, index: int, rays: Double) -> Double:
    """Return the thickness of titanium that each ray of a slice passes, mm, (angle, ray)."""
    beam, grid = scanner.beam, scanner.grid
    found = np.zeros((ANGLES, rays.size))
    step = float(rays[1] - rays[0])
    turns = [math.pi * (n + 0.5) / ANGLES for n in range(ANGLES)]
    cosines = np.array([round(math.cos(t), 12) for t in turns])[:, None]
    sines = np.array([round(math.sin(t), 12) for t in turns])[:, None]
    for piece in metal:
        low, high = piece.box.start[0], piece.box.stop[0]
        if not low <= index < high:
            continue
        excess = piece.excess_hu[index - low]
        rows, columns = np.nonzero(excess > 0.02 * beam.titanium_hu * LEAST_METAL_MM)
        thick = excess[rows, columns].astype(np.float64) / beam.titanium_hu * scanner.pixel_mm**2 / step
        y = grid.affine[1, 3] + (rows + piece.box.start[1]) * scanner.pixel_mm
        x = grid.affine[0, 3] + (columns + piece.box.start[2]) * scanner.pixel_mm
        place = (x[None, :] * cosines + y[None, :] * sines - rays[0]) / step
        lower = np.floor(place).astype(np.intp)
        share = place - lower
        start = np.arange(ANGLES)[:, None] * rays.size + lower
        for at, weight in ((start, 1 - share), (start + 1, share)):
            counted = np.bincount(at.ravel(), (weight * thick).ravel(), found.size)
            found += counted[: found.size].reshape(found.shape)
    return found


def _seen(scanner: Scanner, water: Double, metal: Double, *, steel: bool) -> tuple[Double, Double]:
    """Return the length of water that rays through water and metal seem to have, and their attenuation."""
    beam = scanner.beam
    weights = np.array(beam.weights)
    mu_water = np.array(beam.water)
    mu_metal = np.array(beam.steel if steel else beam.titanium)
    gain = beam.titanium_hu / beam.steel_hu if steel else 1.0

    def level(lengths: Double, thick: Double) -> tuple[Double, Double]:
        signal, slope = np.zeros_like(lengths), np.zeros_like(lengths)
        for w, a, b in zip(weights, mu_water, mu_metal, strict=True):
            part = w * exact.exp(-(a * lengths + b * gain * thick))
            signal += part
            slope += a * part
        return -exact.log(signal), slope / signal

    total, slope = level(water, metal)
    found = water.copy()
    for _ in range(5):
        reached, slope = level(found, np.zeros_like(metal))
        found = found + (total - reached) / slope
    return found, total


def _errors(
    scanner: Scanner, water: Double, metal: Double, random: np.random.Generator, *, steel: bool
) -> Double:
    """Return what rays through metal read wrong, mm of water, noise included."""
    beam = scanner.beam
    found = np.zeros_like(metal)
    hit = metal > LEAST_METAL_MM
    lengths, total = _seen(scanner, water[hit], metal[hit], steel=steel)
    found[hit] = lengths - water[hit] - metal[hit] * beam.titanium_hu / 1000
    mas = scanner.mas if scanner.mas is not None else 150.0
    area = (scanner.pixel_mm * scanner.slice_thickness_mm) / ANGLES
    air = beam.photons_per_mm2_mas * mas * EXPOSURE_SHARE * area
    quanta = np.maximum(air * exact.exp(-np.minimum(total, HARDEST_RAY)), 1.0)
    free = air * exact.exp(-np.minimum(water[hit] * beam.water_per_mm, HARDEST_RAY))
    extra = (1 + ELECTRONIC_QUANTA**2 / quanta) / quanta - 1 / free
    noise = np.zeros_like(metal)
    noise[hit] = np.sqrt(np.maximum(extra, 0)) / beam.water_per_mm
    noise *= exact.draw_normal(random, noise.shape)
    return found + exact.gaussian_filter(noise, (0.0, scanner.blur_mm / scanner.pixel_mm), mode="constant")


def add_metal_streaks(
    image: Array,
    metal: Sequence[Metal],
    scanner: Scanner,
    body: Rays,
    random: np.random.Generator,
) -> None:
    """Add what metal does to the slices it lies in.

    Parameters
    ----------
    image
        (slice, row, column), changed in place.
    metal
        The pieces, as sampled.
    scanner
        The protocol.
    body
        What the rays pass besides.
    random
        Of the noise in starved rays.
    """
    touched = sorted({k for m in metal for k in range(m.box.start[0], m.box.stop[0])})
    if not touched:
        return
    step, projector = scanner.pixel_mm, body.projector
    count = math.ceil(projector.rays * projector.pixel_mm / step)
    rays = np.asarray((np.arange(count) - (count - 1) / 2) * step, dtype=np.float64)
    across = between(projector.ray_mm, rays)
    turn = (np.arange(ANGLES) * projector.angles) // ANGLES
    steel = all(m.steel for m in metal)
    wide = scipy.fft.next_fast_len(2 * count, real=True)
    response = ramp(wide, step)
    made = []
    for index in touched:
        z = scanner.low_z_mm + index * scanner.slice_spacing_mm
        level = int(np.abs(body.levels - z).argmin())
        water = exact.contract(across, body.water_mm[:, :, level], 1)[turn].astype(np.float64)
        thick = _metal_paths(metal, scanner, index, rays)
        errors = _errors(scanner, np.maximum(water, 0), thick, random, steel=steel)
        spectrum = scipy.fft.rfft(errors, wide, axis=1)
        spectrum.real *= response
        spectrum.imag *= response
        made.append(scipy.fft.irfft(spectrum, wide, axis=1)[:, :count].astype(np.float32))
    _back_project(image, touched, np.stack(made), rays, scanner)


def _back_project(image: Array, touched: list[int], filtered: Array, rays: Double, scanner: Scanner) -> None:
    """Add the back-projections of filtered rays, (slice, angle, ray) in mm, to the slices touched."""
    stride = 2 if scanner.matrix > LARGEST_MATRIX else 1
    grid, step = scanner.grid, float(rays[1] - rays[0])
    places = np.arange(0, scanner.matrix + stride - 1, stride)
    x = (grid.affine[0, 3] + places * scanner.pixel_mm - rays[0]) / step
    y = (grid.affine[1, 3] + places * scanner.pixel_mm) / step
    spread = np.zeros((len(touched), places.size, places.size), dtype=np.float32)
    last = rays.size - 2
    for number in range(ANGLES):
        turned = math.pi * (number + 0.5) / ANGLES
        cosine, sine = round(math.cos(turned), 12), round(math.sin(turned), 12)
        first = rays[0] / step * (1 - cosine)  # x holds the offset already, turned by the cosine
        place = ((x * cosine)[None, :] - first + (y * sine)[:, None]).astype(np.float32)
        lower = np.clip(place.astype(np.int32), 0, last)
        share = np.clip(place - lower, np.float32(0), np.float32(1))
        for slot in range(len(touched)):
            row = filtered[slot, number]
            left = row[lower]
            spread[slot] += left + share * (row[1:][lower] - left)
    spread *= np.float32(math.pi / ANGLES * 1000)
    if stride > 1:
        weights = between(places.astype(np.float64), np.arange(scanner.matrix, dtype=np.float64))
        spread = exact.contract(weights, exact.contract(weights, spread, 1), 2)
    image[touched] += spread
