"""Which found focus is which true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

__all__ = ["Cluster", "Matching", "count_overlaps", "link_foci", "match_foci"]

FORBIDDEN = 1e9
"""Cost of a pair that may not be matched: above any sum of distances in mm."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs of (found, true), and what is left over; all by position in the lists given."""

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Found and true foci that belong together: one each, a true one in pieces, or several run into one."""

    found: tuple[int, ...]
    truth: tuple[int, ...]


def match_foci(
    found_mm: Sequence[Sequence[float]],
    truth_mm: Sequence[Sequence[float]],
    reach_mm: Sequence[float],
    overlaps: NDArray[np.bool_] | None = None,
) -> Matching:
    """Match found to true foci one to one, with the smallest sum of distances between centres.

    A pair may be matched if its centres are at most the true focus's `reach_mm` apart, or if it
    overlaps. As many pairs as possible are made; among those ways the nearest wins.

    Parameters
    ----------
    found_mm, truth_mm
        Centres, (x, y, z) in mm.
    reach_mm
        For each true focus, how far off a found centre may lie.
    overlaps
        (found, true): whether label maps share a voxel; ``None``: by distance alone.

    Examples
    --------
    >>> match_foci([(0, 0, 0), (50, 0, 0)], [(1, 0, 0), (90, 0, 0)], [5, 5])
    Matching(pairs=((0, 0),), missed=(1,), false=(1,))
    """
    found = np.asarray(found_mm, dtype=np.float64).reshape(-1, 3)
    truth = np.asarray(truth_mm, dtype=np.float64).reshape(-1, 3)
    apart = np.linalg.norm(found[:, None] - truth[None], axis=2)
    allowed = apart <= np.asarray(reach_mm, dtype=np.float64)[None, :]
    if overlaps is not None:
        allowed |= overlaps
    cost = np.where(allowed, apart, FORBIDDEN)
    rows, columns = linear_sum_assignment(cost)
    pairs = tuple((int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c])
    seen = {c for _, c in pairs}
    used = {r for r, _ in pairs}
    return Matching(
        pairs,
        tuple(c for c in range(truth.shape[0]) if c not in seen),
        tuple(r for r in range(found.shape[0]) if r not in used),
    )


def count_overlaps(
    found: NDArray[np.integer], truth: NDArray[np.integer], founds: int, truths: int
) -> NDArray[np.int64]:
    """Return the voxels that each found label (1 to `founds`) shares with each true one (1 to `truths`).

    Examples
    --------
    >>> import numpy as np
    >>> count_overlaps(np.array([0, 1, 1, 2]), np.array([1, 1, 0, 2]), 2, 2).tolist()
    [[1, 0], [0, 1]]
    """
    if found.shape != truth.shape:
        raise ValueError(f"label maps of different shape: {found.shape} and {truth.shape}")
    both = (found > 0) & (truth > 0)
    table = np.zeros((founds + 1, truths + 1), dtype=np.int64)
    np.add.at(table, (found[both], truth[both]), 1)
    return table[1:, 1:]


def link_foci(matching: Matching, overlaps: NDArray[np.bool_]) -> tuple[Cluster, ...]:
    """Return clusters of foci that are matched or overlap, in order of their first true focus.

    Where a rim is found in pieces, or beads run into one body, one to one matching would count
    pieces as false and beads as missed although both were seen; a cluster holds them together, and
    sums over it are comparable. Every focus is in one cluster; a missed one is alone in its own.

    Parameters
    ----------
    matching
        Pairs, by position.
    overlaps
        (found, true): whether the label maps share voxels.

    Examples
    --------
    >>> import numpy as np
    >>> link_foci(Matching(((0, 0),), (1,), ()), np.array([[True, True]]))
    (Cluster(found=(0,), truth=(0, 1)),)
    """
    founds, truths = overlaps.shape
    joined = np.zeros((founds + truths, founds + truths), dtype=bool)
    joined[:founds, founds:] = overlaps
    for found, truth in matching.pairs:
        joined[found, founds + truth] = True
    count, owner = connected_components(csr_array(joined), directed=False)
    clusters = [
        Cluster(
            tuple(int(n) for n in np.flatnonzero(owner[:founds] == c)),
            tuple(int(n) for n in np.flatnonzero(owner[founds:] == c)),
        )
        for c in range(count)
    ]
    return tuple(sorted(clusters, key=lambda c: (c.truth or (truths,), c.found)))
