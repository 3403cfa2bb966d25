"""What a bright thing is: small judges, each with one kind of evidence, and the sum of their evidence.

Every judge reads an `Appearance` and says, for some labels, by how much they become more or less
likely (natural logarithm of a likelihood ratio) and why, in words for the report. The votes are
added to the prior log odds and normalised to probabilities. A new mimic is a new judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hepalith.calcification.appearance import Appearance
from hepalith.calcification.candidate import METAL_HU

__all__ = ["JUDGES", "LABELS", "Verdict", "Vote", "judge"]

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
    "undetermined": -2.5,
}
"""Prior log odds against calcification of what stands out in a liver mask beyond noise. Our
judgement: most such bodies well inside a liver are calcium; each mimic needs evidence of its own."""

BONE_MM3 = 250.0
"""Volume outside the search region from which a connected bright body counts as bone: a 12 mm
length of rib cortex. Our judgement."""

BONE_NEAR_MM = 6.0
"""Distance within which bone can shine into the edge of the liver by partial volume."""

PART_OF_BONE = 3.0
"""Further evidence where a body at the edge is one with a bone that lies mostly outside the liver."""

CARTILAGE_NEAR_MM = 25.0
"""Distance from bone within which costal cartilage, calcified in patches, runs along the liver."""

OUTSIDE = 4.0
"""Evidence against a body of the liver where it lies beside it; half as much where that is not so clear."""

MOSTLY_OUTSIDE = 0.4
"""Share of liver in its surroundings below which a body lies beside the liver; a body on the capsule has
about one half."""

LIKELY_METAL_HU = 1500
"""HU from which metal is considered; dense stones reach it too."""

METAL_NEAR_MM = 10.0
"""Distance from metal within which brightness is the metal's own: struts, blooming. Our judgement."""

STENT_MM = 15.0
"""Longest diameter from which metal is a stent or catheter rather than a clip: surgical clips are
5–12 mm long, coils are compact, biliary stents 40 mm and more. Our judgement."""

BLOOD_ERROR_HU = 15.0
"""Standard error of the HU of blood: it differs among vessels and is read from the brightest. Our
judgement."""

DRAWN_OUT = 1.7
"""Elongation from which a body may be a piece of a vessel; compact ones are vessels only end on."""

IN_VESSEL, END_ON, NODULE, ISOLATED = 5.0, 2.0, 1.0, -3.0
"""Evidence for contrast in a vessel of a body no brighter than blood: that goes on and is drawn out; that
goes on but looks round; that ends all about it and is drawn out or large enough to show its density (an
enhancing nodule does so, too); that ends all about it and is too small to. A vessel does not end all about.
Our judgement."""

RESOLVED_BLURS = 3.0
"""Diameter in widths of the blur from which the middle of a body shows its own density."""

FAINT_HU = 130.0
"""HU below which a body is fainter than the convention for calcium; it may still be a small one."""

Words = str


@dataclass(frozen=True, slots=True)
class Vote:
    """One judge's evidence for a label: log likelihood ratio and the reason in words."""

    label: str
    weight: float
    reason: Words


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a focus is, how probable that is, why, and the probability of every label."""

    label: str
    probability: float
    reason: str
    probabilities: dict[str, float]


def judge(appearance: Appearance) -> Verdict:
    """Return the label of a focus from the votes of all judges.

    Examples
    --------
    The sum of votes and prior log odds is normalised: with no vote at all the prior decides.
    """
    votes = [vote for ask in JUDGES for vote in ask(appearance)]
    score = dict(LABELS)
    for vote in votes:
        score[vote.label] += vote.weight
    top = max(score.values())
    share = {label: math.exp(value - top) for label, value in score.items()}
    total = sum(share.values())
    probabilities = {label: value / total for label, value in share.items()}
    best = max(probabilities, key=lambda label: probabilities[label])
    return Verdict(best, probabilities[best], _reason(best, votes, appearance), probabilities)


def _reason(label: str, votes: list[Vote], seen: Appearance) -> str:
    """Return the strongest reasons for a label as one sentence."""
    chosen = sorted((v for v in votes if v.label == label and v.weight > 0), key=lambda v: -v.weight)
    words = [v.reason for v in chosen[:2]]
    if not words:
        words = [f"peak {seen.peak_hu:.0f} HU, {seen.deviations:.0f} noise deviations above its surroundings"]
    against = sorted(
        (v for v in votes if v.label != label and v.weight > 1.0 and v.reason not in words),
        key=lambda v: -v.weight,
    )
    if against:  # the same words may speak for two labels, as metal's do for a clip and for a stent
        words.append(f"but {against[0].reason}")
    return "; ".join(words)


def _judge_metal(seen: Appearance) -> list[Vote]:
    long = max(seen.shape.lengths_mm) * 3.5 > STENT_MM or seen.shape.hollow > 0.1
    kind = "stent_or_catheter" if long else "clip_or_coil"
    other = "clip_or_coil" if long else "stent_or_catheter"
    if seen.peak_hu >= METAL_HU:
        weight = 9.0 + (2.0 if seen.peak_hu >= 3000 else 0.0)
        why = f"peak {seen.peak_hu:.0f} HU, denser than calcium"
        return [Vote(kind, weight, why), Vote(other, weight - 2.5, why)]
    if seen.peak_hu >= LIKELY_METAL_HU and seen.dark_about > 6:
        why = f"peak {seen.peak_hu:.0f} HU with dark streaks beside it"
        return [Vote(kind, 6.0, why), Vote(other, 3.5, why)]
    if seen.metal_mm <= METAL_NEAR_MM:
        why = f"part of a metal object {seen.metal_mm:.0f} mm away"
        return [Vote(kind, 9.5, why), Vote(other, 7.5, why)]
    return []


def _judge_streak(seen: Appearance) -> list[Vote]:
    votes = []
    if seen.metal_slices and METAL_NEAR_MM < seen.metal_mm < 60.0:
        weight = 4.5 if seen.peak_excess_hu < 300 else 2.0
        votes.append(Vote("noise_or_streak", weight, f"metal lies in its slice {seen.metal_mm:.0f} mm away"))
    if seen.dark_about > 5 and seen.peak_excess_hu < 6 * seen.dark_about:
        votes.append(Vote("noise_or_streak", 1.5, "dark streaks run beside it"))
    if seen.deviations < 6.5 and seen.voxels <= 2:
        votes.append(Vote("noise_or_streak", 1.0, "one or two voxels little above the noise"))
    return votes


def _judge_bone(seen: Appearance) -> list[Vote]:
    if seen.metal_mm == 0.0:
        return []
    votes = []
    edge = 1.0 - min(1.0, seen.liver_about)
    if seen.outside_mm3 >= BONE_MM3 and seen.outside_dense >= 0.05:
        at_edge = seen.liver_about < 0.75 or seen.inside_share < 0.8
        weight = 0.5
        if seen.bone_mm == 0.0 and edge > 0.05:
            weight = 2.5 + 6.0 * edge
        elif at_edge:
            weight = 2.0 + 6.0 * edge
        votes.append(Vote("bone_or_cartilage", weight, "continues into a large dense body outside the liver"))
    flat = seen.shape.elongation > DRAWN_OUT or seen.shape.flatness > DRAWN_OUT
    if seen.bone_mm > BONE_NEAR_MM and seen.bone_mm <= CARTILAGE_NEAR_MM and seen.liver_about < 0.6 and flat:
        weight = 3.5 if seen.bone_mm > CARTILAGE_NEAR_MM / 2 else 5.0
        votes.append(
            Vote("bone_or_cartilage", weight, "drawn out along the chest wall at the edge of the liver")
        )
    if seen.bone_mm <= BONE_NEAR_MM and (seen.liver_about < 0.75 or seen.inside_share < 0.8):
        weight = 1.0 + 3.0 * edge + (1.5 if seen.peak_hu < 200 else 0.0)
        weight += PART_OF_BONE if seen.bone_mm == 0.0 else 0.0
        votes.append(
            Vote(
                "bone_or_cartilage", weight, f"lies {seen.bone_mm:.0f} mm from bone at the edge of the liver"
            )
        )
    return votes


def _judge_iodine(seen: Appearance) -> list[Vote]:
    """Contrast in a vessel is no brighter than blood, and drawn out along the vessel."""
    if seen.enhanced < 0.2:
        return []
    odds = math.log(seen.enhanced / max(1.0 - seen.enhanced, 0.02))
    error = math.hypot(seen.core_se_hu, BLOOD_ERROR_HU)
    beyond = (seen.core_hu - seen.blood_hu) / error
    drawn_out = seen.shape.elongation > DRAWN_OUT or seen.shape.branches > 0
    if seen.goes_on:
        form = IN_VESSEL if drawn_out else END_ON
    else:
        form = NODULE if drawn_out or seen.shape.blurs > RESOLVED_BLURS else ISOLATED
    weight = odds + form - max(beyond, -2.0)
    if weight <= 0:
        return []
    words = "drawn out and " if drawn_out else ""
    why = f"{words}no brighter than contrast in vessels ({seen.core_hu:.0f} HU, blood {seen.blood_hu:.0f})"
    return [Vote("iodine_in_vessel", min(weight, 9.0), why)]


def _judge_neighbours(seen: Appearance) -> list[Vote]:
    votes = []
    beside = seen.inside_share < 0.5 and seen.liver_about < 0.6
    outer = beside or seen.liver_about < MOSTLY_OUTSIDE
    if outer and seen.gas_about > 0.02 and (seen.outside_hu is None or seen.outside_hu > -500):
        votes.append(Vote("bowel_content", 7.5, "outside the liver, with gas beside it"))
    if beside and seen.outside_hu is not None and -10.0 <= seen.outside_hu <= 25.0:
        votes.append(Vote("gallstone", 6.8, "at the edge of the liver, in fluid"))
    if outer and seen.liver_about < MOSTLY_OUTSIDE and seen.bone_mm <= CARTILAGE_NEAR_MM:
        votes.append(
            Vote("bone_or_cartilage", 6.0, "in the chest wall, which the liver's mask takes in here")
        )
    if outer and not votes:
        weight = OUTSIDE if beside and seen.liver_about < MOSTLY_OUTSIDE else 0.5 * OUTSIDE
        votes.append(Vote("undetermined", weight, "mostly outside the liver"))
    return votes


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


JUDGES: tuple[Callable[[Appearance], list[Vote]], ...] = (
    _judge_metal,
    _judge_streak,
    _judge_bone,
    _judge_iodine,
    _judge_neighbours,
    _judge_faint,
    _judge_calcium,
)
"""The judges, asked in this order; the order does not change the verdict."""
