"""The radiology report and the patient's page as PDF: what the HTML pages say, set for paper and archive.

Each file is in one language, that of the formats; written again with the other, it is in the other. Like the
pages, neither says who the patient is. The extra ``pdf`` brings what is needed; no system package is.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

from hepalith.errors import OutputError
from hepalith.reading import Reading
from hepalith.report.html import page_content
from hepalith.report.patient import patient_content
from hepalith.report.pdf_picture import Plates
from hepalith.report.pdf_typst import NO_DATE, typeset
from hepalith.settings import Formats

__all__ = ["PAPERS", "patient_pdf_bytes", "report_pdf_bytes", "write_pdf"]

PAPERS: Final = ("a4", "us-letter")
"""Sizes of paper, by the names that Typst gives them."""


def write_pdf(reading: Reading, folder: Path, formats: Formats) -> None:
    """Write ``report.pdf`` and ``patient.pdf`` in the language of the formats.

    Raises
    ------
    hepalith.errors.MissingExtraError
        If the extra is not installed.
    hepalith.errors.OutputError
        If a file cannot be written.
    """
    for name, made in (
        ("report.pdf", report_pdf_bytes(reading, formats)),
        ("patient.pdf", patient_pdf_bytes(reading, formats)),
    ):
        try:
            (folder / name).write_bytes(made)
        except OSError as error:
            raise OutputError(f"{name} cannot be written ({error.strerror or error})") from error


def report_pdf_bytes(reading: Reading, formats: Formats, *, paper: str = "a4") -> bytes:
    """Return the radiology report as PDF/A-2a and PDF/UA-1.

    The same reading gives the same bytes; its date is that of the examination.

    Raises
    ------
    hepalith.errors.MissingExtraError
        If the extra is not installed.
    """
    plates = Plates()
    content = page_content(reading, language=formats.language) | {
        "plates": plates,
        **framing(reading, paper),
    }
    return typeset("report.typ.j2", content, plates.files)


def patient_pdf_bytes(reading: Reading, formats: Formats, *, paper: str = "a4") -> bytes:
    """Return the patient's page as PDF/A-2a and PDF/UA-1.

    Raises
    ------
    hepalith.errors.MissingExtraError
        If the extra is not installed.
    """
    content = patient_content(reading, language=formats.language) | framing(reading, paper)
    return typeset("patient.typ.j2", content, {})


def framing(reading: Reading, paper: str) -> dict[str, Any]:
    """Return the paper and the date of a document of a reading."""
    made: date = reading.document.study.date or NO_DATE
    return {"paper": paper, "dated": made}
