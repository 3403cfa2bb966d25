"""The grey level of plain liver at every place of an ultrasound picture: gain, attenuation, contact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.cells import Cells

__all__ = ["first_field", "follow_liver"]

WINDOW = (31, 19)
"""Cells along and across over which the level of liver may bend: a quarter of the picture, so that a mass
or a vessel is not taken for the liver's own level, while focal zones and poor contact are."""

ROBUST = 2.5
"""Departures beyond this many standard deviations of speckle hardly weigh."""

PRIOR = 0.03
"""Weight of the field found so far where a window holds hardly any liver: 3 % of a full window."""

EVERY = 2
"""Every second cell goes into a median: neighbours share three quarters of their 3 × 3 cells anyway."""

KNOWN = 0.05
"""A row or column of cells whose liver weighs less than this share of the best row's or column's says
nothing of the liver's level."""


def first_field(cells: Cells, weight: NDArray[np.floating], rounds: int = 2) -> NDArray[np.float32]:
    """Return a level that is a sum of one course over depth and one over the lines.

    A line's gain (contact, fat above it) and a depth's gain (time gain, focal zones, attenuation) act on the
    amplitude as factors, and so on compressed levels as sums. Each course is a weighted median, so that up to
    half of a row or column may be something else than liver.

    Parameters
    ----------
    weight
        Shape (cell along, cell across): how far a cell is believed to be liver.
    """
    level = cells.smooth
    base = np.maximum(weight, 1e-9).astype(np.float32)
    across = _course(_median(level, base, 0)[0], base.sum(0), 7)[None]
    along = np.zeros((level.shape[0], 1), dtype=np.float32)
    for _ in range(rounds):
        now = base * _near(level - across - along, 3 * cells.speckle)
        along = _course(_median(level - across, now, 1)[:, 0], now.sum(1), 11)[:, None]
        now = base * _near(level - across - along, 3 * cells.speckle)
        across = _course(_median(level - along, now, 0)[0], now.sum(0), 7)[None]
    return np.asarray(along + across, dtype=np.float32)


def follow_liver(
    cells: Cells, field: NDArray[np.float32], weight: NDArray[np.floating], rounds: int = 2
) -> NDArray[np.float32]:
    """Return `field` bent to the liver's own level within `WINDOW`, departures beyond `ROBUST` left aside."""
    for _ in range(rounds):
        apart = cells.smooth - field
        now = (weight * _near(apart, ROBUST * cells.speckle)).astype(np.float32)
        mean = _window(now * apart) / (_window(now) + np.float32(PRIOR))
        field = np.asarray(field + mean, dtype=np.float32)
    return field


def _near(apart: NDArray[np.floating], width: float) -> NDArray[np.float32]:
    """Return a weight that falls with the distance of a level from the field."""
    return np.asarray(np.exp(-0.5 * (apart / np.float32(width)) ** 2) + 1e-6, dtype=np.float32)


def _window(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over the window, twice, so that its edges are soft."""
    once = ndimage.uniform_filter(values, WINDOW, mode="constant")
    return np.asarray(ndimage.uniform_filter(once, WINDOW, mode="constant"), dtype=np.float32)


def _course(values: NDArray[np.floating], weight: NDArray[np.floating], width: int) -> NDArray[np.float32]:
    """Return a smoothed course of values, each weighing as much as is known of it.

    Where next to nothing is known the nearest known value goes on: a liver's level is not to be read off
    what lies beyond the liver.
    """
    known = weight > KNOWN * weight.max(initial=1e-9)
    place = np.arange(len(values))
    filled = np.interp(place, place[known], values[known]) if known.any() else values
    sure = np.where(known, weight, KNOWN * weight.max(initial=1e-9))
    parts = []
    for part in (filled * sure, sure):
        once = ndimage.uniform_filter1d(part, width, mode="nearest")
        parts.append(ndimage.uniform_filter1d(once, width, mode="nearest"))
    return np.asarray(parts[0] / parts[1], dtype=np.float32)


def _median(values: NDArray[np.float32], weight: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return the weighted median along `axis`, that axis kept."""
    values = values[::EVERY] if axis == 0 else values[:, ::EVERY]
    weight = weight[::EVERY] if axis == 0 else weight[:, ::EVERY]
    order = np.argsort(values, axis=axis)
    ordered = np.take_along_axis(values, order, axis)
    heap = np.cumsum(np.take_along_axis(weight, order, axis), axis=axis)
    half = 0.5 * np.take(heap, [-1], axis=axis)
    middle = (heap >= half).argmax(axis=axis)
    return np.asarray(np.take_along_axis(ordered, np.expand_dims(middle, axis), axis), dtype=np.float32)
