"""Proportions with their intervals: sensitivity, coverage."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Proportion", "wilson"]

Z_95 = 1.959963984540054
"""97.5th percentile of the normal distribution: 95 % intervals."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """`count` of `total`, with the ends of its 95 % Wilson interval."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; not a number where there is nothing to count."""
        return self.count / self.total if self.total else math.nan

    def __str__(self) -> str:
        if not self.total:
            return "none"
        return f"{self.count}/{self.total} = {self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def wilson(count: int, total: int, z: float = Z_95) -> Proportion:
    """Return a proportion with Wilson's score interval.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
           JASA 22:209-212, 1927. doi:10.1080/01621459.1927.10502953

    Examples
    --------
    >>> str(wilson(9, 10))
    '9/10 = 0.90 (0.60 to 0.98)'
    """
    if not 0 <= count <= total:
        raise ValueError(f"{count} of {total} is no proportion")
    if total == 0:
        return Proportion(0, 0, 0.0, 1.0)
    p = count / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return Proportion(count, total, max(0.0, middle - half), min(1.0, middle + half))
