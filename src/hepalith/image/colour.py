"""Brightness and colour of a screen: its grey levels, and which pixels are coloured.

Echoes are drawn in grey; flow, calipers and buttons in colour. A grey pixel keeps its level, a coloured one
is given its luma. Where a whole picture is drawn through a tinted map (sepia, blue), as some people prefer,
the tint is found and is no colour.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Screen", "Space", "luma_of"]

Space = Literal["grey", "rgb", "ybr"]
"""What three samples mean: one level; red, green, blue; luma and two chroma (full range, ITU-R BT.601)."""

COLOURED_CHROMA = 12
"""Distance of either chroma from 128 beyond which a pixel is coloured, in levels.

JPEG leaves chroma of grey pixels within some 6 levels at ordinary qualities; the palest flow colours and
yellow calipers have 30 and more (our judgement, looked at on the shared files).
"""

COLOURED_SPREAD = 24
"""Largest less smallest of red, green and blue beyond which a pixel is coloured; twice `COLOURED_CHROMA`,
since a chroma is about half a difference of colours."""

TINTED_SHARE = 0.5
"""Share of the lit pixels that is coloured from which a tinted map is looked for. Flow covers less of a
screen."""

TINT_EXPLAINS = 0.9
"""Share of the lit pixels that a tint must explain: a map gives one colour to one level, flow gives many."""

LIT = 16
"""Luma from which a pixel counts as lit: darker ones have hardly a colour."""


def luma_of(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return luma (0.299, 0.587, 0.114) of red, green and blue, shape (row, column, 3); grey is kept exactly.

    Examples
    --------
    >>> luma_of(np.array([[[7, 7, 7], [255, 0, 0]]], dtype=np.uint8)).tolist()
    [[7, 76]]
    """
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(picture.convert("L"))


class Screen:
    """Frames of one size, gathered one by one: their grey, and where any of them was coloured.

    Parameters
    ----------
    grey
        uint8, shape (frame, row, column), written to.
    """

    def __init__(self, grey: NDArray[np.uint8]) -> None:
        self.grey = grey
        self.coloured: NDArray[np.bool_] | None = None
        self._tint: NDArray[np.int16] | None = None
        self._looked = False

    @property
    def tinted(self) -> bool:
        """Whether the whole picture is drawn through a coloured map."""
        return self._tint is not None

    def put(self, n: int, pixels: NDArray[np.uint8], space: Space) -> None:
        """Take frame `n`: uint8, shape (row, column) for ``"grey"``, else (row, column, 3)."""
        if space == "grey":
            self.grey[n] = pixels
            return
        luma = luma_of(pixels) if space == "rgb" else pixels[..., 0]
        self.grey[n] = luma
        if self.coloured is None:
            self.coloured = np.zeros(luma.shape, dtype=np.bool_)
        if not self._looked:
            self._look_for_tint(pixels, luma, space)
        if self._tint is not None:
            self.coloured |= _off_tint(_chroma(pixels, space), luma, self._tint)
        elif space == "ybr":
            self.coloured |= _is_chromatic(pixels[..., 1]) | _is_chromatic(pixels[..., 2])
        else:
            self.coloured |= _is_spread(pixels)

    def _look_for_tint(self, pixels: NDArray[np.uint8], luma: NDArray[np.uint8], space: Space) -> None:
        lit = luma >= LIT
        if not lit.any():
            return  # a black frame: the next one may tell
        self._looked = True
        chroma = _chroma(pixels, space)
        coloured = (np.abs(chroma - 128) > COLOURED_CHROMA).any(axis=2)
        if coloured[lit].mean() < TINTED_SHARE:
            return
        tint = np.full((256, 2), 128, dtype=np.int16)
        for level in np.unique(luma[lit]):
            tint[level] = np.median(chroma[luma == level], axis=0)
        if not _off_tint(chroma, luma, tint)[lit].mean() > 1 - TINT_EXPLAINS:
            self._tint = tint


def _chroma(pixels: NDArray[np.uint8], space: Space) -> NDArray[np.int16]:
    """Return both chroma, int16, shape (row, column, 2)."""
    if space == "rgb":
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("YCbCr"))
    return pixels[..., 1:].astype(np.int16)


def _off_tint(
    chroma: NDArray[np.int16], luma: NDArray[np.uint8], tint: NDArray[np.int16]
) -> NDArray[np.bool_]:
    off: NDArray[np.bool_] = (np.abs(chroma - tint[luma]) > COLOURED_CHROMA).any(axis=2)
    return off


def _is_chromatic(chroma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    # One comparison: unsigned bytes below the range wrap around to large ones.
    shifted = chroma - np.uint8(128 - COLOURED_CHROMA)
    return shifted > 2 * COLOURED_CHROMA


def _is_spread(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    red, green, blue = (np.ascontiguousarray(rgb[..., n]) for n in range(3))
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    spread: NDArray[np.bool_] = highest - lowest > COLOURED_SPREAD
    return spread
