"""The functional groups of a segmentation: of which segment and source, and where, each frame is.

Of some thousand frames each says the same of its slice or its segment as its neighbours do; so each part is
encoded once and the items are put together of encoded parts.

References
----------
DICOM PS3.3, C.7.6.16 (Multi-frame Functional Groups), C.8.20.3 (Segmentation functional groups).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag, Tag

from hepalith.geometry import Grid
from hepalith.reading import SourceImage
from hepalith.report.dicom.context import code_item, coordinate
from hepalith.report.dicom.seg_frames import Frame
from hepalith.vocabulary.coding import Coded

__all__ = [
    "PER_FRAME",
    "dimensions",
    "encode_end",
    "encode_header",
    "encode_item",
    "frame_groups",
    "shared_groups",
]

PER_FRAME = Tag(0x5200, 0x9230)
"""Per-frame Functional Groups Sequence."""

SEGMENTED = Coded("113076", "DCM", "Segmentation")
"""How the frame was derived (DICOM PS3.16, CID 7203)."""

SOURCE_IMAGE = Coded("121322", "DCM", "Source image for image processing operation")
"""What the source image is to the frame (DICOM PS3.16, CID 7202)."""

SEGMENT_NUMBER = (Tag("ReferencedSegmentNumber"), Tag("SegmentIdentificationSequence"))
POSITION = (Tag("ImagePositionPatient"), Tag("PlanePositionSequence"))
TIME = (Tag("TemporalPositionIndex"), Tag("FrameContentSequence"))
"""The dimensions that frames are counted along, each with the functional group it stands in."""


def shared_groups(grid: Grid | None) -> Dataset:
    """Return what holds of all frames; `grid` is the stored grid, or None where there is no patient space."""
    shared = Dataset()
    if grid is None:
        return shared
    step, column, row = (grid.affine[:3, n] for n in range(3))
    row_mm, column_mm = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    normal = np.cross(row, column) / (row_mm * column_mm)
    orientation = Dataset()
    orientation.ImageOrientationPatient = [coordinate(v) for v in (*(row / row_mm), *(column / column_mm))]
    shared.PlaneOrientationSequence = [orientation]
    measures = Dataset()
    measures.SliceThickness = coordinate(abs(float(step @ normal)))
    measures.SpacingBetweenSlices = measures.SliceThickness
    measures.PixelSpacing = [coordinate(column_mm), coordinate(row_mm)]
    shared.PixelMeasuresSequence = [measures]
    return shared


def dimensions(organization_uid: str, *, is_binary: bool, has_space: bool) -> tuple[Dataset, list[Dataset]]:
    """Return the dimension organization and the dimensions, slowest first."""
    organization = Dataset()
    organization.DimensionOrganizationUID = organization_uid
    indices = []
    for pointer, group in [SEGMENT_NUMBER] * is_binary + [POSITION if has_space else TIME]:
        index = Dataset()
        index.DimensionOrganizationUID = organization_uid
        index.DimensionIndexPointer = pointer
        index.FunctionalGroupPointer = group
        indices.append(index)
    return organization, indices


def frame_groups(frames: Sequence[Frame], image: SourceImage, grid: Grid | None) -> bytes:
    """Return the Per-frame Functional Groups Sequence, encoded (Explicit VR Little Endian).

    Parameters
    ----------
    image
        The source; a frame whose slice was interpolated refers to the files on both sides of it.
    grid
        The stored grid, or None where there is no patient space.
    """
    planes = {frame.plane for frame in frames}
    derived = {plane: encode_derivation(image, plane) for plane in planes}
    placed = {plane: encode_position(grid, plane) for plane in planes} if grid is not None else {}
    named = {n: encode(identification(n)) for n in {f.segment for f in frames} if n is not None}
    items = []
    for frame in frames:
        parts = [
            derived[frame.plane],
            encode_content(frame, has_space=grid is not None),
            placed.get(frame.plane, b""),
            b"" if frame.segment is None else named[frame.segment],
        ]
        body = b"".join(parts)
        items.append(encode_item(body))
    return encode_header(PER_FRAME, b"SQ", sum(map(len, items))) + b"".join(items)


def encode_derivation(image: SourceImage, plane: int) -> bytes:
    """Return the Derivation Image group: which files, and which frames of them, a slice was drawn on."""
    sources = [encode_source(image, plane, at) for at in image.shown_in(plane)]
    if not sources:
        return encode_header(Tag("DerivationImageSequence"), b"SQ", 0)
    body = b"".join(encode_item(source) for source in sources)
    derived = encode_header(Tag("SourceImageSequence"), b"SQ", len(body)) + body + HOW
    return encode_sequence("DerivationImageSequence", derived)


def encode_source(image: SourceImage, plane: int, at: int) -> bytes:
    """Return one file that a slice was drawn on; its pixels are those of the slice only if it lies there."""
    instance = image.instances[at]
    frame = (plane if image.modality == "US" else instance.frame) + 1
    is_same = image.aligned and image.slices[plane] is not None
    return b"".join(
        [
            encode_text("ReferencedSOPClassUID", b"UI", instance.sop_class_uid),
            encode_text("ReferencedSOPInstanceUID", b"UI", instance.sop_instance_uid),
            encode_text("ReferencedFrameNumber", b"IS", str(frame)) if instance.frames > 1 else b"",
            encode_text("SpatialLocationsPreserved", b"CS", "YES" if is_same else "NO"),
            PURPOSE,
        ]
    )


def encode_position(grid: Grid, plane: int) -> bytes:
    """Return the Plane Position group: where a slice of the stored grid lies."""
    place = "\\".join(coordinate(float(v)) for v in grid.to_lps((plane, 0, 0)))
    return encode_sequence("PlanePositionSequence", encode_text("ImagePositionPatient", b"DS", place))


def identification(number: int) -> Dataset:
    """Return which segment a frame shows."""
    segment = Dataset()
    segment.ReferencedSegmentNumber = number
    group = Dataset()
    group.SegmentIdentificationSequence = [segment]
    return group


def encode_content(frame: Frame, *, has_space: bool) -> bytes:
    """Return the Frame Content group: the frame's place along each dimension."""
    index = [] if frame.segment is None else [frame.segment]
    values = struct.pack(f"<{len(index) + 1}I", *index, frame.plane + 1)
    body = b"" if has_space else encode_short(TIME[0], b"UL", struct.pack("<I", frame.plane + 1))
    body += encode_short(Tag("DimensionIndexValues"), b"UL", values)
    return encode_sequence("FrameContentSequence", body)


def encode(group: Dataset) -> bytes:
    """Return a dataset's elements, encoded."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, group)
    return bytes(buffer.getvalue())


def encode_short(tag: BaseTag, vr: bytes, value: bytes) -> bytes:
    """Return an element of a VR whose length takes two bytes (DICOM PS3.5, 7.1.2)."""
    return struct.pack("<HH2sH", tag.group, tag.element, vr, len(value)) + value


def encode_text(keyword: str, vr: bytes, text: str) -> bytes:
    """Return an element of text, padded to an even length (DICOM PS3.5, 6.2)."""
    value = text.encode("ascii")
    return encode_short(Tag(keyword), vr, value + (b"\0" if vr == b"UI" else b" ") * (len(value) % 2))


def encode_sequence(keyword: str, body: bytes) -> bytes:
    """Return a sequence of one item."""
    item = encode_item(body)
    return encode_header(Tag(keyword), b"SQ", len(item)) + item


def encode_header(tag: BaseTag, vr: bytes, length: int) -> bytes:
    """Return the head of an element of a VR whose length takes four bytes (DICOM PS3.5, 7.1.2)."""
    return struct.pack("<HH2sHI", tag.group, tag.element, vr, 0, length)


def encode_item(body: bytes) -> bytes:
    """Return an item of a sequence, or a fragment of pixel data (DICOM PS3.5, 7.5 and A.4)."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body


def encode_end() -> bytes:
    """Return the delimiter after the last of a sequence whose length was not given."""
    return struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


PURPOSE: Final = encode_sequence("PurposeOfReferenceCodeSequence", encode(code_item(SOURCE_IMAGE)))
HOW: Final = encode_sequence("DerivationCodeSequence", encode(code_item(SEGMENTED)))
"""The same in every frame."""
