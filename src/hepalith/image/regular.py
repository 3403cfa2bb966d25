"""Stacks made even and upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.image.volume import AIR_HU

__all__ = ["even_out", "place_slice"]


def even_out(uneven: NDArray[np.int16], weights: NDArray[np.float64], out: NDArray[np.int16]) -> None:
    """Interpolate slices linearly to even distances.

    Linear, because it keeps the integral of a focus and never overshoots beside bone or metal,
    as splines do.

    Parameters
    ----------
    uneven
        int16, shape (slice, row, column).
    weights
        Fractional slice of `uneven` for every slice of `out`.
    out
        int16, written.
    """
    for n, at in enumerate(weights):
        below = int(at)
        share = np.float32(at - below)
        if share == 0:
            out[n] = uneven[below]
            continue
        mixed = uneven[below] * (1 - share)
        mixed += uneven[below + 1] * share
        out[n] = np.rint(mixed)


def place_slice(slice_hu: NDArray[np.int16], shift: NDArray[np.float64], out: NDArray[np.int16]) -> None:
    """Lay a slice on a larger one, shifted by a fraction of voxels, linearly; air around it.

    Parameters
    ----------
    slice_hu
        int16, shape (row, column).
    shift
        Rows and columns, not negative, by which the slice's first voxel lies from that of `out`.
    out
        int16, large enough.
    """
    rows, columns = slice_hu.shape
    whole = np.floor(shift + 1e-9).astype(int)
    part = np.clip(shift - whole, 0, 1)
    above_air = slice_hu.astype(np.float32) - AIR_HU
    laid = np.zeros(out.shape, dtype=np.float32)
    for down in (0, 1):
        for right in (0, 1):
            weight = (part[0] if down else 1 - part[0]) * (part[1] if right else 1 - part[1])
            if weight < 1e-6:
                continue
            top, left = whole[0] + down, whole[1] + right
            laid[top : top + rows, left : left + columns] += np.float32(weight) * above_air
    out[...] = np.rint(laid + AIR_HU)
