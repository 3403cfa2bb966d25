"""The form of a focus in plain numbers: how solid, hollow, long, flat, branched, grainy it is."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.extent.caliper import half_sphere
from hepalith.calcification.form.course import COMPACT_COURSE, follow_course
from hepalith.calcification.form.grid import FormGrid, draw_on_grid
from hepalith.image.noise import Blur

__all__ = ["Form", "blur_width_mm", "look_at_form", "measure_form"]

Array = NDArray[np.float32]

HULL_DIRECTIONS = 300
"""Directions over the half sphere in which the convex hull is touched: its volume is then right to 1 %."""

SHELL_DIRECTIONS = 200
"""Directions over the half sphere, both ways, in which a wall is looked for: 10 degrees apart."""

FLATTEST = 4.0
"""Radius of the sphere, over the distance of the body's farthest point from its middle, from which the body
is flat: there is no middle to look from."""

FRAGMENT_GAP_MM = 1.6
"""Gap across which pieces belong to one form: less than lies between stones of a chain (2 mm and more), more
than between grains of sand. Our judgement."""

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
    caliper_mm
        Longest caliper of the body on its grid, its blurred edge included.
    blurs
        That in widths of the blur: below 2 hardly any form can be seen.
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
    enclosed
        The same for what is enclosed in any plane across an axis: the inside of a tube is, too.
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
    length, straight, ends, loops, rays, beads, necks
        Of its course (`Course`); the length over the longest caliper.
    """

    caliper_mm: float
    blurs: float
    volume_mm3: float
    contrast_hu: float
    elongation: float
    flatness: float
    solidity: float
    ellipsoid: float
    slimness: float
    hollow: float
    enclosed: float
    cavities: int
    shell_residual: float
    shell_cover: float
    shell_radius: float
    shell_empty: float
    softness: float
    grains: int
    length: float
    straight: float
    ends: int
    loops: int
    rays: int
    beads: int
    necks: float


def look_at_form(aperture: Aperture, scene: Scene) -> Form:
    """Return the geometry of a focus, measured on a fine grid along its own axes."""
    owners = scene.owners[aperture.box.slices]
    extent, others = join_fragments(owners, aperture.extent, scene.spacing_mm)
    noise_hu = scene.noise.sd_hu * aperture.noise_share
    grid = draw_on_grid(aperture.excess, extent, scene.spacing_mm, noise_hu, others)
    return measure_form(grid, blur_width_mm(scene.blur, scene.spacing_mm))


def join_fragments(
    owners: NDArray[np.integer[Any]], extent: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the extent of a body with the bodies that all but touch it, and where all others are.

    Sand, clouds and septa are found in pieces: the form is that of the whole. Bodies that leave the box
    are others: a rib, a vessel.
    """
    bodies = (owners > 0) | extent
    if not (bodies & ~extent).any():
        return extent, np.zeros(extent.shape, np.bool_)
    away = edt.edt(~bodies, anisotropy=spacing_mm, black_border=False)
    chained = cc3d.connected_components(away <= FRAGMENT_GAP_MM / 2, connectivity=26)
    mates = np.isin(chained, np.unique(chained[extent])) & bodies
    edge = np.ones(owners.shape, np.bool_)
    edge[1:-1, 1:-1, 1:-1] = False
    leaving = np.unique(owners[edge])
    whole = extent | (mates & ~np.isin(owners, leaving))
    return whole, bodies & ~whole


def blur_width_mm(blur: Blur, spacing_mm: tuple[float, float, float]) -> float:
    """Return the width of the blur: the cube root of what a point fills."""
    return float((max(blur.slice_mm, spacing_mm[0]) * blur.in_plane_fwhm_mm**2) ** (1 / 3))


def measure_form(grid: FormGrid, blur_mm: float) -> Form:
    """Return the geometry of the body on a grid; `blur_mm` is the width of the blur."""
    points = _places(grid.body, grid.step_mm)
    surface = _places(grid.body & (grid.depth_mm < 1.01 * grid.step_mm), grid.step_mm)
    hull, caliper = _hull(surface, grid.step_mm)
    axes, ellipsoid = _axes(points, grid)
    hollow, enclosed, cavities = _enclosed(grid)
    shell = _look_from_inside(grid, points)
    slender = axes[0] > SLENDER * axes[1] or grid.volume_mm3 < SPARSE * hull
    course = follow_course(grid) if slender else COMPACT_COURSE
    return Form(
        caliper_mm=caliper,
        blurs=caliper / blur_mm,
        volume_mm3=grid.volume_mm3,
        contrast_hu=grid.top_hu,
        elongation=float(axes[0] / axes[1]),
        flatness=float(axes[1] / axes[2]),
        solidity=min(1.0, grid.volume_mm3 / hull),
        ellipsoid=ellipsoid,
        slimness=caliper / _thickness(grid),
        hollow=hollow,
        enclosed=enclosed,
        cavities=cavities,
        shell_residual=shell.residual,
        shell_cover=shell.cover,
        shell_radius=2 * shell.radius_mm / caliper,
        shell_empty=shell.empty,
        softness=_softness(grid),
        grains=_grains(grid),
        length=course.length_mm / caliper,
        straight=course.straight,
        ends=course.ends,
        loops=course.loops,
        rays=course.rays,
        beads=course.beads,
        necks=course.necks,
    )


def _places(which: NDArray[np.bool_], step_mm: float) -> NDArray[np.float64]:
    """Return where voxels of the grid lie, in mm, shape (n, 3)."""
    return np.asarray(np.argwhere(which) * step_mm, dtype=np.float64)


def _hull(points: NDArray[np.float64], step_mm: float) -> tuple[float, float]:
    """Return volume and longest caliper of the convex hull, half a step added all around."""
    directions = half_sphere(HULL_DIRECTIONS)
    along = points @ directions.T
    caliper = float((along.max(axis=0) - along.min(axis=0)).max()) + step_mm
    touched = points[np.unique(np.concatenate([along.argmax(axis=0), along.argmin(axis=0)]))]
    corners = np.array(list(itertools.product((-0.5, 0.5), repeat=3))) * step_mm
    cubes = (touched[:, None, :] + corners).reshape(-1, 3)
    try:
        return float(ConvexHull(cubes).volume), caliper
    except QhullError:  # cannot happen with whole cubes, but a form is no reason to lose a focus
        return float(len(points)) * step_mm**3, caliper


def _axes(points: NDArray[np.float64], grid: FormGrid) -> tuple[NDArray[np.float64], float]:
    """Return the standard deviations along the principal axes, longest first, and the ellipsoid's fill."""
    away = points - points.mean(axis=0)
    spread = away.T @ away / len(points) + np.eye(3) * grid.step_mm**2 / 12
    values = np.asarray(np.sqrt(np.linalg.eigvalsh(spread))[::-1], dtype=np.float64)
    ellipsoid = 4 / 3 * math.pi * 5**1.5 * float(np.prod(values))
    return values, grid.volume_mm3 / ellipsoid


def _thickness(grid: FormGrid) -> float:
    """Return twice the median depth of the body's inmost points, in mm."""
    peak = ndimage.maximum_filter(grid.depth_mm, 3)
    inmost = grid.body & (grid.depth_mm >= peak - 1e-3)
    return 2 * float(np.median(grid.depth_mm[inmost]))


def _enclosed(grid: FormGrid) -> tuple[float, float, int]:
    """Return the shares that are enclosed from two sides and from one at least, and the cavities."""
    across = [_holes(grid.body, axis) for axis in range(3)]
    sides = across[0].astype(np.uint8) + across[1] + across[2]
    inside = sides >= 2
    body = float(np.count_nonzero(grid.body))
    hollow = float(np.count_nonzero(inside))
    within = float(np.count_nonzero(sides))
    cavities = 0
    if hollow:
        counts = np.bincount(cc3d.connected_components(inside, connectivity=6).ravel())[1:]
        cavities = int((counts * grid.step_mm**3 >= CAVITY_MM3).sum())
    return hollow / (hollow + body), within / (within + body), cavities


def _holes(body: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return what the body encloses in the planes across an axis."""
    planes = np.moveaxis(body, axis, 0)
    apart = np.zeros((2 * planes.shape[0], planes.shape[1] + 2, planes.shape[2] + 2), np.bool_)
    apart[::2] = True  # planes of background with nothing between them: one labelling does them all
    apart[::2, 1:-1, 1:-1] &= ~planes
    labels = cc3d.connected_components(apart, connectivity=6)[::2]
    holes = (labels > 0) & (labels != labels[:, :1, :1])
    return np.moveaxis(holes[:, 1:-1, 1:-1], 0, axis)


@dataclass(frozen=True, slots=True)
class _Shell:
    """The sphere through a body's points, and what is seen from its middle."""

    residual: float
    cover: float
    radius_mm: float
    empty: float


def _look_from_inside(grid: FormGrid, points: NDArray[np.float64]) -> _Shell:
    """Return the sphere that fits a body's points best, by algebraic least squares."""
    about = points.mean(axis=0)
    away = points - about
    system = np.concatenate([2 * away, np.ones((len(away), 1))], axis=1)
    solved, *_ = np.linalg.lstsq(system, np.square(away).sum(axis=1), rcond=None)
    radius = math.sqrt(max(float(solved[3] + solved[:3] @ solved[:3]), grid.step_mm**2))
    largest = FLATTEST * float(np.linalg.norm(away, axis=1).max())
    if radius > largest:
        return _Shell(0.0, 0.0, largest, 0.0)
    centre = about + solved[:3]
    residual = float(np.sqrt(np.square(np.linalg.norm(points - centre, axis=1) - radius).mean())) / radius
    half = half_sphere(SHELL_DIRECTIONS)
    directions = np.concatenate([half, -half])

    def seen(values: NDArray[np.float32], directions: NDArray[np.float64], radii: list[float]) -> Array:
        places = centre + directions[:, None, :] * (radius * np.array(radii))[None, :, None]
        index = (places / grid.step_mm).reshape(-1, 3).T
        return np.asarray(
            ndimage.map_coordinates(values, index, order=1).reshape(places.shape[:2]), dtype=np.float32
        )

    met = seen(grid.body.astype(np.float32), directions, [0.1 * n for n in range(6, 15)])
    cover = float((met.max(axis=1) > 0.5).mean())
    wall = max(float(np.median(grid.excess[grid.body])), 1.0)
    inside = float(seen(grid.excess, directions[::4], [0.1, 0.3, 0.5]).mean())
    return _Shell(residual, cover, radius, min(1.0, max(0.0, 1 - inside / wall)))


def _softness(grid: FormGrid) -> float:
    near = ndimage.binary_dilation(grid.body, iterations=max(1, round(2.0 / grid.step_mm)))
    seen = grid.excess[near]
    outer = int(np.count_nonzero(seen > max(0.2 * grid.top_hu, grid.noise_hu)))
    inner = int(np.count_nonzero(seen > 0.6 * grid.top_hu))
    return float((outer / max(inner, 1)) ** (1 / 3))


def _grains(grid: FormGrid) -> int:
    """Return the bright points that stand out from what lies between them."""
    size = 2 * max(1, round(GRAIN_MM / grid.step_mm)) + 1
    peak = ndimage.maximum_filter(grid.excess, size)
    about = ndimage.uniform_filter(grid.excess, 2 * size - 1)
    height = np.maximum(GRAIN_SHARE * grid.excess, 3 * grid.noise_hu)
    return int(np.count_nonzero(grid.body & (grid.excess >= peak) & (grid.excess - about > height)))
