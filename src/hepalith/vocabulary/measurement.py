"""Numbers a clinician reads: a value, its unit and how sure it is; or why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Assessed", "Measurement", "NotAssessable", "State"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured quantity with its 95 % interval.

    Parameters
    ----------
    value
        The estimate.
    unit
        UCUM code (``"mm"``, ``"mm3"``, ``"mL"``, ``"[hnsf'U]"``, ``"[hnsf'U].mm3"``, ``"mg"``).
    low, high
        Ends of the 95 % interval; both ``None`` where no interval is claimed.
    """

    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a measurement must be finite, not {self.value}")
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has two ends")
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"the interval {self.low} to {self.high} does not hold {self.value}")


@dataclass(frozen=True, slots=True)
class NotAssessable:
    """Looked for, and could not be judged. `reason` is a phrase that the report prints."""

    reason: str


Assessed = Measurement | NotAssessable
"""A quantity, or why it could not be had."""


class State(StrEnum):
    """What is known of a finding. The four stay apart all the way to the report."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    """Not looked for."""
    NOT_ASSESSABLE = "not_assessable"
    """Looked for, and could not be judged."""
