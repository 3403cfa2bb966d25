"""From findings and patient to a ranked, explained differential. Exact; nothing is sampled but its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.differential.differential import Diagnosis, Differential, Evidence, Process
from hepalith.differential.model import Model
from hepalith.differential.prior import draw_priors, set_priors
from hepalith.differential.question import CHILD_BELOW_YEARS, ask, choose_setting, in_bands, say
from hepalith.differential.statement import Statement
from hepalith.differential.weigh import share_within_unit, weigh_findings
from hepalith.finding.finding import Finding, Pattern
from hepalith.study.patient import Patient

__all__ = ["CHILD_BELOW_YEARS", "choose_setting", "diagnose"]

INTERVAL_PERCENT = (2.5, 97.5)
"""Ends of the 95 % interval of a probability, over the draws."""

BY_DEFINITION = "what the other values leave, or true by definition"
"""Cited where no number of its own stands behind a weight."""

TELLING_WEIGHT = 0.3
"""Log10 weight (a factor of two) from which the foci behind a finding are named with a process.
Our judgement."""

ONLY = "solitary"
"""The pattern of a single focus: whatever is at work, it is that focus."""

CHAIN = "along_portal_triad"
"""The pattern whose foci make a `beaded_chain`."""

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
        Probabilities sum to 1; for each diagnosis `prior` (log10 odds) plus the weights of its evidence
        equals its posterior log10 odds. Without diagnoses where there is no calcification to
        explain, where that could not be assessed, or for a fetus, whose pathway is its own.
    """
    question = ask(findings, patterns, patient)
    model, setting, population = question.model, question.setting, question.population
    digest = model.knowledge.digest
    if question.is_empty:
        return Differential((), setting=setting, knowledge_digest=digest)
    statements, units = question.statements, question.units

    prior, prior_draws = set_priors(model, setting, patient), draw_priors(model, setting, patient)
    shares = _shares(model, units, population.age_bands)
    log_atoms = np.log(prior[model.diagnosis_of]) + np.log(model.share)
    prior_odds, odds, weights = weigh_findings(model, log_atoms, shares)
    posterior = _gather(model, np.exp(_safe(log_atoms + shares.sum(axis=0))))
    posterior /= posterior.sum()
    drawn = _posterior_draws(model, units, prior_draws, population.age_bands)
    low, high = _interval(drawn, posterior)
    first = np.bincount(drawn.argmax(axis=0), minlength=len(posterior)) / drawn.shape[1]

    cited = [(s, _cite(model, s, say(model, unit))) for unit in units.values() for s in unit]
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
    shown_by = _foci_of(question.heard, patterns)
    return Differential(diagnoses, _processes(model, diagnoses, statements, shown_by), setting, digest)


def _shares(
    model: Model, units: Mapping[str, Sequence[Statement]], age_bands: Sequence[str]
) -> NDArray[np.float64]:
    """Return log-likelihoods by finding and atom; the age is conditioned on the setting's bands."""
    rows = [np.zeros((0, len(model.diagnosis_of)))]
    for root, unit in units.items():
        shared = share_within_unit(model, root, unit)
        if root == "age" and age_bands:
            shared = shared - np.log(model.likelihood("age", in_bands(model, age_bands)))
        rows.append(shared)
    return np.concatenate(rows)


def _safe(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(log_p - log_p.max())


def _gather(model: Model, atoms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over the forms of each diagnosis."""
    gathered = np.zeros((len(model.knowledge.entries), *atoms.shape[1:]))
    np.add.at(gathered, model.diagnosis_of, atoms)
    return gathered


def _posterior_draws(
    model: Model,
    units: Mapping[str, Sequence[Statement]],
    prior_draws: NDArray[np.float32],
    age_bands: Sequence[str],
) -> NDArray[np.float64]:
    """Return posteriors of shape (diagnoses, draws), one for each draw of every number."""
    atoms = prior_draws[model.diagnosis_of].astype(np.float64) * model.share_draws
    for root, unit in units.items():
        atoms *= model.likelihood(root, say(model, unit), drawn=True)
        if root == "age" and age_bands:
            atoms /= model.likelihood("age", in_bands(model, age_bands), drawn=True)
    posterior = _gather(model, atoms)
    posterior /= posterior.sum(axis=0)
    return posterior


def _interval(
    drawn: NDArray[np.float64], posterior: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 95 % interval over the draws, widened where needed to hold the point value."""
    low, high = np.percentile(drawn, INTERVAL_PERCENT, axis=1)
    return np.minimum(low, posterior), np.maximum(high, posterior)


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
    There, and where the diagnosis has several forms, the first number that is one (and not what
    the others leave) is cited.
    """
    table = model.tables[statement.feature]
    support = said.get(table.feature.given or "")
    likeliest = np.arange(table.row_of.shape[1]) if support is None else np.argsort(-support, kind="stable")
    value = int(statement.likelihood.argmax())
    of_row = [numbers[value].citation if numbers[value] else None for numbers in table.numbers]  # type: ignore[union-attr]
    citations = [BY_DEFINITION] * len(model.knowledge.entries)
    for atom in range(len(model.diagnosis_of) - 1, -1, -1):
        cited = next(
            (c for c in (of_row[row] for row in table.row_of[atom, likeliest].tolist()) if c), BY_DEFINITION
        )
        citations[int(model.diagnosis_of[atom])] = cited
    return citations


def _processes(
    model: Model,
    diagnoses: Sequence[Diagnosis],
    statements: Sequence[Statement],
    shown_by: Mapping[str, frozenset[int]],
) -> tuple[Process, ...]:
    """Return marginals: a diagnosis is at work when it leads, or when it stands beside what leads.

    A first version: that two stand side by side is counted only where it was measured how many
    people have the second one anyway, and never for a single focus. So these are lower bounds.
    A process names the foci that speak for it; none where what speaks for it is no focus's own.
    """
    single = any(
        s.feature == "extent" and s.likelihood.argmax() == 0 and s.likelihood[1:].max() < s.likelihood[0]
        for s in statements
    )
    entries = {entry.id: entry for entry in model.knowledge.entries}
    marginals = []
    for diagnosis in diagnoses:
        beside = entries[diagnosis.diagnosis].coexists
        extra = 0.0 if beside is None or single else (1.0 - diagnosis.probability) * beside.value
        if diagnosis.diagnosis != "none_of_these" and diagnosis.probability + extra >= LEAST_PROCESS:
            telling = [e.finding for e in diagnosis.supporting if e.weight >= TELLING_WEIGHT]
            foci = shown_by[ONLY] or frozenset().union(*(shown_by.get(f, frozenset()) for f in telling))
            marginals.append(Process(diagnosis.diagnosis, diagnosis.probability + extra, tuple(sorted(foci))))
    return tuple(marginals)


def _foci_of(findings: Sequence[Finding], patterns: Sequence[Pattern]) -> dict[str, frozenset[int]]:
    """Return, by finding or pattern, the foci that it is about, and under `ONLY` the single focus.

    What all foci share (their number, their spread) names none: it tells no focus from another.
    """
    only = next((p.foci for p in patterns if p.id == ONLY), ())
    every = frozenset().union(*(p.foci for p in patterns))
    about = {p.id: frozenset(p.foci) for p in patterns if frozenset(p.foci) != every}
    if CHAIN in about:
        about["beaded_chain"] = about[CHAIN]
    for finding in findings:
        if finding.subject.kind == "focus" and finding.subject.ref.isdecimal():
            about[finding.id] = about.get(finding.id, frozenset()) | {int(finding.subject.ref)}
    return {**about, ONLY: frozenset(only)}
