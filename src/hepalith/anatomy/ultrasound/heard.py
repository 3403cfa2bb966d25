"""Where an ultrasound picture can be judged: not under a rib, not without contact, not beyond penetration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.cells import Cells
from hepalith.anatomy.ultrasound.liver import Stretch

__all__ = ["find_heard"]

SILENT = -2.5
"""Contrast, in standard deviations of speckle, below which a cell is called silent: beyond the spread of
liver (means of cells lie within ±1.5), and reached by shadow, fluid and lack of contact alike."""

TO_THE_END = 0.85
"""Share of the cells below a place that must be silent too for the silence to run to the end of the line:
not all, since noise and side lobes brighten some."""

BODY_SHADOW = 0.22
"""Widest share of the lines that a shadow which begins within the liver may cover and still be a body's: that
of the largest stones. Wider ones are the end of penetration. Our judgement."""

BELOW_NEAR = 4
"""Cells below the near border from which on a silence is said to begin within the liver (about 5 mm)."""


def find_heard(cells: Cells, stretch: Stretch) -> NDArray[np.bool_]:
    """Return where echoes can be judged, on cells.

    A place is not heard where silence runs from it to the end of its line. A shadow that begins within the
    liver and is narrow belongs to a body there and is kept as heard: it is what that body's shadow is
    measured by.
    """
    quiet = cells.dull | (stretch.contrast < SILENT)
    share = ndimage.uniform_filter(quiet.astype(np.float32), 3, mode="nearest")
    silent = (share > 0.5) | ~cells.inside
    count = cells.shape[0]
    reverse = np.cumsum((silent & cells.inside)[::-1], axis=0)[::-1]
    total = np.maximum(np.cumsum(cells.inside[::-1], axis=0)[::-1], 1)
    deaf = silent & (reverse >= TO_THE_END * total)
    start = np.where(deaf.any(axis=0), deaf.argmax(axis=0), count)
    within = (start > stretch.near + BELOW_NEAR) & (start < stretch.far) & stretch.mask.any(axis=0)
    runs, number = ndimage.label(within)
    for run in range(1, number + 1):
        lines = runs == run
        if lines.sum() <= BODY_SHADOW * cells.shape[1]:
            deaf[:, lines] = False
    return np.asarray(cells.inside & ~deaf, dtype=np.bool_)
