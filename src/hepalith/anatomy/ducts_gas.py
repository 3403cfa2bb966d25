"""Gas in the tubes of the liver: in bile ducts it lies centrally, in portal branches out to the capsule."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.liver import Liver
from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["NO_GAS", "Gas", "find_gas"]

GAS_HU = -160
"""Below, gas: fat measures -120 and above."""

DENSE_GAS_HU = -220
"""A body of gas is somewhere darker than this: noise and the edge of a fissure are not. Our judgement."""

LEAST_MM3 = 12.0
"""Least volume of gas that is believed: three millimetres of a duct of 2 mm. Our judgement."""

LEAST_DEPTH_MM = 4.0
"""Gas nearer to the capsule belongs to lung or bowel."""

MOST_BALL = 0.35
"""Share of the ball of its own length that gas in a tube fills at most; an abscess or a stomach fills
more."""

SMALL_MM = 6.0
"""Length below which the form of a bubble says nothing."""

CENTRAL_DEPTH_MM, DEPTH_SPREAD_MM = 18.0, 6.0
"""Depth at which gas is as likely to lie in ducts as in portal branches, and how fast that changes: portal
venous gas is carried to within 2 cm of the capsule, biliary gas collects centrally (textbooks, grade K)."""

HILUM_MM, HILUM_SPREAD_MM = 55.0, 12.0
"""The same for the distance from the hilum. Our judgement."""

PRIOR = 1.0
"""Log-odds that gas in the liver's tubes is biliary, before its place is seen: it is the commoner by far,
after sphincterotomy, stents and anastomoses. Our judgement."""


@dataclass(frozen=True, slots=True)
class Gas:
    """Gas in the liver's tubes.

    Parameters
    ----------
    volume_mm3
        Of all of it; 0 without any.
    biliary
        Probability that it lies in bile ducts and not in portal branches.
    centre_lps_mm
        Middle of the largest body; None without any.
    """

    volume_mm3: float
    biliary: float
    centre_lps_mm: tuple[float, float, float] | None


NO_GAS = Gas(0.0, 0.0, None)
"""No gas was seen."""


def find_gas(volume: Volume, liver: Liver, hilum: NDArray[np.float64] | None) -> Gas:
    """Return the gas in the tubes of the liver.

    Parameters
    ----------
    volume, liver
        The image, and the liver in it.
    hilum
        Where the ducts begin, LPS mm; None where it is not known.
    """
    hu = volume.hu[liver.box.slices]
    dark = (hu < GAS_HU) & liver.mask
    near = Box.around(dark)
    if near.is_empty:
        return NO_GAS
    labels = np.asarray(cc3d.connected_components(dark[near.slices], connectivity=26))
    voxels = np.argwhere(labels)
    which = labels[tuple(voxels.T)]
    places = voxels + np.asarray(near.start)
    depth, values = liver.depth_mm[tuple(places.T)], hu[tuple(places.T)]
    points = volume.grid.to_lps(places + np.asarray(liver.box.start))
    kept = [
        own
        for number in np.unique(which)
        if _is_in_tube(own := which == number, points, depth, values, volume.grid.voxel_mm3)
    ]
    if not kept:
        return NO_GAS
    largest = max(kept, key=lambda own: int(own.sum()))
    every = np.any(kept, axis=0)
    x, y, z = (float(c) for c in points[largest].mean(axis=0))
    odds = PRIOR + _bounded((float(np.median(depth[every])) - CENTRAL_DEPTH_MM) / DEPTH_SPREAD_MM)
    if hilum is not None:
        away = float(np.median(np.linalg.norm(points[every] - hilum, axis=1)))
        odds += _bounded((HILUM_MM - away) / HILUM_SPREAD_MM)
    amount = float(every.sum()) * volume.grid.voxel_mm3
    return Gas(amount, 1.0 / (1.0 + math.exp(-odds)), (x, y, z))


def _is_in_tube(
    own: NDArray[np.bool_],
    points: NDArray[np.float64],
    depth: NDArray[np.float32],
    values: NDArray[np.int16],
    voxel_mm3: float,
) -> bool:
    """Return whether one body of gas can be that of a duct or vessel."""
    amount = float(own.sum()) * voxel_mm3
    if amount < LEAST_MM3 or values[own].min() > DENSE_GAS_HU or np.median(depth[own]) < LEAST_DEPTH_MM:
        return False
    length = float(np.linalg.norm(np.ptp(points[own], axis=0)))
    return length < SMALL_MM or amount < MOST_BALL * math.pi / 6 * length**3


def _bounded(value: float) -> float:
    return min(max(value, -3.0), 3.0)
