"""Files of an input: walked, looked into, and never unpacked to disk."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from hepalith.errors import UnreadableFileError

__all__ = ["Source", "Unreadable", "check_archive", "open_archive", "open_source", "read_whole", "walk"]

MAX_UNPACKED_BYTES = 16 * 2**30
"""Largest sum of the sizes that a zip archive may declare, in bytes.

A dual-energy CT study of 4,000 slices is 2 GiB; 16 GiB is eight of them. Archives built to
exhaust a machine declare hundreds (our judgement; nothing is ever unpacked to disk).
"""

MAX_MEMBERS = 200_000
"""Most members of a zip archive. The largest studies hold some 10,000 files (our judgement)."""

SUSPICIOUS_RATIO = 200
"""Compression beyond which a large member is taken for a bomb.

CT slices compress 2 to 4 times and synthetic ones up to about 100; zeros by deflate 1,030 times.
"""

SUSPICIOUS_BYTES = 512 * 2**20
"""Size of a member from which `SUSPICIOUS_RATIO` is looked at: smaller ones harm nobody."""

READING_FILES = frozenset({"reading.json", "run.json"})
"""Files by which a folder that hepalith wrote is known."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the input: on disk, or a member of a zip archive."""

    path: Path
    member: str | None = None
    asked: bool = False
    """Named by the user, not found in a folder or an archive."""
    given: Path | None = None
    """The input in which it was found; ``None`` where it is one itself."""

    @property
    def folder(self) -> tuple[Path, str]:
        """Where it lies: its folder, or its archive and the folder within."""
        if self.member is None:
            return self.path.parent, ""
        return self.path, str(PurePosixPath(self.member).parent)

    @property
    def root(self) -> Path:
        """The input that it came with."""
        return self.given or self.path

    @property
    def name(self) -> str:
        """How messages call it."""
        return PurePosixPath(self.member or self.path.name).name


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something of a folder that cannot be opened, and why."""

    name: str
    reason: str


def walk(inputs: Sequence[Path]) -> Iterator[Source | Unreadable]:
    """Yield every file of the inputs, folders searched to any depth, in the order of their names.

    Hidden files and folders are passed over, and reading folders within a folder: what was written into an
    examination is none of it. Links to folders are followed, each folder once.

    Raises
    ------
    UnreadableFileError
        If an input itself does not exist or cannot be opened.
    """
    seen: set[tuple[int, int]] = set()
    for given in inputs:
        try:
            mode = given.stat().st_mode
        except OSError as error:
            raise UnreadableFileError(f"{given}: {_reason(error)}; check the path") from error
        if stat.S_ISDIR(mode):
            try:
                os.listdir(given)  # noqa: PTH208  (raises here; iterdir only when walked)
            except OSError as error:
                raise UnreadableFileError(f"{given}: {_reason(error)}; check its permissions") from error
            for found in _walk_folder(given, seen):
                yield replace(found, given=given) if isinstance(found, Source) else found
        elif stat.S_ISREG(mode):
            yield Source(given, asked=True)
        else:
            raise UnreadableFileError(f"{given}: neither a file nor a folder; give a CT or ultrasound")


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be opened").lower()


def _walk_folder(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Source | Unreadable]:
    pending = [os.fspath(folder)]
    while pending:
        current = pending.pop()
        try:
            status = os.stat(current)  # noqa: PTH116  (plain strings: Path costs more than the call itself)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(current) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Unreadable(os.path.relpath(current, folder), _reason(error))
            continue
        if current != os.fspath(folder) and {entry.name for entry in listed} >= READING_FILES:
            continue
        folders = []
        for entry in listed:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            try:
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.is_file():
                    yield Source(Path(entry.path))
            except OSError as error:
                yield Unreadable(entry.name, _reason(error))
        pending.extend(reversed(folders))


def check_archive(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """Return the members worth reading; refuse an archive built to do harm.

    Raises
    ------
    UnreadableFileError
        If a name leads out of the archive, a member is encrypted, or the sizes it declares
        are those of a bomb.
    """
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or total > MAX_UNPACKED_BYTES:
        raise UnreadableFileError(
            f"{path.name}: the archive unpacks to {total / 2**30:.0f} GiB in {len(members)} files, "
            "more than any examination; unpack what is needed and give the folder"
        )
    kept = []
    for member in members:
        pure = PurePosixPath(member.filename.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or (pure.parts and pure.parts[0].endswith(":")):
            raise UnreadableFileError(
                f"{path.name}: a member's name leads out of the archive ({member.filename[:60]!r}); "
                "the archive is not safe to read"
            )
        if member.file_size > SUSPICIOUS_BYTES and member.file_size > SUSPICIOUS_RATIO * member.compress_size:
            raise UnreadableFileError(
                f"{path.name}: {pure.name!r} unpacks to {member.file_size // member.compress_size} times its "
                "size, as no CT does; the archive is not safe to read"
            )
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in pure.parts)
        if member.is_dir() or hidden or stat.S_ISLNK(member.external_attr >> 16):
            continue
        if member.flag_bits & 0x1:
            raise UnreadableFileError(f"{path.name}: the archive is encrypted; unpack it and give the folder")
        kept.append(member)
    return sorted(kept, key=lambda member: member.filename)


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip archive.

    Raises
    ------
    UnreadableFileError
        If it is damaged or cannot be opened.
    """
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise UnreadableFileError(f"{path.name}: the archive is damaged ({error}); copy it again") from error


def read_whole(path: Path, member: str | None, archive: zipfile.ZipFile | None = None) -> bytes:
    """Return every byte of a file or of a member of an archive.

    Raises
    ------
    UnreadableFileError
        If it cannot be read.
    """
    try:
        if member is None:
            return path.read_bytes()
        if archive is not None:
            return archive.read(member)
        with open_archive(path) as opened:
            return opened.read(member)
    except OSError as error:
        raise UnreadableFileError(f"{member or path.name}: {_reason(error)}; check the file") from error
    except (
        zipfile.BadZipFile,
        KeyError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        zlib.error,
    ) as error:
        raise UnreadableFileError(f"{member}: damaged inside {path.name}; make the archive again") from error


def open_source(source: Source, archive: zipfile.ZipFile | None) -> BinaryIO:
    """Open a file or a member of an archive for reading."""
    if source.member is not None and archive is not None:
        return cast("BinaryIO", archive.open(source.member))
    return source.path.open("rb", buffering=0)
