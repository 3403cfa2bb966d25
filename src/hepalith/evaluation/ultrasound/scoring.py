"""What became of each true bright body of a sonogram, and what each call truly is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hepalith.calcification.echo import COUNTED
from hepalith.calcification.focus import Focus
from hepalith.phantom.ultrasound.truth import SonoFocus

__all__ = ["ScoredSonogram", "score_sonogram"]

REACH_MM = 2.0
"""How far beyond half the diagonal of a true body's box a call's centre may lie: the blur of a beam at depth
is about that wide, and a reader's mark would be allowed as much."""

FORBIDDEN = 1e6
"""Cost of a pair that may not be matched, above any sum of distances in pixels."""


@dataclass(frozen=True, slots=True)
class ScoredSonogram:
    """Which call meets which body.

    Parameters
    ----------
    focus_of, mimic_of
        For each call, the place of the true focus or mimic that it lies on; -1: none.
    met
        For each true focus, the place of the counted call that meets it, one to one; -1: none.
    named
        For each true focus, the place of any call on it; -1: none.
    joined
        For each true focus that is not met, whether a counted call that met another covers its centre.
    """

    focus_of: tuple[int, ...]
    mimic_of: tuple[int, ...]
    met: tuple[int, ...]
    named: tuple[int, ...]
    joined: tuple[bool, ...]


def score_sonogram(
    calls: Sequence[Focus], foci: Sequence[SonoFocus], mimics: Sequence[SonoFocus], mm_per_px: float
) -> ScoredSonogram:
    """Match calls with the true bodies on the screen.

    Parameters
    ----------
    calls
        Foci with their observations; those of one frame are compared with the truth in that frame.
    foci, mimics
        What is there.
    mm_per_px
        True size of a pixel.

    Notes
    -----
    A call lies on a body if its centre is no further from it than half the diagonal of its box and
    `REACH_MM`, or if its box holds the body's centre. Counted calls meet true foci one to one, nearest first
    in total; a counted call beyond that is false, also where it is a second piece of a focus.
    """
    reach = REACH_MM / mm_per_px
    on_focus = _distances(calls, foci, reach)
    on_mimic = _distances(calls, mimics, reach)
    counted = np.array([f.label in COUNTED for f in calls], dtype=bool)
    cost = np.where(np.isfinite(on_focus) & counted[:, None], on_focus, FORBIDDEN)
    rows, columns = linear_sum_assignment(cost)
    pairs = {int(c): int(r) for r, c in zip(rows, columns, strict=True) if cost[r, c] < FORBIDDEN}
    met = tuple(pairs.get(n, -1) for n in range(len(foci)))
    focus_of = [_nearest(on_focus[n]) for n in range(len(calls))]
    for truth, call in pairs.items():
        focus_of[call] = truth
    mimic_of = tuple(_nearest(on_mimic[n]) for n in range(len(calls)))
    named = tuple(m if m >= 0 else _nearest(on_focus[:, n]) for n, m in enumerate(met))
    joined = tuple(
        m < 0 and any(np.isfinite(on_focus[call, n]) for call in pairs.values()) for n, m in enumerate(met)
    )
    return ScoredSonogram(tuple(focus_of), mimic_of, met, named, joined)


def _nearest(distances: NDArray[np.float64]) -> int:
    """Return the place of the least finite distance; -1 where there is none."""
    if not distances.size or not np.isfinite(distances).any():
        return -1
    return int(np.argmin(distances))


def _distances(calls: Sequence[Focus], bodies: Sequence[SonoFocus], reach_px: float) -> NDArray[np.float64]:
    """Return the distance of each call's centre from each body's, infinite where it does not lie on it."""
    table = np.full((len(calls), len(bodies)), math.inf)
    for row, call in enumerate(calls):
        for column, body in enumerate(bodies):
            table[row, column] = min(
                (_distance(o, body, reach_px) for o in _frames(call, body)), default=math.inf
            )
    return table


def _frames(call: Focus, body: SonoFocus) -> list[tuple[tuple[float, ...], tuple[float, ...], int]]:
    """Return centre, box and frame of the call's observations in frames that the truth knows."""
    return [
        (o.centroid_px, o.bbox_px, o.frame)
        for o in call.observations
        if o.frame < len(body.centre_px) and body.centre_px[o.frame] is not None
    ]


def _distance(
    seen: tuple[tuple[float, ...], tuple[float, ...], int], body: SonoFocus, reach_px: float
) -> float:
    """Return how far a call's centre lies from a body's in a frame; infinite beyond its reach."""
    (x, y), (left, top, right, bottom), frame = seen
    centre, box = body.centre_px[frame], body.bbox_px[frame]
    if centre is None:
        return math.inf
    apart = math.hypot(x - centre[0], y - centre[1])
    half = 0.5 * math.hypot(box[2] - box[0], box[3] - box[1]) if box is not None else 0.0
    held = left <= centre[0] <= right and top <= centre[1] <= bottom
    return apart if apart <= half + reach_px or held else math.inf
