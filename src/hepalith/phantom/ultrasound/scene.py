"""What lies in the plane of a sonogram: tissues, reflecting lines and bright bodies, with their physics.

Levels are of the echo's power in dB against normal liver; attenuation is one way, in dB/cm/MHz.
"""

from __future__ import annotations

from dataclasses import dataclass

from hepalith.phantom.ultrasound.shape import Shape

__all__ = ["Body", "DuctPlace", "Reflector", "SonoScene", "Tissue"]


@dataclass(frozen=True, slots=True)
class Tissue:
    """A region of one tissue, painted over what was painted before.

    `kind` is a word of :data:`hepalith.phantom.ultrasound.truth.TISSUES`. `attenuation` ``None`` keeps what
    was there. `grain_db` modulates the backscatter with waves of `grain_mm` (coarse tissue). `within` bounds
    it to another tissue's shape.
    """

    kind: str
    shape: Shape
    level_db: float
    attenuation: float | None = None
    soft_mm: float = 0.8
    grain_db: float = 0.0
    grain_mm: float = 4.0
    within: Shape | None = None


@dataclass(frozen=True, slots=True)
class Reflector:
    """A smooth surface: bright where the beam meets it square (|cos|^`directivity`), at least `least`."""

    kind: str
    shape: Shape
    level_db: float
    directivity: float = 6.0
    least: float = 0.1
    soft_mm: float = 0.4
    grain_db: float = 0.0
    within: Shape | None = None


@dataclass(frozen=True, slots=True)
class DuctPlace:
    """Where a body lies against the bile ducts: words of the contract."""

    relation: str = "apart"
    calibre_mm: float | None = None
    dilated: bool = False
    fluid_around: bool = False
    upstream_dilated: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """One bright body, calcium or what is taken for it.

    Parameters
    ----------
    id
        From 1; 0 for what is no entry of the truth.
    label, morphology
        Words of the contract.
    shape
        Its outline in the plane.
    level_db
        Echo above liver.
    coherent
        Share of its echo's amplitude that is one smooth echo rather than speckle.
    surface_db, inside_db_per_cm_mhz
        One-way loss on entering, and within. Stone and dense calcium reflect and absorb; a soft pigment
        stone lets sound through.
    thickness_mm, offset_mm
        Its extent across the plane, and how far its middle lies off it.
    haze_db
        Reverberation behind it (gas): power against liver, falling by `haze_fall_db_mm`; ``None``: none.
    tail_db, tail_mm, tail_fall_db_mm
        Repeating echoes behind it (comet tail): power, distance of two, fall.
    """

    id: int
    label: str
    morphology: str
    shape: Shape
    diameter_mm: float
    width_mm: float
    level_db: float = 22.0
    coherent: float = 0.5
    surface_db: float = 4.0
    inside_db_per_cm_mhz: float = 12.0
    thickness_mm: float = 4.0
    offset_mm: float = 0.0
    haze_db: float | None = None
    haze_fall_db_mm: float = 0.15
    tail_db: float | None = None
    tail_mm: float = 1.5
    tail_fall_db_mm: float = 0.8
    duct: DuctPlace | None = None
    host: int = 0
    group: int = 0
    moves: str = ""
    """How it moves against the liver: ``""`` (with it), ``rolls`` (a loose stone), ``bubbles`` (gas)."""


@dataclass(frozen=True, slots=True)
class SonoScene:
    """A plane through the abdomen.

    `tissues` are painted in order, `reflectors` and `bodies` over them. `wall_mm` is the thickness of skin,
    fat and muscle, which do not move with the breath.
    """

    tissues: tuple[Tissue, ...]
    reflectors: tuple[Reflector, ...] = ()
    bodies: tuple[Body, ...] = ()
    wall_mm: float = 15.0
    level_db: float = 0.0
    attenuation: float = 0.5
    contact_db: tuple[float, ...] = ()
    """Loss on the way in, at equally spaced lines."""
