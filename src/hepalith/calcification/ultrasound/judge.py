"""What a bright echo is: the log odds for a focus against the votes for each mimic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hepalith.calcification.echo import COUNTED
from hepalith.calcification.mimic.vote import Vote
from hepalith.calcification.ultrasound.evidence import log_odds_of_focus, weigh
from hepalith.calcification.ultrasound.evidence_measures import measures_asked
from hepalith.calcification.ultrasound.gas import gas_words, log_odds_of_gas
from hepalith.calcification.ultrasound.mimic import PRIORS, weigh_mimics
from hepalith.calcification.ultrasound.sight import Sight

__all__ = ["Verdict", "judge_echo"]

OPERATING_POINT = 0.5
"""Probability of a focus from which one is called."""

WORTH_NAMING = 0.3
"""Probability of a focus from which a body that is not called is told of, as undetermined."""

SURE_MIMIC, AT_LIVER = 0.5, 0.1
"""Probability from which a mimic is named, and share of liver about it: layers of the body wall and what lies
beyond the diaphragm are no part of the reading. Our judgement."""

CALCIUM: Mapping[str, float] = MappingProxyType(
    {"clean": 1.0, "faint": 0.6, "dirty": 0.3, "none": 0.15, "comet_tail": 0.1, "not_assessable": 0.3}
)
"""Share of foci with each grade of shadow that are said to be calcification rather than an echo whose
substance is not named. A clean shadow is calcium's or a stone's; a dot without one may be anything. Our
judgement."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an echo is, how probable and why; the probability of every label, and of a body at all."""

    label: str
    probability: float
    reason: str
    probabilities: Mapping[str, float]
    bright: float


def judge_echo(sight: Sight) -> Verdict | None:
    """Return what an echo is, or ``None`` where it is nothing to name.

    Notes
    -----
    The focus is judged against all else, what the mimics' judges say being one measure of it; the odds for
    gas are added to those against it. What is left is gas by its own probability, and for the rest parted
    among the other mimics by their log odds. The focus's share is parted between calcification and echogenic
    focus by its shadow.
    """
    score, votes = weigh_mimics(sight)
    weighed = weigh(sight, score)
    asked = measures_asked(sight, weighed)
    odds_of_gas = math.exp(log_odds_of_gas(sight, asked))
    gas = odds_of_gas / (1.0 + odds_of_gas)
    likely = 1.0 / (1.0 + math.exp(-log_odds_of_focus(sight, weighed, asked)) + odds_of_gas)
    top = max(score.values())
    share = {label: math.exp(value - top) for label, value in score.items()}
    total = sum(share.values())
    calcium = _calcium(sight)
    probabilities = {
        "calcification": likely * calcium,
        "echogenic_focus": likely * (1.0 - calcium),
        "gas": (1.0 - likely) * gas,
        **{label: (1.0 - likely) * (1.0 - gas) * value / total for label, value in share.items()},
    }
    pool = COUNTED if likely >= OPERATING_POINT else ("gas", *PRIORS)
    best = max(pool, key=lambda label: probabilities[label])
    if best not in COUNTED and not _is_worth_naming(best, probabilities[best], likely, sight):
        return None
    probability = likely if best in COUNTED else probabilities[best]
    bright = max(1.0 - _noise(sight), likely)
    return Verdict(best, probability, _reason(best, sight, votes), probabilities, bright)


def _is_worth_naming(label: str, probability: float, likely: float, sight: Sight) -> bool:
    """Return whether a body that is not called is told of: a sure mimic, or what was nearly called."""
    if label == "undetermined":
        return likely >= WORTH_NAMING
    return probability >= SURE_MIMIC and (sight.about.liver >= AT_LIVER or label == "gallstone")


def _calcium(sight: Sight) -> float:
    """Return the share of a focus's probability that goes to calcification."""
    grades = sight.shadow.probabilities or {"not_assessable": 1.0}
    return sum(CALCIUM[grade] * p for grade, p in grades.items())


def _noise(sight: Sight) -> float:
    """Return the probability that speckle alone made a body: small from four deviations on."""
    return 1.0 / (1.0 + math.exp(2.5 * (sight.body.deviates - 3.2)))


def _reason(label: str, sight: Sight, votes: list[Vote]) -> str:
    """Return the strongest reasons for a label as one sentence."""
    if label in COUNTED:
        words = [f"{sight.body.contrast:.1f} deviations of speckle brighter than the liver about it"]
        words.append(sight.shadow.reason or "its shadow was not judged")
        against = sorted(
            (v for v in votes if v.label != "undetermined" and v.weight > 1.5), key=lambda v: -v.weight
        )
        return "; ".join([*words, *(f"but {v.reason}" for v in against[:1])])
    if label == "gas":
        return gas_words(sight)
    chosen = sorted((v for v in votes if v.label == label), key=lambda v: -v.weight)
    return "; ".join(v.reason for v in chosen[:2]) or "bright, but no more than much else in this picture"
