"""The volume of a solid without a closed form: measured on two fine lattices, extrapolated to a third."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from hepalith.phantom.shape.shape import Point, Shape
from hepalith.phantom.shape.solid import Fused, Measured, Solid, middle_distance, near

__all__ = ["fuse", "measured"]

STEPS_ACROSS_WIDTH = (9.0, 14.0)
"""Steps across a solid's narrowest part on the two lattices that measure its volume.

An edge drawn by coverage adds h²/12 to the square of a cylinder's radius and h²/4 to that of a
sphere; extrapolating both lattices to h = 0 takes that out. What is left is below 0.1 % on every
solid of known volume in the tests; 0.2 % is promised.
"""

SMALL_BOX = 1_500_000
"""Lattice points up to which a small solid is measured on lattices twice or four times as fine."""

TILE_STEPS = 24
"""Steps along each side of a tile of the lattice: 14,000 points, which stay in cache."""

SUB_TILES = 6
"""Tiles along each side of the larger tiles that are looked at first."""


def _tiles(low: Point, high: Point, side_mm: float) -> Iterator[Point]:
    """Return the lower corners of tiles that cover a box."""
    counts = [max(1, math.ceil((b - a) / side_mm - 1e-9)) for a, b in zip(low, high, strict=True)]
    for k in range(counts[2]):
        for j in range(counts[1]):
            for i in range(counts[0]):
                yield (low[0] + i * side_mm, low[1] + j * side_mm, low[2] + k * side_mm)


def _tile_volume(shape: Shape, corner: Point, step_mm: float) -> float:
    """Return the volume of a shape within one tile of a lattice."""
    axes = [(c + (np.arange(TILE_STEPS) + 0.5) * step_mm).astype(np.float32) for c in corner]
    x, y, z = axes[0][None, None, :], axes[1][None, :, None], axes[2][:, None, None]
    cover = np.clip(np.float32(0.5) - shape.distance(x, y, z) / np.float32(step_mm), 0, 1)
    return float(np.broadcast_to(cover, (TILE_STEPS,) * 3).sum(dtype=np.float64)) * step_mm**3


def _volume(shape: Shape, low: Point, high: Point, step_mm: float, factor: int) -> float:
    """Return a shape's volume within a box, tile by tile, `factor` tiles along a larger one first."""
    side = TILE_STEPS * step_mm * factor
    total = 0.0
    for corner in _tiles(low, high, side):
        end = (corner[0] + side, corner[1] + side, corner[2] + side)
        local = near(shape, corner, end)
        if local is None:
            continue
        apart, reach = middle_distance(local, corner, end)
        if apart > reach + step_mm:
            continue
        if apart < -reach - step_mm:
            total += side**3
        elif factor > 1:
            total += _volume(local, corner, end, step_mm, 1)
        else:
            total += _tile_volume(local, corner, step_mm)
    return total


def measured(shape: Shape, width_mm: float, steps: tuple[float, float] = STEPS_ACROSS_WIDTH) -> Measured:
    """Return a shape with its volume, measured on two lattices and extrapolated to a step of nothing.

    Parameters
    ----------
    shape
        Any shape whose distance is right near its surface.
    width_mm
        Its smallest extent.
    steps
        Steps across that extent on the coarser and the finer lattice.
    """
    low, high = shape.bounds()
    points = math.prod((b - a) / width_mm * steps[1] for a, b in zip(low, high, strict=True))
    finer = 1
    while points * (2 * finer) ** 3 <= SMALL_BOX:
        finer *= 2
    found = []
    for count in steps:
        step = width_mm / (finer * count)
        start = (low[0] - 1.37 * step, low[1] - 1.61 * step, low[2] - 1.13 * step)
        end = (high[0] + step, high[1] + step, high[2] + step)
        found.append(_volume(shape, start, end, step, SUB_TILES))
    coarse2, fine2 = (1 / n**2 for n in steps)
    volume = found[1] + (found[1] - found[0]) * fine2 / (coarse2 - fine2)
    error = abs(found[1] - volume) / volume / 4
    return Measured(shape, round(volume, 9), width_mm, round(error, 9))


def fuse(parts: Sequence[Solid], steps: tuple[float, float] = STEPS_ACROSS_WIDTH) -> Solid:
    """Return overlapping solids as one, its volume measured on lattices of so many steps across it."""
    if len(parts) == 1:
        return parts[0]
    return measured(Fused(tuple(parts)), min(p.width_mm for p in parts), steps)
