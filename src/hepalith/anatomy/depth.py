"""Depth beneath the capsule, kept where it was measured and worked out where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Depth"]


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """Distance from the capsule inward, in mm, over the box of a liver; 0 outside the liver.

    Parameters
    ----------
    samples
        float32, in mm, at every `stride`-th voxel of the box from its first, along each axis.
    stride
        Voxels from sample to sample, along (k, j, i).
    inside
        bool, the shape of the box: where the depth is not 0.

    Notes
    -----
    Between samples it is linear; beyond the last its value holds. On thin slices
    the samples are a twentieth of the voxels or fewer: what asks for a plane or for some places never
    pays, in time and memory, for four bytes at every voxel.
    """

    samples: NDArray[np.float32]
    stride: tuple[int, int, int]
    inside: NDArray[np.bool_]

    @classmethod
    def of(cls, depth_mm: NDArray[np.float32]) -> Depth:
        """Return a depth that is known at every voxel."""
        return cls(depth_mm, (1, 1, 1), np.asarray(depth_mm > 0))

    def within(self, view: Sequence[slice]) -> NDArray[np.float32]:
        """Return the depth in a view of the box, float32 in mm: what an array of it would give there."""
        return self.on([np.arange(n)[cut] for n, cut in zip(self.inside.shape, view, strict=True)])

    def on(self, places: Sequence[NDArray[np.intp]]) -> NDArray[np.float32]:
        """Return the depth where planes of the box cross, float32 in mm.

        Parameters
        ----------
        places
            Indices along k, j and i; the result has their lengths as its shape.
        """
        field = self.samples
        for axis in (2, 1):
            below, above, share = self._between(axis, places[axis])
            share = share[:, None] if axis == 1 else share
            field = field.take(below, axis) * (1 - share) + field.take(above, axis) * share
        inside = self.inside[np.ix_(*places)]
        depth = np.empty(inside.shape, np.float32)
        # plane by plane: one of the sampled planes serves several, and no second array of the view is held
        for plane, within, low, high, share in zip(depth, inside, *self._between(0, places[0]), strict=True):
            np.multiply(field[low] * (1 - share) + field[high] * share, within, out=plane)
        return depth

    def at(self, points: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the depth at voxels of the box, shape (n, 3), in mm."""
        (k0, k1, k), (j0, j1, j), (i0, i1, i) = (self._between(axis, points[:, axis]) for axis in range(3))
        s = self.samples
        low, high = (
            (s[n, j0, i0] * (1 - i) + s[n, j0, i1] * i) * (1 - j)
            + (s[n, j1, i0] * (1 - i) + s[n, j1, i1] * i) * j
            for n in (k0, k1)
        )
        return np.asarray((low * (1 - k) + high * k) * self.inside[tuple(points.T)], dtype=np.float32)

    def _between(
        self, axis: int, place: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Return the samples below and above each place along an axis, and the share of the one above."""
        stride = self.stride[axis]
        below = place // stride
        above = np.minimum(below + 1, self.samples.shape[axis] - 1)
        return below, above, ((place - below * stride) / stride).astype(np.float32)
