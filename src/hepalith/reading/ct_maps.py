"""The maps of a CT: liver and foci with a margin, and everything that was marked there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box
from hepalith.reading.examination import CtRead
from hepalith.reading.reading import Maps

__all__ = ["make_maps", "narrowed"]

BOX_MARGIN_MM = 12.0
"""Margin around liver and foci of the crop that a reading keeps.

Enough to see what a focus at the capsule touches (rib, gut, gallbladder) in the key images;
each further centimetre would add about a quarter to the largest file of the folder. Our judgement.
"""

MOST_IN_A_BYTE = 255
"""Foci up to which the label map takes one byte a voxel: a fourth of the memory for all but rare livers."""


def make_maps(ct: CtRead) -> Maps:
    """Crop the CT to liver and foci with a margin, and lay every map onto that crop."""
    volume, liver, foci = ct.volume, ct.liver, ct.foci
    boxes = [box for box in (liver.box, foci.box) if not box.is_empty]
    if not liver.is_in_view or not boxes:
        nothing = Box((0, 0, 0), (0, 0, 0))
        empty = np.zeros((0, 0, 0), dtype=np.int16)
        return Maps(
            volume.grid, volume.stored_order, nothing, empty, empty.astype(np.bool_), empty.astype(np.int32)
        )
    margin = [math.ceil(BOX_MARGIN_MM / spacing) for spacing in volume.spacing_mm]
    box = union(boxes).grown(margin, volume.hu.shape)
    crop = volume.cropped(box)
    anatomy, hosts = ct.anatomy, ct.seen.hosts
    return Maps(
        volume.grid,
        volume.stored_order,
        box,
        np.ascontiguousarray(crop.hu),
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
