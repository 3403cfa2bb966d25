"""The formats that are written from a reading folder, by the names that ``--write`` takes.

Each is written by one function of one module, loaded when it is asked for: DICOM and PDF libraries take
seconds to import, and most readings need none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, cast

import hepalith.reading as readings  # its names load nibabel and pydantic: not before a format is written
from hepalith.errors import MissingExtraError, ReadingFileError, UsageError
from hepalith.settings import Formats
from hepalith.vocabulary import load_vocabulary

__all__ = [
    "FORMATS",
    "Format",
    "add_formats",
    "check_extras",
    "choose_formats",
    "list_files",
    "list_written",
    "write_formats",
]


Checker = Callable[["readings.Reading", Path], Sequence[object]]
"""Returns where the files of a folder say otherwise than a reading."""


class FormatWriter(Protocol):
    """Writes one format of a reading: every file it has, into a folder, whole or not at all."""

    def __call__(self, reading: readings.Reading, folder: Path, formats: Formats) -> None:
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
    extra: str = ""
    """The extra that brings what its writer imports; empty: it is always there."""
    imports: tuple[str, ...] = ()
    """What the writer imports of that extra."""

    def writer(self) -> FormatWriter:
        """Return its writer."""
        return cast("FormatWriter", getattr(import_module(f"hepalith.report.{self.module}"), self.function))


PDF_IMPORTS = ("typst", "pylopdf_fonts_zh_cn")
"""What setting a PDF takes: the typesetter and its font."""

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "pdf": Format(
            "report and patient's page",
            ("report.pdf", "patient.pdf"),
            "pdf",
            "write_pdf",
            (),
            "pdf",
            PDF_IMPORTS,
        ),
        "seg": Format("DICOM segmentation", ("segmentation.dcm",), "dicom.seg", "write_seg"),
        "sr": Format("DICOM measurement report", ("measurements.dcm",), "dicom.sr", "write_sr", ("seg",)),
        "fhir": Format("FHIR bundle", ("bundle.fhir.json",), "fhir.bundle", "write_fhir"),
        "calendar": Format("follow-up dates", ("follow_up.ics",), "calendar", "write_calendar"),
        "dicompdf": Format(
            "report as DICOM", ("report_pdf.dcm",), "dicom.pdf", "write_dicom_pdf", (), "pdf", PDF_IMPORTS
        ),
        "keyimages": Format("key images as DICOM", ("key_images.dcm",), "dicom.capture", "write_key_images"),
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


def check_extras(formats: Formats) -> None:
    """Refuse formats whose extra is not installed: before the work rather than after it.

    Raises
    ------
    MissingExtraError
        Naming the extra and how to install it.
    """
    for name in formats.names:
        wanted = FORMATS[name]
        if any(find_spec(module) is None for module in wanted.imports):
            raise MissingExtraError(
                f"--write {name} needs the extra {wanted.extra!r}: pip install 'hepalith[{wanted.extra}]'"
            )


def list_files(names: Sequence[str]) -> tuple[str, ...]:
    """Return the files that some formats have."""
    return tuple(file for name in names for file in FORMATS[name].files)


def list_written(folder: Path) -> tuple[str, ...]:
    """Return the formats of which a folder holds a file."""
    return tuple(name for name, one in FORMATS.items() if any((folder / file).exists() for file in one.files))


def write_formats(folder: Path, formats: Formats, into: Path | None = None) -> None:
    """Write formats of the reading in `folder` into it, or into the folder `into`.

    Raises
    ------
    hepalith.errors.ReadingFileError
        If the folder holds no reading.
    hepalith.errors.OutputError
        If a file cannot be written.
    RuntimeError
        If a file says otherwise than the reading (`hepalith.report.agree`): a bug of ours.
    """
    if not formats.names:
        return
    reading = readings.load_reading(folder)
    refuse_unknown_terms(reading.document, folder)
    for name in formats.names:
        FORMATS[name].writer()(reading, into or folder, formats)
    check: Checker = import_module("hepalith.report.agree").disagreements
    if wrong := check(reading, into or folder):
        raise RuntimeError(f"{len(wrong)} disagreements, the first: {wrong[0]}")


def refuse_unknown_terms(document: readings.Document, folder: Path) -> None:
    """Refuse a reading that names terms which this version's vocabulary has no code for.

    Raises
    ------
    ReadingFileError
        Naming the first of them.
    """
    named = [
        *(f.label for f in document.foci),
        *(f.morphology.label for f in document.foci),
        *(f.id for f in document.findings),
        *(p.id for p in document.patterns),
        *(a.id for a in document.alerts),
        *(d.diagnosis for d in document.differential),
        *(p.diagnosis for p in document.processes),
        *(t.test for t in document.next_tests),
        *(a.action for a in document.plan),
    ]
    unknown = next((name for name in named if name not in load_vocabulary()), None)
    if unknown is not None:
        raise ReadingFileError(
            f"{folder / 'reading.json'} names {unknown!r}, which this version's vocabulary does not have; "
            "use the version that wrote it, or read the study again"
        )


def add_formats(folder: Path, formats: Formats) -> tuple[Path, ...]:
    """Write formats of a finished reading folder into it; each file appears when all are complete.

    What the folder holds that refers to one of them is written anew: another kind of segmentation is another
    object.

    Returns
    -------
    tuple
        The files written, in the order of `FORMATS`. A format that has nothing to say (a segmentation of
        nothing) has none.

    Raises
    ------
    hepalith.errors.ReadingFileError
        If the folder holds no reading.
    hepalith.errors.OutputError
        If a file cannot be written.
    """
    check_extras(formats)
    readings.load_document(folder)  # a folder that is no reading's is not written to first
    held = {name for name in list_written(folder) if set(FORMATS[name].needs) & set(formats.names)}
    formats = replace(formats, names=tuple(name for name in FORMATS if name in {*formats.names, *held}))
    with readings.private_folder(folder) as staging:
        write_formats(folder, formats, staging)
        made = [staging / file for file in list_files(formats.names) if (staging / file).exists()]
        for path in made:
            path.replace(folder / path.name)
    return tuple(folder / path.name for path in made)
