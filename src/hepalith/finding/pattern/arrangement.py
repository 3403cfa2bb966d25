"""How several foci lie to each other: chains, clusters, evenness. Geometry that can be explained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

__all__ = ["clustering_ratio", "evenness", "find_chain", "link_foci"]

MAX_LINK_MM = 15.0
"""Largest distance between neighbouring beads of a chain. Stones lie close in a duct, while the spaces
between portal triads of neighbouring segments are wider. Our judgement."""

MAX_TURN_DEGREES = 60.0
"""Largest turn from one link of a chain to the next; ducts bend gently. Our judgement."""

CHANCE_OF_A_GENTLE_TURN = (1.0 - math.cos(math.radians(MAX_TURN_DEGREES))) / 2.0
"""Share of all directions within `MAX_TURN_DEGREES` of straight on: what chance alone would give (0.25)."""

PRIOR_ODDS_OF_A_CHAIN = 1.0 / 3.0
"""Odds that foci this close together are strung along a duct or triad, before their turns are seen. Our
judgement."""

LEAST_BEADS = 3
"""Fewest foci that make a chain: two always lie on a line."""

RANDOM_NEIGHBOUR = 0.55396
"""Mean distance to the nearest neighbour of points thrown at random, in units of density^(-1/3): Γ(4/3)
(3/(4π))^(1/3)."""


def find_chain(
    centres_mm: NDArray[np.float64], radii_mm: NDArray[np.float64]
) -> tuple[tuple[int, ...], float]:
    """Return the longest run of foci along one smooth curve, and the probability that it is no accident.

    Parameters
    ----------
    centres_mm
        LPS, shape (foci, 3).
    radii_mm
        Half the diameter of each focus, shape (foci,).

    Returns
    -------
    tuple
        Indices of the foci in order along the curve (empty: no chain) and a probability.

    Notes
    -----
    Foci are joined by their minimum spanning tree; links wider than `MAX_LINK_MM` from edge to
    edge are cut. Along every path of the tree the turn at each inner bead is small or not. At
    random a turn is small with probability c (`CHANCE_OF_A_GENTLE_TURN`), so n beads in a row have n - 2 such
    chances and the odds of a chain are `PRIOR_ODDS_OF_A_CHAIN` / c^(n-2), divided by the number of places
    among all foci where such a run could have begun. It fails where a duct turns sharply, and is
    generous where foci are so many that a smooth path is found by searching.

    Examples
    --------
    >>> beads = np.array([[0, 0, 0], [6, 1, 0], [12, 3, 0], [17, 6, 0]], dtype=float)
    >>> chain, probability = find_chain(beads, np.ones(4))
    >>> chain, round(probability, 2)
    ((0, 1, 2, 3), 0.84)
    """
    count = len(centres_mm)
    if count < LEAST_BEADS:
        return (), 0.0
    neighbours = _link(centres_mm, radii_mm)
    best: tuple[int, ...] = ()
    for start in range(count):
        best = max(
            best, _longest_from((start,), neighbours, centres_mm), key=lambda c: (len(c), [-i for i in c])
        )
    if len(best) < LEAST_BEADS:
        return (), 0.0
    places = count - len(best) + 1
    odds = PRIOR_ODDS_OF_A_CHAIN / CHANCE_OF_A_GENTLE_TURN ** (len(best) - 2) / places
    return best, odds / (1.0 + odds)


def link_foci(centres_mm: NDArray[np.float64], radii_mm: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    """Return the groups of foci no wider apart than `MAX_LINK_MM` from edge to edge, one to the next.

    Examples
    --------
    >>> link_foci(np.array([[0.0, 0, 0], [60, 0, 0], [12, 0, 0]]), np.ones(3))
    ((0, 2), (1,))
    """
    neighbours = _link(centres_mm, radii_mm)
    groups: list[tuple[int, ...]] = []
    left = set(neighbours)
    while left:
        group, waiting = set[int](), [min(left)]
        while waiting:
            one = waiting.pop()
            group.add(one)
            waiting += [n for n in neighbours[one] if n not in group]
        left -= group
        groups.append(tuple(sorted(group)))
    return tuple(groups)


def _link(centres_mm: NDArray[np.float64], radii_mm: NDArray[np.float64]) -> dict[int, list[int]]:
    if len(centres_mm) == 0:
        return {}
    gaps = cdist(centres_mm, centres_mm) - radii_mm[:, None] - radii_mm[None, :]
    tree = minimum_spanning_tree(np.triu(np.maximum(gaps, 1e-3), k=1)).tocoo()
    neighbours: dict[int, list[int]] = {i: [] for i in range(len(centres_mm))}
    for i, j, gap in zip(tree.row.tolist(), tree.col.tolist(), tree.data.tolist(), strict=True):
        if gap <= MAX_LINK_MM:
            neighbours[i].append(j)
            neighbours[j].append(i)
    return neighbours


def _longest_from(
    start: tuple[int, ...], neighbours: dict[int, list[int]], centres_mm: NDArray[np.float64]
) -> tuple[int, ...]:
    """Return the longest path from `start` that never turns sharply. A tree has one path to each focus."""
    best = start
    waiting = [start]
    while waiting:
        path = waiting.pop()
        best = max(best, path, key=_length_then_first)
        waiting += [
            (*path, following)
            for following in neighbours[path[-1]]
            if following not in path[-2:] and _is_gentle((*path[-2:], following), centres_mm)
        ]
    return best


def _length_then_first(path: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return len(path), tuple(-i for i in path)


def _is_gentle(path: Sequence[int], centres_mm: NDArray[np.float64]) -> bool:
    if len(path) < LEAST_BEADS:
        return True
    before, after = np.diff(centres_mm[list(path[-3:])], axis=0)
    cosine = float(before @ after / max(np.linalg.norm(before) * np.linalg.norm(after), 1e-9))
    return cosine >= math.cos(math.radians(MAX_TURN_DEGREES))


def clustering_ratio(centres_mm: NDArray[np.float64], liver_mm3: float) -> float:
    """Return the mean distance to the nearest neighbour over what chance would give (Clark and Evans).

    Below 1 the foci lie closer together than thrown at random into `liver_mm3`; above 1 further apart.

    References
    ----------
    Clark and Evans, Ecology 1954;35:445, in three dimensions.
    """
    distances = cdist(centres_mm, centres_mm)
    np.fill_diagonal(distances, np.inf)
    expected = RANDOM_NEIGHBOUR * (liver_mm3 / len(centres_mm)) ** (1.0 / 3.0)
    return float(distances.min(axis=1).mean() / expected)


def evenness(left: int, right: int, left_share: float) -> float:
    """Return the probability that foci are spread over both lobes at one density.

    One density puts each focus into the left lobe with the lobe's share of the volume; otherwise that chance
    may be anything, each as likely, and so is every count. Both are as likely before the counts are seen.

    Examples
    --------
    >>> round(evenness(left=5, right=10, left_share=0.33), 2)
    0.77
    >>> evenness(left=15, right=0, left_share=0.33) < 0.001
    True
    """
    count = left + right
    if count == 0:
        return 0.5
    even = binomial(left, count, min(max(left_share, 1e-6), 1 - 1e-6)) * (count + 1)
    return even / (1.0 + even)


def binomial(hits: int, draws: int, chance: float) -> float:
    """Return the binomial probability of `hits` among `draws`.

    Examples
    --------
    >>> round(binomial(2, 4, 0.5), 6), round(binomial(0, 3, 0.1), 6)
    (0.375, 0.729)
    """
    ways = math.lgamma(draws + 1) - math.lgamma(hits + 1) - math.lgamma(draws - hits + 1)
    return math.exp(ways + hits * math.log(chance) + (draws - hits) * math.log1p(-chance))
