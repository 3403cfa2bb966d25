"""Hits: places where the evidence exceeds what chance explains, and how far each goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.search.evidence import Evidence
from hepalith.geometry import Box

__all__ = ["Hit", "find_hits"]

BODY_SHARE = 0.5
"""Share of a hit's evidence down to which its body extends: the blurred edge stands at half."""

PATH_SHARE = 0.3
"""Share of a hit's evidence at which it goes on where it is part of something longer. A vessel keeps most of
its evidence along its way; at this share a branch a third as bright still counts. Our judgement."""

PATH_LEAST = 3.0
"""… but not below this many deviations, where noise begins to join what is separate."""

PATH_MM = 8.0
"""How far beyond the sphere's own radius a hit is followed: a vessel goes on for longer than this, a focus
that has been resolved into a sphere does not."""

FACE_MM = 6.0
"""Distance from the first and last slice below which nothing can be shown to end."""

MOST_HITS = 4000
"""Most maxima that are looked at, strongest first: a scan with more is streaked beyond reading."""


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A place that stands out.

    Parameters
    ----------
    place
        Voxel of the crop at which the evidence is greatest.
    size
        Which size of the bank stands out most.
    value
        Its evidence, in deviations of the liver's.
    scaled
        That over the local scale.
    box, body
        Where it extends, and its voxels there.
    goes_on
        Whether it is part of something that goes on beyond `PATH_MM`.
    peak_hu
        By how many HU the brightest voxel of such a sphere would stand out.
    contrast_hu
        By how many HU such a sphere itself would.
    """

    place: tuple[int, int, int]
    size: int
    value: float
    scaled: float
    box: Box
    body: NDArray[np.bool_]
    goes_on: bool
    peak_hu: float
    contrast_hu: float


def find_hits(evidence: Evidence, spacing_mm: tuple[float, float, float]) -> list[Hit]:
    """Return the hits, strongest first; one for every connected body of evidence.

    Parameters
    ----------
    evidence
        Of the crop.
    spacing_mm
        Voxel spacing.
    """
    shape = evidence.shape
    places, values, sizes, scales = _maxima(evidence)
    taken = np.zeros(shape, np.bool_)
    hits = []
    for place, value, size, scale in zip(places[:MOST_HITS], values, sizes, scales, strict=False):
        k, j, i = (int(n) for n in place)
        if taken[k, j, i]:
            continue
        box = _about((k, j, i), PATH_MM + evidence.bank.diameter_mm[size], spacing_mm, shape)
        around = evidence.outputs[size].within(box)
        seed = (k - box.start[0], j - box.start[1], i - box.start[2])
        around[seed] = max(value, around[seed])  # the voxel may lie beside the middle of its sample
        body = _connected(around >= BODY_SHARE * value, seed)
        taken[box.slices] |= body
        path = _connected(around >= max(PATH_SHARE * value, PATH_LEAST * scale), seed)
        reach = PATH_MM + 0.5 * evidence.bank.diameter_mm[size]
        inner = Box.around(body)
        start = [a + b for a, b in zip(box.start, inner.start, strict=True)]
        stop = [a + b for a, b in zip(box.start, inner.stop, strict=True)]
        hits.append(
            Hit(
                (k, j, i),
                int(size),
                float(value),
                float(value / scale),
                Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])),
                np.ascontiguousarray(body[inner.slices]),
                _near_face(k, shape[0], spacing_mm[0]) or _goes_on(path, seed, spacing_mm, reach),
                float(value) * evidence.peak_hu(int(size)),
                float(value) * evidence.peak_hu(int(size)) / evidence.bank.recovery[int(size)],
            )
        )
    return hits


def _maxima(
    evidence: Evidence,
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp], NDArray[np.float32]]:
    """Return the local maxima over places and sizes that exceed the threshold, greatest first."""
    shape = evidence.shape
    least = evidence.threshold * float(evidence.scale.min())
    place = np.concatenate([output.voxels_above(least) for output in evidence.outputs])
    place = np.minimum(place, np.array(shape) - 1)
    flat = np.unique(np.ravel_multi_index(tuple(place.T), shape))
    place = np.stack(np.unravel_index(flat, shape), axis=1)
    cell = tuple((place // evidence.cells).T)
    values, sizes = evidence.best_at(place)
    scale = evidence.scale[cell]
    keep = evidence.region.within[cell] & (values > evidence.threshold * scale)
    place, values, sizes, scale = place[keep], values[keep], sizes[keep], scale[keep]
    top = np.ones(len(place), np.bool_)
    stride = np.array([output.stride for output in evidence.outputs])[sizes]
    for step in np.ndindex(3, 3, 3):
        beside = np.clip(place + (np.array(step) - 1) * stride, 0, np.array(shape) - 1)
        top &= evidence.best_at(beside)[0] <= values
    place, values, sizes, scale, stride = place[top], values[top], sizes[top], scale[top], stride[top]
    place = np.minimum(place // stride * stride + stride // 2, np.array(shape) - 1)
    order = np.lexsort((np.ravel_multi_index(tuple(place.T), shape), -values))
    return place[order], values[order], sizes[order], scale[order]


def _about(
    place: tuple[int, int, int],
    reach_mm: float,
    spacing_mm: tuple[float, float, float],
    shape: tuple[int, ...],
) -> Box:
    """Return the box within a distance of a voxel."""
    k, j, i = place
    margin = [math.ceil(reach_mm / s) + 1 for s in spacing_mm]
    return Box((k, j, i), (k + 1, j + 1, i + 1)).grown(margin, shape)


def _connected(marked: NDArray[np.bool_], seed: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return the connected part that holds a voxel."""
    labels = cc3d.connected_components(marked, connectivity=26)
    return np.asarray(labels == labels[seed]) if labels[seed] else np.asarray(marked & False)


def _near_face(k: int, slices: int, step_mm: float) -> bool:
    """Return whether a slice lies so near the image's end that nothing in it can be shown to end."""
    return min(k, slices - 1 - k) * step_mm < FACE_MM


def _goes_on(
    path: NDArray[np.bool_],
    seed: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    reach_mm: float,
) -> bool:
    """Return whether a path leaves the neighbourhood of its seed."""
    voxels = np.argwhere(path)
    if len(voxels) == 0:
        return False
    apart = (voxels - np.array(seed)) * np.array(spacing_mm)
    return float(np.sqrt((apart**2).sum(axis=1)).max()) > reach_mm
