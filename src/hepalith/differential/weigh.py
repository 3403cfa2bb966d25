"""How much each finding weighs: exact shares of the log10 odds, whatever the order of findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.model import Model
from hepalith.differential.statement import Statement, combine, known_features

__all__ = ["share_within_unit", "weigh_findings"]

PANELS, NODES = 16, 6
"""Gauss-Legendre panels and nodes per panel along the path from no evidence to all of it. With them the
quadrature is within 1e-6 of the exact total even where evidence spans 60 decades; what is left is spread
in proportion, so that the sum is exact."""

LN10 = math.log(10.0)


def share_within_unit(model: Model, root: str, statements: Sequence[Statement]) -> NDArray[np.float64]:
    """Return the log-likelihood of a unit, shared among its findings; shape (findings, atoms).

    Findings of one unit depend on each other (number and side, size and shadow), so each gets its
    Shapley value: its mean contribution over every order in which they could have been learnt.
    The shares of a column sum to the log-likelihood of all of them together.
    """
    count = len(statements)
    worth: dict[tuple[int, ...], NDArray[np.float64]] = {(): np.zeros(len(model.diagnosis_of))}
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            said = {
                feature: combine(together, len(model.tables[feature].feature.values))
                for feature, together in known_features(statements[i] for i in chosen).items()
            }
            worth[chosen] = np.log(np.maximum(model.likelihood(root, said), np.finfo(float).tiny))
    shares = np.zeros((count, len(model.diagnosis_of)))
    for chosen, value in worth.items():
        if chosen:
            for i in chosen:
                without = tuple(c for c in chosen if c != i)
                order = (
                    math.factorial(len(without)) * math.factorial(count - len(chosen)) / math.factorial(count)
                )
                shares[i] += order * (value - worth[without])
    return shares


def weigh_findings(
    model: Model, log_prior: NDArray[np.float64], shares: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    r"""Return prior log10 odds, posterior log10 odds and each finding's weight, for every diagnosis.

    Parameters
    ----------
    log_prior
        Natural log of P(atom), shape (atoms,).
    shares
        Natural log-likelihoods by finding, shape (findings, atoms).

    Notes
    -----
    The odds of a diagnosis are not a sum over findings: "all other entries" is a mixture that every
    finding changes. The weight of finding i is its slope, averaged along the straight path from
    no evidence to all of it (the Aumann-Shapley value):

    .. math:: w_i = \int_0^1 \left( E_{d,t}[\ell_i] - E_{\bar d,t}[\ell_i] \right) dt / \ln 10

    where the expectations run over the atoms of d, and of all others, after every finding has
    counted with the power t. It needs no order of the findings, gives nothing to a finding that
    tells no entry from another, is the log10 likelihood ratio itself where there are two
    entries, and sums to posterior minus prior.

    References
    ----------
    Aumann and Shapley, Values of Non-Atomic Games, Princeton University Press, 1974.
    """
    own = model.diagnosis_of == np.arange(len(model.knowledge.entries))[:, None]
    total = shares.sum(axis=0)
    prior_odds = _log_odds(log_prior, own)
    posterior_odds = _log_odds(log_prior + total, own)
    t, weight = _path()
    tempered = log_prior + t[:, None] * total
    slopes = _expect(tempered, own, shares) - _expect(tempered, ~own, shares)
    weights = np.einsum("t,tdn->dn", weight, slopes) / LN10
    owed = (posterior_odds - prior_odds) - weights.sum(axis=1)
    size = np.abs(weights).sum(axis=1, keepdims=True)
    weights += np.divide(np.abs(weights), size, out=np.zeros_like(weights), where=size > 0) * owed[:, None]
    return prior_odds, posterior_odds, weights


def _path() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    node, weight = np.polynomial.legendre.leggauss(NODES)
    starts = np.arange(PANELS)[:, None]
    t = (starts + (node + 1.0) / 2.0) / PANELS
    return t.ravel(), np.tile(weight / 2.0 / PANELS, PANELS)


def _masked(
    log_p: NDArray[np.float64], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return exp(log_p) within each row of `mask`, scaled by its largest, and the log of that."""
    within = np.where(mask, log_p[..., None, :], -np.inf)
    top = within.max(axis=-1, keepdims=True)
    return np.exp(within - top), top[..., 0]


def _log_odds(log_p: NDArray[np.float64], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    (mine, my_top), (others, other_top) = _masked(log_p, own), _masked(log_p, ~own)
    odds = np.log(mine.sum(axis=-1)) + my_top - np.log(others.sum(axis=-1)) - other_top
    return np.asarray(odds / LN10)


def _expect(
    log_p: NDArray[np.float64], mask: NDArray[np.bool_], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    p, _ = _masked(log_p, mask)
    return np.asarray((p / p.sum(axis=-1, keepdims=True)) @ shares.T)
