"""Measuring a focus: integrated excess first, then volume, diameter and density, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from hepalith.calcification.aperture import Aperture, Scene
from hepalith.calcification.blur_model import SphereResponse
from hepalith.calcification.caliper import crossings, longest_caliper_mm
from hepalith.calcification.sphere_fit import BlurBelief, SphereFit
from hepalith.calcification.sphere_volume import weigh_sphere
from hepalith.geometry import Box
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["Body", "Measured", "core_weights", "look_at_body", "mass_of", "measure", "principal_axes"]

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


AXIS_SLICES, AXIS_PIXELS = 1.3, 0.7
"""How far the length of a body may be wrong, in slice thicknesses across and pixels in plane: a point
between two slices fills both."""

COMPACT_RATIO, COMPACT_FILL = 2.2, 0.6
"""A body is compact, and measured as a sphere below the blur, when its longest axis is at most this many
times its shortest (blur taken off) and it fills this share of the ellipsoid with its axes."""


LIMITED_SD = 0.1
"""Standard deviation of the volume's logarithm above which a fitted sphere is limited by resolution."""


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
    def compact(self) -> bool:
        """Whether a sphere may stand for it."""
        return bool(self.axes_mm[0] <= COMPACT_RATIO * self.axes_mm[2] and self.fill >= COMPACT_FILL)


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
    axes_mm: NDArray[np.float64]
    """Standard deviations along the principal axes, longest first, less what blur adds."""
    fill: float
    """Volume of the body over that of the ellipsoid with its axes."""


def look_at_body(aperture: Aperture, scene: Scene) -> Body:
    """Return what is seen of a focus before a sphere is fitted to it."""
    total, peak = _sum_of(aperture, scene), float(aperture.excess[aperture.extent].max())
    sphere = scene.response.diameter_of(max(peak, 1.0) / max(total, 1e-6))
    thick = min(sphere, 2 * _half_thickness(aperture, scene))
    unresolved = scene.response.recovery_at(thick) < LIMITED_RECOVERY
    return Body(sphere, unresolved, *principal_axes(aperture, scene))


def measure(
    aperture: Aperture,
    scene: Scene,
    body: Body,
    fit: SphereFit | None = None,
    belief: BlurBelief | None = None,
) -> Measured:
    r"""Return the measurements of one focus.

    Parameters
    ----------
    aperture
        Where, and above what.
    scene
        The crop it lies in.
    body
        What is seen of it.
    fit
        The sphere that explains it, where one was fitted.
    belief
        What is known of the scan's blur.

    Notes
    -----
    The integrated excess :math:`\sum_x (h(x) - b)\,v` does not change with blur, slice thickness or
    sub-voxel place, so it is the primary measure. A compact body that blur does not resolve is measured by
    the sphere fitted to it (`fit_sphere`, `weigh_sphere`), if that leaves no more than noise. For others
    the volume is the integrated excess over the contrast: above the blur the plateau of the body; below it
    that of the sphere which would show this peak with this sum, and the interval runs down to what the
    densest calcium would need.
    """
    total = _sum_of(aperture, scene)
    total_se = math.hypot(aperture.sum_se_hu * scene.grid.voxel_mm3, MODEL_SHARE * total)
    peak = float(aperture.excess[aperture.extent].max())
    fitted = body.unresolved and body.compact and fit is not None and fit.holds
    limited = body.unresolved
    if fitted and fit is not None:
        sphere = weigh_sphere(fit, belief or BlurBelief())
        total, total_se = sphere.excess, sphere.excess_se
        volume = Measurement(sphere.volume, "mm3", sphere.low, sphere.high)
        plateau = total / sphere.volume
        limited = sphere.volume_sd > LIMITED_SD
    elif body.unresolved:
        volume, plateau = _volume_below_blur(total, total_se, peak, scene, compact=body.compact)
    else:
        volume, plateau = _volume_above_blur(total, total_se, aperture, scene)
    level = peak if body.unresolved else plateau
    diameter = _diameter(aperture, scene, volume, 0.5 * level, as_sphere=body.unresolved and body.compact)
    share = aperture.extent / max(1.0, float(aperture.extent.sum()))
    mean_se = math.sqrt(scene.noise.variance_of(share))
    hu = scene.hu[aperture.box.slices]
    return Measured(
        _interval(total, total_se, "[hnsf'U].mm3"),
        volume,
        limited,
        diameter,
        _interval(aperture.level_hu, aperture.level_se_hu, "[hnsf'U]"),
        _interval(float(hu[aperture.extent].mean()), mean_se, "[hnsf'U]"),
        _interval(float(hu[aperture.extent].max()), scene.noise.sd_hu, "[hnsf'U]"),
        _centroid(aperture),
        body.sphere_mm,
        plateau,
        body.axes_mm,
        body.fill,
    )


def _sum_of(aperture: Aperture, scene: Scene) -> float:
    """Return the integrated excess over an aperture, in HU·mm³."""
    return float(aperture.excess[aperture.inside].sum(dtype=np.float64)) * scene.grid.voxel_mm3


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


def _volume_below_blur(
    total: float, total_se: float, peak: float, scene: Scene, *, compact: bool
) -> tuple[Measurement, float]:
    """Return the volume of the sphere with this peak and sum, and its contrast.

    On the logarithm of the volume, the sphere's is a normal with the errors of peak and sum, of the
    blur and of the sub-voxel place, cut off at what calcium can be: no denser than `MAX_CONTRAST_HU`,
    no fainter than its own brightest voxel. Value and interval are those of the cut normal. A body
    that is not compact may be thinner than any sphere says: only the cuts bound it from below.
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
    error = math.sqrt(sum(e**2 for e in errors) + MODEL_SHARE**2)
    middle = solve(1.0, nominal, nominal.recovery)
    low, value, high = _cut_normal(middle, error, least, most)
    if not compact:
        low = least
    return Measurement(math.exp(value), "mm3", math.exp(low), math.exp(high)), total / math.exp(value)


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


def _volume_above_blur(
    total: float, total_se: float, aperture: Aperture, scene: Scene
) -> tuple[Measurement, float]:
    """Return the integrated excess over the mean of the body's core, and that mean."""
    weights = core_weights(aperture.extent, scene.spacing_mm)
    plateau = max(float((aperture.excess * weights).sum(dtype=np.float64)), scene.noise.sd_hu)
    plateau_se = math.sqrt(scene.noise.variance_of(weights))
    value = max(total, 1e-3) / plateau
    relative = min(
        3.0, math.hypot(total_se / max(total, 1e-3), math.hypot(PLATEAU_SHARE, plateau_se / plateau))
    )
    return Measurement(
        value, "mm3", value * math.exp(-Z95 * relative), value * math.exp(Z95 * relative)
    ), plateau


def _diameter(
    aperture: Aperture, scene: Scene, volume: Measurement, level: float, *, as_sphere: bool
) -> Measurement:
    """Return the longest caliper of the half-contrast surface, or the sphere's where blur limits it."""
    low, middle, high = (
        (6 * v / math.pi) ** (1 / 3) for v in (volume.low or 0.0, volume.value, volume.high or volume.value)
    )
    spacing = scene.spacing_mm
    longest, direction = longest_caliper_mm(crossings(aperture.excess, aperture.extent, level), spacing)
    along = math.sqrt(sum((s * d) ** 2 for s, d in zip(spacing, direction, strict=True)))
    error = Z95 * math.hypot(CALIPER_VOXELS * along, 0.1 * scene.blur.in_plane_fwhm_mm)
    if as_sphere:
        return Measurement(middle, "mm", low, max(high, middle))
    blur = _blur_along(scene, direction)
    if longest < 2 * blur:
        value = max(math.sqrt(max(longest**2 - blur**2 / 2, 0.0)), 0.5 * longest)
        return Measurement(value, "mm", max(0.0, min(value, longest - blur - error)), longest + error)
    return Measurement(longest, "mm", max(0.0, longest - error), longest + error)


def _blur_along(scene: Scene, direction: NDArray[np.float64]) -> float:
    """Return the full width at half maximum of a point along a direction, in mm."""
    blur = scene.blur
    widths = (max(blur.slice_mm, scene.spacing_mm[0]), blur.in_plane_fwhm_mm, blur.in_plane_fwhm_mm)
    return math.sqrt(sum((w * d) ** 2 for w, d in zip(widths, direction, strict=True)))


def _half_thickness(aperture: Aperture, scene: Scene) -> float:
    """Return the radius of the largest ball inside the half-contrast contour, in mm."""
    padded = np.pad(aperture.extent[Box.around(aperture.extent).slices], 1)
    return float(edt.edt(padded, anisotropy=scene.spacing_mm).max())


def _centroid(aperture: Aperture) -> tuple[float, float, float]:
    """Return the centre of the excess, in voxels of the crop."""
    near = ndimage.binary_dilation(aperture.extent) & aperture.inside
    weight = np.where(near, np.maximum(aperture.excess, 0.0), 0.0)
    k, j, i = (float(c) + s for c, s in zip(ndimage.center_of_mass(weight), aperture.box.start, strict=True))
    return (k, j, i)


def _interval(value: float, error: float, unit: str) -> Measurement:
    """Return a measurement with the 95 % interval of a normal error."""
    return Measurement(value, unit, value - Z95 * error, value + Z95 * error)
