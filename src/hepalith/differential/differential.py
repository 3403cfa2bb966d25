"""A differential: what the findings may be, ranked, with the evidence for and against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Combination", "Contradiction", "Diagnosis", "Differential", "Evidence", "Process"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding's weight: log10 of its likelihood ratio against all other entries.

    `source` is the citation and grade of the number behind it, as the report prints it.
    """

    finding: str
    weight: float
    source: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One entry of the ranking. `low` and `high` are the 95 % interval over the numbers' ranges."""

    diagnosis: str
    probability: float
    low: float
    high: float
    first_in: float
    supporting: tuple[Evidence, ...] = ()
    opposing: tuple[Evidence, ...] = ()
    prior: float = 0.0


@dataclass(frozen=True, slots=True)
class Process:
    """A marginal: this process is at work in the liver, whatever else is."""

    diagnosis: str
    probability: float
    foci: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Combination:
    """One hypothesis: what leads, and what stands beside it (``None``: nothing). Each excludes the others."""

    leading: str
    beside: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Findings that cannot all be true, and what was done about it.

    `findings` are ids, in the order of the alphabet; `reason` says in ``en`` and ``zh`` why they clash and
    which of them counts; `dropped` those that do not count.
    """

    findings: tuple[str, ...]
    reason: Mapping[str, str]
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Differential:
    """The ranking (exclusive, exhaustive, sums to 1) and the knowledge it came from.

    Empty `diagnoses`: there is nothing to explain, or nothing could be assessed.
    """

    diagnoses: tuple[Diagnosis, ...]
    processes: tuple[Process, ...] = ()
    setting: str = ""
    knowledge_digest: str = ""
    contradictions: tuple[Contradiction, ...] = ()
    combinations: tuple[Combination, ...] = ()
    """The likeliest hypotheses of one process or two, each of one in twenty at least."""
