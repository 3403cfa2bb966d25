"""Atrophy of a lobe, by its share of the liver."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hepalith.anatomy.liver import Liver
from hepalith.anatomy.segments import SEGMENTS, Segments
from hepalith.finding.finding import Finding, Subject
from hepalith.vocabulary import Measurement, State

__all__ = ["find_atrophy"]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the liver: its segments, its usual share of the volume and the spread among people."""

    segments: tuple[str, ...]
    share: float
    spread: float


PARTS = {
    "left lateral": _Part(("II", "III"), 0.17, 0.035),
    "left": _Part(("II", "III", "IV"), 0.34, 0.05),
    "right": _Part(("V", "VI", "VII", "VIII"), 0.64, 0.055),
}
"""Shares in healthy adults: the lateral segments 16 to 18 %, the left lobe a third, the right lobe two
thirds, each with a spread of about a fifth (CT volumetry of donors, grade K; spreads our judgement, wide
enough for the error of the segments' borders)."""

SHRUNK = 2.3
"""Spreads below the usual at which a part is as likely shrunk as small by nature. Our judgement."""

MISSING_SHARE = 0.02
"""Share below which a part has been taken out rather than shrunk."""

LEAST_IN_VIEW = 0.95
"""Share of the liver that must be in view."""


def find_atrophy(segments: Segments, liver: Liver) -> Finding:
    """Return whether a lobe or the lateral segments have shrunk.

    Parameters
    ----------
    segments
        Where each segment lies.
    liver
        The liver they divide.

    Notes
    -----
    A lobe that has grown makes the others look small; only the smallest for its kind is named. The borders
    of segments are known to about a centimetre, so that only clear atrophy is called.
    """
    subject = Subject("segment")
    if not segments.assessable:
        return Finding("lobar_atrophy", subject, State.NOT_ASSESSABLE, reason=segments.reason)
    if liver.in_view < LEAST_IN_VIEW:
        why = "not all of the liver is in view"
        return Finding("lobar_atrophy", subject, State.NOT_ASSESSABLE, reason=why)
    planes = [np.bincount(plane.ravel(), minlength=len(SEGMENTS) + 1) for plane in segments.labels]
    counts = np.sum(planes, axis=0)[1 : len(SEGMENTS) + 1]  # plane by plane: counting widens what it counts
    total = float(counts.sum())
    if not total:
        why = "the segments hold nothing"
        return Finding("lobar_atrophy", subject, State.NOT_ASSESSABLE, reason=why)
    found = []
    for name, part in PARTS.items():
        share = float(sum(counts[SEGMENTS.index(s)] for s in part.segments)) / total
        if share >= MISSING_SHARE:
            found.append(((share - part.share) / part.spread, name, share))
    if not found:
        why = "too little of the liver is left to compare its lobes"
        return Finding("lobar_atrophy", subject, State.NOT_ASSESSABLE, reason=why)
    deviation, name, share = min(found)
    chance = max(1.0 / (1.0 + math.exp(2.0 * (deviation + SHRUNK))), 0.01)
    if chance < 0.5:
        return Finding("lobar_atrophy", subject, State.ABSENT, chance)
    value = Measurement(100.0 * share, "%")
    return Finding("lobar_atrophy", Subject("segment", name), State.PRESENT, chance, value)
