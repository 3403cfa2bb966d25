"""Gas in a duct or a vessel: a bright echo with haze, or a train of echoes, behind it."""

from __future__ import annotations

import functools
import math
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.forest import Forest, load_forest
from hepalith.calcification.ultrasound.evidence_measures import ASKED as OF_BODY
from hepalith.calcification.ultrasound.shadow import ASKED as OF_TRAIL
from hepalith.calcification.ultrasound.shadow import measures_of
from hepalith.calcification.ultrasound.shadow_trail import Trail
from hepalith.calcification.ultrasound.sight import Sight

__all__ = ["GAS_ASKED", "gas_measures", "gas_words", "log_odds_of_gas"]

FOREST = "gas.npz"
"""The forest that tells gas, under `weights`; made by ``python -m hepalith.training gas``."""

GAS_ASKED = (*(f"body_{name}" for name in OF_BODY), *(f"behind_{name}" for name in OF_TRAIL))
"""Names of what it is asked with: all that the body is judged by, and the whole table of its trail. Neither
tells gas alone: calcium is as bright, and behind one in three bright bodies of speckle something shines."""

SLOPE, SHIFT = 1.7, -1.0
"""What makes odds of the forest's log odds: trees that are asked together say too little, and it learned
from pictures that hold more gas than most. Fitted with a logistic law: 1.9 and -0.6 on 240 development
phantoms, 1.5 and -1.8 on 150 real stills with bodies put in; between the two is our judgement."""

LEAST_SAID = 0.01
"""Least probability of the forest, and of its contrary: 100 trees hardly know rarer. Our judgement."""

STRIPES = 0.45
"""Correlation of a trail with itself from which it is striped: the upper decile of plain tissue."""


def log_odds_of_gas(sight: Sight, measures: NDArray[np.float64]) -> float:
    """Return the log odds that a body is gas; minus infinity where nothing behind it can be judged.

    `measures` are those of the body (`evidence_measures.measures_asked`).
    """
    if not isinstance(sight.trail, Trail):
        return -math.inf
    said = float(_forest().ask(gas_measures(sight.trail, measures))[0])
    said = min(max(said, LEAST_SAID), 1.0 - LEAST_SAID)
    return SLOPE * math.log(said / (1.0 - said)) + SHIFT


def gas_measures(trail: Trail, measures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the forest is asked with, in the order of `GAS_ASKED`."""
    return np.concatenate([measures, measures_of(trail)])


def gas_words(sight: Sight) -> str:
    """Return what gas is told by, in words."""
    p = sight.shadow.probabilities
    if isinstance(sight.trail, Trail) and sight.trail.ripple > STRIPES:
        behind = "evenly repeated stripes behind it"
    elif p.get("comet_tail", 0.0) > p.get("dirty", 0.0):
        behind = "a bright tail behind it"
    else:
        behind = "a dirty shadow behind it"
    return f"{behind}, as gas has it; {sight.body.contrast:.1f} deviations of speckle brighter than the liver"


@functools.cache
def _forest() -> Forest:
    """Return the forest, read once for a process."""
    return load_forest(
        resources.files("hepalith.calcification.ultrasound").joinpath("weights", FOREST).read_bytes()
    )
