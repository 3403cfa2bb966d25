"""The trail of a bright body: what the beam lines that met it show behind it, against those that did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.ultrasound_body import Bright
from hepalith.calcification.ultrasound_scale import Cell

__all__ = ["Ground", "Trail", "measure_trail"]

LONGEST_SHARE = 1 / 3
"""How far behind a body its trail is followed, as a share of the picture's depth: farther off other things
lie behind it. Our judgement."""

GAP_CELLS = 1.0
"""Speckle cells left out behind a body: the tail of its own pulse."""

BIN_CELLS = 2.0
"""Height of the windows a trail is cut into, in speckle cells."""

CORE_SHARE = 0.7
"""Share of a body's width, in its middle, behind which its trail is measured: the beams at its rim pass half
by."""

BESIDE_CELLS = 0.75
"""Speckle cells left out on either side between the body's beams and the neighbours."""

SIDE_LEAST, SIDE_MOST = 5, 24
"""Lines on either side that serve as neighbours: as many as the body is wide, within these bounds."""

LEAST_LEVEL = 10.0
"""Grey levels above black that the neighbours must show for a share of them to be missed. Below it noise,
JPEG and the display's threshold decide. Our judgement."""

LEAST_BINS = 2
"""Fewest windows from which a trail is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a trail is measured on, all (sample, line) on the beam grid.

    `levels` are grey levels, `seen` where the picture is, `plain` where a neighbour may be looked at: heard
    tissue without dark bodies, bright lines and other foci. `black` is the picture's darkest level.
    """

    levels: NDArray[np.float32]
    seen: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    spread: NDArray[np.float32]
    black: float
    cell: Cell


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """Shares of the neighbours' brightness missing behind a body, window by window away from it.

    Parameters
    ----------
    missing, sd
        Shares (0: none, 1: black, below 0: brighter) and their standard deviations, one a window.
    index, index_sd
        Their weighted mean and its standard deviation.
    near, middle, far
        Means of the first two windows, of the middle and of the last third.
    sharp
        Steepness of the edges: the share of the fall reached within one speckle cell, 0 to 1.
    ripple
        Evenly repeated stripes: the largest correlation of the trail's middle with itself, one to six cells
        on.
    length
        How far it was followed, in samples.
    lopsided
        Difference of the two sides as a share of their mean: what lies behind differs across.
    """

    missing: NDArray[np.float64]
    sd: NDArray[np.float64]
    index: float
    index_sd: float
    near: float
    middle: float
    far: float
    sharp: float
    ripple: float
    length: int
    lopsided: float


def measure_trail(ground: Ground, body: Bright) -> Trail | str:
    """Return the trail of a body, or why none can be measured.

    Notes
    -----
    Beam line against beam line at the same depth takes gain, attenuation and focus out. The missing share is
    of the grey level above black, as an eye sees it; grey being logarithmic, it depends on the display's
    range.
    """
    bottom = body.start[0] + body.mask.shape[0]
    first = bottom + max(2, round(GAP_CELLS * ground.cell.samples))
    depth = ground.levels.shape[0]
    last = min(depth, first + round(LONGEST_SHARE * depth))
    tall = max(3, round(BIN_CELLS * ground.cell.samples))
    bins = (last - first) // tall
    if bins < LEAST_BINS:
        return "the picture ends behind it"
    core, left, right = _columns(body, ground)
    if left is None and right is None:
        return "there is nothing beside it to compare with"
    rows = slice(first, first + bins * tall)
    middle = _of_bins(ground.levels, ground.seen, rows, core, tall)
    sides = [
        _of_bins(ground.levels, ground.plain, rows, side, tall) for side in (left, right) if side is not None
    ]
    reference, doubt = _join_sides(sides)
    above = reference - ground.black
    good = np.isfinite(middle[0]) & np.isfinite(reference) & (above >= LEAST_LEVEL)
    if good.sum() < LEAST_BINS:
        return "too little liver that can be heard lies behind it"
    stop = _first_run(good)
    cells = max(1.0, (core.stop - core.start) / ground.cell.lines) * tall / ground.cell.samples
    speckle = float(np.median(ground.spread[rows, core])) / np.sqrt(cells)
    kept = good[:stop]
    missing = 1.0 - (middle[0][:stop][kept] - ground.black) / above[:stop][kept]
    sd = np.hypot(speckle, doubt[:stop][kept]) / above[:stop][kept]
    if missing.size < LEAST_BINS:
        return "too little liver that can be heard lies behind it"
    return _summary(ground, body, (missing, sd), rows, (core, left, right))


def _columns(body: Bright, ground: Ground) -> tuple[slice, slice | None, slice | None]:
    """Return the lines behind a body and those on either side, ``None`` where the picture ends."""
    l0, l1 = body.lines
    wide = l1 - l0
    centre = l0 + wide / 2
    half = max(1.5, CORE_SHARE * wide / 2)
    across = ground.levels.shape[1]
    core = slice(
        max(0, round(centre - half)), min(across, max(round(centre + half), round(centre - half) + 3))
    )
    gap = max(2, round(BESIDE_CELLS * ground.cell.lines))
    n = int(np.clip(wide, SIDE_LEAST, SIDE_MOST))
    left = slice(max(0, l0 - gap - n), max(0, l0 - gap))
    right = slice(min(across, l1 + gap), min(across, l1 + gap + n))
    return (
        core,
        left if left.stop - left.start >= 3 else None,
        right if right.stop - right.start >= 3 else None,
    )


def _of_bins(
    levels: NDArray[np.float32], allowed: NDArray[np.bool_], rows: slice, columns: slice, tall: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean level of each window (NaN where little is allowed) and its samples."""
    ok = allowed[rows, columns]
    value = np.where(ok, levels[rows, columns], 0.0)
    count = ok.reshape(-1, tall * ok.shape[1]).sum(axis=1).astype(np.float64)
    total = value.reshape(-1, tall * ok.shape[1]).sum(axis=1, dtype=np.float64)
    enough = count >= tall * ok.shape[1] / 3
    return np.where(enough, total / np.maximum(count, 1.0), np.nan), count


def _join_sides(
    sides: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what both sides show, and half their difference; one side alone where the other is not plain."""
    if len(sides) == 1:
        return sides[0][0], 0.1 * np.abs(np.nan_to_num(sides[0][0]))
    (a, _), (b, _) = sides
    both = (a + b) / 2
    one = np.where(np.isfinite(a), a, b)
    joined = np.where(np.isfinite(both), both, one)
    doubt = np.where(np.isfinite(both), np.abs(a - b) / 4, 0.1 * np.abs(joined))
    return joined, np.nan_to_num(doubt)


def _first_run(good: NDArray[np.bool_]) -> int:
    """Return where the first two windows in a row cannot be judged: what lies beyond is another structure."""
    bad = ~good
    pairs = np.flatnonzero(bad[:-1] & bad[1:])
    return int(pairs[0]) if pairs.size and pairs[0] >= LEAST_BINS else int(good.size)


def _summary(
    ground: Ground,
    body: Bright,
    shares: tuple[NDArray[np.float64], NDArray[np.float64]],
    rows: slice,
    columns: tuple[slice, slice | None, slice | None],
) -> Trail:
    """Return the trail with its means, edges and stripes."""
    core, left, right = columns
    missing, sd = shares
    n = missing.size
    tall = max(3, round(BIN_CELLS * ground.cell.samples))
    weight = 1.0 / np.maximum(sd, 0.02) ** 2
    index = float((weight * missing).sum() / weight.sum())
    third = max(1, n // 3)
    length = n * tall
    used = slice(rows.start, rows.start + length)
    middle = ground.levels[used, core].mean(axis=1, dtype=np.float64)
    outer = [float(ground.levels[used, side].mean()) for side in (left, right) if side is not None]
    lopsided = abs(outer[0] - outer[-1]) / max(float(np.mean(outer)) - ground.black, 1.0)
    spread = float(np.sqrt(1.0 / weight.sum())) + 0.25 * lopsided / max(1.0, np.sqrt(n))
    return Trail(
        missing,
        sd,
        index,
        spread,
        float(missing[: min(2, n)].mean()),
        float(missing[third : n - third].mean()) if n > 2 * third else index,
        float(missing[n - third :].mean()),
        _sharpness(ground, body, used),
        _ripple(middle, ground.cell.samples),
        length,
        lopsided,
    )


def _sharpness(ground: Ground, body: Bright, rows: slice) -> float:
    """Return how much of the fall from the neighbours to the middle is reached within one speckle cell."""
    l0, l1 = body.lines
    reach = max(3, round(1.5 * ground.cell.lines))
    across = ground.levels.shape[1]
    profile = ground.levels[rows, max(0, l0 - reach) : min(across, l1 + reach)].mean(axis=0, dtype=np.float64)
    if profile.size < 6:
        return 0.0
    fall = float(np.quantile(profile, 0.9) - np.quantile(profile, 0.1))
    one = max(1, round(ground.cell.lines))
    steps = np.abs(profile[one:] - profile[:-one])
    return float(np.clip(steps.max() / max(fall, 1.0), 0.0, 1.0)) if fall > 0 else 0.0


def _ripple(trail: NDArray[np.float64], cell: float) -> float:
    """Return the largest correlation of a trail with itself one to six cells on, its slope taken off."""
    n = trail.size
    if n < 6 * cell:
        return 0.0
    at = np.linspace(-1.0, 1.0, n)
    left = trail - np.polyval(np.polyfit(at, trail, 2), at)
    power = float(left @ left)
    if power <= 0:
        return 0.0
    lags = range(max(2, round(1.5 * cell)), min(round(6 * cell), n // 2))
    return max((float(left[k:] @ left[:-k]) / power * n / (n - k) for k in lags), default=0.0)
