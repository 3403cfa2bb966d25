"""How much is found, at how many false calls: from the lines of results alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from hepalith.evaluation.bootstrap import Estimate, estimate_rate, estimate_ratio, estimate_share
from hepalith.evaluation.observer import CLAIM_EXCESS_HU, SOUGHT_SHARE
from hepalith.evaluation.record import FoundRecord, ReadingRecord, StudyRecord, TrueRecord
from hepalith.evaluation.scoring import CUT

__all__ = [
    "SIZES", "Case", "Curve", "above_statement", "cases_of", "claim_found", "curve_of", "false_by_kind",
    "false_calls", "ideal_sensitivity", "linear_ratios", "sensitivity", "snr_ratios", "stated_plainly",
]  # fmt: skip

SIZES = ((0.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 8.0), (8.0, math.inf))
"""Classes of diameter in mm; 2, 5 mm are the goals' own."""

DENSITIES = ((0.0, 150.0), (150.0, 250.0), (250.0, 500.0), (500.0, math.inf))
"""Classes of contrast in HU; 250 HU is that of the stated smallest focus."""

CALCIFICATION = "calcification"


@dataclass(frozen=True, slots=True)
class Case:
    """One true focus in one reading, with all that cells are made by.

    `score` is the greatest probability of calcification given to what it was found as; 0 where missed.
    """

    study: int
    record: StudyRecord
    reading: ReadingRecord
    true: TrueRecord
    score: float


def cases_of(
    records: Sequence[StudyRecord], purpose: str = "foci", liver_source: str = "found"
) -> tuple[Case, ...]:
    """Return every true focus of the readings made for a purpose; of a failed reading all are missed."""
    cases = []
    for number, record in enumerate(records):
        reading = record.of(purpose, liver_source)
        if reading is None:
            continue
        best: dict[int, float] = {}
        for body in reading.found:
            if body.label == CALCIFICATION:
                for truth in body.truths:
                    best[truth] = max(best.get(truth, 0.0), body.probability)
        cases += [
            Case(number, record, reading, t, best.get(t.id, 0.0) if t.found else 0.0) for t in reading.true
        ]
    return tuple(cases)


def stated_plainly(case: Case) -> bool:
    """Return whether a focus is at least as large as the reading's stated smallest, and as dense as that."""
    least = case.reading.smallest_focus_mm
    return least is not None and case.true.diameter_mm >= least and case.true.excess_hu >= CLAIM_EXCESS_HU


def above_statement(case: Case) -> bool:
    """Return whether a focus is at least as easy to see as the reading's stated smallest.

    By the ideal observer's signal-to-noise ratio, which weighs size against contrast; where that is not
    known, by integrated excess.
    """
    least = case.reading.smallest_focus_mm
    if least is None:
        return False
    if case.true.ideal_snr is not None and case.reading.smallest_focus_snr is not None:
        return case.true.ideal_snr >= case.reading.smallest_focus_snr
    return case.true.integrated_excess >= CLAIM_EXCESS_HU * math.pi / 6 * least**3


def sensitivity(cases: Iterable[Case], found: Callable[[Case], bool] | None = None) -> Estimate:
    """Return the share of true foci found."""
    hits: Counter[int] = Counter()
    all_: Counter[int] = Counter()
    for case in cases:
        all_[case.study] += 1
        hits[case.study] += found(case) if found is not None else case.true.found
    return estimate_share([hits[s] for s in all_], list(all_.values()))


def ideal_sensitivity(cases: Iterable[Case]) -> Estimate:
    """Return the share of the same foci that an ideal observer would find at the goal's false calls."""
    hits: dict[int, float] = {}
    all_: Counter[int] = Counter()
    for case in cases:
        if case.true.ideal_snr is None or case.reading.ideal_focus_snr is None:
            continue
        threshold = case.reading.ideal_focus_snr - float(special.ndtri(SOUGHT_SHARE))
        all_[case.study] += 1
        hits[case.study] = hits.get(case.study, 0.0) + float(special.ndtr(case.true.ideal_snr - threshold))
    return estimate_ratio([hits[s] for s in all_], list(all_.values()))


def is_false(body: FoundRecord) -> bool:
    """Return whether a body is called calcification where none is."""
    return body.label == CALCIFICATION and body.truly not in (CALCIFICATION, CUT)


def false_calls(records: Sequence[StudyRecord], purpose: str = "foci") -> Estimate:
    """Return the false calls a reading: bodies called calcification where none was put in."""
    counts = [
        sum(is_false(f) for f in reading.found)
        for record in records
        if (reading := record.of(purpose)) is not None
    ]
    return estimate_rate(counts)


def false_by_kind(records: Sequence[StudyRecord], purpose: str = "foci") -> Counter[str]:
    """Return what the false calls truly lie on: a mimic, or an organ."""
    return Counter(
        f.truly if f.truly != "nothing" else f"nothing put in ({f.organ or 'organ not known'})"
        for record in records
        if (reading := record.of(purpose)) is not None
        for f in reading.found
        if is_false(f)
    )


@dataclass(frozen=True, slots=True)
class Curve:
    """A FROC curve: false calls a scan and sensitivity, by falling probability, with intervals."""

    false: tuple[float, ...]
    found: tuple[float, ...]
    found_low: tuple[float, ...]
    found_high: tuple[float, ...]
    scans: int
    foci: int


CURVE_STEPS = (0.99, 0.98, 0.97, 0.96, 0.95, 0.93, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.3, 0.0)
"""Probabilities at which the curve is taken; 0 is every call."""


def curve_of(records: Sequence[StudyRecord], cases: Sequence[Case]) -> Curve:
    """Return the FROC curve of readings of foci."""
    readings = [r for record in records if (r := record.of("foci")) is not None]
    points = []
    for least in CURVE_STEPS:
        wrong = sum(f.probability >= least for r in readings for f in r.found if is_false(f))
        hit = sensitivity(cases, lambda case, least=least: case.true.found and case.score >= least)  # type: ignore[misc]
        points.append((wrong / max(len(readings), 1), hit.value, hit.low, hit.high))
    false, found, low, high = (tuple(p) for p in zip(*points, strict=True))
    return Curve(false, found, low, high, len(readings), len(cases))


def claim_found(records: Sequence[StudyRecord]) -> Estimate:
    """Return the share of spheres of the stated smallest size that were found: the statement's own test."""
    return sensitivity(cases_of(records, "claim"))


def snr_ratios(records: Sequence[StudyRecord], purpose: str = "foci") -> tuple[float, ...]:
    """Return, for each reading that states a smallest focus, its d' over what an ideal observer needs."""
    return tuple(
        reading.smallest_focus_snr / reading.ideal_focus_snr
        for record in records
        if (reading := record.of(purpose)) is not None
        and reading.smallest_focus_snr is not None
        and reading.ideal_focus_snr
    )


def linear_ratios(records: Sequence[StudyRecord], purpose: str = "foci") -> tuple[float, ...]:
    """Return the same over the best linear observer of that very liver, where one is known."""
    return tuple(
        reading.smallest_focus_snr / reading.linear_focus_snr
        for record in records
        if (reading := record.of(purpose)) is not None
        and reading.smallest_focus_snr is not None
        and reading.linear_focus_snr
    )


def baseline_found(cases: Iterable[Case], name: str) -> Estimate:
    """Return the share of true foci that a threshold script finds."""

    def hit(case: Case) -> bool:
        return any(b.name == name and case.true.id in b.found for b in case.reading.baselines)

    return sensitivity((c for c in cases if c.reading.baselines), hit)


def baseline_false(records: Sequence[StudyRecord], name: str, purpose: str = "foci") -> Estimate:
    """Return a threshold script's false calls a scan."""
    counts = [
        b.false_count
        for record in records
        if (reading := record.of(purpose)) is not None
        for b in reading.baselines
        if b.name == name
    ]
    return estimate_rate(counts)


def median_of(values: Sequence[float]) -> float:
    """Return the median; not a number of nothing."""
    return float(np.median(values)) if len(values) else math.nan
