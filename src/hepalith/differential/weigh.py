"""How much each finding weighs: exact shares of the log10 odds, whatever the order of findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.hypotheses import Hypotheses, log_of
from hepalith.differential.model import Model
from hepalith.differential.pair import join_groups
from hepalith.differential.question import Question, in_bands
from hepalith.differential.statement import Statement, combine, known_features

__all__ = ["log_odds", "settle", "share_among", "share_findings", "weigh_findings"]

PANELS, NODES = 6, 6
"""Gauss-Legendre panels and nodes per panel along the path from no evidence to all of it. With them the
quadrature is within 1e-5 of the exact weight on every textbook picture; what is left is spread
in proportion, so that the sum is exact."""

LN10 = math.log(10.0)

Said = Mapping[str, NDArray[np.float64]]


def share_findings(question: Question, hypotheses: Hypotheses) -> tuple[list[Statement], NDArray[np.float64]]:
    """Return every statement, and its share of the log-likelihood; shape (statements, hypotheses).

    The shares of a hypothesis sum to the log-likelihood of all that was said.
    """
    statements: list[Statement] = []
    rows = [np.zeros((0, len(hypotheses.leading)))]
    for root, unit in question.units.items():
        if root not in question.groups:
            statements += unit
            rows.append(_share_shared(question, hypotheses, root, unit))
    if groups := question.own_groups():
        roots = [root for group in groups for root in group]
        statements += [s for root in roots for s in question.units[root]]
        rows.append(_share_own(question, hypotheses, groups))
    return statements, np.concatenate(rows)


def _share_shared(
    question: Question, hypotheses: Hypotheses, root: str, unit: Sequence[Statement]
) -> NDArray[np.float64]:
    shares = share_among(question.model, unit, lambda said: hypotheses.log_unit(root, said))
    bands = question.population.age_bands
    if root == "age" and bands:
        shares = shares - hypotheses.log_unit("age", in_bands(question.model, bands)) / len(unit)
    return shares


def _share_own(
    question: Question, hypotheses: Hypotheses, groups: Sequence[Mapping[str, Said]]
) -> NDArray[np.float64]:
    """Return the shares of what is said of units that are one process's own.

    Each finding has what it weighs if its group is the leading process's, and if it is the other's, by how
    probable each is. What is left (at most the log of 2 for each group) goes to the findings that tell
    the two apart, in proportion.
    """
    model, count = question.model, hypotheses.count_alone
    pairs = hypotheses.pairs
    units = [(place, root) for place, group in enumerate(groups) for root in group]
    shares = np.concatenate(
        [share_among(model, question.units[root], partial(_if_owned, hypotheses, root)) for _, root in units]
    )
    if not len(pairs.leading):
        return shares
    owned = [[pairs.own(root, said) for root, said in group.items()] for group in groups]
    total, of_leading = join_groups(owned, pairs.hidden)
    leading = np.array([of_leading[place] for place, root in units for _ in question.units[root]])
    if_leading, if_beside = np.split(shares[:, count:], 2, axis=1)
    expected = leading * if_leading + (1.0 - leading) * if_beside
    left = log_of(total) - expected.sum(axis=0)
    telling = np.abs(if_leading - if_beside)
    sums = telling.sum(axis=0)
    part = np.divide(telling, sums, out=np.full_like(telling, 1.0 / len(telling)), where=sums > 0)
    return np.concatenate([shares[:, :count], expected + left * part], axis=1)


def _if_owned(hypotheses: Hypotheses, root: str, said: Said) -> NDArray[np.float64]:
    owned = hypotheses.pairs.own(root, said)
    return log_of(np.concatenate([hypotheses.model.likelihood(root, said), owned.leading, owned.beside]))


def share_among(
    model: Model, unit: Sequence[Statement], worth_of: Callable[[Said], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the log-likelihood of a unit, shared among its findings; shape (findings, hypotheses).

    Findings of one unit depend on each other (number and side, size and shadow), so each gets its
    Shapley value: its mean contribution over every order in which they could have been learnt.
    The shares of a column sum to the log-likelihood of all of them together.
    """
    count = len(unit)
    worth: list[NDArray[np.float64]] = []
    known: dict[tuple[tuple[str, bytes], ...], NDArray[np.float64]] = {}
    for chosen in range(1 << count):
        said = {
            feature: combine(together, len(model.tables[feature].feature.values))
            for feature, together in known_features(unit[i] for i in range(count) if chosen >> i & 1).items()
        }
        key = tuple((feature, likelihood.tobytes()) for feature, likelihood in said.items())
        if key not in known:
            known[key] = worth_of(said) if said else np.zeros(1)
        worth.append(known[key])
    shares = np.zeros((count, *worth[-1].shape))
    for chosen in range(1, 1 << count):
        size = chosen.bit_count()
        order = math.factorial(size - 1) * math.factorial(count - size) / math.factorial(count)
        for i in range(count):
            if chosen >> i & 1:
                without = worth[chosen & ~(1 << i)]
                if without is not worth[chosen]:
                    shares[i] += order * (worth[chosen] - without)
    return shares


def weigh_findings(
    log_prior: NDArray[np.float64], shares: NDArray[np.float64], leading: NDArray[np.intp], count: int
) -> NDArray[np.float64]:
    r"""Return each finding's weight for each diagnosis; shape (diagnoses, findings).

    Parameters
    ----------
    log_prior
        Natural log of P(hypothesis), shape (hypotheses,).
    shares
        Natural log-likelihoods by finding, shape (findings, hypotheses).
    leading
        The diagnosis that leads each hypothesis; of `count` diagnoses each leads at least one.

    Notes
    -----
    The odds of a diagnosis are not a sum over findings: "all other entries" is a mixture that every
    finding changes. The weight of finding i is its slope, averaged along the straight path from
    no evidence to all of it (the Aumann-Shapley value):

    .. math:: w_i = \int_0^1 \left( E_{d,t}[\ell_i] - E_{\bar d,t}[\ell_i] \right) dt / \ln 10

    where the expectations run over the hypotheses that d leads, and over all others, after every finding
    has counted with the power t. It needs no order of the findings, gives nothing to a finding that
    tells no entry from another, is the log10 likelihood ratio itself where there are two
    entries, and sums to posterior minus prior.

    References
    ----------
    Aumann and Shapley, Values of Non-Atomic Games, Princeton University Press, 1974.
    """
    order = np.argsort(leading, kind="stable")
    starts = np.searchsorted(leading[order], np.arange(count))
    stops = np.append(starts[1:], len(order))
    t, step = _path()
    shares = shares[:, order]
    tempered = log_prior[order] + t[:, None] * shares.sum(axis=0)
    tops = np.maximum.reduceat(tempered, starts, axis=1)
    mass = np.exp(tempered - np.repeat(tops, stops - starts, axis=1))
    sums = np.add.reduceat(mass, starts, axis=1)
    slopes = np.empty((len(t), count, len(shares)))
    for d, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        slopes[:, d] = mass[:, start:stop] @ shares[:, start:stop].T / sums[:, d, None]
    log_mass = np.log(sums) + tops
    others = np.broadcast_to(log_mass[:, None, :], (len(t), count, count)).copy()
    others[:, np.arange(count), np.arange(count)] = -np.inf
    others = np.exp(others - others.max(axis=2, keepdims=True))
    others /= others.sum(axis=2, keepdims=True)
    return np.asarray(np.einsum("t,tdn->dn", step, slopes - others @ slopes) / LN10)


def settle(weights: NDArray[np.float64], owed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights that sum to what is owed, exactly: what the quadrature left is spread in proportion."""
    size = np.abs(weights).sum(axis=1, keepdims=True)
    left = (owed - weights.sum(axis=1))[:, None]
    return np.asarray(
        weights + np.divide(np.abs(weights), size, out=np.zeros_like(weights), where=size > 0) * left
    )


def log_odds(log_mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log10 of each mass over the sum of all others, without losing what is close to 0 or 1."""
    others = np.broadcast_to(log_mass, (len(log_mass), len(log_mass))).copy()
    np.fill_diagonal(others, -np.inf)
    top = others.max(axis=1)
    rest = np.log(np.exp(others - top[:, None]).sum(axis=1)) + top
    return np.asarray((log_mass - rest) / LN10)


def _path() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    node, weight = np.polynomial.legendre.leggauss(NODES)
    starts = np.arange(PANELS)[:, None]
    t = (starts + (node + 1.0) / 2.0) / PANELS
    return t.ravel(), np.tile(weight / 2.0 / PANELS, PANELS)
