"""DICOM CT series of a volume: uncompressed, valid, and obviously of nobody."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from hepalith.errors import OutputError
from hepalith.geometry import Grid
from hepalith.image import Volume

__all__ = ["SeriesHeader", "make_uid", "write_dicom_series"]

RESCALE_INTERCEPT = -1024
"""HU of stored value 0, so that stored values are unsigned as on most scanners."""


@dataclass(frozen=True, slots=True)
class SeriesHeader:
    """What the header of a made series says, beside its geometry.

    `key` seeds every UID: the same key gives the same UIDs.
    """

    key: str
    patient_name: str = "PHANTOM^ABDOMEN"
    patient_id: str = "PHANTOM"
    description: str = "Abdomen without contrast (simulated)"
    study_date: str = "20240115"
    kernel: str = "STANDARD"
    kvp: float = 120.0
    slice_thickness_mm: float | None = None
    contrast_agent: str = ""


def make_uid(*words: str) -> str:
    """Return a UID that depends on the words alone (PS3.5 annex B.2, a number under 2.25).

    Examples
    --------
    >>> make_uid("a", "b") == make_uid("a", "b"), make_uid("a", "b")[:5]
    (True, '2.25.')
    """
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _decimal(value: float) -> str:
    """Return a DICOM decimal string, at most 16 characters."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text[:16]


def _common(grid: Grid, header: SeriesHeader) -> Dataset:
    """Return everything that all slices share."""
    dz, dy, dx = grid.spacing_mm
    axes = grid.affine[:3, :3] / np.asarray(grid.spacing_mm)
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.SOPClassUID = CTImageStorage
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = header.study_date
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = "120000"
    data.AccessionNumber = ""
    data.Modality = "CT"
    data.Manufacturer = "hepalith phantom"
    data.ManufacturerModelName = "simulated"
    data.ReferringPhysicianName = ""
    data.StudyDescription = "Simulated upper abdomen"
    data.SeriesDescription = header.description
    data.PatientName = header.patient_name
    data.PatientID = header.patient_id
    data.PatientBirthDate = ""
    data.PatientSex = "O"
    data.QualityControlSubject = "YES"
    data.BodyPartExamined = "ABDOMEN"
    if header.contrast_agent:
        data.ContrastBolusAgent = header.contrast_agent
    data.SliceThickness = _decimal(header.slice_thickness_mm or dz)
    data.KVP = _decimal(header.kvp)
    data.ConvolutionKernel = header.kernel
    data.PatientPosition = "HFS"
    data.StudyInstanceUID = make_uid(header.key, "study")
    data.SeriesInstanceUID = make_uid(header.key, "series")
    data.FrameOfReferenceUID = make_uid(header.key, "frame of reference")
    data.PositionReferenceIndicator = ""
    data.StudyID = "1"
    data.SeriesNumber = "2"
    data.AcquisitionNumber = "1"
    data.ImageOrientationPatient = [_decimal(v) for v in (*axes[:, 2], *axes[:, 1])]
    data.PixelSpacing = [_decimal(dy), _decimal(dx)]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = grid.shape[1:]
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    data.PixelRepresentation = 0
    data.RescaleIntercept = _decimal(RESCALE_INTERCEPT)
    data.RescaleSlope = "1"
    data.RescaleType = "HU"
    data.WindowCenter, data.WindowWidth = "50", "400"
    return data


def write_dicom_series(volume: Volume, out: Path, header: SeriesHeader) -> tuple[Path, ...]:
    """Write a volume as a CT Image Storage series, explicit little endian, one file a slice.

    Files are numbered from the head downward, as scanners do; the same volume and header give the
    same bytes.

    Parameters
    ----------
    volume
        HU in the working order; at or above -1024.
    out
        Folder for the files; made if absent.
    header
        What the header says.

    Returns
    -------
    tuple of Path
        The files, from the head downward.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    data = _common(volume.grid, header)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(make_uid("hepalith phantom"))
    meta.ImplementationVersionName = "HEPALITH"
    slices = volume.grid.shape[0]
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, k in enumerate(range(slices - 1, -1, -1), start=1):
            position = volume.grid.to_lps((k, 0, 0))
            data.InstanceNumber = str(number)
            data.SOPInstanceUID = make_uid(header.key, "instance", str(number))
            data.ImagePositionPatient = [_decimal(float(v)) for v in position]
            data.SliceLocation = _decimal(float(position[2]))
            stored = (volume.hu[k].astype(np.int32) - RESCALE_INTERCEPT).clip(0, 65535)
            data.PixelData = stored.astype("<u2").tobytes()
            data["PixelData"].VR = "OW"
            meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
            data.file_meta = meta
            path = out / f"IM{number:04d}.dcm"
            dcmwrite(path, data, enforce_file_format=True)
            written.append(path)
    except OSError as error:
        raise OutputError(
            f"cannot write the series to {out}: {error.strerror}; choose another --out"
        ) from error
    return tuple(written)
