"""Ultrasound pictures drawn by hand for tests: a rectangle of speckle with dark and bright bodies in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ultrasound.sonogram import DarkBody, Sonogram
from hepalith.calcification.echo import Echo, Echoes, Observation, Shadow
from hepalith.calcification.focus import Detectability, Foci, Focus
from hepalith.calcification.track.look import Look
from hepalith.geometry import Box
from hepalith.image.beam import BeamGrid, Sector
from hepalith.image.cine import Cine
from hepalith.image.picture import Picture
from hepalith.vocabulary import Measurement, NotAssessable

SHAPE = (300, 260)
TISSUE, SPECKLE = 110.0, 12.0
NOTHING = NotAssessable("drawn")


class Drawing:
    """One picture, a pixel a sample and a line; `mm_per_px` None where it has no size."""

    def __init__(self, *, mm_per_px: float | None = 0.5, image: str = "us_1", seed: int = 1) -> None:
        self.mm_per_px, self.image = mm_per_px, image
        self.levels = np.random.default_rng(seed).normal(TISSUE, SPECKLE, SHAPE)
        self.dark = np.zeros(SHAPE, np.int32)
        self.bright = np.zeros(SHAPE, np.int32)
        self.bodies: list[DarkBody] = []
        self.echoes: list[Echo] = []
        self.texture: dict[str, float] = {}

    def tube(self, at: float, width: float, *, kind: str = "tube", line_from: int = 20, line_to: int = 240,
             parallel: float = 0.0) -> None:  # fmt: skip
        """Draw a tube across the picture at a depth."""
        down, across = np.indices(SHAPE)
        where = (np.abs(down - at) <= width / 2) & (across >= line_from) & (across <= line_to)
        self._darken(where, kind, width, float(line_to - line_from), {"beside_parallel": parallel})

    def blob(self, at: tuple[float, float], radius: float, kind: str,
             extra: Mapping[str, float] | None = None) -> None:  # fmt: skip
        """Draw a round dark body."""
        self._darken(self._disc(at, radius), kind, 2 * radius, 2 * radius, extra or {})

    def forget_dark_bodies(self, *, keep: int) -> None:
        """Leave the levels as they are, and tell of the first dark bodies only."""
        self.bodies = self.bodies[:keep]
        self.dark[self.dark > keep] = 0

    def fill(self, at: tuple[float, float], radius: float) -> None:
        """Draw a round piece of plain tissue."""
        where = self._disc(at, radius)
        self.levels[where] = np.random.default_rng(99).normal(TISSUE + 8, SPECKLE, SHAPE)[where]

    def echo(self, at: tuple[float, float], radius: float = 3.0, *, label: str = "echogenic_focus",
             grade: str = "none", expected: float | None = None, morphology: str = "pin",
             probability: float = 0.9, others: Mapping[str, float] | None = None) -> None:  # fmt: skip
        """Draw a bright body, and its shadow where it has one; `others`: what else it may be."""
        where = self._disc(at, radius)
        number = len(self.echoes) + 1
        self.bright[where] = number
        self.levels[where] = 230.0
        rows, lines = np.nonzero(where)
        self.dark[where] = 0
        if grade == "clean":
            self.levels[rows.max() + 1 :, lines.min() : lines.max() + 1] -= 70
        box = (float(lines.min()), float(rows.min()), float(lines.max()), float(rows.max()))
        seen = Observation(self.image, 0, 0, box, (at[1], at[0]))
        size = NOTHING if self.mm_per_px is None else Measurement(2 * radius * self.mm_per_px, "mm")
        chances = {"faint": 1.0} if grade == "faint" else {grade: 0.8, "faint": 0.2}
        sure = Shadow(grade, NOTHING, chances, expected)
        self.echoes.append(
            Echo(number, label, probability, "drawn", seen, at, 9.0, 2 * radius, 2 * radius, size, morphology,
                 {morphology: 0.9, "lump": 0.1}, {label: probability, **(others or {})}, 1.0, sure)
        )  # fmt: skip

    def look(self) -> Look:
        """Return the picture, read."""
        depth, across = (a.astype(np.float32) for a in np.indices(SHAPE))
        sector = Sector("rectangle", (0, 0, SHAPE[1] - 1, SHAPE[0] - 1), far_px=SHAPE[0] - 1)
        grid = BeamGrid(sector, across, depth, np.ones(SHAPE, bool), 1.0, self.mm_per_px)
        cine = Cine(np.zeros((1, *SHAPE), np.uint8))
        picture = Picture(cine, 0, grid, np.zeros(SHAPE, bool))
        sonogram = Sonogram(
            np.ones(SHAPE, bool), np.full(SHAPE, TISSUE, np.float32), np.full(SHAPE, SPECKLE, np.float32),
            self.dark, tuple(self.bodies), np.zeros(SHAPE, np.int32), (), np.ones(SHAPE, bool), 0.9, 0.9,
            texture=self.texture,
        )  # fmt: skip
        echoes = Echoes(tuple(self.echoes), self.bright)
        return Look(self.image, picture, 0, self.levels.astype(np.float32), sonogram, echoes)

    def _darken(self, where: NDArray[np.bool_], kind: str, calibre: float, length: float,
                extra: Mapping[str, float]) -> None:  # fmt: skip
        number = len(self.bodies) + 1
        rng = np.random.default_rng(number)
        fill = TISSUE - 35 if kind == "lesion" else 15.0
        self.levels[where] = rng.normal(fill, 6.0, SHAPE)[where]
        self.dark[where] = number
        rows, lines = np.nonzero(where)
        empty = 0.4 if kind == "lesion" else 0.95
        body = DarkBody(
            number, kind, {kind: 0.9, "unknown": 0.1}, (float(rows.mean()), float(lines.mean())),
            float(where.sum()), calibre, length, 0.0, 0.0, empty, dict(extra),
        )  # fmt: skip
        self.bodies.append(body)

    @staticmethod
    def _disc(at: tuple[float, float], radius: float) -> NDArray[np.bool_]:
        down, across = np.indices(SHAPE)
        return np.hypot(down - at[0], across - at[1]) <= radius


def foci_of(looks: Sequence[Look]) -> Foci:
    """Return every echo of these pictures as a focus of its own."""
    echoes = [e for look in looks for e in look.echoes.echoes]
    foci = tuple(
        Focus(
            n, e.label, e.probability, e.reason, None, NOTHING, False, e.diameter, NOTHING, NOTHING, NOTHING,
            NOTHING, NOTHING, NOTHING, e.morphology, e.morphology_probabilities, shadow=e.shadow,
            observations=(e.observation,),
        )
        for n, e in enumerate(echoes, start=1)
    )  # fmt: skip
    nowhere, shown = Box((0, 0, 0), (0, 0, 0)), Detectability(NOTHING, 0.0, "")
    return Foci(foci, nowhere, np.zeros((0, 0, 0), np.int32), shown)


def in_other_picture(look: Look, image: str) -> Look:
    """Return the same picture under another name."""
    echoes = tuple(replace(e, observation=replace(e.observation, image=image)) for e in look.echoes.echoes)
    return replace(look, image=image, echoes=replace(look.echoes, echoes=echoes))


def near(one: float, other: float) -> bool:
    """Return whether two probabilities are the same to a thousandth."""
    return math.isclose(one, other, abs_tol=1e-3)
