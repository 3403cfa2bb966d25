"""Painting: bodies laid one over another on a fine lattice, fast enough for hundreds of them.

The lattice is kept in blocks of 8 by 8 by 8 points. A body's distance is taken at the middles of the
blocks first: those well inside are filled, those well outside left alone, and only the points of
the few in between are looked at one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.shape import Bounds, Capsule, Shape, Tube

__all__ = ["AIR", "Lattice"]

BLOCK = 8
"""Points along each side of a block."""

STEEPNESS = 1.3
"""How much faster than space a shape's stated distance may change: 1 for a true distance, more where
ellipsoids are thin or waves are added."""

MANY_BLOCKS = 700
"""From so many blocks at its surface on, a body is looked at at every other point and interpolated.

Such a body is larger than 15 mm; its surface then moves by hundredths of a millimetre. Deposits,
whose truth must be exact, are drawn elsewhere.
"""

AIR = -1000.0
"""HU outside the body."""

Array = NDArray[np.float32]
Blocks = tuple[slice, slice, slice]


def _blocked(points: Array) -> Array:
    """Return points in rows of a block each, continued evenly to a whole number of blocks."""
    count = -(-points.size // BLOCK) * BLOCK
    step = points[1] - points[0] if points.size > 1 else np.float32(1)
    more = points[-1] + step * np.arange(1, count - points.size + 1, dtype=np.float32)
    return np.concatenate([points, more]).astype(np.float32).reshape(-1, BLOCK)


def _between(nodes: Array) -> Array:
    """Return distances at all points of blocks from those at every other: (block, 5, 5, 5) to 8."""
    for axis in (1, 2, 3):
        turned = np.moveaxis(nodes, axis, -1)
        wide = np.empty((*turned.shape[:-1], BLOCK), dtype=np.float32)
        wide[..., 0::2] = turned[..., :-1]
        wide[..., 1::2] = (turned[..., :-1] + turned[..., 1:]) * np.float32(0.5)
        nodes = np.moveaxis(wide, -1, axis)
    return nodes


@dataclass(frozen=True, slots=True)
class _Surface:
    """Where a body's surface runs: places of blocks, the share of their points covered, and blocks full."""

    near: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
    cover: Array
    part: Blocks
    full: NDArray[np.bool_]


class Lattice:
    """Axis-parallel points in LPS mm, painted with HU and labels.

    The one object here that changes: it is made, painted and read within one scan.

    Parameters
    ----------
    z, y, x
        float32, evenly spaced.
    width_mm
        Width over which a surface is blended.
    first_block
        Place of the lowest block, for textures that go on from one lattice to the next.
    """

    def __init__(self, z: Array, y: Array, x: Array, width_mm: float, first_block: int = 0) -> None:
        self._first = first_block
        self.sizes = (z.size, y.size, x.size)
        self._axes = tuple(_blocked(points) for points in (z, y, x))
        self._width = width_mm
        shape = tuple(a.shape[0] for a in self._axes)
        self._hu = np.full((*shape, BLOCK, BLOCK, BLOCK), AIR, dtype=np.float32)
        self._labels = np.zeros(self._hu.shape, dtype=np.uint8)
        half = [abs(float(a[0, -1] - a[0, 0])) / 2 for a in self._axes]
        self._reach = STEEPNESS * sum(h * h for h in half) ** 0.5 + width_mm
        self._middles = tuple((a[:, 0] + a[:, -1]) * np.float32(0.5) for a in self._axes)

    def _part(self, bounds: Bounds) -> Blocks:
        """Return the blocks that `bounds` touch."""
        found = []
        for axis, rows in zip((2, 1, 0), self._axes, strict=True):
            low, high = bounds[0][axis] - self._width, bounds[1][axis] + self._width
            first = int(np.searchsorted(rows[:, -1], low))
            last = int(np.searchsorted(rows[:, 0], high, side="right"))
            found.append(slice(first, max(first, last)))
        return found[0], found[1], found[2]

    def _at_middles(self, shape: Shape, part: Blocks) -> Array:
        z, y, x = (m[s] for m, s in zip(self._middles, part, strict=True))
        found = shape.distance(x[None, None, :], y[None, :, None], z[:, None, None])
        return np.broadcast_to(found, (z.size, y.size, x.size))

    def _at_points(self, shape: Shape, place: tuple[NDArray[np.intp], ...], *, coarse: bool) -> Array:
        """Return distances at the points of blocks, (block, 8, 8, 8)."""
        z, y, x = (rows[p] for rows, p in zip(self._axes, place, strict=True))
        if coarse:
            z, y, x = (np.concatenate([p[:, ::2], 2 * p[:, -1:] - p[:, -2:-1]], axis=1) for p in (z, y, x))
        found = shape.distance(x[:, None, None, :], y[:, None, :, None], z[:, :, None, None])
        size = z.shape[1]
        found = np.broadcast_to(found, (z.shape[0], size, size, size))
        return _between(found) if coarse else found

    def _surface(self, shape: Shape, part: Blocks) -> _Surface:
        middle = self._at_middles(shape, part)
        full = middle < -np.float32(self._reach)
        local = np.nonzero(np.abs(middle) <= np.float32(self._reach))
        near = tuple(p + s.start for p, s in zip(local, part, strict=True))
        distance = self._at_points(shape, near, coarse=near[0].size >= MANY_BLOCKS)
        return _Surface((near[0], near[1], near[2]), self._cover(distance), part, full)

    def _tube_surface(self, tube: Tube, part: Blocks) -> _Surface:
        """Return a tube's surface, each capsule looked at only where it lies."""
        sizes = tuple(s.stop - s.start for s in part)
        full = np.zeros(sizes, dtype=bool)
        place = np.full(sizes, -1, dtype=np.intp)
        parts: list[tuple[Capsule, tuple[NDArray[np.intp], ...]]] = []
        for capsule in tube.parts:
            own = self._part(capsule.bounds())
            if any(s.stop <= s.start for s in own):
                continue
            middle = self._at_middles(capsule, own)
            inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(own, part, strict=True))
            full[inner] |= middle < -np.float32(self._reach)
            found = np.nonzero(np.abs(middle) <= np.float32(self._reach))
            local = tuple(p + s.start for p, s in zip(found, inner, strict=True))
            place[local] = 0
            parts.append((capsule, local))
        place[full] = -1
        near = np.nonzero(place == 0)
        place[near] = np.arange(near[0].size)
        distance = np.full((near[0].size, BLOCK, BLOCK, BLOCK), np.float32(self._reach), dtype=np.float32)
        for capsule, local in parts:
            rows = place[local]
            kept = rows >= 0
            at = tuple(p[kept] + s.start for p, s in zip(local, part, strict=True))
            rows = rows[kept]
            distance[rows] = np.minimum(distance[rows], self._at_points(capsule, at, coarse=False))
        z, y, x = (p + s.start for p, s in zip(near, part, strict=True))
        return _Surface((z, y, x), self._cover(distance), part, full)

    def _cover(self, distance: Array) -> Array:
        share = np.float32(0.5) - distance / np.float32(self._width)
        return np.asarray(np.clip(share, np.float32(0), np.float32(1)), dtype=np.float32)

    def paint(self, shape: Shape, hu: float, label: int | None, texture: Array | None = None) -> None:
        """Fill a shape with HU, with a label if one is given, and with a texture that repeats.

        Parameters
        ----------
        shape
            Where.
        hu
            With what.
        label
            0 takes labels away; ``None`` leaves them.
        texture
            float32 HU, (z, y, x) blocks of 8 by 8 by 8 points, laid side by side.
        """
        part = self._part(shape.bounds())
        if any(s.stop <= s.start for s in part):
            return
        surface = self._tube_surface(shape, part) if isinstance(shape, Tube) else self._surface(shape, part)
        filled = tuple(p + s.start for p, s in zip(np.nonzero(surface.full), part, strict=True))
        for place, cover in ((surface.near, surface.cover), (filled, None)):
            fill: Array | np.float32 = np.float32(hu)
            if texture is not None:
                turned = (place[0] + self._first, place[1], place[2])
                fill = fill + texture[tuple(p % n for p, n in zip(turned, texture.shape, strict=False))]
            if cover is None:
                self._hu[place] = fill
                if label is not None:
                    self._labels[place] = label
                continue
            old = self._hu[place]
            self._hu[place] = old + cover * (fill - old)
            if label is not None:
                self._labels[place] = np.where(cover >= np.float32(0.5), label, self._labels[place])

    def _whole(self, blocks: NDArray[np.generic]) -> NDArray[np.generic]:
        turned = blocks.transpose(0, 3, 1, 4, 2, 5)
        z, y, x = (n * BLOCK for n in blocks.shape[:3])
        nz, ny, nx = self.sizes
        return turned.reshape(z, y, x)[:nz, :ny, :nx]

    @property
    def hu(self) -> Array:
        """HU at the points, (z, y, x)."""
        return np.asarray(self._whole(self._hu), dtype=np.float32)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Labels at the points, (z, y, x)."""
        return np.asarray(self._whole(self._labels), dtype=np.uint8)
