"""A small sonogram whose answers are known on paper: log-compressed Rayleigh speckle on straight beams."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.sonogram import BrightLine, DarkBody, Sonogram
from hepalith.image.beam import BeamGrid, Sector
from hepalith.image.cine import Cine
from hepalith.image.picture import Picture
from hepalith.study.sonography import Sonography

GREY_PER_DB = 255 / 60
LEVEL = 110.0
CELL = (4.0, 5.0)
"""Full widths of the pulse, in samples and lines."""

SHAPE = (400, 220)


@dataclass
class Made:
    """A picture in the making: `gain_db` is what bodies add to an echo, `loss_db` what shadows take."""

    seed: int = 0
    shape: tuple[int, int] = SHAPE
    mm_per_px: float | None = 0.4
    sonography: Sonography = field(default_factory=Sonography)

    def __post_init__(self) -> None:
        self.gain_db = np.zeros(self.shape)
        self.loss_db = np.zeros(self.shape)
        self.bodies: list[DarkBody] = []
        self.lines: list[BrightLine] = []
        self.dark = np.zeros(self.shape, np.int32)
        self.line = np.zeros(self.shape, np.int32)

    def put(self, sample: int, line: int, tall: float, wide: float, db: float = 22.0) -> Made:
        """Put a bright ellipse of these diameters, in samples and lines."""
        s, n = np.mgrid[: self.shape[0], : self.shape[1]]
        inside = ((s - sample) / (tall / 2)) ** 2 + ((n - line) / (wide / 2)) ** 2 <= 1.0
        self.gain_db[inside] = db
        return self

    def shade(self, sample: int, line: int, wide: float, db: float) -> Made:
        """Take `db` off behind a place."""
        first, last = round(line - wide / 2), round(line + wide / 2) + 1
        self.loss_db[sample:, first:last] = db
        return self

    def look(self) -> tuple[NDArray[np.float32], Picture, Sonogram]:
        """Return grey levels along the beams, the picture and its sonogram."""
        rng = np.random.default_rng(self.seed)
        sigma = tuple(c / 2.355 / np.sqrt(2) * 1.2 for c in CELL)
        real, imaginary = (ndimage.gaussian_filter(rng.normal(size=self.shape), sigma) for _ in range(2))
        power = real**2 + imaginary**2
        speckle_db = 10 * np.log10(power / power.mean() + 1e-9)
        seen = ndimage.gaussian_filter(10 ** ((self.gain_db - self.loss_db) / 10), (0.8, 1.0))
        levels = LEVEL + GREY_PER_DB * (speckle_db + 2.5 + 10 * np.log10(seen))
        levels = np.clip(np.where(self.dark > 0, 5.0, levels), 0, 255).astype(np.float32)
        return levels, self._picture(), self._sonogram()

    def _picture(self) -> Picture:
        rows, columns = self.shape
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        box = (0, 0, columns - 1, rows - 1)
        grid = BeamGrid(
            Sector("rectangle", box, None, 0.0, rows - 1.0),
            x,
            y,
            np.ones(self.shape, bool),
            1.0,
            self.mm_per_px,
        )
        cine = Cine(np.zeros((1, rows, columns), np.uint8), sonography=self.sonography)
        return Picture(cine, 0, grid, np.zeros(self.shape, bool))

    def _sonogram(self) -> Sonogram:
        liver = np.zeros(self.shape, bool)
        liver[20:] = True
        return Sonogram(
            liver, np.full(self.shape, LEVEL, np.float32),
            np.full(self.shape, 5.57 * GREY_PER_DB, np.float32),
            self.dark, tuple(self.bodies), self.line, tuple(self.lines), np.ones(self.shape, bool), 0.95, 1.0,
        )  # fmt: skip
