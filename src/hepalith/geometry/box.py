"""A box of voxels: the crop that every stage works in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box"]


@dataclass(frozen=True, slots=True)
class Box:
    """Half-open box of voxels, ``start <= (k, j, i) < stop``.

    Examples
    --------
    >>> Box((0, 2, 2), (4, 6, 6)).shape
    (4, 4, 4)
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (k, j, i)."""
        k, j, i = (max(0, b - a) for a, b in zip(self.start, self.stop, strict=True))
        return (k, j, i)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as an index into an array."""
        k, j, i = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return (k, j, i)

    @property
    def is_empty(self) -> bool:
        """Whether no voxel lies inside."""
        return 0 in self.shape

    def grown(self, margin: Sequence[int], shape: Sequence[int]) -> Box:
        """Return the box with `margin` voxels more on every side, held within an array of `shape`."""
        start = [max(0, a - m) for a, m in zip(self.start, margin, strict=True)]
        stop = [min(n, b + m) for b, m, n in zip(self.stop, margin, shape, strict=True)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    @classmethod
    def around(cls, mask: NDArray[np.bool_]) -> Box:
        """Return the smallest box that holds every true voxel of `mask`; empty if there is none."""
        (planes,) = np.nonzero(mask.any(axis=(1, 2)))
        if planes.size == 0:
            return cls((0, 0, 0), (0, 0, 0))
        first, last = int(planes[0]), int(planes[-1]) + 1
        shadow = np.logical_or.reduce(mask[first:last], axis=0)  # whole planes: the other axes are read once
        (rows,) = np.nonzero(shadow.any(axis=1))
        (columns,) = np.nonzero(shadow.any(axis=0))
        return cls((first, int(rows[0]), int(columns[0])), (last, int(rows[-1]) + 1, int(columns[-1]) + 1))
