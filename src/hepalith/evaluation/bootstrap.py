"""Means and spreads with intervals that respect studies: foci of one liver are not independent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hepalith.evaluation.proportion import Z_95, wilson

__all__ = [
    "Estimate",
    "estimate_mean",
    "estimate_rate",
    "estimate_ratio",
    "estimate_share",
    "estimate_spread",
]

DRAWS = 1000
"""Resamples: the ends of a 95 % interval are then known to about a tenth of its width."""

SEED = 20_251
"""Of the resampling, so that tables made twice are the same."""

FEW = 20
"""Fewer observations than this are marked as few: a share's interval is then wider than ± 0.2."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval by bootstrap over studies, from `count` observations in `studies`."""

    value: float
    low: float
    high: float
    count: int
    studies: int

    @property
    def is_few(self) -> bool:
        """Whether the cell holds too few observations to be read alone."""
        return self.count < FEW

    def told(self, form: str = ".2f") -> str:
        """Return the figure, its interval and its n for a table cell; ``†`` marks few."""
        if not self.count or not math.isfinite(self.value):
            return "–"
        mark = " †" if self.is_few else ""
        return f"{self.value:{form}} ({self.low:{form}} to {self.high:{form}}; n = {self.count}{mark})"


NONE = Estimate(math.nan, math.nan, math.nan, 0, 0)
"""Of no observation."""


def _weights(studies: int) -> NDArray[np.float64]:
    """Return how often each study is drawn in each resample, shape (draws, studies)."""
    random = np.random.default_rng([SEED, studies])
    return random.multinomial(studies, np.full(studies, 1 / studies), size=DRAWS).astype(np.float64)


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def estimate_ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Return ``sum(above) / sum(below)``, one entry a study; `count` is the sum below.

    Examples
    --------
    >>> found = estimate_ratio([9, 10, 8], [10, 10, 10])
    >>> round(found.value, 2), found.count
    (0.9, 30)
    """
    top, base = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    if not base.sum():
        return NONE
    weights = _weights(base.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = _ends((weights @ top) / (weights @ base))
    held = int((base > 0).sum())
    return Estimate(float(top.sum() / base.sum()), low, high, round(float(base.sum())), held)


def _sums(
    values: NDArray[np.float64], owners: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return count, sum and sum of squares of each study."""
    _, which = np.unique(owners, return_inverse=True)
    sums = (np.bincount(which, v).astype(np.float64) for v in (np.ones_like(values), values, values**2))
    count, total, square = sums
    return count, total, square


def _widened(estimate: Estimate, low: float, high: float) -> Estimate:
    """Return an estimate whose interval holds another too.

    The bootstrap knows nothing of what a few studies did not show: of 20 foci all found it would say 100 to
    100 %. The interval of independent observations is wider there; of the two the wider end is told.
    """
    if not estimate.count:
        return estimate
    ends = (
        [v for v in (low, estimate.low) if math.isfinite(v)],
        [v for v in (high, estimate.high) if math.isfinite(v)],
    )
    return replace(estimate, low=min(ends[0], default=math.nan), high=max(ends[1], default=math.nan))


def estimate_share(hits: Sequence[float], all_: Sequence[float]) -> Estimate:
    """Return a share, one entry a study, its interval no narrower than Wilson's."""
    total, found = round(sum(all_)), round(sum(hits))
    held = wilson(found, total)
    return _widened(estimate_ratio(hits, all_), held.low, held.high)


def estimate_rate(counts: Sequence[float]) -> Estimate:
    """Return the mean of counts, one a study, its interval no narrower than Poisson's.

    Examples
    --------
    >>> round(float(estimate_rate([0] * 10).high), 2)
    0.37
    """
    if not len(counts):
        return NONE
    total, n = sum(counts), len(counts)
    low = stats.chi2.ppf(0.025, 2 * total) / 2 if total else 0.0
    high = stats.chi2.ppf(0.975, 2 * total + 2) / 2
    return _widened(estimate_ratio(counts, [1.0] * n), low / n, high / n)


def estimate_mean(values: Sequence[float], owners: Sequence[int]) -> Estimate:
    """Return the mean of observations, each owned by a study."""
    if not len(values):
        return NONE
    x = np.asarray(values, dtype=np.float64)
    count, total, _ = _sums(x, np.asarray(owners))
    half = Z_95 * float(x.std(ddof=1)) / math.sqrt(x.size) if x.size > 1 else math.nan
    return _widened(
        estimate_ratio(total.tolist(), count.tolist()), float(x.mean()) - half, float(x.mean()) + half
    )


def estimate_spread(values: Sequence[float], owners: Sequence[int]) -> Estimate:
    """Return the standard deviation of observations about their mean."""
    if len(values) < 2:
        return NONE
    x = np.asarray(values, dtype=np.float64)
    count, total, square = _sums(x, np.asarray(owners))
    weights = _weights(count.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = weights @ count
        variance = (weights @ square) / n - ((weights @ total) / n) ** 2
        low, high = _ends(np.sqrt(np.maximum(variance * n / (n - 1), 0)))
    spread = float(x.std(ddof=1))
    least = spread * math.sqrt((x.size - 1) / stats.chi2.ppf(0.975, x.size - 1))
    most = spread * math.sqrt((x.size - 1) / stats.chi2.ppf(0.025, x.size - 1))
    return _widened(Estimate(spread, low, high, x.size, count.size), least, most)
