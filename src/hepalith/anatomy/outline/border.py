"""The border: between liver and the tissue beside it, by what each measures near by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import SPACING_MM
from hepalith.anatomy.outline.body import Body
from hepalith.anatomy.outline.field import average_within
from hepalith.anatomy.outline.solid_core import depth_within

__all__ = ["place_border"]

REACH_MM = 7.5
"""How far the border can move: the first outline is good to a few voxels, and what it left out on purpose,
a stomach or a kidney, is thicker. Our judgement."""
SURE_MM, BESIDE_MM, DEEP_MM = 2.9, 10.0, 9.0
"""Liver and neighbour are measured from the first on, on either side of the border, neighbours to the second;
noise where liver is deeper than the third."""
LIVER_VOXELS, BESIDE_VOXELS = 4.0, 3.0
"""Width of the Gaussian over which liver and neighbour are averaged: 12 and 9 mm."""
LEAST_SHARE = 0.005
"""Share of that Gaussian that must have been measured; elsewhere the border stands."""
TEXTURE_HU = 3.0
"""Unevenness of tissue beside the noise, in HU. Our judgement."""
CONTRAST_HU = 8.0
"""Difference of liver and neighbour that counts half: a smaller one may be shading, fat between them, or
another part of either. Our judgement."""
MOST_LOG_ODDS = 4.0
"""Most that one voxel says."""
VOXEL_WORTH, SMOOTH_VOXELS = 6.0, 0.9
"""Independent voxels whose log odds are added up, and the Gaussian over which: the border is smooth."""
STAY_MM = 2.0
"""Millimetres from the first border per unit of log odds for staying. Our judgement, as the worth above,
from trials on twelve variants of the shared scan and four phantoms."""
WALL_MM = 3.0
"""Less deep than this inside the wall nothing is added: diaphragm and muscles between the ribs often measure
what the liver does, and the ribs brighten what they share a voxel with."""
BRIGHT_SPREADS = 3.0
"""A voxel brighter than both by so many spreads is calcium or a vessel, and says nothing; one so much
brighter than the liver, a vein full of contrast or the heart, is never added to it."""
PASSES = 3
"""Times that liver and neighbour are measured anew; the border no longer moves after that."""
MOVED = 0.8
"""Probability, or one less this, at least, of voxels that change sides: the border then runs midway between
them and those beside, as it does elsewhere."""


def place_border(
    hu: NDArray[np.float32],
    tissue: NDArray[np.bool_],
    body: Body,
    mask: NDArray[np.bool_],
    probability: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the probability of liver once the border of `mask` lies where the HU change.

    A voxel near the border is weighed between two Gaussians, of what the liver measures near by and of
    what the tissue beside it does, ``(I - m_o)^2 / 2 s_o^2 - (I - m_i)^2 / 2 s_i^2 + ln(s_o / s_i)``; the sum
    over its neighbourhood, against its distance from the first border, says on which side it lies. Where
    both measure the same, or nothing is known of the neighbour, the border stands.

    Parameters
    ----------
    hu, tissue, body
        The coarse copy, where it is at least half tissue, and the trunk's landmarks.
    mask, probability
        The first outline.

    Notes
    -----
    Voxels that share fat or lung measure like any tissue in between; they do not vote, and take the vote of
    those behind them. The muscles of the wall that measure like liver are not told from it.

    References
    ----------
    Lankton S, Tannenbaum A. Localizing region-based active contours. IEEE Trans Image Process 2008.
    doi:10.1109/TIP.2008.2004611
    """
    tissue = tissue & (mask | ~body.bone)
    first = _signed_distance(mask)
    near = (np.abs(first) < REACH_MM) & tissue
    voting = ndimage.binary_erosion(tissue, border_value=1) & ~body.bone
    noise = _noise(hu, first > DEEP_MM)
    usual = average_within(hu, first > SURE_MM, LIVER_VOXELS)[0]
    closed = (body.wall_depth_mm < WALL_MM) | (hu > usual + BRIGHT_SPREADS * noise)
    moved, distance = mask, first
    score = first / STAY_MM
    for _ in range(PASSES):
        odds = _log_odds(hu, moved, distance, voting, noise)
        vote = VOXEL_WORTH * average_within(odds, voting, SMOOTH_VOXELS)[0]
        score = np.where(closed, np.minimum(vote, 0), vote) + first / STAY_MM
        moved = np.where(near, score > 0, mask)
        distance = _signed_distance(moved)
    likely = 1 / (1 + np.exp(-np.clip(score, -8, 8)))
    sides = np.where(moved, np.maximum(likely, MOVED), np.minimum(likely, 1 - MOVED))
    return np.where(moved != mask, sides, probability).astype(np.float32)


def _log_odds(
    hu: NDArray[np.float32],
    mask: NDArray[np.bool_],
    distance: NDArray[np.float32],
    voting: NDArray[np.bool_],
    noise: float,
) -> NDArray[np.float32]:
    """Return each voxel's log odds of liver against the tissue beside it; 0 where they cannot be told."""
    inner, known = average_within(hu, mask & voting & (distance > SURE_MM), LIVER_VOXELS)
    beside = voting & ~mask & (distance < -SURE_MM) & (distance > -BESIDE_MM)
    outer, measured = average_within(hu, beside, BESIDE_VOXELS)
    variance = noise**2 + TEXTURE_HU**2
    spread = average_within((hu - outer) ** 2, beside, BESIDE_VOXELS)[0]
    wide = np.maximum(spread, variance)
    odds = (hu - outer) ** 2 / (2 * wide) - (hu - inner) ** 2 / (2 * variance) + 0.5 * np.log(wide / variance)
    contrast = (outer - inner) ** 2
    odds = np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS) * contrast / (contrast + CONTRAST_HU**2)
    silent = (measured < LEAST_SHARE) | (known < LEAST_SHARE)
    silent |= hu > np.maximum(inner, outer) + BRIGHT_SPREADS * noise
    return np.where(silent, 0, odds).astype(np.float32)


def _noise(hu: NDArray[np.float32], deep: NDArray[np.bool_]) -> float:
    """Return the standard deviation of the deep liver's HU about their local mean, by the median."""
    if not deep.any():
        return CONTRAST_HU
    off = (hu - average_within(hu, deep, BESIDE_VOXELS)[0])[deep]
    return 1.48 * float(np.median(np.abs(off)))


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance to the border in mm, negative outside; the scan's ends are no border."""
    inside = depth_within(mask)
    outside = depth_within(~mask)
    return np.where(mask, inside - SPACING_MM / 2, SPACING_MM / 2 - outside).astype(np.float32)
