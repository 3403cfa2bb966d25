"""What surrounds a bright focus on ultrasound: a dark rim, a cyst, plain liver; and masses without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from hepalith.anatomy.ultrasound.sonogram import DarkBody
from hepalith.calcification.track.look import Look
from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.finding import Finding, Subject
from hepalith.finding.host.host import HostRelation, Hosts
from hepalith.finding.ultrasound.duct import rise
from hepalith.finding.ultrasound.halo import About
from hepalith.finding.ultrasound.ring import Ring
from hepalith.finding.ultrasound.scene import Scene, Sight, pixels_of
from hepalith.geometry import Box
from hepalith.vocabulary import Assessed, Measurement, NotAssessable, State

__all__ = ["Mass", "Surround", "describe_surround", "hosts_of", "look_around"]

CLOSED, OPEN = 0.7, 0.3
"""Share of the judged directions that are dark from which a focus lies within a dark body, and up to which
it lies in plain liver. Our judgement."""

NO_HOST = 0.8
"""Probability that there is no lesion where none is seen about a focus in B-mode.

A lesion as bright as liver does not show without contrast agent, and one plane passes beside others. Our
judgement (C).
"""

UNSEEN = MappingProxyType({"solid": 0.10, "mixed": 0.04, "infiltrative": 0.04, "fluid": 0.01, "fat": 0.01})
"""What the rest is spread over: solid lesions can be as bright as liver, a cyst cannot.

Together the solid ones stay below what raises an alarm, or every dot would. Our judgement.
"""

EMPTY = 0.75
"""Emptiness (0 as liver, 1 as the darkest of the picture) from which a round body is fluid. Our judgement."""

ROUND = 2.2
"""Length over calibre up to which a dark body is round, and no tube. Our judgement."""

SEPTA, DAUGHTERS = "septa", "daughters"
"""Keys of `DarkBody.extra`: probability of walls across a cyst, and of cysts within it."""

LEAST_MASS_MM = 8.0
"""Smallest echo-poor body without a focus that is called a mass. Our judgement."""

SURE_MASS, SURE_SPREAD = 0.7, 0.04
"""Probability of an echo-poor body being a lesion from which a mass is told of, and how sharply.

On the 30 real stills bodies of a probability of 0.4 to 0.65 were met in two of the eight livers without a
mass and in three of the 22 with one: as good as chance, and no ground for an alarm. Our judgement (C).
"""

NOT_PLACED = "its place in the picture is not known"
HALF_SEEN = "what lies about it is dark on one side only: a tube, the edge of a lesion or a shadow"
NONE_SEEN = "no lesion is seen about it in this plane; one as bright as liver would not show without contrast"
NO_FOCUS = "no bright focus was found"
NO_HOST_SEEN = "no lesion was seen around a bright focus"
NO_SCALE = "the size of a pixel is unknown"
NO_LIVER = "no liver is in view"

KINDS = ("solid", "fluid", "fat", "mixed", "infiltrative")


@dataclass(frozen=True, slots=True, eq=False)
class Surround:
    """What surrounds one focus in one picture. `body` is the lesion, None where there is none."""

    sight: Sight
    relation: HostRelation
    ring: Ring | None
    body: DarkBody | None = None
    extra: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_lesion(self) -> bool:
        """Whether a lesion is believed to lie there."""
        return self.relation.host > 0

    @property
    def is_empty(self) -> bool:
        """Whether the lesion is without echoes."""
        return self.body is not None and self.body.emptiness >= EMPTY


@dataclass(frozen=True, slots=True, eq=False)
class Mass:
    """An echo-poor body that holds no focus."""

    look: Look
    body: DarkBody
    probability: float


def look_around(
    scene: Scene, abouts: Mapping[int, tuple[About, ...]], relations: Mapping[int, DuctRelation]
) -> Mapping[int, Surround]:
    """Return what surrounds every focus that is to be explained, by its id.

    Of several pictures that one speaks which shows a lesion most surely. What lies in a duct lies in no
    lesion: the dark about it is bile.
    """
    found = {}
    for focus in scene.explained:
        relation = relations.get(focus.id)
        seen = [_surround(about, relation) for about in abouts[focus.id]]
        if seen:
            found[focus.id] = max(seen, key=_sureness)
    return MappingProxyType(found)


def _sureness(surround: Surround) -> tuple[int, float]:
    kind = surround.relation.kind
    order = 2 if surround.is_lesion else 1 if kind == "none" else 0
    return order, surround.relation.probability


def _surround(about: About, relation: DuctRelation | None) -> Surround:
    sight, ring = about.sight, about.ring
    if ring is None:
        return Surround(sight, _unjudged(NOT_PLACED), None)
    body = _round_body(ring)
    in_duct = 0.0 if relation is None else relation.probabilities.get("in_lumen", 0.0)
    if body is not None and ring.closed >= CLOSED and in_duct < 0.5:
        return _within(sight, ring, body)
    if body is not None and _is_sac(body) and ring.darkest >= 0.5 and in_duct < 0.5:
        return _within(sight, ring, body)
    if about.mass >= 0.5 and in_duct < 0.5:
        return _enclosed(about, ring)
    if ring.closed <= OPEN or in_duct >= 0.5:
        chances = {"none": NO_HOST, **UNSEEN}
        return Surround(
            sight,
            HostRelation(
                "none", 0, NotAssessable(NO_HOST_SEEN), "", NO_HOST, NONE_SEEN, MappingProxyType(chances)
            ),
            ring,
        )
    return Surround(sight, _unjudged(HALF_SEEN), ring)


def _unjudged(reason: str) -> HostRelation:
    return HostRelation("not_assessable", 0, NotAssessable(reason), "", 0.5, reason)


def _round_body(ring: Ring) -> DarkBody | None:
    """Return the body that most of the rim belongs to, where it is no tube."""
    known = [(share, i) for i, share in ring.bodies.items() if i in ring.known]
    if not known:
        return None
    body = ring.known[max(known)[1]]
    lesion = body.probabilities.get("lesion", 0.0) + body.probabilities.get("cyst", 0.0)
    if lesion >= 0.5 or body.kind in ("lesion", "cyst"):
        return body
    return None


def _is_sac(body: DarkBody) -> bool:
    return body.kind == "cyst" or body.probabilities.get("cyst", 0.0) >= 0.5


def _within(sight: Sight, ring: Ring, body: DarkBody) -> Surround:
    """Return the lesion that a focus lies in: fluid, solid or mixed, by how empty and how round it is."""
    cyst = max(body.probabilities.get("cyst", float(body.kind == "cyst")), 0.02)
    lesion = max(body.probabilities.get("lesion", float(body.kind == "lesion")), 0.02)
    fluid = cyst / (cyst + lesion)
    mixed = 0.25 * (1.0 - fluid)
    there = min(max(cyst + lesion, 0.5), 0.95)
    kinds = {"fluid": fluid, "mixed": mixed, "solid": 1.0 - fluid - mixed}
    chances = {"none": 1.0 - there, **{k: there * p for k, p in kinds.items()}}
    kind = max(kinds, key=lambda k: kinds[k])
    position = "central" if ring.closed >= CLOSED else "peripheral"
    relation = HostRelation(
        kind, body.id, _diameter(body, sight.look), position, chances[kind],
        "it lies within an echo-poor body" if kind != "fluid" else "it lies in or at a cyst",
        MappingProxyType(chances),
    )  # fmt: skip
    return Surround(sight, relation, ring, body, body.extra)


def _enclosed(about: About, ring: Ring) -> Surround:
    """Return the lesion whose dark rim encloses a focus on all sides, though no dark body is told there."""
    halo, look = about.halo, about.sight.look
    chances = {"none": 1.0 - about.mass, "solid": 0.75 * about.mass, "mixed": 0.25 * about.mass}
    position = "central" if halo.uneven < OFF_CENTRE else "peripheral"
    width = 2.0 * halo.radius_mm
    size: Assessed = NotAssessable(NO_SCALE)
    if look.picture.mm_per_px is not None:
        size = Measurement(width, "mm", 0.75 * width, 1.3 * width)
    relation = HostRelation(
        "solid", HALO_IDS + about.sight.echo.id, size, position, chances["solid"],
        "a dark rim encloses it on all sides", MappingProxyType(chances),
    )  # fmt: skip
    return Surround(about.sight, relation, ring, extra=MappingProxyType({RIM: about.mass}))


OFF_CENTRE = 1.5
"""Unevenness of a rim from which the focus does not lie in the middle of it. Our judgement."""

HALO_IDS = 1000
"""Ids of lesions that are told by their rim alone begin beyond those of dark bodies."""

RIM = "rim"
"""Key of a lesion that is told by its rim alone: the probability of it."""


def _diameter(body: DarkBody, look: Look) -> Assessed:
    """Return the longest diameter of a dark body; a closed rim is as long as it is wide."""
    if look.picture.mm_per_px is None:
        return NotAssessable(NO_SCALE)
    longest = max(body.length_px, body.calibre_px) * look.picture.mm_per_px
    return Measurement(longest, "mm", 0.85 * longest, 1.15 * longest)


def hosts_of(surrounds: Mapping[int, Surround], scene: Scene) -> Hosts:
    """Return the relation of every focus to a lesion; there is no label map of them in the patient."""
    of_focus = {i: s.relation for i, s in surrounds.items()}
    for focus in scene.explained:
        of_focus.setdefault(focus.id, _unjudged(NOT_PLACED))
    nothing = Box((0, 0, 0), (0, 0, 0))
    return Hosts((), MappingProxyType(of_focus), (), nothing, np.zeros((0, 0, 0), np.uint8))


def describe_surround(scene: Scene, surrounds: Mapping[int, Surround]) -> tuple[Finding, ...]:
    """Return the findings about the leading lesion, and whether there is a mass without a bright focus."""
    within = {i: s for i, s in surrounds.items() if s.is_lesion}
    mass = _mass(scene, surrounds)
    if not scene.explained:
        return (*(_unable(name, NO_FOCUS) for name in ABOUT), mass)
    if not within:
        return (*_of_none(scene, surrounds), mass)
    leading = within[max(within, key=lambda i: (within[i].relation.probability, -i))]
    same = tuple(i for i, s in sorted(within.items()) if _same_body(s, leading))
    return (*_of_lesion(leading, same, scene), mass)


ABOUT = (
    "host_kind", "host_diameter", "host_position", "host_echogenicity", "daughter_cysts", "cyst_septa",
    "double_wall", "gas_in_lesion",
)  # fmt: skip
"""Findings that are said of the leading lesion."""


def _same_body(one: Surround, other: Surround) -> bool:
    return one.sight.look is other.sight.look and one.relation.host == other.relation.host


POSITION_SURE, DARK_SURE = 0.8, 0.8
"""Probability of a position and of an echogenicity that are called. Our judgement."""

CYST_SIGNS = (("daughter_cysts", DAUGHTERS), ("cyst_septa", SEPTA), ("double_wall", "double_line"))
"""Signs within a cyst, and what the sonogram calls them."""


def _of_lesion(surround: Surround, foci: tuple[int, ...], scene: Scene) -> list[Finding]:
    """Return what is said of the leading lesion."""
    relation = surround.relation
    there = 1.0 - relation.probabilities.get("none", 0.0)
    dark = "anechoic" if surround.is_empty else "hypoechoic"
    gas = [f.probability for f in scene.foci.foci if f.label == "gas" and f.id in foci]
    kind = Finding(
        "host_kind", Subject("host"), State.PRESENT, relation.probability, relation.kind,
        reason=relation.reason, alternatives=tuple(sorted(relation.probabilities.items())),
    )  # fmt: skip
    found = [
        kind,
        _stated("host_diameter", there, relation.diameter),
        _stated("host_position", POSITION_SURE, relation.position),
        _stated("host_echogenicity", DARK_SURE, dark),
        *(_sign(name, surround.extra.get(key)) for name, key in CYST_SIGNS),
        _sign("gas_in_lesion", max(gas, default=0.02)),
    ]
    subject, images = Subject("host", str(relation.host)), (surround.sight.look.image,)
    return [replace(f, subject=subject, source="us", images=images, foci=foci) for f in found]


def _stated(name: str, chance: float, value: Assessed | str) -> Finding:
    """Return a value of the lesion, or why there is none."""
    if isinstance(value, NotAssessable):
        return _unable(name, value.reason)
    return Finding(name, Subject("host"), State.PRESENT, chance, value, "us")


def _sign(name: str, chance: float | None) -> Finding:
    """Return a sign that is there or not; unknown where nobody looked for it."""
    if chance is None:
        return Finding(name, Subject("host"), State.UNKNOWN, source="us")
    chance = min(max(chance, 0.01), 0.99)
    return Finding(name, Subject("host"), State.PRESENT if chance >= 0.5 else State.ABSENT, chance)


def _of_none(scene: Scene, surrounds: Mapping[int, Surround]) -> list[Finding]:
    """Return what is said where no lesion is seen about any focus."""
    rest = [_unable(name, NO_HOST_SEEN) for name in ABOUT[1:]]
    relations = [surrounds[f.id].relation for f in scene.explained if f.id in surrounds]
    doubtful = next((r for r in relations if r.kind == "not_assessable"), None)
    if not relations or doubtful is not None:
        return [_unable("host_kind", doubtful.reason if doubtful is not None else NOT_PLACED), *rest]
    leading = min(relations, key=lambda r: r.probability)
    kind = Finding(
        "host_kind", Subject("host"), State.PRESENT, leading.probability, "none", "us", scene.images,
        reason=leading.reason, alternatives=tuple(sorted(leading.probabilities.items())),
    )  # fmt: skip
    return [kind, *rest]


def _mass(scene: Scene, surrounds: Mapping[int, Surround]) -> Finding:
    """Return whether an echo-poor body without a bright focus is seen."""
    name, subject = "mass_without_calcium", Subject("liver")
    if not scene.is_liver_in_view:
        return Finding(name, subject, State.NOT_ASSESSABLE, source="us", reason=NO_LIVER)
    masses = _masses(scene, surrounds)
    best = max(masses, key=lambda m: m.probability, default=None)
    if best is None or best.probability < 0.5:
        chance = 0.1 if best is None else best.probability
        return Finding(name, subject, State.ABSENT, chance, source="us", images=scene.images)
    return Finding(name, subject, State.PRESENT, best.probability, source="us", images=(best.look.image,))


def _masses(scene: Scene, surrounds: Mapping[int, Surround]) -> list[Mass]:
    held = {(id(s.sight.look), s.body.id) for s in surrounds.values() if s.body is not None}
    found = []
    for look in scene.liver_looks:
        least = pixels_of(look, LEAST_MASS_MM)
        for body in look.sonogram.bodies:
            chance = body.probabilities.get("lesion", float(body.kind == "lesion"))
            chance *= rise(chance, SURE_MASS, SURE_SPREAD)
            if body.calibre_px >= least and (id(look), body.id) not in held and chance > 0:
                found.append(Mass(look, body, chance))
    return found


def _unable(name: str, reason: str) -> Finding:
    return Finding(name, Subject("host"), State.NOT_ASSESSABLE, source="us", reason=reason)
