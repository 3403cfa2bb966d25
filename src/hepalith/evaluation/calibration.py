"""Whether a printed probability means what it says: reliability, Brier score, calibration error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hepalith.evaluation.confusion import found_pairs, morphology_pairs
from hepalith.evaluation.proportion import Proportion, wilson
from hepalith.evaluation.record import StudyRecord

__all__ = [
    "Reliability",
    "duct_reliability",
    "focus_reliability",
    "host_reliability",
    "label_reliability",
    "morphology_reliability",
    "phase_reliability",
    "quality_reliability",
    "reliability_of",
    "segment_reliability",
]

EDGES = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Bins of probability: finer where most lie."""

GOOD_DICE = 0.9
"""The liver's quality is read as the probability that the outline is at least so good (Dice)."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of like probability: their mean, and how many came true."""

    low: float
    high: float
    mean: float
    true: Proportion


@dataclass(frozen=True, slots=True)
class Reliability:
    """How a probability held: bins, Brier score, expected calibration error (weighted by bin), n."""

    bins: tuple[Bin, ...]
    brier: float
    error: float
    count: int
    rate: float
    """Share that came true: predicting it always would score ``rate (1 - rate)``."""


def reliability_of(said: Sequence[float], came_true: Sequence[bool]) -> Reliability:
    """Return how predictions held.

    Examples
    --------
    >>> held = reliability_of([0.9] * 10, [True] * 9 + [False])
    >>> round(held.brier, 2), round(held.error, 2)
    (0.09, 0.0)
    """
    p, y = np.asarray(said, dtype=np.float64), np.asarray(came_true, dtype=np.float64)
    if not p.size:
        return Reliability((), math.nan, math.nan, 0, math.nan)
    bins, error = [], 0.0
    for low, high in itertools.pairwise(EDGES):
        inside = (p >= low) & ((p < high) if high < 1 else (p <= high))
        if inside.any():
            share = wilson(int(y[inside].sum()), int(inside.sum()))
            bins.append(Bin(low, high, float(p[inside].mean()), share))
            error += inside.sum() / p.size * abs(float(p[inside].mean()) - share.value)
    return Reliability(tuple(bins), float(((p - y) ** 2).mean()), float(error), p.size, float(y.mean()))


def focus_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the probability of bodies called calcification held."""
    bodies = [
        f
        for record in records
        if (r := record.of("foci"))
        for f in r.found
        if f.label == "calcification" and f.truly != "cut"
    ]
    return reliability_of([f.probability for f in bodies], [f.truly == "calcification" for f in bodies])


def label_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the probability of other labels held, where the phantom says what lies there."""
    bodies = [
        f
        for record in records
        if (r := record.of("foci"))
        for f in r.found
        if f.label not in ("calcification", "undetermined") and f.truly not in ("nothing", "cut")
    ]
    return reliability_of([f.probability for f in bodies], [f.truly == f.label for f in bodies])


def morphology_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the probability of the printed form held."""
    pairs = morphology_pairs(records)
    return reliability_of(
        [f.morphology_probabilities.get(f.morphology, 0.0) for _, f in pairs],
        [t.morphology == f.morphology for t, f in pairs],
    )


def segment_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the probability of the printed segment held."""
    pairs = [(t, f) for t, f in found_pairs(records) if t.segment and f.segment]
    return reliability_of(
        [f.segment_probability for _, f in pairs], [t.segment == f.segment for t, f in pairs]
    )


def duct_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the probability of the printed relation to the ducts held."""
    pairs = [(t, f) for t, f in found_pairs(records) if t.duct and f.duct not in ("", "not_assessable")]
    return reliability_of([f.duct_probability for _, f in pairs], [t.duct == f.duct for t, f in pairs])


def host_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the probability of the printed host, or of none, held."""
    pairs = [(t, f) for t, f in found_pairs(records) if t.host_kind and f.host not in ("", "not_assessable")]
    return reliability_of([f.host_probability for _, f in pairs], [t.host_kind == f.host for t, f in pairs])


def phase_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the probability of the phase held; an unknown phase makes no claim."""
    held = [
        (r.phase_probability, r.phase == record.phase)
        for record in records
        if (r := record.of("foci")) and record.phase != "unknown" and r.phase not in ("", "unknown")
    ]
    return reliability_of([p for p, _ in held], [y for _, y in held])


def quality_reliability(records: Sequence[StudyRecord]) -> Reliability:
    """Return how the liver's quality held as the probability of a Dice of at least `GOOD_DICE`."""
    livers = [r.liver for record in records if (r := record.of("foci")) and r.liver is not None]
    return reliability_of([v.quality for v in livers], [v.dice >= GOOD_DICE for v in livers])
