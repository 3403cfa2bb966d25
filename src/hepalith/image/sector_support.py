"""What on a screen may be echo: not the background, not flat, not thin like print, moving in a loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.cine import Cine

__all__ = ["MIN_SHARE", "find_supports", "peak_screen"]

FRAMES_LOOKED_AT = 24
"""Frames of a loop, evenly spread, from which the picture's outline is found: speckle decorrelates within a
few frames, so every place of the picture has changed by then."""

CHANGE_LEVELS = 4
"""Grey levels by which a pixel must change over a loop to count as echo: lossy compression alone moves a
constant pixel by one to three."""

BACKGROUND_LEVELS = 2
"""Grey levels around the screen's own background that still are background (JPEG). Seen on the shared stills,
whose outside is 0 with ringing of 1 and 2."""

PRINT_PX = 5
"""Opening that removes print: strokes, ticks, frames and scale bars are thinner than this on screens of
400 to 1080 rows. Pictures are hundreds of pixels wide."""

MIN_SHARE = 0.02
"""Least share of the screen that a picture takes. The smallest seen (a quarter screen) takes 5 %."""

FLAT_RANGE = 2
"""Grey levels by which a constant area may vary: JPEG again."""

FLOOR_SHARE = 0.002
"""Least share of the screen that a level must fill, in constant areas, to be called a background."""

DARK_LEVEL = 128
"""Backgrounds are darker than this."""

FLAT_PX = 9
"""Side of the square within which something must vary: header bars and grey wedges are flat."""


def peak_screen(cine: Cine) -> NDArray[np.uint8]:
    """Brightest level of each pixel over a loop (evenly spread frames); the frame itself of a still."""
    frames = cine.grey.shape[0]
    if frames == 1:
        return cine.grey[0]
    chosen = np.unique(np.linspace(0, frames - 1, min(FRAMES_LOOKED_AT, frames)).round().astype(int))
    peak: NDArray[np.uint8] = cine.grey[chosen].max(axis=0)
    return peak


def find_supports(
    cine: Cine, boxes: tuple[tuple[int, int, int, int], ...], *, floors: bool = False
) -> list[NDArray[np.bool_]]:
    """Masks, one a candidate picture, largest first, of the pixels that may be echo.

    Parameters
    ----------
    cine
        The screen.
    boxes
        Where the header says that pictures lie; empty where it says nothing. Each box is searched by itself,
        and gets its mask, empty perhaps, in the same order.
    floors
        Take every constant grey as background, not only that of the screen's rim: needed where a screen is
        grey and its margins were painted black, wrong where the picture's own floor is grey.
    """
    echo = _echo_pixels(cine, floors=floors)
    if not boxes:
        return _bodies(echo, MIN_SHARE * echo.size)
    found = []
    for x0, y0, x1, y1 in boxes:
        window = np.zeros(echo.shape, bool)
        window[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1] = True
        bodies = _bodies(echo & window, MIN_SHARE / 4 * window.sum())
        found.append(bodies[0] if bodies else np.zeros_like(window))
    return found


def _echo_pixels(cine: Cine, *, floors: bool) -> NDArray[np.bool_]:
    peak = peak_screen(cine)
    flat = _flat(peak)
    dark = _background_levels(peak, flat)
    levels = dark if floors else (_background_level(peak),)
    echo = ~(flat if floors else flat & ~np.isin(peak, dark))
    for level in levels:
        echo &= np.abs(peak.astype(np.int16) - level) > BACKGROUND_LEVELS
    if cine.coloured is not None:
        # colour flow lies within a picture: it is no print, and its hole would break the picture apart
        echo &= ~(cine.coloured & ~_filled_colour(cine.coloured))
    if cine.grey.shape[0] > 2:
        low = cine.grey[:: max(1, cine.grey.shape[0] // FRAMES_LOOKED_AT)].min(axis=0)
        changed = (peak.astype(np.int16) - low) >= CHANGE_LEVELS
        if changed.mean() > MIN_SHARE:
            near: NDArray[np.bool_] = ndimage.uniform_filter(changed.astype(np.float32), FLAT_PX) > 0.1
            echo &= near
    return echo


def _background_levels(screen: NDArray[np.uint8], flat: NDArray[np.bool_]) -> tuple[int, ...]:
    """Levels that fill constant areas of the screen."""
    counts = np.bincount(screen[flat & (screen < DARK_LEVEL)], minlength=DARK_LEVEL)
    return tuple(int(k) for k in np.flatnonzero(counts > FLOOR_SHARE * screen.size))


def _background_level(screen: NDArray[np.uint8]) -> int:
    """Level of most of the screen's rim: what lies outside of every picture."""
    rim = np.concatenate(
        [screen[:4].ravel(), screen[-4:].ravel(), screen[:, :4].ravel(), screen[:, -4:].ravel()]
    )
    counts = np.bincount(rim, minlength=256)
    whole = np.bincount(screen.ravel(), minlength=256)
    if counts[0] > 0.2 * rim.size or whole[0] > 0.15 * screen.size:
        return 0
    level = int(counts.argmax())
    return level if counts[level] > 0.3 * rim.size else 0


def _filled_colour(coloured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return ndimage.binary_opening(coloured, np.ones((PRINT_PX, PRINT_PX), bool))


def _flat(screen: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels amid a constant area: the background, a bar, a wedge's step, a filled frame."""
    high = ndimage.maximum_filter(screen, FLAT_PX).astype(np.int16)
    flat = (high - ndimage.minimum_filter(screen, FLAT_PX) <= FLAT_RANGE) & (high < 250)
    grown: NDArray[np.bool_] = ndimage.binary_dilation(flat, np.ones((FLAT_PX, FLAT_PX), bool))
    return grown


def _bodies(echo: NDArray[np.bool_], least_px: float) -> list[NDArray[np.bool_]]:
    square = np.ones((PRINT_PX, PRINT_PX), bool)
    closed = ndimage.binary_closing(echo, square)
    filled = ndimage.binary_fill_holes(closed)
    opened = ndimage.binary_opening(filled, square)
    labels, count = ndimage.label(opened)
    if not count:
        return []
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    order = [int(k) for k in np.argsort(-areas, kind="stable") if areas[k] >= max(least_px, 1)]
    return [labels == k for k in order]
