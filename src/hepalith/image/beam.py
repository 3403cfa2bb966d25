"""The picture as the scanner made it: one column a beam line, one row a depth.

A scanner sends beam after beam, and lays the lines out as a fan or a rectangle (scan conversion). Shadows,
enhancement and reverberation run along those lines, so they are measured there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["BeamGrid", "Sector"]


@dataclass(frozen=True, slots=True)
class Sector:
    """The outline of one B-mode picture on the screen, in pixels (x to the right, y down).

    A fan is bounded by two arcs about `apex_px` and two straight sides; a rectangle by its box. Angles are
    in radians from straight down, rising to the right. Pixels are taken as square here.
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
