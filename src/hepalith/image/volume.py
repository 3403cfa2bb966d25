"""CT volumes and label maps, in the working order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box, Grid, StoredOrder

__all__ = ["AIR_HU", "Volume"]

AIR_HU = -1024
"""HU given to what was never measured: padding, outside the field of view, NaN outside the body."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A CT image in Hounsfield units.

    Parameters
    ----------
    hu
        int16, shape (slice, row, column), in the working order (`StoredOrder`). Rounding
        fractional HU to integers adds a noise of 0.29 HU, far below any scanner's.
    grid
        Where the voxels are.
    stored_order
        How the source was stored, to write maps back onto its grid.
    warnings
        What was repaired or doubted while decoding, one sentence each.
    invalid
        bool, shape of `hu`: true where the source held no number (NaN, infinite) and `hu` is
        `AIR_HU`; ``None`` where every voxel was a number. Outside the body that is padding;
        inside the liver the image cannot be read.
    filled
        bool, one along the axes that slices were not stored along, so that it stretches over `hu`: true where
        a missing slice was filled from its neighbours; ``None`` where none was missing.
    """

    hu: NDArray[np.int16]
    grid: Grid
    stored_order: StoredOrder = field(default_factory=StoredOrder)
    warnings: tuple[str, ...] = ()
    invalid: NDArray[np.bool_] | None = None
    filled: NDArray[np.bool_] | None = None

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel spacing along (slice, row, column), in mm."""
        return self.grid.spacing_mm

    def cropped(self, box: Box) -> Volume:
        """Return the part of the volume inside `box`; the voxels are shared, not copied."""
        invalid = None if self.invalid is None else self.invalid[box.slices]
        filled = self.filled_in(box)
        hu, grid = self.hu[box.slices], self.grid.cropped(box)
        return Volume(hu, grid, self.stored_order, self.warnings, invalid, filled)

    def filled_in(self, box: Box) -> NDArray[np.bool_] | None:
        """Return `filled` of the part inside `box`."""
        if self.filled is None:
            return None
        some = zip(box.slices, self.filled.shape, strict=True)
        return self.filled[tuple(part if n > 1 else slice(None) for part, n in some)]

    def pasted(self, part: NDArray[Any], box: Box) -> NDArray[Any]:
        """Return an array of the volume's whole shape, zero but for `part` inside `box`."""
        whole = np.zeros(self.hu.shape, dtype=part.dtype)
        whole[box.slices] = part
        return whole
