"""Files on their way: multipart/related read and written block by block, never a study in memory.

References
----------
DICOM PS3.18, 8.6 (multipart payloads); RFC 2046, 5.1; RFC 2387.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from pathlib import Path
from typing import Final

from hepalith.errors import FetchError
from hepalith.server.dicomweb.http import BrokenStreamError

__all__ = ["DICOM_PARTS", "FileBody", "boundary_of", "read_parts"]

DICOM_PARTS: Final = 'multipart/related; type="application/dicom"'

LONGEST_HEADER = 1 << 14
"""Bytes of one part's header: web servers allow 8 to 16 KiB."""

READING = 1 << 20
"""Bytes read from a file at a time."""


def boundary_of(content_type: str) -> bytes:
    """Return what stands between the parts of a message of this type.

    Raises
    ------
    FetchError
        If it has no parts, or they are no DICOM files.
    """
    message = Message()
    message["Content-Type"] = content_type
    inner = message.get_param("type", "application/dicom")
    boundary = message.get_boundary()
    if message.get_content_maintype() != "multipart" or not boundary or inner != "application/dicom":
        named = message.get_content_type() if content_type else ""
        shown = named if named.isascii() and named.isprintable() and named else "something unnamed"
        raise FetchError(f"answers with {shown} instead of DICOM files")
    return boundary.encode("latin-1", "replace")


def read_parts(blocks: Iterator[bytes], boundary: bytes) -> Iterator[Iterator[bytes]]:
    """Yield the content of each part, itself block by block.

    What is left of a part is skipped when the next one is asked for.

    Raises
    ------
    BrokenStreamError
        If the message ends before its end is said.
    """
    reader = PartReader(blocks, b"\r\n--" + boundary)
    for _ in reader.until_delimiter():
        pass  # what stands before the first part means nothing
    while reader.skip_header():
        content = reader.until_delimiter()
        yield content
        for _ in content:
            pass


class PartReader:
    """Finds the borders of parts in a stream of blocks."""

    def __init__(self, blocks: Iterator[bytes], delimiter: bytes) -> None:
        self._blocks = blocks
        self._delimiter = delimiter
        self._held = b"\r\n"  # the first delimiter may stand at the very beginning

    def until_delimiter(self) -> Iterator[bytes]:
        """Yield what comes before the next delimiter, and step behind it."""
        delimiter = self._delimiter
        keep = len(delimiter) - 1
        while (at := self._held.find(delimiter)) < 0:
            if len(self._held) > keep:
                ready, self._held = self._held[:-keep], self._held[-keep:]
                yield ready
            self._more()
        ready, self._held = self._held[:at], self._held[at + len(delimiter) :]
        if ready:
            yield ready

    def skip_header(self) -> bool:
        """Step behind the header of a part; return False where the message ends instead."""
        while len(self._held) < 2:
            self._more()
        if self._held.startswith(b"--"):
            return False
        while (at := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > LONGEST_HEADER:
                raise FetchError("answers with parts whose headers have no end")
            self._more()
        self._held = self._held[at + 4 :]
        return True

    def _more(self) -> None:
        """Take the next block."""
        block = next(self._blocks, b"")
        if not block:
            raise BrokenStreamError("broke its answer off before the end; try again")
        self._held += block


class FileBody:
    """DICOM files as the parts of one message; it can be gone through again, as a second attempt must.

    Parameters
    ----------
    files
        Of the sizes they have now: a file that shrinks meanwhile ends the message in an error.
    boundary
        Stands in none of the files.
    sent
        Told the bytes of each block that is handed on.
    """

    def __init__(
        self, files: Sequence[Path], boundary: str, sent: Callable[[int], None] | None = None
    ) -> None:
        self._files = tuple((path, path.stat().st_size) for path in files)
        self._boundary = boundary.encode("ascii")
        self._sent = sent

    @property
    def content_type(self) -> str:
        """The type of the whole message."""
        return f"{DICOM_PARTS}; boundary={self._boundary.decode('ascii')}"

    def __len__(self) -> int:
        head = len(self._head(0)) - 1
        sizes = sum(head + len(str(size)) + size + 2 for _, size in self._files)
        return sizes + len(self._end())

    def __iter__(self) -> Iterator[bytes]:
        for path, size in self._files:
            yield self._head(size)
            left = size
            with path.open("rb") as file:
                while left:
                    block = file.read(min(READING, left))
                    if not block:
                        raise OSError(f"{path} became shorter while it was sent")
                    left -= len(block)
                    yield block
                    if self._sent is not None:
                        self._sent(len(block))
            yield b"\r\n"
        yield self._end()

    def _head(self, size: int) -> bytes:
        return b"--%s\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n" % (
            self._boundary,
            size,
        )

    def _end(self) -> bytes:
        return b"--%s--\r\n" % self._boundary
