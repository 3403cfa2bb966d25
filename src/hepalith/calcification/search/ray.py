"""Whether something leads away from a hit: evidence along rays, which a focus that ends all about lacks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.search.evidence import Evidence

__all__ = ["END_MM", "FAR_MM", "NEAR_MM", "SIZES", "STEP_MM", "directions", "leads_on", "share_leading_on"]

RAYS = 60
"""Directions looked along, even over the sphere: neighbours are 23 degrees apart, 2 mm at the middle of the
way; a filter's output is as wide."""

NEAR_MM, FAR_MM, END_MM = 1.5, 4.5, 8.5
"""Ends of the two parts of a ray, from the surface of the sphere on: the sphere's own blur is left out, and a
vessel that is cut by a bend or by noise is still seen in both. Our judgement."""

STEP_MM = 0.75
"""Distance between the points of a ray."""

SIZES = (1, 2)
"""Outputs that are looked at: vessels of 2 to 5 mm stand out in them."""


def share_leading_on(
    evidence: Evidence,
    place: tuple[int, int, int],
    diameter_mm: float,
    spacing_mm: tuple[float, float, float],
) -> float:
    """Return the evidence of what leads away from a place, as a share of the place's own.

    Parameters
    ----------
    evidence
        Of the crop.
    place
        A voxel.
    diameter_mm
        Of the sphere that stands out there.
    spacing_mm
        Voxel spacing.
    """
    at = np.array([place])
    leads = leads_on(evidence, at, diameter_mm, spacing_mm)[0]
    own = [float(evidence.outputs[size].at(at)[0]) for size in SIZES]
    return max((float(lead) / v for lead, v in zip(leads, own, strict=True) if v > 0), default=0.0)


def leads_on(
    evidence: Evidence,
    places: NDArray[np.intp],
    diameter_mm: float,
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.float32]:
    """Return the evidence of what leads away from some voxels, (n, 3), in each of `SIZES`: shape (n, sizes).

    Of each ray the weaker of its two parts counts, each by its mean; of all rays the strongest. What merely
    lies near shows in one part only; noise averages out along a part, which the connectedness of single
    voxels does not use.
    """
    radius = 0.5 * diameter_mm
    rays = directions(RAYS)[:, None, :] / np.array(spacing_mm)
    found = np.zeros((len(places), len(SIZES)), np.float32)
    for n, size in enumerate(SIZES):
        output = evidence.outputs[size]
        means = []
        for low, high in ((NEAR_MM, FAR_MM), (FAR_MM, END_MM)):
            along = np.arange(radius + low + 0.5 * STEP_MM, radius + high, STEP_MM)
            points = places[:, None, None] + rays * along[None, :, None]
            cells = (points + 0.5) / np.array(output.stride) - 0.5
            values = ndimage.map_coordinates(
                output.values, cells.reshape(-1, 3).T, output=np.float32, order=1, mode="nearest"
            )
            means.append(values.reshape(points.shape[:3]).mean(axis=2) * np.float32(output.unit))
        found[:, n] = np.minimum(*means).max(axis=1)
    return found


def directions(count: int) -> NDArray[np.float64]:
    """Return directions even over the sphere, unit vectors of shape (`count`, 3)."""
    turn = np.arange(count) + 0.5
    down = np.arccos(1 - 2 * turn / count)
    round_ = math.pi * (1 + math.sqrt(5)) * turn
    return np.stack([np.cos(down), np.sin(down) * np.sin(round_), np.sin(down) * np.cos(round_)], axis=1)
