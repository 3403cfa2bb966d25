"""What one bright echo says of its substance: calcium or not, and what its shadow is worth."""

from __future__ import annotations

from collections.abc import Mapping

from hepalith.calcification.focus import Focus
from hepalith.finding.duct.duct import RELATIONS, DuctRelation
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.ultrasound.scene import Scene
from hepalith.vocabulary import State

__all__ = ["CALCIUM_BY_SHADOW", "chance_of_calcium", "describe_shadow", "leading_focus"]

CALCIUM_BY_SHADOW: Mapping[str, float] = {
    "clean": 0.95,
    "faint": 0.85,
    "none": 0.65,
    "not_assessable": 0.70,
    "dirty": 0.40,
    "comet_tail": 0.45,
}
"""Probability that a stone-like strong echo in the liver is calcium or a stone, by the shadow behind it.

The article calls every such echo a calcification (S1), and most simple ones have no shadow or a faint one
(S36); a clean shadow is that of a calculus (R74, in vitro), a dirty one that of gas. CT is the reference for
calcium, and no series tells how many echoes without a shadow hold none: gas, fat, a small haemangioma, a
pigment stone. The numbers are our judgement (grade C).
"""

MISSING = 0.55
"""Share of `CALCIUM_BY_SHADOW` that an echo loses whose shadow should surely have shown and did not.

Our judgement (C).
"""

UNEXPECTED = (
    "no shadow was seen, and whether one could be expected is unknown: the size, the depth or the scanner's "
    "settings are not known"
)
UNLIKELY = "no shadow was seen, and a focus this small throws none or a faint one, a stone as well as calcium"
UNMEASURED = "the shadow could not be judged"
NO_FOCUS = "no bright focus was found"

LEAST_EXPECTED = 0.15
"""Chance of a shadow to be seen below which its absence is not mentioned as evidence at all. It would weigh
less than a fifteenth in log10. Our judgement."""

WEAK = ("none", "faint")
"""Grades of a shadow that might have been expected to be stronger."""


def chance_of_calcium(focus: Focus) -> float:
    """Return the probability that a counted focus is calcium or a stone, if it is a bright body at all.

    Examples
    --------
    A focus without a shadow where none could be expected is calcium with 0.65; where one should surely have
    shown, less than a third is left.
    """
    shadow = focus.shadow
    grade = "not_assessable" if shadow is None else shadow.grade
    chance = CALCIUM_BY_SHADOW.get(grade, CALCIUM_BY_SHADOW["not_assessable"])
    if shadow is not None and grade == "none" and shadow.expected is not None:
        chance *= 1.0 - MISSING * shadow.expected
    return chance


def leading_focus(scene: Scene, relations: Mapping[int, DuctRelation]) -> Focus | None:
    """Return the focus that the findings of a single focus are about.

    One in a duct comes before others, then the first of the foci.
    """
    if not scene.explained:
        return None

    def order(focus: Focus) -> int:
        relation = relations[focus.id].relation if focus.id in relations else ""
        return RELATIONS.index(relation) if relation in RELATIONS[:2] else len(RELATIONS)

    return min(scene.explained, key=order)


def describe_shadow(scene: Scene, leading: Focus | None) -> Finding:
    r"""Return the shadow behind the leading focus, as evidence.

    Notes
    -----
    That no shadow is seen says something only where one would have shown. With e the probability that a
    calcified body of this size, depth, frequency and compounding throws one that is seen, "none" is as likely
    as 1 - e where the body does throw a shadow and certain where it does not:

    .. math:: P(\text{none} \mid \text{shadow}) : P(\text{none} \mid \text{no shadow}) = (1 - e) : 1

    Where e is unknown, or so low that a missing shadow is the rule (below 3 mm, for stones as for calcium),
    the finding is not assessable and carries no weight; the grade itself stays with the focus.
    """
    subject = Subject("focus", "" if leading is None else str(leading.id))
    name = "acoustic_shadow"
    if leading is None:
        return Finding(name, subject, State.NOT_ASSESSABLE, source="us", reason=NO_FOCUS)
    shadow, images = leading.shadow, scene.images_of(leading.id)
    if shadow is None or shadow.grade == "not_assessable":
        reason = shadow.reason if shadow is not None and shadow.reason else UNMEASURED
        return Finding(name, subject, State.NOT_ASSESSABLE, source="us", images=images, reason=reason)
    if shadow.grade in WEAK and shadow.expected is None:
        return Finding(name, subject, State.NOT_ASSESSABLE, source="us", images=images, reason=UNEXPECTED)
    if shadow.grade in WEAK and shadow.expected is not None and shadow.expected < LEAST_EXPECTED:
        return Finding(name, subject, State.NOT_ASSESSABLE, source="us", images=images, reason=UNLIKELY)
    chances = {k: p for k, p in shadow.probabilities.items() if k != "not_assessable" and p > 0}
    chances = chances or {shadow.grade: 1.0}
    if shadow.grade in WEAK and shadow.expected is not None:
        chances = _weaken(chances, shadow.expected)
    if leading.label == "gas":
        chances = _ring_down(chances)
    total = sum(chances.values())
    stated = {k: p / total for k, p in sorted(chances.items())}
    return Finding(
        name, subject, State.PRESENT, stated.get(shadow.grade, 1.0), shadow.grade, "us", images,
        alternatives=tuple(stated.items()),
    )  # fmt: skip


RING_DOWN = 0.7
"""Share of the comet tails behind what is named gas that are its ring-down, a dirty shadow.

Gas in ducts shows a dirty shadow with ring-down (the review's table of mimics); a crystal's short tail is
rarer.
Our judgement (C).
"""


def _ring_down(chances: Mapping[str, float]) -> dict[str, float]:
    """Return the probabilities of the grades behind gas, most comet tails being its ring-down."""
    tail = chances.get("comet_tail", 0.0)
    dirty = chances.get("dirty", 0.0) + RING_DOWN * tail
    return {**chances, "dirty": dirty, "comet_tail": (1.0 - RING_DOWN) * tail}


def _weaken(chances: Mapping[str, float], expected: float) -> dict[str, float]:
    """Return the likelihoods of the grades, a clean shadow being as likely as one that was missed."""
    weak = sum(chances.get(grade, 0.0) for grade in WEAK)
    missed = (1.0 - expected) * weak
    return {**chances, "clean": chances.get("clean", 0.0) + missed}
