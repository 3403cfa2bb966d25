"""The posterior once for each draw of every number: how far the answer hangs on what nobody knows well."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.belief import Belief
from hepalith.differential.entry import Number
from hepalith.differential.hypotheses import Hypotheses, sum_by
from hepalith.differential.model import DRAWS, SEED
from hepalith.differential.prior import draw_priors, set_priors
from hepalith.differential.question import in_bands, say
from hepalith.differential.table import Z95

__all__ = ["draw_posterior", "interval"]

LEFT_OUT = 0.005
"""Hypotheses of two processes that together hold less than this are not drawn one by one: they keep their
point odds to the hypotheses that the same diagnosis leads alone. Half of the least that is printed."""

MOST_PAIRS = 12
"""Hypotheses of two processes drawn at most; with these a request keeps to its 50 ms."""


def draw_posterior(belief: Belief) -> NDArray[np.float64]:
    """Return posteriors of shape (diagnoses, draws), one for each draw of every number."""
    question, hypotheses = belief.question, belief.hypotheses
    joint = np.exp(belief.log_joint - belief.log_joint.max())
    kept = _choose(joint[hypotheses.count_alone :], joint.sum())
    count = len(belief.diagnoses)
    chosen = hypotheses.select(kept)
    drawn = _prior_draws(belief, chosen)
    bands = question.population.age_bands
    for root, unit in question.units.items():
        if root not in question.groups:
            drawn *= chosen.draw_unit(root, say(question.model, unit))
            if root == "age" and bands:
                drawn /= chosen.draw_unit("age", in_bands(question.model, bands))
    if groups := question.own_groups():
        drawn *= chosen.draw_own(groups)
    alone = hypotheses.count_alone
    left = joint.copy()
    left[alone + kept] = 0.0
    by_alone = sum_by(joint[:alone], hypotheses.leading[:alone], count)
    by_left = sum_by(left[alone:], hypotheses.leading[alone:], count)
    drawn[:alone] *= (1.0 + by_left / np.maximum(by_alone, np.finfo(float).tiny))[
        hypotheses.leading[:alone], None
    ]
    posterior = np.zeros((count, DRAWS))
    np.add.at(posterior, chosen.leading, drawn)
    return np.asarray(posterior / posterior.sum(axis=0))


def _choose(pairs: NDArray[np.float64], total: float) -> NDArray[np.intp]:
    """Return the likeliest hypotheses of two processes, as many as it takes to leave out next to nothing."""
    order = np.argsort(-pairs, kind="stable")[:MOST_PAIRS]
    left = pairs.sum() - np.cumsum(pairs[order])
    enough = int(np.searchsorted(-left, -LEFT_OUT * total))
    return np.sort(order[: enough + 1]) if len(order) and pairs.sum() > LEFT_OUT * total else order[:0]


def _prior_draws(belief: Belief, chosen: Hypotheses) -> NDArray[np.float64]:
    """Return draws of P(hypothesis); the share of what stands beside moves within its own range."""
    question, model = belief.question, belief.question.model
    priors = draw_priors(model, question.setting, question.patient).astype(np.float64)
    points = set_priors(model, question.setting, question.patient)
    drawn = priors[chosen.leading] * np.exp(chosen.log_share)[:, None]
    drawn *= (model.share_draws / model.share[:, None])[chosen.atoms]
    alone = chosen.count_alone
    for place, number in enumerate(chosen.numbers):
        beside = int(chosen.pairs.beside[place])
        drawn[alone + place] *= model.share_draws[beside] / model.share[beside] * _vary(number)
        if chosen.by_chance[place]:
            owner = int(chosen.beside[alone + place])
            drawn[alone + place] *= priors[owner] / points[owner]
    return drawn


def _vary(number: Number) -> NDArray[np.float64]:
    """Return draws of a share, as factors of its value: a two-piece log-normal of its range."""
    seed = zlib.crc32(repr(sorted(number.model_dump().items())).encode())
    z = np.random.default_rng([SEED, 30_000, seed]).standard_normal(DRAWS)
    below, above = np.log(number.value / number.low) / Z95, np.log(number.high / number.value) / Z95
    return np.asarray(np.exp(z * np.where(z < 0, below, above)))


def interval(
    drawn: NDArray[np.float64], posterior: NDArray[np.float64], percent: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the interval over the draws, widened where needed to hold the point value."""
    places = [round(p / 100 * (drawn.shape[1] - 1)) for p in percent]
    ordered = np.partition(drawn, places, axis=1)
    low, high = (ordered[:, place] for place in places)
    return np.minimum(low, posterior), np.maximum(high, posterior)
