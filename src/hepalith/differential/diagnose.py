"""From findings and patient to a ranked, explained differential. Exact; nothing is sampled but its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.belief import Belief, believe
from hepalith.differential.differential import Combination, Diagnosis, Differential, Evidence, Process
from hepalith.differential.draw import draw_posterior, interval
from hepalith.differential.model import Model
from hepalith.differential.prior import set_priors
from hepalith.differential.question import CHILD_BELOW_YEARS, ask, choose_setting, say
from hepalith.differential.statement import Statement
from hepalith.differential.subject import ONLY, spread_foci
from hepalith.differential.weigh import log_odds, settle, share_findings, weigh_findings
from hepalith.finding.finding import Finding, Pattern
from hepalith.study.patient import Patient

__all__ = ["CHILD_BELOW_YEARS", "choose_setting", "diagnose"]

INTERVAL_PERCENT = (2.5, 97.5)
"""Ends of the 95 % interval of a probability, over the draws."""

BY_DEFINITION = "what the other values leave, or true by definition"
"""Cited where no number of its own stands behind a weight."""

WORTH_WEIGHING = 1e-3
"""Hypotheses of two processes that hold less than this of their leading diagnosis's probability take no part
in the path along which findings are weighed. What they add to the odds is in the sum all the same."""

TELLING_WEIGHT = 0.3
"""Log10 weight (a factor of two) from which the foci behind a finding are named with a process.
Our judgement."""

LEAST_COMBINATION = 0.05
"""Combinations below one in twenty are left out of `combinations`. Our judgement."""

LEAST_PROCESS = 0.01
"""Marginals below one in a hundred are left out of `processes`. Our judgement."""


def diagnose(findings: Sequence[Finding], patterns: Sequence[Pattern], patient: Patient) -> Differential:
    """Return what may explain the calcification, ranked, with the evidence for and against.

    Parameters
    ----------
    findings
        Of whatever source. Those that the patient file states are added if they are not among
        them. What is unknown or not assessable counts neither for nor against.
    patterns
        Arrangements of the foci.
    patient
        Age, sex, setting and known primary.

    Returns
    -------
    Differential
        It ranks what leads: a hypothesis holds one process or two, and the graver of two leads.
        Probabilities sum to 1; for each diagnosis `prior` (log10 odds) plus the weights of its evidence
        equals its posterior log10 odds. Without diagnoses where there is no calcification to
        explain, where that could not be assessed, or for a fetus, whose pathway is its own.
    """
    question = ask(findings, patterns, patient)
    model, setting, digest = question.model, question.setting, question.model.knowledge.digest
    belief = believe(question)
    if not belief.diagnoses:
        return Differential((), (), setting, digest, question.contradictions)
    posterior, drawn = belief.posterior, draw_posterior(belief)
    low, high = interval(drawn, posterior, INTERVAL_PERCENT)
    first = np.bincount(drawn.argmax(axis=0), minlength=len(posterior)) / drawn.shape[1]
    prior_odds, odds, statements, weights = _weigh(belief)
    units = question.units

    said = {root: say(model, unit) for root, unit in units.items()}
    cited = [(s, _cite(model, s, said[model.root_of(s.feature)])) for s in statements]
    evidence = [_evidence(cited, d, weights[d]) for d in range(len(posterior))]
    ranked = sorted(range(len(posterior)), key=lambda d: (-odds[d], model.knowledge.entries[d].id))
    diagnoses = tuple(
        Diagnosis(
            diagnosis=model.knowledge.entries[d].id,
            probability=float(posterior[d]),
            low=float(low[d]),
            high=float(high[d]),
            first_in=float(first[d]),
            supporting=evidence[d][0],
            opposing=evidence[d][1],
            prior=float(prior_odds[d]),
        )
        for d in ranked
    )
    return Differential(
        diagnoses,
        _processes(belief, diagnoses),
        setting,
        digest,
        question.contradictions,
        _combinations(belief),
    )


def _weigh(
    belief: Belief,
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Statement], NDArray[np.float64]]:
    """Return prior and posterior log10 odds, every statement, and its weight for every diagnosis.

    The path of the weights runs over the hypotheses that hold any of a diagnosis's probability worth
    naming; the sum is settled over all of them.
    """
    question, everything = belief.question, belief.hypotheses
    alone = everything.count_alone
    of_leader = belief.posterior[everything.leading]
    joint = np.exp(belief.log_joint - belief.log_joint.max())
    joint /= joint.sum()
    kept = np.flatnonzero(joint[alone:] > WORTH_WEIGHING * of_leader[alone:])
    hypotheses = everything.select(kept)
    priors = set_priors(question.model, question.setting, question.patient, bare=question.is_bare)
    statements, shares = share_findings(question, hypotheses)
    log_prior = hypotheses.log_prior(priors, echo=question.is_echo)
    weights = weigh_findings(log_prior, shares, hypotheses.leading, len(priors))
    before = everything.gather(np.exp(everything.log_prior(priors, echo=question.is_echo)))
    prior_odds, odds = log_odds(np.log(before)), log_odds(_log_led(belief))
    return prior_odds, odds, statements, settle(weights, odds - prior_odds)


def _log_led(belief: Belief) -> NDArray[np.float64]:
    """Return the log mass that each diagnosis leads, without losing what is very small."""
    leading, count = belief.hypotheses.leading, len(belief.diagnoses)
    tops = np.full(count, -np.inf)
    np.maximum.at(tops, leading, belief.log_joint)
    sums = np.bincount(leading, np.exp(belief.log_joint - tops[leading]), count)
    return np.asarray(np.log(sums) + tops)


def _evidence(
    cited: Sequence[tuple[Statement, Sequence[str]]], diagnosis: int, weights: NDArray[np.float64]
) -> tuple[tuple[Evidence, ...], tuple[Evidence, ...]]:
    """Return the findings that speak for a diagnosis, and those against it, weightiest first."""
    found: dict[str, tuple[float, str]] = {}
    for (statement, citations), weight in zip(cited, weights.tolist(), strict=True):
        earlier, source = found.get(statement.finding, (0.0, citations[diagnosis]))
        found[statement.finding] = (earlier + weight, source)
    heaviest = sorted(found.items(), key=lambda item: (-abs(item[1][0]), item[0]))
    evidence = [Evidence(finding, weight, source) for finding, (weight, source) in heaviest]
    return tuple(e for e in evidence if e.weight > 0), tuple(e for e in evidence if e.weight < 0)


def _cite(model: Model, statement: Statement, said: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """Return, for each diagnosis, where the number comes from that this finding is weighed with.

    Where the feature depends on another, the numbers for what was said of that one come first.
    There the first number that is one (and not what the others leave) is cited; where the diagnosis
    has several forms, that of the first.
    """
    table = model.tables[statement.feature]
    support = said.get(table.feature.given or "")
    likeliest = np.arange(table.row_of.shape[1]) if support is None else np.argsort(-support, kind="stable")
    value = int(statement.likelihood.argmax())
    cited = table.cited[:, value][table.row_of[:, likeliest]]
    first = cited[np.arange(len(cited)), (cited > 0).argmax(axis=1)]
    starts = np.flatnonzero(np.diff(model.diagnosis_of, prepend=-1))
    return [model.citations[place] or BY_DEFINITION for place in first[starts].tolist()]


def _combinations(belief: Belief) -> tuple[Combination, ...]:
    """Return the likeliest hypotheses, whatever forms their processes take, the likeliest first."""
    hypotheses, count = belief.hypotheses, len(belief.diagnoses)
    joint = np.exp(belief.log_joint - belief.log_joint.max())
    pair = hypotheses.leading * (count + 1) + hypotheses.beside + 1
    chances = np.bincount(pair, joint / joint.sum(), count * (count + 1)).reshape(count, count + 1)
    found = [
        Combination(belief.diagnoses[d], belief.diagnoses[e - 1] if e else None, float(chances[d, e]))
        for d, e in np.argwhere(chances >= LEAST_COMBINATION).tolist()
    ]
    return tuple(sorted(found, key=lambda c: (-c.probability, c.leading, c.beside or "")))


def _processes(belief: Belief, diagnoses: Sequence[Diagnosis]) -> tuple[Process, ...]:
    """Return marginals: a process is at work when it leads, or when it stands beside what leads.

    A process names the foci that speak for it; none where what speaks for it is no focus's own.
    """
    joint = np.exp(belief.log_joint - belief.log_joint.max())
    at_work = belief.hypotheses.at_work(joint / joint.sum())
    chance = dict(zip(belief.diagnoses, at_work.tolist(), strict=True))
    about = belief.question.about
    marginals = []
    for diagnosis in sorted(diagnoses, key=lambda d: (-chance[d.diagnosis], d.diagnosis)):
        name = diagnosis.diagnosis
        if name != "none_of_these" and chance[name] >= LEAST_PROCESS:
            telling = [e.finding for e in diagnosis.supporting if e.weight >= TELLING_WEIGHT]
            foci = about[ONLY] or frozenset().union(*(about.get(f, frozenset()) for f in telling))
            foci = spread_foci(foci, belief.question.patterns)
            marginals.append(Process(name, min(chance[name], 1.0), tuple(sorted(foci))))
    return tuple(marginals)
