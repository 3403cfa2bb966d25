"""A small liver of even density with tubes laid into it, for tests of ducts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume
from hepalith.vocabulary import Measurement

SHAPE = (64, 96, 110)
"""Voxels of the made scan."""

MARGIN = 10
"""Fat around the made liver, in voxels."""

Tube = tuple[Sequence[tuple[float, float, float]], float, float]
"""Points (k, j, i) of its middle line, its diameter in mm, its HU."""


def make_scan(
    tubes: Sequence[Tube], *, liver_hu: float = 110.0, noise_hu: float = 8.0
) -> tuple[Volume, Liver]:
    """Return a scan of 1 mm voxels: a block of liver in fat, with tubes, blurred and noisy."""
    hu = np.full(SHAPE, -100.0, dtype=np.float32)
    mask = np.zeros(SHAPE, dtype=bool)
    inner = tuple(slice(MARGIN, n - MARGIN) for n in SHAPE)
    mask[inner] = True
    hu[mask] = liver_hu
    for path, diameter, value in tubes:
        share = np.clip(diameter / 2 + 0.5 - distance_from(path), 0.0, 1.0)
        hu += share * (value - hu)
    hu += np.random.default_rng(0).normal(0.0, noise_hu, SHAPE).astype(np.float32)
    affine = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=float)
    volume = Volume(np.rint(hu).astype(np.int16), Grid(SHAPE, affine))
    return volume, made_liver(mask)


def made_liver(mask: NDArray[np.bool_]) -> Liver:
    """Return the liver of a mask."""
    box = Box.around(mask)
    part = mask[box.slices]
    places = np.indices(part.shape)
    depth = np.min([np.minimum(p + 1, n - p) for p, n in zip(places, part.shape, strict=True)], axis=0)
    return Liver(
        box, part, np.zeros(part.shape, np.uint8), Depth.of((depth * part).astype(np.float32)), "given",
        Measurement(part.sum() / 1000.0, "mL"), 1.0, 1.0,
    )  # fmt: skip


def distance_from(path: Sequence[tuple[float, float, float]]) -> NDArray[np.float32]:
    """Return the distance of every voxel from a broken line, mm."""
    places = np.moveaxis(np.indices(SHAPE), 0, -1).astype(np.float32)
    nearest = np.full(SHAPE, np.inf, dtype=np.float32)
    for a, b in pairwise(path):
        start, way = np.array(a, dtype=np.float32), np.array(b, dtype=np.float32) - np.array(a, np.float32)
        along = np.clip((places - start) @ way / float(way @ way), 0.0, 1.0)
        nearest = np.minimum(nearest, np.linalg.norm(places - start - along[..., None] * way, axis=-1))
    return nearest
