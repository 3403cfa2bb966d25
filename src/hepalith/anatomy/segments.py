"""Couinaud's segments of the liver, each point with the probability of every segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepalith.anatomy.liver import Liver
from hepalith.anatomy.vessels import Vessels
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

__all__ = ["SEGMENTS", "SEGMENT_LOBE", "Segments", "find_segments"]

SEGMENTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
"""Names of the labels 1 to 8."""

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


def find_segments(
    volume: Volume, liver: Liver, vessels: Vessels, neighbours: object | None = None
) -> Segments:
    """Return the segments of a liver."""
    grid = Grid((1, 1, 1), volume.grid.affine)
    nothing = np.zeros(liver.box.shape, dtype=np.uint8)
    empty = np.zeros((len(SEGMENTS), 1, 1, 1), dtype=np.float32)
    return Segments(liver.box, nothing, empty, grid, assessable=False, reason="segments are not divided yet")
