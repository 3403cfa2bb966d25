"""What a dark body is: probabilities from its form, wall, emptiness and what lies behind it."""

from __future__ import annotations

import math
from types import MappingProxyType

from hepalith.anatomy.ultrasound.body import DarkBody
from hepalith.anatomy.ultrasound.dark_company import Company
from hepalith.anatomy.ultrasound.dark_shape import DarkShape

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

PARALLEL_DUCT = 0.5
"""Share of ducts among two tubes that run side by side with like calibre: one of the two is a dilated duct,
the other its portal branch. The one nearer to the transducer is somewhat more often the duct."""

TUBE_FROM, WIDEST_TUBE = 2.4, 0.13
"""Elongation about which a body passes from round to tube, and calibre, as a share of the depth (20 mm of
150), beyond which no tube of the liver is so wide: portal trunk up to 13 mm, hepatic veins up to 10 mm near
the caval vein. Our judgement."""

OUTSIDE_ROUND = 0.85
"""Share of wide, long dark bodies beside the liver that are no tubes of it: a gallbladder is long as well."""

FAINT = 2.0
"""Contrast below liver, in standard deviations of speckle, about which a dark place may be grain of the
tissue."""

TELL_APART = 0.8
"""Share that vessel or duct must have of both together to be named: else the body is a ``tube``."""


def judge_kind(number: int, shape: DarkShape, company: Company) -> DarkBody:
    """Return the body with the probability of each kind."""
    tube = _rise(shape.elongation, TUBE_FROM, 0.5) * (1 - _rise(shape.size_share, WIDEST_TUBE, 0.015))
    tube *= 1 - OUTSIDE_ROUND * (1 - shape.in_liver) * _rise(shape.size_share, SMALL, 0.01)
    tube = max(tube, 0.95 * company.parallel)
    empty = _rise(shape.emptiness, 0.55, 0.12)
    behind = _rise(shape.behind, 0.8, 0.35)
    faint = 1 - _rise(-shape.contrast, FAINT, 0.25)
    small = 1 - _rise(shape.size_share, SMALL, 0.01)
    beside = _rise(shape.wall - 1.2 + 1.5 * (1 - shape.in_liver) - 0.4, 0.0, 1.0)
    round_one = 1 - tube
    fluid = round_one * empty * (0.3 + 0.7 * behind)
    duct = DUCT_SHARE + company.parallel * (PARALLEL_DUCT * company.anterior / 0.5 - DUCT_SHARE)
    seen = 1 - 0.8 * faint
    score = {
        "vessel": seen * (tube * (1 - duct) + round_one * small * (1 - SMALL_CYST)),
        "duct": seen * (tube * duct + round_one * small * 0.05),
        "cyst": fluid * (1 - beside) * shape.in_liver * (small * SMALL_CYST + 1 - small),
        "gallbladder": fluid * beside * (1 - small),
        "fluid": 0.02,
        "lesion": seen * round_one * (1 - empty) * shape.in_liver * (1 - small),
        "unknown": 0.05 + 0.8 * faint,
    }
    total = sum(score.values())
    probabilities = {kind: value / total for kind, value in score.items()}
    extra = {
        "elongation": shape.elongation,
        "solidity": shape.solidity,
        "in_liver": shape.in_liver,
        "wall_cover": shape.wall_cover,
        "contrast": shape.contrast,
        "depth_share": shape.depth_share,
        "size_share": shape.size_share,
        "angle_to_beam": shape.angle_to_beam,
        "beside_parallel": company.parallel,
        "partner": float(company.partner + 1),
        "septa": company.septa,
        "daughters": company.daughters,
        "holes": shape.holes,
        "bright_inside": shape.bright_inside,
    }
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
