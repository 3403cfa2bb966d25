"""What can be measured of one dark body: form, calibre, wall, what lies behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["DarkShape", "measure_shape"]

MARGIN = 8
"""Fine cells around a body within which its wall is looked at."""

LEAST_RING = 60
"""Fewest fine cells of a body that can hold a hole wider than the blur."""

BLUR_CELLS = 3
"""Fine cells over which the contrast was averaged."""

BEHIND = (3, 16)
"""Fine cells behind a body in which enhancement is measured: not its far wall, and not so far that other
tissue begins."""


@dataclass(frozen=True, slots=True, eq=False)
class DarkShape:
    """Measures of one dark body, lengths in pixels of the screen, contrasts in deviations of speckle."""

    centre: tuple[float, float]
    area_px: float
    calibre_px: float
    length_px: float
    elongation: float
    solidity: float
    in_liver: float
    wall: float
    wall_cover: float
    behind: float
    emptiness: float
    contrast: float
    spread: float
    depth_share: float
    size_share: float
    """Greatest calibre, as a share of the depth of the picture."""
    angle_to_beam: float
    turn: float
    """Direction of the long axis on the screen's plane of depth and width, radians."""
    holes: float
    """Share of the filled body that is not dark."""
    bright_inside: float
    """Greatest contrast within those holes."""
    rows: tuple[int, int]
    columns: tuple[int, int]
    """First fine cell and the one after the last, along and across."""
    cell_px: float
    middle: NDArray[np.floating]
    """Shape (point, 2): places of the middle line in pixels, along and across."""


def measure_shape(
    labels: NDArray[np.int32],
    label: int,
    box: tuple[slice, slice],
    *,
    contrast: NDArray[np.float32],
    liver: NDArray[np.bool_],
    floor: NDArray[np.float32],
    edge: float,
    step_px: float,
    width_px: NDArray[np.float32],
    fine: int,
) -> DarkShape:
    """Return the measures of the body `label`.

    Parameters
    ----------
    labels, contrast, liver, floor
        On fine cells of `fine` samples by `fine` lines.
    edge
        Contrast, as a depth below liver, at which the body's border was drawn.
    step_px, width_px
        Distance of samples, and of lines at every sample, in pixels.
    """
    rows = slice(max(box[0].start - MARGIN, 0), min(box[0].stop + MARGIN, labels.shape[0]))
    columns = slice(max(box[1].start - MARGIN, 0), min(box[1].stop + MARGIN, labels.shape[1]))
    body = labels[rows, columns] == label
    around = contrast[rows, columns]
    where = np.argwhere(body)
    row = float(where[:, 0].mean() + rows.start)
    column = float(where[:, 1].mean() + columns.start)
    tall = fine * step_px
    wide = fine * float(width_px[min(int(row * fine), len(width_px) - 1)])
    distance = ndimage.distance_transform_edt(body, sampling=(tall, wide))
    ridge = distance >= ndimage.maximum_filter(distance, 3) - 1e-3
    thickest = float(distance.max())
    depth = -float(np.median(contrast[rows, columns][body]))
    drawn = float(2 * np.median(distance[ridge & (distance > 0.5 * thickest)]))
    calibre = max(drawn - _widening(edge / max(depth, edge), float(np.sqrt(tall * wide))), 0.35 * drawn)
    area = float(body.sum() * tall * wide)
    lengths, turn = _axes(where, tall, wide)
    length = max(lengths[0], area / max(calibre, 1e-6))
    inner = _holes(body)
    wall, cover = _wall(body, around, labels[rows, columns] == 0)
    dark = around[body]
    inward = np.argwhere(ridge & body & (distance > 0.5 * thickest))
    middle = (inward + np.array((rows.start, columns.start))) * np.array((tall, wide))
    empty = float(np.clip(np.median(dark / floor[rows, columns][body]), 0, 1))
    hull = np.pi / 4 * lengths[0] * lengths[1]
    return DarkShape(
        centre=(row * fine + fine / 2, column * fine + fine / 2),
        area_px=area,
        calibre_px=calibre,
        length_px=float(length),
        elongation=float(max(lengths[0], area / (2 * thickest)) / (2 * thickest)),
        solidity=float(np.clip(area / max(hull, 1e-6), 0, 1)),
        in_liver=float(liver[rows, columns][body].mean()),
        wall=wall,
        wall_cover=cover,
        behind=_behind(body, rows.start, columns.start, labels, contrast),
        emptiness=empty,
        contrast=float(np.median(dark)),
        spread=float(dark.std()),
        depth_share=row / labels.shape[0],
        size_share=max(2 * thickest - (drawn - calibre), calibre) / (tall * labels.shape[0]),
        angle_to_beam=float(min(abs(turn), np.pi - abs(turn))),
        turn=turn,
        holes=float(inner.sum() / max(body.sum() + inner.sum(), 1)),
        bright_inside=float(around[inner].max()) if inner.any() else 0.0,
        rows=(box[0].start, box[0].stop),
        columns=(box[1].start, box[1].stop),
        cell_px=max(tall, wide),
        middle=middle,
    )


def _widening(level: float, cell_px: float) -> float:
    """Return by how much a body is drawn too wide, in pixels.

    A mean over three fine cells spreads its edge over as many, and the border is drawn at `level` (a share
    of the body's depth) rather than at half of it; the distance transform counts to the first cell outside,
    one cell too much for both sides together.
    """
    return cell_px * (1 + 2 * BLUR_CELLS * max(0.5 - level, 0.0))


def _holes(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what the body encloses and is not dark; small bodies enclose nothing that could be told."""
    if body.sum() < LEAST_RING:
        return np.zeros_like(body)
    outside, number = ndimage.label(np.pad(~body, 1, constant_values=True))
    if number < 2:
        return np.zeros_like(body)
    return np.asarray((outside[1:-1, 1:-1] > 0) & (outside[1:-1, 1:-1] != outside[0, 0]))


def _axes(where: NDArray[np.intp], tall: float, wide: float) -> tuple[tuple[float, float], float]:
    """Return the axes of the ellipse of like moments, the long one first, and its direction from the beam."""
    place = where * np.array([tall, wide])
    apart = place - place.mean(axis=0)
    spread = apart.T @ apart / len(apart) + np.diag([tall**2, wide**2]) / 12
    values, vectors = np.linalg.eigh(spread)
    long_axis = vectors[:, 1]
    angle = float(np.arctan2(long_axis[1], long_axis[0]))
    return (float(4 * np.sqrt(values[1])), float(4 * np.sqrt(max(values[0], 1e-6)))), angle


def _wall(
    body: NDArray[np.bool_], contrast: NDArray[np.float32], free: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the brightness of the wall above liver, and the share of the rim that is bright.

    The blur of the beam mixes wall and lumen, so the brightest place within reach is taken at each place of
    the rim.
    """
    away = ndimage.distance_transform_cdt(~body, metric="taxicab")
    ring = (away > 1) & (away <= 4) & free
    if not ring.any():
        return 0.0, 0.0
    peak = ndimage.maximum_filter(np.where(free, contrast, -9.0), 3)[ring]
    return float(peak.mean()), float((peak > 1.5).mean())


def _behind(
    body: NDArray[np.bool_],
    row: int,
    column: int,
    labels: NDArray[np.int32],
    contrast: NDArray[np.float32],
) -> float:
    """Return the brightness behind the body above that of the lines beside it at the same depth.

    `row` and `column` are the place of the body's window among the fine cells.
    """
    lines = np.flatnonzero(body.any(axis=0))
    low = body.shape[0] - 1 - body[::-1, lines].argmax(axis=0)
    start = row + int(low.max())
    rows = slice(start + BEHIND[0], min(start + BEHIND[1], labels.shape[0]))
    if rows.stop - rows.start < 4:
        return 0.0
    first, last = column + int(lines[0]), column + int(lines[-1])
    width = max(len(lines), 6)
    sides = (slice(max(first - width - 2, 0), max(first - 2, 0)), slice(last + 3, last + 3 + width))
    beside = [_mean_free(contrast[rows, side], labels[rows, side]) for side in sides]
    known = [value for value in beside if np.isfinite(value)]
    here = _mean_free(contrast[rows, column + lines], labels[rows, column + lines])
    return float(here - np.mean(known)) if known and np.isfinite(here) else 0.0


def _mean_free(contrast: NDArray[np.float32], labels: NDArray[np.int32]) -> float:
    """Return the mean contrast outside dark bodies, clipped so that one bright line does not rule."""
    values = contrast[labels == 0]
    return float(np.clip(values, -4, 4).mean()) if values.size >= 8 else float("nan")
