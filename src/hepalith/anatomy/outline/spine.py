"""The spine: where the vertebrae stand, and what can lie in front of them."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM
from hepalith.anatomy.outline.body import Body

__all__ = ["Spine", "doubt_by_spine", "find_spine"]

VERTEBRA_DEPTH_MM = 8.0
"""Least depth of a vertebral body within bone, its inside filled."""
CENTRAL_MM = 36.0
"""The vertebra stands within this distance of the body's middle column."""
PREVERTEBRAL_MM = 24.0
"""In front of the vertebra, left of its middle: aorta, crus and oesophagus fill this much; the liver's
left part passes in front of them. Our judgement from the shared scans."""
BESIDE_MM = 7.0
"""Right of the vertebra: crus, adrenal and cava keep the liver this far off."""
DOUBT = 3.0
"""Log odds taken from liver in those places: HU and neighbours may still outvote it."""


@dataclass(frozen=True, slots=True, eq=False)
class Spine:
    """Middle of the vertebral body, as (row, column) in every slice, and its radius, in voxels."""

    row: NDArray[np.float64]
    column: NDArray[np.float64]
    radius: float


def find_spine(body: Body) -> Spine | None:
    """Return the spine; None where no vertebra is in view."""
    rows, columns, radii = [], [], []
    slices, height, width = body.inside.shape
    column = np.arange(width)
    for k in range(slices):
        lines = np.nonzero(body.inside[k].any(axis=1))[0]
        if lines.size < 10:
            rows.append(np.nan)
            columns.append(np.nan)
            continue
        back = (np.arange(height) > lines[0] + 0.5 * (lines[-1] - lines[0]))[:, None]
        central = (np.abs(column - body.midline[k]) * SPACING_MM < CENTRAL_MM)[None, :]
        bone = ndimage.binary_fill_holes(ndimage.binary_closing(body.bone[k], iterations=2))
        depth = np.where(back & central, edt.edt(bone, anisotropy=(SPACING_MM, SPACING_MM)), 0)
        if depth.max() < VERTEBRA_DEPTH_MM:
            rows.append(np.nan)
            columns.append(np.nan)
            continue
        thick = np.argwhere(depth > 0.9 * depth.max())
        rows.append(float(thick[:, 0].mean()))
        columns.append(float(thick[:, 1].mean()))
        radii.append(float(depth.max()) / SPACING_MM)
    found = np.isfinite(rows)
    if found.sum() < max(1, slices // 4):
        return None
    places = np.arange(slices)
    row = np.interp(places, places[found], np.array(rows)[found])
    middle = np.interp(places, places[found], np.array(columns)[found])
    size = min(15, slices)
    return Spine(
        ndimage.median_filter(row, size, mode="nearest"),
        ndimage.median_filter(middle, size, mode="nearest"),
        float(np.median(radii)),
    )


def doubt_by_spine(spine: Spine, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the log odds to take from liver for lying where aorta, crus, kidney or muscle must be."""
    row = np.arange(shape[1])[None, :, None]
    column = np.arange(shape[2])[None, None, :]
    front_mm = (spine.row[:, None, None] - spine.radius - row) * SPACING_MM
    left_mm = (column - spine.column[:, None, None]) * SPACING_MM
    behind = np.clip((PREVERTEBRAL_MM - front_mm) / SPACING_MM, 0, 1) * np.clip(
        left_mm / SPACING_MM + 2, 0, 1
    )
    away = np.hypot((row - spine.row[:, None, None]), (column - spine.column[:, None, None]))
    beside = np.clip((spine.radius + BESIDE_MM / SPACING_MM - away) + 0.5, 0, 1)
    return (DOUBT * np.maximum(behind, beside)).astype(np.float32)
