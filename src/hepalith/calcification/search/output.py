"""What one filter says of every place: its output, sampled no finer than it varies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box

__all__ = ["Output"]


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """Output of one filter over a crop.

    Parameters
    ----------
    values
        int16: one sample per cell of `stride` voxels, taken in the middle of the cell.
    stride
        Voxels of the crop per sample, by axis.
    unit
        Deviations of the liver's own output in a step of 1.

    Examples
    --------
    >>> values = np.array([[[100, 300]]], np.int16)
    >>> output = Output(values, (1, 1, 2), 0.01)
    >>> output.at(np.array([[0, 0, 1], [0, 0, 2]])).tolist()
    [1.0, 3.0]
    >>> np.round(output.within(Box((0, 0, 0), (1, 1, 4))), 2).tolist()
    [[[1.0, 1.5, 2.5, 3.0]]]
    """

    values: NDArray[np.int16]
    stride: tuple[int, int, int]
    unit: float

    def at(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the output at some voxels, shape (n, 3), in deviations: that of their cells."""
        return np.asarray(self.values[tuple((places // self.stride).T)] * np.float32(self.unit))

    def within(self, box: Box) -> NDArray[np.float32]:
        """Return the output at every voxel of a box, in deviations, linear between samples."""
        cells, shares = [], []
        for start, stop, step, count in zip(box.start, box.stop, self.stride, self.values.shape, strict=True):
            place = np.clip((np.arange(start, stop) + 0.5) / step - 0.5, 0, count - 1)
            low = np.minimum(place.astype(np.intp), max(0, count - 2))
            cells.append(low)
            shares.append((place - low).astype(np.float32))
        first = [int(low[0]) for low in cells]
        last = [int(low[-1]) + 2 for low in cells]
        part = self.values[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
        found = part * np.float32(self.unit)
        for axis, (low, share) in enumerate(zip(cells, shares, strict=True)):
            if self.stride[axis] == 1:
                found = found[(slice(None),) * axis + (slice(0, len(low)),)]
                continue
            at = low - first[axis]
            above = np.minimum(at + 1, found.shape[axis] - 1)
            weight = share.reshape([-1 if n == axis else 1 for n in range(3)])
            found = found.take(at, axis) * (1 - weight) + found.take(above, axis) * weight
        return np.asarray(found, dtype=np.float32)

    def voxels_above(self, level: float) -> NDArray[np.intp]:
        """Return the voxels in the middle of the cells that exceed a level, shape (n, 3)."""
        above = np.flatnonzero(self.values > int(level / self.unit))
        cells = np.stack(np.unravel_index(above, self.values.shape), axis=1)
        return np.asarray(cells * self.stride + np.array(self.stride) // 2)
