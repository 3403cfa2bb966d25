"""What was acquired, of whom, and how: patients, studies, series."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath

from hepalith.study.sonography import Capture

__all__ = [
    "Acquisition",
    "Encoding",
    "GeneralStudy",
    "Identity",
    "InputFile",
    "Instance",
    "Plane",
    "Series",
    "SeriesLeft",
    "Study",
]


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
    issuer: str = ""
    """Who gave the patient id, where several do: it is one patient's only with its issuer."""
    removed_by: str = ""
    """How the source was de-identified, where its header says that it was."""


@dataclass(frozen=True, slots=True)
class GeneralStudy:
    """What the header says of the examination: results must carry it to be filed beside the images.

    Texts as DICOM writes them (dates ``YYYYMMDD``, times ``HHMMSS.FFFFFF``); empty where it is silent.

    References
    ----------
    DICOM PS3.3, C.7.2.1 (General Study Module).
    """

    date: str = ""
    time: str = ""
    id: str = ""
    accession_number: str = ""
    referring_physician: str = ""
    description: str = ""


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
class Plane:
    """Where one slice says it lies, in LPS millimetres; ``None`` where the header is silent."""

    position: tuple[float, float, float] | None = None
    """Centre of the first voxel (Image Position (Patient))."""
    orientation: tuple[float, ...] | None = None
    """Six cosines: direction of a row (column index rising), then of a column."""
    spacing_mm: tuple[float, float] | None = None
    """Between rows, then between columns (Pixel Spacing)."""
    thickness_mm: float | None = None
    between_mm: float | None = None
    """Spacing Between Slices, unsigned."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the values of one frame are stored, and what they mean."""

    transfer_syntax_uid: str
    rows: int
    columns: int
    frames: int = 1
    """In the whole file."""
    samples: int = 1
    bits_allocated: int = 16
    bits_stored: int = 16
    high_bit: int = 15
    signed: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    padding: tuple[int, int] | None = None
    """Stored values from the first to the second were never measured."""
    offset: int | None = None
    """Where the values of the first frame start in the file; ``None`` when they are compressed."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One file of a series, and which frame of it (0 in single-frame files)."""

    path: Path
    member: str | None = None
    """Name inside a zip archive; ``None`` for a plain file."""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    frame: int = 0
    number: int | None = None
    """Instance Number; in multi-frame files the frame's place."""
    plane: Plane | None = None
    encoding: Encoding | None = None
    capture: Capture | None = None
    """What an ultrasound file says of itself; ``None`` for everything else."""

    @property
    def name(self) -> str:
        """How messages call the file: never its folder, which often bears the patient's name."""
        return PurePosixPath(self.member or self.path.name).name


@dataclass(frozen=True, slots=True)
class Series:
    """One series: what it says of itself and where its files are.

    A DICOM series that holds several volumes (two phases under one UID, a localiser among
    slices) is several `Series` with one `uid` and different `part`.
    """

    uid: str
    modality: str
    """DICOM modality; ``"CT"`` is assumed for NIfTI, NRRD and MHA in Hounsfield units, ``"US"`` for
    stills."""
    description: str = ""
    number: int | None = None
    frame_of_reference_uid: str = ""
    acquisition: Acquisition = field(default_factory=Acquisition)
    instances: tuple[Instance, ...] = ()
    kind: str = "dicom"
    """``"dicom"``, ``"nifti"``, ``"nrrd"``, ``"mha"`` or ``"still"`` (PNG, JPEG and their like)."""
    part: str = ""
    """What sets this volume apart from others of the same series; empty when there is one."""
    study_uid: str = ""
    general: GeneralStudy = field(default_factory=GeneralStudy)
    stand_ins: tuple[str, ...] = ()
    """Which of its UIDs were made because the header had none: ``"study"``, ``"series"``,
    ``"frame of reference"``, ``"instances"``. Made ones are the same for the same files."""
    image_type: tuple[str, ...] = ()
    body_part: str = ""
    unfit: str = ""
    """Why this series cannot be read as a CT volume or as ultrasound; empty when it can."""
    warnings: tuple[str, ...] = ()
    """What was made or repaired while grouping, one sentence each."""


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
    warnings: tuple[str, ...] = ()
    """What was doubted while opening, one sentence each."""
