"""A plane of tissue laid onto the beams: backscatter, attenuation, smooth surfaces and dense bodies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hepalith.phantom.sono_cast import Cast, Warp, cast_of, points
from hepalith.phantom.sono_probe import BeamSpace
from hepalith.phantom.sono_scene import SonoScene, Tissue
from hepalith.phantom.sono_shape import Array, coverage

__all__ = ["Painted", "paint"]


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


def paint(
    scene: SonoScene,
    space: BeamSpace,
    *,
    warp: Warp | None = None,
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
        x, z = points(space, rows, lines, warp)
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
    warp: Warp | None,
    margin_mm: float,
) -> None:
    """Paint one tissue over `power` and `loss`."""
    rows, lines = space.block(tissue.shape.bounds(), margin_mm)
    if rows.start >= rows.stop or lines.start >= lines.stop:
        return
    x, z = points(space, rows, lines, warp)
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
