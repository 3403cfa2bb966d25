"""The outline on the scan's own voxels: where the border runs between those of the coarse copy."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import Coarse
from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["fill_holes", "sharpen"]

SURE, UNSURE = 0.85, 0.3
"""Probability on the coarse copy above which a voxel stays liver, and below which it is none, whatever it
measures: about 2 mm on both sides of the border at 3 mm. Chosen with `TISSUE_PART` on two phantoms."""
TISSUE_PART, FAT_MEAN_HU = 0.5, -100.0
"""Share of liver, the rest fat, from which a voxel is tissue: its border runs where it holds half."""
AVERAGE_MM = 2.2
"""Voxels are averaged over about this width before they are judged: one alone is too noisy."""
ALIKE_SPREADS, ALIKE_HU = 2.5, 8.0
"""Beyond the coarse border only what measures like liver is taken in: within this many spreads, and HU."""
BESIDE_MM = 4.0
"""... and only this near to fat or lung, which show where the liver ends; against muscle or gut, which
measure like it, the coarse border stands."""
GAIN_MM = 1.5
"""... and no farther from the coarse border than half a voxel of the copy: what was left out on purpose,
stomach or kidney, can be as likely by its HU alone."""
SLAB = 16
"""Slices worked on at a time."""


def sharpen(volume: Volume, probability: NDArray[np.float32], coarse: Coarse, box: Box) -> NDArray[np.bool_]:
    """Return the liver on the scan's own voxels inside `box`, a few slices at a time.

    Parameters
    ----------
    volume
        The scan.
    probability
        float32, of liver, on the coarse copy.
    coarse
        That copy.
    box
        Where the liver can lie, in the scan's voxels.

    Notes
    -----
    The probability, interpolated, says where the border runs to about 1 mm; within that shell a voxel
    stays liver if it is tissue, and becomes liver if it measures as the liver does.
    """
    mask = np.zeros(box.shape, dtype=np.bool_)
    size = [max(1, int(AVERAGE_MM / s / 2) * 2 + 1) for s in volume.spacing_mm]
    middle, spread = _measure(volume, probability, coarse, box, size)
    level = TISSUE_PART * middle + (1 - TISSUE_PART) * FAT_MEAN_HU
    reach = [max(1, round(BESIDE_MM / s)) for s in volume.spacing_mm]
    step = [round(GAIN_MM / s) for s in volume.spacing_mm]
    alike_hu = ALIKE_SPREADS * spread + ALIKE_HU
    for first in range(0, box.shape[0], SLAB):
        last = min(first + SLAB, box.shape[0])
        slab = Box((box.start[0] + first, *box.start[1:]), (box.start[0] + last, *box.stop[1:]))
        likely = coarse.to_volume(probability, slab)
        near = likely > UNSURE
        part = Box.around(near)
        if part.is_empty:
            continue
        at = part.slices
        start = tuple(a + b for a, b in zip(slab.start, part.start, strict=True))
        quiet = _average(volume, Box((start[0], start[1], start[2]), _stop(start, part)), size)
        dark = quiet < level
        inside = likely[at] > 0.5
        gained = near[at] & ~dark & (quiet < middle + alike_hu) & _beside(inside, step) & _beside(dark, reach)
        mask[first:last][at] = (likely[at] > SURE) | (inside & ~dark) | gained
    return mask


def _beside(dark: NDArray[np.bool_], reach: list[int]) -> NDArray[np.bool_]:
    """Return what lies within some voxels of what is dark, along the axes' diagonals too."""
    found = dark.copy()
    for axis, voxels in enumerate(reach):
        done = 0
        while done < voxels:  # each pass doubles what was reached
            by = min(done + 1, voxels - done)
            near = tuple(slice(by, None) if a == axis else slice(None) for a in range(3))
            far = tuple(slice(None, -by) if a == axis else slice(None) for a in range(3))
            before = found.copy()
            found[near] |= before[far]
            found[far] |= before[near]
            done += by
    return found


def _stop(start: tuple[int, ...], part: Box) -> tuple[int, int, int]:
    k, j, i = (a + n for a, n in zip(start, part.shape, strict=True))
    return k, j, i


def _average(volume: Volume, box: Box, size: list[int]) -> NDArray[np.float32]:
    """Return the scan inside `box`, each voxel averaged with those about it."""
    wide = box.grown([n // 2 for n in size], volume.hu.shape)
    hu = volume.hu[wide.slices].astype(np.float32)
    quiet = ndimage.uniform_filter(hu, size, mode="nearest")
    inner = tuple(slice(a - b, a - b + n) for a, b, n in zip(box.start, wide.start, box.shape, strict=True))
    found: NDArray[np.float32] = quiet[inner]
    return found


def _measure(
    volume: Volume, probability: NDArray[np.float32], coarse: Coarse, box: Box, size: list[int]
) -> tuple[float, float]:
    """Return the liver's median HU and its spread, once averaged, from a few slices in its middle."""
    sure = np.flatnonzero((probability > SURE).any(axis=(1, 2)))
    if sure.size == 0:
        return 0.0, 0.0
    height = float(coarse.first[0] + np.median(sure) * coarse.step[0])
    first = int(np.clip(height, box.start[0], box.stop[0] - 1))
    slab = Box((first, *box.start[1:]), (min(first + 2, box.stop[0]), *box.stop[1:]))
    values = _average(volume, slab, size)[coarse.to_volume(probability, slab) > SURE]
    if values.size == 0:
        return 0.0, 0.0
    middle = float(np.median(values))
    return middle, 1.48 * float(np.median(np.abs(values - middle)))


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask with what it encloses on all sides: cysts and gas within the liver are of the liver.

    What is open to any face of the box is no hole.
    """
    labels = cc3d.connected_components(~mask, connectivity=6)
    faces = [labels[0], labels[-1], labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]]
    outer = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.bool_)
    outer[0] = True  # the mask itself
    for face in faces:
        outer[np.unique(face)] = True
    return np.asarray(mask | ~outer[labels])
