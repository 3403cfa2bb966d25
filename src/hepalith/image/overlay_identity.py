"""What of a screen may be shown to others: the pictures alone, without anything printed on or around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.image.beam import sector_mask
from hepalith.image.cine import Cine
from hepalith.image.overlay import still_of
from hepalith.image.overlay_print import find_lines_of_print
from hepalith.image.picture import Picture
from hepalith.image.sector_support import grow, shrink

__all__ = ["hide_identity", "shown_pixels"]

RIM_PX = 3
"""Strip along the outline that is not shown: letters that lie across the outline end in it."""

COLOUR_ROOM_PX = 4
"""Pixels around colour that are not shown: the grey fringe of coloured letters."""

FRAMES_LOOKED_AT = 4
"""Frames of a loop, besides their median, in which print is sought: some text comes and goes."""


def hide_identity(cine: Cine, pictures: Sequence[Picture]) -> NDArray[np.uint8]:
    """Blacken everything outside of the pictures and every overlay within, uint8 (frame, row, column).

    Without a picture everything is black: what cannot be told from a name is not shown.
    """
    out: NDArray[np.uint8] = np.where(shown_pixels(cine, pictures)[None], cine.grey, np.uint8(0))
    return out


def shown_pixels(cine: Cine, pictures: Sequence[Picture]) -> NDArray[np.bool_]:
    """Pixels that may be shown, bool, (row, column).

    Within the pictures, less a strip along their outlines, less print and colour. Print is sought more
    readily here than for reading, and a whole line is hidden where a part of it is found: a spot of the
    picture lost costs less than a name shown.
    """
    shown = np.zeros(cine.shape_px, bool)
    colour = np.zeros(cine.shape_px, bool) if cine.coloured is None else cine.coloured
    colour = grow(colour, 2 * COLOUR_ROOM_PX + 1)
    still, changing = still_of(cine)
    frames = [still]
    if changing is not None:
        last = cine.grey.shape[0] - 1
        frames.extend(
            cine.grey[k] for k in np.unique(np.linspace(0, last, FRAMES_LOOKED_AT).round().astype(int))
        )
    for picture in pictures:
        sector = picture.grid.sector
        mask = shrink(sector_mask(sector, cine.shape_px), 2 * RIM_PX + 1) & ~picture.overlay
        for frame in frames:
            mask &= ~find_lines_of_print(frame, sector, ignored=colour)
        shown |= mask
    return shown & ~colour
