"""The formats that are written from a reading folder, by the names that ``--write`` takes.

Each is written by one function of one module, loaded when it is asked for: DICOM and PDF libraries take
seconds to import, and most readings need none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, cast

from hepalith.errors import UsageError
from hepalith.reading import Reading, load_reading
from hepalith.settings import Formats

__all__ = ["FORMATS", "Format", "choose_formats", "write_formats"]


class FormatWriter(Protocol):
    """Writes one format of a reading: every file it has, into a folder, whole or not at all."""

    def __call__(self, reading: Reading, folder: Path, formats: Formats) -> None:
        """Write the files of the format."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: what it is, its files, and who writes it (module of this room and function)."""

    says: str
    files: tuple[str, ...]
    module: str
    function: str
    needs: tuple[str, ...] = ()
    """Formats that are written with it, since it refers to them."""

    def writer(self) -> FormatWriter:
        """Return its writer."""
        return cast("FormatWriter", getattr(import_module(f"hepalith.report.{self.module}"), self.function))


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "pdf": Format("report and patient's page", ("report.pdf", "patient.pdf"), "pdf", "write_pdf"),
        "seg": Format("DICOM segmentation", ("segmentation.dcm",), "dicom_seg", "write_seg"),
        "sr": Format("DICOM measurement report", ("measurements.dcm",), "dicom_sr", "write_sr", ("seg",)),
        "fhir": Format("FHIR bundle", ("bundle.fhir.json",), "fhir", "write_fhir"),
        "calendar": Format("follow-up dates", ("follow_up.ics",), "calendar", "write_calendar"),
        "dicompdf": Format("report as DICOM", ("report_pdf.dcm",), "dicom_pdf", "write_dicom_pdf"),
        "keyimages": Format("key images as DICOM", ("key_images.dcm",), "dicom_capture", "write_key_images"),
    }
)
"""Every format, by the name that ``--write`` takes, in the order they are written."""


def choose_formats(named: str) -> tuple[str, ...]:
    """Return the formats of a list with commas, with those they need, in the order they are written.

    Raises
    ------
    UsageError
        If one is unknown.

    Examples
    --------
    >>> choose_formats("sr,pdf")
    ('pdf', 'seg', 'sr')
    """
    wanted = [name.strip() for name in named.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        what = f"has no {unknown[0]!r}" if unknown else "names nothing"
        raise UsageError(f"--write {named!r} {what}; choose from {', '.join(FORMATS)}")
    needed = {*wanted, *(need for name in wanted for need in FORMATS[name].needs)}
    return tuple(name for name in FORMATS if name in needed)


def list_files(names: Sequence[str]) -> tuple[str, ...]:
    """Return the files that some formats have."""
    return tuple(file for name in names for file in FORMATS[name].files)


def write_formats(folder: Path, formats: Formats, into: Path | None = None) -> None:
    """Write formats of the reading in `folder` into it, or into the folder `into`.

    Raises
    ------
    hepalith.errors.ReadingFileError
        If the folder holds no reading.
    hepalith.errors.OutputError
        If a file cannot be written.
    """
    if not formats.names:
        return
    reading = load_reading(folder)
    for name in formats.names:
        FORMATS[name].writer()(reading, into or folder, formats)
