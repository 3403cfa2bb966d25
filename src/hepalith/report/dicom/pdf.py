"""The report's PDF as a DICOM object, for archives that keep documents beside images.

References
----------
DICOM PS3.3, A.45.1 (Encapsulated PDF IOD), C.24 (Encapsulated Document modules).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from hepalith.reading import Reading
from hepalith.report.dicom.context import (
    code_item,
    file_under,
    name_scheme,
    reference_source,
    save_object,
    say_stand_ins,
    stamp,
)
from hepalith.report.pdf import report_pdf_bytes
from hepalith.settings import Formats
from hepalith.vocabulary.coding import concept

__all__ = ["PDF_SERIES_NUMBER", "make_dicom_pdf", "write_dicom_pdf"]

FILE = "report_pdf.dcm"

PDF_SERIES_NUMBER: Final = 9004
"""Series number: behind the key images. Our judgement."""

TITLES = {"en": "Calcification of the liver: report", "zh": "肝内钙化报告"}
"""Document Title, in the language of the report."""


def write_dicom_pdf(reading: Reading, folder: Path, formats: Formats) -> None:
    """Write ``report_pdf.dcm``.

    Raises
    ------
    hepalith.errors.MissingExtraError
        If the extra that sets PDF is not installed.
    hepalith.errors.OutputError
        If the file cannot be written.
    """
    save_object(make_dicom_pdf(reading, report_pdf_bytes(reading, formats), formats.language), folder / FILE)


def make_dicom_pdf(reading: Reading, pdf: bytes, language: str) -> Dataset:
    """Return a PDF as a DICOM object of the examination; `language` is that of the PDF."""
    dataset = Dataset()
    file_under(reading, dataset)
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.Modality = "DOC"
    dataset.ConversionType = "WSD"
    stamp(
        reading,
        dataset,
        f"report {language}",
        series_number=PDF_SERIES_NUMBER,
        description="hepalith: report",
    )
    study = reading.source.primary.general
    dataset.AcquisitionDateTime = study.date + study.time if study.date else ""
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.DocumentTitle = TITLES.get(language, TITLES["en"])
    dataset.ConceptNameCodeSequence = [code_item(concept("report_text"))]
    is_final = reading.document.reading.status != "preliminary"
    dataset.VerificationFlag = "VERIFIED" if is_final else "UNVERIFIED"
    said = say_stand_ins(reading)
    if said:
        dataset.DocumentTitle = f"{dataset.DocumentTitle}. {said}"
    source = reading.source
    if source.is_hidden or "instances" not in source.primary.stand_ins:
        dataset.SourceInstanceSequence = reference_source(source.primary).ReferencedInstanceSequence
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    dataset.EncapsulatedDocumentLength = len(pdf)
    name_scheme(dataset)
    return dataset
