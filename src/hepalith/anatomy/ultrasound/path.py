"""The best path through a score: one place on every beam line, neighbours close to one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_path"]


def best_path(score: NDArray[np.floating], step_cost: float) -> NDArray[np.intp]:
    """Return the place on every line that together scores most, each step between lines paid for.

    Maximises sum(score[p(l), l]) − step_cost · sum |p(l) − p(l−1)| exactly, by dynamic programming. The best
    predecessor at a cost linear in distance is found for all places at once with two running maxima.

    Parameters
    ----------
    score
        Shape (place, line).
    step_cost
        Price of one place of difference between two neighbouring lines.

    Examples
    --------
    >>> best_path(np.array([[0.0, 1.0, 0.0], [2.0, 0.0, 2.0]]), step_cost=1.0).tolist()
    [1, 1, 1]
    """
    places, lines = score.shape
    gain = np.ascontiguousarray(score.T, dtype=np.float32)
    ramp = (step_cost * np.arange(places)).astype(np.float32)
    value = np.empty((lines, places), dtype=np.float32)
    value[0] = gain[0]
    for line in range(1, lines):
        before = value[line - 1]
        from_above = np.maximum.accumulate(before + ramp) - ramp
        from_below = np.maximum.accumulate((before - ramp)[::-1])[::-1] + ramp
        np.maximum(from_above, from_below, out=value[line])
        value[line] += gain[line]
    path = np.empty(lines, dtype=np.intp)
    path[-1] = value[-1].argmax()
    step = np.arange(places)
    for line in range(lines - 1, 0, -1):
        path[line - 1] = (value[line - 1] - step_cost * np.abs(step - path[line])).argmax()
    return path
