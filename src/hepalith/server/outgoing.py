"""What is sent to an archive: which files, and whether they say of whom they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from hepalith.errors import UnreadableFileError, UsageError
from hepalith.report.dicom.context import MAKER
from hepalith.report.formats import FORMATS

__all__ = ["choose_sent", "is_nameless", "list_outgoing", "reading_status"]

PREAMBLE, MAGIC = 128, b"DICM"
"""Where a DICOM file says that it is one (DICOM PS3.10, 7.1)."""

MANUFACTURER, PATIENT_ID, IDENTITY_REMOVED = BaseTag(0x00080070), BaseTag(0x00100020), BaseTag(0x00120062)


def sendable() -> dict[str, str]:
    """Return the formats of a reading that are DICOM, each with its file."""
    return {name: file for name, one in FORMATS.items() for file in one.files if Path(file).suffix == ".dcm"}


def choose_sent(named: str) -> tuple[str, ...]:
    """Return the formats of a list with commas, in the order they are sent.

    Raises
    ------
    UsageError
        If one is unknown or no DICOM.

    Examples
    --------
    >>> choose_sent("sr,seg")
    ('seg', 'sr')
    """
    wanted = {name.strip() for name in named.split(",") if name.strip()}
    unknown = sorted(wanted - sendable().keys())
    if unknown or not wanted:
        what = f"{unknown[0]!r} is none of them" if unknown else "it names nothing"
        raise UsageError(f"{what}; choose from {', '.join(sendable())}")
    return tuple(name for name in sendable() if name in wanted)


def list_outgoing(paths: Sequence[Path], only: Sequence[str] = ()) -> tuple[Path, ...]:
    """Return the files that some paths stand for, each once.

    A reading folder stands for its DICOM objects, another folder for the DICOM files below it, a file for
    itself, whatever it is.

    Parameters
    ----------
    only
        Formats of reading folders, of `choose_sent`; empty: all.

    Raises
    ------
    UnreadableFileError
        If there is no such path, or nothing to send at one.
    UsageError
        If `only` is given and no path is a reading folder.
    """
    if only and not any(is_reading_folder(path) for path in paths):
        raise UsageError("--only chooses among the objects of a reading, and no path is a reading folder")
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UnreadableFileError(f"{path} is not there; name a reading folder, or DICOM files")
        here = list(files_of(path, only))
        if not here and is_reading_folder(path):
            wanted = ",".join(only or ("seg", "sr"))
            raise UnreadableFileError(
                f"{path} holds no DICOM object to send; write them first: "
                f"hepalith write {path} --write {wanted}"
            )
        if not here:
            raise UnreadableFileError(f"{path} holds no DICOM file; name a reading folder, or DICOM files")
        found |= {file.resolve(): file for file in here}
    return tuple(found.values())


def files_of(path: Path, only: Sequence[str]) -> Iterator[Path]:
    """Yield the files that one path stands for."""
    if path.is_file():
        yield path
    elif is_reading_folder(path):
        for name, file in sendable().items():
            if (not only or name in only) and (path / file).is_file():
                yield path / file
    else:
        yield from (file for file in sorted(path.rglob("*")) if file.is_file() and is_dicom(file))


def is_reading_folder(path: Path) -> bool:
    """Return whether a path is a reading folder."""
    return (path / "reading.json").is_file()


def is_dicom(file: Path) -> bool:
    """Return whether a file says that it is DICOM."""
    try:
        with file.open("rb") as opened:
            opened.seek(PREAMBLE)
            return opened.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def is_nameless(file: Path) -> bool:
    """Return whether a file is an object of ours that says of nobody that it is theirs.

    An archive would file it under no patient, where no one finds it.
    """
    try:
        with file.open("rb") as opened:
            head = read_partial(
                opened,
                stop_when=lambda tag, _vr, _length: tag > IDENTITY_REMOVED,
                specific_tags=[MANUFACTURER, PATIENT_ID, IDENTITY_REMOVED],
            )
        is_ours = str(head.get("Manufacturer", "")) == MAKER
        return is_ours and (not head.get("PatientID") or head.get("PatientIdentityRemoved") == "YES")
    except (InvalidDicomError, OSError, ValueError, EOFError, KeyError, AttributeError, NotImplementedError):
        return False


def reading_status(path: Path) -> str:
    """Return the status that a reading folder gives its reading; empty where it is no such folder."""
    try:
        return str(json.loads((path / "reading.json").read_text(encoding="utf-8"))["reading"]["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
