"""What is seen of the planes themselves: veins that run in them, fissure and gallbladder that mark them."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.atlas.couinaud import PARAMETERS, PLANES, Planes
from hepalith.anatomy.atlas.landmarks import Landmarks
from hepalith.anatomy.liver import Liver
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.image.volume import Volume

__all__ = ["narrow_by_fissure", "narrow_by_gallbladder", "narrow_by_veins"]

VEIN_RADIUS_MM = 2.6
"""Hepatic veins at least so wide are the trunks of the right and the middle one. Of the true trees of
development phantoms trunks of this radius stay within 4 mm of their planes, finer ones do not."""
VEIN_SD_MM = 7.0
"""Standard deviation of a stretch of trunk about its plane."""
VEIN_GATE_MM = 16.0
"""A trunk farther from where its plane is expected belongs to none."""
STRETCHES_MM = (12.0, 35.0, 60.0, 100.0)
"""Ends of the stretches that count once each, by distance from the cava's middle across."""
FEWEST_POINTS = 3
"""Fewest middles of a stretch."""

FISSURE_SD_MM = 6.0
"""Standard deviation of the umbilical fissure's middle about the plane between IV and II and III, which it
defines; how much of the fat belongs to it is not known exactly. Our judgement."""
FISSURE_GATE_MM = 22.0
"""Fat farther from where the plane is expected is another fissure."""
FISSURE_FAT_HU = -10.0
"""Below: fat, or a slit of it half filled by tissue."""
FISSURE_GRID_MM = 3.0
"""Spacing on which it is looked for."""
FISSURE_WIDE_MM = 12.0
"""Liver lies on both sides of it within this distance."""
LEAST_FISSURE_VOXELS = 12
"""Fewest voxels, a third of a millilitre, of a fissure."""
IN_FRONT = 0.1
"""So far in front of the hilum, in half-widths of the rib cage, the fissure is looked for: nearer to it lie
the fat of the porta hepatis and the fissure of the venous ligament."""

GALLBLADDER_SD_MM = 12.0
"""Standard deviation of the gallbladder's middle about the plane of Cantlie, which runs through its bed. Our
judgement: the bed is broad, and the gallbladder leans to either side."""

Floats = NDArray[np.float64]


def narrow_by_veins(planes: Planes, vessels: Vessels) -> Planes:
    """Return the planes drawn to the trunks of the right and the middle hepatic vein, where seen."""
    trunks = [b for b in vessels.of_kind("hepatic") if np.median(b.radii_mm) >= VEIN_RADIUS_MM]
    if not trunks:
        return planes
    points = np.concatenate([b.path_lps_mm for b in trunks])
    units = (points - planes.origin) / planes.unit_mm
    heights = np.stack([np.abs(_height(planes, name, units)) for name in ("right", "middle")])
    gate = VEIN_GATE_MM / planes.unit_mm
    across = np.hypot(units[:, 0], units[:, 1]) * planes.unit_mm
    rows: list[Floats] = []
    for number, name in enumerate(("right", "middle")):
        own = (heights[number] < gate) & (heights[number] <= heights.min(axis=0))
        for low, high in itertools.pairwise(STRETCHES_MM):
            held = own & (across >= low) & (across < high)
            if np.count_nonzero(held) >= FEWEST_POINTS:
                rows.append(_row(name, units[held].mean(axis=0)))
    return _narrowed(planes, rows, VEIN_SD_MM)


def narrow_by_fissure(planes: Planes, volume: Volume, liver: Liver) -> Planes:
    """Return the planes drawn to the umbilical fissure: fat between liver on both sides, before the hilum."""
    step = [max(1, round(FISSURE_GRID_MM / s)) for s in volume.spacing_mm]
    view = tuple(slice(None, None, n) for n in step)
    mask = liver.mask[view]
    fat = volume.hu[liver.box.slices][view] < FISSURE_FAT_HU
    reach = max(1, round(FISSURE_WIDE_MM / (step[2] * volume.spacing_mm[2])))
    window = np.ones((1, 1, reach), dtype=np.bool_)
    right = ndimage.binary_dilation(mask, window, origin=(0, 0, -(reach // 2)))
    left = ndimage.binary_dilation(mask, window, origin=(0, 0, (reach - 1) // 2))
    index = np.argwhere(fat & right & left) * step + np.array(liver.box.start)
    if len(index) < LEAST_FISSURE_VOXELS:
        return planes
    units = (volume.grid.to_lps(index) - planes.origin) / planes.unit_mm
    near = np.abs(_height(planes, "umbilical", units)) < FISSURE_GATE_MM / planes.unit_mm
    near &= units[:, 1] < planes.mean[-2] - IN_FRONT
    if np.count_nonzero(near) < LEAST_FISSURE_VOXELS:
        return planes
    return _narrowed(planes, [_row("umbilical", np.median(units[near], axis=0))], FISSURE_SD_MM)


def narrow_by_gallbladder(planes: Planes, landmarks: Landmarks) -> Planes:
    """Return the planes with Cantlie's drawn to the gallbladder, where it was seen."""
    at = np.array([landmarks.features[f"gallbladder_{axis}"] for axis in "xyz"])
    if not np.isfinite(at).all():
        return planes
    return _narrowed(planes, [_row("middle", at)], GALLBLADDER_SD_MM)


def _height(planes: Planes, name: str, units: Floats) -> Floats:
    """Return how far points lie on the side of a plane's normal, in units."""
    start = 4 * PLANES.index(name)
    return np.asarray(units @ planes.mean[start : start + 3] + planes.mean[start + 3])


def _row(name: str, at: Floats) -> Floats:
    """Return what makes a plane's height at a place from the parameters."""
    row = np.zeros(PARAMETERS)
    start = 4 * PLANES.index(name)
    row[start : start + 4] = (*at, 1.0)
    return row


def _narrowed(planes: Planes, rows: list[Floats], sd_mm: float) -> Planes:
    """Return the planes after places have been seen to lie on them."""
    if not rows:
        return planes
    variance = np.full(len(rows), (sd_mm / planes.unit_mm) ** 2)
    return planes.narrowed(np.array(rows), np.zeros(len(rows)), variance)
