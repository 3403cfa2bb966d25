"""Candidates: every bright body in or at the liver that chance and vessels do not explain."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.search.background import Surroundings
from hepalith.calcification.search.evidence import Evidence
from hepalith.calcification.search.hit import Hit, find_hits
from hepalith.calcification.search.ray import share_leading_on
from hepalith.calcification.search.region import Layer, coarse_at
from hepalith.calcification.search.split import split_at_saddles
from hepalith.geometry import Box

__all__ = [
    "BLOOD_MARGIN_HU",
    "LEADING_SHARE",
    "METAL_HU",
    "MIN_EXCESS_HU",
    "MIN_PEAK_HU",
    "SURE_DEVIATIONS",
    "Asked",
    "Candidate",
    "ask_places",
    "find_candidates",
]

SHARP_SPREADS = 5.0
"""Noise deviations of a voxel from which a body is outlined in the image itself. Fainter ones are outlined in
the evidence, where noise frays their edge less. Every body needs evidence above the threshold."""

SHARP_EXCESS_HU = 45.0
"""Least excess of such a voxel over its background and the liver's vessels."""

MIN_EXCESS_HU = 35.0
"""Least excess of the brightest voxel of a body, noise taken off. The liver's own texture, and what breathing
makes of its edges, reach 30 HU on the real scans of `benchmarks/implants.py`. Our judgement."""

FRAGMENT_SHARE = 0.52
"""Share of the evidence of the vessels about it that a focus no brighter than blood must have. Pieces of
vessels that thin slices and noise cut off reach up to 0.6 in `dome`; most of these lead on (`LEADING_SHARE`).
Chosen with that on development phantoms. Our judgement."""

BLOOD_MARGIN_HU = 15.0
"""By how much a body must exceed blood to be denser: the error with which blood is known. A faint body that
is no brighter in the image must be so for its size."""

LEADING_SHARE = 0.2
"""Share of a hit's evidence that leads away from it in a vessel (`share_leading_on`): of pieces of vessels
nine in ten show 0.18-0.53, half of the foci less than 0.13. On development phantoms and simulated livers
this and no more than the threshold find 0.72 of foci near it at 0.11 false hits a scan, where 0.25 and 1.25
times the threshold found 0.63 at 0.14. Our judgement."""

SURE_DEVIATIONS = 2.0
"""Deviations by which a hit's own brightness is lowered before it is said to outshine blood: of hundreds of
pieces of vessels the one that noise lifts most is looked at."""

FRAGMENT_MM = 20.0
"""How far about a vessel's brightest places that is asked."""

MIN_PEAK_HU = 85.0
"""Least HU of that voxel. Clotted blood reaches 80-90 HU unenhanced; calcium that is seen at all stands
higher, but for foci far below the blur. Our judgement."""

RAW_SHARE = 0.4
"""Share of its expected excess that a hit must show in the image itself. What merely rings beside something
very dark or very bright shows none."""

GROW_SPREADS = 2.5
"""Noise deviations above the background down to which a body grows from its seeds. A quarter of a
seed's distance, high enough that chance voxels do not chain bodies together."""

GROW_HU = 18.0
"""Least excess over background and vessels down to which a body grows, where noise is low: 40 % of that of
the voxels it starts from."""

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
        That, in noise deviations; of a faint body its evidence.
    smooth
        Too faint for an outline in the image itself: outlined in the evidence.
    goes_on
        Part of something that goes on beyond its neighbourhood, as a vessel does.
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
    goes_on: bool = False
    outside_mm3: float = 0.0
    outside_dense: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a focus must have at each place to be told from vessels, on the coarse grid.

    Parameters
    ----------
    least
        float32: the evidence that a focus no brighter than blood must have.
    held
        float32: the evidence of what goes on there, of which anything weaker is taken for a part.
    """

    least: NDArray[np.float32]
    held: NDArray[np.float32]


def find_candidates(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    *,
    surroundings: Surroundings,
    evidence: Evidence,
    blood_hu: float,
    wide_hu: float,
    enhanced: bool,
) -> tuple[list[Candidate], Layer, Asked]:
    """Return the candidates of a liver, what is too bright to serve as background, and what places ask for.

    Parameters
    ----------
    hu, liver
        HU and mask of the crop, shape (slice, row, column).
    spacing_mm
        Voxel spacing.
    surroundings, evidence
        Of this liver.
    blood_hu
        The most that vessels reach in this scan.
    wide_hu
        The most that those reach which are no small arteries (`wide_blood_level`).
    enhanced
        Whether contrast agent was given.

    Notes
    -----
    What is bright enough to be outlined in the image grows from its brightest voxels down to `GROW_SPREADS`,
    is split at saddles, and ends at half of its local contrast; it counts where the evidence
    exceeds the threshold. Other hits are outlined in the evidence. A faint hit that goes on like a vessel and
    is no brighter than blood is one.
    """
    spread, level = surroundings.spread_hu, surroundings.level_hu
    vessel = min(surroundings.vessel_excess_hu, max(0.0, blood_hu - surroundings.liver_hu))
    seed = np.maximum(SHARP_SPREADS * spread, SHARP_EXCESS_HU) + vessel
    grow = np.maximum(GROW_SPREADS * spread, GROW_HU) + vessel
    sharp = Layer(
        hu,
        surroundings.factor,
        np.maximum(level + seed, MIN_PEAK_HU),
        level + grow,
        evidence.region,
    )
    hits = find_hits(evidence, spacing_mm)
    asked = ask_places(hits, evidence, surroundings, blood_hu, spacing_mm)
    outlined = [_led(c, hits) for c in _bodies(sharp, surroundings) if _has_evidence(c, evidence)]
    vessels = _Vessels(evidence, asked, blood_hu, wide_hu, spacing_mm, enhanced)
    faint = _faint(hits, outlined, hu, surroundings, vessels)
    kept = [_followed(c, sharp, spacing_mm) for c in _of_liver(outlined + faint, liver, sharp, spacing_mm)]
    kept += _metal_in_notches(sharp, kept, liver, surroundings, spacing_mm)
    return kept, sharp, Asked(asked, _held(hits, asked.shape, evidence.cells))


def _held(hits: list[Hit], shape: tuple[int, ...], cells: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return, on the coarse grid, the greatest evidence among the hits that go on and reach into a cell."""
    held = np.zeros(shape, np.float32)
    for hit in hits:
        if hit.goes_on:
            places = (np.argwhere(hit.body) + np.array(hit.box.start)) // cells
            at = tuple(places.T)
            held[at] = np.maximum(held[at], hit.value)
    return held


def ask_places(
    hits: list[Hit],
    evidence: Evidence,
    surroundings: Surroundings,
    blood_hu: float,
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Return, on the coarse grid, the evidence that a focus no brighter than blood must have.

    Noise asks for the threshold everywhere. Where vessels run, pieces of them look like foci: those are
    fainter than the vessel they come from, so that a focus must have `FRAGMENT_SHARE` of the evidence, for
    small sizes, of the vessels within `FRAGMENT_MM`.
    """
    asked = evidence.threshold * evidence.scale
    size = np.array(spacing_mm) * np.array(evidence.cells)
    middle = (np.indices(asked.shape).reshape(3, -1).T + 0.5) * size
    for hit in hits:
        cell = tuple(n // f for n, f in zip(hit.place, evidence.cells, strict=True))
        level = float(surroundings.level_hu[cell])
        if not hit.goes_on or level + hit.peak_hu >= blood_hu:
            continue
        small = FRAGMENT_SHARE * evidence.small_at(hit.box, hit.body)
        reach = [math.ceil(FRAGMENT_MM / s) for s in size]
        k, j, i = cell
        part = Box((k, j, i), (k + 1, j + 1, i + 1)).grown(reach, asked.shape).slices
        if small > float(asked[part].min()):
            place = (np.array(cell) + 0.5) * size
            apart = np.sqrt(((middle.reshape(*asked.shape, 3)[part] - place) ** 2).sum(axis=-1))
            asked[part] = np.where(apart <= FRAGMENT_MM, np.maximum(asked[part], small), asked[part])
    return np.asarray(asked, dtype=np.float32)


def _led(candidate: Candidate, hits: list[Hit]) -> Candidate:
    """Return an outlined body with whether it goes on, as the strongest hit that it meets tells."""
    low, high = np.array(candidate.box.start), np.array(candidate.box.stop)
    for hit in hits:
        start, stop = np.maximum(hit.box.start, low), np.minimum(hit.box.stop, high)
        if (start >= stop).any():
            continue
        one, other = (
            body[tuple(slice(m - z, n - z) for m, n, z in zip(start, stop, zero, strict=True))]
            for body, zero in ((candidate.extent, low), (hit.body, hit.box.start))
        )
        if (one & other).any():
            return replace(candidate, goes_on=hit.goes_on)
    return candidate


def _has_evidence(candidate: Candidate, evidence: Evidence) -> bool:
    """Return whether the evidence exceeds the threshold somewhere in a body."""
    place = np.argwhere(candidate.extent) + np.array(candidate.box.start)
    scale = evidence.scale[tuple((place // evidence.cells).T)]
    return bool((evidence.best_at(place)[0] > evidence.threshold * scale).any())


@dataclass(frozen=True, slots=True, eq=False)
class _Vessels:
    """The vessels: what places ask for (`ask_places`), and the most HU that blood reaches."""

    evidence: Evidence
    asked: NDArray[np.float32]
    blood_hu: float
    wide_hu: float
    spacing_mm: tuple[float, float, float]
    enhanced: bool

    def hold(self, hit: Hit, level_hu: float) -> bool:
        """Return whether a hit no brighter than blood may be part of a vessel."""
        cell = tuple(n // f for n, f in zip(hit.place, self.evidence.cells, strict=True))
        densest = max(hit.contrast_hu, self.evidence.densest_hu(hit.place))
        if hit.goes_on or level_hu + densest < self.wide_hu + BLOOD_MARGIN_HU or hit.value < self.asked[cell]:
            return True
        if not self.enhanced:
            return False
        size_mm = self.evidence.bank.diameter_mm[hit.size]
        return share_leading_on(self.evidence, hit.place, size_mm, self.spacing_mm) >= LEADING_SHARE


def _faint(
    hits: list[Hit],
    outlined: list[Candidate],
    hu: NDArray[np.int16],
    surroundings: Surroundings,
    vessels: _Vessels,
) -> list[Candidate]:
    """Return the hits that no outlined body explains and that are no vessel, each with its extent."""
    taken = np.zeros(hu.shape, np.bool_)
    for body in outlined:
        wide = body.box.grown((1, 2, 2), hu.shape)
        near = np.zeros(wide.shape, np.bool_)
        start = [a - b for a, b in zip(body.box.start, wide.start, strict=True)]
        near[tuple(slice(a, a + n) for a, n in zip(start, body.extent.shape, strict=True))] = body.extent
        near = ndimage.binary_dilation(near, np.ones((3, 3, 3)))
        taken[wide.slices] |= _filled(near)
    found = []
    for hit in hits:
        if (taken[hit.box.slices] & hit.body).any():
            continue
        level = coarse_at(surroundings.level_hu, surroundings.factor, hit.box)
        seen = float((hu[hit.box.slices] - level)[hit.body].mean())
        level_hu = float(level[hit.body].mean())
        top = level_hu + hit.peak_hu
        surely = level_hu + hit.peak_hu * (1 - SURE_DEVIATIONS / hit.scaled)
        if hit.peak_hu < MIN_EXCESS_HU or top < MIN_PEAK_HU or seen < RAW_SHARE * hit.peak_hu:
            continue
        if surely < vessels.blood_hu + BLOOD_MARGIN_HU and vessels.hold(hit, level_hu):
            continue
        found.append(Candidate(hit.box, hit.body, hit.peak_hu, hit.scaled, smooth=True))
    return found


def _filled(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a body with its holes filled, also where a slice shows only a ring of it."""
    filled = np.asarray(ndimage.binary_fill_holes(body))
    for k in range(len(filled)):
        filled[k] = ndimage.binary_fill_holes(filled[k])
    return filled


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
    found = _of_liver(_bodies(metal, surroundings), liver, metal, spacing_mm, notches=True)
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


def _bodies(layer: Layer, surroundings: Surroundings) -> list[Candidate]:
    """Return the bodies that hold a seed, split at their saddles."""
    found: list[Candidate] = []
    for box, body, seeds in layer.bodies(layer.seeds()):
        level = coarse_at(surroundings.level_hu, layer.cells, box)
        spread = float(coarse_at(surroundings.spread_hu, layer.cells, box).max())
        excess = np.where(body, layer.hu[box.slices] - level, 0.0).astype(np.float32)
        for part in split_at_saddles(excess, seeds, spread):
            inner = Box.around(part)
            extent = np.ascontiguousarray(part[inner.slices])
            peak = float(excess[inner.slices][extent].max())
            k, j, i = (a + b for a, b in zip(box.start, inner.start, strict=True))
            n = inner.shape
            place = Box((k, j, i), (k + n[0], j + n[1], i + n[2]))
            found.append(Candidate(place, extent, peak, peak / spread, smooth=False))
    return found
