"""What of a screen may be shown to others: the pictures alone, without anything printed on or around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.image.beam import sector_mask
from hepalith.image.cine import Cine
from hepalith.image.picture import Picture

__all__ = ["hide_identity"]


def hide_identity(cine: Cine, pictures: Sequence[Picture]) -> NDArray[np.uint8]:
    """Blacken everything outside of the pictures and every overlay within, uint8 (frame, row, column).

    Without a picture everything is black: what cannot be told from a name is not shown.
    """
    shown = np.zeros(cine.shape_px, bool)
    for picture in pictures:
        shown |= sector_mask(picture.grid.sector, cine.shape_px) & ~picture.overlay
    out: NDArray[np.uint8] = np.where(shown[None], cine.grey, np.uint8(0))
    return out
