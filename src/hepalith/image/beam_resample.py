"""From the screen to the beam lines and back: the linear maps, worked out once a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from hepalith.image.beam import BeamGrid, sector_mask

__all__ = ["beam_matrix", "lay_on_screen"]

WIDE_PITCH_PX = 1.6
"""Pitch of the lines from which a sample is averaged across its width: below it bilinear interpolation
already sees every pixel once (support of two pixels)."""

MIRROR_COST = 3.0
"""A hole is filled from beside rather than from above or below: gain changes with depth, so a sample of the
same depth is this many times nearer than one of another depth. Our judgement."""


def beam_matrix(grid: BeamGrid, shape: tuple[int, int], hidden: NDArray[np.bool_]) -> Any:
    """Matrix that turns a screen, flattened, into the samples of a grid, flattened.

    Each sample is bilinear between four pixels; where lines lie further apart than a pixel or two (far
    field), it is the mean of two such places, a quarter of the pitch to either side, so that no bright pixel
    is skipped. Samples on text and calipers take the values of what lies mirrored on the other side of their
    nearest free neighbour (speckle stays speckle); they are not `inside`.

    Parameters
    ----------
    grid
        Where the samples lie.
    shape
        (row, column) of the screen.
    hidden
        bool, (sample, line): samples in the picture that are no echoes.

    Returns
    -------
    scipy.sparse.csr_array
        float32, shape (sample × line, row × column).
    """
    x, y = grid.x_px.astype(np.float64), grid.y_px.astype(np.float64)
    if hidden.any():
        sample, line = _mirrored(hidden, grid.inside)
        x, y = x[sample, line], y[sample, line]
    dx, dy = np.gradient(x, axis=1), np.gradient(y, axis=1)
    if hidden.any():
        dx[hidden] = dy[hidden] = 0
    wide = (np.hypot(dx, dy) > WIDE_PITCH_PX).ravel()
    shown = (grid.inside | hidden).ravel()
    parts = []
    for offset, rows, weight in (
        (0.0, shown & ~wide, 1.0),
        (0.25, shown & wide, 0.5),
        (-0.25, shown & wide, 0.5),
    ):
        number = np.flatnonzero(rows)
        place_x = (x + offset * dx).ravel()[number]
        place_y = (y + offset * dy).ravel()[number]
        parts.append(_bilinear(number, place_x, place_y, shape, weight))
    row, column, value = (np.concatenate([part[k] for part in parts]) for k in range(3))
    size = (x.size, shape[0] * shape[1])
    matrix = sparse.csr_array((value.astype(np.float32), (row, column)), shape=size)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _bilinear(
    number: NDArray[np.intp],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    shape: tuple[int, int],
    weight: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    x = np.clip(x, 0, shape[1] - 1)
    y = np.clip(y, 0, shape[0] - 1)
    left = np.minimum(x.astype(np.int32), max(shape[1] - 2, 0))
    top = np.minimum(y.astype(np.int32), max(shape[0] - 2, 0))
    fx, fy = x - left, y - top
    right, below = min(1, shape[1] - 1), min(1, shape[0] - 1) * shape[1]
    first = top * shape[1] + left
    columns = np.concatenate([first, first + right, first + below, first + below + right])
    values = np.concatenate([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy]) * weight
    return np.tile(number, 4).astype(np.int32), columns.astype(np.int32), values


def _mirrored(
    hidden: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sample and line from which each sample is filled: itself where it is free."""
    free = inside & ~hidden
    index = np.indices(hidden.shape)
    sample, line = index[0], index[1]
    if not free.any():
        return sample, line
    near = ndimage.distance_transform_edt(
        ~free, sampling=(MIRROR_COST, 1.0), return_distances=False, return_indices=True
    )
    far_sample = np.clip(2 * near[0] - sample, 0, hidden.shape[0] - 1)
    far_line = np.clip(2 * near[1] - line, 0, hidden.shape[1] - 1)
    good = free[far_sample, far_line]
    sample = np.where(hidden, np.where(good, far_sample, near[0]), sample)
    line = np.where(hidden, np.where(good, far_line, near[1]), line)
    return sample, line


def lay_on_screen(grid: BeamGrid, values: NDArray[Any], shape: tuple[int, int], fill: Any) -> NDArray[Any]:
    """Lay an array of (sample, line) back on the screen (row, column); `fill` outside the picture.

    Floats are interpolated between four samples, anything else (labels, masks) is taken from the nearest.
    """
    out = np.full(shape, fill, dtype=values.dtype)
    mask = sector_mask(grid.sector, shape)
    row, column = np.nonzero(mask)
    sample, line = grid.samples_of(column, row)
    if np.issubdtype(values.dtype, np.floating):
        out[row, column] = ndimage.map_coordinates(values, [sample, line], order=1, mode="nearest")
    else:
        s = np.clip(np.rint(sample).astype(np.intp), 0, grid.shape[0] - 1)
        k = np.clip(np.rint(line).astype(np.intp), 0, grid.shape[1] - 1)
        out[row, column] = values[s, k]
    return out
