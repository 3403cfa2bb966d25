"""Ultrasound files of a phantom: DICOM single and multi-frame, calibrated or not, and obviously of nobody."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from hepalith.errors import OutputError
from hepalith.image.cine import Cine
from hepalith.phantom.dicom import make_uid
from hepalith.study.sonography import Region, Sonography

__all__ = ["ENCODINGS", "SonoHeader", "write_sono_dicom"]

ENCODINGS = ("grey", "rgb", "rle", "jpeg")
"""How the pixels are stored: uncompressed grey or colour, run lengths, baseline JPEG."""

PROBES = {"curved": "CURVED LINEAR", "phased": "SECTOR_PHASED", "linear": "LINEAR"}
"""Defined terms of Transducer Type (DICOM PS3.3, C.8.5.6)."""

JPEG_QUALITY = 92
"""Of baseline JPEG: what archives keep loops in; it changes a grey level by one or two."""


@dataclass(frozen=True, slots=True)
class SonoHeader:
    """What the header says beside the picture; `key` seeds every UID.

    Name and number of the patient are those of the CT phantom of the same seed: both are one patient's.
    """

    key: str
    encoding: str = "grey"
    patient_name: str = "PHANTOM^ABDOMEN"
    patient_id: str = "PHANTOM"
    study_date: str = "20240115"
    number: int = 1


def write_sono_dicom(cine: Cine, path: Path, header: SonoHeader) -> None:
    """Write a still or a loop as DICOM ultrasound; the same cine and header give the same bytes.

    The regions and settings are those of `cine`: where it knows no scale, the file tells none.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    data = _common(cine, header)
    if cine.regions:
        data.SequenceOfUltrasoundRegions = DicomSequence([_region(r, cine.shape_px) for r in cine.regions])
    _settings(data, cine.sonography)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.ImplementationClassUID = UID(make_uid("hepalith phantom"))
    meta.ImplementationVersionName = "HEPALITH"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta = meta
    _pixels(data, cine.grey, header.encoding)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        dcmwrite(path, data, enforce_file_format=True)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another --out") from error


def _common(cine: Cine, header: SonoHeader) -> Dataset:
    """Return patient, study, series and image."""
    data = Dataset()
    many = cine.grey.shape[0] > 1
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    data.SOPClassUID = UltrasoundMultiFrameImageStorage if many else UltrasoundImageStorage
    data.SOPInstanceUID = make_uid(header.key, "instance", str(header.number))
    data.StudyDate = data.SeriesDate = data.ContentDate = header.study_date
    data.StudyTime = data.SeriesTime = data.ContentTime = "120000"
    data.AccessionNumber = ""
    data.Modality = "US"
    data.Manufacturer = "hepalith phantom"
    data.ManufacturerModelName = "simulated"
    data.ReferringPhysicianName = ""
    data.StudyDescription = "Simulated liver ultrasound"
    data.SeriesDescription = "B-mode (simulated)"
    data.PatientName = header.patient_name
    data.PatientID = header.patient_id
    data.PatientBirthDate = ""
    data.PatientSex = "O"
    data.QualityControlSubject = "YES"
    data.BodyPartExamined = "LIVER"
    data.StudyInstanceUID = make_uid(header.key, "study")
    data.SeriesInstanceUID = make_uid(header.key, "series")
    data.StudyID = "1"
    data.SeriesNumber = "1"
    data.InstanceNumber = str(header.number)
    data.PatientOrientation = ""
    data.BurnedInAnnotation = "YES"
    if many:
        data.NumberOfFrames = str(cine.grey.shape[0])
        data.FrameTime = f"{cine.frame_time_ms or 50.0:.1f}"
        data.FrameIncrementPointer = 0x00181063
    return data


def _region(region: Region, shape_px: tuple[int, int]) -> Dataset:
    """Return one item of the Sequence of Ultrasound Regions (PS3.3, C.8.5.5)."""
    item = Dataset()
    item.RegionSpatialFormat = 1
    item.RegionDataType = 1
    item.RegionFlags = 2
    x0, y0, x1, y1 = region.box_px
    item.RegionLocationMinX0, item.RegionLocationMinY0 = max(x0, 0), max(y0, 0)
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = min(x1, shape_px[1] - 1), min(y1, shape_px[0] - 1)
    known = region.mm_per_px is not None
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3 if known else 0
    height, width = region.mm_per_px or (0.0, 0.0)
    item.PhysicalDeltaX, item.PhysicalDeltaY = round(width / 10, 9), round(height / 10, 9)
    if region.frequency_mhz is not None:
        item.TransducerFrequency = round(region.frequency_mhz * 1000)
    return item


def _settings(data: Dataset, sonography: Sonography) -> None:
    """Write how the picture was made, as far as the cine says it."""
    if sonography.depth_mm is not None:
        data.DepthOfScanField = str(round(sonography.depth_mm))
    if sonography.focus_mm is not None:
        data.FocusDepth = (
            list(sonography.focus_mm) if len(sonography.focus_mm) > 1 else sonography.focus_mm[0]
        )
    if sonography.transducer in PROBES:
        data.TransducerType = PROBES[sonography.transducer]
    words = []
    if sonography.compounding:
        words.append("COMPOUND")
    if sonography.harmonics:
        words.append("HARMONIC")
    if words:
        data.ProcessingFunction = " ".join(words)


def _pixels(data: Dataset, grey: NDArray[np.uint8], encoding: str) -> None:
    """Store the frames."""
    rows, columns = grey.shape[1:]
    data.Rows, data.Columns = rows, columns
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.LossyImageCompression = "00"
    if encoding == "rgb":
        data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
        data.PlanarConfiguration = 0
        raw = np.repeat(grey[..., None], 3, axis=-1).tobytes()
    else:
        raw = grey.tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OB"
    if encoding == "rle":
        data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    elif encoding == "jpeg":
        data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        data.PixelData = encapsulate(_jpegs(grey))
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.LossyImageCompression = "01"
        data.LossyImageCompressionMethod = "ISO_10918_1"


def _jpegs(grey: NDArray[np.uint8]) -> list[bytes]:
    """Return each frame as a baseline JPEG."""
    out = []
    for frame in grey:
        stream = io.BytesIO()
        Image.fromarray(frame).save(stream, "JPEG", quality=JPEG_QUALITY)
        out.append(stream.getvalue())
    return out
