"""The medium a focus lies in: the background carried on below it from all sides, with its error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.search.background import enlarge, reduce_sum
from hepalith.image.noise import Noise

__all__ = ["Medium", "carry_medium"]

REACH_MM = 2.0
"""Distance over which the background below a focus stays like that beside it (to 1/e): half the width of the
vessels and ducts that matter. Our judgement."""

SHELL_MM = 2.5
"""Thickness of the shell about the aperture whose middle is the medium: what lies on one side of a focus (a
vessel) does not change it, what lies on all sides (bile, a host) does."""

SHELL_SPREADS = 2.0
"""Standard errors by which the shell must differ from the ring's level to stand for it in full."""

CELL_MM = 1.6
"""Least size of the cells whose means are carried on: below the widths of what matters."""

MOST_CELLS = 260
"""Most cells that are looked at; about larger bodies they are larger."""

MIN_FILL = 0.3
"""Least share of a cell that must be usable."""

STRAY_CLIP = 60.0
"""Most HU that a cell may stand off and still tell the medium: blood, bile and fatty liver do; bone, gas and
another body's halo do not."""

STRAY_FLOOR = 0.3
"""Least straying reckoned with, as a share of the liver's fine texture."""


@dataclass(frozen=True, slots=True, eq=False)
class Medium:
    """The background of a box.

    `step_hu` is what must be added to the ring's level, float32, in the shape of the box; `error_hu` the
    standard error of its mean over the aperture.
    """

    step_hu: NDArray[np.float32]
    error_hu: float


def carry_medium(
    hu: NDArray[np.float32],
    usable: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    level_hu: float,
    *,
    spacing_mm: tuple[float, float, float],
    noise: Noise,
    texture_hu: float,
    noise_share: float,
) -> Medium:
    r"""Return the background below an aperture, from what lies about it.

    Parameters
    ----------
    hu
        The box.
    usable
        Voxels that show the medium: free, in the liver, and outside the aperture.
    inside
        The aperture.
    level_hu
        Level of the ring's even part.
    spacing_mm, noise
        Of the scan; `noise_share` is the local deviation over the scan's.
    texture_hu
        Fine texture of the whole liver, beyond noise.

    Notes
    -----
    Simple kriging. Cell means stray from the level with a variance :math:`\tau^2`, read from the ring itself
    beyond what noise explains, and a correlation :math:`e^{-r / R}`. In even liver :math:`\tau` vanishes and
    the level stands; where a focus lies in a dilated duct or on a vessel, the nearest cells decide, and what
    they cannot tell is the error.
    """
    flat = Medium(np.zeros(hu.shape, np.float32), 0.0)
    if not usable.any() or not inside.any():
        return flat
    volume = float(usable.sum()) * math.prod(spacing_mm)
    size = max(CELL_MM, (volume / MOST_CELLS) ** (1 / 3))
    k, j, i = (max(1, round(size / s)) for s in spacing_mm)
    cells = (k, j, i)
    count = reduce_sum(usable, cells)
    full = float(k * j * i)
    away = np.clip(hu - np.float32(level_hu), -2 * STRAY_CLIP, 2 * STRAY_CLIP)
    total = _sums(np.where(usable, away, np.float32(0)), cells)
    good = count >= max(1.0, MIN_FILL * full)
    if int(good.sum()) < 8:
        return flat
    mean = total[good] / count[good]
    draws = np.maximum(1.0, count[good] / max(1.0, noise.voxels_per_element))
    chance = (noise_share * noise.sd_hu) ** 2 / draws
    size_mm = np.asarray([c * s for c, s in zip(cells, spacing_mm, strict=True)])
    places = np.argwhere(good) * size_mm
    asked = reduce_sum(inside, cells)
    wanted = asked > 0
    targets = np.argwhere(wanted) * size_mm
    apart = _distances(places, targets).min(axis=1)
    shell = apart <= max(SHELL_MM, 1.01 * float(apart.min()))
    middle, doubt = _middle(mean[shell], chance[shell])
    mean -= middle
    near = np.exp(-apart / (2 * REACH_MM))
    stray2 = float((near * (np.minimum(np.abs(mean), STRAY_CLIP) ** 2 - chance)).sum() / near.sum())
    stray2 = max(stray2, (STRAY_FLOOR * texture_hu) ** 2, 1e-2)
    among = stray2 * np.exp(-_distances(places, places) / REACH_MM)
    among[np.diag_indices(len(mean))] += chance
    onto = stray2 * np.exp(-_distances(targets, places) / REACH_MM)
    share = (asked[wanted] / float(asked.sum())).astype(np.float64)
    together = share @ onto
    both = np.linalg.solve(among, np.column_stack([mean, together]))
    found = onto @ both[:, 0]
    own = float(share @ (stray2 * np.exp(-_distances(targets, targets) / REACH_MM)) @ share)
    error = math.hypot(math.sqrt(max(own - float(together @ both[:, 1]), 0.0)), doubt)
    coarse = np.zeros(asked.shape, np.float32)
    coarse[wanted] = found
    coarse[good & ~wanted] = (among @ both[:, 0] - chance * both[:, 0])[~wanted[good]]
    step = enlarge(coarse, cells, hu.shape)
    known = enlarge(wanted | good, cells, hu.shape).astype(np.float32)
    weight = ndimage.uniform_filter(known, cells, mode="nearest")
    step = ndimage.uniform_filter(step, cells, mode="nearest") / np.maximum(weight, np.float32(1e-3))
    return Medium((step + np.float32(middle)).astype(np.float32), error)


def _sums(array: NDArray[np.float32], factor: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the sums of real numbers over cells."""
    for axis in range(3):
        array = np.add.reduceat(array, np.arange(0, array.shape[axis], factor[axis]), axis=axis)
    return array


def _distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return all distances between two sets of points."""
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def _middle(mean: NDArray[np.float64], chance: NDArray[np.float64]) -> tuple[float, float]:
    """Return how far the shell's middle differs from the ring's level, and the error of that.

    A difference that chance explains is drawn towards none.
    """
    middle = float(np.median(mean))
    spread = 1.4826 * float(np.median(np.abs(mean - middle)))
    error = 1.25 * math.sqrt(max(spread**2, float(chance.mean())) / len(mean))
    sure = min(1.0, (middle / (SHELL_SPREADS * error)) ** 2) if error > 0 else 1.0
    return sure * middle, (1 - sure) * abs(middle) + sure * error
