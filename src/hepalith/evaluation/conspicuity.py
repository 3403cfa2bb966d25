"""Whether a lesion that was put in can be seen in its scan at all: its contrast over the liver's noise."""

from __future__ import annotations

import math

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.coarsen import coarsen
from hepalith.evaluation.examination import Examination
from hepalith.geometry import Box
from hepalith.phantom.truth import HostEntry

__all__ = ["SEEN_RATIO", "contrast_to_noise"]

SEEN_RATIO = 5.0
"""Contrast-to-noise ratio at the size of a lesion from which it can be seen: Rose's criterion.

References
----------
Rose A. The sensitivity performance of the human eye on an absolute scale. J Opt Soc Am 1948;38:196-208,
doi:10.1364/JOSA.38.000196.
"""

SPACING_MM = 2.0
"""Spacing of the copy on which the ratio is taken: the smallest lesion put in, of 8 mm, is four voxels."""

BLUR_MM = 3.0
"""How far the blur of calcium, or of what looks like it, hides the tissue about it."""

CORE, LAYER = (0.0, 0.3), (0.3, 0.46)
"""The middle of a lesion and the layer about it, from and to which share of its diameter: one of both may
measure like the liver. The outermost part is left to the blur of the edge."""

SHELL_MM = (3.0, 12.0)
"""How far about a lesion the parenchyma lies with which it is compared."""

MOST_RADIUS_MM = 10.0
"""Largest ball whose mean is watched over the liver: of larger ones a liver holds too few."""

LEAST_VOXELS = 12
"""Fewest voxels (0.1 mL) of a part that calcium leaves in view, from which it is seen at all."""

LEAST_BALLS = 30
"""Fewest places of the ball from which the liver's straying is known."""

HALF_KNOWN = 0.5
"""Least share of tissue in a ball whose mean counts."""

MAD_TO_SD = 1.4826
"""Standard deviation over median absolute deviation of a Gaussian."""


def contrast_to_noise(host: HostEntry, examination: Examination) -> float | None:
    """Return the contrast of a lesion over the noise at its size; None where the liver about it is too small.

    Notes
    -----
    The mean HU of the lesion's middle, and that of the layer about it, less the median of the parenchyma
    near by, each over the standard deviation of the means of balls of as much tissue placed all over the
    rest of the true liver; the greater counts. So noise with its texture, small vessels and shading are all
    in the denominator, as they are for a reader. What calcium and its blur hide is no part of the lesion;
    where they hide it all, the ratio is 0.
    """
    liver, unhidden, coarse = _laid(examination)
    known = liver & unhidden
    away = _distance_mm(host, examination, coarse)
    others = np.ones(liver.shape, np.bool_)
    for other in examination.hosts or ():
        others &= _distance_mm(other, examination, coarse) > other.diameter_mm / 2 + SHELL_MM[0]
    plain = known & others
    radius = host.diameter_mm / 2
    shell = plain & (away > radius + SHELL_MM[0]) & (away <= radius + SHELL_MM[1])
    if int(shell.sum()) < LEAST_VOXELS:
        return None
    level = float(np.median(coarse.hu[shell]))
    ratios = []
    for low, high in (CORE, LAYER):
        part = known & (away >= low * host.diameter_mm) & (away <= high * host.diameter_mm)
        count = int(part.sum())
        if count < LEAST_VOXELS:
            ratios.append(0.0)
            continue
        spread = _straying(coarse.hu, plain, count)
        if spread is None:
            return None
        ratios.append(abs(float(coarse.hu[part].mean()) - level) / spread)
    return max(ratios)


def _laid(examination: Examination) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Coarse]:
    """Return the true liver on the copy, what of it no calcium hides, and the copy."""
    coarse = coarsen(examination.volume, SPACING_MM)
    at = []
    for axis, n in enumerate(coarse.hu.shape):
        places = np.rint(coarse.first[axis] + np.arange(n) * coarse.step[axis]).astype(np.intp)
        at.append(np.clip(places, 0, examination.liver.shape[axis] - 1))
    liver = examination.liver[np.ix_(*at)]
    dense = np.zeros(coarse.hu.shape, np.bool_)
    for labels in (examination.foci_map, examination.mimics_map):
        places = np.argwhere(labels > 0)
        cells = np.rint((places - np.asarray(coarse.first)) / np.asarray(coarse.step)).astype(np.intp)
        dense[tuple(np.clip(cells, 0, np.asarray(dense.shape) - 1).T)] = True
    box = _box_of(liver)
    liver, dense = liver[box.slices], dense[box.slices]
    unhidden = edt.edt(~dense, anisotropy=(SPACING_MM,) * 3) > BLUR_MM if dense.any() else ~dense
    k, j, i = (f + b * s for f, b, s in zip(coarse.first, box.start, coarse.step, strict=True))
    return liver, unhidden, Coarse(coarse.hu[box.slices], (k, j, i), coarse.step)


def _box_of(mask: NDArray[np.bool_]) -> Box:
    found = ndimage.find_objects(mask.astype(np.uint8))
    if not found:
        return Box((0, 0, 0), (mask.shape[0], mask.shape[1], mask.shape[2]))
    k, j, i = found[0]
    return Box((k.start, j.start, i.start), (k.stop, j.stop, i.stop))


def _distance_mm(host: HostEntry, examination: Examination, coarse: Coarse) -> NDArray[np.float64]:
    """Return the distance of every voxel of the copy from a lesion's centre."""
    index = np.asarray(examination.volume.grid.to_index(np.asarray(host.centre_lps_mm)))
    axes = [
        ((f + np.arange(n) * s) - c) * mm
        for n, f, s, c, mm in zip(
            coarse.hu.shape, coarse.first, coarse.step, index, examination.volume.spacing_mm, strict=True
        )
    ]
    return np.asarray(
        np.sqrt(axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2)
    )


def _straying(hu: NDArray[np.float32], plain: NDArray[np.bool_], count: int) -> float | None:
    """Return how far the means of balls of so many voxels stray in plain liver; None for too few balls."""
    voxels = min(math.cbrt(3 * count / (4 * math.pi)), MOST_RADIUS_MM / SPACING_MM)
    reach = math.ceil(voxels)
    axis = np.arange(-reach, reach + 1)
    ball = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2) <= voxels**2
    kernel = ball.astype(np.float64)
    middle = float(np.median(hu[plain])) if plain.any() else 0.0
    held = signal.fftconvolve(plain.astype(np.float64), kernel, mode="same")
    total = signal.fftconvolve(np.where(plain, hu - middle, 0.0), kernel, mode="same")
    places = plain & (held >= HALF_KNOWN * kernel.sum())
    if int(places.sum()) < LEAST_BALLS * kernel.sum() / 4:
        return None
    means = total[places] / held[places]
    return max(MAD_TO_SD * float(np.median(np.abs(means - np.median(means)))), 1e-3)
