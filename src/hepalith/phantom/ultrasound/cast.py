"""What one dense body does to the sound behind it: its shadow, as wide beams see it.

A body narrower than the beam lets sound pass by, in the plane and across it. Its transmission is ::

    T = (1 - E · B_sent(l) ⊛ (1 - τ)) · (1 - E · B_heard(r, l) ⊛ (1 - τ))

with τ(l) the amplitude that a pencil keeps, B the beam's profile where the body lies (the transmitted beam
as focused there; the received one is the cone from the aperture to the echo at r), and E the share of the
slice's thickness that the body fills. So a body well above the beam's width shadows fully, one below it
faintly or not at all, and the shadow fades away from the focus.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from hepalith.phantom.ultrasound.probe import CONE, TO_SIGMA, BeamSpace
from hepalith.phantom.ultrasound.scene import Body
from hepalith.phantom.ultrasound.shape import Array, Bounds, coverage

__all__ = ["STILL", "Cast", "Pose", "Warp", "cast_of", "look_angles", "points", "slice_share"]

Warp = tuple[Array, Array]
"""Displacement of the tissue at each sample in mm, x and z."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """How the tissue lies in one frame of a loop.

    `warp` is its displacement at each sample (``None``: none), `shift` the largest of it, `moved` the further
    displacement of single bodies by id, `across_mm` how far the plane has left the middle of the bodies.
    """

    warp: Warp | None = None
    shift: tuple[float, float] = (0.0, 0.0)
    moved: Mapping[int, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    across_mm: float = 0.0

    def block(
        self, space: BeamSpace, bounds: Bounds, further: tuple[float, float] = (0.0, 0.0)
    ) -> tuple[slice, slice]:
        """Return the samples and lines that a shape's box may touch in this frame."""
        x0, z0, x1, z1 = bounds
        u, v = self.shift
        box = (
            x0 + min(u, 0) + further[0],
            z0 + min(v, 0) + further[1],
            x1 + max(u, 0) + further[0],
            z1 + max(v, 0) + further[1],
        )
        return space.block(box, 1.5 + 0.3 * math.hypot(u, v))


STILL = Pose()
"""Of a still, and of a loop's first frame."""


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


def points(space: BeamSpace, rows: slice, lines: slice, warp: Warp | None) -> tuple[Array, Array]:
    """Return where the tissue now at a block of samples came from, x and z in mm."""
    x, z = space.x[rows, lines], space.z[rows, lines]
    if warp is None:
        return x, z
    return x - warp[0][rows, lines], z - warp[1][rows, lines]


def _blur(profile: Array, sigma_lines: float) -> Array:
    """Return a profile across the lines as a beam of a given width sees it; outside lies nothing."""
    if sigma_lines < 0.15:
        return profile
    return np.asarray(ndimage.gaussian_filter1d(profile, sigma_lines, mode="constant", truncate=3.0))


CONES = 7
"""Widths of the receiving cone for which a shadow is worked out; between them it is interpolated."""


def cast_of(body: Body, space: BeamSpace, pose: Pose = STILL) -> Cast | None:
    """Return a body's coverage and the sound it leaves behind it; ``None`` where it lies off the picture."""
    moved = pose.moved.get(body.id, (0.0, 0.0))
    rows, lines = pose.block(space, body.shape.bounds(), moved)
    if rows.start >= rows.stop or lines.start >= lines.stop:
        return None
    x, z = points(space, rows, lines, pose.warp)
    soft = np.maximum(0.3, space.across[rows] * 0.7)
    cover = coverage(body.shape, x - np.float32(moved[0]), z - np.float32(moved[1]), soft)
    if float(cover.max()) < 0.05:
        return None
    if pose.across_mm:
        body = replace(body, offset_mm=body.offset_mm + pose.across_mm)
    return _shadowed(body, space, rows, lines, cover)


def _shadowed(body: Body, space: BeamSpace, rows: slice, lines: slice, cover: Array) -> Cast:
    """Work out what a body leaves of the sound, look by look."""
    probe = space.probe
    chord = cover.sum(axis=0) * probe.step_mm
    entered = np.clip(chord / np.float32(max(min(0.5, body.width_mm / 2), 0.2)), 0, 1)
    loss_db = entered * body.surface_db + chord / 10 * body.inside_db_per_cm_mhz * probe.attenuated_mhz
    stopped = np.zeros(space.shape[1], dtype=np.float32)
    stopped[lines] = 1 - 10 ** (-loss_db / 20)
    weights = cover.sum(axis=1)
    middle = float((weights * np.arange(rows.start, rows.stop)).sum() / weights.sum())
    depth = middle * probe.step_mm
    at = min(int(middle), space.shape[0] - 1)
    gap = float(space.across[at, 0])
    fill = slice_share(body, float(probe.slice_width_mm(depth)))
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
    losses = tuple(_steered(kept, space, behind, angle) for angle in look_angles(space))
    present = np.nonzero(weights > 0.2 * weights.max())[0]
    back = rows.start + int(present[-1]) + 1
    haze = tail = None
    if body.haze_db is not None or body.tail_db is not None:
        haze, tail = _trails(body, space, 1 - sent, back)
    return Cast(body, rows, lines, cover, losses, back, haze, tail)


def slice_share(body: Body, slice_mm: float) -> float:
    """Return the share of the slice's thickness that a body fills."""
    sigma = slice_mm * TO_SIGMA * math.sqrt(2)
    half = body.thickness_mm / 2
    return 0.5 * (math.erf((half - body.offset_mm) / sigma) + math.erf((half + body.offset_mm) / sigma))


def look_angles(space: BeamSpace) -> tuple[float, ...]:
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
