"""A scene: bodies painted one over another, deposits laid into them, and the scan of it all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.image import Volume
from hepalith.phantom.deposit import Deposit, Rendered, render
from hepalith.phantom.scanner.hardening import find_hardening, water_and_mineral
from hepalith.phantom.scanner.lattice import AIR, BLOCK, Lattice, Outline
from hepalith.phantom.scanner.noise import NoiseScale, draw_noise, scale_noise
from hepalith.phantom.scanner.projector import FIELD
from hepalith.phantom.scanner.scanner import GAIN_OF, Scanner
from hepalith.phantom.scanner.streak import (
    SUPERSEDED_MM,
    Metal,
    Rays,
    Streak,
    add_metal_streaks,
    add_streak,
    between,
)
from hepalith.phantom.shape import exact
from hepalith.phantom.shape.shape import Capsule, Shape, Tube

__all__ = ["AIR", "ORGANS", "Body", "Scan", "Scene", "Streak", "scan"]

ORGANS = MappingProxyType(
    {
        "liver": 1,
        "gallbladder": 2,
        "spleen": 3,
        "kidney": 4,
        "stomach": 5,
        "lung": 6,
        "bone": 7,
        "aorta": 8,
        "vena_cava": 9,
        "heart": 10,
        "bowel": 11,
        "pancreas": 12,
        "portal_vein": 13,
        "cartilage": 14,
        "body": 15,
        "fat": 16,
        "muscle": 17,
        "adrenal": 18,
        "bladder": 19,
        "arm": 20,
        "gullet": 21,
        "fluid": 22,
        "colon": 23,
        "duodenum": 24,
        "spinal_canal": 25,
        "diaphragm": 26,
        "couch": 27,
    }
)
"""Labels of the organ map, by name."""

FINEST_STEP_MM = 0.85
"""Largest step of the painted lattice along z: as the pixels are, so that a slanting surface is as smooth
along z as across."""

SLAB_POINTS = 64 * 512 * 512
"""Points of the lattice painted at a time: 67 MB of HU."""

MOTTLE_BLOCKS = (8, 14, 16)
"""Size of the tile of texture, in blocks of 8 points; larger than an organ, so that no repeat shows."""

MOTTLE_POINTS = (2.0, 2.5, 2.5)
"""Standard deviation of the texture's grain along z, y and x, in points of the lattice."""

LEVEL_MM = 6.0
"""Distance of the levels at which rays are followed through the whole patient; organs change over more."""

SMALLEST_SEEN_MM = 5.0
"""Bodies thinner than this are left out of the coarse lattice that rays are followed through."""

HIGHEST_HU, HIGHEST_EXTENDED_HU = 3071, 32767
"""Top of the 12-bit and 16-bit CT ranges, where metal is clipped."""

SMALLEST_VARIANCE = 0.6
"""Variance of a Gaussian, in pixels, below which three weights of that variance stand for it: sampled at
whole pixels it would be too narrow."""

LOWEST_HU = -1024
"""Bottom of the CT range."""

Paint = NDArray[np.float32]

SegmentAt = Callable[[Paint, Paint, Paint], NDArray[np.uint8]]
"""Couinaud segment, 1 to 8, of points x, y, z in LPS mm."""


@dataclass(frozen=True, slots=True)
class Body:
    """A shape filled with one HU.

    Parameters
    ----------
    shape
        Where.
    hu
        What it is painted with, at the scanner's voltage.
    organ
        A name of `ORGANS`; ``""`` paints without relabelling (a vessel in the liver stays liver);
        ``"none"`` takes the label away.
    mottle_hu
        Standard deviation of a coarse texture, for bowel content.
    """

    shape: Shape
    hu: float
    organ: str = ""
    mottle_hu: float = 0.0

    @property
    def label(self) -> int | None:
        """Number of the organ; 0 takes the label away, ``None`` leaves it."""
        if not self.organ:
            return None
        return 0 if self.organ == "none" else ORGANS[self.organ]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that lies in front of the scanner, painted in order.

    `deposits` are the foci to be found; `mimics` are dense too, but none of them calcium in the liver.
    `segment_at` tells the liver's segments; without it no segment is labelled.
    """

    bodies: tuple[Body, ...]
    deposits: tuple[Deposit, ...] = ()
    mimics: tuple[Deposit, ...] = ()
    streaks: tuple[Streak, ...] = ()
    segment_at: SegmentAt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What the scanner made of a scene, and the answers.

    Parameters
    ----------
    volume
        The image.
    organs
        uint8 label map of `ORGANS`: what lies at each voxel's centre.
    foci, mimics
        int32 label maps: the deposits in order, from 1.
    rendered, rendered_mimics
        Each deposit as sampled, in the order of the scene.
    excesses_hu, mimic_excesses_hu
        HU of each deposit above its surroundings at the scanner's voltage.
    segments
        uint8 label map of Couinaud's segments, 1 to 8, within the liver; 0 elsewhere.
    noise_hu
        Standard deviation of the noise in the middle of the body.
    """

    volume: Volume
    organs: NDArray[np.uint8]
    foci: NDArray[np.int32]
    mimics: NDArray[np.int32]
    rendered: tuple[Rendered, ...] = field(default=())
    rendered_mimics: tuple[Rendered, ...] = field(default=())
    excesses_hu: tuple[float, ...] = field(default=())
    mimic_excesses_hu: tuple[float, ...] = field(default=())
    segments: NDArray[np.uint8] | None = None
    noise_hu: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Patient:
    """The whole patient at coarse levels: rays through it, and what they do to the image."""

    rays: Rays
    noise: NoiseScale
    hardening: Paint | None


def _make_mottle(random: np.random.Generator) -> Paint:
    """Return a tile of coarse texture of unit standard deviation, in blocks, that fits onto itself."""
    size = [n * BLOCK for n in MOTTLE_BLOCKS]
    rough = exact.draw_normal(random, (size[0], size[1], size[2]))
    rough = exact.gaussian_filter(rough, MOTTLE_POINTS, mode="wrap")
    rough = np.asarray(rough / rough.std(), dtype=np.float32)
    z, y, x = MOTTLE_BLOCKS
    return np.ascontiguousarray(rough.reshape(z, BLOCK, y, BLOCK, x, BLOCK).transpose(0, 2, 4, 1, 3, 5))


def _steps(scanner: Scanner) -> int:
    """Return how many steps of the lattice make one slice's spacing."""
    return max(1, math.ceil(scanner.slice_spacing_mm / FINEST_STEP_MM - 1e-9))


Outlines = tuple[tuple[Body, Outline], ...]


def _outline(bodies: tuple[Body, ...]) -> Outlines:
    """Return bodies with their outlines; tubes alike in all but shape, painted in a row, as one."""

    def alike(body: Body) -> tuple[object, ...]:
        if isinstance(body.shape, Tube | Capsule) and not body.mottle_hu:
            return (body.hu, body.organ)
        return (id(body),)

    rows = [list(row) for _, row in itertools.groupby(bodies, alike)]
    return tuple((row[0], Outline.of([b.shape for b in row])) for row in rows)


def _examine(outlines: Outlines, scanner: Scanner) -> _Patient:
    """Return the patient at coarse levels."""
    low = scanner.low_z_mm
    high = low + (scanner.slices - 1) * scanner.slice_spacing_mm
    levels = low + np.arange(math.ceil((high - low) / LEVEL_MM) + 1) * LEVEL_MM
    axis = FIELD.axis_mm.astype(np.float32)
    lattice = Lattice(levels.astype(np.float32), axis, axis, FIELD.pixel_mm)
    for body, outline in outlines:
        if outline.thickness_mm >= SMALLEST_SEEN_MM:
            lattice.paint(outline, body.hu, None)
    water, mineral = (part.transpose(1, 2, 0) for part in water_and_mineral(lattice.hu))
    paths = FIELD.project(np.ascontiguousarray(water))
    noise = scale_noise(scanner, paths)
    hardening = None
    if scanner.hardening or scanner.cupping:
        hardening = find_hardening(scanner, paths, FIELD.project(np.ascontiguousarray(mineral)))
    return _Patient(Rays(FIELD, np.asarray(levels, np.float64), paths), noise, hardening)


def _paint(
    outlines: Outlines, scanner: Scanner, mottle: Paint, first: int, last: int
) -> tuple[Paint, NDArray[np.uint8]]:
    """Return slices `first` to `last`, weighed by the slice profile, and the labels at their centres."""
    grid, steps = scanner.grid, _steps(scanner)
    dz = scanner.slice_spacing_mm / steps
    reach = math.ceil(scanner.profile.reach_mm / dz + 0.5)
    start = (first * steps - reach) // BLOCK * BLOCK
    stop = last * steps + reach + 1
    z = scanner.low_z_mm + np.arange(start, stop) * dz
    y, x = (
        (grid.affine[a, 3] + np.arange(scanner.matrix) * scanner.pixel_mm).astype(np.float32) for a in (1, 0)
    )
    lattice = Lattice(z.astype(np.float32), y, x, max(scanner.pixel_mm, dz), start // BLOCK)
    for body, outline in outlines:
        texture = np.float32(body.mottle_hu) * mottle if body.mottle_hu else None
        lattice.paint(outline, body.hu, body.label, texture)
    edges = (np.arange(start, stop + 1) - 0.5) * dz
    middles = np.arange(first, last + 1) * scanner.slice_spacing_mm
    weights = np.diff(scanner.profile.cumulative(edges[None, :] - middles[:, None]), axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    image = exact.contract(weights, lattice.hu, 0)
    centres = np.arange(first, last + 1) * steps - start
    return image, lattice.labels[centres]


def _blur(image: Paint, scanner: Scanner) -> None:
    """Blur slices in the plane by the kernel's point spread."""
    n, pixel = scanner.matrix, scanner.pixel_mm
    fy = scipy.fft.fftfreq(n, pixel)[:, None]
    fx = scipy.fft.rfftfreq(n, pixel)[None, :]
    f2 = fy * fy + fx * fx
    response = np.zeros_like(f2)
    for weight, blur in scanner.point_spread.parts:
        response += weight * exact.exp(-2 * math.pi**2 * blur**2 * f2)
    narrow = response.astype(np.float32)
    for index in range(image.shape[0]):
        spectrum = scipy.fft.rfft2(image[index])
        spectrum.real *= narrow
        spectrum.imag *= narrow
        image[index] = scipy.fft.irfft2(spectrum, s=(n, n))


def _render(deposit: Deposit, scanner: Scanner) -> Rendered:
    """Return a deposit as the kernel's point spread and the slice profile show it.

    It is drawn once, with the narrow Gaussian; the wide one is that, smoothed by the difference.
    """
    narrow = render(deposit.shape, scanner.grid, scanner.blur_mm, scanner.profile)
    if scanner.boost == 0 or narrow.box.is_empty:
        return narrow
    variance = (scanner.wide_mm**2 - scanner.blur_mm**2) / scanner.pixel_mm**2
    if variance < SMALLEST_VARIANCE:
        weights = np.array([variance / 2, 1 - variance, variance / 2])
    else:
        weights = exact.gaussian_weights(math.sqrt(variance))
    room = weights.size // 2
    box = narrow.box.grown((0, room, room), scanner.grid.shape)
    inner = tuple(
        slice(a - b, c - b) for a, b, c in zip(narrow.box.start, box.start, narrow.box.stop, strict=True)
    )
    size = tuple(b - a for a, b in zip(box.start, box.stop, strict=True))
    share, occupied = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
    share[inner], occupied[inner] = narrow.share, narrow.occupied
    wide = share
    for axis in (1, 2):
        wide = ndi.correlate1d(wide, weights, axis, mode="constant")
    boost = np.float32(scanner.boost)
    return Rendered(box, share + boost * (share - wide), occupied)


def _lay(
    deposits: tuple[Deposit, ...], image: Paint, scanner: Scanner
) -> tuple[NDArray[np.int32], tuple[Rendered, ...], tuple[float, ...]]:
    """Add each deposit's excess to the image; return their label map, renderings and excesses."""
    labels = np.zeros(image.shape, dtype=np.int32)
    rendered, excesses = [], []
    for number, deposit in enumerate(deposits, start=1):
        seen = _render(deposit, scanner)
        excess = deposit.excess_hu * scanner.gain_of(deposit.label)
        if not seen.box.is_empty:
            image[seen.box.slices] += np.float32(excess) * seen.share
            labels[seen.box.slices][seen.label] = number
        rendered.append(seen)
        excesses.append(excess)
    return labels, tuple(rendered), tuple(excesses)


def _find_metal(scene: Scene, rendered: tuple[Rendered, ...], excesses: tuple[float, ...]) -> list[Metal]:
    """Return the mimics that are metal, as sampled."""
    return [
        Metal(seen.box, np.float32(excess) * seen.share, deposit.label == "stent_or_catheter")
        for deposit, seen, excess in zip(scene.mimics, rendered, excesses, strict=True)
        if GAIN_OF.get(deposit.label) == "metal" and not seen.box.is_empty
    ]


def _near_metal(streak: Streak, scene: Scene) -> bool:
    """Return whether a drawn streak belongs to metal that throws its own."""
    for mimic in scene.mimics:
        if GAIN_OF.get(mimic.label) == "metal":
            low, high = mimic.shape.bounds()
            if all(
                b - SUPERSEDED_MM <= c <= t + SUPERSEDED_MM
                for b, c, t in zip(low, streak.centre, high, strict=True)
            ):
                return True
    return False


def _add_artefacts(image: Paint, scanner: Scanner, patient: _Patient, random: np.random.Generator) -> None:
    """Add hardening and noise, slice by slice, interpolated from the coarse levels."""
    grid = scanner.grid
    pixels = np.arange(scanner.matrix) * scanner.pixel_mm
    rows, columns = (between(FIELD.axis_mm, np.asarray(grid.affine[a, 3] + pixels)) for a in (1, 0))
    z = scanner.low_z_mm + np.arange(scanner.slices) * scanner.slice_spacing_mm
    along = between(patient.rays.levels, np.asarray(z, np.float64))

    def enlarged(maps: Paint, index: int) -> Any:
        level = exact.contract(along[index : index + 1], maps, maps.ndim - 1)[..., 0]
        return exact.contract(columns, exact.contract(rows, level, level.ndim - 2), level.ndim - 1)

    for index, fields in enumerate(draw_noise(scanner, random)):
        if patient.hardening is not None:
            image[index] += enlarged(patient.hardening, index)
        scales = enlarged(patient.noise.hu, index)
        for field_, scale in zip(fields, scales, strict=True):
            image[index] += field_ * scale


def _find_segments(scene: Scene, organs: NDArray[np.uint8], scanner: Scanner) -> NDArray[np.uint8] | None:
    """Return the segment of every voxel of the liver."""
    if scene.segment_at is None:
        return None
    segments = np.zeros_like(organs)
    grid = scanner.grid
    for index in range(organs.shape[0]):
        rows, columns = np.nonzero(organs[index] == ORGANS["liver"])
        if rows.size:
            x = (grid.affine[0, 3] + columns * scanner.pixel_mm).astype(np.float32)
            y = (grid.affine[1, 3] + rows * scanner.pixel_mm).astype(np.float32)
            z = np.full_like(x, scanner.low_z_mm + index * scanner.slice_spacing_mm)
            segments[index, rows, columns] = scene.segment_at(x, y, z)
    return segments


def scan(scene: Scene, scanner: Scanner, seed: int) -> Scan:
    """Return what `scanner` makes of `scene`; the same seed gives the same voxels."""
    mottle = _make_mottle(np.random.default_rng([seed, 1]))
    outlines = _outline(scene.bodies)
    patient = _examine(outlines, scanner)
    shape = (scanner.slices, scanner.matrix, scanner.matrix)
    image = np.empty(shape, dtype=np.float32)
    organs = np.empty(shape, dtype=np.uint8)
    several = max(1, SLAB_POINTS // (_steps(scanner) * scanner.matrix**2))
    for first in range(0, scanner.slices, several):
        last = min(first + several, scanner.slices) - 1
        image[first : last + 1], organs[first : last + 1] = _paint(outlines, scanner, mottle, first, last)
    _blur(image, scanner)
    foci, rendered, excesses = _lay(scene.deposits, image, scanner)
    mimics, rendered_mimics, mimic_excesses = _lay(scene.mimics, image, scanner)
    metal = _find_metal(scene, rendered_mimics, mimic_excesses) if scanner.metal_streaks else []
    random = np.random.default_rng([seed, 4])
    add_metal_streaks(image, metal, scanner, patient.rays, random)
    for streak in scene.streaks:
        if not (metal and _near_metal(streak, scene)):
            add_streak(image, streak, scanner)
    _add_artefacts(image, scanner, patient, np.random.default_rng([seed, 5]))
    top = HIGHEST_EXTENDED_HU if scanner.extended else HIGHEST_HU
    np.clip(np.rint(image, out=image), LOWEST_HU, top, out=image)
    volume = Volume(image.astype(np.int16), scanner.grid)
    return Scan(
        volume, organs, foci, mimics, rendered, rendered_mimics, excesses, mimic_excesses,
        _find_segments(scene, organs, scanner), patient.noise.middle_hu,
    )  # fmt: skip
