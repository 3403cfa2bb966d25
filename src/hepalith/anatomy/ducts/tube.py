"""Dark tubes in the liver: which dark bodies have the form, the darkness and the place of a bile duct."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from hepalith.anatomy.ducts.bile import BILE_HU, BileMap
from hepalith.anatomy.ducts.path import Course, trace_course
from hepalith.anatomy.liver import Phase

__all__ = ["Form", "Tube", "find_tubes", "judge_form"]

CORE_SHARE, REACH_SHARE = 0.55, 0.38
"""Darkening toward bile that a duct has somewhere, and everywhere. Unenhanced blood, halfway and less
between parenchyma and bile (40 against 55 and 8 HU: 0.3), has neither. Our judgement."""

CORE_NOISE, REACH_NOISE = 4.5, 2.0
"""The same in multiples of the noise of the quiet map."""

ENHANCED = ("portal", "delayed")
"""Phases in which all blood is brighter than the liver; in the others hepatic veins are dark tubes too."""

BLOOD_HU = 40.0
"""Unenhanced blood: 35 to 45 HU (grade K)."""

LEAST_CORE_VOXELS = 2
"""Fewest voxels as dark as `CORE_SHARE`: one may be noise."""

LEAST_MM3, MOST_MM3 = 30.0, 60_000.0
"""Least and most volume of a dark body that is looked at: 2 mm by 10 mm, and a dilated tree of a lobe."""

LEAST_HELD = 0.7
"""Share of a duct's surroundings that is plain parenchyma; a fissure or the liver's margin has half."""

LEAST_LENGTH_MM = 12.0
"""Least length of a duct; what is shorter may be a cyst, a vessel's cross-section or noise. Our judgement."""

LEAST_SLENDERNESS = 2.5
"""Least length over calibre: below, the thing is round. Our judgement."""

MOST_CALIBRE_MM = 18.0
"""Widest duct: the widest dilated intrahepatic ducts reach 15 to 20 mm; beyond is a cyst. Our judgement."""

LOOK_MM, LOOK_CALIBRES = 8.0, 1.25
"""Radius in which the local form is judged, in mm and in calibres, whichever is more."""

MOST_FLATNESS = 0.85
"""Second over first extent from which a body is a ball or a sheet. Ducts of the development phantoms have 0.4
to 0.78, masses, cysts and fissures seen along their plane 0.8 to 1."""

MOST_AROUND = 0.22
"""Darkening beside it from which a body is a part of a mass. Our judgement."""

SHADING = 0.10
"""Share of the contrast by which the parenchyma may be darker here than elsewhere: beam hardening, uneven fat
and uneven enhancement. Beyond, the surroundings are a mass."""

CLOSING = 2
"""Half the width, in voxels of the map, of the gaps that are closed to tell how ragged a body is."""

VEIN_GAP_MM, VEIN_GAP_SLOPE_MM, BESIDE_SHARE = 7.0, 1.0, 0.3
"""Gap from the wall of a vein, kept along that share of the course, beyond which it speaks against a duct:
duct, artery and portal branch share one sheath, but a small portal branch may not show. Ducts of the
development phantoms have 0 to 7 mm, fluid and fat in the fissures of ligaments 9 to 25. Nearness speaks for
nothing: a third of a liver lies as near to a vein."""

UNSEEN_MM = 30.0
"""Farther from any vein that is seen, those of this part of the liver do not show. Our judgement."""

SHEET, TUBULAR = 0.35, 0.65
"""Thinness at and below which side branches are the ragged edge of a sheet, and from which they count."""

WIDE_MM, WIDE_SPREAD_MM, WIDE_DARKNESS = 5.0, 2.0, 0.75
"""Calibre from which partial volume leaves the core of a duct alone, over how many mm more that is so for
sure, and how dark it then is at least: wide ducts of the development phantoms have 0.78 to 1.04, the middle
of a haemangioma between its nodules 0.5."""

LEAST_PROBABILITY = 0.5
"""A dark body is called a duct from this probability on."""

PRIOR, STONES, BRANCH = -4.5, 2.5, 0.8
"""Log-odds of a dark body of no features; what stones within it add; and what each of up to three branches
adds. The slopes and bounds in `judge_form` are of the same kind: our judgement, read from the spread
of ducts and other dark bodies in the even half of the development phantoms, checked on the odd half."""


@dataclass(frozen=True, slots=True)
class Form:
    """What tells a duct from other dark bodies.

    Parameters
    ----------
    held
        Share of its surroundings that is plain parenchyma.
    length_mm, total_mm, calibre_mm
        Of the longest course; of all courses; typical calibre of its wider half.
    flatness
        Second over first extent of what lies about a point of its course: 0 a tube, 1 a sheet.
    thinness
        Third over second extent there, over that of a round tube of its calibre and course in slices as thick
        as these: 1 a tube, 0 a sheet.
    darkness
        Darkening of its core: 1 bile, above fat, below blood or solid tissue.
    margin_mm
        Typical distance of its course from the liver's margin and from fat.
    around
        Typical darkening a few millimetres beside it: 0 in parenchyma, more within a mass.
    raggedness
        Its volume with gaps closed over its volume: near 1 a tube, more what noise picks out of a mass.
    branches
        Number of side branches.
    stones
        Whether stones lie in it.
    rim
        Brightening of its wall over the parenchyma, as a share of the contrast, on the quarter of its
        surroundings that shows least of it: a portal branch beside it brightens one side only.
    vein_gap_mm
        Gap between its wall and that of the nearest vein that `BESIDE_SHARE` of its course keeps below; None
        where no vein is seen in this part of the liver.
    """

    length_mm: float
    total_mm: float
    calibre_mm: float
    flatness: float
    thinness: float
    darkness: float
    margin_mm: float
    raggedness: float
    branches: int
    stones: bool
    held: float = 1.0
    around: float = 0.0
    rim: float = 0.0
    vein_gap_mm: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """The veins on the map: ducts run beside portal branches, which may be taken for hepatic ones.

    Parameters
    ----------
    places_mm
        float64, shape (n, 3): points of their middle lines, in mm along (k, j, i) of the map.
    radii_mm
        float64, shape (n,): their radius there.
    """

    places_mm: NDArray[np.float64]
    radii_mm: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """A dark tube: its label on the map, its course in map indices, and its form."""

    label: int
    course: Course
    form: Form

    @property
    def calibre_mm(self) -> float:
        """Typical calibre of its wider half."""
        return self.form.calibre_mm

    @property
    def probability(self) -> float:
        """That it is a bile duct."""
        return judge_form(self.form)


def find_tubes(
    bile: BileMap, phase: Phase, hilum: NDArray[np.float64] | None = None, veins: Beside | None = None
) -> tuple[NDArray[np.int32], list[Tube]]:
    """Return the dark bodies of the map, labelled, and those among them that are ducts.

    Parameters
    ----------
    bile, phase
        The map, and the contrast phase of its image.
    hilum
        Where the ducts begin, as an index on the map; None where it is not known.
    veins
        The veins; None where they are not seen.
    """
    labels, bodies = _find_bodies(bile, phase)
    tubes = []
    for label, where in bodies:
        inside = np.asarray(labels[where] == label)
        held, around = _surroundings(inside, where, bile)
        if held < LEAST_HELD or around > MOST_AROUND:
            continue
        tube = _measure(label, inside, where, bile, hilum)
        gap = _vein_gap(tube.course, bile, veins)
        rim = _rim(inside, where, bile)
        form = replace(tube.form, held=held, around=around, rim=rim, vein_gap_mm=gap)
        tube = replace(tube, form=form)
        if tube.probability >= LEAST_PROBABILITY:
            tubes.append(tube)
    return labels, tubes


def _find_bodies(
    bile: BileMap, phase: Phase
) -> tuple[NDArray[np.int32], list[tuple[int, tuple[slice, ...]]]]:
    """Return labelled dark bodies, and those dark and large enough, each with a box that holds its shell."""
    core_share, reach_share = _thresholds(bile, phase)
    inside = bile.inside
    core = inside & (bile.quiet > max(core_share, CORE_NOISE * bile.noise))
    reach = (inside & (bile.quiet > max(reach_share, REACH_NOISE * bile.noise))) | bile.stones
    found, count = cc3d.connected_components(reach, connectivity=18, return_N=True)
    labels = found.astype(np.int32)
    hits = np.bincount(labels[core], minlength=count + 1)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(bile.spacing_mm))
    good = (hits >= LEAST_CORE_VOXELS) & (sizes >= LEAST_MM3) & (sizes <= MOST_MM3)
    good[0] = False
    boxes = ndimage.find_objects(labels)
    bodies, margin = [], bile.halo + 1
    for label in np.flatnonzero(good).tolist():
        where = tuple(
            slice(max(s.start - margin, 0), min(s.stop + margin, n))
            for s, n in zip(boxes[label - 1], labels.shape, strict=True)
        )
        bodies.append((label, where))
    return labels, bodies


def _thresholds(bile: BileMap, phase: Phase) -> tuple[float, float]:
    """Return how dark a duct must be somewhere, and everywhere: darker than blood without contrast."""
    if phase.label in ENHANCED:
        return CORE_SHARE, REACH_SHARE
    blood = (BILE_HU + bile.contrast_hu - BLOOD_HU) / bile.contrast_hu
    return max(CORE_SHARE, 0.5 + 0.5 * blood), max(REACH_SHARE, blood + 0.1)


def _surroundings(inside: NDArray[np.bool_], where: tuple[slice, ...], bile: BileMap) -> tuple[float, float]:
    """Return how far a dark body is held by parenchyma all around, and how dark it is around it."""
    wall = ndimage.binary_dilation(inside, iterations=bile.halo - 1) if bile.halo > 1 else inside
    near = ndimage.binary_dilation(wall)
    shell = ndimage.binary_dilation(near) & ~wall
    trusted = bile.inside[where]
    plain = shell & trusted & (bile.quiet[where] < REACH_SHARE)
    held = int(plain.sum()) / max(int(shell.sum()), 1)
    beyond = shell & ~near & trusted
    if not beyond.any():
        return held, 1.0
    darker = max(float(np.median(bile.ground[where][beyond])) - SHADING, 0.0)
    return held, float(np.median(bile.quiet[where][beyond])) + darker


def _rim(inside: NDArray[np.bool_], where: tuple[slice, ...], bile: BileMap) -> float:
    """Return how much brighter than the parenchyma the wall is, on the quarter that shows least of it."""
    wall = ndimage.binary_dilation(inside, iterations=bile.halo)
    shell = ndimage.binary_dilation(wall) & ~wall & bile.inside[where]
    return -float(np.percentile(bile.quiet[where][shell], 75)) if shell.any() else 0.0


def _vein_gap(course: Course, bile: BileMap, veins: Beside | None) -> float | None:
    """Return the gap from the nearest vein that `BESIDE_SHARE` of a course keeps below."""
    if veins is None:
        return None
    away, which = cKDTree(veins.places_mm).query(course.path * np.asarray(bile.spacing_mm))
    gaps = away - veins.radii_mm[which] - course.calibres_mm / 2
    gap = float(np.quantile(gaps, BESIDE_SHARE))
    return gap if gap < UNSEEN_MM else None


def _raggedness(inside: NDArray[np.bool_]) -> float:
    """Return the volume of a body with its gaps closed over its volume."""
    closed = ndimage.binary_closing(np.pad(inside, CLOSING), iterations=CLOSING)
    return int(closed.sum()) / max(int(inside.sum()), 1)


def _measure(
    label: int,
    inside: NDArray[np.bool_],
    where: tuple[slice, ...],
    bile: BileMap,
    hilum: NDArray[np.float64] | None,
) -> Tube:
    """Return a dark body with its course and form."""
    stones = bile.stones[where] & inside
    share = np.where(stones, np.float32(1.0), bile.share[where])
    shift = np.array([s.start for s in where], dtype=np.float64)
    course = trace_course(inside, share, bile.spacing_mm, None if hilum is None else hilum - shift)
    calibres = np.sort(course.calibres_mm)
    wide = float(np.median(calibres[len(calibres) // 2 :]))
    flatness, thinness = _local_form(inside, course, bile.spacing_mm, max(LOOK_MM, LOOK_CALIBRES * wide))
    at = tuple(np.rint(course.path).astype(np.intp).T)
    form = Form(
        length_mm=course.length_mm,
        total_mm=course.total_mm,
        calibre_mm=wide,
        flatness=flatness,
        thinness=thinness,
        darkness=float(np.percentile(bile.quiet[where][inside & ~stones], 90)) if not stones.all() else 0.0,
        margin_mm=float(np.median(bile.margin_mm[where][at])),
        raggedness=_raggedness(inside),
        branches=len(course.branches),
        stones=bool(stones.any()),
    )
    moved = replace(course, path=course.path + shift, branches=tuple(b + shift for b in course.branches))
    return Tube(label, moved, form)


def _local_form(
    inside: NDArray[np.bool_], course: Course, spacing: tuple[float, float, float], reach_mm: float
) -> tuple[float, float]:
    """Return the typical ratios of the extents, second to first and third to second, about the course."""
    scale = np.asarray(spacing)
    voxels = np.argwhere(inside) * scale
    every = max(1, len(course.path) // 12)
    path = course.path * scale
    ways = _ways(path, reach_mm)[::every]
    width = np.median(course.calibres_mm) / 4.0
    ratios = []
    for near, way in zip(cKDTree(voxels).query_ball_point(path[::every], reach_mm), ways, strict=True):
        if len(near) >= 4:
            spread = np.linalg.eigvalsh(np.cov(voxels[near].T) + np.diag(scale**2 / 12))[::-1]
            across = np.eye(3) - np.outer(way, way)
            tube = across @ (np.eye(3) * width**2 + np.diag(scale**2 / 12)) @ across
            round_one = np.linalg.eigvalsh(tube)[::-1]
            thin = np.sqrt(spread[2] / spread[1] * round_one[0] / round_one[1])
            ratios.append((np.sqrt(spread[1] / spread[0]), thin))
    if not ratios:
        return 1.0, 1.0
    flat, thin = np.median(np.array(ratios), axis=0)
    return float(flat), float(thin)


def _ways(path: NDArray[np.float64], reach_mm: float) -> NDArray[np.float64]:
    """Return the direction of a course at each of its points, over the reach in which its form is judged."""
    step = max(float(np.linalg.norm(np.diff(path, axis=0), axis=1).mean()) if len(path) > 1 else 1.0, 0.1)
    hop = max(1, round(reach_mm / step))
    at = np.arange(len(path))
    ways = path[np.minimum(at + hop, len(path) - 1)] - path[np.maximum(at - hop, 0)]
    return np.asarray(ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-6))


def judge_form(form: Form) -> float:
    """Return the probability that a dark body is a bile duct.

    What cannot be one by its size is none. For the rest the log-odds are a sum of what speaks for and
    against it, each held within bounds so that no single feature decides.
    """
    if (
        form.length_mm < LEAST_LENGTH_MM
        or form.calibre_mm > MOST_CALIBRE_MM
        or form.total_mm < LEAST_SLENDERNESS * form.calibre_mm
        or form.flatness > MOST_FLATNESS
    ):
        return 0.0
    beside = 0.0
    if form.vein_gap_mm is not None:
        beside = _bounded((VEIN_GAP_MM - form.vein_gap_mm) / VEIN_GAP_SLOPE_MM, -2.0, 0.0)
    wide = _bounded((form.calibre_mm - WIDE_MM) / WIDE_SPREAD_MM, 0.0, 1.0)
    odds = (
        PRIOR
        + beside
        + STONES * form.stones
        + BRANCH * min(form.branches, 3) * _bounded((form.thinness - SHEET) / (TUBULAR - SHEET), 0.0, 1.0)
        + _bounded((form.total_mm - 30.0) / 15.0, -1.5, 2.0)
        + _bounded((form.held - 0.85) / 0.05, -2.0, 1.0)
        + _bounded(form.margin_mm - 5.0, -2.5, 1.0)
        + _bounded((0.80 - form.flatness) / 0.02, -4.0, 0.5)
        + _bounded((form.thinness - 0.68) / 0.06, -4.0, 0.5)
        + _bounded((form.darkness - 0.68) / 0.04, -4.0, 0.5)
        + _bounded((1.12 - form.darkness) / 0.04, -4.0, 0.0)
        + wide * _bounded((form.darkness - WIDE_DARKNESS) / 0.04, -4.0, 0.0)
        + _bounded((0.09 - form.around) / 0.015, -4.0, 0.5)
        + _bounded((1.30 - form.raggedness) / 0.03, -4.0, 0.5)
    )
    return 1.0 / (1.0 + math.exp(-odds))


def _bounded(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
