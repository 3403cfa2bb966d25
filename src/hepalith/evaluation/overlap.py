"""How well one outline agrees with another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

__all__ = ["dice", "surface_distance_mm"]


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the Dice coefficient, ``2 |A ∩ B| / (|A| + |B|)``; 1 where both are empty.

    Examples
    --------
    >>> import numpy as np
    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    if found.shape != truth.shape:
        raise ValueError(f"outlines of different shape: {found.shape} and {truth.shape}")
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(truth))
    return 1.0 if total == 0 else 2 * int(np.count_nonzero(found & truth)) / total


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the voxels of a mask that touch by a face what is outside; the image's faces do not count."""
    eroded = ndi.binary_erosion(mask, border_value=1)
    return np.asarray(mask & ~eroded)


def surface_distance_mm(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> tuple[float, float]:
    """Return the mean and the 95th percentile of the symmetric distance between two surfaces, in mm.

    Raises
    ------
    ValueError
        If the shapes differ or either outline has no surface.
    """
    if found.shape != truth.shape:
        raise ValueError(f"outlines of different shape: {found.shape} and {truth.shape}")
    one, other = _surface(found), _surface(truth)
    if not one.any() or not other.any():
        raise ValueError("an outline without a surface has no distance to another")
    to_other = ndi.distance_transform_edt(~other, sampling=spacing_mm)[one]
    to_one = ndi.distance_transform_edt(~one, sampling=spacing_mm)[other]
    both = np.concatenate([to_other, to_one])
    return float(both.mean()), float(np.percentile(both, 95))
