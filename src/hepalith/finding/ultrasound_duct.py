"""How each focus lies to the tubes of a picture, and what the tubes show: dilated ducts, bile, gas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from hepalith.anatomy.sonogram import DarkBody
from hepalith.calcification.echo import COUNTED
from hepalith.calcification.look import Look
from hepalith.finding.duct import RELATIONS, DuctRelation
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.ultrasound_halo import About, Halo
from hepalith.finding.ultrasound_ring import Ring
from hepalith.finding.ultrasound_scene import TUBES, Scene, Sight, pixels_of
from hepalith.vocabulary import Assessed, Measurement, NotAssessable, State

__all__ = ["describe_ducts", "relate_to_tubes"]

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

NAMED_GAS = 0.9
"""Least probability of gas in the ducts where a bright body is named gas.

Its own probability was weighed against the many echoes that are calcium, and those are weighed again in the
differential. Our judgement (C).
"""

NO_GAS = 0.03
"""Probability of gas in ducts where no bright body looks like it. Our judgement."""

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

DUCT_MM = 3.5
"""Calibre above which an intrahepatic tube with bile is a dilated duct (the vocabulary's 2 mm is a duct's own
limit; a tube measured on ultrasound is blurred by about a beam's width). Our judgement."""

DUCT_TO_VESSEL = 0.4
"""A duct wider than this share of the portal branch beside it is dilated (the vocabulary's definition)."""

MISSED = 0.08
"""Probability that ducts are dilated though no picture shows it: one plane misses those of other segments.
Our judgement."""

PARALLEL, ALONE = 0.85, 0.35
"""Probability that a second tube beside a first is a dilated duct (parallel channel), and that a tube which
the sonogram calls a duct, with none beside it, is one rather than a vessel. Our judgement."""

NOT_PLACED = "its place in the picture is not known"
NO_TUBE = "no tube is resolved in this picture, so that nothing is known of ducts"
HIDDEN = "gas hides the tube that holds it"
TOO_LITTLE = "too little of its surroundings can be judged"
NO_FOCUS = "no bright focus was found"
NO_SIZE = "a tube holds a focus, and how wide it is cannot be told: the size of a pixel is unknown"
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
    inside = _logistic(max(ring.opposite, ring.around), IN_LUMEN, IN_LUMEN_SPREAD)
    facing = _logistic(ring.half_hidden, AT_WALL, AT_WALL_SPREAD) * (1.0 - inside)
    touched = _logistic(ring.one_sided, AT_WALL, AT_WALL_SPREAD) * (1.0 - inside - facing)
    lumen = tube * (inside + FACING_IN * facing)
    wall = tube * (TOUCHING_WALL * touched + (1.0 - FACING_IN) * facing)
    beside = tube * (1.0 - TOUCHING_WALL) * touched
    if lumen + wall < 0.5 and _gas_chance(sight) >= MAY_BE_GAS:
        return _unjudged(HIDDEN)
    if lumen + wall < 0.5 and not _has_tubes(sight.look):
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
    calibre = _calibre(body, sight.look)
    return DuctRelation(
        relation,
        MappingProxyType({name: round(p, 6) for name, p in chances.items()}),
        calibre=calibre,
        dilated=_is_dilated(body, calibre, sight.look),
        bile_around=State.PRESENT if lumen >= 0.5 else State.ABSENT,
        bile_probability=min(max(lumen, 0.01), 0.99),
        duct=0 if body is None else body.id,
        reason=_why(relation, ring),
    )


def _logistic(value: float, middle: float, spread: float) -> float:
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
    empty = _logistic(halo.emptiness, EMPTY, EMPTY_SPREAD)
    odds = chance / max(1.0 - chance, 1e-6) * (FILLED_ODDS + (EMPTY_ODDS - FILLED_ODDS) * empty)
    wide = _logistic(halo.thickness_mm, SAC_MM, SAC_SPREAD_MM)
    return min(odds / (1.0 + odds), 0.98) * (1.0 - SAC_SHARE * wide)


def _tube_like(body: DarkBody, look: Look) -> float:
    """Return the probability that a dark body is a tube, or a sac no wider than a duct can be."""
    tubes = sum(body.probabilities.get(k, 0.0) for k in TUBES)
    sacs = sum(body.probabilities.get(k, 0.0) for k in SACS)
    if not body.probabilities:
        tubes, sacs = float(body.kind in TUBES), float(body.kind in SACS)
    wide = _logistic(body.calibre_px / pixels_of(look, WIDEST_MM), 1.0, 0.15)
    return (tubes + 0.5 * sacs) * (1.0 - wide)


def _held_by(ring: Ring) -> DarkBody | None:
    """Return the dark body that most of the rim belongs to."""
    known = [(share, i) for i, share in ring.bodies.items() if i in ring.known]
    return ring.known[max(known)[1]] if known else None


def _has_tubes(look: Look) -> bool:
    """Return whether the picture resolves any tube: only then is "no tube here" an observation."""
    return any(
        sum(b.probabilities.get(k, 0.0) for k in TUBES) >= 0.5 or b.kind in TUBES
        for b in look.sonogram.bodies
    )


def _calibre(body: DarkBody | None, look: Look) -> Assessed:
    if body is None:
        return NotAssessable("no tube holds it")
    if look.picture.mm_per_px is None:
        return NotAssessable("the size of a pixel is unknown")
    width = body.calibre_px * look.picture.mm_per_px
    half = max(0.2 * width, 1.0)
    return Measurement(width, "mm", max(width - half, 0.0), width + half)


def _is_dilated(body: DarkBody | None, calibre: Assessed, look: Look) -> State:
    """Return whether the tube about a focus is wider than a duct should be.

    A normal duct within the liver is hardly seen: where pixels have no size, a tube that is clearly wide
    at the usual depth of such a picture is dilated, and of others nothing is said.
    """
    if body is None:
        return State.NOT_ASSESSABLE
    if isinstance(calibre, Measurement):
        return State.PRESENT if calibre.value > DUCT_MM else State.ABSENT
    if body.extra.get("beside_parallel", 0.0) >= 0.5 or body.calibre_px > pixels_of(look, 1.25 * DUCT_MM):
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


def describe_ducts(scene: Scene, relations: Mapping[int, DuctRelation]) -> tuple[Finding, ...]:
    """Return the findings of bile ducts."""
    return (_relation(scene, relations), _bile(scene, relations), _dilated(scene, relations), _gas(scene))


def _relation(scene: Scene, relations: Mapping[int, DuctRelation]) -> Finding:
    name = "duct_relation"
    known = [(i, r) for i, r in relations.items() if r.relation in RELATIONS]
    if not known:
        reasons = [r.reason for r in relations.values()]
        return _unable(name, reasons[0] if reasons else NO_FOCUS)
    focus, best = min(
        known, key=lambda p: (RELATIONS.index(p[1].relation), -max(p[1].probabilities.values()), p[0])
    )
    return Finding(
        name, Subject("duct", str(focus)), State.PRESENT, best.probabilities[best.relation], best.relation,
        "us", scene.images_of(focus), reason=best.reason,
        alternatives=tuple(sorted(best.probabilities.items())), foci=(focus,),
    )  # fmt: skip


def _bile(scene: Scene, relations: Mapping[int, DuctRelation]) -> Finding:
    chances = [(r.bile_probability, i) for i, r in relations.items() if r.bile_probability is not None]
    if not chances:
        reasons = [r.reason for r in relations.values()]
        return _unable("bile_around_focus", reasons[0] if reasons else NO_FOCUS)
    chance, focus = max(chances)
    return _said("bile_around_focus", chance, scene.images_of(focus), str(focus), foci=(focus,))


@dataclass(frozen=True, slots=True)
class _Wide:
    """A tube that may be a dilated duct."""

    chance: float
    body: DarkBody
    look: Look


def _dilated(scene: Scene, relations: Mapping[int, DuctRelation]) -> Finding:
    """Return whether ducts are dilated: a tube that holds a focus, or a second tube beside a first."""
    name = "dilated_ducts"
    held = [(i, r) for i, r in relations.items() if r.relation == "in_lumen" and r.dilated is State.PRESENT]
    wide = [w for look in scene.liver_looks for w in _wide_tubes(look)]
    best = max(wide, key=lambda w: w.chance, default=None)
    if held:
        focus, relation = max(held, key=lambda p: p[1].probabilities["in_lumen"])
        chance = max(relation.probabilities["in_lumen"], 0.0 if best is None else best.chance)
        value = relation.calibre if isinstance(relation.calibre, Measurement) else None
        return _said(name, chance, scene.images_of(focus), str(focus), value, (focus,))
    if best is not None and best.chance >= 0.5:
        calibre = _calibre(best.body, best.look)
        value = calibre if isinstance(calibre, Measurement) else None
        return _said(name, best.chance, (best.look.image,), "", value)
    if not scene.is_liver_in_view:
        return _unable(name, "no liver is in view")
    if not any(_has_tubes(look) for look in scene.liver_looks):
        return _unable(name, NO_TUBE)
    if any(r.relation == "in_lumen" and r.dilated is State.NOT_ASSESSABLE for r in relations.values()):
        return _unable(name, NO_SIZE)
    return _said(name, max(MISSED, 0.0 if best is None else best.chance), scene.images)


def _wide_tubes(look: Look) -> Sequence[_Wide]:
    """Return the tubes of a picture that may be dilated ducts."""
    found = []
    for body in look.sonogram.bodies:
        duct = body.probabilities.get("duct", float(body.kind == "duct"))
        beside = min(max(body.extra.get("beside_parallel", 0.0), 0.0), 1.0)
        calibre = _calibre(body, look)
        fits = 1.0 if not isinstance(calibre, Measurement) else _logistic(calibre.value, DUCT_MM - 1.0, 0.5)
        chance = fits * max(PARALLEL * beside * min(2.0 * duct, 1.0), duct * (ALONE + (1.0 - ALONE) * beside))
        if chance > 0:
            found.append(_Wide(chance, body, look))
    return found


def _gas(scene: Scene) -> Finding:
    """Return whether gas lies in ducts: bright bodies called gas within the liver."""
    if not scene.is_liver_in_view:
        return _unable("duct_gas", "no liver is in view")
    foci = [f for f in scene.foci.foci if f.label in ("gas", *COUNTED) and scene.sights[f.id]]
    chances = {f.id: _gas_chance(scene.sights[f.id][0]) for f in foci}
    gas = {i: p for i, p in chances.items() if p >= MAY_BE_GAS}
    if not gas:
        return _said("duct_gas", max([NO_GAS, *chances.values()]), scene.images)
    chance = 1.0 - math.prod(1.0 - p for p in gas.values())
    leading = max(gas, key=lambda i: (gas[i], -i))
    return _said("duct_gas", min(chance, 0.97), scene.images_of(leading), "", None, tuple(gas))


def _gas_chance(sight: Sight) -> float:
    """Return the probability that one bright body is gas."""
    echo = sight.echo
    named = max(echo.probability, NAMED_GAS) if echo.label == "gas" else 0.0
    return max(named, echo.probabilities.get("gas", 0.0))


def _said(  # noqa: PLR0917
    name: str,
    chance: float,
    images: tuple[str, ...],
    ref: str = "",
    value: Measurement | None = None,
    foci: tuple[int, ...] = (),
) -> Finding:
    present = chance >= 0.5
    return Finding(
        name, Subject("duct", ref if present else ""), State.PRESENT if present else State.ABSENT, chance,
        value if present else None, "us", images, foci=foci,
    )  # fmt: skip


def _unable(name: str, reason: str) -> Finding:
    return Finding(name, Subject("duct"), State.NOT_ASSESSABLE, source="us", reason=reason)
