"""An archive elsewhere (PACS, VNA): where it is, what may be asked of it, what it answers.

Two protocols reach one: DICOM's own (DIMSE) and DICOMweb. Both are a `Remote`; `hepalith.server.connect`
makes the one that an address names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from hepalith.errors import UsageError

__all__ = [
    "Address",
    "Credentials",
    "Fetched",
    "FoundStudy",
    "Query",
    "Remote",
    "Stored",
    "Tls",
    "parse_address",
]

DICOM_PORT = 11112
"""Port of DICOM where an address names none: the registered one that needs no privilege (PS3.8, 9.1.1)."""

LONGEST_TITLE = 16
"""Characters of an application entity title (DICOM PS3.5, 6.2)."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an archive is.

    Parameters
    ----------
    kind
        ``"dimse"`` or ``"dicomweb"``.
    host, port, title
        Of DIMSE; `title` is the archive's application entity title.
    url
        Of DICOMweb: the root of its services, without a slash at its end.
    encrypted
        Whether TLS is spoken.
    """

    kind: Literal["dimse", "dicomweb"]
    host: str
    port: int
    title: str = ""
    url: str = ""
    encrypted: bool = False

    def __str__(self) -> str:
        """Return the address as a user writes it; it never holds a password."""
        if self.kind == "dicomweb":
            return self.url
        return f"dicom{'s' if self.encrypted else ''}://{self.title}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of TLS: whom to trust, and who we are. Empty: the system's authorities, and nobody."""

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, over DICOMweb; from the environment, never from the command line."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Query:
    """Which studies: every field given must match; ``*`` and ``?`` are wild, dates may be a range.

    `date` is ``YYYYMMDD``, or two of them with a hyphen between, either of which may be missing.
    """

    study_uid: str = ""
    patient_id: str = ""
    patient_name: str = ""
    accession_number: str = ""
    date: str = ""
    modality: str = ""
    description: str = ""
    limit: int = 0
    """Most studies wanted; 0: all."""


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """One study that an archive holds, as it says."""

    uid: str
    patient_id: str = ""
    patient_name: str = ""
    date: str = ""
    modalities: tuple[str, ...] = ()
    description: str = ""
    accession_number: str = ""
    instances: int | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching a study: files written, and what the archive could not give."""

    files: tuple[Path, ...]
    failed: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """What an archive said of one file sent to it; `reason` is empty where it took it."""

    file: Path
    sop_instance_uid: str
    accepted: bool
    reason: str = ""


class Remote(Protocol):
    """An archive that can be asked and sent to.

    Everything raises `hepalith.errors.FetchError` where it cannot be asked, `store` raises
    `hepalith.errors.DeliveryError` where nothing could be sent at all; one line with what to do next.
    """

    @property
    def address(self) -> Address:
        """Where it is."""
        ...

    def echo(self) -> None:
        """Make sure that it answers."""
        ...

    def find(self, query: Query) -> Iterator[FoundStudy]:
        """Yield the studies that match."""
        ...

    def fetch(self, study_uid: str, into: Path, series_uids: Sequence[str] = ()) -> Fetched:
        """Write the instances of a study (or of some of its series) into a folder, one file each.

        A file appears under its name only when it is complete.
        """
        ...

    def store(self, files: Sequence[Path]) -> tuple[Stored, ...]:
        """Send DICOM files; one answer each, in order."""
        ...

    def holds(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool | None:
        """Return whether it has an instance; None where it does not say."""
        ...


def parse_address(text: str) -> Address:
    """Return the address that a user wrote.

    ``dicom://TITLE@host:port`` and ``dicoms://…`` (TLS) for DIMSE, ``http://…`` and ``https://…`` for the
    root of DICOMweb services.

    Raises
    ------
    UsageError
        If it is none of these, or holds a password.

    Examples
    --------
    >>> parse_address("dicom://ORTHANC@127.0.0.1:4242").title
    'ORTHANC'
    >>> str(parse_address("https://pacs.example/dicom-web/"))
    'https://pacs.example/dicom-web'
    """
    wanted = "write dicom://TITLE@host:port, dicoms://TITLE@host:port, or http(s)://host/dicom-web"
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text!r} is no address ({error}); {wanted}") from error
    if parts.password or (parts.scheme in ("http", "https") and parts.username):
        raise UsageError(
            "an address must hold no user and no password: set HEPALITH_USER and HEPALITH_PASSWORD, "
            "or HEPALITH_TOKEN, in the environment"
        )
    if not parts.hostname:
        raise UsageError(f"{text!r} names no host; {wanted}")
    if parts.scheme in ("http", "https"):
        encrypted = parts.scheme == "https"
        url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        return Address("dicomweb", parts.hostname, port or (443 if encrypted else 80), "", url, encrypted)
    if parts.scheme not in ("dicom", "dicoms"):
        raise UsageError(f"{text!r} is no address; {wanted}")
    title = unquote(parts.username or "")
    if not title or len(title) > LONGEST_TITLE:
        raise UsageError(f"{text!r} needs the archive's AE title, 1 to {LONGEST_TITLE} characters; {wanted}")
    return Address("dimse", parts.hostname, port or DICOM_PORT, title, "", parts.scheme == "dicoms")
