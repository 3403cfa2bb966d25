"""The course of a tube: its middle line with side branches, and its calibre along them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

__all__ = ["Course", "trace_course"]

MOST_BRANCHES = 16
"""Side branches that are followed; a system with more is a tree whatever their number."""

LEAST_BRANCH_MM = 6.0
"""Side branches stand out at least so far beyond the wall of the tube they leave. Our judgement."""

SMOOTH_MM = 5.0
"""Length over which a course and its calibre are averaged: about the calibre of the ducts looked for."""

CENTRE_POWER = 2.0
"""How strongly a course keeps to the middle of its tube: the cost of a step falls with this power of the
depth."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The middle line of a connected tube.

    Parameters
    ----------
    path
        float64, shape (n, 3): the longest course, in map indices.
    areas_mm2
        float64, shape (n,): cross-section at each point, by integrated darkening.
    branches, branch_areas_mm2
        The courses of side branches, in map indices, from the main course outward, and their cross-sections.
    length_mm, total_mm
        Of the longest course; of it and all branches.
    """

    path: NDArray[np.float64]
    areas_mm2: NDArray[np.float64]
    branches: tuple[NDArray[np.float64], ...]
    branch_areas_mm2: tuple[NDArray[np.float64], ...]
    length_mm: float
    total_mm: float

    @property
    def calibres_mm(self) -> NDArray[np.float64]:
        """Diameter of the circle that has the cross-section at each point."""
        return _calibres(self.areas_mm2)

    @property
    def branch_calibres_mm(self) -> tuple[NDArray[np.float64], ...]:
        """The same for each side branch."""
        return tuple(_calibres(a) for a in self.branch_areas_mm2)


def _calibres(areas_mm2: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2.0 * np.sqrt(areas_mm2 / np.pi))


def trace_course(
    inside: NDArray[np.bool_],
    share: NDArray[np.float32],
    spacing: tuple[float, float, float],
    root: NDArray[np.float64] | None = None,
) -> Course:
    """Return the course of one connected tube.

    Parameters
    ----------
    inside
        bool, shape (k, j, i): the tube.
    share
        float32, same shape: how much of each voxel is the tube's lumen, also around `inside`, where the
        scanner's blur has carried part of it.
    spacing
        Voxel spacing along (k, j, i), in mm.
    root
        Where the tree that the tube belongs to begins, as an index; the course then starts at what lies
        nearest to it. None: at either of the two ends farthest apart.

    Notes
    -----
    The longest course is the cheapest path to the farthest end, a step costing less the deeper it lies;
    branches are then added one after another from the farthest point that lies beyond the wall (Sato et al.,
    TEASAR, 2000). The cross-section at a point is the integral of `share` over all that is nearer to it than
    to any other point, divided by the length it stands for: so that a tube narrower than a voxel or than the
    blur keeps its true area.
    """
    places = np.argwhere(inside)
    depth = edt.edt(np.pad(inside, 1), anisotropy=spacing)[1:-1, 1:-1, 1:-1][inside].astype(np.float64)
    plain, centred = _graphs(places, inside.shape, depth, spacing)
    if root is None:
        far = dijkstra(plain, indices=int(depth.argmax()))
        start = int(np.where(np.isfinite(far), far, -1).argmax())
    else:
        start = int(np.linalg.norm((places - root) * spacing, axis=1).argmin())
    reach = dijkstra(plain, indices=start)
    stop = int(np.where(np.isfinite(reach), reach, -1).argmax())
    _, before = dijkstra(centred, indices=start, return_predecessors=True)
    chains = [_walk(before, stop)]
    for _ in range(MOST_BRANCHES):
        on = np.concatenate(chains)
        distance, _, source = dijkstra(plain, indices=on, min_only=True, return_predecessors=True)
        beyond = np.where(np.isfinite(distance), distance - 1.5 * depth[np.maximum(source, 0)], -1)
        tip = int(beyond.argmax())
        if beyond[tip] < LEAST_BRANCH_MM:
            break
        _, before, _ = dijkstra(centred, indices=on, min_only=True, return_predecessors=True)
        chains.append(_walk(before, tip))
    scale = np.asarray(spacing)
    paths = [_smooth(places[c].astype(np.float64), scale) for c in chains]
    areas = _areas(paths, inside, share, scale)
    lengths = [_length(p, scale) for p in paths]
    return Course(paths[0], areas[0], tuple(paths[1:]), tuple(areas[1:]), lengths[0], float(sum(lengths)))


def _graphs(
    places: NDArray[np.intp],
    shape: tuple[int, ...],
    depth: NDArray[np.float64],
    spacing: tuple[float, float, float],
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return the graphs of neighbouring voxels: by distance, and by distance over depth."""
    number = np.full([n + 2 for n in shape], -1, dtype=np.int64)
    number[tuple((places + 1).T)] = np.arange(len(places))
    heads, tails, lengths = [], [], []
    for step in product((-1, 0, 1), repeat=3):
        if step <= (0, 0, 0):
            continue
        other = number[tuple((places + 1 + np.array(step)).T)]
        (here,) = np.nonzero(other >= 0)
        heads.append(here)
        tails.append(other[here])
        lengths.append(np.full(len(here), float(np.linalg.norm(np.array(step) * spacing))))
    head, tail, length = np.concatenate(heads), np.concatenate(tails), np.concatenate(lengths)
    cost = length / (0.5 * (depth[head] + depth[tail])) ** CENTRE_POWER
    size = (len(places), len(places))
    pairs = (np.concatenate([head, tail]), np.concatenate([tail, head]))
    return (
        sparse.csr_array((np.tile(length, 2), pairs), shape=size),
        sparse.csr_array((np.tile(cost, 2), pairs), shape=size),
    )


def _walk(before: NDArray[np.int32], stop: int) -> NDArray[np.intp]:
    """Return the chain of nodes that leads to `stop`, from its source."""
    chain = [stop]
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return np.array(chain[::-1], dtype=np.intp)


def _length(path: NDArray[np.float64], scale: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.diff(path * scale, axis=0), axis=1).sum())


def _smooth(path: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a course without the steps of the grid."""
    if len(path) < 3:
        return path
    step = max(_length(path, scale) / (len(path) - 1), 1e-6)
    sigma = 0.5 * SMOOTH_MM / step
    ends = path[[0, -1]].copy()
    smooth: NDArray[np.float64] = np.asarray(ndimage.gaussian_filter1d(path, sigma, axis=0, mode="nearest"))
    smooth[[0, -1]] = ends
    return smooth


def _areas(
    paths: list[NDArray[np.float64]],
    inside: NDArray[np.bool_],
    share: NDArray[np.float32],
    scale: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """Return the cross-section at each point of each path."""
    around = ndimage.binary_dilation(inside, np.ones((3, 3, 3), bool))
    voxels = np.argwhere(around)
    amount = np.clip(share[around].astype(np.float64), -0.5, 1.3) * float(np.prod(scale))
    points = np.concatenate(paths) * scale
    nearest = cKDTree(points).query(voxels * scale)[1]
    held = np.bincount(nearest, weights=amount, minlength=len(points))
    found, first = [], 0
    for path in paths:
        own = held[first : first + len(path)]
        first += len(path)
        gaps = np.linalg.norm(np.diff(path * scale, axis=0), axis=1) if len(path) > 1 else np.ones(1)
        ends = np.concatenate([[gaps[0] / 2], gaps / 2]) + np.concatenate([gaps / 2, [gaps[-1] / 2]])
        sigma = SMOOTH_MM / 2 / max(float(gaps.mean()), 1e-6)
        top = ndimage.gaussian_filter1d(own, sigma, mode="constant")
        bottom = ndimage.gaussian_filter1d(ends[: len(own)], sigma, mode="constant")
        found.append(np.maximum(np.asarray(top / np.maximum(bottom, 1e-6)), 0.0))
    return found
