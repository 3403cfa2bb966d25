"""What the phantom's own scanner hands to the ideal observer: how it draws, and its noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hepalith.evaluation.observer import NoisePower, Render
from hepalith.geometry import Grid
from hepalith.phantom.deposit import make_sphere
from hepalith.phantom.noise import make_noise
from hepalith.phantom.render import render
from hepalith.phantom.scanner import Scanner, SliceProfile

__all__ = ["noise_power_of", "sphere_renderer"]

ROOM_MM = 8.0
"""Empty room about a sphere: more than any slice profile or in-plane blur reaches beyond it."""

NOISE_SLICES = 12
"""Slices of noise drawn to know its power: 12 of 512 x 512 give each radial bin to about one per cent."""


def sphere_renderer(spacing_mm: tuple[float, float, float], blur_mm: float, profile: SliceProfile) -> Render:
    """Return what draws a sphere of 1 HU as this scanner samples it; see `Render`."""

    def draw(
        diameter_mm: float, centre_mm: tuple[float, float, float], largest_mm: float
    ) -> NDArray[np.float32]:
        room = largest_mm / 2 + ROOM_MM + profile.reach_mm
        half = [math.ceil(room / s) + 1 for s in spacing_mm]
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm
        affine[:, 3] = (-half[2] * spacing_mm[2], -half[1] * spacing_mm[1], -half[0] * spacing_mm[0], 1)
        grid = Grid((2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1), affine)
        z, y, x = centre_mm
        seen = render(make_sphere((x, y, z), diameter_mm, 1.0).shape, grid, blur_mm, profile)
        image = np.zeros(grid.shape, dtype=np.float32)
        image[seen.box.slices] = seen.share
        return image

    return draw


def noise_power_of(scanner: Scanner, sd_hu: float, seed: int = 0) -> NoisePower:
    """Return the power of a scanner's noise, `sd_hu` strong in the liver."""
    few = Scanner(
        matrix=scanner.matrix, slices=NOISE_SLICES, pixel_mm=scanner.pixel_mm,
        slice_spacing_mm=scanner.slice_spacing_mm, slice_thickness_mm=scanner.slice_thickness_mm,
        blur_mm=scanner.blur_mm, kernel=scanner.kernel,
    )  # fmt: skip
    noise = make_noise(few, np.random.default_rng([seed, 17]))
    return NoisePower.of(noise, scanner.grid.spacing_mm, sd_hu)
