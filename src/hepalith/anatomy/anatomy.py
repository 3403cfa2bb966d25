"""What lies in and about the liver apart from calcium: neighbours, vessels, segments, ducts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hepalith.anatomy.ducts.ducts import Ducts, find_ducts
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.neighbours import Neighbours, find_neighbours
from hepalith.anatomy.phases import PhaseImage
from hepalith.anatomy.segments import Segments, find_segments
from hepalith.anatomy.vessels.vessels import Vessels, find_vessels
from hepalith.image.volume import Volume

__all__ = ["Anatomy", "map_anatomy"]

BEST_PHASES = ("portal", "delayed", "arterial")
"""Phases in which veins stand out from the liver and ducts stay dark, the best first."""

LEAST_AGREEMENT = 0.4
"""Agreement of edges below which another phase is not trusted to show where vessels and ducts run."""


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """What lies in and about a liver that is in view.

    Parameters
    ----------
    neighbours, vessels, segments, ducts
        See there.
    shown, shown_by
        The image in which vessels, ducts and lesions show best, on the grid of the one that is read, and its
        phase: the same image, or one with another phase laid into it.
    others
        Further phases laid onto the image that is read.
    """

    neighbours: Neighbours
    vessels: Vessels
    segments: Segments
    ducts: Ducts
    shown: Volume
    shown_by: Phase
    others: tuple[PhaseImage, ...] = ()


def map_anatomy(
    volume: Volume, liver: Liver, phase: Phase, others: Sequence[PhaseImage] = ()
) -> Anatomy | None:
    """Return what lies in and about the liver; None where no liver is in view.

    Parameters
    ----------
    volume, liver, phase
        The image that is read.
    others
        Further phases laid onto it. Where the image itself is unenhanced, vessels and ducts are
        looked for in the best of them.
    """
    if not liver.is_in_view:
        return None
    neighbours = find_neighbours(volume, liver)
    shown, by = _best_shown(volume, phase, others)
    vessels = find_vessels(shown, liver, by)
    segments = find_segments(volume, liver, vessels)
    ducts = find_ducts(shown, liver, vessels, by)
    return Anatomy(neighbours, vessels, segments, ducts, shown, by, tuple(others))


def _best_shown(volume: Volume, phase: Phase, others: Sequence[PhaseImage]) -> tuple[Volume, Phase]:
    """Return the image in which vessels and ducts show best, and its phase."""
    if phase.label in BEST_PHASES:
        return volume, phase
    fit = [p for p in others if p.phase.label in BEST_PHASES and p.agreement >= LEAST_AGREEMENT]
    if not fit:
        return volume, phase
    best = min(fit, key=lambda p: (BEST_PHASES.index(p.phase.label), -p.agreement))
    hu = volume.hu.copy()
    hu[best.box.slices] = best.hu
    return replace(volume, hu=hu), best.phase
