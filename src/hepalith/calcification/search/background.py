"""What each place of the liver would look like without a calcification: level and spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy import Phase
from hepalith.image.noise import Noise

__all__ = [
    "Surroundings",
    "blood_level",
    "describe_surroundings",
    "enlarge",
    "reduce_sum",
    "wide_blood_level",
]

CELL_MM = 3.0
"""Size of the cells over which HU are averaged before the background is smoothed: below the size
of the structures that matter to it, and small enough work to smooth in any way. Our judgement."""

SAMPLE_MM = 1.5
"""Distance between the voxels that are looked at for the background: a mean over 20 mm needs no
more, and a thin-slice CT is read eight times faster."""

BACKGROUND_MM = 20.0
"""Width of the window whose mean is the local background. Wide against foci (mostly below 10 mm),
narrow against the shading and the steatosis that change across a liver. Our judgement."""

CLIP_SPREADS = 3.0
"""Voxels further above the background than this many noise deviations (and `CLIP_HU`) do not count
in it: calcium must not raise its own background."""

CLIP_HU = 40.0
"""Least distance above the background before a voxel is left out of it."""

LOW_CLIP_HU = -60.0
"""HU below which a voxel counts as fat or gas at the liver's edge, not as background."""

MIN_SHARE = 0.08
"""Least share of usable liver in a window; with less, the level of the whole liver stands in."""

BLOOD_ABOVE_LIVER_HU = 25.0
"""How far large vessels must stand above the liver to be seen as enhanced. Our judgement."""

AORTA_LEAST_HU = 5.0
"""How far an enhanced aorta stands above the liver at least; where it does not, another body was measured or
the liver is unusually dense, and blood is taken as usual. Delayed blood is some 10 HU brighter (grade K)."""

HEART_MOST = 1.25
"""Most that large even bodies are of the aorta's HU while they are taken for heart and great veins; brighter
ones are bone. Our judgement."""

PORTAL_MOST = 1.3
"""Most that the portal vein's HU is of the aorta's: in the portal phase it may be brighter by a fifth."""

VESSEL_QUANTILE_WITHIN = 0.95
"""Quantile of the cells of long bright structures in the liver that is taken as the HU of their blood: most
cells hold a vessel's edge too. Our judgement."""

VESSEL_SPREADS, VESSEL_LEAST_HU, VESSEL_LENGTH_MM, VESSEL_LEAST_CELLS = 3.0, 12.0, 25.0, 20
"""Vessels in the liver are connected cells so many spreads, and so many HU, above the background, that are so
long in all; so many cells at least must be of that kind. Our judgement."""

BLOOD_MOST_HU = 550.0
"""Most HU of enhanced blood; denser even bodies are bone, barium or metal."""

BLOOD_QUANTILE = 0.98
"""Quantile of the cells within large vessels taken as the HU of blood: in the arterial phase the aorta
is brighter than the veins, and arteries are what calcium must be told from."""

USUAL_BLOOD_HU = {"none": 45.0, "arterial": 220.0, "portal": 70.0, "delayed": 40.0, "unknown": 70.0}
"""How far blood stands above the liver where no large vessel is in view; unenhanced, the most that it stands
above a fatty one. Textbook values, grade C."""

VESSEL_QUANTILE = 0.995
"""Quantile of the cells' excess that is taken as what the liver's own structures (vessels) reach.
Calcium fills less than 0.5 % of a liver but in rare disease (0.5 % of 1500 mL is 7.5 mL)."""


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Local background of the liver on a coarse grid.

    Parameters
    ----------
    factor
        Voxels of the image per cell, by axis.
    level_hu
        float32, coarse: local background.
    spread_hu
        float32, coarse: local standard deviation of a voxel, never below the noise.
    liver_hu
        Median of the liver.
    texture_hu
        Spread of cell means about the background beyond what noise explains: fine structure,
        small vessels.
    vessel_excess_hu
        How far the brightest structures of the liver itself stand above their background.
    """

    factor: tuple[int, int, int]
    level_hu: NDArray[np.float32]
    spread_hu: NDArray[np.float32]
    liver_hu: float
    texture_hu: float
    vessel_excess_hu: float
    blood_hu: float | None
    """HU of the brightest large even bodies in the crop, which may be bone; None where none is brighter than
    the liver."""
    aorta_hu: float | None = None
    """HU of the aorta; None where it is not seen."""
    vein_hu: float | None = None
    """HU of what is bright and long in the liver; None without."""


def blood_level(around: Surroundings, phase: Phase) -> float:
    """Return the most HU that blood reaches: in large vessels where seen, else as usual in the phase.

    No vessel is brighter than the aorta but, after the arterial phase, the portal vein, which is looked for
    in the liver. Without contrast agent what is brighter than the liver is bone and bowel, not blood.
    """
    usual = around.liver_hu + USUAL_BLOOD_HU.get(phase.label, USUAL_BLOOD_HU["unknown"])
    if phase.label == "none" and phase.probability >= 0.5:
        return usual
    if around.aorta_hu is not None:
        if around.aorta_hu < around.liver_hu + AORTA_LEAST_HU:
            return usual
        if phase.label == "arterial" or around.vein_hu is None:
            return around.aorta_hu
        even = around.blood_hu or 0.0
        return max(around.aorta_hu, around.vein_hu, even if even < HEART_MOST * around.aorta_hu else 0.0)
    if around.blood_hu is not None or around.vein_hu is not None:
        return max(around.blood_hu or 0.0, around.vein_hu or 0.0)
    return max(usual, around.liver_hu + around.vessel_excess_hu)


def wide_blood_level(around: Surroundings, phase: Phase) -> float:
    """Return the most HU that blood reaches in what is no small artery.

    In the arterial phase the liver's veins are hardly enhanced; its arteries are, but none is wide, nor ends
    all about.
    """
    if phase.label == "arterial" and around.vein_hu is not None:
        return min(around.vein_hu, blood_level(around, phase))
    return blood_level(around, phase)


def reduce_sum(array: NDArray[Any], factor: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the sums over cells of ``factor`` voxels; the last cell of an axis may be smaller."""
    counted = array.view(np.uint8) if array.dtype == np.bool_ else array
    layers = []
    for start in range(0, len(counted), factor[0]):  # a layer of cells at a time stays at hand
        layer = counted[start : start + factor[0]].sum(axis=0, dtype=np.int32)
        for axis in range(2):
            layer = _sum_along(layer, axis, factor[1 + axis])
        layers.append(layer)
    return np.array(layers, dtype=np.float32)


def _sum_along(array: NDArray[Any], axis: int, factor: int) -> NDArray[np.int32]:
    """Return the sums of ``factor`` neighbours along one axis."""
    shape = list(array.shape)
    shape[axis] = -(-shape[axis] // factor)
    total = np.zeros(shape, np.int32)
    for start in range(factor):
        part = array[(slice(None),) * axis + (slice(start, None, factor),)]
        total[(slice(None),) * axis + (slice(0, part.shape[axis]),)] += part
    return total


def enlarge(coarse: NDArray[Any], factor: tuple[int, int, int], shape: Sequence[int]) -> NDArray[Any]:
    """Return each cell's value at each of its voxels (the inverse of `reduce_sum` in shape)."""
    full = coarse
    for axis in range(3):
        full = full.repeat(factor[axis], axis=axis)[(slice(None),) * axis + (slice(0, shape[axis]),)]
    return full


def describe_surroundings(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    noise: Noise,
    *,
    aorta_hu: float | None = None,
) -> Surroundings:
    """Return the local background of a liver: level, spread and what its own vessels reach.

    Two passes of a mean over `BACKGROUND_MM` on cells of `CELL_MM`; the second leaves out voxels
    that stand above the first. Outside the liver the nearest liver counts.

    Parameters
    ----------
    hu
        HU of the liver's box.
    liver
        The liver's mask, same shape.
    spacing_mm
        Voxel spacing.
    noise
        Of this liver.
    aorta_hu
        HU of the aorta, where it is seen.
    """
    step = _step(spacing_mm)
    few = (slice(None, None, step[0]), slice(None, None, step[1]), slice(None, None, step[2]))
    hu, liver = hu[few], liver[few]
    cells = _cells(spacing_mm, step)
    full_cells = (cells[0] * step[0], cells[1] * step[1], cells[2] * step[2])
    window = tuple(
        max(3, 2 * round(BACKGROUND_MM / (2 * s * f)) + 1)
        for s, f in zip(spacing_mm, full_cells, strict=True)
    )
    liver_hu = float(np.median(hu[liver]))
    reach = max(CLIP_SPREADS * noise.sd_hu, CLIP_HU)
    usable = liver & (hu > LOW_CLIP_HU) & (hu < liver_hu + 2 * reach)
    level = _smooth_level(hu, usable, cells, window, liver_hu)
    usable &= hu < enlarge(np.rint(level + reach).astype(np.int16), cells, hu.shape)
    count, total = _sums(hu, usable, cells)
    level = _smooth_sums(count, total, window, cells, liver_hu)
    size = float(np.prod(cells))
    core = ndimage.binary_erosion(count >= 0.6 * size)
    residual = (total / np.maximum(count, 1) - level)[core]
    in_liver, total_liver = _sums(hu, liver, cells)
    mean, inside = total_liver / np.maximum(in_liver, np.float32(1)), in_liver >= 0.9 * size
    excess = (mean - level)[inside]
    size_mm = [s * n for s, n in zip(spacing_mm, full_cells, strict=True)]
    return Surroundings(
        full_cells,
        level,
        _local_spread(hu, usable, level, cells, window=window, noise=noise),
        liver_hu,
        _texture(residual, noise, cells, step),
        _vessel_excess(excess, residual),
        _large_vessels(hu, cells, liver_hu, noise),
        aorta_hu,
        _vessels_within(
            mean, level, inside, size_mm, BLOOD_MOST_HU if aorta_hu is None else PORTAL_MOST * aorta_hu
        ),
    )


def _step(spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the stride at which a smooth background needs to be sampled."""
    k, j, i = (max(1, round(SAMPLE_MM / s)) for s in spacing_mm)
    return (k, j, i)


def _cells(spacing_mm: tuple[float, float, float], step: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the samples per cell."""
    k, j, i = (max(1, round(CELL_MM / (s * n))) for s, n in zip(spacing_mm, step, strict=True))
    return (k, j, i)


def _sums(
    hu: NDArray[np.int16], chosen: NDArray[np.bool_], cells: tuple[int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the number of chosen voxels in each cell, and the sum of their HU."""
    return reduce_sum(chosen, cells), reduce_sum(hu * chosen, cells)


def _smooth_level(
    hu: NDArray[np.int16],
    usable: NDArray[np.bool_],
    cells: tuple[int, int, int],
    window: tuple[int, ...],
    liver_hu: float,
) -> NDArray[np.float32]:
    """Return the mean of usable voxels about each cell, falling back to the liver's median."""
    count, total = _sums(hu, usable, cells)
    return _smooth_sums(count, total, window, cells, liver_hu)


def _smooth_sums(
    count: NDArray[np.float32],
    total: NDArray[np.float32],
    window: tuple[int, ...],
    cells: tuple[int, int, int],
    liver_hu: float,
) -> NDArray[np.float32]:
    """Return the quotient of smoothed sums; where little liver is near, the median of all of it."""
    share = ndimage.uniform_filter(count, window, mode="constant")
    mean = ndimage.uniform_filter(total, window, mode="constant")
    floor = MIN_SHARE * float(np.prod(cells))
    # the fallback enters in proportion, so that no step appears where the liver thins out
    return np.asarray((mean + floor * liver_hu) / (share + floor), dtype=np.float32)


def _local_spread(
    hu: NDArray[np.int16],
    usable: NDArray[np.bool_],
    level: NDArray[np.float32],
    cells: tuple[int, int, int],
    *,
    window: tuple[int, ...],
    noise: Noise,
) -> NDArray[np.float32]:
    """Return the local standard deviation of usable voxels about the level, at least the noise."""
    difference = hu - enlarge(np.rint(level).astype(np.int16), cells, hu.shape)
    # half of the distribution is enough and the lower half holds no calcium and few bright vessels
    low = usable & (difference <= 0)
    np.multiply(difference, low, out=difference)
    square = np.square(np.clip(difference, -180, 0), dtype=np.int16, casting="unsafe")
    total = ndimage.uniform_filter(reduce_sum(square, cells), window, mode="constant")
    share = ndimage.uniform_filter(reduce_sum(low, cells), window, mode="constant")
    enough = share > MIN_SHARE * np.prod(cells) / 2
    local = np.sqrt(total / np.maximum(share, 1e-3))
    return np.where(enough, np.clip(local, noise.sd_hu, 2.5 * noise.sd_hu), noise.sd_hu).astype(np.float32)


def _texture(
    residual: NDArray[np.float32], noise: Noise, cells: tuple[int, int, int], step: tuple[int, int, int]
) -> float:
    """Return the spread of cells about the background that noise does not explain, in HU."""
    if residual.size < 20:
        return noise.sd_hu / 3
    spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    weights = np.zeros([n * m for n, m in zip(cells, step, strict=True)])
    weights[:: step[0], :: step[1], :: step[2]] = 1.0 / np.prod(cells)
    return float(np.sqrt(max(0.0, spread**2 - noise.variance_of(weights))))


def _vessel_excess(excess: NDArray[np.floating], residual: NDArray[np.floating]) -> float:
    """Return how far the brightest cells stand out beyond what the usual spread of cells explains."""
    if excess.size < 200 or residual.size < 20:
        return 0.0
    spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    top = float(np.quantile(excess, VESSEL_QUANTILE))
    return max(0.0, top - 2.6 * spread)


def _vessels_within(
    mean: NDArray[np.floating],
    level: NDArray[np.float32],
    inside: NDArray[np.bool_],
    size_mm: Sequence[float],
    most_hu: float,
) -> float | None:
    """Return the HU that vessels reach in the liver, by the cells of what is bright and long; None without.

    A vessel of 6 mm fills some of the cells along its way. What exceeds `most_hu` is none.
    """
    excess = np.where(inside, mean - level, np.float32(0))
    spread = 1.4826 * float(np.median(np.abs(excess[inside]))) if inside.any() else 0.0
    labels = cc3d.connected_components(
        excess > max(VESSEL_SPREADS * spread, VESSEL_LEAST_HU), connectivity=26
    )
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    lengths = [
        math.hypot(*((part.stop - part.start) * s for part, s in zip(box, size_mm, strict=True)))
        for box in boxes
    ]
    long = np.array(lengths) > VESSEL_LENGTH_MM
    long[0] = False
    chosen = mean[long[labels] & (mean < most_hu)]
    return float(np.quantile(chosen, VESSEL_QUANTILE_WITHIN)) if chosen.size >= VESSEL_LEAST_CELLS else None


def _large_vessels(
    hu: NDArray[np.int16], cells: tuple[int, int, int], liver_hu: float, noise: Noise
) -> float | None:
    """Return the HU of the even bodies of 15 mm and more in the crop that are brighter than the liver.

    In an enhanced scan these are vessels, heart, kidneys and spleen, none much brighter than blood, and
    bone where it is even.
    """
    size = float(np.prod(cells))
    mean = ndimage.uniform_filter(reduce_sum(hu, cells) / size, (1, 3, 3))
    least = ndimage.minimum_filter(mean, (1, 3, 3))
    most = ndimage.maximum_filter(mean, (1, 3, 3))
    even = (most - least) < max(60.0, 5.0 * noise.sd_hu / float(np.sqrt(size)))
    core = even & (least > liver_hu + BLOOD_ABOVE_LIVER_HU) & (most < BLOOD_MOST_HU)
    if int(core.sum()) < 20:
        return None
    return float(np.quantile(mean[core], BLOOD_QUANTILE))
