"""Couinaud's segments of the liver, each point with the probability of every segment.

The segments are those that the planes of the hepatic veins and the level of the portal bifurcation make. The
planes come from landmarks (`hepalith.anatomy.atlas.landmarks`, `hepalith.anatomy.atlas.couinaud`). A
probability says how likely the true planes leave a point in a segment. True borders are not quite plane and
segments interlock; that much the probability does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepalith.anatomy.atlas.couinaud import SEGMENTS, Planes, place_planes
from hepalith.anatomy.atlas.landmarks import find_landmarks
from hepalith.anatomy.liver import LOBES, Liver
from hepalith.anatomy.segments_evidence import narrow_by_fissure, narrow_by_gallbladder, narrow_by_veins
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

__all__ = ["SEGMENTS", "SEGMENT_LOBE", "Segments", "divide", "find_lobes", "find_segments"]

GRID_MM = 4.0
"""Spacing on which probabilities are worked out: they change over some 10 mm."""
DOME_VIEWS = ("whole", "upper")
"""Views in which hepatic veins can be followed from the cava; elsewhere their kind is too often mistaken."""
LEAST_ML = 100.0
"""A smaller part of a liver is not divided. Our judgement."""

SEGMENT_LOBE = {
    "I": "caudate",
    "II": "left",
    "III": "left",
    "IV": "left",
    "V": "right",
    "VI": "right",
    "VII": "right",
    "VIII": "right",
}
"""The lobe that each segment belongs to, divided in the plane of Cantlie."""

LOBE_OF_LABEL = np.array(
    [0, *({name: label for label, name in LOBES.items()}[SEGMENT_LOBE[s]] for s in SEGMENTS)], dtype=np.uint8
)
"""Label of the lobe, by the label of the segment."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Where each segment lies.

    Parameters
    ----------
    box
        The liver's box in the image.
    labels
        uint8, shape of `box`: 0 outside the liver or not assessed, else 1 to 8 (`SEGMENTS`).
    probability
        float32, shape (8, slice, row, column) on `grid`, a coarse grid: of each segment.
    grid
        Where `probability` lies in the patient.
    assessable, reason
        Whether segments could be told apart at all, and why not.
    """

    box: Box
    labels: NDArray[np.uint8]
    probability: NDArray[np.float32]
    grid: Grid
    assessable: bool
    reason: str = ""

    def at(self, point_lps_mm: ArrayLike) -> Mapping[str, float]:
        """Return the probability of each segment at a point; of none where segments were not assessed."""
        if not self.assessable:
            return {}
        index = self.grid.to_index(point_lps_mm)
        last = np.array(self.grid.shape) - 1
        index = np.clip(index, 0, last)
        low = np.floor(index).astype(np.intp)
        high = np.minimum(low + 1, last)
        share = index - low
        found = np.zeros(len(SEGMENTS))
        for corner in range(8):
            up = [(corner >> axis) & 1 for axis in range(3)]
            k, j, i = (int(high[a] if up[a] else low[a]) for a in range(3))
            weight = np.prod([share[a] if up[a] else 1 - share[a] for a in range(3)])
            found += weight * self.probability[:, k, j, i]
        total = found.sum()
        return {name: float(p / total) for name, p in zip(SEGMENTS, found, strict=True)}


def find_segments(volume: Volume, liver: Liver, vessels: Vessels | None = None) -> Segments:
    """Return the segments of a liver, from its landmarks and, where seen, its vessels.

    Parameters
    ----------
    volume, liver
        The scan and the liver in it. What the network saw of cava, aorta, ribs and the rest comes with
        the liver; without it the cava is placed from the spine, with more doubt.
    vessels
        Hepatic and portal veins; None or unseen, the landmarks decide alone.
    """
    if not liver.is_in_view:
        return _not_assessed(volume, liver, "no liver is in view")
    millilitres = float(np.count_nonzero(liver.mask)) * volume.grid.voxel_mm3 / 1000
    if millilitres < LEAST_ML:
        return _not_assessed(volume, liver, "too little of the liver is in view to divide it")
    landmarks = find_landmarks(volume, liver)
    if landmarks is None:
        return _not_assessed(volume, liver, "neither the vena cava nor the spine is in view")
    planes = narrow_by_gallbladder(place_planes(landmarks), landmarks)
    planes = narrow_by_fissure(planes, volume, liver)
    if vessels is not None and vessels.seen and landmarks.view in DOME_VIEWS:
        planes = narrow_by_veins(planes, vessels)
    return divide(volume, liver, planes)


def divide(volume: Volume, liver: Liver, planes: Planes) -> Segments:
    """Return the segments that planes make of a liver."""
    step = [max(1, round(GRID_MM / s)) for s in volume.spacing_mm]
    count = [-(-(n - 1) // t) + 1 for n, t in zip(liver.mask.shape, step, strict=True)]
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.to_lps(liver.box.start)
    affine[:3, :3] = affine[:3, :3] * np.array(step)
    grid = Grid((count[0], count[1], count[2]), affine)
    index = np.indices(grid.shape).reshape(3, -1).T
    chance = planes.probability(grid.to_lps(index)).astype(np.float32)
    probability = chance.reshape(len(SEGMENTS), *grid.shape)
    labels = (probability.argmax(axis=0) + 1).astype(np.uint8)
    for axis, stride in enumerate(step):
        at = np.minimum((np.arange(liver.mask.shape[axis]) + stride // 2) // stride, count[axis] - 1)
        labels = labels.take(at, axis)
    labels *= liver.mask
    return Segments(liver.box, labels, probability, grid, assessable=True)


def find_lobes(volume: Volume, liver: Liver) -> NDArray[np.uint8]:
    """Return the lobe (keys of `LOBES`) of every voxel of the liver; all 0 where it cannot be judged."""
    segments = find_segments(volume, liver)
    if not segments.assessable:
        return np.zeros(liver.mask.shape, dtype=np.uint8)
    return LOBE_OF_LABEL[segments.labels]


def _not_assessed(volume: Volume, liver: Liver, reason: str) -> Segments:
    """Return that the segments could not be told apart, and why."""
    empty = np.zeros((len(SEGMENTS), 1, 1, 1), dtype=np.float32)
    labels = np.zeros(liver.box.shape, dtype=np.uint8)
    return Segments(
        liver.box, labels, empty, Grid((1, 1, 1), volume.grid.affine), assessable=False, reason=reason
    )
