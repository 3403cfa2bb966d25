"""Intrahepatic bile ducts, as far as this scan shows them: dark tubes, their course and their calibre.

A normal intrahepatic duct measures 1 to 2 mm and is seen, if at all, as a dark line beside an enhanced portal
branch. A dilated duct is a branching tube of fluid. What is narrower than the scan resolves is not seen,
and is then never called absent: `Ducts.smallest` says how wide a duct must be to show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ducts_bile import BILE_HU, BILE_SD_HU, BileMap, map_bile
from hepalith.anatomy.ducts_path import trace_course
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels import Vessels
from hepalith.geometry import Box
from hepalith.image.volume import Volume
from hepalith.vocabulary import Assessed, Measurement, NotAssessable, State

__all__ = ["Duct", "Ducts", "find_ducts", "no_ducts"]


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
    branches_lps_mm
        The courses of its side branches.
    length_mm
        Of the longest course.
    portal_share
        Calibre over that of the portal branch beside it; None where no portal branch is seen there.
    holds_gas
        Whether gas lies in it.
    segment
        Couinaud segment that holds most of it; empty where segments are not known.
    """

    id: int
    path_lps_mm: NDArray[np.float64]
    calibres_mm: NDArray[np.float64]
    calibre: Measurement
    dilated: State
    probability: float
    branches_lps_mm: tuple[NDArray[np.float64], ...] = ()
    length_mm: float = 0.0
    portal_share: float | None = None
    holds_gas: bool = False
    segment: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Ducts:
    """The bile ducts that are seen, and what would have been seen.

    Parameters
    ----------
    box
        Where `labels` lies in the image.
    labels
        int32, shape of `box`: id of the duct, 0 elsewhere.
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
    """

    box: Box
    labels: NDArray[np.int32]
    ducts: tuple[Duct, ...]
    seen: bool
    reason: str
    smallest: Assessed
    bile_hu: float = 10.0
    parenchyma_hu: float = 55.0

    @property
    def dilated(self) -> tuple[Duct, ...]:
        """The ducts that are dilated."""
        return tuple(d for d in self.ducts if d.dilated is State.PRESENT)


CORE_SHARE, REACH_SHARE = 0.55, 0.38
"""Darkening toward bile that a duct has somewhere, and everywhere. Unenhanced blood, halfway and less
between parenchyma and bile (40 against 55 and 8 HU: 0.3), has neither. Our judgement."""

ENHANCED = ("portal", "delayed")
"""Phases in which all blood is brighter than the liver; in the others hepatic veins are dark tubes too."""

BLOOD_HU = 40.0
"""Unenhanced blood: 35 to 45 HU (grade K)."""

CORE_NOISE, REACH_NOISE = 4.5, 2.0
"""The same in multiples of the noise of the smoothed map."""

BLUR_MM = 0.8
"""Standard deviation of the blur that quietens the map; a third of a dilated duct's calibre."""

LEAST_CONTRAST_HU = 15.0
"""Parenchyma less bile below which a duct is not told from its surroundings: a fatty liver. Our judgement."""

LEAST_HELD = 0.7
"""Share of a duct's surroundings that is plain parenchyma; a fissure or the liver's margin has half."""

LEAST_LENGTH_MM = 12.0
"""Least length of a duct; what is shorter may be a cyst, a vessel's cross-section or noise. Our judgement."""

LEAST_SLENDERNESS = 2.5
"""Least length over calibre: below, the thing is round. Our judgement."""

MOST_CALIBRE_MM = 18.0
"""Widest duct: the widest dilated intrahepatic ducts reach 15 to 20 mm; beyond is a cyst. Our judgement."""

DILATED_MM, DILATED_SHARE = 2.0, 0.40
"""A duct is dilated above this calibre, or above this share of the portal branch beside it (issue 4)."""


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
    bile = map_bile(volume, liver)
    if bile.contrast_hu < LEAST_CONTRAST_HU:
        return no_ducts(
            liver, "the liver is about as dark as bile, as a fatty one is: ducts do not stand out"
        )
    return _seen_in(bile, volume, liver, phase)


def no_ducts(liver: Liver, reason: str) -> Ducts:
    """Return that no duct was seen, and why none could be."""
    return Ducts(
        liver.box, np.zeros(liver.box.shape, dtype=np.int32), (), seen=False, reason=reason,
        smallest=NotAssessable(reason),
    )  # fmt: skip


def _seen_in(bile: BileMap, volume: Volume, liver: Liver, phase: Phase) -> Ducts:
    share = ndimage.gaussian_filter(bile.share, [BLUR_MM / s for s in bile.spacing_mm], mode="nearest")
    noise = _noise_of(share, bile.inside)
    core_share, reach_share = _thresholds(bile, phase)
    core = bile.inside & (share > max(core_share, CORE_NOISE * noise))
    reach = (bile.inside & (share > max(reach_share, REACH_NOISE * noise))) | bile.bright
    labels, count = cc3d.connected_components(reach, connectivity=18, return_N=True)
    found = []
    hit = np.bincount(labels[core], minlength=count + 1)
    boxes = ndimage.find_objects(labels)
    for label in np.flatnonzero(hit[1:] >= 2) + 1:
        where = tuple(
            slice(max(s.start - 2, 0), min(s.stop + 2, n))
            for s, n in zip(boxes[label - 1], labels.shape, strict=True)
        )
        if not _is_within(labels[where] == label, where, bile, share):
            continue
        duct = _as_duct(labels[where] == label, where, bile, volume)
        if duct is not None:
            found.append((duct, where, labels[where] == label))
    found.sort(key=lambda f: -f[0].calibre.value)
    marked = np.zeros(labels.shape, dtype=np.int32)
    for number, (_, where, inside) in enumerate(found, start=1):
        marked[where][inside] = number
    ducts = tuple(replace(f[0], id=n) for n, f in enumerate(found, start=1))
    whole = np.zeros(liver.box.shape, dtype=np.int32)
    if ducts:
        for axis, factor in enumerate(bile.factors):
            marked = marked.repeat(factor, axis)
        whole[tuple(slice(0, n) for n in marked.shape)] = marked
    smallest = float(np.clip(2.0 * np.sqrt(4.0 * noise) * float(np.mean(bile.spacing_mm)), 1.0, 30.0))
    reason = "" if ducts else "no dark tube is seen"
    return Ducts(
        liver.box, whole, ducts, bool(ducts), reason, Measurement(smallest, "mm"), BILE_HU,
        BILE_HU + bile.contrast_hu,
    )  # fmt: skip


def _thresholds(bile: BileMap, phase: Phase) -> tuple[float, float]:
    """Return how dark a duct must be somewhere, and everywhere: darker than unenhanced blood where there is any."""
    if phase.label in ENHANCED:
        return CORE_SHARE, REACH_SHARE
    blood = (BILE_HU + bile.contrast_hu - BLOOD_HU) / bile.contrast_hu
    return max(CORE_SHARE, 0.5 + 0.5 * blood), max(REACH_SHARE, blood + 0.1)


def _noise_of(share: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    values = share[inside]
    if values.size == 0:
        return 1.0
    return max(1.4826 * float(np.median(np.abs(values - np.median(values)))), 0.01)


def _is_within(
    inside: NDArray[np.bool_], where: tuple[slice, ...], bile: BileMap, share: NDArray[np.float32]
) -> bool:
    """Return whether a dark body is held by parenchyma all around, and no margin of the liver."""
    grown = ndimage.binary_dilation(inside, iterations=2)
    shell = grown & ~inside
    held = shell & bile.inside[where] & (share[where] < REACH_SHARE)
    return int(held.sum()) >= LEAST_HELD * int(shell.sum())


def _as_duct(
    inside: NDArray[np.bool_], where: tuple[slice, ...], bile: BileMap, volume: Volume
) -> Duct | None:
    """Return a dark body as a duct; None where its form is not that of one."""
    share = np.where(bile.bright[where], 1.0, bile.share[where]).astype(np.float32)
    course = trace_course(inside, share, bile.spacing_mm)
    calibres = 2.0 * np.sqrt(course.areas_mm2 / np.pi)
    wide = float(np.median(np.sort(calibres)[len(calibres) // 2 :]))
    if course.length_mm < LEAST_LENGTH_MM or wide > MOST_CALIBRE_MM:
        return None
    if course.total_mm < LEAST_SLENDERNESS * wide:
        return None
    shift = np.array([s.start for s in where])
    paths = [volume.grid.to_lps(bile.to_index(p + shift)) for p in (course.path, *course.branches)]
    error = wide * 0.5 * BILE_SD_HU / bile.contrast_hu + 0.4
    calibre = Measurement(wide, "mm", max(wide - 2 * error, 0.0), wide + 2 * error)
    chance = NormalDist(wide, error).cdf(DILATED_MM)
    return Duct(
        0, paths[0], calibres, calibre, State.PRESENT if chance < 0.5 else State.ABSENT, 1.0 - chance,
        tuple(paths[1:]), course.length_mm,
    )  # fmt: skip
