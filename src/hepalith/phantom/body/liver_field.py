"""A shape known by its distance on a lattice: what an organ's outline is once it has been worked out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.phantom.shape.shape import Bounds, Point

__all__ = ["SampleGrid", "Sampled"]

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SampleGrid:
    """Axis-parallel sample points: the first, the step in mm, and how many along z, y, x."""

    first: Point
    step_mm: float
    counts: tuple[int, int, int]

    def axes(self) -> tuple[Array, Array, Array]:
        """Return x, y and z of the points, each ready to broadcast over (z, y, x)."""
        x, y, z = (
            (f + self.step_mm * np.arange(n)).astype(np.float32)
            for f, n in zip(self.first, self.counts[::-1], strict=True)
        )
        return x[None, None, :], y[None, :, None], z[:, None, None]

    def index(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return (z, y, x) of points in steps of the lattice, unrounded."""
        found = [
            (np.asarray(p, dtype=np.float32) - np.float32(f)) / np.float32(self.step_mm)
            for p, f in zip((z, y, x), self.first[::-1], strict=True)
        ]
        return found[0], found[1], found[2]


def _along(values: Array, at: Array, axis: int) -> Array:
    """Return values interpolated at places along one axis."""
    last = values.shape[axis] - 1
    low = np.clip(np.floor(at), 0, max(last - 1, 0)).astype(np.intp)
    share = (at - low).astype(np.float32)
    share = share.reshape([-1 if a == axis else 1 for a in range(3)])
    near, far = values.take(low, axis), values.take(np.minimum(low + 1, last), axis)
    far -= near
    far *= share
    near += far
    return near


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A shape whose signed distance is given on a lattice and interpolated linearly between.

    Parameters
    ----------
    grid
        Where.
    values
        float32 (z, y, x), mm, negative inside; positive on every side of the lattice.

    Notes
    -----
    A surface that bends with radius R lies off by at most ``step² / (8 R)``: 0.08 mm for a step of
    2.5 mm and R of 10 mm.
    """

    grid: SampleGrid
    values: Array

    @property
    def volume_ml(self) -> float:
        """Volume, each sample counted by how far it lies inside."""
        step = self.grid.step_mm
        cover = np.clip(np.float32(0.5) - self.values / np.float32(step), 0, 1)
        return float(cover.sum(dtype=np.float64)) * step * step * step / 1000

    def bounds(self) -> Bounds:
        """Return the box of the samples inside, one step wider."""
        inside = self.values < 0
        low, high = [], []
        for axis, first in ((2, self.grid.first[0]), (1, self.grid.first[1]), (0, self.grid.first[2])):
            rest = tuple(a for a in range(3) if a != axis)
            found = np.flatnonzero(inside.any(axis=rest))
            start, stop = (int(found[0]), int(found[-1])) if found.size else (0, 0)
            low.append(first + self.grid.step_mm * (start - 1))
            high.append(first + self.grid.step_mm * (stop + 1))
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the interpolated distance; beyond the lattice, what its side says plus the way to it."""
        at = self.grid.index(x, y, z)
        held = [
            np.clip(a, np.float32(0), np.float32(n - 1)) for a, n in zip(at, self.values.shape, strict=True)
        ]
        beyond = [np.abs(a - h) * np.float32(self.grid.step_mm) for a, h in zip(at, held, strict=True)]
        if _is_lattice(at):
            found = self.values
            for axis in range(3):
                found = _along(found, held[axis].ravel(), axis)
        else:
            places = np.broadcast_arrays(*held)
            found = np.zeros(places[0].shape, dtype=np.float32)
            ndi.map_coordinates(self.values, places, output=found, order=1, mode="nearest")
        return np.asarray(found + np.maximum(np.maximum(beyond[0], beyond[1]), beyond[2]))

    def at(self, point: Point) -> float:
        """Return the distance at one point."""
        x, y, z = (np.full((1, 1, 1), v, dtype=np.float32) for v in point)
        return float(self.distance(x, y, z).item())


def _is_lattice(at: tuple[Array, Array, Array]) -> bool:
    """Say whether coordinates are those of an axis-parallel lattice, each along its own axis."""
    return all(a.ndim == 3 and a.size == a.shape[axis] for axis, a in enumerate(at))
