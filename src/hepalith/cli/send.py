"""`hepalith send`: what was written of a reading, or any DICOM files, into an archive."""

from __future__ import annotations

import argparse
import time

from hepalith.cli.failure import show
from hepalith.cli.network_options import add_address_argument, add_network_arguments, counted, remote_of
from hepalith.cli.options import path_given
from hepalith.cli.progress import progress_on_terminal
from hepalith.errors import DeliveryError, UsageError
from hepalith.server.outgoing import choose_sent, is_nameless, list_outgoing, reading_status, sendable

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    add_address_argument(parser)
    parser.add_argument(
        "path",
        metavar="PATH",
        nargs="+",
        type=path_given,
        help="a reading folder (its DICOM objects are sent), a folder of DICOM files, or a file",
    )
    parser.add_argument(
        "--only",
        metavar="LIST",
        type=formats_named,
        default=(),
        help=f"of a reading folder only these, with commas between them: {', '.join(sendable())} "
        "(default: all that it holds)",
    )
    parser.add_argument(
        "--deidentified",
        action="store_true",
        help="send results that name no patient as well; an archive files them under nobody, so they are "
        "refused otherwise (default: off)",
    )
    add_network_arguments(parser.add_argument_group("how the archive is reached"))


def formats_named(text: str) -> tuple[str, ...]:
    """Return the formats of a list with commas; argparse says what is wrong with it."""
    try:
        return choose_sent(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(arguments: argparse.Namespace) -> int:
    """Send, and tell what was taken."""
    files = list_outgoing(arguments.path, arguments.only)
    if not arguments.deidentified:
        nameless = next((file for file in files if is_nameless(file)), None)
        if nameless is not None:
            raise UsageError(
                f"{nameless} names no patient (made with --deidentify, or of a file that names none); "
                "an archive would file it under nobody: add --deidentified if it is meant"
            )
    remote = remote_of(arguments)
    start = time.monotonic()
    with progress_on_terminal() as progress:
        progress(f"sending {len(files)} files")
        answers = remote.store(files)
    seconds = time.monotonic() - start
    refused = [answer for answer in answers if not answer.accepted]
    for answer in refused:
        show(f"refused: {answer.file}: {' '.join(answer.reason.split())}")
    if refused:
        raise DeliveryError(
            f"{remote.address} refused {len(refused)} of {counted(len(answers), 'file')}; "
            "the reasons are on standard output"
        )
    size = sum(file.stat().st_size for file in files)
    show(f"sent {counted(len(files), 'file')}, {size / 1e6:.1f} MB in {seconds:.1f} s, to {remote.address}")
    if any(reading_status(path) == "preliminary" for path in arguments.path):
        show("they say that nobody has accepted the reading yet: hepalith accept")
    return 0
