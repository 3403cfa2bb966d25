"""Deposits: small dense bodies of known volume, and exactly what a scanner makes of them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from hepalith.geometry import Box, Grid
from hepalith.phantom.scanner import SliceProfile
from hepalith.phantom.shape import Bounds, Capsule, Point, Shape, Shell

__all__ = [
    "CALCIUM_HU_PER_MG_ML",
    "Deposit",
    "DuctTruth",
    "Rendered",
    "Solid",
    "displaced",
    "make_bead_chain",
    "make_rim",
    "make_rod",
    "make_sphere",
    "render",
]

CALCIUM_HU_PER_MG_ML = 1.3
"""HU above water per mg/mL of hydroxyapatite at 120 kVp: what turns an excess into a density.

Our judgement, within the 1.2 to 1.5 that inserts of known density show on scanners at 120 kVp.
"""

FINE_STEP_MM = 0.25
"""Largest step of the fine lattice on which a deposit is drawn.

A quarter of the usual pixel, so that the lattice adds less than 1 % to the variance of the blur.
"""

STEPS_ACROSS = 8
"""Fewest steps across the narrowest part of a deposit; its edge is then placed by coverage within
a few per cent of that width, and the volume is put right afterwards in any case."""

LARGEST_LATTICE = 40_000_000
"""Most fine points for one deposit: 160 MB of float32. Beyond it the step is widened."""

BLUR_REACH = 4.5
"""Standard deviations after which the point spread is taken as zero: 7e-6 of it lies beyond."""


class Solid(Shape, Protocol):
    """A shape whose volume is known."""

    @property
    def volume_mm3(self) -> float:
        """Volume in mm³, in closed form or to within 0.2 %."""
        ...

    @property
    def width_mm(self) -> float:
        """Smallest extent: a sphere's diameter, a shell's wall."""
        ...


def displaced(solid: Solid, by: Point) -> Solid:
    """Return a sphere, rod or hollow sphere moved `by` mm.

    Raises
    ------
    TypeError
        If the solid is of another kind.
    """

    def shifted(point: Point) -> Point:
        return (point[0] + by[0], point[1] + by[1], point[2] + by[2])

    if isinstance(solid, Shell):
        return replace(solid, centre=shifted(solid.centre))
    if isinstance(solid, Capsule):
        return replace(solid, start=shifted(solid.start), end=shifted(solid.end))
    raise TypeError(f"{type(solid).__name__} cannot be moved")


@dataclass(frozen=True, slots=True)
class DuctTruth:
    """How a focus lies to a bile duct.

    Parameters
    ----------
    relation
        ``"in_lumen"``, ``"in_wall"``, ``"along_portal_triad"``, ``"apart"``.
    calibre_mm
        Inner diameter of the duct beside it.
    side
        Which side of the focus is dilated: ``"upstream"``, ``"downstream"``, ``"both"``, ``"none"``.
    """

    relation: str
    calibre_mm: float = 0.0
    side: str = "none"


@dataclass(frozen=True, slots=True)
class Deposit:
    """A solid whose HU stand on average `excess_hu` above what it lies in.

    Parameters
    ----------
    kind
        ``"sphere"``, ``"rod"``, ``"rim"``, ``"bead"``, a morphology, or what a mimic is.
    shape
        The solid.
    excess_hu
        HU above the surroundings at 120 kVp, the mean over the solid's volume.
    diameter_mm
        Longest caliper of the solid.
    width_mm
        Its smallest extent: a sphere's diameter, a rod's thickness, a rim's wall.
    group
        Number shared by the beads of one chain; 0 for what stands alone.
    label
        The contract's ``foci[].label``: what it is made of.
    morphology
        The contract's morphology; ``""`` if none is meant.
    host
        Place of the lesion that holds it in `Insert.hosts`; -1: none.
    duct
        How it lies to a bile duct; ``None``: nothing is meant.
    density_mg_ml
        Mean hydroxyapatite, mg/mL; ``None`` if it is no calcium.
    """

    kind: str
    shape: Solid
    excess_hu: float
    diameter_mm: float
    width_mm: float
    group: int = 0
    label: str = "calcification"
    morphology: str = ""
    host: int = -1
    duct: DuctTruth | None = None
    density_mg_ml: float | None = None

    @property
    def centre_lps_mm(self) -> Point:
        """Centre of the solid's box; of mass too, for every shape made here."""
        low, high = self.shape.bounds()
        return ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2)

    @property
    def volume_mm3(self) -> float:
        """Volume in mm³."""
        return self.shape.volume_mm3

    @property
    def integrated_excess(self) -> float:
        """Volume times excess, HU·mm³."""
        return self.volume_mm3 * self.excess_hu

    @property
    def mass_mg(self) -> float | None:
        """Hydroxyapatite in mg: volume times density."""
        return None if self.density_mg_ml is None else self.volume_mm3 * self.density_mg_ml / 1000


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A deposit as sampled by a scanner.

    Parameters
    ----------
    box
        Where in the image.
    share
        float32, shape of `box`: the blurred share of the deposit in each voxel, before its excess.
    occupied
        float32, shape of `box`: the share of each voxel's own space that the solid fills, unblurred.
    """

    box: Box
    share: NDArray[np.float32]
    occupied: NDArray[np.float32]

    @property
    def label(self) -> NDArray[np.bool_]:
        """Voxels that hold the deposit: at least half as full as its fullest voxel."""
        return np.asarray(self.occupied >= 0.5 * self.occupied.max())


def make_sphere(centre: Point, diameter_mm: float, excess_hu: float, *, kind: str = "sphere") -> Deposit:
    """Return a sphere."""
    shape = Capsule(centre, centre, diameter_mm / 2)
    return Deposit(kind, shape, excess_hu, diameter_mm, diameter_mm)


def make_rod(centre: Point, along: Point, length_mm: float, width_mm: float, excess_hu: float) -> Deposit:
    """Return a rod with round ends, `length_mm` from end to end, pointing `along`."""
    half = (length_mm - width_mm) / 2 / math.hypot(*along)
    x, y, z = centre
    a, b, c = (half * v for v in along)
    shape = Capsule((x - a, y - b, z - c), (x + a, y + b, z + c), width_mm / 2)
    return Deposit("rod", shape, excess_hu, length_mm, width_mm)


def make_rim(centre: Point, diameter_mm: float, wall_mm: float, excess_hu: float) -> Deposit:
    """Return a hollow sphere."""
    return Deposit("rim", Shell(centre, diameter_mm / 2, wall_mm), excess_hu, diameter_mm, wall_mm)


def make_bead_chain(
    path: tuple[Point, ...], diameter_mm: float, excess_hu: float, group: int
) -> tuple[Deposit, ...]:
    """Return one bead at each point of `path`: separate foci that share a group."""
    return tuple(
        Deposit("bead", Capsule(p, p, diameter_mm / 2), excess_hu, diameter_mm, diameter_mm, group)
        for p in path
    )


def _fine_edges(low: int, high: int, parts: int) -> NDArray[np.float64]:
    """Return the edges, in voxel index, of `parts` bins in each voxel from `low` to `high` inclusive."""
    return np.arange((high - low + 1) * parts + 1) / parts + low - 0.5


def _weights(
    edges: NDArray[np.float64], voxels: NDArray[np.float64], cumulative: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return, for each voxel, how much each fine bin gives to it."""
    assert cumulative.shape == (voxels.size, edges.size)  # noqa: S101 - internal shapes
    return np.diff(cumulative, axis=1).astype(np.float32)


def _pixel_cumulative(at: NDArray[np.float64], blur: float) -> NDArray[np.float64]:
    """Return the cumulative response of a pixel: its own width convolved with the point spread.

    Both in units of the pixel. The pixel's width is kept so that neighbouring pixels together
    see every point alike; it adds 1/12 px² to the variance of the blur.
    """
    if blur < 1e-3:
        return np.clip(at + 0.5, 0, 1)

    def rise(u: NDArray[np.float64]) -> NDArray[np.float64]:
        density = np.exp(-0.5 * np.square(u / blur)) / np.sqrt(2 * np.pi)
        return np.asarray(u * ndtr(u / blur) + blur * density)

    return np.asarray(rise(at + 0.5) - rise(at - 0.5))


def _index_box(bounds: Bounds, grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and last voxel index that the corners of LPS `bounds` fall into."""
    corners = list(itertools.product(*zip(*bounds, strict=True)))
    index = grid.to_index(corners)
    return np.floor(index.min(axis=0) + 0.5).astype(int), np.floor(index.max(axis=0) + 0.5).astype(int)


def _fine_coverage(
    shape: Solid, grid: Grid, edges: list[NDArray[np.float64]], step_mm: float
) -> NDArray[np.float32]:
    """Return how full each fine bin is, the total put right to the solid's volume."""
    centres = [(e[1:] + e[:-1]) / 2 for e in edges]
    k, j, i = np.meshgrid(*centres, indexing="ij", sparse=True)
    axes = grid.affine[:3, :3]
    x, y, z = (
        (axes[a, 0] * k + axes[a, 1] * j + axes[a, 2] * i + grid.affine[a, 3]).astype(np.float32)
        for a in range(3)
    )
    cover = np.clip(0.5 - shape.distance(x, y, z) / np.float32(step_mm), 0, 1).astype(np.float32)
    bin_mm3 = grid.voxel_mm3 * math.prod(float(e[1] - e[0]) for e in edges)
    drawn = float(cover.sum(dtype=np.float64)) * bin_mm3
    return np.asarray(cover * np.float32(shape.volume_mm3 / drawn))


def render(shape: Solid, grid: Grid, blur_mm: float, profile: SliceProfile) -> Rendered:
    """Draw a solid as the scanner samples it: blurred in the plane, weighed by the slice profile.

    The solid is drawn on a fine lattice, its volume put right to the closed form, and each voxel
    takes the integral of the lattice under its own response. Away from the image's ends
    ``sum(share) * voxel_mm3`` is the solid's volume, to the precision of float32, unless slices
    have gaps. The place along z is kept only nearly: to a few hundredths of a thick slice.

    Parameters
    ----------
    shape
        The solid, LPS mm.
    grid
        Grid of the image; may be oblique.
    blur_mm
        Standard deviation of the in-plane point spread.
    profile
        Sensitivity along the slice normal.
    """
    spacing = np.asarray(grid.spacing_mm)
    low, high = _index_box(shape.bounds(), grid)
    parts = np.ceil(spacing / min(FINE_STEP_MM, shape.width_mm / STEPS_ACROSS)).astype(int)
    while parts.max() > 1 and math.prod(int(n) for n in (high - low + 1) * parts) > LARGEST_LATTICE:
        parts = np.maximum(parts // 2, 1)
    edges = [_fine_edges(int(a), int(b), int(n)) for a, b, n in zip(low, high, parts, strict=True)]
    fine = _fine_coverage(shape, grid, edges, float((spacing / parts).max()))
    reach = np.ceil(
        [
            profile.reach_mm / spacing[0],
            BLUR_REACH * blur_mm / spacing[1] + 0.5,
            BLUR_REACH * blur_mm / spacing[2] + 0.5,
        ]
    ).astype(int)
    start = np.maximum(low - reach, 0)
    stop = np.minimum(high + reach + 1, grid.shape)
    box = Box((int(start[0]), int(start[1]), int(start[2])), (int(stop[0]), int(stop[1]), int(stop[2])))
    if box.is_empty or (stop <= start).any():
        empty = np.zeros((0, 0, 0), dtype=np.float32)
        return Rendered(Box((0, 0, 0), (0, 0, 0)), empty, empty)
    share, occupied = fine, fine
    for axis in range(3):
        voxels = np.arange(start[axis], stop[axis], dtype=np.float64)
        apart = edges[axis][None, :] - voxels[:, None]
        own = np.clip(apart + 0.5, 0, 1)
        if axis == 0:
            response = profile.cumulative(apart * spacing[0])
        else:
            response = _pixel_cumulative(apart, blur_mm / float(spacing[axis]))
        share = np.moveaxis(np.tensordot(_weights(edges[axis], voxels, response), share, (1, axis)), 0, axis)
        occupied = np.moveaxis(np.tensordot(_weights(edges[axis], voxels, own), occupied, (1, axis)), 0, axis)
    return Rendered(box, np.ascontiguousarray(share), np.ascontiguousarray(occupied))
