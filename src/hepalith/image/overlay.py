"""What lies over a B-mode picture and is no echo: text, calipers, body marks, colour, focus marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.image.beam import Sector
from hepalith.image.cine import Cine
from hepalith.image.overlay_print import find_print
from hepalith.image.sector_support import CHANGE_LEVELS, grow

__all__ = ["find_overlay", "still_of"]

COLOUR_GROW_PX = 2
"""Colour is subsampled two to one by JPEG, so its edge is known to two pixels."""

FRAMES_FOR_STILL = 9
"""Frames of a loop whose median stands for it: speckle averages out, print stays."""

MOVING_SHARE = 0.05
"""Share of the pixels that must change for a loop to be moving rather than a still saved many times."""


def find_overlay(cine: Cine, sectors: Sequence[Sector]) -> NDArray[np.bool_]:
    """Pixels within the pictures of a screen that are print or colour, bool, (row, column).

    In a loop they are sought in the median of its frames, and only what does not change is print.
    """
    found = np.zeros(cine.shape_px, bool)
    if cine.coloured is not None:
        found |= grow(cine.coloured, 2 * COLOUR_GROW_PX + 1)
    still, changing = still_of(cine)
    for sector in sectors:
        printed = find_print(still, sector)
        if changing is not None:
            printed &= grow(printed & ~changing, 5)
        found |= printed
    return found


def still_of(cine: Cine) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """One frame that stands for a loop, and which pixels change; ``None`` where it does not move."""
    frames = cine.grey.shape[0]
    if frames < 3:
        first: NDArray[np.uint8] = cine.grey[0]
        return first, None
    chosen = np.unique(np.linspace(0, frames - 1, min(frames, FRAMES_FOR_STILL)).round().astype(int))
    some = cine.grey[chosen]
    changing: NDArray[np.bool_] = (some.max(axis=0) - some.min(axis=0)) > 4 * CHANGE_LEVELS
    if changing.mean() < MOVING_SHARE:
        return some[0], None
    middle: NDArray[np.uint8] = np.median(some, axis=0).astype(np.uint8)
    return middle, changing
