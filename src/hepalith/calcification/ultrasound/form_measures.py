"""What the form of a bright body is told by: its extent against the point spread, and its dips."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from hepalith.calcification.ultrasound.body import Bright, Caliper
from hepalith.calcification.ultrasound.scale import Scales
from hepalith.image.beam import BeamGrid

__all__ = ["FORM_MEASURES", "measure_form"]

FORM_MEASURES = (
    "size", "width", "area", "known", "length_blur", "width_blur", "ratio", "major", "minor", "slender",
    "tilt", "solid", "hole", "strokes", "parts", "middle", "flat", "rough", "contrast", "thick", "thickest",
    "uneven", "bend", "down_peaks", "down_dip", "down_gap", "down_even", "along_peaks", "along_dip",
    "along_gap", "along_even",
)  # fmt: skip
"""Names of what :func:`measure_form` returns: logarithms of sizes in mm; extents in widths of the point
spread; brightness as a share of the body's contrast."""

USUAL_DEPTH_MM, SHALLOW_DEPTH_MM = 150.0, 65.0
"""Depth of a fan and of a rectangle that is assumed where pixels have no size. Livers are scanned 115 to
185 mm deep with the first, their surface 50 to 80 mm with the other (our judgement, as the phantoms have
it)."""

LEAST_WIDTH = 0.35
"""Least width of a body in widths of the point spread that its length is taken over."""

TO_SIGMA = 1 / 2.355
"""Standard deviation of a Gaussian of full width at half height 1."""

ROUND_CELLS = 3.0
"""Speckle cells about a body that are looked at with it: what dips beside it is seen, too."""

PEAK_FROM = 0.35
"""Share of a profile's height from which a place higher than both its neighbours is a peak. Our judgement."""

REAL_DIP = 0.05
"""Share of a profile's height by which it must fall between two peaks for both to count. Our judgement."""


def measure_form(body: Bright, caliper: Caliper, scales: Scales, grid: BeamGrid) -> NDArray[np.float64]:
    """Return `FORM_MEASURES` of a body.

    Notes
    -----
    The point spread is an ellipse: a pulse along the beam, as wide as the beam across. Half of its variance
    is taken off the body's own moments, along its longest axis and across. Strokes behind one another show
    as a dip of the profile along the beam, beads as dips along the body, a ring as a dark middle.
    """
    z, own = _window(body, scales)
    step, across = grid.step_px, float(scales.width_px[round(body.centre[0])])
    pulse, beam = scales.cell.samples * step, scales.cell.lines * across
    point = math.hypot(pulse, beam)
    rows, lines = np.nonzero(own)
    x, y = (lines - lines.mean()) * across, (rows - rows.mean()) * step
    top = max(body.contrast, 0.5)
    spread, axes = _moments(x, y, np.maximum(z[own] - body.base, 0.0) + 1e-3)
    blur = [TO_SIGMA * math.hypot(beam * float(axes[0, k]), pulse * float(axes[1, k])) for k in (0, 1)]
    minor, major = (
        math.sqrt(max(spread[k] - 0.5 * blur[k] ** 2, 0.05 * blur[k] ** 2)) / point for k in (0, 1)
    )
    along = axes[:, 1]
    turn = abs(math.atan2(float(along[1]), float(along[0])))
    mm = _mm_per_px(grid)
    area = float(own.sum()) * step * across
    down = ndimage.gaussian_filter1d(_down(z, own), 0.2 * scales.cell.samples)
    place = np.indices(z.shape, dtype=np.float64)
    px, py = (place[1] - lines.mean()) * across, (place[0] - rows.mean()) * step
    run, aside = px * along[0] + py * along[1], py * along[0] - px * along[1]
    length = caliper.length_px / 2 + 1.5 * point
    near = (np.abs(aside) < max(0.5 * point, 1.2 * math.sqrt(spread[0]))) & (np.abs(run) < length)
    unit = max(0.47 * blur[1], 0.3)
    profile = _means(run[near] + length, z[near], unit, 2 * length, body.base)
    thick = _thickness(run[own] - float(run[own].min()), unit, step * across) / point
    return np.array(
        [
            math.log(caliper.length_px * mm),
            math.log(max(caliper.width_px, 0.2 * point) * mm),
            math.log(area * mm**2),
            float(grid.mm_per_px is not None),
            caliper.length_px / max(caliper.blur_px, 1e-6),
            caliper.width_px / point,
            math.log(caliper.length_px / max(caliper.width_px, LEAST_WIDTH * point)),
            major,
            minor,
            math.log(major / minor),
            min(turn, math.pi - turn),
            area / max(_hull(x, y, (across, step)), 1e-6),
            _enclosed(body.mask) / max(1.0, float(body.mask.sum())),
            float(body.strokes),
            float(min(body.parts, 5)),
            (_middle(z, rows, lines, scales) - body.base) / top,
            float(np.median(z[own]) - body.base) / max(float(z[own].max()) - body.base, 0.5),
            float(z[own].std()) / top,
            body.contrast,
            float(np.median(thick)),
            float(thick.max()),
            float(thick[1:-1].std() / max(float(thick[1:-1].mean()), 0.1)) if thick.size > 4 else 0.0,
            _bend(run[own], aside[own]) * caliper.length_px,
            *_dips(down, body.base, scales.cell.samples),
            *_dips(ndimage.gaussian_filter1d(profile, 0.6), body.base, blur[1] / TO_SIGMA / unit),
        ]
    )


def _mm_per_px(grid: BeamGrid) -> float:
    """Return the size of a pixel, by the usual depth of such a picture where it is not known."""
    if grid.mm_per_px is not None:
        return grid.mm_per_px
    deep = USUAL_DEPTH_MM if grid.sector.shape == "fan" else SHALLOW_DEPTH_MM
    return deep / max(grid.step_px * grid.shape[0], 1.0)


def _window(body: Bright, scales: Scales) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the deviations of speckle in a window about a body, and the body's own places in it."""
    cell = scales.cell
    pad = (max(3, round(ROUND_CELLS * cell.samples)), max(3, round(ROUND_CELLS * cell.lines)))
    rows, lines = body.slices
    window = (
        slice(max(0, rows.start - pad[0]), rows.stop + pad[0]),
        slice(max(0, lines.start - pad[1]), lines.stop + pad[1]),
    )
    z = scales.z[window]
    own = np.zeros(z.shape, np.bool_)
    top, left = rows.start - window[0].start, lines.start - window[1].start
    own[top : top + body.mask.shape[0], left : left + body.mask.shape[1]] = body.mask
    return z, own


def _moments(
    x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the variances of a body's places along its axes, the lesser first, and the axes as columns."""
    share = weight / weight.sum()
    u, v = x - float(share @ x), y - float(share @ y)
    table = np.array([[share @ (u * u), share @ (u * v)], [share @ (u * v), share @ (v * v)]], np.float64)
    values, axes = np.linalg.eigh(table + 1e-6 * np.eye(2))
    return values, axes


def _hull(x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[float, float]) -> float:
    """Return the area of the convex hull of places of a size."""
    u, v = size[0] / 2, size[1] / 2
    corners = np.concatenate([np.stack([x + a, y + b], axis=1) for a in (-u, u) for b in (-v, v)])
    try:
        return float(ConvexHull(corners).volume)
    except QhullError:
        return float(x.size) * size[0] * size[1]


def _enclosed(mask: NDArray[np.bool_]) -> float:
    """Return how many places a body encloses: what is not reached from outside, step by step."""
    if min(mask.shape) < 3:
        return 0.0
    names, count = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return float((names > 0).sum() - (names == names[0, 0]).sum()) if count > 1 else 0.0


def _middle(
    z: NDArray[np.float32], rows: NDArray[np.int64], lines: NDArray[np.int64], scales: Scales
) -> float:
    """Return the brightness at a body's middle, smoothed over half a speckle cell."""
    cell = scales.cell
    soft = ndimage.gaussian_filter(z, (0.25 * cell.samples, 0.25 * cell.lines))
    i, j = round(float(rows.mean())), round(float(lines.mean()))
    a, b = max(1, round(0.3 * cell.samples)), max(1, round(0.3 * cell.lines))
    return float(soft[max(0, i - a) : i + a + 1, max(0, j - b) : j + b + 1].mean())


def _down(z: NDArray[np.float32], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the profile along the beam through the middle three fifths of a body's lines."""
    held = np.flatnonzero(own.any(axis=0))
    first, last = int(held[0]), int(held[-1]) + 1
    trim = max(1, int(0.2 * (last - first)))
    return np.asarray(z[:, first + trim : max(last - trim, first + trim + 1)].mean(axis=1, dtype=np.float64))


def _means(
    run: NDArray[np.float64], values: NDArray[np.float32], unit: float, length: float, empty: float
) -> NDArray[np.float64]:
    """Return the means of values in steps of `unit` along a run."""
    at = (run / unit).astype(np.int64)
    count = int(length / unit) + 1
    held = np.bincount(at, minlength=count)[:count]
    total = np.bincount(at, weights=values, minlength=count)[:count]
    return np.asarray(np.where(held > 0, total / np.maximum(held, 1), empty))


def _thickness(run: NDArray[np.float64], unit: float, place: float) -> NDArray[np.float64]:
    """Return how thick a body is, step by step along it."""
    held = np.bincount((run / (2 * unit)).astype(np.int64)) * place / (2 * unit)
    return np.asarray(held[held > 0])


def _bend(run: NDArray[np.float64], aside: NDArray[np.float64]) -> float:
    """Return how much a body curves: the square term of a parabola through its places."""
    if run.size < 9 or float(np.ptp(run)) <= 0:
        return 0.0
    return abs(float(np.polyfit(run, aside, 2)[0]))


def _dips(profile: NDArray[np.float64], base: float, cell: float) -> tuple[float, float, float, float]:
    """Return how many peaks a profile has, its deepest dip, that one's width in cells, and the mean dip.

    Examples
    --------
    >>> _dips(np.array([0.0, 4.0, 1.0, 4.0, 0.0]), 0.0, 1.0)
    (2.0, 0.75, 2.0, 0.75)
    """
    height = max(float(profile.max()) - base, 0.1)
    inner = profile[1:-1]
    high = (inner >= profile[:-2]) & (inner > profile[2:]) & (inner - base > PEAK_FROM * height)
    peaks = np.flatnonzero(high) + 1
    if peaks.size < 2:
        return float(peaks.size), 0.0, 0.0, 0.0
    falls = np.array(
        [(min(profile[a], profile[b]) - profile[a : b + 1].min()) / height for a, b in pairwise(peaks)]
    )
    real = falls > REAL_DIP
    deepest = int(falls.argmax())
    even = float(falls[real].mean()) if real.any() else 0.0
    return 1.0 + float(real.sum()), float(falls[deepest]), float(np.diff(peaks)[deepest]) / cell, even
