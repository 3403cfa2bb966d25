"""What a dark body is: probabilities from its form, wall, emptiness and what lies behind it."""

from __future__ import annotations

import math
from types import MappingProxyType

from hepalith.anatomy.sono_body import DarkBody
from hepalith.anatomy.sono_dark_shape import DarkShape

__all__ = ["KINDS", "judge_kind"]

KINDS = ("vessel", "duct", "cyst", "gallbladder", "fluid", "lesion", "unknown")
"""What a dark body may be. ``tube`` is said where vessel and duct together lead and neither does."""

DUCT_SHARE = 0.25
"""Share of tubes that are ducts before anything else is known. Intrahepatic ducts of normal calibre are
hardly seen (under 2 mm; up to 40 % of the portal branch beside them), so most tubes are vessels; without
Doppler the two are told apart only by company and content. Our judgement."""

SMALL = 0.06
"""Calibre, as a share of the picture's depth (9 mm of 150), below which a round dark place is more likely a
vessel cut across than a cyst or a mass: every picture of a liver shows some. Our judgement."""

SMALL_CYST = 0.12
"""Share of cysts among small round places that are as empty as fluid: simple cysts are found in a tenth of
adults or less, vessels in all. Our judgement."""

TELL_APART = 0.8
"""Share that vessel or duct must have of both together to be named: else the body is a ``tube``."""


def judge_kind(number: int, shape: DarkShape) -> DarkBody:
    """Return the body with the probability of each kind."""
    tube = _rise(shape.elongation, 2.4, 0.5)
    empty = _rise(shape.emptiness, 0.55, 0.12)
    behind = _rise(shape.behind, 0.8, 0.35)
    inside = _rise(shape.in_liver, 0.6, 0.1)
    small = 1 - _rise(shape.size_share, SMALL, 0.01)
    round_one = 1 - tube
    fluid = round_one * empty * (0.3 + 0.7 * behind)
    score = {
        "vessel": tube * (1 - DUCT_SHARE) + round_one * small * (1 - SMALL_CYST),
        "duct": tube * DUCT_SHARE + round_one * small * 0.05,
        "cyst": fluid * inside * (small * SMALL_CYST + 1 - small),
        "gallbladder": fluid * (1 - inside) * (1 - small),
        "fluid": 0.02,
        "lesion": round_one * (1 - empty) * inside * (1 - small),
        "unknown": 0.05,
    }
    total = sum(score.values())
    probabilities = {kind: value / total for kind, value in score.items()}
    extra = dict(shape.extra)
    extra.update(
        elongation=shape.elongation,
        solidity=shape.solidity,
        in_liver=shape.in_liver,
        wall_cover=shape.wall_cover,
        contrast=shape.contrast,
        depth_share=shape.depth_share,
        angle_to_beam=shape.angle_to_beam,
    )
    return DarkBody(
        id=number,
        kind=_leading(probabilities),
        probabilities=MappingProxyType(probabilities),
        centre=shape.centre,
        area_px=shape.area_px,
        calibre_px=shape.calibre_px,
        length_px=shape.length_px,
        wall_contrast=shape.wall,
        enhancement=shape.behind,
        emptiness=shape.emptiness,
        extra=MappingProxyType(extra),
    )


def _leading(probabilities: dict[str, float]) -> str:
    """Return the kind that leads; ``tube`` where vessel and duct lead together and neither does alone."""
    both = probabilities["vessel"] + probabilities["duct"]
    rest = {kind: value for kind, value in probabilities.items() if kind not in ("vessel", "duct")}
    best = max(rest, key=lambda kind: rest[kind])
    if both <= rest[best]:
        return best
    for kind in ("vessel", "duct"):
        if probabilities[kind] >= TELL_APART * both:
            return kind
    return "tube"


def _rise(value: float, middle: float, width: float) -> float:
    """Return a probability that rises from 0 to 1 about `middle`."""
    return 1 / (1 + math.exp(-max(min((value - middle) / width, 30.0), -30.0)))
