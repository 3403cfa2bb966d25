"""What of a bright body speaks for a focus in the liver: measures with the weight of each."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.forest import Forest, load_forest
from hepalith.calcification.ultrasound.sight import Sight

__all__ = ["BARE", "WEIGHTS", "log_odds_of_focus", "weigh"]


@functools.cache
def _fitted() -> dict[str, dict[str, float]]:
    """Return what `python -m hepalith.training sono-fit` wrote."""
    text = (resources.files("hepalith.calcification.ultrasound") / "weights" / "foci.json").read_text(
        encoding="utf-8"
    )
    return dict(json.loads(text))


WEIGHTS: Mapping[str, float] = MappingProxyType(_fitted()["weights"])
"""Log odds for a focus by each measure of `weigh`: a logistic regression, held to what they weighed before
there was a network, over the bright bodies of development phantoms, of stills with foci put in, and of the
same stills without (two that hold foci of their own left out). That it separates new pictures was measured
with whole stills left out."""

BARE: Mapping[str, float] = MappingProxyType(_fitted()["bare"])
"""What the network says of a bare body in plain liver, by its true contrast in deviations of speckle and its
`length` as `weigh` measures it: a straight line through the foci of the same phantoms that have no shadow."""

FOREST = "judge.npz"
"""The forest that judges beside the weights; made by ``python -m hepalith.training foci-forest`` from
development phantoms alone, no real picture among them."""

FOREST_SHARE, FOREST_SHIFT = 0.7, -0.3
"""What the forest's log odds count beside those of the weights, and what is added to both, so that a call is
made from a half. On 260 development phantoms, left out in turn, 0.88 of the foci are found at 0.14 false
calls a picture (by the weights alone 0.88 at 0.23), and of those put into 150 real stills 0.86 at 0.46 (0.86
at 0.39); shares of 0.6 to 0.8 do as well. The shift is the least with which stills with foci put in hold
clearly fewer than the half false call that may be."""

LEAST_ASKED = -5.0
"""Log odds by the weights below which the forest is not asked: of 900 such foci it raised none to a call. It
saves most of its time."""

GLARING, GLARING_ODDS = 9.0, 1.0
"""Deviations of speckle from which a round body amid quiet liver is a focus, whatever the network knows of
such brightness, and the log odds that it has at least. Of 42 such bodies on 260 development phantoms all
were foci; of 24 in 150 stills with foci put in 23 were."""

QUIET_LIVER, QUIET_DARK, QUIET_UNREST, QUIET_LINE = 0.9, 0.1, 1.2, 0.1
"""Least share of liver about such a body, the most that is dark about it, the most unrest in deviations of
speckle, and the most of it that lies on a line. Our judgement."""

LEAST_SAID = 0.003
"""Least probability of the forest, and of its contrary: 100 trees know no rarer."""

ELSEWHERE = ("gallstone", "stent_or_catheter", "bowel_content", "bone_or_cartilage")
"""Mimics that are told by the place they lie in, and by a form that no focus has: pictures to fit on hold few
of them, so what their judges say counts in full, and no fit takes from it. Our judgement."""

SURE_SHADOW, SHADOW_STEP = 1.5, 0.5
"""Deviations of the missing share from which a shadow is there rather than not, and how sharply: what a bare
bright body would be taken for (a wall, a bright mass) then counts no more. Our judgement."""

LITTLE_HAZE = 0.25
"""Probability of a dirty shadow or a comet tail up to which it is no evidence of gas: most bodies have as
much. Our judgement."""

UNEVEN = 0.06
"""Share of brightness by which plain tissue differs between neighbouring beams: added to a trail's own
doubt."""

NEAR_WALL = 0.25
"""Share of the depth within which layers and repeated echoes of the body wall are met."""

ROUND = 1.2
"""Longest over shortest caliper up to which a body is round, and its direction says nothing."""

PLAIN_CONTRAST, BLAZING = 5.0, 6.0
"""Deviations of speckle up to which contrast speaks most, and beyond it how many more count."""


def log_odds_of_focus(sight: Sight, weighed: Mapping[str, float], asked: NDArray[np.float64]) -> float:
    """Return the log odds that a body is a focus in the liver rather than speckle, a wall or a mimic.

    `weighed` are its measures for the weights (`weigh`), `asked` those for the forest
    (`evidence_measures.measures_asked`).

    Notes
    -----
    Two readers are heard: the weights, which hold where nothing like a picture was learned from, and a forest
    of trees, which knows what measures mean together.
    """
    by_weights = sum(WEIGHTS[name] * value for name, value in weighed.items())
    if by_weights < LEAST_ASKED:
        return by_weights
    least = GLARING_ODDS if _is_glaring(sight, weighed) else -math.inf
    said = _within(float(_forest().ask(asked)[0]), LEAST_SAID, 1.0 - LEAST_SAID)
    by_forest = math.log(said / (1.0 - said))
    return max(least, (1.0 - FOREST_SHARE) * by_weights + FOREST_SHARE * by_forest + FOREST_SHIFT)


def _is_glaring(sight: Sight, seen: Mapping[str, float]) -> bool:
    """Return whether a body is so bright, round and alone in quiet liver that nothing else explains it."""
    about = sight.about
    alone = not (sight.body.goes_on or about.at_side or seen["elongation"] or seen["near_wall"])
    quiet = about.dark < QUIET_DARK and about.unrest < QUIET_UNREST and about.on_line < QUIET_LINE
    return sight.body.contrast >= GLARING and alone and quiet and about.liver >= QUIET_LIVER


@functools.cache
def _forest() -> Forest:
    """Return the forest, read once for a process."""
    return load_forest(
        resources.files("hepalith.calcification.ultrasound").joinpath("weights", FOREST).read_bytes()
    )


def weigh(sight: Sight, mimics: Mapping[str, float]) -> dict[str, float]:
    """Return the measures that `WEIGHTS` weighs, each bounded.

    Those that count only where no shadow lies behind the body (company, clutter) are scaled by the chance
    that there is none: so a shadow speaks for a focus.
    """
    body, about, trail = sight.body, sight.about, sight.trail
    if isinstance(trail, str):
        missing, shadow, tail, unjudged = 0.0, 0.0, 0.0, 1.0
    else:
        missing, tail, unjudged = _within(trail.index, 0.0, 0.8), _within(-trail.near, 0.0, 0.6), 0.0
        shadow = _within(trail.index / math.hypot(trail.index_sd, UNEVEN), -2.0, 5.0)
    hazy = sum(sight.shadow.probabilities.get(grade, 0.0) for grade in ("dirty", "comet_tail"))
    bare = 1.0 / (1.0 + math.exp((shadow - SURE_SHADOW) / SHADOW_STEP))
    return {
        "start": 1.0,
        "contrast": min(body.contrast, PLAIN_CONTRAST),
        "blaze": _within(body.contrast - PLAIN_CONTRAST, 0.0, BLAZING),
        "missing": missing,
        "tail": tail,
        "unjudged": unjudged,
        "elongation": _within(sight.elongation - 1.5, 0.0, 4.0),
        "goes_on": float(body.goes_on),
        "on_line": about.on_line,
        "liver": about.liver,
        "edge": sight.edge,
        "near_wall": max(0.0, NEAR_WALL - about.depth),
        "tilt": sight.caliper.tilt * _within(sight.elongation - ROUND, 0.0, 1.0),
        "unrest": min(about.unrest, 3.0),
        "company": math.log1p(about.company) * bare,
        "clutter": math.log1p(sight.clutter) * bare,
        "standing_out": math.log(max(sight.standing_out, 0.1)),
        "width": math.log(sight.width_share * 100 + 0.3),
        "length": math.log(sight.share_of_depth * 100 + 0.3),
        "at_side": float(about.at_side),
        "hazy": max(0.0, hazy - LITTLE_HAZE) / (1.0 - LITTLE_HAZE),
        "network": sight.network,
        "network_sure": max(sight.network, 0.0),
        "network_mimic": sight.network_mimic,
        "network_bare": sight.network * bare,
        "elsewhere": math.log1p(sum(math.exp(mimics[label]) for label in ELSEWHERE)),
    }


def _within(value: float, low: float, high: float) -> float:
    """Return a value held within bounds."""
    return min(max(value, low), high)
