"""The arbiter: what judges and measured features say together, as crowds of known bodies have taught.

A forest of trees, asked with the named features of a body and the sums of the judges' votes, says how
probable each label is among labels equally frequent. That and the votes themselves are weighed against each
other label by label, on bodies that the forest has not learned from, and added to the prior log odds. Where a
body is unlike all that was learned from, the judges alone decide.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.forest import Forest, load_forest
from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.bone import BONE_MM3
from hepalith.calcification.mimic.change import judge_change
from hepalith.calcification.mimic.feature import FEATURES, describe_feature, features_of
from hepalith.calcification.mimic.judge import (
    LABELS,
    NOTHING_EXPECTED,
    TEMPERATURE,
    Verdict,
    all_votes,
    give_reason,
    judge,
)
from hepalith.errors import UnreadableFileError

__all__ = ["ASKED", "LEAST", "Arbiter", "Ballot", "Weighing", "arbitrate", "count_votes"]

VOTED = tuple(LABELS)
"""Labels whose sums of votes the forest is asked with."""

ASKED = (*FEATURES, *(f"votes_{label}" for label in VOTED))
"""Names of what the forest is asked with, in order."""

LEAST = 0.003
"""Least probability that the forest is taken to give a label: a few hundred bodies tell no smaller ones."""

STRANGE = (0.05, 0.20)
"""Share of its features outside the range of 98 in 100 known bodies between which the forest is asked less
and less, and no longer. Our judgement."""

TRUSTED = 0.5
"""Share of the probability that the arbiter has of a body that is like those it knows; the rest is what the
judges alone say. Crowds left out would give it all. In 33 studies of the company set, which are not crowded,
it then took three of 82 calcifications for something else, the judges one, and named six of 13 mimics, the
judges eight; with a half it is no worse than they in either, nor in false calcifications."""

MOSTLY_INSIDE = 0.5
"""Share of a body in the liver's mask below which what touches bone is taken for a part of it."""

SAID, TELLING = 2, 0.02
"""Most features that are told as reasons, and what each has added to the label's probability at least."""

FOREST, WEIGHING = "mimics.npz", "mimics.json"
"""The weights, under `weights`; made by ``python -m hepalith.training mimics-fit``."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """What forest and judges count, by label in the order of `LABELS`.

    Parameters
    ----------
    forest, votes
        What the log probability of the forest and the sum of votes are multiplied by.
    bias
        What is added: the prior log odds, and what votes and forest say too much or too little.
    low, high
        By feature of `ASKED`: what one in a hundred known bodies lies below, and above.
    """

    forest: NDArray[np.float64]
    votes: NDArray[np.float64]
    bias: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ballot:
    """The sums of votes by label: of what this image shows, and of what other phases do."""

    here: Mapping[str, float]
    phases: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Arbiter:
    """The forest, and what it counts beside the judges."""

    forest: Forest
    weighing: Weighing

    def familiarity(self, asked: NDArray[np.float64]) -> float:
        """Return how far a body is like those that were learned from, 0 to 1."""
        beyond = float(((asked < self.weighing.low) | (asked > self.weighing.high)).mean())
        return min(1.0, max(0.0, (STRANGE[1] - beyond) / (STRANGE[1] - STRANGE[0])))

    def likes(self, asked: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the forest says: log probability of each of `LABELS` over an even share.

        Labels that the forest does not know are neither favoured nor disfavoured.
        """
        told = dict(zip(self.forest.answers, self.forest.ask(asked), strict=True))
        even = 1.0 / len(told)
        return np.array([math.log(max(told.get(label, even), LEAST) / even) for label in LABELS])

    def probabilities(
        self, asked: NDArray[np.float64], ballot: Ballot, expected: Mapping[str, float]
    ) -> NDArray[np.float64]:
        """Return the probability of each of `LABELS`.

        Labels that the forest does not know keep what the judges give them; it shares out the rest. The
        stranger a body is to it, the more it is the judges'.
        """
        here, phases, history, prior = (
            np.array([by.get(label, 0.0) for label in LABELS])
            for by in (ballot.here, ballot.phases, expected, LABELS)
        )
        known = np.array([label in self.forest.answers for label in LABELS])
        rules = _shares((prior + history + here + phases) / TEMPERATURE)
        weighing, trusted = self.weighing, TRUSTED * self.familiarity(asked)
        learned = weighing.bias + weighing.forest * self.likes(asked) + weighing.votes * here
        shared = _shares(np.where(known, learned + phases + history, -np.inf)) * rules[known].sum()
        return np.asarray(trusted * np.where(known, shared, rules) + (1.0 - trusted) * rules)

    def why(self, asked: NDArray[np.float64], label: str) -> str:
        """Return the features that speak most for a label, in words."""
        if label not in self.forest.answers or self.familiarity(asked) == 0.0:
            return ""
        owed = self.forest.reasons(asked, self.forest.answers.index(label))[: len(FEATURES)]
        best = [
            int(n) for n in np.argsort(-owed, kind="stable")[:SAID] if owed[n] >= TELLING and asked[n] != 0
        ]
        return ", ".join(describe_feature(ASKED[n], float(asked[n])) for n in best)


def count_votes(seen: Appearance) -> Ballot:
    """Return the sums of the judges' votes on a body."""
    phases: dict[str, float] = {}
    for vote in judge_change(seen.changes, seen.read_in):
        phases[vote.label] = phases.get(vote.label, 0.0) + vote.weight
    here: dict[str, float] = {label: -weight for label, weight in phases.items()}
    for vote in all_votes(seen):
        here[vote.label] = here.get(vote.label, 0.0) + vote.weight
    return Ballot(here, phases)


def arbitrate(seen: Appearance, expected: Mapping[str, float] = NOTHING_EXPECTED) -> Verdict:
    """Return what a body is, from features and judges together.

    `expected` holds the log odds that the patient's history adds to some labels.
    """
    if _is_part_of_bone(seen):
        return judge(seen, expected)
    arbiter, ballot = _arbiter(), count_votes(seen)
    asked = features_of(seen, ballot.here, VOTED)
    shares = arbiter.probabilities(asked, ballot, expected)
    probabilities = {label: float(p) for label, p in zip(LABELS, shares, strict=True)}
    best = max(probabilities, key=lambda label: probabilities[label])
    learned = "" if best == "calcification" else arbiter.why(asked, best)
    reason = give_reason(best, all_votes(seen), seen, probabilities, learned)
    return Verdict(best, probabilities[best], reason, probabilities)


def _is_part_of_bone(seen: Appearance) -> bool:
    """Return whether a body is one with a bone beside the liver: no crowd holds such, the judges know it."""
    beside = seen.outside_mm3 >= BONE_MM3 or seen.inside_share < MOSTLY_INSIDE
    return seen.bone_mm == 0.0 and beside


def _shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log odds as probabilities."""
    share = np.exp(scores - scores.max())
    return np.asarray(share / share.sum())


@lru_cache(maxsize=1)
def _arbiter() -> Arbiter:
    """Return the arbiter, read once for a process."""
    folder = resources.files("hepalith.calcification.mimic") / "weights"
    forest = load_forest((folder / FOREST).read_bytes())
    held = json.loads((folder / WEIGHING).read_text(encoding="utf-8"))
    if forest.measures != ASKED:
        raise UnreadableFileError("the weights were made for other features; install hepalith anew")
    by_label = (np.array([held[name][label] for label in LABELS]) for name in ("forest", "votes", "bias"))
    by_feature = (np.array([held[name][feature] for feature in ASKED]) for name in ("low", "high"))
    return Arbiter(forest, Weighing(*by_label, *by_feature))
