"""A report is read back from its bytes, however they are encoded, and a damaged one is refused."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from tests.report.fhir.readings import READINGS

from hepalith.errors import ReadingFileError
from hepalith.report.dicom.sr import write_sr
from hepalith.report.dicom.sr_read import read_sr
from hepalith.settings import Formats


@pytest.fixture
def path(factories: ModuleType, tmp_path: Path) -> Path:
    write_sr(READINGS["both"](factories), tmp_path, Formats())
    return tmp_path / "measurements.dcm"


def undefined(item: Dataset) -> None:
    """Let every sequence and item end at a delimiter, as some archives write them."""
    for element in item:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for one in element.value:
                one.is_undefined_length_sequence_item = True
                undefined(one)


def test_lengths_that_an_archive_left_undefined_change_nothing(path: Path, tmp_path: Path) -> None:
    dataset = dcmread(path)
    undefined(dataset)
    other = tmp_path / "other.dcm"
    dataset.save_as(other)
    assert b"\xfe\xff\xdd\xe0" in other.read_bytes()
    assert read_sr(other) == read_sr(path)


def test_implicit_value_representations_change_nothing(path: Path, tmp_path: Path) -> None:
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    other = tmp_path / "other.dcm"
    dataset.save_as(other, implicit_vr=True, little_endian=True)
    assert read_sr(other) == read_sr(path)


def test_a_chinese_report_in_chinas_own_character_set_is_read(factories: ModuleType, tmp_path: Path) -> None:
    write_sr(READINGS["ct"](factories), tmp_path, Formats(language="zh"))
    path, other = tmp_path / "measurements.dcm", tmp_path / "other.dcm"
    dataset = dcmread(path)
    dataset.decode()
    dataset.SpecificCharacterSet = "GB18030"
    dataset.save_as(other)
    assert "钙化".encode("gb18030") in other.read_bytes()
    assert read_sr(other) == read_sr(path)


def test_a_file_that_is_no_dicom_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "measurements.dcm"
    path.write_text("no")
    with pytest.raises(ReadingFileError, match="is no DICOM file"):
        read_sr(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadingFileError, match="cannot be opened"):
        read_sr(tmp_path / "measurements.dcm")


def test_another_object_is_refused(path: Path) -> None:
    dataset = dcmread(path)
    del dataset.ContentSequence
    dataset.save_as(path)
    with pytest.raises(ReadingFileError, match="is no measurement report of hepalith"):
        read_sr(path)


def test_a_damaged_report_is_refused_and_never_half_read(path: Path) -> None:
    whole = path.read_bytes()
    for share in (0.3, 0.6, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ReadingFileError):
            read_sr(path)


def test_numbers_without_values_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\x40\x00\x00\xa3SQ", b"\x40\x00\x01\xa3SQ"))
    with pytest.raises(ReadingFileError):
        read_sr(path)
