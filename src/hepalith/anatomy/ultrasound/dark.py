"""Dark, echo-poor bodies of an ultrasound picture: tubes and round ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.body import DarkBody
from hepalith.anatomy.ultrasound.cells import Cells, block_mean
from hepalith.anatomy.ultrasound.dark_company import keep_company, split_twins
from hepalith.anatomy.ultrasound.dark_kind import judge_kind
from hepalith.anatomy.ultrasound.dark_shape import DarkShape, measure_shape
from hepalith.anatomy.ultrasound.liver import Stretch
from hepalith.anatomy.ultrasound.shade import find_shade
from hepalith.image.beam import BeamGrid

__all__ = ["find_dark_bodies"]

FINE = 2
"""Samples and lines of a fine cell: ducts of 3 mm are some six samples wide, so quarter cells would lose
them."""

SEED, GROW = 3.0, 1.7
"""A dark body holds a place this many spreads below liver, and reaches to where the level is within the
second. The spread is that of liver itself on fine cells (median less 16th percentile): it holds speckle as it
stands after smoothing and compounding, and the grain of the tissue."""

SPREADS = (0.6, 1.2)
"""Least and greatest spread that is believed, in standard deviations of speckle: a mass must not hide the
vessels beside it."""

NO_TISSUE = -2.5
"""Contrast below which a place does not count for the spread of liver: vessels and cysts are no grain."""

LEAST_AREA = 14
"""Fewest fine cells of a body: about three by five. Smaller ones are speckle."""

LEAST_SEED = 6
"""Fewest fine cells of a body that lie as deep as `SEED`: a dark grain of speckle has two or three."""

NEAR_SHARE = 0.01
"""Share of the cells about a place that are liver, above which the place lies at it: any."""

WALL_MARGIN = 0.025
"""Depth below the near border, as a share of the picture (4 mm of 150), above which darkness makes no body:
muscle and fat of the wall are dark there too."""

STRIP_ANGLE, STRIP_REACH, STRIP_SHARE = 0.3, 3, 0.3
"""A body within 17 degrees of the beam with shade, silence or the picture's edge within three fine cells of a
third of its sides is the fringe of those. Our judgement."""

LEAST_IN_LIVER = 0.3
"""A body with a smaller share of it in the liver lies beside it."""

WIDE_OUTSIDE, OVAL_TO, OVAL_SOLID = 0.06, 3.0, 0.85
"""What lies beside the liver is kept where its calibre exceeds the first, as a share of the depth, it is no
longer than `OVAL_TO` times that, and fills its ellipse: a gallbladder. Our judgement."""

MOST_BODIES = 16
"""Bodies kept, the largest first: a picture of a liver shows a dozen vessels at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Fine:
    """The frame on fine cells: contrast to liver in standard deviations of speckle, and what is judged.

    Parameters
    ----------
    contrast
        float32, shape (fine along, fine across): mean of 3 × 3 fine cells against the liver's field.
    liver, heard
        bool, the same shape.
    floor
        Contrast of the darkest echoes of the picture.
    spread
        Spread of plain liver's contrast.
    near, far
        The liver's borders on every fine line; equal where there is none.
    """

    contrast: NDArray[np.float32]
    liver: NDArray[np.bool_]
    heard: NDArray[np.bool_]
    floor: NDArray[np.float32]
    spread: float
    near: NDArray[np.intp]
    far: NDArray[np.intp]


def find_dark_bodies(
    levels: NDArray[np.float32],
    grid: BeamGrid,
    cells: Cells,
    stretch: Stretch,
    *,
    background: NDArray[np.float32],
    heard: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], tuple[DarkBody, ...]]:
    """Return the labels of dark bodies at every sample and line, and the bodies, the largest first.

    Parameters
    ----------
    background
        Shape (sample, line): the liver's grey level.
    heard
        Shape (sample, line).
    """
    fine = _fine(levels, grid, cells, stretch, background=background, heard=heard)
    labels, blocked = _bodies(fine)
    shapes: list[DarkShape] = []
    kept = np.zeros_like(labels)
    for old, place in _largest(labels):
        shape = measure_shape(
            labels,
            old,
            place,
            contrast=fine.contrast,
            liver=fine.liver,
            floor=fine.floor,
            edge=GROW * fine.spread,
            step_px=cells.step_px,
            width_px=cells.width_px,
            fine=FINE,
        )
        if _is_outside(shape, labels.shape) or _is_strip(labels, old, place, blocked, shape):
            continue
        shapes.append(shape)
        kept[place][labels[place] == old] = len(shapes)
    company = keep_company(shapes, kept)
    bodies = tuple(judge_kind(i + 1, shape, company[i]) for i, shape in enumerate(shapes))
    full = np.zeros(levels.shape, dtype=np.int32)
    spread = np.repeat(np.repeat(kept, FINE, axis=0), FINE, axis=1)
    full[: spread.shape[0], : spread.shape[1]] = spread
    return full, bodies


def _is_outside(shape: DarkShape, size: tuple[int, int]) -> bool:
    """Return whether a body lies beside the liver and is nothing that is looked for there."""
    if shape.in_liver >= LEAST_IN_LIVER:
        return False
    oval = shape.elongation < OVAL_TO and shape.solidity > OVAL_SOLID
    ends = shape.rows[1] >= size[0] - 2 or shape.columns[0] <= 1 or shape.columns[1] >= size[1] - 2
    return not oval or ends or shape.size_share < WIDE_OUTSIDE


def _is_strip(
    labels: NDArray[np.int32],
    label: int,
    place: tuple[slice, slice],
    blocked: NDArray[np.bool_],
    shape: DarkShape,
) -> bool:
    """Return whether a body is the fringe of a shadow or of the picture, along the beam."""
    if shape.angle_to_beam > STRIP_ANGLE:
        return False
    columns = slice(max(place[1].start - STRIP_REACH, 0), place[1].stop + STRIP_REACH)
    body = labels[place[0], columns] == label
    wide = ndimage.maximum_filter1d(body.astype(np.uint8), 2 * STRIP_REACH + 1, axis=1, mode="constant") > 0
    rim = wide & ~body
    edge = place[1].start <= STRIP_REACH or place[1].stop >= labels.shape[1] - STRIP_REACH
    return edge or bool(blocked[place[0], columns][rim].mean() > STRIP_SHARE)


def _fine(
    levels: NDArray[np.float32],
    grid: BeamGrid,
    cells: Cells,
    stretch: Stretch,
    *,
    background: NDArray[np.float32],
    heard: NDArray[np.bool_],
) -> Fine:
    """Return the frame on fine cells."""
    echo = block_mean(grid.inside.astype(np.float32), (FINE, FINE))
    apart = block_mean((levels - background) * grid.inside, (FINE, FINE))
    contrast = ndimage.uniform_filter(apart / np.maximum(echo, np.float32(0.25)), 3, mode="nearest")
    contrast /= np.float32(cells.speckle)
    liver = _thin(cells.spread_mask(stretch.mask))
    inside = levels[grid.inside]
    darkest = float(np.percentile(inside[::7], 1)) if inside.size else 0.0
    floor = (darkest - _thin(background)) / np.float32(cells.speckle)
    within = contrast[liver]
    plain = within[within > NO_TISSUE][::3]
    middle, low = np.percentile(plain, (50, 16)) if plain.size else (0.0, -1.0)
    lines = np.minimum(np.arange(contrast.shape[1]) * FINE // cells.size[1], cells.shape[1] - 1)
    return Fine(
        contrast=contrast,
        liver=liver,
        heard=_thin(heard) & (echo > 0.5),
        floor=np.minimum(floor, np.float32(-1)),
        spread=float(np.clip(middle - low, *SPREADS)),
        near=stretch.near[lines] * cells.size[0] // FINE,
        far=stretch.far[lines] * cells.size[0] // FINE,
    )


def _thin(values: NDArray) -> NDArray:  # type: ignore[type-arg]
    """Return every `FINE`-th sample and line, as many as there are whole fine cells."""
    rows, columns = values.shape[0] // FINE, values.shape[1] // FINE
    return values[: rows * FINE : FINE, : columns * FINE : FINE]


def _bodies(fine: Fine) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the labels of connected dark places in or beside the liver, and what is shade or not heard."""
    low = fine.contrast < -GROW * fine.spread
    shade = find_shade(fine.contrast, low, fine.near, fine.far)
    blocked = shade | ~fine.heard
    dark = low & ~shade
    dark &= fine.heard
    near_liver = ndimage.uniform_filter(fine.liver.astype(np.float32), 7, mode="nearest") > NEAR_SHARE
    labels, inside = ndimage.label(dark & near_liver)
    beside, outside = ndimage.label(dark & ~near_liver & (np.arange(dark.shape[0])[:, None] > fine.near))
    number = inside + outside
    if number == 0:
        return labels.astype(np.int32), blocked
    touching = np.unique(beside[ndimage.uniform_filter(near_liver.astype(np.float32), 5) > NEAR_SHARE])
    labels = labels + np.where(np.isin(beside, touching[touching > 0]), beside + inside, 0)
    labels = split_twins(labels)
    number = int(labels.max())
    deep = np.arange(dark.shape[0])[:, None] > fine.near + WALL_MARGIN * dark.shape[0]
    seeds = np.bincount(labels[(fine.contrast < -SEED * fine.spread) & deep], minlength=number + 1)
    sizes = np.bincount(labels.ravel(), minlength=number + 1)
    good = (seeds >= LEAST_SEED) & (sizes >= LEAST_AREA)
    good[0] = False
    return np.where(good[labels], labels, 0).astype(np.int32), blocked


def _largest(labels: NDArray[np.int32]) -> list[tuple[int, tuple[slice, slice]]]:
    """Return the labels with their boxes, the largest body first, `MOST_BODIES` of them."""
    sizes = np.bincount(labels.ravel())
    boxes = ndimage.find_objects(labels)
    order = [label for label in np.argsort(-sizes[1:], kind="stable") + 1 if boxes[label - 1] is not None]
    return [(int(label), boxes[label - 1]) for label in order[:MOST_BODIES]]
