"""The report's key images as one DICOM secondary capture of several frames, for systems that show no more.

References
----------
DICOM PS3.3, A.8.5 (Multi-frame True Color Secondary Capture Image IOD), C.8.6 (Secondary Capture modules).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import MultiFrameTrueColorSecondaryCaptureImageStorage

from hepalith.geometry import Box
from hepalith.reading import Maps, Reading
from hepalith.reading.document import FocusEntry
from hepalith.reading.source import SourceImage
from hepalith.report.dicom.capture_frame import (
    WIDTH_PX,
    Plate,
    lay_plates,
    place_plates,
    plate_of_picture,
    plate_of_sonogram,
)
from hepalith.report.dicom.context import (
    code_item,
    file_under,
    save_object,
    say_stand_ins,
    stamp,
)
from hepalith.report.dicom.seg_groups import SOURCE_IMAGE, encode_header
from hepalith.report.figure import Picture, find_places
from hepalith.report.html import FocusFigure, page_content
from hepalith.report.sonogram_figure import FocusSonogram, Sonogram
from hepalith.settings import Formats
from hepalith.vocabulary.term import load_vocabulary

__all__ = ["CAPTURE_SERIES_NUMBER", "make_key_images", "write_key_images"]

logger = logging.getLogger(__name__)

FILE = "key_images.dcm"

CAPTURE_SERIES_NUMBER: Final = 9003
"""Series number: behind segmentation and measurements. Our judgement."""

KINDS = {
    "projection": "maximum projection, foci numbered",
    "outline": "liver outlined",
    "soft": "soft tissue window",
    "bone": "bone window",
}
"""What a picture of CT shows, in the words of its caption."""

JPEG_METHOD = "ISO_10918_1"
"""The figures of the report are JPEG; what was lost there is lost here (DICOM PS3.3, C.7.6.1.1.5)."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The frames, what they were drawn from (class, UID, frame), and how compressed their pictures are."""

    frames: tuple[NDArray[np.uint8], ...]
    sources: tuple[tuple[str, str, int | None], ...]
    ratio: float


def write_key_images(reading: Reading, folder: Path, formats: Formats) -> None:  # noqa: ARG001 - as every writer
    """Write ``key_images.dcm``; nothing where the report has no figure.

    Raises
    ------
    hepalith.errors.OutputError
        If the file cannot be written.
    """
    shown = show_key_images(reading)
    if not shown.frames:
        logger.warning("%s is not written: the report of this reading has no figure", FILE)
        return
    save_object(make_key_images(reading, shown), folder / FILE, rest=encode_frames(shown.frames))


def show_key_images(reading: Reading) -> Shown:
    """Return the report's figures as frames: the liver as a whole, then each focus."""
    content = page_content(reading, language="en")
    overview: Sequence[Picture] = content["overview"]
    figures: Sequence[FocusFigure] = content["figures"]
    page = content["s"]
    wholes: Sequence[Sonogram] = () if page is None else page.pictures
    close: Sequence[FocusSonogram] = () if page is None else page.foci
    pages: list[tuple[str, list[Plate]]] = []
    if overview:
        pages.append(("Liver", [plate_of_picture(p, f"{p.plane}, {KINDS[p.kind]}") for p in overview]))
    for figure in figures:
        plates = [plate_of_picture(p, f"{p.plane}, {KINDS[p.kind]}") for p in figure.pictures]
        pages.append((title_of(figure.focus), plates))
    pages += [("Ultrasound", [plate_of_sonogram(whole, caption_of(whole), WIDTH_PX)]) for whole in wholes]
    for one in close:
        plates = [plate_of_sonogram(p, caption_of(p)) for p in (one.plain, one.drawn)]
        pages.append((title_of(one.focus), plates))
    drawn: list[Picture | Sonogram] = [
        *overview,
        *(p for f in figures for p in f.pictures),
        *wholes,
        *(c.drawn for c in close),
    ]
    height = max((place_plates(plates)[1] for _, plates in pages), default=0)
    return Shown(
        tuple(lay_plates(plates, f"{title} ({reading.document.notice})", height) for title, plates in pages),
        tuple(dict.fromkeys(sources_of(reading, figures, [*wholes, *(c.drawn for c in close)]))),
        compression_ratio(drawn),
    )


def make_key_images(reading: Reading, shown: Shown) -> Dataset:
    """Return the secondary capture without its pixels."""
    dataset = Dataset()
    file_under(reading, dataset)
    dataset.SOPClassUID = MultiFrameTrueColorSecondaryCaptureImageStorage
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.BodyPartExamined = "LIVER"
    stamp(
        reading,
        dataset,
        "key images",
        series_number=CAPTURE_SERIES_NUMBER,
        description="hepalith: key images",
    )
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.PatientOrientation = ""
    said = (reading.document.notice, say_stand_ins(reading))
    dataset.ImageComments = ". ".join(text.rstrip(".") for text in said if text) + "."
    dataset.DerivationDescription = "Windowed, enlarged and compressed; outlines of foci and liver drawn in"
    if shown.sources:
        dataset.SourceImageSequence = [source_item(*source) for source in shown.sources]
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = f"{shown.ratio:.3g}"
    dataset.LossyImageCompressionMethod = JPEG_METHOD
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.NumberOfFrames = len(shown.frames)
    if len(shown.frames) > 1:  # PS3.3, C.7.6.6: a single frame has nothing to count
        dataset.FrameIncrementPointer = Tag("PageNumberVector")
        dataset.PageNumberVector = list(range(1, len(shown.frames) + 1))
    dataset.Rows, dataset.Columns = shown.frames[0].shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    return dataset


def title_of(focus: FocusEntry) -> str:
    """Return the heading of a focus's frame."""
    return f"Focus {focus.id}: {load_vocabulary()[focus.label].en}"


def caption_of(picture: Sonogram) -> str:
    """Return which picture a figure of ultrasound is."""
    loop = f", frame {picture.frame + 1} of {picture.frames}" if picture.frames > 1 else ""
    return f"{picture.image}{loop}"


def sources_of(
    reading: Reading, figures: Sequence[FocusFigure], sonograms: Sequence[Sonogram]
) -> Iterator[tuple[str, str, int | None]]:
    """Yield class, UID and frame of the instances that the figures show: axial slices, and ultrasound."""
    places = find_places(reading.maps) if figures else {}
    for figure in figures:
        plane = axial_slice(reading.maps, figure.focus.id, places[figure.focus.id])
        for at in () if plane is None else reading.source.primary.shown_in(plane):
            yield instance_of(reading.source.primary, at, None)
    for picture in sonograms:
        yield instance_of(reading.source.image(picture.image), 0, picture.frame)


def instance_of(image: SourceImage, at: int, frame: int | None) -> tuple[str, str, int | None]:
    """Return class, UID and, where its file has several, frame (from 1) of an instance."""
    instance = image.instances[at]
    number = (instance.frame if frame is None else frame) + 1
    return instance.sop_class_uid, instance.sop_instance_uid, number if instance.frames > 1 else None


def axial_slice(maps: Maps, focus_id: int, place: Box) -> int | None:
    """Return which stored slice a focus's axial figure shows; None where slices were stored another way."""
    if maps.stored_order.axes[0] != 0:
        return None
    inside = maps.foci[place.slices] == focus_id
    cut = maps.box.start[0] + place.start[0] + int(inside.sum(axis=(1, 2)).argmax())
    return maps.grid.shape[0] - 1 - cut if maps.stored_order.flipped[0] else cut


def source_item(sop_class: str, uid: str, frame: int | None) -> Dataset:
    """Return an item of Source Image (DICOM PS3.3, C.7.6.1.1.4)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    if frame is not None:
        item.ReferencedFrameNumber = frame
    item.PurposeOfReferenceCodeSequence = [code_item(SOURCE_IMAGE)]
    item.SpatialLocationsPreserved = "NO"
    return item


def compression_ratio(pictures: Sequence[Picture | Sonogram]) -> float:
    """Return how many times smaller the figures are than their pixels."""
    plain = sum(picture.width * picture.height for picture in pictures)
    return plain / max(1, sum(len(picture.data_uri) * 3 // 4 for picture in pictures))


def encode_frames(frames: Sequence[NDArray[np.uint8]]) -> Iterator[bytes]:
    """Yield the Pixel Data element."""
    length = sum(frame.nbytes for frame in frames)
    yield encode_header(Tag("PixelData"), b"OB", length + length % 2)
    for frame in frames:
        yield frame.tobytes()
    yield b"\0" * (length % 2)
