"""What one DICOM file says of itself, frame by frame."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from hepalith.study.acquisition import Acquisition, Encoding, GeneralStudy, Identity, Plane
from hepalith.study.capture import CAPTURE_TAGS, read_capture
from hepalith.study.elements import Elements, scan, scan_whole
from hepalith.study.sonography import Capture

__all__ = ["CT_CLASSES", "US_CLASSES", "Frame", "Header", "read_header"]

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT Image Storage",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT Image Storage",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT Image Storage",
}
"""SOP classes of CT (DICOM PS3.4, B.5)."""

ENHANCED_US = "1.2.840.10008.5.1.4.1.1.6.2"
"""SOP class of Enhanced US Volume Storage."""

US_CLASSES = frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1", ENHANCED_US,
        "1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3",
    )
)  # fmt: skip
"""SOP classes of ultrasound: image, multi-frame, volume, and the two retired ones (DICOM PS3.4, B.5;
PS3.6, A)."""

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""Prefix of the secondary capture SOP classes."""

UNNAMED = ("", "OT", "SC", "XC", "DG")
"""Modalities that name none: other, captured, photographed, digitised."""

DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
"""SOP class of a DICOMDIR (Media Storage Directory)."""

NATIVE_SYNTAXES = frozenset(
    ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.113619.5.2")
)
"""Transfer syntaxes whose pixel values lie in the file as they are."""

_PIXEL_MEASURES, _PLANE_POSITION, _PLANE_ORIENTATION = 0x00289110, 0x00209113, 0x00209116
_VALUE_TRANSFORMATION, _FRAME_CONTENT, _CT_FRAME_TYPE = 0x00289145, 0x00209111, 0x00189329
_SHARED, _PER_FRAME = 0x52009229, 0x52009230

_WANTED = frozenset(
    (
        0x00020010, 0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080020, 0x00080030, 0x00080050,
        0x00080060, 0x00080070, 0x00080090,
        0x00081030, 0x0008103E, 0x00081090, 0x00100010, 0x00100020, 0x00100021, 0x00100030, 0x00100040,
        0x00101010, 0x00120062, 0x00120063,
        0x00180010, 0x00180015, 0x00180050, 0x00180060, 0x00180088, 0x00181030, 0x00181120, 0x00181210,
        0x0020000D, 0x0020000E, 0x00200010, 0x00200011, 0x00200012, 0x00200013, 0x00200032, 0x00200037,
        0x00200052, 0x00200100, 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011, 0x00280030,
        0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280120, 0x00280121, 0x00280303, 0x00281052,
        0x00281053, 0x00281054,
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its plane, its rescale, and where it stands among the others."""

    index: int
    plane: Plane
    slope: float = 1.0
    intercept: float = 0.0
    number: int | None = None
    temporal: int | None = None
    stack: str = ""
    image_type: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """One DICOM file without its pixels."""

    path: Path
    member: str | None
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    modality: str
    study_date: str
    study_description: str
    study_id: str
    dates_removed: bool
    identity: Identity
    description: str
    protocol: str
    series_number: int | None
    acquisition_number: int | None
    image_type: tuple[str, ...]
    body_part: str
    acquisition: Acquisition
    encoding: Encoding | None
    """``None`` for what holds no pixels: reports, plans, presentation states."""
    photometric: str = ""
    frames: tuple[Frame, ...] = field(default=())
    has_pixels: bool = True
    """Whether Pixel Data follows the header."""
    rescaled: bool = True
    """Whether the header says how stored values become HU."""
    rescale_unclear: bool = False
    """Whether it says so in something that is no number, or with a slope of zero."""
    capture: Capture | None = None
    """What an ultrasound file says of its screen; ``None`` for everything else."""
    general: GeneralStudy = field(default_factory=GeneralStudy)

    @property
    def name(self) -> str:
        """How messages call the file."""
        return PurePosixPath(self.member or self.path.name).name


def read_header(
    data: bytes, path: Path, member: str | None, file: BinaryIO | None = None, *, captures_are: str = ""
) -> Header:
    """Read the header of a DICOM file.

    Parameters
    ----------
    data
        The start of the file (or all of it).
    path, member
        Where it is: a file, or a member of the zip archive at `path`.
    file
        The whole file, read where `data` does not reach to the pixels.
    captures_are
        The modality that secondary captures are taken for which name none.

    Raises
    ------
    CannotParseError
        If it is no DICOM file or its header is damaged.
    """
    elements = scan(data, _WANTED | CAPTURE_TAGS, file)
    encoding = _read_encoding(elements)
    modality = _modality(elements)
    if captures_are and modality in UNNAMED and elements.text(0x00080016).startswith(SECONDARY_CAPTURE):
        modality = captures_are
    capture = None
    if modality == "US" and encoding is not None:
        if elements.dataset is None:
            elements = scan_whole(data, _WANTED | CAPTURE_TAGS, file)
        capture = read_capture(elements, encoding)
    frames: tuple[Frame, ...] = ()
    if encoding is not None:
        # The frames of a loop are read as one: what is said of each on its own is of no use here.
        frames = _read_frames(elements, replace(encoding, frames=1) if capture else encoding)
    return Header(
        path=path,
        member=member,
        sop_class_uid=elements.text(0x00080016),
        sop_instance_uid=elements.text(0x00080018),
        study_uid=elements.text(0x0020000D),
        series_uid=elements.text(0x0020000E),
        frame_of_reference_uid=elements.text(0x00200052),
        modality=modality,
        study_date=elements.text(0x00080020),
        study_description=elements.text(0x00081030),
        study_id=elements.text(0x00200010),
        dates_removed=elements.text(0x00280303).upper() in ("REMOVED", "MODIFIED"),
        identity=Identity(
            patient_id=elements.text(0x00100020),
            patient_name=elements.text(0x00100010),
            birth_date=elements.text(0x00100030),
            sex=elements.text(0x00100040).upper(),
            age_years=parse_age(elements.text(0x00101010)),
            issuer=elements.text(0x00100021),
            removed_by=_read_removal(elements),
        ),
        description=elements.text(0x0008103E),
        protocol=elements.text(0x00181030),
        series_number=elements.whole(0x00200011),
        acquisition_number=elements.whole(0x00200012),
        image_type=tuple(value.upper() for value in elements.texts(0x00080008)),
        body_part=elements.text(0x00180015).upper(),
        acquisition=_read_acquisition(elements),
        encoding=encoding,
        photometric=elements.text(0x00280004).upper(),
        frames=frames,
        has_pixels=elements.has_pixels,
        rescaled=0x00281052 in elements.raw or bool(elements.items(_SHARED) or elements.items(_PER_FRAME)),
        rescale_unclear=_is_unclear(elements, 0x00281052) or _is_unclear(elements, 0x00281053, zero=True),
        capture=capture,
        general=GeneralStudy(
            date=elements.text(0x00080020),
            time=elements.text(0x00080030),
            id=elements.text(0x00200010),
            accession_number=elements.text(0x00080050),
            referring_physician=elements.text(0x00080090),
            description=elements.text(0x00081030),
        ),
    )


def _read_removal(elements: Elements) -> str:
    """Return how a header was de-identified; empty where it does not say that it was."""
    if elements.text(0x00120062).upper() != "YES":
        return ""
    return elements.text(0x00120063) or "not said by the source"


def parse_age(text: str) -> float | None:
    """Return the years of a DICOM age string.

    Examples
    --------
    >>> parse_age("068Y"), parse_age("018M"), parse_age("n/a")
    (68.0, 1.5, None)
    """
    match = re.fullmatch(r"(\d{1,3})([DWMY]?)", text.strip().upper())
    if match is None:
        return None
    per_year = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0, "": 1.0}
    return int(match[1]) / per_year[match[2]]


def _modality(elements: Elements) -> str:
    named = elements.text(0x00080060).upper()
    if elements.text(0x00080016) in US_CLASSES:
        return "US"
    return "CT" if not named and elements.text(0x00080016) in CT_CLASSES else named


def _read_acquisition(elements: Elements) -> Acquisition:
    maker, model = elements.text(0x00080070), elements.text(0x00081090)
    return Acquisition(
        slice_thickness_mm=_positive(elements.number(0x00180050)),
        kernel=" ".join(elements.texts(0x00181210)),
        kvp=_positive(elements.number(0x00180060)),
        contrast_agent=elements.text(0x00180010),
        gantry_tilt_degrees=elements.number(0x00181120),
        scanner=" ".join(part for part in (maker, model) if part),
    )


def _positive(number: float | None) -> float | None:
    return number if number is not None and number > 0 else None


def _read_encoding(elements: Elements) -> Encoding | None:
    rows, columns = elements.integer(0x00280010), elements.integer(0x00280011)
    if not rows or not columns:
        return None
    allocated = elements.integer(0x00280100) or 16
    stored = elements.integer(0x00280101) or allocated
    high = elements.integer(0x00280102)
    signed = elements.integer(0x00280103) == 1
    limits = [elements.integer(tag, signed=signed) for tag in (0x00280120, 0x00280121)]
    given = sorted(value for value in limits if value is not None)
    native = elements.transfer_syntax_uid in NATIVE_SYNTAXES and elements.pixel_length != 0xFFFFFFFF
    return Encoding(
        transfer_syntax_uid=elements.transfer_syntax_uid,
        rows=rows,
        columns=columns,
        frames=max(1, elements.whole(0x00280008) or 1),
        samples=elements.integer(0x00280002) or 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high is None else high,
        signed=signed,
        padding=(given[0], given[-1]) if given and limits[0] is not None else None,
        offset=elements.pixel_offset if native and elements.has_pixels else None,
    )


def _read_frames(elements: Elements, encoding: Encoding) -> tuple[Frame, ...]:
    shared, per_frame = elements.first(_SHARED), elements.items(_PER_FRAME)
    if per_frame or shared.raw or shared.dataset is not None:
        groups = per_frame or [Elements({})] * encoding.frames
        return tuple(
            _read_functional_groups(n, shared, group) for n, group in enumerate(groups[: encoding.frames])
        )
    frame = Frame(
        index=0,
        plane=_read_plane(elements, elements, elements),
        slope=_slope(elements),
        intercept=elements.number(0x00281052) or 0.0,
        number=elements.whole(0x00200013),
        temporal=elements.whole(0x00200100),
    )
    if encoding.frames == 1:
        return (frame,)
    return tuple(
        Frame(n, Plane(None, frame.plane.orientation, frame.plane.spacing_mm, frame.plane.thickness_mm,
                       frame.plane.between_mm), frame.slope, frame.intercept, n + 1)
        for n in range(encoding.frames)
    )  # fmt: skip


def _read_functional_groups(index: int, shared: Elements, own: Elements) -> Frame:
    """Return one frame of an enhanced multi-frame image (DICOM PS3.3, C.7.6.16)."""

    def group(tag: int) -> Elements:
        mine = own.first(tag)
        return mine if mine.raw else shared.first(tag)

    transformation, content = group(_VALUE_TRANSFORMATION), group(_FRAME_CONTENT)
    return Frame(
        index=index,
        plane=_read_plane(group(_PLANE_POSITION), group(_PLANE_ORIENTATION), group(_PIXEL_MEASURES)),
        slope=_slope(transformation),
        intercept=transformation.number(0x00281052) or 0.0,
        number=content.integer(0x00209057) or index + 1,
        temporal=content.integer(0x00209128),
        stack=content.text(0x00209056),
        image_type=tuple(value.upper() for value in group(_CT_FRAME_TYPE).texts(0x00089007)),
    )


def _slope(elements: Elements) -> float:
    slope = elements.number(0x00281053)
    return slope if slope else 1.0  # a slope of 0 or none at all: values are HU but for the intercept


def _is_unclear(elements: Elements, tag: int, *, zero: bool = False) -> bool:
    """Return whether a value is written that is no number (or zero, where `zero` means nothing)."""
    number = elements.number(tag)
    return bool(elements.text(tag)) and (number is None or (zero and number == 0))


def _read_plane(position: Elements, orientation: Elements, measures: Elements) -> Plane:
    place = position.numbers(0x00200032, 3)
    spacing = measures.numbers(0x00280030, 2)
    between = measures.number(0x00180088)
    return Plane(
        position=None if place is None else (place[0], place[1], place[2]),
        orientation=orientation.numbers(0x00200037, 6),
        spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        thickness_mm=_positive(measures.number(0x00180050)),
        between_mm=None if not between else abs(between),
    )
