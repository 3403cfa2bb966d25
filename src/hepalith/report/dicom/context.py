"""What every DICOM object of a reading says alike: of whom, of which examination, made by what and when.

UIDs follow from the reading's id, and no clock is read: the same reading gives the same bytes. Content Date
is therefore the date of the examination that the content is of; see ``docs/conformance.md``.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from hepalith import __version__
from hepalith.errors import OutputError
from hepalith.geometry import Grid
from hepalith.reading import Reading, SourceImage
from hepalith.reading.folder import PRIVATE_MODE
from hepalith.reading.source import SourceInstance
from hepalith.vocabulary.coding import PRIVATE_SCHEME, PRIVATE_SCHEME_UID, Coded

__all__ = [
    "MAKER",
    "NO_DATE",
    "code_item",
    "coordinate",
    "decimal",
    "derived_uid",
    "file_under",
    "name_scheme",
    "reference_source",
    "save_object",
    "say_stand_ins",
    "say_when",
    "source_dataset",
    "source_slices",
    "stamp",
    "written",
]

MAKER: Final = "hepalith"
"""Manufacturer and model name of our objects."""

NO_DATE: Final = "19000101"
"""Content Date where the examination has none (it may not be empty): plainly no date of anything.

DICOM PS3.3 makes it type 1 in reports; our judgement."""

NAMESPACE = uuid.UUID("0d1cbb3c-6c75-5f6e-8c0b-6a4be3a37e10")
"""UUID namespace of the objects made from readings: a random number drawn once."""

UTF8: Final = "ISO_IR 192"
"""Specific Character Set of everything we write: Unicode in UTF-8 (DICOM PS3.3, C.12.1.1.2)."""


def derived_uid(reading: Reading, role: str) -> UID:
    """Return the UID of an object or series of a reading: one reading and role have one UID.

    A later revision has another id, and so other UIDs (DICOM PS3.5, annex B.2).
    """
    entry = reading.document.reading
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, f'{entry.id} {entry.revision} {role}').int}")


def file_under(reading: Reading, dataset: Dataset) -> None:
    """Set patient and study of an object: those of the primary image.

    References
    ----------
    DICOM PS3.3, C.7.1.1 (Patient), C.7.2.1 (General Study), C.12.1.4 (de-identification).
    """
    source = reading.source
    who, study = source.identity, source.primary.general
    dataset.SpecificCharacterSet = UTF8
    dataset.PatientName = who.patient_name
    dataset.PatientID = who.patient_id
    if who.issuer:
        dataset.IssuerOfPatientID = who.issuer
    dataset.PatientBirthDate = who.birth_date
    dataset.PatientSex = who.sex
    dataset.StudyInstanceUID = source.primary.study_uid
    dataset.StudyDate = study.date
    dataset.StudyTime = study.time
    dataset.StudyID = study.id
    dataset.AccessionNumber = study.accession_number
    dataset.ReferringPhysicianName = study.referring_physician
    if study.description:
        dataset.StudyDescription = study.description
    if who.removed_by:
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = who.removed_by.split("\\")
    if source.is_hidden:
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = "hepalith: identity, dates and UIDs left out when read"
        dataset.LongitudinalTemporalInformationModified = "REMOVED"


def say_when(reading: Reading) -> tuple[str, str]:
    """Return date and time of the content: of the examination, since no clock is read."""
    study = reading.source.primary.general
    return (study.date or NO_DATE, study.time or "000000") if study.date else (NO_DATE, "000000")


def stamp(reading: Reading, dataset: Dataset, role: str, *, series_number: int, description: str) -> None:
    """Set what says which object this is and who made it; takes the place of what a library set by the clock.

    Parameters
    ----------
    role
        Names the object among those of one reading, for example ``"segmentation"``. Each is a series.
    """
    dataset.SeriesInstanceUID = derived_uid(reading, f"{role} series")
    dataset.SOPInstanceUID = derived_uid(reading, role)
    if getattr(dataset, "file_meta", None) is not None:
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SeriesNumber = series_number
    dataset.SeriesDescription = description
    dataset.InstanceNumber = 1
    dataset.Manufacturer = MAKER
    dataset.ManufacturerModelName = MAKER
    dataset.DeviceSerialNumber = __version__
    dataset.SoftwareVersions = __version__
    dataset.ContentDate, dataset.ContentTime = say_when(reading)
    for keyword in ("InstanceCreationDate", "InstanceCreationTime", "SeriesDate", "SeriesTime"):
        if keyword in dataset:
            delattr(dataset, keyword)


def source_slices(reading: Reading) -> list[Dataset]:
    """Return a header without pixels for each slice of the grid that the maps lie on, in stored order.

    For libraries that ask for the source images. A slice that was interpolated has the UID of no file:
    who writes references must ask `SourceImage.slices` whether there is one.
    """
    order = reading.maps.stored_order
    grid = order.stored_grid(reading.maps.grid)
    image = reading.source.primary
    return [source_dataset(reading, image, n, grid) for n in range(grid.shape[0])]


def source_dataset(reading: Reading, image: SourceImage, number: int, grid: Grid | None = None) -> Dataset:
    """Return the header of one slice of an image; with `grid` also where it lies.

    Parameters
    ----------
    number
        Which slice of the stored grid, from 0; without `grid` which instance.
    """
    dataset = Dataset()
    file_under(reading, dataset)
    at = image.slices[number] if grid is not None else number
    instance = (
        SourceInstance(image.instances[0].sop_class_uid, derived_uid(reading, f"interpolated slice {number}"))
        if at is None
        else image.instances[at]
    )
    dataset.StudyInstanceUID = image.study_uid
    dataset.SeriesInstanceUID = image.series_uid
    dataset.SOPClassUID = instance.sop_class_uid
    dataset.SOPInstanceUID = instance.sop_instance_uid
    dataset.Modality = image.modality
    dataset.SeriesNumber = image.number
    dataset.InstanceNumber = number + 1
    if image.frame_of_reference_uid:
        dataset.FrameOfReferenceUID = image.frame_of_reference_uid
        dataset.PositionReferenceIndicator = ""
    if grid is not None:
        step, column, row = (grid.affine[:3, n] for n in range(3))
        thickness, row_mm, column_mm = (float(np.linalg.norm(v)) for v in (step, column, row))
        dataset.Rows, dataset.Columns = grid.shape[1:]
        dataset.PixelSpacing = [coordinate(row_mm), coordinate(column_mm)]
        dataset.SliceThickness = coordinate(thickness)
        dataset.ImageOrientationPatient = [coordinate(v) for v in (*(row / column_mm), *(column / row_mm))]
        dataset.ImagePositionPatient = [coordinate(v) for v in grid.to_lps((number, 0, 0))]
    return dataset


def decimal(value: float) -> str:
    """Return a number as a DICOM decimal string: at most 16 characters (DICOM PS3.5, 6.2).

    Examples
    --------
    >>> decimal(-0.0), decimal(1 / 3), decimal(-123.456789012345)
    ('0', '0.3333333333', '-123.456789')
    """
    text = f"{value + 0.0:.10g}"
    return text if len(text) <= 16 else f"{value:.8g}"


def coordinate(value: float) -> str:
    """Return a place, length or cosine of the maps' grid as a DICOM decimal string.

    A map's grid is kept in the single precision of NIfTI; what lies below that is no digit of the source's.

    Examples
    --------
    >>> coordinate(-113.4000015258789), coordinate(2.5)
    ('-113.4', '2.5')
    """
    return decimal(float(str(np.float32(value))))


def code_item(code: Coded) -> Dataset:
    """Return a code as the item of a code sequence (DICOM PS3.3, 8.8)."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = code.meaning[:64]
    return item


def name_scheme(dataset: Dataset) -> None:
    """Say what our private coding scheme is (DICOM PS3.3, C.12.1.1.1.1, Coding Scheme Identification)."""
    item = Dataset()
    item.CodingSchemeDesignator = PRIVATE_SCHEME
    item.CodingSchemeUID = PRIVATE_SCHEME_UID
    item.CodingSchemeName = "hepalith"
    item.CodingSchemeResponsibleOrganization = "hepalith"
    dataset.CodingSchemeIdentificationSequence = [item]


def reference_source(image: SourceImage) -> Dataset:
    """Return a series and all its files as an item of Referenced Series (DICOM PS3.3, C.12.2)."""
    series = Dataset()
    series.SeriesInstanceUID = image.series_uid
    series.ReferencedInstanceSequence = []
    for uid, sop_class in {i.sop_instance_uid: i.sop_class_uid for i in image.instances}.items():
        instance = Dataset()
        instance.ReferencedSOPClassUID = sop_class
        instance.ReferencedSOPInstanceUID = uid
        series.ReferencedInstanceSequence.append(instance)
    return series


def say_stand_ins(reading: Reading) -> str:
    """Return a sentence on the primary image's UIDs that stand for ones it does not have; else nothing."""
    source = reading.source
    if source.is_hidden:
        return "The reading is de-identified: UIDs of the study and its images are stand-ins."
    made = source.primary.stand_ins
    if not made:
        return ""
    return f"The source has no UIDs of its own for: {', '.join(made)}; those referred to are stand-ins."


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give the place to write a file to; it takes the name `path` when it is whole, and is gone if not.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path.name} cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def private_opener(path: str, flags: int) -> int:
    """Open a file that nobody but its owner can read."""
    return os.open(path, flags, PRIVATE_MODE)


def save_object(
    dataset: Dataset,
    path: Path,
    *,
    transfer_syntax: str = ExplicitVRLittleEndian,
    rest: Iterable[bytes] = (),
) -> None:
    """Write an object as a DICOM file, whole or not at all; only its owner reads it, as it names the patient.

    Parameters
    ----------
    rest
        Encoded data elements that follow those of `dataset`: what is too large to be held twice.

    Raises
    ------
    hepalith.errors.OutputError
        If the file cannot be written.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    dataset.file_meta = meta
    with written(path) as part, open(part, "wb", opener=private_opener) as file:
        dcmwrite(file, dataset, enforce_file_format=True)
        for piece in rest:
            file.write(piece)
