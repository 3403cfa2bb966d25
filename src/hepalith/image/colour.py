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
from scipy.ndimage import median_filter

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

TINT_SAMPLES = 60_000
"""Pixels from which a tint is read: some 200 to a level."""

TINT_CHROMA = COLOURED_CHROMA // 2
"""Distance of either chroma from 128 from which a level counts as tinted: a map's darker levels are paler."""

TINT_LEVELS = 9
"""Neighbouring levels that a tint is smoothed over: one flat button must not pass for its level's tint."""

LIT = 48
"""Luma from which pixels tell of a tint: darker ones have hardly a colour, a bluish background is no map."""


def luma_of(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return luma (0.299, 0.587, 0.114) of red, green and blue, shape (…, 3); grey is kept exactly.

    Examples
    --------
    >>> luma_of(np.array([[[7, 7, 7], [255, 0, 0]]], dtype=np.uint8)).tolist()
    [[7, 76]]
    """
    return _luma(*_planes(rgb))


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
        planes = _planes(pixels)
        luma = _luma(*planes) if space == "rgb" else planes[0]
        self.grey[n] = luma
        self._look_for_tint(pixels, luma, space)
        if self._tint is not None:
            self._mark(_off_tint(_chroma(pixels, space), luma, self._tint))
        elif space == "ybr":
            self._mark(_is_chromatic(planes[1]) | _is_chromatic(planes[2]))
        else:
            self._mark(_is_spread(*planes))

    def put_indexed(self, n: int, index: NDArray[np.uint16], table: NDArray[np.uint8]) -> None:
        """Take frame `n` by the place of every pixel's colour in a table, shape (entry, 3)."""
        luma = luma_of(table)
        self.grey[n] = luma[index]
        if bool((table == table[:, :1]).all()):
            return
        if not self._looked:
            self._look_for_tint(table[index], self.grey[n], "rgb")
        if self._tint is None:
            coloured = _is_spread(*_planes(table))
        else:
            coloured = _off_tint(_chroma(table[None], "rgb")[0], luma, self._tint)
        self._mark(coloured[index])

    def _mark(self, coloured: NDArray[np.bool_]) -> None:
        if self.coloured is None:
            self.coloured = coloured.copy()
        else:
            self.coloured |= coloured

    def _look_for_tint(self, pixels: NDArray[np.uint8], luma: NDArray[np.uint8], space: Space) -> None:
        if self._looked:
            return
        lit = luma >= LIT
        if not lit.any():
            return  # a black frame: the next one may tell
        self._looked = True
        chroma, luma = _chroma(pixels, space)[lit], luma[lit]
        if (np.abs(chroma - 128).max(axis=1) > TINT_CHROMA).mean() < TINTED_SHARE:
            return
        tint = _tint_of(chroma, luma)
        explained = 1 - _off_tint(chroma, luma, tint).mean()
        drawn = np.abs(tint[np.unique(luma)] - 128).max(axis=1) > TINT_CHROMA
        if explained >= TINT_EXPLAINS and drawn.mean() > TINTED_SHARE:
            self._tint = tint


def _planes(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    # Strides of three make every step after this several times slower.
    first, second, third = (np.ascontiguousarray(pixels[..., n]) for n in range(3))
    return first, second, third


def _luma(red: NDArray[np.uint8], green: NDArray[np.uint8], blue: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # Weights of 256: grey comes out as it went in, and the sum fits into 16 bits.
    total = red.astype(np.uint16) * np.uint16(77)
    total += green.astype(np.uint16) * np.uint16(150)
    total += blue.astype(np.uint16) * np.uint16(29)
    return (total >> 8).astype(np.uint8)


def _chroma(pixels: NDArray[np.uint8], space: Space) -> NDArray[np.int16]:
    """Return both chroma, int16, shape (row, column, 2)."""
    if space == "rgb":
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("YCbCr"))
    return pixels[..., 1:].astype(np.int16)


def _tint_of(chroma: NDArray[np.int16], luma: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return the usual chroma of each level, int16, shape (256, 2)."""
    step = max(1, luma.size // TINT_SAMPLES)
    chroma, luma = chroma[::step], luma[::step]
    order = np.argsort(luma, kind="stable")
    levels, starts = np.unique(luma[order], return_index=True)
    tint = np.full((256, 2), 128, dtype=np.int16)
    usual = np.array([np.median(own, axis=0) for own in np.split(chroma[order], starts[1:])])
    tint[levels] = median_filter(usual, size=(TINT_LEVELS, 1), mode="nearest")
    return tint


def _off_tint(
    chroma: NDArray[np.int16], luma: NDArray[np.uint8], tint: NDArray[np.int16]
) -> NDArray[np.bool_]:
    off: NDArray[np.bool_] = np.abs(chroma - tint[luma]).max(axis=-1) > COLOURED_CHROMA
    return off


def _is_chromatic(chroma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    # One comparison: bytes below the range wrap around to large ones.
    return chroma - np.uint8(128 - COLOURED_CHROMA) > 2 * COLOURED_CHROMA


def _is_spread(
    red: NDArray[np.uint8], green: NDArray[np.uint8], blue: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    return highest - lowest > COLOURED_SPREAD
