"""The coarse copy of an ultrasound picture: cells of a few samples by a few lines.

Regions are found on cells: averaging sixteen samples quiets speckle, and a frame of 512 × 300 becomes one
of 128 × 75, small enough for twenty frames a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.beam import BeamGrid

__all__ = ["Cells", "block_mean", "cut_cells", "seed_band"]

Label = TypeVar("Label", bound=np.generic)

CELLS_ALONG = 128
"""Cells along a beam line: about 1.2 mm each where the picture is 150 mm deep, finer than any border that
a region needs, coarser than the speckle. Our judgement."""

CELLS_ACROSS = 75
"""Cells across the lines: about one degree each in a fan of 70 degrees. Our judgement."""

LEAST_INSIDE = 0.5
"""Share of a cell that must be echo for the cell to be judged: the majority."""

SEED_DEPTHS = (0.18, 0.60)
"""Depths, as shares of `reach`, from which the speckle is first learned: below the abdominal wall
(under 25 mm of 150 in most adults) and above the far wall of the liver. Our judgement."""

REACH_SHARE = 0.95
"""Share of the cells with speckle that lie above the depth of `reach`: noise makes some beyond it."""

DULL = 0.4
"""A cell whose standard deviation is below this share of the speckle's shows no speckle: fully developed
speckle keeps its standard deviation in decibels wherever it is heard (Rayleigh statistics: 5.6 dB), so less
than half of it is noise, fluid or the display's floor."""


LIVELY = 0.1
"""A cell that is duller than this share of the liveliest tenth, or than one grey level, shows no echo at
all: it is left out before the speckle is learned, since most of a picture may be silent. Edges are up to
eight times as lively as speckle, so the share cannot be larger."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One frame on cells; every array runs (cell along the line, cell across), float32 unless said.

    Parameters
    ----------
    size
        Samples and lines of a cell.
    level, smooth
        Mean grey level of the cell, and of 3 × 3 cells.
    sd
        Standard deviation of grey levels over 3 × 3 cells.
    inside
        bool: the cell lies in the picture and is an echo for the most part.
    dull
        bool: no speckle shows here.
    speckle
        Standard deviation of the picture's speckle, grey levels: the lower part of `sd` where echoes are.
    reach
        Depth, as a share of the picture, down to which speckle shows at all: a depth set far beyond the
        body leaves the lower half empty.
    shape_full
        Samples and lines of the frame.
    step_px
        Distance of two samples, in pixels of the screen.
    width_px
        float32, shape (sample,): distance of two neighbouring lines at each sample, in pixels.
    """

    size: tuple[int, int]
    level: NDArray[np.float32]
    smooth: NDArray[np.float32]
    sd: NDArray[np.float32]
    inside: NDArray[np.bool_]
    dull: NDArray[np.bool_]
    speckle: float
    reach: float
    shape_full: tuple[int, int]
    step_px: float
    width_px: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along a line and across."""
        return self.level.shape[0], self.level.shape[1]

    def spread(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a smooth field on cells, interpolated linearly at every sample and line."""
        out = field.astype(np.float32, copy=False)
        for axis in range(2):
            place = (np.arange(self.shape_full[axis]) + 0.5) / self.size[axis] - 0.5
            place = np.clip(place, 0, self.shape[axis] - 1)
            low = np.minimum(place.astype(np.intp), max(self.shape[axis] - 2, 0))
            share = (place - low).astype(np.float32)
            step = np.diff(out, axis=axis, append=out.take([-1], axis))
            share = share[:, None] if axis == 0 else share[None]
            out = out.take(low, axis) + share * step.take(low, axis)
        return out

    def spread_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask on cells at every sample and line, each cell whole."""
        return self.spread_labels(mask)

    def spread_labels(self, labels: NDArray[Label]) -> NDArray[Label]:
        """Return labels on cells at every sample and line, each cell whole."""
        rows = np.minimum(np.arange(self.shape_full[0]) // self.size[0], self.shape[0] - 1)
        columns = np.minimum(np.arange(self.shape_full[1]) // self.size[1], self.shape[1] - 1)
        return labels.take(rows, 0).take(columns, 1)


def block_mean(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean over blocks of `size`; what does not fill a block at the far ends is left out."""
    rows, columns = values.shape[0] // size[0], values.shape[1] // size[1]
    whole = values[: rows * size[0], : columns * size[1]]
    along = whole[0 :: size[0]].astype(np.float32)
    for part in range(1, size[0]):
        along += whole[part :: size[0]]
    both = along[:, 0 :: size[1]].copy()
    for part in range(1, size[1]):
        both += along[:, part :: size[1]]
    both /= np.float32(size[0] * size[1])
    return both


def cut_cells(levels: NDArray[np.float32], grid: BeamGrid) -> Cells:
    """Return the frame on cells, with the speckle that it shows.

    Means and standard deviations are of echoes only: text and calipers do not count.
    """
    size = (max(1, round(levels.shape[0] / CELLS_ALONG)), max(1, round(levels.shape[1] / CELLS_ACROSS)))
    echo = grid.inside.astype(np.float32)
    share = block_mean(echo, size)
    kept = levels * echo
    first = block_mean(kept, size)
    second = block_mean(kept * levels, size)
    near = [ndimage.uniform_filter(part, 3, mode="nearest") for part in (share, first, second)]
    count = np.maximum(near[0], np.float32(1e-3))
    smooth = near[1] / count
    sd = np.sqrt(np.maximum(near[2] / count - smooth**2, 0))
    inside = share > LEAST_INSIDE
    level = np.where(share > 0, first / np.maximum(share, np.float32(1e-3)), smooth)
    reach = _reach(sd, inside)
    speckle = _speckle(sd, inside, reach)
    return Cells(
        size=size,
        level=level,
        smooth=smooth,
        sd=sd,
        inside=inside,
        dull=sd < DULL * speckle,
        speckle=speckle,
        reach=reach,
        shape_full=(levels.shape[0], levels.shape[1]),
        step_px=grid.step_px,
        width_px=_widths(grid),
    )


def seed_band(count: int, reach: float) -> slice:
    """Return the cells along a line from which speckle and liver are first learned."""
    return slice(int(SEED_DEPTHS[0] * reach * count), max(int(SEED_DEPTHS[1] * reach * count), 1))


def _reach(sd: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the depth above which nearly all cells with speckle lie, as a share of the picture.

    What counts as speckle is half of what the livelier quarter of the picture shows.
    """
    if not inside.any():
        return 1.0
    lively = (inside & (sd > 0.5 * np.percentile(sd[inside], 75))).sum(axis=1)
    heap = np.cumsum(lively)
    deepest = int(np.searchsorted(heap, REACH_SHARE * heap[-1])) + 1
    return float(min(deepest / REACH_SHARE / sd.shape[0], 1.0))


def _speckle(sd: NDArray[np.float32], inside: NDArray[np.bool_], reach: float) -> float:
    """Return the speckle's standard deviation: the lower middle of those that are not dull.

    The lower middle (40th percentile), since edges, vessels and foci only ever raise a local standard
    deviation. Dull cells are set aside first: half a picture may lie under lost contact.
    """
    band = seed_band(sd.shape[0], reach)
    values = sd[band][inside[band]]
    if values.size == 0:
        return 1.0
    some = values[values > max(LIVELY * float(np.percentile(values, 90)), 1.0)]
    lively = some[some > DULL * np.median(some)] if some.size else some
    return max(float(np.percentile(lively if lively.size else values, 40)), 1.0)


def _widths(grid: BeamGrid) -> NDArray[np.float32]:
    """Return the distance of neighbouring lines at every sample: measured at nine, between them straight.

    Lines of a fan part evenly with depth and those of a rectangle not at all, so a straight line is exact.
    """
    ends = np.unique(np.linspace(0, grid.shape[0] - 1, 9).astype(np.intp))
    apart = np.hypot(np.diff(grid.x_px[ends], axis=1), np.diff(grid.y_px[ends], axis=1))
    width = np.interp(np.arange(grid.shape[0]), ends, np.median(apart, axis=1))
    return np.asarray(width, dtype=np.float32)
