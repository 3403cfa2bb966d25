"""The report's PDF as a DICOM object: the same bytes, filed with the examination."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pydicom
import pytest

from hepalith.reading import Reading
from hepalith.report.dicom.context import save_object
from hepalith.report.dicom.pdf import make_dicom_pdf, write_dicom_pdf
from hepalith.report.pdf import report_pdf_bytes
from hepalith.settings import Formats

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]>>endobj\n%%EOF"


@pytest.fixture
def reading(factories: ModuleType) -> Reading:
    made: Reading = factories.make_reading()
    return made


def kept(reading: Reading, folder: Path, pdf: bytes = PDF) -> pydicom.Dataset:
    save_object(make_dicom_pdf(reading, pdf, "en"), folder / "report_pdf.dcm")
    return pydicom.dcmread(folder / "report_pdf.dcm")


@pytest.mark.parametrize("pdf", [PDF, PDF + b"\n"], ids=["of odd length", "of even length"])
def test_the_pdf_comes_back_byte_by_byte(reading: Reading, tmp_path: Path, pdf: bytes) -> None:
    dataset = kept(reading, tmp_path, pdf)
    assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == pdf
    assert dataset.MIMETypeOfEncapsulatedDocument == "application/pdf"


def test_it_is_filed_with_its_examination(reading: Reading, tmp_path: Path) -> None:
    dataset = kept(reading, tmp_path)
    assert dataset.PatientID == "MRN-4711"
    assert dataset.StudyInstanceUID == reading.source.primary.study_uid
    named = [item.ReferencedSOPInstanceUID for item in dataset.SourceInstanceSequence]
    assert named == ["1.2.3.4.5"]


def test_it_is_unverified_until_a_person_accepts(reading: Reading, tmp_path: Path) -> None:
    assert kept(reading, tmp_path).VerificationFlag == "UNVERIFIED"
    entry = reading.document.reading.model_copy(update={"status": "final"})
    accepted = replace(reading, document=reading.document.model_copy(update={"reading": entry}))
    assert kept(accepted, tmp_path).VerificationFlag == "VERIFIED"


def test_a_source_without_dicom_files_is_not_referred_to(reading: Reading, tmp_path: Path) -> None:
    image = replace(reading.source.primary, stand_ins=("study", "instances"))
    dataset = kept(replace(reading, source=replace(reading.source, images=(image,))), tmp_path)
    assert "SourceInstanceSequence" not in dataset
    assert "stand-ins" in dataset.DocumentTitle


def test_the_two_languages_are_two_objects(reading: Reading) -> None:
    english, chinese = (make_dicom_pdf(reading, PDF, language) for language in ("en", "zh"))
    assert english.SOPInstanceUID != chinese.SOPInstanceUID
    assert chinese.DocumentTitle == "肝内钙化报告"


def test_dciodvfy_finds_no_error(reading: Reading, tmp_path: Path) -> None:
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    kept(reading, tmp_path)
    command = [tool, str(tmp_path / "report_pdf.dcm")]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)  # noqa: S603
    assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == []


def test_the_reports_own_pdf_is_written_and_the_same_twice(reading: Reading, tmp_path: Path) -> None:
    pytest.importorskip("typst", reason="the extra that sets PDF is not installed")
    write_dicom_pdf(reading, tmp_path, Formats())
    first = (tmp_path / "report_pdf.dcm").read_bytes()
    dataset = pydicom.dcmread(tmp_path / "report_pdf.dcm")
    pdf = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    assert pdf == report_pdf_bytes(reading, Formats())
    write_dicom_pdf(reading, tmp_path, Formats())
    assert (tmp_path / "report_pdf.dcm").read_bytes() == first
