"""Foci of ultrasound numbered after those of CT, so that one reading names each body once."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from hepalith.calcification.track.track import ExaminationLooks

__all__ = ["number_after"]


def number_after(sighted: ExaminationLooks, after: int) -> ExaminationLooks:
    """Return an examination whose focus ids begin after `after`, in foci, motion and every map."""
    if after == 0:
        return sighted
    foci = sighted.foci
    shifted = replace(
        foci,
        foci=tuple(replace(focus, id=focus.id + after) for focus in foci.foci),
        labels=np.where(foci.labels > 0, foci.labels + np.int32(after), foci.labels),
    )
    return replace(
        sighted,
        foci=shifted,
        motion=MappingProxyType({key + after: value for key, value in sighted.motion.items()}),
        focus_of=tuple(
            MappingProxyType({echo: focus + after for echo, focus in of.items()}) for of in sighted.focus_of
        ),
        labels=tuple(np.where(labels > 0, labels + np.int32(after), labels) for labels in sighted.labels),
    )
