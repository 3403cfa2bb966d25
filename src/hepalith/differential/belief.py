"""What is believed now, and what would be believed after one more finding: fast, without explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.entry import Feature, Reader
from hepalith.differential.model import Model, load_model
from hepalith.differential.prior import set_priors
from hepalith.differential.question import Question, ask, in_bands, say
from hepalith.differential.statement import Statement
from hepalith.finding.finding import Finding, Pattern
from hepalith.study.patient import Patient

__all__ = ["Belief", "Outcome", "hypothesise"]

Outcome = bool | str
"""What a finding may turn out to be: true or false, a choice's id, or a bin's label (`lt3`)."""

NOTICED = 0.5
"""Chance that a sign which only ever speaks when seen (an arrangement of foci) is seen where what it
means is there. Our judgement; it moves what is expected of such a sign, never a posterior."""


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """The point posterior, and what further findings would make of it.

    `diagnoses` and `posterior` are in the order of the knowledge; the posterior sums to 1. Empty
    where there is nothing to explain.
    """

    question: Question
    diagnoses: tuple[str, ...]
    log_atoms: NDArray[np.float64]
    """Natural log of the joint of every form and all that was heard, not normalised."""
    posterior: NDArray[np.float64]

    def outcomes(self, finding_id: str) -> tuple[Outcome, ...]:
        """Return what a finding may turn out to be; none where no feature speaks of it."""
        return tuple(self._meanings(finding_id))

    def predict(self, finding_id: str) -> Mapping[Outcome, float]:
        """Return how probable each outcome is, after all that was heard; sums to 1."""
        outcomes, chances, _ = self.expect(finding_id)
        return dict(zip(outcomes, chances.tolist(), strict=True))

    def given(self, finding_id: str, outcome: Outcome) -> NDArray[np.float64]:
        """Return the posterior once this is known too, shape (diagnoses,).

        It is what `diagnose` would say with that finding, whatever was said of it before.
        """
        return self._posterior(self._log_after({finding_id: outcome}))

    def given_all(self, learnt: Mapping[str, Outcome]) -> NDArray[np.float64]:
        """Return the posterior once several findings are known, shape (diagnoses,)."""
        return self._posterior(self._log_after(learnt))

    def learn(self, learnt: Mapping[str, Outcome]) -> Belief:
        """Return the belief once several findings are known: the start of a further step."""
        units = self._units_after(learnt)
        log_atoms = self._log_after(learnt)
        question = replace(self.question, units={**self.question.units, **units})
        return replace(self, question=question, log_atoms=log_atoms, posterior=self._posterior(log_atoms))

    def expect(self, finding_id: str) -> tuple[tuple[Outcome, ...], NDArray[np.float64], NDArray[np.float64]]:
        """Return a finding's outcomes, their probabilities and the posterior after each.

        Returns
        -------
        tuple
            Outcomes; probabilities of shape (outcomes,); posteriors of shape (outcomes, diagnoses).
        """
        outcomes = self.outcomes(finding_id)
        if not outcomes or not self.diagnoses:
            return (), np.zeros(0), np.zeros((0, len(self.diagnoses)))
        log_after = np.array([self._log_after({finding_id: outcome}) for outcome in outcomes])
        joint = np.exp(log_after - log_after.max())
        chances = joint.sum(axis=1)
        after = _gather(self.question.model, joint.T).T
        return outcomes, chances / chances.sum(), after / after.sum(axis=1, keepdims=True)

    def _posterior(self, log_atoms: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.diagnoses:
            return self.posterior
        gathered = _gather(self.question.model, np.exp(log_atoms - log_atoms.max()))
        return np.asarray(gathered / gathered.sum())

    def _meanings(self, finding_id: str) -> Mapping[Outcome, tuple[Statement, ...]]:
        """Return what each outcome says of the features that this population leaves open."""
        ignored = self.question.population.ignored
        heard = {
            outcome: tuple(s for s in said if s.feature not in ignored)
            for outcome, said in _meanings(finding_id).items()
        }
        return heard if any(heard.values()) else {}

    def _units_after(self, learnt: Mapping[str, Outcome]) -> dict[str, tuple[Statement, ...]]:
        changed: dict[str, tuple[Statement, ...]] = {}
        for finding_id, outcome in learnt.items():
            for statement in self._meanings(finding_id).get(outcome, ()):
                root = self.question.model.root_of(statement.feature)
                unit = changed.get(root, self.question.units.get(root, ()))
                others = [s for s in unit if s.finding != finding_id]
                changed[root] = (*others, statement)
        return changed

    def _log_after(self, learnt: Mapping[str, Outcome]) -> NDArray[np.float64]:
        question = self.question
        log_atoms = self.log_atoms
        for root, unit in self._units_after(learnt).items():
            before = question.units.get(root, ())
            log_atoms = log_atoms + _log_unit(question, root, unit) - _log_unit(question, root, before)
        return log_atoms


def hypothesise(findings: Sequence[Finding], patterns: Sequence[Pattern], patient: Patient) -> Belief:
    """Return the belief after these findings: the posterior of `diagnose`, without evidence or draws.

    Parameters
    ----------
    findings, patterns, patient
        As `diagnose` takes them.

    Examples
    --------
    >>> belief = hypothesise((), (), Patient(age_years=52))
    >>> sorted(belief.outcomes("dilated_ducts"))
    [False, True]
    >>> bool(belief.given("dilated_ducts", True).max() < 1.0)
    True
    """
    question = ask(findings, patterns, patient)
    model = question.model
    if question.is_empty:
        return Belief(question, (), np.zeros(0), np.zeros(0))
    prior = set_priors(model, question.setting, patient)
    log_atoms = np.log(prior[model.diagnosis_of]) + np.log(model.share)
    for root, unit in question.units.items():
        log_atoms = log_atoms + _log_unit(question, root, unit)
    belief = Belief(question, tuple(e.id for e in model.knowledge.entries), log_atoms, np.zeros(0))
    return replace(belief, posterior=belief._posterior(log_atoms))


def _log_unit(question: Question, root: str, unit: Sequence[Statement]) -> NDArray[np.float64]:
    """Return the log-likelihood of a unit under every form; the age given the setting's ages."""
    model = question.model
    if not unit:
        return np.zeros(len(model.diagnosis_of))
    likelihood = model.likelihood(root, say(model, unit))
    if root == "age" and question.population.age_bands:
        likelihood = likelihood / model.likelihood("age", in_bands(model, question.population.age_bands))
    return np.asarray(np.log(np.maximum(likelihood, np.finfo(float).tiny)))


def _gather(model: Model, atoms: NDArray[np.float64]) -> NDArray[np.float64]:
    gathered = np.zeros((len(model.knowledge.entries), *atoms.shape[1:]))
    np.add.at(gathered, model.diagnosis_of, atoms)
    return gathered


@lru_cache(maxsize=1024)
def _meanings(finding_id: str) -> Mapping[Outcome, tuple[Statement, ...]]:
    """Return what each outcome of a finding says, feature by feature."""
    meanings: dict[Outcome, tuple[Statement, ...]] = {}
    for feature in load_model().knowledge.features.values():
        for reader in feature.findings:
            if reader.id == finding_id:
                for outcome, likelihood in _outcomes(feature, reader).items():
                    said = Statement(finding_id, feature.id, likelihood, any_of=reader.kind == "any")
                    meanings[outcome] = (*meanings.get(outcome, ()), said)
    return meanings


def _outcomes(feature: Feature, reader: Reader) -> dict[Outcome, NDArray[np.float64]]:
    def over(meant: Sequence[str]) -> NDArray[np.float64]:
        return np.array([float(v in meant) for v in feature.values])

    if reader.kind == "choice":
        return {choice: over(meant) for choice, meant in reader.choices.items()}
    if reader.kind == "bins":
        return {"|".join(meant): over(meant) for meant in reader.bins}
    there = over(reader.present or ("present",))
    missed = NOTICED if reader.one_sided else 1.0
    return {True: there, False: 1.0 - missed * there}
