"""Orientation: every image is turned to one order of axes, and its maps turned back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry.grid import Grid

__all__ = ["StoredOrder"]


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """How an array was stored, seen from the working order.

    The working order is the one of an axial CT of a supine patient: slices run to the head
    (+z), rows to the back (+y), columns to the patient's left (+x); LPS throughout. Stages
    see only that order. Label maps are written in the order the image was stored in, so that
    they fit the file the user has.

    Parameters
    ----------
    axes
        ``axes[n]`` is the stored axis that became working axis ``n``.
    flipped
        ``flipped[n]``: working axis ``n`` runs against the stored one.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)

    @classmethod
    def of(cls, grid: Grid) -> StoredOrder:
        """Return the order of a stored grid: its axes matched to z, y, x by the largest cosine."""
        cosines = grid.affine[:3, :3] / np.asarray(grid.spacing_mm)
        axes = [-1, -1, -1]
        flipped = [False, False, False]
        free = np.abs(cosines)
        for _ in range(3):
            patient_axis, stored_axis = np.unravel_index(int(free.argmax()), free.shape)
            working = 2 - int(patient_axis)  # x is column (2), y row (1), z slice (0)
            axes[working] = int(stored_axis)
            flipped[working] = bool(cosines[patient_axis, stored_axis] < 0)
            free[patient_axis, :] = -1
            free[:, stored_axis] = -1
        return cls((axes[0], axes[1], axes[2]), (flipped[0], flipped[1], flipped[2]))

    def to_working(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return a view of a stored array in the working order."""
        turned = stored.transpose(self.axes)
        return turned[tuple(slice(None, None, -1) if f else slice(None) for f in self.flipped)]

    def to_stored(self, working: NDArray[Any]) -> NDArray[Any]:
        """Return a view of a working array in the order the image was stored in."""
        unflipped = working[tuple(slice(None, None, -1) if f else slice(None) for f in self.flipped)]
        return unflipped.transpose(np.argsort(self.axes))

    def working_grid(self, stored: Grid) -> Grid:
        """Return the grid of `stored` in the working order."""
        affine = stored.affine.copy()
        shape = [0, 0, 0]
        for n, axis in enumerate(self.axes):
            shape[n] = stored.shape[axis]
            affine[:3, n] = stored.affine[:3, axis]
        for n, axis in enumerate(self.axes):
            if self.flipped[n]:
                affine[:3, 3] += stored.affine[:3, axis] * (stored.shape[axis] - 1)
                affine[:3, n] = -affine[:3, n]
        return Grid((shape[0], shape[1], shape[2]), affine)

    def stored_grid(self, working: Grid) -> Grid:
        """Return the stored grid whose working order is `working`."""
        affine = working.affine.copy()
        shape = [0, 0, 0]
        for n, axis in enumerate(self.axes):
            shape[axis] = working.shape[n]
            column = working.affine[:3, n]
            if self.flipped[n]:
                affine[:3, 3] += column * (working.shape[n] - 1)
                column = -column
            affine[:3, axis] = column
        return Grid((shape[0], shape[1], shape[2]), affine)
