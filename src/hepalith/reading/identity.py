"""Names that a reading and its foci keep: the same input gives the same name, and none tells who it is."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.study import Identity

__all__ = [
    "DEFAULT_PSEUDONYM_KEY",
    "hide_names",
    "patient_key",
    "pseudonym_uid",
    "reading_uuid",
    "tracking_uid",
]

READING_NAMESPACE = uuid.UUID("5b1c2c8e-7a52-5d0e-9a0d-6f1f4b6a1c77")
"""UUID namespace of readings and foci: a random number drawn once; no other product's names equal ours."""

DEFAULT_PSEUDONYM_KEY = b"hepalith/public-pseudonym-key/1"
"""Key of the patient's hash where the installation gives none (``HEPALITH_PSEUDONYM_KEY``).

It is public, so that two installations without a key of their own give the same reading the same
bytes and two readings of one patient the same `patient.key`. A public key hides nothing from
someone who can list the hospital's patient numbers: a de-identified reading therefore
carries no key at all unless a secret one is set. A secret drawn at install time was the
alternative; it would give every machine other bytes for the same input.
"""

QUOTED_UID = re.compile(r"\b[0-2](?:\.\d+){5,}")
"""A DICOM UID within a sentence: six components and more, as no version number or measure has."""

KEY_DIGITS = 32
"""Hexadecimal digits kept of the keyed hash: 128 bits, no chance collision in any cohort."""

TRACKING_PLACES_MM = 0.01
"""Grid on which a focus's centroid is named: finer than it can be known, coarser than rounding noise."""


def reading_uuid(inputs: Mapping[str, Any], settings: Mapping[str, Any], version: str) -> str:
    """Return the UUIDv5 of a reading: a function of its inputs' digests, its settings and the version.

    Examples
    --------
    >>> reading_uuid({"ct": "00"}, {}, "0.1.0") == reading_uuid({"ct": "00"}, {}, "0.1.0")
    True
    >>> reading_uuid({"ct": "00"}, {}, "0.1.0") == reading_uuid({"ct": "01"}, {}, "0.1.0")
    False
    """
    said = {"inputs": inputs, "settings": settings, "version": version}
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return str(uuid.uuid5(READING_NAMESPACE, text))


def tracking_uid(image_sha256: str, centroid_lps_mm: tuple[float, float, float]) -> str:
    """Return a DICOM UID for a focus: the same body in the same image keeps it, whatever its id.

    References
    ----------
    DICOM PS3.5, annex B.2: a UID made from a UUID begins with 2.25.

    Examples
    --------
    >>> tracking_uid("00", (1.0, 2.0, 3.0)).startswith("2.25.")
    True
    """
    places = [round(v / TRACKING_PLACES_MM) for v in centroid_lps_mm]
    name = uuid.uuid5(READING_NAMESPACE, f"focus {image_sha256} {places}")
    return f"2.25.{name.int}"


def patient_key(identity: Identity, key: bytes) -> str | None:
    """Return the keyed hash that groups one patient's readings; ``None`` where nobody is named."""
    who = identity.patient_id.strip() or "\n".join(
        (identity.patient_name.strip(), identity.birth_date.strip())
    )
    if not who.strip():
        return None
    return hmac.new(key, who.encode(), hashlib.sha256).hexdigest()[:KEY_DIGITS]


def pseudonym_uid(uid: str, key: bytes) -> str:
    """Return a UID that stands for `uid` in de-identified output; an empty one stays empty."""
    if not uid:
        return ""
    digest = hmac.new(key, uid.encode(), hashlib.sha256).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def hide_names(text: str, names: Sequence[str]) -> str:
    """Return a sentence without the UIDs and the names of files that it quotes, for de-identified output.

    Examples
    --------
    >>> hide_names("doe_jane.png: a tag of 1.2.840.113619.2.55.3 was left out", ("doe_jane.png",))
    'a file: a tag of (UID) was left out'
    """
    for name in sorted((n for n in names if n), key=len, reverse=True):
        text = text.replace(name, "a file")
    return QUOTED_UID.sub("(UID)", text)


def mask_sha256(mask: NDArray[np.bool_], start: tuple[int, int, int]) -> str:
    """Return the digest of a mask and of where it begins in its image."""
    digest = hashlib.sha256(json.dumps([list(start), list(mask.shape)]).encode())
    digest.update(np.packbits(mask).tobytes())
    return digest.hexdigest()
