"""Candidates: every bright body in or at the liver that chance and vessels do not explain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from hepalith.anatomy import Phase
from hepalith.calcification.background import Surroundings, enlarge, reduce_sum
from hepalith.geometry import Box
from hepalith.image.noise import Noise

__all__ = ["Candidate", "Thresholds", "choose_thresholds", "find_candidates", "smooth_ratio"]

FALSE_CALLS_PER_LIVER = 0.02
"""Expected number of voxels of pure Gaussian noise that seed a candidate in one liver, at each of
the two scales. Real noise has heavier tails; the benchmark on real scans gives the true rate."""

HEAVY_TAIL = 1.2
"""Factor on the Gaussian quantile for what real scans have and Gaussian noise has not: small vessels,
streaks, edges, noise that differs within the window. On `totalseg` the largest excess well inside
the liver is 1.15 times the Gaussian threshold."""

SEARCH_MARGIN_MM = 5.0
"""How far outside the mask seeds count. A segmentation may leave out bright voxels at the surface;
what lies here is kept only when it touches the liver. Our judgement."""

MIN_EXCESS_HU = 45.0
"""Least excess of a seed over its background. Unenhanced blood stands up to 45 HU above a fatty
liver; below that brightness is not calcium. Our judgement."""

MIN_PEAK_HU = 95.0
"""Least HU of a seed. Clotted blood reaches 80–90 HU unenhanced; calcium that is seen at all stands
higher, but for foci far below the blur. Our judgement."""

UNENHANCED_VESSEL_HU = 30.0
"""Most that vessels of an unenhanced scan can stand above the liver (a fatty one); caps the vessel
level there, so that many calcifications cannot pass as vessels."""

GROW_SPREADS = 2.5
"""Noise deviations above the background down to which a body grows from its seeds. A quarter of a
seed's distance, high enough that chance voxels do not chain bodies together."""

GROW_SHARE = 0.4
"""Share of the seed's least excess down to which a body grows at most, where noise is low."""

SMOOTH_MM = 2.6
"""Width of the mean at the second, coarser scale: faint foci larger than the blur in thin noisy
slices stand out there."""

SADDLE_SHARE = 0.5
"""Two maxima are two bodies when the saddle between them falls below this share of the lower one.
Two 3 mm beads 5 mm apart show 0.1–0.4 at 1–3 mm slices. Our judgement."""

SADDLE_SPREADS = 3.5
"""… and when the lower maximum stands this many noise deviations above the saddle."""

LEVELS = 12
"""Levels at which a body is cut to look for saddles."""

DENSE_HU = 250
"""HU from which the part of a body beyond the search region counts as dense: bone's cortex. Our judgement."""

HALF = 0.5
"""A blurred edge stands at half of the contrast: the extent of a body ends there."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a voxel must exceed, above its local background.

    `deviations` of noise at each of the two scales hold the expected false calls; `vessel_hu` is
    added because blood may reach that far.
    """

    deviations: float
    smooth_deviations: float
    vessel_hu: float
    smooth_width: tuple[int, int, int]
    """Voxels of the mean at the second scale; all 1 where it is not used."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One bright body before it is measured and named.

    Parameters
    ----------
    box
        Where, within the crop.
    extent
        bool, shape of `box`: the voxels above half of the local contrast.
    peak_excess_hu
        Largest excess over the local background.
    deviations
        That, in noise deviations, at the scale where it was found.
    smooth
        Found only at the coarser scale.
    outside_mm3
        Volume of the same bright body beyond the search region: a rib goes on there.
    outside_dense
        Share of that volume above 250 HU.
    """

    box: Box
    extent: NDArray[np.bool_]
    peak_excess_hu: float
    deviations: float
    smooth: bool
    outside_mm3: float
    outside_dense: float


def choose_thresholds(
    liver_voxels: int,
    spacing_mm: tuple[float, float, float],
    noise: Noise,
    surroundings: Surroundings,
    phase: Phase,
) -> Thresholds:
    """Return thresholds that hold `FALSE_CALLS_PER_LIVER` in Gaussian noise.

    The number of independent elements is the number of liver voxels (a correlated field has fewer:
    the safe side), and each exceeds ``z`` with the upper tail of the normal distribution.
    """
    width = tuple(max(1, int(SMOOTH_MM / s)) for s in spacing_mm)
    smooth_width = (width[0], width[1], width[2])
    few = max(1, liver_voxels)
    deviations = HEAVY_TAIL * _upper_quantile(FALSE_CALLS_PER_LIVER / few)
    smooth = HEAVY_TAIL * _upper_quantile(FALSE_CALLS_PER_LIVER * math.sqrt(float(np.prod(width))) / few)
    vessel = surroundings.vessel_excess_hu
    if phase.label == "none" and phase.probability >= 0.5:
        vessel = min(vessel, UNENHANCED_VESSEL_HU)
    if noise.sd_hu * deviations < MIN_EXCESS_HU:  # nothing to gain: the floor decides, not the noise
        smooth_width = (1, 1, 1)
    return Thresholds(deviations, smooth, vessel, smooth_width)


def smooth_ratio(thresholds: Thresholds, noise: Noise, surroundings: Surroundings) -> float:
    """Return the deviation of a voxel at the coarser scale over that at the finer; 1 where it is not used."""
    if max(thresholds.smooth_width) == 1:
        return 1.0
    weights = np.full(thresholds.smooth_width, 1.0 / np.prod(thresholds.smooth_width))
    return min(1.0, math.sqrt(noise.variance_of(weights) + (2 * surroundings.texture_hu) ** 2) / noise.sd_hu)


def find_candidates(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    *,
    noise: Noise,
    surroundings: Surroundings,
    thresholds: Thresholds,
) -> tuple[list[Candidate], NDArray[np.bool_]]:
    """Return the candidates of a liver, and every voxel too bright to serve as background.

    Parameters
    ----------
    hu, liver
        HU and mask of the crop, shape (slice, row, column).
    spacing_mm
        Voxel spacing.
    noise, surroundings, thresholds
        Of this liver.

    Notes
    -----
    Hysteresis: seeds must clear the false-call threshold, then grow down to `GROW_SPREADS`.
    Bodies are split at saddles (`SADDLE_SHARE`); each ends at half of its local contrast.
    """
    cells, shape = surroundings.factor, hu.shape
    search = _grow_mask(liver, cells, spacing_mm)
    excess_seed = (
        np.maximum(thresholds.deviations * surroundings.spread_hu, MIN_EXCESS_HU) + thresholds.vessel_hu
    )
    seed_level = np.maximum(surroundings.level_hu + excess_seed, MIN_PEAK_HU)
    grow = (
        np.maximum(GROW_SPREADS * surroundings.spread_hu, GROW_SHARE * MIN_EXCESS_HU) + thresholds.vessel_hu
    )
    bright = hu > _full(surroundings.level_hu + grow, cells, shape)
    seeds = search & (hu > _full(seed_level, cells, shape))
    found: list[Candidate] = []
    if seeds.any():
        whole = cc3d.connected_components(bright, connectivity=26)
        found = _bodies(
            hu,
            bright & search,
            seeds,
            whole,
            search,
            spacing_mm=spacing_mm,
            surroundings=surroundings,
            ratio=1.0,
        )
    if max(thresholds.smooth_width) > 1:
        found += _faint_bodies(
            hu,
            search,
            found,
            spacing_mm=spacing_mm,
            noise=noise,
            surroundings=surroundings,
            thresholds=thresholds,
        )
    return found, bright


def _faint_bodies(
    hu: NDArray[np.int16],
    search: NDArray[np.bool_],
    found: list[Candidate],
    *,
    spacing_mm: tuple[float, float, float],
    noise: Noise,
    surroundings: Surroundings,
    thresholds: Thresholds,
) -> list[Candidate]:
    """Return the bodies that only a mean over `SMOOTH_MM` shows."""
    ratio = smooth_ratio(thresholds, noise, surroundings)
    if ratio > 0.9:
        return []
    smooth = ndimage.uniform_filter(hu, thresholds.smooth_width, mode="nearest")
    cells, shape = surroundings.factor, hu.shape
    spread = surroundings.spread_hu * ratio
    least = np.maximum(thresholds.smooth_deviations * spread, MIN_EXCESS_HU) + thresholds.vessel_hu
    level = np.maximum(surroundings.level_hu + least, MIN_PEAK_HU)
    seeds = search & (smooth > _full(level, cells, shape))
    for candidate in found:
        seeds[candidate.box.grown(thresholds.smooth_width, shape).slices] = False
    if not seeds.any():
        return []
    grow = np.maximum(GROW_SPREADS * spread, GROW_SHARE * MIN_EXCESS_HU) + thresholds.vessel_hu
    bright = smooth > _full(surroundings.level_hu + grow, cells, shape)
    whole = cc3d.connected_components(bright, connectivity=26)
    bright &= search
    for candidate in found:
        bright[candidate.box.grown(thresholds.smooth_width, shape).slices] = False
    return _bodies(
        smooth,
        bright,
        seeds & bright,
        whole,
        search,
        spacing_mm=spacing_mm,
        surroundings=surroundings,
        ratio=ratio,
    )


def _bodies(
    hu: NDArray[np.int16],
    bright: NDArray[np.bool_],
    seeds: NDArray[np.bool_],
    whole: NDArray[np.integer],
    search: NDArray[np.bool_],
    *,
    spacing_mm: tuple[float, float, float],
    surroundings: Surroundings,
    ratio: float,
) -> list[Candidate]:
    """Return the bodies that hold a seed, split at their saddles."""
    voxel_mm3 = float(np.prod(spacing_mm))
    pieces = cc3d.connected_components(bright, connectivity=26)
    boxes = cc3d.statistics(pieces, no_slice_conversion=True)["bounding_boxes"]
    beyond_search = np.flatnonzero((whole > 0) & ~search)
    names, count = whole.ravel()[beyond_search], int(whole.max()) + 1
    outside = np.bincount(names, minlength=count)
    dense = np.bincount(names[hu.ravel()[beyond_search] > DENSE_HU], minlength=count)
    found: list[Candidate] = []
    for piece in np.unique(pieces[seeds]):
        k0, k1, j0, j1, i0, i1 = (int(n) for n in boxes[piece])
        box = Box((k0, j0, i0), (k1 + 1, j1 + 1, i1 + 1))
        body = pieces[box.slices] == piece
        level = _coarse_at(surroundings.level_hu, surroundings.factor, box)
        spread = float(_coarse_at(surroundings.spread_hu, surroundings.factor, box).max()) * ratio
        excess = np.where(body, hu[box.slices] - level, 0.0).astype(np.float32)
        for part in _split(excess, seeds[box.slices] & body, spread):
            inner = Box.around(part)
            extent = np.ascontiguousarray(part[inner.slices])
            peak = float(excess[inner.slices][extent].max())
            names = whole[box.slices][inner.slices][extent]
            name = int(np.bincount(names).argmax())
            start = [a + b for a, b in zip(box.start, inner.start, strict=True)]
            place = Box(
                (start[0], start[1], start[2]),
                (start[0] + inner.shape[0], start[1] + inner.shape[1], start[2] + inner.shape[2]),
            )
            beyond = float(outside[name]) if name else 0.0
            share = float(dense[name]) / beyond if beyond else 0.0
            found.append(
                Candidate(place, extent, peak, peak / spread, ratio < 1.0, beyond * voxel_mm3, share)
            )
    return found


def _split(excess: NDArray[np.float32], seeds: NDArray[np.bool_], spread: float) -> list[NDArray[np.bool_]]:
    """Return the extents of the bodies in one bright piece: cut at saddles, ended at half contrast."""
    cores = _cores(excess, excess > 0, seeds, spread)
    if len(cores) == 1:
        owner = None
    else:
        marks = np.zeros(excess.shape, np.int32)
        for n, core in enumerate(cores, start=1):
            marks[core] = n
        owner = _nearest_mark(marks)
    parts = []
    local_peak = ndimage.maximum_filter(excess, 3, mode="constant")
    for n, core in enumerate(cores, start=1):
        if not (core & seeds).any():
            continue
        mine = excess > 0 if owner is None else (excess > 0) & (owner == n)
        part = mine & (excess >= HALF * local_peak)
        peak = np.unravel_index(int(np.where(core, excess, 0).argmax()), excess.shape)
        small = int(core.sum()) <= 64
        if small:  # close to the blur: half of the one peak
            part = mine & (excess >= HALF * excess[peak])
        labels = cc3d.connected_components(part, connectivity=26)
        parts.append(labels == labels[peak])
    return parts


def _cores(
    excess: NDArray[np.float32], body: NDArray[np.bool_], seeds: NDArray[np.bool_], spread: float
) -> list[NDArray[np.bool_]]:
    """Return the parts of a body that saddles divide; parts without seed are not divided further."""
    done: list[NDArray[np.bool_]] = []
    waiting = [(body, float(excess[body].min()))]
    while waiting:
        part, base = waiting.pop()
        children = _divide(excess, part, base, spread) if (part & seeds).any() and part.sum() > 2 else []
        if len(children) > 1:
            waiting += children
        else:
            done.append(part)
    return done


def _divide(
    excess: NDArray[np.float32], part: NDArray[np.bool_], base: float, spread: float
) -> list[tuple[NDArray[np.bool_], float]]:
    """Return the two or more bodies into which a rising level cuts a part, with that level."""
    peak = float(excess[part].max())
    levels = np.geomspace(max(base, 1.0), max(peak * 0.97, base * 1.01, 1.01), LEVELS)
    for level in levels:
        labels, count = cc3d.connected_components(part & (excess >= level), connectivity=26, return_N=True)
        if count < 2:
            continue
        marked = labels > 0
        peaks = np.zeros(count + 1, np.float32)
        np.maximum.at(peaks, labels[marked], excess[marked])
        peaks = peaks[1:]
        tall = np.flatnonzero((peaks - level >= SADDLE_SPREADS * spread) & (level < SADDLE_SHARE * peaks)) + 1
        if tall.size > 1:
            return [(labels == n, float(level)) for n in tall]
    return []


def _nearest_mark(marks: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for every voxel the mark of the nearest marked voxel."""
    index = ndimage.distance_transform_edt(marks == 0, return_distances=False, return_indices=True)
    return np.asarray(marks[tuple(index)])


def _grow_mask(
    liver: NDArray[np.bool_], cells: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Return the mask grown by `SEARCH_MARGIN_MM`, to the coarseness of a cell, with holes filled."""
    coarse = ndimage.binary_fill_holes(reduce_sum(liver, cells) > 0)
    size = [s * f for s, f in zip(spacing_mm, cells, strict=True)]
    distance = edt.edt(np.ascontiguousarray(~coarse), anisotropy=size, black_border=False)
    return np.asarray(enlarge(distance <= max(SEARCH_MARGIN_MM, *size[1:]), cells, liver.shape))


def _full(
    coarse: NDArray[np.float32], cells: tuple[int, int, int], shape: tuple[int, ...]
) -> NDArray[np.int16]:
    """Return a coarse map of HU at every voxel, rounded."""
    rounded = np.rint(np.clip(coarse, -30000, 30000)).astype(np.int16)
    return np.asarray(enlarge(rounded, cells, shape))


def _coarse_at(coarse: NDArray[np.float32], cells: tuple[int, int, int], box: Box) -> NDArray[np.float32]:
    """Return a coarse map at every voxel of a box."""
    index = [np.arange(a, b) // f for a, b, f in zip(box.start, box.stop, cells, strict=True)]
    return np.asarray(coarse[np.ix_(*index)])


def _upper_quantile(tail: float) -> float:
    """Return the standard normal quantile whose upper tail is `tail`."""
    return float(-special.ndtri(min(tail, 0.5)))
