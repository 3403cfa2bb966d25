"""How each focus lies to the tubes of an ultrasound picture: within one, at its wall, beside it, or apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hepalith.anatomy.ultrasound.sonogram import DarkBody
from hepalith.calcification.echo import Echo
from hepalith.calcification.track.look import Look
from hepalith.finding.duct.duct import RELATIONS, DuctRelation
from hepalith.finding.ultrasound.halo import About, Halo
from hepalith.finding.ultrasound.ring import Ring
from hepalith.finding.ultrasound.scene import TUBES, Scene, Sight, lies_in_liver, pixels_of
from hepalith.vocabulary import Assessed, Measurement, NotAssessable, State

__all__ = [
    "DUCT_MM",
    "MAY_BE_GAS",
    "NO_FOCUS",
    "NO_TUBE",
    "calibre_of",
    "gas_chance",
    "has_tubes",
    "relate_to_tubes",
    "rise",
]

SACS = ("cyst", "unknown")
"""Kinds that a duct widened to a sac may be taken for (S129: branching or cystic)."""

MASSES = ("lesion",)
"""Echo-poor, not empty: the dark rim of a bull's eye."""

IN_LUMEN, IN_LUMEN_SPREAD = 0.38, 0.07
"""Darkness about a body, on opposite sides or all around, at which it lies within the tube as likely as not,
and over how much that changes. Our judgement, looked at on the development phantoms."""

AT_WALL, AT_WALL_SPREAD = 0.60, 0.10
"""The same of the darkest direction alone: a tube on one side."""

FACING_IN = 0.65
"""Share of the foci in front of which a tube lies, the rest hidden behind, that lie within it.

Stones shadow; calcium in the wall of a tube is rare. Our judgement (C).
"""

TOUCHING_WALL = 0.4
"""Share of the foci with a tube at one side and liver at the other that lie in its wall; others lie beside
it, along its triad. Our judgement (C): calcified walls of ducts and veins are rare."""

COMPANY = 0.6
"""Share of "at the wall" that is taken for "within" where another focus surely lies in the same tube.

Our judgement (C).
"""

SURELY = 0.7
"""Probability from which a focus surely lies within a tube."""

NO_BODY_TUBE, NO_BODY_RIM = 0.80, 0.50
"""Probability that what is dark about a focus is a tube where the sonogram names no body there.

The second where it is dark all around, as the rim of a bull's eye is too. Our judgement.
"""

RIM_CLOSED = 0.85
"""Share of the judged directions that are dark from which a dark rim is closed."""

REMNANT = 3.0
"""A dark body smaller than so many times the focus is what the focus leaves of its tube: its own form tells
nothing of what it is."""

MAY_BE_GAS = 0.3
"""Probability of gas from which no focus is said to lie apart from ducts: gas fills the tube that holds it.

Our judgement.
"""

NAMED_GAS, ONLY_GAS = 0.9, 0.98
"""Least probability of gas in the ducts where a bright body in the liver is named gas: beside foci that are
counted, and where it is all that shines.

On the development phantoms 51 of 133 bodies of gas are named so, one of 158 stones and foci of calcium, and
about one body in twenty pictures without gas: the odds are 60 to 1 where gas or calcium must explain the
echo, and 10 to 1 beside foci that need no gas. Our judgement (C).
"""

EMPTY, EMPTY_SPREAD = 0.89, 0.02
"""Emptiness, against the tubes of the picture, at which the dark may as well be tissue as bile."""

FILLED_ODDS, EMPTY_ODDS = 0.15, 5.0
"""By how much the odds of a tube change where the dark is filled with echoes, and where it is empty.

On the development phantoms bile about stones has an emptiness of 0.95 and more, the tissue of metastases 0.9
and less. Our judgement.
"""

SAC_MM, SAC_SPREAD_MM, SAC_SHARE = 9.5, 0.8, 0.8
"""Thickness of the fluid about a focus from which it lies in a gallbladder or a wide cyst, and no duct.

The last number is the share of such foci. Dilated ducts with stones leave 2 to 7 mm. Our judgement, looked at
on the development phantoms.
"""

WIDEST_MM = 30.0
"""Calibre from which a dark body is no duct any more, dilated or saccular. Our judgement."""

LEAST_JUDGED = 0.25
"""Share of the directions that must be judged. Our judgement: two opposite quadrants nearly have it."""

TRIAD_NEAR = 0.15
"""Dark share beyond the rim from which a tube runs near by without touching."""

NEAR_TRIAD = 0.35
"""Probability of lying along a triad with a tube near by: portal branches are seen everywhere in a liver, and
most foci near one have nothing to do with it. Our judgement."""

HELD_MM = 2.5
"""Calibre above which a duct that holds a focus is dilated: the vocabulary's 2 mm, and some blur."""

BLURRED_MM = 1.0
"""What the blur of its borders may take from the calibre of a tube: so near to `HELD_MM` nothing is said."""

DUCT_MM = 3.5
"""Calibre above which an intrahepatic tube with bile is a dilated duct (the vocabulary's 2 mm is a duct's own
limit; a tube measured on ultrasound is blurred by about a beam's width). Our judgement."""

NOT_PLACED = "its place in the picture is not known"
NO_TUBE = "no tube is resolved in this picture, so that nothing is known of ducts"
HIDDEN = "gas hides the tube that holds it"
TOO_LITTLE = "too little of its surroundings can be judged"
NO_FOCUS = "no bright focus was found"
IN_COMPANY = "it lies at the tube that holds another focus"
ONE_PLANE_APART = "no tube touches it in this plane"


def relate_to_tubes(scene: Scene, abouts: Mapping[int, tuple[About, ...]]) -> Mapping[int, DuctRelation]:
    """Return how every focus that is to be explained lies to the tubes, by its id.

    Notes
    -----
    Of several pictures that one speaks in which the focus has most to do with a tube: a plane beside the
    tube's axis shows a stone outside it, but none shows it within what it is not in.
    """
    found = {}
    for focus in scene.explained:
        relations = [_relate(about) for about in abouts[focus.id]]
        known = [r for r in relations if r.relation in RELATIONS]
        if known:
            found[focus.id] = max(known, key=lambda r: r.probabilities.get("in_lumen", 0.0))
        else:
            found[focus.id] = relations[0] if relations else _unjudged(NOT_PLACED)
    return MappingProxyType(_with_company(found))


def _with_company(found: Mapping[int, DuctRelation]) -> dict[int, DuctRelation]:
    """Return the relations with what company says: beside a stone a focus at the same tube is one too."""
    sure = {r.duct for r in found.values() if r.duct and r.probabilities.get("in_lumen", 0.0) >= SURELY}
    joined = dict(found)
    for focus, relation in found.items():
        lumen, wall = (relation.probabilities.get(name, 0.0) for name in ("in_lumen", "in_wall"))
        if relation.duct not in sure or lumen >= SURELY:
            continue
        chances = {
            **relation.probabilities,
            "in_lumen": lumen + COMPANY * wall,
            "in_wall": (1.0 - COMPANY) * wall,
        }
        joined[focus] = replace(relation, **_called(chances))
    return joined


def _called(chances: Mapping[str, float]) -> dict[str, Any]:
    """Return what changes of a relation with its probabilities."""
    relation = max(chances, key=lambda name: chances[name])
    lumen = chances["in_lumen"]
    return {
        "relation": relation,
        "probabilities": MappingProxyType({name: round(p, 6) for name, p in chances.items()}),
        "bile_around": State.PRESENT if lumen >= 0.5 else State.ABSENT,
        "bile_probability": min(max(lumen, 0.01), 0.99),
        "reason": IN_COMPANY,
    }


def _unjudged(reason: str) -> DuctRelation:
    return DuctRelation("not_assessable", reason=reason)


def _relate(about: About) -> DuctRelation:
    """Return how one focus lies to the tubes of one picture."""
    sight, ring = about.sight, about.ring
    if ring is None:
        return _unjudged(NOT_PLACED)
    if ring.judged < LEAST_JUDGED:
        return _unjudged(TOO_LITTLE)
    tube = _as_empty(_tube_chance(ring, sight.look), about.halo) * (1.0 - about.mass)
    inside = rise(max(ring.opposite, ring.around), IN_LUMEN, IN_LUMEN_SPREAD)
    facing = rise(ring.half_hidden, AT_WALL, AT_WALL_SPREAD) * (1.0 - inside)
    touched = rise(ring.one_sided, AT_WALL, AT_WALL_SPREAD) * (1.0 - inside - facing)
    lumen = tube * (inside + FACING_IN * facing)
    wall = tube * (TOUCHING_WALL * touched + (1.0 - FACING_IN) * facing)
    beside = tube * (1.0 - TOUCHING_WALL) * touched
    if lumen + wall < 0.5 and gas_chance(sight) >= MAY_BE_GAS:
        return _unjudged(HIDDEN)
    if lumen + wall < 0.5 and not has_tubes(sight.look):
        return _unjudged(NO_TUBE)
    rest = max(1.0 - lumen - wall - beside, 0.0)
    triad = NEAR_TRIAD if ring.beyond >= TRIAD_NEAR else 0.1
    chances = {
        "in_lumen": lumen,
        "in_wall": wall,
        "along_portal_triad": beside + rest * triad,
        "apart": rest * (1.0 - triad),
    }
    relation = max(chances, key=lambda name: chances[name])
    body = _held_by(ring) if relation in ("in_lumen", "in_wall") else None
    width = _width_px(relation, body, sight.echo)
    parallel = 0.0 if body is None else body.extra.get("beside_parallel", 0.0)
    return DuctRelation(
        relation,
        MappingProxyType({name: round(p, 6) for name, p in chances.items()}),
        calibre=calibre_of(width, sight.look),
        dilated=_is_dilated(width, parallel, sight.look),
        bile_around=State.PRESENT if lumen >= 0.5 else State.ABSENT,
        bile_probability=min(max(lumen, 0.01), 0.99),
        duct=0 if body is None else body.id,
        reason=_why(relation, ring),
    )


def rise(value: float, middle: float, spread: float) -> float:
    """Return the logistic curve: one half at the middle, and nearly one a few spreads above."""
    return 1.0 / (1.0 + math.exp(min(max(-(value - middle) / spread, -50.0), 50.0)))


def _tube_chance(ring: Ring, look: Look) -> float:
    """Return the probability that what is dark about a focus is a tube or sac of a duct, and no mass."""
    closed = ring.closed >= RIM_CLOSED
    unnamed = NO_BODY_RIM if closed else NO_BODY_TUBE
    shares = {i: share for i, share in ring.bodies.items() if i in ring.known}
    total = sum(shares.values())
    if not total:
        return unnamed
    chance = 0.0
    for number, share in shares.items():
        body = ring.known[number]
        remnant = body.area_px < REMNANT * ring.body_px and not closed
        chance += share * (unnamed if remnant else _tube_like(body, look))
    return min(max(chance / total, 0.02), 0.98)


def _as_empty(chance: float, halo: Halo) -> float:
    """Return the probability of a tube once it is seen how empty the dark is: bile is as empty as blood."""
    if not halo.emptiness:
        return chance
    empty = rise(halo.emptiness, EMPTY, EMPTY_SPREAD)
    odds = chance / max(1.0 - chance, 1e-6) * (FILLED_ODDS + (EMPTY_ODDS - FILLED_ODDS) * empty)
    wide = rise(halo.thickness_mm, SAC_MM, SAC_SPREAD_MM)
    return min(odds / (1.0 + odds), 0.98) * (1.0 - SAC_SHARE * wide)


def _tube_like(body: DarkBody, look: Look) -> float:
    """Return the probability that a dark body is a tube, or a sac no wider than a duct can be."""
    tubes = sum(body.probabilities.get(k, 0.0) for k in TUBES)
    sacs = sum(body.probabilities.get(k, 0.0) for k in SACS)
    if not body.probabilities:
        tubes, sacs = float(body.kind in TUBES), float(body.kind in SACS)
    wide = rise(body.calibre_px / pixels_of(look, WIDEST_MM), 1.0, 0.15)
    return (tubes + 0.5 * sacs) * (1.0 - wide)


def _held_by(ring: Ring) -> DarkBody | None:
    """Return the dark body that most of the rim belongs to."""
    known = [(share, i) for i, share in ring.bodies.items() if i in ring.known]
    return ring.known[max(known)[1]] if known else None


def has_tubes(look: Look) -> bool:
    """Return whether the picture resolves any tube: only then is "no tube here" an observation."""
    return any(
        sum(b.probabilities.get(k, 0.0) for k in TUBES) >= 0.5 or b.kind in TUBES
        for b in look.sonogram.bodies
    )


def calibre_of(width_px: float, look: Look) -> Assessed:
    """Return the calibre of a tube in mm, as sure as a blurred border lets it be."""
    if width_px <= 0:
        return NotAssessable("no tube holds it")
    if look.picture.mm_per_px is None:
        return NotAssessable("the size of a pixel is unknown")
    width = width_px * look.picture.mm_per_px
    half = max(0.2 * width, 1.0)
    return Measurement(width, "mm", max(width - half, 0.0), width + half)


def _width_px(relation: str, body: DarkBody | None, echo: Echo) -> float:
    """Return how wide the tube about a focus is: at least as wide as what lies within it."""
    width = 0.0 if body is None else body.calibre_px
    return max(width, echo.width_px) if relation == "in_lumen" else width


def _is_dilated(width_px: float, parallel: float, look: Look) -> State:
    """Return whether the tube about a focus is wider than a duct should be.

    A normal duct within the liver is hardly seen: where pixels have no size, a tube that is clearly wide
    at the usual depth of such a picture is dilated, and of others nothing is said.
    """
    if width_px <= 0:
        return State.NOT_ASSESSABLE
    if look.picture.mm_per_px is not None:
        width = width_px * look.picture.mm_per_px
        if width > HELD_MM:
            return State.PRESENT
        return State.NOT_ASSESSABLE if width + BLURRED_MM > HELD_MM else State.ABSENT
    if parallel >= 0.5 or width_px > pixels_of(look, 1.25 * DUCT_MM):
        return State.PRESENT
    return State.NOT_ASSESSABLE


def _why(relation: str, ring: Ring) -> str:
    if relation == "in_lumen":
        return "a dark tube lies about it on opposite sides"
    if relation == "in_wall" or (relation == "along_portal_triad" and ring.darkest >= AT_WALL):
        return "a dark tube lies at it on one side"
    if relation == "along_portal_triad":
        return "a tube runs near it"
    return ONE_PLANE_APART if ring.darkest < 0.5 else "what is dark beside it is no tube"


def gas_chance(sight: Sight, *, alone: bool = False) -> float:
    """Return the probability that one bright body is gas in the liver; `alone`: nothing else shines there."""
    if not lies_in_liver(sight):
        return 0.0
    echo = sight.echo
    least = ONLY_GAS if alone else NAMED_GAS
    named = max(echo.probability, least) if echo.label == "gas" else 0.0
    return max(named, echo.probabilities.get("gas", 0.0))
