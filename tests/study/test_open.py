"""Opening: one examination comes out of whatever went in, or one line says why not."""

from __future__ import annotations

import gzip
import os
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from tests.dicom_files import make_hu, make_slice, save, write_enhanced, write_series

from hepalith.errors import (
    InputError,
    MixedStudiesError,
    NoImageError,
    UnreadableFileError,
    UnsupportedModalityError,
    UsageError,
)
from hepalith.settings import Settings
from hepalith.study import Study
from hepalith.study import elements as elements_module
from hepalith.study.choice import choose_series
from hepalith.study.elements import Elements
from hepalith.study.header import read_header
from hepalith.study.open import open_study


def study_of(*paths: Path, study_uid: str | None = None) -> Study:
    return open_study(paths, Settings(study_uid=study_uid))


def refused(kind: type[InputError], *paths: Path) -> str:
    with pytest.raises(kind) as caught:
        study_of(*paths)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_status == 3
    assert "Secret" not in message
    return message


def test_nested_folders_with_strangers_are_searched(tmp_path: Path) -> None:
    write_series(tmp_path / "a" / "b" / "c", make_hu())
    (tmp_path / "a" / "notes.txt").write_text("hello")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.dcm").write_text("no")
    study = study_of(tmp_path)
    assert [len(series.instances) for series in study.series] == [6]
    assert study.date is not None
    assert study.date.isoformat() == "2024-01-31"
    assert study.identity.age_years == 68
    assert any("notes.txt" in left.reason for left in study.left)


def test_a_reading_written_into_the_examination_is_none_of_it(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "study", make_hu())
    before = open_study([folder], Settings())
    written = folder / "out"
    written.mkdir()
    for name in ("reading.json", "run.json", "foci.nii.gz", "segmentation.dcm"):
        (written / name).write_bytes(b"what hepalith wrote")
    after = open_study([folder], Settings())
    assert (after.series, after.left) == (before.series, before.left)
    (written / "run.json").unlink()
    assert open_study([folder], Settings()).left != before.left


def test_ten_thousand_files_without_an_image_are_refused_in_time(tmp_path: Path) -> None:
    for n in range(10_000):
        (tmp_path / f"{n}.dcm").write_bytes(b"line %d\n" % n * 20)
    start = time.monotonic()
    assert "10000 files" in refused(NoImageError, tmp_path)
    assert time.monotonic() - start < 10
    save(make_slice(make_hu()[0]), tmp_path / "5000x")
    assert len(study_of(tmp_path).series[0].instances) == 1


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "empty" in refused(NoImageError, tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "nowhere" in refused(UnreadableFileError, tmp_path / "nowhere")


def test_a_text_file_named_dcm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("This is a letter, not an image. " * 30)
    assert "a.dcm" in refused(NoImageError, tmp_path / "a.dcm")


def test_a_folder_that_cannot_be_entered_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "open", make_hu())
    (tmp_path / "shut").mkdir()
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    study = study_of(tmp_path)
    assert any("shut: permission denied" in left.reason for left in study.left)
    assert study.warnings


def test_a_pipe_in_the_folder_does_not_hang(tmp_path: Path) -> None:
    write_series(tmp_path, make_hu())
    os.mkfifo(tmp_path / "pipe")
    assert study_of(tmp_path).series


def test_folders_linked_in_a_circle_are_walked_once(tmp_path: Path) -> None:
    write_series(tmp_path / "a", make_hu())
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert len(study_of(tmp_path).series[0].instances) == 6


@pytest.mark.parametrize("size", [140, 300, 700, 850])
def test_a_header_cut_short_is_refused_by_name(tmp_path: Path, size: int) -> None:
    path = save(make_slice(make_hu()[0]), tmp_path / "cut.dcm")
    path.write_bytes(path.read_bytes()[:size])
    assert "cut.dcm" in refused(UnreadableFileError, path)


def test_a_damaged_file_beside_a_good_series_is_said_in_its_warnings(tmp_path: Path) -> None:
    write_series(tmp_path, make_hu())
    cut = tmp_path / "0000.dcm"
    cut.write_bytes(cut.read_bytes()[:400])
    primary = choose_series(study_of(tmp_path), Settings()).primary
    assert len(primary.instances) == 5
    assert any("could not be read" in warning for warning in primary.warnings)


@pytest.mark.parametrize(
    ("modality", "word"), [("MR", "MRI"), ("IVUS", "vessel"), ("PT", "PET"), ("CR", "CR"), ("XX", "XX")]
)
def test_another_modality_is_refused_by_its_name(tmp_path: Path, modality: str, word: str) -> None:
    write_series(tmp_path, make_hu(), Modality=modality, SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    assert word in refused(UnsupportedModalityError, tmp_path)


def test_a_report_alone_is_refused(tmp_path: Path) -> None:
    dataset = make_slice(make_hu()[0], Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33")
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(dataset, keyword)
    save(dataset, tmp_path / "sr.dcm")
    assert "report" in refused(NoImageError, tmp_path)


def test_localisers_and_pictures_alone_are_refused_with_the_reason(tmp_path: Path) -> None:
    write_series(tmp_path, make_hu()[:1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert "localiser" in refused(NoImageError, tmp_path)


def test_two_patients_are_refused_and_both_studies_listed(tmp_path: Path) -> None:
    write_series(tmp_path / "a", make_hu())
    other = {"PatientID": "P2", "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4"}
    write_series(tmp_path / "b", make_hu(), **other, StudyDate="20200202")  # fmt: skip
    message = refused(MixedStudiesError, tmp_path)
    for word in (
        "2 patients",
        "2024-01-31",
        "2020-02-02",
        "1.2.826.0.1.3680043.9.7.1",
        "--study 1.2.3",
        "6 CT files",
    ):
        assert word in message
    assert "P2" not in message
    picked = study_of(tmp_path, study_uid="1.2.3")
    assert (picked.uid, len(picked.series)) == ("1.2.3", 1)
    assert picked.identity.patient_id == "P2"
    with pytest.raises(UsageError, match=r"1\.2\.3"):
        study_of(tmp_path, study_uid="9.9")


def test_two_patients_under_one_study_uid_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path, make_hu(), change=lambda n: {"PatientID": f"P{n % 2}"})
    assert "2 patients" in refused(MixedStudiesError, tmp_path)
    with pytest.raises(MixedStudiesError):
        study_of(tmp_path, study_uid="1.2.826.0.1.3680043.9.7.1")


def test_two_dates_of_one_patient_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "a", make_hu())
    write_series(
        tmp_path / "b", make_hu(), StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4", StudyDate="20200202"
    )
    assert "2 examinations" in refused(MixedStudiesError, tmp_path)


def test_two_study_uids_of_one_patient_and_day_are_one_examination(tmp_path: Path) -> None:
    write_series(tmp_path / "a", make_hu())
    write_series(tmp_path / "b", make_hu(), StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4")
    study = study_of(tmp_path)
    assert len(study.series) == 2
    assert any("1.2.3" in warning for warning in study.warnings)


def test_two_studies_without_a_patient_or_date_are_refused(tmp_path: Path) -> None:
    nobody = {"PatientID": "", "PatientName": "", "PatientBirthDate": "", "StudyDate": ""}
    write_series(tmp_path / "a", make_hu(), **nobody)
    write_series(tmp_path / "b", make_hu(), **nobody, StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4")
    refused(MixedStudiesError, tmp_path)


def test_a_report_of_another_patient_is_left_and_refuses_nothing(tmp_path: Path) -> None:
    write_series(tmp_path, make_hu())
    dataset = make_slice(make_hu()[0], Modality="SR", StudyInstanceUID="1.2.3", PatientID="P2")
    for keyword in ("Rows", "Columns", "PixelData", "SOPClassUID"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    save(dataset, tmp_path / "sr.dcm")
    assert any("another study" in left.reason for left in study_of(tmp_path).left)


def test_dates_that_were_removed_are_known(tmp_path: Path) -> None:
    write_series(tmp_path, make_hu(), LongitudinalTemporalInformationModified="REMOVED", StudyDate="")
    study = study_of(tmp_path)
    assert study.dates_removed
    assert study.date is None


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name", ["../evil.dcm", "/etc/evil.dcm", "a/../../b.dcm", "..\\evil.dcm", "C:/evil.dcm"]
)
def test_names_that_lead_out_of_an_archive_are_refused(tmp_path: Path, name: str) -> None:
    ct = save(make_slice(make_hu()[0]), tmp_path / "a" / "a.dcm").read_bytes()
    path = write_zip(tmp_path / "slip.zip", {"ok.dcm": ct, name: ct})
    assert "leads out" in refused(UnreadableFileError, path)


def test_an_archive_that_unpacks_to_too_much_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.dcm", "w") as member:
        block = b"\0" * (1 << 24)
        for _ in range(40):
            member.write(block)
    start = time.monotonic()
    assert "not safe" in refused(UnreadableFileError, path)
    assert time.monotonic() - start < 1


def test_an_archive_that_is_damaged_or_empty_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": b"hello" * 100})
    refused(NoImageError, path)
    path.write_bytes(path.read_bytes()[:-30])
    assert "damaged" in refused(UnreadableFileError, path)


def test_a_dicomdir_stands_for_the_files_it_lists(tmp_path: Path) -> None:
    write_series(tmp_path / "IMAGES", make_hu())
    records = []
    for file in sorted((tmp_path / "IMAGES").iterdir())[:4]:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        with warnings.catch_warnings():  # names with a dot are not allowed, and are what the world writes
            warnings.simplefilter("ignore")
            record.ReferencedFileID = ["IMAGES", file.name]
        records.append(record)
    escape = Dataset()
    escape.DirectoryRecordType = "IMAGE"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        escape.ReferencedFileID = ["..", "outside"]
    (tmp_path.parent / "outside").write_bytes((tmp_path / "IMAGES" / "0005.dcm").read_bytes())
    directory = Dataset()
    directory.DirectoryRecordSequence = DicomSequence([*records, escape])
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    directory.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    directory.SOPClassUID = "1.2.840.10008.1.3.10"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(tmp_path / "DICOMDIR", directory, enforce_file_format=True)
    assert len(study_of(tmp_path / "DICOMDIR").series[0].instances) == 4
    assert len(study_of(tmp_path).series[0].instances) == 6


def nifti_bytes(seed: int = 0, dtype: type = np.int16) -> bytes:
    data = np.random.default_rng(seed).integers(0, 100, (5, 6, 7)).astype(dtype)
    return bytes(nibabel.Nifti1Image(data, np.diag([2, 2, 3, 1])).to_bytes())


def test_a_volume_file_is_a_study_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(nifti_bytes())
    (tmp_path / "anything").write_bytes(nifti_bytes())
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(nifti_bytes(), mtime=0))
    a, b = study_of(tmp_path / "a.nii"), study_of(tmp_path / "anything")
    assert a.uid == b.uid
    assert a.series[0].kind == study_of(tmp_path / "b.nii.gz").series[0].kind == "nifti"


def test_label_maps_beside_a_volume_in_a_folder_are_left(tmp_path: Path) -> None:
    (tmp_path / "liver.nii").write_bytes(nifti_bytes(1, np.uint8))
    (tmp_path / "scan.nii").write_bytes(nifti_bytes(2))
    study = study_of(tmp_path)
    assert study.series[0].instances[0].path.name == "scan.nii"
    assert "liver.nii" in study.left[0].reason


def test_two_volumes_that_say_nothing_of_their_patient_are_refused(tmp_path: Path) -> None:
    for n in range(2):
        (tmp_path / f"{n}.nii").write_bytes(nifti_bytes(n))
    message = refused(MixedStudiesError, tmp_path)
    assert "0.nii" in message
    assert "1.nii" in message
    uid = study_of(tmp_path / "1.nii").uid
    assert study_of(tmp_path, study_uid=uid).series[0].instances[0].path.name == "1.nii"


@pytest.mark.parametrize("syntax", ["implicit", "explicit"])
@pytest.mark.parametrize("undefined", [False, True])
def test_the_fast_walk_and_pydicom_read_the_same_header(
    tmp_path: Path, syntax: str, undefined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_slice(
        make_hu()[0], ContrastBolusAgent="Iohexol", PatientName="Müller", SpecificCharacterSet="ISO_IR 100"
    )
    item, inner = Dataset(), Dataset()
    inner.CodeValue = "x"
    item.PurposeOfReferenceCodeSequence = DicomSequence([inner])
    dataset.ReferencedImageSequence = DicomSequence([item])
    for element in (dataset["ReferencedImageSequence"], item["PurposeOfReferenceCodeSequence"]):
        element.is_undefined_length = undefined
    item.is_undefined_length_sequence_item = inner.is_undefined_length_sequence_item = undefined
    data = save(dataset, tmp_path / "a.dcm", syntax).read_bytes()
    calls: list[int] = []
    slow: Callable[..., object] = elements_module._scan_with_pydicom
    monkeypatch.setattr(elements_module, "_scan_with_pydicom", lambda *a: (calls.append(1), slow(*a))[1])
    fast = read_header(data, tmp_path / "a.dcm", None)
    assert not calls
    monkeypatch.setattr(elements_module, "_walk", _refuse_to_walk)
    assert read_header(data, tmp_path / "a.dcm", None) == fast
    assert calls
    assert fast.identity.patient_name == "Müller"
    assert fast.encoding is not None
    assert fast.encoding.offset == data.index(b"\xe0\x7f\x10\x00") + (8 if syntax == "implicit" else 12)


def _refuse_to_walk(*_: object) -> None:
    raise elements_module._NestedError


def test_enhanced_multi_frame_has_a_plane_for_every_frame(tmp_path: Path) -> None:
    series = study_of(write_enhanced(tmp_path / "e.dcm", make_hu())).series[0]
    assert len(series.instances) == 6
    assert {i.plane.position[2] for i in series.instances if i.plane and i.plane.position} == {
        0, 2.5, 5, 7.5, 10, 12.5
    }  # fmt: skip


@pytest.mark.real
def test_shared_scans_open_as_their_readme_says(shared_data: Path) -> None:
    for name, count in [
        ("stent", 35),
        ("partial", 49),
        ("dome", 18),
        ("qrm_phantom", 47),
        ("liver_seg_3slice", 3),
    ]:
        primary = choose_series(study_of(shared_data / name), Settings()).primary
        assert len(primary.instances) == count
    message = refused(MixedStudiesError, shared_data / "two_patients")
    assert "1993-06-04" in message
    assert "2000-04-01" in message


@pytest.mark.parametrize(
    ("charset", "encoded", "name"),
    [
        ("ISO_IR 100", b"M\xfcller^Jos\xe9", "Müller^José"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东".encode(), "Wang^XiaoDong=王^小东"),
        ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
        (
            "\\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
            "Zhang^XiaoDong=张^小东",
        ),
        (
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            "Hong^Gildong=洪^吉洞",
        ),
        (
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            "Yamada^Tarou=山田^太郎",
        ),
    ],
)
def test_a_name_is_read_in_the_character_set_of_its_header(charset: str, encoded: bytes, name: str) -> None:
    assert Elements({0x00080005: charset.encode(), 0x00100010: encoded}).text(0x00100010) == name


def test_the_issuer_of_a_patients_number_and_a_removed_identity_are_kept(tmp_path: Path) -> None:
    said = {
        "IssuerOfPatientID": "HOSPITAL-B",
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "CTP",
    }
    write_series(tmp_path, make_hu(), **said)
    identity = open_study([tmp_path], Settings()).identity
    assert (identity.issuer, identity.removed_by) == ("HOSPITAL-B", "CTP")
