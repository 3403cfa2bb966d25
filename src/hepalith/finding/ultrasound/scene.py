"""Which bright body of which picture each focus is, and how far apart things lie there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np

from hepalith.calcification.echo import COUNTED, Echo, Observation
from hepalith.calcification.focus import Foci, Focus
from hepalith.calcification.track.look import Look

__all__ = ["TUBES", "USUAL_DEPTH_MM", "Scene", "Sight", "black_of", "lies_in_liver", "pixels_of"]

USUAL_DEPTH_MM = 150.0
"""Depth of a picture of the liver where pixels have no size: 120 to 180 mm are usual (our judgement).

With it a rim is searched for within so many millimetres, give or take a fifth. No length is ever reported
from it.
"""

BLACK_QUANTILE = 0.01
"""Share of the picture's samples at or below its black."""

TUBES = ("duct", "tube", "vessel")
"""Kinds of dark body that run."""

LUMEN_QUANTILE = 0.7
"""Of the tubes' middle emptiness, from the least: crescents of a lesion's rim are taken for tubes too, and
are brighter. Our judgement."""

LEAST_LUMEN = 0.3
"""Least emptiness that tubes are believed to have."""

IN_LIVER = 0.5
"""Share of liver in the surroundings of a bright body from which it lies in the liver: gas beside it is
gut's."""

ABOUT_MM = 6.0
"""Distance about a bright body within which its surroundings are looked at: beyond its own blur."""

SAME_PLACE = 0.75
"""Distance of two centres, in diagonals of the box, up to which an echo is the one that was observed."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One focus in one picture: the bright body there."""

    focus: Focus
    look: Look
    echo: Echo
    lumen: float = 1.0
    """How empty the tubes of this picture are: 0 as bright as liver, 1 as dark as its darkest places."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What the findings are read from: every picture, the foci, and which echo each of them is.

    `motion` is the probability that a focus moves against the liver, by its id, where a cine shows it.
    """

    looks: tuple[Look, ...]
    foci: Foci
    sights: Mapping[int, tuple[Sight, ...]]
    motion: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, looks: Sequence[Look], foci: Foci, motion: Mapping[int, float]) -> Scene:
        """Return the scene: each focus with the echoes that it is, the best picture of it first."""
        lumens = [_lumen_of(look) for look in looks]
        sights = {f.id: tuple(_sights(f, looks, lumens)) for f in foci.foci}
        return cls(tuple(looks), foci, MappingProxyType(sights), motion)

    @cached_property
    def counted(self) -> tuple[Focus, ...]:
        """The bright foci in the liver: calcium, and what is of a substance not yet named."""
        return tuple(f for f in self.foci.foci if f.label in COUNTED)

    @cached_property
    def explained(self) -> tuple[Focus, ...]:
        """The foci that the reading is about: those counted, or, where there are none, gas in the liver."""
        return self.counted or tuple(
            f for f in self.foci.foci if f.label == "gas" and any(map(lies_in_liver, self.sights[f.id]))
        )

    @cached_property
    def liver_looks(self) -> tuple[Look, ...]:
        """The pictures that show liver."""
        return tuple(look for look in self.looks if look.sonogram.in_view > 0)

    @property
    def is_liver_in_view(self) -> bool:
        """Whether any picture shows liver."""
        return bool(self.liver_looks)

    def chance_bright(self, focus: int) -> float:
        """Return the probability that a focus is a bright body in the liver, whatever its substance.

        Of a counted focus that is the probability of all counted labels together, in the picture that shows
        it best; and at least one half, since it is counted.
        """
        known = next(f for f in self.foci.foci if f.id == focus)
        labels = COUNTED if known.label in COUNTED else (known.label,)
        chances = [
            sum(s.echo.probabilities.get(name, 0.0) for name in labels) * s.echo.probability_bright
            for s in self.sights.get(focus, ())[:1]
        ]
        return min(max(known.probability, *chances, 0.5), 0.995)

    def images_of(self, focus: int) -> tuple[str, ...]:
        """Return the pictures that a focus was seen in."""
        return tuple(dict.fromkeys(s.look.image for s in self.sights.get(focus, ())))

    @property
    def images(self) -> tuple[str, ...]:
        """Every picture that shows liver."""
        return tuple(dict.fromkeys(look.image for look in self.liver_looks))


def pixels_of(look: Look, length_mm: float) -> float:
    """Return how many pixels a length takes in a picture, by its calibration or else by the usual depth."""
    if look.picture.mm_per_px is not None:
        return length_mm / look.picture.mm_per_px
    samples = look.picture.grid.shape[0]
    return length_mm * max(samples - 1, 1) * look.picture.grid.step_px / USUAL_DEPTH_MM


def lies_in_liver(sight: Sight) -> bool:
    """Return whether most of what surrounds a bright body is liver."""
    sonogram, grid = sight.look.sonogram, sight.look.picture.grid
    sample, line = (round(v) for v in sight.echo.beam)
    row = min(max(sample, 0), sonogram.liver.shape[0] - 1)
    reach = pixels_of(sight.look, ABOUT_MM) + sight.echo.length_px / 2.0
    tall = max(round(reach / grid.step_px), 1)
    wide = max(round(reach / max(float(grid.width_px[row, 0]), 1e-3)), 1)
    window = (slice(max(row - tall, 0), row + tall + 1), slice(max(line - wide, 0), line + wide + 1))
    inside = grid.inside[window]
    return bool(inside.any()) and float(sonogram.liver[window][inside].mean()) >= IN_LIVER


def black_of(look: Look) -> float:
    """Return the level of the darkest places of a picture."""
    inside = look.levels[look.picture.grid.inside]
    return float(np.quantile(inside[::7], BLACK_QUANTILE)) if inside.size else 0.0


def _lumen_of(look: Look) -> float:
    """Return how empty the tubes of a picture are: clutter fills blood and bile alike; 1 without any."""
    sonogram, black = look.sonogram, black_of(look)
    tubes = [b.id for b in sonogram.bodies if b.kind in TUBES]
    thin = (slice(None, None, 2), slice(None, None, 2))
    numbers = sonogram.dark[thin]
    below = (sonogram.background[thin] - look.levels[thin]) / np.maximum(
        sonogram.background[thin] - black, 1.0
    )
    middles = [float(np.median(below[numbers == i])) for i in tubes if (numbers == i).any()]
    return float(np.clip(np.quantile(middles, LUMEN_QUANTILE), LEAST_LUMEN, 1.0)) if middles else 1.0


def _sights(focus: Focus, looks: Sequence[Look], lumens: Sequence[float]) -> list[Sight]:
    found = []
    for observation in focus.observations:
        for look, lumen in zip(looks, lumens, strict=True):
            echo = _echo_at(observation, look)
            if echo is not None:
                found.append(Sight(focus, look, echo, lumen))
    return found


def _echo_at(observation: Observation, look: Look) -> Echo | None:
    """Return the echo of a picture that was observed there; ids of one picture are not the focus's."""
    same = (look.image, look.picture.region, look.frame)
    if (observation.image, observation.region, observation.frame) != same or not look.echoes.echoes:
        return None
    x0, y0, x1, y1 = observation.bbox_px
    reach = SAME_PLACE * max(math.hypot(x1 - x0, y1 - y0), 2.0)

    def apart(echo: Echo) -> float:
        return math.dist(echo.observation.centroid_px, observation.centroid_px)

    nearest = min(look.echoes.echoes, key=apart)
    return nearest if apart(nearest) <= reach else None
