"""The shadow of a bright body: how much of the brightness is missing behind it, and of which kind it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.echo import Shadow
from hepalith.calcification.forest import Forest, load_forest
from hepalith.calcification.ultrasound.shadow_cut import MEASURES
from hepalith.calcification.ultrasound.shadow_trail import Trail
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["ASKED", "GRADES", "grade_shadow", "measures_of"]

WEIGHTS = "shadow.npz"
"""The forest that grades, under `weights`; made by ``python -m hepalith.training shadows``."""

OF_TRAIL = ("index", "drop_db", "near", "middle", "far", "before", "sharp", "ripple", "lopsided")
"""Fields of a trail that the forest is asked with, before its table."""

ASKED = (*OF_TRAIL, *MEASURES)
"""Names of what the forest is asked with."""

FROM_LAWS, LEAST_SHARE_SAID = 0.1, 0.01
"""What the laws below count beside the forest, in log probabilities, and the least probability of each: the
forest knows made pictures, the laws also hold where a real liver is rougher. Grades right at 0, 0.1, 0.2 and
0.4: of 340 foci of 260 development phantoms that the forest has not seen, 0.78, 0.77, 0.77 and 0.76; of 230
put into real stills, 0.71, 0.71, 0.71 and 0.70."""


@dataclass(frozen=True, slots=True)
class Grade:
    """How trails of one grade look: mean and spread of the share missing along it and just behind.

    `stripes` is the log odds by a unit of correlation of the trail with itself; `prior` the share of foci.
    """

    index: tuple[float, float]
    near: tuple[float, float]
    stripes: float
    prior: float


GRADES: Mapping[str, Grade] = MappingProxyType(
    {
        "none": Grade((0.01, 0.08), (0.03, 0.13), -1.0, 0.30),
        "faint": Grade((0.20, 0.11), (0.20, 0.16), -1.0, 0.27),
        "clean": Grade((0.62, 0.27), (0.64, 0.30), -1.0, 0.30),
        "dirty": Grade((0.19, 0.15), (0.05, 0.20), 3.0, 0.06),
        "comet_tail": Grade((-0.30, 0.25), (-0.45, 0.30), 4.0, 0.04),
    }
)
"""Trails of each grade: medians and spreads over 300 bodies of development phantoms and of stills with foci
put in, drawn together where grades overlap most. They tell haze and tails from the rest; of none, faint and
clean see `BY_LOSS`."""

BY_LOSS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {"none": (0.81, -0.42, -1.02), "faint": (0.0, 0.0, 0.0), "clean": (-3.85, 0.30, 2.42)}
)
"""Log odds of a grade against a faint shadow: a constant, by a decibel of loss, by a missing share of one.

A grade is a loss in decibels; but a shadow that reaches black loses no more than was there, and then the
share tells. Fitted to 390 foci of 278 development phantoms: 0.80 of clear grades right with a fifth of them
left out in turn, 0.72 by the share alone. No picture tells its range, 48 to 85 dB on the phantoms: the loss
is off by up to a quarter for it. The spread of speckle tells the range hardly better than a guess, since
compounding narrows it."""

LEAST_DB, MOST_DB = -5.0, 20.0
"""Losses that count at least and at most: what lies beyond says nothing more of the grade."""

TOGETHER = 0.6
"""What the two measures' log likelihoods are multiplied by: they share half of their windows."""

STRIPES_FROM, MOST_STRIPES = 0.3, 0.8
"""Correlation of a trail with itself from which stripes speak for haze or a tail, and the most that counts:
plain speckle shows 0.15 (median) to 0.35."""

DOUBT_SHARE = 0.7
"""Share of a trail's own uncertainty that the spreads above do not hold yet. Our judgement."""

LEAST_SHARE = -0.6
"""Missing share that counts at least: how much brighter a tail is beyond that says nothing more."""

UNSURE_SD = 0.30
"""Standard deviation of the index that counts at most: it spans none to clean."""


def grade_shadow(trail: Trail | str, expected: float | None) -> Shadow:
    """Return the grade of a shadow with the probability of each, from its trail.

    Notes
    -----
    Two readers are heard. A forest of trees knows the whole table of a trail, line by line and row by row,
    from development phantoms. The other holds plain laws: each grade is a pair of normal laws, of the
    missing share along the trail and just behind the body, widened by the trail's own uncertainty; dirty
    shadows fill in near the body, comet tails are brighter than their neighbours there, and both are often
    striped; what is neither is none, faint or clean by how many decibels it loses.
    """
    if isinstance(trail, str):
        return Shadow("not_assessable", NotAssessable(trail), expected=expected, reason=trail)
    low, high = trail.index - 1.96 * trail.index_sd, trail.index + 1.96 * trail.index_sd
    index = Measurement(trail.index, "1", low, high)
    laws, told = _by_laws(trail), _forest()
    answer = dict(zip(told.answers, told.ask(measures_of(trail)).tolist(), strict=True))
    score = {
        name: math.exp(
            (1 - FROM_LAWS) * math.log(answer[name] + LEAST_SHARE_SAID)
            + FROM_LAWS * math.log(law + LEAST_SHARE_SAID)
        )
        for name, law in laws.items()
    }
    total = sum(score.values())
    probabilities = {name: value / total for name, value in score.items()}
    best = max(probabilities, key=lambda name: probabilities[name])
    return Shadow(best, index, MappingProxyType(probabilities), expected, _words(best, trail))


def measures_of(trail: Trail) -> NDArray[np.float64]:
    """Return what the forest is asked with, in the order of `ASKED`, each bounded."""
    own = [min(max(float(getattr(trail, name)), -MOST_DB), MOST_DB) for name in OF_TRAIL]
    return np.concatenate([own, trail.cut])


@lru_cache(maxsize=1)
def _forest() -> Forest:
    """Return the forest, read once for a process."""
    return load_forest(
        resources.files("hepalith.calcification.ultrasound").joinpath("weights", WEIGHTS).read_bytes()
    )


def _by_laws(trail: Trail) -> dict[str, float]:
    """Return the probability of each grade by the laws of `GRADES` and `BY_LOSS`."""
    score = {name: _log_likelihood(trail, grade) + math.log(grade.prior) for name, grade in GRADES.items()}
    top = max(score.values())
    share = {name: math.exp(value - top) for name, value in score.items()}
    total = sum(share.values())
    plain = sum(share[name] for name in BY_LOSS) / total
    probabilities = {name: value / total for name, value in share.items()}
    return probabilities | {name: plain * part for name, part in _by_loss(trail).items()}


def _by_loss(trail: Trail) -> dict[str, float]:
    """Return the probabilities of none, faint and clean among themselves."""
    loss_db = min(max(trail.drop_db, LEAST_DB), MOST_DB)
    index = min(max(trail.index, LEAST_SHARE), 1.0)
    odds = {
        name: math.exp(constant + by_db * loss_db + by_share * index)
        for name, (constant, by_db, by_share) in BY_LOSS.items()
    }
    total = sum(odds.values())
    return {name: value / total for name, value in odds.items()}


def _log_likelihood(trail: Trail, grade: Grade) -> float:
    """Return the logarithm of how likely a trail is under a grade."""
    doubt = DOUBT_SHARE * min(trail.index_sd, UNSURE_SD)
    out = 0.0
    for value, (mean, sd) in ((trail.index, grade.index), (trail.near, grade.near)):
        spread = math.hypot(sd, doubt)
        out += -0.5 * ((min(max(value, LEAST_SHARE), 1.0) - mean) / spread) ** 2 - math.log(spread)
    return TOGETHER * out + grade.stripes * (min(trail.ripple, MOST_STRIPES) - STRIPES_FROM)


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
