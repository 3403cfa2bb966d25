"""How a drawn-out body runs: its length, its arms, how evenly it is filled, how dense and how wide it is.

A cast of a vessel or a duct is a tube with arms, filled evenly; calcium is lumpy. Both are thinner than the
blur as often as not, so that density is not read off but follows from what the body holds per millimetre
of its length and from how bright its middle line is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from hepalith.image.noise import Blur

__all__ = ["NO_CAST", "Cast", "follow_cast", "rod_of"]

FEWEST_POINTS = 6
"""Voxels below which a body has no course."""

MOST_POINTS = 2500
"""Voxels that are followed; of larger bodies every second along each axis, until no more are left."""

MOST_ARMS = 12
"""Most arms that are followed: more change nothing in what is said."""

LEAST_ARM_MM, ARM_WIDTHS = 4.0, 1.5
"""Least length of an arm, in mm and in widths of the body: shorter ones are bumps. Our judgement."""

WIDTHS_MM = np.geomspace(0.4, 16.0, 160)
"""Widths among which that of a rod is looked for."""

STEPS = tuple((k, j, i) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1) if (k, j, i) > (0, 0, 0))
"""Half of the 26 neighbours: each pair once."""


@dataclass(frozen=True, slots=True)
class Cast:
    """How a body runs.

    Parameters
    ----------
    length_mm, longest_mm
        Of all its arms together, and of its longest way.
    arms
        Ways it is made of; 1 for an unbranched one.
    unevenness
        Spread of the brightness along its middle line, over its mean.
    ridge_hu
        Median excess along its middle line.
    contrast_hu, width_mm
        Of the even rod of this length that would look like it.
    """

    length_mm: float
    longest_mm: float
    arms: int
    unevenness: float
    ridge_hu: float
    contrast_hu: float
    width_mm: float

    @property
    def slender(self) -> float:
        """Length in widths."""
        return self.length_mm / max(self.width_mm, 0.5)


NO_CAST = Cast(0.0, 0.0, 1, 0.0, 0.0, 0.0, 0.0)
"""Of a body too small to have a course."""


def follow_cast(
    extent: NDArray[np.bool_],
    excess: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    blur: Blur,
    *,
    total_hu_mm3: float,
    width_mm: float,
) -> Cast:
    """Return the course of a body.

    Parameters
    ----------
    extent, excess
        The body above half contrast, and HU above the background.
    spacing_mm
        Voxel spacing.
    blur
        Of the scan.
    total_hu_mm3
        Integrated excess of the body.
    width_mm
        Its width as seen, from which on an offshoot is an arm.

    Notes
    -----
    The longest way through the body is its trunk; the farthest point from all ways so far is the end of the
    next arm, until what is left is no longer than a bump (after TEASAR, Sato 2000).

    References
    ----------
    M. Sato et al., "TEASAR: tree-structure extraction algorithm for accurate and robust skeletons",
    Pacific Graphics 2000:281-289. doi:10.1109/PCCGA.2000.883951
    """
    spacing = np.asarray(spacing_mm)
    body = extent
    while np.count_nonzero(body) > MOST_POINTS:
        body, excess, spacing = body[::2, ::2, ::2], excess[::2, ::2, ::2], 2 * spacing
    points = np.argwhere(body)
    if len(points) < FEWEST_POINTS:
        return NO_CAST
    ways, lengths = _ways(_graph(body, points, spacing), points, max(LEAST_ARM_MM, ARM_WIDTHS * width_mm))
    ridge = ndimage.maximum_filter(np.where(body, excess, np.float32(0)), 3)[body]
    along = np.concatenate([ridge[way[1:-1] if len(way) > 4 else way] for way in ways])
    length = sum(lengths) + float(spacing.min())
    middle = float(np.median(along))
    contrast, width = rod_of(total_hu_mm3 / length, middle, blur)
    uneven = float(along.std() / max(float(along.mean()), 1.0))
    return Cast(length, lengths[0], len(ways), uneven, middle, contrast, width)


def rod_of(per_mm: float, ridge_hu: float, blur: Blur) -> tuple[float, float]:
    r"""Return the contrast and the width of an even rod, from what it holds per mm and how bright it is.

    A rod of width :math:`w` and contrast :math:`C` holds :math:`\pi w^2 C / 4` per mm; blurred by
    :math:`\sigma` its middle shows :math:`C (1 - e^{-w^2 / 8\sigma^2})`.

    Parameters
    ----------
    per_mm
        HU·mm² of its cross-section.
    ridge_hu
        Excess of its middle line.
    blur
        Of the scan: slices blur a rod in the plane as little as one across them much, so the mean counts.
    """
    sigma = math.sqrt((2 * blur.in_plane_sigma_mm**2 + blur.slice_sigma_mm**2) / 3)
    contrast = max(per_mm, 1e-3) / (math.pi / 4 * WIDTHS_MM**2)
    shown = contrast * (1 - np.exp(-(WIDTHS_MM**2) / (8 * sigma**2)))
    best = int(np.abs(np.log(np.maximum(shown, 1e-6) / max(ridge_hu, 1.0))).argmin())
    return float(contrast[best]), float(WIDTHS_MM[best])


def _graph(body: NDArray[np.bool_], points: NDArray[np.intp], spacing: NDArray[np.float64]) -> coo_array:
    """Return the graph of a body's voxels, each edge once, in mm."""
    number = np.full([n + 2 for n in body.shape], -1, np.int64)
    number[tuple((points + 1).T)] = np.arange(len(points))
    rows, columns, lengths = [], [], []
    for step in STEPS:
        other = number[tuple((points + 1 + np.array(step)).T)]
        found = np.flatnonzero(other >= 0)
        rows.append(found)
        columns.append(other[found])
        lengths.append(np.full(len(found), float(np.linalg.norm(np.array(step) * spacing))))
    size = (len(points), len(points))
    return coo_array((np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), size).tocsr()


def _ways(graph: coo_array, points: NDArray[np.intp], least_mm: float) -> tuple[list[list[int]], list[float]]:
    """Return the ways through a body as places in `points`, trunk first, and their lengths."""
    middle = int(np.square(points - points.mean(axis=0)).sum(axis=1).argmin())
    start = _farthest(dijkstra(graph, directed=False, indices=middle))[0]
    away, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    end, length = _farthest(away)
    ways, lengths = [_walk(end, before, set())], [length]
    taken = set(ways[0])
    while len(ways) < MOST_ARMS:
        away, before, _ = dijkstra(
            graph, directed=False, indices=sorted(taken), min_only=True, return_predecessors=True
        )
        end, length = _farthest(away)
        if length < least_mm:
            break
        way = _walk(end, before, taken)
        taken.update(way)
        ways.append(way)
        lengths.append(length)
    return ways, lengths


def _farthest(away: NDArray[np.float64]) -> tuple[int, float]:
    reached = np.where(np.isfinite(away), away, -1.0)
    place = int(reached.argmax())
    return place, float(reached[place])


def _walk(end: int, before: NDArray[np.integer], stop: set[int]) -> list[int]:
    way = [end]
    while before[way[-1]] >= 0 and way[-1] not in stop:
        way.append(int(before[way[-1]]))
    return way
