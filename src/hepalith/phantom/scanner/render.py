"""What a scanner makes of a solid: how much of it each voxel holds, blur and slice profile included."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box, Grid
from hepalith.phantom.scanner.scanner import SliceProfile
from hepalith.phantom.shape import exact
from hepalith.phantom.shape.shape import Bounds, Point, Shape
from hepalith.phantom.shape.solid import Cloud, Layered, Solid, near

__all__ = ["Rendered", "render"]

Array = NDArray[np.float32]
Double = NDArray[np.float64]

FINE_STEP_MM = 0.25
"""Largest step of the fine lattice on which a solid is drawn.

A quarter of the usual pixel, so that the lattice adds less than 1 % to the variance of the blur.
"""

STEPS_ACROSS = 8
"""Fewest steps across the narrowest part of a small solid; its edge is then placed by coverage within
a few per cent of that width, and the volume is put right afterwards in any case."""

STEPS_ACROSS_LARGE = 5
"""The same for solids of more than `SMALL_LATTICE` points: trees and networks, whose many edges
average what a coarser lattice leaves."""

LARGE_STEP_MM = 0.12
"""Smallest step for those: wires of a stent are thinner than two of it, and far below any resolution."""

SMALL_LATTICE = 4_000_000
"""Points up to which the finer lattice is affordable: a tenth of a second."""

TILE_BINS = 32
"""Bins along each side of a tile of the lattice: 33,000 points, which stay in cache."""

BLUR_REACH = 4.5
"""Standard deviations after which the point spread is taken as zero: 7e-6 of it lies beyond."""

SMALL_TABLE = 30_000
"""Products up to which a plain sum is quicker than a sparse table."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A deposit as sampled by a scanner.

    Parameters
    ----------
    box
        Where in the image.
    share
        float32, shape of `box`: the blurred share of the deposit in each voxel, before its excess.
        Where a solid is of uneven density, its density over its mean is counted in.
    occupied
        float32, shape of `box`: the share of each voxel's own space that the solid fills, unblurred.
    """

    box: Box
    share: Array
    occupied: Array

    @property
    def label(self) -> NDArray[np.bool_]:
        """Voxels that hold the deposit: at least half as full as its fullest voxel."""
        return np.asarray(self.occupied >= 0.5 * self.occupied.max())


@dataclass(frozen=True, slots=True)
class _Sampler:
    """A scanner's sampling: the grid, and how far and how it blurs along each axis."""

    grid: Grid
    blur_mm: float
    profile: SliceProfile

    @property
    def reach(self) -> tuple[float, float, float]:
        """How far a voxel sees, in voxels."""
        apart, row, column = self.grid.spacing_mm
        wide = BLUR_REACH * self.blur_mm
        return self.profile.reach_mm / apart, wide / row + 0.5, wide / column + 0.5

    def weights(self, axis: int, edges: Double, start: int, stop: int) -> Array:
        """Return how much each bin between `edges` gives to each voxel from `start` to `stop`."""
        apart = edges[None, :] - np.arange(start, stop, dtype=np.float64)[:, None]
        spacing = float(self.grid.spacing_mm[axis])
        if axis == 0:
            rise = self.profile.cumulative(apart * spacing)
        else:
            rise = _pixel_cumulative(apart, self.blur_mm / spacing)
        return np.asarray(np.diff(rise, axis=1), dtype=np.float32)


def _pixel_cumulative(at: Double, blur: float) -> Double:
    """Return the cumulative response of a pixel: its own width convolved with the point spread.

    Both in units of the pixel. The pixel's width is kept so that neighbouring pixels together
    see every point alike; it adds 1/12 px² to the variance of the blur.
    """
    if blur < 1e-3:
        return np.clip(at + 0.5, 0, 1)

    def rise(u: Double) -> Double:
        scaled = u / blur
        density = exact.exp(-0.5 * scaled * scaled) / math.sqrt(2 * math.pi)
        return np.asarray(u * exact.ndtr(scaled) + blur * density)

    return rise(at + 0.5) - rise(at - 0.5)


def _own(edges: Double, start: int, stop: int) -> Array:
    """Return how much of each bin lies within each voxel's own space."""
    apart = edges[None, :] - np.arange(start, stop, dtype=np.float64)[:, None]
    return np.asarray(np.diff(np.clip(apart + 0.5, 0, 1), axis=1), dtype=np.float32)


def _contracted(weights: Array, values: Array, axis: int) -> Array:
    """Return sums of `values` along an axis, weighed by the rows of `weights`, in fixed order."""
    if weights.size * (values.size // max(values.shape[axis], 1)) > SMALL_TABLE:
        return exact.contract(weights, values, axis)
    turned = np.moveaxis(values, axis, 0)
    flat = np.ascontiguousarray(turned).reshape(turned.shape[0], -1)
    found = np.zeros((weights.shape[0], flat.shape[1]), dtype=np.float32)
    for place in range(flat.shape[0]):
        found += weights[:, place, None] * flat[place]
    return np.moveaxis(found.reshape(weights.shape[0], *turned.shape[1:]), 0, axis)


def _index_bounds(bounds: Bounds, grid: Grid) -> tuple[Double, Double]:
    """Return the box of an LPS box in voxel index."""
    corners = list(itertools.product(*zip(*bounds, strict=True)))
    index = np.asarray([_to_index(grid, (x, y, z)) for x, y, z in corners])
    return index.min(axis=0), index.max(axis=0)


def _to_index(grid: Grid, point: Point) -> tuple[float, ...]:
    """Return the voxel index of a point, rounded so that it does not depend on how it was solved for."""
    return tuple(round(float(v), 9) for v in grid.to_index(point))


def _lattice(solid: Solid, grid: Grid) -> tuple[list[Double], float]:
    """Return the bins' edges in voxel index along each axis, and the longest bin in mm."""
    low, high = _index_bounds(solid.bounds(), grid)
    spacing = np.asarray(grid.spacing_mm)
    for across in (STEPS_ACROSS, STEPS_ACROSS_LARGE):
        step = min(FINE_STEP_MM, solid.width_mm / across)
        if across == STEPS_ACROSS_LARGE:
            step = max(step, LARGE_STEP_MM)
        counts = np.maximum(np.ceil((high - low) * spacing / step - 1e-6), 1).astype(int)
        if math.prod(int(n) for n in counts) <= SMALL_LATTICE:
            break
    edges = [
        a + (b - a) * np.arange(n + 1) / n
        for a, b, n in zip(low, high, (int(n) for n in counts), strict=True)
    ]
    return edges, max(float((e[1] - e[0]) * s) for e, s in zip(edges, spacing, strict=True))


def _points(grid: Grid, edges: list[Double]) -> tuple[Array, Array, Array]:
    """Return the LPS coordinates of the bins' centres, no larger than they must be."""
    index = []
    for axis, e in enumerate(edges):
        shape = [1, 1, 1]
        shape[axis] = e.size - 1
        index.append(((e[1:] + e[:-1]) / 2).reshape(shape))
    found = []
    for row in np.asarray(grid.affine)[:3]:
        total = np.full((1, 1, 1), row[3])
        for factor, places in zip(row[:3], index, strict=True):
            if factor != 0:
                total = total + factor * places
        found.append(total.astype(np.float32))
    return found[0], found[1], found[2]


def _tiles(edges: list[Double]) -> Iterator[list[Double]]:
    """Return the lattice in tiles."""
    cuts = [[e[start : start + TILE_BINS + 1] for start in range(0, e.size - 1, TILE_BINS)] for e in edges]
    for parts in itertools.product(*cuts):
        yield list(parts)


def _local(shape: Shape, grid: Grid, edges: list[Double]) -> Shape | None:
    """Return what of a shape can reach into a tile."""
    corners = [grid.to_lps(c) for c in itertools.product(*((e[0], e[-1]) for e in edges))]
    low = [min(float(c[a]) for c in corners) for a in range(3)]
    high = [max(float(c[a]) for c in corners) for a in range(3)]
    return near(shape, (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _voxels(edges: Double, reach: float, size: int) -> tuple[int, int]:
    """Return the first voxel, and one past the last, that see bins between `edges`."""
    start = max(math.ceil(edges[0] - reach), 0)
    return start, max(min(math.floor(edges[-1] + reach) + 1, size), start)


def _draw(solid: Solid, sampler: _Sampler) -> Rendered:
    """Draw one even solid, its total put right to its volume."""
    grid = sampler.grid
    edges, step = _lattice(solid, grid)
    spans = [_voxels(e, r, n) for e, r, n in zip(edges, sampler.reach, grid.shape, strict=True)]
    if any(b <= a for a, b in spans):
        return _nothing()
    box = Box((spans[0][0], spans[1][0], spans[2][0]), (spans[0][1], spans[1][1], spans[2][1]))
    share = np.zeros(box.shape, dtype=np.float32)
    occupied = np.zeros(box.shape, dtype=np.float32)
    drawn = 0.0
    for tile in _tiles(edges):
        shape = _local(solid, grid, tile)
        if shape is None:
            continue
        size = tuple(e.size - 1 for e in tile)
        apart = shape.distance(*_points(grid, tile)) / np.float32(step)
        cover = np.broadcast_to(np.clip(np.float32(0.5) - apart, 0, 1), size)
        total = float(cover.sum(dtype=np.float64))
        if total == 0:
            continue
        drawn += total
        for target, reach in ((share, sampler.reach), (occupied, (0.5, 0.5, 0.5))):
            seen: Array = cover
            place = []
            for axis in range(3):
                start, stop = _voxels(tile[axis], reach[axis], grid.shape[axis])
                if target is share:
                    weights = sampler.weights(axis, tile[axis], start, stop)
                else:
                    weights = _own(tile[axis], start, stop)
                seen = _contracted(weights, seen, axis)
                place.append(slice(start - spans[axis][0], stop - spans[axis][0]))
            target[tuple(place)] += seen
    bin_mm3 = grid.voxel_mm3 * math.prod(float(e[1] - e[0]) for e in edges)
    if drawn:
        share *= np.float32(solid.volume_mm3 / (drawn * bin_mm3))
    return Rendered(box, share, occupied)


def _nothing() -> Rendered:
    empty = np.zeros((0, 0, 0), dtype=np.float32)
    return Rendered(Box((0, 0, 0), (0, 0, 0)), empty, empty)


def _layers(solid: Solid) -> list[tuple[float, Solid]]:
    """Return the even solids of which a solid is the weighed sum."""
    if isinstance(solid, Layered):
        scale = solid.scale
        return [(scale * w * v, s) for w, part in solid.layers for v, s in _layers(part)]
    if isinstance(solid, Cloud):
        return [layer for part in solid.parts for layer in _layers(part)]
    return [(1.0, solid)]


def _supports(solid: Solid) -> list[Solid]:
    """Return the even solids whose union a solid fills."""
    if isinstance(solid, Layered):
        return _supports(solid.support)
    if isinstance(solid, Cloud):
        return [s for part in solid.parts for s in _supports(part)]
    return [solid]


def _gathered(boxes: list[Box]) -> Box:
    low = [min(b.start[a] for b in boxes) for a in range(3)]
    high = [max(b.stop[a] for b in boxes) for a in range(3)]
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _within(box: Box, whole: Box) -> tuple[slice, ...]:
    return tuple(slice(a - o, b - o) for a, b, o in zip(box.start, box.stop, whole.start, strict=True))


def render(solid: Solid, grid: Grid, blur_mm: float, profile: SliceProfile) -> Rendered:
    """Draw a solid as the scanner samples it: blurred in the plane, weighed by the slice profile.

    Each even part is drawn on a fine lattice of its own, tile by tile, its volume put right to the
    true one, and each voxel takes the integral of the lattice under its own response. Away from the
    image's ends ``sum(share) * voxel_mm3`` is the solid's volume, to the precision of float32,
    unless slices have gaps. The place along z is kept only nearly: to a few hundredths of a
    thick slice.

    Parameters
    ----------
    solid
        The solid, LPS mm.
    grid
        Grid of the image; may be oblique.
    blur_mm
        Standard deviation of the in-plane point spread.
    profile
        Sensitivity along the slice normal.

    Notes
    -----
    Made of additions and products in fixed order: the same bits on every x86-64.
    """
    sampler = _Sampler(grid, blur_mm, profile)
    layers, supports = _layers(solid), _supports(solid)
    if len(layers) == 1:
        return _draw(layers[0][1], sampler)
    seen = {id(s): _draw(s, sampler) for s in (*(s for _, s in layers), *supports)}
    boxes = [r.box for r in seen.values() if not r.box.is_empty]
    if not boxes:
        return _nothing()
    whole = _gathered(boxes)
    share = np.zeros(whole.shape, dtype=np.float32)
    occupied = np.zeros(whole.shape, dtype=np.float32)
    for weight, part in layers:
        drawn = seen[id(part)]
        share[_within(drawn.box, whole)] += np.float32(weight) * drawn.share
    for part in supports:
        drawn = seen[id(part)]
        occupied[_within(drawn.box, whole)] += drawn.occupied
    return Rendered(whole, share, np.minimum(occupied, np.float32(1)))
