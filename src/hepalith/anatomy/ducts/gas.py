"""Gas in the tubes of the liver: in bile ducts it lies centrally, in portal branches out to the capsule."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.ducts.bile import BileMap
from hepalith.anatomy.liver import Liver
from hepalith.image.volume import Volume

__all__ = ["NO_GAS", "Gas", "find_gas"]

GAS_HU = -150.0
"""Below, on the map, gas: fat measures -120 and above."""

TISSUE_HU, PURE_GAS_HU = 60.0, -975.0
"""Density about the gas, and of gas itself: what lies between is filled in part."""

DENSE_GAS_HU = -190.0
"""A body of gas is somewhere darker than this: noise and the edge of a fissure are not. Our judgement."""

LEAST_MM3 = 12.0
"""Least volume of gas that is believed: three millimetres of a duct of 2 mm. Our judgement."""

MOST_MM3 = 40_000.0
"""Most gas in one body: more is bowel or lung."""

LEAST_INSIDE = 0.5
"""Share of a body of gas that lies in the liver; the common duct may hold the rest."""

ROOM_MM, BAY_MM = 3.0, 12.0
"""Spacing of the grid on which the liver's room is closed, and half the width of the bays that are closed:
gas in dilated central ducts opens the outline that widely toward the hilum."""

GUT_CHANCE = 0.4
"""Probability of bowel, stomach or lung above which gas is theirs."""

LEAST_DEPTH_MM = 4.0
"""Gas nearer to the capsule belongs to lung or bowel."""

MOST_BALL = 0.35
"""Share of the ball of its own length that gas in a tube fills at most; an abscess or a stomach fills
more."""

LENGTH_PER_SPREAD = 4.0
"""Length of a body over the standard deviation of its points along its longest axis: 3.5 for a rod, 4.5 a
ball."""

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


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """Where gas of the liver may lie, on a coarse grid of the liver's box.

    `depth_mm` is the distance inward from the surface of the liver with its holes filled, 0 outside;
    `gut` is true where the network sees bowel, stomach or lung; `step` in voxels of the image.
    """

    depth_mm: NDArray[np.float32]
    gut: NDArray[np.bool_]
    step: tuple[int, int, int]

    def at(self, places: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return depth and gut at places of the liver's box, shape (n, 3)."""
        last = np.array(self.depth_mm.shape) - 1
        own = tuple(np.minimum(places // np.array(self.step), last).T)
        return self.depth_mm[own], self.gut[own]


def find_gas(volume: Volume, liver: Liver, bile: BileMap, hilum: NDArray[np.float64] | None) -> Gas:
    """Return the gas in the tubes of the liver.

    Parameters
    ----------
    volume, liver
        The image, and the liver in it.
    bile
        Its map at about the calibre of a duct, on which gas is looked for.
    hilum
        Where the ducts begin, LPS mm; None where it is not known.

    Notes
    -----
    Outlines of the liver leave much gas out: it is looked for in the outline with its bays and holes
    closed. Bodies of gas are followed through the whole box first, so that bowel and lung, which reach
    in from outside, are seen to be what they are.
    """
    dark = bile.hu < GAS_HU
    if not dark.any():
        return NO_GAS
    room = _room(volume, liver)
    labels = np.asarray(cc3d.connected_components(dark, connectivity=26))
    voxel_mm3 = float(np.prod(bile.spacing_mm))
    amounts = np.bincount(labels.ravel()) * voxel_mm3
    fit = (amounts >= LEAST_MM3) & (amounts <= MOST_MM3)
    fit[0] = False
    places = np.argwhere(fit[labels])
    which = labels[tuple(places.T)]
    index = bile.to_index(places.astype(np.float64))
    depth, gut = room.at((index - np.asarray(liver.box.start)).astype(np.intp))
    inside = np.bincount(which, weights=(depth > 0) & ~gut, minlength=len(amounts)) * voxel_mm3
    chosen = np.flatnonzero(fit & (inside >= LEAST_INSIDE * amounts))
    values = bile.hu[tuple(places.T)]
    points = volume.grid.to_lps(index)
    kept = [own for n in chosen if _is_in_tube(own := which == n, points, depth, values, amounts[n])]
    if not kept:
        return NO_GAS
    largest = max(kept, key=lambda own: int(own.sum()))
    every = np.any(kept, axis=0)
    x, y, z = (float(c) for c in points[largest].mean(axis=0))
    odds = PRIOR + _bounded((float(np.median(depth[every])) - CENTRAL_DEPTH_MM) / DEPTH_SPREAD_MM)
    if hilum is not None:
        away = float(np.median(np.linalg.norm(points[every] - hilum, axis=1)))
        odds += _bounded((HILUM_MM - away) / HILUM_SPREAD_MM)
    filled = np.clip((TISSUE_HU - values[every]) / (TISSUE_HU - PURE_GAS_HU), 0.0, 1.0)
    amount = float(filled.sum()) * voxel_mm3
    return Gas(amount, 1.0 / (1.0 + math.exp(-odds)), (x, y, z))


def _room(volume: Volume, liver: Liver) -> _Room:
    """Return where gas of the liver may lie."""
    step = tuple(max(1, int(ROOM_MM / s)) for s in volume.spacing_mm)
    k, j, i = step
    mask = liver.mask[::k, ::j, ::i]
    spacing = tuple(f * s for f, s in zip(step, volume.spacing_mm, strict=True))
    reach = max(1, round(BAY_MM / spacing[1]))
    plane = np.zeros((3, 3, 3), dtype=np.bool_)
    plane[1] = ndimage.generate_binary_structure(2, 1)
    padded = np.pad(mask, ((0, 0), (reach, reach), (reach, reach)))
    closed = ndimage.binary_closing(padded, plane, iterations=reach)
    filled = np.stack([ndimage.binary_fill_holes(layer) for layer in closed])
    depth = edt.edt(filled, anisotropy=spacing)[:, reach:-reach, reach:-reach]
    gut = np.zeros(mask.shape, dtype=np.bool_)
    if liver.organs is not None:
        first = (float(liver.box.start[0]), float(liver.box.start[1]), float(liver.box.start[2]))
        coarse = Coarse(mask.astype(np.float32), first, (float(k), float(j), float(i)))
        gut = np.asarray(liver.organs.on(coarse, "bowel", "stomach", "lung") > GUT_CHANCE)
    return _Room(np.ascontiguousarray(depth), gut, (k, j, i))


def _is_in_tube(
    own: NDArray[np.bool_],
    points: NDArray[np.float64],
    depth: NDArray[np.float32],
    values: NDArray[np.float32],
    amount_mm3: float,
) -> bool:
    """Return whether one body of gas can be that of a duct or vessel."""
    if values[own].min() > DENSE_GAS_HU or np.median(depth[own]) < LEAST_DEPTH_MM:
        return False
    spread = np.cov(points[own].T) if int(own.sum()) > 1 else np.zeros((3, 3))
    length = LENGTH_PER_SPREAD * float(np.sqrt(np.linalg.eigvalsh(spread)[-1]))
    return length < SMALL_MM or amount_mm3 < MOST_BALL * math.pi / 6 * length**3


def _bounded(value: float) -> float:
    return min(max(value, -3.0), 3.0)
