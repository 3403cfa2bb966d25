"""What lies about the liver and misleads: metal, bone, enhanced blood."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import Phase
from hepalith.anatomy.organs import Organs
from hepalith.calcification.search.background import Surroundings, blood_level
from hepalith.calcification.search.candidate import METAL_HU
from hepalith.geometry import Box

__all__ = ["Bodies", "Context", "bodies_above", "lies_at_hilum", "look_about"]

MOST_SAMPLES = 20_000
"""Most voxels of metal or bone that distances are measured to; thinner sampling adds less than a
voxel to a distance."""

METAL_SHARE = 0.02
"""Least share of a dense body that reaches metal's HU for it to be metal: a rib with one clipped voxel
is a rib."""

JOIN_MM = 1.5
"""Size of the cells in which dense bodies are joined: below the cortex of a rib, and a thin-slice CT is
labelled eight times faster. Voxels wider than this are labelled one by one."""

BONE_EXCESS_HU = 150.0
"""How far bone stands above the brightest soft tissue. Cortex exceeds 300 HU but for partial volume."""

BONE_MM3 = 600.0
"""Least volume within the crop of a body that is bone: 1 cm of a rib. Larger bodies that lie mostly
in the liver are calcifications."""

BONE_INSIDE = 0.3
"""Largest share of a bone that a liver mask takes in by mistake."""

BONE_SEEN = 0.2
"""Least mean probability of bone, as the network sees it, of a body that is bone: it looks at 6 mm, so that a
rib's own voxels show it by half or more, calcium of an artery or a stent not at all. Our judgement."""

HILUM_SHARE = 0.6
"""Least share of a body with liver in front and to the right for which the network is asked: elsewhere a
large dense body beside the liver is bone, whatever the network says."""

ENHANCED = {"none": 0.0, "unknown": 0.5, "arterial": 1.0, "portal": 1.0, "delayed": 1.0}
"""Probability of contrast agent under each label of the phase."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the judges need besides one focus.

    Parameters
    ----------
    metal, bone
        Voxels of metal and of bone in the crop, shape (n, 3), evenly thinned.
    bone_seen
        Those of the bones that the network sees as bone, too; of all where it was not asked.
    blood_hu
        The most that blood reaches in this scan.
    enhanced
        Probability that contrast agent was given.
    """

    metal: NDArray[np.float64]
    bone: NDArray[np.float64]
    bone_seen: NDArray[np.float64]
    blood_hu: float
    enhanced: float


def look_about(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    around: Surroundings,
    phase: Phase,
    *,
    organs: Organs | None = None,
    box: Box | None = None,
) -> Context:
    """Return the metal, bone and blood of a crop about the liver.

    Parameters
    ----------
    hu, liver
        HU and mask of the crop.
    spacing_mm
        Voxel spacing.
    around
        The liver's background.
    phase
        Contrast phase.
    organs, box
        What the network saw, and where the crop lies in the image; without them, size and place tell bone.
    """
    given = ENHANCED.get(phase.label, 0.5)
    soft_hu = around.liver_hu + around.vessel_excess_hu
    return Context(
        _metal(hu, liver, spacing_mm),
        *_bone(hu, liver, soft_hu, spacing_mm, _bone_seen(organs, box)),
        blood_level(around, phase),
        phase.probability * given + (1 - phase.probability) * 0.5,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """Voxels above a level, the body each belongs to, and what is counted of every body.

    `places` are flat indices into the crop; `body` counts from 1.
    """

    places: NDArray[np.intp]
    body: NDArray[np.integer]
    size: NDArray[np.intp]
    inside: NDArray[np.intp]
    dense: NDArray[np.intp]

    def chosen(self, keep: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the voxels of the bodies to keep, evenly thinned where there are many."""
        places = self.places[keep[self.body]]
        places = places[:: max(1, len(places) // MOST_SAMPLES)]
        return np.stack(np.unravel_index(places, shape), axis=1).astype(np.float64)


def bodies_above(
    hu: NDArray[np.int16], liver: NDArray[np.bool_], level: int, spacing_mm: tuple[float, float, float]
) -> Bodies:
    """Return the bodies above a level; voxels less than `JOIN_MM` apart are joined.

    Only voxels above the level are looked at, and only cells of `JOIN_MM` are labelled.
    """
    places = np.flatnonzero(hu > level)
    step = [max(1, round(JOIN_MM / s)) for s in spacing_mm]
    where = np.unravel_index(places, hu.shape)
    cell = tuple(w // n for w, n in zip(where, step, strict=True))
    cells = np.zeros([-(-n // m) for n, m in zip(hu.shape, step, strict=True)], np.bool_)
    cells[cell] = True
    labels, count = cc3d.connected_components(cells, connectivity=26, return_N=True)
    body = labels[cell]
    return Bodies(
        places,
        body,
        np.bincount(body, minlength=count + 1),
        np.bincount(body[liver[where]], minlength=count + 1),
        np.bincount(body[hu[where] >= METAL_HU], minlength=count + 1),
    )


def _metal(
    hu: NDArray[np.int16], liver: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return bodies of metal: where it reaches `METAL_HU`, and what blooms about that."""
    if int(hu.max()) < METAL_HU:
        return np.zeros((0, 3))
    bodies = bodies_above(hu, liver, METAL_HU // 2, spacing_mm)
    return bodies.chosen(bodies.dense >= np.maximum(1, METAL_SHARE * bodies.size), hu.shape)


def _bone(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    soft_hu: float,
    spacing_mm: tuple[float, float, float],
    seen: _BoneSeen | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return dense bodies of some size that lie mostly outside the liver: ribs and spine.

    And those of them that the network sees as bone: all where it was not asked.
    """
    bodies = bodies_above(hu, liver, int(soft_hu + BONE_EXCESS_HU), spacing_mm)
    large = bodies.size * float(np.prod(spacing_mm)) >= BONE_MM3
    outer = bodies.inside < BONE_INSIDE * bodies.size
    chosen = large & outer & (bodies.dense <= METAL_SHARE * bodies.size)
    sure = chosen
    if seen is not None:
        sure = chosen & (seen.of(bodies, hu.shape) >= BONE_SEEN)
        chosen = sure | (chosen & (_share_at_hilum(bodies, liver) < HILUM_SHARE))
    return bodies.chosen(chosen, hu.shape), bodies.chosen(sure, hu.shape)


def lies_at_hilum(places: NDArray[np.intp], liver: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of some voxels, shape (n, 3), have liver both in front of them and to their right.

    So lie the hilum and all that runs there; ribs, cartilage and spine's processes do not.
    """
    held = np.zeros(len(places), np.bool_)
    order = np.argsort(places[:, 0], kind="stable")
    planes, first = np.unique(places[order, 0], return_index=True)
    for plane, here in zip(planes, np.split(order, first[1:]), strict=False):  # of no places one empty part
        mask = liver[plane]
        right = np.where(mask.any(axis=1), mask.argmax(axis=1), mask.shape[1])
        front = np.where(mask.any(axis=0), mask.argmax(axis=0), mask.shape[0])
        _, j, i = places[here].T
        held[here] = (right[j] < i) & (front[i] < j)
    return held


def _share_at_hilum(bodies: Bodies, liver: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of each body that lies at the hilum."""
    where = np.stack(np.unravel_index(bodies.places, liver.shape), axis=1)
    count = np.bincount(bodies.body, lies_at_hilum(where, liver), minlength=len(bodies.size))
    return np.asarray(count / np.maximum(bodies.size, 1))


@dataclass(frozen=True, slots=True, eq=False)
class _BoneSeen:
    """Where the network sees bone, and where the crop lies in the image."""

    organs: Organs
    box: Box

    def of(self, bodies: Bodies, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the mean probability of bone over each body."""
        thin = max(1, len(bodies.places) // (10 * MOST_SAMPLES))
        where = np.stack(np.unravel_index(bodies.places[::thin], shape), axis=1) + np.asarray(self.box.start)
        coarse = self.organs.coarse
        at = np.rint((where - coarse.first) / coarse.step).astype(np.intp)
        at = np.clip(at, 0, np.asarray(coarse.hu.shape) - 1)
        body = bodies.body[::thin]
        count = np.bincount(body, minlength=len(bodies.size))
        total = np.bincount(body, self.organs.of("bone")[tuple(at.T)], minlength=len(bodies.size))
        return np.asarray(total / np.maximum(count, 1))


def _bone_seen(organs: Organs | None, box: Box | None) -> _BoneSeen | None:
    return None if organs is None or box is None else _BoneSeen(organs, box)
