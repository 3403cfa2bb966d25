"""Where a body stands: to the hilum, in the liver, among others as bright, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.extent.aperture import Aperture, Scene

__all__ = ["NO_STATION", "Station", "station_of"]

FAR_MM = 120.0
"""Distance that stands for that of a hilum that is not known, and the most that is told."""

ALIKE, NEAR_MM = 1.35, 30.0
"""Ratio of brightness up to which another body is as bright, and how near it counts: stones of one
gallbladder, pieces of one cast or stent. Small bodies lose more to blur, so that the bound is wide. Our
judgement."""

DENSE_HU = (1300.0, 2200.0)
"""HU above which little calcium, and nearly none but metal, lies."""


@dataclass(frozen=True, slots=True)
class Station:
    """Where a body stands.

    Parameters
    ----------
    hilum_mm
        Distance of its middle from the hilum.
    reach_mm
        Farthest less nearest distance of its voxels from the hilum: a duct or a portal branch runs toward it.
    radial
        Cosine of its long axis with the way to the hilum, 0 to 1.
    taper
        Share of its volume in the half of that stretch nearer the hilum: a tree thins out away from it.
    slope
        Brightness of that half over that of the other.
    height, front, right
        Place of its middle in the liver's box, 0 to 1 each: from the first slice, the front, the right.
    alike
        Other bodies within `NEAR_MM` that are as bright.
    alike_mm
        Distance of the nearest of them; `NEAR_MM` where there is none.
    dense, denser
        Shares of its voxels above `DENSE_HU`.
    lower, upper
        First quarter and nine tenths of its brightness, over the median: a cast is even.
    """

    hilum_mm: float = FAR_MM
    reach_mm: float = 0.0
    radial: float = 0.0
    taper: float = 0.5
    slope: float = 1.0
    height: float = 0.5
    front: float = 0.5
    right: float = 0.5
    alike: int = 0
    alike_mm: float = NEAR_MM
    dense: float = 0.0
    denser: float = 0.0
    lower: float = 1.0
    upper: float = 1.0


NO_STATION = Station()
"""Of a body of which nothing else is known."""


def station_of(
    number: int,
    aperture: Aperture,
    scene: Scene,
    *,
    centres_mm: NDArray[np.float64],
    peaks_hu: NDArray[np.float64],
    liver_box: tuple[NDArray[np.float64], NDArray[np.float64]],
    hilum_mm: NDArray[np.float64] | None = None,
) -> Station:
    """Return where a body stands.

    Parameters
    ----------
    number
        Its place among the candidates.
    aperture, scene
        Where it is measured; the crop.
    centres_mm, peaks_hu
        Of all candidates: place in the crop, (n, 3), and largest excess, (n,).
    liver_box
        First voxel of the liver in the crop, and that after the last.
    hilum_mm
        Where the hilum is expected, in mm within the crop; None where no landmark tells.
    """
    spacing = np.asarray(scene.spacing_mm)
    points = (np.argwhere(aperture.extent) + np.asarray(aperture.box.start)).astype(np.float64)
    excess = aperture.excess[aperture.extent].astype(np.float64)
    hu = scene.hu[aperture.box.slices][aperture.extent]
    low, high = liver_box
    height, front, right = (float(v) for v in np.clip((points.mean(axis=0) - low) / (high - low), -0.3, 1.3))
    others = np.linalg.norm(centres_mm - centres_mm[number], axis=1)
    ratio = peaks_hu / max(float(peaks_hu[number]), 1.0)
    same = (others <= NEAR_MM) & (ratio <= ALIKE) & (ratio >= 1 / ALIKE)
    same[number] = False
    middle = max(float(np.median(excess)), 1.0)
    lower, upper = (float(v) / middle for v in np.quantile(excess, (0.25, 0.9)))
    return Station(
        height=height,
        front=front,
        right=right,
        alike=int(same.sum()),
        alike_mm=float(others[same].min()) if same.any() else NEAR_MM,
        dense=float((hu > DENSE_HU[0]).mean()),
        denser=float((hu > DENSE_HU[1]).mean()),
        lower=lower,
        upper=upper,
        **_toward(points * spacing, excess, hilum_mm),
    )


def _toward(
    points_mm: NDArray[np.float64], excess: NDArray[np.float64], hilum_mm: NDArray[np.float64] | None
) -> dict[str, float]:
    """Return how a body lies to the hilum."""
    if hilum_mm is None:
        return {}
    away = np.linalg.norm(points_mm - hilum_mm, axis=1)
    middle = points_mm.mean(axis=0)
    way = hilum_mm - middle
    distance = float(np.linalg.norm(way))
    if len(points_mm) < 4:
        return {"hilum_mm": min(distance, FAR_MM)}
    _, axes = np.linalg.eigh(np.cov((points_mm - middle).T))
    radial = abs(float(axes[:, -1] @ way)) / max(distance, 1.0)
    near = away <= 0.5 * (away.min() + away.max())
    slope = float(excess[near].mean() / max(float(excess[~near].mean()), 1.0)) if not near.all() else 1.0
    return {
        "hilum_mm": min(distance, FAR_MM),
        "reach_mm": float(away.max() - away.min()),
        "radial": min(radial, 1.0),
        "taper": float(near.mean()),
        "slope": min(slope, 3.0),
    }
