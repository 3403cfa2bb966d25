"""Opening ultrasound: one examination out of clips and stills, beside a CT or alone, or one line why not."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from tests.dicom_files import make_hu, make_slice, save, write_series
from tests.ultrasound_files import US_IMAGE, make_levels, make_us, region, save_us

from hepalith.errors import (
    HepalithError,
    InputError,
    MixedStudiesError,
    NoImageError,
    UnreadableFileError,
    UnsupportedModalityError,
    UsageError,
)
from hepalith.settings import Settings
from hepalith.study import Study
from hepalith.study.choice import SeriesChoice, choose_series
from hepalith.study.open import open_study
from hepalith.study.sonography import Capture

LEVELS = make_levels((1, 96, 128))


def study_of(*paths: Path, **chosen: Any) -> Study:
    return open_study(paths, Settings(**chosen))


def choice_of(*paths: Path, **chosen: Any) -> SeriesChoice:
    settings = Settings(**chosen)
    return choose_series(open_study(paths, settings), settings)


def refused(kind: type[HepalithError], *paths: Path, status: int = 3, **chosen: Any) -> str:
    with pytest.raises(kind) as caught:
        choice_of(*paths, **chosen)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_status == status
    assert "Secret" not in message
    return message


def write_us(path: Path, n: int = 0, **changes: Any) -> Path:
    return save_us(make_us(LEVELS, n=n, **changes), path)


def write_still(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(make_levels((1, 96, 128), seed)[0]).save(path)
    return path


def capture_of(path: Path) -> Capture:
    (series,) = choice_of(path).ultrasound
    capture = series.instances[0].capture
    assert capture is not None
    return capture


def capture_with(tmp_path: Path, **changes: Any) -> Capture:
    return capture_of(write_us(tmp_path / "a.dcm", **changes))


def capture_in(tmp_path: Path, *regions: Any) -> Capture:
    return capture_of(save_us(make_us(LEVELS, regions=list(regions)), tmp_path / "a.dcm"))


# what is an examination


def test_clips_and_stills_of_one_study_are_one_examination(tmp_path: Path) -> None:
    for n in range(3):
        write_us(tmp_path / f"{n}.dcm", n)
    write_us(tmp_path / "x.dcm", 7, SeriesInstanceUID="1.2.3", SeriesNumber=2)
    choice = choice_of(tmp_path)
    assert [len(series.instances) for series in choice.ultrasound] == [3, 1]
    assert choice.primary is choice.ultrasound[0]
    assert (choice.primary.modality, choice.primary.kind) == ("US", "dicom")
    assert choice.left == choice.phases == ()
    study = study_of(tmp_path)
    assert study.date is not None
    assert study.date.isoformat() == "2024-01-31"


def test_a_series_that_is_asked_for_is_read_alone(tmp_path: Path) -> None:
    write_us(tmp_path / "a.dcm")
    write_us(tmp_path / "b.dcm", 7, SeriesInstanceUID="1.2.3", SeriesNumber=2)
    choice = choice_of(tmp_path, series_uids=("1.2.3",))
    assert [series.uid for series in choice.ultrasound] == ["1.2.3"]
    assert "asked for another" in choice.left[0].reason


@pytest.mark.parametrize("days", ["20240131", "20240305", ""])
def test_ct_and_ultrasound_of_one_patient_are_one_examination(tmp_path: Path, days: str) -> None:
    write_series(tmp_path / "ct", make_hu())
    write_us(tmp_path / "us" / "a.dcm", StudyDate=days)
    for paths in (
        (tmp_path,),
        (tmp_path / "ct", tmp_path / "us"),
        (tmp_path / "us" / "a.dcm", tmp_path / "ct"),
    ):
        study, choice = study_of(*paths), choice_of(*paths)
        assert choice.primary.modality == "CT"
        assert [series.modality for series in choice.ultrasound] == ["US"]
        assert study.date is not None
        assert study.date.isoformat() == "2024-01-31"
        assert any("days apart" in warning for warning in study.warnings) == (days == "20240305")


def test_ct_and_ultrasound_of_two_patients_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", make_hu())
    write_us(tmp_path / "us.dcm", PatientID="P2")
    message = refused(MixedStudiesError, tmp_path)
    assert "2 patients" in message
    assert "US files" in message
    assert "P2" not in message
    refused(MixedStudiesError, tmp_path, same_patient=True)
    assert choice_of(tmp_path, modality="US").primary.modality == "US"
    assert choice_of(tmp_path, modality="CT").ultrasound == ()
    picked = choice_of(tmp_path, study_uid="1.2.826.0.1.3680043.9.8.1")
    assert picked.primary.modality == "US"


def test_two_patients_under_one_study_uid_are_not_told_to_pick_it(tmp_path: Path) -> None:
    write_us(tmp_path / "a.dcm")
    write_us(tmp_path / "b.dcm", 1, PatientID="P2")
    message = refused(MixedStudiesError, tmp_path)
    assert "2 patients" in message
    assert "--study" not in message


def test_ultrasound_of_two_days_is_refused(tmp_path: Path) -> None:
    write_us(tmp_path / "a.dcm")
    write_us(tmp_path / "b.dcm", 1, StudyInstanceUID="1.2.3", StudyDate="20240305")
    message = refused(MixedStudiesError, tmp_path)
    assert "2024-01-31" in message
    assert "2024-03-05" in message
    write_series(tmp_path / "ct", make_hu())
    assert "2 examinations" in refused(MixedStudiesError, tmp_path)
    assert choice_of(tmp_path, study_uid="1.2.3").primary.modality == "US"


def test_files_that_name_nobody_join_where_the_user_says_so(tmp_path: Path) -> None:
    nobody = {"PatientID": "", "PatientName": "", "PatientBirthDate": ""}
    write_series(tmp_path / "ct", make_hu(), **nobody)
    write_us(tmp_path / "us.dcm", **nobody)
    assert "--same-patient" in refused(MixedStudiesError, tmp_path)
    assert len(choice_of(tmp_path, same_patient=True).ultrasound) == 1
    write_us(tmp_path / "us.dcm", StudyDate="")
    write_series(tmp_path / "ct", make_hu(), **nobody)
    refused(MixedStudiesError, tmp_path)
    assert len(choice_of(tmp_path, same_patient=True).ultrasound) == 1
    assert study_of(tmp_path, same_patient=True).identity.patient_id == "P1"


@pytest.mark.parametrize(
    ("changes", "joined"),
    [
        ({"PatientID": ""}, True),
        ({"PatientID": "", "PatientName": ""}, True),
        ({"PatientID": "p1"}, True),
        ({"PatientID": "", "PatientName": "Other^Secret"}, False),
        ({"PatientID": "", "PatientBirthDate": "19990101"}, False),
        ({"PatientID": "P2"}, False),
    ],
)
def test_the_users_word_is_not_taken_against_the_headers(
    tmp_path: Path, changes: dict[str, str], joined: bool
) -> None:
    write_series(tmp_path / "ct", make_hu())
    write_us(tmp_path / "us.dcm", **changes)
    if changes.get("PatientID") != "p1":
        refused(MixedStudiesError, tmp_path)
    if joined:
        assert choice_of(tmp_path, same_patient=True).primary.modality == "CT"
    else:
        refused(MixedStudiesError, tmp_path, same_patient=True)


# pictures without a header


def test_one_picture_is_an_examination(tmp_path: Path) -> None:
    path = write_still(tmp_path / "a.png")
    study, choice = study_of(path), choice_of(path)
    assert (choice.primary.modality, choice.primary.kind) == ("US", "still")
    assert choice.ultrasound == (choice.primary,)
    assert study.date is None
    assert study.uid == choice.primary.uid
    shutil.copy(path, tmp_path / "b")
    assert study_of(tmp_path / "b").uid == study.uid
    assert study_of(tmp_path).uid == study.uid  # a copy is the same picture


def test_several_pictures_are_one_examination_only_where_the_user_says_so(tmp_path: Path) -> None:
    for n in range(3):
        write_still(tmp_path / "s" / f"{n}.png", n)
    for paths in ((tmp_path / "s",), tuple(sorted((tmp_path / "s").iterdir()))):
        message = refused(MixedStudiesError, *paths)
        assert "3 pictures" in message
        assert "1.png" in message
        assert "--same-patient" in message
        choice = choice_of(*paths, same_patient=True)
        assert [series.instances[0].name for series in choice.ultrasound] == ["0.png", "1.png", "2.png"]
    uid = study_of(tmp_path / "s" / "1.png").uid
    assert study_of(tmp_path / "s", study_uid=uid).uid == uid
    refused(UsageError, tmp_path / "s", study_uid="1.2.3", status=2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted((tmp_path / "s").iterdir()):
            archive.write(path, path.name)
    assert len(choice_of(tmp_path / "a.zip", same_patient=True).ultrasound) == 3


def test_previews_beside_a_ct_are_left(tmp_path: Path) -> None:
    write_series(tmp_path, make_hu())
    write_still(tmp_path / "preview.png")
    for same in (False, True):
        choice = choice_of(tmp_path, same_patient=same)
        assert choice.ultrasound == ()
        assert any("preview.png" in left.reason for left in choice.left)


def test_pictures_given_beside_a_ct_join_where_the_user_says_so(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", make_hu())
    still = write_still(tmp_path / "us" / "a.png")
    for given in (still, still.parent):
        assert "--same-patient" in refused(MixedStudiesError, tmp_path / "ct", given)
        choice = choice_of(tmp_path / "ct", given, same_patient=True)
        assert choice.primary.modality == "CT"
        assert [series.kind for series in choice.ultrasound] == ["still"]
    assert len(choice_of(tmp_path, same_patient=True).ultrasound) == 1
    assert choice_of(tmp_path).ultrasound == ()
    assert choice_of(tmp_path / "ct", still, modality="US").primary.kind == "still"
    assert choice_of(tmp_path / "ct", still, modality="CT").ultrasound == ()


def test_a_volume_in_one_file_and_ultrasound_join_where_the_user_says_so(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 100, (5, 6, 7)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(data, np.diag([2, 2, 3, 1])), tmp_path / "ct.nii.gz")
    ct = tmp_path / "ct.nii.gz"
    for other in (write_us(tmp_path / "us.dcm"), write_still(tmp_path / "us.png")):
        refused(MixedStudiesError, ct, other)
        choice = choice_of(ct, other, same_patient=True)
        assert (choice.primary.kind, len(choice.ultrasound)) == ("nifti", 1)
        assert choice_of(ct, other, modality="US").primary.modality == "US"
    assert "no ultrasound" in refused(NoImageError, ct, modality="US")


def test_label_maps_beside_a_picture_are_left(tmp_path: Path) -> None:
    write_still(tmp_path / "image.png")
    labels = np.zeros((5, 6, 7), dtype=np.uint8)
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "truth.nii.gz")
    choice = choice_of(tmp_path)
    assert choice.primary.kind == "still"
    assert "truth.nii.gz" in choice.left[0].reason


def test_a_text_named_png_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("This is a letter, not a picture. " * 30)
    assert "a.png" in refused(NoImageError, path)
    path.write_bytes(b"")
    assert "a.png" in refused(NoImageError, path)


@pytest.mark.parametrize(
    "head", [b"RIFF\0\0\0\0AVI LIST", b"\0\0\0\x20ftypisom", b"\x1aE\xdf\xa3", b"\0\0\x01\xba"]
)
def test_a_video_file_is_refused_by_name(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(head + b"\0" * 500)
    assert "video" in refused(UnsupportedModalityError, tmp_path / "a.bin")


def test_a_bitmap_is_known_by_more_than_its_two_letters(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("BMW and Mercedes are cars, not pictures.")
    refused(NoImageError, tmp_path / "a.txt")
    out = io.BytesIO()
    Image.fromarray(LEVELS[0]).save(out, "BMP")
    (tmp_path / "b").write_bytes(out.getvalue())
    assert choice_of(tmp_path / "b").primary.kind == "still"


# which objects are ultrasound


@pytest.mark.parametrize(
    ("sop_class", "modality"),
    [
        (US_IMAGE, "US"),
        (US_IMAGE, ""),
        ("1.2.840.10008.5.1.4.1.1.6", "US"),
        ("1.2.840.10008.5.1.4.1.1.3", "US"),
        ("1.2.840.10008.5.1.4.1.1.3.1", "OT"),
        ("1.2.840.10008.5.1.4.1.1.7", "US"),
        ("1.2.840.10008.5.1.4.1.1.7.4", "US"),
        ("", "US"),
    ],
)
def test_every_class_of_ultrasound_is_read(tmp_path: Path, sop_class: str, modality: str) -> None:
    choice = choice_of(write_us(tmp_path / "a.dcm", SOPClassUID=sop_class, Modality=modality))
    assert choice.primary.modality == "US"


def test_a_capture_that_names_no_modality_is_taken_for_what_the_user_says(tmp_path: Path) -> None:
    path = write_us(tmp_path / "a.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="OT")
    refused(InputError, path)
    choice = choice_of(path, modality="US")
    assert choice.primary.modality == "US"
    assert choice.primary.instances[0].capture is not None


@pytest.mark.parametrize(
    ("changes", "regions", "word"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.2"}, None, "volume"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "CARDIAC", "0002"]}, [], "M-mode"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "CARDIAC", "0008"]}, [], "pulsed Doppler"),
        ({"ImageType": ["DERIVED", "PRIMARY", "", "0040"]}, [], "3-D"),
        ({}, [region(RegionSpatialFormat=3, RegionDataType=3)], "Doppler spectra"),
        ({}, [region(RegionSpatialFormat=2)], "M-mode"),
        ({}, [region(RegionSpatialFormat=4, RegionDataType=10)], "traces"),
    ],
)
def test_what_holds_no_b_mode_picture_is_left_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], regions: list[Any] | None, word: str
) -> None:
    path = save_us(make_us(LEVELS, regions=regions, **changes), tmp_path / "a.dcm")
    assert word in refused(NoImageError, path)
    write_us(tmp_path / "b.dcm", 1)
    choice = choice_of(tmp_path)
    assert [len(series.instances) for series in choice.ultrasound] == [1]
    assert word in choice.left[0].reason


@pytest.mark.parametrize("code", ["0001", "0009", "0011", "0101", "0000", "", "ABDOMEN", "8001"])
def test_what_may_hold_a_b_mode_picture_is_read(tmp_path: Path, code: str) -> None:
    path = save_us(
        make_us(LEVELS, regions=[], ImageType=["ORIGINAL", "PRIMARY", "", code]), tmp_path / "a.dcm"
    )
    assert choice_of(path).primary.modality == "US"


def test_a_doppler_trace_beside_a_picture_is_read(tmp_path: Path) -> None:
    capture = capture_in(
        tmp_path, region(RegionLocationMaxY1=40), region(RegionSpatialFormat=3, RegionDataType=3)
    )
    assert [r.kind for r in capture.regions] == ["b_mode", "spectral"]
    assert capture.regions[1].mm_per_px is None


def test_an_icon_is_left(tmp_path: Path) -> None:
    small = save_us(make_us(make_levels((1, 32, 32))), tmp_path / "a.dcm")
    assert "small" in refused(NoImageError, small)


def test_ultrasound_without_pixels_is_refused(tmp_path: Path) -> None:
    dataset = make_us(LEVELS)
    del dataset.PixelData
    path = tmp_path / "raw.dcm"
    dataset.save_as(path, enforce_file_format=True)
    assert "holds no pixels" in refused(UnreadableFileError, path)


def test_reports_and_waveforms_are_left(tmp_path: Path) -> None:
    write_us(tmp_path / "a.dcm")
    for n, (modality, sop_class) in enumerate(
        [("SR", "1.2.840.10008.5.1.4.1.1.88.33"), ("ECG", "1.2.840.10008.5.1.4.1.1.9.1.1")]
    ):
        dataset = make_slice(
            make_hu()[0], Modality=modality, SOPClassUID=sop_class, SOPInstanceUID=f"1.2.{n}"
        )
        for keyword in ("Rows", "Columns", "PixelData"):
            delattr(dataset, keyword)
        save(dataset, tmp_path / f"{modality}.dcm")
    reasons = " ".join(left.reason for left in choice_of(tmp_path).left)
    assert "SR" in reasons
    assert "ECG" in reasons


def test_a_copy_of_a_clip_is_read_once(tmp_path: Path) -> None:
    write_us(tmp_path / "a.dcm")
    write_us(tmp_path / "b.dcm")
    (series,) = choice_of(tmp_path).ultrasound
    assert len(series.instances) == 1
    assert any("copies" in warning for warning in series.warnings)


def test_files_without_uids_get_their_own(tmp_path: Path) -> None:
    gone = {"SOPInstanceUID": "", "SeriesInstanceUID": "", "StudyInstanceUID": ""}
    write_us(tmp_path / "a.dcm", **gone)
    write_us(tmp_path / "b.dcm", 1, **gone)
    (series,) = choice_of(tmp_path).ultrasound
    assert len({instance.sop_instance_uid for instance in series.instances}) == 2
    assert series.uid.startswith("2.25.")


# what the header says of the screen


def test_regions_are_read_in_millimetres_height_first(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, region(PhysicalDeltaX=0.02, PhysicalDeltaY=0.04, TransducerFrequency=3500))
    (one,) = capture.regions
    assert one.mm_per_px == capture.mm_per_px == pytest.approx((0.4, 0.2))
    assert (one.box_px, one.frequency_mhz) == ((0, 0, 127, 95), 3.5)
    assert capture.sonography.frequency_mhz == 3.5
    assert capture.warnings == ()


@pytest.mark.parametrize("syntax", ["implicit", "explicit", "big_endian", "deflated"])
def test_regions_are_read_in_every_byte_order(tmp_path: Path, syntax: str) -> None:
    path = save_us(make_us(LEVELS, regions=[region(TransducerFrequency=5000)]), tmp_path / "a.dcm", syntax)
    assert capture_of(path).regions[0].frequency_mhz == 5
    assert capture_of(path).mm_per_px == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize(
    ("changes", "known", "word"),
    [
        ({"PhysicalDeltaX": -0.03}, True, "negative"),
        ({"PhysicalDeltaX": 0.0}, False, "zero"),
        ({"PhysicalDeltaY": None}, False, "missing"),
        ({"PhysicalDeltaX": float("nan")}, False, "missing"),
        ({"PhysicalDeltaX": 3.0}, False, "cannot be"),
        ({"PhysicalDeltaX": 0.00001}, False, "cannot be"),
        ({"PhysicalUnitsXDirection": 4}, False, "centimetres"),
        ({"PhysicalUnitsXDirection": None}, False, "centimetres"),
        ({"RegionLocationMaxX1": 0}, False, "without width"),
        ({"RegionLocationMinY0": 95}, False, "without width"),
        ({"RegionLocationMinX0": 500, "RegionLocationMaxX1": 600}, False, "outside"),
        ({"RegionLocationMaxX1": 400}, True, "beyond"),
        ({"RegionLocationMaxX1": 4_000_000_000}, True, "beyond"),
        ({"RegionLocationMinX0": None}, False, "without its place"),
    ],
)
def test_a_region_that_cannot_be_is_said(
    tmp_path: Path, changes: dict[str, Any], known: bool, word: str
) -> None:
    capture = capture_in(tmp_path, region(**changes))
    assert (capture.mm_per_px is not None) == known
    assert any(word in warning for warning in capture.warnings)
    for x0, y0, x1, y1 in (r.box_px for r in capture.regions):
        assert 0 <= x0 < x1 <= 127
        assert 0 <= y0 < y1 <= 95


def test_a_region_one_pixel_too_wide_is_cut_without_a_word(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, region(RegionLocationMaxX1=128, RegionLocationMaxY1=96))
    assert capture.regions[0].box_px == (0, 0, 127, 95)
    assert capture.warnings == ()


def test_of_two_calibrations_the_larger_regions_stands(tmp_path: Path) -> None:
    small = region(RegionLocationMaxX1=40, PhysicalDeltaX=0.01, PhysicalDeltaY=0.01)
    capture = capture_in(tmp_path, small, region(RegionLocationMinX0=41))
    assert capture.mm_per_px == pytest.approx((0.3, 0.3))
    assert any("different calibrations" in warning for warning in capture.warnings)
    assert [r.mm_per_px for r in capture.regions] == [pytest.approx((0.1, 0.1)), pytest.approx((0.3, 0.3))]


def test_pixel_spacing_stands_in_where_no_region_does(tmp_path: Path) -> None:
    for spacing, known in (([0.25, 0.2], (0.25, 0.2)), ([0, 0], None), ([25, 25], None)):
        path = save_us(make_us(LEVELS, regions=[], PixelSpacing=spacing), tmp_path / "a.dcm")
        assert capture_of(path).mm_per_px == known
        assert "Pixel Spacing" in capture_of(path).warnings[0]
    both = save_us(make_us(LEVELS, PixelSpacing=[0.25, 0.2]), tmp_path / "b.dcm")
    assert capture_of(both).mm_per_px == pytest.approx((0.3, 0.3))


def test_pixel_spacing_that_a_captures_frames_share_is_read(tmp_path: Path) -> None:
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [0.25, 0.2]
    shared.PixelMeasuresSequence = DicomSequence([measures])
    dataset = make_us(make_levels((2, 96, 128)), regions=[], SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2")
    dataset.SharedFunctionalGroupsSequence = DicomSequence([shared])
    assert capture_of(save_us(dataset, tmp_path / "a.dcm")).mm_per_px == (0.25, 0.2)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"DepthOfScanField": "150"}, "depth_mm", 150),
        ({"DepthOfScanField": "0"}, "depth_mm", None),
        ({"DepthOfScanField": "9000"}, "depth_mm", None),
        ({"FocusDepth": "80"}, "focus_mm", (80,)),
        ({"FocusDepth": "0"}, "focus_mm", None),
        ({"TransducerType": "CURVED LINEAR"}, "transducer", "curved"),
        ({"TransducerType": "LINEAR"}, "transducer", "linear"),
        ({"TransducerType": "SECTOR_PHASED"}, "transducer", "phased"),
        ({"TransducerType": "ENDOCAV_CLA"}, "transducer", "curved"),
        ({"TransducerData": ["C5-1", "CONVEX", ""]}, "transducer", "curved"),
        ({}, "transducer", "unknown"),
        ({"ProcessingFunction": "SonoCT ON"}, "compounding", True),
        ({"SeriesDescription": "Liver spatial compound"}, "compounding", True),
        ({"ProcessingFunction": "SonoCT: off"}, "compounding", False),
        ({"ProcessingFunction": "Harmonics OFF"}, "harmonics", False),
        ({"ProcessingFunction": "without spatial compounding"}, "compounding", False),
        ({"ProcessingFunction": "Compound on, THI off"}, "compounding", True),
        ({"ProcessingFunction": "Compound on, THI off"}, "harmonics", False),
        ({}, "compounding", None),
        ({"ProcessingFunction": "Tissue Harmonic"}, "harmonics", True),
        ({"TransducerData": ["C5-1", "THI"]}, "harmonics", True),
        ({"SeriesDescription": "THIN SLICE"}, "harmonics", None),
        ({"Manufacturer": "A", "ManufacturerModelName": "B"}, "scanner", "A B"),
        ({"FrameTime": "33.3"}, "frame_time_ms", 33.3),
        ({"FrameTime": "0", "CineRate": "25"}, "frame_time_ms", 40),
        ({"FrameTimeVector": [0, 41, 40, 39]}, "frame_time_ms", 40),
        ({"RecommendedDisplayFrameRate": "20"}, "frame_time_ms", 50),
        ({"CineRate": "-1"}, "frame_time_ms", None),
    ],
)
def test_settings_of_the_scanner_are_read(
    tmp_path: Path, changes: dict[str, Any], field: str, value: Any
) -> None:
    found = getattr(capture_with(tmp_path, **changes).sonography, field)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


def test_a_loop_of_a_million_frames_is_opened_at_once(tmp_path: Path) -> None:
    capture_with(tmp_path, NumberOfFrames="1000000")


# the shared files


def test_every_shared_file_opens(shared_data: Path) -> None:
    folder = shared_data / "dicom_us"
    if not folder.is_dir():
        pytest.skip("no shared ultrasound here")
    known = 0
    for path in sorted(folder.iterdir()):
        (series,) = choice_of(path).ultrasound
        capture = series.instances[0].capture
        assert capture is not None
        known += capture.mm_per_px is not None
    assert known == 10


def test_a_folder_of_many_patients_is_refused_with_a_list(shared_data: Path) -> None:
    if not (shared_data / "dicom_us").is_dir():
        pytest.skip("no shared ultrasound here")
    message = refused(MixedStudiesError, shared_data / "dicom_us")
    assert "patients" in message
    assert "--study 1." in message
    for name in ("DOE", "JOHN", "Citizen", "98279"):
        assert name not in message
    assert "pictures" in refused(MixedStudiesError, shared_data / "us_liver" / "benign")


def test_a_phantom_ct_and_a_shared_ultrasound_are_two_patients(shared_data: Path) -> None:
    if not (shared_data / "dicom_us").is_dir():
        pytest.skip("no shared ultrasound here")
    refused(MixedStudiesError, shared_data / "dome", shared_data / "dicom_us" / "pydicom_OBXXXX1A.dcm")
