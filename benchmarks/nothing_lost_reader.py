"""A reader that reads nothing: takes the place of `hepalith read` where only what happens around it is asked.

Run: ``python nothing_lost_reader.py INPUT OUT LEDGER SECONDS``. From the same images it makes the same files,
whole or not at all, and notes in the ledger what it finished, and whether two worked at one study at once.
It loads no library, so that a hundred of them cost little.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import sys
import time
import uuid
from pathlib import Path

RESULTS = {
    "segmentation.dcm": "1.2.840.10008.5.1.4.1.1.66.4",
    "measurements.dcm": "1.2.840.10008.5.1.4.1.1.88.33",
    "report_pdf.dcm": "1.2.840.10008.5.1.4.1.1.104.1",
}
"""File and SOP class of what a reading sends."""

STUDY_UID = struct.pack("<HH", 0x0020, 0x000D) + b"UI"
"""Begins the Study Instance UID of a file in Explicit VR Little Endian."""


def result_uid(digest: str, name: str, role: str = "instance") -> str:
    """Return a UID of an object of a reading."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{digest} {name} {role}').int}"


def element(group: int, number: int, vr: str, value: bytes) -> bytes:
    """Return one element in Explicit VR Little Endian (DICOM PS3.5, 7.1.2)."""
    value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", group, number, vr.encode(), len(value)) + value


def result(study_uid: str, digest: str, name: str) -> bytes:
    """Return one object of a reading as a DICOM file."""
    sop_class, uid = RESULTS[name].encode(), result_uid(digest, name).encode()
    meta = struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\0\1"
    meta += element(2, 2, "UI", sop_class) + element(2, 3, "UI", uid)
    meta += element(2, 0x10, "UI", b"1.2.840.10008.1.2.1") + element(
        2, 0x12, "UI", b"1.2.826.0.1.3680043.9.7"
    )
    made = element(8, 0x16, "UI", sop_class) + element(8, 0x18, "UI", uid)
    made += element(8, 0x60, "CS", b"OT") + element(8, 0x70, "LO", b"hepalith")
    made += element(0x10, 0x10, "PN", b"") + element(0x10, 0x20, "LO", b"P1")
    made += element(0x20, 0x0D, "UI", study_uid.encode())
    made += element(0x20, 0x0E, "UI", result_uid(digest, name, "series").encode())
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    return bytes(128) + b"DICM" + length + meta + made


def study_of(image: bytes) -> str:
    """Return the Study Instance UID of a file."""
    at = image.index(STUDY_UID)
    (length,) = struct.unpack_from("<H", image, at + 6)
    return image[at + 8 : at + 8 + length].decode().rstrip("\0")


def main() -> None:
    """Read one study."""
    images, out, ledger, seconds = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
    files = [file.read_bytes() for file in sorted(images.iterdir())]
    study_uid = study_of(files[0])
    digest = hashlib.sha256(b"".join(files)).hexdigest()
    with (ledger.parent / f"{study_uid}.reading").open("w") as alone, ledger.open("a") as book:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            book.write(f"two-at-once {study_uid}\n")
            raise SystemExit(1) from None
        time.sleep(seconds / 2)
        part = out.parent / f".{out.name}.{os.getpid()}"
        part.mkdir()
        for name in RESULTS:
            (part / name).write_bytes(result(study_uid, digest, name))
        (part / "reading.json").write_text(f'{{"images": {len(files)}, "digest": "{digest}"}}\n')
        time.sleep(seconds / 2)
        part.rename(out)
        book.write(f"finished {study_uid} {digest}\n")


if __name__ == "__main__":
    main()
