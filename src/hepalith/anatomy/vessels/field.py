"""Where blood stands out from the parenchyma: the liver on a grid of 1.5 mm, and what is a vessel in it."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import Coarse, smooth
from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver, Phase
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

__all__ = ["VesselField", "look_for_blood", "look_for_dark_veins", "look_for_veins", "reach_box"]

SPACING_MM = 1.5
"""Spacing on which vessels are looked for: a branch of 3 mm is two voxels wide. Our judgement, from the
speed that is left for it."""
MARGIN_MM = 12.0
"""How far beyond the liver's box vessels are followed: the mouths of the hepatic veins and the hilum."""
SMOOTH_VOXELS = 0.8
"""Gaussian blur before the threshold, in voxels of `SPACING_MM`."""
WIDE_VOXELS = 1.3
"""Further blur for a second look, at wide vessels in noisy scans."""
WIDE_LEAST_HU = 4.0
"""Least excess there, where noise is lower."""
WIDEST_MM = 8.5
"""Radius beyond which it is no vessel within the liver: the main portal vein has 6 to 8 mm."""
LEAST_DEEP_VOXELS = 5_000
"""Fewest voxels below the capsule from which vessels are looked for: 17 mL."""
SURE, LEAST_AORTA_SLICES = 0.5, 3
"""Probability and number of slices of the network's grid from which the aorta's blood is measured."""
DENSE_HU = 25.0
"""By so much must an enhanced liver exceed the aorta before its veins are taken to be darker than it: in the
portal phase they exceed the aorta themselves."""
DARKEST_HU = 22.0
"""Below, what is dark is bile, water or fat, not blood."""
BACKGROUND_MM = 15.0
"""Gaussian scale of the parenchyma's slow variation: several times the widest branch."""
BACKGROUND_STRIDE = 4
"""... which is measured on every so many voxels."""
HELD_HU = (-60.0, 150.0)
"""Deviations are held within these before the field is smoothed: lung, gas and metal would shine through."""
ODD_HU = 40.0
"""What deviates more from the liver's median is not averaged into the parenchyma."""
HIGH_SD, LOW_SD = 4.5, 2.6
"""Hysteresis: a vessel reaches the first many standard deviations of the smoothed noise somewhere, and
the second everywhere."""
EDGE_SHARE, CONTRAST_SHARE = 0.25, 90.0
"""A vessel's edge has this share of the contrast of wide ones, which is this percentile of what is strong:
half of it marks the edge of wide ones, thin ones never reach that half. Our judgement."""
LEAST_EXCESS_HU = 6.0
"""... and at least this: below it, unevenness of the parenchyma passes for vessels."""
LEAST_VOXELS = 60
"""Smallest connected body called a vessel: 0.2 mL."""
CAPSULE_MM = 3.0
"""Within this depth of the capsule the partial volume of ribs, gut and fat looks like vessels."""
DARK_CAPSULE_MM, DARK_SLICES = 6.0, 2.0
"""... for dark vessels, and at least so many slices: below the dome slices mix liver with lung."""
HILUM_MM = 25.0
"""... but for those so near to where the portal vein divides."""
HALO_VOXELS = 3
"""Reach of the blur around calcium, metal, bile and fat, which looks like blood."""
CEILING_HU = 130.0
"""Excess over the parenchyma, before smoothing, beyond which it is no venous blood: calcium or metal."""
ARTERIAL_CEILING_HU = 300.0
"""... in the arterial phase, in which the hepatic artery is as bright as the aorta."""
BLOOD_HU = 42.0
"""Unenhanced blood; 35 to 50 HU with the haematocrit (grade K)."""
ALIKE_HU = 7.0
"""Difference from the parenchyma below which unenhanced blood is not told from it."""
SEEN_SHARE = 0.001
"""Least share of the liver that is called vessel before vessels are said to be seen."""


@dataclass(frozen=True, slots=True, eq=False)
class VesselField:
    """The liver at 1.5 mm with its vessels.

    Parameters
    ----------
    box
        Where the field lies in the image.
    coarse
        HU, on the fine coarse grid of the box.
    grid
        The grid's place in the patient.
    inside
        bool: liver.
    excess
        float32: HU above the parenchyma, smoothed, times -1 where blood is dark.
    mask
        bool: vessel.
    noise_hu
        Standard deviation of `excess` in parenchyma.
    blood_hu
        HU in the middle of wide vessels.
    bright
        Whether blood is brighter than parenchyma.
    """

    box: Box
    coarse: Coarse
    grid: Grid
    inside: NDArray[np.bool_]
    excess: NDArray[np.float32]
    mask: NDArray[np.bool_]
    noise_hu: float
    blood_hu: float
    bright: bool

    def on_volume(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels of the field's grid on the voxels of `box`, each from the nearest."""
        return on_volume(self.coarse, labels, self.box.shape)


def reach_box(volume: Volume, liver: Liver) -> Box:
    """Return the liver's box with the margin in which vessels are followed."""
    margin = [round(MARGIN_MM / s) for s in volume.spacing_mm]
    return liver.box if liver.box.is_empty else liver.box.grown(margin, volume.hu.shape)


def on_volume(coarse: Coarse, labels: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return labels given on a coarse copy on the voxels that it was made of."""
    for axis in range(3):
        at = np.round((np.arange(shape[axis]) - coarse.first[axis]) / coarse.step[axis]).astype(np.intp)
        labels = labels.take(np.clip(at, 0, labels.shape[axis] - 1), axis)
    return labels


def sampled_at(coarse: Coarse, part: NDArray[np.generic], start: tuple[int, int, int]) -> NDArray[np.generic]:
    """Return an array that begins at `start` of the coarse copy's source, at the copy's nearest voxels."""
    places, inside = _nearest(coarse, part.shape, start)
    for axis in range(3):
        part = part.take(places[axis], axis)
    return _kept(part, inside)


def depth_at(coarse: Coarse, depth: Depth, start: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the depth at the copy's nearest voxels, of a box that begins at `start` of its source."""
    places, inside = _nearest(coarse, depth.inside.shape, start)
    return np.asarray(_kept(depth.on(places), inside), dtype=np.float32)


def _nearest(
    coarse: Coarse, shape: tuple[int, ...], start: tuple[int, int, int]
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.bool_]]]:
    """Return the indices nearest to the copy's voxels along each axis of an array, and which lie in it."""
    places, inside = [], []
    for axis in range(3):
        at = coarse.first[axis] + np.arange(coarse.hu.shape[axis]) * coarse.step[axis] - start[axis]
        at = np.round(at).astype(np.intp)
        inside.append((at >= 0) & (at < shape[axis]))
        places.append(np.clip(at, 0, shape[axis] - 1))
    return places, inside


def _kept(part: NDArray[np.generic], inside: list[NDArray[np.bool_]]) -> NDArray[np.generic]:
    """Return an array with 0 where one of its indices lies outside."""
    part = part.copy()
    for axis, held in enumerate(inside):
        part[(slice(None),) * axis + (~held,)] = 0
    return part


def look_for_blood(volume: Volume, liver: Liver, phase: Phase) -> VesselField | str:
    """Return where blood stands out from the parenchyma, or why it does not."""
    return look_for_veins(volume, liver, phase)[0]


def look_for_dark_veins(volume: Volume, liver: Liver, phase: Phase) -> VesselField | None:
    """Return veins that contrast has not reached, darker than parenchyma; None where none is seen.

    In the arterial phase these are the hepatic veins; later, what is dark and no bile is filled or narrowed.
    """
    view = _View.of(volume, liver)
    return None if view is None else _find_tubes(view, phase, bright=False)


def look_for_veins(
    volume: Volume, liver: Liver, phase: Phase, hilum_lps_mm: NDArray[np.float64] | None = None
) -> tuple[VesselField | str, VesselField | None]:
    """Return where blood stands out, or why it does not; and, in the arterial phase, the veins still dark.

    Near the hilum, where known, dark vessels are looked for up to the surface: there the portal vein enters.
    """
    view = _View.of(volume, liver, hilum_lps_mm)
    if view is None:
        return "too little liver is in view to see vessels in", None
    middle = view.middle
    blood = _measure_blood(volume, liver)
    blood = BLOOD_HU if blood is None and phase.label == "none" else blood
    if phase.label in ("none", "unknown") and blood is not None and abs(blood - middle) < ALIKE_HU:
        return f"blood ({blood:.0f} HU) and liver ({middle:.0f} HU) measure alike on this scan", None
    dense = phase.label != "none" and middle < (blood or middle) + DENSE_HU
    bright = phase.label == "arterial" or blood is None or blood > middle or dense
    found = _find_tubes(view, phase, bright=bright)
    dark = _find_tubes(view, phase, bright=False) if phase.label == "arterial" else None
    return found or "no vessel stands out from the liver on this scan", dark


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The liver at 1.5 mm: its median HU, the excess over it, and what lies deep enough for vessels."""

    box: Box
    coarse: Coarse
    grid: Grid
    inside: NDArray[np.bool_]
    deep: NDArray[np.bool_]
    deeper: NDArray[np.bool_]
    middle: float
    excess: NDArray[np.float32]

    @classmethod
    def of(
        cls, volume: Volume, liver: Liver, hilum_lps_mm: NDArray[np.float64] | None = None
    ) -> _View | None:
        """Return the view; None where too little of the liver lies deep enough."""
        box = reach_box(volume, liver)
        part = volume.cropped(box)
        coarse = coarsen(part, SPACING_MM)
        start = [a - b for a, b in zip(liver.box.start, box.start, strict=True)]
        offset = (start[0], start[1], start[2])
        inside = sampled_at(coarse, liver.mask.view(np.uint8), offset).astype(np.bool_)
        depth = depth_at(coarse, liver.depth_mm, offset)
        affine = part.grid.affine.copy()
        affine[:3, 3] = part.grid.to_lps(coarse.first)
        affine[:3, :3] = affine[:3, :3] * np.array(coarse.step)
        shape = coarse.hu.shape
        grid = Grid((shape[0], shape[1], shape[2]), affine)
        deep = depth > CAPSULE_MM
        if np.count_nonzero(deep) < LEAST_DEEP_VOXELS:
            return None
        deeper = depth > max(DARK_CAPSULE_MM, DARK_SLICES * volume.spacing_mm[0])
        if hilum_lps_mm is not None:
            away = (
                g - h for g, h in zip(np.ogrid[*map(slice, shape)], grid.to_index(hilum_lps_mm), strict=True)
            )
            deeper |= deep & (sum(a * a for a in away) < (HILUM_MM / SPACING_MM) ** 2)
        middle = float(np.median(coarse.hu[deep]))
        excess = _excess(coarse.hu, inside, deep, middle)
        return cls(box, coarse, grid, inside, deep, deeper, middle, excess)


def _measure_blood(volume: Volume, liver: Liver) -> float | None:
    """Return the HU in the middle of the aorta, where the network sees it beside the liver; else None."""
    if liver.organs is None:
        return None
    chance, coarse = liver.organs.of("aorta"), liver.organs.coarse
    values = []
    for k in range(chance.shape[0]):
        place = np.round(coarse.first[0] + k * coarse.step[0])
        if not liver.box.start[0] <= place < liver.box.stop[0] or chance[k].max() < SURE:
            continue
        weight = np.where(chance[k] > SURE, chance[k], 0)
        row, column = ndimage.center_of_mass(weight)
        j, i = (
            round(f + v * t) for f, v, t in zip(coarse.first[1:], (row, column), coarse.step[1:], strict=True)
        )
        values.append(np.median(volume.hu[int(place), max(j - 2, 0) : j + 3, max(i - 2, 0) : i + 3]))
    return float(np.median(values)) if len(values) >= LEAST_AORTA_SLICES else None


def _find_tubes(view: _View, phase: Phase, *, bright: bool) -> VesselField | None:
    """Return what stands out on one side of the parenchyma and is no lump; None where too little does."""
    hu, middle = view.coarse.hu, view.middle
    ceiling = ARTERIAL_CEILING_HU if phase.label in ("arterial", "unknown") else CEILING_HU
    excess = view.excess if bright else -view.excess
    hard = hu > middle + ceiling if bright else middle - excess < DARKEST_HU
    deep = view.deep if bright else view.deeper
    allowed = deep & ~ndimage.binary_dilation(hard & view.inside, iterations=HALO_VOXELS)
    wide = smooth(excess, WIDE_VOXELS)
    mask = np.zeros(hu.shape, dtype=np.bool_)
    noise = 1.0
    for field, floor in ((wide, WIDE_LEAST_HU), (excess, LEAST_EXCESS_HU)):
        noise = _noise(field[view.deep])
        strong = (field > max(HIGH_SD * noise, floor)) & allowed
        if strong.any():
            contrast = float(np.percentile(field[strong], CONTRAST_SHARE))
            weak = (field > max(LOW_SD * noise, floor, EDGE_SHARE * contrast)) & allowed
            mask |= _hysteresis(weak, weak & strong)
    mask = _without_lumps(mask)
    if np.count_nonzero(mask) < SEEN_SHARE * np.count_nonzero(view.inside):
        return None
    blood = float(np.percentile(hu[mask], 85 if bright else 15))
    return VesselField(view.box, view.coarse, view.grid, view.inside, excess, mask, noise, blood, bright)


def _noise(values: NDArray[np.float32]) -> float:
    """Return the standard deviation of parenchyma, from below its middle: no vessel lies there."""
    low, middle = np.percentile(values[::3], (15.87, 50))
    return max(float(middle - low), 0.1)


def _without_lumps(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask without what is wider than any vessel within the liver: lesions."""
    depth = edt.edt(mask)
    core = depth * SPACING_MM > WIDEST_MM
    if not core.any():
        return mask
    reach = (WIDEST_MM + 3.0) / SPACING_MM
    near = edt.edt(~core) <= reach
    return np.asarray(mask & ~near, dtype=np.bool_)


def _excess(
    hu: NDArray[np.float32], inside: NDArray[np.bool_], deep: NDArray[np.bool_], middle: float
) -> NDArray[np.float32]:
    """Return HU above the slowly varying parenchyma, a little smoothed."""
    field = np.where(inside, hu - np.float32(middle), np.float32(0))
    step = BACKGROUND_STRIDE
    # A slab of three slices is one coarse voxel high: sampled from its first.
    first = tuple(min(step // 2, n - 1) for n in hu.shape)
    view = tuple(slice(a, None, step) for a in first)
    quiet = smooth(field, SMOOTH_VOXELS)
    # Beside the capsule partial volume would draw the parenchyma's mean to fat or lung, and a vessel, a
    # cyst or the gallbladder would ring itself.
    weight = (deep[view] & (np.abs(quiet[view]) < ODD_HU)).astype(np.float32)
    sigma = BACKGROUND_MM / SPACING_MM / step
    total = smooth(weight, sigma)
    slow = smooth(quiet[view] * weight, sigma) / np.maximum(total, np.float32(1e-3))
    field -= Coarse(slow, first, (step,) * 3).to_volume(slow, Box((0, 0, 0), hu.shape))  # type: ignore[arg-type]
    # Outside the liver nothing is known: blur with the liver's own share only, so that its edge stays.
    cover = smooth(inside.astype(np.float32), SMOOTH_VOXELS)
    np.clip(field, *HELD_HU, out=field)
    field *= inside
    return np.asarray(smooth(field, SMOOTH_VOXELS) / np.maximum(cover, np.float32(0.2)), dtype=np.float32)


def _hysteresis(weak: NDArray[np.bool_], strong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the bodies of `weak` that hold a strong voxel and are large enough."""
    labels = cc3d.connected_components(weak, connectivity=26)
    count = np.bincount(labels.ravel())
    kept = np.zeros(count.size, dtype=np.bool_)
    kept[np.unique(labels[strong])] = True
    kept &= count >= LEAST_VOXELS
    kept[0] = False
    return np.asarray(kept[labels], dtype=np.bool_)
