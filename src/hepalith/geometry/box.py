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
        start: list[int] = []
        stop: list[int] = []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            (hits,) = np.nonzero(mask.any(axis=others))
            if hits.size == 0:
                return cls((0, 0, 0), (0, 0, 0))
            start.append(int(hits[0]))
            stop.append(int(hits[-1]) + 1)
        return cls((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
