"""Where blood stands out from the parenchyma: the liver on a grid of 1.5 mm, and what is a vessel in it."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import Coarse, smooth
from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.liver import Liver, Phase
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

__all__ = ["VesselField", "look_for_blood", "reach_box"]

SPACING_MM = 1.5
"""Spacing on which vessels are looked for: a branch of 3 mm is two voxels wide. Our judgement, from the
speed that is left for it."""
MARGIN_MM = 12.0
"""How far beyond the liver's box vessels are followed: the mouths of the hepatic veins and the hilum."""
SMOOTH_VOXELS = 0.8
"""Gaussian blur before the threshold, in voxels of `SPACING_MM`."""
BACKGROUND_MM = 15.0
"""Gaussian scale of the parenchyma's slow variation: several times the widest branch."""
BACKGROUND_STRIDE = 4
"""... which is measured on every so many voxels."""
CLIP_HU = (-60.0, 60.0)
"""Deviations from the parenchyma are held within these before it is averaged."""
HIGH_SD, LOW_SD = 4.0, 2.2
"""Hysteresis: a vessel reaches the first many standard deviations of the smoothed noise somewhere, and
the second everywhere."""
LEAST_EXCESS_HU = 6.0
"""... and at least this: below it, unevenness of the parenchyma passes for vessels."""
LEAST_VOXELS = 60
"""Smallest connected body called a vessel: 0.2 mL."""
CAPSULE_MM = 3.0
"""Within this depth of the capsule the partial volume of ribs, gut and fat looks like vessels."""
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
    inside = []
    for axis in range(3):
        at = coarse.first[axis] + np.arange(coarse.hu.shape[axis]) * coarse.step[axis] - start[axis]
        at = np.round(at).astype(np.intp)
        inside.append((at >= 0) & (at < part.shape[axis]))
        part = part.take(np.clip(at, 0, part.shape[axis] - 1), axis)
    part = part.copy()
    for axis in range(3):
        view = [slice(None)] * 3
        view[axis] = ~inside[axis]
        part[tuple(view)] = 0
    return part


def look_for_blood(volume: Volume, liver: Liver, phase: Phase) -> VesselField | str:
    """Return where blood stands out from the parenchyma, or why it does not."""
    box = reach_box(volume, liver)
    part = volume.cropped(box)
    coarse = coarsen(part, SPACING_MM)
    start = tuple(a - b for a, b in zip(liver.box.start, box.start, strict=True))
    offset = (start[0], start[1], start[2])
    inside = sampled_at(coarse, liver.mask.view(np.uint8), offset).astype(np.bool_)
    deep = np.asarray(sampled_at(coarse, liver.depth_mm, offset), dtype=np.float32) > CAPSULE_MM
    if np.count_nonzero(deep) < 5_000:
        return "too little liver is in view to see vessels in"
    middle = float(np.median(coarse.hu[deep]))
    bright = _is_bright(middle, phase)
    if bright is None:
        return f"blood and liver measure alike on this unenhanced scan (liver {middle:.0f} HU)"
    excess = _excess(coarse.hu, inside, middle)
    sharp = coarse.hu - middle
    if not bright:
        excess = -excess
    own = excess[deep]
    low = own[own < 0]
    noise = float(np.sqrt(np.mean(np.square(np.maximum(low, np.percentile(low, 2)))))) if low.size else 1.0
    ceiling = ARTERIAL_CEILING_HU if phase.label in ("arterial", "unknown") else CEILING_HU
    hard = ndimage.binary_dilation(sharp > ceiling, iterations=2) if bright else np.zeros_like(inside)
    weak = (excess > max(LOW_SD * noise, LEAST_EXCESS_HU)) & deep & ~hard
    strong = weak & (excess > max(HIGH_SD * noise, LEAST_EXCESS_HU))
    mask = _hysteresis(weak, strong)
    if np.count_nonzero(mask) < SEEN_SHARE * np.count_nonzero(inside):
        return "no vessel stands out from the liver on this scan"
    blood = float(np.percentile(coarse.hu[mask], 85 if bright else 15))
    affine = part.grid.affine.copy()
    affine[:3, 3] = part.grid.to_lps(coarse.first)
    affine[:3, :3] = affine[:3, :3] * np.array(coarse.step)
    return VesselField(box, coarse, Grid(coarse.hu.shape, affine), inside, excess, mask, noise, blood, bright)


def _is_bright(liver_hu: float, phase: Phase) -> bool | None:
    """Return whether blood is brighter than parenchyma of `liver_hu`; None where they measure alike."""
    if phase.label in ("arterial", "portal", "delayed"):
        return True
    if abs(liver_hu - BLOOD_HU) < ALIKE_HU:
        return None
    return liver_hu < BLOOD_HU or phase.label == "unknown"


def _excess(hu: NDArray[np.float32], inside: NDArray[np.bool_], middle: float) -> NDArray[np.float32]:
    """Return HU above the slowly varying parenchyma, a little smoothed."""
    field = np.where(inside, hu - np.float32(middle), np.float32(0))
    step = BACKGROUND_STRIDE
    view = (slice(step // 2, None, step),) * 3
    quiet = smooth(field, SMOOTH_VOXELS)
    weight = inside[view].astype(np.float32)
    sigma = BACKGROUND_MM / SPACING_MM / step
    total = smooth(weight, sigma)
    slow = smooth(np.clip(quiet[view], *CLIP_HU) * weight, sigma) / np.maximum(total, np.float32(1e-3))
    field -= Coarse(slow, (step // 2,) * 3, (step,) * 3).to_volume(slow, Box((0, 0, 0), hu.shape))  # type: ignore[arg-type]
    # Outside the liver nothing is known: blur with the liver's own share only, so that its edge stays.
    cover = smooth(inside.astype(np.float32), SMOOTH_VOXELS)
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
