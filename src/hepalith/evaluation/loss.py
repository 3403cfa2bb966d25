"""Whether a small set has lost anything against what it is expected to yield."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hepalith.evaluation.bootstrap import Estimate, estimate_mean
from hepalith.evaluation.detection import above_statement, cases_of, false_calls, sensitivity
from hepalith.evaluation.measurement import cell_of, pairs_of
from hepalith.evaluation.quality import livers_of
from hepalith.evaluation.record import StudyRecord

__all__ = ["expect", "find_losses", "yield_of"]

ROUNDING = 1e-4
"""Figures are kept with four decimals."""

MORE_IS_BETTER = frozenset(
    {"found", "found as easy as stated", "liver Dice", "intervals that hold the truth"}
)
"""Figures that are lost by falling; the others by rising."""


def yield_of(records: Sequence[StudyRecord]) -> dict[str, Estimate]:
    """Return the figures of a set that may not be lost.

    The size of the error is that of the integrated excess, relative, as a mean over foci.
    """
    cases = cases_of(records)
    pairs = pairs_of(records, "integrated excess")
    livers = [v.dice for _, v in livers_of(records)]
    return {
        "found": sensitivity(cases),
        "found as easy as stated": sensitivity(c for c in cases if above_statement(c)),
        "false calls a scan": false_calls(records),
        "liver Dice": estimate_mean(livers, range(len(livers))),
        "size of the error of the integrated excess": estimate_mean(
            [abs(p.error) for p in pairs], [p.study for p in pairs]
        ),
        "intervals that hold the truth": cell_of(pairs).coverage,
    }


def expect(records: Sequence[StudyRecord]) -> dict[str, dict[str, float]]:
    """Return the figures with the ends of their intervals, as they are kept."""
    return {
        name: {"value": round(e.value, 4), "low": round(e.low, 4), "high": round(e.high, 4), "n": e.count}
        for name, e in yield_of(records).items()
    }


def find_losses(
    records: Sequence[StudyRecord], expected: Mapping[str, Mapping[str, float]]
) -> tuple[str, ...]:
    """Return a sentence for each figure that is worse than expected by more than its interval.

    Parameters
    ----------
    records
        Of the small set, as it is now.
    expected
        As `expect` gave it.
    """
    losses = []
    for name, estimate in yield_of(records).items():
        held = expected[name]
        better = name in MORE_IS_BETTER
        # not (better), so that a figure that cannot be had any more is a loss too
        kept = (
            estimate.value >= held["low"] - ROUNDING if better else estimate.value <= held["high"] + ROUNDING
        )
        if not kept:
            ends = f"{held['low']:.3f} to {held['high']:.3f}"
            losses.append(f"{name}: {estimate.value:.3f}, expected {held['value']:.3f} ({ends})")
    return tuple(losses)
