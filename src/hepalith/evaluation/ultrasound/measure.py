"""Figures of sonograms, from their lines: what is found, what is called, how it is named and measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from hepalith.evaluation.bootstrap import Estimate, estimate_rate, estimate_share
from hepalith.evaluation.confusion import Confusion, confusion_of
from hepalith.evaluation.proportion import Proportion, wilson
from hepalith.evaluation.ultrasound.record import CallRecord, SonoRecord, TruthRecord

__all__ = [
    "Area",
    "SonoCase",
    "cases_of",
    "duct_pairs",
    "false_calls",
    "false_kinds",
    "found_share",
    "mimic_names",
    "morphology_names",
    "operating_points",
    "pairs_of",
    "shadow_pairs",
    "size_errors",
    "stone_area",
    "stone_scores",
]  # fmt: skip

MISSED = "not found"

INSIDE = ("in_lumen", "in_wall")
"""Relations that count as in a duct; the others, where a relation is stated, count as apart."""

STONE, SIMPLE = "hepatolithiasis", "simple_healed"
"""The two diagnoses that people confuse."""

DRAWS, SEED = 1000, 20_261
"""Resamples of the area under the curve, and their seed."""


@dataclass(frozen=True, slots=True)
class SonoCase:
    """One true focus in its sonogram, with the call that met it."""

    record: SonoRecord
    true: TruthRecord
    call: CallRecord | None

    @property
    def found(self) -> bool:
        """Whether a counted call meets it, one to one."""
        return self.call is not None


@dataclass(frozen=True, slots=True)
class Area:
    """Area under the curve of a score, with its 95 % interval by bootstrap over examinations."""

    value: float
    low: float
    high: float
    positives: int
    negatives: int

    def told(self) -> str:
        """Return it for a table cell."""
        if not math.isfinite(self.value):
            return "–"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}; {self.positives} and {self.negatives})"


def cases_of(records: Sequence[SonoRecord], *, hidden: bool = False) -> tuple[SonoCase, ...]:
    """Return the true foci of sonograms; with `hidden` also those too faint to be seen at all."""
    cases = []
    for record in records:
        calls = {c.id: c for c in record.calls}
        cases += [SonoCase(record, t, calls.get(t.call)) for t in record.true if t.visible or hidden]
    return tuple(cases)


def pairs_of(records: Sequence[SonoRecord]) -> tuple[tuple[TruthRecord, CallRecord], ...]:
    """Return the true foci that were found, each with its call."""
    return tuple((c.true, c.call) for c in cases_of(records, hidden=True) if c.call is not None)


def found_share(
    cases: Iterable[SonoCase], hit: Callable[[SonoCase], bool] = lambda case: case.found
) -> Estimate:
    """Return the share of foci that are found, its interval over sonograms."""
    hits: Counter[str] = Counter()
    all_: Counter[str] = Counter()
    for case in cases:
        all_[case.record.key] += 1
        hits[case.record.key] += hit(case)
    keys = sorted(all_)
    return estimate_share([hits[k] for k in keys], [all_[k] for k in keys])


def false_calls(records: Sequence[SonoRecord], from_probability: float = 0.0) -> Estimate:
    """Return counted calls a sonogram that meet no true focus."""
    return estimate_rate([sum(c.probability >= from_probability for c in r.false) for r in records])


def false_kinds(records: Sequence[SonoRecord]) -> tuple[tuple[str, str, int], ...]:
    """Return what false calls truly lie on, in which tissue, and how many, the most first."""
    counts = Counter((c.truly, c.tissue) for r in records for c in r.false)
    return tuple(
        (truly, tissue, n) for (truly, tissue), n in sorted(counts.items(), key=lambda i: (-i[1], i[0]))
    )


def operating_points(
    records: Sequence[SonoRecord], at: Sequence[float] = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
) -> tuple[tuple[float, Estimate, Estimate], ...]:
    """Return, for each least probability of a call, what is found and the false calls a sonogram."""
    cases = cases_of(records)
    points = []
    for least in at:

        def hit(case: SonoCase, least: float = least) -> bool:
            return case.call is not None and case.call.probability >= least

        points.append((least, found_share(cases, hit), false_calls(records, least)))
    return tuple(points)


def shadow_pairs(records: Sequence[SonoRecord], *, borderline: bool = True) -> tuple[tuple[str, str], ...]:
    """Return true and called grades of the shadows of found foci whose shadow can be assessed.

    Without `borderline` those are left out whose true shadow is so near the border of two grades that
    readers may differ.
    """
    return tuple(
        (t.shadow, c.shadow)
        for t, c in pairs_of(records)
        if t.assessable and (borderline or not t.borderline)
    )


def duct_pairs(records: Sequence[SonoRecord]) -> tuple[tuple[str, str], ...]:
    """Return true and called relation to the ducts of found foci: in a duct, apart, or not assessable."""

    def side(relation: str) -> str:
        if relation in {"", "not_assessable"}:
            return "not assessable"
        return "in a duct" if relation in INSIDE else "apart"

    return tuple((side(t.duct), side(c.duct)) for t, c in pairs_of(records) if t.duct)


def morphology_names(records: Sequence[SonoRecord]) -> Confusion:
    """Return forms true and called, of found foci."""
    return confusion_of((t.morphology, c.morphology) for t, c in pairs_of(records))


def mimic_names(records: Sequence[SonoRecord]) -> Confusion:
    """Return what mimics were called, and true foci; where nothing was found, that stands there."""
    pairs = [(m.label, m.named or MISSED) for r in records for m in r.mimics if m.visible]
    pairs += [(t.label, t.named or MISSED) for r in records for t in r.true if t.visible]
    return confusion_of(pairs)


def size_errors(
    records: Sequence[SonoRecord], low_mm: float = 0.0, high_mm: float = math.inf
) -> tuple[tuple[float, ...], Proportion]:
    """Return errors of the diameter in mm, and how many 95 % intervals hold the true one."""
    pairs = [
        (t.diameter_mm, c.diameter)
        for t, c in pairs_of(records)
        if c.diameter is not None and low_mm <= t.diameter_mm < high_mm
    ]
    told = [(t, d) for t, d in pairs if d.low is not None and d.high is not None]
    held = sum(d.low <= t <= d.high for t, d in told if d.low is not None and d.high is not None)
    return tuple(d.value - t for t, d in pairs), wilson(held, len(told))


def stone_scores(records: Sequence[SonoRecord]) -> tuple[tuple[bool, float], ...]:
    """Return, for each sonogram of a stone or a simple calcification, which, and its belief in stone.

    The score is the probability of hepatolithiasis over that of both. Where nothing was found there is no
    differential; such a sonogram scores one half.
    """
    scores = []
    for record in records:
        if record.diagnosis in {STONE, SIMPLE}:
            stone, simple = (record.differential.get(name, 0.0) for name in (STONE, SIMPLE))
            both = stone + simple
            scores.append((record.diagnosis == STONE, stone / both if both > 0 else 0.5))
    return tuple(scores)


def stone_area(scores: Sequence[tuple[bool, float]]) -> Area:
    """Return the area under the curve of scores.

    Examples
    --------
    >>> stone_area([(True, 0.9), (True, 0.6), (False, 0.7), (False, 0.1)]).value
    0.75
    """
    good = np.array([s for positive, s in scores if positive])
    bad = np.array([s for positive, s in scores if not positive])
    if not good.size or not bad.size:
        return Area(math.nan, math.nan, math.nan, good.size, bad.size)
    random = np.random.default_rng([SEED, good.size, bad.size])
    draws = [_area(random.choice(good, good.size), random.choice(bad, bad.size)) for _ in range(DRAWS)]
    low, high = np.quantile(draws, (0.025, 0.975))
    return Area(_area(good, bad), float(low), float(high), good.size, bad.size)


def _area(
    good: np.ndarray[tuple[int], np.dtype[np.float64]], bad: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    """Return how often a stone scores above a simple calcification; ties count half."""
    ranks = rankdata(np.concatenate([good, bad]))
    return float((ranks[: good.size].sum() - good.size * (good.size + 1) / 2) / (good.size * bad.size))
