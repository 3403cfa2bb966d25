"""Dense bodies beside the liver: stones in the gallbladder, plaque of the hepatic artery, clips.

They are no foci of the liver. They are looked for so that they are named where a reader would ask what they
are; what no judge can name is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.neighbours import NAMES, Neighbours
from hepalith.anatomy.organs import Organs
from hepalith.calcification.mimic.context import bodies_above
from hepalith.calcification.search.candidate import Candidate
from hepalith.geometry import Box

__all__ = ["NAMED_BESIDE", "Outside", "find_beside"]

STONE_HU = 95.0
"""HU from which something in the gallbladder is a stone: bile measures 0-20 HU, sludge and vicarious contrast
medium lie on its floor evenly and seldom reach it. Our judgement."""

BILE_HU, STONE_DEVIATIONS = 20.0, 5.0
"""HU of bile, and the noise deviations that a stone stands above it at least."""

BILE_MOST_HU = 50.0
"""HU up to which what lies about a stone may be bile; enhanced liver and wall are brighter."""

WALL_EXCESS_HU = 140.0
"""HU above liver and blood, whichever is brighter, from which something at the hilum is calcium or metal."""

SEED_DEVIATIONS = 6.0
"""The same, in deviations of the noise, for noisy scans."""

GALLBLADDER_SHARE = 0.4
"""Least probability of the gallbladder, where the neighbours were not asked."""

OTHERS_SHARE = 0.3
"""Probability of other organs from which a place is theirs: their stones, content and walls are not the
liver's mimics."""

OTHERS = ("spleen", "kidney", "stomach", "bowel", "heart", "lung", "bone", "aorta")
"""Organs whose dense content is left to them."""

BONE_CLEAR_MM = 8.0
"""How far from bone such a body lies: cartilage is calcified in patches."""

LEAST_MM3, MOST_MM3 = 4.0, 4000.0
"""Volume of such bodies; larger ones are bowel, kidney or bone that no map shows."""

INSIDE_SHARE = 0.3
"""Largest share of such a body that a liver mask takes in."""

REACH_MM = 30.0
"""How far from the liver such a body lies at most: the hilum's artery and duct run within it, what is farther
off is another organ's, or lies on the skin. Our judgement."""

AIR_HU, AIR_SHARE = -300, 0.25
"""HU of air, and the share of what lies about a body from which it is no body of the hilum: markers and
electrodes on the skin, clips of the lung, swallowed metal. Our judgement."""

EDGE_MM = 4.0
"""How far beyond its brightest voxels a body's edge is looked for."""

MOST_BODIES = 24
"""Most bodies that are looked at, the largest first; more are never one patient's plaque."""

NAMED_BESIDE = ("gallstone", "vessel_wall_calcification", "clip_or_coil", "stent_or_catheter")
"""Names under which a body beside the liver is handed on; whatever else it may be, it is not the liver's."""

GROW_SHARE = 0.5
"""Share of the way from the surroundings to its peak down to which a body reaches: half contrast."""


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """What the search beside the liver needs to know.

    Parameters
    ----------
    box
        Of the crop in the image.
    liver
        Mask of the crop.
    level_hu
        Of liver or blood, whichever is brighter.
    noise_hu
        Deviation of a voxel.
    bone
        (n, 3): voxels of bone.
    organs, neighbours
        What the network saw, and the organs about the liver, where known.
    """

    box: Box
    liver: NDArray[np.bool_]
    level_hu: float
    noise_hu: float
    bone: NDArray[np.float64]
    organs: Organs | None
    neighbours: Neighbours | None


def find_beside(
    hu: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    owners: NDArray[np.integer[Any]],
    outside: Outside,
) -> list[Candidate]:
    """Return the dense bodies of a crop that lie beside the liver.

    Parameters
    ----------
    hu, spacing_mm
        The crop.
    owners
        Label of the candidates of the liver: what they hold is theirs.
    outside
        What else is known.
    """
    if outside.organs is None and outside.neighbours is None:
        return []  # nobody knows what lies there
    found = [
        c for c in _at_hilum(hu, spacing_mm, owners, outside) if _clear_of_bone(c, outside.bone, spacing_mm)
    ]
    taken = owners > 0
    for candidate in found:
        taken[candidate.box.slices] |= candidate.extent
    return found + [c for c in _stones(hu, spacing_mm, outside) if not (taken[c.box.slices] & c.extent).any()]


def _at_hilum(
    hu: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    owners: NDArray[np.integer[Any]],
    outside: Outside,
) -> list[Candidate]:
    """Return what is brighter than liver and blood, beside the liver and in no other organ."""
    level = outside.level_hu + max(WALL_EXCESS_HU, SEED_DEVIATIONS * outside.noise_hu)
    bodies = bodies_above(hu, outside.liver, int(level), spacing_mm)
    where = np.stack(np.unravel_index(bodies.places, hu.shape), axis=1)
    count = len(bodies.size)
    volume = bodies.size * float(np.prod(spacing_mm))
    free = np.bincount(bodies.body, owners.ravel()[bodies.places] > 0, minlength=count) == 0
    others = np.zeros(count)
    if outside.organs is not None:
        coarse = outside.organs.coarse
        at = np.rint((where + np.asarray(outside.box.start) - coarse.first) / coarse.step).astype(np.intp)
        at = np.clip(at, 0, np.asarray(coarse.hu.shape) - 1)
        total = sum(outside.organs.of(name)[tuple(at.T)] for name in OTHERS)
        others = np.bincount(bodies.body, np.asarray(total), minlength=count) / np.maximum(bodies.size, 1)
    inside = bodies.inside < INSIDE_SHARE * bodies.size
    kept = free & inside & (others < OTHERS_SHARE) & (volume >= LEAST_MM3) & (volume <= MOST_MM3)
    order = [n for n in np.argsort(-bodies.size, kind="stable") if kept[n]][:MOST_BODIES]
    found = []
    for n in order:
        own = where[bodies.body == n]
        if _is_near(own, outside.liver, spacing_mm) and not _is_in_air(own, hu, spacing_mm):
            found.append(_around(own, hu, spacing_mm, outside.noise_hu))
    return [c for c in found if c is not None]


def _is_near(own: NDArray[np.intp], liver: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> bool:
    """Return whether liver lies within `REACH_MM` of some voxels."""
    box = _box_of(own).grown([int(REACH_MM / s) for s in spacing_mm], liver.shape)
    near = np.argwhere(liver[box.slices]) + np.asarray(box.start)
    if len(near) == 0:
        return False
    middle = own.mean(axis=0)
    nearest = near[int((((near - middle) * spacing_mm) ** 2).sum(axis=1).argmin())]
    return bool(np.sqrt((((own - nearest) * spacing_mm) ** 2).sum(axis=1)).min() <= REACH_MM)


def _is_in_air(own: NDArray[np.intp], hu: NDArray[np.int16], spacing_mm: tuple[float, float, float]) -> bool:
    """Return whether a good part of what lies within `EDGE_MM` of some voxels is air."""
    box = _box_of(own).grown([max(1, round(EDGE_MM / s)) for s in spacing_mm], hu.shape)
    apart = np.ones(box.shape, np.bool_)
    apart[tuple((own - np.asarray(box.start)).T)] = False
    about = apart & (edt.edt(apart, anisotropy=spacing_mm) <= EDGE_MM)
    return bool(about.any() and (hu[box.slices][about] < AIR_HU).mean() >= AIR_SHARE)


def _stones(
    hu: NDArray[np.int16], spacing_mm: tuple[float, float, float], outside: Outside
) -> list[Candidate]:
    """Return what is denser than bile in the gallbladder."""
    crop = outside.box
    if outside.neighbours is not None:
        box = _common(outside.neighbours.box_of("gallbladder"), crop)
        if box.is_empty:
            return []
        inside = outside.neighbours.label_map_in(box) == NAMES.index("gallbladder")
    elif outside.organs is not None:
        probability = outside.organs.of("gallbladder")
        seen = Box.around(probability >= GALLBLADDER_SHARE)
        if seen.is_empty:
            return []
        box = _common(outside.organs.coarse.box_of(seen, crop.stop), crop)
        if box.is_empty:
            return []
        inside = outside.organs.coarse.to_volume(probability, box) >= GALLBLADDER_SHARE
    else:
        return []
    k, j, i = (slice(a - c, b - c) for a, b, c in zip(box.start, box.stop, crop.start, strict=True))
    level = max(STONE_HU, BILE_HU + STONE_DEVIATIONS * outside.noise_hu)
    labels = cc3d.connected_components(inside & (hu[k, j, i] > level), connectivity=26)
    sizes = np.bincount(labels.ravel()).astype(np.float64) * float(np.prod(spacing_mm))
    sizes[0] = 0.0
    found = []
    for n in np.argsort(-sizes, kind="stable")[:MOST_BODIES]:
        if not LEAST_MM3 <= sizes[n] <= MOST_MM3:
            continue
        own = np.argwhere(labels == n) + np.asarray([k.start, j.start, i.start], np.intp)
        found.append(_around(own, hu, spacing_mm, outside.noise_hu, BILE_MOST_HU))
    return [c for c in found if c is not None]


def _around(
    own: NDArray[np.intp],
    hu: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    noise_hu: float,
    most_hu: float = np.inf,
) -> Candidate | None:
    """Return the body about some voxels; None where what lies about it is brighter than allowed."""
    box = _box_of(own).grown([max(1, round(EDGE_MM / s)) for s in spacing_mm], hu.shape)
    core = np.zeros(box.shape, np.bool_)
    core[tuple((own - np.asarray(box.start)).T)] = True
    return _outlined(hu, core, box, noise_hu, most_hu)


def _box_of(own: NDArray[np.intp]) -> Box:
    """Return the smallest box about some voxels."""
    k, j, i = (int(n) for n in own.min(axis=0))
    w, v, u = (int(n) + 1 for n in own.max(axis=0))
    return Box((k, j, i), (w, v, u))


def _common(one: Box, other: Box) -> Box:
    """Return what two boxes share."""
    k, j, i = (max(a, b) for a, b in zip(one.start, other.start, strict=True))
    w, v, u = (min(a, b) for a, b in zip(one.stop, other.stop, strict=True))
    return Box((k, j, i), (w, v, u))


def _outlined(
    hu: NDArray[np.int16], core: NDArray[np.bool_], box: Box, noise_hu: float, most_hu: float
) -> Candidate | None:
    """Return a body out to half of its contrast against what lies about it."""
    part = hu[box.slices].astype(np.float32)
    about = ndimage.binary_dilation(core, iterations=3) & ~ndimage.binary_dilation(core)
    if not about.any():
        return None
    level = float(np.median(part[about]))
    if level > most_hu:
        return None
    peak = float(part[core].max())
    grown = part > level + GROW_SHARE * (peak - level)
    pieces = cc3d.connected_components(grown & ndimage.binary_dilation(core, iterations=2), connectivity=26)
    top = np.unravel_index(int(np.where(core, part, -np.inf).argmax()), part.shape)
    extent = pieces == pieces[top]
    if int(extent.sum()) < 2:
        return None
    inner = Box.around(extent)
    start = tuple(a + b for a, b in zip(box.start, inner.start, strict=True))
    stop = tuple(a + b for a, b in zip(box.start, inner.stop, strict=True))
    place = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    excess = peak - level
    return Candidate(
        place, np.ascontiguousarray(extent[inner.slices]), excess, excess / max(noise_hu, 1.0), smooth=False
    )


def _clear_of_bone(
    candidate: Candidate, bone: NDArray[np.float64], spacing_mm: tuple[float, float, float]
) -> bool:
    """Return whether a body keeps its distance from bone."""
    if len(bone) == 0:
        return True
    middle = (np.argwhere(candidate.extent).mean(axis=0) + candidate.box.start) * spacing_mm
    return bool(np.linalg.norm(bone * spacing_mm - middle, axis=1).min() >= BONE_CLEAR_MM)
