"""The outline: from the core to the whole liver, by local HU, place, and a random walk."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.body import Body
from hepalith.anatomy.coarse import SPACING_MM, smooth
from hepalith.anatomy.core import Core, depth_within
from hepalith.anatomy.walk import walk

__all__ = ["Outline", "find_outline"]

NEVER_HU = -30
"""Below, on the quiet copy: fat or gas, or a voxel more than half fat; no liver is as dark. K."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The liver on the coarse grid.

    `probability` of each voxel; `mask` where it is taken for liver; `local_hu` what liver
    would measure there.
    """

    probability: NDArray[np.float32]
    mask: NDArray[np.bool_]
    local_hu: NDArray[np.float32]


def keep_touching(mask: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the component of `mask` that shares most voxels with `seed`; `seed` where none does."""
    labels, count = ndimage.label(mask)
    shared = np.bincount(labels[seed & mask], minlength=count + 1)
    shared[0] = 0
    if not shared.any():
        return seed
    return np.asarray(labels == shared.argmax(), dtype=np.bool_)


def average_within(
    values: NDArray[np.float32], mask: NDArray[np.bool_], sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the Gaussian average of `values` over `mask` around each voxel, and the weight it rests on."""
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="constant", truncate=3.0)
    total = ndimage.gaussian_filter(
        np.where(mask, values, 0).astype(np.float32), sigma, mode="constant", truncate=3.0
    )
    return total / np.maximum(weight, 1e-6), weight


def find_outline(hu: NDArray[np.float32], body: Body, core: Core) -> Outline:
    """Return the liver grown from its core."""
    quiet = smooth(hu, 0.7)
    bone = body.bone.copy()
    for k in range(bone.shape[0]):
        bone[k] = ndimage.binary_fill_holes(ndimage.binary_closing(bone[k], iterations=2))
    never = ~body.inside | body.lung | body.gas | (quiet < NEVER_HU) | (bone & (body.wall_depth_mm < 10))
    spread = max(core.spread_hu, 4.0)
    grown, local = _grow(quiet, never, body, core, spread)

    z = (quiet - local) / spread
    likelihood = np.log(np.exp(-0.5 * z * z) / spread + 0.01 / spread) - np.log(1 / 120.0)
    distance = edt.edt(~grown, anisotropy=(SPACING_MM,) * 3, parallel=2)
    place = -np.clip((distance - 9) / 8, 0, 4) + np.clip(body.wall_depth_mm / 3.0 + 0.5, -4, 0)
    leaning = 1 / (1 + np.exp(-(np.clip(likelihood, -3, 3) + place)))
    seeds = np.zeros(hu.shape, np.int8)
    seeds[never | (distance > 45) | (body.wall_depth_mm < -9)] = -1
    seeds[core.mask & (np.abs(z) < 2)] = 1
    probability = walk(quiet, seeds, leaning.astype(np.float32), edge_hu=2.5 * spread, trust=0.08)
    opened = ndimage.binary_opening(probability > 0.5) | core.mask
    mask = keep_touching(probability > 0.5, keep_touching(opened, core.mask))
    for k in range(mask.shape[0]):
        mask[k] = ndimage.binary_fill_holes(mask[k])
    probability = np.where(mask, np.maximum(probability, 0.51), np.minimum(probability, 0.49)).astype(
        np.float32
    )
    return Outline(probability, mask, local)


def _grow(
    quiet: NDArray[np.float32], never: NDArray[np.bool_], body: Body, core: Core, spread: float
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return the core grown through thick tissue of its local HU, and that HU everywhere."""
    mask = core.mask
    local = np.full(quiet.shape, core.mean_hu, np.float32)
    for _ in range(3):
        near, weight = average_within(quiet, mask, 8.0)
        far, support = average_within(quiet, mask, 20.0)
        share = np.clip(weight / 0.1, 0, 1)
        local = share * near + (1 - share) * np.where(support > 1e-5, far, core.mean_hu)
        band = (np.abs(quiet - local) < 2.5 * spread + 4) & ~never & (body.wall_depth_mm > -3)
        mask = keep_touching(depth_within(band) > 6.0, core.mask)
    return mask, local.astype(np.float32)
