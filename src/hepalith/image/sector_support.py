"""What on a screen may be echo: not the background, not flat, not thin like print, moving in a loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.cine import Cine
from hepalith.image.overlay_stroke import find_strokes
from hepalith.image.running import running_max, running_min

__all__ = [
    "MAX_BODIES",
    "MIN_SHARE",
    "Support",
    "find_supports",
    "grow",
    "margin_level",
    "peak_screen",
    "shrink",
]

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

PRINT_EDGE = (70.0, 0.5)
"""Least step of an edge of print, grey levels, and share of the range within seven pixels that it takes: see
`overlay_print`; higher here, as the picture's own steps are not yet known."""

MIN_SHARE = 0.02
"""Least share of the screen that a picture takes. The smallest seen (a quarter screen) takes 5 %."""

PIECE_SHARE = 0.002
"""Least share of the screen, or of the header's box, of a piece that may belong to a picture."""

MAX_BODIES = 4
"""Most pictures on a screen (quad view)."""

FLAT_RANGE = 2
"""Grey levels by which a constant area may vary: JPEG again."""

FLOOR_SHARE = 0.002
"""Least share of the screen that a level must fill, in constant areas, to be called a background."""

STRIP_PX = 5
"""Width of the strip, just within the edge of what is not black, in which a grey margin is looked for."""

STRIP_SHARE = 0.2
"""Share of that strip that one level must fill; speckle spreads over tens of levels."""

LEAST_MARGIN = 12
"""Grey levels by which a margin exceeds the background: nearer to it, dark flanks of the picture itself share
a few levels. The margins seen are 24 and more."""

DARK_LEVEL = 128
"""Backgrounds are darker than this."""

FLAT_PX = 9
"""Side of the square within which something must vary: header bars and grey wedges are flat."""


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """A patch of echo, bool (row, column), and the box (both ends within) in which it was sought."""

    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]


def peak_screen(cine: Cine) -> NDArray[np.uint8]:
    """Brightest level of each pixel over a loop (evenly spread frames); the frame itself of a still."""
    frames = cine.grey.shape[0]
    if frames == 1:
        first: NDArray[np.uint8] = cine.grey[0]
        return first
    chosen = np.unique(np.linspace(0, frames - 1, min(FRAMES_LOOKED_AT, frames)).round().astype(int))
    peak: NDArray[np.uint8] = np.max(cine.grey[chosen], axis=0)
    return peak


def find_supports(
    cine: Cine, boxes: tuple[tuple[int, int, int, int], ...], *, floors: bool = False
) -> list[Support]:
    """Patches of the screen that may be echo, each a candidate picture, largest first.

    The largest patch is also given together with smaller ones above and below it: silence behind a strong
    reflector parts a picture in two.

    Parameters
    ----------
    cine
        The screen.
    boxes
        Where the header says that pictures lie; empty where it says nothing. Each box is searched by itself.
    floors
        Take every constant grey as background, not only that of the screen's rim: needed where a screen is
        grey and its margins were painted black, wrong where the picture's own floor is grey.
    """
    echo = _echo_pixels(cine, floors=floors)
    height, width = echo.shape
    found: list[Support] = []
    for x0, y0, x1, y1 in boxes or ((0, 0, width - 1, height - 1),):
        window = np.zeros(echo.shape, bool)
        window[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1] = True
        least = MIN_SHARE * window.sum() / (4 if boxes else 1)
        bodies = _bodies(echo & window, PIECE_SHARE * window.sum())
        large = [body for body in bodies if body.sum() >= least][: 1 if boxes else MAX_BODIES]
        found.extend(Support(body, (x0, y0, x1, y1)) for body in large)
        if large:
            whole = _with_pieces(large[0], [body for body in bodies if body is not large[0]])
            if whole is not None:
                found.append(Support(whole, (x0, y0, x1, y1)))
    return found


def _with_pieces(largest: NDArray[np.bool_], others: list[NDArray[np.bool_]]) -> NDArray[np.bool_] | None:
    """Join the largest body with those in its columns; None where there is none."""
    columns = np.flatnonzero(largest.any(axis=0))
    room = (columns[-1] - columns[0]) // 10
    near = slice(max(columns[0] - room, 0), columns[-1] + room + 1)
    pieces = [body for body in others if body[:, near].sum() > 0.9 * body.sum()]
    return np.any([largest, *pieces], axis=0) if pieces else None


def grow(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Dilate by a square of `size` pixels a side (odd): a running maximum, tenfold faster than morphology."""
    return running_max(running_max(mask.view(np.uint8), size, 0), size, 1).view(np.bool_)


def shrink(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Erode by a square of `size` pixels a side (odd); beyond the screen's edge the mask goes on."""
    return running_min(running_min(mask.view(np.uint8), size, 0), size, 1).view(np.bool_)


def _echo_pixels(cine: Cine, *, floors: bool) -> NDArray[np.bool_]:
    peak = peak_screen(cine)
    flat = _flat(peak)
    dark = _background_levels(peak, flat)
    levels = dark if floors else (_background_level(peak),)
    echo = ~(flat if floors else flat & ~np.isin(peak, dark))
    # letters stand close enough to be closed into a body, so they are taken out before
    step = np.zeros(peak.shape, np.float32)
    step[:, :-1] = np.diff(peak.astype(np.float32), axis=1)
    echo &= ~grow(find_strokes(peak, step, *PRINT_EDGE), 3)
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
    """Levels that fill constant areas of the screen, or a strip along the edge of what is not black."""
    counts = np.bincount(screen[flat & (screen < DARK_LEVEL)], minlength=DARK_LEVEL)
    levels = set(np.flatnonzero(counts > FLOOR_SHARE * screen.size).tolist())
    margin = margin_level(screen)
    return tuple(sorted(levels if margin is None else levels | {margin}))


def margin_level(screen: NDArray[np.uint8]) -> int | None:
    """Level of a strip of constant grey along the edge of what is not background; None without one."""
    lit = screen > _background_level(screen) + BACKGROUND_LEVELS
    lit = grow(shrink(lit, 3), 3)
    strip = shrink(lit, 3) & ~shrink(lit, 2 * STRIP_PX + 1)
    counts = np.bincount(screen[strip], minlength=256).astype(float)
    if not counts.sum():
        return None
    near = np.convolve(counts, np.ones(3), "same") / counts.sum()
    level = int(near.argmax())
    grey = _background_level(screen) + LEAST_MARGIN <= level < DARK_LEVEL
    return level if grey and near[level] > STRIP_SHARE else None


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
    return grow(shrink(coloured, PRINT_PX), PRINT_PX)


def _flat(screen: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels amid a constant area: the background, a bar, a wedge's step, a filled frame."""
    high = running_max(running_max(screen, FLAT_PX, 0), FLAT_PX, 1)
    low = running_min(running_min(screen, FLAT_PX, 0), FLAT_PX, 1)
    return grow((high - low <= FLAT_RANGE) & (high < 250), FLAT_PX)


def _bodies(echo: NDArray[np.bool_], least_px: float) -> list[NDArray[np.bool_]]:
    closed = shrink(grow(echo, PRINT_PX), PRINT_PX)
    outside, _ = ndimage.label(np.pad(~closed, 1, constant_values=True))
    filled = (outside != outside[0, 0])[1:-1, 1:-1]  # whatever the background does not reach from the rim
    labels, count = ndimage.label(grow(shrink(filled, PRINT_PX), PRINT_PX))
    if not count:
        return []
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    order = [int(k) for k in np.argsort(-areas, kind="stable") if areas[k] >= max(least_px, 1)]
    return [labels == k for k in order]
