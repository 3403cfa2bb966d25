"""How right sizes and masses are: bias, spread beside its bound, coverage, repeatability."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hepalith.evaluation.bootstrap import Estimate, estimate_mean, estimate_share, estimate_spread
from hepalith.evaluation.record import FoundRecord, Range, ReadingRecord, StudyRecord, TrueRecord

__all__ = ["MEASURES", "Cell", "Pair", "baseline_pairs", "cell_of", "pairs_of", "repeatability"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One measured value and the true one, with all that cells are made by.

    `bound` is the Cramér–Rao bound as a relative standard deviation; None where it is not known.
    """

    study: int
    record: StudyRecord
    reading: ReadingRecord
    true: TrueRecord
    measured: Range
    truth: float
    bound: float | None = None
    limited: bool = False

    @property
    def error(self) -> float:
        """Relative error."""
        return self.measured.value / self.truth - 1

    @property
    def covers(self) -> bool | None:
        """Whether the stated interval holds the truth; None where none is stated."""
        if self.measured.low is None or self.measured.high is None:
            return None
        return self.measured.low <= self.truth <= self.measured.high


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity: its name in tables, how it is taken from a found body and from the truth, its bound."""

    name: str
    found: Callable[[FoundRecord], Range | None]
    true: Callable[[TrueRecord], float | None]
    bound: Callable[[TrueRecord], float | None]
    adds_up: bool
    """Whether several foci found as one may be compared with their sum."""


MEASURES = {
    measure.name: measure
    for measure in (
        Measure(
            "integrated excess", lambda f: f.integrated_excess, lambda t: t.integrated_excess,
            lambda t: t.bound_excess, adds_up=True,
        ),
        Measure(
            "volume", lambda f: f.volume, lambda t: t.volume_mm3, lambda t: t.bound_volume, adds_up=True
        ),
        Measure("mass", lambda f: f.mass_mg, lambda t: t.mass_mg, lambda t: t.bound_excess, adds_up=True),
        Measure(
            "diameter", lambda f: f.diameter, lambda t: t.diameter_mm,
            lambda t: None if t.bound_volume is None else t.bound_volume / 3, adds_up=False,
        ),
    )
}  # fmt: skip
"""What is measured of a focus."""


def pairs_of(
    records: Sequence[StudyRecord], name: str, purpose: str = "foci", liver_source: str = "found"
) -> tuple[Pair, ...]:
    """Return every pair of a measured and a true value of one measure.

    A body is compared where it is the only one of its cluster; where it stands for several foci, with
    their sum (not the diameter).
    """
    measure = MEASURES[name]
    pairs = []
    for number, record in enumerate(records):
        reading = record.of(purpose, liver_source)
        if reading is None:
            continue
        by_id = {t.id: t for t in reading.true}
        for body in reading.found:
            value = measure.found(body)
            truths = [by_id[i] for i in body.truths]
            if body.label != "calcification" or not body.alone or value is None or not truths:
                continue
            if len(truths) > 1 and not measure.adds_up:
                continue
            known = [measure.true(t) for t in truths]
            total = sum(v for v in known if v is not None)
            if None in known or total <= 0:
                continue
            first = max(truths, key=lambda t: t.integrated_excess)
            bound = measure.bound(first) if len(truths) == 1 else None
            pairs.append(Pair(number, record, reading, first, value, total, bound, body.volume_limited))
    return tuple(pairs)


def baseline_pairs(records: Sequence[StudyRecord], name: str, rule: str) -> tuple[Pair, ...]:
    """Return the pairs of a threshold script: its volume, excess, or mean HU times volume as mass."""
    field = {"volume": "volume_mm3", "mass": "mass_hu_mm3", "integrated excess": "excess_hu_mm3"}[name]
    pairs = []
    for number, record in enumerate(records):
        reading = record.of("foci")
        for baseline in reading.baselines if reading is not None else ():
            if baseline.name != rule or reading is None:
                continue
            by_id = {t.id: t for t in reading.true}
            for row in baseline.measured:
                truths = [by_id[i] for i in row.truths]
                # a mass script calibrates HU to mg, so its HU·mm³ stands against the true excess
                total = sum(t.volume_mm3 if name == "volume" else t.integrated_excess for t in truths)
                first = max(truths, key=lambda t: t.integrated_excess)
                pairs.append(Pair(number, record, reading, first, Range(getattr(row, field)), total))
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: bias, spread (CV about the bias), coverage, and the root mean square of the bounds."""

    bias: Estimate
    spread: Estimate
    coverage: Estimate
    bound: float
    median: float
    limited: float
    """Share marked as limited by resolution."""

    @property
    def count(self) -> int:
        """Pairs in the cell."""
        return self.bias.count

    @property
    def goal_spread(self) -> float:
        """The goal for the spread: 9 %, or 1.3 times the bound where that is more."""
        return max(0.09, 1.3 * self.bound) if math.isfinite(self.bound) else 0.09


def _share_by_study(claimed: Sequence[tuple[bool | None, int]]) -> Estimate:
    """Return the share that is true, with intervals over studies."""
    studies = sorted({s for _, s in claimed})
    hits = [sum(bool(c) for c, s in claimed if s == study) for study in studies]
    return estimate_share(hits, [sum(s == study for _, s in claimed) for study in studies])


def cell_of(pairs: Iterable[Pair]) -> Cell:
    """Return the figures of a cell."""
    held = list(pairs)
    errors = [p.error for p in held]
    owners = [p.study for p in held]
    claimed = [(p.covers, p.study) for p in held if p.covers is not None]
    bounds = [p.bound for p in held if p.bound is not None]
    return Cell(
        bias=estimate_mean(errors, owners),
        spread=estimate_spread(errors, owners),
        coverage=_share_by_study(claimed),
        bound=float(np.sqrt(np.mean(np.square(bounds)))) if bounds else math.nan,
        median=float(np.median(errors)) if errors else math.nan,
        limited=float(np.mean([p.limited for p in held])) if held else math.nan,
    )


@dataclass(frozen=True, slots=True)
class Repeat:
    """Two scans of the same foci: the within-focus coefficient of variation, and the 95 % limit of change."""

    spread: Estimate
    foci: int

    @property
    def limit(self) -> float:
        """Relative change between two scans that chance stays below in 95 %: 1.96 · √2 times the spread."""
        return 1.96 * math.sqrt(2) * self.spread.value


def repeatability(records: Sequence[StudyRecord], name: str, keep: Callable[[Pair], bool]) -> Repeat:
    """Return how well two scans of the same body agree, for foci found in both and kept by a rule."""
    twice: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for purpose in ("foci", "rescan"):
        for pair in pairs_of(records, name, purpose):
            if keep(pair):
                twice[pair.study, pair.true.id].append(pair)
    both = [pairs for pairs in twice.values() if len(pairs) == 2]
    apart = [
        2 * (a.measured.value - b.measured.value) / (a.measured.value + b.measured.value) / math.sqrt(2)
        for a, b in both
        if a.measured.value + b.measured.value > 0
    ]
    owners = [a.study for a, b in both if a.measured.value + b.measured.value > 0]
    mean = estimate_mean([x * x for x in apart], owners)
    if apart:
        value, low, high = (math.sqrt(max(v, 0.0)) for v in (mean.value, mean.low, mean.high))
        mean = Estimate(value, low, high, mean.count, mean.studies)
    return Repeat(mean, len(apart))
