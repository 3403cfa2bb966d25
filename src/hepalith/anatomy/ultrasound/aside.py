"""Small bright bodies and what lies behind them, set aside while the liver's borders are drawn.

A stone is as bright as the diaphragm and its shadow as dark as what lies beyond, but it is small both along
and across the beams; an interface is long in one of the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.cells import Cells

__all__ = ["find_aside"]

BRIGHT = 2.0
"""Contrast (3 × 3 cells) of a bright body, in standard deviations of speckle."""

LARGEST, SHADED = (0.08, 0.15), (0.12, 0.25)
"""Greatest extent of a body along and across, as shares of the picture, and of one with a shadow behind it:
12 and 18 mm of 150 along the beam, a seventh and a quarter of the lines. Our judgement."""

DARK_BEHIND = -1.2
"""Contrast of a shaded cell behind a body."""

MOSTLY = 0.7
"""Share of the next cells behind a body that are dark in its shadow."""

LOOK_BEHIND = 12
"""Cells behind a body that are looked at (15 mm of 150)."""


def find_aside(cells: Cells, contrast: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the cells of small bright bodies and of the shadows behind them."""
    labels, number = ndimage.label(contrast > BRIGHT, structure=np.ones((3, 3)))
    aside = np.zeros(cells.shape, dtype=np.bool_)
    if number == 0:
        return aside
    along, across = cells.shape
    dark = (contrast < DARK_BEHIND) | cells.dull
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        tall, wide = box[0].stop - box[0].start, box[1].stop - box[1].start
        if tall > SHADED[0] * along or wide > SHADED[1] * across:
            continue
        columns = slice(max(box[1].start - 1, 0), box[1].stop + 1)
        behind = dark[box[0].stop : box[0].stop + LOOK_BEHIND, columns]
        shaded = behind.size > 0 and float(behind.mean()) > MOSTLY
        if shaded or (tall <= LARGEST[0] * along and wide <= LARGEST[1] * across):
            aside[box] |= labels[box] == label
        if shaded:
            aside[box[0].stop :, columns] |= dark[box[0].stop :, columns]
    return aside
