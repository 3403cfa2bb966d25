"""UIDs for objects that were anonymised until they had none."""

from __future__ import annotations

import uuid

__all__ = ["ALL_UIDS", "make_uid"]

ALL_UIDS = ("study", "series", "frame of reference", "instances")
"""What `Series.stand_ins` says of a file that knows no UIDs (NIfTI, NRRD, MHA, PNG, JPEG)."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "hepalith/study")


def make_uid(*parts: object) -> str:
    """Return a UID made of `parts` alone: the same parts give the same UID (DICOM PS3.5, B.2).

    Examples
    --------
    >>> make_uid("series", 3) == make_uid("series", 3) != make_uid("series", 4)
    True
    """
    return f"2.25.{uuid.uuid5(_NAMESPACE, '|'.join(str(part) for part in parts)).int}"
