"""How far a filter's output strays at each place of a liver, read off the output itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from hepalith.calcification.search.background import reduce_sum

__all__ = ["Places", "lower_deviation", "measure_scale", "measure_scatter"]

WINDOW_MM = 40.0
"""Width of the window in which a filter's output is read for its own deviation and tail: some hundred
independent draws of it. Our judgement."""

SCALE_RANGE = (0.8, 3.0)
"""Least and largest local deviation over the liver's."""

TAIL_AT = 2.5
"""Deviations at which the tail is read."""

SHELL_TAIL_AT = 3.5
"""Deviations at which the tail of the whole surface is read: ribs, breathing and the outline's errors make
few places, but strong ones."""

TAIL_LEAST_SHARE = 2.0
"""Times the normal share beyond `TAIL_AT` from which a tail counts as heavy: sampling error stays below."""

MOST_TAIL = 4.0
"""Most by which a heavy tail raises the threshold."""

VESSEL_AT = 3.0
"""Deviations above which connected voxels are taken together as one structure."""

VESSEL_MM = 20.0
"""Length from which such a structure is left out of the tail: it is judged by its shape, not by chance."""

LEAST_SAMPLE = 50
"""Fewest values whose deviation is trusted."""

LEAST_WINDOW_SHARE = 0.05
"""Least share of usable liver in a window."""

SCATTER_MM, SCATTER_SHARE = 20.0, 0.6
"""Width of the windows whose deviations are compared, and the least share of liver in them."""

UNKNOWN_SCATTER, MOST_SCATTER = 0.08, 0.15
"""Scatter where a liver is too small to tell, as on ordinary scans, and the most that is believed."""

LEAST_STEPS = 6.0
"""Least deviation of an output, in the steps in which it is kept: a tenth of what its covariance explains."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The coarse cells of a liver: all of them, those away from its surface, and their size.

    `cells` are voxels per cell, `size_mm` the size of one.
    """

    liver: NDArray[np.bool_]
    deep: NDArray[np.bool_]
    cells: tuple[int, int, int]
    size_mm: tuple[float, float, float]


def lower_deviation(values: NDArray[np.float32], usual: float) -> float:
    """Return the standard deviation as the lower half tells it: foci and vessels lie in the upper.

    Of too few values, the usual one.
    """
    if values.size < LEAST_SAMPLE:
        return usual
    low, middle = np.quantile(values, (0.1587, 0.5))
    return max(float(middle - low), LEAST_STEPS)


def measure_scale(values: NDArray[np.int16], unit: float, places: Places) -> NDArray[np.float32]:
    """Return by cell how far the output strays there, as its lower half and its upper tail tell.

    The tail is that of what is left when long connected structures are taken out: those are judged by
    their shape. Where a share `p` still lies beyond `TAIL_AT` deviations, more than noise explains, the
    output is taken to stray as a Gaussian with that share there would.
    """
    cells, size = places.cells, places.size_mm
    window = [max(3, 2 * round(WINDOW_MM / (2 * s)) + 1) for s in size]
    high, over = (reduce_sum(values > round(level / unit), cells) for level in (VESSEL_AT, TAIL_AT))
    low = np.minimum(values[tuple(slice(f // 2, None, f) for f in cells)], 0).astype(np.float32)
    square = np.zeros(places.deep.shape, np.float32)
    square[tuple(slice(0, n) for n in low.shape)] = (low * unit) ** 2
    apart = ~ndimage.binary_dilation(_long(high > 0, size), np.ones((3, 3, 3)))

    def mean(array: NDArray[Any], chosen: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        share = ndimage.uniform_filter(chosen.astype(np.float32), window, mode="constant")
        total = ndimage.uniform_filter(array * chosen, window, mode="constant")
        return total / np.maximum(share, 1e-6), share > LEAST_WINDOW_SHARE

    variance, known = mean(2 * square, places.deep)
    spread = np.where(known, np.clip(np.sqrt(np.maximum(variance, 0)), *SCALE_RANGE), 1.0)
    usual = special.ndtr(-TAIL_AT / spread)
    scale = spread
    for where in (places.deep, places.liver & ~places.deep):  # the surface strays by its own laws
        share, known = mean(over / float(np.prod(cells)), where & apart)
        tail = TAIL_AT / np.maximum(-special.ndtri(np.clip(share, 1e-9, 0.3)), 0.5)
        heavy = known & (share > TAIL_LEAST_SHARE * usual)
        heavy &= places.deep if where is places.deep else ~places.deep
        scale = np.where(heavy, np.clip(tail, spread, MOST_TAIL), scale)
    shell = places.liver & ~places.deep & apart
    far = reduce_sum(values > round(SHELL_TAIL_AT / unit), cells)[shell].sum() / max(1.0, float(shell.sum()))
    all_of_it = float(far) / float(np.prod(cells))
    if all_of_it > TAIL_LEAST_SHARE * float(special.ndtr(-SHELL_TAIL_AT)):
        whole = min(SHELL_TAIL_AT / -float(special.ndtri(min(all_of_it, 0.1))), MOST_TAIL)
        scale = np.where(places.deep, scale, np.maximum(scale, whole))
    return np.asarray(scale, dtype=np.float32)


def _long(marked: NDArray[np.bool_], size_mm: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return the marked cells that belong to connected structures of some length."""
    labels, count = cc3d.connected_components(marked, connectivity=26, return_N=True)
    boxes = ndimage.find_objects(labels, count)
    long = np.zeros(count + 1, np.bool_)
    for n, box in enumerate(boxes, start=1):
        extent = [(s.stop - s.start) * mm for s, mm in zip(box, size_mm, strict=True)]
        long[n] = math.hypot(*extent) > VESSEL_MM
    return np.asarray(long[labels])


def measure_scatter(values: NDArray[np.int16], unit: float, places: Places) -> float:
    """Return how much the noise differs from place to place: standard deviation of the log of its own.

    Deviations within windows of `SCATTER_MM` differ by sampling too; what that explains is taken off. The
    square of a normal draw cut off at 0, doubled, has mean 1 and variance 5.
    """
    window = [max(1, 2 * round(SCATTER_MM / (2 * s)) + 1) for s in places.size_mm]
    low = np.minimum(values[tuple(slice(f // 2, None, f) for f in places.cells)], 0).astype(np.float32)
    square = np.zeros(places.deep.shape, np.float32)
    square[tuple(slice(0, n) for n in low.shape)] = 2 * (low * unit) ** 2
    share = ndimage.uniform_filter(places.deep.astype(np.float32), window, mode="constant")
    total = ndimage.uniform_filter(square * places.deep, window, mode="constant")
    full = places.deep & (share > SCATTER_SHARE)
    if int(full.sum()) < LEAST_SAMPLE:
        return UNKNOWN_SCATTER
    variance = total[full] / share[full]
    chance = float((5 / (share[full] * np.prod(window))).mean())
    beyond = float(variance.var()) / float(variance.mean()) ** 2 - chance
    return min(0.5 * math.sqrt(max(beyond, 0.0)), MOST_SCATTER)
