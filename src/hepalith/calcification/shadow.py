"""The shadow of a bright body: how much of the brightness is missing behind it, and of which kind it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hepalith.calcification.echo import Shadow
from hepalith.calcification.shadow_trail import Trail
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["GRADES", "grade_shadow"]


@dataclass(frozen=True, slots=True)
class Grade:
    """How trails of one grade look: mean and standard deviation near the body and far behind it."""

    near: tuple[float, float]
    far: tuple[float, float]
    ripple: float
    prior: float


GRADES: Mapping[str, Grade] = MappingProxyType(
    {
        "none": Grade((0.0, 0.07), (0.0, 0.07), 0.0, 0.35),
        "faint": Grade((0.22, 0.10), (0.24, 0.10), 0.0, 0.20),
        "clean": Grade((0.70, 0.20), (0.75, 0.20), 0.0, 0.25),
        "dirty": Grade((0.12, 0.20), (0.50, 0.18), 0.5, 0.12),
        "comet_tail": Grade((-0.35, 0.25), (-0.05, 0.15), 1.0, 0.08),
    }
)
"""Trails of each grade. First values by our judgement; to be measured on development phantoms."""

RIPPLE_SCALE = 0.25
"""Correlation of a trail with itself by which stripes speak: one unit of log odds. Our judgement."""

UNSURE_SD = 0.30
"""Standard deviation of the index above which no grade is told: it spans none to clean."""


def grade_shadow(trail: Trail | str, expected: float | None) -> Shadow:
    """Return the grade of a shadow with the probability of each, from its trail.

    Notes
    -----
    Each grade is a pair of normal laws of the missing share just behind the body and far behind it, widened
    by the trail's own uncertainty; dirty shadows fill in near the body and comet tails are brighter than
    their neighbours there.
    """
    if isinstance(trail, str):
        return Shadow("not_assessable", NotAssessable(trail), expected=expected, reason=trail)
    low, high = trail.index - 1.96 * trail.index_sd, trail.index + 1.96 * trail.index_sd
    index = Measurement(trail.index, "1", low, high)
    if trail.index_sd > UNSURE_SD:
        reason = "what lies behind it is too uneven to tell a shadow"
        return Shadow("not_assessable", NotAssessable(reason), expected=expected, reason=reason)
    score = {name: _log_likelihood(trail, grade) + math.log(grade.prior) for name, grade in GRADES.items()}
    top = max(score.values())
    share = {name: math.exp(value - top) for name, value in score.items()}
    total = sum(share.values())
    probabilities = {name: value / total for name, value in share.items()}
    best = max(probabilities, key=lambda name: probabilities[name])
    return Shadow(best, index, MappingProxyType(probabilities), expected, _words(best, trail))


def _log_likelihood(trail: Trail, grade: Grade) -> float:
    """Return the logarithm of how likely a trail is under a grade."""
    noise = float(np.median(trail.sd))
    n = trail.missing.size
    out = 0.0
    for value, (mean, sd), windows in (
        (trail.near, grade.near, min(2, n)),
        (trail.far, grade.far, max(1, n // 3)),
    ):
        spread = math.hypot(sd, noise / math.sqrt(windows))
        out += -0.5 * ((value - mean) / spread) ** 2 - math.log(spread)
    return out + grade.ripple * min(trail.ripple - 0.5, 0.4) / RIPPLE_SCALE * 0.5


def _words(grade: str, trail: Trail) -> str:
    """Return what was seen behind a body, in words."""
    percent = f"{max(0.0, trail.index):.0%} of the neighbours' brightness is missing behind it"
    return {
        "none": "no shadow: as bright behind it as beside",
        "faint": f"a faint shadow: {percent}",
        "clean": f"a clean shadow: {percent}",
        "dirty": f"a dirty shadow: {percent}, less just behind it ({max(0.0, trail.near):.0%})",
        "comet_tail": f"a bright tail: {max(0.0, -trail.near):.0%} brighter than beside it",
    }[grade]
