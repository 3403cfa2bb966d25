"""From an address to the archive that is there: over DICOM's own protocol or over DICOMweb."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from hepalith.errors import MissingExtraError
from hepalith.server.patience import Patience
from hepalith.server.remote import Address, Credentials, Remote, Tls

__all__ = ["connect"]

EXTRA = "pacs"
"""The extra that brings what archives are reached with."""

PLACES = {"dimse": ("dimse.node", "DimseRemote"), "dicomweb": ("dicomweb.node", "DicomwebRemote")}
"""Module of this room and class, by kind of address; loaded when asked for."""


def connect(
    address: Address,
    tls: Tls | None = None,
    credentials: Credentials | None = None,
    *,
    timeout_s: float | None = None,
    **dimse: Any,
) -> Remote:
    """Return the archive at an address; nothing is sent yet.

    Parameters
    ----------
    tls
        Whom to trust and who we are, where the address is encrypted.
    credentials
        Who asks, over DICOMweb; see `hepalith.server.credentials.read_credentials`.
    timeout_s
        Seconds that the archive may be silent; the default of each protocol where none is given.
    dimse
        What else `DimseRemote` takes, our title for example; of no meaning to DICOMweb.

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
    if address.kind == "dicomweb":
        patience = Patience() if timeout_s is None else Patience(answer_s=timeout_s)
        found = getattr(module, kind)(address, tls, credentials, patience)
    else:
        options = dimse if timeout_s is None else {**dimse, "timeout_s": timeout_s}
        found = getattr(module, kind)(address, tls or Tls(), **options)
    return cast("Remote", found)
