"""The grid of an image: how array indices become patient millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepalith.errors import GeometryError
from hepalith.geometry.box import Box

__all__ = ["Grid"]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Shape of an array and its place in the patient.

    Parameters
    ----------
    shape
        Voxels along (k, j, i): slice, row, column.
    affine
        4 x 4, takes ``(k, j, i, 1)`` to ``(x, y, z, 1)`` in LPS millimetres, at voxel centres.

    Raises
    ------
    GeometryError
        If a spacing is zero or not finite, or the axes do not span space.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError("the image's geometry is not finite; export it again with positions")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if (spacing <= 0).any() or abs(np.linalg.det(affine[:3, :3] / spacing)) < 1e-3:
            raise GeometryError("the image has a zero spacing or parallel axes; its geometry is lost")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (k, j, i), in mm."""
        k, j, i = (float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        return (k, j, i)

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel, in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def to_lps(self, index: ArrayLike) -> NDArray[np.float64]:
        """Return LPS millimetres of indices (k, j, i), shape (..., 3)."""
        index = np.asarray(index, dtype=np.float64)
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, point_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Return fractional indices (k, j, i) of LPS points in mm, shape (..., 3)."""
        offset = np.asarray(point_lps_mm, dtype=np.float64) - self.affine[:3, 3]
        return offset @ np.linalg.inv(self.affine[:3, :3]).T

    def cropped(self, box: Box) -> Grid:
        """Return the grid of the part of the array inside `box`."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_lps(box.start)
        return Grid(box.shape, affine)

    def is_close_to(self, other: Grid, tolerance_mm: float = 0.01) -> bool:
        """Return whether both grids put every voxel at the same place, within `tolerance_mm`."""
        if self.shape != other.shape:
            return False
        k, j, i = (n - 1 for n in self.shape)
        corners = [(a, b, c) for a in (0, k) for b in (0, j) for c in (0, i)]
        return bool(np.abs(self.to_lps(corners) - other.to_lps(corners)).max() <= tolerance_mm)
