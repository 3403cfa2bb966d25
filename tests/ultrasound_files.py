"""A small writer of synthetic ultrasound as DICOM, in every shape that scanners send."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as DicomSequence

US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
US_LOOP = "1.2.840.10008.5.1.4.1.1.3.1"
STUDY_UID = "1.2.826.0.1.3680043.9.8.1"
SERIES_UID = "1.2.826.0.1.3680043.9.8.2"

SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "big_endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpeg_extended": "1.2.840.10008.1.2.4.51",
    "jpeg_lossless": "1.2.840.10008.1.2.4.70",
    "jpeg_ls": "1.2.840.10008.1.2.4.80",
    "jpeg_2000": "1.2.840.10008.1.2.4.90",
}
LOSSLESS = [name for name in SYNTAXES if name not in ("jpeg", "jpeg_extended")]


def make_levels(shape: tuple[int, ...] = (1, 96, 128), seed: int = 0) -> NDArray[np.uint8]:
    """Return frames in which no row or column is like another: every level from 0 to 255."""
    rng = np.random.default_rng(seed)
    smooth = np.linspace(0, 255, shape[-1])[None, None] * np.linspace(0.2, 1, shape[1])[None, :, None]
    levels = np.clip(smooth + rng.normal(0, 4, shape), 0, 255).astype(np.uint8)
    levels[:, 0, :2] = (0, 255)
    return levels


def with_colour(
    grey: NDArray[np.uint8], box: tuple[int, int, int, int] = (40, 10, 60, 30)
) -> NDArray[np.uint8]:
    """Return grey frames as red, green and blue with a red box (x0, y0, x1, y1, ends without)."""
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    x0, y0, x1, y1 = box
    rgb[:, y0:y1, x0:x1] = (220, 30, 10)
    return rgb


def region(**changes: Any) -> Dataset:
    """Return one item of the Sequence of Ultrasound Regions: B-mode over the whole, 0.3 mm a pixel."""
    item = Dataset()
    values = {
        "RegionSpatialFormat": 1,
        "RegionDataType": 1,
        "RegionFlags": 0,
        "RegionLocationMinX0": 0,
        "RegionLocationMinY0": 0,
        "RegionLocationMaxX1": 127,
        "RegionLocationMaxY1": 95,
        "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.03,
        "PhysicalDeltaY": 0.03,
        **changes,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(item, keyword, value)
    return item


def make_us(
    stored: NDArray[Any], *, regions: Sequence[Dataset] | None = None, n: int = 0, **changes: Any
) -> FileDataset:
    """Return one ultrasound file; `changes` set attributes by keyword, ``None`` removes them.

    Parameters
    ----------
    stored
        Shape (frame, row, column) or (frame, row, column, 3): values as they are to be stored.
    """
    frames, rows, columns = stored.shape[:3]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = SYNTAXES["explicit"]
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    bits = stored.dtype.itemsize * 8
    values: dict[str, Any] = {
        "SOPClassUID": US_IMAGE if frames == 1 else US_LOOP,
        "SOPInstanceUID": f"{SERIES_UID}.{n + 1}",
        "StudyInstanceUID": STUDY_UID,
        "SeriesInstanceUID": SERIES_UID,
        "Modality": "US",
        "PatientID": "P1",
        "PatientName": "Secret^Name",
        "PatientBirthDate": "19500101",
        "PatientSex": "F",
        "StudyDate": "20240131",
        "StudyTime": "101500",
        "StudyID": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "SeriesDescription": "Abdomen",
        "SeriesNumber": 1,
        "InstanceNumber": n + 1,
        "ImageType": ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"],
        "Rows": rows,
        "Columns": columns,
        "SamplesPerPixel": 3 if stored.ndim == 4 else 1,
        "PhotometricInterpretation": "RGB" if stored.ndim == 4 else "MONOCHROME2",
        "PlanarConfiguration": 0 if stored.ndim == 4 else None,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "NumberOfFrames": frames if frames > 1 else None,
        "SequenceOfUltrasoundRegions": DicomSequence([region()] if regions is None else list(regions)),
        **changes,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in values.items():
            if value is not None:
                setattr(dataset, keyword, value)
    if stored.ndim == 4 and dataset.get("PlanarConfiguration") == 1:
        stored = np.moveaxis(stored, -1, 1)
    dataset.PixelData = np.ascontiguousarray(stored).tobytes()
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID") or US_IMAGE
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or "1.2.3"
    return dataset


def save_us(dataset: FileDataset, path: Path, syntax: str = "explicit") -> Path:
    """Write a data set in a transfer syntax: a key of `SYNTAXES`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if syntax in ("rle", "jpeg_ls", "jpeg_2000"):
            planar = dataset.get("PlanarConfiguration")
            if planar == 1:  # pydicom compresses interleaved colours only, whatever the header says
                shape = (-1, 3, dataset.Rows, dataset.Columns)
                planes = np.frombuffer(dataset.PixelData, np.uint8).reshape(shape)
                dataset.PixelData = np.ascontiguousarray(np.moveaxis(planes, 1, -1)).tobytes()
                dataset.PlanarConfiguration = 0
            dataset.compress(SYNTAXES[syntax], generate_instance_uid=False)
            if planar is not None:
                dataset.PlanarConfiguration = planar
        elif syntax in ("jpeg", "jpeg_extended"):
            _set_streams(dataset, [as_jpeg(frame) for frame in frames_of(dataset)], syntax)
        elif syntax == "jpeg_lossless":
            _set_streams(dataset, _lossless_streams(dataset, path), syntax)
        else:
            dataset.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
            if syntax == "big_endian" and dataset.BitsAllocated == 16:
                dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def frames_of(dataset: FileDataset) -> NDArray[np.uint8]:
    """Return the stored 8-bit frames of a data set that is not compressed yet."""
    shape = [int(dataset.get("NumberOfFrames", 1)), dataset.Rows, dataset.Columns]
    shape += [3] if dataset.SamplesPerPixel == 3 else []
    return np.frombuffer(dataset.PixelData, np.uint8)[: int(np.prod(shape))].reshape(shape)


def as_jpeg(frame: NDArray[np.uint8], quality: int = 95, **options: Any) -> bytes:
    """Return one frame as a JPEG stream."""
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def _set_streams(dataset: FileDataset, streams: list[bytes], syntax: str) -> None:
    dataset.file_meta.TransferSyntaxUID = SYNTAXES[syntax]
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    if dataset.SamplesPerPixel == 3 and syntax.startswith("jpeg"):
        dataset.PlanarConfiguration = 0
        if syntax in ("jpeg", "jpeg_extended"):
            dataset.PhotometricInterpretation = "YBR_FULL_422"


def _lossless_streams(dataset: FileDataset, path: Path) -> list[bytes]:
    """Let GDCM, by way of SimpleITK, compress every frame."""
    streams = []
    kind = np.uint8 if dataset.BitsAllocated == 8 else np.dtype("<u2")
    shape = (int(dataset.get("NumberOfFrames", 1)), dataset.Rows, dataset.Columns)
    if dataset.SamplesPerPixel == 3:
        shape = (*shape, 3)
    for frame in np.frombuffer(dataset.PixelData, kind)[: int(np.prod(shape))].reshape(shape):
        writer = SimpleITK.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetUseCompression(True)
        writer.SetCompressor("JPEG")
        written = path.with_suffix(".gdcm.dcm")
        writer.SetFileName(str(written))
        writer.Execute(SimpleITK.GetImageFromArray(frame[None], isVector=frame.ndim == 3))
        compressed = pydicom.dcmread(written)
        written.unlink()
        assert compressed.file_meta.TransferSyntaxUID == SYNTAXES["jpeg_lossless"]
        streams.append(next(iter(pydicom.encaps.generate_frames(compressed.PixelData, number_of_frames=1))))
    return streams
