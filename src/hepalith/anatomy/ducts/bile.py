"""How far each place in the liver is darkened toward bile: the map that ducts are looked for in."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.liver import Liver
from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["BileMap", "map_bile"]

SPACING_MM = 1.4
"""Spacing of the map. A duct of 3 mm spans two such voxels; averaging the usual 0.7 mm pixels in pairs halves
their noise. Our judgement."""

SLICE_MM = 2.0
"""Most height of the map's slices where those of the image are thinner: thin slices are noisy."""

BILE_HU, BILE_SD_HU = 8.0, 6.0
"""Density of bile in ducts, and its spread among patients: 0 to 20 HU is usual (textbooks, grade K)."""

REFERENCE_MM = 9.0
"""Width (standard deviation) of the average that stands for the parenchyma around: wider than a duct,
narrower than the shading of a liver. Our judgement."""

PLAIN_HU = 18.0
"""Beyond this from the local average (and 2.5 times the noise) a voxel is no plain parenchyma but vessel,
duct or lesion. Our judgement."""

FAT_HU = -35.0
"""Below, on the quiet copy, fat or gas: its edge with the liver has any density in between, bile's too."""

QUIET_MM = 1.0
"""Standard deviation of the blur that makes the quiet copy, lest noise in dark bile pass for fat."""

EVERY = 5
"""Every so many voxels are taken for a median over the liver: it is then still known to a thousandth."""

EDGE_MM = 2.5
"""Distance from the capsule, from fat and from gas that is left out, and at least one slice: partial volume
with them has bile's density. Our judgement."""

BRIGHT_HU = 60.0
"""So far above the parenchyma, what lies in a duct is a stone; it neither darkens the duct nor parts it."""

STONE_SPREADS = 4.5
"""... and by so many spreads of the parenchyma: sharp kernels scatter single voxels beyond the former."""

GALLBLADDER_CHANCE = 0.25
"""Probability of gallbladder above which bile is none of a duct's: the network's edge lies near 0.5 but blurs
over 6 mm."""

STONE_BILE_SHARE = 0.25
"""Darkening of the quiet map beside a stone in bile: the stone's own brightness is blurred into it."""

STONE_SHELL_SHARE = 0.3
"""Share of a stone's surroundings that is bile: a stone may touch the wall on one side. Our judgement."""

LARGEST_STONE_MM = 15.0
"""Diameter of a ball as large as the largest stone, or run of fused stones, that is bridged. Our
judgement."""

BLURS_MM = (0.8, 1.2, 1.8)
"""Standard deviations of the blur that quietens the map, least first: a third of a dilated duct's calibre."""

MOST_NOISE = 0.10
"""Noise of the quiet map at which no more blur is added: a duct's darkening is then over four times as
much."""

LEAST_HU = 8.0
"""Least contrast by which darkening is divided."""


@dataclass(frozen=True, slots=True, eq=False)
class BileMap:
    """The liver on a grid of about `SPACING_MM`.

    Parameters
    ----------
    box
        The voxels of the image that the map covers.
    factors
        Voxels of the image along (k, j, i) in one of the map.
    spacing_mm
        Of the map, along (k, j, i).
    hu
        float32: mean density of the voxels of the image in each of the map.
    share
        float32: darkening over that of pure bile; 0 parenchyma, 1 bile.
    quiet
        float32: the same, blurred until its noise is low.
    noise
        Standard deviation of `quiet` in plain parenchyma.
    margin_mm
        float32: distance from the nearest fat, gas, or place outside the liver.
    ground
        float32: how far the parenchyma around is darker than the liver's typical one, as a share of the
        contrast; large within masses.
    stones
        bool: small bodies far brighter than the liver with bile about them; they count as lumen.
    contrast_hu
        Parenchyma less bile; what there is to see.
    halo
        Voxels over which the blur of the quiet map carries a duct's darkness beyond its wall.
    """

    box: Box
    factors: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    hu: NDArray[np.float32]
    share: NDArray[np.float32]
    quiet: NDArray[np.float32]
    noise: float
    margin_mm: NDArray[np.float32]
    ground: NDArray[np.float32]
    stones: NDArray[np.bool_]
    contrast_hu: float
    halo: int = 1

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where darkening can be trusted: in the liver, away from its margin and from fat."""
        return np.asarray(self.margin_mm > EDGE_MM)

    def to_index(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return indices (k, j, i) of the image for places on the map, shape (n, 3)."""
        factors = np.asarray(self.factors, dtype=np.float64)
        moved: NDArray[np.float64] = places * factors + (factors - 1) / 2 + np.asarray(self.box.start)
        return moved

    def from_index(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places on the map for indices (k, j, i) of the image, shape (n, 3)."""
        factors = np.asarray(self.factors, dtype=np.float64)
        moved: NDArray[np.float64] = (index - np.asarray(self.box.start) - (factors - 1) / 2) / factors
        return moved


def map_bile(volume: Volume, liver: Liver) -> BileMap:
    """Return the map of what is darkened toward bile.

    Parameters
    ----------
    volume
        The image.
    liver
        Where the liver is; not empty.

    Notes
    -----
    The parenchyma around is a Gaussian average over the liver's voxels that are like their
    neighbourhood, taken twice: the second time without what the first shows to be vessel, duct or lesion.
    """
    steps = _factors(liver.box.shape, volume.spacing_mm)
    shape = [n // f * f for n, f in zip(liver.box.shape, steps, strict=True)]
    stop = [a + n for a, n in zip(liver.box.start, shape, strict=True)]
    box = Box(liver.box.start, (stop[0], stop[1], stop[2]))
    cut = tuple(slice(0, n) for n in shape)
    hu = _block_mean(volume.hu[box.slices], steps)
    middle = tuple(slice(f // 2, n, f) for f, n in zip(steps, shape, strict=True))
    mask = np.ascontiguousarray(liver.mask[cut][middle])
    k_mm, j_mm, i_mm = (f * s for f, s in zip(steps, volume.spacing_mm, strict=True))
    spacing = (k_mm, j_mm, i_mm)
    across = (min(k_mm, EDGE_MM - 0.1), j_mm, i_mm)  # the next slice always counts as the edge
    tissue = mask & ~_fat(hu, spacing) & ~_gallbladder(liver, hu, box, steps)
    margin = _distance_within(tissue, across, box, volume)
    inside = margin > EDGE_MM
    parenchyma = _parenchyma(hu, inside, spacing)
    contrast = parenchyma - np.float32(BILE_HU)
    usual = float(np.median(contrast[inside])) if inside.any() else 0.0
    above = hu - parenchyma
    share = np.asarray(-np.minimum(above, BRIGHT_HU) / np.maximum(contrast, LEAST_HU), dtype=np.float32)
    quiet, noise, halo = _quieten(share, inside, spacing)
    spread = 1.4826 * float(np.median(np.abs(above[inside][::EVERY]))) if inside.any() else 0.0
    bright = mask & (above > max(BRIGHT_HU, STONE_SPREADS * spread))
    stones = _stones(bright, quiet > STONE_BILE_SHARE, spacing)
    typical = np.float32(usual + BILE_HU)
    ground = np.asarray((typical - parenchyma) / max(usual, LEAST_HU), dtype=np.float32)
    return BileMap(box, steps, spacing, hu, share, quiet, noise, margin, ground, stones, usual, halo)


def _factors(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return how many voxels of the image are averaged along (k, j, i)."""
    k, j, i = spacing_mm
    wanted = (int(SLICE_MM / k + 0.05), int(SPACING_MM / j + 0.35), int(SPACING_MM / i + 0.35))
    a, b, c = (max(1, min(n, f)) for n, f in zip(shape, wanted, strict=True))
    return (a, b, c)


def _quieten(
    share: NDArray[np.float32], inside: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> tuple[NDArray[np.float32], float, int]:
    """Return the map blurred as little as its noise allows, the noise that is left, and the blur's halo."""
    for halo, blur_mm in enumerate(BLURS_MM, start=1):
        quiet = ndimage.gaussian_filter(share, [blur_mm / s for s in spacing], mode="nearest", truncate=3.0)
        values = quiet[inside][::EVERY]
        if values.size == 0:
            return quiet, 1.0, halo
        noise = 1.4826 * float(np.median(np.abs(values - np.median(values))))
        if noise <= MOST_NOISE:
            break
    return quiet, max(noise, 0.01), halo


def _stones(
    bright: NDArray[np.bool_], dark: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Return the small bright bodies in bile: enhanced vessels are large, or lie in parenchyma."""
    labels, count = ndimage.label(bright, np.ones((3, 3, 3), bool))
    if count == 0:
        return bright
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    around = ndimage.maximum_filter(labels, size=3)
    shell = (around > 0) & ~bright
    faces = np.bincount(around[shell], minlength=count + 1)
    touching = np.bincount(around[shell & dark], minlength=count + 1)
    most = 4.0 / 3.0 * np.pi * (LARGEST_STONE_MM / 2) ** 3 / float(np.prod(spacing))
    held = (touching >= STONE_SHELL_SHARE * np.maximum(faces, 1)) & (sizes <= most)
    held[0] = False
    return np.asarray(held[labels])


def _fat(hu: NDArray[np.float32], spacing: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Return what is fat or gas."""
    quiet = ndimage.gaussian_filter(hu, [QUIET_MM / s for s in spacing], mode="nearest", truncate=2.5)
    return np.asarray(quiet < FAT_HU)


def _gallbladder(
    liver: Liver, hu: NDArray[np.float32], box: Box, factors: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return where the network sees gallbladder, the most duct-like of the liver's neighbours."""
    if liver.organs is None:
        return np.zeros(hu.shape, dtype=np.bool_)
    k, j, i = (a + (f - 1) / 2 for a, f in zip(box.start, factors, strict=True))
    step = (float(factors[0]), float(factors[1]), float(factors[2]))
    chance = liver.organs.on(Coarse(hu, (k, j, i), step), "gallbladder")
    return np.asarray(chance > GALLBLADDER_CHANCE)


def _distance_within(
    tissue: NDArray[np.bool_], spacing: tuple[float, float, float], box: Box, volume: Volume
) -> NDArray[np.float32]:
    """Return the distance from what is outside `tissue`; a face that ends the scan is no outside."""
    padded = np.pad(tissue, 1)
    if box.start[0] == 0:
        padded[0] = padded[1]
    if box.stop[0] == volume.hu.shape[0]:
        padded[-1] = padded[-2]
    distance: NDArray[np.float32] = edt.edt(padded, anisotropy=spacing)[1:-1, 1:-1, 1:-1]
    return distance


def _block_mean(hu: NDArray[np.int16], factors: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the mean over blocks of whole voxels."""
    k, j, i = factors
    total: NDArray[np.float32] | None = None
    for a in range(k):
        for b in range(j):
            for c in range(i):
                part = hu[a::k, b::j, c::i]
                total = part.astype(np.float32) if total is None else np.add(total, part, out=total)
    return np.asarray(total, dtype=np.float32) / np.float32(k * j * i)


def _parenchyma(
    hu: NDArray[np.float32], inside: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return the density of the parenchyma around each place."""
    if not inside.any():
        return np.full(hu.shape, np.float32(0.0))
    middle = float(np.median(hu[inside]))
    spread = 1.4826 * float(np.median(np.abs(hu[inside] - middle)))
    about = np.full(hu.shape, np.float32(middle))
    limit = max(PLAIN_HU, 2.5 * spread)
    for _ in range(2):
        plain = inside & (np.abs(hu - about) < limit)
        about = _average(hu, plain, spacing, middle)
        spread = 1.4826 * float(np.median(np.abs((hu - about)[inside][::EVERY])))
        limit = max(PLAIN_HU, 2.5 * spread)
    return about


def _average(
    hu: NDArray[np.float32], plain: NDArray[np.bool_], spacing: tuple[float, float, float], middle: float
) -> NDArray[np.float32]:
    """Return the Gaussian average of `hu` over `plain`, worked out on every third voxel."""
    steps = [max(1, int(REFERENCE_MM / 2 / s)) for s in spacing]
    pad = [(0, -n % f) for n, f in zip(hu.shape, steps, strict=True)]
    weight = np.pad(plain.astype(np.float32), pad)
    total = np.pad(np.where(plain, hu - middle, 0).astype(np.float32), pad)
    small = []
    sigma = [REFERENCE_MM / (s * f) for s, f in zip(spacing, steps, strict=True)]
    for field in (total, weight):
        k, j, i = field.shape
        blocks = field.reshape(k // steps[0], steps[0], j // steps[1], steps[1], i // steps[2], steps[2])
        small.append(ndimage.gaussian_filter(blocks.mean(axis=(1, 3, 5)), sigma, mode="constant"))
    mean = middle + small[0] / (small[1] + 1e-3)
    for axis, step in enumerate(steps):
        at = np.clip((np.arange(hu.shape[axis]) - (step - 1) / 2) / step, 0, mean.shape[axis] - 1)
        low = np.floor(at).astype(np.intp)
        high = np.minimum(low + 1, mean.shape[axis] - 1)
        view = [1, 1, 1]
        view[axis] = -1
        part = (at - low).astype(np.float32).reshape(view)
        mean = mean.take(low, axis) * (1 - part) + mean.take(high, axis) * part
    return np.asarray(mean, dtype=np.float32)
