"""Which vessel is portal and which hepatic: each belongs to the root that it is nearer to along vessels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph
from scipy.spatial import cKDTree
from scipy.special import expit

from hepalith.anatomy.atlas.couinaud import place_planes
from hepalith.anatomy.atlas.landmarks import find_landmarks
from hepalith.anatomy.liver import Liver
from hepalith.anatomy.vessels.field import VesselField
from hepalith.anatomy.vessels.tree import Nodes, find_nodes, grow_branches, reach_from
from hepalith.image.volume import Volume

__all__ = ["KINDS", "Roots", "Trees", "VesselBranch", "find_roots", "trace_hepatic", "trace_trees"]

KINDS = {1: "portal", 2: "hepatic", 3: "artery", 4: "unknown"}
"""Kind of vessel by label in `Vessels.labels`."""
LABEL_OF = {name: label for label, name in KINDS.items()}

HILUM_MM = (12.0, 50.0)
"""Vessels within the first of where the portal vein is expected to divide are its root; up to the second they
may be, at a price. The place is right within 4 mm on phantoms; the outline leaves out some of the hilum."""
CAVA_MM = (22.0, 42.0)
"""The same of hepatic veins, from the cava's middle across: its radius is 10 to 14 mm, and the outline and
the depth at which vessels are looked for leave out as much again."""
CAVA_CORE_MM = 11.0
"""What lies so near to the cava's middle, across, is the cava itself, which some outlines take in: its radius
is 10 to 14 mm. No way leads through it, else hepatic veins would be reached from the hilum."""
ENTRY_COST = 1.5
"""Price, per mm, of lying farther from a root."""
MOUTHS = (-0.36, -0.04)
"""Between these heights below the dome, in half-widths of the rib cage, the hepatic veins enter the cava.
Our judgement after routine CT."""
MOUTHS_ABOVE_HILUM = 0.42
"""So far above the hilum, in half-widths of the rib cage, they enter, where the dome is out of view."""
DETOUR = 1.5
"""Price of the way to a root out of view, over the straight one."""
STEEPNESS, OFFSET_MM = 6.0, 10.0
"""Odds that a vessel belongs to a root: ``e^(s (b - a) / (a + b + o))`` with the ways a and b to both.
Chosen on the development bank's even half."""
FEWEST_NODES = 3
"""Fewest middles of which a tree is made."""
FAR_MM = 1000.0
"""Stands for a root that cannot be reached."""
SURE = 0.65
"""Below this probability a vessel's kind is called unknown."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class VesselBranch:
    """One unbranched stretch of a vessel.

    Parameters
    ----------
    path_lps_mm
        float64, shape (n, 3): points along its middle, from the side of its root on.
    radii_mm
        float64, shape (n,): radius at each point.
    kind
        One of `KINDS`.
    parent
        Place of its mother among the branches; -1 for a root.
    probability
        That it is of that kind, given that it is a vessel.
    """

    path_lps_mm: Floats
    radii_mm: Floats
    kind: str
    parent: int = -1
    probability: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Roots:
    """Where the trees begin, LPS mm.

    Parameters
    ----------
    hilum
        Where the portal vein is expected to divide.
    mouths
        Where the hepatic veins are expected to enter the cava: its middle at their middle height.
    cava
        x, y of the cava's middle, and the heights between which hepatic veins enter it; None where the
        dome is cut off.
    """

    hilum: Floats
    mouths: Floats
    cava: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Labels (keys of `KINDS`) on the field's grid, and the branches."""

    labels: NDArray[np.uint8]
    branches: tuple[VesselBranch, ...]


def find_roots(volume: Volume, liver: Liver) -> Roots | None:
    """Return where portal and hepatic veins begin; None where no landmark tells."""
    landmarks = find_landmarks(volume, liver)
    if landmarks is None:
        return None
    planes = place_planes(landmarks)
    hilum, half = planes.hilum_lps_mm, landmarks.half_width_mm
    x, y = (float(v) for v in landmarks.origin[:2])
    if landmarks.view not in ("whole", "upper"):
        return Roots(hilum, np.array([x, y, hilum[2] + MOUTHS_ABOVE_HILUM * half]), None)
    low, high = (float(landmarks.origin[2] + m * half) for m in MOUTHS)
    return Roots(hilum, np.array([x, y, (low + high) / 2]), (x, y, low, high))


def trace_trees(field: VesselField, roots: Roots | None, *, arterial: bool) -> Trees:
    """Return the branches of what stands out, each with its kind.

    In the arterial phase what is bright runs with the portal vein: the vein itself or its artery.
    """
    nodes = find_nodes(field)
    if nodes is None:
        return Trees(np.where(field.mask, LABEL_OF["unknown"], 0).astype(np.uint8), ())
    if roots is not None:
        outside = _across(nodes.points_lps_mm, roots) > CAVA_CORE_MM
        if np.count_nonzero(outside) < FEWEST_NODES:
            return Trees(np.zeros(field.mask.shape, dtype=np.uint8), ())
        nodes = nodes.only(outside)
    portal = _portal_entry(nodes, roots)
    hepatic = _hepatic_entry(nodes, roots)
    to_portal, portal_before = reach_from(nodes, portal)
    to_hepatic, hepatic_before = reach_from(nodes, hepatic)
    if arterial:
        chance = np.full(len(to_portal), 0.95)
    elif roots is not None:
        one = _or_straight(to_portal, portal, nodes, roots.hilum)
        other = _or_straight(to_hepatic, hepatic, nodes, roots.mouths)
        chance = expit(STEEPNESS * (other - one) / (one + other + OFFSET_MM))
    else:
        chance = np.full(len(to_portal), 0.5)
    kind = np.full(len(chance), LABEL_OF["unknown"], dtype=np.uint8)
    kind[chance >= SURE] = LABEL_OF["portal"]
    kind[chance <= 1 - SURE] = LABEL_OF["hepatic"]
    branches: list[VesselBranch] = []
    own = reach_from(nodes, _widest_of_each(nodes))
    nearer = to_portal <= to_hepatic
    nearest = (np.minimum(to_portal, to_hepatic), np.where(nearer, portal_before, hepatic_before))
    for name, way, sure in (
        ("portal", (to_portal, portal_before), chance),
        ("hepatic", (to_hepatic, hepatic_before), 1 - chance),
        ("unknown", nearest, np.maximum(chance, 1 - chance)),
    ):
        known = np.isfinite(way[0])
        reached = (np.where(known, way[0], own[0]), np.where(known, way[1], own[1]))
        branches += _branches(nodes, reached, kind == LABEL_OF[name], sure, name, first=len(branches))
    return Trees(_spread(field, nodes, kind, roots), tuple(branches))


def trace_hepatic(field: VesselField, first: int) -> Trees:
    """Return the branches of veins that can only be hepatic; `first` is the place of the first."""
    nodes = find_nodes(field)
    if nodes is None:
        return Trees(np.zeros(field.mask.shape, dtype=np.uint8), ())
    reached = reach_from(nodes, _widest_of_each(nodes))
    held = np.ones(len(reached[0]), dtype=np.bool_)
    branches = _branches(nodes, reached, held, np.full(held.size, 0.9), "hepatic", first=first)
    return Trees(np.where(field.mask, LABEL_OF["hepatic"], 0).astype(np.uint8), tuple(branches))


def _widest_of_each(nodes: Nodes) -> Floats:
    """Return the price of entering each middle where every connected body is entered at its widest."""
    _, body = csgraph.connected_components(nodes.graph, directed=False)
    order = np.lexsort((-nodes.radius_mm, body))
    first = np.concatenate([[True], np.diff(body[order]) > 0])
    entry = np.full(len(body), np.inf)
    entry[order[first]] = 0
    return entry


def _across(points_lps_mm: Floats, roots: Roots) -> Floats:
    """Return how far points lie from the cava's middle, across."""
    x, y, _ = roots.mouths
    return np.asarray(np.hypot(points_lps_mm[:, 0] - x, points_lps_mm[:, 1] - y))


def _portal_entry(nodes: Nodes, roots: Roots | None) -> Floats:
    """Return the price of entering each middle from the porta hepatis."""
    if roots is None:
        return np.full(len(nodes.radius_mm), np.inf)
    return _entry(np.linalg.norm(nodes.points_lps_mm - roots.hilum, axis=1), HILUM_MM)


def _hepatic_entry(nodes: Nodes, roots: Roots | None) -> Floats:
    """Return the price of entering each middle from the cava."""
    if roots is None or roots.cava is None:
        return np.full(len(nodes.radius_mm), np.inf)
    _, _, low, high = roots.cava
    across = _across(nodes.points_lps_mm, roots)
    height = nodes.points_lps_mm[:, 2]
    return np.where((height > low) & (height < high), _entry(across, CAVA_MM), np.inf)


def _or_straight(cost: Floats, entry: Floats, nodes: Nodes, root: Floats) -> Floats:
    """Return the ways to a root; where it lies out of view, somewhat more than the straight ones."""
    if np.isfinite(entry).any():
        return np.minimum(cost, FAR_MM)
    return np.asarray(DETOUR * np.linalg.norm(nodes.points_lps_mm - root, axis=1))


def _entry(away: Floats, reach: tuple[float, float]) -> Floats:
    """Return the price of entering middles that lie so far from a root."""
    return np.asarray(np.where(away < reach[1], ENTRY_COST * np.maximum(away - reach[0], 0), np.inf))


def _branches(
    nodes: Nodes,
    reached: tuple[Floats, NDArray[np.intp]],
    held: NDArray[np.bool_],
    chance: Floats,
    kind: str,
    *,
    first: int,
) -> list[VesselBranch]:
    """Return the branches of the nodes held; `first` is the place of the first among all branches."""
    return [
        VesselBranch(
            nodes.points_lps_mm[s.nodes],
            nodes.radius_mm[s.nodes],
            kind,
            s.parent + first if s.parent >= 0 else -1,
            float(chance[s.nodes].mean()),
        )
        for s in grow_branches(nodes, *reached, held)
    ]


def _spread(
    field: VesselField, nodes: Nodes, kind: NDArray[np.uint8], roots: Roots | None
) -> NDArray[np.uint8]:
    """Return the kind of every voxel of the mask, that of the nearest middle; 0 within the cava."""
    index = np.argwhere(field.mask)
    if roots is not None:
        index = index[_across(field.grid.to_lps(index), roots) > CAVA_CORE_MM]
    _, nearest = cKDTree(nodes.index).query(index)
    labels = np.zeros(field.mask.shape, dtype=np.uint8)
    labels[tuple(index.T)] = kind[nearest]
    return labels
