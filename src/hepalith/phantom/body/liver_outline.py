"""The outline of a liver: what the diaphragm, the ribs and the neighbours leave of the right upper abdomen.

A liver is soft: above and outside it takes the form of the diaphragm and the wall; below and behind
it is shaped by kidney, stomach, colon and duodenum. So its outline is built as the part of the
space that lies above its underside and in front of its back (`hepalith.phantom.body.liver_plan`), right of
the tip of the left lobe, less the hollows of what it embraces, and let down or drawn up until it has
its volume.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.phantom.body.liver_field import Sampled, SampleGrid
from hepalith.phantom.body.liver_plan import KNOTS_X, KNOTS_Y, KNOTS_Z, Frame, Plan, left_weight
from hepalith.phantom.body.segments import Planes
from hepalith.phantom.shape.shape import Ellipsoid, Oval, Shape

__all__ = ["make_outline"]

Array = NDArray[np.float32]

STEP_MM = 2.5
"""Step of the lattice for an adult: fissures of 3 mm are kept, and a liver is made within a second."""

COARSE_STEP_MM = 5.0
"""Step at which diaphragm, wall and neighbours are sampled and the size is settled.

Surfaces that bend with a radius of 15 mm move by 0.2 mm; the volume lies within 2 % of the fine one's.
"""

ROOF_GAP_MM, WALL_GAP_MM = 0.6, 2.6
"""Between the liver and the diaphragm (or a firm neighbour), and the wall's inside: muscle and some fat."""

HOLLOW_REACH_MM = 6.0
"""How far from a hollow its rounded edge may reach, frame mm."""


def _table(values: NDArray[np.float64], first: Array, second: Array, knots: tuple[float, ...]) -> Array:
    """Return a table at the outer product of two rows of places, by cubic splines."""
    a = np.interp(first, KNOTS_X, np.arange(len(KNOTS_X)))
    b = np.interp(second, knots, np.arange(len(knots)))
    places = np.broadcast_arrays(b[:, None], a[None, :])
    return np.asarray(
        ndi.map_coordinates(values.T, places, order=3, mode="nearest", output=np.float32), dtype=np.float32
    )


def _sheet(table: Array, step_across: float, step_along: float) -> tuple[Array, Array]:
    """Return a height field and what turns a height difference into a distance."""
    slope_b, slope_a = np.gradient(table, step_along, step_across)
    return table, np.asarray(1 / np.sqrt(1 + slope_a * slope_a + slope_b * slope_b), dtype=np.float32)


def _farther(a: Array, b: Array, rounding: float) -> Array:
    """Return the larger of two distances, rounded off where they are near: what both hold."""
    k = np.float32(rounding)
    overlap = np.maximum(k - np.abs(a - b), np.float32(0)) / k
    return np.asarray(np.maximum(a, b) + overlap * overlap * k * np.float32(0.25))


def _lattice(frame: Frame, space: Shape, cavity: Oval, step: float) -> SampleGrid:
    """Return a lattice that holds any liver of this frame."""
    (x0, y0), (x1, y1) = (
        (cavity.centre[0] - cavity.radii[0], cavity.centre[1] - cavity.radii[1]),
        (cavity.centre[0] + cavity.radii[0], cavity.centre[1] + cavity.radii[1]),
    )
    top = min(space.bounds()[1][2], 110.0 * frame.scale[2])
    low = (x0 - step, y0 - step, -165.0 * frame.scale[2])
    high = (x1 + step, y1 + step, top + 3 * step)
    counts = [int((h - a) / step) + 2 for a, h in zip(low, high, strict=True)]
    return SampleGrid(
        (round(low[0], 6), round(low[1], 6), round(low[2], 6)), step, (counts[2], counts[1], counts[0])
    )


def _lowered(plan: Plan, fill: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the tables of a liver that fills more (or less) of its space: lower, and farther back."""
    left = left_weight()[:, None]
    free = np.clip((20.0 - plan.underside) / 60.0, 0.15, 1.5)
    return plan.underside - fill * free, plan.backside + fill * 0.35 * left


def _frame_field(plan: Plan, frame: Frame, grid: SampleGrid) -> Array:
    """Return the outline's distance without diaphragm and wall, frame mm."""
    axes = frame.from_patient(*grid.axes())
    x, y, z = axes
    steps = [grid.step_mm / s for s in frame.scale]
    under, behind = _lowered(plan, plan.fill)
    v, per_v = _sheet(_table(under, x.ravel(), y.ravel(), KNOTS_Y), steps[0], steps[1])
    b, per_b = _sheet(_table(behind, x.ravel(), z.ravel(), KNOTS_Z), steps[0], steps[2])
    field = _farther((v[None] - z) * per_v[None], (y - b[:, None, :]) * per_b[:, None, :], 14.0)
    lobe = Ellipsoid((-40.0, -46.0, 26.0), (plan.tip + 40.0, 105.0, 110.0))
    return _farther(field, lobe.distance(x, y, z), 14.0)


def _lost_field(plan: Plan, planes: Planes, frame: Frame, grid: SampleGrid) -> Array | None:
    """Return the distance to what a resection has left, frame mm; ``None`` without one."""
    x, y, z = frame.from_patient(*grid.axes())
    if plan.resection == "lateral":
        return planes.umbilical.height(x, y, z)
    if plan.resection == "left":
        return planes.middle.height(x, y, z) - np.float32(plan.regrown_mm / 3)
    if plan.resection == "right":
        return -planes.middle.height(x, y, z) - np.float32(plan.regrown_mm)
    if plan.resection == "right_posterior":
        return planes.right.height(x, y, z) - np.float32(plan.regrown_mm / 2)
    return None


def _noise(plan: Plan, grid: SampleGrid) -> tuple[Array, Array]:
    """Return what moves the surface, mm: broad waves beneath and behind, and a cirrhotic liver's nodules."""
    random = np.random.default_rng(plan.noise_seed)
    found: list[Array] = []
    for height, length in ((plan.ripple_mm, 26.0), (plan.nodule_mm, 8.0)):
        if height <= 0:
            found.append(np.zeros((1, 1, 1), dtype=np.float32))
            continue
        cells = tuple(max(int(n * grid.step_mm / length) + 4, 5) for n in grid.counts)
        rough = random.uniform(-1, 1, cells).astype(np.float32)
        waves = rough
        for axis, n in enumerate(grid.counts):
            at = np.arange(n, dtype=np.float32) * np.float32(grid.step_mm / length) + np.float32(1)
            waves = _cubic(waves, at, axis)
        found.append(np.float32(2.2 * height) * waves)
    return found[0], found[1]


def _cubic(values: Array, at: Array, axis: int) -> Array:
    """Return values smoothed by a cubic B-spline at places along one axis: waves without edges."""
    low = np.floor(at).astype(np.intp)
    t = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
    s = 1 - t
    weights = (
        s * s * s / 6,
        (4 - 6 * t * t + 3 * t * t * t) / 6,
        (4 - 6 * s * s + 3 * s * s * s) / 6,
        t * t * t / 6,
    )
    parts = [values.take(low + k - 1, axis) * w for k, w in enumerate(weights)]
    return np.asarray(parts[0] + parts[1] + parts[2] + parts[3], dtype=np.float32)


def _roof(plan: Plan, space: Shape, cavity: Oval, grid: SampleGrid) -> Sampled:
    """Return what diaphragm, wall and firm neighbours leave, LPS mm, on a coarse lattice."""
    x, y, z = grid.axes()
    wall = cavity.distance(x, y, z) + np.float32(WALL_GAP_MM)
    if plan.shrunk_right_mm:
        side = np.clip((np.float32(cavity.centre[0]) - x) / np.float32(60), 0, 1)
        wall = wall + np.float32(plan.shrunk_right_mm) * side
    below = space.distance(x, y, z) + np.float32(ROOF_GAP_MM)
    return Sampled(grid, _farther(below, np.broadcast_to(wall, grid.counts), 6.0))


def _evaluate(plan: Plan, planes: Planes, frame: Frame, roof: Sampled, grid: SampleGrid) -> Array:
    """Return the outline's distance, LPS mm, first-order."""
    field = _frame_field(plan, frame, grid)
    lost = _lost_field(plan, planes, frame, grid)
    if lost is not None:
        field = _farther(field, lost, 16.0)
    size = np.float32(min(frame.scale))
    field *= size
    x, y, z = grid.axes()
    upper = roof.values if grid is roof.grid else roof.distance(x, y, z)
    waves, nodules = _noise(plan, grid)
    field = _farther(field + waves, upper, 8.0) + nodules
    field = np.maximum(field, upper)
    for hollow, rounding in plan.hollows:
        _hollow_out(field, hollow, rounding, frame, grid)
    if plan.gallbladder is not None:
        _hollow_out(field, plan.gallbladder, 4.0, frame, grid)
    return field


def _hollow_out(field: Array, hollow: Shape, rounding: float, frame: Frame, grid: SampleGrid) -> None:
    """Take a hollow of the frame out of a field, in place, where it can matter."""
    low, high = hollow.bounds()
    part = []
    for axis, n in zip((2, 1, 0), grid.counts, strict=True):
        ends = [
            (frame.origin[axis] + frame.scale[axis] * (e + m) - grid.first[axis]) / grid.step_mm
            for e, m in ((low[axis], -HOLLOW_REACH_MM), (high[axis], HOLLOW_REACH_MM))
        ]
        part.append(slice(min(max(int(ends[0]), 0), n), min(max(int(ends[1]) + 2, 0), n)))
    held = (part[0], part[1], part[2])
    x, y, z = frame.from_patient(*grid.axes())
    inside = hollow.distance(x[..., held[2]], y[:, held[1]], z[held[0]]) * np.float32(min(frame.scale))
    field[held] = _farther(field[held], -inside, rounding)


def _settled(field: Array, grid: SampleGrid) -> Array:
    """Return the field made a distance near its surface, of its largest piece alone."""
    slopes = np.gradient(field, np.float32(grid.step_mm))
    steep = np.sqrt(slopes[0] * slopes[0] + slopes[1] * slopes[1] + slopes[2] * slopes[2])
    field = field / np.maximum(steep, np.float32(0.6))
    pieces, count = ndi.label(field < 0)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        main = pieces == int(np.argmax(sizes))
        field = np.where((field < 0) & ~main, np.float32(grid.step_mm), field)
    return np.asarray(field, dtype=np.float32)


def _filled(plan: Plan, planes: Planes, frame: Frame, roof: Sampled) -> Plan:
    """Return the plan with the fill that brings the liver to its volume, as nearly as the space allows."""
    low, high = -40.0, 60.0
    fill = 0.0
    for _ in range(5):
        field = _evaluate(replace(plan, fill=fill), planes, frame, roof, roof.grid)
        volume = Sampled(roof.grid, field).volume_ml
        if abs(volume / plan.target_ml - 1) < 0.02:
            break
        low, high = (low, fill) if volume > plan.target_ml else (fill, high)
        grow = (plan.target_ml - volume) / (0.016 * 1000 * min(frame.scale) ** 2)
        fill = min(max(fill + grow, low + 0.1 * (high - low)), high - 0.1 * (high - low))
    return replace(plan, fill=round(fill, 3))


def make_outline(plan: Plan, planes: Planes, frame: Frame, space: Shape, cavity: Oval) -> Sampled:
    """Return the liver's outline as a distance on a lattice."""
    roof = _roof(plan, space, cavity, _lattice(frame, space, cavity, COARSE_STEP_MM * min(frame.scale)))
    plan = _filled(plan, planes, frame, roof)
    grid = _lattice(frame, space, cavity, STEP_MM * min(frame.scale))
    return Sampled(grid, _settled(_evaluate(plan, planes, frame, roof, grid), grid))
