"""The trail of a bright body as a small table: how dark it is row by row behind it, and across."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.ultrasound.body import Bright
from hepalith.calcification.ultrasound.scale import Cell

__all__ = ["COLUMNS", "DISPLAYED_DB", "MEASURES", "ROWS", "Ground", "cut_trail"]

DISPLAYED_DB = 65.0
"""Range of echoes that a display shows from black to white, which no header tells: 50 to 85 dB are in use.
Our judgement. Speckle is no better measure of it: compounding narrows it."""

REACH_MM, REACH_SHARE = 20.0, 0.16
"""How far behind a body it is looked; as a share of the picture's depth where pixels have no size. Farther
off other things lie behind it. Our judgement."""

ROWS = 8
"""Rows of the table, from just behind the body."""

COLUMNS = np.array(
    [-2.5, -1.75, -1.2, -0.85, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.85, 1.2, 1.75, 2.5], dtype=np.float64
)
"""Borders of its columns, in widths of the body from its middle: fine at its rim, coarse away from it."""

CORE = slice(5, 9)
"""Columns behind the body's middle four fifths: what its own blur leaves of the shadow's rim is left out."""

BESIDE = (0, 1, 2, 3, 10, 11, 12, 13)
"""Columns beside it, that say how bright the tissue is without it."""

LEAST_LINES, LEAST_CELLS = 5, 1.5
"""Least width of a body, in lines and in speckle cells: a point is as wide as the beam."""

LEAST_KNOWN = 0.25
"""Share of a field's samples from which its mean is taken."""

MOST_DB = 25.0
"""Difference that counts at most: what lies beyond is black, or a bright wall."""

LEAST_ABOVE_DB = 2.0
"""Least height of the tissue above black that a share is taken of."""

MEASURES = (
    "loss",
    "share",
    *(f"row_{n}" for n in range(ROWS)),
    *(f"column_{n}" for n in range(COLUMNS.size - 1)),
    "speckle",
    "width",
    "height",
    "above",
)
"""Names of what :func:`cut_trail` returns. Levels are in decibels of a display of `DISPLAYED_DB`, below zero:
darker than beside; `share` is of the tissue's height above black; sizes are in speckle cells."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a trail is measured on, all (sample, line) on the beam grid.

    `levels` are grey levels, `seen` where the picture is and no other bright body lies, `plain` where a
    neighbour may be looked at, the strictest first, which also leaves out what lies behind other foci: heard
    tissue without dark bodies, bright lines and other foci. `spread`, `background`, `dark` and `lines` are
    the sonogram's. `black` is the picture's darkest level, `step_mm` the distance of two samples (``None``:
    unknown).
    """

    levels: NDArray[np.float32]
    seen: NDArray[np.bool_]
    plain: tuple[NDArray[np.bool_], ...]
    spread: NDArray[np.float32]
    background: NDArray[np.float32]
    dark: NDArray[np.int32]
    lines: NDArray[np.int32]
    black: float
    cell: Cell
    step_mm: float | None = None


def cut_trail(ground: Ground, body: Bright) -> NDArray[np.float64]:
    """Return `MEASURES` of what lies behind a body.

    Notes
    -----
    Levels are taken against the picture's own background, so that depth and gain drop out, and against the
    median field beside the body; what is not known counts as no different. Where the picture ends, rows are
    missing and count as no different too.
    """
    cell, depth = ground.cell, ground.levels.shape[0]
    first = body.start[0] + body.mask.shape[0] + max(2, round(cell.samples))
    reach = REACH_SHARE * depth if ground.step_mm is None else REACH_MM / ground.step_mm
    tall = max(2, round(reach) // ROWS)
    count = max(0, min(ROWS, (depth - first) // tall))
    borders, wide = _borders(body, cell)
    out = np.zeros(len(MEASURES))
    out[-4:-1] = (
        float(ground.spread[0, 0]) * DISPLAYED_DB / 255,
        wide / cell.lines,
        body.mask.shape[0] / cell.samples,
    )
    if count == 0:
        return out
    rows = slice(first, first + count * tall)
    lines = slice(max(0, int(borders[0])), min(ground.levels.shape[1], int(borders[-1])))
    own = slice(max(0, body.lines[0] - lines.start), body.lines[1] - lines.start)
    known = ground.plain[0][rows, lines].copy()
    known[:, own] = ground.seen[rows, lines][:, own] & (ground.lines[rows, lines][:, own] == 0)
    usual = ground.background[rows, lines]
    edges = np.clip(borders - lines.start, 0, lines.stop - lines.start)
    total = _fields((ground.levels[rows, lines] - usual) * known, edges, count)
    held = _fields(known, edges, count)
    share = held / (tall * np.diff(borders))
    level = np.where(share > LEAST_KNOWN, total / np.maximum(held, 1.0), np.nan)
    beside = level[:, BESIDE]
    beside = beside[np.isfinite(beside)]
    even = float(np.median(beside)) if beside.size else 0.0
    table = np.nan_to_num(np.clip((level - even) * (DISPLAYED_DB / 255), -MOST_DB, MOST_DB), nan=0.0)
    above = max(0.0, float(usual[:, own].mean()) + even - ground.black) * DISPLAYED_DB / 255
    core, weight = table[:, CORE], share[:, CORE]
    loss = float((core * weight).sum() / (weight.sum() + 1e-9))
    out[0], out[1], out[-1] = loss, loss / max(above, LEAST_ABOVE_DB), above
    out[2 : 2 + count] = (core * weight).sum(axis=1) / (weight.sum(axis=1) + 1e-9)
    out[2 + ROWS : -4] = (table * share).sum(axis=0) / (share.sum(axis=0) + 1e-9)
    return out


def _borders(body: Bright, cell: Cell) -> tuple[NDArray[np.int64], float]:
    """Return the lines at which the columns end, each at least one apart, and the body's width in lines."""
    l0, l1 = body.lines
    wide = max(float(l1 - l0), LEAST_LINES, LEAST_CELLS * cell.lines)
    borders = np.rint((l0 + l1) / 2 + COLUMNS * wide).astype(np.int64)
    middle = borders.size // 2
    for k in range(middle + 1, borders.size):
        borders[k] = max(borders[k], borders[k - 1] + 1)
    for k in range(middle - 1, -1, -1):
        borders[k] = min(borders[k], borders[k + 1] - 1)
    return borders, wide


def _fields(values: NDArray[np.generic], edges: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return the sums of the table's fields: rows of equal height, columns between edges."""
    rows = np.add.reduce(values.reshape(count, -1, values.shape[1]), axis=1, dtype=np.float64)
    run = np.zeros((count, values.shape[1] + 1))
    np.cumsum(rows, axis=1, out=run[:, 1:])
    return np.asarray(np.diff(run[:, edges], axis=1))
