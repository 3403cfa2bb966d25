"""A person accepts a reading: a further revision, final, that says who and when."""

from __future__ import annotations

import uuid
from datetime import datetime

from hepalith.errors import UsageError
from hepalith.reading.document import AcceptedEntry, Document, ReadingEntry
from hepalith.reading.summarise import with_summary

__all__ = ["accept"]


LONGEST_NAME = 64
"""Letters of a person's or an organization's name: DICOM keeps no more (PS3.5, 6.2, PN and LO)."""


def accept(
    document: Document, by: str, at: datetime, *, organization: str = "", diagnoses: tuple[str, ...] = ()
) -> Document:
    """Return the next revision of a reading, which a person stands for.

    Parameters
    ----------
    by
        Who accepts: the name or pseudonym that documents made from the reading will carry.
    at
        When, with its offset from UTC.
    organization
        For whom the person works; DICOM asks for it, and "unknown" is written where it is empty.
    diagnoses
        Ids of the differential that the person confirms. None is: the reading is accepted as a reading, and
        no condition of the patient is stated by it.

    Returns
    -------
    Document
        With a new id, ``supersedes`` the old one, and the status ``final``; ``amended`` where the old one
        was final already. The same acceptance of the same revision gives the same id.

    Raises
    ------
    UsageError
        If nobody is named, a name cannot stand in a document, the time has no offset, or a diagnosis is none
        of the differential.
    """
    if not by.strip(" ^="):
        raise UsageError("who accepts the reading must be named")
    check_name(by, "the name of who accepts")
    check_name(organization, "the name of the organization")
    if at.tzinfo is None:
        raise UsageError("the time of acceptance needs its offset from UTC, as in 2024-05-01T09:30:00+02:00")
    known = [entry.diagnosis for entry in document.differential]
    unknown = [name for name in diagnoses if name not in known]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no diagnosis of this reading; it has {', '.join(known[:8])}, …")
    before = document.reading
    entry = AcceptedEntry(by=by.strip(), organization=organization.strip(), at=at, diagnoses=diagnoses)
    name = f"{before.revision + 1} {entry.model_dump_json()}"
    after = ReadingEntry(
        id=str(uuid.uuid5(uuid.UUID(before.id), name)),
        revision=before.revision + 1,
        supersedes=before.id,
        status="final" if before.status == "preliminary" else "amended",
    )
    return with_summary(document.model_copy(update={"reading": after, "accepted": entry}))


def check_name(name: str, what: str) -> None:
    """Refuse a name that DICOM cannot keep as it was given: it would be cut, or be two.

    Raises
    ------
    UsageError
        If it is too long, or holds a backslash or what cannot be printed.
    """
    if len(name.strip()) > LONGEST_NAME or "\\" in name or not name.strip().isprintable():
        raise UsageError(f"{what} must be one line of at most {LONGEST_NAME} letters without a backslash")
