"""Where a focus can be shown on an image: its outline on the slice that shows most of it.

Viewers draw an outline that refers to an image; few draw a segment that a report refers to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from hepalith.geometry import Box, StoredOrder
from hepalith.reading import Maps, Reading, SourceImage
from hepalith.report.dicom.sr_item import Reference

__all__ = ["Outline", "liver_outline", "outlines", "trace"]

Point = tuple[float, float]

CORNERS = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Corners of a pixel (row, column), clockwise on the screen from the upper left."""

NEIGHBOURS = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""The pixel beyond each side, a side lying between a corner and the next."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A closed outline in an image: (column, row), 0 at the outer corner of the first pixel."""

    points: tuple[Point, ...]
    image: Reference


def outlines(reading: Reading) -> Mapping[int, Outline]:
    """Return the outline of each CT focus, by its id; none where no file holds a slice with its pixels."""
    maps, source = reading.maps, reading.source.primary
    if source.modality == "US" or not maps.foci.size:
        return {}
    stored = np.ascontiguousarray(maps.stored_order.to_stored(maps.foci))
    first = stored_start(maps)
    found: dict[int, Outline] = {}
    for label, place in enumerate(find_objects(stored), start=1):
        if place is None:
            continue
        start = tuple(one.start + offset for one, offset in zip(place, first, strict=True))
        drawn = draw(stored[place] == label, start, source)
        if drawn is not None:
            found[label] = drawn
    return found


def liver_outline(reading: Reading) -> Outline | None:
    """Return the outline of the liver on the image with most of it; None where no file has its pixels."""
    maps, source = reading.maps, reading.source.primary
    if not maps.liver.any():
        return None
    return draw(maps.stored_order.to_stored(maps.liver), stored_start(maps), source)


def draw(mask: NDArray[np.bool_], start: tuple[int, ...], source: SourceImage) -> Outline | None:
    """Return the outline of a body on the slice that shows most of it, in the pixels of its file.

    None where no file has that slice, or it is not known where its pixels lie.

    Parameters
    ----------
    mask
        In the order of the files.
    start
        Its first voxel in the image.
    """
    if not source.aligned and not source.shifts:
        return None
    area = mask.sum(axis=(1, 2))
    shown = [n for n in range(len(area)) if area[n] and source.slices[start[0] + n] is not None]
    if not shown:
        return None
    best = max(shown, key=lambda n: area[n])
    at = source.slices[start[0] + best]
    assert at is not None  # noqa: S101 - such slices were left out above
    file = source.instances[at]
    number = start[0] + best if source.modality == "US" else file.frame
    frame = number + 1 if file.frames > 1 else None
    down, right = source.shifts[at] if source.shifts else (0.0, 0.0)  # a sheared slice lies elsewhere
    points = tuple((x + start[2] - right, y + start[1] - down) for x, y in trace(mask[best]))
    return Outline(points, Reference(file.sop_class_uid, file.sop_instance_uid, frame))


def stored_start(maps: Maps) -> tuple[int, int, int]:
    """Return the first voxel of the maps' box in the order of the files."""
    return box_start(maps.box, maps.grid.shape, maps.stored_order)


def box_start(box: Box, shape: tuple[int, int, int], order: StoredOrder) -> tuple[int, int, int]:
    """Return the first voxel of a box of the working order in the stored order."""
    start = [0, 0, 0]
    for n, axis in enumerate(order.axes):
        start[axis] = shape[n] - box.stop[n] if order.flipped[n] else box.start[n]
    return start[0], start[1], start[2]


def trace(mask: NDArray[np.bool_]) -> list[Point]:
    """Return the outer edge of the largest piece of a mask, along the sides of its pixels.

    Points are (column, row); only corners are kept.

    Examples
    --------
    >>> trace(np.array([[True, True]]))
    [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (0.0, 1.0)]
    """
    ahead = edges(mask)
    loops: list[list[tuple[int, int]]] = []
    while ahead:
        start = next(iter(ahead))
        loop, at = [], start
        while True:
            loop.append(at)
            onward = ahead[at].pop()
            if not ahead[at]:
                del ahead[at]
            at = onward
            if at == start:
                break
        loops.append(loop)
    largest = max(loops, key=lambda loop: abs(enclosed(loop)))
    return [(float(column), float(row)) for row, column in corners(largest)]


def edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return the sides between pixels in and out of a mask, each from corner to corner (row, column)."""
    padded: NDArray[Any] = np.pad(mask, 1)
    ahead: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, column in np.argwhere(mask).tolist():
        for side, (down, right) in enumerate(NEIGHBOURS):
            if not padded[row + 1 + down, column + 1 + right]:
                (r0, c0), (r1, c1) = CORNERS[side], CORNERS[(side + 1) % 4]
                ahead.setdefault((row + r0, column + c0), []).append((row + r1, column + c1))
    return ahead


def enclosed(loop: list[tuple[int, int]]) -> float:
    """Return the area within a loop, signed (the shoelace formula)."""
    return 0.5 * sum(r0 * c1 - r1 * c0 for (r0, c0), (r1, c1) in zip(loop, [*loop[1:], loop[0]], strict=True))


def corners(loop: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the points of a loop at which it turns."""
    kept = []
    for n, (row, column) in enumerate(loop):
        (r0, c0), (r1, c1) = loop[n - 1], loop[(n + 1) % len(loop)]
        if (row - r0, column - c0) != (r1 - row, c1 - column):
            kept.append((row, column))
    return kept
