"""What the judges look at: one focus, its shape and what lies about it, in plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.extent.body import core_weights
from hepalith.calcification.extent.measure import Measured
from hepalith.calcification.form.form import Form
from hepalith.calcification.mimic.casting import NO_CAST, Cast, follow_cast
from hepalith.calcification.mimic.change import Change
from hepalith.calcification.mimic.company import ALONE, Company
from hepalith.calcification.mimic.context import Context
from hepalith.calcification.mimic.fading import fading_of
from hepalith.calcification.mimic.leading import NOTHING_LEADS, Leading, leading_of
from hepalith.calcification.mimic.rind import NO_RIND, Rind, rind_of
from hepalith.calcification.search.candidate import Candidate
from hepalith.geometry import Box

__all__ = [
    "Appearance",
    "Shape",
    "Words",
    "blurs_across",
    "describe_appearance",
    "describe_shape",
    "is_tubular",
]

GAS_HU = -300
"""HU below which a voxel holds gas; fat stays above −150."""

DIAMETERS = 3.5
"""Diameter of a rounded body in standard deviations along an axis: 3.5 of a disc across, 4.5 of a ball."""

NEAR_MM = 12.0
"""How far around a focus gas is looked for."""


TUBE_ELONGATION, TREE_FLATNESS = 1.6, 2.0
"""Elongation of a stretch of tube, and flatness of a tree of them: branches leave near one plane. Our
judgement."""

PLATE_FILL, PLATE_ELONGATION = 0.6, 1.6
"""A plate fills this share of its ellipsoid, and is less elongated."""

TREE_FILL, TREE_SLENDER, TREE_EVEN = 0.12, 12.0, 0.32
"""Most of its ellipsoid that a tree of tubes fills, the least length of its middle line in widths, and the
most unevenness along that: so thin, long and even a thing is a tree, whatever its outline resembles."""

MOSTLY = 0.75
"""Probability of other forms from which a body is taken for one of them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Geometry of a body.

    Parameters
    ----------
    lengths_mm
        Standard deviations along its three principal axes, longest first.
    elongation
        Longest over middle axis.
    flatness
        Middle over shortest axis.
    hollow
        Share of the body's convex-ish inside (filled and closed) that is darker than half contrast.
    branches
        Ends of the thinned body beyond two, at least 0.
    fill
        Volume over the volume of the ellipsoid with the same principal axes.
    blurs
        Longest diameter in widths of the blur: below 1.5 hardly any shape can be seen.
    variation
        Spread of the excess inside over its mean.
    """

    lengths_mm: tuple[float, float, float]
    elongation: float
    flatness: float
    hollow: float
    branches: int
    fill: float
    blurs: float
    variation: float

    @property
    def longest_mm(self) -> float:
        """Longest diameter, by its standard deviation."""
        return DIAMETERS * max(self.lengths_mm)

    @property
    def least_mm(self) -> float:
        """Least diameter, by its standard deviation."""
        return DIAMETERS * min(self.lengths_mm)


@dataclass(frozen=True, slots=True)
class Words:
    """What the form of a body is called: the best word, the probability of each, and its geometry."""

    best: str = "nodular"
    probabilities: Mapping[str, float] = field(default_factory=dict)
    form: Form | None = None

    def any_of(self, *names: str) -> float:
        """Return the probability of any of some words."""
        return sum(self.probabilities.get(name, 0.0) for name in names)


@dataclass(frozen=True, slots=True)
class Appearance:
    """One candidate as the judges see it; distances in mm, densities in HU."""

    peak_hu: float
    peak_excess_hu: float
    deviations: float
    goes_on: bool
    """Part of something that goes on beyond its neighbourhood, as a vessel does."""
    voxels: int
    inside_share: float
    """Share of the body that lies in the liver's mask."""
    liver_about: float
    """Share of its surroundings (within the ring's reach) that is liver."""
    outside_mm3: float
    """Volume of the same bright body beyond the search region."""
    outside_dense: float
    metal_mm: float
    """Distance to the nearest voxel of metal; infinite where there is none."""
    metal_slices: bool
    """Metal lies in one of its slices."""
    gas_about: float
    """Share of gas within `NEAR_MM`."""
    outside_hu: float | None
    """Median of what lies about it outside the liver."""
    dark_about: float
    """How far the darkest surroundings in its slices lie below the background, in noise deviations."""
    blood_hu: float
    """The most that blood reaches in this scan."""
    core_hu: float
    """Mean of the body's core, which blur and noise change least."""
    core_se_hu: float
    """Its standard error."""
    enhanced: float
    """Probability that contrast agent was given."""
    bone_mm: float
    """Distance to the nearest bone outside the liver."""
    shape: Shape
    thickness: float = 1.0
    """Greatest width in its slices, in widths of the blur: a wire has one."""
    thick_mm: float = 1.5
    """The same in mm."""
    texture: float = 0.0
    """Spread of what lies deep within it beyond noise, over its mean."""
    fading: float = 0.0
    """How far it thins out beyond what blur explains (`fading_of`)."""
    level_step_hu: float = 0.0
    """How far its surroundings differ from the liver at large."""
    cast: Cast = field(default=NO_CAST)
    company: Company = field(default=ALONE)
    read_in: str = "unknown"
    """Label of the phase that is read."""
    changes: tuple[Change, ...] = ()
    """What becomes of it in other phases of the examination."""
    words: Words = field(default_factory=Words)
    leading: Leading = field(default=NOTHING_LEADS)
    """What leads away from it."""
    rind: Rind = field(default=NO_RIND)
    """What lies close about it."""
    blur_mm: float = 1.5
    """Width of the blur within the slices."""
    slice_mm: float = 3.0
    """Thickness of the slices, as far as the scan tells."""
    level_hu: float = 50.0
    """HU of the liver at large."""


def is_tubular(seen: Appearance) -> bool:
    """Return whether a body is a tube or a tree of tubes, and no plate, cloud or lump.

    A straight tube is elongated, a winding or branching one leaves most of its ellipsoid empty; a plate is
    flat and fills it.
    """
    shape, cast = seen.shape, seen.cast
    thin = shape.fill <= TREE_FILL and cast.slender >= TREE_SLENDER and cast.unevenness <= TREE_EVEN
    if thin and seen.words.any_of("curvilinear_septal", "eggshell", "stellate") < 0.5:
        return True
    drawn = shape.elongation >= TUBE_ELONGATION or shape.flatness >= TREE_FLATNESS
    plate = shape.fill >= PLATE_FILL and shape.elongation < PLATE_ELONGATION
    clump = seen.words.any_of("granular", "amorphous", "rim", "eggshell", "curvilinear_septal")
    clump += seen.words.any_of("plaque") if shape.elongation < TUBE_ELONGATION else 0.0
    return drawn and not plate and clump < MOSTLY


def blurs_across(measured: Measured, scene: Scene) -> float:
    """Return the longest diameter of a body in widths of the blur."""
    fwhm = scene.blur.in_plane_fwhm_mm
    return float(measured.diameter.value / max(fwhm, (scene.blur.slice_mm * fwhm**2) ** (1 / 3)))


def describe_shape(aperture: Aperture, measured: Measured, scene: Scene) -> Shape:
    """Return the geometry of a body from its half-contrast extent."""
    axes = measured.axes_mm
    weight = np.maximum(aperture.excess[aperture.extent], 1.0).astype(np.float64)
    filled = _filled(aperture.extent)
    hollow = 1.0 - float(aperture.extent.sum()) / max(1.0, float(filled.sum()))
    return Shape(
        (float(axes[0]), float(axes[1]), float(axes[2])),
        float(axes[0] / axes[1]),
        float(axes[1] / axes[2]),
        hollow,
        _branches(aperture.extent),
        measured.fill,
        blurs_across(measured, scene),
        float(weight.std() / weight.mean()),
    )


def describe_appearance(
    candidate: Candidate,
    aperture: Aperture,
    measured: Measured,
    scene: Scene,
    context: Context,
    *,
    company: Company = ALONE,
    words: Words | None = None,
) -> Appearance:
    """Return what the judges need to know of one candidate.

    Parameters
    ----------
    candidate, aperture, measured
        The focus.
    scene
        The crop it lies in.
    context
        What lies about the liver.
    company
        What lies about the body.
    words
        What its form is called.
    """
    hu = scene.hu[aperture.box.slices]
    raw_liver = scene.liver[aperture.box.slices]
    about = aperture.ring | (ndimage.binary_dilation(aperture.inside) & ~aperture.inside)
    outside = about & ~raw_liver
    rows = np.asarray(aperture.extent.any(axis=(1, 2)))
    in_slices = about & rows[:, None, None] & raw_liver
    dark = 0.0
    if in_slices.sum() > 20:
        dark = (aperture.level_hu - float(np.quantile(hu[in_slices], 0.02))) / scene.noise.sd_hu
    weights = core_weights(aperture.extent, scene.spacing_mm)
    core_hu, core_se = float((hu * weights).sum()), float(np.sqrt(scene.noise.variance_of(weights)))
    thick_mm = _thickness(aperture, scene)
    metal_mm, same = _distance_mm(aperture, context.metal, scene)
    shape = describe_shape(aperture, measured, scene)
    return Appearance(
        peak_hu=measured.peak.value,
        peak_excess_hu=candidate.peak_excess_hu,
        deviations=candidate.deviations,
        goes_on=candidate.goes_on,
        voxels=int(aperture.extent.sum()),
        inside_share=float(raw_liver[aperture.extent].mean()),
        liver_about=float(raw_liver[about].mean()) if about.any() else 1.0,
        outside_mm3=candidate.outside_mm3,
        outside_dense=candidate.outside_dense,
        metal_mm=metal_mm,
        metal_slices=same,
        gas_about=float((hu < GAS_HU)[about].mean()) if about.any() else 0.0,
        outside_hu=float(np.median(hu[outside])) if outside.sum() > 10 else None,
        dark_about=dark,
        blood_hu=context.blood_hu,
        core_hu=core_hu,
        core_se_hu=core_se,
        enhanced=context.enhanced,
        bone_mm=_distance_mm(aperture, context.bone, scene)[0],
        shape=shape,
        thickness=thick_mm / max(scene.blur.in_plane_fwhm_mm, 0.1),
        thick_mm=thick_mm,
        texture=_texture(aperture, scene),
        fading=fading_of(
            aperture, scene, measured.peak.value, context.blood_hu if context.enhanced > 0.5 else -np.inf
        ),
        level_step_hu=aperture.level_hu - scene.surroundings.liver_hu,
        cast=_cast(aperture, measured, scene),
        leading=leading_of(measured.centroid, shape.least_mm, aperture.level_hu, scene.hu, scene.spacing_mm),
        rind=rind_of(aperture, scene),
        blur_mm=scene.blur.in_plane_fwhm_mm,
        slice_mm=scene.blur.slice_mm,
        level_hu=scene.surroundings.liver_hu,
        company=company,
        words=words or Words(),
    )


def _thickness(aperture: Aperture, scene: Scene) -> float:
    """Return the greatest width of a body within its slices, in mm."""
    box = Box.around(aperture.extent)
    padded = np.pad(aperture.extent[box.slices], ((0, 0), (1, 1), (1, 1)))
    # slices lie so far apart here that only distances within a slice count
    depth = float(edt.edt(padded, anisotropy=(1e4, *scene.spacing_mm[1:]), black_border=False).max())
    return 2 * depth


def _texture(aperture: Aperture, scene: Scene) -> float:
    """Return the spread within a body, away from its blurred edge and beyond noise, over its mean."""
    padded = np.pad(aperture.extent, 1)
    depth = edt.edt(padded, anisotropy=(1e4, *scene.spacing_mm[1:]), black_border=False)[1:-1, 1:-1, 1:-1]
    values = aperture.excess[depth > 0.7 * scene.blur.in_plane_fwhm_mm]
    if values.size < 12:
        return 0.0
    beyond = float(values.var()) - (aperture.noise_share * scene.noise.sd_hu) ** 2
    return float(np.sqrt(max(beyond, 0.0)) / max(float(values.mean()), 1.0))


def _cast(aperture: Aperture, measured: Measured, scene: Scene) -> Cast:
    """Return how a body runs."""
    box = Box.around(aperture.extent)
    return follow_cast(
        aperture.extent[box.slices],
        aperture.excess[box.slices],
        scene.spacing_mm,
        scene.blur,
        total_hu_mm3=max(measured.integrated_excess.value, 1.0),
        width_mm=_thickness(aperture, scene),
    )


def _distance_mm(aperture: Aperture, places: NDArray[np.float64], scene: Scene) -> tuple[float, bool]:
    """Return the distance from a body to the nearest of some voxels, and whether one shares a slice."""
    if len(places) == 0:
        return float("inf"), False
    points = np.argwhere(aperture.extent) + np.asarray(aperture.box.start)
    points = points[:: max(1, len(points) // 500)]
    spacing = np.asarray(scene.spacing_mm)
    distance, _ = spatial.KDTree(places * spacing).query(points * spacing)
    slices = np.unique(places[:, 0])
    return float(distance.min()), bool(np.isin(points[:, 0], slices).any())


def _filled(extent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the extent with its inside filled, also where a slice shows only a ring of it."""
    filled = ndimage.binary_fill_holes(extent)
    for k in range(extent.shape[0]):
        filled[k] |= ndimage.binary_fill_holes(extent[k])
    return np.asarray(filled)


def _branches(extent: NDArray[np.bool_]) -> int:
    """Return the number of arms beyond two: parts left when the middle of the body is taken out."""
    if extent.sum() < 30:
        return 0
    points = np.argwhere(extent)
    middle = points[((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    distance = np.sqrt((((np.indices(extent.shape).T - middle).T) ** 2).sum(axis=0))
    reach = float(distance[extent].max())
    shell = extent & (distance > 0.55 * reach)
    _, count = ndimage.label(shell, structure=np.ones((3, 3, 3)))
    return max(0, int(count) - 2)
