"""Long bright lines of an ultrasound picture that are no foci: the liver's far border above all."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.aside import find_aside
from hepalith.anatomy.ultrasound.body import BrightLine
from hepalith.anatomy.ultrasound.cells import Cells
from hepalith.anatomy.ultrasound.liver import Stretch

__all__ = ["find_bright_lines"]

BRIGHT = 1.5
"""Contrast (3 × 3 cells), in standard deviations of speckle, of a bright line: rarely reached by speckle."""

REACH = (2, 7)
"""Cells before and behind the far border within which its bright line is looked for."""

LEAST_LINES = 5
"""Fewest cells across of a line: shorter ones may be foci."""


def find_bright_lines(cells: Cells, stretch: Stretch) -> tuple[NDArray[np.int32], tuple[BrightLine, ...]]:
    """Return the labels of bright lines at every sample and line, and the lines."""
    place = np.arange(cells.shape[0])[:, None]
    held = stretch.mask.any(axis=0)
    band = (place >= stretch.far - REACH[0]) & (place < stretch.far + REACH[1]) & held
    bright = band & (stretch.contrast > BRIGHT) & cells.inside & ~find_aside(cells, stretch.contrast)
    labels, number = ndimage.label(bright, structure=np.ones((3, 3)))
    found = np.zeros(cells.shape, dtype=np.int32)
    lines: list[BrightLine] = []
    for label in range(1, number + 1):
        part = labels == label
        across = part.any(axis=0)
        if across.sum() < LEAST_LINES:
            continue
        line = _describe(len(lines) + 1, part, across, cells, stretch)
        found[part] = line.id
        lines.append(line)
    return cells.spread_labels(found), tuple(lines)


def _describe(
    number: int,
    part: NDArray[np.bool_],
    across: NDArray[np.bool_],
    cells: Cells,
    stretch: Stretch,
) -> BrightLine:
    """Return the line with what it may be."""
    rows = part.argmax(axis=0)[across]
    depth = float(rows.mean()) / cells.shape[0]
    tall = cells.size[0] * cells.step_px
    width = cells.width_px[np.minimum(rows * cells.size[0], len(cells.width_px) - 1)] * cells.size[1]
    steps = np.hypot(np.diff(rows) * tall, width[1:])
    length = float(steps.sum())
    thickness = float(part.sum(axis=0)[across].mean() * tall)
    contrast = float(stretch.contrast[part].mean())
    share = float(across.mean())
    deep = 1 / (1 + np.exp(-(depth - 0.5) / 0.08))
    long = 1 / (1 + np.exp(-(share - 0.2) / 0.05))
    strong = 1 / (1 + np.exp(-(contrast - 2.2) / 0.4))
    diaphragm = float(0.9 * deep * (0.3 + 0.7 * long) * (0.3 + 0.7 * strong))
    probabilities = {
        "diaphragm": diaphragm,
        "capsule": 0.5 * (1 - diaphragm),
        "unknown": 0.5 * (1 - diaphragm),
    }
    kind = max(probabilities, key=lambda name: probabilities[name])
    return BrightLine(
        number,
        kind,
        MappingProxyType(probabilities),
        length,
        thickness,
        MappingProxyType({"contrast": contrast, "depth_share": depth, "share_of_lines": share}),
    )
