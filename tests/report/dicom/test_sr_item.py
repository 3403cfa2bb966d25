"""Content items are encoded as DICOM's own rules say: a stranger's parser reads them back."""

from __future__ import annotations

import io

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, EnhancedSRStorage, ExplicitVRLittleEndian

from hepalith.report.dicom.sr_code import DCM, Named, unit
from hepalith.report.dicom.sr_item import (
    CONTAINS,
    MODIFIER,
    PROPERTY,
    Item,
    Reference,
    code,
    container,
    content_sequence,
    date,
    element,
    image,
    number,
    person,
    region,
    text,
    uid,
)
from hepalith.vocabulary.coding import Coded

NAME = Named(Coded("1", "99TEST", "a name"))
CT = "1.2.840.10008.5.1.4.1.1.2"


CHARACTER_SET = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192"
"""The element that stands before the content in what pydicom writes."""


def parsed(*made: Item) -> list[Dataset]:
    """Return items as pydicom reads them from a file."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = EnhancedSRStorage
    header.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    header.SpecificCharacterSet = "ISO_IR 192"
    buffer = io.BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    buffer.write(content_sequence(made))
    buffer.seek(0)
    return list(dcmread(buffer).ContentSequence)


def encoded(dataset: Dataset) -> bytes:
    """Return the elements of an item as pydicom writes them."""
    whole = Dataset()
    whole.SpecificCharacterSet = "ISO_IR 192"
    whole.ContentSequence = [dataset]
    list(whole.iterall())
    buffer = io.BytesIO()
    whole.save_as(buffer, implicit_vr=False, little_endian=True)
    return buffer.getvalue()[len(CHARACTER_SET) :]


MADE = {
    "text": text(CONTAINS, NAME, "钙化 of odd length"),
    "code": code(MODIFIER, NAME, DCM.MEAN, [text(PROPERTY, NAME, "why")]),
    "number": number(CONTAINS, NAME, -12.5, unit("[hnsf'U].mm3"), [date(PROPERTY, NAME, "20250314")]),
    "uid": uid(CONTAINS, NAME, "1.2.345"),
    "person": person(CONTAINS, NAME, "Li^Hua"),
    "frame": image(CONTAINS, None, Reference(CT, "1.2.3.4", frame=3)),
    "segment": image(CONTAINS, NAME, Reference(CT, "1.2.3.4", segment=300)),
    "region": region(NAME, [(1.0, 2.0), (3.5, 2.0), (3.5, 4.0)], Reference(CT, "1.2.3.4")),
    "container": container(CONTAINS, NAME, [text(CONTAINS, NAME, "x")], template="1411"),
}


@pytest.mark.parametrize("item", MADE.values(), ids=MADE.keys())
def test_an_item_has_the_bytes_that_pydicom_writes(item: Item) -> None:
    assert encoded(parsed(item)[0]) == content_sequence([item])


def test_values_are_read_back_by_a_stranger() -> None:
    said, judged, measured, _, named, frame, segment, outline, held = parsed(*MADE.values())
    assert said.TextValue == "钙化 of odd length"
    assert judged.ConceptCodeSequence[0].CodeValue == "373098007"
    assert judged.ContentSequence[0].RelationshipType == "HAS PROPERTIES"
    value = measured.MeasuredValueSequence[0]
    assert float(value.NumericValue) == -12.5
    assert value.MeasurementUnitsCodeSequence[0].CodeValue == "[hnsf'U].mm3"
    assert named.PersonName == "Li^Hua"
    assert frame.ReferencedSOPSequence[0].ReferencedFrameNumber == 3
    assert segment.ReferencedSOPSequence[0].ReferencedSegmentNumber == 300
    assert list(outline.GraphicData) == [1, 2, 3.5, 2, 3.5, 4, 1, 2]
    assert held.ContentTemplateSequence[0].TemplateIdentifier == "1411"


def test_a_value_too_long_for_its_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="more than FL holds"):
        element(0x0070, 0x0022, "FL", b"\0" * 70000)


def test_a_long_meaning_is_cut_between_characters() -> None:
    long = Named(Coded("1", "99TEST", "a name"), "肝" * 40)
    (item,) = parsed(text(CONTAINS, long, "x"))
    assert item.ConceptNameCodeSequence[0].CodeMeaning == "肝" * 21
