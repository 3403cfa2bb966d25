"""What a bright thing is: small judges, each with one kind of evidence, and the sum of their evidence.

Every judge reads an `Appearance` and says, for some labels, by how much they become more or less
likely (natural logarithm of a likelihood ratio) and why, in words for the report. The votes are
added to the prior log odds and normalised to probabilities. A new mimic is a new judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hepalith.calcification.mimic.appearance import Appearance
from hepalith.calcification.mimic.bone import judge_bone
from hepalith.calcification.mimic.change import judge_change
from hepalith.calcification.mimic.gallstone_and_bowel import judge_beside, judge_bowel, judge_gallstone
from hepalith.calcification.mimic.gas import judge_gas
from hepalith.calcification.mimic.iodine import judge_iodine_in_duct, judge_iodine_in_vessel
from hepalith.calcification.mimic.metal import judge_metal
from hepalith.calcification.mimic.oil_and_glue import judge_glue, judge_lipiodol
from hepalith.calcification.mimic.streak import judge_streak
from hepalith.calcification.mimic.vessel_wall import judge_vessel_wall
from hepalith.calcification.mimic.vote import Vote
from hepalith.calcification.search.candidate import METAL_HU

__all__ = [
    "JUDGES",
    "LABELS",
    "NOTHING_EXPECTED",
    "TEMPERATURE",
    "Verdict",
    "Vote",
    "all_votes",
    "give_reason",
    "judge",
]

LABELS: dict[str, float] = {
    "calcification": 0.0,
    "bone_or_cartilage": -3.0,
    "iodine_in_vessel": -4.0,
    "clip_or_coil": -6.0,
    "stent_or_catheter": -6.0,
    "noise_or_streak": -3.5,
    "bowel_content": -5.0,
    "gallstone": -4.5,
    "gas": -6.0,
    "lipiodol": -5.0,
    "glue": -6.0,
    "iodine_in_duct": -4.5,
    "vessel_wall_calcification": -4.0,
    "undetermined": -2.5,
}
"""Prior log odds against calcification of what stands out in a liver mask beyond noise. Our
judgement: most such bodies well inside a liver are calcium; each mimic needs evidence of its own."""

TEMPERATURE = 1.2
"""What the summed evidence is divided by: judges that see the same thing twice count it twice. The least log
loss over 248 named bodies of development phantoms of even number (0.67 against 0.71 without; odd ones 0.88
against 0.93)."""

NOTHING_EXPECTED: Mapping[str, float] = MappingProxyType({})
"""Of whom no history is known."""

ALIKE, NOT_TOLD = ("calcification", "lipiodol"), 0.2
"""What density and shape often cannot tell apart, and the probability of both from which the reading says
so."""

ASK_FOR_OIL = "calcification or iodised oil: ask for a history of chemoembolisation"

FAINT_HU = 130.0
"""HU below which a body is fainter than the convention for calcium; it may still be a small one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a focus is, how probable that is, why, and the probability of every label."""

    label: str
    probability: float
    reason: str
    probabilities: dict[str, float]


def judge(appearance: Appearance, expected: Mapping[str, float] = NOTHING_EXPECTED) -> Verdict:
    """Return the label of a focus from the votes of all judges.

    `expected` holds the log odds that the patient's history adds to some labels.

    Examples
    --------
    The sum of votes and prior log odds is normalised: with no vote at all the prior decides.
    """
    votes = all_votes(appearance)
    score = {label: prior + expected.get(label, 0.0) for label, prior in LABELS.items()}
    for vote in votes:
        score[vote.label] += vote.weight
    top = max(score.values())
    share = {label: math.exp((value - top) / TEMPERATURE) for label, value in score.items()}
    total = sum(share.values())
    probabilities = {label: value / total for label, value in share.items()}
    best = max(probabilities, key=lambda label: probabilities[label])
    reason = give_reason(best, votes, appearance, probabilities)
    return Verdict(best, probabilities[best], reason, probabilities)


def all_votes(seen: Appearance) -> list[Vote]:
    """Return what all judges say, asked in order."""
    return [vote for ask in JUDGES for vote in ask(seen)]


def give_reason(
    label: str, votes: Sequence[Vote], seen: Appearance, probabilities: Mapping[str, float], learned: str = ""
) -> str:
    """Return the strongest reasons for a label as one sentence.

    Parameters
    ----------
    label
        What the body is taken for.
    votes, seen
        What the judges say, and what they looked at.
    probabilities
        Of all labels.
    learned
        What else speaks for it; stands first where no judge speaks for it.
    """
    words = _words(label, votes, seen, learned)
    if min(probabilities[name] for name in ALIKE) >= NOT_TOLD and label in ALIKE:
        words += f"; {ASK_FOR_OIL}"
    return words


def _words(label: str, votes: Sequence[Vote], seen: Appearance, learned: str) -> str:
    chosen = sorted((v for v in votes if v.label == label and v.weight > 0), key=lambda v: -v.weight)
    words = [v.reason for v in chosen[:2]]
    if learned:
        words.append(learned)
    if not words:
        words = [f"peak {seen.peak_hu:.0f} HU, {seen.deviations:.0f} noise deviations above its surroundings"]
    against = sorted(
        (v for v in votes if v.label != label and v.weight > 1.0 and v.reason not in words),
        key=lambda v: -v.weight,
    )
    if against:  # the same words may speak for two labels, as metal's do for a clip and for a stent
        words.append(f"but {against[0].reason}")
    return "; ".join(words)


def _judge_faint(seen: Appearance) -> list[Vote]:
    if seen.peak_hu >= FAINT_HU:
        return []
    weight = 1.0 + 6.0 * max(0.0, 0.9 - seen.liver_about)
    return [Vote("undetermined", weight, f"peak only {seen.peak_hu:.0f} HU")]


def _judge_calcium(seen: Appearance) -> list[Vote]:
    if seen.peak_hu >= METAL_HU or seen.peak_hu < FAINT_HU:
        return []
    why = f"peak {seen.peak_hu:.0f} HU, {seen.peak_excess_hu:.0f} above the liver about it"
    return [Vote("calcification", min(2.0, seen.peak_excess_hu / 200.0), why)]


def _judge_other_phases(seen: Appearance) -> list[Vote]:
    return judge_change(seen.changes, seen.read_in)


JUDGES: tuple[Callable[[Appearance], list[Vote]], ...] = (
    judge_metal,
    judge_streak,
    judge_bone,
    judge_iodine_in_vessel,
    judge_iodine_in_duct,
    judge_lipiodol,
    judge_glue,
    judge_gallstone,
    judge_bowel,
    judge_vessel_wall,
    judge_gas,
    _judge_other_phases,
    judge_beside,
    _judge_faint,
    _judge_calcium,
)
"""The judges, asked in this order; the order does not change the verdict."""
