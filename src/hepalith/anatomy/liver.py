"""The liver as every later stage sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.depth import Depth
from hepalith.anatomy.organs import Organs
from hepalith.geometry import Box
from hepalith.vocabulary import Measurement

__all__ = ["LOBES", "Liver", "Phase"]

LOBES = {1: "right", 2: "left", 3: "caudate"}
"""Label of each lobe in `Liver.lobes`."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Contrast phase: ``none``, ``arterial``, ``portal``, ``delayed`` or ``unknown``, and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Liver:
    """Where the liver is, and how far to trust that.

    Parameters
    ----------
    box
        The smallest box that holds the liver; empty when no liver is in view.
    mask
        bool, shape of `box`, true in the liver: parenchyma, intrahepatic vessels and ducts,
        and lesions. Gallbladder, vena cava and extrahepatic portal vein are outside.
    lobes
        uint8, shape of `box`, keys of `LOBES`; 0 outside, or all 0 when lobes were not assessed.
    depth_mm
        Distance from the capsule inward over `box`, 0 outside. A face of the volume that cuts the
        liver is no capsule.
    source
        ``"builtin"``, ``"given"`` or ``"totalsegmentator"``.
    volume
        In mL, with its interval.
    in_view
        Estimated share of the liver that the scan covers, 0 to 1.
    quality, quality_reasons
        How far the outline can be trusted, 0 to 1, and what lowers it.
    weights_sha256
        Digest of the weights of the network that was asked; None where none was.
    organs
        What the network saw of every organ; None where it was not asked.
    """

    box: Box
    mask: NDArray[np.bool_]
    lobes: NDArray[np.uint8]
    depth_mm: Depth
    source: str
    volume: Measurement
    in_view: float
    quality: float
    quality_reasons: tuple[str, ...] = ()
    weights_sha256: str | None = None
    organs: Organs | None = None

    @property
    def is_in_view(self) -> bool:
        """Whether there is any liver at all."""
        return not self.box.is_empty
