"""What a test would tell before it is done: bits about the diagnosis, and the loss that knowing saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.belief import Belief
from hepalith.differential.differential import Differential
from hepalith.differential.entry import Feature, Reader
from hepalith.differential.model import Model
from hepalith.differential.question import say

__all__ = [
    "MOST_OUTCOMES",
    "Inquiry",
    "Outlook",
    "information_bits",
    "loss_saved",
    "make_inquiry",
    "make_result",
    "told_of_each",
]

MOST_OUTCOMES = 2048
"""Outcomes of one test that are told apart together. A test of many findings is judged by its most telling
ones, as many as make no more outcomes than this; the rest could only add, so its information is then a
lower bound. 2,048 keep all tests together within the 200 ms they may take."""


@dataclass(frozen=True, slots=True, eq=False)
class Inquiry:
    """One finding that a test would tell.

    `channel` has shape (outcomes, values of the feature): P(reported | true). Its columns sum to 1.
    `outcomes` names the rows: ``"present"`` and ``"absent"``, or choices.
    """

    finding: str
    feature: str
    outcomes: tuple[str, ...]
    channel: NDArray[np.float64]


def make_inquiry(
    finding: str,
    features: Mapping[str, Feature],
    *,
    right: float = 1.0,
    specificity: float = 1.0,
    missed_as: str | None = None,
) -> Inquiry | None:
    """Return what a test that tells a finding says of its feature; ``None`` where no feature reads it.

    Parameters
    ----------
    right
        P(said | so): the sensitivity of a finding that is there or not, the share of right answers where it
        has several values.
    specificity
        P(denied | not so); for several values, P(`missed_as` said | `missed_as`).
    missed_as
        The value that a miss is taken for (a host that is not seen is called none). Without it the misses
        are spread evenly over the other values.
    """
    read = _reader_of(finding, features)
    if read is None:
        return None
    feature, reader = read
    if reader.kind in ("boolean", "any"):
        meant = reader.present or ("present",)
        said = np.array([right if v in meant else 1.0 - specificity for v in feature.values])
        return Inquiry(finding, feature.id, ("present", "absent"), np.stack([said, 1.0 - said]))
    count = len(feature.values)
    if missed_as is None:
        channel = np.full((count, count), (1.0 - right) / (count - 1))
        np.fill_diagonal(channel, right)
    else:
        place = feature.values.index(missed_as)
        channel = right * np.eye(count)
        channel[place] += 1.0 - right
        channel[:, place] = (1.0 - specificity) / (count - 1)
        channel[place, place] = specificity
    return Inquiry(finding, feature.id, feature.values, channel)


def _reader_of(finding: str, features: Mapping[str, Feature]) -> tuple[Feature, Reader] | None:
    return next(((f, r) for f in features.values() for r in f.findings if r.id == finding), None)


def make_result(
    rows: Sequence[Mapping[str, float]], wrongly: Sequence[float], model: Model
) -> NDArray[np.float64]:
    """Return P(result | atom) of a test that names diseases; the last result is that nothing was named.

    Row by row: the chance that it is named by diagnosis, and by mistake where it is something else.
    """
    names = [entry.id for entry in model.knowledge.entries]
    named = np.array(
        [[row.get(name, slip) for name in names] for row, slip in zip(rows, wrongly, strict=True)]
    ).reshape(len(rows), len(names))
    total = named.sum(axis=0)
    named = named / np.maximum(total, 1.0)
    return np.concatenate([named, 1.0 - named.sum(axis=0, keepdims=True)])[:, model.diagnosis_of]


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What is believed now, ready to be asked what a test would change.

    `weights` has shape (atoms,): P(form of a diagnosis | everything said); `support` is what was said of
    each feature, over its values.
    """

    model: Model
    weights: NDArray[np.float64]
    support: Mapping[str, NDArray[np.float64]]
    ignored: frozenset[str] = frozenset()
    alone: dict[Inquiry, NDArray[np.float64]] = field(default_factory=dict)
    """P(outcome, diagnosis) of a finding by itself, made when first asked for."""

    @classmethod
    def of(cls, belief: Belief, differential: Differential) -> Outlook:
        """Return the outlook of a differential: its probabilities, and within a diagnosis those of its forms.

        Raises
        ------
        ValueError
            If there is nothing to explain: neither differential nor belief has diagnoses then.
        """
        if not belief.diagnoses or not differential.diagnoses:
            raise ValueError("no test tells anything where there is nothing to explain")
        model = belief.question.model
        support: dict[str, NDArray[np.float64]] = {}
        for unit in belief.question.units.values():
            support.update(say(model, unit))
        stated = {d.diagnosis: d.probability for d in differential.diagnoses}
        believed = np.array([stated.get(diagnosis, 0.0) for diagnosis in belief.diagnoses])
        starts = np.flatnonzero(np.diff(model.diagnosis_of, prepend=-1))
        top = np.maximum.reduceat(belief.log_atoms, starts)[model.diagnosis_of]
        within = np.exp(belief.log_atoms - top)
        weights = (believed / np.add.reduceat(within, starts))[model.diagnosis_of] * within
        return cls(model, weights / weights.sum(), support, frozenset(belief.question.population.ignored))

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """P(diagnosis), in the order of the knowledge."""
        return np.asarray(self._gather(self.weights[None])[0])

    def foresee(
        self,
        questions: Sequence[Inquiry],
        result: NDArray[np.float64] | None = None,
        most: int = MOST_OUTCOMES,
    ) -> NDArray[np.float64]:
        """Return P(outcome, diagnosis) of a test, shape (outcomes, diagnoses); it sums to 1.

        Findings that depend on each other are taken together, as the model has them; within a form of a
        disease the rest are independent. Of more findings than make `most` outcomes the most telling are
        taken, and of several that speak of one feature the most telling one, each judged by itself, so that
        their order does not matter. What is left out could only add.
        """
        open_questions = [q for q in questions if q.feature not in self.ignored]
        chosen = self._choose(open_questions, most // (1 if result is None else len(result)))
        joint = self.weights[None] if result is None else result * self.weights
        for root in dict.fromkeys(self.model.root_of(q.feature) for q in chosen):
            asked = [q for q in chosen if self.model.root_of(q.feature) == root]
            answers = self._answer(root, asked)
            joint = (joint[:, None, :] * answers[None]).reshape(-1, joint.shape[1])
        return self._gather(joint)

    def foresee_one(self, question: Inquiry) -> NDArray[np.float64]:
        """Return P(outcome, diagnosis) of one finding, a row for each of its outcomes."""
        if question not in self.alone:
            answers = self._answer(self.model.root_of(question.feature), [question])
            self.alone[question] = self._gather(answers * self.weights)
        return self.alone[question]

    def learn(self, question: Inquiry, outcome: int) -> Outlook:
        """Return the outlook once a test has given this outcome (a row of the finding's channel).

        Raises
        ------
        ValueError
            If the outcome is impossible after what is known.
        """
        weights = self.weights * self._answer(self.model.root_of(question.feature), [question])[outcome]
        if weights.sum() <= 0:
            raise ValueError(f"{question.finding} cannot be {question.outcomes[outcome]} here")
        said = self.support.get(question.feature, np.ones(question.channel.shape[1]))
        support = {**self.support, question.feature: said * question.channel[outcome]}
        return replace(self, weights=weights / weights.sum(), support=support, alone={})

    def _choose(self, questions: Sequence[Inquiry], most: int) -> list[Inquiry]:
        told = [(information_bits(self.foresee_one(q)), q) for q in questions]
        outcomes, chosen = 1, dict[str, Inquiry]()
        for bits, question in sorted(told, key=lambda t: (-t[0], t[1].feature, t[1].finding)):
            fits = outcomes * len(question.outcomes) <= most
            if bits > 0 and fits and question.feature not in chosen:
                outcomes *= len(question.outcomes)
                chosen[question.feature] = question
        return [chosen[feature] for feature in sorted(chosen)]

    def _answer(self, root: str, asked: Sequence[Inquiry]) -> NDArray[np.float64]:
        """Return P(outcomes of one unit | atom, what was said of it), shape (outcomes, atoms)."""
        model, channels = self.model, {q.feature: q.channel for q in asked}
        table = model.tables[root]
        rows = table.points[table.row_of[:, 0]].T
        running = (rows * self.support.get(root, np.ones(len(rows)))[:, None])[None]
        for child in model.children.get(root, ()):
            if child not in channels and child not in self.support:
                continue
            own = model.tables[child]
            said = self.support.get(child, np.ones(len(own.feature.values)))
            channel = channels.get(child, np.ones((1, len(said))))
            told = ((channel * said) @ own.points.T)[:, own.row_of.T]
            running = (running[:, None] * told[None]).reshape(-1, *running.shape[1:])
        channel = channels.get(root, np.ones((1, len(rows))))
        together = np.tensordot(channel, running, axes=(1, 1)).reshape(-1, running.shape[2])
        total = together.sum(axis=0)
        return together / np.where(total > 0, total, 1.0)

    def _gather(self, atoms: NDArray[np.float64]) -> NDArray[np.float64]:
        starts = np.flatnonzero(np.diff(self.model.diagnosis_of, prepend=-1))
        return np.asarray(np.add.reduceat(atoms, starts, axis=1))


def told_of_each(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Return how many of the bits are about each diagnosis, shape (diagnoses,).

    .. math:: \sum_o P(o, d) \log_2 \frac{P(o, d)}{P(o) P(d)}

    None is negative: a test tells of a diagnosis as much as its outcomes differ under it from what is
    expected of everybody.
    """
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    ratio = np.divide(joint, apart, out=np.ones_like(joint), where=(joint > 0) & (apart > 0))
    return np.asarray(np.maximum((joint * np.log2(ratio)).sum(axis=0), 0.0))


def information_bits(joint: NDArray[np.float64]) -> float:
    """Return how many bits about the diagnosis the outcome holds: from none to all that is unknown.

    Examples
    --------
    A test that is right about two equally likely diseases tells one bit; one that says the same of both,
    none.

    >>> information_bits(np.array([[0.5, 0.0], [0.0, 0.5]]))
    1.0
    >>> information_bits(np.array([[0.25, 0.25], [0.25, 0.25]]))
    0.0
    """
    believed = joint.sum(axis=0)
    unknown = -float((believed * np.log2(np.where(believed > 0, believed, 1.0))).sum())
    return min(float(told_of_each(joint).sum()), max(unknown, 0.0))


def loss_saved(joint: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """Return how much the loss of the best action falls, on average, once the outcome is known.

    Parameters
    ----------
    losses
        Shape (actions, diagnoses).

    Returns
    -------
    float
        Never negative: whoever knows more can still act as before.
    """
    now = float((losses @ joint.sum(axis=0)).min())
    then = float((joint @ losses.T).min(axis=1).sum())
    return max(now - then, 0.0)
