"""The liver's surface below a focus: where the liver goes on beneath it, and what lies beyond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["SMOOTH_MM", "carry_outside", "continue_liver"]

SMOOTH_MM = 0.9
"""Width over which the tissue about a focus is smoothed to tell structures from noise: below that of vessels
that matter."""

OUTSIDE_SMOOTH_MM = 2.5
"""Width over which the tissue outside the liver is carried on below a focus at the surface."""

OUTSIDE_LEAST = 1e-3
"""Least weight of that tissue about a voxel, of 1 where nothing else is: some 8 mm away. Our judgement."""

Mm = tuple[float, float, float]


def continue_liver(
    hu: NDArray[np.float32],
    liver: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    free: NDArray[np.bool_],
    *,
    level_hu: float,
    reach_hu: float,
    spacing_mm: Mm,
) -> NDArray[np.bool_]:
    """Return the liver with the voxels of an aperture given to what lies nearest outside it.

    Parameters
    ----------
    hu
        HU about the focus; all arrays have its shape.
    liver
        The liver's mask.
    inside
        The aperture.
    free
        Neither too bright for background nor another body's.
    level_hu, reach_hu
        Level of the liver about the focus, and how far, once smoothed, it strays from it.
    spacing_mm
        Voxel spacing: counted in voxels, the lung one thick slice above the dome would be nearer than the
        liver of the slice itself.

    Notes
    -----
    Outlines step back from what is bright at the surface. What looks like the liver about the focus counts as
    liver here, whatever the mask says: only its HU matter to the background.
    """
    if liver[inside].all() or inside.all():
        return liver
    around = free & ~inside
    sigma = [SMOOTH_MM / s for s in spacing_mm]
    share = ndimage.gaussian_filter(around.astype(np.float32), sigma, mode="constant")
    smooth = ndimage.gaussian_filter(np.where(around, hu, np.float32(0)), sigma, mode="constant")
    smooth /= np.maximum(share, np.float32(1e-3))
    alike = liver | (around & (np.abs(smooth - level_hu) <= reach_hu))
    index = ndimage.distance_transform_edt(
        inside, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    return np.asarray(alike | (inside & alike[tuple(index)]))


def carry_outside(
    hu: NDArray[np.float32], outside: NDArray[np.bool_], level_hu: float, spacing_mm: Mm
) -> NDArray[np.float32]:
    """Return the tissue outside the liver carried on below a focus: a local weighted mean.

    That of the slice itself, where it shows any: over the dome the next slice may be lung. Where none is
    near, the level of the liver.
    """
    in_plane = [OUTSIDE_SMOOTH_MM / s for s in spacing_mm[1:]]
    chosen = outside.astype(np.float32)
    found = np.full(hu.shape, level_hu, np.float32)
    for across in (OUTSIDE_SMOOTH_MM / spacing_mm[0], 0.0):
        sigma = (across, *in_plane)
        weight = ndimage.gaussian_filter(chosen, sigma, mode="constant")
        total = ndimage.gaussian_filter(chosen * hu, sigma, mode="constant")
        enough = weight > OUTSIDE_LEAST
        found[enough] = total[enough] / weight[enough]
    return found
