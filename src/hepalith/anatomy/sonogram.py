"""What one ultrasound picture shows around bright foci: liver tissue, dark bodies, bright lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["BrightLine", "DarkBody", "Sonogram"]


@dataclass(frozen=True, slots=True)
class DarkBody:
    """One dark, echo-poor body: a tube (vessel or duct), a cyst, the gallbladder, free fluid, a dark lesion.

    `kind` is ``vessel``, ``duct``, ``tube`` (vessel or duct, not told apart), ``cyst``, ``gallbladder``,
    ``fluid``, ``lesion`` (echo-poor, not empty) or ``unknown``, with `probabilities` of each.
    """

    id: int
    kind: str
    probabilities: Mapping[str, float]
    centre: tuple[float, float]
    """Sample and line."""
    area_px: float
    calibre_px: float
    """Mean width across a tube; the shorter diameter of a round body."""
    length_px: float
    wall_contrast: float
    """Brightness of its rim above the tissue, in standard deviations of speckle."""
    enhancement: float
    """Brightness behind it above its neighbours at the same depth, in standard deviations."""
    emptiness: float
    """0: as bright as liver, 1: as dark as the darkest of the picture."""
    extra: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Elongation, branches, beside_parallel (another tube runs along it: parallel channel), septa, …"""


@dataclass(frozen=True, slots=True)
class BrightLine:
    """One long bright line or band that is no focus.

    `kind` is ``diaphragm``, ``capsule``, ``gallbladder_wall``, ``ligament_or_fissure``, ``vessel_wall``,
    ``kidney``, ``bowel`` or ``unknown``.
    """

    id: int
    kind: str
    probabilities: Mapping[str, float]
    length_px: float
    thickness_px: float
    extra: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class Sonogram:
    """What one frame shows besides bright foci. Every array runs (sample, line) on the beam grid.

    Parameters
    ----------
    liver
        bool: what is believed to be liver, with the vessels, ducts and lesions in it, without gallbladder,
        kidney, diaphragm, gut, and what lies in a rib's shadow.
    background
        float32, grey levels: what plain liver tissue of this picture looks like at each place (gain,
        attenuation), smooth.
    speckle_sd
        float32, grey levels: standard deviation of speckle at each place, smooth.
    dark, lines
        int32 labels of `bodies` and `bright_lines`; 0: none.
    heard
        bool: where echoes can be judged: not beyond penetration, not under a rib or poor contact.
    in_view
        Share of the picture that is liver, 0 to 1; 0 where none was found.
    quality, quality_reasons
        How far `liver` can be trusted, 0 to 1.
    texture
        Measures of the parenchyma: ``coarse``, ``bright`` (fatty), ``attenuating``, ``network``: each the
        probability of it, absent where not judged.
    """

    liver: NDArray[np.bool_]
    background: NDArray[np.float32]
    speckle_sd: NDArray[np.float32]
    dark: NDArray[np.int32]
    bodies: tuple[DarkBody, ...]
    lines: NDArray[np.int32]
    bright_lines: tuple[BrightLine, ...]
    heard: NDArray[np.bool_]
    in_view: float
    quality: float
    quality_reasons: tuple[str, ...] = ()
    texture: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
