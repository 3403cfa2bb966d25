"""What shines on ultrasound and is no focus of the liver: a judge for each, with its evidence in log odds.

Gas is told by what it was learned from (`gas`): no single measure tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hepalith.calcification.mimic.vote import Vote
from hepalith.calcification.ultrasound.shadow_trail import Trail
from hepalith.calcification.ultrasound.sight import Sight

__all__ = ["MIMICS", "PRIORS", "weigh_mimics"]

PRIORS: dict[str, float] = {
    "ligament_or_fissure": -3.0,
    "diaphragm": -4.0,
    "gallstone": -5.0,
    "stent_or_catheter": -5.0,
    "reverberation": -4.0,
    "bone_or_cartilage": -5.0,
    "bowel_content": -5.0,
    "undetermined": 0.0,
}
"""Prior log odds of each mimic against `undetermined`: speckle, walls of vessels and ducts, portal triads cut
across, bright masses and borders, which shine most often of all and have no name of their own. Our
judgement."""

DEEP, SHALLOW, NEAR_WALL = 0.5, 0.45, 0.3
"""Shares of the picture's depth below which the diaphragm lies, above which ligament and fissure are met in
livers scanned from in front, and above which echoes of the body wall repeat. Our judgement."""

LONG_SHARE, VERY_LONG_SHARE = 0.05, 0.10
"""Share of the depth (about 7 and 15 mm) from which a body is long, or longer than foci are. Our
judgement."""

FLAT_TILT = 0.6
"""Angle to the perpendicular of the beams, in radians, up to which a body lies across them."""

AT_DARK = 0.12
"""Share of the surroundings within the gallbladder from which a body is in or at it. Our judgement."""


def judge_ligament(seen: Sight) -> list[Vote]:
    """Return the evidence for a ligament or fissure: long or large, not deep, on a line known as one."""
    votes = []
    if seen.about.line_kind == "ligament_or_fissure" and seen.about.on_line > 0:
        votes.append(
            Vote("ligament_or_fissure", 6.0 * seen.about.on_line, "on the line of a ligament or fissure")
        )
    if seen.share_of_depth > VERY_LONG_SHARE and seen.elongation > 3.0 and seen.about.depth < SHALLOW:
        votes.append(Vote("ligament_or_fissure", 2.0, "a long bright band, not deep"))
    return votes


def judge_diaphragm(seen: Sight) -> list[Vote]:
    """Return the evidence for the diaphragm: on its line, deep, going on."""
    votes = []
    if seen.about.line_kind in {"diaphragm", "capsule"} and seen.about.on_line > 0:
        votes.append(Vote("diaphragm", 7.0 * seen.about.on_line, "on the line of the diaphragm or capsule"))
    if seen.body.goes_on and seen.about.depth > DEEP:
        votes.append(Vote("diaphragm", 3.0, "a long bright line that goes on, deep"))
    return votes


def judge_gallstone(seen: Sight) -> list[Vote]:
    """Return the evidence for a stone in the gallbladder, or its wall."""
    votes = []
    if seen.about.dark_kind == "gallbladder" and seen.about.by_dark > AT_DARK:
        votes.append(Vote("gallstone", 4.0 + 10.0 * seen.about.by_dark, "in or at the gallbladder"))
    if seen.about.line_kind == "gallbladder_wall" and seen.about.on_line > 0:
        votes.append(Vote("gallstone", 6.0 * seen.about.on_line, "on the gallbladder's wall"))
    return votes


def judge_stent(seen: Sight) -> list[Vote]:
    """Return the evidence for a stent: two long parallel lines, or a long one much brighter than a wall."""
    if seen.share_of_depth < VERY_LONG_SHARE or seen.body.goes_on:
        return []
    votes = []
    if seen.body.strokes == 2:
        votes.append(Vote("stent_or_catheter", 5.5, "two long parallel lines"))
    elif seen.elongation > 5.0 and seen.body.contrast > 5.0:
        votes.append(Vote("stent_or_catheter", 2.5, "a long, even, very bright line"))
    return votes


def judge_reverberation(seen: Sight) -> list[Vote]:
    """Return the evidence for repeated echoes of the body wall: near it, thin, along the face."""
    if seen.about.depth > NEAR_WALL or seen.caliper.tilt > FLAT_TILT or seen.elongation < 2.5:
        return []
    weight = 2.5 + (1.5 if seen.share_of_depth > LONG_SHARE else 0.0) + 0.5 * min(seen.about.company, 3)
    return [Vote("reverberation", weight, "a thin line along the face, close to the body wall")]


def judge_bone(seen: Sight) -> list[Vote]:
    """Return the evidence for a rib: in the body wall, black behind."""
    if seen.about.depth > NEAR_WALL or seen.about.liver > 0.5:
        return []
    black = isinstance(seen.trail, Trail) and seen.trail.index > 0.6
    return [Vote("bone_or_cartilage", 6.0 if black else 1.0, "in the body wall, black behind it")]


def judge_bowel(seen: Sight) -> list[Vote]:
    """Return the evidence for gut: outside the liver or on its line, long, dirty behind."""
    votes = []
    if seen.about.line_kind == "bowel" and seen.about.on_line > 0:
        votes.append(Vote("bowel_content", 7.0 * seen.about.on_line, "on the line of gut"))
    hazy = seen.shadow.probabilities.get("dirty", 0.0)
    if seen.about.liver < 0.5 and hazy > 0.3 and seen.share_of_depth > VERY_LONG_SHARE:
        votes.append(Vote("bowel_content", 5.0 * hazy, "long, beside the liver, dirty behind"))
    return votes


def judge_border(seen: Sight) -> list[Vote]:
    """Return why a body is a wall, a border or beside the liver: it has no name of its own."""
    votes = []
    if seen.about.dark_sides and seen.elongation > 2.0:
        votes.append(Vote("undetermined", 0.0, "a thin bright line beside a dark tube: its wall"))
    if seen.about.liver < 0.3:
        votes.append(Vote("undetermined", 0.0, "hardly any liver about it"))
    if seen.body.goes_on:
        votes.append(Vote("undetermined", 0.0, "it goes on beyond what a focus measures"))
    return votes


MIMICS: tuple[Callable[[Sight], list[Vote]], ...] = (
    judge_ligament,
    judge_diaphragm,
    judge_gallstone,
    judge_stent,
    judge_reverberation,
    judge_bone,
    judge_bowel,
    judge_border,
)
"""The judges; their order does not change the verdict."""


def weigh_mimics(seen: Sight) -> tuple[Mapping[str, float], list[Vote]]:
    """Return the log odds of each mimic against `undetermined`, and the votes that they are the sums of."""
    votes = [vote for ask in MIMICS for vote in ask(seen)]
    score = dict(PRIORS)
    for vote in votes:
        score[vote.label] += vote.weight
    return score, votes
