"""How each focus lies to the bile ducts.

Four things speak: a duct that is seen about the focus, bile that surrounds it even where the duct is not seen
beyond it, other foci of the same duct, and the portal branch it lies at. Where no duct is seen, "along the
portal triad" is all that can be said; where neither ducts nor portal branches can be seen, nothing is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ducts.ducts import DILATED_MM, Duct, Ducts
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.calcification.focus import Foci, Focus
from hepalith.finding.duct.ring import Ring, Surroundings
from hepalith.image.volume import Volume
from hepalith.vocabulary import Assessed, Measurement, NotAssessable, State

__all__ = ["RELATIONS", "DuctRelation", "relate_to_ducts"]

RELATIONS = ("in_lumen", "in_wall", "along_portal_triad", "apart")
"""What a focus can be to a bile duct."""

RELATED_LABELS = ("calcification", "undetermined")
"""What a focus must be for its relation to ducts to mean anything."""

LEAST_BILE, BILE_SPREAD = 0.28, 0.07
"""Darkening of the ring toward bile at which bile about a focus is as likely as not, and its spread without
noise. Rings of foci in parenchyma have -0.2 to 0.15 on the development phantoms, of stones in bile 0.4 to
1."""

HALF_BILE = LEAST_BILE / 2
"""The same of a focus in the wall of a duct that is seen: bile lies on one side of it alone."""

LONE_BILE, PAIRED_BILE, STRUNG_BILE = 0.60, 0.42, 0.22
"""The same where no duct is seen beyond the bile: for a focus alone, for one of two with bile about them,
and for one of three and more. A small dark mass with calcium in it has 0.2 to 0.5; several in a row are
stones."""

LONE_SHARE = 0.45
"""Share of lone foci with bile about them and no duct beyond that lie in a duct: a small cyst about calcium,
fat and the undershoot of a sharp kernel look alike. Of four such on development phantoms none did. Our
judgement."""

COMPANY_MM = 15.0
"""Distance, edge to edge, within which foci keep company: the widest gap between beads of a chain."""

LEAST_SHELL = 0.15
"""Share of a focus's shell that a seen duct fills, from which the focus lies in or at it. Our judgement."""

AT_PATH_MM = 1.5
"""How far beyond a duct's wall the middle of a focus may lie that fills or blocks it. Our judgement."""

AT_WALL_MM, WALL_SIDED = 3.0, 0.36
"""The same for a focus with bile on one side alone, from which sidedness on: a plate in the wall is as thick
as that, and the path of a duct is known to a voxel. Our judgement, from development phantoms."""

AT_END_MM = 3.0
"""Gap between a focus and a dilated duct up to which the duct may end at it: a stone fills its duct, so that
no bile is seen beside the stone. Our judgement."""

ONE_SIDED = 0.40
"""Sidedness from which a focus lies in the wall: a plane wall has 0.5, bile all around 0. Our judgement."""

HOST_SHARE = 0.6
"""Darkness a few millimetres farther, over that of the ring, from which the focus lies in a mass or a cyst
rather than in a duct. Our judgement."""

NEAR_PORTAL_MM, NEAR_SLOPE_MM = 3.5, 0.9
"""Distance between a focus and the wall of a portal branch at which it is as likely as not along the triad:
duct and artery run within 1 to 3 mm of it, and path and calibre of a branch are known to 1 to 2 mm in slices
of 3 and 5 mm; and how fast that changes."""

TRIAD_LEAST, TRIAD_MOST = 0.2, 0.82
"""Probability of a triad far from every portal branch that is seen, and at one. Of foci at a branch of the
development phantoms a third lies at one that the scan does not show or that is not told as portal; of those
called along it a fifth to a third lies at a vein or an artery."""

UNKNOWN_SHARE = 0.5
"""Share of vessels of unknown kind that are portal branches. Our judgement."""

OUTLET_MM = 14.0
"""Dilatation that reaches no farther than this toward the hilum from the innermost focus is all upstream of
it: so far the duct widens about a stone itself. Our judgement."""

NO_LESION: Mapping[int, float] = MappingProxyType({})
"""No focus is known to lie in a lesion."""

NO_CALCIUM = "it is no calcification"
NO_DUCT_SEEN = "no duct is seen at the focus"


@dataclass(frozen=True, slots=True)
class DuctRelation:
    """How one focus lies to the bile ducts.

    Parameters
    ----------
    relation
        One of `RELATIONS`, or ``"not_assessable"``.
    probabilities
        Of every one of `RELATIONS`; empty where not assessable.
    calibre
        Inner diameter of the duct at the focus, mm.
    dilated
        Whether that duct is dilated.
    side
        Which side of the focus is dilated: ``"upstream"``, ``"downstream"``, ``"both"``, ``"none"``.
    bile_around, bile_probability
        Whether bile surrounds the focus.
    duct
        Id of the duct; 0 where none is seen there.
    reason
        Why the relation is what it is, or why it cannot be said.
    """

    relation: str
    probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    calibre: Assessed = field(default_factory=lambda: NotAssessable(NO_DUCT_SEEN))
    dilated: State = State.NOT_ASSESSABLE
    side: str = "none"
    bile_around: State = State.NOT_ASSESSABLE
    bile_probability: float | None = None
    duct: int = 0
    reason: str = ""


def relate_to_ducts(  # noqa: PLR0917
    volume: Volume,
    liver: Liver,
    foci: Foci,
    ducts: Ducts,
    vessels: Vessels | None,
    phase: Phase,
    *,
    in_lesion: Mapping[int, float] = NO_LESION,
) -> Mapping[int, DuctRelation]:
    """Return how every focus lies to the bile ducts, by its id.

    Parameters
    ----------
    volume, liver, phase
        The image, the liver in it, the contrast phase.
    foci
        The foci; only what is or may be calcium is related.
    ducts, vessels
        What is seen of ducts and vessels; without vessels nothing is said of the portal triad.
    in_lesion
        Probability that a focus lies in a lesion, by its id: what is dark about it is then the lesion, and
        no bile of a duct, unless a duct is seen there.
    """
    around = Surroundings(volume, liver, foci, ducts)
    calcium = [f for f in foci.foci if f.label in RELATED_LABELS]
    rings = {f.id: around.ring_of(f.id) for f in calcium}
    found = {f.id: DuctRelation("not_assessable", reason=NO_CALCIUM) for f in foci.foci}
    for focus in calcium:
        ring = rings[focus.id]
        company = _company(focus, calcium, rings)
        held = in_lesion.get(focus.id, 0.0)
        related = None if ring is None else _in_duct(focus, ring, ducts, (company, held))
        found[focus.id] = related or _beside_triad(focus, ring, ducts, vessels, phase)
    return MappingProxyType(_with_sides(found, foci, ducts))


def _company(focus: Focus, foci: Sequence[Focus], rings: Mapping[int, Ring | None]) -> int:
    """Return how many other foci near by have bile about them."""
    count = 0
    for other in foci:
        ring = rings[other.id]
        if other.id == focus.id or ring is None or _bile_chance(ring, LEAST_BILE) < 0.5:
            continue
        gap = math.dist(focus.place_lps_mm, other.place_lps_mm) - _radius(focus) - _radius(other)
        count += gap <= COMPANY_MM
    return count


def _radius(focus: Focus) -> float:
    return focus.diameter.value / 2 if isinstance(focus.diameter, Measurement) else 0.0


def _in_duct(focus: Focus, ring: Ring, ducts: Ducts, about: tuple[int, float]) -> DuctRelation | None:
    """Return the relation of a focus that lies in a duct or its wall; None where nothing says so.

    `about` is how many others near it have bile about them, and how likely it lies in a lesion.
    """
    company, held = about
    duct, calibre, away = _nearest_duct(focus, ring, ducts)
    gap = away - calibre / 2
    seen = ring.share >= LEAST_SHELL or (duct is not None and gap <= AT_PATH_MM)
    if not seen and duct is not None:
        sided = ring.sidedness >= WALL_SIDED and _bile_chance(ring, HALF_BILE) >= 0.5
        seen = sided and gap <= AT_WALL_MM
        company += duct.dilated is State.PRESENT and gap <= _radius(focus) + AT_END_MM
    if not seen:
        duct = None
    unseen = (LONE_BILE, PAIRED_BILE, STRUNG_BILE)[min(company, 2)]
    bile = _bile_chance(ring, LEAST_BILE) if seen else _bile_chance(ring, unseen) * (1.0 - held)
    bile *= 1.0 if seen or company else LONE_SHARE
    within_host = ring.bile is not None and ring.host > HOST_SHARE * max(ring.bile, 0.0) and not seen
    if within_host or not (seen or bile >= 0.5):
        return None
    chance = 1.0 - (1.0 - bile) * (0.3 if seen else 1.0) * (0.5 if ring.share >= LEAST_SHELL else 1.0)
    told = bile >= 0.5 or (seen and _bile_chance(ring, HALF_BILE) >= 0.5)
    wall = 1.0 / (1.0 + math.exp(-(ring.sidedness - ONE_SIDED) / 0.04)) if told else 0.1
    chances = {"in_lumen": chance * (1 - wall), "in_wall": chance * wall, "apart": 1.0 - chance}
    if duct is None:
        duct_id, measured = 0, _calibre_from_ring(focus, ring)
        dilated = _dilated(measured)
    else:
        duct_id, measured, dilated = duct.id, _local_calibre(duct, calibre), duct.dilated
    why = "a bile duct is seen about it" if seen else "bile lies around it"
    return DuctRelation(
        max(chances, key=lambda name: chances[name]),
        MappingProxyType(chances),
        measured,
        dilated,
        "none",
        State.PRESENT if bile >= 0.5 else State.ABSENT,
        bile,
        duct_id,
        why,
    )


def _bile_chance(ring: Ring, least: float) -> float:
    """Return the probability that bile lies around a focus, given the darkening at which it is even."""
    if ring.bile is None:
        return 0.0
    return NormalDist(least, math.hypot(BILE_SPREAD, ring.noise)).cdf(ring.bile)


def _nearest_duct(focus: Focus, ring: Ring, ducts: Ducts) -> tuple[Duct | None, float, float]:
    """Return the duct at a focus, its calibre there, and the distance of the focus from its middle line."""
    best: tuple[Duct | None, float, float] = (None, 0.0, math.inf)
    point = np.asarray(focus.centroid_lps_mm)
    for duct in ducts.ducts:
        if ring.duct and duct.id != ring.duct and ring.share >= LEAST_SHELL:
            continue
        for path, calibres in _courses(duct):
            distances = np.linalg.norm(path - point, axis=1)
            at = int(distances.argmin())
            if distances[at] < best[2]:
                best = (duct, float(calibres[at]), float(distances[at]))
    return best


def _courses(duct: Duct) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the main course of a duct and its branches, each with its calibre."""
    sides = zip(duct.branches_lps_mm, duct.branch_calibres_mm, strict=True)
    return [(duct.path_lps_mm, duct.calibres_mm), *sides]


def _local_calibre(duct: Duct, calibre: float) -> Measurement:
    """Return the calibre at one place of a duct, as unsure in proportion as the duct's own."""
    low, high = duct.calibre.low, duct.calibre.high
    half = 1.0 if low is None or high is None else (high - low) / 2
    return Measurement(calibre, "mm", max(calibre - half, 0.0), calibre + half)


def _calibre_from_ring(focus: Focus, ring: Ring) -> Assessed:
    """Return the calibre of a duct of which only the bile about a focus is seen."""
    if not isinstance(focus.diameter, Measurement):
        return NotAssessable("the duct is seen only about a focus too small to be measured")
    width = focus.diameter.value
    return Measurement(width + 2 * ring.reach_mm - 2.0, "mm", width, width + 2 * ring.reach_mm + 2.0)


def _dilated(calibre: Assessed) -> State:
    if not isinstance(calibre, Measurement):
        return State.NOT_ASSESSABLE
    return State.PRESENT if calibre.value > DILATED_MM else State.ABSENT


def _beside_triad(
    focus: Focus, ring: Ring | None, ducts: Ducts, vessels: Vessels | None, phase: Phase
) -> DuctRelation:
    """Return the relation of a focus in no duct that is seen, by the portal branches."""
    bile = State.NOT_ASSESSABLE
    chance = None
    if ring is not None and ring.bile is not None:
        chance = min(_bile_chance(ring, LONE_BILE), 0.45)  # what is dark about it is no bile of a duct
        bile = State.ABSENT
    portal = vessels is not None and vessels.sees("portal") and phase.label != "none"
    if vessels is None or not portal:
        if not ducts.dilated:
            why = ducts.reason or NO_DUCT_SEEN
            return DuctRelation(
                "not_assessable", bile_around=bile, bile_probability=chance, duct=0,
                reason=f"normal ducts are not seen on this scan, nor the portal branches beside them ({why})",
            )  # fmt: skip
        chances = {"apart": 0.8, "along_portal_triad": 0.2}
        why = "the ducts that are seen lie elsewhere"
        return DuctRelation(
            "apart", MappingProxyType(chances), bile_around=bile, bile_probability=chance, reason=why
        )
    away = float(vessels.distance_mm(focus.place_lps_mm, ("portal",))[0]) - _radius(focus)
    near = _nearness(away)
    if any(b.kind == "unknown" for b in vessels.branches):
        other = float(vessels.distance_mm(focus.place_lps_mm, ("unknown",))[0]) - _radius(focus)
        near = max(near, UNKNOWN_SHARE * _nearness(other))
    triad = TRIAD_LEAST + (TRIAD_MOST - TRIAD_LEAST) * near
    chances = {"along_portal_triad": triad, "apart": 1.0 - triad}
    relation = max(chances, key=lambda name: chances[name])
    why = f"it lies {max(away, 0.0):.0f} mm from the nearest portal branch; no duct is seen there"
    return DuctRelation(
        relation, MappingProxyType(chances), bile_around=bile, bile_probability=chance, reason=why
    )


def _nearness(away_mm: float) -> float:
    """Return how likely a branch so far from a focus is the one it lies at."""
    return 1.0 / (1.0 + math.exp(min((away_mm - NEAR_PORTAL_MM) / NEAR_SLOPE_MM, 40.0)))


def _with_sides(found: dict[int, DuctRelation], foci: Foci, ducts: Ducts) -> dict[int, DuctRelation]:
    """Return the relations with the side that is dilated: foci in one duct block it together."""
    centres = {f.id: np.asarray(f.centroid_lps_mm) for f in foci.foci}
    for duct in ducts.ducts:
        held = [i for i, r in found.items() if r.duct == duct.id]
        if not held:
            continue
        side = _side_of(duct, [centres[i] for i in held])
        for i in held:
            found[i] = replace(found[i], side=side if found[i].dilated is State.PRESENT else "none")
    for i, relation in found.items():
        if relation.duct == 0 and relation.dilated is State.PRESENT:
            found[i] = replace(relation, side="upstream")
    return found


def _side_of(duct: Duct, centres: list[NDArray[np.float64]]) -> str:
    """Return which side of the foci of a duct is dilated."""
    steps = np.linalg.norm(np.diff(duct.path_lps_mm, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    at = [float(along[np.linalg.norm(duct.path_lps_mm - c, axis=1).argmin()]) for c in centres]
    wide = duct.calibres_mm > DILATED_MM
    inward = along[wide & (along < min(at))]
    outward = along[wide & (along > max(at))]
    inner = min(at) - float(inward.min()) if inward.size else 0.0
    outer = float(outward.max()) - max(at) if outward.size else 0.0
    if inner > OUTLET_MM:
        return "both" if outer > OUTLET_MM else "downstream"
    return "upstream"
