"""What a path stands for when it is sent."""

import json
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from tests.dicom_files import make_hu, make_slice, save

from hepalith.errors import UnreadableFileError, UsageError
from hepalith.server.outgoing import choose_sent, is_nameless, list_outgoing, reading_status


def make_reading(folder: Path, *names: str) -> Path:
    folder.mkdir()
    (folder / "reading.json").write_text(json.dumps({"reading": {"status": "preliminary"}}))
    (folder / "report.html").write_text("<html>")
    for name in names:
        save(make_slice(make_hu()[0]), folder / name)
    return folder


def test_a_reading_folder_stands_for_its_dicom_objects_in_their_order(tmp_path: Path) -> None:
    names = ("report_pdf.dcm", "measurements.dcm", "segmentation.dcm")
    folder = make_reading(tmp_path / "r", *names)
    save(make_slice(make_hu()[0]), folder / "other.dcm")
    sent = [file.name for file in list_outgoing([folder])]
    assert sent == ["segmentation.dcm", "measurements.dcm", "report_pdf.dcm"], "not what others put there"
    assert [file.name for file in list_outgoing([folder], choose_sent("sr"))] == ["measurements.dcm"]


def test_another_folder_stands_for_the_dicom_files_below_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    save(make_slice(make_hu()[0]), tmp_path / "a" / "b" / "IM1")
    save(make_slice(make_hu()[0]), tmp_path / "a" / "IM2.dcm")
    (tmp_path / "a" / "notes.txt").write_text("no DICOM")
    assert {file.name for file in list_outgoing([tmp_path / "a"])} == {"IM1", "IM2.dcm"}


def test_a_file_that_is_named_twice_is_sent_once(tmp_path: Path) -> None:
    file = save(make_slice(make_hu()[0]), tmp_path / "IM1.dcm")
    assert len(list_outgoing([file, tmp_path, tmp_path / ".." / tmp_path.name / "IM1.dcm"])) == 1


def test_a_file_that_is_no_dicom_is_left_for_the_sender_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    assert list_outgoing([tmp_path / "x.txt"]) == (tmp_path / "x.txt",)


def test_nothing_to_send_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="is not there"):
        list_outgoing([tmp_path / "none"])
    with pytest.raises(UnreadableFileError, match=r"hepalith write .* --write seg,sr"):
        list_outgoing([make_reading(tmp_path / "r")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFileError, match="holds no DICOM file"):
        list_outgoing([tmp_path / "empty"])
    with pytest.raises(UsageError, match="no path is a reading folder"):
        list_outgoing([tmp_path / "empty"], ("seg",))


@pytest.mark.parametrize("named", ["pdf", "sg", "", "seg,fhir"])
def test_what_is_no_dicom_object_of_a_reading_is_refused(named: str) -> None:
    with pytest.raises(UsageError, match="choose from seg, sr, dicompdf, keyimages"):
        choose_sent(named)


@pytest.mark.parametrize(
    ("changes", "nameless"),
    [
        ({"Manufacturer": "hepalith"}, False),
        ({"Manufacturer": "hepalith", "PatientID": ""}, True),
        ({"Manufacturer": "hepalith", "PatientIdentityRemoved": "YES"}, True),
        ({"Manufacturer": "ACME", "PatientID": ""}, False),
    ],
)
def test_only_objects_of_ours_are_asked_of_whom_they_are(
    tmp_path: Path, changes: dict[str, str], nameless: bool
) -> None:
    dataset: FileDataset = make_slice(make_hu()[0], **changes)
    assert is_nameless(save(dataset, tmp_path / "a.dcm")) is nameless


def test_what_is_no_dicom_file_names_nobody_and_is_not_nameless(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    assert not is_nameless(tmp_path / "x")


def test_the_status_of_a_reading_is_read(tmp_path: Path) -> None:
    assert reading_status(make_reading(tmp_path / "r")) == "preliminary"
    assert reading_status(tmp_path) == ""
