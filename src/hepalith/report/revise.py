"""A reading folder's next revision: the document changes, and everything made from it is made anew."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from hepalith.reading import Document, Run, accept, load_reading
from hepalith.report.folder import write_folder
from hepalith.report.formats import check_extras, list_written
from hepalith.settings import Formats

__all__ = ["accept_folder"]

LABELMAP_STORAGE = b"1.2.840.10008.5.1.4.1.1.66.7"
"""SOP class of Label Map Segmentation Storage (DICOM PS3.4, B.5), as it stands in a file's header."""

HEAD_BYTES = 2000
"""How much of a file says of what kind it is: DICOM's file meta information, the first keys of a bundle."""


def accept_folder(
    folder: Path, by: str, at: datetime, *, organization: str = "", diagnoses: tuple[str, ...] = ()
) -> Document:
    """Let a person accept the reading in a folder, and write the folder anew as one whole.

    The formats that the folder holds are written again, as final. See `hepalith.reading.accept` for what is
    refused.

    Returns
    -------
    Document
        The revision that the folder holds now.

    Raises
    ------
    hepalith.errors.ReadingFileError
        If the folder holds no reading.
    hepalith.errors.OutputError
        If it cannot be written; the earlier revision then stands.
    """
    reading = load_reading(folder)
    document = accept(reading.document, by, at, organization=organization, diagnoses=diagnoses)
    formats = formats_in(folder, str(document.provenance.settings.get("language", "en")))
    check_extras(formats)
    run = load_run(folder)
    write_folder(
        replace(reading, document=document), folder, overwrite=True, run=lambda: run, formats=formats
    )
    return document


def formats_in(folder: Path, language: str) -> Formats:
    """Return the formats that a folder holds, of the kinds that they are of."""
    version = "R5" if begins_with(folder / "bundle.fhir.json", b'"R5"') else "R4"
    labelmap = begins_with(folder / "segmentation.dcm", LABELMAP_STORAGE)
    return Formats(list_written(folder), version, "labelmap" if labelmap else "binary", language)


def begins_with(path: Path, word: bytes) -> bool:
    """Return whether a file has a word near its beginning; no where there is no file."""
    try:
        with path.open("rb") as file:
            return word in file.read(HEAD_BYTES)
    except FileNotFoundError:
        return False


def load_run(folder: Path) -> Run:
    """Return what ``run.json`` says of the run that made the reading; nothing where there is none."""
    try:
        said = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return Run(**said)
    except (OSError, ValueError, TypeError):
        return Run()
