"""Pictures without a medical header: PNG, JPEG and their like, known by their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from hepalith.study.acquisition import Instance, Series
from hepalith.study.source import Source
from hepalith.study.uid import ALL_UIDS, make_uid

__all__ = ["StillFile", "describe_still_file", "is_still", "is_video"]

_STARTS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
)


@dataclass(frozen=True, slots=True)
class StillFile:
    """A picture file, taken for ultrasound, that does not say of whom."""

    source: Source
    uid: str
    """Made of its bytes: copies under two names are one picture."""

    def as_series(self, study_uid: str) -> Series:
        """Return the file as a series of one instance."""
        instance = Instance(
            self.source.path, self.source.member, sop_instance_uid=make_uid("instance", self.uid)
        )
        return Series(
            uid=self.uid,
            modality="US",
            instances=(instance,),
            kind="still",
            study_uid=study_uid,
            stand_ins=ALL_UIDS,
        )


def is_still(head: bytes) -> bool:
    """Return whether a file starts as PNG, JPEG, GIF, TIFF, BMP or WebP does."""
    if head[:2] == b"BM":  # two letters are little: the header's own size stands in byte 14
        return len(head) > 18 and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)
    return head.startswith(_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def is_video(head: bytes) -> bool:
    """Return whether a file starts as AVI, MP4, QuickTime, Matroska or MPEG does."""
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    pictures = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"jxl ")
    if head[4:8] == b"ftyp":
        return head[8:12] not in pictures
    return head.startswith((b"\x1aE\xdf\xa3", b"\0\0\x01\xba", b"\0\0\x01\xb3"))


def describe_still_file(source: Source, head: bytes, file: BinaryIO) -> StillFile:
    """Return what a picture file is, by the digest of its bytes."""
    digest = hashlib.sha256(head)
    while block := file.read(1 << 20):
        digest.update(block)
    return StillFile(source, make_uid("still", digest.hexdigest()))
