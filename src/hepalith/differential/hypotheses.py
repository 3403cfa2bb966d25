"""Hypotheses of one or two processes: their prior, and how likely each makes what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.entry import Number
from hepalith.differential.model import Model, load_model
from hepalith.differential.pair import Owned, Pairs, join_groups
from hepalith.differential.together import load_together

__all__ = ["Hypotheses", "load_hypotheses", "log_of", "sum_by"]

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Hypotheses:
    """Every hypothesis of a setting: first each form alone, then each pair.

    In a pair the first process leads and the second stands beside it. `leading` and `beside` are diagnoses
    (beside: -1 where none); `atoms` the leading form of each.
    """

    model: Model
    pairs: Pairs
    leading: NDArray[np.intp]
    beside: NDArray[np.intp]
    atoms: NDArray[np.intp]
    log_share: NDArray[np.float64]
    """Shape (hypotheses,): natural log of P(this hypothesis | the leading diagnosis)."""
    numbers: tuple[Number, ...]
    """Of each pair, the number behind its share."""
    by_chance: NDArray[np.bool_]
    """Of each pair, whether what stands beside is as common as its prior has it."""

    @property
    def count_alone(self) -> int:
        """How many hypotheses are of one process."""
        return len(self.model.share)

    def log_prior(self, priors: NDArray[np.float64], *, echo: bool = False) -> NDArray[np.float64]:
        """Return natural log P(hypothesis), shape (hypotheses,), from P(diagnosis).

        Where only a bright echo is known (`echo`), forms without calcium count as well.
        """
        log_prior = np.log(priors)[self.leading] + self.log_share
        if echo:
            log_prior += np.log(self.model.echo_odds())[self.atoms]
            log_prior -= np.log(np.exp(log_prior).sum())
        return np.asarray(log_prior)

    def gather(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over the hypotheses that each diagnosis leads; shape (.., diagnoses)."""
        return sum_by(values, self.leading, len(self.model.knowledge.entries))

    def at_work(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over the hypotheses that hold each diagnosis, leading or beside."""
        count = len(self.model.knowledge.entries)
        pairs = self.count_alone
        return self.gather(values) + sum_by(values[..., pairs:], self.beside[pairs:], count)

    def select(self, kept: NDArray[np.intp]) -> Hypotheses:
        """Return these hypotheses with those of one process, and of the pairs only some."""
        alone = np.arange(self.count_alone)
        both = np.concatenate([alone, self.count_alone + kept])
        pairs = replace(
            self.pairs,
            leading=self.pairs.leading[kept],
            beside=self.pairs.beside[kept],
            hidden=self.pairs.hidden[kept],
        )
        return replace(
            self,
            pairs=pairs,
            leading=self.leading[both],
            beside=self.beside[both],
            atoms=self.atoms[both],
            log_share=self.log_share[both],
            numbers=tuple(self.numbers[i] for i in kept.tolist()),
            by_chance=self.by_chance[kept],
        )

    def log_unit(self, root: str, said: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the log-likelihood of a unit that the whole reading shares, shape (hypotheses,)."""
        alone = self.model.likelihood(root, said)
        return log_of(np.concatenate([alone, self.pairs.likelihood(root, said)]))

    def log_own(
        self, groups: Sequence[Mapping[str, Mapping[str, NDArray[np.float64]]]], owned: Mapping[str, Owned]
    ) -> NDArray[np.float64]:
        """Return the log-likelihood of all units that are one process's own, shape (hypotheses,).

        `groups` holds what was said, by unit; `owned` what it means for the pairs.
        """
        if not groups:
            return np.zeros(len(self.leading))
        alone = np.prod([self.model.likelihood(r, said) for g in groups for r, said in g.items()], axis=0)
        together, _ = join_groups([[owned[root] for root in g] for g in groups], self.pairs.hidden)
        return log_of(np.concatenate([alone, together]))

    def is_own(self, root: str) -> bool:
        """Return whether a unit is said of one process alone."""
        return self.pairs.rule(root) == "own"


def log_of(likelihood: Floats) -> NDArray[np.float64]:
    """Return the natural log; what is impossible is the smallest number instead."""
    return np.asarray(np.log(np.maximum(likelihood, np.finfo(float).tiny)))


def sum_by(values: NDArray[np.float64], owners: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Return the sums of the last axis by owner."""
    flat = values.reshape(-1, values.shape[-1])
    sums = [np.bincount(owners, weights=row, minlength=count) for row in flat]
    return np.asarray(sums, dtype=np.float64).reshape(*values.shape[:-1], count)


@lru_cache(maxsize=8)
def load_hypotheses(setting: str) -> Hypotheses:
    """Return the hypotheses of a setting, made once."""
    model, together = load_model(), load_together()
    entries = model.knowledge.entries
    shares = [[together.share_beside(d, e, setting) for e in entries] for d in entries]
    beside = np.array([[value for value, _ in row] for row in shares])
    owner = model.diagnosis_of
    joint = beside[np.ix_(owner, owner)]
    first, second = (np.asarray(i, dtype=np.intp) for i in np.nonzero(joint))
    alone = 1.0 - beside.sum(axis=1)
    if alone.min() <= 0:
        raise ValueError(f"{entries[int(alone.argmin())].id}: more than all of it has company")
    log_form = np.log(model.share)
    log_share = np.concatenate(
        [
            log_form + np.log(alone)[owner],
            log_form[first] + log_form[second] + np.log(joint[first, second]),
        ]
    )
    company = (*together.company, *together.association)
    behind = [shares[owner[i]][owner[j]][1] for i, j in zip(first, second, strict=True)]
    return Hypotheses(
        model=model,
        pairs=Pairs(model, together, first, second, np.array([n in company for n in behind])),
        leading=np.concatenate([owner, owner[first]]),
        beside=np.concatenate([np.full(len(owner), -1), owner[second]]),
        atoms=np.concatenate([np.arange(len(owner)), first]),
        log_share=log_share,
        numbers=tuple(n for n in behind if n is not None),
        by_chance=np.array([n is together.by_chance for n in behind]),
    )
