"""A scene: bodies painted one over another, deposits laid into them, and the scan of it all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from hepalith.image import Volume
from hepalith.phantom.deposit import Deposit, Rendered, render
from hepalith.phantom.scanner import Scanner, make_noise
from hepalith.phantom.shape import Bounds, Oval, Point, Shape, Tube

__all__ = ["ORGANS", "Body", "Scan", "Scene", "Streak", "scan"]

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
    }
)
"""Labels of the organ map, by name."""

SUB_SLICES = 3
"""Samples of the scene along z within each slice; odd, so that one lies at the slice's centre."""

MOTTLE_TILE = (60, 110, 130)
"""Size of the tile of texture, in sub-slices and pixels; larger than an organ, so that no repeat shows."""

LARGE_PART = 400_000
"""Points above which a distance is taken at every other point along each axis and interpolated.

Distances change evenly but at creases, so that surfaces move by hundredths of a millimetre; deposits,
whose truth must be exact, are drawn elsewhere.
"""

HIGHEST_HU = 3071
"""Top of the 12-bit CT range, where metal is clipped."""

AIR = -1000.0
"""HU outside the body."""

Paint = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Body:
    """A shape filled with one HU.

    Parameters
    ----------
    shape
        Where.
    hu
        What it is painted with.
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


@dataclass(frozen=True, slots=True)
class Streak:
    """Alternate bright and dark rays in the slices of a piece of metal."""

    centre: Point
    height_mm: float
    amplitude_hu: float
    fade_mm: float = 18.0
    rays: int = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that lies in front of the scanner, painted in order.

    `deposits` are the foci to be found; `mimics` are dense too, but none of them calcium in the liver.
    """

    bodies: tuple[Body, ...]
    deposits: tuple[Deposit, ...] = ()
    mimics: tuple[Deposit, ...] = ()
    streaks: tuple[Streak, ...] = ()


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
    """

    volume: Volume
    organs: NDArray[np.uint8]
    foci: NDArray[np.int32]
    mimics: NDArray[np.int32]
    rendered: tuple[Rendered, ...] = field(default=())
    rendered_mimics: tuple[Rendered, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class _Lattice:
    """Axis-parallel sample points in LPS mm, finer than the image along z."""

    z: Paint
    y: Paint
    x: Paint

    def within(self, bounds: Bounds, margin_mm: float) -> tuple[slice, slice, slice]:
        """Return the part of the lattice inside `bounds`."""
        found = []
        for axis, points in ((2, self.z), (1, self.y), (0, self.x)):
            low, high = bounds[0][axis] - margin_mm, bounds[1][axis] + margin_mm
            found.append(slice(int(np.searchsorted(points, low)), int(np.searchsorted(points, high))))
        return found[0], found[1], found[2]

    def distance(self, shape: Shape, part: tuple[slice, slice, slice]) -> Paint:
        """Return the shape's signed distance at the points of `part`."""
        axes = [points[s] for points, s in zip((self.z, self.y, self.x), part, strict=True)]
        large = math.prod(a.size for a in axes) > LARGE_PART and not isinstance(shape, Oval)
        z, y, x = (_every_other(a) if large else a for a in axes)
        found = shape.distance(x[None, None, :], y[None, :, None], z[:, None, None])
        if large:
            for axis, points in enumerate(axes):
                found = _between(found, axis, points.size)
        return found


def _every_other(points: Paint) -> Paint:
    """Return every other point of an even row, from the first to the last or one beyond."""
    step = points[1] - points[0]
    count = points.size // 2 + 1
    return np.asarray(points[0] + 2 * step * np.arange(count, dtype=np.float32), dtype=np.float32)


def _between(values: Paint, axis: int, size: int) -> Paint:
    """Return `values` with the means of neighbours put between them along an axis, `size` in all."""
    turned = np.moveaxis(values, axis, 0)
    wide = np.empty((size, *turned.shape[1:]), dtype=np.float32)
    wide[0::2] = turned[: (size + 1) // 2]
    wide[1::2] = (turned[: size // 2] + turned[1 : size // 2 + 1]) / 2
    return np.moveaxis(wide, 0, axis)


def _tube_distance(
    tube: Tube, lattice: _Lattice, part: tuple[slice, slice, slice], margin_mm: float
) -> Paint:
    """Return a tube's distance near it, each capsule looked at only where it lies."""
    sizes = [s.stop - s.start for s in part]
    near = np.full(sizes, np.float32(margin_mm), dtype=np.float32)
    for capsule in tube.parts:
        own = lattice.within(capsule.bounds(), margin_mm)
        inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(own, part, strict=True))
        near[inner] = np.minimum(near[inner], lattice.distance(capsule, own))
    return near


def _mottle(random: np.random.Generator) -> Paint:
    """Return a tile of coarse texture of unit standard deviation that fits onto itself on every side."""
    rough = random.standard_normal(MOTTLE_TILE, dtype=np.float32)
    rough = ndi.gaussian_filter(rough, (2.0, 2.5, 2.5), mode="wrap")
    return np.asarray(rough / rough.std(), dtype=np.float32)


def _paint(scene: Scene, scanner: Scanner, random: np.random.Generator) -> tuple[Paint, NDArray[np.uint8]]:
    """Return the scene's HU and organ labels on the lattice, before any blur."""
    grid = scanner.grid
    dz = scanner.slice_spacing_mm / SUB_SLICES
    extra = SUB_SLICES  # one slice beyond both ends, for the slice profile
    steps = np.arange(-extra, scanner.slices * SUB_SLICES + extra) - (SUB_SLICES - 1) / 2
    first = grid.affine[0, 3]
    across = (first + np.arange(scanner.matrix) * scanner.pixel_mm).astype(np.float32)
    lattice = _Lattice((scanner.low_z_mm + steps * dz).astype(np.float32), across, across)
    hu = np.full((steps.size, scanner.matrix, scanner.matrix), AIR, dtype=np.float32)
    organs = np.zeros(hu.shape, dtype=np.uint8)
    width = np.float32(scanner.pixel_mm)
    mottle = _mottle(random)
    for body in scene.bodies:
        part = lattice.within(body.shape.bounds(), float(width))
        if any(s.stop <= s.start for s in part):
            continue
        if isinstance(body.shape, Tube):
            distance = _tube_distance(body.shape, lattice, part, float(width))
        else:
            distance = lattice.distance(body.shape, part)
        cover = np.clip(np.float32(0.5) - distance / width, 0, 1)
        region = hu[part]
        fill: Paint | np.float32 = np.float32(body.hu)
        if body.mottle_hu:
            cells = [np.arange(s.start, s.stop) % n for s, n in zip(part, mottle.shape, strict=True)]
            fill = fill + np.float32(body.mottle_hu) * mottle[np.ix_(*cells)]
        region += cover * (fill - region)
        if body.organ:
            label = ORGANS.get(body.organ, 0)
            organs[part][np.broadcast_to(cover >= 0.5, region.shape)] = label
    return hu, organs[extra + SUB_SLICES // 2 : -extra : SUB_SLICES]


def _sample(hu: Paint, scanner: Scanner) -> Paint:
    """Return slices: the lattice weighed by the slice profile, then blurred in the plane."""
    dz = scanner.slice_spacing_mm / SUB_SLICES
    middle = SUB_SLICES + (SUB_SLICES - 1) // 2
    image = np.zeros((scanner.slices, *hu.shape[1:]), dtype=np.float32)
    total = 0.0
    for step in range(2 * SUB_SLICES + SUB_SLICES):
        edges = (np.array([step, step + 1]) - middle - 0.5) * dz
        weight = float(np.diff(scanner.profile.cumulative(edges))[0])
        if weight > 0:
            stop = step + scanner.slices * SUB_SLICES
            image += np.float32(weight) * hu[step:stop:SUB_SLICES][: scanner.slices]
            total += weight
    image /= np.float32(total)
    for axis in (1, 2):
        image = ndi.gaussian_filter1d(image, scanner.blur_mm / scanner.pixel_mm, axis=axis, truncate=3.0)
    return image


def _add_streak(image: Paint, streak: Streak, scanner: Scanner) -> None:
    """Add a streak to the slices it lies in."""
    grid = scanner.grid
    centre = grid.to_index(streak.centre)
    half = streak.height_mm / 2 / scanner.slice_spacing_mm
    low, high = (int(np.clip(round(float(centre[0]) + s * half), 0, scanner.slices - 1)) for s in (-1, 1))
    y = (np.arange(scanner.matrix) - centre[1])[:, None] * scanner.pixel_mm
    x = (np.arange(scanner.matrix) - centre[2])[None, :] * scanner.pixel_mm
    away = np.hypot(x, y)
    rays = np.cos(2 * streak.rays * np.arctan2(y, x) + 0.6)
    pattern = streak.amplitude_hu * rays * np.exp(-away / streak.fade_mm) * (1 - np.exp(-away / 2.0))
    image[low : high + 1] += pattern.astype(np.float32)


def _lay(
    deposits: tuple[Deposit, ...], image: Paint, scanner: Scanner
) -> tuple[NDArray[np.int32], tuple[Rendered, ...]]:
    """Add each deposit's excess to the image; return their label map and renderings."""
    labels = np.zeros(image.shape, dtype=np.int32)
    rendered = []
    for number, deposit in enumerate(deposits, start=1):
        seen = render(deposit.shape, scanner.grid, scanner.blur_mm, scanner.profile)
        if not seen.box.is_empty:
            image[seen.box.slices] += np.float32(deposit.excess_hu) * seen.share
            labels[seen.box.slices][seen.label] = number
        rendered.append(seen)
    return labels, tuple(rendered)


def scan(scene: Scene, scanner: Scanner, seed: int) -> Scan:
    """Return what `scanner` makes of `scene`; the same seed gives the same voxels."""
    random = np.random.default_rng([seed, 1])
    hu, organs = _paint(scene, scanner, random)
    image = _sample(hu, scanner)
    del hu
    foci, rendered = _lay(scene.deposits, image, scanner)
    mimics, rendered_mimics = _lay(scene.mimics, image, scanner)
    for streak in scene.streaks:
        _add_streak(image, streak, scanner)
    inside = ndi.uniform_filter(image[:, ::4, ::4] > -300, (1, 21, 21), output=np.float32)
    depth = np.repeat(np.repeat(inside, 4, axis=1), 4, axis=2)[:, : scanner.matrix, : scanner.matrix]
    noise = make_noise(scanner, random)
    noise *= np.float32(scanner.noise_hu) * (np.float32(0.45) + np.float32(0.55) * depth)
    image += noise
    np.clip(np.rint(image, out=image), -1024, HIGHEST_HU, out=image)
    volume = Volume(image.astype(np.int16), scanner.grid)
    return Scan(volume, organs, foci, mimics, rendered, rendered_mimics)
