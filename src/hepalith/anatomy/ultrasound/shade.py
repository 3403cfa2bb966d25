"""Dark columns that run along the beams to the far border: shadows, not tubes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["find_shade"]

LEAST_RUN = 0.08
"""Shortest shadow, as a share of the picture's depth (12 mm of 150): a round vessel that rests on the far
border is shorter. Our judgement."""

GAP = 2
"""Fine cells of light that do not end a run: noise, and side lobes in a shadow."""

CAP = 6
"""Fine cells above a shadow within which the body that throws it lies."""

MOSTLY_DARK = 0.6
"""Share of the way from a bright body to the far border that is dark in a shadow: clutter, reverberation and
noise brighten the rest."""

CAP_CONTRAST = 2.5
"""Contrast of that body, in standard deviations of speckle: what throws a black shadow is bright."""

RIB_RUN = 0.12
"""Shortest run of darkness from the near border, as a share of the depth, that is a rib's or gas's shadow or
a lack of contact (18 mm of 150): the liver has no vessel so wide at its surface."""

PENUMBRA = 4
"""Fine cells beside a shadow within which darkness belongs to it: a beam is wider than its middle."""

TAIL, TAIL_DARK = 8, -0.6
"""Fine cells before the far border over which a shadow is still darker, by contrast, than liver: fluid ends
before, and tissue behind it is brighter."""

BEHIND_BRIGHT = 0.4
"""Contrast beyond the far border, against the other lines there, above which what is dark let sound through:
fluid, no shadow."""

BEHIND_DARK = -0.8
"""Contrast beyond the far border, against the other lines there, below which a dark column goes on: a shadow
does, fluid is followed by enhancement. In standard deviations of speckle."""


def find_shade(
    contrast: NDArray[np.float32], dark: NDArray[np.bool_], near: NDArray[np.intp], far: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return which dark places belong to a shadow.

    Parameters
    ----------
    contrast
        Shape (fine cell along, fine cell across), in standard deviations of speckle.
    dark
        Which places are dark.
    near, far
        First and last border of the liver on every fine line.

    Notes
    -----
    A line is in shadow below something bright where most of its way to the far border is dark. Without
    something bright, the run of darkness that ends at the far border is a shadow where it is long and begins
    at the near border (rib, gas in the wall) or goes on beyond the far border. A vessel along the beam
    that nearly reaches the far border and has a bright near end is mistaken for a shadow.
    """
    count = contrast.shape[0]
    row = np.arange(count)[:, None]
    grown = ndimage.maximum_filter1d(dark.view(np.uint8), 2 * GAP + 1, axis=0, mode="constant")
    filled = ndimage.minimum_filter1d(grown, 2 * GAP + 1, axis=0, mode="constant") > 0
    closed = dark | (filled & (contrast < CAP_CONTRAST))
    below = (row >= far) | closed
    run = np.flip(np.logical_and.accumulate(np.flip(below, axis=0), axis=0), axis=0)
    start = np.where(run.any(axis=0), run.argmax(axis=0), count)
    beyond = _beyond(contrast, far)
    bare = (far - start >= LEAST_RUN * count) & ((start <= near + CAP) | (beyond < BEHIND_DARK))
    goes_on = (beyond < BEHIND_BRIGHT) & (_tail(contrast, far) < TAIL_DARK)
    capped = np.where(goes_on, _below_body(contrast, dark, near, far), count)
    shade = dark & (row >= np.minimum(np.where(bare, start, count), capped))
    shade |= _from_near(closed, near, count)
    wide = ndimage.maximum_filter1d(shade.astype(np.uint8), 2 * PENUMBRA + 1, axis=1, mode="constant")
    return np.asarray(dark & (wide > 0), dtype=np.bool_)


def _from_near(closed: NDArray[np.bool_], near: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Return the runs of darkness that begin at the near border and are longer than any vessel there."""
    row = np.arange(count)[:, None]
    above = (row <= near + CAP) | closed
    run = np.logical_and.accumulate(above, axis=0)
    length = run.sum(axis=0) - near - CAP
    return np.asarray(run & (row >= near) & (length >= RIB_RUN * count), dtype=np.bool_)


def _below_body(
    contrast: NDArray[np.float32], dark: NDArray[np.bool_], near: NDArray[np.intp], far: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the first place on every line below something bright from which most is dark; else the end."""
    count = contrast.shape[0]
    row = np.arange(count)[:, None]
    counted = np.where(row < far, dark, 0)
    below = np.flip(np.cumsum(np.flip(counted, axis=0), axis=0, dtype=np.int32), axis=0)
    way = far - row
    bright = (ndimage.maximum_filter1d(contrast, 3, axis=1, mode="nearest") > CAP_CONTRAST) & (
        row > near + CAP
    )
    capped = ndimage.maximum_filter1d(
        bright.astype(np.uint8), CAP, axis=0, origin=CAP // 2 - 1, mode="constant"
    )
    shadow = (capped > 0) & ~bright & (way >= LEAST_RUN * count) & (below >= MOSTLY_DARK * way)
    return np.asarray(np.where(shadow.any(axis=0), shadow.argmax(axis=0), count), dtype=np.intp)


def _tail(contrast: NDArray[np.float32], far: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the mean contrast just before the far border of every line."""
    rows = np.clip(far[None] - np.arange(3, 3 + TAIL)[:, None], 0, contrast.shape[0] - 1)
    return np.asarray(np.take_along_axis(contrast, rows, axis=0).mean(axis=0), dtype=np.float32)


def _beyond(contrast: NDArray[np.float32], far: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the contrast beyond the far border of every line, against the median of all lines.

    Zero where nothing lies beyond.
    """
    count = contrast.shape[0]
    offset = np.arange(8, max(int(0.1 * count), 10))[:, None]
    rows = far[None] + offset
    within = rows < count
    values = np.take_along_axis(contrast, np.minimum(rows, count - 1), axis=0)
    number = within.sum(axis=0)
    mean = np.where(within, values, 0).sum(axis=0) / np.maximum(number, 1)
    judged = number >= 4
    middle = np.median(mean[judged]) if judged.any() else 0.0
    return np.where(judged, mean - middle, 0.0).astype(np.float32)
