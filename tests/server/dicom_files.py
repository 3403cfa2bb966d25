"""Small DICOM files for tests of transfer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless

STUDY, SERIES = "1.2.826.1", "1.2.826.1.1"


@dataclass(frozen=True)
class Slice:
    """What a made file says. `value` is the grey level of all its pixels."""

    uid: str
    study: str = STUDY
    series: str = SERIES
    sop_class: str = CTImageStorage
    transfer: str = ExplicitVRLittleEndian
    value: int = 7
    size: int = 16
    name: str = "SECRET^NAME"


def make_file(folder: Path, slice_: Slice) -> Path:
    """Write one file; it is named by its UID."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = slice_.sop_class, slice_.uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = slice_.study, slice_.series
    dataset.PatientName, dataset.PatientID, dataset.Modality = slice_.name, "ID-1", "CT"
    dataset.StudyDate, dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "20240115", "1", 1, 1
    dataset.Rows = dataset.Columns = slice_.size
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.PixelRepresentation = 0
    pixels = np.full((slice_.size, slice_.size), slice_.value, dtype="<u2")
    dataset.PixelData = pixels.tobytes()
    if slice_.transfer == RLELossless:
        dataset.compress(RLELossless, pixels, generate_instance_uid=False)
    elif slice_.transfer != ExplicitVRLittleEndian:
        dataset.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = slice_.transfer
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slice_.uid}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def make_series(folder: Path, count: int, **more: str | int) -> list[Path]:
    """Write a series of files."""
    study = str(more.get("study", STUDY))
    return [make_file(folder, Slice(f"{study}.1.{n}", **more)) for n in range(1, count + 1)]  # type: ignore[arg-type]


def same_content(one: Path, other: Path) -> bool:
    """Return whether two files hold the same data set, whatever their headers say."""
    first, second = dcmread(one), dcmread(other)
    return bool(first == second) and first.PixelData == second.PixelData
