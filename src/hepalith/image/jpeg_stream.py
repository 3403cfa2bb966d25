"""What a JPEG, JPEG-LS or JPEG 2000 stream says of itself, read before a decoder meets it.

Decoders written in C take a damaged stream at its word: one that announces forty bits a sample crashes the
process. What the stream announces is therefore held against the DICOM header first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["StreamHeader", "read_stream_header"]

_LONGEST_SEARCH = 1 << 16
"""Bytes of a boxed JPEG 2000 file in which its codestream must start; boxes before it are some hundred."""


_PROCESSES: dict[int, Literal["lossy", "lossless"]] = {
    0xC0: "lossy",
    0xC1: "lossy",
    0xC2: "lossy",
    0xC3: "lossless",
}
"""Start-of-frame markers (ISO/IEC 10918-1, table B.1)."""


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """Size, depth and kind of one compressed picture."""

    rows: int
    columns: int
    components: int
    bits: int
    """Bits of a sample."""
    process: Literal["lossy", "lossless", "other"]
    """Baseline, extended or progressive JPEG; lossless JPEG with Huffman codes; everything else."""


def read_stream_header(stream: bytes) -> StreamHeader | None:
    """Return what a stream announces; ``None`` where it is damaged before it says so.

    The frame header of JPEG and JPEG-LS (ISO/IEC 10918-1, B.2.2; 14495-1, C.2.2), or the size marker of
    JPEG 2000 (ISO/IEC 15444-1, A.5.1).
    """
    if stream[:2] == b"\xff\xd8":
        return _read_frame_header(stream)
    start = 0 if stream[:2] == b"\xff\x4f" else stream.find(b"\xff\x4f\xff\x51", 0, _LONGEST_SEARCH)
    size = stream[start + 2 : start + 52] if start >= 0 else b""
    if len(size) < 42 or size[:2] != b"\xff\x51":
        return None
    far_x, far_y, near_x, near_y = (int.from_bytes(size[n : n + 4], "big") for n in (6, 10, 14, 18))
    components = int.from_bytes(size[38:40], "big")
    return StreamHeader(far_y - near_y, far_x - near_x, components, (size[40] & 0x7F) + 1, "other")


def _read_frame_header(stream: bytes) -> StreamHeader | None:
    position = 2
    while position + 10 <= len(stream):
        if stream[position] != 0xFF:
            return None
        marker = stream[position + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            position += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            bits, components = stream[position + 4], stream[position + 9]
            rows = int.from_bytes(stream[position + 5 : position + 7], "big")
            columns = int.from_bytes(stream[position + 7 : position + 9], "big")
            return StreamHeader(rows, columns, components, bits, _PROCESSES.get(marker, "other"))
        position += 2 + max(2, int.from_bytes(stream[position + 2 : position + 4], "big"))
    return None
