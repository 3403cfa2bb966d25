"""Nouns of an ultrasound examination: bodies followed over frames, and all pictures together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.echo import Echo
from hepalith.calcification.focus import Foci
from hepalith.calcification.track.look import Look

__all__ = ["ExaminationLooks", "Followed", "Sighting", "Track"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One body in one frame of a loop: its echo, and how far the liver had moved there by then.

    `liver_px` is the way (x, y) that liver tissue at this place has gone since the first frame; `liver_sd_px`
    how well that is known.
    """

    frame: int
    echo: Echo
    liver_px: tuple[float, float] = (0.0, 0.0)
    liver_sd_px: float = 0.0


@dataclass(frozen=True, slots=True)
class Track:
    """One bright body through a loop.

    Parameters
    ----------
    sightings
        In the order of frames; never empty.
    expected
        Frames in which it would have been seen, were it a body: those that show its plane.
    news
        How much of the speckle changed from one of these frames to the next, 0 to 1: what a second sighting
        says beyond the first.
    probability_real
        That it is a body, and no speckle.
    probability_moves
        That it moves against the liver; ``None`` where that cannot be judged.
    travel_px, travel_sd_px
        How far it goes against the liver on the screen, and the standard deviation of that.
    """

    sightings: tuple[Sighting, ...]
    expected: int = 1
    news: float = 0.0
    probability_real: float = 1.0
    probability_moves: float | None = None
    travel_px: float = 0.0
    travel_sd_px: float = 0.0

    @property
    def best(self) -> Sighting:
        """The sighting that shows most: the counted one with the highest contrast, else the first."""
        return max(self.sightings, key=lambda s: (s.echo.contrast, -s.frame))


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One picture of the examination, still or loop, with what was followed in it.

    `looks` holds the best frame first, then frames that show a body that it does not; `tracks` those bodies
    that are believed. `read_frames` of `frames` were searched, `repeated` are copies of their forerunner.
    """

    looks: tuple[Look, ...]
    tracks: tuple[Track, ...]
    frames: int = 1
    read_frames: int = 1
    repeated: int = 0
    dropped: int = 0
    """Tracks that were seen too seldom to be believed."""


@dataclass(frozen=True, slots=True, eq=False)
class ExaminationLooks:
    """All of an examination's pictures, read together: one set of foci.

    Parameters
    ----------
    looks
        Every picture at its best frame, and at further frames that show what that does not. The first is
        the one that shows most; the others follow in the order of the pictures.
    foci
        One focus a body. Its `observations` name the image, frame and region where it stands; the first is
        where it is seen best, and that frame is among `looks`. `labels` lies on the screen of ``looks[0]``.
    motion
        Focus id: probability that it moves against the liver. A focus without an entry was not judged, as
        every focus of a still.
    focus_of
        For each look: echo id to focus id, of the echoes that became one.
    labels
        For each look: int32 (row, column), focus ids on its screen.
    fewest, most
        Counted foci at least, were bodies of different pictures the same wherever they can be, and at most,
        were no two the same.
    followed
        For each picture given, what was followed in it.
    """

    looks: tuple[Look, ...]
    foci: Foci
    motion: Mapping[int, float]
    focus_of: tuple[Mapping[int, int], ...] = ()
    labels: tuple[NDArray[np.int32], ...] = ()
    fewest: int = 0
    most: int = 0
    followed: tuple[Followed, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What was doubted, one sentence each."""


NO_MOTION: Mapping[int, float] = MappingProxyType({})
"""Of stills."""
