"""A vote: how far one kind of evidence speaks for one name of a bright thing, and why."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Vote"]


@dataclass(frozen=True, slots=True)
class Vote:
    """One judge's evidence for a label.

    Parameters
    ----------
    label
        One of the names of the contract.
    weight
        Natural logarithm of a likelihood ratio: how much more often such evidence is seen where the label is
        right than where it is not. Negative: less often.
    reason
        In words, for the report.
    """

    label: str
    weight: float
    reason: str
