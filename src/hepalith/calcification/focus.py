"""A focus: one bright body in or at the liver, measured and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.echo import Observation, Shadow
from hepalith.geometry import Box
from hepalith.vocabulary import Assessed

__all__ = ["BESIDE_REASON", "Detectability", "Foci", "Focus"]


BESIDE_REASON = "it lies beside the liver"
"""Why a gallstone, or plaque and metal of the hilum, has no place in the liver."""


@dataclass(frozen=True, slots=True)
class Detectability:
    """The smallest calcified focus that this scan could have shown.

    `smallest_focus` is the diameter in mm of a sphere `at_excess_hu` above its surroundings
    that would have been called with a probability of 0.9; `why` names noise, blur and slice.
    """

    smallest_focus: Assessed
    at_excess_hu: float
    why: str


@dataclass(frozen=True, slots=True)
class Focus:
    """One connected bright body, what it is made of, and how large it is.

    `label` says what it is (`calcification`, or which mimic), with `probability`; `reason`
    says in a sentence why. The primary measure is `integrated_excess`: the sum over voxels
    of HU above the local background times the voxel volume. Below the scanner's blur only
    that product of volume and contrast can be known (`volume_limited_by_resolution`).
    """

    id: int
    label: str
    probability: float
    reason: str
    centroid_lps_mm: tuple[float, float, float] | None
    """``None`` on ultrasound, whose pictures have no place in the patient."""
    volume: Assessed
    volume_limited_by_resolution: bool
    diameter: Assessed
    background_hu: Assessed
    mean_hu: Assessed
    peak_hu: Assessed
    integrated_excess: Assessed
    mass: Assessed
    score_agatston_convention: Assessed
    morphology: str
    morphology_probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lobe: str | None = None
    """``left``, ``right``, ``caudate``, or ``None`` where lobes were not assessed."""
    capsule_distance: Assessed | None = None
    beside_liver: bool = False
    """It lies beside the liver and has no place in it: a gallstone, plaque or metal of the hilum."""
    extra: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Geometry that later findings use: elongation, sphericity, hollow share, …"""
    shadow: Shadow | None = None
    """What lies behind it on ultrasound; ``None`` on CT."""
    observations: tuple[Observation, ...] = ()
    """Where it stands in each ultrasound picture that shows it."""

    @property
    def place_lps_mm(self) -> tuple[float, float, float]:
        """Its centre in the patient, of a focus that CT found.

        Raises
        ------
        ValueError
            If it was seen on ultrasound only, whose pictures have no place in the patient.
        """
        if self.centroid_lps_mm is None:
            raise ValueError("a focus on ultrasound has no place in the patient")
        return self.centroid_lps_mm


@dataclass(frozen=True, slots=True, eq=False)
class Foci:
    """All foci of one image, largest integrated excess first, ids from 1.

    `labels` is a label map of `box` (label = focus id); `box` lies in the image.
    """

    foci: tuple[Focus, ...]
    box: Box
    labels: NDArray[np.integer[Any]]
    detectability: Detectability

    @property
    def calcifications(self) -> tuple[Focus, ...]:
        """The foci that are calcium in the liver, and no mimic."""
        return tuple(f for f in self.foci if f.label == "calcification")
