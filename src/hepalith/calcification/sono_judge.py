"""What a bright echo is: small judges, each with one kind of evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hepalith.calcification.ultrasound_sight import Sight

__all__ = ["Verdict", "judge_echo"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an echo is, how probable and why; the probability of every label, and of a body at all."""

    label: str
    probability: float
    reason: str
    probabilities: Mapping[str, float]
    bright: float


def judge_echo(sight: Sight) -> Verdict | None:
    """Return what an echo is, or ``None`` where it is nothing to name."""
    shadow = sight.shadow.probabilities
    cast = shadow.get("clean", 0.0) + shadow.get("faint", 0.0) + shadow.get("dirty", 0.0)
    score = -3.0 + 0.55 * min(sight.body.contrast, 9.0) + 2.5 * (cast - 0.4)
    if sight.body.goes_on:
        score -= 4.0
    score -= 1.0 * max(0.0, min(sight.elongation - 2.0, 4.0)) * (1 - cast)
    score -= 1.5 * sight.about.dark_sides * (1 - cast)
    score -= 4.0 * sight.about.on_line
    p = 1 / (1 + math.exp(-score))
    if p < 0.5:
        return None
    label = "calcification" if shadow.get("clean", 0.0) > 0.5 else "echogenic_focus"
    return Verdict(label, p, sight.shadow.reason, {label: p, "undetermined": 1 - p}, p)
