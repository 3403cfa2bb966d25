"""What is believed now, and what would be believed after one more finding: fast, without explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.entry import Feature, Reader
from hepalith.differential.hypotheses import Hypotheses, load_hypotheses
from hepalith.differential.model import load_model
from hepalith.differential.pair import Owned
from hepalith.differential.prior import set_priors
from hepalith.differential.question import Question, ask, group_own, in_bands, say, say_groups
from hepalith.differential.statement import Statement
from hepalith.finding.finding import Finding, Pattern
from hepalith.study.patient import Patient

__all__ = ["Belief", "Outcome", "believe", "hypothesise", "log_shared"]

Outcome = bool | str
"""What a finding may turn out to be: true or false, a choice's id, or a bin's label (`lt3`)."""

NOTICED = 0.5
"""Chance that a sign which only ever speaks when seen (an arrangement of foci) is seen where what it
means is there. Our judgement; it moves what is expected of such a sign, never a posterior."""


LEAST_CARRIED = 1e-6
"""Pairs that hold less than one in a million change no ranking and no probability that is printed."""


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """The point posterior, and what further findings would make of it.

    `diagnoses` and `posterior` are in the order of the knowledge: P(this process leads), which sums to 1.
    Empty where there is nothing to explain.
    """

    question: Question
    hypotheses: Hypotheses
    diagnoses: tuple[str, ...]
    log_joint: NDArray[np.float64]
    """Natural log of the joint of every hypothesis and all that was heard, not normalised."""
    posterior: NDArray[np.float64]
    owned: dict[str, Owned] = field(default_factory=dict)
    """What was said of each process's own units, pair by pair; made when first asked for."""

    @property
    def log_atoms(self) -> NDArray[np.float64]:
        """Natural log of the joint of every form that leads, alone or in company, and all that was heard."""
        top = self.log_joint.max()
        weights = np.exp(self.log_joint - top)
        sums = np.bincount(self.hypotheses.atoms, weights, self.hypotheses.count_alone)
        return np.asarray(np.log(np.maximum(sums, np.finfo(float).tiny)) + top)

    def narrow(self, least: float = LEAST_CARRIED) -> Belief:
        """Return this belief without the pairs that hold less than `least`: a fifth of the work, asked often.

        What it gives differs from this belief's by no more than what was left out together.
        """
        if not self.diagnoses:
            return self
        alone = self.hypotheses.count_alone
        joint = np.exp(self.log_joint - self.log_joint.max())
        kept = np.flatnonzero(joint[alone:] >= least * joint.sum())
        log_joint = self.log_joint[np.concatenate([np.arange(alone), alone + kept])]
        narrowed = replace(self, hypotheses=self.hypotheses.select(kept), log_joint=log_joint, owned={})
        return replace(narrowed, posterior=narrowed._posterior(log_joint))

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
        return self.given_all({finding_id: outcome})

    def given_all(self, learnt: Mapping[str, Outcome]) -> NDArray[np.float64]:
        """Return the posterior once several findings are known, shape (diagnoses,)."""
        return self._posterior(self._log_after(self._units_after(learnt)))

    def learn(self, learnt: Mapping[str, Outcome]) -> Belief:
        """Return the belief once several findings are known: the start of a further step."""
        changed = self._units_after(learnt)
        log_joint = self._log_after(changed)
        units = {**self.question.units, **changed}
        groups = group_own(self.question.model, units, self.question.about, self.question.patterns)
        question = replace(self.question, units=units, groups=groups)
        kept = {root: owned for root, owned in self.owned.items() if root not in changed}
        posterior = self._posterior(log_joint)
        return replace(self, question=question, log_joint=log_joint, posterior=posterior, owned=kept)

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
        changed = [self._units_after({finding_id: outcome}) for outcome in outcomes]
        log_after = np.array([self._log_after(units) for units in changed])
        after = self.hypotheses.gather(np.exp(log_after - log_after.max()))
        chances = after.sum(axis=1)
        return outcomes, chances / chances.sum(), after / chances[:, None]

    def _hear(self, question: Question) -> Belief:
        """Return the belief once all units of a question are heard, from one that has heard none."""
        log_joint = self._log_after(question.units)
        return replace(self, question=question, log_joint=log_joint, posterior=self._posterior(log_joint))

    def _posterior(self, log_joint: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.diagnoses:
            return self.posterior
        gathered = self.hypotheses.gather(np.exp(log_joint - log_joint.max()))
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
            said = self._meanings(finding_id).get(outcome, ())
            features = {statement.feature for statement in said}
            for root in {self.question.model.root_of(feature) for feature in features}:
                unit = changed.get(root, self.question.units.get(root, ()))
                before = [s for s in unit if s.finding != finding_id or s.feature not in features]
                here = [s for s in said if self.question.model.root_of(s.feature) == root]
                changed[root] = (*before, *here)
        return changed

    def _log_after(self, changed: Mapping[str, tuple[Statement, ...]]) -> NDArray[np.float64]:
        question, hypotheses = self.question, self.hypotheses
        log_joint = self.log_joint
        own = False
        for root, unit in changed.items():
            if hypotheses.is_own(root):
                own = True
                continue
            log_joint = log_joint + log_shared(question, hypotheses, root, unit)
            if root in question.units:
                log_joint = log_joint - log_shared(question, hypotheses, root, question.units[root])
        if not own:
            return log_joint
        units = {**question.units, **changed}
        groups = group_own(question.model, units, question.about, question.patterns)
        log_joint = log_joint + self._log_own(say_groups(question.model, units, groups), changed)
        return log_joint - self._log_own(question.own_groups(), {})

    def _log_own(
        self,
        groups: Sequence[Mapping[str, Mapping[str, NDArray[np.float64]]]],
        changed: Mapping[str, Sequence[Statement]],
    ) -> NDArray[np.float64]:
        """Return the log-likelihood of all groups; what was said of unchanged units is kept."""
        owned = {}
        for root, said in (item for group in groups for item in group.items()):
            if root not in changed and root in self.owned:
                owned[root] = self.owned[root]
            else:
                owned[root] = self.hypotheses.pairs.own(root, said)
                if root not in changed:
                    self.owned[root] = owned[root]
        return self.hypotheses.log_own(groups, owned)


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
    return believe(ask(findings, patterns, patient))


def believe(question: Question) -> Belief:
    """Return the belief after all that a question holds."""
    model, hypotheses = question.model, load_hypotheses(question.setting)
    if question.is_empty:
        return Belief(question, hypotheses, (), np.zeros(0), np.zeros(0))
    priors = set_priors(model, question.setting, question.patient, bare=question.is_bare)
    log_prior = hypotheses.log_prior(priors, echo=question.is_echo)
    diagnoses = tuple(entry.id for entry in model.knowledge.entries)
    silent = replace(question, units={}, groups={})
    return Belief(silent, hypotheses, diagnoses, log_prior, np.zeros(0))._hear(question)


def log_shared(
    question: Question, hypotheses: Hypotheses, root: str, unit: Sequence[Statement]
) -> NDArray[np.float64]:
    """Return the log-likelihood of a unit that the whole reading shares; the age given the setting's ages."""
    log_likelihood = hypotheses.log_unit(root, say(question.model, unit))
    bands = question.population.age_bands
    if root == "age" and bands:
        log_likelihood = log_likelihood - hypotheses.log_unit("age", in_bands(question.model, bands))
    return log_likelihood


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

    if reader.kind == "absence":
        left = np.array([reader.leaves.get(v, 1.0) for v in feature.values])
        return {True: np.ones(len(feature.values)), False: left}
    if reader.kind == "choice":
        return {choice: over(meant) for choice, meant in reader.choices.items()}
    if reader.kind == "bins":
        return {"|".join(meant): over(meant) for meant in reader.bins}
    there = np.array([reader.support(v) for v in feature.values])
    missed = NOTICED if reader.one_sided else 1.0
    return {True: there, False: 1.0 - missed * there}
