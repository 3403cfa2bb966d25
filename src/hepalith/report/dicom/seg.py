"""The reading as a DICOM segmentation: liver, Couinaud's segments, foci, lesions and dilated bile ducts.

References
----------
DICOM PS3.3, A.51 (Segmentation IOD), C.8.20 (Segmentation modules).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

from hepalith import __version__
from hepalith.geometry import Grid
from hepalith.reading import Reading
from hepalith.report.dicom.colour import cielab
from hepalith.report.dicom.context import (
    MAKER,
    code_item,
    derived_uid,
    file_under,
    name_scheme,
    reference_source,
    save_object,
    say_stand_ins,
    stamp,
)
from hepalith.report.dicom.seg_frames import Frame, encode_rle, find_frames, label_planes, pack_bits
from hepalith.report.dicom.seg_groups import (
    dimensions,
    encode_end,
    encode_header,
    encode_item,
    frame_groups,
    shared_groups,
)
from hepalith.report.dicom.segments import SEG_ROLES, SEG_SOP_CLASS, Segment, list_segments
from hepalith.settings import Formats
from hepalith.vocabulary.coding import Coded, coded, concept

__all__ = ["SEG_SERIES_NUMBER", "make_seg", "write_seg"]

logger = logging.getLogger(__name__)

FILE = "segmentation.dcm"

SEG_SERIES_NUMBER: Final = 9001
"""Series number: high, so that it stands after the images of any scanner. Our judgement."""

BACKGROUND = Coded("125040", "DCM", "Background")
"""What a voxel of a label map is that lies in no segment (DICOM PS3.16, CID 7150)."""

INNERMOST = (
    "Each voxel belongs to the innermost structure that holds it: focus, lesion, bile duct, liver segment, "
    "liver. The liver is the union of all of them."
)
"""What a label map says of overlaps, since it can hold but one segment a voxel."""

FURTHER = "Foci that only further ultrasound pictures of the reading show are not drawn here."
"""What a segmentation says where pictures of other source images are kept: it lies on one image."""

PIXEL_DATA = Tag("PixelData")


def write_seg(reading: Reading, folder: Path, formats: Formats) -> None:
    """Write ``segmentation.dcm``; nothing of a reading whose maps are empty: a segmentation has segments.

    Binary segments may overlap: the liver holds its segments, they hold foci. In a label map each voxel
    belongs to the innermost of them (`hepalith.report.dicom.seg_frames.INNERMOST_LAST`).

    Raises
    ------
    hepalith.errors.OutputError
        If the file cannot be written.
    """
    made = make_seg(reading, formats.segmentation)
    if made is None:
        logger.warning("%s is not written: the reading has no liver and no focus to draw", FILE)
        return
    dataset, rest = made
    is_binary = dataset.SegmentationType == "BINARY"
    syntax = ExplicitVRLittleEndian if is_binary else RLELossless
    save_object(dataset, folder / FILE, transfer_syntax=syntax, rest=rest)


def make_seg(reading: Reading, kind: str = "binary") -> tuple[Dataset, Iterator[bytes]] | None:
    """Return a segmentation without its frames, and its frames' groups and pixels, encoded.

    Parameters
    ----------
    kind
        ``"binary"`` or ``"labelmap"``.

    Returns
    -------
    None where there is nothing to draw.
    """
    segments = list_segments(reading)
    if not segments:
        return None
    maps, image = reading.maps, reading.source.primary
    is_binary = kind == "binary"
    frames = find_frames(maps, segments) if is_binary else label_planes(maps, segments)
    stored = maps.stored_order.stored_grid(maps.grid)
    grid = stored if image.modality != "US" and image.frame_of_reference_uid else None
    shape = (stored.shape[1], stored.shape[2])
    dataset = describe(reading, kind, grid)
    dataset.Rows, dataset.Columns = shape
    dataset.NumberOfFrames = len(frames)
    if any(image.shown_in(frame.plane) for frame in frames):
        dataset.ReferencedSeriesSequence = [reference_source(image)]
    dataset.SegmentSequence = [describe_segment(reading, segment, kind) for segment in segments]
    if not is_binary:
        bits = frames[0].pixels.dtype.itemsize * 8
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
        dataset.PixelPaddingValue = 0
        dataset["PixelPaddingValue"].VR = "US"
        dataset.SegmentSequence.insert(0, background())
    return dataset, chain(
        [frame_groups(frames, image, grid)], encode_pixels(frames, shape, is_binary=is_binary)
    )


def describe(reading: Reading, kind: str, grid: Grid | None) -> Dataset:
    """Return what a segmentation says of itself as a whole: modules but for segments and frames."""
    image = reading.source.primary
    dataset = Dataset()
    file_under(reading, dataset)
    dataset.SOPClassUID = UID(SEG_SOP_CLASS[kind])
    dataset.Modality = "SEG"
    stamp(
        reading,
        dataset,
        SEG_ROLES[kind],
        series_number=SEG_SERIES_NUMBER,
        description="hepalith: liver and foci",
    )
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    if grid is not None:
        dataset.FrameOfReferenceUID = image.frame_of_reference_uid
        dataset.PositionReferenceIndicator = ""
    else:
        dataset.PatientOrientation = ""
    said = (
        reading.document.notice,
        say_stand_ins(reading),
        "" if kind == "binary" else INNERMOST,
        FURTHER if reading.maps.others else "",
    )
    dataset.ImageComments = ". ".join(text.rstrip(".") for text in said if text) + "."
    dataset.ContentLabel = "HEPALITH"
    dataset.ContentDescription = "Liver and bright foci, research use"
    dataset.ContentCreatorName = ""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "00"
    dataset.SegmentationType = kind.upper()
    dataset.SegmentsOverlap = "YES" if kind == "binary" else "NO"
    organization, indices = dimensions(
        derived_uid(reading, f"{SEG_ROLES[kind]} dimensions"),
        is_binary=kind == "binary",
        has_space=grid is not None,
    )
    dataset.DimensionOrganizationSequence = [organization]
    dataset.DimensionIndexSequence = indices
    dataset.SharedFunctionalGroupsSequence = [shared_groups(grid)]
    name_scheme(dataset)
    return dataset


def describe_segment(reading: Reading, segment: Segment, kind: str) -> Dataset:
    """Return a segment as an item of the Segment Sequence (DICOM PS3.3, C.8.20.4)."""
    item = Dataset()
    item.SegmentNumber = segment.number
    item.SegmentLabel = segment.label[:64]
    if segment.layer == "liver" and kind == "labelmap":
        item.SegmentDescription = "What of the liver lies in no other segment of this label map"
    item.SegmentAlgorithmType, item.SegmentAlgorithmName, identification = name_algorithm(reading, segment)
    item.SegmentedPropertyCategoryCodeSequence = [code_item(segment.category)]
    item.SegmentedPropertyTypeCodeSequence = [code_item(segment.kind)]
    region = find_region(reading, segment)
    if region is not None:
        item.AnatomicRegionSequence = [code_item(region)]
    item.RecommendedDisplayCIELabValue = list(cielab(segment.colour))
    item.TrackingID, item.TrackingUID = segment.tracking.id, segment.tracking.uid
    if identification is not None:
        item.SegmentationAlgorithmIdentificationSequence = [identification]
    return item


def find_region(reading: Reading, segment: Segment) -> Coded | None:
    """Return where an abnormal structure lies: the focus's segment, or the liver; of other segments None."""
    if segment.layer in ("hosts", "ducts"):
        return concept("liver")
    if segment.layer != "foci":
        return None
    focus = next(f for f in reading.document.foci if f.id == segment.value)
    if not focus.is_counted:
        return None
    return concept("liver") if focus.location.segment is None else coded("segment", focus.location.segment)


def name_algorithm(reading: Reading, segment: Segment) -> tuple[str, str, Dataset | None]:
    """Return type and name of what drew a segment, and its identification where it is known."""
    source = reading.document.liver.source
    if segment.layer == "liver" and source == "given":
        return "SEMIAUTOMATIC", "outline given by the user", None
    name = "TotalSegmentator" if segment.layer == "liver" and source == "totalsegmentator" else MAKER
    identification = Dataset()
    identification.AlgorithmFamilyCodeSequence = [code_item(concept("artificial_intelligence"))]
    identification.AlgorithmName = name
    identification.AlgorithmVersion = __version__ if name == MAKER else "unknown"
    return "AUTOMATIC", name, identification


def background() -> Dataset:
    """Return the segment 0 of a label map: what lies in no other."""
    item = Dataset()
    item.SegmentNumber = 0
    item.SegmentLabel = "Background"
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = MAKER
    item.SegmentedPropertyCategoryCodeSequence = [code_item(BACKGROUND)]
    item.SegmentedPropertyTypeCodeSequence = [code_item(BACKGROUND)]
    item.RecommendedDisplayCIELabValue = [0, 0, 0]
    return item


def encode_pixels(frames: Sequence[Frame], shape: tuple[int, int], *, is_binary: bool) -> Iterator[bytes]:
    """Yield the Pixel Data element: packed bits, or RLE fragments behind an empty offset table."""
    if is_binary:
        length = (len(frames) * shape[0] * shape[1] + 7) // 8
        yield encode_header(PIXEL_DATA, b"OB", length + length % 2)
        yield from pack_bits(frames, shape)
        yield b"\0" * (length % 2)
        return
    yield encode_header(PIXEL_DATA, b"OB", 0xFFFFFFFF)
    yield encode_item(b"")
    for fragment in encode_rle(frames, shape, np.dtype(frames[0].pixels.dtype)):
        yield encode_item(fragment + b"\0" * (len(fragment) % 2))
    yield encode_end()
