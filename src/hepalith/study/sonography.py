"""How an ultrasound picture was made, as far as its header says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Capture", "Region", "Sonography"]


@dataclass(frozen=True, slots=True)
class Region:
    """One area of the screen that the header calibrates (Sequence of Ultrasound Regions, (0018,6011)).

    `box_px` is (first column, first row, last column, last row), both ends within. `mm_per_px` is the height
    and the width of a pixel; ``None`` where the region is not spatial (a trace) or the unit is not length.
    """

    kind: Literal["b_mode", "colour", "m_mode", "spectral", "trace", "other"]
    box_px: tuple[int, int, int, int]
    mm_per_px: tuple[float, float] | None = None
    shape: Literal["fan", "rectangle", "unknown"] = "unknown"
    frequency_mhz: float | None = None


@dataclass(frozen=True, slots=True)
class Sonography:
    """Settings of the scanner on which a shadow depends; ``None`` where the header does not say."""

    frequency_mhz: float | None = None
    """Transmitted frequency."""
    depth_mm: float | None = None
    """Depth of the field of view."""
    focus_mm: tuple[float, ...] | None = None
    """Depths of the transmit focus."""
    compounding: bool | None = None
    """Spatial compounding: it thins a shadow out."""
    harmonics: bool | None = None
    """Tissue harmonic imaging: it sharpens a shadow."""
    transducer: Literal["curved", "linear", "phased", "unknown"] = "unknown"
    frame_time_ms: float | None = None
    scanner: str = ""
    """Manufacturer and model."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What one ultrasound file says of itself: how it was made, and what its pixels mean."""

    sonography: Sonography = field(default_factory=Sonography)
    regions: tuple[Region, ...] = ()
    mm_per_px: tuple[float, float] | None = None
    """Height and width of a pixel in mm, from the B-mode region, else from Pixel Spacing."""
    aspect: float = 1.0
    """Height of a pixel over its width, for sizes that a user states."""
    photometric: str = ""
    """Photometric Interpretation; empty for files that are no DICOM."""
    planar: bool = False
    """Colours stored plane by plane (Planar Configuration 1)."""
    window: tuple[float, float] | None = None
    """Centre and width, for values of more than eight bits."""
    announced_bytes: int | None = None
    """Length of uncompressed Pixel Data; ``None`` where it is compressed."""
    warnings: tuple[str, ...] = ()
