"""What hosts are looked for in: the liver at 2 mm, its regions, and which lie about which focus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ducts.ducts import Ducts
from hepalith.anatomy.lesion.field import EDGE_MM, SPACING_MM, LesionField, clear_of, lay_lesion_field
from hepalith.anatomy.lesion.outline import Region, narrow_vessels, outline_regions
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.phase import measure_aorta
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.calcification.focus import Foci
from hepalith.finding.host.kind import Blood, rise
from hepalith.image.volume import Volume

__all__ = [
    "HostScene",
    "Near",
    "lay_field",
    "look_about",
    "measure_blood",
    "place_on",
    "see_regions",
    "voxels_of",
]

BLUR_MM, BLUR_BEYOND_MM = 3.0, 1.0
"""How far the blur of calcium hides the tissue about it at least, along each axis: the blur of the scan and
the copy's own; and how far beyond the neighbouring voxel, where slices are thick or voxels wide: that voxel
holds a part of the calcium's volume, often too little of it to be outlined."""

ABOUT_MM = 7.0
"""How far about a focus its surroundings are looked at: 4 mm of tissue beyond the blur."""

HELD_SHARE, HELD_SLOPE = 0.2, 0.05
"""Share of a focus's surroundings that is as likely as not enough for a lesion to hold or touch it: calcium
in the wall of a large cyst has two fifths, chance neighbours seldom a tenth. Our judgement."""

LINED_MM = 7.0
"""How far from calcium the surface of a lesion that it lines may lie: its blur, and a voxel on either
side."""

LINED_SHARE, LINED_SLOPE = 0.18, 0.03
"""Share of a lesion's surface that calcium must line, to be that of its wall. A rim covers a fifth to two
thirds; a nodule beside a lesion less than a tenth. Our judgement."""

REACH_MM = 12.0
"""How far beyond the outline of an infiltrate, drawn where half of its contrast is lost, its calcium may
lie: the width of its edge and more. Our judgement."""

UNEVEN_HU, UNEVEN_SPREADS = 8.0, 3.5
"""A voxel about a focus differs from the parenchyma by so many HU and spreads of the fine average: chance
reaches that in one of 2,000."""

LEAST_CHANCE = 0.05
"""Below this a region is not asked whether it is a focus's host."""


@dataclass(frozen=True, slots=True, eq=False)
class HostScene:
    """What hosts are looked for in."""

    volume: Volume
    liver: Liver
    foci: Foci
    phase: Phase
    field: LesionField
    labels: NDArray[np.uint16]
    surface: NDArray[np.bool_]
    regions: list[Region]
    blood: Blood


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """How many voxels about a focus are seen, and how likely it belongs to which regions about it."""

    seen: int
    regions: Mapping[int, float]
    reach: tuple[int, ...] = ()
    """Regions within `REACH_MM`: what infiltrates has no edge that the focus could lie beyond."""
    uneven: float = 0.0
    """Share of them, vessels and ducts left out, that differs from the parenchyma."""


def see_regions(
    volume: Volume, liver: Liver, foci: Foci, phase: Phase, *, field: LesionField, blood: Blood
) -> HostScene:
    """Return the scene with its regions outlined."""
    level = blood.level(phase)
    labels = np.zeros(field.inside.shape, np.uint16)
    surface = np.zeros(field.inside.shape, np.bool_)
    regions = outline_regions(field, None if level is None else level - field.parenchyma_hu)
    for number, region in enumerate(regions, start=1):
        labels[region.slices][region.body] = number
        surface[region.slices] |= region.body & ~np.asarray(ndimage.binary_erosion(region.body))
    return HostScene(volume, liver, foci, phase, field, labels, surface, regions, blood)


def lay_field(
    volume: Volume,
    liver: Liver,
    voxels: Mapping[int, NDArray[np.intp]],
    vessels: Vessels | None,
    ducts: Ducts | None,
) -> LesionField | None:
    """Return the 2 mm copy; None where no liver is in view.

    Vessels are left out where blood is bright: dark ones are told by their shape, and a cyst may be among
    them.
    """
    if not liver.is_in_view:
        return None
    k_mm, j_mm, i_mm = (max(BLUR_MM, s + BLUR_BEYOND_MM) for s in volume.spacing_mm)
    reach_mm = (k_mm, j_mm, i_mm)
    dense = (np.concatenate(list(voxels.values())), reach_mm) if voxels else None
    blood = (vessels.labels, vessels.box) if vessels is not None and vessels.seen and vessels.bright else None
    bile = (ducts.labels, ducts.box) if ducts is not None and ducts.ducts else None
    field = lay_lesion_field(volume, liver, dense=dense, vessels=blood, ducts=bile)
    return None if field is None else clear_of(field, narrow_vessels(field))


def voxels_of(foci: Foci) -> dict[int, NDArray[np.intp]]:
    """Return the voxels of the image that each focus fills, shape (n, 3)."""
    found = {}
    for number, where in enumerate(ndimage.find_objects(foci.labels), start=1):
        if where is not None:
            start = [a + s.start for a, s in zip(foci.box.start, where, strict=True)]
            found[number] = np.argwhere(foci.labels[where] == number) + start
    return found


def place_on(field: LesionField, voxels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the voxels of the copy that voxels of the image touch, shape (n, 3)."""
    at = (voxels - np.asarray(field.box.start) - np.asarray(field.coarse.first)) / np.asarray(
        field.coarse.step
    )
    cells = np.clip(np.rint(at).astype(np.intp), 0, np.asarray(field.inside.shape) - 1)
    return np.unique(cells, axis=0)


def look_about(scene: HostScene, cells: NDArray[np.intp]) -> Near:
    """Return which region most of a focus's surroundings is, or which region the focus lines."""
    reach = math.ceil(REACH_MM / SPACING_MM) + 1
    if cells.size == 0:
        return Near(0, {})
    low = np.maximum(cells.min(axis=0) - reach, 0)
    high = np.minimum(cells.max(axis=0) + reach + 1, scene.field.inside.shape)
    where = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    away = edt.edt(~_marked(cells, where), anisotropy=(SPACING_MM,) * 3)
    shell = scene.field.known[where] & scene.field.inside[where] & (away <= ABOUT_MM)
    count = int(shell.sum())
    near = scene.labels[where]
    met = np.bincount(near[shell], minlength=1)
    met[0] = 0
    chances = {}
    for number in np.flatnonzero(met):
        region = scene.regions[number - 1]
        lined = int((scene.surface[where] & (near == number) & (away <= LINED_MM)).sum())
        share = lined / max(int(scene.surface[region.slices][region.body].sum()), 1)
        held = rise(float(met[number]) / count, HELD_SHARE, HELD_SLOPE)
        chance = max(held, rise(share, LINED_SHARE, LINED_SLOPE))
        if chance > LEAST_CHANCE:
            chances[int(number)] = chance
    reached = np.unique(near[away <= REACH_MM])
    return Near(count, chances, tuple(int(n) for n in reached if n), _unevenness(scene, where, shell))


def _unevenness(scene: HostScene, where: tuple[slice, ...], shell: NDArray[np.bool_]) -> float:
    """Return the share of a focus's surroundings, vessels and ducts left out, unlike the parenchyma."""
    field = scene.field
    fine = field.fine[where]
    tubes = (field.vessel[where] & (fine > field.fine_sd)) | field.duct[where]
    free = shell & ~tubes & (field.depth_mm[where] > EDGE_MM)
    if not free.any():
        return 0.0
    least = max(UNEVEN_HU, UNEVEN_SPREADS * field.fine_sd)
    return float((np.abs(fine[free]) > least).mean())


def _marked(cells: NDArray[np.intp], where: tuple[slice, ...]) -> NDArray[np.bool_]:
    """Return voxels of the copy as a mask of a box; those outside it are left out."""
    mask = np.zeros(tuple(s.stop - s.start for s in where), np.bool_)
    at = cells - [s.start for s in where]
    mask[tuple(at[((at >= 0) & (at < mask.shape)).all(axis=1)].T)] = True
    return mask


def measure_blood(volume: Volume, liver: Liver, vessels: Vessels | None, phase: Phase) -> Blood:
    """Return what blood measures."""
    if phase.label == "none":
        return Blood(None, None)
    vein = vessels.blood_hu if vessels is not None and vessels.bright else None
    return Blood(measure_aorta(volume, liver), vein)
