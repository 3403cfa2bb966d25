"""From a plane of tissue to echoes on the beams: speckle, shadow, enhancement, focus, noise.

Per beam line and sample. With backscatter b(r), attenuation a(r) and the scanner's compensation, the echo's
amplitude from depth r is ::

    e(r, l) = h_r * [ sqrt(b) w + c ] · 10^(-(2 f ∫ a dr' - TGC(r)) / 20) · Π T_i(r, l) + noise

w is complex white noise (many scatterers in a cell: fully developed speckle, Rayleigh in amplitude), c the
smooth echo of surfaces and of bodies, h_r the point spread: a Gaussian along the beam (the pulse), and one
across it whose width changes with depth (aperture, wavelength, focus), with faint wide side lobes.

Soft tissue attenuates pencil by pencil. A small dense body does not: the beam is wider than it and sound
passes by, in the plane and across it. Its transmission is therefore ::

    T = (1 - E · B_sent(l) ⊛ (1 - τ)) · (1 - E · B_heard(r, l) ⊛ (1 - τ))

with τ(l) the amplitude that a pencil keeps, B the beam's profile where the body lies (the transmitted beam
as focused there; the received one is the cone from the aperture to the echo at r), and E the share of the
slice's thickness that the body fills. So a body well above the beam's width shadows fully, one below it
faintly or not at all, and the shadow fades away from the focus.

Spatial compounding averages the envelopes of several steered looks, in each of which loss runs along its own
direction: shadows fan out and thin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from hepalith.phantom.sono_probe import CONE, TO_SIGMA, BeamSpace
from hepalith.phantom.sono_scene import Body, SonoScene, Tissue
from hepalith.phantom.sono_shape import Array, coverage

__all__ = [
    "Cast",
    "Echoed",
    "Painted",
    "Speckle",
    "cast_of",
    "echoes",
    "make_speckle",
    "paint",
    "tgc_error_db",
]

Complex = NDArray[np.complex64]

SIDE_LOBE = 0.012
"""Amplitude of the side lobes against the main one (about -38 dB), spread over `SIDE_LOBE_WIDTH` beams."""

SIDE_LOBE_WIDTH = 7.0
"""How many times wider than the main lobe the side lobes reach."""

LOOKS_SHARED = 0.3
"""Share of the speckle's power that two steered looks have in common."""

TGC_DB_PER_CM_MHZ = 0.5
"""What the scanner's compensation takes liver to attenuate, one way (ICRU report 61: 0.5)."""


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
class Cast:
    """What one body does to the picture: where it is and what it leaves of the sound behind it.

    `rows`, `lines` bound it; `cover` is its coverage there; `kept` float32 (sample, line) the amplitude kept
    behind it, mean of the looks; `back` the sample at its far side.
    """

    body: Body
    rows: slice
    lines: slice
    cover: Array
    losses: tuple[Array, ...]
    """Amplitude kept, one array (sample, line) a look."""
    back: int
    haze: Array | None = None
    tail: Array | None = None

    @property
    def kept(self) -> Array:
        """Power kept behind it, mean of the looks, as amplitude."""
        return np.asarray(np.sqrt(np.mean([k * k for k in self.losses], axis=0)), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A scene on the beams: `power` and `loss` (dB/cm/MHz) of tissue without bodies, `smooth` amplitude of
    surfaces, `casts` of the bodies.
    """

    power: Array
    loss: Array
    smooth: Array
    casts: tuple[Cast, ...]


def _soft(space: BeamSpace, rows: slice, soft_mm: float) -> Array:
    """Return how wide an edge is drawn: no sharper than the sampling across the beam allows."""
    return np.maximum(np.float32(soft_mm), space.across[rows] * np.float32(0.7))


def _points(
    space: BeamSpace, rows: slice, lines: slice, warp: tuple[Array, Array] | None
) -> tuple[Array, Array]:
    x, z = space.x[rows, lines], space.z[rows, lines]
    if warp is None:
        return x, z
    return x - warp[0][rows, lines], z - warp[1][rows, lines]


def paint(
    scene: SonoScene,
    space: BeamSpace,
    *,
    warp: tuple[Array, Array] | None = None,
    moved: Mapping[int, tuple[float, float]] = MappingProxyType({}),
    margin_mm: float = 1.5,
) -> Painted:
    """Return the scene on the beams.

    Parameters
    ----------
    scene, space
        What there is, and where the samples lie.
    warp
        Displacement of the tissue at each sample in mm, x and z; ``None``: none.
    moved
        Further displacement of single bodies, by id, mm.
    margin_mm
        How far displacement may carry a shape out of its box.
    """
    power = np.full(space.shape, 10 ** (scene.level_db / 10), dtype=np.float32)
    loss = np.full(space.shape, scene.attenuation, dtype=np.float32)
    smooth = np.zeros(space.shape, dtype=np.float32)
    for tissue in scene.tissues:
        _paint_tissue(tissue, space, power, loss, warp, margin_mm)
    for line in scene.reflectors:
        rows, lines = space.block(line.shape.bounds(), margin_mm)
        if rows.start + 1 >= rows.stop or lines.start >= lines.stop:
            continue
        x, z = _points(space, rows, lines, warp)
        distance = line.shape.distance(x, z)
        square = np.abs(np.gradient(distance, axis=0)) / np.float32(space.probe.step_mm)
        cover = np.clip(0.5 - distance / _soft(space, rows, line.soft_mm), 0, 1)
        if line.within is not None:
            cover = cover * coverage(line.within, x, z, 1.0)
        facing = np.maximum(np.minimum(square, 1) ** np.float32(line.directivity), np.float32(line.least))
        block = smooth[rows, lines]
        np.maximum(block, cover * facing * np.float32(10 ** (line.level_db / 20)), out=block)
    casts = tuple(
        cast
        for body in scene.bodies
        if (cast := cast_of(body, space, warp, moved.get(body.id, (0.0, 0.0)), margin_mm)) is not None
    )
    return Painted(power, loss, smooth, casts)


def _paint_tissue(
    tissue: Tissue,
    space: BeamSpace,
    power: Array,
    loss: Array,
    warp: tuple[Array, Array] | None,
    margin_mm: float,
) -> None:
    """Paint one tissue over `power` and `loss`."""
    rows, lines = space.block(tissue.shape.bounds(), margin_mm)
    if rows.start >= rows.stop or lines.start >= lines.stop:
        return
    x, z = _points(space, rows, lines, warp)
    cover = coverage(tissue.shape, x, z, _soft(space, rows, tissue.soft_mm))
    if tissue.within is not None:
        cover = cover * coverage(tissue.within, x, z, 1.0)
    level: Array | np.float32 = np.float32(10 ** (tissue.level_db / 10))
    if tissue.grain_db:
        level = level * _grain(x, z, tissue.grain_db, tissue.grain_mm)
    power[rows, lines] += cover * (level - power[rows, lines])
    if tissue.attenuation is not None:
        loss[rows, lines] += cover * (np.float32(tissue.attenuation) - loss[rows, lines])


def _grain(x: Array, z: Array, db: float, period: float) -> Array:
    """Return an uneven backscatter, fixed to the tissue: a few waves that do not repeat within a picture."""
    k = 2 * math.pi / period
    wave = np.zeros(x.shape, dtype=np.float32)
    for angle, scale in ((0.3, 1.0), (1.4, 0.83), (2.2, 1.31), (2.9, 0.61)):
        u = np.float32(k * scale * math.cos(angle)) * x + np.float32(k * scale * math.sin(angle)) * z
        wave += np.sin(u + np.sin(u * np.float32(0.37) + np.float32(angle * 5)) * 2)
    return np.asarray(10 ** (wave * np.float32(db / 14)), dtype=np.float32)


def _blur(profile: Array, sigma_lines: float) -> Array:
    """Return a profile across the lines as a beam of a given width sees it; outside lies nothing."""
    if sigma_lines < 0.15:
        return profile
    return np.asarray(ndimage.gaussian_filter1d(profile, sigma_lines, mode="constant", truncate=3.0))


CONES = 7
"""Widths of the receiving cone for which a shadow is worked out; between them it is interpolated."""


def cast_of(
    body: Body,
    space: BeamSpace,
    warp: tuple[Array, Array] | None = None,
    moved: tuple[float, float] = (0.0, 0.0),
    margin_mm: float = 1.5,
) -> Cast | None:
    """Return a body's coverage and the sound it leaves behind it; ``None`` where it lies off the picture."""
    x0, z0, x1, z1 = body.shape.bounds()
    box = (x0 + moved[0], z0 + moved[1], x1 + moved[0], z1 + moved[1])
    rows, lines = space.block(box, margin_mm)
    if rows.start >= rows.stop or lines.start >= lines.stop:
        return None
    x, z = _points(space, rows, lines, warp)
    cover = coverage(
        body.shape,
        x - np.float32(moved[0]),
        z - np.float32(moved[1]),
        np.maximum(0.3, space.across[rows] * 0.7),
    )
    if float(cover.max()) < 0.05:
        return None
    chord = cover.sum(axis=0) * space.probe.step_mm
    return _shadowed(body, space, rows, lines, cover, chord)


def _shadowed(body: Body, space: BeamSpace, rows: slice, lines: slice, cover: Array, chord: Array) -> Cast:
    """Work out what a body leaves of the sound, look by look."""
    probe = space.probe
    entered = np.clip(chord / np.float32(max(min(0.5, body.width_mm / 2), 0.2)), 0, 1)
    loss_db = entered * body.surface_db + chord / 10 * body.inside_db_per_cm_mhz * probe.received_mhz
    stopped = np.zeros(space.shape[1], dtype=np.float32)
    stopped[lines] = 1 - 10 ** (-loss_db / 20)
    weights = cover.sum(axis=1)
    middle = float((weights * np.arange(rows.start, rows.stop)).sum() / weights.sum())
    depth = middle * probe.step_mm
    at = min(int(middle), space.shape[0] - 1)
    gap = float(space.across[at, 0])
    fill = _fill(body, float(probe.slice_width_mm(depth)))
    sent = 1 - fill * _blur(stopped, float(probe.transmit_width_mm(depth)) * TO_SIGMA / gap)
    # The receiving cone, narrow at the echo, at a few distances behind the body.
    behind = np.maximum(space.depth[:, 0] - depth, 0)
    far = max(float(behind.max()), 1.0)
    marks = far * (np.arange(CONES) / (CONES - 1)) ** 2
    heard = np.empty((CONES, space.shape[1]), dtype=np.float32)
    own = float(probe.receive_width_mm(depth))
    for number, mark in enumerate(marks):
        f_number = max((depth + mark) / probe.aperture_mm, 1.6)
        width = math.hypot(own, CONE * mark / f_number)
        heard[number] = 1 - fill * _blur(stopped, width * TO_SIGMA / gap)
    place = np.interp(behind, marks, np.arange(CONES))
    low = np.minimum(place.astype(int), CONES - 2)
    part = (place - low).astype(np.float32)[:, None]
    through = sent[None] * (heard[low] * (1 - part) + heard[low + 1] * part)
    passed = np.zeros((space.shape[0], 1), dtype=np.float32)
    passed[rows, 0] = np.cumsum(weights) / weights.sum()
    passed[rows.stop :] = 1
    kept = 1 - passed * (1 - through)
    losses = tuple(_steered(kept, space, behind, angle) for angle in _looks(space))
    present = np.nonzero(weights > 0.2 * weights.max())[0]
    back = rows.start + int(present[-1]) + 1
    haze = tail = None
    if body.haze_db is not None or body.tail_db is not None:
        haze, tail = _trails(body, space, 1 - sent, back)
    return Cast(body, rows, lines, cover, losses, back, haze, tail)


def _fill(body: Body, slice_mm: float) -> float:
    """Return the share of the slice's thickness that a body fills."""
    sigma = slice_mm * TO_SIGMA * math.sqrt(2)
    half = body.thickness_mm / 2
    return 0.5 * (math.erf((half - body.offset_mm) / sigma) + math.erf((half + body.offset_mm) / sigma))


def _looks(space: BeamSpace) -> tuple[float, ...]:
    """Return the angle of each steered look, radians."""
    probe = space.probe
    if probe.looks == 1:
        return (0.0,)
    return tuple(float(a) for a in np.linspace(-probe.steer, probe.steer, probe.looks))


def _steered(kept: Array, space: BeamSpace, behind: Array, angle: float) -> Array:
    """Return a shadow as it lies in a look that is steered by `angle`."""
    if angle == 0.0:
        return kept
    shift = np.rint(behind * math.tan(angle) / space.across[:, 0]).astype(np.int64)
    lines = np.arange(space.shape[1])[None] - shift[:, None]
    inside = (lines >= 0) & (lines < space.shape[1])
    return np.where(inside, np.take_along_axis(kept, np.clip(lines, 0, space.shape[1] - 1), 1), np.float32(1))


def _trails(body: Body, space: BeamSpace, across: Array, back: int) -> tuple[Array | None, Array | None]:
    """Return the power of reverberation behind a body, and the amplitude of its repeating echoes."""
    behind = (space.depth - space.depth[back if back < space.shape[0] else -1]).astype(np.float32)
    after = behind >= 0
    weight = across[None] / max(float(across.max()), 1e-3)
    haze = tail = None
    if body.haze_db is not None:
        waves = 1 + np.float32(0.45) * np.sin(behind * np.float32(2 * math.pi / (2.2 + body.diameter_mm / 4)))
        level = 10 ** ((body.haze_db - body.haze_fall_db_mm * behind) / 10)
        haze = np.asarray(np.where(after, level * waves, 0) * weight, dtype=np.float32)
    if body.tail_db is not None:
        beats = np.clip(np.cos(behind * np.float32(2 * math.pi / body.tail_mm)), 0, 1) ** 2
        level = 10 ** ((body.tail_db - body.tail_fall_db_mm * behind) / 20)
        narrow = weight**2
        tail = np.asarray(np.where(after, level * (0.25 + 0.75 * beats), 0) * narrow, dtype=np.float32)
    return haze, tail


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
    extra = (loss - np.float32(TGC_DB_PER_CM_MHZ)) * np.float32(2 * probe.received_mhz * step_cm)
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
    probe = space.probe
    transfer, norm, padding = _spread(space)
    pulse, share = _pulse(space)
    noise, clutter = _additions(space)
    power, bodies = painted.power.copy(), np.zeros(space.shape, dtype=np.float32)
    for cast in painted.casts:
        amplitude = 10 ** (cast.body.level_db / 20) * math.sqrt(_shown(cast, space))
        rough = (amplitude * math.sqrt(1 - cast.body.coherent**2)) ** 2
        block = power[cast.rows, cast.lines]
        power[cast.rows, cast.lines] = block + cast.cover * np.float32(rough)
        block = bodies[cast.rows, cast.lines]
        np.maximum(block, cast.cover * np.float32(amplitude * cast.body.coherent), out=block)
    rough, smooth = np.sqrt(power), np.hypot(painted.smooth, bodies)
    envelope = np.zeros(space.shape, dtype=np.float32)
    mean, base = np.zeros_like(envelope), np.zeros_like(envelope)
    for number, angle in enumerate(_looks(space)):
        gain = 10 ** (_net_db(space, painted.loss, angle) / 20)
        base += gain * gain * (painted.power + painted.smooth**2)
        for cast in painted.casts:
            gain = gain * cast.losses[number]
        mean += gain * gain * (power + smooth * smooth)
        field_ = (rough * gain) * speckle.fields[number] + (smooth * gain) * (norm * share)
        spread = _across(field_, transfer, norm, padding)
        envelope += _heard(spread, painted.casts, noise, clutter, pulse, rng)
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
    )


def _shown(cast: Cast, space: BeamSpace) -> float:
    """Return the share of a body's echo that the slice's thickness lets through."""
    depth = float(space.depth[min(cast.back, space.shape[0] - 1), 0])
    return _fill(cast.body, float(space.probe.slice_width_mm(depth)))


def _additions(space: BeamSpace) -> tuple[Array, Array]:
    """Return the amplitude of electronic noise, which compensation lifts with depth, and of clutter."""
    probe = space.probe
    tgc = 2 * probe.received_mhz * TGC_DB_PER_CM_MHZ / 10 * space.depth
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
    noise: Array,
    clutter: Array,
    pulse: Array,
    rng: np.random.Generator,
) -> Array:
    """Return the envelope of one look: with noise and reverberation, spread along the beam by the pulse."""
    extra = noise**2 + clutter**2
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
