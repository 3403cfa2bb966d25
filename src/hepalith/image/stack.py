"""Where the slices of a series lie: sorted, duplicates found, gaps and tilt measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import GeometryError
from hepalith.geometry import Grid
from hepalith.study import Instance, Plane, Series
from hepalith.study.group import slice_normal

__all__ = ["Stack", "plan_stack"]

SAME_PLACE_MM = 0.01
"""Slices closer than this along the normal lie at one place: the thinnest CT slices are 0.2 mm apart."""

UNEVEN_MM = 0.02
"""Positions this far from even are even: headers round to 0.01 mm."""

UNEVEN_RATIO = 0.02
"""Or this share of the distance between slices: it moves a volume by 2 % of one slice at most."""

FILLED_GAP = 1.5
"""Slices so many times the regular distance apart lack one between them."""

SHIFT_VOXELS = 0.1
"""In-plane shift from slice to slice, over the stack, below which slices lie above each other.

A tenth of a voxel blurs less than the scanner's own point spread does by rounding (our judgement).
"""

_ASSUMED_ORIENTATION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Slices in stored order, and what it takes to lay them on an even, upright grid.

    Parameters
    ----------
    instances
        One per place, sorted along the normal (row direction x column direction).
    grid
        The grid after evening; its slice axis is the normal.
    weights
        For every slice of `grid`: index of the slice below, and the share of the next one.
        ``None`` where slices already are the grid's.
    shifts
        float, shape (instance, 2): where each slice's first voxel lies on the grid, in rows
        and columns; ``None`` where all lie at 0.
    warnings
        What was assumed or repaired.
    filled
        For every slice of `grid`, whether it stands for one that is missing; ``None`` where none is.
    """

    instances: tuple[Instance, ...]
    grid: Grid
    weights: NDArray[np.float64] | None
    shifts: NDArray[np.float64] | None
    warnings: tuple[str, ...]
    filled: NDArray[np.bool_] | None = None


def plan_stack(series: Series) -> Stack:
    """Sort the slices of a DICOM series and find the grid they describe.

    Raises
    ------
    GeometryError
        If spacing or positions are missing, zero, or describe no stack.
    """
    warnings: list[str] = []
    placed = _placed(series, warnings)
    plane = _plane(placed[0])
    spacing = plane.spacing_mm
    assert plane.orientation is not None and spacing is not None  # noqa: S101, PT018  (`_placed` made sure)
    normal = slice_normal(plane)
    assert normal is not None  # noqa: S101
    row = np.array(plane.orientation[:3]) / np.linalg.norm(plane.orientation[:3])
    column = np.cross(normal, row)
    instances, positions, along = _sorted_places(placed, normal, warnings)
    gap, weights = _evened(along, instances, warnings)
    shifts, origin, extra = _shifts(positions, row, column, spacing, warnings)
    count = len(along) if weights is None else len(weights)
    encoding = instances[0].encoding
    assert encoding is not None  # noqa: S101  (series hold images only)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = normal * gap, column * spacing[0], row * spacing[1]
    affine[:3, 3] = origin
    grid = Grid((count, encoding.rows + extra[0], encoding.columns + extra[1]), affine)
    filled = None if weights is None else _is_filled(weights, along, gap)
    return Stack(instances, grid, weights, shifts, tuple(warnings), filled)


def _plane(instance: Instance) -> Plane:
    return instance.plane or Plane()


def _placed(series: Series, warnings: list[str]) -> list[Instance]:
    """Return instances that all have position, orientation and spacing; assume what is safe to assume."""
    instances = list(series.instances)
    name = instances[0].name
    sizes = {(i.encoding.rows, i.encoding.columns) for i in instances if i.encoding}
    if len(sizes) > 1:
        raise GeometryError(f"{name}: slices of one series differ in size; give one volume with --series")
    for instance in instances:
        spacing = _plane(instance).spacing_mm
        if spacing is None or min(spacing) <= 0:
            what = "no pixel spacing" if spacing is None else f"a pixel spacing of {min(spacing):g}"
            raise GeometryError(
                f"{instance.name}: {what} in its header; export the series again with geometry"
            )
    if any(slice_normal(_plane(i)) is None for i in instances):
        if any(_plane(i).orientation is not None for i in instances):
            raise GeometryError(f"{name}: orientations that describe no plane; export the series again")
        warnings.append(
            "Orientation is missing; the slices were taken as axial, the patient lying on the back"
        )
        instances = [
            replace(i, plane=replace(_plane(i), orientation=_ASSUMED_ORIENTATION)) for i in instances
        ]
    missing = sum(_plane(i).position is None for i in instances)
    if not missing:
        return instances
    if missing < len(instances):
        raise GeometryError(
            f"{name}: {missing} of {len(instances)} slices have no position; export the series again"
        )
    return _placed_by_number(instances, warnings)


def _placed_by_number(instances: Sequence[Instance], warnings: list[str]) -> list[Instance]:
    """Place slices without positions by their instance number, from head to feet."""
    name = instances[0].name
    numbers = [instance.number for instance in instances]
    distances = {_plane(i).between_mm or _plane(i).thickness_mm for i in instances}
    distance = distances.pop()
    if distances or not distance or None in numbers or len(set(numbers)) != len(numbers):
        raise GeometryError(
            f"{name}: no slice has a position, and numbers and spacing do not give one; export it again"
        )
    warnings.append(
        "Positions are missing; slices were placed by their number, from head to feet, "
        f"{distance:g} mm apart: check that left and right are right"
    )
    ordered = sorted(instances, key=lambda i: -(i.number or 0))
    normal = slice_normal(_plane(ordered[0]))
    assert normal is not None  # noqa: S101
    placed = []
    for n, instance in enumerate(ordered):
        x, y, z = (float(v) for v in normal * (n * distance))
        placed.append(replace(instance, plane=replace(_plane(instance), position=(x, y, z))))
    return placed


def _sorted_places(
    instances: Sequence[Instance], normal: NDArray[np.float64], warnings: list[str]
) -> tuple[tuple[Instance, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Return one instance per place, sorted along the normal, with positions and places in mm."""
    ordered = sorted(instances, key=lambda i: (i.number or 0, i.sop_instance_uid, i.name, i.frame))
    positions = np.array([_plane(i).position for i in ordered], dtype=np.float64)
    if not np.isfinite(positions).all() or np.abs(positions).max() > 1e6:
        raise GeometryError(f"{ordered[0].name}: positions that are no places; export the series again")
    along = positions @ normal
    order = np.argsort(np.round(along / SAME_PLACE_MM), kind="stable")
    keep = [int(order[0])]
    for n in order[1:]:
        if along[n] - along[keep[-1]] > SAME_PLACE_MM:
            keep.append(int(n))
    if len(keep) < len(ordered):
        warnings.append(
            f"{len(ordered) - len(keep)} slices lie where another does; of each the lowest number was kept"
        )
    if len(keep) == 1 and len(ordered) > 1:
        raise GeometryError(f"{ordered[0].name}: all slices have the same position; export the series again")
    return tuple(ordered[n] for n in keep), positions[keep], along[keep]


def _evened(
    along: NDArray[np.float64], instances: Sequence[Instance], warnings: list[str]
) -> tuple[float, NDArray[np.float64] | None]:
    """Return the distance between slices, and how to interpolate where it is not even."""
    if len(along) == 1:
        plane = _plane(instances[0])
        thickness = plane.thickness_mm or plane.between_mm
        if not thickness:
            raise GeometryError(
                f"{instances[0].name}: a single slice of unknown thickness; give the whole series"
            )
        return thickness, None
    gaps = np.diff(along)
    mean = float(along[-1] - along[0]) / (len(along) - 1)
    ideal = along[0] + mean * np.arange(len(along))
    if np.abs(along - ideal).max() <= max(UNEVEN_MM, UNEVEN_RATIO * mean):
        return mean, None
    regular = float(np.sort(gaps)[(len(gaps) - 1) // 2])  # a gap that is there, not the mean of two
    steps = np.round(gaps / regular)
    whole = (steps >= 1).all() and np.abs(gaps - steps * regular).max() <= max(UNEVEN_MM, 0.05 * regular)
    if whole:
        regular = float(along[-1] - along[0]) / float(steps.sum())
        lost = int(steps.sum()) - len(gaps)
        where = ", ".join(f"{along[n] + regular:.1f}" for n in np.flatnonzero(steps > 1)[:5])
        warnings.append(
            f"{lost} slices are missing (from {where} mm along the stack); filled by interpolation, "
            "calcifications there cannot be seen"
        )
    else:
        warnings.append(
            f"Slices are {gaps.min():.2f} to {gaps.max():.2f} mm apart; resampled evenly to {regular:.2f} mm"
        )
    count = int(np.floor((along[-1] - along[0]) / regular + 1e-6)) + 1
    at = along[0] + regular * np.arange(count)
    weights = np.interp(at, along, np.arange(len(along)))
    snapped = np.round(weights)
    near = np.abs(weights - snapped) < UNEVEN_RATIO
    return regular, np.where(near, snapped, weights)


def _is_filled(
    weights: NDArray[np.float64], along: NDArray[np.float64], gap: float
) -> NDArray[np.bool_] | None:
    """Return which slices of the even grid lie between slices that are farther apart than they should be."""
    below = np.minimum(weights.astype(np.intp), len(along) - 2)
    between = (weights != np.round(weights)) & (np.diff(along)[below] > FILLED_GAP * gap)
    return between if between.any() else None


def _shifts(
    positions: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    spacing: tuple[float, float],
    warnings: list[str],
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64], tuple[int, int]]:
    """Return each slice's place in its plane, the grid's origin, and how much larger the grid is."""
    offsets = positions - positions[0]
    shifts = np.stack([offsets @ column / spacing[0], offsets @ row / spacing[1]], axis=1)
    if np.ptp(shifts, axis=0).max() <= SHIFT_VOXELS:
        return None, positions[0], (0, 0)
    low = np.floor(shifts.min(axis=0))
    extra = np.ceil(shifts.max(axis=0) - low - 1e-6).astype(int)
    origin = positions[0] + low[0] * spacing[0] * column + low[1] * spacing[1] * row
    normal = np.cross(row, column)
    along = float((positions[-1] - positions[0]) @ normal)
    drift = (positions[-1] - positions[0]) - along * normal
    angle = np.degrees(np.arctan2(np.linalg.norm(drift), abs(along)))
    warnings.append(
        f"Slices are sheared by {angle:.1f} degrees (gantry tilt); each was shifted within its plane"
    )
    return shifts - low, origin, (int(extra[0]), int(extra[1]))
