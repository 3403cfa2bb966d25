"""What a user would script today: threshold inside a mask, connected components, a size filter.

It stands beside every figure of the product, read from the same volume. It is given the true liver,
so that its figures are better than a script's with a mask that had first to be found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box

__all__ = ["BASELINES", "Baseline", "Component", "find_components"]

LEAST_MM3 = 3.0
"""Smallest component kept, in mm³: three pixels of a 1 mm² in 1 mm slices.

Agatston's rule keeps lesions of at least 1 mm² and many scripts keep three voxels; of the two that which
asks for less in thick slices. Our judgement."""

LEAST_VOXELS = 3
"""Fewest voxels of a component: two are noise more often than not."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A threshold rule: its name in the tables and its threshold in HU."""

    name: str
    threshold_hu: float


BASELINES = (
    Baseline("130 HU", 130.0),
    Baseline("200 HU", 200.0),
    Baseline("300 HU", 300.0),
)
"""130 HU is the threshold of calcium scoring; 200 and 300 HU are what scripts use in enhanced livers."""


@dataclass(frozen=True, slots=True)
class Component:
    """One connected body above the threshold.

    Parameters
    ----------
    centre
        Centroid in voxels of the array.
    voxels
        How many.
    volume_mm3
        Their volume.
    mass_hu_mm3
        Mean HU times volume: what the mass score of calcium scoring is proportional to.
    excess_hu_mm3
        Sum of HU above the liver's median, times the voxel's volume.
    """

    centre: tuple[float, float, float]
    voxels: int
    volume_mm3: float
    mass_hu_mm3: float
    excess_hu_mm3: float


def find_components(
    hu: NDArray[np.int16], liver: NDArray[np.bool_], voxel_mm3: float, threshold_hu: float
) -> tuple[tuple[Component, ...], Box, NDArray[np.int32]]:
    """Return the components in a liver by label, the liver's box, and the label map of that box.

    Parameters
    ----------
    hu
        HU, shape (slice, row, column).
    liver
        Same shape.
    voxel_mm3
        Volume of a voxel.
    threshold_hu
        A voxel must be at least so bright.
    """
    box = Box.around(liver)
    if box.is_empty:
        return (), box, np.zeros((0, 0, 0), np.int32)
    inside, values = liver[box.slices], hu[box.slices]
    median = float(np.median(values[inside]))
    raw = cc3d.connected_components(inside & (values >= threshold_hu), connectivity=26)
    count = int(raw.max())
    sizes = np.bincount(raw.ravel(), minlength=count + 1)
    kept = [n for n in range(1, count + 1) if sizes[n] >= max(LEAST_VOXELS, LEAST_MM3 / voxel_mm3)]
    renamed = np.zeros(count + 1, np.int32)
    renamed[kept] = np.arange(1, len(kept) + 1)
    labels = renamed[raw]
    sums = np.bincount(raw.ravel(), values.ravel().astype(np.float64), minlength=count + 1)
    places = np.argwhere(labels > 0)
    owners = labels[tuple(places.T)]
    centres = [np.bincount(owners, places[:, axis], minlength=len(kept) + 1) for axis in range(3)]
    components = []
    for number, old in enumerate(kept, start=1):
        size = int(sizes[old])
        k, j, i = (float(c[number]) / size + start for c, start in zip(centres, box.start, strict=True))
        total = float(sums[old])
        components.append(
            Component(
                (k, j, i), size, size * voxel_mm3, total * voxel_mm3, (total - size * median) * voxel_mm3
            )
        )
    return tuple(components), box, labels
