"""Measuring a focus: integrated excess first, then volume, diameter and density, each with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.extent.blur_belief import BlurBelief
from hepalith.calcification.extent.body import Body, sum_of
from hepalith.calcification.extent.caliper import crossings, longest_caliper_mm
from hepalith.calcification.extent.sphere_fit import SphereFit
from hepalith.calcification.extent.sphere_volume import SphereVolume, weigh_sphere
from hepalith.calcification.extent.volume import volume_above_blur, volume_below_blur, volume_of_thin
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["Measured", "mass_of", "measure"]

Z95 = 1.96
"""Standard deviations on either side of a 95 % interval of a normal error."""

MODEL_SHARE = 0.01
"""Relative standard error of the integrated excess from the aperture itself (tails cut, edges
between neighbours). From `benchmarks/intervals.py`."""

CALIPER_VOXELS, CALIPER_BLUR = 0.35, 0.15
"""Standard error of the caliper, in voxels and in widths of the blur along its direction: where slices cut a
rod aslant its ends fade. From `benchmarks/intervals.py`."""


CALIPER_THIN = 1.7
"""How much larger the caliper's error is of what blur thins: its ends fade into the slices beside."""

BODY_SHARE, BODY_UNLIKE = 0.01, 0.6
"""Standard deviation, as a share, by which the integrated excess of a compact body may differ from that of
the sphere that explains it best: at least, and over how far it is seen to differ. From the development
phantoms."""

STRETCH, STRETCH_MOST = 4.0, 0.2
"""How much longer than the sphere of its volume a compact body may be: over how far it may differ from a
sphere, and most, as a share. Dots and nodules of 1 : 0.8 : 0.8 are longer by 0.16."""

APART_SHARE = 0.5
"""Share of the difference between the aperture's sum and a sphere that does not stand for the body which is
taken as an error of the sum. Our judgement."""

BEYOND_SHARE = 0.7
"""Share of what goes on beyond the aperture that is taken as the body's; half of that is its error."""

THIN_SHARE = 0.03
"""Relative error of the sum over what is no sphere and thinner than the blur: its faintest parts are lost."""

CUT_SHARE = 0.4
"""Relative error of a body that reaches the end of the image: what lies beyond is not seen."""

UNEVEN, UNEVEN_SD, UNEVEN_OTHER = 1.5, 0.25, 0.05
"""Standard deviation of the logarithm of the volume for gaps and uneven density within: over how far the body
differs from a sphere, most, and of a body that blur resolves and no sphere was fitted to. Lobed and porous
chunks hold 0.7 to 1.3 times what their outline says. From the development phantoms."""

LIMITED_SD = 0.1
"""Standard deviation of the volume's logarithm above which a fitted sphere is limited by resolution."""


OWN_SHARE = 0.5
"""Share of what stands above half a body's contrast that is its own for sure: a neighbour's skirt, or a
medium about it, lifts the rest at most. Our judgement."""

LARGEST_FIT = 1.5
"""Most times the seen body's diameter, beyond one blur, that a fitted sphere may have: a larger one follows
what lies about the focus, as where stones stand in a kidney. Our judgement."""

AGREE_SHARE, AGREE_ERRORS = 0.4, 3.0
"""Most that the sums of aperture and sphere may differ, as a share of the larger and in standard errors of
the aperture's: beyond both, what the fit lays to the medium is the body's. Our judgement."""

MOST_FOREIGN = 0.5
"""Most of the aperture's sum that a fit may lay to a neighbour: a sphere fitted to one side of a shell takes
the rest of the shell for such. Our judgement."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The measurements of one focus.

    `centroid` is in voxels of the crop; `sphere_mm` is the diameter of the sphere with this peak
    and this integrated excess.
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
    axes_mm: NDArray[np.float64]
    """Standard deviations along the principal axes, longest first, less what blur adds."""
    fill: float
    """Volume of the body over that of the ellipsoid with its axes."""


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
    total = sum_of(aperture, scene)
    most_mm = LARGEST_FIT * body.sphere_mm + scene.blur.in_plane_fwhm_mm
    if fit is not None and (fit.diameter_mm > most_mm or fit.foreign_hu_mm3 > MOST_FOREIGN * total):
        fit = None
    if fit is not None and body.unresolved and fit.holds:
        total -= fit.foreign_hu_mm3
    total_se = math.hypot(aperture.sum_se_hu * scene.grid.voxel_mm3, MODEL_SHARE * total)
    fitted = body.unresolved and body.compact and fit is not None and fit.holds
    if not fitted:  # what goes on beyond the aperture may be the body's
        beyond = aperture.beyond_hu * scene.grid.voxel_mm3
        total, total_se = total + BEYOND_SHARE * beyond, math.hypot(total_se, BEYOND_SHARE * beyond / 2)
        total_se = math.hypot(total_se, THIN_SHARE * total) if body.unresolved else total_se
    if aperture.cut:
        total_se = math.hypot(total_se, CUT_SHARE * total)
    peak = float(aperture.excess[aperture.extent].max())
    limited = body.unresolved
    sphere = _agreed(total, total_se, weigh_sphere(fit, belief or BlurBelief())) if fitted and fit else None
    fitted = sphere is not None
    if sphere is not None and fit is not None:
        apart = _apart(total, total_se, sphere.excess)
        unlike = math.hypot(BODY_SHARE, BODY_UNLIKE * fit.unlike)
        total, total_se = _joined(total, total_se, sphere.excess, sphere.excess_se, unlike)
        total_se = math.hypot(total_se, apart)
        volume = Measurement(sphere.volume, "mm3", sphere.low, sphere.high)
        plateau = total / sphere.volume
        limited = sphere.volume_sd > LIMITED_SD
    elif body.unresolved and body.solid:
        if fit is not None:  # neither sphere nor even surroundings: sum and sphere tell how far it may be
            fitted_total = weigh_sphere(fit, belief or BlurBelief()).excess
            total_se = math.hypot(total_se, _apart(total, total_se, fitted_total))
        volume, plateau = volume_below_blur(total, total_se, peak, scene)
        volume = _doubted(volume, UNEVEN_SD)
    elif body.unresolved:
        volume, plateau = volume_of_thin(total, total_se, aperture, scene, long=body.long)
    else:
        volume, plateau = volume_above_blur(total, total_se, aperture, scene)
        uneven = min(UNEVEN_SD, UNEVEN * fit.unlike) if fit is not None else UNEVEN_OTHER
        volume = _doubted(volume, uneven)
        limited = uneven > LIMITED_SD
    # a rod or wall that blur thins differs in brightness along itself: it ends where half of that is left
    level = ndimage.maximum_filter(aperture.excess, 3) if body.unresolved else plateau
    small = body.solid and body.sphere_mm < 2 * scene.blur.in_plane_fwhm_mm
    as_sphere = body.unresolved and body.round and (fitted or small)
    stretch = min(STRETCH_MOST, STRETCH * fit.unlike) if fitted and fit is not None else STRETCH_MOST
    diameter = _diameter(aperture, scene, volume, 0.5 * level, stretch=stretch if as_sphere else None)
    share = aperture.extent / max(1.0, float(aperture.extent.sum()))
    mean_se = math.sqrt(scene.noise.variance_of(share))
    hu = scene.hu[aperture.box.slices]
    summed = _interval(total, total_se, "[hnsf'U].mm3")
    least = min(total, max(summed.low or 0.0, _held_at_least(aperture, scene)))
    return Measured(
        replace(summed, low=least),
        volume,
        limited,
        diameter,
        _interval(aperture.level_hu, aperture.level_se_hu, "[hnsf'U]"),
        _interval(float(hu[aperture.extent].mean()), mean_se, "[hnsf'U]"),
        _interval(float(hu[aperture.extent].max()), scene.noise.sd_hu, "[hnsf'U]"),
        _centroid(aperture),
        body.sphere_mm,
        body.axes_mm,
        body.fill,
    )


def _held_at_least(aperture: Aperture, scene: Scene) -> float:
    """Return an integrated excess that a body exceeds whatever is wrong about its model.

    `OWN_SHARE` of what stands in the voxels above half its contrast, less the errors of noise and background.
    """
    seen = aperture.excess[aperture.extent]
    share = aperture.extent / max(1.0, float(seen.size))
    error = math.hypot(aperture.level_se_hu, math.sqrt(scene.noise.variance_of(share)))
    stands = float(seen.sum()) - Z95 * error * seen.size
    return OWN_SHARE * max(0.0, stands) * scene.grid.voxel_mm3


def _doubted(volume: Measurement, sd: float) -> Measurement:
    """Return a volume with a further error of its logarithm: gaps and uneven density that blur hides."""
    value, low, high = volume.value, volume.low or 1e-3, volume.high or volume.value
    if not 0 < low <= value <= high:
        return volume
    down, up = (math.hypot(math.log(r), Z95 * sd) for r in (value / low, high / value))
    return Measurement(value, volume.unit, value * math.exp(-down), value * math.exp(up))


def _agreed(total: float, total_se: float, sphere: SphereVolume) -> SphereVolume | None:
    """Return the sphere if its sum is not too far from the aperture's, else None."""
    apart = abs(total - sphere.excess)
    far = apart > AGREE_SHARE * max(total, sphere.excess) and apart > AGREE_ERRORS * total_se
    return None if far else sphere


def _apart(total: float, total_se: float, fitted: float) -> float:
    """Return the error that a difference between sum and sphere shows, beyond what the sum's own explains."""
    return APART_SHARE * min(max(0.0, abs(total - fitted) - total_se), abs(total))


def _joined(
    total: float, total_se: float, fitted: float, fitted_se: float, unlike: float
) -> tuple[float, float]:
    """Return the integrated excess from the aperture's sum and the fitted sphere's, and its standard error.

    The sphere's has less noise, the sum no model. The body may differ from a sphere by the share `unlike`:
    the less noise, the more the sum counts. Both see the same noise, so that their errors do not average out.
    """
    apart = unlike * max(fitted, 0.0)
    weight = apart**2 / (apart**2 + total_se**2)
    own = math.hypot(fitted_se, (1 - weight) * apart)
    return fitted + weight * (total - fitted), math.hypot((1 - weight) * own, weight * total_se)


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


def _diameter(
    aperture: Aperture,
    scene: Scene,
    volume: Measurement,
    level: float | NDArray[np.float32],
    *,
    stretch: float | None,
) -> Measurement:
    """Return the longest caliper of the half-contrast surface, or the sphere's where blur limits it.

    A compact body (`stretch` given: how much longer it may be than the sphere of its volume) is at least as
    long as that sphere; what its surface shows counts by its error.
    """
    low, middle, high = (
        (6 * v / math.pi) ** (1 / 3) for v in (volume.low or 0.0, volume.value, volume.high or volume.value)
    )
    spacing = scene.spacing_mm
    longest, direction = longest_caliper_mm(crossings(aperture.excess, aperture.extent, level), spacing)
    along = math.sqrt(sum((s * d) ** 2 for s, d in zip(spacing, direction, strict=True)))
    error = Z95 * math.hypot(CALIPER_VOXELS * along, CALIPER_BLUR * _blur_along(scene, direction))
    if stretch is None and not isinstance(level, float):
        error *= CALIPER_THIN
    blur = _blur_along(scene, direction)
    if stretch is not None:
        sphere_sd = math.hypot((high - low) / (2 * Z95), stretch * middle / 2)
        seen_sd = max(error / Z95, 0.05 * longest) if longest > 2 * blur else math.inf
        weight = sphere_sd**2 / (sphere_sd**2 + seen_sd**2)
        value = middle + weight * max(0.0, longest - middle)
        top = max(high, middle) * (1 + stretch)
        return Measurement(
            value, "mm", min(low, value), max(value, (1 - weight) * top + weight * longest * 1.1)
        )
    if longest < 2 * blur:
        value = max(math.sqrt(max(longest**2 - blur**2 / 2, 0.0)), 0.5 * longest)
        return Measurement(value, "mm", max(0.0, min(value, longest - blur - error)), longest + error)
    return Measurement(longest, "mm", max(0.0, longest - error), longest + error)


def _blur_along(scene: Scene, direction: NDArray[np.float64]) -> float:
    """Return the full width at half maximum of a point along a direction, in mm."""
    blur = scene.blur
    widths = (max(blur.slice_mm, scene.spacing_mm[0]), blur.in_plane_fwhm_mm, blur.in_plane_fwhm_mm)
    return math.sqrt(sum((w * d) ** 2 for w, d in zip(widths, direction, strict=True)))


def _centroid(aperture: Aperture) -> tuple[float, float, float]:
    """Return the centre of the excess, in voxels of the crop."""
    near = ndimage.binary_dilation(aperture.extent) & aperture.inside
    weight = np.where(near, np.maximum(aperture.excess, 0.0), 0.0)
    k, j, i = (float(c) + s for c, s in zip(ndimage.center_of_mass(weight), aperture.box.start, strict=True))
    return (k, j, i)


def _interval(value: float, error: float, unit: str) -> Measurement:
    """Return a measurement with the 95 % interval of a normal error."""
    return Measurement(value, unit, value - Z95 * error, value + Z95 * error)
