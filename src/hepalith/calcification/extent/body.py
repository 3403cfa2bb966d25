"""The body of a focus as it is seen: how compact, how even, how thick, before anything is measured of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import edt
import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.geometry import Box
from hepalith.image.noise import FWHM_PER_SIGMA

__all__ = [
    "TOP_QUANTILE",
    "TOP_SHARE",
    "Body",
    "core_weights",
    "look_at_body",
    "share_kept_by_wall",
    "sum_of",
]

LIMITED_RECOVERY = 0.99
"""A sphere that keeps less than this share of its contrast is limited by resolution: its volume and
its density cannot be told apart any more."""

CORE_DEPTH = 0.6
"""Share of a body's greatest depth from which its voxels are its core, whose mean is its contrast."""

TOP_QUANTILE, TOP_SHARE, TOP_SPREADS = 0.9, 0.1, 1.0
"""A body's plateau is even when this quantile of its excess stands no more than this share, and this many
noise deviations, above the mean of its core: of an even body noise alone lifts the quantile by 1.3."""

BLUR_IN_WALL, THINNEST = 0.6, 0.35
"""Share of the blur's squared width that adds to the seen thickness of a wall (1 for the thinnest, 0.4 for
one as thick as the blur), and the thinnest wall, over the blur's width, that is told."""

WALL_RECOVERY = 0.85
"""A body that is not compact is limited by resolution when its walls keep less of their contrast."""

AXIS_SLICES, AXIS_PIXELS = 1.3, 0.7
"""How far the length of a body may be wrong, in slice thicknesses across and pixels in plane: a point
between two slices fills both."""

COMPACT_RATIO, COMPACT_FILL = 2.2, 0.45
"""A body is compact, and a sphere is fitted to it, when its longest axis is at most this many times its
shortest (blur taken off) and it fills this share of the ellipsoid with its axes: noise in thick slices frays
the outline of a sphere as far."""

SOLID_FILL = 0.6
"""Share that it fills from which it counts as a solid grain even where no sphere explains it."""

ROUND_RATIO = 1.25
"""Longest over shortest axis up to which a sphere's diameter is the body's longest."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What is seen of a focus before a sphere is fitted to it.

    Parameters
    ----------
    sphere_mm
        Diameter of the sphere with this peak and this integrated excess.
    unresolved
        Blur hides its full contrast, so that contrast and volume cannot be read off.
    axes_mm
        Standard deviations along the principal axes, longest first, less what blur adds.
    fill
        Volume of the body over that of the ellipsoid with its axes.
    """

    sphere_mm: float
    unresolved: bool
    axes_mm: NDArray[np.float64]
    fill: float

    @property
    def long(self) -> bool:
        """Whether it is a rod or a branch rather than a wall."""
        return bool(self.axes_mm[0] > COMPACT_RATIO * self.axes_mm[1])

    @property
    def solid(self) -> bool:
        """Whether it is a grain without arms or holes."""
        return self.compact and self.fill >= SOLID_FILL

    @property
    def round(self) -> bool:
        """Whether it is as long as a sphere."""
        return self.compact and bool(self.axes_mm[0] <= ROUND_RATIO * self.axes_mm[2])

    @property
    def compact(self) -> bool:
        """Whether a sphere may stand for it."""
        return bool(self.axes_mm[0] <= COMPACT_RATIO * self.axes_mm[2] and self.fill >= COMPACT_FILL)


def look_at_body(aperture: Aperture, scene: Scene) -> Body:
    """Return what is seen of a focus before a sphere is fitted to it."""
    total, peak = sum_of(aperture, scene), float(aperture.excess[aperture.extent].max())
    sphere = scene.response.diameter_of(max(peak, 1.0) / max(total, 1e-6))
    thick = min(sphere, 2 * _half_thickness(aperture, scene))
    unresolved = scene.response.recovery_at(thick) < LIMITED_RECOVERY or not _is_even(aperture, scene)
    body = Body(sphere, unresolved, *principal_axes(aperture, scene))
    if body.compact or unresolved:
        return body
    return replace(body, unresolved=share_kept_by_wall(aperture, scene, long=body.long) < WALL_RECOVERY)


def core_weights(extent: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the weights of a mean over a body's core, the voxels deepest inside its contour."""
    box = Box.around(extent)
    depth = edt.edt(np.pad(extent[box.slices], 1), anisotropy=spacing_mm)[1:-1, 1:-1, 1:-1]
    core = np.zeros(extent.shape, np.bool_)
    core[box.slices] = depth >= CORE_DEPTH * float(depth.max())
    return np.asarray(core / float(core.sum()))


def principal_axes(aperture: Aperture, scene: Scene) -> tuple[NDArray[np.float64], float]:
    """Return the standard deviations along a body's principal axes, and how far it fills their ellipsoid.

    No elongation is claimed that blur and slices could make: each axis is brought towards the middle one
    by what it may be wrong. A body inside one thick slice is of unknown thickness, not flat.
    """
    spacing = np.asarray(scene.spacing_mm)
    points = np.argwhere(aperture.extent) * spacing
    weight = np.maximum(aperture.excess[aperture.extent], 1.0).astype(np.float64)
    away = points - np.average(points, axis=0, weights=weight)
    spread = np.einsum("n,ni,nj->ij", weight, away, away) / weight.sum() + np.diag(spacing**2 / 12)
    values, vectors = np.linalg.eigh(spread)
    seen = np.sqrt(values)
    thick = max(scene.blur.slice_mm, scene.spacing_mm[0])
    widths = np.array([AXIS_SLICES * thick, *(AXIS_PIXELS * spacing[1:])])
    doubt = np.sqrt(np.einsum("ia,i,ia->a", vectors, widths**2 / 12, vectors))
    middle = float(np.median(seen))
    likely = np.where(seen > middle, np.maximum(seen - doubt, middle), np.minimum(seen + doubt, middle))
    ellipsoid = 4 / 3 * math.pi * 5**1.5 * float(np.prod(seen))
    return np.sort(likely)[::-1], float(aperture.extent.sum()) * scene.grid.voxel_mm3 / ellipsoid


def _is_even(aperture: Aperture, scene: Scene) -> bool:
    """Return whether the deepest part of a body is as bright as any: its contrast then shows in full.

    Where thick slices cut a thin wall or a branch aslant, the deepest part holds little of it.
    """
    plateau = float((aperture.excess * core_weights(aperture.extent, scene.spacing_mm)).sum(dtype=np.float64))
    top = float(np.quantile(aperture.excess[aperture.extent], TOP_QUANTILE))
    return top - plateau <= TOP_SHARE * top + TOP_SPREADS * scene.noise.sd_hu


def share_kept_by_wall(aperture: Aperture, scene: Scene, *, long: bool) -> float:
    r"""Return the share of its contrast that the middle of a body's walls keeps, or the axis of a long one.

    A wall of thickness :math:`w` keeps :math:`\mathrm{erf}(w / 2\sqrt2\sigma)`; its thickness is twice the
    body's volume over its surface, blur taken off. The faces of voxels make half as much again of a surface
    as it has, whatever its direction. A rod of width :math:`w`, four times its volume over its surface, keeps
    :math:`1 - e^{-w^2 / 8\sigma^2}`.
    """
    sigma = math.hypot(scene.blur.in_plane_sigma_mm, scene.blur.slice_sigma_mm / 2)
    padded = np.pad(aperture.extent, 1)
    k, j, i = scene.spacing_mm
    faces = sum(
        float(np.count_nonzero(np.diff(padded, axis=axis))) * area
        for axis, area in enumerate((j * i, k * i, k * j))
    )
    seen = (6 if long else 3) * float(aperture.extent.sum()) * scene.grid.voxel_mm3 / faces
    width = FWHM_PER_SIGMA * sigma
    wall = math.sqrt(max(seen**2 - BLUR_IN_WALL * width**2, (THINNEST * width) ** 2))
    if long:
        return 1 - math.exp(-((wall / sigma) ** 2) / 8)
    return math.erf(wall / (2 * math.sqrt(2) * sigma))


def _half_thickness(aperture: Aperture, scene: Scene) -> float:
    """Return the radius of the largest ball inside the half-contrast contour, in mm."""
    padded = np.pad(aperture.extent[Box.around(aperture.extent).slices], 1)
    return float(edt.edt(padded, anisotropy=scene.spacing_mm).max())


def sum_of(aperture: Aperture, scene: Scene) -> float:
    """Return the integrated excess over an aperture, in HU·mm³."""
    return float(aperture.excess[aperture.inside].sum(dtype=np.float64)) * scene.grid.voxel_mm3
