"""A small writer of synthetic CT as DICOM, in every shape that the world sends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

NATIVE = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big_endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
COMPRESSED = {
    "rle": "1.2.840.10008.1.2.5",
    "jpeg_ls": "1.2.840.10008.1.2.4.80",
    "jpeg_2000": "1.2.840.10008.1.2.4.90",
}
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"

STUDY_UID = "1.2.826.0.1.3680043.9.7.1"
SERIES_UID = "1.2.826.0.1.3680043.9.7.2"


def make_hu(shape: tuple[int, int, int] = (6, 16, 20), seed: int = 0) -> NDArray[np.int16]:
    """Return a volume in which every voxel differs from its mirror images: air around, tissue within."""
    rng = np.random.default_rng(seed)
    hu = rng.integers(-1000, 1500, shape).astype(np.int16)
    hu[:, :2] = -1000
    return hu


def make_slice(hu: NDArray[np.int16], n: int = 0, *, intercept: int = -1024, **changes: Any) -> FileDataset:
    """Return one CT slice; `changes` set attributes by keyword, ``None`` removes them.

    The value ``""`` writes an attribute that is there and empty.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    values: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"{SERIES_UID}.{n + 1}",
        "StudyInstanceUID": STUDY_UID,
        "SeriesInstanceUID": SERIES_UID,
        "FrameOfReferenceUID": f"{STUDY_UID}.9",
        "Modality": "CT",
        "PatientID": "P1",
        "PatientName": "Secret^Name",
        "PatientBirthDate": "19500101",
        "PatientSex": "F",
        "PatientAge": "068Y",
        "StudyDate": "20240131",
        "StudyTime": "101500",
        "StudyID": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "StudyDescription": "CT ABDOMEN",
        "SeriesDescription": "Abdomen native",
        "SeriesNumber": 2,
        "InstanceNumber": n + 1,
        "AcquisitionNumber": 1,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "ConvolutionKernel": "B30f",
        "KVP": "120",
        "SliceThickness": "2.5",
        "ImagePositionPatient": [-100.0, -80.0, 2.5 * n],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.8, 0.7],
        "Rows": hu.shape[0],
        "Columns": hu.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleSlope": "1",
        "RescaleIntercept": str(intercept),
    }
    values.update(changes)
    stored = values.pop("stored", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in values.items():
            if value is not None:
                setattr(dataset, keyword, value)
    if stored is None:
        stored = (hu.astype(np.int32) - intercept).astype(
            np.int16 if dataset.PixelRepresentation else np.uint16
        )
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"
    meta.MediaStorageSOPInstanceUID = values["SOPInstanceUID"] or "1.2.3"
    return dataset


def save(dataset: FileDataset, path: Path, syntax: str = "explicit") -> Path:
    """Write a data set in a transfer syntax: a key of `NATIVE` or `COMPRESSED`, or ``"jpeg_lossless"``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if syntax == "jpeg_lossless":
            return _save_jpeg_lossless(dataset, path)
        if syntax in COMPRESSED:
            dataset.compress(COMPRESSED[syntax], generate_instance_uid=False)
        else:
            dataset.file_meta.TransferSyntaxUID = NATIVE[syntax]
        if syntax == "big_endian":
            stored = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
            dataset.PixelData = stored
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def _save_jpeg_lossless(dataset: FileDataset, path: Path) -> Path:
    """Let GDCM, by way of SimpleITK, compress the values, and put its fragments into our header."""
    stored = np.frombuffer(dataset.PixelData, "<i2" if dataset.PixelRepresentation else "<u2")
    image = SimpleITK.GetImageFromArray(stored.reshape(1, dataset.Rows, dataset.Columns))
    writer = SimpleITK.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    written = path.with_suffix(".gdcm.dcm")
    writer.SetFileName(str(written))
    writer.Execute(image)
    compressed = pydicom.dcmread(written)
    written.unlink()
    assert compressed.file_meta.TransferSyntaxUID == JPEG_LOSSLESS
    dataset.file_meta.TransferSyntaxUID = compressed.file_meta.TransferSyntaxUID
    dataset.PixelData = compressed.PixelData
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    hu: NDArray[np.int16],
    *,
    syntax: str = "explicit",
    change: Callable[[int], dict[str, Any]] | None = None,
    order: Sequence[int] | None = None,
    **changes: Any,
) -> Path:
    """Write a volume as one file a slice; `change(n)` gives slice n's attributes, `order` the names."""
    names = list(range(len(hu))) if order is None else list(order)
    for n, values in enumerate(hu):
        own = {**changes, **(change(n) if change else {})}
        save(make_slice(values, n, **own), folder / f"{names[n]:04d}.dcm", syntax)
    return folder


def write_enhanced(path: Path, hu: NDArray[np.int16], syntax: str = "explicit", **changes: Any) -> Path:
    """Write a volume as one enhanced multi-frame CT whose frames are stored from head to feet."""
    dataset = make_slice(hu[0], 0, **changes)
    dataset.SOPClassUID = EnhancedCTImageStorage
    dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope",
                    "RescaleIntercept", "SliceThickness"):  # fmt: skip
        delattr(dataset, keyword)
    dataset.NumberOfFrames = len(hu)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.7], "2.5"
    shared.PlaneOrientationSequence = DicomSequence([orientation])
    shared.PixelMeasuresSequence = DicomSequence([measures])
    dataset.SharedFunctionalGroupsSequence = DicomSequence([shared])
    frames, stored = [], []
    for n in reversed(range(len(hu))):
        frame, position, transformation, content = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [-100.0, -80.0, 2.5 * n]
        transformation.RescaleSlope, transformation.RescaleIntercept = "1", str(-1024 - n)
        transformation.RescaleType = "HU"
        content.InStackPositionNumber, content.StackID = len(hu) - n, "1"
        frame.PlanePositionSequence = DicomSequence([position])
        frame.PixelValueTransformationSequence = DicomSequence([transformation])
        frame.FrameContentSequence = DicomSequence([content])
        frames.append(frame)
        stored.append((hu[n].astype(np.int32) + 1024 + n).astype(np.int16))
    dataset.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    dataset.PixelData = np.stack(stored).tobytes()
    return save(dataset, path, syntax)
