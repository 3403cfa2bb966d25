"""What became of each true focus, and what each found body truly is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.evaluation.examination import Examination
from hepalith.evaluation.matching import Cluster, count_overlaps, link_foci, match_foci
from hepalith.geometry import Box
from hepalith.phantom import ORGANS, FocusTruth

__all__ = ["CUT", "NOTHING", "Call", "Scored", "mimic_name", "score_calls"]

REACH_MM = 3.0
"""How far beyond its own radius a true focus is still met by the centre of a found one, in mm; one slice
if that is more. A centre is known to about a voxel; a reader's mark would be allowed as much."""

NOTHING = "nothing"
"""What truly lies where nothing was put in."""

CUT = "cut"
"""What truly lies where a focus is cut by the image's end: a call there is neither right nor false."""

ORGAN_NAMES = {number: name for name, number in ORGANS.items()}
"""Names of the organ map's labels."""


@dataclass(frozen=True, slots=True)
class Call:
    """A body that somebody calls: its label in their map, its centre, whether it is called calcification."""

    id: int
    centre_lps_mm: tuple[float, float, float]
    positive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What became of everything.

    Parameters
    ----------
    clusters
        Positive calls and true foci that belong together, by position; every one is in one cluster.
    touching
        (call, true focus): whether they share voxels, for every call, positive or not.
    truly
        For each call, ``"calcification"``, the name of a mimic, or ``"nothing"``.
    mimics
        For each mimic, the position of the call that lies on it, or -1.
    organ
        For each call, the organ that most of its voxels lie in; ``""`` where nobody knows.
    """

    clusters: tuple[Cluster, ...]
    touching: NDArray[np.bool_]
    truly: tuple[str, ...]
    mimics: tuple[int, ...]
    organ: tuple[str, ...]


def score_calls(
    calls: Sequence[Call], box: Box, labels: NDArray[np.integer], examination: Examination
) -> Scored:
    """Match calls, whose label map fills `box`, with what truly lies in the examination.

    Notes
    -----
    A true focus is met by a call that shares a voxel with it or whose centre lies within `REACH_MM` of
    it, one to one; pieces and mergers are then joined (`link_foci`). A call outside every cluster with a
    true focus is false, also where it lies on a mimic.
    """
    founds = max((c.id for c in calls), default=0)
    slice_mm = examination.volume.spacing_mm[0]
    rows = np.array([c.id - 1 for c in calls], dtype=np.int64)

    def shared(truths: Sequence[FocusTruth], name: NDArray[np.int32]) -> NDArray[np.int64]:
        within = name[box.slices]
        most = max([int(within.max(initial=0)), *(t.id for t in truths)])
        table = count_overlaps(labels, within, founds, most)
        return table[np.ix_(rows, np.array([t.id - 1 for t in truths], dtype=np.int64))]

    truths, mimics = examination.truths, examination.mimics
    touching = shared(truths, examination.foci_map) > 0
    positive = [n for n, call in enumerate(calls) if call.positive]
    overlaps = touching[positive].reshape(len(positive), len(truths))
    matching = match_foci(
        [calls[n].centre_lps_mm for n in positive], [t.centre_lps_mm for t in truths],
        [_reach(t, slice_mm) for t in truths], overlaps,
    )  # fmt: skip
    clusters = tuple(
        Cluster(tuple(positive[f] for f in cluster.found), cluster.truth)
        for cluster in link_foci(matching, overlaps)
    )
    truly = [NOTHING] * len(calls)
    met = [-1] * len(mimics)
    on_cut = shared(examination.cut, examination.foci_map) > 0
    on_mimic = shared(mimics, examination.mimics_map)
    for n, call in enumerate(calls):
        which = _mimic_under(call, on_mimic[n], mimics, slice_mm)
        if which >= 0:
            truly[n] = mimic_name(mimics[which])
            if met[which] < 0 or on_mimic[n, which] > on_mimic[met[which], which]:
                met[which] = n
        if on_cut[n].any():
            truly[n] = CUT
        if touching[n].any():
            truly[n] = "calcification"
    for cluster in clusters:
        for n in cluster.found if cluster.truth else ():
            truly[n] = "calcification"
    return Scored(
        clusters, touching, tuple(truly), tuple(met), _organs_under(calls, box, labels, examination)
    )


def mimic_name(mimic: FocusTruth) -> str:
    """Return what a mimic is, in the contract's words."""
    return mimic.kind if mimic.label == "calcification" else mimic.label


def _reach(truth: FocusTruth, slice_mm: float) -> float:
    """Return how far from a true focus a found centre may lie."""
    return truth.diameter_mm / 2 + max(REACH_MM, slice_mm)


def _mimic_under(call: Call, voxels: NDArray[np.int64], mimics: Sequence[FocusTruth], slice_mm: float) -> int:
    """Return the mimic that a call lies on: most voxels shared, else the nearest within reach; -1 if none."""
    if voxels.size and voxels.max() > 0:
        return int(voxels.argmax())
    apart = [float(np.linalg.norm(np.subtract(call.centre_lps_mm, m.centre_lps_mm))) for m in mimics]
    near = [n for n, (a, m) in enumerate(zip(apart, mimics, strict=True)) if a <= _reach(m, slice_mm)]
    return min(near, key=lambda n: apart[n]) if near else -1


def _organs_under(
    calls: Sequence[Call], box: Box, labels: NDArray[np.integer], examination: Examination
) -> tuple[str, ...]:
    """Return the organ that most voxels of each call lie in."""
    if examination.organs is None:
        return ("",) * len(calls)
    at = np.nonzero(labels)
    owners, organs = labels[at], examination.organs[box.slices][at]
    count = np.zeros((int(labels.max(initial=0)) + 1, 256), np.int64)
    np.add.at(count, (owners, organs), 1)
    return tuple(ORGAN_NAMES.get(int(count[c.id].argmax()), "none") for c in calls)
