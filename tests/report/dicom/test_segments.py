"""Segments have numbers that the measurement report can rely on."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np

from hepalith.report.dicom.segments import SEG_SOP_CLASS, list_segments, segment_numbers, track


def test_numbers_run_from_the_liver_to_the_foci_without_a_gap(factories: ModuleType) -> None:
    reading = factories.make_reading()
    assert dict(segment_numbers(reading)) == {
        "liver": 1,
        "focus:1": 2,
        "focus:2": 3,
        "focus:3": 4,
        "focus:4": 5,
    }
    assert [s.number for s in list_segments(reading)] == [1, 2, 3, 4, 5]


def test_segments_lesions_and_ducts_stand_in_their_order(factories: ModuleType) -> None:
    reading = factories.make_reading()
    maps = reading.maps
    segments = np.where(maps.liver, 8, 0).astype(np.uint8)
    segments[: segments.shape[0] // 2][segments[: segments.shape[0] // 2] > 0] = 4
    lesion = (maps.foci == 1).astype(np.uint8) * 2
    reading = replace(reading, maps=replace(maps, segments=segments, hosts=lesion, ducts=lesion // 2))
    assert list(segment_numbers(reading)) == [
        "liver",
        "segment:IV",
        "segment:VIII",
        "focus:1",
        "focus:2",
        "focus:3",
        "focus:4",
        "host:2",
        "duct:1",
    ]


def test_what_has_no_voxel_has_no_number(factories: ModuleType) -> None:
    reading = factories.make_reading()
    foci = np.where(reading.maps.foci == 2, 0, reading.maps.foci)
    numbers = segment_numbers(replace(reading, maps=replace(reading.maps, foci=foci)))
    assert "focus:2" not in numbers
    assert numbers["focus:3"] == 3


def test_a_label_that_the_document_does_not_know_is_no_segment(factories: ModuleType) -> None:
    reading = factories.make_reading()
    foci = np.where(reading.maps.foci == 2, 77, reading.maps.foci)
    numbers = segment_numbers(replace(reading, maps=replace(reading.maps, foci=foci)))
    assert not {"focus:2", "focus:77"} & set(numbers)


def test_a_reading_without_a_liver_has_no_segment(factories: ModuleType) -> None:
    reading = factories.assemble(
        factories.make_examined(),
        factories.unanswerable_assessment(),
        factories.Patient(),
        factories.Settings(),
    )
    assert dict(segment_numbers(reading)) == {}


def test_a_focus_is_tracked_by_the_uid_of_the_document(factories: ModuleType) -> None:
    reading = factories.make_reading()
    for focus in reading.document.foci:
        assert track(reading, f"focus:{focus.id}").uid == focus.tracking_uid
    uids = [s.tracking.uid for s in list_segments(reading)]
    assert len(set(uids)) == len(uids)


def test_tracking_outlives_a_revision(factories: ModuleType) -> None:
    reading = factories.make_reading()
    entry = reading.document.reading.model_copy(update={"revision": 2})
    later = replace(reading, document=reading.document.model_copy(update={"reading": entry}))
    assert track(later, "host:1") == track(reading, "host:1")


def test_a_clip_is_an_object_and_calcium_an_abnormal_structure(factories: ModuleType) -> None:
    reading = factories.make_reading()
    named = {s.key: s for s in list_segments(reading)}
    said = {f.label: named[f"focus:{f.id}"].category.meaning for f in reading.document.foci}
    assert said["calcification"] == "Morphologically Abnormal Structure"
    assert said["clip_or_coil"] == "Physical object"
    assert named["liver"].category.meaning == "Anatomical Structure"


def test_both_kinds_of_segmentation_have_the_class_that_dicom_gives_them() -> None:
    assert dict(SEG_SOP_CLASS) == {
        "binary": "1.2.840.10008.5.1.4.1.1.66.4",
        "labelmap": "1.2.840.10008.5.1.4.1.1.66.7",
    }
