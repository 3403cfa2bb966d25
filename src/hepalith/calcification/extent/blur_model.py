"""How a small sphere looks in this scan: the share of its contrast that survives, by its diameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.image.noise import Blur

__all__ = ["SphereResponse", "sphere_response"]

DIAMETERS_MM = np.geomspace(0.2, 40.0, 120)
"""Diameters at which the response is tabulated: from far below any blur to far above."""

DEPTH_STEPS = 201
"""Points of the integral through the sphere."""


@dataclass(frozen=True, slots=True, eq=False)
class SphereResponse:
    """Peak contrast of a sphere in an image, as a share of its true contrast, by diameter.

    `recovery` is the mean over sub-voxel places, `recovery_low` and `recovery_high` the least and the
    most favourable place (between voxels and slices; at the centre of one), `volume_mm3` the
    sphere's volume.
    """

    diameter_mm: NDArray[np.float64]
    volume_mm3: NDArray[np.float64]
    recovery: NDArray[np.float64]
    recovery_low: NDArray[np.float64]
    recovery_high: NDArray[np.float64]

    def diameter_of(self, peak_per_sum: float, recovery: NDArray[np.float64] | None = None) -> float:
        """Return the diameter of the sphere with a given peak excess over integrated excess, in 1/mm³.

        For a sphere far below the blur the ratio no longer depends on the diameter; the smallest
        tabulated diameter is then returned. `recovery` may be that of another place.
        """
        ratio = (self.recovery if recovery is None else recovery) / self.volume_mm3
        if peak_per_sum >= ratio[0]:
            return float(self.diameter_mm[0])
        if peak_per_sum <= ratio[-1]:
            return float(self.diameter_mm[-1])
        return float(np.exp(np.interp(-np.log(peak_per_sum), -np.log(ratio), np.log(self.diameter_mm))))

    def recovery_at(self, diameter_mm: float) -> float:
        """Return the mean share of contrast that survives at a diameter."""
        return float(np.interp(diameter_mm, self.diameter_mm, self.recovery))


def sphere_response(blur: Blur, spacing_mm: tuple[float, float, float]) -> SphereResponse:
    r"""Return the peak response to spheres of a scan with this blur and grid.

    In plane the blur is a Gaussian, so a disc of radius :math:`\rho` keeps
    :math:`1 - \exp(-\rho^2 / 2\sigma^2)` of its contrast at its centre; across slices the discs are
    averaged over the slice profile. The brightest voxel lies up to half a voxel off the centre:
    in plane half a pixel widens the Gaussian, across slices the box profile is displaced.

    Examples
    --------
    >>> response = sphere_response(Blur(1.2, 1.0, "an example"), (1.0, 0.7, 0.7))
    >>> round(response.recovery_at(10.0), 2)
    1.0
    """
    radius = DIAMETERS_MM / 2
    depth = np.linspace(-1, 1, DEPTH_STEPS)[None, :] * radius[:, None]
    disc2 = radius[:, None] ** 2 - depth**2
    offsets = (np.arange(8) + 0.5) / 8 * 0.5 * spacing_mm[0]
    pixel2 = (spacing_mm[1] ** 2 + spacing_mm[2] ** 2) / 24
    sigma2 = blur.in_plane_sigma_mm**2
    mean_disc = 1 - np.exp(-disc2 / (2 * (sigma2 + pixel2)))
    worst_disc = 1 - np.exp(-disc2 / (2 * (sigma2 + 2 * pixel2)))
    step = depth[:, 1] - depth[:, 0]

    def through(disc: NDArray[np.float64], offset: float) -> NDArray[np.float64]:
        edge = 0.1 * blur.slice_mm
        far = np.abs(depth - offset) - blur.slice_mm / 2
        profile = np.clip(0.5 - far / (2 * edge), 0, 1) / blur.slice_mm
        share = (disc * profile).sum(axis=1) * step
        # the sum over few depths of a large sphere wavers by a part in a thousand
        return np.asarray(np.maximum.accumulate(np.minimum(share, 1.0)))

    recovery = np.mean([through(mean_disc, float(o)) for o in offsets], axis=0)
    worst = through(worst_disc, spacing_mm[0] / 2)
    best = through(1 - np.exp(-disc2 / (2 * sigma2)), 0.0)
    volume = np.pi / 6 * DIAMETERS_MM**3
    return SphereResponse(
        DIAMETERS_MM, volume, recovery, np.minimum(worst, recovery), np.maximum(best, recovery)
    )
