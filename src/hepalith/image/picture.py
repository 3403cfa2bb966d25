"""One B-mode picture on the screen, apart from the text, scales and boxes around and over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hepalith.image.beam import BeamGrid
from hepalith.image.cine import Cine

__all__ = ["Picture"]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One B-mode picture of a still or a loop; a dual image holds two.

    Parameters
    ----------
    cine
        Where it was found.
    region
        Its number among the pictures of the cine, from 0, left to right.
    grid
        Where every sample of every beam line lies.
    overlay
        bool, shape (row, column) of the cine: pixels within the outline that are no echoes: text, calipers,
        body marks, a colour box, a focus mark.
    view
        How the picture is used: plain, one half of a dual image, or zoomed (no transducer face in view).
    warnings
        What was doubted, one sentence each.
    """

    cine: Cine
    region: int
    grid: BeamGrid
    overlay: NDArray[np.bool_]
    view: Literal["plain", "dual", "zoomed"] = "plain"
    warnings: tuple[str, ...] = ()

    @property
    def mm_per_px(self) -> float | None:
        """Size of a pixel in mm; ``None`` where unknown."""
        return self.grid.mm_per_px
