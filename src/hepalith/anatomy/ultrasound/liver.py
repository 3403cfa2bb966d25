"""The liver in one ultrasound picture: between two borders on every beam line.

On each line the liver is one stretch: from below the abdominal wall to the far border, where a bright
interface (diaphragm, capsule against gut or kidney) or the end of the picture lies. Vessels, ducts, cysts and
masses lie within that stretch whatever their brightness, so they need no rule of their own. Both borders are
best paths across the lines: the near one first, the far one below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.aside import find_aside
from hepalith.anatomy.ultrasound.cells import Cells, seed_band
from hepalith.anatomy.ultrasound.field import first_field, follow_liver
from hepalith.anatomy.ultrasound.path import best_path

__all__ = ["Stretch", "find_liver_stretch"]

LIKE = 0.4
"""What a cell of liver's own level adds to the stretch that holds it."""

ASIDE = 0.5
"""Share of `LIKE` that a cell set aside adds: it may lie in the liver as well as beyond it."""

BRIGHT_FROM, BRIGHT_WIDTH = 1.0, 2.5
"""Above this many standard deviations a cell counts less, and after this many more nothing any longer."""

DARK_FROM, DARK_WIDTH = 1.2, 2.0
"""The same below the liver's level."""

BRIGHT_COST, VERY_BRIGHT, DARK_COST, DULL_COST = -1.4, 4.0, -0.3, -0.6
"""Cost of a bright cell (twice that beyond `VERY_BRIGHT` deviations), of a dark one, and of one without
speckle. Dark costs least, for vessels and cysts lie in the liver; what is bright and wide is mostly gut, fat
or diaphragm. Our judgement, steady on the stills within a factor of 1.5 of each."""

EDGE_NEAR, EDGE_FAR = 3.0, 7.0
"""What a bright line just outside adds to the near and to the far border, for each deviation up to four."""

EDGE_FADES = (0.12, 0.28)
"""Depths, as shares of the picture, from which a bright line speaks less for the near border, and beyond
which it speaks no more: walls thicker than 30 mm of 150 are uncommon, bright vessel walls below are not."""

STEP_NEAR, STEP_FAR = 4.0, 2.5
"""Price of a step of one cell between neighbouring cell columns."""

NEAR_WITHIN = (0.07, 0.40)
"""Depths within which the near border is sought, as shares of the picture: skin, fat and muscle take 10 mm of
150 at least, and rarely more than 60. Our judgement."""

DEEPER = 0.1
"""Weight of cells below the depths of the seed while the level's first course over depth is learned: enough
to follow attenuation where nothing else is known, too little to draw it to what lies beyond the liver."""

PASSES = 2
"""The field is learned from the stretch found with the one before, and the stretch with it once more."""

LAYER, LAYER_GAP, LAYER_WITHIN = 1.2, 5, 0.18
"""A row of cells whose median over the lines departs by this many standard deviations is a layer of the
wall: layers lie along the transducer's face, the liver's own vessels and masses cover less than half a row.
Layers at most `LAYER_GAP` cells apart belong together, down to `LAYER_WITHIN` of the depth."""

NOTCH_SHARE = 0.20
"""A notch in a border narrower than this share of the lines is filled: a stone with its shadow draws the
borders round itself, the liver's own outline has no notch so narrow. Our judgement."""

PART_SHARE = 0.25
"""Parts of the liver smaller than this share of the largest are left out: a shadow parts the liver, and what
is much smaller is seldom liver at all."""

LEAST_SHARE = 0.02
"""Share of the cells below which nothing is called liver."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """The liver on cells, with the field that goes with it.

    Parameters
    ----------
    near, far
        int, shape (cell across): first cell of liver and first cell beyond it; equal where there is none.
    mask
        bool, shape (cell along, cell across).
    field
        float32: the liver's own grey level.
    contrast
        float32: departure of each cell (3 × 3) from it, in standard deviations of speckle.
    """

    near: NDArray[np.intp]
    far: NDArray[np.intp]
    mask: NDArray[np.bool_]
    field: NDArray[np.float32]
    contrast: NDArray[np.float32]


def find_liver_stretch(cells: Cells) -> Stretch:
    """Return the liver of a frame on cells; its mask is empty where none was found."""
    count, lines = cells.shape
    band = seed_band(count, cells.reach)
    seed = np.zeros(cells.shape, dtype=np.float32)
    seed[band] = cells.inside[band]
    seed[band.stop :] = DEEPER * cells.inside[band.stop :]
    plain = ~cells.dull * np.exp(-0.5 * np.maximum(cells.sd / cells.speckle - 1, 0) ** 2)
    field = first_field(cells, seed * plain)
    nothing = np.zeros(lines, dtype=np.intp)
    stretch = Stretch(
        nothing, nothing, np.zeros(cells.shape, dtype=np.bool_), field, np.zeros(cells.shape, np.float32)
    )
    for turn in range(PASSES):
        contrast = ((cells.smooth - field) / np.float32(cells.speckle)).astype(np.float32)
        near, far = _borders(cells, contrast)
        place = np.arange(count)[:, None]
        mask = (place >= near) & (place < far) & cells.inside
        stretch = Stretch(near, far, mask, field, contrast)
        if mask.mean() < LEAST_SHARE:
            break
        weight = mask * plain
        if turn + 1 < PASSES:
            field = follow_liver(cells, first_field(cells, weight), weight)
    return _settled(cells, stretch, plain)


def _borders(cells: Cells, contrast: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the near and the far border of the stretch on every line."""
    count, lines = contrast.shape
    total = np.zeros((count + 1, lines), dtype=np.float32)
    aside = find_aside(cells, contrast)
    contrast = np.where(aside, np.float32(0), contrast)
    like = np.where(aside, np.float32(LIKE * ASIDE), _likeness(cells, contrast))
    np.cumsum(like, axis=0, out=total[1:])
    bright = np.clip(ndimage.uniform_filter1d(contrast, 3, axis=0, mode="nearest"), 0, 4)
    above, below = np.zeros_like(total), np.zeros_like(total)
    above[2:] = bright[:-1]
    below[:-2] = bright[1:]
    depth = np.arange(count + 1)[:, None] / count
    fade = np.clip((EDGE_FADES[1] - depth) / (EDGE_FADES[1] - EDGE_FADES[0]), 0, 1).astype(np.float32)
    near_score = EDGE_NEAR * fade * above - total
    near_score[: int(NEAR_WITHIN[0] * count)] = -1e6
    near_score[int(NEAR_WITHIN[1] * count) :] = -1e6
    near = best_path(near_score, STEP_NEAR)
    far_score = np.where(np.arange(count + 1)[:, None] < near, np.float32(-1e6), total + EDGE_FAR * below)
    return near, best_path(far_score, STEP_FAR)


def _likeness(cells: Cells, contrast: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what every cell adds to a stretch of liver that holds it: `LIKE` at most, costs below zero."""
    bright = np.maximum(contrast - BRIGHT_FROM, 0) / BRIGHT_WIDTH
    dark = np.maximum(-contrast - DARK_FROM, 0) / DARK_WIDTH
    worst = np.where(contrast > VERY_BRIGHT, 2 * BRIGHT_COST, BRIGHT_COST)
    like = np.where(contrast > 0, np.maximum(LIKE - bright**2, worst), np.maximum(LIKE - dark**2, DARK_COST))
    like = np.where(cells.dull, DULL_COST, like)
    return np.where(cells.inside, like, 0).astype(np.float32)


def _settled(cells: Cells, stretch: Stretch, plain: NDArray[np.floating]) -> Stretch:
    """Return the stretch without its crumbs: its largest part, and the field learned from that."""
    place = np.arange(cells.shape[0])[:, None]
    near, far = _without_notches(stretch)
    mask = (place >= near) & (place < far) & cells.inside
    parts, number = ndimage.label(mask)
    if number > 1:
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        mask = (sizes >= PART_SHARE * sizes.max())[parts] & (parts > 0)
    near = np.maximum(near, _below_layers(cells, stretch, mask))
    mask &= place >= near
    weight = mask * plain
    field = stretch.field
    if mask.any():
        field = follow_liver(cells, first_field(cells, weight, rounds=1), weight)
    contrast = ((cells.smooth - field) / np.float32(cells.speckle)).astype(np.float32)
    held = mask.any(axis=0)
    near = np.where(held, near, 0)
    far = np.where(held, far, 0)
    return Stretch(near, far, mask, field, contrast)


def _without_notches(stretch: Stretch) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return both borders with notches filled that are narrower than `NOTCH_SHARE` of the lines."""
    width = 2 * int(NOTCH_SHARE * len(stretch.near) / 2) + 1
    near = ndimage.grey_opening(stretch.near, width, mode="nearest")
    return near, ndimage.grey_closing(stretch.far, width, mode="nearest")


def _below_layers(cells: Cells, stretch: Stretch, mask: NDArray[np.bool_]) -> int:
    """Return the first row of cells below the layers of the wall that the near border left within."""
    held = mask.any(axis=0)
    if not held.any():
        return 0
    count = mask.shape[0]
    first = int(np.median(stretch.near[held]))
    last = max(int(LAYER_WITHIN * count), first)
    heard = held & ~cells.dull[:last]
    enough = heard.mean(axis=1) > 0.5 * held.mean()
    middle = np.nanmedian(np.where(heard | ~enough[:, None], stretch.contrast[:last], np.nan), axis=1)
    below = first
    for row in range(first, last):
        if enough[row] and abs(middle[row]) > LAYER:
            below = row + 1
        elif row - below >= LAYER_GAP:
            break
    return below
