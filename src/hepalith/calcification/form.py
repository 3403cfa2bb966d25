"""The form of a focus in plain numbers: how solid, hollow, long, flat, branched, grainy it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from hepalith.calcification.caliper import half_sphere
from hepalith.calcification.form_course import COMPACT_COURSE, follow_course
from hepalith.calcification.form_grid import FormGrid, draw_on_grid
from hepalith.image.noise import Blur

__all__ = ["Form", "look_at_form"]

HULL_DIRECTIONS = 300
"""Directions over the half sphere in which the convex hull is touched: its volume is then right to 1 %."""

SHELL_DIRECTIONS = 200
"""Directions over the half sphere, both ways, in which a wall is looked for: 10 degrees apart."""

CAVITY_MM3 = 20.0
"""Least volume of a cavity that is counted: 3.4 mm across, below which noise makes holes."""

SLENDER, SPARSE = 1.8, 0.65
"""A body is followed from end to end when it is so many times longer than wide, or fills no more than this
share of its hull: the course of a lump says nothing."""

GRAIN_MM = 1.5
"""How far about a point of a grain nothing is brighter."""

GRAIN_SHARE = 0.3
"""Least height of a grain above what lies between grains, as a share of its own."""


@dataclass(frozen=True, slots=True)
class Form:
    """Geometry of one body, as far as the scan shows it.

    Parameters
    ----------
    blurs
        Longest caliper in widths of the blur: below 2 hardly any form can be seen.
    volume_mm3
        Of the body on its grid.
    contrast_hu
        Excess of its brighter parts.
    elongation, flatness
        Longest over middle, and middle over shortest standard deviation along the principal axes.
    solidity
        Volume over that of the convex hull.
    ellipsoid
        Volume over that of the ellipsoid with its principal axes: 1 for a rounded lump.
    slimness
        Longest caliper over twice the median depth of its inmost points: 1 for a ball.
    hollow
        Share of the body and what it encloses from two sides at least that is enclosed.
    tube
        The same for what is enclosed only across its long axis.
    cavities
        Number of separate spaces that it encloses.
    shell_residual
        Root mean square distance of its points from the sphere fitted to them, over the sphere's radius.
    shell_cover
        Share of all directions from that sphere's middle in which it has a wall.
    shell_radius
        The sphere's radius over half the longest caliper.
    shell_empty
        How far the inner half of that sphere falls short of the wall, as a share: 1 empty, 0 as dense.
    softness
        Cube root of the volume above a fifth of its top over that above three fifths.
    grains
        Number of separate bright points.
    evenness
        Lower over upper decile of the excess in its inner points.
    length, straight, ends, loops, rays, beads, necks
        Of its course (`Course`); the length over the longest caliper.
    """

    blurs: float
    volume_mm3: float
    contrast_hu: float
    elongation: float
    flatness: float
    solidity: float
    ellipsoid: float
    slimness: float
    hollow: float
    tube: float
    cavities: int
    shell_residual: float
    shell_cover: float
    shell_radius: float
    shell_empty: float
    softness: float
    grains: int
    evenness: float
    length: float
    straight: float
    ends: int
    loops: int
    rays: int
    beads: int
    necks: float


def look_at_form(
    excess: NDArray[np.float32],
    extent: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    blur: Blur,
    noise_hu: float,
    others: NDArray[np.bool_] | None = None,
) -> Form:
    """Return the geometry of a body, measured on a fine grid along its own axes.

    Parameters
    ----------
    excess
        HU above the background, shape (slice, row, column).
    extent
        Its voxels above half contrast, same shape.
    spacing_mm
        Voxel spacing.
    blur
        Of the scan.
    noise_hu
        Deviation of a voxel.
    others
        Voxels of other bodies.
    """
    grid = draw_on_grid(excess, extent, spacing_mm, noise_hu, others)
    points = np.argwhere(grid.body) * grid.step_mm
    hull, caliper = _hull(points, grid.step_mm)
    values, ellipsoid = _axes(points, grid)
    hollow, tube, cavities = _enclosed(grid)
    residual, cover, radius, empty = _shell(grid, points)
    slender = values[0] > SLENDER * values[1] or grid.volume_mm3 < SPARSE * hull
    course = follow_course(grid) if slender else COMPACT_COURSE
    width = (max(blur.slice_mm, spacing_mm[0]) * blur.in_plane_fwhm_mm**2) ** (1 / 3)
    return Form(
        blurs=caliper / width,
        volume_mm3=grid.volume_mm3,
        contrast_hu=grid.top_hu,
        elongation=float(values[0] / values[1]),
        flatness=float(values[1] / values[2]),
        solidity=min(1.0, grid.volume_mm3 / hull),
        ellipsoid=ellipsoid,
        slimness=caliper / _thickness(grid),
        hollow=hollow,
        tube=tube,
        cavities=cavities,
        shell_residual=residual,
        shell_cover=cover,
        shell_radius=2 * radius / caliper,
        shell_empty=empty,
        softness=_softness(grid),
        grains=_grains(grid),
        evenness=_evenness(grid),
        length=course.length_mm / caliper,
        straight=course.straight,
        ends=course.ends,
        loops=course.loops,
        rays=course.rays,
        beads=course.beads,
        necks=course.necks,
    )


def _hull(points: NDArray[np.float64], step_mm: float) -> tuple[float, float]:
    """Return volume and longest caliper of the convex hull, half a step added all around."""
    directions = half_sphere(HULL_DIRECTIONS)
    along = points @ directions.T
    caliper = float((along.max(axis=0) - along.min(axis=0)).max()) + step_mm
    touched = points[np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))]
    cubes = (touched[:, None, :] + step_mm / 2 * np.array([[-1.0, -1, -1], [1, 1, 1], [-1, 1, 1], [1, -1, 1],
                                                           [1, 1, -1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])).reshape(-1, 3)  # fmt: skip
    try:
        return float(ConvexHull(cubes).volume), caliper
    except QhullError:  # cannot happen with whole cubes, but a form is no reason to lose a focus
        return float(len(points)) * step_mm**3, caliper


def _axes(points: NDArray[np.float64], grid: FormGrid) -> tuple[NDArray[np.float64], float]:
    """Return the standard deviations along the principal axes, longest first, and the ellipsoid's fill."""
    away = points - points.mean(axis=0)
    spread = away.T @ away / len(points) + np.eye(3) * grid.step_mm**2 / 12
    values = np.sqrt(np.linalg.eigvalsh(spread))[::-1]
    ellipsoid = 4 / 3 * math.pi * 5**1.5 * float(np.prod(values))
    return values, grid.volume_mm3 / ellipsoid


def _thickness(grid: FormGrid) -> float:
    """Return twice the median depth of the body's inmost points, in mm."""
    peak = ndimage.maximum_filter(grid.depth_mm, 3)
    inmost = grid.body & (grid.depth_mm >= peak - 1e-3)
    return 2 * float(np.median(grid.depth_mm[inmost]))


def _enclosed(grid: FormGrid) -> tuple[float, float, int]:
    """Return the shares that are enclosed from all sides, and across the long axis only, and the cavities."""
    across = [_holes(grid.body, axis) for axis in range(3)]
    sides = across[0].astype(np.uint8) + across[1] + across[2]
    inside = sides >= 2
    body = float(np.count_nonzero(grid.body))
    hollow = float(np.count_nonzero(inside))
    tube = float(np.count_nonzero(across[0] & (sides == 1)))
    cavities = 0
    if hollow:
        counts = np.bincount(cc3d.connected_components(inside, connectivity=6).ravel())[1:]
        cavities = int((counts * grid.step_mm**3 >= CAVITY_MM3).sum())
    return hollow / (hollow + body), tube / (tube + body), cavities


def _holes(body: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return what the body encloses in the planes across an axis."""
    planes = np.moveaxis(body, axis, 0)
    apart = np.zeros((2 * planes.shape[0], planes.shape[1] + 2, planes.shape[2] + 2), np.bool_)
    apart[::2] = True  # planes of background with nothing between them: one labelling does them all
    apart[::2, 1:-1, 1:-1] &= ~planes
    labels = cc3d.connected_components(apart, connectivity=6)[::2]
    holes = (labels > 0) & (labels != labels[:, :1, :1])
    return np.moveaxis(holes[:, 1:-1, 1:-1], 0, axis)


def _shell(grid: FormGrid, points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return residual, cover, radius in mm and emptiness of the sphere through a body's points."""
    about = points.mean(axis=0)
    away = points - about
    system = np.concatenate([2 * away, np.ones((len(away), 1))], axis=1)
    solved, *_ = np.linalg.lstsq(system, np.square(away).sum(axis=1), rcond=None)
    radius = math.sqrt(max(float(solved[3] + solved[:3] @ solved[:3]), grid.step_mm**2))
    largest = 4.0 * float(np.linalg.norm(away, axis=1).max())
    if radius > largest:  # flat: no middle to look from
        return 0.0, 0.0, largest, 0.0
    centre = about + solved[:3]
    from_centre = np.linalg.norm(points - centre, axis=1)
    residual = float(np.sqrt(np.square(from_centre - radius).mean())) / radius
    half = half_sphere(SHELL_DIRECTIONS)
    directions = np.concatenate([half, -half])
    radii = radius * np.linspace(0.6, 1.4, 9)
    places = centre + directions[:, None, :] * radii[None, :, None]
    index = (places / grid.step_mm).reshape(-1, 3).T
    met = ndimage.map_coordinates(grid.body.astype(np.float32), index, order=1).reshape(places.shape[:2])
    cover = float((met.max(axis=1) > 0.5).mean())
    inner = (centre + (directions[::4, None, :] * radius * np.array([0.1, 0.3, 0.5])[None, :, None])).reshape(
        -1, 3
    )
    seen = ndimage.map_coordinates(grid.excess, (inner / grid.step_mm).T, order=1)
    wall = max(float(np.median(grid.excess[grid.body])), 1.0)
    return residual, cover, radius, min(1.0, max(0.0, 1 - float(seen.mean()) / wall))


def _softness(grid: FormGrid) -> float:
    near = ndimage.binary_dilation(grid.body, iterations=max(1, round(2.0 / grid.step_mm)))
    seen = grid.excess[near]
    outer = np.count_nonzero(seen > max(0.2 * grid.top_hu, grid.noise_hu))
    inner = np.count_nonzero(seen > 0.6 * grid.top_hu)
    return float((outer / max(inner, 1)) ** (1 / 3))


def _grains(grid: FormGrid) -> int:
    """Return the bright points that stand out from what lies between them."""
    size = 2 * max(1, round(GRAIN_MM / grid.step_mm)) + 1
    peak = ndimage.maximum_filter(grid.excess, size)
    about = ndimage.uniform_filter(grid.excess, 2 * size - 1)
    height = np.maximum(GRAIN_SHARE * grid.excess, 3 * grid.noise_hu)
    return int(np.count_nonzero(grid.body & (grid.excess >= peak) & (grid.excess - about > height)))


def _evenness(grid: FormGrid) -> float:
    inner = grid.depth_mm >= min(1.5 * grid.step_mm, float(grid.depth_mm.max()))
    low, high = np.quantile(grid.excess[inner], (0.1, 0.9))
    return float(max(low, 0.0) / max(high, 1.0))
