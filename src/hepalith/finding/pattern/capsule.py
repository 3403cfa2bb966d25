"""Which foci run along the liver's capsule."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.liver import Liver
from hepalith.calcification.focus import Foci
from hepalith.vocabulary import Measurement

__all__ = ["capsule_chances"]

AT_CAPSULE_MM = 4.0
"""Depth up to which a voxel of a focus lies at the capsule: half a plate and the error of the outline."""

LEAST_LENGTH_MM = 6.0
"""Shortest focus of which can be told that it runs along the capsule and does not merely touch it."""

ALONG_SHARE, ALONG_WIDTH = 0.6, 0.08
"""Share of a focus at the capsule from which it is as likely as not said to run along it, and over which that
changes. A ball that touches the capsule has less unless it is smaller than that layer. Our judgement."""

STEEPEST = 0.55
"""Most that the depth of a focus may vary, as a share of its length, on its way along the capsule."""

NETWORK_SHARE = 0.04
"""Share of a septal network at the capsule from which it reaches it: septa end there as lines."""


def capsule_chances(foci: Foci, liver: Liver) -> Mapping[int, float]:
    """Return the probability that each calcification runs along the capsule, by its id.

    A focus does that if most of it lies within `AT_CAPSULE_MM` of the surface and its depth varies
    little along its length. A voxel outside the outline counts as at the capsule: outlines leave plates out.
    A septal network does that as soon as it reaches the capsule.
    """
    chances = {}
    boxes = ndimage.find_objects(foci.labels)
    offset = [a - b for a, b in zip(foci.box.start, liver.box.start, strict=True)]
    for focus in foci.calcifications:
        if focus.id > len(boxes) or boxes[focus.id - 1] is None:
            continue
        place = boxes[focus.id - 1]
        start = np.array([s.start for s in place])
        points = np.argwhere(foci.labels[place] == focus.id) + start + offset
        depth = _depth_of(points, liver)
        length = focus.diameter.value if isinstance(focus.diameter, Measurement) else 0.0
        share = float((depth <= AT_CAPSULE_MM).mean())
        if focus.morphology == "curvilinear_septal":
            chances[focus.id] = min(0.95, max(0.05, share / NETWORK_SHARE / 2))
        elif length >= LEAST_LENGTH_MM:
            low, high = np.quantile(depth, (0.05, 0.95))
            flat = float(high - low) <= STEEPEST * length
            chances[focus.id] = 1 / (1 + math.exp(-(share - ALONG_SHARE) / ALONG_WIDTH)) if flat else 0.05
    return chances


def _depth_of(points: NDArray[np.intp], liver: Liver) -> NDArray[np.float32]:
    """Return the depth beneath the capsule of voxels of the liver's box; 0 outside."""
    shape = np.array(liver.mask.shape)
    inside = ((points >= 0) & (points < shape)).all(axis=1)
    depth = np.zeros(len(points), np.float32)
    depth[inside] = liver.depth_mm.at(points[inside])
    return depth
