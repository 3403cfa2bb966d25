"""A sonogram with its answers, and how the answers of one body are worked out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.image.cine import Cine
from hepalith.phantom.ultrasound.cast import Cast
from hepalith.phantom.ultrasound.probe import BeamSpace
from hepalith.phantom.ultrasound.render import Echoed
from hepalith.phantom.ultrasound.scene import Body, Reflector, SonoScene, Tissue
from hepalith.phantom.ultrasound.screen import Screen
from hepalith.phantom.ultrasound.shadow import contrast_of, shadow_of
from hepalith.phantom.ultrasound.shape import Bounds, Shape
from hepalith.phantom.ultrasound.truth import TISSUES, DuctTruth, SonoFocus, SonoTruth

__all__ = ["COUNTED", "SonoPhantom", "Spot", "entry_of", "label_bodies", "label_tissue", "spot_of"]

COUNTED = ("calcification", "echogenic_focus")
"""Labels of bright foci in the liver; every other label is a mimic, named (the contract's words)."""

VISIBLE_FROM_SD = 2.0
"""Expected contrast from which a body wider than a speckle counts as visible."""

VISIBLE_DOT_FROM_SD = 2.3
"""The same of a body no wider than a speckle, 12.8 dB.

The brightest of the some 5000 speckles of a picture stands ln 5000 = 8.5 times, 9.3 dB, above the mean; an
echo half smooth, half speckle falls 3.5 dB short of its mean one time in ten."""


@dataclass(frozen=True, slots=True, eq=False)
class SonoPhantom:
    """A sonogram whose answers are known.

    `labels` holds on the screen (row, column) the id of each focus and mimic (no two bodies have the same
    id); `tissue` the labels of :data:`~hepalith.phantom.ultrasound.truth.TISSUES`. Both are of the first
    frame.
    """

    cine: Cine
    truth: SonoTruth
    labels: NDArray[np.int32]
    tissue: NDArray[np.uint8]


def _box(bounds: Bounds, screen: Screen) -> tuple[slice, slice]:
    """Return rows and columns of a box in mm, with a margin."""
    (x0, y0), (x1, y1) = screen.to_px(bounds[0], bounds[1]), screen.to_px(bounds[2], bounds[3])
    rows, columns = screen.shape_px
    low = np.clip([math.floor(y0) - 2, math.floor(x0) - 2], 0, [rows, columns])
    high = np.clip([math.ceil(y1) + 3, math.ceil(x1) + 3], 0, [rows, columns])
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _within(shape: Shape, screen: Screen, grow_mm: float = 0.0) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Return the pixels of a shape: rows, columns, and which of them."""
    rows, columns = _box(shape.bounds(), screen)
    x, z = screen.mm_grid()
    return rows, columns, np.asarray(shape.distance(x[:, columns], z[rows]) < grow_mm)


def label_bodies(bodies: Sequence[Body], screen: Screen, inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the ids of bodies on the screen."""
    labels = np.zeros(screen.shape_px, dtype=np.int32)
    for body in bodies:
        rows, columns, here = _within(body.shape, screen, 0.5 * screen.mm_per_px)
        labels[rows, columns][here] = body.id
    labels[~inside] = 0
    return labels


def label_tissue(scene: SonoScene, screen: Screen, inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the kinds of tissue on the screen."""
    tissue = np.zeros(screen.shape_px, dtype=np.uint8)
    entries: list[Tissue | Reflector] = [*scene.tissues]
    entries += [line for line in scene.reflectors if line.kind == "diaphragm"]
    for entry in entries:
        rows, columns, here = _within(entry.shape, screen)
        if entry.within is not None:
            x, z = screen.mm_grid()
            here &= entry.within.distance(x[:, columns], z[rows]) < 0
        tissue[rows, columns][here] = TISSUES[entry.kind]
    tissue[~inside] = 0
    return tissue


Spot = tuple[tuple[float, float], tuple[float, float, float, float]]
"""Centre (x, y) and box (x0, y0, x1, y1) in pixels."""


def spot_of(body: Body, screen: Screen, labels: NDArray[np.int32]) -> Spot:
    """Return centre and box of a body on the screen."""
    rows, columns = _box(body.shape.bounds(), screen)
    where = np.argwhere(labels[rows, columns] == body.id)
    if where.size:
        where = where + np.array((rows.start, columns.start))
        low, high = where.min(axis=0), where.max(axis=0)
        centre = (float(where[:, 1].mean()), float(where[:, 0].mean()))
        return centre, (float(low[1]), float(low[0]), float(high[1]), float(high[0]))
    x0, z0, x1, z1 = body.shape.bounds()
    return screen.to_px((x0 + x1) / 2, (z0 + z1) / 2), (*screen.to_px(x0, z0), *screen.to_px(x1, z1))


def entry_of(
    cast: Cast,
    echoed: Echoed,
    space: BeamSpace,
    others: Sequence[Cast],
    spots: Sequence[Spot | None],
    *,
    best_frame: int = 0,
) -> SonoFocus:
    """Return the truth of one body; `spots`: where it stands in each frame, `echoed`: of `best_frame`."""
    body = cast.body
    x0, z0, x1, z1 = body.shape.bounds()
    sample, _ = space.beam_of((x0 + x1) / 2, (z0 + z1) / 2)
    contrast = contrast_of(cast, echoed, space, others)
    dot = body.diameter_mm < 1.5 * float(
        space.probe.point_width_mm(max(float(sample), 1.0) * space.probe.step_mm)
    )
    place = body.duct
    return SonoFocus(
        id=body.id,
        label=body.label,
        morphology=body.morphology,
        centre_px=tuple(None if spot is None else spot[0] for spot in spots),
        bbox_px=tuple(None if spot is None else spot[1] for spot in spots),
        depth_mm=float(sample) * space.probe.step_mm,
        diameter_mm=body.diameter_mm,
        width_mm=body.width_mm,
        contrast_sd=contrast,
        visible=contrast >= (VISIBLE_DOT_FROM_SD if dot else VISIBLE_FROM_SD),
        shadow=shadow_of(cast, echoed, space, others),
        duct=None
        if place is None
        else DuctTruth(
            place.relation, place.calibre_mm, place.dilated, place.fluid_around, place.upstream_dilated
        ),
        host=body.host,
        group=body.group,
        moves=body.moves,
        best_frame=best_frame,
    )
