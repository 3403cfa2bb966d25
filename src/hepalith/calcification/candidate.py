"""Candidates: every bright body in or at the liver that chance and vessels do not explain."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from hepalith.anatomy import Phase
from hepalith.calcification.background import Surroundings
from hepalith.calcification.search import Layer, coarse_at, lay_search
from hepalith.geometry import Box
from hepalith.image.noise import Noise

__all__ = ["METAL_HU", "Candidate", "Thresholds", "choose_thresholds", "find_candidates", "smooth_ratio"]

FALSE_CALLS_PER_LIVER = 0.02
"""Expected number of voxels of pure Gaussian noise that seed a candidate in one liver, at each of
the two scales. Real noise has heavier tails; the benchmark on real scans gives the true rate."""

HEAVY_TAIL = 1.2
"""Factor on the Gaussian quantile for what real scans have and Gaussian noise has not: small vessels,
streaks, edges, noise that differs within the window. On `totalseg` the largest excess well inside
the liver is 1.15 times the Gaussian threshold."""

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

METAL_HU = 2000
"""HU above which a body is metal: the densest stones and calcifications stay below about 2000 at
120 kVp, steel and platinum clip the scale at 3071. Our judgement."""

AT_SURFACE = 0.45
"""A body that the mask hardly touches is handed on when this share of its surroundings is liver: half of
the surroundings of a focus on the capsule are. Others are not the liver's."""

GRAZING_SHARE, GRAZING_LEAST = 0.34, 0.1
"""A body with a third of itself in the mask is looked at; with less, when three voxels and a tenth lie
inside. Ribs that graze the mask stay out."""

ABOUT_MM = 3.0
"""How far about a body its surroundings are looked at for that."""

OUTSIDE_REACH_MM = 40.0
"""How far about a body it is followed beyond the search region: far enough to know a rib that grazes
the search region for a few centimetres. Our judgement."""

MOST_RATIO = 0.9
"""Noise of the coarser scale over that of the finer above which the coarser one shows nothing more."""

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
    outside_mm3: float = 0.0
    outside_dense: float = 0.0


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
) -> tuple[list[Candidate], Layer]:
    """Return the candidates of a liver, and the layer that knows what is too bright to serve as background.

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
    region = lay_search(liver, surroundings.factor, spacing_mm)
    spread, level = surroundings.spread_hu, surroundings.level_hu
    seed = np.maximum(thresholds.deviations * spread, MIN_EXCESS_HU) + thresholds.vessel_hu
    grow = np.maximum(GROW_SPREADS * spread, GROW_SHARE * MIN_EXCESS_HU) + thresholds.vessel_hu
    sharp = Layer(
        hu, (1, 1, 1), surroundings.factor, np.maximum(level + seed, MIN_PEAK_HU), level + grow, region
    )
    found = _bodies(sharp, surroundings, ratio=1.0)
    kept = [_followed(c, sharp, spacing_mm) for c in _of_liver(found, liver, sharp, spacing_mm)]
    ratio = smooth_ratio(thresholds, noise, surroundings)
    if max(thresholds.smooth_width) > 1 and ratio <= MOST_RATIO:
        soft = _soft_layer(sharp, found, surroundings, thresholds, ratio)
        faint = _of_liver(_bodies(soft, surroundings, ratio=ratio), liver, soft, spacing_mm)
        kept += [_followed(c, soft, spacing_mm) for c in faint]
    kept += _metal_in_notches(sharp, kept, liver, surroundings, spacing_mm)
    return kept, sharp


def _metal_in_notches(
    sharp: Layer,
    kept: list[Candidate],
    liver: NDArray[np.bool_],
    surroundings: Surroundings,
    spacing_mm: tuple[float, float, float],
) -> list[Candidate]:
    """Return bodies of metal in notches of the outline that are not among the candidates yet.

    Outlines step back from metal and its streaks. They also leave gallbladder, bowel and ribs in their
    notches, rightly: so metal alone is looked for there.
    """
    if int(sharp.hu.max()) < METAL_HU:
        return []
    metal = replace(sharp, seed_hu=np.full_like(sharp.seed_hu, METAL_HU), region=sharp.region.with_notches())
    found = _of_liver(_bodies(metal, surroundings, ratio=1.0), liver, metal, spacing_mm, notches=True)
    return [_followed(c, metal, spacing_mm) for c in found if not any(_overlap(c, other) for other in kept)]


def _overlap(one: Candidate, other: Candidate) -> bool:
    """Return whether two bodies share a voxel."""
    start = np.maximum(one.box.start, other.box.start)
    stop = np.minimum(one.box.stop, other.box.stop)
    if (start >= stop).any():
        return False
    parts = [
        c.extent[tuple(slice(a - s, b - s) for a, b, s in zip(start, stop, c.box.start, strict=True))]
        for c in (one, other)
    ]
    return bool((parts[0] & parts[1]).any())


def _of_liver(
    found: list[Candidate],
    liver: NDArray[np.bool_],
    layer: Layer,
    spacing_mm: tuple[float, float, float],
    *,
    notches: bool = False,
) -> list[Candidate]:
    """Return the candidates that are the liver's: in its mask or in a hole or bay of it, not beside it.

    With `notches`, the mask is closed over them.
    """
    kept = []
    margin = [max(1, round(ABOUT_MM / s)) for s in spacing_mm]
    for candidate in found:
        box = candidate.box.grown(margin, liver.shape)
        near = np.zeros(box.shape, bool)
        start = [a - b for a, b in zip(candidate.box.start, box.start, strict=True)]
        near[tuple(slice(a, a + n) for a, n in zip(start, candidate.extent.shape, strict=True))] = (
            candidate.extent
        )
        mask = liver[box.slices]
        if notches:
            mask = mask | coarse_at(layer.region.closed, layer.cells, box)
        if _touches(near, mask, margin):
            kept.append(candidate)
    return kept


def _touches(body: NDArray[np.bool_], mask: NDArray[np.bool_], margin: list[int]) -> bool:
    """Return whether a body lies in a mask, well enough at it, or in a bay of it."""
    inside = mask[body]
    share = float(inside.mean())
    if share >= GRAZING_SHARE or (share >= GRAZING_LEAST and int(inside.sum()) >= 3):
        return True
    near = body
    for axis, m in enumerate(margin):
        near = ndimage.maximum_filter1d(near, 2 * m + 1, axis=axis, mode="constant")
    return float(mask[near & ~body].mean()) >= AT_SURFACE


def _followed(candidate: Candidate, layer: Layer, spacing_mm: tuple[float, float, float]) -> Candidate:
    """Return the candidate with what of its body lies beyond the search region."""
    reach = [round(OUTSIDE_REACH_MM / s) for s in spacing_mm]
    outside, dense = layer.outside_of(candidate.box, candidate.extent, reach)
    volume = outside * float(np.prod(spacing_mm))
    return replace(candidate, outside_mm3=volume, outside_dense=dense / outside if outside else 0.0)


def _soft_layer(
    sharp: Layer, found: list[Candidate], surroundings: Surroundings, thresholds: Thresholds, ratio: float
) -> Layer:
    """Return the crop at the coarser scale, without what the finer one has found."""
    spread = surroundings.spread_hu * ratio
    seed = np.maximum(thresholds.smooth_deviations * spread, MIN_EXCESS_HU) + thresholds.vessel_hu
    grow = np.maximum(GROW_SPREADS * spread, GROW_SHARE * MIN_EXCESS_HU) + thresholds.vessel_hu
    width, level = thresholds.smooth_width, surroundings.level_hu
    blocked = tuple(c.box.grown(width, sharp.hu.shape) for c in found)
    seed_hu = np.maximum(level + seed, MIN_PEAK_HU)
    return Layer(sharp.hu, width, sharp.cells, seed_hu, level + grow, sharp.region, blocked)


def _bodies(layer: Layer, surroundings: Surroundings, *, ratio: float) -> list[Candidate]:
    """Return the bodies that hold a seed, split at their saddles."""
    found: list[Candidate] = []
    for box, body, seeds in layer.bodies(layer.seeds()):
        level = coarse_at(surroundings.level_hu, layer.cells, box)
        spread = float(coarse_at(surroundings.spread_hu, layer.cells, box).max()) * ratio
        excess = np.where(body, layer.mean_hu(box) - level, 0.0).astype(np.float32)
        for part in _split(excess, seeds, spread):
            inner = Box.around(part)
            extent = np.ascontiguousarray(part[inner.slices])
            peak = float(excess[inner.slices][extent].max())
            k, j, i = (a + b for a, b in zip(box.start, inner.start, strict=True))
            n = inner.shape
            place = Box((k, j, i), (k + n[0], j + n[1], i + n[2]))
            found.append(Candidate(place, extent, peak, peak / spread, ratio < 1.0))
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


def _upper_quantile(tail: float) -> float:
    """Return the standard normal quantile whose upper tail is `tail`."""
    return float(-special.ndtri(min(tail, 0.5)))
