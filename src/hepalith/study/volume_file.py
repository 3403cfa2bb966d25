"""Volumes in one file: NIfTI, NRRD and MetaImage, known by their content."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from hepalith.study.acquisition import Instance, Series
from hepalith.study.source import Source
from hepalith.study.still_file import is_still
from hepalith.study.uid import ALL_UIDS, make_uid

__all__ = ["VolumeFile", "describe_volume_file", "sniff"]

_EDGE_BYTES = 65536
_NIFTI_LABEL_TYPES = frozenset((2, 256))
"""NIfTI data types uint8 and int8, which cannot hold Hounsfield units."""


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """A file that holds one volume without saying of whom."""

    source: Source
    kind: str
    uid: str
    label_like: bool
    """Its data type holds labels, not HU."""

    def as_series(self, study_uid: str, description: str = "") -> Series:
        """Return the file as a series of one instance."""
        instance = Instance(
            self.source.path, self.source.member, sop_instance_uid=make_uid("instance", self.uid)
        )
        unfit = "its data type (8 bits) holds labels, not Hounsfield units" if self.label_like else ""
        return Series(
            uid=self.uid,
            modality="CT",
            description=description,
            frame_of_reference_uid=make_uid("frame of reference", self.uid),
            instances=(instance,),
            kind=self.kind,
            study_uid=study_uid,
            stand_ins=ALL_UIDS,
            unfit=unfit,
        )


def sniff(head: bytes) -> str:  # noqa: PLR0911  (one return a format)
    """Return ``"dicom"``, ``"zip"``, ``"nifti"``, ``"nrrd"``, ``"mha"``, ``"still"`` or ``""``.

    Judged by content; names and endings say nothing.
    """
    if head[128:132] == b"DICM":
        return "dicom"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip"
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 1024)
        except zlib.error:
            return ""
    if _is_nifti(head):
        return "nifti"
    if head[:7] == b"NRRD000":
        return "nrrd"
    if _is_metaimage(head):
        return "mha"
    return "still" if is_still(head) else ""


def _is_nifti(head: bytes) -> bool:
    if len(head) < 348:
        return False
    size = (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big"))
    if 348 in size:
        return head[344:347] in (b"n+1", b"ni1")
    return 540 in size and head[4:7] in (b"n+2", b"ni2")


def _is_metaimage(head: bytes) -> bool:
    lines = [line.split(b"=", 1)[0].strip() for line in head[:512].split(b"\n")[:6] if b"=" in line]
    return (
        bool(lines)
        and lines[0] in (b"ObjectType", b"NDims")
        and (b"NDims" in lines or b"ObjectType" in lines)
    )


def describe_volume_file(source: Source, kind: str, head: bytes, file: BinaryIO) -> VolumeFile:
    """Return what a volume file is, from its first and last 64 KiB and its size."""
    digest = hashlib.sha256(head[:_EDGE_BYTES])
    if file.seekable():
        size = file.seek(0, 2)
        file.seek(max(0, size - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
        digest.update(str(size).encode())
    return VolumeFile(source, kind, make_uid("volume", kind, digest.hexdigest()), _is_label_like(kind, head))


def _is_label_like(kind: str, head: bytes) -> bool:
    if head[:2] == b"\x1f\x8b":
        head = zlib.decompressobj(wbits=31).decompress(head, 4096)
    if kind == "nifti":
        order = "little" if head[0] in (348 & 0xFF, 540 & 0xFF) and head[1] in (1, 2) else "big"
        at = 70 if head[344:346] in (b"n+", b"ni") else 12
        return (
            int.from_bytes(head[at : at + 2], "little" if order == "little" else "big") in _NIFTI_LABEL_TYPES
        )
    text = head[:4096].split(b"\n\n", 1)[0].lower()
    if kind == "nrrd":
        types = (b"type: unsigned char", b"type: uchar", b"type: uint8", b"type: signed char", b"type: int8")
        return any(word in text for word in types)
    return b"elementtype = met_uchar" in text or b"elementtype = met_char" in text
