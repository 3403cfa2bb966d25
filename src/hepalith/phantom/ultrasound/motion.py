"""How a loop moves: breath or a sweep of the probe, bodies that move by themselves, speckle that follows.

Speckle moves with its tissue. It also changes: by the sound's own changing path, slowly, and by every new
slice that comes into the plane, fast. Bodies leave the plane and come back; gas and loose stones move
against the liver.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hepalith.phantom.ultrasound.cast import Pose
from hepalith.phantom.ultrasound.probe import BeamSpace
from hepalith.phantom.ultrasound.render import Speckle
from hepalith.phantom.ultrasound.scene import Body
from hepalith.phantom.ultrasound.shape import Array

__all__ = ["Motion", "carried", "draw_motion", "pose_at", "renewed", "where_at"]

SLICE_MEMORY_MM = 1.0
"""Movement across the plane over which speckle changes by 1/e: about a third of the slice's thickness."""

FRAME_MEMORY = 0.985
"""Share of the speckle's amplitude that stays from frame to frame when nothing leaves the plane."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The movement of a loop, in mm and frames.

    `kind` is ``breath`` or ``sweep``. `reach` is how far the liver goes along x and z; `period` of a breath;
    `across` how far the plane goes through the bodies; `drift` of each body that moves by itself: where it
    ends, and the frame at which it is half way.
    """

    kind: str
    reach: tuple[float, float]
    period: float
    phase: float
    across: float
    frames: int
    drift: tuple[tuple[int, float, float, float], ...] = ()

    def shift(self, frame: int) -> tuple[float, float]:
        """Return the liver's displacement in a frame; none in the first."""
        if self.kind == "sweep":
            share = frame / max(self.frames - 1, 1)
        else:
            turn = 2 * math.pi / self.period
            share = (math.sin(turn * frame + self.phase) - math.sin(self.phase)) / 2
        return self.reach[0] * share, self.reach[1] * share

    def out_of_plane(self, frame: int) -> float:
        """Return how far the plane has left its first place across, mm."""
        if self.kind == "sweep":
            return self.across * (frame / max(self.frames - 1, 1) - self.phase)
        turn = 2 * math.pi / self.period
        return self.across * (math.sin(turn * frame + self.phase + 0.6) - math.sin(self.phase + 0.6)) / 2

    def moved(self, frame: int) -> dict[int, tuple[float, float]]:
        """Return the displacement of bodies that move by themselves."""
        moved = {}
        for number, x, z, half in self.drift:
            share = 1 / (1 + math.exp(-(frame - half) / max(self.frames / 12, 1)))
            start = 1 / (1 + math.exp(half / max(self.frames / 12, 1)))
            moved[number] = (x * (share - start), z * (share - start))
        return moved


def draw_motion(bodies: Sequence[Body], frames: int, rng: np.random.Generator) -> Motion:
    """Draw how a loop of `frames` moves."""
    sweep = rng.random() < 0.25
    drift = []
    for body in bodies:
        if body.moves:
            far = float(rng.uniform(4, 9)) * (1 if rng.random() < 0.5 else -1)
            down = float(rng.uniform(0, 1.5)) if body.moves == "rolls" else float(rng.uniform(-3, 0))
            drift.append((body.id, far, down, float(rng.uniform(0.3, 0.7)) * frames))
    if sweep:
        across = float(rng.uniform(6, 14))
        reach = (float(rng.uniform(-4, 4)), float(rng.uniform(-2, 2)))
        return Motion("sweep", reach, 1.0, float(rng.uniform(0.3, 0.7)), across, frames, tuple(drift))
    reach = (float(rng.uniform(-14, 14)), float(rng.uniform(-5, 5)))
    period, phase = float(rng.uniform(45, 100)), float(rng.uniform(0, 6.28))
    return Motion("breath", reach, period, phase, float(rng.uniform(0, 4)), frames, tuple(drift))


def _field(motion: Motion, frame: int, x: Array, z: Array, wall_mm: float) -> tuple[Array, Array]:
    """Return the displacement at places, mm: the wall stands still, the liver slides and bends a little."""
    u, v = motion.shift(frame)
    ramp = np.clip((z - np.float32(wall_mm)) / np.float32(6), 0, 1)
    bend = 1 + np.float32(0.12) * np.sin(x / np.float32(55) + z / np.float32(70))
    share = (ramp * bend).astype(np.float32)
    return share * np.float32(u), share * np.float32(v)


def pose_at(motion: Motion, frame: int, space: BeamSpace, wall_mm: float) -> Pose:
    """Return how the tissue lies in a frame."""
    warp = _field(motion, frame, space.x, space.z, wall_mm)
    return Pose(warp, motion.shift(frame), motion.moved(frame), motion.out_of_plane(frame))


def where_at(motion: Motion, frame: int, body: Body, wall_mm: float) -> tuple[float, float]:
    """Return how far a body has come from its first place, mm."""
    x0, z0, x1, z1 = body.shape.bounds()
    own = motion.moved(frame).get(body.id, (0.0, 0.0))
    first = np.array([(x0 + x1) / 2 + own[0], (z0 + z1) / 2 + own[1]], dtype=np.float32)
    now = first.copy()
    for _ in range(3):
        u, v = _field(motion, frame, now[:1], now[1:], wall_mm)
        now = first + np.array([u[0], v[0]], dtype=np.float32)
    return float(now[0] - first[0]) + own[0], float(now[1] - first[1]) + own[1]


def renewed(speckle: Speckle, motion: Motion, frame: int, rng: np.random.Generator) -> Speckle:
    """Return the scatterers of the next frame, in the tissue's own places."""
    step = abs(motion.out_of_plane(frame) - motion.out_of_plane(frame - 1))
    stays = np.float32(FRAME_MEMORY * math.exp(-((step / SLICE_MEMORY_MM) ** 2)))
    pair = rng.standard_normal((2, *speckle.fields.shape), dtype=np.float32)
    new = (pair[0] + 1j * pair[1]) * np.float32(math.sqrt(0.5 * (1 - float(stays) ** 2)))
    return Speckle((speckle.fields * stays + new).astype(np.complex64))


def carried(speckle: Speckle, pose: Pose, space: BeamSpace) -> Speckle:
    """Return the scatterers where the tissue has carried them, to the nearest sample and line."""
    if pose.warp is None:
        return speckle
    u, v = pose.warp
    sin, cos = np.sin(space.angles), np.cos(space.angles)
    samples, lines = space.shape
    along = np.rint((u * sin + v * cos) / np.float32(space.probe.step_mm)).astype(np.int32)
    aside = np.rint((u * cos - v * sin) / space.across).astype(np.int32)
    rows = (np.arange(samples, dtype=np.int32)[:, None] - along) % samples
    columns = (np.arange(lines, dtype=np.int32)[None] - aside) % lines
    return Speckle(speckle.fields[:, rows, columns])
