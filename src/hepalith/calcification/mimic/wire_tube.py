"""Wire tubes: stents and catheters, known as one object however many bright pieces a scan shows of them."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.mimic.context import lies_at_hilum
from hepalith.calcification.search.candidate import METAL_HU

__all__ = ["BLOOD_MARGIN_HU", "BRIGHT_HU", "WireTube", "find_wire_tubes"]

BRIGHT_HU = 300
"""HU above the liver from which a voxel may be a strut: 0.2-0.4 mm of wire in slices of 5 mm still shows
500-900 HU. Our judgement."""

BLOOD_MARGIN_HU = 80
"""HU above the brightest blood from which a voxel may be a strut: the aorta and its branches are none."""

CELL_MM = 4.0
"""Size of the cells that are joined: cells of a mesh are 2-5 mm wide, and gas parts the walls of a tube in
thick slices by up to 8 mm."""

LEAST_MM, MOST_MM = 25.0, 140.0
"""Length of a biliary stent: 40 to 120 mm, less where the scan ends; vascular ones and catheters fit, too."""

CUT_MM = 12.0
"""Least length of a tube that the first or last slice cuts off: two of the stations that a middle is laid
through. Our judgement."""

LEAST_RADIUS_MM, MOST_RADIUS_MM = 1.5, 8.0
"""Radius of the tube: plastic stents are 7-12 French (2.3-4 mm wide), metal ones 6-14 mm."""

ROUND = 0.5
"""Largest spread of the struts' distance from the tube's middle, over its mean, that a tube has; a solid rod
has 0.35 too, but no dark inside."""

STATION_MM = 6.0
"""Length of the pieces that a middle is laid through: short against the bends of a duct."""

DARK_INSIDE_HU = 150.0
"""How far the inside of a tube stays below its wall: bile, blood or gas between struts."""

GAS_HU = -200
"""HU below which there is gas within: bile and fat stay above."""

GAS_SHARE = 0.04
"""Least share of gas about the middle for the tube to be seen to hold gas."""

SLENDER = 8.0
"""Least length over radius of metal that is not seen to be hollow, a plastic stent or a catheter: clips in a
row are no tube."""

LIVER_RIGHT = 0.25
"""Least share of a tube with liver to its right: stents and catheters of the liver lie so, leads and wires on
the chest do not."""

FILLED = 0.9
"""Least share of the tube's length that shows wire."""

LONG_MM, DENSE_WALL_HU = 38.0, 650.0
"""Length and median HU of the wall from which a hollow tube filled with bile is a stent: calcified walls of
veins are shorter and less dense. Our judgement."""

HELD_HU = 30.0
"""HU above the liver up to which what a long, evenly round tube at the hilum holds is bile or unenhanced
blood: a stent without gas, its wires blurred below `DENSE_WALL_HU`, is told by that. Marrow of a rib measures
60 to 100 above the liver without contrast. Our judgement."""

EVENLY_ROUND = 0.3
"""Largest spread of the struts' distance from the middle, over its mean, of such a tube."""

HILUM_SHARE = 0.5
"""Least share of such a tube with liver in front and to the right, or in the liver: cartilage with a
calcified shell is as round, and runs before the liver."""

SOLID_MM, CLIPPED_HU = 2.0, 3000
"""Median distance of the voxels of a rod from its middle from which it shows its own density, and the HU at
which metal so wide clips the scale; a cast of glue reaches 2500 HU."""

LEAST_METAL = 0.01
"""Share of voxels that clip as metal does, from which a long body is metal even where it is not hollow."""

SKIPPED = 7
"""Every so many voxels of the liver its median is taken from."""

MOST_SAMPLES = 6000
"""Most voxels of one object that are looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class WireTube:
    """A long object of wire or a tube of metal.

    Parameters
    ----------
    places
        float64, shape (n, 3): its voxels in the crop, evenly thinned.
    length_mm, radius_mm
        Of the tube.
    hollow
        Its inside is darker than its wall.
    gas
        It holds gas.
    metal
        Some of it is as bright as metal alone.
    gas_within
        Its very middle is gas, along at least half of its length.
    """

    places: NDArray[np.float64]
    length_mm: float
    radius_mm: float
    hollow: bool
    gas: bool
    metal: bool
    gas_within: bool = False


def find_wire_tubes(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    level_hu: float,
    barred: NDArray[np.float64],
) -> tuple[WireTube, ...]:
    """Return the stents and catheters in a crop.

    Parameters
    ----------
    hu, liver
        The crop and the liver's mask.
    spacing_mm
        Voxel spacing.
    level_hu
        What a strut exceeds: `BRIGHT_HU` above the liver, `BLOOD_MARGIN_HU` above blood, whichever is more.
    barred
        (n, 3): voxels of bone. An object with any is a tube only where its very middle is gas, or where it
        is hollow and as bright as metal: ribs have marrow within, and a tube of wire that leaves the liver
        was taken for bone by its size and place.

    Notes
    -----
    Bright voxels are joined over the gaps of a mesh, object by object. A long one is a stent when it is a
    hollow tube of metal or with gas in it, or a slender rod of metal: nothing else in a liver is that.
    """
    step = [max(1, round(CELL_MM / s)) for s in spacing_mm]
    places = np.flatnonzero(hu > level_hu)
    if places.size == 0:
        return ()
    where = np.stack(np.unravel_index(places, hu.shape), axis=1)
    shape = [-(-n // m) for n, m in zip(hu.shape, step, strict=True)]
    cells = np.zeros(shape, np.bool_)
    cells[tuple((where // step).T)] = True
    labels = cc3d.connected_components(cells, connectivity=26)
    owner = labels[tuple((where // step).T)]
    bone = set()
    if len(barred):
        bone = set(np.unique(labels[tuple((barred.astype(np.intp) // step).T)]).tolist())
    found = []
    held_hu = float(np.median(hu[liver][::SKIPPED])) + HELD_HU if liver.any() else -np.inf
    count = np.bincount(owner)
    for name in np.flatnonzero(count >= 20):
        own = where[owner == name]
        first, last = own.min(axis=0), own.max(axis=0)
        span = (last - first) * np.asarray(spacing_mm)
        least_mm = CUT_MM if first[0] == 0 or last[0] == hu.shape[0] - 1 else LEAST_MM
        if not least_mm <= float(np.linalg.norm(span)) <= 1.7 * MOST_MM:
            continue
        tube = _tube(hu, liver, own, np.asarray(spacing_mm), least_mm, held_hu)
        if tube is None:
            continue
        sure = tube.hollow and (tube.metal or tube.gas_within)
        if sure or (int(name) not in bone and least_mm == LEAST_MM):
            found.append(tube)
    return tuple(found)


def _has_liver_at_its_right(own: NDArray[np.intp], liver: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return, for some voxels of the crop, whether liver lies to the patient's right of them."""
    first = np.where(liver.any(axis=2), liver.argmax(axis=2), liver.shape[2])
    return np.asarray(first[own[:, 0], own[:, 1]] <= own[:, 2])


def _is_at_hilum(own: NDArray[np.intp], liver: NDArray[np.bool_]) -> bool:
    """Return whether most of some voxels lie in the liver or have it in front and to their right."""
    return float((liver[tuple(own.T)] | lies_at_hilum(own, liver)).mean()) >= HILUM_SHARE


def _tube(  # noqa: PLR0917
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    own: NDArray[np.intp],
    spacing: NDArray[np.float64],
    least_mm: float,
    held_hu: float,
) -> WireTube | None:
    """Return the tube that an object is, if any; bile measures `held_hu` at most."""
    own = own[:: max(1, len(own) // MOST_SAMPLES)]
    points = own * spacing
    away = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(away, full_matrices=False)
    along = away @ axes[0]
    length = float(np.ptp(along))
    if not least_mm <= length <= MOST_MM:
        return None
    station = np.floor((along - along.min()) / STATION_MM).astype(np.intp)
    counts = np.bincount(station)
    middles = np.stack([np.bincount(station, points[:, a]) / np.maximum(counts, 1) for a in range(3)], axis=1)
    middles = middles[counts > 0]
    centre = np.stack(
        [np.interp(along, _stations(along, station, counts), middles[:, a]) for a in range(3)], axis=1
    )
    apart = points - centre
    apart -= np.outer(apart @ axes[0], axes[0])
    radius = np.linalg.norm(apart, axis=1)
    mean = float(radius.mean())
    if not LEAST_RADIUS_MM <= mean <= MOST_RADIUS_MM:
        return None
    inside, gas = _inside(hu, middles, spacing, mean)
    wall = float(np.median(hu[tuple(own.T)]))
    metal = float((hu[tuple(own.T)] >= METAL_HU).mean()) >= LEAST_METAL
    round_about = float(radius.std()) <= ROUND * mean
    hollow = inside < wall - DARK_INSIDE_HU and round_about
    holds_gas = gas >= GAS_SHARE
    slender = length >= SLENDER * float(np.median(radius)) and float((counts > 0).mean()) >= FILLED
    dense = length >= LONG_MM and (
        wall >= DENSE_WALL_HU
        or (inside <= held_hu and float(radius.std()) <= EVENLY_ROUND * mean and _is_at_hilum(own, liver))
    )
    if not hollow and float(np.median(radius)) >= SOLID_MM and int(hu[tuple(own.T)].max()) < CLIPPED_HU:
        return None
    if float(_has_liver_at_its_right(own, liver).mean()) < LIVER_RIGHT:
        return None
    if not (hollow and (metal or holds_gas or dense)) and not (metal and slender and round_about):
        return None
    return WireTube(own.astype(np.float64), length, mean, hollow, holds_gas, metal, inside < GAS_HU)


def _stations(
    along: NDArray[np.float64], station: NDArray[np.intp], counts: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the place of each station along the tube."""
    mean = np.bincount(station, along) / np.maximum(counts, 1)
    return np.asarray(mean[counts > 0])


def _inside(
    hu: NDArray[np.int16], middles: NDArray[np.float64], spacing: NDArray[np.float64], radius_mm: float
) -> tuple[float, float]:
    """Return the median HU along the middle, and the share of gas within the tube about it."""
    steps = [np.arange(-int(radius_mm / s), int(radius_mm / s) + 1) for s in spacing]
    ball = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    far = np.linalg.norm(ball * spacing, axis=1)
    near = ball[far <= radius_mm]
    at = np.rint(middles / spacing).astype(np.intp)[:, None, :] + near[None]
    at = np.clip(at, 0, np.asarray(hu.shape) - 1).reshape(-1, 3)
    values = hu[tuple(at.T)]
    core = np.clip(np.rint(middles / spacing).astype(np.intp), 0, np.asarray(hu.shape) - 1)
    return float(np.median(hu[tuple(core.T)])), float((values < GAS_HU).mean())
