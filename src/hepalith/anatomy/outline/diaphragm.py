"""The diaphragm: how high the liver can reach, from the lower faces of the lungs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.outline.body import Body

__all__ = ["find_ceiling"]

SMOOTHING_VOXELS = 1.5
"""Blur of the lung's lower face, against vessels and motion."""
LUNG_RUN = 3
"""A column's lung counts from this many voxels (9 mm) on."""
LUNG_ABOVE_SHARE = 0.4
"""Share of lung, in the right half of the highest slice, from which the scan reaches above the dome;
below it only the recesses are in view, and they say nothing of the dome."""
RELAXATIONS = 400
"""Steps of the harmonic filling; the gap under the heart is about 40 voxels wide."""


def find_ceiling(body: Body) -> NDArray[np.float32] | None:
    """Return the slice index of the diaphragm in every column, shape (row, column); None without lungs.

    Where lung lies above the abdomen its lower face is the diaphragm. Between the lungs, under
    the heart, the height is filled in harmonically (Laplace's equation) from the lungs' inner
    borders, as the diaphragm's central tendon is stretched between its domes.

    Notes
    -----
    The posterior recesses reach far below the dome and the fill from there would sink: only
    the front two thirds of the lungs' faces bound it.
    """
    lung = body.lung
    depth_of_lung = lung.sum(axis=0)
    slices = lung.shape[0]
    has = depth_of_lung >= LUNG_RUN
    # Above: lung up to the end of the scan or to mediastinum; the lowest lung voxel is the face.
    lowest = np.where(has, lung.argmax(axis=0), slices).astype(np.float32)
    if int(has.sum()) < 60:
        return None
    trunk = np.asarray(body.inside.any(axis=0), dtype=np.bool_)
    rows = np.nonzero(trunk.any(axis=1))[0]
    back = rows[0] + 0.68 * (rows[-1] - rows[0])
    fixed = has & (np.arange(trunk.shape[0])[:, None] < back)
    # Lung above the heart starts higher than any dome: such columns say nothing of the diaphragm.
    right = (float(np.median(body.midline)) - np.arange(trunk.shape[1])) / max(body.half_width, 1.0)
    dome = fixed & ((right > 0.25) & (right < 0.65))[None, :]
    place = trunk & ((right > 0.25) & (right < 0.65))[None, :]
    if int(dome.sum()) < 30 or lung[-1][place].mean() < LUNG_ABOVE_SHARE:
        return None
    fixed &= lowest <= np.percentile(lowest[dome], 95)
    if int(fixed.sum()) < 60:
        return None
    height = np.where(fixed, lowest, np.nan)
    start = float(np.nanmedian(height))
    field = np.where(fixed, lowest, start).astype(np.float32)
    nearest = ndimage.distance_transform_edt(~fixed, return_distances=False, return_indices=True)
    field = field[tuple(nearest)]
    for _ in range(RELAXATIONS):
        mean = ndimage.uniform_filter(field, 3, mode="nearest")
        field = np.where(fixed, lowest, mean)
    return np.asarray(ndimage.gaussian_filter(field, SMOOTHING_VOXELS, mode="nearest"), dtype=np.float32)
