"""An echo: one bright body in one ultrasound picture, with what lies behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.vocabulary import Assessed, NotAssessable

__all__ = ["Echo", "Echoes", "Observation", "Shadow"]


@dataclass(frozen=True, slots=True)
class Observation:
    """Where a focus stands in one picture; pixels of the stored image, x before y."""

    image: str
    frame: int
    region: int
    bbox_px: tuple[float, float, float, float]
    centroid_px: tuple[float, float]
    depth_mm: float | None = None
    """From the transducer's face along the beam; ``None`` where pixels have no size."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """What lies behind a bright body along the beam lines.

    `grade` is ``none``, ``faint``, ``clean``, ``dirty``, ``comet_tail`` or ``not_assessable``; `index` is the
    share of the neighbours' brightness that is missing behind it (0: none, 1: black). `expected` is the
    probability that a calcified body of this size, at this depth, frequency and compounding would throw a
    shadow that can be seen; ``None`` where size or settings are unknown.
    """

    grade: str
    index: Assessed
    probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    expected: float | None = None
    reason: str = ""


UNSEEN_SHADOW = Shadow("not_assessable", NotAssessable("it was not measured"))
"""Of a body whose shadow nobody looked for."""


@dataclass(frozen=True, slots=True)
class Echo:
    """One bright body in one frame.

    `label` is what it is (`calcification`, `echogenic_focus` where the substance cannot be said, or which
    mimic: `gas`, `ligament_or_fissure`, `diaphragm`, `gallstone`, `stent_or_catheter`, `reverberation`,
    `bone_or_cartilage`, `bowel_content`, …) with `probability`, and `probabilities` of all.
    `probability_bright` is that it is a body at all and no speckle.
    """

    id: int
    label: str
    probability: float
    reason: str
    observation: Observation
    beam: tuple[float, float]
    """Sample and line of its centre on the beam grid."""
    contrast: float
    """Brightness above the surroundings at its depth, in standard deviations of speckle."""
    length_px: float
    """Longest caliper on the screen, corrected for the blur where it can be."""
    width_px: float
    diameter: Assessed
    """`length_px` in mm."""
    morphology: str
    morphology_probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    probabilities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    probability_bright: float = 1.0
    shadow: Shadow = UNSEEN_SHADOW
    extra: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """What later findings use: edge sharpness, tail length, angle to the beam, …"""

    @property
    def is_counted(self) -> bool:
        """Whether it is a bright focus in the liver: calcium, or of a substance not yet named."""
        return self.label in COUNTED


COUNTED = ("calcification", "echogenic_focus")
"""Labels of bright foci in the liver on ultrasound; every other label is a mimic, named."""


@dataclass(frozen=True, slots=True, eq=False)
class Echoes:
    """All bright bodies of one frame, the brightest first, ids from 1.

    `labels` is int32 on the beam grid (sample, line): label = id. `smallest_focus` is the diameter of the
    smallest bright body that this picture would have shown with a probability of 0.9.
    """

    echoes: tuple[Echo, ...]
    labels: NDArray[np.int32]
    smallest_focus: Assessed = field(default_factory=lambda: NotAssessable("it was not estimated"))
    why: str = ""
