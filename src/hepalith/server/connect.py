"""From an address to the archive that is there: over DICOM's own protocol or over DICOMweb."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from hepalith.errors import MissingExtraError
from hepalith.server.remote import Address, Credentials, Remote, Tls

__all__ = ["EXTRA", "connect"]

EXTRA = "pacs"
"""The extra that brings what archives are reached with."""

PLACES = {"dimse": ("dimse", "DimseRemote"), "dicomweb": ("dicomweb", "DicomwebRemote")}
"""Module of this room and class, by kind of address; loaded when asked for."""


def connect(
    address: Address, tls: Tls | None = None, credentials: Credentials | None = None, **options: Any
) -> Remote:
    """Return the archive at an address; nothing is sent yet.

    Parameters
    ----------
    tls
        Whom to trust and who we are, where the address is encrypted.
    credentials
        Who asks, over DICOMweb.
    options
        Handed on as they are: `patience` of DICOMweb, what `DimseRemote` takes.

    Raises
    ------
    MissingExtraError
        If the library of the protocol is not installed.
    """
    name, kind = PLACES[address.kind]
    try:
        module = import_module(f"hepalith.server.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "hepalith":
            raise
        raise MissingExtraError(
            f"reaching an archive needs an extra: pip install 'hepalith[{EXTRA}]'"
        ) from error
    given = (
        (address, tls or Tls(), credentials or Credentials())
        if address.kind == "dicomweb"
        else (address, tls or Tls())
    )
    return cast("Remote", getattr(module, kind)(*given, **options))
