"""Place: in which lobe and segment a focus lies, how deep, and how near to a portal branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from hepalith.anatomy.liver import Liver
from hepalith.anatomy.segments import SEGMENT_LOBE, Segments
from hepalith.anatomy.vessels import Vessels
from hepalith.calcification.focus import Foci, Focus
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["Place", "find_places"]

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
    periportal: Assessed = field(default_factory=lambda: NotAssessable("no portal branch was looked for"))
    reason: str = ""


def find_places(foci: Foci, liver: Liver, segments: Segments, vessels: Vessels) -> Mapping[int, Place]:
    """Return the place of every focus, by its id."""
    return MappingProxyType({f.id: _place_of(f, segments, vessels) for f in foci.foci})


def _place_of(focus: Focus, segments: Segments, vessels: Vessels) -> Place:
    """Return the place of one focus."""
    near = _portal_distance(focus, vessels)
    chances = segments.at(focus.centroid_lps_mm)
    if not chances:
        return Place(
            focus.lobe, 0.5, None, 0.0, capsule_distance=focus.capsule_distance, periportal=near,
            reason=segments.reason,
        )  # fmt: skip
    lobes: dict[str, float] = {}
    for name, chance in chances.items():
        lobes[SEGMENT_LOBE[name]] = lobes.get(SEGMENT_LOBE[name], 0.0) + chance
    lobe = max(lobes, key=lambda name: lobes[name])
    segment = max(chances, key=lambda name: chances[name])
    return Place(
        lobe, lobes[lobe], segment, chances[segment], MappingProxyType(dict(chances)), focus.capsule_distance,
        near,
    )  # fmt: skip


def _portal_distance(focus: Focus, vessels: Vessels) -> Assessed:
    """Return how far the focus lies from the nearest portal branch that is seen."""
    if not vessels.seen:
        return NotAssessable(vessels.reason)
    distance = float(vessels.distance_mm(focus.centroid_lps_mm, ("portal",))[0])
    if not np.isfinite(distance):
        return NotAssessable("no portal branch could be told from the hepatic veins on this scan")
    value = max(distance, 0.0)
    return Measurement(value, "mm", max(value - PATH_ERROR_MM, 0.0), value + PATH_ERROR_MM)
