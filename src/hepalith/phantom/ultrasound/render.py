"""From a plane of tissue to echoes on the beams: speckle, shadow, enhancement, focus, noise.

Per beam line and sample. With backscatter b(r), attenuation a(r) and the scanner's compensation, the echo's
amplitude from depth r is ::

    e(r, l) = h_r * [ sqrt(b) w + c ] · 10^(-(2 f ∫ a dr' - TGC(r)) / 20) · Π T_i(r, l) + noise

w is complex white noise (many scatterers in a cell: fully developed speckle, Rayleigh in amplitude), c the
smooth echo of surfaces and of bodies, h_r the point spread: a Gaussian along the beam (the pulse), and one
across it whose width changes with depth (aperture, wavelength, focus), with faint wide side lobes.

Soft tissue attenuates pencil by pencil; Π T_i is what dense bodies leave (`cast`).

Spatial compounding averages the envelopes of several steered looks, in each of which loss runs along its own
direction: shadows fan out and thin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from hepalith.phantom.ultrasound.cast import Cast, look_angles, slice_share
from hepalith.phantom.ultrasound.paint import Painted
from hepalith.phantom.ultrasound.probe import TO_SIGMA, BeamSpace
from hepalith.phantom.ultrasound.shape import Array

__all__ = ["LIVER_GREY", "Echoed", "Speckle", "echoes", "make_speckle", "tgc_error_db"]

Complex = NDArray[np.complex64]

SIDE_LOBE = 0.012
"""Amplitude of the side lobes against the main one (about -38 dB), spread over `SIDE_LOBE_WIDTH` beams."""

SIDE_LOBE_WIDTH = 7.0
"""How many times wider than the main lobe the side lobes reach."""

LOOKS_SHARED = 0.3
"""Share of the speckle's power that two steered looks have in common."""

TGC_DB_PER_CM_MHZ = 0.5
"""What the scanner's compensation takes liver to attenuate, one way (ICRU report 61: 0.5)."""


LIVER_GREY = 0.36
"""Grey at which liver is shown where gain and compensation are right, as a share of white.

In the shared stills the liver's median lies between a fifth and a half of white."""


@dataclass(frozen=True, slots=True, eq=False)
class Speckle:
    """White complex scatterers, one field for each look: complex64 (look, sample, line)."""

    fields: Complex


def make_speckle(space: BeamSpace, rng: np.random.Generator) -> Speckle:
    """Return scatterers of unit power for each look; the looks share part of them."""
    shape = space.shape

    def white() -> Complex:
        pair = rng.standard_normal((2, *shape), dtype=np.float32)
        return np.asarray((pair[0] + 1j * pair[1]) * np.float32(math.sqrt(0.5)), dtype=np.complex64)

    looks = space.probe.looks
    if looks == 1:
        return Speckle(white()[None])
    shared = white() * np.float32(math.sqrt(LOOKS_SHARED))
    own = np.float32(math.sqrt(1 - LOOKS_SHARED))
    return Speckle(np.stack([shared + own * white() for _ in range(looks)]))


@dataclass(frozen=True, slots=True, eq=False)
class Echoed:
    """Echoes on the beams.

    `level_db` is what the scanner heard, speckle and all; `power` the expected power without speckle (not
    yet spread by the beam), `floor` that of noise and clutter, which no shadow takes away; `base` that of
    tissue without bodies, before loss by bodies.
    """

    level_db: Array
    power: Array
    base: Array
    floor: Array
    black_db: Array
    """Power, in dB, that is shown black: (sample, 1)."""


def _spread(space: BeamSpace) -> tuple[Array, Array, int]:
    """Return the beam's transfer function by depth, its power, and the padding of the lines."""
    pad = 16
    count = fft.next_fast_len(space.shape[1] + 2 * pad)
    sigma = space.probe.point_width_mm(space.depth) * np.float32(TO_SIGMA) / space.across
    f2 = (fft.fftfreq(count) ** 2).astype(np.float32)[None]
    k = np.float32(2 * math.pi**2)
    transfer = np.exp(-k * sigma**2 * f2)
    side = np.exp(-k * (sigma * np.float32(SIDE_LOBE_WIDTH)) ** 2 * f2)
    transfer = transfer + np.float32(SIDE_LOBE * SIDE_LOBE_WIDTH) * side
    transfer = (transfer / transfer[:, :1]).astype(np.float32)
    norm = np.sqrt(np.mean(transfer**2, axis=1, keepdims=True)).astype(np.float32)
    return transfer, norm, count - space.shape[1]


def _net_db(space: BeamSpace, loss: Array, angle: float) -> Array:
    """Return what compensation leaves of the attenuation along the beam, dB (two-way; mean-liver is 0)."""
    probe = space.probe
    step_cm = probe.step_mm / 10
    extra = (loss - np.float32(TGC_DB_PER_CM_MHZ)) * np.float32(2 * probe.attenuated_mhz * step_cm)
    if angle:
        shift = np.rint(space.depth[:, 0] * math.tan(angle) / space.across[:, 0]).astype(np.int64)
        lines = np.arange(space.shape[1])[None]
        there = np.clip(lines + shift[:, None], 0, space.shape[1] - 1)
        back = np.clip(lines - shift[:, None], 0, space.shape[1] - 1)
        total = np.cumsum(np.take_along_axis(extra, there, 1), axis=0)
        return -np.take_along_axis(total, back, 1)
    return np.asarray(-np.cumsum(extra, axis=0, dtype=np.float32))


def echoes(painted: Painted, space: BeamSpace, speckle: Speckle, rng: np.random.Generator) -> Echoed:
    """Return what the scanner hears.

    Parameters
    ----------
    painted
        The scene on the beams.
    space
        Where the samples lie.
    speckle
        The scatterers of each look.
    rng
        Draws electronic noise.
    """
    transfer, norm, padding = _spread(space)
    pulse, share = _pulse(space)
    noise, clutter = _additions(space)
    power, smooth = _with_bodies(painted, space)
    rough = np.sqrt(power)
    envelope = np.zeros(space.shape, dtype=np.float32)
    mean, base = np.zeros_like(envelope), np.zeros_like(envelope)
    for number, angle in enumerate(look_angles(space)):
        gain = np.asarray(10 ** (_net_db(space, painted.loss, angle) / 20) * painted.entered)
        base += gain * gain * (painted.power + painted.smooth**2)
        for cast in painted.casts:
            gain = gain * cast.losses[number]
        mean += gain * gain * (power + smooth * smooth)
        field_ = (rough * gain) * speckle.fields[number] + (smooth * gain) * (norm * share)
        spread = _across(field_, transfer, norm, padding)
        envelope += _heard(spread, painted.casts, noise**2 + clutter**2, pulse, rng)
    count = np.float32(len(speckle.fields))
    floor = noise**2 + clutter**2
    haze = sum((c.haze for c in painted.casts if c.haze is not None), start=np.float32(0))
    tails = sum((c.tail**2 for c in painted.casts if c.tail is not None), start=np.float32(0))
    level = 20 * np.log10(np.maximum(envelope / count, 1e-6)) + tgc_error_db(space)
    return Echoed(
        np.asarray(level, dtype=np.float32),
        np.asarray(mean / count + haze + tails + floor, dtype=np.float32),
        np.asarray(base / count, dtype=np.float32),
        np.asarray(np.broadcast_to(floor, space.shape), dtype=np.float32),
        -space.probe.dynamic_range_db * np.float32(LIVER_GREY) - tgc_error_db(space),
    )


def _with_bodies(painted: Painted, space: BeamSpace) -> tuple[Array, Array]:
    """Return the power that scatters and the amplitude that is smooth, of tissue and bodies together."""
    power, bodies = painted.power.copy(), np.zeros(space.shape, dtype=np.float32)
    for cast in painted.casts:
        amplitude = 10 ** (cast.body.level_db / 20) * math.sqrt(_heard_share(cast, space))
        power[cast.rows, cast.lines] += cast.cover * np.float32(amplitude**2 * (1 - cast.body.coherent**2))
        block = bodies[cast.rows, cast.lines]
        np.maximum(block, cast.cover * np.float32(amplitude * cast.body.coherent), out=block)
    return power, np.asarray(np.hypot(painted.smooth, bodies), dtype=np.float32)


def _heard_share(cast: Cast, space: BeamSpace) -> float:
    """Return the share of a body's echo that the slice's thickness lets through."""
    depth = float(space.depth[min(cast.back, space.shape[0] - 1), 0])
    return slice_share(cast.body, float(space.probe.slice_width_mm(depth)))


def _additions(space: BeamSpace) -> tuple[Array, Array]:
    """Return the amplitude of electronic noise, which compensation lifts with depth, and of clutter."""
    probe = space.probe
    short = np.float32(probe.depth_mm) - space.depth
    tgc = -2 * probe.attenuated_mhz * TGC_DB_PER_CM_MHZ / 10 * short
    noise = 10 ** ((probe.noise_db + tgc) / 20)
    clutter = 10 ** ((probe.clutter_db - (8 if probe.harmonics else 0)) / 20) * np.exp(-space.depth / 18)
    return noise.astype(np.float32), clutter.astype(np.float32)


def _pulse(space: BeamSpace) -> tuple[Array, np.float32]:
    """Return the pulse along the beam, of unit power, and what scales a smooth echo to its own amplitude."""
    sigma = space.probe.pulse_length_mm() * TO_SIGMA / space.probe.step_mm
    half = int(3 * sigma) + 1
    pulse = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    scale = math.sqrt(float((pulse**2).sum()))
    return (pulse / scale).astype(np.float32), np.float32(scale / pulse.sum())


def _across(field_: Complex, transfer: Array, norm: Array, padding: int) -> Complex:
    """Return the field as spread across the beam, by depth."""
    left = padding // 2
    padded = np.pad(field_, ((0, 0), (left, padding - left)), mode="symmetric")
    spectrum = fft.fft(padded, axis=1, overwrite_x=True)
    spectrum *= transfer
    out = fft.ifft(spectrum, axis=1, overwrite_x=True)[:, left : left + field_.shape[1]]
    return np.asarray(out / norm, dtype=np.complex64)


def _heard(
    spread: Complex,
    casts: Sequence[Cast],
    extra: Array,
    pulse: Array,
    rng: np.random.Generator,
) -> Array:
    """Return one look's envelope, spread along the beam by the pulse; `extra`: power of noise, clutter."""
    for cast in casts:
        if cast.haze is not None:
            extra = extra + cast.haze
    level = np.sqrt(extra) * np.float32(math.sqrt(0.5))
    pair = rng.standard_normal((2, *spread.shape), dtype=np.float32)
    real = ndimage.convolve1d(spread.real + level * pair[0], pulse, axis=0)
    imaginary = ndimage.convolve1d(spread.imag + level * pair[1], pulse, axis=0)
    for cast in casts:
        if cast.tail is not None:
            real = real + cast.tail
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)


def tgc_error_db(space: BeamSpace) -> Array:
    """Return the error of the time-gain compensation and the gain at each depth, dB (sample, 1)."""
    errors = space.probe.tgc_error_db
    at = np.linspace(0, space.probe.depth_mm, len(errors))
    return (np.interp(space.depth, at, errors) + space.probe.gain_db).astype(np.float32)
