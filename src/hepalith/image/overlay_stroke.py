"""Strokes: pixels between two sharp edges, as print has them and echo has not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepalith.image.running import running_max, running_min

__all__ = ["STROKE_PX", "find_strokes"]

STROKE_PX = 8
"""Widest stroke: bold letters of 50 px height."""


def find_strokes(
    grey: NDArray[np.uint8],
    step: NDArray[np.float32],
    threshold: float | NDArray[np.float32],
    hardness: float,
) -> NDArray[np.bool_]:
    """Pixels between a rise and a fall, or a fall and a rise, within a stroke's width along the row.

    Parameters
    ----------
    grey
        uint8, (row, column).
    step
        float32: change from each pixel to the next one right.
    threshold
        Least step of an edge, grey levels, one for all or one a pixel.
    hardness
        Least share of the grey range within seven pixels of the row that the step takes.
    """
    span = running_max(grey, 7, 1) - running_min(grey, 7, 1)
    least = np.maximum(threshold, hardness * span.astype(np.float32))
    rise, fall = step > least, step < -least
    found = np.zeros(step.shape, bool)
    for first, second in ((rise, fall), (fall, rise)):
        for width in range(1, STROKE_PX + 1):
            both = first[:, :-width] & second[:, width:]
            if both.any():
                for k in range(1, width + 1):
                    found[:, k : k + both.shape[1]] |= both
    return found
