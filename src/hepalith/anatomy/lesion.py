"""Lesions of the liver: regions darker or brighter than its parenchyma, with extent, edge and texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Box

__all__ = ["Lesion", "Lesions"]


@dataclass(frozen=True, slots=True)
class Lesion:
    """One region of the liver that differs from its parenchyma.

    Parameters
    ----------
    id
        Its label in `Lesions.labels`.
    centre_lps_mm
        Middle of its extent.
    diameter_mm, diameter_error_mm
        Longest caliper of its extent at half of its contrast, and the standard error of that.
    volume_ml
        Of that extent.
    core_hu, contrast_hu
        Mean HU of what lies deeper than the blur of its edge, and how far that is from the parenchyma about it.
    contrast_error_hu
        Standard error of the contrast: noise, and how far the liver's own texture strays at this size.
    rim_hu
        Mean HU of the layer beneath its edge.
    edge_mm
        Distance over which the mean HU goes from an eighth to seven eighths of the contrast.
    texture_hu
        Standard deviation of the core beyond what noise explains.
    fat_share, gas_share, fluid_share
        Shares of the core below -20 HU, below -200 HU, and between -20 and 25 HU.
    pools
        Number of separate dark places inside that are smaller than half of it.
    roundness
        Depth of its deepest place over the radius of a ball of its volume: 1 for a ball, less for tubes and
        sheets.
    capsule_share
        Share of its surface at the liver's edge.
    """

    id: int
    centre_lps_mm: tuple[float, float, float]
    diameter_mm: float
    diameter_error_mm: float
    volume_ml: float
    core_hu: float
    contrast_hu: float
    contrast_error_hu: float
    rim_hu: float
    edge_mm: float
    texture_hu: float
    fat_share: float
    gas_share: float
    fluid_share: float
    pools: int
    roundness: float
    capsule_share: float


@dataclass(frozen=True, slots=True, eq=False)
class Lesions:
    """Every lesion that was seen, and the parenchyma it was seen against.

    Parameters
    ----------
    lesions
        Largest first, ids from 1.
    box
        Where `labels` lies in the image.
    labels
        uint8, shape of `box`: id of the lesion.
    parenchyma_hu
        Of the liver without vessels, lesions and calcium.
    """

    lesions: tuple[Lesion, ...]
    box: Box
    labels: NDArray[np.uint8]
    parenchyma_hu: float
