"""A plane of tissue laid onto the beams: backscatter, attenuation, smooth surfaces and dense bodies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from hepalith.phantom.ultrasound.cast import STILL, Cast, Pose, cast_of, points
from hepalith.phantom.ultrasound.probe import BeamSpace
from hepalith.phantom.ultrasound.scene import SonoScene, Tissue
from hepalith.phantom.ultrasound.shape import Array, coverage

__all__ = ["Painted", "paint"]


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A scene on the beams.

    `power` and `loss` (dB/cm/MHz) are of tissue without bodies, `smooth` the amplitude of surfaces, `casts`
    the bodies, `entered` the amplitude that each line brings through the skin, (1, line).
    """

    power: Array
    loss: Array
    smooth: Array
    casts: tuple[Cast, ...]
    entered: Array


def _soft(space: BeamSpace, rows: slice, soft_mm: float) -> Array:
    """Return how wide an edge is drawn: no sharper than the sampling across the beam allows."""
    return np.asarray(np.maximum(np.float32(soft_mm), space.across[rows] * np.float32(0.7)))


def paint(scene: SonoScene, space: BeamSpace, pose: Pose = STILL) -> Painted:
    """Return the scene on the beams, as it lies in a frame."""
    power = np.full(space.shape, 10 ** (scene.level_db / 10), dtype=np.float32)
    loss = np.full(space.shape, scene.attenuation, dtype=np.float32)
    smooth = np.zeros(space.shape, dtype=np.float32)
    for tissue in scene.tissues:
        _paint_tissue(tissue, space, power, loss, pose)
    for line in scene.reflectors:
        rows, lines = pose.block(space, line.shape.bounds())
        if rows.start + 1 >= rows.stop or lines.start >= lines.stop:
            continue
        x, z = points(space, rows, lines, pose.warp)
        distance = line.shape.distance(x, z)
        # The distance to a thin wall turns round in its middle: the steeper of both neighbours is its slope.
        steps = np.abs(np.diff(distance, axis=0)) / np.float32(space.probe.step_mm)
        square = np.maximum(np.concatenate([steps[:1], steps]), np.concatenate([steps, steps[-1:]]))
        cover = np.clip(0.5 - distance / _soft(space, rows, line.soft_mm), 0, 1)
        if line.within is not None:
            cover = cover * coverage(line.within, x, z, 1.0)
        facing = np.maximum(np.minimum(square, 1) ** np.float32(line.directivity), np.float32(line.least))
        if line.grain_db:
            facing = facing * np.sqrt(_grain(x, z, line.grain_db, 14.0))
        block = smooth[rows, lines]
        np.maximum(block, cover * facing * np.float32(10 ** (line.level_db / 20)), out=block)
    found = (cast_of(body, space, pose) for body in scene.bodies)
    casts = tuple(cast for cast in found if cast is not None)
    contact = np.asarray(scene.contact_db or (0.0, 0.0))
    at = np.interp(np.linspace(0, 1, space.shape[1]), np.linspace(0, 1, contact.size), contact)
    return Painted(power, loss, smooth, casts, (10 ** (-at / 20)).astype(np.float32)[None])


def _paint_tissue(tissue: Tissue, space: BeamSpace, power: Array, loss: Array, pose: Pose) -> None:
    """Paint one tissue over `power` and `loss`."""
    rows, lines = pose.block(space, tissue.shape.bounds())
    if rows.start >= rows.stop or lines.start >= lines.stop:
        return
    x, z = points(space, rows, lines, pose.warp)
    cover = coverage(tissue.shape, x, z, _soft(space, rows, tissue.soft_mm))
    if tissue.within is not None:
        cover = cover * coverage(tissue.within, x, z, 1.0)
    level: Array | np.float32 = np.float32(10 ** (tissue.level_db / 10))
    if tissue.grain_db:
        level = level * _grain(x, z, tissue.grain_db, tissue.grain_mm)
    power[rows, lines] += cover * (level - power[rows, lines])
    if tissue.attenuation is not None:
        loss[rows, lines] += cover * (np.float32(tissue.attenuation) - loss[rows, lines])


TILE = 512
"""Samples along a side of the tile of unevenness; a power of two."""

TILE_PER_PERIOD = 6
"""Samples of the tile in one wave of it: finer than the beam resolves."""


@cache
def _tile() -> Array:
    """Return unevenness without a pattern: smooth noise of unit spread, edges that meet."""
    white = np.random.default_rng(20).standard_normal((TILE, TILE))
    smooth = ndimage.gaussian_filter(white, TILE_PER_PERIOD / 3, mode="wrap")
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def _grain(x: Array, z: Array, db: float, period: float) -> Array:
    """Return an uneven backscatter, fixed to the tissue."""
    scale = np.float32(TILE_PER_PERIOD / period)
    columns = ((x + np.float32(500)) * scale).astype(np.int32) & (TILE - 1)
    rows = ((z + np.float32(500)) * scale).astype(np.int32) & (TILE - 1)
    return np.asarray(10 ** (_tile()[rows, columns] * np.float32(db / 10)), dtype=np.float32)
