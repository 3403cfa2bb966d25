"""Dark bodies, bright lines and masses of an ultrasound picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["BrightLine", "DarkBody", "Lesion"]


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


@dataclass(frozen=True, slots=True)
class Lesion:
    """One mass in the liver that differs from its surroundings in brightness, dark or bright.

    Contrasts are in standard deviations of speckle above the surrounding liver; `bulls_eye` is the
    probability of a dark rim about a brighter centre.
    """

    id: int
    centre: tuple[float, float]
    """Sample and line."""
    length_px: float
    width_px: float
    centre_contrast: float
    rim_contrast: float
    border_sharpness: float
    """Step of brightness across its border, in standard deviations of speckle."""
    bulls_eye: float
    probability: float
    """That it is a mass at all."""
    extra: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
