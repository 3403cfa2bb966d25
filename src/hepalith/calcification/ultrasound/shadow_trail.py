"""The trail of a bright body: what the beam lines that met it show behind it, against those that did not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.ultrasound.body import Bright
from hepalith.calcification.ultrasound.scale import Cell
from hepalith.calcification.ultrasound.shadow_cut import DISPLAYED_DB, Ground, cut_trail

__all__ = ["Trail", "measure_trail"]

LONGEST_SHARE = 0.16
"""How far behind a body its trail is followed, as a share of the picture's depth: about 20 to 25 mm of a
liver picture. Farther off other things lie behind it. Our judgement."""

GAP_CELLS = 1.0
"""Speckle cells left out behind a body: the tail of its own pulse."""

BIN_CELLS = 1.5
"""Height of the windows a trail is cut into, in speckle cells."""

CORE_SHARE = 0.7
"""Share of a body's width, in its middle, behind which its trail is measured: beams at its rim pass half
by."""

BESIDE_CELLS = 0.75
"""Speckle cells left out on either side between the body's beams and the neighbours."""

SIDE_LEAST, SIDE_MOST = 8, 30
"""Lines on either side that serve as neighbours: 1.5 times as many as the body is wide, within these
bounds."""

LEAST_LEVEL = 10.0
"""Grey levels above black that the neighbours must show for a share of them to be missed. Below it noise,
JPEG and the display's threshold decide. Our judgement."""

LEAST_BINS = 2
"""Fewest windows from which a trail is judged."""

MOST_BEFORE = 0.4
"""Missing share in front of a body above which it lies in the shadow of another: what is seen behind both is
their common shadow, and is left as it is. Our judgement."""

TORN = 0.35
"""Difference of the two sides, as a share of their mean, from which only the one that looks like the
picture's liver is believed: the other holds a shadow, a vessel or a border. Our judgement."""

UNEVEN = 0.05
"""Share of brightness by which plain tissue differs across a picture: what lies before a body is believed to
hold behind it too only beyond that. Our judgement."""


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """Shares of the neighbours' brightness missing behind a body, window by window away from it.

    Parameters
    ----------
    missing, sd
        Shares (0: none, 1: black, below 0: brighter) and their standard deviations, one a window.
    index, index_sd
        Their mean and its standard deviation.
    drop_db
        The same in decibels of echo, were the display to show `DISPLAYED_DB`.
    near, middle, far
        Means of the first third, of the middle and of the last third.
    before
        Share missing just in front of the body, which was taken off.
    sharp
        Steepness of the edges: the share of the fall reached within one speckle cell, 0 to 1.
    ripple
        Evenly repeated stripes: the largest correlation of the trail's middle with itself, one to six cells
        on.
    lopsided
        Difference of the two sides as a share of their mean: what lies behind differs across.
    cut
        Its table, `shadow_cut.MEASURES`.
    """

    missing: NDArray[np.float64]
    sd: NDArray[np.float64]
    index: float
    index_sd: float
    drop_db: float
    near: float
    middle: float
    far: float
    before: float
    sharp: float
    ripple: float
    lopsided: float
    cut: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Beams:
    """Columns behind a body and on either side (``None`` where the picture ends), and the windows' height."""

    core: slice
    sides: tuple[slice, ...]
    tall: int


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    """What windows show along the core and beside it, and how sure the latter is; NaN where not known."""

    core: NDArray[np.float64]
    beside: NDArray[np.float64]
    doubt: NDArray[np.float64]
    lopsided: NDArray[np.float64]


def measure_trail(ground: Ground, body: Bright) -> Trail | str:
    """Return the trail of a body, or why none can be measured.

    Notes
    -----
    Beam line against beam line at the same depth takes gain, attenuation and focus out; of each side the
    median line is taken, so that a vessel or a wall among the neighbours does not count; what is missing in
    front of the body already is not its doing. The missing share is of the grey level above black, as an eye
    sees it.
    """
    beams = _beams(body, ground)
    if not beams.sides:
        return "there is nothing beside it to compare with"
    gap = max(2, round(GAP_CELLS * ground.cell.samples))
    first = body.start[0] + body.mask.shape[0] + gap
    depth = ground.levels.shape[0]
    bins = (min(depth, first + round(LONGEST_SHARE * depth)) - first) // beams.tall
    if bins < LEAST_BINS:
        return "the picture ends behind it"
    rows = slice(first, first + bins * beams.tall)
    profile, good = _profile(ground, beams, rows, _allowed_behind(ground, beams, rows))
    stop = _first_run(good)
    kept = good[:stop]
    if kept.sum() < LEAST_BINS:
        return "too little liver that can be heard lies behind it"
    above = profile.beside[:stop][kept] - ground.black
    missing = 1.0 - (profile.core[:stop][kept] - ground.black) / above
    cells = max(1.0, (beams.core.stop - beams.core.start) / ground.cell.lines)
    speckle = _middle(ground.spread[rows, beams.core]) / np.sqrt(cells)
    sd = np.hypot(speckle, profile.doubt[:stop][kept]) / above
    before = _before(ground, beams, body.start[0] - gap)
    missing = 1.0 - (1.0 - missing) / max(1.0 - before, 0.4)
    used = slice(first, first + stop * beams.tall)
    lopsided = float(profile.lopsided[:stop][kept].mean())
    return _summary(ground, body, (missing, sd, above), (beams, used), (before, lopsided))


def _beams(body: Bright, ground: Ground) -> _Beams:
    """Return the lines behind a body and those on either side."""
    l0, l1 = body.lines
    wide = l1 - l0
    centre, half = l0 + wide / 2, max(1.5, CORE_SHARE * wide / 2)
    across = ground.levels.shape[1]
    core = slice(
        max(0, round(centre - half)), min(across, max(round(centre + half), round(centre - half) + 3))
    )
    gap = max(2, round(BESIDE_CELLS * ground.cell.lines))
    n = int(min(max(1.5 * wide, SIDE_LEAST), SIDE_MOST))
    left = slice(max(0, l0 - gap - n), max(0, l0 - gap))
    right = slice(min(across, l1 + gap), min(across, l1 + gap + n))
    sides = tuple(side for side in (left, right) if side.stop - side.start >= 4)
    return _Beams(core, sides, max(3, round(BIN_CELLS * ground.cell.samples)))


def _profile(
    ground: Ground, beams: _Beams, rows: slice, allowed: NDArray[np.bool_]
) -> tuple[_Profile, NDArray[np.bool_]]:
    """Return what the windows show and which can be judged, with the strictest neighbours that do.

    `allowed` is where the core may be looked at: its lines, from the first window to the last.
    """
    core = _mean_of_known(_line_means(ground.levels[rows, beams.core], allowed, beams.tall))
    beside = [(rows, side) for side in beams.sides]
    levels, usual = ([field[at] for at in beside] for field in (ground.levels, ground.background))
    for plain in ground.plain:
        sides = _sides(levels, [plain[at] for at in beside], beams.tall, ground.cell)
        profile = _joined(core, sides, usual)
        above = profile.beside - ground.black
        good = np.isfinite(core) & (above >= LEAST_LEVEL)  # NaN is neither
        if good[: 2 * LEAST_BINS].sum() >= LEAST_BINS:
            break
    return profile, good


def _mean_of_known(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the known lines of each window; NaN where fewer than half are known."""
    known = np.isfinite(lines)
    count = known.sum(axis=1)
    total = np.where(known, lines, 0.0).sum(axis=1)
    return np.where(2 * count >= lines.shape[1], total / np.maximum(count, 1), np.nan)


def _line_means(levels: NDArray[np.float32], ok: NDArray[np.bool_], tall: int) -> NDArray[np.float64]:
    """Return the mean of each line in each window, (window, line); NaN where less than half is `ok`."""
    shape = (-1, tall, ok.shape[1])
    count = np.add.reduce(ok.reshape(shape), axis=1, dtype=np.int32)
    total = np.add.reduce((levels * ok).reshape(shape), axis=1, dtype=np.float64)
    total[2 * count < tall] = np.nan
    return np.asarray(total / np.maximum(count, 1))


def _sides(
    levels: list[NDArray[np.float32]], plain: list[NDArray[np.bool_]], tall: int, cell: Cell
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return, for each side, the median line of each window and its standard error.

    NaN where fewer than three lines are known. Both sides are worked on as one table, the narrower one filled
    up with lines that are not known.
    """
    lines = _line_means(np.concatenate(levels, axis=1), np.concatenate(plain, axis=1), tall)
    most, first = max(side.shape[1] for side in levels), levels[0].shape[1]
    table = np.full((len(levels), lines.shape[0], most), np.nan)
    table[0, :, :first] = lines[:, :first]
    if len(levels) > 1:
        table[1, :, : lines.shape[1] - first] = lines[:, first:]
    table.sort(axis=2)
    known = np.isfinite(table).sum(axis=2)
    last = np.maximum(known - 1, 0)
    at = np.stack([last // 2, (last + 1) // 2, last // 4, (3 * last) // 4], axis=2)
    low, high, quarter, three = np.moveaxis(np.take_along_axis(table, at, axis=2), 2, 0)
    error = 0.93 * (three - quarter) / np.sqrt(np.maximum(known / cell.lines, 1.0))
    middle = (low + high) / 2
    middle[known < 3] = error[known < 3] = np.nan
    return list(zip(middle, error, strict=True))


def _joined(
    core: NDArray[np.float64],
    sides: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    usual: list[NDArray[np.float32]],
) -> _Profile:
    """Return what both sides show, with half their difference as doubt; one side alone is doubted more.

    Where the sides are torn apart, the one nearer to the liver of this picture at this depth is taken.
    """
    (a, da), (b, db) = sides[0], sides[-1]
    both = (a + b) / 2
    apart = np.abs(a - b)
    paired = np.isfinite(both) & (len(sides) == 2)
    torn = paired & (apart > TORN * np.abs(both))
    first = np.isfinite(a)
    if torn.any():
        left, right = (side.reshape(a.size, -1).mean(axis=1) for side in (usual[0], usual[-1]))
        first = np.where(torn, np.abs(a - left) <= np.abs(b - right), first)
    one, error = np.where(first, a, b), np.where(first, da, db)
    paired &= ~torn
    beside = np.where(paired, both, one)
    doubt = np.where(paired, np.hypot((da + db) / 3, apart / 4), np.hypot(error, 0.1 * one))
    lopsided = np.where(paired, apart / np.maximum(np.abs(both), 1.0), np.where(torn, TORN, 0.0))
    return _Profile(core, beside, np.where(np.isnan(doubt), 0.0, doubt), lopsided)


def _allowed_behind(ground: Ground, beams: _Beams, rows: slice) -> NDArray[np.bool_]:
    """Return where the core may be looked at behind a body.

    A long bright line is not what sound left of the liver, nor is a dark body that reaches far to the side: a
    shadow keeps to its beams, and may have been taken for a dark body itself.
    """
    core = ground.dark[rows, beams.core]
    allowed = ground.seen[rows, beams.core] & (ground.lines[rows, beams.core] == 0)
    held = np.bincount(core.ravel())
    if held.size > 1:
        wide = slice(beams.sides[0].start, beams.sides[-1].stop)
        near = np.bincount(ground.dark[rows, wide].ravel(), minlength=held.size)
        for label in np.flatnonzero((held > 0) & (2 * held < near[: held.size])).tolist():
            if label:
                allowed &= core != label
    return np.asarray(allowed, np.bool_)


def _before(ground: Ground, beams: _Beams, stop: int) -> float:
    """Return the share that is missing in front of a body already, drawn to nothing where it is little."""
    rows = slice(stop - 3 * beams.tall, stop)
    if rows.start < 0:
        return 0.0
    profile, good = _profile(ground, beams, rows, ground.plain[0][rows, beams.core])
    if good.sum() < LEAST_BINS:
        return 0.0
    above = profile.beside[good] - ground.black
    missing = float((1.0 - (profile.core[good] - ground.black) / above).mean())
    if abs(missing) > MOST_BEFORE:
        return 0.0
    speckle = _middle(ground.spread[rows, beams.core])
    cells = max(1.0, (beams.core.stop - beams.core.start) / ground.cell.lines) * 3
    sd = float(np.hypot(speckle / np.sqrt(cells), np.mean(profile.doubt[good])) / np.mean(above))
    return missing * missing**2 / (missing**2 + sd**2 + UNEVEN**2)


def _middle(values: NDArray[np.floating]) -> float:
    """Return the median of a few values."""
    ordered = np.sort(values, axis=None)
    return (float(ordered[(ordered.size - 1) // 2]) + float(ordered[ordered.size // 2])) / 2


def _first_run(good: NDArray[np.bool_]) -> int:
    """Return where the first two windows in a row cannot be judged: what lies beyond is another structure."""
    bad = ~good
    pairs = np.flatnonzero(bad[:-1] & bad[1:])
    return int(pairs[0]) if pairs.size and pairs[0] >= LEAST_BINS else int(good.size)


def _summary(
    ground: Ground,
    body: Bright,
    shares: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    where: tuple[_Beams, slice],
    around: tuple[float, float],
) -> Trail:
    """Return the trail with its means, edges and stripes."""
    (missing, sd, above), (beams, rows), (before, lopsided) = shares, where, around
    n = missing.size
    third = max(1, n // 3)
    index = _middle(missing)
    error = float(np.sqrt((sd**2).sum())) / n * np.sqrt(BIN_CELLS) + 0.15 * lopsided
    core = ground.levels[rows, beams.core].mean(axis=1, dtype=np.float64)
    return Trail(
        missing,
        sd,
        index,
        float(error),
        float((missing * above).mean()) * DISPLAYED_DB / 255,
        float(missing[:third].mean()),
        float(missing[third : n - third].mean()) if n > 2 * third else index,
        float(missing[n - third :].mean()),
        before,
        _sharpness(ground, body, rows),
        _ripple(core, ground.cell.samples),
        lopsided,
        cut_trail(ground, body),
    )


def _sharpness(ground: Ground, body: Bright, rows: slice) -> float:
    """Return how much of the fall from the neighbours to the middle is reached within one speckle cell."""
    l0, l1 = body.lines
    reach = max(3, round(1.5 * ground.cell.lines))
    across = ground.levels.shape[1]
    profile = ground.levels[rows, max(0, l0 - reach) : min(across, l1 + reach)].mean(axis=0, dtype=np.float64)
    if profile.size < 6:
        return 0.0
    tenth = 0.1 * (profile.size - 1)
    low, high = np.interp((tenth, profile.size - 1 - tenth), np.arange(profile.size), np.sort(profile))
    fall = float(high - low)
    one = max(1, round(ground.cell.lines))
    steps = np.abs(profile[one:] - profile[:-one])
    return min(float(steps.max()) / max(fall, 1.0), 1.0) if fall > 0 else 0.0


def _ripple(trail: NDArray[np.float64], cell: float) -> float:
    """Return the largest correlation of a trail with itself one to six cells on, its slope taken off."""
    n = trail.size
    if n < 6 * cell:
        return 0.0
    courses = _parabolas(n)
    left = trail - courses @ (trail @ courses)
    power = float(left @ left)
    if power <= 0:
        return 0.0
    lags = range(max(2, round(1.5 * cell)), min(round(6 * cell), n // 2))
    return max((float(left[k:] @ left[:-k]) / power * n / (n - k) for k in lags), default=0.0)


@lru_cache(maxsize=64)
def _parabolas(count: int) -> NDArray[np.float64]:
    """Return three columns that every parabola over so many places is a sum of, each of length 1."""
    return np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, count), 3))[0]
