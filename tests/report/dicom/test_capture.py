"""Key images as a secondary capture: the report's figures with their outlines, and the images they show."""

from __future__ import annotations

import logging
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest

from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.reading import Maps, Reading, SourceImage
from hepalith.reading.document import ImageEntry, ObservationEntry, PhaseEntry
from hepalith.reading.sonogram_document import KeyPictureEntry, RegionEntry, SectorEntry, SonographyEntry
from hepalith.reading.source import SourceInstance
from hepalith.report.dicom.capture import write_key_images
from hepalith.report.dicom.capture_frame import CAPTION_PX, CELL_PX, PINK, YELLOW, plate_of_picture, strokes
from hepalith.report.figure import find_places, focus_pictures
from hepalith.settings import Formats

CT = "1.2.840.10008.5.1.4.1.1.2"
US_LOOP = "1.2.840.10008.5.1.4.1.1.3.1"


@pytest.fixture
def reading(factories: ModuleType) -> Reading:
    made: Reading = factories.make_reading()
    image = replace(
        made.source.primary,
        instances=tuple(SourceInstance(CT, f"1.2.3.4.{n}") for n in range(60)),
        slices=tuple(range(60)),
    )
    return replace(made, source=replace(made.source, images=(image,)))


@pytest.fixture
def sonogram(reading: Reading) -> Reading:
    """A loop of 7 frames, its fourth kept, with one focus."""
    shape = (300, 400)
    rows, columns = np.mgrid[:300, :400]
    foci = (np.hypot(columns - 220, rows - 120) < 7).astype(np.uint8)[None]
    grey = np.where(foci > 0, 250, 120).astype(np.int16)
    maps = Maps(
        Grid((7, *shape), np.eye(4)[[2, 1, 0, 3]]),
        StoredOrder(),
        Box((3, 0, 0), (4, *shape)),
        grey,
        np.ones((1, *shape), dtype=np.bool_),
        foci,
    )
    fan = SectorEntry(
        shape="fan",
        apex_px=(200.0, -60.0),
        near_px=80.0,
        far_px=340.0,
        from_angle=-0.55,
        to_angle=0.55,
        confidence=1.0,
    )
    image = ImageEntry(
        id="us_1",
        modality="US",
        study_uid="1.2.3",
        series_uid="1.2.3.1",
        frame_of_reference_uid="",
        phase=PhaseEntry(label="unknown", probability=1.0),
        shape=(7, *shape),
        spacing_mm=(0.3, 0.3),
        regions=(
            RegionEntry(
                kind="b_mode",
                box_px=(25.0, 8.0, 375.0, 280.0),
                index=0,
                mm_per_px=(0.3, 0.3),
                liver_share=0.6,
                sector=fan,
                view="plain",
            ),
        ),
        sonography=SonographyEntry(),
    )
    seen = ObservationEntry(
        image="us_1", frame=3, region=0, bbox_px=(213, 113, 227, 127), centroid_px=(220, 120), depth_mm=54.0
    )
    first = reading.document.foci[0]
    focus = first.model_copy(update={"modality": "US", "centroid_lps_mm": None, "observations": (seen,)})
    document = reading.document.model_copy(
        update={
            "images": (image,),
            "foci": (focus,),
            "key_pictures": (KeyPictureEntry(image="us_1", frame=3, file="liver_box.nii.gz"),),
        }
    )
    file = SourceInstance(US_LOOP, "1.2.3.1.1", 0, 7)
    source = SourceImage("us_1", "1.2.3", "1.2.3.1", "US", "", (file,), (0,) * 7)
    return replace(reading, document=document, maps=maps, source=replace(reading.source, images=(source,)))


def written(reading: Reading, folder: Path) -> pydicom.Dataset:
    write_key_images(reading, folder, Formats())
    return pydicom.dcmread(folder / "key_images.dcm")


def has_ink(pixels: np.ndarray, ink: tuple[int, int, int]) -> bool:
    return bool((pixels == ink).all(axis=-1).any())


def test_the_liver_and_each_focus_have_a_frame(reading: Reading, tmp_path: Path) -> None:
    dataset = written(reading, tmp_path)
    shown = dataset.pixel_array
    assert shown.shape == (5, dataset.Rows, dataset.Columns, 3)
    for frame in shown:
        cell = frame[2 * CAPTION_PX : CAPTION_PX + CELL_PX, :CELL_PX]
        assert cell.std() > 10, "a picture stands in the first place"
        assert has_ink(frame, YELLOW), "with its outline or its rings"
    assert dataset.PageNumberVector == [1, 2, 3, 4, 5]


def test_the_outline_is_drawn_about_what_is_bright(reading: Reading) -> None:
    axial = focus_pictures(reading.maps, 1, find_places(reading.maps)[1])[0]
    pixels = np.asarray(plate_of_picture(axial, "axial").pixels)
    rows, columns = np.nonzero((pixels == YELLOW).all(axis=-1))
    inside = pixels[rows.min() + 3 : rows.max() - 2, columns.min() + 3 : columns.max() - 2]
    assert np.median(inside) > 200, "the focus is white within its outline"
    ring = pixels[rows.min() - 24 : rows.min() - 8, columns.min() : columns.max()]
    assert np.median(ring) < 200, "and the liver about it is grey"


def test_a_lesion_is_drawn_in_its_own_colour(reading: Reading, tmp_path: Path) -> None:
    assert not has_ink(written(reading, tmp_path).pixel_array[1], PINK)
    hosts = np.zeros(reading.maps.foci.shape, dtype=np.uint8)
    hosts[find_places(reading.maps)[1].grown((3, 3, 3), hosts.shape).slices] = 1
    lesion = replace(reading, maps=replace(reading.maps, hosts=hosts))
    assert has_ink(written(lesion, tmp_path).pixel_array[1], PINK)


def test_paths_of_another_command_than_the_figures_write_are_not_met() -> None:
    assert list(strokes("M1 2H3V4")) == [[(1.0, 2.0), (3.0, 2.0), (3.0, 4.0)]]
    assert list(strokes("")) == []


@pytest.mark.parametrize("is_head_first", [False, True])
def test_the_axial_slice_of_each_focus_is_named(
    reading: Reading, tmp_path: Path, is_head_first: bool
) -> None:
    maps = replace(reading.maps, stored_order=StoredOrder(flipped=(is_head_first, False, False)))
    dataset = written(replace(reading, maps=maps), tmp_path)
    named = {int(item.ReferencedSOPInstanceUID.rpartition(".")[2]) for item in dataset.SourceImageSequence}
    foci = np.zeros(maps.grid.shape, dtype=np.uint8)
    foci[maps.box.slices] = maps.foci
    widest = {int((foci == n).sum(axis=(1, 2)).argmax()) for n in (1, 2, 3, 4)}
    assert named == ({59 - n for n in widest} if is_head_first else widest)


def test_of_an_interpolated_slice_the_files_on_both_sides_are_named(reading: Reading, tmp_path: Path) -> None:
    primary = replace(reading.source.primary, slices=(None,) * 60)
    nowhere = replace(reading, source=replace(reading.source, images=(primary,)))
    assert "SourceImageSequence" not in written(nowhere, tmp_path), "nothing is said, not an empty sequence"
    between = replace(primary, places=tuple(n + 0.5 for n in range(60)))
    dataset = written(replace(reading, source=replace(reading.source, images=(between,))), tmp_path)
    foci = np.zeros(reading.maps.grid.shape, dtype=np.uint8)
    foci[reading.maps.box.slices] = reading.maps.foci
    widest = {int((foci == n).sum(axis=(1, 2)).argmax()) for n in (1, 2, 3, 4)}
    named = {int(item.ReferencedSOPInstanceUID.rpartition(".")[2]) for item in dataset.SourceImageSequence}
    assert named == {m for n in widest for m in (n - 1, n)}


def test_ultrasound_shows_the_whole_picture_and_each_focus_close_by(
    sonogram: Reading, tmp_path: Path
) -> None:
    dataset = written(sonogram, tmp_path)
    assert dataset.NumberOfFrames == 2
    (item,) = dataset.SourceImageSequence
    assert (item.ReferencedSOPInstanceUID, item.ReferencedFrameNumber) == ("1.2.3.1.1", 4)
    assert all(has_ink(frame, YELLOW) for frame in dataset.pixel_array)


def test_it_says_what_it_is(reading: Reading, tmp_path: Path) -> None:
    dataset = written(reading, tmp_path)
    assert dataset.BurnedInAnnotation == "NO"
    assert dataset.ConversionType == "WSD"
    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
    assert float(dataset.LossyImageCompressionRatio) > 1
    assert dataset.ImageComments.startswith("research use; not a cleared device")
    assert dataset.StudyInstanceUID == reading.source.primary.study_uid


def test_written_twice_it_is_the_same(reading: Reading, tmp_path: Path) -> None:
    written(reading, tmp_path)
    first = (tmp_path / "key_images.dcm").read_bytes()
    written(reading, tmp_path)
    assert (tmp_path / "key_images.dcm").read_bytes() == first


@pytest.fixture
def alone(factories: ModuleType) -> Reading:
    """A reading without foci: one frame, which shows the liver as a whole."""
    made: Reading = factories.make_reading(foci=factories.no_foci())
    return made


def test_a_single_frame_is_not_counted(alone: Reading, tmp_path: Path) -> None:
    dataset = written(alone, tmp_path)
    assert dataset.NumberOfFrames == 1
    assert "FrameIncrementPointer" not in dataset
    assert "PageNumberVector" not in dataset
    assert "SourceImageSequence" not in dataset


@pytest.mark.parametrize("kind", ["reading", "sonogram", "alone"])
def test_dciodvfy_finds_no_error(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    written(request.getfixturevalue(kind), tmp_path)
    command = [tool, str(tmp_path / "key_images.dcm")]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603
    assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == []


def test_no_figure_writes_no_file_and_says_so(
    factories: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reading = factories.assemble(
        factories.make_examined(),
        factories.unanswerable_assessment(),
        factories.Patient(),
        factories.Settings(),
    )
    with caplog.at_level(logging.WARNING):
        write_key_images(reading, tmp_path, Formats())
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == ["key_images.dcm is not written: the report of this reading has no figure"]
