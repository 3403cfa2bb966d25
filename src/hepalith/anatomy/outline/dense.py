"""Dense bodies that the liver holds, calcium first of all: no part of the outline, but of the liver."""

from __future__ import annotations

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM

__all__ = ["add_dense"]

DENSE_HU = 100.0
"""Above the liver near by: calcium, metal, oil. Portal and hepatic veins exceed the liver by 40 to 80 HU in
the phase that shows them best (textbooks, grade C)."""
MOST_ML = 20.0
"""A larger dense body is bone, gut or a kidney, or for the search of masses: a ball of 34 mm."""
HELD_SHARE = 0.6
"""A dense body with this share of its surface on the liver is held by it. A ball whose outer edge is flush
with the capsule has more, a rib that dents it less than half. Our judgement."""
BLUR_VOXELS = 1
"""Voxels that its blur reaches, and that growth through tissue like liver left out with it."""
PIT_MM = 6.0
"""How far about such a body what is left of the pit is closed: twice the grid of the copy."""


def add_dense(
    hu: NDArray[np.float32], mask: NDArray[np.bool_], local: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Return the liver with the dense bodies that it holds, each with its blur and the pit about it.

    Growth by density leaves out what does not measure like liver; where such a body lies near the surface,
    or the network was not sure, the pit that it leaves is open to the outside and is no hole.

    Parameters
    ----------
    hu, mask
        The coarse copy and the outline on it.
    local
        What the liver measures near by.
    """
    labels, count = cc3d.connected_components(hu > local + DENSE_HU, connectivity=26, return_N=True)
    result = mask.copy()
    if count == 0:
        return result
    places = cc3d.statistics(labels)
    sizes, boxes = places["voxel_counts"], places["bounding_boxes"]
    touched = np.zeros(count + 1, np.bool_)
    touched[np.unique(labels[ndimage.binary_dilation(mask, iterations=BLUR_VOXELS + 1)])] = True
    margin = round(PIT_MM / SPACING_MM) + BLUR_VOXELS + 2
    most = MOST_ML * 1000 / SPACING_MM**3
    for label in np.flatnonzero(touched[1:] & (sizes[1:] <= most)) + 1:
        where = tuple(
            slice(max(0, s.start - margin), min(n, s.stop + margin))
            for s, n in zip(boxes[label], mask.shape, strict=True)
        )
        grown = ndimage.binary_dilation(labels[where] == label, iterations=BLUR_VOXELS)
        body = np.asarray(ndimage.binary_fill_holes(grown))
        if not (body & ~mask[where]).any():
            continue
        shell = np.asarray(ndimage.binary_dilation(body)) & ~body
        if shell.any() and float(mask[where][shell].mean()) >= HELD_SHARE:
            result[where] |= body | _pit(mask[where] | body, body)
    return result


def _pit(mask: NDArray[np.bool_], body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the narrow pits of a mask about a body."""
    reach = round(PIT_MM / SPACING_MM)
    wide = np.pad(mask, reach, mode="edge")
    cube = (SPACING_MM,) * 3
    near = edt.edt(~wide, anisotropy=cube) <= PIT_MM
    closed = (edt.edt(near, anisotropy=cube) > PIT_MM)[(slice(reach, -reach),) * 3]
    about = edt.edt(~body, anisotropy=cube) <= PIT_MM
    return np.asarray(ndimage.binary_fill_holes(mask | (closed & about)) & about)
