"""Stents told by the gas that fills them: a slender body of gas at the hilum with a bright wall all about."""

from __future__ import annotations

import math

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import spatial

from hepalith.calcification.mimic.context import lies_at_hilum
from hepalith.calcification.mimic.wire_tube import LEAST_MM, MOST_MM, WireTube
from hepalith.geometry import Box

__all__ = ["find_gas_tubes"]

GAS_HU = -200
"""HU below which a voxel holds gas; fat stays above -150."""

STEP_MM = 1.2
"""Steps in which gas is looked for: the lumen of a metal stent is 6 mm wide and more."""

LEAST_GAS_MM3, MOST_GAS_MM3 = 150.0, 12_000.0
"""Volume of gas that a stent may hold: 2 cm of one of 4 mm, and 14 cm of one of 10 mm."""

LEAST_SLENDER = 2.0
"""Least length of the gas over its width: a bubble in bowel is round."""

MOST_WIDTH_MM = 14.0
"""Greatest width of the gas; biliary stents are 6-10 mm wide."""

WALL_HU = 150.0
"""HU above the liver that the wall measures at least. Struts of 0.2-0.3 mm still show 250 and more in slices
of 5 mm and a smooth kernel, the wall of a bile duct or of bowel less than 80. Our judgement."""

WALL_MM = 4.0
"""How far from the gas the wall's brightest place lies at most."""

STATION_MM, WALLED = 6.0, 0.8
"""Length of the pieces that a middle is laid through, and the least share of the gas's outer part that has
wall at it: contrast medium in bowel lies below its gas, and so at about half of it. Our judgement."""

AT_HILUM = 0.7
"""Least share of the gas that lies in the liver, or has liver in front of it and to its right."""


def find_gas_tubes(
    hu: NDArray[np.int16], liver: NDArray[np.bool_], spacing_mm: tuple[float, float, float], liver_hu: float
) -> tuple[WireTube, ...]:
    """Return the stents in a crop that are filled with gas.

    Parameters
    ----------
    hu, liver
        The crop and the liver's mask.
    spacing_mm
        Voxel spacing.
    liver_hu
        What the liver measures.

    Notes
    -----
    Thick slices and smooth kernels leave so little of thin struts that the wall falls into pieces no denser
    than blood; the gas within is one body however thick the slices are.
    """
    step = tuple(max(1, round(STEP_MM / s)) for s in spacing_mm)
    thin, held = hu[:: step[0], :: step[1], :: step[2]], liver[:: step[0], :: step[1], :: step[2]]
    labels = cc3d.connected_components(thin < GAS_HU, connectivity=26)
    volume = np.bincount(labels.ravel()) * math.prod(s * n for s, n in zip(spacing_mm, step, strict=True))
    fit = (volume >= LEAST_GAS_MM3) & (volume <= MOST_GAS_MM3)
    fit[0] = False
    places = np.argwhere(fit[labels])
    if len(places) == 0:
        return ()
    owner = labels[tuple(places.T)]
    inside = held[tuple(places.T)] | lies_at_hilum(places, held)
    found = []
    for name in np.unique(owner):
        own = owner == name
        if inside[own].mean() >= AT_HILUM:
            tube = _tube(hu, places[own] * step, spacing_mm, liver_hu + WALL_HU)
            found += [] if tube is None else [tube]
    return tuple(found)


def _tube(
    hu: NDArray[np.int16], gas: NDArray[np.intp], spacing_mm: tuple[float, float, float], wall_hu: float
) -> WireTube | None:
    """Return a body of gas with its wall as a tube, if it is slender and walled all about."""
    spacing = np.asarray(spacing_mm)
    points = gas * spacing
    spread = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(points.T)), 0.01))
    length, width = math.sqrt(12.0) * float(spread[2]), 4.0 * float(spread[:2].mean())
    if width > MOST_WIDTH_MM or length < LEAST_SLENDER * width or not LEAST_MM <= length <= MOST_MM:
        return None
    low, high = gas.min(axis=0), gas.max(axis=0) + 1
    around = Box((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
    around = around.grown([math.ceil((WALL_MM + width) / s) for s in spacing_mm], hu.shape)
    start = np.asarray(around.start)
    bright = np.argwhere(hu[around.slices] >= wall_hu) + start
    if len(bright) == 0:
        return None
    away, _ = spatial.KDTree(points).query(bright * spacing)
    wall = bright[away <= WALL_MM]
    if len(wall) == 0 or _walled(points, wall * spacing) < WALLED:
        return None
    return WireTube(
        wall.astype(np.float64), length, width / 2, hollow=True, gas=True, metal=False, gas_within=True
    )


def _walled(gas: NDArray[np.float64], wall: NDArray[np.float64]) -> float:
    """Return the share of the gas's outer third, by distance from its middle line, that the wall lies at."""
    middle = gas.mean(axis=0)
    axis = np.linalg.svd(gas - middle, full_matrices=False)[2][0]
    along = (gas - middle) @ axis
    station = np.floor((along - along.min()) / STATION_MM).astype(np.intp)
    count = np.maximum(np.bincount(station), 1)
    line = np.stack([np.bincount(station, gas[:, a]) / count for a in range(3)], axis=1)[station]
    apart = np.linalg.norm(gas - line - np.outer((gas - line) @ axis, axis), axis=1)
    outer = gas[apart >= np.quantile(apart, 2 / 3)]
    away, _ = spatial.KDTree(wall).query(outer)
    return float((away <= WALL_MM).mean())
