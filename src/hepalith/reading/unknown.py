"""What is not known and would matter: how much it would tell, and what its outcomes would mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.differential import Belief, hypothesise
from hepalith.differential.belief import Outcome
from hepalith.differential.expectation import information_bits
from hepalith.finding import Finding, Pattern
from hepalith.reading.phrases import phrase
from hepalith.reading.punctuation import CLAUSE
from hepalith.reading.terms import say_choice, say_inline
from hepalith.reading.wording import format_number, percent_text
from hepalith.study.patient import Patient
from hepalith.vocabulary import State, load_vocabulary

__all__ = ["Meaning", "Unknown", "list_unknown", "unknown_text"]

GROUPS = ("finding", "laboratory_finding", "symptom", "exposure", "history")
"""Groups of terms that can be asked after. An arrangement of foci counts only where it is seen, so that
its absence would be promised more than it gives."""

NOT_ASKED = frozenset({"known_primary", "focus_count"})
"""The first chooses the population and is no finding; the second is asked as "more than one"."""

MOST = 6
"""Unknown findings named. Our judgement: a list is read in one glance."""

LEAST_BITS = 0.01
"""Information from which an unknown finding is named: a hundredth of a yes-or-no question. Our judgement."""

LEAST_CHANCE = 0.02
"""Probability below which an outcome is not named: it is not to be expected. Our judgement."""

MOST_OUTCOMES = 2
"""Outcomes named of one finding, those that change most. Our judgement."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one outcome would mean: how probable it is, and the diagnosis that it raises most."""

    outcome: Outcome
    probability: float
    diagnosis: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """A finding that is not known: the information expected of it, in bits, and what outcomes would mean."""

    finding: str
    bits: float
    outcomes: tuple[Meaning, ...]


def list_unknown(
    findings: Sequence[Finding], patterns: Sequence[Pattern], patient: Patient
) -> tuple[Unknown, ...]:
    """Return the unknown findings that would tell most about the diagnosis, the most telling first."""
    belief = hypothesise(findings, patterns, patient).narrow()
    known = {f.id for f in findings if f.state in (State.PRESENT, State.ABSENT)} | {p.id for p in patterns}
    asked = []
    for term in load_vocabulary().of_group(*GROUPS):
        if term.id in known or term.id in NOT_ASKED:
            continue
        outcomes, chances, after = belief.expect(term.id)
        if outcomes:
            asked.append((information_bits(chances[:, None] * after), term.id, outcomes, chances, after))
    best = sorted(asked, key=lambda row: (-row[0], row[1]))[:MOST]
    return tuple(
        Unknown(name, bits, _meanings(belief, outcomes, chances, after))
        for bits, name, outcomes, chances, after in best
        if bits >= LEAST_BITS
    )


def _meanings(
    belief: Belief, outcomes: Sequence[Outcome], chances: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[Meaning, ...]:
    """Return the outcomes that change most, each with the diagnosis whose probability it raises most."""
    gains = after - belief.posterior
    best = gains.argmax(axis=1)
    moved = chances * gains.max(axis=1)
    order = [i for i in np.argsort(-moved, kind="stable").tolist() if chances[i] >= LEAST_CHANCE]
    return tuple(
        Meaning(
            outcomes[i],
            float(chances[i]),
            belief.diagnoses[best[i]],
            float(belief.posterior[best[i]]),
            float(after[i, best[i]]),
        )
        for i in order[:MOST_OUTCOMES]
    )


def unknown_text(unknown: Unknown, language: str) -> str:
    """Say one unknown finding: what it is expected to tell, and what its outcomes would mean."""
    said = [
        phrase(
            "opinion",
            "outcome",
            language,
            outcome=_outcome_text(unknown.finding, meaning.outcome, language),
            diagnosis=say_inline(meaning.diagnosis, language),
            before=percent_text(meaning.before, language),
            after=percent_text(meaning.after, language),
        )
        for meaning in unknown.outcomes
    ]
    return phrase(
        "opinion",
        "would_matter",
        language,
        name=say_inline(unknown.finding, language),
        bits=format_number(unknown.bits, 2),
        list=CLAUSE[language].join(said),
    )


def _outcome_text(finding: str, outcome: Outcome, language: str) -> str:
    """Say an outcome: seen or not, a choice, or the bins of a size (``lt3|3to8``)."""
    if isinstance(outcome, bool):
        return phrase("opinion", "if_present" if outcome else "if_absent", language)
    term = load_vocabulary()[finding]
    if term.type == "choice":
        return say_choice(finding, outcome, language)
    first, _, last = outcome.partition("|")
    low = first.removeprefix("gt").partition("to")[0] if not first.startswith("lt") else ""
    high = (last.rpartition("|")[2] or first).removeprefix("lt").rpartition("to")[2]
    high = "" if (last or first).startswith("gt") else high
    unit = "" if term.unit == "1" else f" {term.unit}"
    if not low.isdecimal():
        return f"< {high}{unit}" if high.isdecimal() else outcome.replace("|", ", ")
    return f"{low}–{high}{unit}" if high else f"> {low}{unit}"
