"""How one image lies on another, point by point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.geometry import Grid

__all__ = ["Alignment"]


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Where each point of a region of the fixed image lies in the moving one.

    Parameters
    ----------
    grid
        Nodes of the displacement field.
    displacement_mm
        float32, shape (k, j, i, 3): what is added to a point of the fixed image, in LPS mm, to
        get the same tissue in the moving image. Between nodes it is interpolated linearly, beyond
        them the nearest value holds.
    agreement
        How well edges run together afterwards, from 0 (as if by chance) to 1.
    shift_mm
        Median length of the displacement: what breathing moved.
    """

    grid: Grid
    displacement_mm: NDArray[np.float32]
    agreement: float
    shift_mm: float

    def to_moving(self, points_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the fixed image, shape (..., 3) in LPS mm, lie in the moving image."""
        points = np.asarray(points_lps_mm, dtype=np.float64)
        at = np.moveaxis(self.grid.to_index(points), -1, 0)
        shift = [
            ndimage.map_coordinates(self.displacement_mm[..., axis], at, order=1, mode="nearest")
            for axis in range(3)
        ]
        moved: NDArray[np.float64] = points + np.stack(shift, axis=-1)
        return moved
