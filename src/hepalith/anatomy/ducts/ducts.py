"""Intrahepatic bile ducts, as far as this scan shows them: dark tubes, their course and their calibre.

A normal intrahepatic duct measures 1 to 2 mm and is seen, if at all, as a dark line beside an enhanced portal
branch. A dilated duct is a branching tube of fluid. What is narrower than the scan resolves is not seen,
and is then never called absent: `Ducts.smallest` says how wide a duct must be to show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hepalith.anatomy.atlas.couinaud import place_planes
from hepalith.anatomy.atlas.landmarks import find_landmarks
from hepalith.anatomy.ducts.bile import BILE_HU, BILE_SD_HU, BileMap, map_bile
from hepalith.anatomy.ducts.gas import NO_GAS, Gas, find_gas
from hepalith.anatomy.ducts.tube import Beside, Tube, find_tubes
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.vessels import Vessels
from hepalith.geometry import Box
from hepalith.image.volume import Volume
from hepalith.vocabulary import Assessed, Measurement, NotAssessable, State

__all__ = ["DILATED_MM", "Duct", "Ducts", "find_ducts", "find_hilum", "no_ducts"]


@dataclass(frozen=True, slots=True, eq=False)
class Duct:
    """One connected stretch of bile duct with its side branches.

    Parameters
    ----------
    id
        Its label in `Ducts.labels`, from 1.
    path_lps_mm
        float64, shape (n, 3): its longest course, from the end nearest the hilum outward.
    calibres_mm
        float64, shape (n,): inner diameter at each point of the course.
    calibre
        Inner diameter that it typically has along the wider half of its course, in mm.
    dilated, probability
        Whether it is wider than 2 mm or than 40 % of the portal branch beside it, and how likely that is.
    branches_lps_mm, branch_calibres_mm
        The courses of its side branches, and their calibre along them.
    length_mm
        Of the longest course.
    portal_share
        Calibre over that of the portal branch beside it; None where no portal branch is seen there.
    holds_gas
        Whether gas lies in it.
    segment
        Couinaud segment that holds most of it; empty where segments are not known.
    rim
        Brightening of its wall over the parenchyma, as a share of the contrast between parenchyma and bile.
    cut
        Whether the scan ends where the duct's inner end lies.
    certainty
        Probability that it is a bile duct at all.
    """

    id: int
    path_lps_mm: NDArray[np.float64]
    calibres_mm: NDArray[np.float64]
    calibre: Measurement
    dilated: State
    probability: float
    branches_lps_mm: tuple[NDArray[np.float64], ...] = ()
    branch_calibres_mm: tuple[NDArray[np.float64], ...] = ()
    length_mm: float = 0.0
    portal_share: float | None = None
    holds_gas: bool = False
    segment: str = ""
    rim: float = 0.0
    cut: bool = False
    certainty: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Ducts:
    """The bile ducts that are seen, and what would have been seen.

    Parameters
    ----------
    box
        Where `labels` lies in the image.
    labels
        Integers, shape of `box`: id of the duct, 0 elsewhere.
    ducts
        Widest first, ids from 1.
    seen
        Whether a duct is seen at all.
    reason
        Why none is seen, or why none could be; empty where ducts are seen.
    smallest
        Calibre, in mm, of the narrowest duct that would have been seen.
    bile_hu, parenchyma_hu
        Density taken for bile, and of the liver around.
    hilum_lps_mm
        Where the ducts of both lobes are expected to meet; None where no landmark tells.
    gas
        Gas in the liver's tubes.
    """

    box: Box
    labels: NDArray[np.integer[Any]]
    ducts: tuple[Duct, ...]
    seen: bool
    reason: str
    smallest: Assessed
    bile_hu: float = 10.0
    parenchyma_hu: float = 55.0
    hilum_lps_mm: NDArray[np.float64] | None = None
    gas: Gas = NO_GAS

    @property
    def dilated(self) -> tuple[Duct, ...]:
        """The ducts that are dilated."""
        return tuple(d for d in self.ducts if d.dilated is State.PRESENT)


LEAST_CONTRAST_HU = 10.0
"""Parenchyma less bile below which a duct is not told from its surroundings: a fatty liver. Our judgement."""

DILATED_MM, DILATED_SHARE = 2.0, 0.40
"""A duct is dilated above this calibre, or above this share of the portal branch beside it: the usual bounds
of ultrasound and CT (textbooks, grade K)."""


LEAST_ERROR_MM = 0.4
"""Error of a calibre that comes from noise and from where the tube is cut off. Our judgement."""

BESIDE_MM = 4.0
"""Gap between a duct and the portal branch it runs beside: sheath, artery, and the error of both paths."""

SHARE_ERROR = 0.15
"""Error of the ratio of both calibres. Our judgement."""

CUT_MM = 5.0
"""Ducts that end so near to where the scan ends may run on beyond it."""

HILUM_ERROR_MM = 12.0
"""How far the expected hilum may lie from the real one; ends no farther apart are told by their calibre."""


FATTY = "the liver is about as dark as bile, as a fatty one is: ducts do not stand out"


def find_ducts(volume: Volume, liver: Liver, vessels: Vessels | None, phase: Phase) -> Ducts:
    """Return the intrahepatic bile ducts that this scan shows.

    Parameters
    ----------
    volume, liver, phase
        The image, the liver in it, the contrast phase.
    vessels
        The vessels that are seen; None where they were not looked for.
    """
    if not liver.is_in_view:
        return no_ducts(liver, "no liver is in view")
    hilum = find_hilum(volume, liver)
    bile = map_bile(volume, liver)
    gas = find_gas(volume, liver, bile, hilum)
    if bile.contrast_hu < LEAST_CONTRAST_HU:
        return replace(no_ducts(liver, FATTY), hilum_lps_mm=hilum, gas=gas)
    seen = _seen_in(bile, volume, liver, phase, (hilum, vessels))
    ducts = tuple(_beside_portal(d, vessels) for d in seen.ducts)
    return replace(seen, ducts=ducts, hilum_lps_mm=hilum, gas=gas)


def no_ducts(liver: Liver, reason: str) -> Ducts:
    """Return that no duct was seen, and why none could be."""
    return Ducts(
        liver.box, np.zeros(liver.box.shape, dtype=np.uint8), (), seen=False, reason=reason,
        smallest=NotAssessable(reason),
    )  # fmt: skip


def _seen_in(
    bile: BileMap,
    volume: Volume,
    liver: Liver,
    phase: Phase,
    marks: tuple[NDArray[np.float64] | None, Vessels | None],
) -> Ducts:
    """Return the ducts on a map that can show them, by the hilum and the veins they run beside."""
    hilum, vessels = marks
    root = None if hilum is None else bile.from_index(volume.grid.to_index(hilum))
    labels, tubes = find_tubes(bile, phase, root, _veins_on(bile, volume, vessels))
    tubes = sorted(tubes, key=lambda t: (-t.calibre_mm, t.label))
    numbers: NDArray[np.integer[Any]] = np.zeros(int(labels.max()) + 1, np.min_scalar_type(len(tubes)))
    for number, tube in enumerate(tubes, start=1):
        numbers[tube.label] = number
    whole: NDArray[np.integer[Any]] = np.zeros(liver.box.shape, numbers.dtype)
    if tubes:
        marked = numbers[labels]
        for axis, factor in enumerate(bile.factors):
            marked = marked.repeat(factor, axis)
        whole[tuple(slice(0, n) for n in marked.shape)] = marked
    ducts = tuple(_as_duct(number, tube, bile, volume, hilum) for number, tube in enumerate(tubes, start=1))
    smallest = float(np.clip(2.0 * np.sqrt(4.0 * bile.noise) * float(np.mean(bile.spacing_mm)), 1.0, 30.0))
    reason = "" if ducts else "no dark tube is seen"
    return Ducts(
        liver.box, whole, ducts, bool(ducts), reason, Measurement(smallest, "mm"), BILE_HU,
        BILE_HU + bile.contrast_hu,
    )  # fmt: skip


def _veins_on(bile: BileMap, volume: Volume, vessels: Vessels | None) -> Beside | None:
    """Return the veins on the map; None where blood does not show them bright."""
    if vessels is None or not vessels.bright or not vessels.branches:
        return None
    branches = vessels.branches
    middle = volume.grid.to_index(np.concatenate([b.path_lps_mm for b in branches]))
    places = bile.from_index(middle) * np.asarray(bile.spacing_mm)
    return Beside(places, np.concatenate([b.radii_mm for b in branches]))


def find_hilum(volume: Volume, liver: Liver) -> NDArray[np.float64] | None:
    """Return where the ducts of both lobes are expected to meet, LPS mm; None where no landmark tells."""
    landmarks = find_landmarks(volume, liver)
    return None if landmarks is None else np.asarray(place_planes(landmarks).hilum_lps_mm, dtype=np.float64)


def _as_duct(
    number: int, tube: Tube, bile: BileMap, volume: Volume, hilum: NDArray[np.float64] | None
) -> Duct:
    """Return a dark tube as a duct, in the patient's millimetres."""
    course = tube.course
    paths = [volume.grid.to_lps(bile.to_index(p)) for p in (course.path, *course.branches)]
    calibres = course.calibres_mm
    if _is_inward(paths[0], calibres, hilum):
        paths[0], calibres = paths[0][::-1], calibres[::-1]
    wide = tube.calibre_mm
    error = wide * 0.5 * BILE_SD_HU / bile.contrast_hu + LEAST_ERROR_MM
    calibre = Measurement(wide, "mm", max(wide - 2 * error, 0.0), wide + 2 * error)
    chance = (1.0 - NormalDist(wide, error).cdf(DILATED_MM)) * tube.probability
    state = State.PRESENT if chance >= 0.5 else State.ABSENT
    return Duct(
        number, paths[0], calibres, calibre, state, chance, tuple(paths[1:]),
        course.branch_calibres_mm, course.length_mm, rim=tube.form.rim, cut=_is_cut(paths[0][0], volume),
        certainty=tube.probability,
    )  # fmt: skip


def _beside_portal(duct: Duct, vessels: Vessels | None) -> Duct:
    """Return a duct with its calibre over that of the portal branches beside it, and what follows."""
    branches = () if vessels is None else vessels.of_kind("portal")
    if not branches:
        return duct
    middle = np.concatenate([b.path_lps_mm for b in branches])
    radius = np.concatenate([b.radii_mm for b in branches])
    away, which = cKDTree(middle).query(duct.path_lps_mm)
    beside = (away < BESIDE_MM + radius[which] + duct.calibres_mm / 2) & (radius[which] > 0)
    if not beside.any():
        return duct
    share = float(np.median(duct.calibres_mm[beside] / (2 * radius[which][beside])))
    wide = NormalDist(DILATED_SHARE, SHARE_ERROR).cdf(share)
    chance = max(duct.probability, wide * duct.certainty)
    state = State.PRESENT if chance >= 0.5 else State.ABSENT
    return replace(duct, portal_share=share, probability=chance, dilated=state)


def _is_cut(end: NDArray[np.float64], volume: Volume) -> bool:
    """Return whether a place lies at the scan's first or last slice."""
    k = float(volume.grid.to_index(end)[0])
    margin = CUT_MM / volume.spacing_mm[0]
    return not margin < k < volume.hu.shape[0] - 1 - margin


def _is_inward(
    path: NDArray[np.float64], calibres: NDArray[np.float64], hilum: NDArray[np.float64] | None
) -> bool:
    """Return whether a course runs toward the hilum: its end lies nearer to it, or is the wider one."""
    if hilum is not None:
        first, last = (float(np.linalg.norm(path[n] - hilum)) for n in (0, -1))
        if abs(first - last) > HILUM_ERROR_MM:
            return last < first
    third = max(len(calibres) // 3, 1)
    return float(calibres[-third:].mean()) > float(calibres[:third].mean())
