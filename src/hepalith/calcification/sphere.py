"""A sphere as a scan shows it: blurred in plane, averaged over the slice's profile, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hepalith.image.noise import Blur

__all__ = ["Seen", "SphereView", "sphere_view"]

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


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A sphere of unit integral in the voxels of a box, and how that changes; all of the shape of the box.

    Per mm³, by log of diameter, by log of in-plane blur, by the slice profile's soft edge, and by mm along
    slice, row and column.
    """

    share: NDArray[np.float64]
    by_log_diameter: NDArray[np.float64]
    by_log_blur: NDArray[np.float64]
    by_edge: NDArray[np.float64]
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

    def see(
        self,
        diameter_mm: float,
        blur: float,
        edge: float,
        centre_mm: tuple[float, float, float],
        axes_mm: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    ) -> Seen:
        r"""Return a sphere of unit integral at the voxels of a box.

        Parameters
        ----------
        diameter_mm
            Of the sphere.
        blur
            In-plane blur over its estimate.
        edge
            Width of the slice profile's soft edge as a share of the slice: 0 is a box, 1 a triangle.
        centre_mm
            Along slice, row and column.
        axes_mm
            Places of the box's slices, rows and columns.

        Notes
        -----
        A disc of radius :math:`\rho` blurred by a Gaussian is
        :math:`\int \rho J_1(k\rho) J_0(kr) e^{-k^2\sigma^2/2}\,dk`; the sphere is the sum of its discs, each
        weighed by the share of the slice's sensitivity that it lies in.
        """
        heights = axes_mm[0] - centre_mm[0]
        count = heights.size
        radius = diameter_mm / 2
        here = self._discs(radius, heights, edge)
        larger = self._discs(radius * (1 + STEP), heights, edge)
        higher, lower = (self._discs(radius, heights + h, edge) for h in (STEP, -STEP))
        softer = self._discs(radius, heights, edge + EDGE_STEP)
        sigma = blur * self.sigma_mm
        passed = np.exp(-0.5 * (self.frequency * sigma) ** 2)
        spectra = np.concatenate(
            [here, (larger - here) / STEP, (lower - higher) / (2 * STEP), (softer - here) / EDGE_STEP]
        )
        spectra = np.concatenate([spectra * passed, here * (-((self.frequency * sigma) ** 2) * passed)])
        radial = spectra @ self.bessel
        slope = np.gradient(radial[:count], RADIUS_STEP_MM, axis=1)
        y, x = axes_mm[1] - centre_mm[1], axes_mm[2] - centre_mm[2]
        away = np.hypot(y[:, None], x[None])
        at = np.minimum(away / RADIUS_STEP_MM, self.radius_mm.size - 2 + 1 - 1e-9)
        low = at.astype(np.intp)
        part = at - low
        table = np.concatenate([radial, slope])
        values = table[:, low] * (1 - part) + table[:, low + 1] * part
        share, by_size, by_height, by_edge, by_blur, by_radius = values.reshape(6, count, y.size, x.size)
        outward = by_radius / np.maximum(away, 1e-6)
        return Seen(share, by_size, by_blur, by_edge, (by_height, -outward * y[:, None], -outward * x[None]))

    def _discs(self, radius: float, heights: NDArray[np.float64], edge: float) -> NDArray[np.float64]:
        """Return the transform of each slice's discs, for a sphere of unit integral: (slice, frequency)."""
        cuts = np.linspace(-radius, radius, CELLS + 1)
        low, high = cuts[:-1], cuts[1:]
        rho = np.sqrt(np.maximum(radius**2 - (low * low + low * high + high * high) / 3, 1e-12))
        below = _profile_below(cuts[None] - heights[:, None], self.slice_mm, edge)
        transform = rho[:, None] * special.j1(rho[:, None] * self.frequency)
        volume = float((np.pi * rho**2).sum()) * (2 * radius / CELLS)
        return np.asarray(np.diff(below, axis=1) @ transform / volume)


def sphere_view(blur: Blur, spacing_mm: tuple[float, float, float]) -> SphereView:
    """Return the view of spheres in a scan with this blur and grid."""
    reach = FREQUENCY_REACH / (LEAST_BLUR * blur.in_plane_sigma_mm)
    nodes, weights = np.polynomial.legendre.leggauss(FREQUENCIES)
    frequency = reach / 2 * (nodes + 1)
    radius = np.arange(0.0, MOST_RADIUS_MM + RADIUS_STEP_MM, RADIUS_STEP_MM)
    bessel = special.j0(frequency[:, None] * radius[None]) * (reach / 2 * weights)[:, None]
    return SphereView(blur.in_plane_sigma_mm, blur.slice_mm, spacing_mm, frequency, radius, bessel)


def _profile_below(at_mm: NDArray[np.float64], slice_mm: float, share: float) -> NDArray[np.float64]:
    """Return the share of a slice's sensitivity below a height over its centre: a trapezoid."""
    edge = share * slice_mm
    outer, inner = (slice_mm + edge) / 2, (slice_mm - edge) / 2
    ramps = [np.square(np.maximum(at_mm + s, 0.0)) / 2 for s in (outer, inner, -inner, -outer)]
    return np.asarray((ramps[0] - ramps[1] - ramps[2] + ramps[3]) / (slice_mm * edge))
