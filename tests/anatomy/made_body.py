"""A made trunk whose liver is known on paper: body, lungs, ribs, spine, liver, spleen, aorta, fat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Grid
from hepalith.image.volume import Volume


@dataclass(frozen=True)
class Trunk:
    volume: Volume
    liver: NDArray[np.bool_]


def grid_of(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing, 1.0
    return Grid(shape, affine)


def ball(
    at: tuple[NDArray, NDArray, NDArray],
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
):
    return sum(((a - c) / r) ** 2 for a, c, r in zip(at, centre, radii, strict=True)) < 1


def make_trunk(
    *,
    spacing: tuple[float, float, float] = (5.0, 2.0, 2.0),
    liver_hu: float = 60.0,
    aorta_hu: float = 45.0,
    kidney_hu: float = 32.0,
    noise_hu: float = 10.0,
    mass_hu: float | None = None,
    with_liver: bool = True,
    height_mm: float = 300.0,
) -> Trunk:
    """Return a trunk; z from the pelvis up, the right side at low columns."""
    size_mm = (height_mm, 250.0, 340.0)
    shape = tuple(round(s / d) for s, d in zip(size_mm, spacing, strict=True))
    z, y, x = (a * d for a, d in zip(np.ogrid[tuple(slice(n) for n in shape)], spacing, strict=True))
    z = z + (300.0 - height_mm)
    x, y = x - 170.0, y - 125.0  # middle of the body; +x left, +y back
    at = (z, y, x)
    hu = np.full(shape, -1000.0)
    everywhere = np.zeros(shape, dtype=bool)
    skin = ((x / 160) ** 2 + (y / 115) ** 2 < 1) | everywhere
    muscle = ((x / 145) ** 2 + (y / 100) ** 2 < 1) | everywhere
    cavity = ((x / 133) ** 2 + (y / 88) ** 2 < 1) | everywhere
    hu[skin], hu[muscle], hu[cavity] = -100, 55, -100
    ring = ((x / 139) ** 2 + (y / 94) ** 2 < 1) & ~cavity
    hu[ring & ((z % 30) < 12)] = 400
    dome = 255 - ((x + 60) / 9) ** 2 / 4 - (y / 9) ** 2 / 5  # height of the right dome over the cavity
    left_dome = 245 - ((x - 60) / 9) ** 2 / 4 - (y / 9) ** 2 / 5
    hu[cavity & (x < -5) & (z > dome)] = -850
    hu[cavity & (x > 5) & (z > left_dome)] = -850
    liver = ball(at, (185, 0, -75), (75, 75, 55)) | ball(at, (200, -45, 0), (35, 30, 75))
    liver &= cavity & ((x >= -5) | (z < dome - 3)) & ((x < 5) | (z < left_dome - 3))
    if with_liver:
        hu[liver] = liver_hu
    hu[ball(at, (200, 45, 95), (45, 28, 25)) & cavity] = 48
    for side in (-1, 1):
        hu[ball(at, (125, 50, 60 * side), (45, 24, 24)) & cavity & ~liver] = kidney_hu
    hu[(np.hypot(x, y - 65) < 21) | everywhere] = 220
    hu[(np.hypot(x - 18, y - 32) < 11) | everywhere] = aorta_hu
    if mass_hu is not None and with_liver:
        hu[ball(at, (190, 20, -110), (38, 38, 38)) & liver] = mass_hu
    hu += np.random.default_rng(5).normal(0, noise_hu, shape)
    volume = Volume(np.clip(np.rint(hu), -1024, 3000).astype(np.int16), grid_of(shape, spacing))
    return Trunk(volume, liver if with_liver else np.zeros(shape, dtype=bool))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2.0 * np.count_nonzero(a & b) / max(1, np.count_nonzero(a) + np.count_nonzero(b))
