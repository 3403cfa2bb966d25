"""Whom to trust and who we are, as TLS contexts: the same for DIMSE and DICOMweb.

DICOM's secure transport profiles ask for TLS 1.2 or newer (PS3.15, annex B), as both contexts do.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from hepalith.errors import UsageError
from hepalith.server.remote import Tls

__all__ = ["client_context", "server_context"]


def client_context(tls: Tls | None = None) -> ssl.SSLContext:
    """Return what a client trusts: the given authorities, or the system's; host names are checked.

    Raises
    ------
    UsageError
        If a file is missing or is not what it should be.
    """
    tls = tls or Tls()
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    if tls.authorities is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(context, tls.authorities)
    if tls.certificate is not None:
        _show(context, tls.certificate, tls.key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return what a server shows; with authorities, only clients that they vouch for are let in.

    Raises
    ------
    UsageError
        If no certificate is given, or a file is missing or is not what it should be.
    """
    if tls.certificate is None:
        raise UsageError("a receiver that speaks TLS needs a certificate and its key: name both files")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _show(context, tls.certificate, tls.key)
    if tls.authorities is not None:
        _trust(context, tls.authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _trust(context: ssl.SSLContext, authorities: Path) -> None:
    """Trust the authorities of a PEM file, or of a folder of them."""
    try:
        if authorities.is_dir():
            context.load_verify_locations(capath=str(authorities))
        else:
            context.load_verify_locations(cafile=str(authorities))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{authorities} holds no certificates of authorities ({_said(error)}); name a PEM file"
        ) from error


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Show a certificate; its key must lie open, since nobody is there to type a password."""
    try:
        context.load_cert_chain(str(certificate), str(key) if key else None, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        files = f"{certificate} and {key}" if key else str(certificate)
        raise UsageError(
            f"{files} are no certificate with its key ({_said(error)}); name PEM files that belong together, "
            "the key without a password"
        ) from error


def _no_password() -> str:
    """Return no password, so that OpenSSL fails where it would ask at the terminal."""
    return ""


def _said(error: Exception) -> str:
    """Return what an error says in a few words."""
    return (
        getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    ).lower()
