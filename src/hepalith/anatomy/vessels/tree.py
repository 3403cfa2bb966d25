"""From a mask of vessels to branches: middles, radii, and which tree each belongs to.

The middles of the mask are joined into a graph, near ones also across gaps that noise tore. Portal branches
are reached from the porta hepatis, hepatic veins from where they enter the cava; each middle belongs to the
root that it is nearer to along vessels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from hepalith.anatomy.coarse import smooth
from hepalith.anatomy.vessels.field import SPACING_MM, VesselField

__all__ = ["Nodes", "Stretch", "find_nodes", "grow_branches", "reach_from"]

RIDGE_VOXELS = 1.0
"""Blur of the mask whose ridge is a vessel's middle."""
RIDGE_SHARE = 0.85
"""A middle has at least this share of the highest value within two voxels."""
LINK_MM = 14.0
"""Longest gap that is bridged: noise tears fine branches, but further apart they are strangers. Our
judgement."""
NEAREST = 12
"""How many near middles each is joined with."""
GAP_COST = 3.0
"""How much dearer a way outside the mask is than one inside."""
USUAL_RADIUS_MM, RADII_MM = 2.0, (0.8, 5.0)
"""A way costs its length at this radius, and more in proportion where the vessel is thinner: where two trees
touch they do so with fine branches, and each trunk stays with its own root. Held between the second two."""
LEAST_BRANCH_MM = 6.0
"""Shorter ends are the mask's unevenness."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Middles of vessels and the graph that joins them.

    Parameters
    ----------
    index
        float64, shape (n, 3), on the field's grid.
    points_lps_mm
        float64, shape (n, 3).
    radius_mm
        float64, shape (n,).
    graph
        Costs in mm of going from one to another.
    """

    index: Floats
    points_lps_mm: Floats
    radius_mm: Floats
    graph: sparse.csr_matrix

    def only(self, held: NDArray[np.bool_]) -> Nodes:
        """Return those held, and the ways between them."""
        return Nodes(
            self.index[held], self.points_lps_mm[held], self.radius_mm[held], self.graph[held][:, held]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """One unbranched run of nodes, its mother's place among the stretches, or -1."""

    nodes: NDArray[np.intp]
    parent: int


def find_nodes(field: VesselField) -> Nodes | None:
    """Return the middles of the vessels in a mask; None where there are too few."""
    depth = edt.edt(field.mask)
    ridge = smooth(np.minimum(depth, 4.0).astype(np.float32), RIDGE_VOXELS)
    top = ndimage.maximum_filter(ridge, 5)
    kept = field.mask & (ridge >= RIDGE_SHARE * top)
    index = np.argwhere(kept)
    if len(index) < 3:
        return None
    # one in each cell of two voxels: the highest
    cell = np.asarray(index // 2)
    key = np.ravel_multi_index(tuple(cell.T), tuple(n // 2 + 1 for n in field.mask.shape))
    order = np.lexsort((-ridge[kept], key))
    first = np.concatenate([[True], np.diff(key[order]) > 0])
    index = index[order[first]].astype(np.float64)
    at = tuple(index.astype(np.intp).T)
    radius = np.maximum(ndimage.maximum_filter(depth, 3)[at] - 0.5, 0.5) * SPACING_MM
    points = field.grid.to_lps(index)
    return Nodes(
        index, points, np.asarray(radius, dtype=np.float64), _join(points, index, radius, field.mask)
    )


def _join(points: Floats, index: Floats, radius: Floats, mask: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Return the graph of near middles; ways through thin vessels are dearer, those outside any most."""
    count = len(points)
    away, which = cKDTree(points).query(points, k=min(NEAREST + 1, count), distance_upper_bound=LINK_MM)
    start = np.repeat(np.arange(count), away.shape[1])
    away, which = away.ravel(), which.ravel()
    held = np.isfinite(away) & (which > start)
    start, which, away = start[held], which[held], away[held]
    inside = np.zeros(len(start))
    for share in (0.25, 0.5, 0.75):
        between = np.round(index[start] * (1 - share) + index[which] * share).astype(np.intp)
        inside += mask[tuple(between.T)]
    thin = np.minimum(radius[start], radius[which])
    cost = away * (1 + (GAP_COST - 1) * (1 - inside / 3)) * (USUAL_RADIUS_MM / np.clip(thin, *RADII_MM))
    graph = sparse.coo_matrix((cost, (start, which)), shape=(count, count)).tocsr()
    return (graph + graph.T).tocsr()


def reach_from(nodes: Nodes, entry: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return the cost of reaching each node from a root, and the node before it; -1 at the first.

    Parameters
    ----------
    nodes
        Middles of vessels.
    entry
        float64, shape (n,): cost of going from the root to each node at once; infinite where it cannot.
    """
    count = len(entry)
    (first,) = np.nonzero(np.isfinite(entry))
    if not first.size:
        return np.full(count, np.inf), np.full(count, -1, dtype=np.intp)
    door = sparse.coo_matrix((entry[first] + 1e-3, (np.zeros_like(first), first)), shape=(1, count))
    graph = sparse.bmat([[nodes.graph, None], [door, sparse.coo_matrix((1, 1))]]).tocsr()
    cost, before = csgraph.dijkstra(graph, directed=False, indices=count, return_predecessors=True)
    before = np.where((before < 0) | (before == count), -1, before).astype(np.intp)
    return np.asarray(cost[:count]), before[:count]


def grow_branches(
    nodes: Nodes, cost: Floats, before: NDArray[np.intp], held: NDArray[np.bool_]
) -> list[Stretch]:
    """Return the unbranched runs of the tree that `before` makes of the nodes held, mothers first.

    The tips farthest from the root come first; each is followed back to what has been reached before.
    """
    children = np.zeros(len(before), dtype=np.intp)
    valid = held & (before >= 0)
    np.add.at(children, before[valid], 1)
    tips = np.flatnonzero(held & (children == 0) & np.isfinite(cost))
    tips = tips[np.argsort(-cost[tips], kind="stable")]
    owner = np.full(len(before), -1, dtype=np.intp)
    runs: list[NDArray[np.intp]] = []
    for tip in tips:
        path = [int(tip)]
        while before[path[-1]] >= 0 and owner[path[-1]] < 0 and held[before[path[-1]]]:
            path.append(int(before[path[-1]]))
        fresh = [n for n in path if owner[n] < 0]
        length = (
            np.linalg.norm(np.diff(nodes.points_lps_mm[path], axis=0), axis=1).sum() if len(path) > 1 else 0
        )
        if length < LEAST_BRANCH_MM or not fresh:
            continue
        owner[fresh] = len(runs)
        runs.append(np.array(path[::-1], dtype=np.intp))
    return _split_at_forks(runs, owner)


def _split_at_forks(runs: Sequence[NDArray[np.intp]], owner: NDArray[np.intp]) -> list[Stretch]:
    """Return runs cut where other runs leave them."""
    forks: dict[int, set[int]] = {}
    for number, run in enumerate(runs):
        mother = int(owner[run[0]])
        if mother not in (number, -1):
            forks.setdefault(mother, set()).add(int(run[0]))
    stretches: list[Stretch] = []
    last_at: dict[int, int] = {}  # node -> stretch that ends in it or holds it
    for number in range(len(runs)):
        run = runs[number]
        cuts = [
            k for k, node in enumerate(run) if int(node) in forks.get(number, set()) and 0 < k < len(run) - 1
        ]
        start, parent = 0, last_at.get(int(run[0]), -1)
        for end in [*cuts, len(run) - 1]:
            stretches.append(Stretch(run[start : end + 1], parent))
            parent = len(stretches) - 1
            for node in run[start : end + 1]:
                last_at.setdefault(int(node), parent)
            last_at[int(run[end])] = parent
            start = end
    return stretches
