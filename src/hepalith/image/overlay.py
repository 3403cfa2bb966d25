"""What lies over a B-mode picture and is no echo: text, calipers, body marks, colour, focus marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.beam import Sector
from hepalith.image.cine import Cine

__all__ = ["find_overlay"]

GROW_PX = 2
"""Print is blurred by lossy compression and by anti-aliasing over one to two pixels."""


def find_overlay(cine: Cine, sectors: Sequence[Sector]) -> NDArray[np.bool_]:
    """Pixels of a screen that are print or colour, bool, (row, column)."""
    del sectors
    found = np.zeros(cine.shape_px, bool)
    if cine.coloured is not None:
        found |= ndimage.binary_dilation(cine.coloured, iterations=GROW_PX)
    return found
