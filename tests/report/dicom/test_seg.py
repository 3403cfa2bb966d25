"""A DICOM segmentation holds the maps voxel by voxel, where they lie, and says of which images they are."""

from __future__ import annotations

import json
import logging
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.reading import Maps, Reading, SourceImage
from hepalith.reading.load import load_map
from hepalith.reading.reading import KeyPicture
from hepalith.reading.source import SourceInstance
from hepalith.report.dicom.seg import write_seg
from hepalith.report.dicom.seg_frames import lay_labels
from hepalith.report.dicom.segments import list_segments, segment_mask, segment_numbers
from hepalith.settings import Formats

CT = "1.2.840.10008.5.1.4.1.1.2"
US_LOOP = "1.2.840.10008.5.1.4.1.1.3.1"

Make = Callable[..., Reading]


@pytest.fixture
def make(factories: ModuleType) -> Make:
    """Return what makes a reading with every kind of segment, stored in an order of choice."""

    def made(order: StoredOrder | None = None, *, trim: int = 0, **source: Any) -> Reading:
        reading: Reading = factories.make_reading()
        maps: Maps = reading.maps
        half = maps.liver.shape[0] // 2
        segments = np.where(maps.liver, 5, 0).astype(np.uint8)
        segments[half:][maps.liver[half:]] = 8
        hosts = np.zeros(maps.liver.shape, dtype=np.uint8)
        hosts[half - 4 : half + 4, 60:80, 40:60] = 1
        ducts = np.zeros_like(hosts)
        ducts[half, 40:44, 20:60] = 1
        shape = maps.grid.shape
        grid = Grid((shape[0], shape[1] - trim, shape[2] - trim), maps.grid.affine)
        order = order or StoredOrder()
        maps = replace(maps, grid=grid, stored_order=order, segments=segments, hosts=hosts, ducts=ducts)
        count = order.stored_grid(grid).shape[0]
        image = replace(
            reading.source.primary,
            instances=tuple(SourceInstance(CT, f"1.2.3.4.{n}") for n in range(count)),
            slices=tuple(range(count)),
            aligned=True,
        )
        image = replace(image, **source)
        return replace(reading, maps=maps, source=replace(reading.source, images=(image,)))

    return made


def written(reading: Reading, folder: Path, kind: str = "binary") -> Path:
    write_seg(reading, folder, Formats(segmentation=kind))
    return folder / "segmentation.dcm"


def whole(reading: Reading, part: NDArray[Any], place: Box) -> NDArray[Any]:
    """Return a part of the crop on the whole grid, in the working order."""
    full = np.zeros(reading.maps.grid.shape, dtype=part.dtype)
    full[reading.maps.box.slices][place.slices] = part
    return full


def same_places(read: highdicom.Volume, array: NDArray[Any], reading: Reading, truth: NDArray[Any]) -> bool:
    """Return whether what was read marks the same places in the patient, with the same labels."""
    index = np.argwhere(array)
    places = (read.affine @ np.c_[index, np.ones(len(index))].T).T[:, :3]
    back = np.asarray(reading.maps.grid.to_index(places))
    near = np.rint(back).astype(int)
    assert np.abs(back - near).max() < 1e-3
    return len(index) == np.count_nonzero(truth) and bool(
        (truth[tuple(near.T)] == array[tuple(index.T)]).all()
    )


ORDERS = {
    "as read": StoredOrder(),
    "head first": StoredOrder(flipped=(True, False, False)),
    "sagittal, mirrored": StoredOrder((1, 2, 0), (False, True, True)),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_highdicom_reads_every_mask_back_where_it_lies(
    make: Make, tmp_path: Path, order: StoredOrder
) -> None:
    reading = make(order)
    read = highdicom.seg.segread(written(reading, tmp_path))
    segments = list_segments(reading)
    assert list(read.segment_numbers) == [s.number for s in segments]
    for segment in segments:
        volume = read.get_volume(segment_numbers=[segment.number], combine_segments=False)
        truth = whole(reading, segment_mask(reading.maps, segment), segment.place)
        assert same_places(volume, volume.array[..., 0], reading, truth), segment.key


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_a_label_map_gives_each_voxel_to_the_innermost(
    make: Make, tmp_path: Path, order: StoredOrder
) -> None:
    reading = make(order)
    read = highdicom.seg.segread(written(reading, tmp_path, "labelmap"))
    labels = lay_labels(reading.maps, list_segments(reading))
    volume = read.get_volume(combine_segments=True)
    assert same_places(volume, volume.array, reading, whole(reading, labels, Box((0, 0, 0), labels.shape)))
    numbers, maps = segment_numbers(reading), reading.maps
    for focus in (1, 2, 3, 4):
        assert (labels[maps.foci == focus] == numbers[f"focus:{focus}"]).all(), "nothing of a focus is lost"
    assert (labels[(maps.foci == 0) & (maps.hosts == 1)] == numbers["host:1"]).all()
    assert (labels[maps.liver] > 0).all()


def test_frames_that_begin_within_a_byte_are_read_back(make: Make, tmp_path: Path) -> None:
    reading = make(StoredOrder((0, 2, 1)), trim=1)
    stored = reading.maps.stored_order.stored_grid(reading.maps.grid)
    assert stored.shape[1] * stored.shape[2] % 8, "the test needs a slice of a broken number of bytes"
    dataset = pydicom.dcmread(written(reading, tmp_path))
    pixels = dataset.pixel_array
    truths = {}
    for segment in list_segments(reading):
        truth = whole(reading, segment_mask(reading.maps, segment), segment.place)
        truths[segment.number] = reading.maps.stored_order.to_stored(truth)
    for frame, groups in zip(pixels, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        plane = groups.FrameContentSequence[0].DimensionIndexValues[1] - 1
        assert (frame == truths[number][plane]).all()
    assert pixels.sum() == sum(truth.sum() for truth in truths.values())


def test_only_frames_that_hold_something_are_written(make: Make, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(written(make(), tmp_path))
    assert dataset.pixel_array.any(axis=(1, 2)).all()


def test_dcmqi_reads_every_mask_back_where_it_lies(make: Make, tmp_path: Path) -> None:
    tool = shutil.which("segimage2itkimage") or shutil.which(
        "segimage2itkimage", path=str(Path(sys.executable).parent)
    )
    if tool is None:
        pytest.skip("dcmqi is not installed")
    reading = make(StoredOrder(flipped=(True, False, False)))
    path, out = written(reading, tmp_path), tmp_path / "itk"
    out.mkdir()
    command = [tool, "--inputDICOM", str(path), "--outputDirectory", str(out), "-t", "nii"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - dcmqi itself
    for segment in list_segments(reading):
        grid, stored = load_map(out / f"{segment.number}.nii.gz")
        truth = whole(reading, segment_mask(reading.maps, segment), segment.place)
        index = np.argwhere(stored)
        near = np.rint(np.asarray(reading.maps.grid.to_index(grid.to_lps(index)))).astype(int)
        assert len(index) == truth.sum(), segment.key
        assert truth[tuple(near.T)].all(), segment.key
    described = json.loads((out / "meta.json").read_text(encoding="utf-8"))["segmentAttributes"]
    assert {one["labelID"]: one["SegmentLabel"] for (one,) in described}[1] == "Liver"


def errors(tool: str, *paths: Path) -> list[str]:
    """Return what a checker of dicom3tools calls an error."""
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} (dicom3tools) is not installed")
    command = [found, *map(str, paths)]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603
    return [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]


def test_dciodvfy_finds_no_error(make: Make, tmp_path: Path) -> None:
    assert errors("dciodvfy", written(make(), tmp_path)) == []


def test_dciodvfy_finds_no_error_in_ultrasound(make: Make, tmp_path: Path) -> None:
    assert errors("dciodvfy", written(loop(make()), tmp_path)) == []


def test_each_frame_names_the_slice_it_was_drawn_on(make: Make, tmp_path: Path) -> None:
    reading = make(StoredOrder(flipped=(True, False, False)))
    dataset = pydicom.dcmread(written(reading, tmp_path))
    stored = reading.maps.stored_order.stored_grid(reading.maps.grid)
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        plane = int(source.ReferencedSOPInstanceUID.rpartition(".")[2])
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        assert np.allclose(np.asarray(position, dtype=float), stored.to_lps((plane, 0, 0)), atol=1e-3)
        assert source.SpatialLocationsPreserved == "YES"
        assert "ReferencedFrameNumber" not in source
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == reading.source.primary.series_uid
    assert len(series.ReferencedInstanceSequence) == 60


def test_an_interpolated_slice_names_the_files_on_both_sides_of_it(make: Make, tmp_path: Path) -> None:
    first = min(int(k) for k in np.nonzero(make().maps.foci)[0]) + make().maps.box.start[0]
    gone = {first, 30}
    kept = [n for n in range(60) if n not in gone]
    reading = make(
        instances=tuple(SourceInstance(CT, f"1.2.3.4.{n}") for n in kept),
        slices=tuple(None if n in gone else kept.index(n) for n in range(60)),
        places=tuple(float(n) + 0.01 for n in kept),
    )
    path = written(reading, tmp_path)
    named: dict[int, set[tuple[int, str]]] = {}
    for groups in pydicom.dcmread(path).PerFrameFunctionalGroupsSequence:
        plane = groups.FrameContentSequence[0].DimensionIndexValues[1] - 1
        named.setdefault(plane, set()).update(
            (int(one.ReferencedSOPInstanceUID.rpartition(".")[2]), one.SpatialLocationsPreserved)
            for one in groups.DerivationImageSequence[0].SourceImageSequence
        )
    assert all(named.pop(n) == {(n - 1, "NO"), (n + 1, "NO")} for n in gone)
    assert all(said == {(n, "YES")} for n, said in named.items())


def test_dciodvfy_finds_no_error_where_most_slices_were_interpolated(make: Make, tmp_path: Path) -> None:
    slices = tuple(n if n == 29 else None for n in range(60))
    reading = make(slices=slices, places=tuple(n * 1.01 for n in range(60)))
    assert errors("dciodvfy", written(reading, tmp_path)) == []


def test_a_segmentation_whose_frames_are_of_no_file_refers_to_none(make: Make, tmp_path: Path) -> None:
    path = written(make(slices=(None,) * 60), tmp_path)
    assert "ReferencedSeriesSequence" not in pydicom.dcmread(path)
    assert errors("dciodvfy", path) == []


def test_an_interpolated_slice_names_no_file_where_none_has_a_place(make: Make, tmp_path: Path) -> None:
    slices = tuple(None if n == 30 else n for n in range(60))
    dataset = pydicom.dcmread(written(make(slices=slices), tmp_path))
    named = {
        groups.FrameContentSequence[0].DimensionIndexValues[1] - 1: bool(groups.DerivationImageSequence)
        for groups in dataset.PerFrameFunctionalGroupsSequence
    }
    assert not named.pop(30)
    assert all(named.values())


def test_pixels_that_are_not_the_sources_are_said_to_be_elsewhere(make: Make, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(written(make(aligned=False), tmp_path))
    (item,) = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence
    assert item.SourceImageSequence[0].SpatialLocationsPreserved == "NO"


def test_frames_of_a_multi_frame_source_are_named(make: Make, tmp_path: Path) -> None:
    enhanced = "1.2.840.10008.5.1.4.1.1.2.1"
    instances = tuple(SourceInstance(enhanced, "1.2.3.9", n, 60) for n in range(60))
    dataset = pydicom.dcmread(written(make(instances=instances), tmp_path))
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedFrameNumber == groups.FrameContentSequence[0].DimensionIndexValues[1]
    assert len(dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 1


def test_stand_ins_are_said_to_be_so(make: Make, tmp_path: Path) -> None:
    plain = pydicom.dcmread(written(make(), tmp_path))
    assert "stand-ins" not in plain.ImageComments
    made = pydicom.dcmread(written(make(stand_ins=("series", "instances")), tmp_path))
    assert "The source has no UIDs of its own for: series, instances" in made.ImageComments


def test_a_de_identified_reading_names_nobody(make: Make, tmp_path: Path) -> None:
    reading = make()
    hidden = replace(reading.source, is_hidden=True, identity=type(reading.source.identity)())
    path = written(replace(reading, source=hidden), tmp_path)
    dataset = pydicom.dcmread(path)
    assert dataset.PatientIdentityRemoved == "YES"
    assert "de-identified" in dataset.ImageComments
    raw = path.read_bytes()
    assert not any(word in raw for word in (b"Doe", b"MRN-4711", b"19610203"))


def test_segments_say_what_they_are_and_how_they_were_made(make: Make, tmp_path: Path) -> None:
    reading = make()
    dataset = pydicom.dcmread(written(reading, tmp_path))
    liver, focus = dataset.SegmentSequence[0], dataset.SegmentSequence[3]
    assert liver.SegmentLabel == "Liver"
    assert focus.TrackingUID == reading.document.foci[0].tracking_uid
    assert focus.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert focus.SegmentAlgorithmType == "AUTOMATIC"
    assert focus.AnatomicRegionSequence
    assert len({tuple(s.RecommendedDisplayCIELabValue) for s in dataset.SegmentSequence}) > 4
    assert dataset.SegmentsOverlap == "YES"
    private = {item.CodingSchemeDesignator for item in dataset.CodingSchemeIdentificationSequence}
    assert private == {"99HEPALITH"}


def test_a_liver_given_by_the_user_is_not_called_automatic(make: Make, tmp_path: Path) -> None:
    reading = make()
    liver = reading.document.liver.model_copy(update={"source": "given"})
    reading = replace(reading, document=reading.document.model_copy(update={"liver": liver}))
    segments = pydicom.dcmread(written(reading, tmp_path)).SegmentSequence
    assert segments[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert segments[3].SegmentAlgorithmType == "AUTOMATIC"


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_written_twice_it_is_the_same(make: Make, tmp_path: Path, kind: str) -> None:
    first = written(make(), tmp_path, kind).read_bytes()
    assert written(make(), tmp_path, kind).read_bytes() == first


def test_it_names_the_patient_and_only_its_owner_reads_it(make: Make, tmp_path: Path) -> None:
    path = written(make(), tmp_path)
    assert pydicom.dcmread(path).PatientID == "MRN-4711"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["segmentation.dcm"]


def test_the_two_kinds_are_two_objects(make: Make, tmp_path: Path) -> None:
    binary = pydicom.dcmread(written(make(), tmp_path))
    labels = pydicom.dcmread(written(make(), tmp_path, "labelmap"))
    assert binary.SOPInstanceUID != labels.SOPInstanceUID
    assert binary.SeriesInstanceUID != labels.SeriesInstanceUID
    assert [s.SegmentNumber for s in labels.SegmentSequence] == [
        0,
        *(s.SegmentNumber for s in binary.SegmentSequence),
    ]


def test_nothing_to_draw_writes_no_file_and_says_so(
    factories: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reading = factories.assemble(
        factories.make_examined(),
        factories.unanswerable_assessment(),
        factories.Patient(),
        factories.Settings(),
    )
    with caplog.at_level(logging.WARNING):
        write_seg(reading, tmp_path, Formats())
    assert list(tmp_path.iterdir()) == []
    (line,) = caplog.messages
    assert line.startswith("segmentation.dcm is not written")


def loop(reading: Reading) -> Reading:
    """Return a reading of an ultrasound loop of 7 frames, its fourth marked."""
    grid = Grid((7, 48, 64), np.eye(4)[[2, 1, 0, 3]])
    liver = np.zeros((1, 48, 64), dtype=np.bool_)
    liver[0, 10:40, 10:50] = True
    foci = np.zeros((1, 48, 64), dtype=np.uint8)
    foci[0, 20:23, 30:34] = 1
    hu = np.zeros((1, 48, 64), dtype=np.int16)
    maps = Maps(grid, StoredOrder(), Box((3, 0, 0), (4, 48, 64)), hu, liver, foci)
    image = SourceImage(
        "us_1", "1.2.3", "1.2.3.1", "US", "", (SourceInstance(US_LOOP, "1.2.3.1.1", 0, 7),), (0,) * 7
    )
    return replace(reading, maps=maps, source=replace(reading.source, images=(image,)))


@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_ultrasound_lies_in_the_plane_of_its_frame(make: Make, tmp_path: Path, kind: str) -> None:
    reading = loop(make())
    dataset = pydicom.dcmread(written(reading, tmp_path, kind))
    assert "FrameOfReferenceUID" not in dataset
    assert (dataset.Rows, dataset.Columns) == (48, 64)
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        assert (source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber) == ("1.2.3.1.1", 4)
        assert "PlanePositionSequence" not in groups
    pixels = dataset.pixel_array
    if kind == "labelmap":
        assert (pixels == np.where(reading.maps.foci[0] > 0, 2, reading.maps.liver[0])).all()
    else:
        assert (pixels == np.stack([reading.maps.liver[0], reading.maps.foci[0]])).all()


def test_pictures_that_are_not_drawn_are_spoken_of(make: Make, tmp_path: Path) -> None:
    reading = loop(make())
    assert "not drawn" not in pydicom.dcmread(written(reading, tmp_path)).ImageComments
    grey, labels, liver = np.zeros((3, 48, 64), dtype=np.uint8)
    kept = KeyPicture("us_2", 0, grey, labels, liver.astype(np.bool_))
    more = replace(reading, maps=replace(reading.maps, others=(kept,)))
    assert "further ultrasound pictures" in pydicom.dcmread(written(more, tmp_path)).ImageComments


def test_more_segments_than_a_byte_counts_take_two(make: Make, tmp_path: Path) -> None:
    reading = make()
    foci = np.zeros(reading.maps.foci.shape, dtype=np.int32)
    many = range(1, 301)
    for number in many:
        foci[20 + number % 5, 2 * (number // 25) + 20, 2 * (number % 25) + 20] = number
    first = reading.document.foci[0]
    entries = tuple(first.model_copy(update={"id": n, "tracking_uid": f"2.25.{n}"}) for n in many)
    document = reading.document.model_copy(update={"foci": entries})
    reading = replace(reading, document=document, maps=replace(reading.maps, foci=foci))
    dataset = pydicom.dcmread(written(reading, tmp_path, "labelmap"))
    assert dataset.BitsAllocated == 16
    shown = np.unique(dataset.pixel_array)
    numbers = segment_numbers(reading)
    assert {numbers[f"focus:{n}"] for n in many} <= set(shown.tolist())
