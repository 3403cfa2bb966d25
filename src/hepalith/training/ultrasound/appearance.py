"""A simulated plane as some scanner might show it: part of it, other gain and grey map, smoothed, marked.

Drawn far beyond what scanners do, so that the network cannot lean on how phantoms look.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.ultrasound.network import GRID, make_input, taper
from hepalith.phantom.ultrasound.render import LIVER_GREY
from hepalith.training.ultrasound.scene import KINDS, SHAPE, UNSURE

__all__ = ["HALF", "dress"]

HALF = (GRID[0] // 2, GRID[1] // 2)
"""The grid on which the network answers."""

HELD = 0.1
"""Share of a place of that grid from which it is a focus or a mimic; twice that for walls."""

FOCUS, MIMIC, WALL = (KINDS.index(k) for k in ("focus", "mimic", "wall"))

USUAL_AREA = 12
"""Places of a focus from which it weighs no more: small foci count as much as large ones."""

FOCUS_WORTH, MIMIC_WORTH = 4.0, 3.0
"""Weight of the places of a focus, and of a bright body that is none, against others."""

Rng = np.random.Generator
Array = NDArray[np.float32]


def dress(
    level_db: NDArray[np.float16], labels: NDArray[np.uint8], range_db: float, rng: Rng
) -> tuple[Array, NDArray[np.int64], Array]:
    """Return the network's input, the class of each place of `HALF`, and how much each counts."""
    deep, wide = (_part(rng, 0.55), _part(rng, 0.5))
    down, right = taper(GRID[0], SHAPE[0], *deep), taper(GRID[1], SHAPE[1], *wide)
    level = down @ level_db.astype(np.float32) @ right.T
    side = 1 if rng.random() < 0.5 else -1
    grey, share = _shown(level[:, ::side], range_db, rng)
    down, right = taper(HALF[0], SHAPE[0], *deep), taper(HALF[1], SHAPE[1], *wide)
    parts = [
        (down @ (labels == kind).astype(np.float32) @ right.T)[:, ::side]
        for kind in (FOCUS, MIMIC, WALL, UNSURE)
    ]
    kinds = np.zeros(HALF, np.int64)
    kinds[parts[2] > 2 * HELD] = WALL
    kinds[parts[1] > HELD] = MIMIC
    focus = parts[0] > HELD
    kinds[focus] = FOCUS
    worth = np.where(kinds == MIMIC, np.float32(MIMIC_WORTH), np.float32(1.0))
    worth[ndimage.binary_dilation(focus, np.ones((3, 3))) & ~focus] = 0.0
    worth[(parts[3] > 0.3 * HELD) & ~focus] = 0.0
    names, count = ndimage.label(focus, np.ones((3, 3)))
    if count:
        areas = np.bincount(names.ravel(), minlength=count + 1)
        each = FOCUS_WORTH * np.minimum(USUAL_AREA / np.maximum(areas, 1), 3.0) ** 0.7
        worth[focus] = each[names[focus]]
    worth[share[::2, ::2] < 0.5] = 0.0
    return make_input(grey, share), kinds, worth


def _part(rng: Rng, least: float) -> tuple[float, float]:
    """Return which stretch of the picture is shown, as shares of it: all of it in four of ten."""
    if rng.random() < 0.4:
        return 0.0, 1.0
    share = float(rng.uniform(least, 1.0))
    start = float(rng.uniform(0, 1 - share)) if rng.random() < 0.6 else 0.0
    return start, start + share


def _shown(level: Array, range_db: float, rng: Rng) -> tuple[Array, Array]:
    """Return grey levels, 0 to 255, and what of the grid is picture."""
    depth = np.linspace(0, 1, GRID[0], dtype=np.float32)[:, None]
    marks = rng.normal(0, rng.uniform(0, 4), size=int(rng.integers(2, 7)))
    level = level + np.interp(depth, np.linspace(0, 1, marks.size), marks).astype(np.float32)
    level = level + np.float32(rng.normal(0, 4))
    if rng.random() < 0.5:  # smoothed as sound: of power
        width = (float(rng.uniform(0, 1.4)), float(rng.uniform(0, 1.2)))
        level = ndimage.gaussian_filter(level, width)
    dynamic = np.float32(range_db if rng.random() < 0.4 else rng.uniform(35, 110))
    shown = np.clip(level / dynamic + np.float32(LIVER_GREY), 0, 1)
    grey = np.asarray(_map(shown, rng) * np.float32(255), np.float32)
    if rng.random() < 0.6:
        soft = (float(rng.uniform(0, 1.5)), float(rng.uniform(0, 1.2)))
        grey = ndimage.gaussian_filter(grey, soft)
    if rng.random() < 0.4:  # edges enhanced
        broad = ndimage.gaussian_filter(grey, float(rng.uniform(0.8, 2.5)))
        grey = grey + np.float32(rng.uniform(0.2, 1.5)) * (grey - broad)
    if rng.random() < 0.3:  # as blocks of a JPEG are off
        off = rng.normal(0, rng.uniform(0, 4), size=(GRID[0] // 8, GRID[1] // 8))
        grey = grey + np.repeat(np.repeat(off, 8, axis=0), 8, axis=1).astype(np.float32)
    grey = grey + rng.normal(0, rng.uniform(0, 4), size=GRID).astype(np.float32)
    if rng.random() < 0.35:
        _mark(grey, rng)
    return np.clip(np.rint(grey), 0, 255).astype(np.float32), _cut(grey, rng)


def _map(shown: Array, rng: Rng) -> Array:
    """Return what a grey map makes of it: a power, a bend in the middle, or steps that saturate early."""
    out = shown ** np.float32(np.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.4:
        knots = np.sort(rng.uniform(0, 1, 3))
        mixed = np.interp(out, (0, 0.25, 0.5, 0.75, 1), (0, *knots, 1)).astype(np.float32)
        out = 0.5 * (out + mixed)
    if rng.random() < 0.2:
        out = np.minimum(out / np.float32(rng.uniform(0.6, 1.0)), np.float32(1.0))
    return np.asarray(out, np.float32)


def _mark(grey: Array, rng: Rng) -> None:
    """Draw marks that a scanner leaves and nobody found: crosses, dots, ticks, dotted lines."""
    level = float(rng.uniform(120, 255))
    for _ in range(int(rng.integers(1, 6))):
        i, j = int(rng.integers(6, GRID[0] - 8)), int(rng.integers(4, GRID[1] - 6))
        kind = int(rng.integers(4))
        if kind == 0:
            arm = int(rng.integers(1, 4))
            grey[i - arm : i + arm + 1, j] = level
            grey[i, j - min(arm, 2) : j + min(arm, 2) + 1] = level
        elif kind == 1:
            grey[i : i + 2, j : j + 1 + int(rng.integers(2))] = level
        elif kind == 2:
            grey[i, j : j + int(rng.integers(2, 5))] = level
        else:
            grey[i : i + 60 : int(rng.integers(4, 12)), j] = level


def _cut(grey: Array, rng: Rng) -> Array:
    """Return what of the grid is picture, in one of four trimmed at the sides or the end; black beyond."""
    share = np.ones(GRID, np.float32)
    if rng.random() < 0.25:
        depth = np.linspace(0, 1, GRID[0])[:, None]
        side = np.linspace(-1, 1, GRID[1])[None]
        slope, end = rng.uniform(0, 0.5), rng.uniform(0.7, 1.0)
        beyond = np.abs(side) > 1.0 - slope * depth * (rng.random() < 0.6)
        beyond |= depth * np.cos(side * rng.uniform(0, 0.7)) > end
        share[beyond] = 0.0
        grey[beyond] = 0.0
    return share
