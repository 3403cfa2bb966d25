"""The picture as the scanner made it: one column a beam line, one row a depth.

A scanner sends beam after beam, and lays the lines out as a fan or a rectangle (scan conversion). Shadows,
enhancement and reverberation run along those lines, so they are measured there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["BeamGrid", "Sector", "lay_beams", "sector_mask"]

MAX_SAMPLES = 512
"""Most samples along a line: on a screen of 768 rows a sample is then 1.3 px, about the width of the
smoothing that scan conversion itself did. Our judgement."""

MAX_LINES = 320
"""Most lines. Abdominal scanners send 100 to 250 a frame and interpolate between them. Our judgement."""

LINE_PITCH_PX = 1.5
"""Distance of two lines at mid depth: speckle on the screens looked at is 3 px wide or more there, so two
samples fall on each cell (Nyquist). Our judgement."""


PHASED_SHARE = 0.12
"""Radius of the face over that of the far arc below which a fan is a phased sector: curved arrays of 40 to
60 mm radius show at most 300 mm, phased ones have their apex at most 12 mm behind the face. Our judgement."""

FLAT_SAGITTA = 0.02
"""How much of the near arc the box must cut off for the face to be flat (trapezoid), in radii of the arc."""


@dataclass(frozen=True, slots=True)
class Sector:
    """The outline of one B-mode picture on the screen, in pixels (x to the right, y down).

    A fan is bounded by two arcs about `apex_px` and two straight sides, and cut by its box: what a scanner
    trims at the screen's side or bottom, and the flat face of a linear probe that steers its lines apart
    (trapezoid), is the box. A rectangle is its box. Angles are in radians from straight down, rising to the
    right. Pixels are taken as square here.
    """

    shape: Literal["fan", "rectangle"]
    box_px: tuple[int, int, int, int]
    """First column, first row, last column, last row, both ends within."""
    apex_px: tuple[float, float] | None = None
    near_px: float = 0.0
    """Radius of the near arc (the transducer's face); for a rectangle its top row."""
    far_px: float = 0.0
    """Radius of the far arc; for a rectangle its last row."""
    from_angle: float = 0.0
    to_angle: float = 0.0
    confidence: float = 1.0
    """How well the outline explains the picture, 0 to 1."""

    @property
    def transducer(self) -> Literal["curved", "linear", "phased"]:
        """What made such an outline: the face is curved, flat, or so small that the lines meet in it."""
        if self.apex_px is None or self.shape == "rectangle":
            return "linear"
        top = self.apex_px[1] + self.near_px * math.cos(max(abs(self.from_angle), abs(self.to_angle)))
        if self.near_px > 0 and self.box_px[1] > top + FLAT_SAGITTA * self.near_px:
            return "linear"
        return "phased" if self.near_px < PHASED_SHARE * self.far_px else "curved"


@dataclass(frozen=True, slots=True, eq=False)
class BeamGrid:
    """Where every sample of every beam line lies on the screen.

    Parameters
    ----------
    sector
        The picture's outline.
    x_px, y_px
        float32, shape (sample, line): place of each sample; samples run away from the transducer,
        lines from the left of the screen to its right. Samples are equally spaced by `step_px`.
    inside
        bool, shape (sample, line): the sample lies in the picture and is an echo (no text, caliper, colour).
    step_px
        Distance of two samples along a line, in pixels.
    mm_per_px
        ``None``: unknown.
    """

    sector: Sector
    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    inside: NDArray[np.bool_]
    step_px: float
    mm_per_px: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Samples along a line, and lines."""
        return self.x_px.shape[0], self.x_px.shape[1]

    @property
    def width_px(self) -> NDArray[np.float32]:
        """float32, shape (sample, 1): distance of two neighbouring lines at each depth, in pixels."""
        dx = np.diff(self.x_px, axis=1)
        dy = np.diff(self.y_px, axis=1)
        return np.median(np.hypot(dx, dy), axis=1, keepdims=True).astype(np.float32)

    def samples_of(self, x_px: Any, y_px: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fractional sample and line of places on the screen; outside the picture they run past the grid.

        Examples
        --------
        >>> sector = Sector("fan", (0, 0, 200, 200), (100.0, -40.0), 50.0, 220.0, -0.4, 0.4)
        >>> grid = lay_beams(sector)
        >>> sample, line = grid.samples_of(grid.x_px[30, 12], grid.y_px[30, 12])
        >>> round(float(sample), 2), round(float(line), 2)
        (30.0, 12.0)
        """
        x, y = np.asarray(x_px, np.float64), np.asarray(y_px, np.float64)
        lines = self.shape[1]
        sector = self.sector
        if sector.shape == "rectangle" or sector.apex_px is None:
            pitch = (sector.box_px[2] - sector.box_px[0]) / max(lines - 1, 1)
            return (y - sector.box_px[1]) / self.step_px, (x - sector.box_px[0]) / max(pitch, 1e-9)
        dx, dy = x - sector.apex_px[0], y - sector.apex_px[1]
        pitch = (sector.to_angle - sector.from_angle) / max(lines - 1, 1)
        radius = np.hypot(dx, dy)
        return (radius - sector.near_px) / self.step_px, (np.arctan2(dx, dy) - sector.from_angle) / pitch


def sector_mask(sector: Sector, shape: tuple[int, int], *, every: int = 1) -> NDArray[np.bool_]:
    """Pixels of a screen of `shape` (row, column) that lie within the outline.

    `every` takes each second, third, … row and column only: the mask is smaller by as much.
    """
    rows, columns = np.arange(0, shape[0], every), np.arange(0, shape[1], every)
    mask = np.zeros((rows.size, columns.size), bool)
    x0, y0, x1, y1 = sector.box_px
    row = slice(*np.searchsorted(rows, (y0, y1 + 1)))
    column = slice(*np.searchsorted(columns, (x0, x1 + 1)))
    if sector.shape == "rectangle" or sector.apex_px is None:
        mask[row, column] = True
        return mask
    dx = columns[column][None, :] - sector.apex_px[0]
    dy = rows[row][:, None] - sector.apex_px[1]
    square = dx * dx + dy * dy
    within = (square >= sector.near_px**2) & (square <= sector.far_px**2) & (dy > 0)
    # a place lies right of a side where it is on the clockwise side of its direction
    within &= dx * math.cos(sector.from_angle) >= dy * math.sin(sector.from_angle)
    within &= dx * math.cos(sector.to_angle) <= dy * math.sin(sector.to_angle)
    mask[row, column] = within
    return mask


def lay_beams(sector: Sector, *, mm_per_px: float | None = None) -> BeamGrid:
    """Lay beam lines over a picture's outline.

    Samples are about one pixel apart and equally spaced; lines are equally spaced in angle (fan) or across
    (rectangle), 1.5 px apart at mid depth. Every sample in the outline's box is `inside`; text and calipers
    are taken out by whoever finds them.

    Parameters
    ----------
    sector
        The outline.
    mm_per_px
        Size of a pixel; ``None`` where unknown.
    """
    x0, y0, x1, y1 = sector.box_px
    fan = sector.shape == "fan" and sector.apex_px is not None
    depth = sector.far_px - sector.near_px if fan else float(y1 - y0)
    samples = int(min(MAX_SAMPLES, max(2, math.floor(depth) + 1)))
    step = max(depth, 1.0) / (samples - 1)
    along = np.arange(samples, dtype=np.float64)[:, None] * step
    if fan and sector.apex_px is not None:
        span = sector.to_angle - sector.from_angle
        across = span * (sector.near_px + sector.far_px) / 2
        lines = int(min(MAX_LINES, max(2, round(across / LINE_PITCH_PX) + 1)))
        angle = np.linspace(sector.from_angle, sector.to_angle, lines)[None, :]
        x = sector.apex_px[0] + (sector.near_px + along) * np.sin(angle)
        y = sector.apex_px[1] + (sector.near_px + along) * np.cos(angle)
    else:
        lines = int(min(MAX_LINES, max(2, round((x1 - x0) / LINE_PITCH_PX) + 1)))
        x, y = np.broadcast_arrays(np.linspace(x0, x1, lines)[None, :], y0 + along)
    margin = 0.5
    inside = (x >= x0 - margin) & (x <= x1 + margin) & (y >= y0 - margin) & (y <= y1 + margin)
    return BeamGrid(sector, x.astype(np.float32), y.astype(np.float32), inside, float(step), mm_per_px)
