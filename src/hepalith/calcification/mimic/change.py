"""What becomes of a bright thing in another contrast phase: calcium stays, iodine in a vessel does not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.phases import PhaseImage
from hepalith.calcification.extent.aperture import Scene
from hepalith.calcification.mimic.vote import Vote
from hepalith.calcification.search.candidate import Candidate
from hepalith.geometry import Box
from hepalith.image.volume import AIR_HU

__all__ = ["Change", "changes_of", "judge_change"]

LEAST_AGREEMENT = 0.4
"""Agreement of edges below which a phase is laid too badly to compare single foci. Our judgement."""

SLIP_MM = 2.5
"""How far a focus may lie from where the laid phase has it: errors of laying phantoms over one another
are 0.4 mm in the median and 1.1 mm at 95 % (`tests/registration`, breath of 15 mm); patients are worse."""

RING_MM = (2.0, 6.0)
"""Distance from the focus of the liver that it is compared with."""

FEWEST_RING = 20
"""Fewest voxels of liver from which its level beside the focus is taken."""

BLUR_SHARE = 0.15
"""Standard error of an excess in another series, as a share: its slices, kernel and energy differ."""

LEVEL_HU = 12.0
"""Standard error of the level beside the focus, which enhancement makes uneven. Our judgement."""

FADES_TO, FADES_SD = 0.45, 0.25
"""Share of its excess that iodine in a vessel keeps from one enhanced phase to another, and its spread:
the aorta's excess falls from about 230 HU in the arterial to 50 in the portal phase, a portal vein's rises
and falls by less (see `hepalith.anatomy.phase`). Our judgement."""

MOST = {"none": 6.0, "enhanced": 3.0}
"""Most that one comparison weighs: against an unenhanced phase, and between two enhanced ones."""


@dataclass(frozen=True, slots=True)
class Change:
    """One focus in the image that is read and in another phase.

    Parameters
    ----------
    phase
        Label of the other phase.
    here_hu, there_hu
        Mean excess of its core over the liver beside it.
    error_hu
        Standard error of their difference.
    """

    phase: str
    here_hu: float
    there_hu: float
    error_hu: float


def changes_of(
    candidate: Candidate, scene: Scene, box: Box, others: Sequence[PhaseImage]
) -> tuple[Change, ...]:
    """Return what becomes of a candidate in each phase that is laid well enough to tell.

    Parameters
    ----------
    candidate, scene
        The bright body, and the crop it was found in.
    box
        Where that crop lies in the image.
    others
        Further phases on the grid of the image.
    """
    reach = [math.ceil((RING_MM[1] + SLIP_MM) / s) for s in scene.spacing_mm]
    near = candidate.box.grown(reach, scene.hu.shape)
    extent = np.zeros(near.shape, dtype=np.bool_)
    inner = tuple(
        slice(a - b, a - b + n)
        for a, b, n in zip(candidate.box.start, near.start, candidate.extent.shape, strict=True)
    )
    extent[inner] = candidate.extent
    hu = scene.hu[near.slices]
    away = ndimage.distance_transform_edt(~extent, sampling=scene.spacing_mm)
    free = (scene.owners[near.slices] == 0) & scene.liver[near.slices]
    ring = free & (away >= RING_MM[0]) & (away <= RING_MM[1])
    if np.count_nonzero(ring) < FEWEST_RING:
        return ()
    core = extent & (hu >= 0.5 * (float(hu[extent].max()) + float(np.median(hu[ring]))))
    focus = _Focus(hu, core, ring)
    crops = [(other, _crop_of(other, box, near)) for other in others if other.agreement >= LEAST_AGREEMENT]
    return tuple(
        _compare(focus, there, other.phase.label, scene) for other, there in crops if there is not None
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Focus:
    """HU about a focus, its core, and the liver beside it."""

    hu: NDArray[np.int16]
    core: NDArray[np.bool_]
    ring: NDArray[np.bool_]


def _crop_of(other: PhaseImage, box: Box, near: Box) -> NDArray[np.int16] | None:
    """Return another phase in the box `near` of the crop; None where it does not hold all of it."""
    start = [b + n - o for b, n, o in zip(box.start, near.start, other.box.start, strict=True)]
    stop = [a + n for a, n in zip(start, near.shape, strict=True)]
    if min(start) < 0 or any(b > n for b, n in zip(stop, other.hu.shape, strict=True)):
        return None
    part = other.hu[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    return None if (part <= AIR_HU).any() else part


def _compare(focus: _Focus, there: NDArray[np.int16], label: str, scene: Scene) -> Change:
    """Return the excess of a core in both images; in the other where, within `SLIP_MM`, it is brightest."""
    core, ring = focus.core, focus.ring
    excess = float(focus.hu[core].mean()) - float(np.median(focus.hu[ring]))
    steps = [range(-int(SLIP_MM // s), int(SLIP_MM // s) + 1) for s in scene.spacing_mm]
    places = np.argwhere(core)
    top = -np.inf
    for shift in itertools.product(*steps):
        at = places + shift
        if (at >= 0).all() and (at < there.shape).all():
            top = max(top, float(there[tuple(at.T)].mean()))
    kept = top - float(np.median(there[ring]))
    noise = scene.noise.sd_hu / math.sqrt(len(places))
    error = math.sqrt(2 * noise**2 + (BLUR_SHARE * excess) ** 2 + 2 * LEVEL_HU**2)
    return Change(label, excess, kept, error)


def judge_change(changes: Sequence[Change], phase: str) -> list[Vote]:
    """Return what the other phases say of whether a bright thing is contrast in a vessel.

    Parameters
    ----------
    changes
        From `changes_of`.
    phase
        Label of the phase that is read. In an unenhanced image nothing bright is contrast medium, so
        that the others add nothing.

    Notes
    -----
    Two explanations are compared: what stays as bright as it is, and what fades, to nothing without
    contrast medium, to some share of it in another enhanced phase.
    """
    votes = []
    for change in changes:
        if phase == "none" or change.phase in ("unknown", phase):
            continue
        plain = change.phase == "none"
        middle = 0.0 if plain else FADES_TO * change.here_hu
        spread = change.error_hu if plain else math.hypot(change.error_hu, FADES_SD * change.here_hu)
        stays = _log_density(change.there_hu, change.here_hu, change.error_hu)
        fades = _log_density(change.there_hu, middle, spread)
        most = MOST["none" if plain else "enhanced"]
        weight = max(-most, min(most, stays - fades))
        named = "without contrast medium" if plain else f"in the {change.phase} phase"
        said = f"{change.there_hu:.0f} HU above the liver {named}, {change.here_hu:.0f} here"
        if weight >= 0:
            votes.append(Vote("iodine_in_vessel", -weight, said))
            votes.append(Vote("calcification", 0.5 * weight, f"stays bright: {said}"))
        else:
            votes.append(Vote("iodine_in_vessel", -weight, f"fades: {said}"))
    return votes


def _log_density(value: float, middle: float, spread: float) -> float:
    """Return the logarithm of a normal density, but for a constant."""
    return -0.5 * ((value - middle) / spread) ** 2 - math.log(spread)
