"""The solid core: the part that is liver beyond doubt, from which everything else is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM, smooth
from hepalith.anatomy.outline.body import FAT_HU, Body
from hepalith.anatomy.outline.field import average_within, keep_touching
from hepalith.geometry import Box

__all__ = ["Core", "find_core"]

BAND_CENTRES_HU = range(-5, 225, 6)
"""Centres of the HU bands tried: from severe steatosis to a strongly enhanced liver."""
BAND_HALF_WIDTHS_HU = (8.0, 12.0, 18.0)
"""Half widths tried, the score divided by each: from a quiet scan to a noisy or uneven one."""
FLUID_HU = (10.0, 45.0)
"""Bands centred below the first are far more often fluid (cyst, bowel, ascites, effusion) than severe
steatosis; from the second on no longer so. Unenhanced liver: 40-70 HU (K)."""
FLUID_WORTH = 0.35
"""What a thick body at the first of these counts: it is the liver only where nothing else is like one."""
CORE_DEPTH_MM = 12.0
"""Core voxels lie at least this deep inside the band's body: muscle, gut wall, vessels are thinner."""
VESSEL_VOXELS = 4
"""Bright or dark streaks narrower than this (12 mm) are vessels to be smoothed over."""
CORE_VOXELS = 100
"""Fewest deep voxels at 3 mm (2.7 mL) of a core, or their share of a slab of few slices."""
LED_VOXELS = 25
"""Fewest deep voxels of a core that the network leads to (0.7 mL): a child's liver around a mass has few."""
HEART_SHARE = 0.6
"""The heart of the core is deeper than this share of its greatest depth: the HU are measured there,
where no neck to bowel or muscle can reach."""
LEAST_SPREAD_HU = 3.0
"""Spread of HU below which the liver is never taken to lie, whatever the smoothing."""
LATERAL_SHARE = 0.4
"""Share of the half width from the midline at which a place counts fully as right-sided; the bladder,
the spine's muscles and the heart lie nearer to the midline."""
RIGHT_SHARE = 0.08
"""The core's centre of mass lies at least this share of the half width right of the midline; hearts
and bladders have theirs nearer to the midline or left of it."""
RIGHT_REACH = 0.42
"""The core's right end lies at least this share of the half width from the midline; the heart's
right border lies at about 0.3."""

PRIOR_SURE = 0.8
"""From this probability on a voxel counts for what most of the liver measures."""
USUAL_HU, USUAL_REACH_HU = 4.0, 25.0
"""Blur of the histogram whose peak that is; how far from it a voxel still counts for the spread."""
PRIOR_ROOM = 0.5
"""Probability of liver, by the network, within which the core is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """Voxels that are liver beyond doubt, and the HU found there.

    `depth_mm` is how deep the deepest of them lies inside the HU band.
    """

    mask: NDArray[np.bool_]
    mean_hu: float
    spread_hu: float
    depth_mm: float

    def cropped(self, box: Box) -> Core:
        """Return the core inside `box`, in coarse voxels."""
        part = np.ascontiguousarray(self.mask[box.slices])
        return Core(part, self.mean_hu, self.spread_hu, self.depth_mm)


def depth_within(mask: NDArray[np.bool_], spacing_mm: float = SPACING_MM) -> NDArray[np.float32]:
    """Return the distance to the border of `mask`, in mm; the first and last slice are no border."""
    margin = min(20, max(2, mask.shape[0]))
    padded = np.pad(mask, ((margin, margin), (0, 0), (0, 0)), mode="edge")
    depth = edt.edt(padded, anisotropy=(spacing_mm,) * 3, parallel=2)
    return np.asarray(depth[margin:-margin], dtype=np.float32)


def find_core(hu: NDArray[np.float32], body: Body, prior: NDArray[np.float32] | None = None) -> Core | None:
    """Return the liver's core, or None where nothing in the scan is like one.

    Of all HU bands, the one with the largest thick body right of the midline is the liver's:
    no other organ there is as large and as even. With a `prior` probability of liver, it is the one
    that most of the likely liver measures, so that a large cyst or mass is not taken for the organ; and
    where it lies is the network's to say: a mass on the right leaves the core of a dome at the midline.
    """
    quiet = smooth(hu, 1.0)
    size = (3 if hu.shape[0] > 4 else 1, VESSEL_VOXELS, VESSEL_VOXELS)
    quiet = ndimage.grey_closing(ndimage.grey_opening(quiet, size), size)
    columns = np.arange(hu.shape[2])
    right = (body.midline[:, None] - columns[None, :])[:, None, :] / max(body.half_width, 1.0)
    room = body.inside & (body.wall_depth_mm > -6) & (quiet > FAT_HU)
    lateral = np.broadcast_to(np.clip(right / LATERAL_SHARE, 0, 1), hu.shape)
    if prior is not None:
        room &= prior > PRIOR_ROOM
        lateral = prior.astype(np.float64)
    best = (
        _best_band(quiet, room, lateral) if prior is None else _usual_band(quiet, room & (prior > PRIOR_SURE))
    )
    if best is None:
        return None
    middle, half = best
    band = (np.abs(quiet - middle) < half) & room
    band = ndimage.binary_closing(band, iterations=1) | band
    depth = depth_within(band)
    blob = _heaviest(depth > CORE_DEPTH_MM, depth * lateral)
    if blob is None:
        return None
    heart = _heaviest((depth > HEART_SHARE * (depth * blob).max()) & blob, depth * lateral)
    if heart is None:
        return None
    mean = float(np.median(quiet[heart]))
    spread = max(LEAST_SPREAD_HU, 1.48 * float(np.median(np.abs(quiet[heart] - mean))))
    mask = heart
    for _ in range(2):
        local = average_within(quiet, mask, 8.0)[0]
        support = average_within(quiet, mask, 20.0)[0]
        local = np.where(local == 0, np.where(support == 0, mean, support), local)
        band = (np.abs(quiet - local) < 2.5 * spread + 2) & room
        depth = depth_within(band)
        mask = keep_touching(depth > CORE_DEPTH_MM, heart)
    if prior is not None:
        mask = mask | heart | _other_parts((depth > CORE_DEPTH_MM) & (prior > PRIOR_SURE))
    if mask.sum() < min(LED_VOXELS if prior is not None else CORE_VOXELS, 25 * hu.shape[0]):
        return None
    if prior is None and not _is_on_the_right(mask, depth, np.broadcast_to(right, hu.shape)):
        return None
    return Core(mask, mean, spread, float((depth * mask).max()))


def _other_parts(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the components of `mask` of some size: a slab may show both lobes and not what joins them."""
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray((sizes >= LED_VOXELS)[labels], dtype=np.bool_)


def _is_on_the_right(mask: NDArray[np.bool_], depth: NDArray[np.float32], right: NDArray[np.float64]) -> bool:
    """Return whether a core lies to the right and reaches far enough there, in half widths."""
    sideways = right[mask]
    centre = float(np.average(sideways, weights=depth[mask] + 1))
    return centre >= RIGHT_SHARE and float(np.percentile(sideways, 98)) >= RIGHT_REACH


def _best_band(
    quiet: NDArray[np.float32], room: NDArray[np.bool_], lateral: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Return centre and half width of the HU band whose thick bodies, right of the midline, are largest."""
    step = 2 if quiet.shape[0] >= 8 else 1
    every = (slice(None, None, step), slice(None, None, 2), slice(None, None, 2))
    quiet, room, lateral = quiet[every], room[every], lateral[every]
    spacing = (SPACING_MM * step, SPACING_MM * 2, SPACING_MM * 2)
    best, chosen = 0.0, None
    for half in BAND_HALF_WIDTHS_HU:
        for centre in BAND_CENTRES_HU:
            depth = _depth((np.abs(quiet - centre) < half) & room, spacing)
            worth = np.minimum(depth, 2 * CORE_DEPTH_MM) * (depth > CORE_DEPTH_MM) * lateral
            score = float(worth.sum()) / half * float(np.interp(centre, FLUID_HU, (FLUID_WORTH, 1.0)))
            if score > best:
                best, chosen = score, (float(centre), half)
    return chosen


def _usual_band(quiet: NDArray[np.float32], likely: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return centre and half width of the HU band in which most of the likely liver lies."""
    values = quiet[likely]
    if values.size < CORE_VOXELS:
        return None
    counts, edges = np.histogram(values, bins=np.arange(-60.0, 260.0))
    centre = float(edges[int(ndimage.gaussian_filter1d(counts.astype(float), USUAL_HU).argmax())]) + 0.5
    near = values[np.abs(values - centre) < USUAL_REACH_HU]
    spread = 1.48 * float(np.median(np.abs(near - centre))) if near.size else 0.0
    return centre, float(np.clip(2 * spread, BAND_HALF_WIDTHS_HU[0], BAND_HALF_WIDTHS_HU[-1]))


def _heaviest(mask: NDArray[np.bool_], weight: NDArray[np.floating[Any]]) -> NDArray[np.bool_] | None:
    """Return the component of `mask` with the largest sum of `weight`; None where all is empty."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return None
    sums = np.bincount(labels.ravel(), weights=weight.ravel(), minlength=count + 1)
    sums[0] = -1
    return np.asarray(labels == int(sums.argmax()), dtype=np.bool_)


def _depth(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """Depth inside `mask` on a grid of any spacing; the first and last slice are no border."""
    margin = min(8, mask.shape[0])
    padded = np.pad(mask, ((margin, margin), (0, 0), (0, 0)), mode="edge")
    return np.asarray(edt.edt(padded, anisotropy=spacing)[margin:-margin], dtype=np.float32)
