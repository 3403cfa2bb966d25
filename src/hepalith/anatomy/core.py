"""The solid core: the part that is liver beyond doubt, from which everything else is judged."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.body import FAT_HU, Body
from hepalith.anatomy.coarse import SPACING_MM, smooth

__all__ = ["Core", "find_core"]

BAND_CENTRES_HU = range(-5, 225, 6)
"""Centres of the HU bands tried: from severe steatosis to a strongly enhanced liver."""
BAND_HALF_WIDTHS_HU = (10.0, 14.0, 20.0, 28.0)
"""Half widths tried, the score divided by each: from a quiet scan to a noisy or uneven one."""
CORE_DEPTH_MM = 12.0
"""Core voxels lie at least this deep inside the band's body: muscle, gut wall, vessels are thinner."""
VESSEL_VOXELS = 4
"""Bright or dark streaks narrower than this (12 mm) are vessels to be smoothed over."""
CORE_VOXELS = 100
"""Fewest deep voxels at 3 mm (2.7 mL) of a core, or their share of a slab of few slices."""
RIGHT_SHARE = 0.08
"""The core's centre of mass lies at least this share of the half width right of the midline; hearts
and bladders have theirs nearer to the midline or left of it."""
RIGHT_REACH = 0.42
"""The core's right end lies at least this share of the half width from the midline; the heart's
right border lies at about 0.3."""


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """Voxels that are liver beyond doubt, and the HU found there.

    `depth_mm` is how deep the deepest of them lies inside the HU band.
    """

    mask: NDArray[np.bool_]
    mean_hu: float
    spread_hu: float
    depth_mm: float


def depth_within(mask: NDArray[np.bool_], spacing_mm: float = SPACING_MM) -> NDArray[np.float32]:
    """Return the distance to the border of `mask`, in mm; the first and last slice are no border."""
    margin = min(20, max(2, mask.shape[0]))
    padded = np.pad(mask, ((margin, margin), (0, 0), (0, 0)), mode="edge")
    depth = edt.edt(padded, anisotropy=(spacing_mm,) * 3, parallel=2)
    return np.asarray(depth[margin:-margin], dtype=np.float32)


def find_core(hu: NDArray[np.float32], body: Body) -> Core | None:
    """Return the liver's core, or None where nothing in the scan is like one.

    Of all HU bands, the one with the largest thick body right of the midline is the liver's:
    no other organ there is as large and as even.
    """
    quiet = smooth(hu, 1.0)
    size = (3 if hu.shape[0] > 4 else 1, VESSEL_VOXELS, VESSEL_VOXELS)
    quiet = ndimage.grey_closing(ndimage.grey_opening(quiet, size), size)
    columns = np.arange(hu.shape[2])
    right = (body.midline[:, None] - columns[None, :])[:, None, :] / max(body.half_width, 1.0)
    room = body.inside & (body.wall_depth_mm > -6) & (quiet > FAT_HU)
    step = 2 if hu.shape[0] >= 8 else 1
    small, small_room = quiet[::step, ::2, ::2], room[::step, ::2, ::2]
    small_right = np.broadcast_to(right, hu.shape)[::step, ::2, ::2]
    best: tuple[float, float, float] | None = None
    for half in BAND_HALF_WIDTHS_HU:
        for centre in BAND_CENTRES_HU:
            band = (np.abs(small - centre) < half) & small_room
            depth = _depth(band, (SPACING_MM * step, SPACING_MM * 2, SPACING_MM * 2))
            deep = depth * ((depth > CORE_DEPTH_MM) & (small_right > 0))
            score = float(deep.sum()) / half
            if best is None or score > best[0]:
                best = (score, centre, half)
    if best is None or best[0] == 0:
        return None
    _, middle, half = best
    band = (np.abs(quiet - middle) < half) & room
    band = ndimage.binary_closing(band, iterations=1) | band
    depth = depth_within(band)
    labels, count = ndimage.label(depth > CORE_DEPTH_MM)
    if count == 0:
        return None
    weights = np.bincount(labels.ravel(), weights=(depth * (right > 0)).ravel(), minlength=count + 1)
    chosen = int(weights[1:].argmax()) + 1
    mask = labels == chosen
    if mask.sum() < min(CORE_VOXELS, 25 * hu.shape[0]):
        return None
    deepest = np.unravel_index(int((depth * mask).argmax()), depth.shape)
    sideways = np.broadcast_to(right, hu.shape)[mask]
    if (
        float(np.average(sideways, weights=depth[mask])) < RIGHT_SHARE
        or np.percentile(sideways, 98) < RIGHT_REACH
    ):
        return None
    low, mean, high = (float(v) for v in np.percentile(quiet[mask], (16, 50, 84)))
    return Core(mask, mean, max(3.0, (high - low) / 2), float(depth[deepest]))


def _depth(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """Depth inside `mask` on a grid of any spacing; the first and last slice are no border."""
    margin = min(8, mask.shape[0])
    padded = np.pad(mask, ((margin, margin), (0, 0), (0, 0)), mode="edge")
    return np.asarray(edt.edt(padded, anisotropy=spacing)[margin:-margin], dtype=np.float32)
