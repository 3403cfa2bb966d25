"""Fits the arbiter that tells calcium from what only looks like it, and says how well it does.

Extremely randomised trees by scikit-learn on the features and the sums of votes of every body of the crowds,
each label weighing alike. What the forest and the judges count beside each other is fitted label by label, on
bodies whose whole crowd the forest has not seen, calcium weighing what it does in patients.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hepalith.anatomy.totalsegmentator import import_extra
from hepalith.calcification.forest import Forest
from hepalith.calcification.mimic.arbiter import ASKED, TRUSTED, VOTED, Arbiter, Weighing, count_votes
from hepalith.calcification.mimic.feature import features_of
from hepalith.calcification.mimic.judge import LABELS, judge
from hepalith.errors import UsageError
from hepalith.training.forest import lay_out
from hepalith.training.mimic.crowd import NOTHING, SeenBody

__all__ = ["fit_arbiter", "write_arbiter"]

TREES, LEAST_LEAF, TRIED = 150, 2, 0.3
"""Trees, bodies in a leaf, and the share of features tried at a node: flat about these."""

FEWEST = 6
"""Fewest crowds that hold a label for it to be learned: pieces of one thing are alike."""

PIECE = 0.4
"""What a piece of a thing weighs of which a larger piece was found, too."""

CALCIUM_SHARE = 0.65
"""Share of calcium among the bright bodies of a patient. Our judgement. The judges' own prior odds are lower
for metal and glue: they were chosen together with the votes, and once both are weighed anew so small a prior
would have every rare thing called calcium. With this share no more calcium of crowds left out is taken for
something else than the judges alone take."""

EVERYWHERE, MORE_OFTEN = ("bone_or_cartilage", "iodine_in_vessel"), 3.0
"""What every patient has, and how many times more often that is than what an operation or a disease leaves.
Our judgement."""

STIFF, STIFF_BIAS = 1e-2, 2e-3
"""Weight of the squares by which what counts for one label leaves what counts for all, and of its bias. The
least log loss of crowds left out twice; ten times more or less of it is worse."""

FOLDS = 10
"""Parts of the crowds that are left out in turn."""

SIDES = (0.01, 0.99)
"""Quantiles of a feature between which a body is known."""

NEVER, LEAST_SAID = -1e3, 1e-12
"""Log odds of what is not to be called, and the least probability that a loss is taken of."""

PLAY = 0.05
"""Share of that range by which it is widened: where the liver is given, probabilities of organs are 0, not as
small as a network has them."""

DIGITS = 9
"""Binary digits of the answers that are kept: of a few hundred bodies no more are known."""

CALCIUM, UNNAMED = "calcification", "undetermined"

Array = NDArray[np.float64]


def label_of(body: SeenBody) -> str:
    """Return the label that a body should bear.

    What nobody laid in is a streak where metal lies in its slices, a piece of a vessel in an enhanced liver,
    and otherwise nothing that has a name; from that nothing is learned.
    """
    if body.truth != NOTHING:
        return body.truth
    if body.seen.metal_slices:
        return "noise_or_streak"
    if body.kind == "liver" and body.phase != "none":
        return "iodine_in_vessel"
    return UNNAMED


def share_of_patients(labels: Sequence[str]) -> dict[str, float]:
    """Return the share of each of some labels among the bright bodies of patients.

    Examples
    --------
    >>> share = share_of_patients(("calcification", "iodine_in_vessel", "glue"))
    >>> round(share["iodine_in_vessel"] / share["glue"], 3)
    3.0
    """
    weight = {n: MORE_OFTEN if n in EVERYWHERE else 1.0 for n in labels if n != CALCIUM}
    total = sum(weight.values())
    return {CALCIUM: CALCIUM_SHARE, **{n: (1.0 - CALCIUM_SHARE) * w / total for n, w in weight.items()}}


def _grow(x: Array, y: Array, weight: Array, answers: tuple[str, ...], trees: int) -> Forest:
    """Return the forest of features (body, feature) and labels (body, answer)."""
    ensemble = import_extra("sklearn.ensemble", "training", "training")
    model = ensemble.ExtraTreesRegressor(
        trees, min_samples_leaf=LEAST_LEAF, max_features=TRIED, random_state=0
    ).fit(x.astype(np.float32), y, sample_weight=weight)
    grown = lay_out([tree.tree_ for tree in model.estimators_], ASKED, answers, inner=True)
    kept = np.round(grown.value * 2**DIGITS) / np.float32(2**DIGITS)
    return Forest(ASKED, answers, grown.feature, grown.threshold, grown.left, kept, grown.roots)


class Table:
    """The bodies of crowds as numbers."""

    def __init__(self, bodies: Sequence[SeenBody]) -> None:
        self.bodies = [b for b in bodies if label_of(b) != UNNAMED]
        self.labels = [label_of(b) for b in self.bodies]
        counted = Counter(
            name for name, _ in {(n, b.seed) for n, b in zip(self.labels, self.bodies, strict=True)}
        )
        self.answers = tuple(n for n in LABELS if counted[n] >= FEWEST)
        self.ballots = [count_votes(b.seen) for b in self.bodies]
        self.x = np.stack(
            [features_of(b.seen, v.here, VOTED) for b, v in zip(self.bodies, self.ballots, strict=True)]
        )
        self.parts = np.array([b.seed % FOLDS for b in self.bodies])
        self.worth = np.array([PIECE if b.shared else 1.0 for b in self.bodies])
        self.y = np.array([[float(n == a) for a in self.answers] for n in self.labels])

    def even(self, rows: NDArray[np.bool_]) -> Array:
        """Return what each of some bodies weighs where all labels weigh alike."""
        total = (self.y[rows] * self.worth[rows, None]).sum(axis=0)
        share = self.y[rows] @ (1.0 / np.maximum(total, 1e-9))
        return np.asarray(share * self.worth[rows] * float(rows.sum()) / len(self.answers))

    def patient(self) -> Array:
        """Return what each body weighs where calcium is as frequent as in patients."""
        total = (self.y * self.worth[:, None]).sum(axis=0)
        share = share_of_patients(self.answers)
        prior = np.array([share[a] for a in self.answers])
        return np.asarray(self.y @ (prior / np.maximum(total, 1e-9)) * self.worth)

    def sides(self) -> tuple[Array, Array]:
        """Return what one body in a hundred lies below, and above, by feature, and a little more."""
        low, high = np.quantile(self.x, SIDES, axis=0)
        play = PLAY * (high - low)
        return low - play, high + play


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What is weighed: by body and label what the forest says that has not learned from it, and the votes.

    `free` are the labels that the forest knows, `prior` the log odds of all, `rules` what judges alone say.
    """

    likes: Array
    votes: Array
    truth: NDArray[np.intp]
    worth: Array
    free: NDArray[np.bool_]
    prior: Array
    rules: Array

    def weigh(self, rows: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
        """Return what forest and votes count by label, and its bias: the least log loss of some bodies."""
        count, own = self.prior.size, rows & (self.worth > 0)
        likes, votes, truth = self.likes[own], self.votes[own], self.truth[own]
        worth = self.worth[own] / self.worth[own].sum()
        at = np.arange(truth.size)

        def unfold(x: Array) -> tuple[Array, Array, Array]:
            return (
                np.where(self.free, x[0] + x[2 : 2 + count], 0.0),
                np.where(self.free, x[1] + x[2 + count : 2 + 2 * count], 0.0),
                np.where(self.free, self.prior + x[2 + 2 * count :], NEVER),
            )

        stiff = np.concatenate([np.zeros(2), np.full(2 * count, STIFF), np.full(count, STIFF_BIAS)])

        def loss(x: Array) -> tuple[float, Array]:
            forest, weight, bias = unfold(x)
            told = _normal(bias + forest * likes + weight * votes)
            error = np.exp(told)
            error[at, truth] -= 1.0
            error *= worth[:, None] * self.free
            slopes = [(error * likes).sum(axis=0), (error * votes).sum(axis=0), error.sum(axis=0)]
            slope = np.concatenate([[slopes[0].sum(), slopes[1].sum()], *slopes])
            return float(-(worth * told[at, truth]).sum() + (stiff * x**2).sum()), slope + 2 * stiff * x

        start = np.zeros(2 + 3 * count)
        start[:2] = 1.0, 0.5
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
        return unfold(found.x)

    def tell(self, rows: NDArray[np.bool_], counts: tuple[Array, Array, Array]) -> Array:
        """Return the log probabilities of all labels for some bodies; see `Arbiter.probabilities`."""
        forest, weight, bias = counts
        learned = np.exp(_normal(bias + forest * self.likes[rows] + weight * self.votes[rows]))
        rules = self.rules[rows]
        kept = rules[:, self.free].sum(axis=1, keepdims=True)
        both = TRUSTED * np.where(self.free, learned * kept, rules) + (1.0 - TRUSTED) * rules
        return np.asarray(np.log(np.maximum(both, LEAST_SAID)))


def _normal(score: Array) -> Array:
    """Return scores as log probabilities."""
    score = score - score.max(axis=1, keepdims=True)
    return np.asarray(score - np.log(np.exp(score).sum(axis=1, keepdims=True)))


def fit_arbiter(bodies: Sequence[SeenBody], *, trees: int = TREES) -> tuple[Arbiter, str]:
    """Return the arbiter, and what was found with a tenth of the crowds left out in turn, of both steps.

    Raises
    ------
    UsageError
        If there are too few bodies to learn from.
    MissingExtraError
        If scikit-learn is not installed.
    """
    table = Table(bodies)
    parts = sorted(set(table.parts.tolist()))
    if len(table.answers) < 2 or CALCIUM not in table.answers or len(parts) < 3:
        raise UsageError(f"{len(bodies)} bodies are too few to learn from: make more crowds")
    low, high = table.sides()
    names = list(LABELS)
    nought = np.zeros(len(names))
    blank = Weighing(nought, nought, nought, low, high)
    likes = np.zeros((len(table.bodies), len(names)))
    for part in parts:
        rows = table.parts != part
        grown = Arbiter(_grow(table.x[rows], table.y[rows], table.even(rows), table.answers, trees), blank)
        for n in np.flatnonzero(~rows):
            likes[n] = grown.likes(table.x[n])
    share = share_of_patients(table.answers)
    prior = [math.log(share[n] / CALCIUM_SHARE) if n in share else 0.0 for n in names]
    judged = [judge(b.seen).probabilities for b in table.bodies]
    rules = np.array([[p[n] for n in names] for p in judged])
    evidence = _Evidence(
        likes=likes,
        votes=np.array([[ballot.here.get(n, 0.0) for n in names] for ballot in table.ballots]),
        truth=np.array([names.index(n) for n in table.labels]),
        worth=np.where(np.isin(table.labels, table.answers), table.patient(), 0.0),
        free=np.isin(names, table.answers),
        prior=np.array(prior),
        rules=rules,
    )
    told = np.zeros_like(likes)
    for part in parts:
        rows = table.parts != part
        told[~rows] = evidence.tell(~rows, evidence.weigh(rows))
    everything = np.ones(len(table.bodies), np.bool_)
    forest = _grow(table.x, table.y, table.even(everything), table.answers, trees)
    arbiter = Arbiter(forest, Weighing(*evidence.weigh(everything), low, high))
    familiar = np.array([arbiter.familiarity(x) for x in table.x])
    report = [
        f"{len(table.bodies)} bodies of {len({b.seed for b in table.bodies})} crowds, "
        f"{(familiar < 1).mean():.2f} of them at the border of what is known",
        *_tell("judges alone", np.log(np.maximum(rules, LEAST_SAID)), evidence, names),
        *_tell("arbiter", told, evidence, names),
    ]
    return arbiter, "\n".join(report)


def _tell(what: str, told: Array, evidence: _Evidence, names: list[str]) -> list[str]:
    """Return lines on how well labels were told."""
    called, truth = told.argmax(axis=1), evidence.truth
    calcium = names.index(CALCIUM)
    of_calcium = truth == calcium
    one = told[np.arange(len(truth)), truth]
    taken = float((called[of_calcium] != calcium).mean())
    missed = float((called[~of_calcium] == calcium).mean())
    lines = [
        f"{what}: right {(called == truth).mean():.3f}; calcium called a mimic {taken:.3f} of "
        f"{of_calcium.sum()}; others called calcium {missed:.3f} of {(~of_calcium).sum()}; log loss "
        f"{-one.mean():.3f}, as in patients {-(evidence.worth * one).sum():.3f}"
    ]
    for n, name in enumerate(names):
        own = truth == n
        if own.any():
            wrong = Counter(names[k] for k in called[own] if k != n)
            names_given = ", ".join(f"{count} {label}" for label, count in wrong.most_common())
            right = f"{(called[own] == n).mean():.2f} of {own.sum()}"
            lines.append(f"  {name} {right}; {names_given or 'none missed'}")
    sure = np.exp(told.max(axis=1))
    for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.97), (0.97, 1.01)):
        own = (sure >= low) & (sure < high)
        if own.any():
            true = float((called == truth)[own].mean())
            lines.append(f"  said {sure[own].mean():.2f}, true {true:.2f} of {own.sum()}")
    return lines


def write_arbiter(arbiter: Arbiter, out: Path) -> None:
    """Write the arbiter's weights into a folder; the same arbiter gives the same bytes."""
    out.mkdir(parents=True, exist_ok=True)
    arbiter.forest.save(out / "mimics.npz")
    weighing = arbiter.weighing
    document = {
        name: {n: float(f"{v:.5g}") for n, v in zip(keys, getattr(weighing, name), strict=True)}
        for keys, held in ((LABELS, ("forest", "votes", "bias")), (ASKED, ("low", "high")))
        for name in held
    }
    (out / "mimics.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
