"""The aperture of a focus and the background below it: where its excess is summed, and above what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.extent.blur_model import SphereResponse
from hepalith.calcification.extent.medium import carry_medium
from hepalith.calcification.extent.surface import SMOOTH_MM, carry_outside, continue_liver
from hepalith.calcification.search.background import Surroundings
from hepalith.calcification.search.candidate import Candidate
from hepalith.calcification.search.region import Layer
from hepalith.geometry import Box, Grid
from hepalith.image.noise import Blur, Noise

__all__ = ["Aperture", "Scene", "lay_aperture"]

APERTURE_FWHM = 1.0
"""How far the aperture reaches beyond the half-contrast contour, in in-plane widths: with the half
width inside the contour this is 3.5 standard deviations of the blur, 99 % of a point."""

APERTURE_SLICE = 0.75
"""The same across slices, in slice thicknesses: a box profile ends half a thickness beyond the
object; the rest is for real, rounder profiles. At least one slice."""

RING_GAP_MM = 0.7
"""Gap between aperture and background ring."""

RING_MM = 5.0
"""Thickness of the background ring: some hundred voxels about a small focus, still local."""

MIN_RING_VOXELS = 30
"""Fewest ring voxels whose mean is trusted; with fewer the liver's local level stands in."""

MIN_CONTENT_VOXELS = 12
"""Fewest voxels within a shell, beyond the reach of its blur, whose median is taken as its content."""

ABOUT_MM, ABOUT_PIXELS = 5.5, 3.5
"""How far from the aperture its medium is looked at; in coarse images so many pixels."""

RING_CLIP = 2.5
"""Deviations of the smoothed ring from its level beyond which voxels (vessels, fat) are left out."""

RING_LEFT_IN = 0.5
"""Error of the level, as a share of the clipping distance times the share of the ring that was left out:
edges of the same vessels stay in. Our judgement."""

RING_ROUNDS = 3
"""Times the level is taken anew from what is left in the ring."""

BEYOND_SPREADS = 4.0
"""Deviations of the smoothed surroundings above which a voxel joined to a body is part of it."""

SURFACE_SHARE = 0.12
"""Error of the background of each aperture voxel outside the liver, as a share of the step from
liver to outside: the surface below the focus is not seen. Our judgement."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that measuring needs besides the focus: the crop, what is known of it, and its scan.

    `bright` knows what is too bright for background (foci, bone, vessels); `owners` says which
    candidate each voxel belongs to (from 1, 0 none).
    """

    hu: NDArray[np.int16]
    liver: NDArray[np.bool_]
    bright: Layer
    owners: NDArray[np.integer[Any]]
    grid: Grid
    noise: Noise
    blur: Blur
    response: SphereResponse
    """Of the estimated blur; `sharper` and `softer` at the ends of what the blur may be."""
    sharper: SphereResponse
    softer: SphereResponse
    surroundings: Surroundings
    kernel: str = ""
    """Name of the reconstruction kernel, where the header gives it."""

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel spacing."""
        return self.grid.spacing_mm

    def noise_share(self, box: Box) -> float:
        """Return the deviation of a voxel in the middle of a box over that of the liver as a whole."""
        spread = self.surroundings.spread_hu
        k, j, i = (
            min((a + b) // (2 * f), n - 1)
            for a, b, f, n in zip(box.start, box.stop, self.surroundings.factor, spread.shape, strict=True)
        )
        return max(1.0, float(spread[k, j, i]) / self.noise.sd_hu)


@dataclass(frozen=True, slots=True, eq=False)
class Aperture:
    """Where one focus is measured.

    Parameters
    ----------
    box
        Box about the focus and its ring, within the crop; all arrays have its shape.
    extent, inside, ring
        The body above half contrast; the aperture; the background ring.
    free
        What is neither too bright for background nor another body's.
    liver
        The liver, and what of the aperture the ring's nearest voxel says is liver.
    excess
        HU above the background below the focus.
    level_hu, level_se_hu
        Level of the ring and its standard error.
    sum_se_hu
        Standard error of the sum of `excess` over `inside`.
    noise_share
        Deviation of a voxel here over that of the liver as a whole.
    """

    box: Box
    extent: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    ring: NDArray[np.bool_]
    free: NDArray[np.bool_]
    liver: NDArray[np.bool_]
    excess: NDArray[np.float32]
    level_hu: float
    level_se_hu: float
    sum_se_hu: float
    noise_share: float
    medium_se_hu: float
    """Standard error of the mean background below the aperture, for what strays about it."""
    beyond_hu: float
    """Sum of the excess of what goes on from the body beyond the aperture, too faint for its outline."""
    cut: bool
    """Whether the body reaches the end of the image."""

    def grown(self, margin: Sequence[int]) -> tuple[slice, ...]:
        """Return the part of the box that holds the aperture and a margin about it, in voxels."""
        return Box.around(self.inside).grown(margin, self.inside.shape).slices


def lay_aperture(candidate: Candidate, name: int, scene: Scene) -> Aperture:
    """Return the aperture of a candidate, with the background below it and the error of its sum.

    Parameters
    ----------
    candidate
        What to measure.
    name
        Its number in `scene.owners`.
    scene
        The crop it lies in.

    Notes
    -----
    Where the apertures of neighbours overlap, each voxel goes to the nearer body. The background
    is the mean of the ring's liver; where the aperture leaves the liver, the tissue there. Where it reaches
    into a shell it is the shell's content, up to the shell's inner contour and blurred as the scan blurs:
    content of 20 HU in a liver of 57 would take 7 % from a rim 2 mm thick and 24 mm wide.

    The error adds in quadrature the noise of sum and background with the noise's correlation, the
    fine texture of the liver, and the unseen course of the surface below a focus that straddles it.
    """
    box, extent, inside, ring, free, about = _regions(candidate, name, scene)
    hu = scene.hu[box.slices].astype(np.float32)
    own = scene.liver[box.slices]
    level, level_se, weights, reach = _ring_level(hu, ring, own, scene)
    liver = continue_liver(hu, own, inside, free, level_hu=level, reach_hu=reach, spacing_mm=scene.spacing_mm)
    beyond = inside & ~liver
    share = scene.noise_share(box)
    held = _held_by(extent)
    medium = carry_medium(
        hu,
        about & liver & ~inside & ~held,
        inside,
        level,
        spacing_mm=scene.spacing_mm,
        noise=scene.noise,
        texture_hu=scene.surroundings.texture_hu,
        noise_share=share,
    )
    content = _content_step(hu, held, inside, level, scene)
    background = np.float32(level) + np.where(content != 0, content, medium.step_hu)
    surface = 0.0
    if beyond.any():
        usable = ring | (~liver & ~inside & ~scene.bright.bright_in(box))
        background[beyond] = carry_outside(hu, usable & ~liver, level, scene.spacing_mm)[beyond]
        surface = SURFACE_SHARE * float(np.abs(background[beyond] - level).sum())
    count = float(inside.sum())
    variance = scene.noise.variance_of(inside.astype(np.float32) - count * weights)
    # what noise gives to the level is in the first term already
    told = scene.noise.variance_of(weights) if weights.any() else 0.0
    variance = share**2 * variance + max(level_se**2 - told, 0.0) * count**2
    variance += (medium.error_hu * count) ** 2 + surface**2
    excess, error = hu - background, math.sqrt(variance)
    owned = (scene.owners[box.slices] > 0) & (scene.owners[box.slices] != name)
    beyond_hu = _sum_beyond(excess, extent, inside, liver & ~owned, scene)
    ends = [n for n, k in ((0, box.start[0]), (-1, scene.hu.shape[0] - box.stop[0])) if k == 0]
    cut = any(bool(extent[n].any()) for n in ends)
    return Aperture(
        box, extent, inside, ring, free, liver, excess, level, level_se, error, share, medium.error_hu,
        beyond_hu, cut,
    )  # fmt: skip


def _sum_beyond(
    excess: NDArray[np.float32],
    extent: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    scene: Scene,
) -> float:
    """Return the sum of what goes on from a body beyond its aperture: faint ends of rods, branches and walls.

    Looked for in the image smoothed by its own blur, connected with the body, above what chance and blood
    reach.
    """
    sigma = [0.0, *(scene.blur.in_plane_sigma_mm / s for s in scene.spacing_mm[1:])]
    smooth = ndimage.gaussian_filter(excess, sigma)
    outside = allowed & ~inside
    if int(outside.sum()) < MIN_RING_VOXELS:
        return 0.0
    values = smooth[outside]
    low = values[values < 0]
    spread = 1.4826 * float(np.median(-low)) if low.size else 0.0
    least = BEYOND_SPREADS * max(spread, 0.2 * scene.noise.sd_hu)
    if scene.surroundings.blood_hu is not None:
        least = max(least, scene.surroundings.blood_hu - scene.surroundings.liver_hu)
    bright = (smooth > least) & (allowed | extent)
    if not (bright & ~inside).any():
        return 0.0
    labels = cc3d.connected_components(bright | extent, connectivity=26)
    own = np.unique(labels[extent])
    more = np.isin(labels, own[own > 0]) & ~inside
    return max(0.0, float(excess[more].sum(dtype=np.float64)))


def _regions(
    candidate: Candidate, name: int, scene: Scene
) -> tuple[
    Box, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]
]:
    """Return the box about a candidate, its extent, aperture and background ring, what is free, and near."""
    spacing = scene.spacing_mm
    reach = _reach(scene)
    reach_mm = (reach[0] * spacing[0], reach[1], reach[1])
    margin = [math.ceil((r + RING_GAP_MM + RING_MM) / s) + 1 for r, s in zip(reach_mm, spacing, strict=True)]
    box = candidate.box.grown(margin, scene.hu.shape)
    extent = np.zeros(box.shape, bool)
    start = [a - b for a, b in zip(candidate.box.start, box.start, strict=True)]
    extent[tuple(slice(a, a + n) for a, n in zip(start, candidate.box.shape, strict=True))] = candidate.extent
    grown, near = _dilated(extent, reach, spacing)
    inside = grown.copy()
    blocked = scene.bright.bright_in(box)
    owners = scene.owners[box.slices]
    others = (owners > 0) & (owners != name)
    if others.any():
        theirs, away = _dilated(others, reach, spacing)
        inside &= (near <= away) & ~others
        blocked |= theirs
    apart = edt.edt(~grown, anisotropy=spacing, black_border=False)
    ring = (apart > RING_GAP_MM) & (apart <= RING_MM + RING_GAP_MM) & ~blocked
    about = (apart <= max(ABOUT_MM, ABOUT_PIXELS * max(spacing[1:]))) & ~blocked
    return box, extent, inside, ring, ~blocked, about


def _dilated(
    body: NDArray[np.bool_], reach: tuple[int, float], spacing_mm: tuple[float, float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return a body grown across slices and then in plane, and the distance in plane to the former.

    What a body encloses within one slice is covered in the next where that shows no ring of its own: a thick
    slice thins the caps of a shell until nothing of them is outlined.
    """
    across, in_plane = reach
    tall = ndimage.maximum_filter1d(body, 2 * across + 1, axis=0, mode="constant")
    whole = np.stack([ndimage.binary_fill_holes(plane) if plane.any() else plane for plane in body])
    if int(whole.sum()) > int(body.sum()):
        tall |= ndimage.maximum_filter1d(whole, 2 * across + 1, axis=0, mode="constant") & ~whole
    # slices lie so far apart here that only distances within a slice count
    near = edt.edt(~tall, anisotropy=(1e4, *spacing_mm[1:]), black_border=False)
    return near <= in_plane, near


def _reach(scene: Scene) -> tuple[int, float]:
    """Return how far the aperture reaches beyond the extent: slices across, millimetres in plane."""
    spacing = scene.spacing_mm
    in_plane = APERTURE_FWHM * scene.blur.in_plane_fwhm_mm + 0.5 * max(spacing[1:])
    across = max(1, math.ceil(APERTURE_SLICE * scene.blur.slice_mm / spacing[0] - 0.01))
    return across, in_plane


def _ring_level(
    hu: NDArray[np.float32], ring: NDArray[np.bool_], liver: NDArray[np.bool_], scene: Scene
) -> tuple[float, float, NDArray[np.float32], float]:
    """Return the background's level, its standard error, each ring voxel's weight in it, and its reach.

    The reach is how far, in HU, even liver strays from the level once smoothed; 0 where nothing tells it.
    """
    weights = np.zeros(hu.shape, np.float32)
    use = ring & liver
    if int(use.sum()) < MIN_RING_VOXELS:
        use = ring & (np.abs(hu - scene.surroundings.liver_hu) < 4 * scene.noise.sd_hu + 20)
    values = hu[use]
    if values.size < MIN_RING_VOXELS // 3:
        return scene.surroundings.liver_hu, scene.noise.sd_hu, weights, 0.0
    kept, reach = _even_part(hu, use, scene)
    if not kept.any():
        return float(np.median(values)), float(values.std()), weights, 0.0
    weights[kept] = 1.0 / float(kept.sum())
    left_in = RING_LEFT_IN * reach * (1 - float(kept.sum()) / float(use.sum()))
    texture = scene.surroundings.texture_hu / 3
    spread = math.sqrt(scene.noise.variance_of(weights) + texture**2 + left_in**2)
    return float(hu[kept].mean(dtype=np.float64)), spread, weights, reach


def _even_part(
    hu: NDArray[np.float32], use: NDArray[np.bool_], scene: Scene
) -> tuple[NDArray[np.bool_], float]:
    """Return the voxels of a ring that lie in even liver, and how far from its level they were cut off.

    Smoothed, a vessel stands out from noise that hides it voxel by voxel; left in, it would raise the level
    by a few HU, which is much below a small focus in thick slices.
    """
    sigma = [SMOOTH_MM / s for s in scene.spacing_mm]
    share = ndimage.gaussian_filter(use.astype(np.float32), sigma, mode="constant")
    smooth = ndimage.gaussian_filter(np.where(use, hu, np.float32(0)), sigma, mode="constant")
    smooth /= np.maximum(share, np.float32(1e-3))
    values = smooth[use]
    level = float(np.median(values))
    low = values[values <= level]
    # vessels are brighter: the spread is read where none are
    spread = max(1.4826 * float(np.median(level - low)), 0.15 * scene.noise.sd_hu) if low.size else 0.0
    for _ in range(RING_ROUNDS):
        inner = values[np.abs(values - level) <= RING_CLIP * spread]
        if inner.size == 0:
            break
        level = float(np.median(inner))
    return np.asarray(use & (np.abs(smooth - level) <= RING_CLIP * spread)), RING_CLIP * spread


def _held_by(extent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what a body encloses, on all sides or within a slice."""
    held = np.asarray(ndimage.binary_fill_holes(extent))
    for k in np.flatnonzero(extent.any(axis=(1, 2))):
        held[k] |= ndimage.binary_fill_holes(extent[k])
    return held & ~extent


def _content_step(
    hu: NDArray[np.float32],
    held: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    level: float,
    scene: Scene,
) -> NDArray[np.float32]:
    """Return how far what a shell encloses differs from the level about it, blurred; 0 without a shell.

    Slices that end within the shell share its caps: the content is read between them. Where there is no such
    slice it may be darker than what is read, and is not taken to be brighter than the level.
    """
    deep = held & ~inside
    middle = deep & ndimage.minimum_filter1d(held, 3, axis=0)
    clear = int(middle.sum()) >= MIN_CONTENT_VOXELS
    deep = middle if clear else deep
    if int(deep.sum()) < MIN_CONTENT_VOXELS:
        return np.zeros(hu.shape, np.float32)
    content = float(np.median(hu[deep]))
    content = content if clear else min(content, level)
    spacing, blur = scene.spacing_mm, scene.blur
    sigma = [0.0, *(blur.in_plane_sigma_mm / s for s in spacing[1:])]
    share = ndimage.gaussian_filter(held.astype(np.float32), sigma)
    return np.asarray((content - level) * share, dtype=np.float32)
