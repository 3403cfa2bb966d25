"""What the phantom's own scanner hands to the ideal observer: how it draws, and its noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.evaluation.observer import NoisePower, Render
from hepalith.geometry import Box, Grid
from hepalith.phantom.deposit import Solid, make_sphere
from hepalith.phantom.scanner.noise import make_noise
from hepalith.phantom.scanner.render import Rendered, render
from hepalith.phantom.scanner.scanner import Scanner

__all__ = ["noise_in_liver", "noise_of_scanner", "power_of", "render_with", "sphere_renderer"]

ROOM_MM = 8.0
"""Empty room about a sphere: more than any slice profile or in-plane blur reaches beyond it."""

NOISE_SLICES, NOISE_MATRIX = 12, 256
"""Size of the noise drawn to know its power: each radial bin is then known to about two per cent."""

CLEAR_MM = 6.0
"""Depth beneath the liver's surface from which its noise is taken."""

APART_PIXELS = 3
"""Pixels between the two that are compared: far enough for noise, near enough for anatomy to be alike."""

MAD_TO_SD = 1.4826
"""Standard deviation over median absolute deviation of a Gaussian."""


BEYOND, KEPT_SD, ROUNDS = 2.5, 0.9546, 4
"""Differences so many standard deviations out are left out, as vessels' edges are; the standard deviation of
what is left of a Gaussian, over its own; and how often that is done."""


def render_with(scanner: Scanner, solid: Solid, grid: Grid) -> Rendered:
    """Return a solid of 1 HU as a scanner's kernel and slice profile show it on a grid."""
    parts = scanner.point_spread.parts
    seen = [(weight, render(solid, grid, blur, scanner.profile)) for weight, blur in parts]
    widest = max((one for _, one in seen), key=lambda one: math.prod(one.box.shape))
    share, occupied = np.zeros_like(widest.share), np.zeros_like(widest.occupied)
    for weight, one in seen:
        start = [a - b for a, b in zip(one.box.start, widest.box.start, strict=True)]
        part = tuple(slice(a, a + n) for a, n in zip(start, one.box.shape, strict=True))
        share[part] += np.float32(weight) * one.share
        occupied[part] = np.maximum(occupied[part], one.occupied)
    return Rendered(widest.box, share, occupied)


def sphere_renderer(scanner: Scanner) -> Render:
    """Return what draws a sphere of 1 HU as this scanner samples it; see `Render`."""
    spacing = scanner.grid.spacing_mm

    def draw(
        diameter_mm: float, centre_mm: tuple[float, float, float], largest_mm: float
    ) -> NDArray[np.float32]:
        room = largest_mm / 2 + ROOM_MM + scanner.profile.reach_mm
        half = [math.ceil(room / s) + 1 for s in spacing]
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2] = spacing
        affine[:, 3] = (-half[2] * spacing[2], -half[1] * spacing[1], -half[0] * spacing[0], 1)
        grid = Grid((2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1), affine)
        z, y, x = centre_mm
        seen = render_with(scanner, make_sphere((x, y, z), diameter_mm, 1.0).shape, grid)
        image = np.zeros(grid.shape, dtype=np.float32)
        image[seen.box.slices] = seen.share
        return image

    return draw


def noise_of_scanner(scanner: Scanner, seed: int = 0) -> NDArray[np.float32]:
    """Return noise of unit strength with a scanner's texture, the same everywhere."""
    few = replace(scanner, slices=NOISE_SLICES, matrix=NOISE_MATRIX)
    return make_noise(few, np.random.default_rng([seed, 17]))


def noise_in_liver(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    noise: NDArray[np.float32],
) -> float:
    """Return the standard deviation of the noise in the true liver, in HU.

    From the differences of pixels `APART_PIXELS` apart, whose correlation is known from
    the scanner's own `noise`: vessels and edges are few among the pairs and are left out as outliers;
    nothing is shared with the reader's own measurement.
    """
    box = Box.around(liver)
    if box.is_empty:
        return math.nan
    inside = ndi.distance_transform_edt(np.pad(liver[box.slices], 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    deep = inside > CLEAR_MM
    if deep.sum() < 100:
        deep = liver[box.slices]
    part = hu[box.slices].astype(np.float32)
    both = deep[:, :, APART_PIXELS:] & deep[:, :, :-APART_PIXELS]
    apart = (part[:, :, APART_PIXELS:] - part[:, :, :-APART_PIXELS])[both]
    if apart.size < 100:
        return math.nan
    known = noise[:, :, APART_PIXELS:] - noise[:, :, :-APART_PIXELS]
    spread = MAD_TO_SD * float(np.median(np.abs(apart - np.median(apart))))
    for _ in range(ROUNDS):
        spread = float(apart[np.abs(apart) < BEYOND * spread].std()) / KEPT_SD
    return spread * float(noise.std()) / float(known.std())


def power_of(scanner: Scanner, noise: NDArray[np.float32], sd_hu: float) -> NoisePower:
    """Return the power of a scanner's noise, `sd_hu` strong in the liver."""
    return NoisePower.of(noise, scanner.grid.spacing_mm, sd_hu)
