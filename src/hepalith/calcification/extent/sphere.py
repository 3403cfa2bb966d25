"""A sphere as a scan shows it: blurred in plane, averaged over the slice's profile, with its derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hepalith.image.noise import Blur

__all__ = ["PointSpread", "Seen", "SphereView", "sphere_view"]

MOST_RADIUS_MM = 16.0
"""How far from its axis a sphere is looked at: 12 mm of diameter, the blur and some background."""

RADIUS_STEP_MM = 0.1
"""Distance between the radii at which the blurred discs are worked out: a sixth of the sharpest blur."""

FREQUENCIES = 160
"""Points of the Gauss-Legendre integral over spatial frequency; with the range below it is exact to 1e-4."""

FREQUENCY_REACH = 5.5
"""Where that integral ends, in standard deviations of the blur's transform."""

LEAST_BLUR = 0.6
"""Least blur looked at, as a share of the estimate."""

CELLS = 32
"""Discs that a sphere is cut into; each has its exact volume."""

STEP = 0.005
"""Relative step of the derivatives by diameter, and in mm of that by height."""

EDGE_STEP = 0.02
"""Step of the derivative by the profile's soft edge."""

WIDE = 2.1
"""Width of the Gaussian that an edge-raising kernel takes away, over that of its narrow one: 2.0 to 2.4 fit
body to bone kernels."""

BOX_LEAST = 0.3
"""Least share of the blur that is a Gaussian rather than the pixel's own width."""

ANGLES = 24
"""Directions over which the pixel's transform is averaged: it is square, the table is round."""


@dataclass(frozen=True, slots=True)
class PointSpread:
    """A point spread about its estimate.

    `blur` is the in-plane blur over its estimate; `edge` the width of the slice profile's soft edge as a
    share of the slice (0 a box, 1 a triangle); `boost` how far the kernel raises edges (0 not at all).
    """

    blur: float
    edge: float
    boost: float


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A sphere of unit integral in the voxels of a box, and how that changes; all of the shape of the box.

    Per mm³, by log of diameter, by log of in-plane blur, by the slice profile's soft edge, by the kernel's
    boost, and by mm along slice, row and column; `halo` is the ball about it, of unit contrast.
    """

    share: NDArray[np.float64]
    by_log_diameter: NDArray[np.float64]
    by_log_blur: NDArray[np.float64]
    by_edge: NDArray[np.float64]
    by_boost: NDArray[np.float64]
    halo: NDArray[np.float64]
    by_place: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class SphereView:
    """What all spheres in one scan share: its blur, spacing, and the tables of the integral."""

    sigma_mm: float
    slice_mm: float
    spacing_mm: tuple[float, float, float]
    frequency: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    bessel: NDArray[np.float64]
    """J0 of frequency times radius, times the weight of the frequency: (frequency, radius)."""
    pixel: NDArray[np.float64]
    """Transform of a pixel's own width, by frequency."""

    def see(
        self,
        diameter_mm: float,
        halo_mm: float,
        spread: PointSpread,
        centre_mm: tuple[float, float, float],
        axes_mm: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    ) -> Seen:
        r"""Return a sphere of unit integral at the voxels of a box.

        Parameters
        ----------
        diameter_mm, halo_mm
            Of the sphere, and of the ball of medium about it.
        spread
            The point spread.
        centre_mm
            Along slice, row and column.
        axes_mm
            Places of the box's slices, rows and columns.

        Notes
        -----
        A disc of radius :math:`\rho` blurred by a kernel that passes :math:`M(k)` is
        :math:`\int \rho J_1(k\rho) J_0(kr) M(k)\,dk`; the sphere is the sum of its discs, each
        weighed by the share of the slice's sensitivity that it lies in. The kernel is a Gaussian less a wider
        one (`WIDE`), and the pixel's own width.
        """
        heights = axes_mm[0] - centre_mm[0]
        count = heights.size
        radius, edge = diameter_mm / 2, spread.edge
        cuts, whole = self._discs(radius)
        here = self._weighed(cuts, whole, heights, edge)
        larger = self._weighed(*self._discs(radius * (1 + STEP)), heights, edge)
        higher, lower = (self._weighed(cuts, whole, heights + h, edge) for h in (STEP, -STEP))
        softer = self._weighed(cuts, whole, heights, edge + EDGE_STEP)
        around = self._weighed(*self._discs(halo_mm / 2), heights, edge) * (math.pi / 6 * halo_mm**3)
        passed, by_log_blur, by_boost = self._passed(spread)
        spectra = np.concatenate(
            [
                np.concatenate(
                    [
                        here,
                        (larger - here) / STEP,
                        (lower - higher) / (2 * STEP),
                        (softer - here) / EDGE_STEP,
                        around,
                    ]
                )
                * passed,
                here * by_log_blur,
                here * by_boost,
            ]
        )
        radial = spectra @ self.bessel
        slope = np.gradient(radial[:count], RADIUS_STEP_MM, axis=1)
        y, x = axes_mm[1] - centre_mm[1], axes_mm[2] - centre_mm[2]
        away = np.hypot(y[:, None], x[None])
        at = np.minimum(away / RADIUS_STEP_MM, self.radius_mm.size - 2 + 1 - 1e-9)
        low = at.astype(np.intp)
        part = at - low
        table = np.concatenate([radial, slope])
        values = table[:, low] * (1 - part) + table[:, low + 1] * part
        share, by_size, by_height, by_edge, halo, by_blur, boosted, by_radius = values.reshape(
            8, count, y.size, x.size
        )
        outward = by_radius / np.maximum(away, 1e-6)
        places = (by_height, -outward * y[:, None], -outward * x[None])
        return Seen(share, by_size, by_blur, by_edge, boosted, halo, places)

    def _passed(self, spread: PointSpread) -> tuple[NDArray[np.float64], ...]:
        """Return what passes at each frequency, and how that changes by log blur and by boost.

        The steepness of an edge is what the blur is read from: it stays the same at any boost.
        """
        narrow = spread.blur * self.sigma_mm * (1 + spread.boost * (1 - 1 / WIDE))
        by_narrow = spread.blur * self.sigma_mm * (1 - 1 / WIDE) / narrow
        square = np.square(self.frequency * narrow)
        sharp = np.exp(-0.5 * square) * self.pixel
        wide = np.exp(-0.5 * WIDE**2 * square) * self.pixel
        boost = spread.boost
        passed = (1 + boost) * sharp - boost * wide
        by_log = -square * ((1 + boost) * sharp - boost * WIDE**2 * wide)
        return passed, by_log, sharp - wide + by_log * by_narrow

    def _discs(self, radius: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where a sphere of unit integral is cut into discs, and their transforms."""
        cuts = np.linspace(-radius, radius, CELLS + 1)
        low, high = cuts[: CELLS // 2], cuts[1 : CELLS // 2 + 1]
        rho = np.sqrt(np.maximum(radius**2 - (low * low + low * high + high * high) / 3, 1e-12))
        half = rho[:, None] * special.j1(rho[:, None] * self.frequency)
        volume = float((2 * np.pi * rho**2).sum()) * (2 * radius / CELLS)
        return cuts, np.concatenate([half, half[::-1]]) / volume

    def _weighed(
        self,
        cuts: NDArray[np.float64],
        discs: NDArray[np.float64],
        heights: NDArray[np.float64],
        edge: float,
    ) -> NDArray[np.float64]:
        """Return the transform that each slice sees of discs: (slice, frequency)."""
        below = _profile_below(cuts[None] - heights[:, None], self.slice_mm, edge)
        return np.asarray(np.diff(below, axis=1) @ discs)


def sphere_view(blur: Blur, spacing_mm: tuple[float, float, float]) -> SphereView:
    """Return the view of spheres in a scan with this blur and grid."""
    width = math.sqrt(spacing_mm[1] * spacing_mm[2])
    whole = blur.in_plane_sigma_mm
    sigma = math.sqrt(max(whole**2 - width**2 / 12, (BOX_LEAST * whole) ** 2))
    reach = FREQUENCY_REACH / (LEAST_BLUR * whole)
    nodes, weights = np.polynomial.legendre.leggauss(FREQUENCIES)
    frequency = reach / 2 * (nodes + 1)
    radius = np.arange(0.0, MOST_RADIUS_MM + RADIUS_STEP_MM, RADIUS_STEP_MM)
    bessel = special.j0(frequency[:, None] * radius[None]) * (reach / 2 * weights)[:, None]
    angle = (np.arange(ANGLES) + 0.5) / ANGLES * (math.pi / 4)
    turns = frequency[:, None] * width / (2 * math.pi)
    pixel = (np.sinc(turns * np.cos(angle)) * np.sinc(turns * np.sin(angle))).mean(axis=1)
    return SphereView(sigma, blur.slice_mm, spacing_mm, frequency, radius, bessel, pixel)


def _profile_below(at_mm: NDArray[np.float64], slice_mm: float, share: float) -> NDArray[np.float64]:
    """Return the share of a slice's sensitivity below a height over its centre: a trapezoid."""
    edge = share * slice_mm
    outer, inner = (slice_mm + edge) / 2, (slice_mm - edge) / 2
    ramps = [np.square(np.maximum(at_mm + s, 0.0)) / 2 for s in (outer, inner, -inner, -outer)]
    return np.asarray((ramps[0] - ramps[1] - ramps[2] + ramps[3]) / (slice_mm * edge))
