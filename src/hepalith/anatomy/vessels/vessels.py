"""The vessels of the liver, as far as the contrast phase shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.vessels.field import look_for_veins, reach_box
from hepalith.anatomy.vessels.kind import KINDS, Roots, VesselBranch, find_roots, trace_hepatic, trace_trees
from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["KINDS", "VesselBranch", "Vessels", "find_vessels", "no_vessels"]


@dataclass(frozen=True, slots=True, eq=False)
class Vessels:
    """Portal and hepatic veins, and the hepatic artery where the phase shows it.

    Parameters
    ----------
    box
        Where `labels` lie in the image.
    labels
        uint8, shape of `box`: 0 no vessel was seen there, else a key of `KINDS`.
    blood_hu
        HU in the middle of the wide vessels; None where none was seen.
    seen
        Whether vessels stand out from the parenchyma at all.
    reason
        Why not, where they do not.
    branches
        Mothers before daughters.
    bright
        Whether blood is brighter than the parenchyma; in an unenhanced liver it is darker.
    roots
        Where portal and hepatic veins are expected to begin; None where no landmark tells.
    """

    box: Box
    labels: NDArray[np.uint8]
    blood_hu: float | None
    seen: bool
    reason: str
    branches: tuple[VesselBranch, ...] = ()
    bright: bool = True
    roots: Roots | None = None

    def of_kind(self, *kinds: str) -> tuple[VesselBranch, ...]:
        """Return the branches of some kinds."""
        return tuple(b for b in self.branches if b.kind in kinds)

    def sees(self, kind: str) -> bool:
        """Return whether any branch of a kind was seen."""
        return any(b.kind == kind for b in self.branches)

    def distance_mm(self, points_lps_mm: ArrayLike, kinds: Iterable[str]) -> NDArray[np.float64]:
        """Return the distance of points, shape (n, 3), from the nearest wall of some kinds of vessel.

        Negative inside a vessel; infinite where none of those kinds was seen.
        """
        points = np.atleast_2d(np.asarray(points_lps_mm, dtype=np.float64))
        branches = self.of_kind(*kinds)
        if not branches:
            return np.full(len(points), np.inf)
        middle = np.concatenate([b.path_lps_mm for b in branches])
        radius = np.concatenate([b.radii_mm for b in branches])
        away, which = cKDTree(middle).query(points, k=min(4, len(middle)))
        away, which = away.reshape(len(points), -1), which.reshape(len(points), -1)
        return np.asarray((away - radius[which]).min(axis=1))


def no_vessels(volume: Volume, liver: Liver, reason: str) -> Vessels:
    """Return that no vessel was seen, and why."""
    box = reach_box(volume, liver)
    return Vessels(box, np.zeros(box.shape, dtype=np.uint8), None, seen=False, reason=reason)


def find_vessels(volume: Volume, liver: Liver, phase: Phase) -> Vessels:
    """Return the vessels that stand out from the parenchyma.

    Bright in enhanced phases; dark in an unenhanced liver that is denser than blood, bright again in
    a fatty one. In the arterial phase portal branches and arteries are bright and hepatic veins dark.
    Where blood and parenchyma measure alike nothing is seen, and the reason says so.
    """
    if not liver.is_in_view:
        return no_vessels(volume, liver, "no liver is in view")
    roots = find_roots(volume, liver)
    found, dark = look_for_veins(volume, liver, phase, None if roots is None else roots.hilum)
    if isinstance(found, str):
        return no_vessels(volume, liver, found)
    trees = trace_trees(found, roots, arterial=phase.label == "arterial")
    labels, branches = trees.labels, list(trees.branches)
    if dark is not None:
        veins = trace_hepatic(dark, first=len(branches))
        labels = np.where((labels == 0) & (veins.labels > 0), veins.labels, labels)
        branches += veins.branches
    on_volume = found.on_volume(labels)
    return Vessels(found.box, on_volume, found.blood_hu, True, "", tuple(branches), found.bright, roots)
