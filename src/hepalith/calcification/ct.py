"""Foci in a CT: found, measured, named."""

from __future__ import annotations

from dataclasses import replace

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy import LOBES, Liver, Phase
from hepalith.calcification.agatston import score_agatston
from hepalith.calcification.aperture import Aperture, Scene, lay_aperture
from hepalith.calcification.appearance import METAL_HU, Appearance, describe_appearance
from hepalith.calcification.background import Surroundings, describe_surroundings
from hepalith.calcification.blur_model import sphere_response
from hepalith.calcification.candidate import Candidate, choose_thresholds, find_candidates
from hepalith.calcification.detectability import AT_EXCESS_HU, find_detectability
from hepalith.calcification.focus import Detectability, Foci, Focus
from hepalith.calcification.judge import judge
from hepalith.calcification.measure import Measured, mass_of, measure
from hepalith.calcification.morphology import describe_morphology
from hepalith.geometry import Box
from hepalith.image import Volume
from hepalith.image.noise import estimate_blur, estimate_noise
from hepalith.settings import Settings
from hepalith.study import Acquisition
from hepalith.vocabulary import Measurement, NotAssessable

__all__ = ["find_foci"]

CROP_MARGIN_MM = 15.0
"""How far beyond the liver the crop reaches: background rings of foci at the surface, and enough of
a rib to know it as one."""

MIN_LIVER_VOXELS = 200
"""Fewest voxels of liver in which a background can be known at all."""

BLUR_SHARE = 0.3
"""How far, as a share, the in-plane blur may be from its estimate (95 %): kernels differ by more than the
skin's edge or the grid tells."""

AT_SURFACE = 0.45
"""A body that the mask hardly touches is handed on when this share of its surroundings is liver: half of
the surroundings of a focus on the capsule are. Others are not the liver's."""

GRAZING_SHARE, GRAZING_LEAST = 0.34, 0.1
"""A body with a third of itself in the mask is looked at; with less, when three voxels and a tenth lie
inside. Ribs that graze the mask stay out."""

ABOUT_MM = 3.0
"""How far about a body its surroundings are looked at for that."""

USUAL_BLOOD_HU = {"arterial": 220.0, "portal": 70.0, "delayed": 40.0, "unknown": 70.0}
"""How far blood stands above the liver where no large vessel is in view. Textbook values, grade C."""

MOST_SAMPLES = 20_000
"""Most voxels of metal or bone that distances are measured to; thinner sampling adds less than a
voxel to a distance."""

METAL_SHARE = 0.02
"""Least share of a dense body that reaches metal's HU for it to be metal: a rib with one clipped voxel
is a rib."""

BONE_EXCESS_HU = 150.0
"""How far bone stands above the brightest soft tissue. Cortex exceeds 300 HU but for partial volume."""

BONE_MM3 = 600.0
"""Least volume within the crop of a body that is bone: 1 cm of a rib. Larger bodies that lie mostly
in the liver are calcifications."""

BONE_INSIDE = 0.3
"""Largest share of a bone that a liver mask takes in by mistake."""

ENHANCED = {"none": 0.0, "unknown": 0.5, "arterial": 1.0, "portal": 1.0, "delayed": 1.0}
"""Probability of contrast agent under each label of the phase."""


def find_foci(
    volume: Volume, liver: Liver, phase: Phase, acquisition: Acquisition, settings: Settings
) -> Foci:
    """Return every bright body in or at the liver, measured and named.

    Parameters
    ----------
    volume
        The CT, in HU.
    liver
        Where the liver is.
    phase
        Contrast phase; in an enhanced scan a focus must exceed what vessels reach.
    acquisition
        For the slice thickness.
    settings
        `hu_per_mg_ml` calibrates mass.

    Notes
    -----
    Works on the liver's box and `CROP_MARGIN_MM` about it. Noise, blur and background are measured
    first; thresholds follow from them (`choose_thresholds`), candidates from thresholds
    (`find_candidates`), each is measured (`lay_aperture`, `measure`) and then named (`judge`).
    Bodies that the judges do not call calcification are handed on under their own names.
    """
    if not liver.is_in_view or int(liver.mask.sum()) < MIN_LIVER_VOXELS:
        return _nothing("no liver in view")
    spacing = volume.spacing_mm
    box = liver.box.grown([int(np.ceil(CROP_MARGIN_MM / s)) for s in spacing], volume.hu.shape)
    crop = volume.cropped(box)
    mask = _pasted(liver, box)
    noise = estimate_noise(crop.hu, mask, spacing)
    blur = estimate_blur(volume, acquisition.slice_thickness_mm)
    responses = [
        sphere_response(replace(blur, in_plane_fwhm_mm=blur.in_plane_fwhm_mm * factor), spacing)
        for factor in (1.0, 1.0 - BLUR_SHARE, 1.0 + BLUR_SHARE)
    ]
    around = describe_surroundings(crop.hu, mask, spacing, noise)
    thresholds = choose_thresholds(int(mask.sum()), spacing, noise, around, phase)
    found, bright = find_candidates(crop.hu, mask, spacing, noise, around, thresholds)
    found = [c for c in found if _touches(c, mask, spacing)]
    owners = np.zeros(mask.shape, np.int32)
    for n, candidate in enumerate(found, start=1):
        owners[candidate.box.slices][candidate.extent] = n
    scene = Scene(
        crop.hu, mask, bright, owners, crop.grid, noise, blur, *responses, around.liver_hu, around
    )
    metal = _thinned(_metal(crop.hu))
    bone = _thinned(_bone(crop.hu, mask, around.liver_hu + thresholds.vessel_hu, crop.grid.voxel_mm3))
    blood = _blood(around, phase)
    rows = []
    for n, candidate in enumerate(found, start=1):
        aperture = lay_aperture(candidate, n, scene)
        measured = measure(aperture, scene)
        seen = _appearance(candidate, aperture, measured, scene, blood, phase, metal, bone)
        if measured.integrated_excess.value <= 0:  # a bright edge, no body of its own
            continue
        rows.append((measured.integrated_excess.value, n, candidate, aperture, measured, seen))
    rows.sort(key=lambda row: (-row[0], row[1]))
    labels = np.zeros(mask.shape, np.int32)
    foci = []
    for number, (_, _, candidate, aperture, measured, seen) in enumerate(rows, start=1):
        labels[candidate.box.slices][candidate.extent] = number
        foci.append(_focus(number, aperture, measured, seen, scene, liver, box, phase, settings))
    detectability = find_detectability(thresholds, around, scene, blood if phase.label != "none" else None)
    return Foci(tuple(foci), box, labels, detectability)


def _focus(
    number: int,
    aperture: Aperture,
    measured: Measured,
    seen: Appearance,
    scene: Scene,
    liver: Liver,
    box: Box,
    phase: Phase,
    settings: Settings,
) -> Focus:
    """Return the noun of one measured candidate."""
    verdict = judge(seen)
    form, forms = describe_morphology(seen.shape, measured.diameter.value)
    x, y, z = (float(v) for v in scene.grid.to_lps(measured.centroid))
    place = tuple(
        int(np.clip(round(c) + b - a, 0, n - 1))
        for c, b, a, n in zip(measured.centroid, box.start, liver.box.start, liver.mask.shape, strict=True)
    )
    depth = float(liver.depth_mm[place])
    error = 0.5 * float(np.mean(scene.spacing_mm)) + 1.0
    return Focus(
        id=number,
        label=verdict.label,
        probability=verdict.probability,
        reason=verdict.reason,
        centroid_lps_mm=(x, y, z),
        volume=measured.volume,
        volume_limited_by_resolution=measured.limited,
        diameter=measured.diameter,
        background_hu=measured.background,
        mean_hu=measured.mean,
        peak_hu=measured.peak,
        integrated_excess=measured.integrated_excess,
        mass=mass_of(measured.integrated_excess, settings.hu_per_mg_ml),
        score_agatston_convention=score_agatston(aperture, scene, phase),
        morphology=form,
        morphology_probabilities=forms,
        lobe=LOBES.get(int(liver.lobes[place])),
        capsule_distance=Measurement(depth, "mm", max(0.0, depth - error), depth + error),
        extra={
            "elongation": seen.shape.elongation,
            "flatness": seen.shape.flatness,
            "hollow_share": seen.shape.hollow,
            "branches": float(seen.shape.branches),
            "fill": seen.shape.fill,
            "blurs": seen.shape.blurs,
            "noise_deviations": seen.deviations,
            "inside_share": seen.inside_share,
            "liver_about": seen.liver_about,
        },
    )


def _appearance(
    candidate: Candidate,
    aperture: Aperture,
    measured: Measured,
    scene: Scene,
    blood_hu: float,
    phase: Phase,
    metal: NDArray[np.float64],
    bone: NDArray[np.float64],
) -> Appearance:
    """Return what the judges see of a candidate."""
    given = ENHANCED.get(phase.label, 0.5)
    enhanced = phase.probability * given + (1 - phase.probability) * 0.5
    return describe_appearance(
        candidate,
        aperture,
        measured,
        scene,
        blood_hu=blood_hu,
        enhanced=enhanced,
        metal=metal,
        bone=bone,
    )


def _blood(around: Surroundings, phase: Phase) -> float:
    """Return the most that blood reaches: large vessels where they are seen, else the usual of the phase."""
    if around.blood_hu is not None:
        return around.blood_hu
    usual = around.liver_hu + USUAL_BLOOD_HU.get(phase.label, 0.0)
    return max(usual, around.liver_hu + around.vessel_excess_hu)


def _touches(candidate: Candidate, liver: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> bool:
    """Return whether a candidate is the liver's: in its mask, or in a hole or bay of it, not beside it."""
    inside = liver[candidate.box.slices][candidate.extent]
    share = float(inside.mean())
    if share >= GRAZING_SHARE:
        return True
    margin = [max(1, round(ABOUT_MM / s)) for s in spacing_mm]
    box = candidate.box.grown(margin, liver.shape)
    near = np.zeros(box.shape, bool)
    start = [a - b for a, b in zip(candidate.box.start, box.start, strict=True)]
    near[tuple(slice(a, a + n) for a, n in zip(start, candidate.extent.shape, strict=True))] = candidate.extent
    body = near.copy()
    for axis, m in enumerate(margin):
        near = ndimage.maximum_filter1d(near, 2 * m + 1, axis=axis, mode="constant")
    about = float(liver[box.slices][near & ~body].mean())
    if share >= GRAZING_LEAST and int(inside.sum()) >= 3:
        return True
    return about >= AT_SURFACE


def _metal(hu: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return bodies of metal: where it reaches `METAL_HU`, and what blooms about that."""
    labels = cc3d.connected_components(hu >= METAL_HU // 2, connectivity=26)
    size = np.bincount(labels.ravel())
    dense = np.bincount(labels[hu >= METAL_HU], minlength=size.size)
    metal = dense >= np.maximum(1, METAL_SHARE * size)
    metal[0] = False
    return np.asarray(metal[labels])


def _bone(
    hu: NDArray[np.int16], liver: NDArray[np.bool_], soft_hu: float, voxel_mm3: float
) -> NDArray[np.bool_]:
    """Return dense bodies of some size that lie mostly outside the liver: ribs and spine."""
    labels = cc3d.connected_components(hu > soft_hu + BONE_EXCESS_HU, connectivity=26)
    size = np.bincount(labels.ravel())
    inside = np.bincount(labels[liver], minlength=size.size)
    bone = (size * voxel_mm3 >= BONE_MM3) & (inside < BONE_INSIDE * size)
    bone[0] = False
    return np.asarray(bone[labels])


def _thinned(marked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return marked voxels, evenly thinned where there are many."""
    places = np.argwhere(marked)
    return places[:: max(1, len(places) // MOST_SAMPLES)].astype(np.float64)


def _pasted(liver: Liver, box: Box) -> NDArray[np.bool_]:
    """Return the liver's mask in a larger box."""
    mask = np.zeros(box.shape, bool)
    start = [a - b for a, b in zip(liver.box.start, box.start, strict=True)]
    mask[tuple(slice(a, a + n) for a, n in zip(start, liver.box.shape, strict=True))] = liver.mask
    return mask


def _nothing(why: str) -> Foci:
    """Return no foci, with the reason in the detectability."""
    empty = Box((0, 0, 0), (0, 0, 0))
    return Foci(
        (), empty, np.zeros((0, 0, 0), np.int32), Detectability(NotAssessable(why), AT_EXCESS_HU, why)
    )
