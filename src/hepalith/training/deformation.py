"""Bending and cutting a phantom's map: every sample is another patient in another field of view."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.network import SPACING_MM as GRID_MM
from hepalith.training.atlas import SPACING_MM, Atlas

__all__ = ["Sampled", "draw_sample"]

SCALES = (0.82, 1.2)
"""Overall size of the patient over the phantom's, which varies already."""
STRETCHES = (0.88, 1.14)
"""Stretch of each axis on top."""
TURN_DEG = 9.0
"""Most a patient is turned about each axis."""
SHEAR = 0.08
"""Most one axis leans on another."""
BENDS_MM = ((32.0, 5.0), (50.0, 11.0), (100.0, 20.0))
"""Wavelength and most height of the smooth bending: organs among themselves, and the trunk as a whole."""
SLAB_SHARE = 0.5
"""Share of samples that are a slab of the scan: dome, middle or lower part."""
SLAB_MM = (40.0, 170.0)
"""Thickness of slabs."""
HEIGHT_MM = 260.0
"""Thickness of the tallest sample: taller ones hold nothing more of the liver, and cost time."""
CUT_SHARE = 0.2
"""Share of samples whose field of view cuts the body, at one side or by the scanner's circle."""
BODY_HU = -180.0
"""HU above which a tissue is the patient's and not the couch's foam."""
SUBSAMPLES = ((0.25, 0.25, 0.25), (0.25, -0.25, -0.25), (-0.25, 0.25, -0.25), (-0.25, -0.25, 0.25))
"""Points looked up in each voxel, in voxels from its centre: what it shares with neighbours shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A bent map on the network's grid.

    Parameters
    ----------
    tissue
        uint8, shape (points, slice, row, column): the tissue at each of `SUBSAMPLES`.
    outside
        bool, shape (slice, row, column): beyond the scanner's circle, where nothing is measured.
    """

    tissue: NDArray[np.uint8]
    outside: NDArray[np.bool_]


def _affine(random: np.random.Generator) -> NDArray[np.float64]:
    """Return a random 3 x 3 from the sample's mm to the phantom's, axes (z, y, x)."""
    turned = np.eye(3)
    for axis in range(3):
        angle = math.radians(random.uniform(-TURN_DEG, TURN_DEG))
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = math.cos(angle)
        turn[a, b], turn[b, a] = -math.sin(angle), math.sin(angle)
        turned = turned @ turn
    shear = np.eye(3) + random.uniform(-SHEAR, SHEAR, (3, 3)) * (1 - np.eye(3))
    size = random.uniform(*SCALES) * random.uniform(*STRETCHES, 3)
    return turned @ shear @ np.diag(1 / size)


def _bend(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a smooth displacement in mm, shape (3, *shape)."""
    bend = np.zeros((3, *shape), dtype=np.float32)
    for wavelength_mm, most_mm in BENDS_MM:
        height = random.uniform(0, most_mm)
        knots = [max(4, math.ceil(n * GRID_MM / (wavelength_mm / 2)) + 3) for n in shape]
        coarse = random.standard_normal((3, *knots)).astype(np.float32) * np.float32(height / 2)
        steps = [np.linspace(1, k - 2, n, dtype=np.float32) for k, n in zip(knots, shape, strict=True)]
        field = coarse
        for axis, at in enumerate(steps, start=1):
            field = _between(field, at, axis)
        bend += field
    return bend


def _between(field: NDArray[np.float32], at: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return a field of knots read at `at` along one axis by a cubic B-spline, which is smooth."""
    low = np.floor(at).astype(np.intp)
    t = at - low
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    view = [1] * field.ndim
    view[axis] = -1
    last = field.shape[axis] - 1
    parts = [
        field.take(np.clip(low + k - 1, 0, last), axis) * w.reshape(view).astype(np.float32)
        for k, w in enumerate(weights)
    ]
    return np.asarray(parts[0] + parts[1] + parts[2] + parts[3], dtype=np.float32)


def _height(random: np.random.Generator, whole: tuple[int, int], liver: tuple[int, int]) -> slice:
    """Return the slices to keep: a slab that mostly holds liver, or as many as the tallest sample has."""
    first, last = whole
    if random.random() < SLAB_SHARE:
        thick = round(float(np.exp(random.uniform(*np.log(SLAB_MM)))) / GRID_MM)
        low, high = liver
        middle = int(random.integers(max(first, low - 10), max(min(last, high + 6), first) + 1))
        first, last = max(first, middle - thick // 2), min(last, middle - thick // 2 + thick)
    most = round(HEIGHT_MM / GRID_MM)
    if last - first > most:
        first += int(random.integers(0, last - first - most + 1))
        last = first + most
    return slice(first, last)


def _frame(random: np.random.Generator, flat: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns around the body, with a little air."""
    found = []
    for axis in (1, 0):
        places = np.nonzero(flat.any(axis=axis))[0]
        count = flat.shape[1 - axis]
        low, high = (int(places[0]), int(places[-1]) + 1) if places.size else (0, count)
        air = random.integers(0, 3, 2)
        found.append(slice(max(0, low - int(air[0])), min(count, high + int(air[1]))))
    return found[0], found[1]


def _cut(random: np.random.Generator, rows: slice, columns: slice) -> tuple[slice, slice]:
    """Return rows and columns with a part of some sides cut off, fewer before and behind."""
    share = random.uniform(0.03, 0.3, 4) * (random.random(4) < 0.4)
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    cut = [int(s * n) for s, n in zip(share, (tall / 2, tall / 2, wide, wide), strict=True)]
    return slice(rows.start + cut[0], rows.stop - cut[1]), slice(
        columns.start + cut[2], columns.stop - cut[3]
    )


def _beyond_circle(random: np.random.Generator, tall: int, wide: int) -> NDArray[np.bool_]:
    """Return what lies beyond the scanner's circle, which cuts the body here."""
    y, x = np.ogrid[:tall, :wide]
    radius = random.uniform(0.42, 0.56) * max(tall, wide)
    off = random.uniform(-0.08, 0.08, 2)
    return np.asarray((y - tall * (0.5 + off[0])) ** 2 + (x - wide * (0.5 + off[1])) ** 2 > radius**2)


def _look_up(tissue: NDArray[np.uint8], place: list[NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Return the tissue nearest to each place, given in voxels of the map."""
    index = tuple(
        np.clip(np.rint(p), 0, n - 1).astype(np.intp) for p, n in zip(place, tissue.shape, strict=True)
    )
    return np.asarray(tissue[index])


def draw_sample(atlas: Atlas, random: np.random.Generator) -> Sampled:
    """Return the map of a phantom bent and cut by chance."""
    extent_mm = np.array(atlas.tissue.shape) * SPACING_MM
    shape = tuple(math.ceil(e * 1.1 / GRID_MM) for e in extent_mm)
    centre = (np.array(shape) - 1) / 2
    matrix = _affine(random) * (GRID_MM / SPACING_MM)
    middle = (np.array(atlas.tissue.shape) - 1) / 2
    bend = _bend(random, shape) / np.float32(SPACING_MM)
    axes = [np.arange(n, dtype=np.float32) - np.float32(c) for n, c in zip(shape, centre, strict=True)]
    z, y, x = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    place = [
        np.float32(middle[a]) + bend[a] + np.float32(matrix[a, 0]) * z + np.float32(matrix[a, 1]) * y
        + np.float32(matrix[a, 2]) * x
        for a in range(3)
    ]  # fmt: skip
    known = (place[0] >= 0) & (place[0] <= atlas.tissue.shape[0] - 1)
    label = _look_up(atlas.tissue, place)
    body = (atlas.hu[label] > BODY_HU) & known
    slices = np.nonzero(known.mean(axis=(1, 2)) > 0.97)[0]
    in_liver = np.nonzero((atlas.organ[label] == 1).any(axis=(1, 2)))[0]
    whole = (int(slices[0]), int(slices[-1]) + 1) if slices.size else (0, shape[0])
    liver = (int(in_liver[0]), int(in_liver[-1])) if in_liver.size else whole
    k = _height(random, whole, liver)
    j, i = _frame(random, body[k].any(axis=0))
    cut, circle = random.random(2) < (CUT_SHARE / 2, CUT_SHARE / 2)
    if cut:
        j, i = _cut(random, j, i)
    tall, wide = j.stop - j.start, i.stop - i.start
    outside = _beyond_circle(random, tall, wide) if circle else np.zeros((tall, wide), dtype=np.bool_)
    part = [p[k, j, i] for p in place]
    shifts = [matrix @ np.array(offset) for offset in SUBSAMPLES]
    tissue = np.stack(
        [
            _look_up(atlas.tissue, [p + np.float32(s) for p, s in zip(part, shift, strict=True)])
            for shift in shifts
        ]
    )
    return Sampled(tissue, np.broadcast_to(outside, tissue.shape[1:]))
