"""The posterior once for each draw of every number: how far the answer hangs on what nobody knows well."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.belief import Belief
from hepalith.differential.entry import Number
from hepalith.differential.hypotheses import Hypotheses, sum_by
from hepalith.differential.model import DRAWS, SEED
from hepalith.differential.pair import join_groups
from hepalith.differential.prior import draw_priors, set_priors
from hepalith.differential.question import in_bands, say
from hepalith.differential.table import Z95

__all__ = ["draw_posterior", "interval"]

Floats = NDArray[np.floating]

LEAST_DRAWN = 1e-6
"""Forms less probable than this are not drawn: the ranges of thirty findings of grade C reach some 400 times
the odds either way, which is still less than is ever printed. They keep their point value."""

LEFT_OUT = 0.005
"""Hypotheses of two processes that together hold less than this are not drawn one by one: they keep their
point odds to the hypotheses that the same diagnosis leads alone. Half of the least that is printed."""

MOST_PAIRS = 8
"""Hypotheses of two processes drawn at most; with these a request keeps to its 50 ms."""

LEAST_SCALE = 1e-30
"""Likelihoods are scaled by that of the leading form, or by this if it is less (single precision)."""


def draw_posterior(belief: Belief) -> NDArray[np.float32]:
    """Return posteriors of shape (diagnoses, draws), one for each draw of every number."""
    hypotheses = belief.hypotheses
    count, alone = len(belief.diagnoses), hypotheses.count_alone
    joint = np.exp(belief.log_joint - belief.log_joint.max())
    joint /= joint.sum()
    pairs = _choose(joint[alone:])
    wanted = joint[:alone] >= LEAST_DRAWN
    wanted[hypotheses.atoms[alone + pairs]] = True
    atoms = np.flatnonzero(wanted)
    chosen = hypotheses.select(pairs)
    drawn, paired = _draw_priors(belief, atoms, chosen)
    top = int(joint[atoms].argmax())
    for told, told_of_pairs in _likelihoods(belief, atoms, chosen):
        scale = 1.0 / max(float(told[top].mean()), LEAST_SCALE)
        drawn *= told
        drawn *= np.float32(scale)
        paired *= (told_of_pairs * scale).astype(np.float32)
    left = joint.copy()
    left[atoms] = left[alone + pairs] = 0.0
    owners = hypotheses.leading[atoms]
    kept = np.bincount(owners, joint[atoms], count)
    company = np.divide(sum_by(left, hypotheses.leading, count), kept, out=np.zeros(count), where=kept > 0)
    drawn *= (1.0 + company)[owners, None].astype(np.float32)
    posterior = np.zeros((count, DRAWS), dtype=np.float32)
    for owner, row in zip([*owners, *chosen.leading[alone:]], [*drawn, *paired], strict=True):
        posterior[owner] += row
    posterior /= posterior.sum(axis=0)
    undrawn = np.where(kept > 0, 0.0, belief.posterior).astype(np.float32)
    posterior *= 1.0 - undrawn.sum()
    posterior += undrawn[:, None]
    return posterior


def _likelihoods(
    belief: Belief, atoms: NDArray[np.intp], chosen: Hypotheses
) -> Iterator[tuple[Floats, Floats]]:
    """Yield draws of the likelihood of one unit after the other, for the forms and for the pairs."""
    question, model, pairs = belief.question, belief.question.model, chosen.pairs
    for root, unit in question.units.items():
        if root not in question.groups:
            said = say(model, unit)
            told = model.likelihood(root, said, atoms=atoms, drawn=True)
            told_of_pairs = pairs.likelihood(root, said, drawn=True)
            if root == "age" and question.population.age_bands:
                bands = in_bands(model, question.population.age_bands)
                told = told / model.likelihood("age", bands, atoms=atoms, drawn=True)
                told_of_pairs = told_of_pairs / pairs.likelihood("age", bands, drawn=True)
            yield told, told_of_pairs
    groups = question.own_groups()
    units = [(root, said) for group in groups for root, said in group.items()]
    nothing = np.ones((len(pairs.leading), 1), dtype=np.float32)
    for root, said in units:
        yield model.likelihood(root, said, atoms=atoms, drawn=True), nothing
    if groups and len(pairs.leading):
        owned = [[pairs.own(root, said, drawn=True) for root, said in group.items()] for group in groups]
        together, _ = join_groups(owned, pairs.hidden)
        yield np.ones((len(atoms), 1), dtype=np.float32), together


def _choose(pairs: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the likeliest hypotheses of two processes, as many as it takes to leave out next to nothing."""
    if pairs.sum() <= LEFT_OUT:
        return np.zeros(0, dtype=np.intp)
    order = np.argsort(-pairs, kind="stable")[:MOST_PAIRS]
    left = pairs.sum() - np.cumsum(pairs[order])
    enough = int(np.searchsorted(-left, -LEFT_OUT))
    return np.sort(order[: enough + 1])


def _draw_priors(
    belief: Belief, atoms: NDArray[np.intp], chosen: Hypotheses
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return draws of P(form alone) and P(pair); the share of what stands beside moves within its range."""
    question, model = belief.question, belief.question.model
    priors = draw_priors(model, question.setting, question.patient, bare=question.is_bare)
    points = set_priors(model, question.setting, question.patient, bare=question.is_bare)
    share = np.asarray(np.exp(chosen.log_share), dtype=np.float32)
    forms = model.share_factors * model.draw_echo_odds() if question.is_echo else model.share_factors
    drawn = priors[model.diagnosis_of[atoms]] * forms[atoms] * share[atoms, None]
    alone = chosen.count_alone
    paired = priors[chosen.leading[alone:]] * forms[chosen.atoms[alone:]] * share[alone:, None]
    for place, number in enumerate(chosen.numbers):
        paired[place] *= model.share_factors[chosen.pairs.beside[place]] * _vary(number)
        if chosen.by_chance[place]:
            owner = int(chosen.beside[alone + place])
            paired[place] *= priors[owner] / np.float32(points[owner])
    return drawn, paired


@lru_cache(maxsize=128)
def _vary(number: Number) -> NDArray[np.float32]:
    """Return draws of a share, as factors of its value: a two-piece log-normal of its range."""
    seed = zlib.crc32(repr(sorted(number.model_dump().items())).encode())
    z = np.random.default_rng([SEED, 30_000, seed]).standard_normal(DRAWS, dtype=np.float32)
    below, above = np.log(number.value / number.low) / Z95, np.log(number.high / number.value) / Z95
    return np.asarray(np.exp(z * np.where(z < 0, below, above)), dtype=np.float32)


def interval(
    drawn: NDArray[np.float32], posterior: NDArray[np.float64], percent: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the interval over the draws, widened where needed to hold the point value."""
    places = [round(p / 100 * (drawn.shape[1] - 1)) for p in percent]
    ordered = np.partition(drawn, places, axis=1)
    low, high = (ordered[:, place] for place in places)
    return np.minimum(low, posterior), np.maximum(high, posterior)
