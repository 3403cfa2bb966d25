"""What was acquired, of whom, and how: patients, studies, series."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

__all__ = ["Acquisition", "Identity", "InputFile", "Instance", "Series", "SeriesLeft", "Study"]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that a reading was made from, by digest."""

    name: str
    """Name within the input, never an absolute path."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the header says the patient is. Stays in `source.json`; never in `reading.json`."""

    patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    """DICOM's M, F, O or empty."""
    age_years: float | None = None


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How one series was made. ``None`` or empty where the header does not say."""

    slice_thickness_mm: float | None = None
    kernel: str = ""
    kvp: float | None = None
    contrast_agent: str = ""
    gantry_tilt_degrees: float | None = None
    scanner: str = ""
    """Manufacturer and model."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One file of a series, and which frame of it (0 in single-frame files)."""

    path: Path
    member: str | None = None
    """Name inside a zip archive; ``None`` for a plain file."""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """One series: what it says of itself and where its files are."""

    uid: str
    modality: str
    """DICOM modality; ``"CT"`` is assumed for NIfTI, NRRD and MHA in Hounsfield units."""
    description: str = ""
    number: int | None = None
    frame_of_reference_uid: str = ""
    acquisition: Acquisition = field(default_factory=Acquisition)
    instances: tuple[Instance, ...] = ()
    kind: str = "dicom"
    """``"dicom"``, ``"nifti"``, ``"nrrd"`` or ``"mha"``."""


@dataclass(frozen=True, slots=True)
class SeriesLeft:
    """A series that was not read, and why."""

    uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class Study:
    """One examination of one patient."""

    uid: str
    date: date | None
    identity: Identity
    series: tuple[Series, ...]
    inputs: tuple[InputFile, ...] = ()
    dates_removed: bool = False
    """The header says that its dates were removed or shifted."""
    left: tuple[SeriesLeft, ...] = ()
    """Objects passed over while opening (not images, not readable), with the reason."""
