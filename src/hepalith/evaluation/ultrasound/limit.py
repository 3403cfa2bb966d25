"""How well shadows could be graded at all: what speckle leaves an observer who knows everything else."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hepalith.evaluation.ultrasound.measure import pairs_of
from hepalith.evaluation.ultrasound.record import SonoRecord, TruthRecord

__all__ = ["shadow_limit"]

BORDERS_DB = {"none": (-math.inf, 2.5), "faint": (2.5, 9.0), "clean": (9.0, math.inf)}
"""Losses between which a shadow has each grade, as the phantom's truth has them."""

RANGE_UNKNOWN = 0.16
"""Spread of the dynamic range that pictures are displayed with, as a share of its mean (48 to 85 dB, drawn
evenly by the phantoms): no header tells it, so a loss in decibels is known no better."""

BESIDE = 1.5
"""Variance with which a loss is known where the tissue is told by as much speckle on either side, in that of
the zone alone: 1 + 1/2."""


def shadow_limit(
    records: Sequence[SonoRecord], *, borderline: bool = True, told: bool = True
) -> tuple[float, int]:
    """Return the share of shadows that an ideal observer grades rightly, and of how many.

    The shadows are those that the product is measured on, where they are none, faint or clean.

    Parameters
    ----------
    records
        Sonograms that were read.
    borderline
        Whether shadows near the border of two grades count.
    told
        True: the tissue without the body and the display's range are known, and speckle alone is not. False:
        the tissue is told by as much speckle on either side, and the range is not known.

    Notes
    -----
    The mean level of the zone is all that the picture says of the loss: with its standard deviation s the
    estimate is normal about the true loss d, and the chance of the right grade between borders a and b is
    Φ((b - d) / s) - Φ((a - d) / s).
    """
    chances = [
        _chance(true, told=told)
        for true, _ in pairs_of(records)
        if true.assessable
        and true.shadow in BORDERS_DB
        and true.speckle_db > 0
        and (borderline or not true.borderline)
    ]
    return (sum(chances) / len(chances) if chances else math.nan), len(chances)


def _chance(true: TruthRecord, *, told: bool) -> float:
    """Return the chance that a shadow is graded rightly."""
    low, high = BORDERS_DB[true.shadow]
    own = true.speckle_db if told else math.sqrt(BESIDE) * true.speckle_db
    sd = own if told else math.hypot(own, RANGE_UNKNOWN * true.drop_db)
    return _below((high - true.drop_db) / sd) - _below((low - true.drop_db) / sd)


def _below(deviates: float) -> float:
    """Return the normal law's share below so many standard deviations."""
    return 0.5 * (1 + math.erf(deviates / math.sqrt(2)))
