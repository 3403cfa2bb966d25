"""A focus drawn anew on a fine, even grid along its own axes, so that its form can be measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.geometry import Box

__all__ = ["FormGrid", "draw_on_grid"]

FINEST_MM = 0.6
"""Least step of the grid: half of the sharpest blur, below which nothing more is shown."""

STEPS_ALONG = 45
"""Steps along the longest axis, however large the body: septa of 90 mm are still drawn every 2 mm."""

MARGIN_MM = 3.0
"""How far the grid reaches beyond the body: its blurred edge belongs to it."""

LOCAL_MM = 2.0
"""How far about a place in its slice the peak is looked for that the body's edge is a share of; across
slices, to the next one. Just beyond the reach of blur: a branch is as much a part of a body as the lump it
comes from, and lumps of one chunk differ in density. Our judgement."""

LOCAL_SHARE = 0.45
"""Share of that peak at which the body ends."""

FLOOR_SHARE, FLOOR_DEVIATIONS = 0.12, 2.5
"""Least excess of the body as a share of its top and in noise deviations, so that neither its own skirt nor
noise is taken for a part of it. Our judgement."""

REACH_MM = 1.5
"""How far beyond the half-contrast outline in the image the body may reach on the grid."""

LEAST_PIECE = 0.05
"""Least size of a piece of the body, as a share of its largest, that is kept: smaller ones are noise."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class FormGrid:
    """A focus on an even grid along its principal axes, longest first.

    Parameters
    ----------
    excess
        float32: HU above the background.
    body
        bool: the body, down to `LOCAL_SHARE` of the local peak.
    depth_mm
        float32: distance of each voxel of the body from its surface.
    step_mm
        Distance between neighbouring points.
    top_hu
        Excess of its brightest parts: the upper tenth of the body.
    noise_hu
        Deviation of a voxel of the image.
    """

    excess: Array
    body: NDArray[np.bool_]
    depth_mm: Array
    step_mm: float
    top_hu: float
    noise_hu: float

    @property
    def volume_mm3(self) -> float:
        """Volume of the body."""
        return float(np.count_nonzero(self.body)) * self.step_mm**3


def draw_on_grid(
    excess: Array,
    extent: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    noise_hu: float,
    others: NDArray[np.bool_] | None = None,
) -> FormGrid:
    """Return a focus on a fine grid along its own axes.

    Parameters
    ----------
    excess
        HU above the background, shape (slice, row, column).
    extent
        Its voxels above half contrast, same shape.
    spacing_mm
        Voxel spacing.
    noise_hu
        Deviation of a voxel.
    others
        Voxels of other bodies, which are left out.

    Notes
    -----
    Slices are first interpolated to the pixel's spacing by a cubic that passes through them (Catmull-Rom),
    then everything linearly onto the grid. What lies between thick slices is a guess that is
    no sharper than they are.
    """
    box = Box.around(extent).grown([2, *(math.ceil(MARGIN_MM / s) + 1 for s in spacing_mm[1:])], extent.shape)
    part = np.asarray(excess[box.slices], dtype=np.float32)
    if others is not None:
        part = np.where(others[box.slices], np.float32(0.0), part)
    inside = extent[box.slices]
    points = np.argwhere(inside) * np.asarray(spacing_mm)
    centre = points.mean(axis=0)
    spread = np.cov((points - centre).T) if len(points) > 3 else np.eye(3)
    _, vectors = np.linalg.eigh(spread + np.diag(np.square(spacing_mm)) / 12)
    axes = vectors[:, ::-1]
    along = (points - centre) @ axes
    local = [2 * max(1, round(LOCAL_MM / s)) + 1 for s in spacing_mm]
    peak = ndimage.maximum_filter(part, local)
    low, high = along.min(axis=0) - MARGIN_MM, along.max(axis=0) + MARGIN_MM
    step = max(float((high - low).max()) / STEPS_ALONG, FINEST_MM)
    lines = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    places = np.stack(np.meshgrid(*lines, indexing="ij")).reshape(3, -1)
    times = max(1, round(spacing_mm[0] / max(spacing_mm[1], FINEST_MM)))
    tall, held, tops = (_between_slices(v, times) for v in (part, inside.astype(np.float32), peak))
    fine = np.array([spacing_mm[0] / times, *spacing_mm[1:]])
    index = (axes @ places + centre[:, None]) / fine[:, None]
    shape = tuple(len(line) for line in lines)
    drawn = ndimage.map_coordinates(tall, index, order=1, mode="constant").reshape(shape)
    share = ndimage.map_coordinates(held, index, order=1, mode="constant").reshape(shape)
    near = share >= 0.5 * float(share.max())  # a body of one voxel reaches 1 at no point of the grid
    level = LOCAL_SHARE * ndimage.map_coordinates(tops, index, order=1, mode="nearest").reshape(shape)
    body, top = _body_of(drawn, near, level, step, noise_hu)
    depth = edt.edt(np.pad(body, 1), anisotropy=(step,) * 3)[1:-1, 1:-1, 1:-1]
    return FormGrid(drawn, body, depth, step, top, noise_hu)


def _between_slices(values: Array, times: int) -> Array:
    """Return slices with `times` - 1 interpolated between neighbours, by a cubic through them."""
    if times == 1 or len(values) < 2:
        return values
    count = len(values)
    at = np.arange((count - 1) * times + 1) / times
    first = np.minimum(at.astype(int), count - 2)
    t = at - first
    weights = np.zeros((len(at), count), np.float32)
    rows = np.arange(len(at))
    cubic = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    for offset, share in zip((-1, 0, 1, 2), cubic, strict=True):
        np.add.at(weights, (rows, np.clip(first + offset, 0, count - 1)), share.astype(np.float32))
    return np.asarray(np.tensordot(weights, values, axes=1), dtype=np.float32)


def _body_of(
    drawn: Array, near: NDArray[np.bool_], level: Array, step_mm: float, noise_hu: float
) -> tuple[NDArray[np.bool_], float]:
    """Return the body on the grid, above a level, and the excess of its upper tenth."""
    top = float(np.quantile(drawn[near], 0.9)) if near.any() else float(drawn.max())
    reach = 2 * max(1, round(REACH_MM / step_mm)) + 1
    floor = max(FLOOR_SHARE * top, min(FLOOR_DEVIATIONS * noise_hu, 0.5 * top))
    body = ndimage.maximum_filter(near, reach) & (drawn >= np.maximum(level, floor))
    if not (body & near).any():
        return near, top
    labels = cc3d.connected_components(body, connectivity=26)
    counts = np.bincount(labels[near], minlength=int(labels.max()) + 1)
    counts[0] = 0
    kept = counts >= max(1.0, LEAST_PIECE * counts.max())
    return np.asarray(kept[labels]), top
