"""Options of commands that reach an archive, and the archive they name."""

from __future__ import annotations

import argparse
from typing import Any

from hepalith.cli.options import path_given
from hepalith.errors import UsageError
from hepalith.server.connect import connect
from hepalith.server.credentials import PASSWORD, TOKEN, USER, read_credentials
from hepalith.server.remote import LONGEST_TITLE, Remote, Tls, parse_address

__all__ = ["add_address_argument", "add_network_arguments", "counted", "remote_of", "tls_of"]

OUR_TITLE = "HEPALITH"
"""Our application entity title where none is given."""

TIMEOUT_S = 120.0
"""Seconds an archive may be silent: it may fetch a study from tape first. Our judgement."""

LONGEST_TIMEOUT_S = 86_400.0


def add_address_argument(parser: argparse.ArgumentParser) -> None:
    """Add where the archive is."""
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="the archive: http(s)://HOST[:PORT]/PATH, the root of its DICOMweb services, or "
        "dicom://TITLE@HOST:PORT (dicoms:// with TLS); DICOMweb is told who asks by the environment only: "
        f"{USER} and {PASSWORD}, or {TOKEN}, and over https only, or on this machine",
    )


def add_network_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add how an archive is reached."""
    parser.add_argument(
        "--title",
        metavar="TITLE",
        type=title_given,
        default=OUR_TITLE,
        help="our application entity title, for dicom:// (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds_given,
        default=TIMEOUT_S,
        help="seconds that the archive may be silent (default: %(default)g)",
    )
    parser.add_argument(
        "--tls-authorities",
        metavar="FILE",
        type=path_given,
        help="authorities that are trusted for TLS, in PEM (default: those of the system)",
    )
    parser.add_argument(
        "--tls-certificate",
        metavar="FILE",
        type=path_given,
        help="our certificate for TLS, in PEM, where the archive asks for one (default: none)",
    )
    parser.add_argument(
        "--tls-key",
        metavar="FILE",
        type=path_given,
        help="key of --tls-certificate, in PEM, without a password (default: in the certificate's file)",
    )


def title_given(text: str) -> str:
    """Return an application entity title; argparse says what is wrong with it."""
    title = text.strip()
    if not title or len(title) > LONGEST_TITLE or not title.isascii() or not title.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is no AE title: 1 to {LONGEST_TITLE} ASCII characters")
    return title


def seconds_given(text: str) -> float:
    """Return a number of seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from above 0 to a day")
    return seconds


def tls_of(arguments: argparse.Namespace) -> Tls:
    """Return the files of TLS that the arguments name.

    Raises
    ------
    UsageError
        If a key is given without its certificate.
    """
    if arguments.tls_key is not None and arguments.tls_certificate is None:
        raise UsageError("--tls-key FILE needs --tls-certificate FILE to be the key of")
    return Tls(arguments.tls_authorities, arguments.tls_certificate, arguments.tls_key)


def remote_of(arguments: argparse.Namespace, **dimse: Any) -> Remote:
    """Return the archive that the arguments name; nothing is sent yet.

    Parameters
    ----------
    dimse
        Further options of an archive that is reached by DICOM's own protocol.

    Raises
    ------
    UsageError
        If an option would be without effect at that address, where one might rely on it.
    """
    address = parse_address(arguments.address)
    tls = tls_of(arguments)
    if tls != Tls() and not address.encrypted:
        raise UsageError(f"{address} is not encrypted, so no --tls-… is heeded; write dicoms:// or https://")
    if dimse and address.kind != "dimse":
        raise UsageError("--port N is for dicom:// and dicoms:// only; leave it out")
    credentials = read_credentials() if address.kind == "dicomweb" else None
    return connect(address, tls, credentials, timeout_s=arguments.timeout, own_title=arguments.title, **dimse)


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> counted(1, "file"), counted(2, "study", "studies")
    ('1 file', '2 studies')
    """
    return f"{number} {one if number == 1 else several or one + 's'}"
