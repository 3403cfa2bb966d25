"""Place: in which lobe and segment a focus lies, how deep, and how near to a portal branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from types import MappingProxyType

import numpy as np

from hepalith.anatomy.liver import Liver
from hepalith.anatomy.segments import SEGMENT_LOBE, Segments
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.calcification.focus import BESIDE_REASON, Foci, Focus
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["Place", "find_places"]

SUBCAPSULAR_MM = 3.0
"""A focus whose centre lies within this of the capsule is subcapsular: see `hepalith.finding.ct`."""
UNREFINED = 0.5
"""Probability of a lobe that the outline alone gives, where segments were not assessed."""
PATH_ERROR_MM = 1.5
"""Error (95 %) of a distance from a traced vessel: the spacing of the grid that it is traced on."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one focus lies.

    Parameters
    ----------
    lobe
        ``right``, ``left`` or ``caudate``; None where not assessed.
    lobe_probability
        That it lies there.
    segment
        ``I`` to ``VIII``, the likeliest; None where not assessed.
    segment_probability
        That it lies there.
    segment_probabilities
        Of every segment.
    capsule_distance
        Of its centre from the capsule, mm.
    subcapsular_probability
        That its centre lies within `SUBCAPSULAR_MM` of the capsule; None where that was not measured.
    periportal
        Distance of its centre from the wall of the nearest portal branch, mm; zero inside one. Not
        assessable where no portal branch was seen.
    reason
        Why the segment was not assessed, where it was not.
    """

    lobe: str | None
    lobe_probability: float
    segment: str | None
    segment_probability: float
    segment_probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    capsule_distance: Assessed | None = None
    subcapsular_probability: float | None = None
    periportal: Assessed = field(default_factory=lambda: NotAssessable("no portal branch was looked for"))
    reason: str = ""


def find_places(foci: Foci, liver: Liver, segments: Segments, vessels: Vessels) -> Mapping[int, Place]:
    """Return the place of every focus, by its id; of none where no liver is in view."""
    if not liver.is_in_view:
        return MappingProxyType({})
    return MappingProxyType({f.id: _place_of(f, segments, vessels) for f in foci.foci})


def _place_of(focus: Focus, segments: Segments, vessels: Vessels) -> Place:
    """Return the place of one focus; what lies beside the liver has none in it."""
    place = Place(
        lobe=focus.lobe,
        lobe_probability=UNREFINED,
        segment=None,
        segment_probability=0.0,
        capsule_distance=focus.capsule_distance,
        subcapsular_probability=_chance_subcapsular(focus.capsule_distance),
        periportal=_portal_distance(focus, vessels),
        reason=segments.reason,
    )
    if focus.beside_liver:
        return replace(place, reason=BESIDE_REASON)
    chances = segments.at(focus.place_lps_mm)
    if not chances:
        return place
    lobes: dict[str, float] = {}
    for name, chance in chances.items():
        lobes[SEGMENT_LOBE[name]] = lobes.get(SEGMENT_LOBE[name], 0.0) + chance
    lobe = max(lobes, key=lambda name: lobes[name])
    segment = max(chances, key=lambda name: chances[name])
    return replace(
        place,
        lobe=lobe,
        lobe_probability=lobes[lobe],
        segment=segment,
        segment_probability=chances[segment],
        segment_probabilities=MappingProxyType(dict(chances)),
    )


def _chance_subcapsular(depth: Assessed | None) -> float | None:
    """Return the probability that a depth below the capsule is less than `SUBCAPSULAR_MM`."""
    if not isinstance(depth, Measurement):
        return None
    if depth.low is None or depth.high is None or depth.high <= depth.low:
        return 0.95 if depth.value < SUBCAPSULAR_MM else 0.05
    return NormalDist(depth.value, (depth.high - depth.low) / 3.92).cdf(SUBCAPSULAR_MM)


def _portal_distance(focus: Focus, vessels: Vessels) -> Assessed:
    """Return how far the focus lies from the nearest portal branch that is seen."""
    if not vessels.seen:
        return NotAssessable(vessels.reason)
    distance = float(vessels.distance_mm(focus.place_lps_mm, ("portal",))[0])
    if not np.isfinite(distance):
        return NotAssessable("no portal branch could be told from the hepatic veins on this scan")
    value = max(distance, 0.0)
    return Measurement(value, "mm", max(value - PATH_ERROR_MM, 0.0), value + PATH_ERROR_MM)
