"""The volume of a body no sphere is fitted to: its integrated excess over the contrast it stands for."""

from __future__ import annotations

import math

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.extent.blur_model import SphereResponse
from hepalith.calcification.extent.body import TOP_QUANTILE, TOP_SHARE, core_weights, share_kept_by_wall
from hepalith.calcification.extent.sphere_volume import CONTRAST_SPREAD, MAX_CONTRAST_HU, USUAL_CONTRAST_HU
from hepalith.geometry import Box
from hepalith.vocabulary import Measurement

__all__ = ["volume_above_blur", "volume_below_blur", "volume_of_thin"]

Z95 = 1.96
"""Standard deviations on either side of a 95 % interval of a normal error."""

THIN_DOUBT = 0.8
"""Standard deviation of what blur takes from a thin body, as a share of the logarithm of what it keeps: the
body may be a wall, a rod or a branch. Our judgement."""

PLATEAU_SHARE = 0.03
"""Relative standard error of the core's mean as the full contrast. From `benchmarks/intervals.py`."""

DEEP = 1.1
"""Depth beneath the surface, in widths of the blur, from which a body shows its full contrast (to 1 %)."""

FEWEST_DEEP = 4
"""Fewest voxels that deep from which the contrast beneath the surface is told."""

LOCAL_SHARE = 0.3
"""Error of the volume over the logarithm by which it differs from one of even contrast. Our judgement."""

PLACE_SPREADS = 1.73
"""Standard deviations from the middle to the end of a uniform distribution (sub-voxel places)."""

SUM_SHARE = 0.015
"""Relative standard error of the integrated excess from the aperture itself (tails cut, edges
between neighbours). From `benchmarks/intervals.py`."""


def volume_below_blur(total: float, total_se: float, peak: float, scene: Scene) -> tuple[Measurement, float]:
    """Return the volume of the sphere with this peak and sum, and its contrast.

    On the logarithm of the volume, the sphere's is a normal with the errors of peak and sum, of the
    blur and of the sub-voxel place, cut off at what calcium can be: no denser than `MAX_CONTRAST_HU`,
    no fainter than its own brightest voxel. Value and interval are those of the cut normal.
    """
    noise = scene.noise.sd_hu
    total, peak = max(total, 1e-3), max(peak, noise)
    least = math.log(max(total - Z95 * total_se, 0.1 * total) / MAX_CONTRAST_HU)
    most = math.log((total + Z95 * total_se) / max(peak - Z95 * noise, 0.5 * noise))
    most = max(most, least + 0.01)
    nominal = scene.response

    def solve(share: float, response: SphereResponse, recovery: NDArray[np.float64]) -> float:
        return math.log(math.pi / 6 * response.diameter_of(share * peak / total, recovery) ** 3)

    relative = min(1.0, math.hypot(total_se / total, noise / peak))
    errors = (
        (
            solve(math.exp(-relative), nominal, nominal.recovery)
            - solve(math.exp(relative), nominal, nominal.recovery)
        )
        / 2,
        (solve(1.0, scene.sharper, scene.sharper.recovery) - solve(1.0, scene.softer, scene.softer.recovery))
        / 2
        / Z95,
        (solve(1.0, nominal, nominal.recovery_high) - solve(1.0, nominal, nominal.recovery_low))
        / 2
        / PLACE_SPREADS,
    )
    error = math.sqrt(sum(e**2 for e in errors) + SUM_SHARE**2)
    middle = solve(1.0, nominal, nominal.recovery)
    low, value, high = _cut_normal(middle, error, least, most)
    return Measurement(math.exp(value), "mm3", math.exp(low), math.exp(high)), total / math.exp(value)


def volume_of_thin(
    total: float, total_se: float, aperture: Aperture, scene: Scene, *, long: bool
) -> tuple[Measurement, float]:
    """Return the volume of a rod, branch or wall that blur does not resolve, and the contrast it stands for.

    Its contrast is at least what its brighter voxels show, and otherwise what its thickness lets one expect
    (`share_kept_by_wall`) and calcium has.
    """
    noise = scene.noise.sd_hu
    top = max(float(np.quantile(aperture.excess[aperture.extent], TOP_QUANTILE)), noise)
    kept = share_kept_by_wall(aperture, scene, long=long)
    doubt = math.hypot(THIN_DOUBT * math.log(1 / kept), math.hypot(TOP_SHARE, noise / top))
    precision = doubt**-2 + CONTRAST_SPREAD**-2
    seen, usual = math.log(top / kept), math.log(USUAL_CONTRAST_HU)
    likely = (seen * doubt**-2 + usual * CONTRAST_SPREAD**-2) / precision
    least = math.log(max(top - 2 * noise, 0.8 * top))
    most = max(math.log(MAX_CONTRAST_HU), least + 0.1)
    faint, middle, dense = (math.exp(c) for c in _cut_normal(likely, precision**-0.5, least, most))
    relative = min(1.0, total_se / max(total, 1e-3))
    value = max(total, 1e-3) / middle
    low, high = (
        value * math.exp(-math.hypot(math.log(dense / middle), Z95 * relative)),
        value * math.exp(math.hypot(math.log(middle / faint), Z95 * relative)),
    )
    return Measurement(value, "mm3", low, high), middle


def volume_above_blur(
    total: float, total_se: float, aperture: Aperture, scene: Scene
) -> tuple[Measurement, float]:
    """Return the volume of a body that blur resolves, and its mean contrast.

    Every voxel counts by its excess over the contrast of the body where it is deepest nearby: calcium is
    denser in one part than in another, and the surface stands at half of the contrast beneath it.
    """
    weights = core_weights(aperture.extent, scene.spacing_mm)
    plateau = max(float((aperture.excess * weights).sum(dtype=np.float64)), scene.noise.sd_hu)
    plateau_se = math.sqrt(scene.noise.variance_of(weights))
    value = max(total, 1e-3) / plateau
    even = PLATEAU_SHARE
    local = _volume_by_local_contrast(aperture, scene)
    if local is not None:
        even = math.hypot(PLATEAU_SHARE, LOCAL_SHARE * math.log(max(local / value, 1e-3)))
        value = local
    relative = min(3.0, math.hypot(total_se / max(total, 1e-3), math.hypot(even, plateau_se / plateau)))
    return Measurement(
        value, "mm3", value * math.exp(-Z95 * relative), value * math.exp(Z95 * relative)
    ), max(total, 1e-3) / value


def _volume_by_local_contrast(aperture: Aperture, scene: Scene) -> float | None:
    """Return the sum of each voxel's excess over the contrast beneath it, in mm³; None where none is deep."""
    box = Box.around(aperture.inside)
    extent, excess = aperture.extent[box.slices], aperture.excess[box.slices]
    spacing, blur = scene.spacing_mm, scene.blur
    widths = (max(blur.slice_mm, spacing[0]), blur.in_plane_fwhm_mm, blur.in_plane_fwhm_mm)
    scale = tuple(s / w for s, w in zip(spacing, widths, strict=True))
    depth = edt.edt(np.pad(extent, 1), anisotropy=scale)[1:-1, 1:-1, 1:-1]
    deep = depth >= DEEP
    if int(deep.sum()) < FEWEST_DEEP:
        return None
    share = ndimage.uniform_filter(deep.astype(np.float32), 3, mode="constant")
    smooth = ndimage.uniform_filter(np.where(deep, excess, np.float32(0)), 3, mode="constant")
    smooth /= np.maximum(share, np.float32(1e-3))
    nearest = ndimage.distance_transform_edt(
        ~deep, sampling=scale, return_distances=False, return_indices=True
    )
    beneath = np.maximum(smooth[tuple(nearest)], np.float32(max(scene.noise.sd_hu, 1.0)))
    inside = aperture.inside[box.slices]
    return max(float((excess / beneath)[inside].sum(dtype=np.float64)) * scene.grid.voxel_mm3, 1e-3)


def _cut_normal(middle: float, error: float, least: float, most: float) -> tuple[float, float, float]:
    """Return the 2.5 %, 50 % and 97.5 % points of a normal distribution cut off at both ends."""
    start, stop = special.ndtr((least - middle) / error), special.ndtr((most - middle) / error)
    if stop - start < 1e-6:  # the sphere lies outside what calcium can be: nothing is known in between
        shares = (0.025, 0.5, 0.975)
        low, value, high = (least + share * (most - least) for share in shares)
        return low, value, high
    points = special.ndtri(start + np.array([0.025, 0.5, 0.975]) * (stop - start))
    low, value, high = (float(np.clip(middle + error * p, least, most)) for p in points)
    return low, value, high
