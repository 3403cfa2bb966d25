"""How a body fades into the liver: calcium ends at an edge that the scan blurs, oil thins out."""

from __future__ import annotations

import math

import cc3d
import numpy as np

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.geometry import Box

__all__ = ["fading_of"]

REACH_MM = 22.0
"""How far beyond a body it is followed: half of the largest nodule that is treated so."""

LOW_SHARE, MOST_SHARE = 0.12, 0.3
"""Share of a body's greatest excess down to which it is followed, and the share above which nothing is
told."""

ABOVE_BLOOD_HU = 15.0
"""Least distance of that level from the brightest blood, so that vessels are not followed."""

SPREADS = 4.0
"""Least distance of that level from the liver, in noise deviations."""

LEAST_HU = 250.0
"""Excess from which a body is bright enough for its fading to be followed."""

EDGE = 1.05
"""By how many widths of the blur, at `LOW_SHARE`, an even body seems wider than at half of its contrast: 0.75
for a point and 1.0 for a plane edge of a Gaussian blur; slices with a rounder profile add a little."""


def fading_of(aperture: Aperture, scene: Scene, peak_hu: float, blood_hu: float) -> float:
    """Return by how many times its diameter at half contrast a body reaches farther than blur explains.

    Parameters
    ----------
    aperture
        Where it is measured.
    scene
        The crop.
    peak_hu
        Its brightest voxel.
    blood_hu
        The most that blood reaches in this scan; -inf without contrast medium.

    Returns
    -------
    float
        Diameters are those of spheres of the same volume. About 0 for an even body however small, 0.1 to 0.4
        for lumps of uneven density, 0.5 to 2 for a cloud that thins out; 0 where vessels or noise forbid to
        tell.
    """
    liver = scene.surroundings.liver_hu
    excess = peak_hu - liver
    if excess < LEAST_HU:
        return 0.0
    low = max(LOW_SHARE * excess, blood_hu + ABOVE_BLOOD_HU - liver, SPREADS * scene.noise.sd_hu)
    if low > MOST_SHARE * excess:
        return 0.0
    body = Box.around(aperture.extent)
    start = [a + b for a, b in zip(aperture.box.start, body.start, strict=True)]
    stop = [a + b for a, b in zip(aperture.box.start, body.stop, strict=True)]
    reach = [math.ceil(REACH_MM / s) for s in scene.spacing_mm]
    box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])).grown(reach, scene.hu.shape)
    hu = scene.hu[box.slices]
    top = np.argwhere(aperture.extent) + aperture.box.start - box.start
    place = tuple(top[int(hu[tuple(top.T)].argmax())])
    wide, half = (
        _diameter_mm(hu > liver + level, place, scene.grid.voxel_mm3) for level in (low, 0.5 * excess)
    )
    fwhm = scene.blur.in_plane_fwhm_mm
    width = (max(scene.blur.slice_mm, fwhm) * fwhm**2) ** (1 / 3)
    if half <= 0:
        return 0.0
    return float(max(0.0, (wide - half - EDGE * width) / half))


def _diameter_mm(above: np.ndarray, place: tuple[int, ...], voxel_mm3: float) -> float:
    """Return the diameter of a sphere as large as what is connected to a voxel."""
    labels = cc3d.connected_components(above, connectivity=18)
    count = int((labels == labels[place]).sum()) if labels[place] else 0
    return float((6.0 / math.pi * count * voxel_mm3) ** (1 / 3))
