"""Coarse pictures of a whole trunk in well under a second: organs and HU, for training a network.

The scanner of `hepalith.phantom.scene` makes what a reader sees; this paints the same bodies once, on a
grid of a few millimetres, without blur, noise or what is far smaller than a voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.scene import ORGANS, Body
from hepalith.phantom.shape.shape import Bounds, Shape, Tube

__all__ = ["Atlas", "AtlasGrid", "label_grid", "paint_atlas"]

SMALLEST_SHARE = 0.35
"""Bodies thinner than this share of a voxel are left out: they would change nothing that shows."""

AIR_HU = -1000.0
"""HU outside the body."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AtlasGrid:
    """An upright grid: how many slices, rows and columns, how far apart, and where the first voxel lies.

    Parameters
    ----------
    shape
        Slices, rows, columns.
    spacing_mm
        The same along every axis.
    first
        x, y, z of the centre of the first voxel, LPS mm; slices run from the feet to the head.
    """

    shape: tuple[int, int, int] = (88, 76, 96)
    spacing_mm: float = 5.0
    first: tuple[float, float, float] = (-237.5, -185.0, -225.0)

    def axes(self) -> tuple[Array, Array, Array]:
        """Return z, y and x of the voxels' centres."""
        x, y, z = (
            (self.first[a] + np.arange(self.shape[2 - a]) * self.spacing_mm).astype(np.float32)
            for a in range(3)
        )
        return z, y, x


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """A coarse picture: uint8 `ORGANS` and float32 HU, slices by rows by columns."""

    labels: NDArray[np.uint8]
    hu: Array
    grid: AtlasGrid


def _thickness(shape: Shape) -> float:
    """Return an upper bound of a body's smallest extent, mm."""
    if isinstance(shape, Tube):
        return 2 * max(shape.radii)
    low, high = shape.bounds()
    return min(b - a for a, b in zip(low, high, strict=True))


def _within(axes: tuple[Array, Array, Array], bounds: Bounds, margin_mm: float) -> tuple[slice, slice, slice]:
    low, high = bounds
    found = [
        slice(
            int(np.searchsorted(points, low[a] - margin_mm)),
            int(np.searchsorted(points, high[a] + margin_mm)),
        )
        for points, a in zip(axes, (2, 1, 0), strict=True)
    ]
    return found[0], found[1], found[2]


def _pieces(body: Body) -> tuple[Shape, ...]:
    """Return a body's parts: a tube is painted one capsule after another, each where it lies."""
    return body.shape.parts if isinstance(body.shape, Tube) else (body.shape,)


def paint_atlas(abdomen: Abdomen, grid: AtlasGrid | None = None) -> Atlas:
    """Return organs and HU of an abdomen on a coarse grid.

    Parameters
    ----------
    abdomen
        Of whom.
    grid
        Where; the whole trunk at 5 mm unless given.
    """
    grid = grid or AtlasGrid()
    axes = grid.axes()
    labels = np.zeros(grid.shape, dtype=np.uint8)
    hu = np.full(grid.shape, AIR_HU, dtype=np.float32)
    width = np.float32(grid.spacing_mm)
    for body in abdomen.bodies:
        if _thickness(body.shape) < SMALLEST_SHARE * grid.spacing_mm:
            continue
        label = ORGANS.get(body.organ, 0)
        for piece in _pieces(body):
            part = _within(axes, piece.bounds(), 0.5 * grid.spacing_mm)
            if any(s.stop <= s.start for s in part):
                continue
            z, y, x = (a[s] for a, s in zip(axes, part, strict=True))
            distance = piece.distance(x[None, None, :], y[None, :, None], z[:, None, None])
            cover = np.clip(np.float32(0.5) - distance / width, 0, 1)
            region = hu[part]
            region += cover * (np.float32(body.hu) - region)
            if body.organ:
                labels[part][np.broadcast_to(cover >= 0.5, region.shape)] = label
    return Atlas(labels, hu, grid)


def label_grid(abdomen: Abdomen, grid: AtlasGrid | None = None) -> NDArray[np.uint8]:
    """Return `ORGANS` of an abdomen on a coarse grid, uint8, slices by rows by columns."""
    return paint_atlas(abdomen, grid).labels
