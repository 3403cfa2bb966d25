"""Landing received instances on disk: whole or not at all, once, in a folder per study.

An instance is written to a temporary file as it arrives, made durable, and renamed to its own name; nobody
ever sees half of one. Names come from UIDs alone, never from a patient.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import struct
import tempfile
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from pydicom.filereader import read_dataset
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from hepalith.errors import OutputError
from hepalith.server.dimse.pdu import IMPLEMENTATION_NAME, IMPLEMENTATION_UID

__all__ = ["Arrival", "Incoming", "InstanceError", "Landed", "file_meta", "file_name"]

_LOG = logging.getLogger(__name__)

ARRIVING: Final = ".arriving"
"""Folder of the temporary files, beside the studies: on the same file system, so renaming is one step."""

HEAD_BYTES: Final = 1 << 16
"""Bytes of a data set kept in memory for its UIDs; they stand in its first few kilobytes. Where they do not,
the file is read again."""

SEARCHED_BYTES: Final = 1 << 24
"""Bytes read, or inflated, of a data set in search of its UIDs, so that no sender can fill the memory."""

LONGEST_NAME: Final = 1 << 10
"""Longest UID that is written into a file's header; a right one has 64 characters (PS3.5, 9.1)."""

_WANTED: Final = (0x00080018, 0x0020000D, 0x0020000E)
"""Tags of the UIDs of instance, study and series (PS3.6); the last of them ends the search."""

LARGEST_BYTES: Final = 8 << 30
"""Longest instance taken: pixel data of defined length end at 4 GiB (a 32-bit length, PS3.5, 7.1); twice
that is no image."""

_UID = re.compile(r"[0-9][0-9.]{0,63}")
"""What a UID may be made of (PS3.5, 9.1), leading zeros forgiven."""


class InstanceError(ValueError):
    """An instance that cannot be filed: it has no UIDs, contradicts its announcement, or is too long."""


@dataclass(frozen=True, slots=True)
class Landed:
    """An instance that lies on disk.

    `change` is ``"new"``; ``"same"`` where the same bytes lay there already and nothing was touched;
    ``"replaced"`` where other bytes lay there under the same UID, and the newest were kept.
    """

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    path: Path
    size: int
    change: Literal["new", "same", "replaced"]


def file_name(uid: str) -> str:
    """Return a UID as a name for a file or folder; what is no UID is named by its digest.

    Examples
    --------
    >>> file_name("1.2.840.1")
    '1.2.840.1'
    >>> file_name("../../etc/passwd").startswith("x-")
    True
    """
    if _UID.fullmatch(uid):
        return uid
    return "x-" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _element(element: int, vr: str, value: bytes) -> bytes:
    """Return one element of group 0002 in Explicit VR Little Endian."""
    if vr == "OB":
        return struct.pack("<HH2sHI", 2, element, b"OB", 0, len(value)) + value
    value += b"\0" * (len(value) % 2) if vr == "UI" else b" " * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, vr.encode(), len(value)) + value


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str) -> bytes:
    """Return preamble, prefix and file meta information (DICOM PS3.10, 7.1).

    Who sent the instance is left out, so that the same instance from two senders is the same file.
    """
    content = _element(0x0001, "OB", b"\0\1")
    content += _element(0x0002, "UI", sop_class_uid.encode())
    content += _element(0x0003, "UI", sop_instance_uid.encode())
    content += _element(0x0010, "UI", transfer_syntax.encode())
    content += _element(0x0012, "UI", IMPLEMENTATION_UID.encode())
    content += _element(0x0013, "SH", IMPLEMENTATION_NAME.encode())
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(content))
    return bytes(128) + b"DICM" + length + content


class _Sparing:
    """A data set of which only so much is read, whatever lengths its elements claim."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._left = SEARCHED_BYTES
        self.tell, self.seek = source.tell, source.seek

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        self._left -= size
        if size < 0 or self._left < 0:
            raise ValueError("its UIDs are not where they should be")
        return self._source.read(size)


def _inflated(source: BinaryIO) -> BinaryIO:
    """Return the beginning of a deflated data set (RFC 1951; DICOM PS3.5, A.5)."""
    inflater, found = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    while len(found) < SEARCHED_BYTES and (block := source.read(HEAD_BYTES)):
        found += inflater.decompress(block, SEARCHED_BYTES - len(found))
    return BytesIO(found)


def _uids(source: BinaryIO, transfer_syntax: str) -> tuple[str, str, str]:
    """Return the UIDs of instance, study and series in a data set; empty where missing."""
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        source = _inflated(source)
    dataset = read_dataset(
        cast("BinaryIO", _Sparing(source)),
        is_implicit_VR=transfer_syntax == ImplicitVRLittleEndian,
        is_little_endian=transfer_syntax != ExplicitVRBigEndian,
        stop_when=lambda tag, _vr, _length: int(tag) > _WANTED[-1],
        specific_tags=[Tag(tag) for tag in _WANTED],
    )
    values = [dataset.get_item(tag).value if tag in dataset else b"" for tag in _WANTED]
    instance, study, series = (v.decode("ascii", "replace").strip(" \0") for v in values)
    return instance, study, series


class Incoming:
    """A folder that instances land in.

    Parameters
    ----------
    folder
        Made where missing, readable by its owner alone.
    by_study
        Whether each study has a folder of its own, named by its UID.
    durable
        Whether an instance is forced to the disk (fsync of the file before it gets its name, of the folder
        after) before its sender is told that it is safe. Without, it survives the death of this process but
        not that of the machine.
    largest_bytes
        Longest instance taken.
    """

    def __init__(
        self, folder: Path, *, by_study: bool = True, durable: bool = True, largest_bytes: int = LARGEST_BYTES
    ) -> None:
        self.folder = folder
        self.by_study = by_study
        self.durable = durable
        self.largest_bytes = largest_bytes
        self.arriving = folder / ARRIVING
        self.lock = threading.Lock()
        try:
            self.arriving.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
        except OSError as error:
            raise OutputError(
                f"{folder} cannot hold received studies ({error.strerror}); name one that can be written"
            ) from error

    def _sweep(self) -> None:
        """Remove what a killed receiver left half written; a file being written is locked by its writer."""
        for path in self.arriving.iterdir():
            with contextlib.suppress(OSError), path.open("rb") as left:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    def begin(self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str) -> Arrival:
        """Return an arrival to write the data set of one instance into.

        It never raises: what goes wrong is told by `Arrival.finish`, when the sender can be answered.
        """
        return Arrival(self, sop_class_uid, sop_instance_uid, transfer_syntax)

    def close(self) -> None:
        """Remove the folder of temporary files where it is empty."""
        with contextlib.suppress(OSError):
            self.arriving.rmdir()

    def place(self, study_uid: str, sop_instance_uid: str) -> Path:
        """Return where an instance lies, or would."""
        folder = self.folder / file_name(study_uid) if self.by_study else self.folder
        return folder / f"{file_name(sop_instance_uid)}.dcm"


class Arrival:
    """One instance as it arrives. Write its data set in pieces, then `finish` or `discard` it."""

    def __init__(
        self, incoming: Incoming, sop_class_uid: str, sop_instance_uid: str, transfer_syntax: str
    ) -> None:
        self._incoming = incoming
        self._sop_instance_uid = sop_instance_uid
        self._transfer_syntax = transfer_syntax
        self._head = bytearray()
        self._length = 0
        self._path = Path()
        self._file = -1
        self._error: OSError | InstanceError | None = None
        self._meta = b""
        if max(map(len, (sop_class_uid, sop_instance_uid, transfer_syntax))) > LONGEST_NAME:
            self._error = InstanceError("it is announced with a UID that is none")
        else:
            self._meta = file_meta(sop_class_uid, sop_instance_uid, transfer_syntax)
        self._try(self._open)

    def _open(self) -> None:
        """Make the temporary file, and lock it for as long as it is written."""
        self._incoming.arriving.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file, name = tempfile.mkstemp(dir=self._incoming.arriving)
        self._path = Path(name)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._put(memoryview(self._meta))

    def _try(self, step: Callable[[], object]) -> None:
        """Do a step; after the first error nothing is done any more, and nothing half written is left."""
        if self._error is None:
            try:
                step()
            except OSError as error:
                self._error = error
                self.discard()

    def _put(self, piece: memoryview) -> None:
        """Write all of a piece."""
        while piece:
            piece = piece[os.write(self._file, piece) :]

    def write(self, piece: memoryview) -> None:
        """Add the next bytes of the data set."""
        if len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - len(self._head)]
        self._length += len(piece)
        if self._length > self._incoming.largest_bytes and self._error is None:
            self._error = InstanceError(f"it is longer than {self._incoming.largest_bytes} bytes")
            self.discard()
        self._try(lambda: self._put(piece))

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(self._file)
            self._file = -1

    def finish(self) -> Landed:
        """Give the instance its name.

        Raises
        ------
        OSError
            Where it could not be written (a full disk, for one); nothing is left of it.
        InstanceError
            Where it cannot be filed; nothing is left of it.
        """
        try:
            if self._error is not None:
                raise self._error
            study_uid, series_uid = self._identify()
            return self._land(study_uid, series_uid)
        finally:
            self.discard()

    def _identify(self) -> tuple[str, str]:
        """Return the UIDs of study and series, after making sure that the data set is what was announced."""
        try:
            with BytesIO(self._head) as head:
                found = _uids(head, self._transfer_syntax)
                is_cut = self._length > len(self._head) and head.tell() == len(self._head)
            if is_cut or not all(found):
                with self._path.open("rb") as whole:
                    whole.seek(len(self._meta))
                    found = _uids(whole, self._transfer_syntax)
        except Exception as error:  # pydicom raises a dozen kinds on broken bytes; none may stop a receiver
            raise InstanceError("its data set cannot be read") from error
        sop_instance_uid, study_uid, series_uid = found
        if not sop_instance_uid or not self._sop_instance_uid:
            raise InstanceError("it has no SOP Instance UID")
        if sop_instance_uid != self._sop_instance_uid:
            raise InstanceError("its SOP Instance UID is another than the one announced")
        if not study_uid:
            raise InstanceError("it has no Study Instance UID")
        return study_uid, series_uid

    def _land(self, study_uid: str, series_uid: str) -> Landed:
        """Move the temporary file to its place, unless the same bytes lie there."""
        incoming, size = self._incoming, len(self._meta) + self._length
        place = incoming.place(study_uid, self._sop_instance_uid)
        if incoming.durable:
            os.fsync(self._file)
        change: Literal["new", "same", "replaced"] = "new"
        with incoming.lock:
            if not place.parent.is_dir():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if incoming.durable:
                    _sync_folder(place.parent.parent)
            if place.exists():
                change = "same" if _same_bytes(self._path, place) else "replaced"
            if change != "same":
                self._path.rename(place)
        if incoming.durable:
            _sync_folder(place.parent)
        if change == "replaced":
            _LOG.warning("instance %s came again with other bytes; the newest are kept", place.stem)
        return Landed(study_uid, series_uid, self._sop_instance_uid, place, size, change)


def _same_bytes(one: Path, other: Path) -> bool:
    """Return whether two files hold the same bytes."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        while piece := a.read(1 << 20):
            if piece != b.read(1 << 20):
                return False
    return True


def _sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
