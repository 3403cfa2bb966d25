"""Measuring a focus: integrated excess first, then volume, diameter and density, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.aperture import Aperture, Scene
from hepalith.calcification.blur_model import SphereResponse
from hepalith.calcification.caliper import crossings, longest_caliper_mm
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["Measured", "core_weights", "mass_of", "measure"]

Z95 = 1.96
"""Standard deviations on either side of a 95 % interval of a normal error."""

MODEL_SHARE = 0.015
"""Relative standard error of the integrated excess from the aperture itself (tails cut, edges
between neighbours). From `benchmarks/intervals.py`."""

MAX_CONTRAST_HU = 2500.0
"""Most that calcium in the liver stands above its surroundings. Pure hydroxyapatite would reach
more; calcified tissue and stones at 120 kVp stay below about 2000 HU. Bounds the volume below the
blur from below. Our judgement."""

LIMITED_RECOVERY = 0.97
"""A sphere that keeps less than this share of its contrast is limited by resolution: its volume and
its density cannot be told apart any more."""

CORE_DEPTH = 0.6
"""Share of a body's greatest depth from which its voxels are its core, whose mean is its contrast."""

PLATEAU_SHARE = 0.04
"""Relative standard error of the core's mean as the full contrast. From `benchmarks/intervals.py`."""

PLACE_SPREADS = 1.73
"""Standard deviations from the middle to the end of a uniform distribution (sub-voxel places)."""

CALIPER_VOXELS = 0.35
"""Standard error of the caliper in voxels along its direction. From `benchmarks/intervals.py`."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The measurements of one focus.

    `centroid` is in voxels of the crop; `sphere_mm` is the diameter of the sphere with this peak
    and this integrated excess; `plateau_hu` the contrast that stands for its full contrast.
    """

    integrated_excess: Measurement
    volume: Measurement
    limited: bool
    diameter: Measurement
    background: Measurement
    mean: Measurement
    peak: Measurement
    centroid: tuple[float, float, float]
    sphere_mm: float
    plateau_hu: float
    caliper_direction: NDArray[np.float64]


def measure(aperture: Aperture, scene: Scene) -> Measured:
    r"""Return the measurements of one focus.

    Parameters
    ----------
    aperture
        Where, and above what.
    scene
        The crop it lies in.

    Notes
    -----
    The integrated excess :math:`\sum_x (h(x) - b)\,v` does not change with blur, slice thickness or
    sub-voxel place, so it is the primary measure. The volume is the integrated excess over the
    contrast. Above the blur the contrast is the plateau of the body; below it, that of the sphere
    which would show this peak with this sum, and the interval runs down to what the densest calcium
    would need.
    """
    voxel = scene.grid.voxel_mm3
    total = float(aperture.excess[aperture.inside].sum(dtype=np.float64)) * voxel
    total_se = math.hypot(aperture.sum_se_hu * voxel, MODEL_SHARE * total)
    body = aperture.excess[aperture.extent]
    peak = float(body.max())
    sphere = scene.response.diameter_of(max(peak, 1.0) / max(total, 1e-6))
    thick = min(sphere, 2 * _half_thickness(aperture, scene))
    limited = scene.response.recovery_at(thick) < LIMITED_RECOVERY
    if limited:
        volume, plateau = _volume_below_blur(total, total_se, peak, scene)
    else:
        volume, plateau = _volume_above_blur(total, total_se, aperture, scene)
    diameter, direction = _diameter(aperture, scene, volume, plateau, sphere, limited=limited)
    share = aperture.extent / max(1.0, float(aperture.extent.sum()))
    mean_se = math.sqrt(scene.noise.variance_of(share))
    top = scene.hu[aperture.box.slices][aperture.extent].max()
    return Measured(
        _interval(total, total_se, "[hnsf'U].mm3"),
        volume,
        limited,
        diameter,
        _interval(aperture.level_hu, aperture.level_se_hu, "[hnsf'U]"),
        _interval(float(scene.hu[aperture.box.slices][aperture.extent].mean()), mean_se, "[hnsf'U]"),
        _interval(float(top), scene.noise.sd_hu, "[hnsf'U]"),
        _centroid(aperture),
        sphere,
        plateau,
        direction,
    )


def mass_of(integrated_excess: Measurement, hu_per_mg_ml: float | None) -> Assessed:
    """Return the mass of calcium hydroxyapatite in mg: integrated excess over the calibration.

    1 mg/mL is 0.001 mg/mm³, so ``mg = excess (HU·mm³) / hu_per_mg_ml / 1000``.

    Examples
    --------
    >>> mass_of(Measurement(1300.0, "[hnsf'U].mm3", 1170.0, 1430.0), 1.3)
    Measurement(value=1.0, unit='mg', low=0.9, high=1.1)
    """
    if hu_per_mg_ml is None or hu_per_mg_ml <= 0:
        return NotAssessable("no calibration given")
    m = integrated_excess
    scale = 1000.0 * hu_per_mg_ml
    low, high = (None, None) if m.low is None or m.high is None else (m.low / scale, m.high / scale)
    return Measurement(m.value / scale, "mg", low, high)


def core_weights(extent: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the weights of a mean over a body's core, the voxels deepest inside its contour."""
    depth = ndimage.distance_transform_edt(np.pad(extent, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    core = depth >= CORE_DEPTH * float(depth.max())
    return np.asarray(core / float(core.sum()))


def _volume_below_blur(total: float, total_se: float, peak: float, scene: Scene) -> tuple[Measurement, float]:
    """Return the volume of the sphere with this peak and sum, and its contrast.

    The interval adds in quadrature, on the logarithm of the volume, the errors of peak and sum, of
    the blur and of the sub-voxel place, within what calcium can be: no denser than
    `MAX_CONTRAST_HU`, no fainter than its own brightest voxel.
    """
    noise = scene.noise.sd_hu
    total, peak = max(total, 1e-3), max(peak, noise)
    least = max(total - Z95 * total_se, 0.02 * total) / MAX_CONTRAST_HU
    most = max((total + Z95 * total_se) / max(peak - Z95 * noise, 0.5 * noise), least)
    nominal = scene.response

    def solve(share: float, response: SphereResponse, recovery: NDArray[np.float64]) -> float:
        diameter = response.diameter_of(share * peak / total, recovery)
        return math.log(float(np.clip(math.pi / 6 * diameter**3, least, most)))

    middle = solve(1.0, nominal, nominal.recovery)
    relative = min(3.0, math.hypot(total_se / total, noise / peak))
    errors = (
        (solve(math.exp(-relative), nominal, nominal.recovery) - solve(math.exp(relative), nominal, nominal.recovery)) / 2,
        (solve(1.0, scene.sharper, scene.sharper.recovery) - solve(1.0, scene.softer, scene.softer.recovery)) / 2 / Z95,
        (solve(1.0, nominal, nominal.recovery_high) - solve(1.0, nominal, nominal.recovery_low)) / 2 / PLACE_SPREADS,
    )
    error = Z95 * math.sqrt(sum(e**2 for e in errors) + MODEL_SHARE**2)
    value = math.exp(middle)
    low, high = max(value * math.exp(-error), least), min(value * math.exp(error), most)
    return Measurement(value, "mm3", min(low, value), max(high, value)), total / value


def _volume_above_blur(total: float, total_se: float, aperture: Aperture, scene: Scene) -> tuple[Measurement, float]:
    """Return the integrated excess over the mean of the body's core, and that mean."""
    weights = core_weights(aperture.extent, scene.spacing_mm)
    plateau = max(float((aperture.excess * weights).sum(dtype=np.float64)), scene.noise.sd_hu)
    plateau_se = math.sqrt(scene.noise.variance_of(weights))
    value = max(total, 1e-3) / plateau
    relative = min(3.0, math.hypot(total_se / max(total, 1e-3), math.hypot(PLATEAU_SHARE, plateau_se / plateau)))
    return Measurement(value, "mm3", value * math.exp(-Z95 * relative), value * math.exp(Z95 * relative)), plateau


def _diameter(
    aperture: Aperture, scene: Scene, volume: Measurement, plateau: float, sphere: float, *, limited: bool
) -> tuple[Measurement, NDArray[np.float64]]:
    """Return the longest caliper of the half-contrast surface, or of the sphere where blur limits it."""
    spacing = scene.spacing_mm
    half = 0.5 * (float(aperture.excess[aperture.extent].max()) if limited else plateau)
    longest, direction = longest_caliper_mm(crossings(aperture.excess, aperture.extent, half), spacing)
    along = math.sqrt(sum((s * d) ** 2 for s, d in zip(spacing, direction, strict=True)))
    error = Z95 * math.hypot(CALIPER_VOXELS * along, 0.1 * scene.blur.in_plane_fwhm_mm)
    if not limited:
        return Measurement(longest, "mm", max(0.0, longest - error), longest + error), direction
    low, high = ((6 * v / math.pi) ** (1 / 3) for v in (volume.low or 0.0, volume.high or volume.value))
    blur = _blur_along(scene, direction)
    value = (
        sphere if longest <= 1.5 * max(blur, sphere) else math.sqrt(max(longest**2 - blur**2 / 2, sphere**2))
    )
    return Measurement(value, "mm", min(low, value), max(high, value, longest + error)), direction


def _blur_along(scene: Scene, direction: NDArray[np.float64]) -> float:
    """Return the full width at half maximum of a point along a direction, in mm."""
    blur = scene.blur
    widths = (max(blur.slice_mm, scene.spacing_mm[0]), blur.in_plane_fwhm_mm, blur.in_plane_fwhm_mm)
    return math.sqrt(sum((w * d) ** 2 for w, d in zip(widths, direction, strict=True)))


def _half_thickness(aperture: Aperture, scene: Scene) -> float:
    """Return the radius of the largest ball inside the half-contrast contour, in mm."""
    padded = np.pad(aperture.extent, 1)
    depth = ndimage.distance_transform_edt(padded, sampling=scene.spacing_mm)
    return float(depth.max())


def _centroid(aperture: Aperture) -> tuple[float, float, float]:
    """Return the centre of the excess, in voxels of the crop."""
    near = ndimage.binary_dilation(aperture.extent) & aperture.inside
    weight = np.where(near, np.maximum(aperture.excess, 0.0), 0.0)
    k, j, i = (float(c) + s for c, s in zip(ndimage.center_of_mass(weight), aperture.box.start, strict=True))
    return (k, j, i)


def _interval(value: float, error: float, unit: str) -> Measurement:
    """Return a measurement with the 95 % interval of a normal error."""
    return Measurement(value, unit, value - Z95 * error, value + Z95 * error)
