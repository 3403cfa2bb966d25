"""Print over a B-mode picture, told from echo by its edges across the beam.

A beam is several pixels wide, so no echo, however strong, rises and falls again across the beams within a
pixel each; it may do so along the beam, where the pulse is short (skin, diaphragm, the walls of a vessel).
Strokes of letters, ticks, calipers and frames rise and fall within a pixel in every direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.beam import Sector, sector_mask
from hepalith.image.overlay_stroke import STROKE_PX, find_strokes
from hepalith.image.running import running_max
from hepalith.image.sector_support import grow, shrink

__all__ = ["EDGE_PX", "find_lines_of_print", "find_print", "step_across", "step_threshold"]

SURE = (5.0, 2.4, 40.0, 130.0)
"""Step that a stroke's two edges must have to be print: so many times the 90th centile of the picture's own
steps, so many times their 99th, and its bounds in grey levels. On the 30 shared stills and on phantoms the
99.99th centile of echo is 2.5 to 3.5 times the 90th; every pair of steps beyond that was print."""

DOUBTED = (8.0, 14.0, 90.0)
"""The same where a name must not be missed and a spot of the picture may be lost (what is shown, not what is
read): so many times the median of the steps around, and its bounds. Black letters on a dark flank step by
twenty levels only. For pure speckle the median is 0.41 of the 90th centile, so this is 3.3 times that."""

BLOCK_PX = 8
"""Blocks in which the steps around are measured, five by five of them together: letters fill less than half
of forty pixels square, so they do not raise the median."""

HARDNESS = (0.42, 0.34, 0.56)
"""Least share of the grey range within seven pixels that an edge of print takes in one step: for reading, for
showing, and for a spot that stands alone. A drawn edge takes all of it, an anti-aliased one half, one
rescaled by half a third; an echo spreads it over the width of the beam, a saturated one over half of that."""

EDGE_PX = 7
"""Strip along the outline in which steps may be the outline's own: the fit is good to two pixels, and
hand-drawn margins and JPEG blocks spoil a few more."""

GROW_PX = 2
"""Print is blurred over one to two pixels by anti-aliasing, rescaling and JPEG."""

REACH_PX = 14
"""How far from a stroke's edge the rest of its letter is sought: cross-bars, the round of an O."""

INK_SHARE = 0.6
"""A pixel is ink where it stands out by this share of the strongest ink nearby."""

MIN_SEEDS = 4
"""Fewest stroke pixels of a mark: a dot of a dotted line has four."""

MIN_LINE_SEEDS = 10
"""Fewest stroke pixels of a line of print that is hidden: a small letter has ten and more."""

WEAKER = 0.7
"""Share of the least step that suffices beside print that is certain."""

SPOT_PX = 12
"""Largest lone spot, pixels, that may be a saturated point echo."""

LETTERS_APART_PX = (4, 15)
"""Rows and columns within which marks belong to one line of print."""


SIDE_PX = 24
"""Least room left and right of a line of print that is hidden with it: two or three small letters."""

SIDE_HEIGHTS = 2
"""The same in heights of the line: three letters or so."""


def step_across(grey: NDArray[np.uint8], sector: Sector) -> NDArray[np.float32]:
    """Change of grey from each pixel to the next one right, less what follows the beam: float32.

    The forward differences are projected on the direction across the beam; for a rectangle that is the row.
    """
    a = grey.astype(np.float32)
    gx, gy = np.zeros(a.shape, np.float32), np.zeros(a.shape, np.float32)
    gx[:, :-1] = a[:, 1:] - a[:, :-1]
    if sector.shape == "rectangle" or sector.apex_px is None:
        return gx
    gy[:-1] = a[1:] - a[:-1]
    dx = (np.arange(a.shape[1]) - sector.apex_px[0]).astype(np.float32)[None, :]
    dy = (np.arange(a.shape[0]) - sector.apex_px[1]).astype(np.float32)[:, None]
    radius = np.sqrt(dx * dx + dy * dy) + 1e-3
    return np.asarray(gx * (dy / radius) - gy * (dx / radius), np.float32)


def step_threshold(step: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Least step of an edge of print, grey levels: multiples of the picture's own steps, within bounds."""
    own = np.abs(step[inside])[::3]
    if not own.size:
        return SURE[3]
    common, rare = np.quantile(own, (0.9, 0.99))
    return float(np.clip(max(SURE[0] * common, SURE[1] * rare), SURE[2], SURE[3]))


def _local_threshold(step: NDArray[np.float32]) -> NDArray[np.float32]:
    """Least step of an edge that may be print, grey levels, by the steps around each place."""
    high, wide = (-(-n // BLOCK_PX) for n in step.shape)
    padded = np.pad(
        np.abs(step),
        ((0, high * BLOCK_PX - step.shape[0]), (0, wide * BLOCK_PX - step.shape[1])),
        mode="edge",
    )
    blocks = padded.reshape(high, BLOCK_PX, wide, BLOCK_PX).swapaxes(1, 2).reshape(high, wide, -1)
    middle = ndimage.median_filter(np.median(blocks, axis=2), 5, mode="nearest")
    least = np.clip(DOUBTED[0] * middle, DOUBTED[1], DOUBTED[2]).astype(np.float32)
    out: NDArray[np.float32] = least.repeat(BLOCK_PX, 0).repeat(BLOCK_PX, 1)[: step.shape[0], : step.shape[1]]
    return out


def _window(sector: Sector, shape: tuple[int, int]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = sector.box_px
    return slice(max(y0 - 2, 0), min(y1 + 3, shape[0])), slice(max(x0 - 2, 0), min(x1 + 3, shape[1]))


def _moved(sector: Sector, rows: slice, columns: slice) -> Sector:
    """Return the sector in the coordinates of a window."""
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
    least = step_threshold(step, inside)
    seeds = _large(find_strokes(part, step, least, HARDNESS[0]) & inside, MIN_SEEDS)
    if seeds.any():
        seeds = _drawn(seeds, find_strokes(part, step, least, HARDNESS[2]))
        near = grow(seeds, 2 * REACH_PX + 1)
        seeds |= find_strokes(part, step, WEAKER * least, HARDNESS[0]) & inside & near
    found = np.zeros(grey.shape, bool)
    if seeds.any():
        found[rows, columns] = grow(_ink(part, seeds), 2 * GROW_PX + 1)
    return found


def _drawn(seeds: NDArray[np.bool_], hard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Stroke pixels without lone soft spots: saturated point echoes, not dots that someone drew."""
    lines, count = ndimage.label(grow(seeds, 2 * REACH_PX + 1))
    marks, number = ndimage.label(grow(seeds, 3))
    of_line = ndimage.maximum(lines, marks, np.arange(1, number + 1)).astype(np.intp)
    several = np.bincount(of_line, minlength=count + 1)
    for line, box in enumerate(ndimage.find_objects(lines), start=1):
        spot = seeds[box] & (lines[box] == line)
        small = max(part.stop - part.start for part in box) <= SPOT_PX + 2 * REACH_PX
        if small and several[line] == 1 and (spot & hard[box]).sum() < min(MIN_SEEDS, spot.sum() / 2):
            seeds[box] &= ~spot
    return seeds


def _large(seeds: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Stroke pixels that do not stand alone."""
    labels, count = ndimage.label(grow(seeds, 5))
    if not count:
        return seeds
    sizes = ndimage.sum_labels(seeds, labels, np.arange(count + 1))
    kept: NDArray[np.bool_] = seeds & (sizes >= least)[labels]
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


def find_lines_of_print(
    grey: NDArray[np.uint8], sector: Sector, *, ignored: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Boxes around everything that may be print within one picture: what must not be shown.

    The same edges as in :func:`find_print` at a lower threshold, marks joined to lines and each line's box
    taken whole, so that a letter missed between two that were seen is hidden with them. Nothing is sought in
    what is `ignored`, as it is hidden anyhow (colour).
    """
    rows, columns = _window(sector, grey.shape)
    part, local = grey[rows, columns], _moved(sector, rows, columns)
    whole = sector_mask(local, part.shape)
    inside = shrink(whole, 2 * EDGE_PX + 1)
    step = step_across(part, local)
    if ignored is not None:
        inside &= ~ignored[rows, columns]
    marks = find_strokes(part, step, _local_threshold(step), HARDNESS[1]) & inside
    seeds = _large(marks, MIN_SEEDS + 1)
    found = np.zeros(grey.shape, bool)
    if not seeds.any():
        return found
    high, wide = LETTERS_APART_PX
    joined = running_max(running_max(seeds.view(np.uint8), 2 * high + 1, 0), 2 * wide + 1, 1)
    labels, _ = ndimage.label(joined)
    target = found[rows, columns]
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        mark = seeds[box] & (labels[box] == number)
        if mark.sum() < MIN_LINE_SEEDS:
            continue
        y, x = np.nonzero(mark)
        top, left = box[0].start + y.min(), box[1].start + x.min()
        bottom, right = box[0].start + y.max(), box[1].start + x.max()
        margin = max(6, round(0.35 * (bottom - top + 1)))
        side = max(SIDE_PX, SIDE_HEIGHTS * (bottom - top + 1))
        target[max(top - margin, 0) : bottom + margin + 1, max(left - side, 0) : right + side + 1] = True
    return found
