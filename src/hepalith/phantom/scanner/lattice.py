"""Painting: bodies laid one over another on a fine lattice, fast enough for hundreds of them.

The lattice is kept in blocks of 8 by 8 by 8 points. A body's distance is taken at the middles of the
blocks first: those well inside are filled, those well outside left alone, and only the points of
the few in between are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.shape.shape import Bounds, Capsule, Shape, Tube

__all__ = ["AIR", "BLOCK", "Lattice", "Outline"]

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

PAIRS = 192
"""Pairs of capsule and block whose points are looked at together: some 100 thousand points, in cache."""

TINY = np.float32(1e-6)
"""Squared length, in mm², below which a capsule is a sphere."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Capsules:
    """Many capsules as arrays, so that their distances are taken together: a tree, a loop of bowel.

    Parameters
    ----------
    start, axis
        (capsule, 3): x, y, z of the start, and from it to the end.
    length2
        Squared length of the axis; at least `TINY`.
    radius, taper
        Radius at the start, and what it gains toward the end.
    bounds
        (2, capsule, 3): lowest and highest corner.
    """

    start: Array
    axis: Array
    length2: Array
    radius: Array
    taper: Array
    bounds: NDArray[np.float64]

    @classmethod
    def of(cls, capsules: Sequence[Capsule]) -> Capsules:
        """Return capsules as arrays."""
        start = np.array([c.start for c in capsules])
        end = np.array([c.end for c in capsules])
        first = np.array([c.radius for c in capsules])
        last = np.array([c.radius if c.end_radius is None else c.end_radius for c in capsules])
        axis = (end - start).astype(np.float32)
        length2 = axis[:, 0] * axis[:, 0] + axis[:, 1] * axis[:, 1] + axis[:, 2] * axis[:, 2]
        low = np.minimum(start - first[:, None], end - last[:, None])
        high = np.maximum(start + first[:, None], end + last[:, None])
        return cls(
            start.astype(np.float32),
            axis,
            np.maximum(length2, TINY),
            first.astype(np.float32),
            (last - first).astype(np.float32),
            np.stack([low, high]),
        )

    def distance(self, which: NDArray[np.intp], x: Array, y: Array, z: Array) -> Array:
        """Return the distance from capsules `which` of points whose first axis runs along `which`."""
        shape = (-1,) + (1,) * (x.ndim - 1)
        ox, oy, oz = (p - self.start[which, a].reshape(shape) for a, p in enumerate((x, y, z)))
        ax, ay, az = (self.axis[which, a].reshape(shape) for a in range(3))
        share = (ox * ax + oy * ay + oz * az) / self.length2[which].reshape(shape)
        share = np.minimum(np.maximum(share, np.float32(0)), np.float32(1))
        square = (ox - share * ax) ** 2
        square += (oy - share * ay) ** 2
        square += (oz - share * az) ** 2
        reach = np.sqrt(square)
        reach -= self.radius[which].reshape(shape)
        reach -= share * self.taper[which].reshape(shape)
        return np.asarray(reach)


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A shape with its bounds, worked out once; tubes and capsules as arrays.

    Parameters
    ----------
    shape
        The shape; ``None`` where it is all capsules.
    bounds
        A box that holds it.
    capsules
        Its capsules.
    thickness_mm
        Smallest side of the bounds, of the thickest capsule if it has any.
    """

    shape: Shape | None
    bounds: Bounds
    capsules: Capsules | None
    thickness_mm: float

    @classmethod
    def of(cls, shapes: Sequence[Shape]) -> Outline:
        """Return the outline of one shape, or of the union of capsules and tubes."""
        parts: list[Capsule] = []
        for shape in shapes:
            if isinstance(shape, Capsule):
                parts.append(shape)
            elif isinstance(shape, Tube):
                parts += shape.parts
        if parts:
            capsules = Capsules.of(parts)
            low, high = capsules.bounds[0].min(axis=0), capsules.bounds[1].max(axis=0)
            thickness = float((capsules.bounds[1] - capsules.bounds[0]).min(axis=1).max())
            corners = (float(low[0]), float(low[1]), float(low[2]))
            return cls(None, (corners, (float(high[0]), float(high[1]), float(high[2]))), capsules, thickness)
        (shape,) = shapes
        bounds = shape.bounds()
        return cls(shape, bounds, None, min(h - b for b, h in zip(*bounds, strict=True)))


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

    def _pairs(self, capsules: Capsules) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
        """Return each capsule with each block that its bounds touch: capsules, and places of blocks."""
        first, count = [], []
        for axis, rows in zip((2, 1, 0), self._axes, strict=True):
            low = np.searchsorted(rows[:, -1], capsules.bounds[0][:, axis] - self._width)
            high = np.searchsorted(rows[:, 0], capsules.bounds[1][:, axis] + self._width, side="right")
            first.append(low)
            count.append(np.maximum(high - low, 0))
        blocks = count[0] * count[1] * count[2]
        which = np.repeat(np.arange(blocks.size), blocks)
        rest = np.arange(which.size) - np.repeat(np.cumsum(blocks) - blocks, blocks)
        places = []
        for start, size in zip(first[::-1], count[::-1], strict=True):
            places.append(rest % size[which] + start[which])
            rest = rest // size[which]
        return which, places[::-1]

    def _capsule_surface(self, capsules: Capsules, part: Blocks) -> _Surface:
        """Return the surface of the union of capsules, each looked at only where it lies."""
        sizes = tuple(s.stop - s.start for s in part)
        which, places = self._pairs(capsules)
        z, y, x = (m[p] for m, p in zip(self._middles, places, strict=True))
        middle = capsules.distance(which, x, y, z)
        flat = np.zeros(which.size, dtype=np.intp)
        for place, own, size in zip(places, part, sizes, strict=True):
            flat = flat * size + (place - own.start)
        full = np.zeros(int(np.prod(sizes)), dtype=bool)
        full[flat[middle < -np.float32(self._reach)]] = True
        kept = np.flatnonzero((np.abs(middle) <= np.float32(self._reach)) & ~full[flat])
        kept = kept[np.argsort(flat[kept], kind="stable")]
        blocks, rows = np.unique(flat[kept], return_inverse=True)
        distance = np.full((blocks.size, BLOCK, BLOCK, BLOCK), np.float32(self._reach), dtype=np.float32)
        for begin in range(0, kept.size, PAIRS):
            some = kept[begin : begin + PAIRS]
            at, starts = np.unique(rows[begin : begin + PAIRS], return_index=True)
            z, y, x = (axis[p[some]] for axis, p in zip(self._axes, places, strict=True))
            found = capsules.distance(
                which[some], x[:, None, None, :], y[:, None, :, None], z[:, :, None, None]
            )
            least = np.minimum.reduceat(found, starts, axis=0)
            distance[at] = np.minimum(distance[at], least)
        found_at = np.unravel_index(blocks, sizes)
        bz, by, bx = (p + s.start for p, s in zip(found_at, part, strict=True))
        return _Surface((bz, by, bx), self._cover(distance), part, full.reshape(sizes))

    def _cover(self, distance: Array) -> Array:
        share = np.float32(0.5) - distance / np.float32(self._width)
        return np.asarray(np.clip(share, np.float32(0), np.float32(1)), dtype=np.float32)

    def paint(self, outline: Outline, hu: float, label: int | None, texture: Array | None = None) -> None:
        """Fill a shape with HU, with a label if one is given, and with a texture that repeats.

        Parameters
        ----------
        outline
            Where.
        hu
            With what.
        label
            0 takes labels away; ``None`` leaves them.
        texture
            float32 HU, (z, y, x) blocks of 8 by 8 by 8 points, laid side by side.
        """
        part = self._part(outline.bounds)
        if any(s.stop <= s.start for s in part):
            return
        if outline.capsules is not None:
            surface = self._capsule_surface(outline.capsules, part)
        else:
            assert outline.shape is not None  # noqa: S101 - an outline has one or the other
            surface = self._surface(outline.shape, part)
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
