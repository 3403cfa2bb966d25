"""What lies about the liver and misleads: metal, bone, enhanced blood; and what is not the liver's at all."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy import Phase
from hepalith.calcification.background import Surroundings
from hepalith.calcification.candidate import Candidate

__all__ = ["METAL_HU", "Context", "belongs_to_liver", "look_about"]

METAL_HU = 2000
"""HU above which a body is metal: the densest stones and calcifications stay below about 2000 at
120 kVp, steel and platinum clip the scale at 3071. Our judgement."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the judges need besides one focus.

    Parameters
    ----------
    metal, bone
        Voxels of metal and of bone in the crop, shape (n, 3), evenly thinned.
    blood_hu
        The most that blood reaches in this scan.
    enhanced
        Probability that contrast agent was given.
    """

    metal: NDArray[np.float64]
    bone: NDArray[np.float64]
    blood_hu: float
    enhanced: float


def look_about(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    voxel_mm3: float,
    around: Surroundings,
    phase: Phase,
) -> Context:
    """Return the metal, bone and blood of a crop about the liver.

    Parameters
    ----------
    hu, liver
        HU and mask of the crop.
    voxel_mm3
        Volume of a voxel.
    around
        The liver's background.
    phase
        Contrast phase.
    """
    given = ENHANCED.get(phase.label, 0.5)
    bone = _bone(hu, liver, around.liver_hu + around.vessel_excess_hu, voxel_mm3)
    return Context(
        _thinned(_metal(hu)),
        _thinned(bone),
        _blood(around, phase),
        phase.probability * given + (1 - phase.probability) * 0.5,
    )


def belongs_to_liver(
    candidate: Candidate, liver: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> bool:
    """Return whether a candidate is the liver's: in its mask, or in a hole or bay of it, not beside it."""
    inside = liver[candidate.box.slices][candidate.extent]
    share = float(inside.mean())
    if share >= GRAZING_SHARE:
        return True
    margin = [max(1, round(ABOUT_MM / s)) for s in spacing_mm]
    box = candidate.box.grown(margin, liver.shape)
    near = np.zeros(box.shape, bool)
    start = [a - b for a, b in zip(candidate.box.start, box.start, strict=True)]
    near[tuple(slice(a, a + n) for a, n in zip(start, candidate.extent.shape, strict=True))] = (
        candidate.extent
    )
    body = near.copy()
    for axis, m in enumerate(margin):
        near = ndimage.maximum_filter1d(near, 2 * m + 1, axis=axis, mode="constant")
    about = float(liver[box.slices][near & ~body].mean())
    if share >= GRAZING_LEAST and int(inside.sum()) >= 3:
        return True
    return about >= AT_SURFACE


def _blood(around: Surroundings, phase: Phase) -> float:
    """Return the most that blood reaches: large vessels where they are seen, else the usual of the phase."""
    if around.blood_hu is not None:
        return around.blood_hu
    usual = around.liver_hu + USUAL_BLOOD_HU.get(phase.label, 0.0)
    return max(usual, around.liver_hu + around.vessel_excess_hu)


def _metal(hu: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return bodies of metal: where it reaches `METAL_HU`, and what blooms about that."""
    bright = hu >= METAL_HU // 2
    labels = cc3d.connected_components(bright, connectivity=26)
    size = np.bincount(labels[bright], minlength=1)
    dense = np.bincount(labels[hu >= METAL_HU], minlength=size.size)
    metal = dense >= np.maximum(1, METAL_SHARE * size)
    metal[0] = False
    if not metal.any():
        return np.zeros(hu.shape, np.bool_)
    return np.asarray(metal[labels])


def _bone(
    hu: NDArray[np.int16], liver: NDArray[np.bool_], soft_hu: float, voxel_mm3: float
) -> NDArray[np.bool_]:
    """Return dense bodies of some size that lie mostly outside the liver: ribs and spine."""
    bright = hu > int(soft_hu + BONE_EXCESS_HU)
    labels = cc3d.connected_components(bright, connectivity=26)
    size = np.bincount(labels[bright], minlength=1)
    inside = np.bincount(labels[liver & bright], minlength=size.size)
    dense = np.bincount(labels[hu >= METAL_HU], minlength=size.size)
    bone = (size * voxel_mm3 >= BONE_MM3) & (inside < BONE_INSIDE * size) & (dense <= METAL_SHARE * size)
    bone[0] = False
    if not bone.any():
        return np.zeros(hu.shape, np.bool_)
    return np.asarray(bone[labels])


def _thinned(marked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return marked voxels, evenly thinned where there are many."""
    places = np.argwhere(marked)
    return places[:: max(1, len(places) // MOST_SAMPLES)].astype(np.float64)
