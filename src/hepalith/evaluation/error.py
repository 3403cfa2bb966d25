"""How far measured values are from true ones, and whether their intervals hold the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hepalith.evaluation.proportion import Proportion, wilson
from hepalith.vocabulary import Measurement

__all__ = ["RelativeError", "cover", "relative_error"]


@dataclass(frozen=True, slots=True)
class RelativeError:
    """Relative errors of a measure, ``measured / true - 1``, over `count` foci.

    Parameters
    ----------
    count
        Foci compared.
    bias
        Mean of the relative errors.
    spread
        Their standard deviation (with n - 1): the coefficient of variation about the bias.
    median, median_size
        Median of the errors, and of their absolute values: not swayed by one wild focus.
    """

    count: int
    bias: float
    spread: float
    median: float
    median_size: float


def relative_error(measured: Sequence[float], true: Sequence[float]) -> RelativeError:
    """Return bias and spread of measured against true values.

    Examples
    --------
    >>> relative_error([110.0, 90.0], [100.0, 100.0]).bias
    0.0
    """
    if len(measured) != len(true):
        raise ValueError(f"{len(measured)} measured values for {len(true)} true ones")
    if not measured:
        return RelativeError(0, math.nan, math.nan, math.nan, math.nan)
    truth = np.asarray(true, dtype=np.float64)
    if (truth <= 0).any():
        raise ValueError("a relative error needs true values above zero")
    errors = np.asarray(measured, dtype=np.float64) / truth - 1
    spread = float(errors.std(ddof=1)) if errors.size > 1 else math.nan
    return RelativeError(
        errors.size, round(float(errors.mean()), 12), spread, float(np.median(errors)),
        float(np.median(np.abs(errors))),
    )  # fmt: skip


def cover(measured: Sequence[Measurement], true: Sequence[float]) -> Proportion:
    """Return how many intervals hold the truth; measurements without an interval are left out."""
    claimed = [
        (m, t) for m, t in zip(measured, true, strict=True) if m.low is not None and m.high is not None
    ]
    held = sum(m.low <= t <= m.high for m, t in claimed if m.low is not None and m.high is not None)
    return wilson(held, len(claimed))
