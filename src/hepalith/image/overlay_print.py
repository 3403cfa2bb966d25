"""Print over a B-mode picture, told from echo by its edges across the beam.

A beam is several pixels wide, so no echo, however strong, rises and falls again across the beams within a pixel
each; it may do so along the beam, where the pulse is short (skin, diaphragm, the walls of a vessel). Strokes of
letters, ticks, calipers and frames rise and fall within a pixel in every direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.beam import Sector, sector_mask
from hepalith.image.sector_support import grow, shrink

__all__ = ["EDGE_PX", "find_lines_of_print", "find_print", "step_across", "step_threshold"]

SURE = (5.0, 2.4, 40.0, 130.0)
"""Step that a stroke's two edges must have to be print: so many times the 90th centile of the picture's own
steps, so many times their 99th, and its bounds in grey levels. On the 30 shared stills and on phantoms the
99.99th centile of echo is 2.5 to 3.5 times the 90th; every pair of steps beyond that was print."""

DOUBTED = (3.2, 1.6, 24.0, 90.0)
"""The same where a name must not be missed and a spot of the picture may be lost: what is shown, not what is
read."""

HARDNESS = (0.42, 0.34)
"""Least share of the grey range within seven pixels that an edge of print takes in one step, for reading and for
showing: a drawn edge takes all of it, an anti-aliased one half, one rescaled by half a third; an echo spreads it
over the width of the beam."""

STROKE_PX = 8
"""Widest stroke: bold letters of 50 px height."""

EDGE_PX = 7
"""Strip along the outline in which steps may be the outline's own: the fit is good to two pixels, and hand-drawn
margins and JPEG blocks spoil a few more."""

GROW_PX = 2
"""Print is blurred over one to two pixels by anti-aliasing, rescaling and JPEG."""

REACH_PX = 14
"""How far from a stroke's edge the rest of its letter is sought: cross-bars, the round of an O."""

INK_SHARE = 0.4
"""A pixel is ink where it stands out by this share of the strongest ink nearby."""

MIN_SEEDS = 5
"""Fewest stroke pixels of a mark: a tick of 2 × 3 px has six."""

LETTERS_APART_PX = (4, 15)
"""Rows and columns within which marks belong to one line of print."""


def step_across(grey: NDArray[np.uint8], sector: Sector) -> NDArray[np.float32]:
    """Change of grey from each pixel to the next one right, less what follows the beam: float32, (row, column).

    The forward differences are projected on the direction across the beam; for a rectangle that is the row.
    """
    a = grey.astype(np.float32)
    gx, gy = np.zeros_like(a), np.zeros_like(a)
    gx[:, :-1] = a[:, 1:] - a[:, :-1]
    if sector.shape == "rectangle" or sector.apex_px is None:
        return gx
    gy[:-1] = a[1:] - a[:-1]
    dx = (np.arange(a.shape[1]) - sector.apex_px[0]).astype(np.float32)[None, :]
    dy = (np.arange(a.shape[0]) - sector.apex_px[1]).astype(np.float32)[:, None]
    radius = np.sqrt(dx * dx + dy * dy) + 1e-3
    out: NDArray[np.float32] = gx * (dy / radius) - gy * (dx / radius)
    return out


def step_threshold(
    step: NDArray[np.float32], inside: NDArray[np.bool_], rule: tuple[float, float, float, float]
) -> float:
    """Least step of an edge of print, grey levels: multiples of the picture's own steps, within bounds."""
    own = np.abs(step[inside])[::3]
    if not own.size:
        return rule[3]
    common, rare = np.quantile(own, (0.9, 0.99))
    return float(np.clip(max(rule[0] * common, rule[1] * rare), rule[2], rule[3]))


def _strokes(
    grey: NDArray[np.uint8], step: NDArray[np.float32], threshold: float, hardness: float
) -> NDArray[np.bool_]:
    """Pixels between a rise and a fall, or a fall and a rise, within a stroke's width along the row."""
    span = ndimage.maximum_filter1d(grey, 7, axis=1) - ndimage.minimum_filter1d(grey, 7, axis=1)
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


def _window(sector: Sector, shape: tuple[int, int]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = sector.box_px
    return slice(max(y0 - 2, 0), min(y1 + 3, shape[0])), slice(max(x0 - 2, 0), min(x1 + 3, shape[1]))


def _moved(sector: Sector, rows: slice, columns: slice) -> Sector:
    """The sector in the coordinates of a window."""
    x0, y0, x1, y1 = sector.box_px
    box = (x0 - columns.start, y0 - rows.start, x1 - columns.start, y1 - rows.start)
    apex = sector.apex_px
    moved = None if apex is None else (apex[0] - columns.start, apex[1] - rows.start)
    return Sector(sector.shape, box, moved, sector.near_px, sector.far_px, sector.from_angle, sector.to_angle)


def find_print(grey: NDArray[np.uint8], sector: Sector) -> NDArray[np.bool_]:
    """Pixels of print within one picture, bool, (row, column): what must not be read as echo.

    Strokes are found by their two sharp edges across the beam; the rest of each letter is what stands out
    nearby as much as they do; two pixels are added around.
    """
    rows, columns = _window(sector, grey.shape)
    part, local = grey[rows, columns], _moved(sector, rows, columns)
    inside = shrink(sector_mask(local, part.shape), 2 * EDGE_PX + 1)
    step = step_across(part, local)
    seeds = _strokes(part, step, step_threshold(step, inside, SURE), HARDNESS[0]) & inside
    seeds = _large(seeds)
    found = np.zeros(grey.shape, bool)
    if seeds.any():
        found[rows, columns] = grow(_ink(part, seeds), 2 * GROW_PX + 1)
    return found


def _large(seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Stroke pixels that do not stand alone."""
    labels, count = ndimage.label(grow(seeds, 5))
    if not count:
        return seeds
    sizes = ndimage.sum_labels(seeds, labels, np.arange(count + 1))
    kept: NDArray[np.bool_] = seeds & (sizes >= MIN_SEEDS)[labels]
    return kept


def _ink(grey: NDArray[np.uint8], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All pixels of the letters to which stroke pixels belong."""
    size = 2 * STROKE_PX + 1
    a = grey.astype(np.int16)
    bright = a - ndimage.grey_opening(a, size)
    dark = ndimage.grey_closing(a, size) - a
    near = grow(seeds, 2 * REACH_PX + 1)
    out = seeds.copy()
    for standing in (bright, dark):
        strength = ndimage.maximum_filter(np.where(seeds, standing, 0), 2 * REACH_PX + 1)
        ink = near & (standing > np.maximum(INK_SHARE * strength, 8))
        out |= ndimage.binary_propagation(seeds & ink, np.ones((3, 3), bool), ink)
    return out


def find_lines_of_print(grey: NDArray[np.uint8], sector: Sector) -> NDArray[np.bool_]:
    """Boxes around everything that may be print within one picture: what must not be shown.

    The same edges as in :func:`find_print` at a lower threshold, marks joined to lines and each line's box
    taken whole, so that a letter missed between two that were seen is hidden with them.
    """
    rows, columns = _window(sector, grey.shape)
    part, local = grey[rows, columns], _moved(sector, rows, columns)
    whole = sector_mask(local, part.shape)
    inside = shrink(whole, 2 * EDGE_PX + 1)
    step = step_across(part, local)
    seeds = _large(_strokes(part, step, step_threshold(step, inside, DOUBTED), HARDNESS[1]) & inside)
    found = np.zeros(grey.shape, bool)
    if not seeds.any():
        return found
    high, wide = LETTERS_APART_PX
    joined = ndimage.maximum_filter(seeds.view(np.uint8), (2 * high + 1, 2 * wide + 1)).view(bool)
    labels, count = ndimage.label(joined)
    target = found[rows, columns]
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        mark = seeds[box] & (labels[box] == number)
        if mark.sum() < 2 * MIN_SEEDS:
            continue
        y, x = np.nonzero(mark)
        top, left = box[0].start + y.min(), box[1].start + x.min()
        bottom, right = box[0].start + y.max(), box[1].start + x.max()
        margin = max(6, round(0.35 * (bottom - top + 1)))
        side = max(10, bottom - top + 1)
        target[max(top - margin, 0) : bottom + margin + 1, max(left - side, 0) : right + side + 1] = True
    del count
    return found
