"""Each focus and what keeps it company, as the document says it."""

from __future__ import annotations

from hepalith.calcification import Detectability, Focus
from hepalith.finding.description import Description
from hepalith.finding.duct.duct import DuctRelation
from hepalith.finding.host.host import HostRelation
from hepalith.finding.place import Place
from hepalith.reading.document import (
    DetectabilityEntry,
    DuctEntry,
    FocusEntry,
    HostEntry,
    LocationEntry,
    Measured,
    MorphologyEntry,
    Quantity,
    ShadowEntry,
    Unassessed,
)
from hepalith.vocabulary import Assessed, NotAssessable

__all__ = ["detectability_entry", "duct_entry", "focus_entry", "host_entry", "location_entry", "measured"]

DUCTS_NOT_READ = "bile ducts were not looked for about it"
"""Why nothing is said of the ducts beside a focus."""

HOSTS_NOT_READ = "a lesion is looked for around calcifications only"
"""Why nothing is said of a host."""

NO_SHADOW_ON_CT = "CT shows no acoustic shadow"
"""Why there is no shadow to grade."""

NO_LOBES = "the lobes or the capsule were not found"
"""Why the distance from the capsule is not given."""


def measured(value: Assessed) -> Measured:
    """Return a measurement, or why there is none."""
    if isinstance(value, NotAssessable):
        return Unassessed(not_assessable=value.reason)
    return Quantity(value=value.value, unit=value.unit, low=value.low, high=value.high)


def detectability_entry(detectability: Detectability) -> DetectabilityEntry:
    """Return the smallest focus that could have been shown."""
    return DetectabilityEntry(
        smallest_focus=measured(detectability.smallest_focus),
        at_excess_hu=detectability.at_excess_hu,
        why=detectability.why,
    )


def focus_entry(focus: Focus, tracking_uid: str, seen: Description) -> FocusEntry:
    """Return one focus, with what keeps it company."""
    return FocusEntry(
        id=focus.id,
        tracking_uid=tracking_uid,
        label=focus.label,
        probability=focus.probability,
        reason=focus.reason,
        centroid_lps_mm=focus.centroid_lps_mm,
        volume=measured(focus.volume),
        volume_limited_by_resolution=focus.volume_limited_by_resolution,
        diameter=measured(focus.diameter),
        background_hu=measured(focus.background_hu),
        mean_hu=measured(focus.mean_hu),
        peak_hu=measured(focus.peak_hu),
        integrated_excess=measured(focus.integrated_excess),
        mass=measured(focus.mass),
        score_agatston_convention=measured(focus.score_agatston_convention),
        location=location_entry(focus, seen.places.get(focus.id)),
        morphology=MorphologyEntry(
            label=focus.morphology, probabilities=dict(sorted(focus.morphology_probabilities.items()))
        ),
        duct=duct_entry(seen.ducts.get(focus.id)),
        host=host_entry(None if seen.hosts is None else seen.hosts.of_focus.get(focus.id)),
        shadow=ShadowEntry(
            grade="not_assessable",
            index=Unassessed(not_assessable=NO_SHADOW_ON_CT),
            reason=NO_SHADOW_ON_CT,
        ),
    )


def location_entry(focus: Focus, place: Place | None) -> LocationEntry:
    """Return where a focus lies; without a `place`, what the outline alone says."""
    capsule = focus.capsule_distance if place is None else place.capsule_distance
    depth = Unassessed(not_assessable=NO_LOBES) if capsule is None else measured(capsule)
    if place is None:
        return LocationEntry(lobe=focus.lobe, capsule_distance=depth)
    return LocationEntry(
        lobe=place.lobe,
        segment=place.segment,
        segment_probability=None if place.segment is None else place.segment_probability,
        capsule_distance=depth,
        lobe_probability=None if place.lobe is None else place.lobe_probability,
        segment_probabilities=dict(sorted(place.segment_probabilities.items())),
        subcapsular_probability=place.subcapsular_probability,
        periportal=measured(place.periportal),
    )


def duct_entry(relation: DuctRelation | None) -> DuctEntry:
    """Return how a focus lies to the bile ducts."""
    if relation is None:
        unread = Unassessed(not_assessable=DUCTS_NOT_READ)
        return DuctEntry(
            relation="not_assessable", calibre=unread, dilated="unknown", side=None, reason=DUCTS_NOT_READ
        )
    known = relation.dilated.value in ("present", "absent")
    return DuctEntry(
        relation=relation.relation,
        probabilities=dict(sorted(relation.probabilities.items())),
        calibre=measured(relation.calibre),
        dilated=relation.dilated.value,
        side=relation.side if known else None,
        bile_around=relation.bile_around.value,
        reason=relation.reason or None,
    )


def host_entry(relation: HostRelation | None) -> HostEntry:
    """Return what lies around a focus."""
    if relation is None:
        unread = Unassessed(not_assessable=HOSTS_NOT_READ)
        return HostEntry(kind="not_assessable", diameter=unread, position=None, reason=HOSTS_NOT_READ)
    return HostEntry(
        kind=relation.kind,
        id=relation.host or None,
        probabilities=dict(sorted(relation.probabilities.items())),
        diameter=measured(relation.diameter),
        position=relation.position or None,
        reason=relation.reason or None,
    )
