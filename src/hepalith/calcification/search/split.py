"""One bright piece, several bodies: cut at saddles, each ended at half of its contrast."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["split_at_saddles"]

SADDLE_SHARE = 0.5
"""Two maxima are two bodies when the saddle between them falls below this share of the lower one.
Two 3 mm beads 5 mm apart show 0.1–0.4 at 1–3 mm slices. Our judgement."""

SADDLE_SPREADS = 3.5
"""… and when the lower maximum stands this many noise deviations above the saddle."""

LEVELS = 12
"""Levels at which a body is cut to look for saddles."""

HALF = 0.5
"""A blurred edge stands at half of the contrast: the extent of a body ends there."""


def split_at_saddles(
    excess: NDArray[np.float32], seeds: NDArray[np.bool_], spread: float
) -> list[NDArray[np.bool_]]:
    """Return the extents of the bodies in one bright piece: cut at saddles, ended at half contrast."""
    cores = _cores(excess, excess > 0, seeds, spread)
    if len(cores) == 1:
        owner = None
    else:
        marks = np.zeros(excess.shape, np.int32)
        for n, core in enumerate(cores, start=1):
            marks[core] = n
        owner = _nearest_mark(marks)
    parts = []
    local_peak = ndimage.maximum_filter(excess, 3, mode="constant")
    for n, core in enumerate(cores, start=1):
        if not (core & seeds).any():
            continue
        mine = excess > 0 if owner is None else (excess > 0) & (owner == n)
        part = mine & (excess >= HALF * local_peak)
        peak = np.unravel_index(int(np.where(core, excess, 0).argmax()), excess.shape)
        small = int(core.sum()) <= 64
        if small:  # close to the blur: half of the one peak
            part = mine & (excess >= HALF * excess[peak])
        labels = cc3d.connected_components(part, connectivity=26)
        parts.append(labels == labels[peak])
    return parts


def _cores(
    excess: NDArray[np.float32], body: NDArray[np.bool_], seeds: NDArray[np.bool_], spread: float
) -> list[NDArray[np.bool_]]:
    """Return the parts of a body that saddles divide; parts without seed are not divided further."""
    done: list[NDArray[np.bool_]] = []
    waiting = [(body, float(excess[body].min()))]
    while waiting:
        part, base = waiting.pop()
        children = _divide(excess, part, base, spread) if (part & seeds).any() and part.sum() > 2 else []
        if len(children) > 1:
            waiting += children
        else:
            done.append(part)
    return done


def _divide(
    excess: NDArray[np.float32], part: NDArray[np.bool_], base: float, spread: float
) -> list[tuple[NDArray[np.bool_], float]]:
    """Return the two or more bodies into which a rising level cuts a part, with that level."""
    peak = float(excess[part].max())
    levels = np.geomspace(max(base, 1.0), max(peak * 0.97, base * 1.01, 1.01), LEVELS)
    for level in levels:
        labels, count = cc3d.connected_components(part & (excess >= level), connectivity=26, return_N=True)
        if count < 2:
            continue
        marked = labels > 0
        peaks = np.zeros(count + 1, np.float32)
        np.maximum.at(peaks, labels[marked], excess[marked])
        peaks = peaks[1:]
        tall = np.flatnonzero((peaks - level >= SADDLE_SPREADS * spread) & (level < SADDLE_SHARE * peaks)) + 1
        if tall.size > 1:
            return [(labels == n, float(level)) for n in tall]
    return []


def _nearest_mark(marks: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for every voxel the mark of the nearest marked voxel."""
    index = ndimage.distance_transform_edt(marks == 0, return_distances=False, return_indices=True)
    return np.asarray(marks[tuple(index)])
