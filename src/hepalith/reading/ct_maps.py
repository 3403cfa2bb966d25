"""The maps of a CT: liver and foci with a margin, and everything that was marked there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import Liver
from hepalith.calcification import Foci
from hepalith.geometry import Box
from hepalith.image import Volume
from hepalith.reading.examination import CtRead
from hepalith.reading.reading import Maps

__all__ = ["keep_part", "make_maps", "narrowed"]

BOX_MARGIN_MM = 12.0
"""Margin around liver and foci of the crop that a reading keeps.

Enough to see what a focus at the capsule touches (rib, gut, gallbladder) in the key images;
each further centimetre would add about a quarter to the largest file of the folder. Our judgement.
"""

MOST_IN_A_BYTE = 255
"""Foci up to which the label map takes one byte a voxel: a fourth of the memory for all but rare livers."""


def keep_part(volume: Volume, liver: Liver, foci: Foci) -> tuple[Volume, Box]:
    """Return liver and foci with a margin, copied, so that the image they lie in can be let go; and where.

    An empty part where no liver is in view.
    """
    boxes = [box for box in (liver.box, foci.box) if not box.is_empty]
    box = Box((0, 0, 0), (0, 0, 0))
    if liver.is_in_view and boxes:
        margin = [math.ceil(BOX_MARGIN_MM / spacing) for spacing in volume.spacing_mm]
        box = union(boxes).grown(margin, volume.hu.shape)
    part = replace(volume.cropped(box), invalid=None)
    return replace(part, hu=part.hu.copy()), box


def make_maps(ct: CtRead) -> Maps:
    """Lay every map of a CT onto what is kept of it."""
    grid, box, hu, stored_order = ct.grid, ct.box, ct.kept.hu, ct.kept.stored_order
    if box.is_empty:
        return Maps(grid, stored_order, box, hu, hu.astype(np.bool_), hu.astype(np.int32))
    liver, foci, anatomy, hosts = ct.liver, ct.foci, ct.anatomy, ct.seen.hosts
    return Maps(
        grid,
        stored_order,
        box,
        hu,
        laid(liver.mask, liver.box, box),
        laid(narrowed(foci.labels), foci.box, box),
        segments=None if anatomy is None else laid(anatomy.segments.labels, anatomy.segments.box, box),
        ducts=None if anatomy is None else laid(narrowed(anatomy.ducts.labels), anatomy.ducts.box, box),
        hosts=None if hosts is None else laid(hosts.labels, hosts.box, box),
    )


def narrowed(labels: NDArray[Any]) -> NDArray[Any]:
    """Return a label map in one byte a voxel where its labels fit: a fourth of the memory."""
    most = int(labels.max(initial=0))
    return labels.astype(np.uint8 if most <= MOST_IN_A_BYTE else np.int32, copy=False)


def laid(part: NDArray[Any], of: Box, onto: Box) -> NDArray[Any]:
    """Return an array of the box `onto`, zero but for what lies in it of `part`, in the box `of`."""
    whole = np.zeros(onto.shape, dtype=part.dtype)
    start = [max(a, b) for a, b in zip(of.start, onto.start, strict=True)]
    stop = [min(a, b) for a, b in zip(of.stop, onto.stop, strict=True)]
    if all(a < b for a, b in zip(start, stop, strict=True)):
        both = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        whole[within(both, onto).slices] = part[within(both, of).slices]
    return whole


def union(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds all `boxes`."""
    start = np.min([box.start for box in boxes], axis=0)
    stop = np.max([box.stop for box in boxes], axis=0)
    return Box((int(start[0]), int(start[1]), int(start[2])), (int(stop[0]), int(stop[1]), int(stop[2])))


def within(inner: Box, outer: Box) -> Box:
    """Return `inner` as a box of the crop `outer`."""
    start = [a - o for a, o in zip(inner.start, outer.start, strict=True)]
    stop = [b - o for b, o in zip(inner.stop, outer.start, strict=True)]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
