"""`hepalith accept`: a person stands for a reading; what was made of it is made anew, as final."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from hepalith.cli.failure import show
from hepalith.cli.options import path_given
from hepalith.errors import UsageError
from hepalith.report.revise import accept_folder

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument("reading", metavar="READING", type=path_given, help="a reading folder")
    parser.add_argument(
        "--by",
        metavar="NAME",
        required=True,
        help="who accepts: a name (Family^Given) or a pseudonym; it stands in all that is made from now on",
    )
    parser.add_argument("--organization", metavar="NAME", default="", help="for whom (default: not said)")
    parser.add_argument(
        "--at",
        metavar="TIME",
        type=time_given,
        help="when, as 2024-05-01T09:30:00+02:00 (default: now)",
    )
    parser.add_argument(
        "--diagnosis",
        metavar="ID",
        action="append",
        default=[],
        help="a diagnosis of the reading that the person confirms, which FHIR then states as a condition; "
        "may be repeated (default: none is confirmed)",
    )


def time_given(text: str) -> datetime:
    """Return a time of ISO 8601."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write it as 2024-05-01T09:30:00+02:00"
        ) from error


def run(arguments: argparse.Namespace) -> int:
    """Accept, write the folder anew, say what it is now."""
    folder: Path = arguments.reading
    at = arguments.at or datetime.now().astimezone().replace(microsecond=0)
    if at.tzinfo is None:
        raise UsageError("--at needs its offset from UTC, as in 2024-05-01T09:30:00+02:00")
    if at > datetime.now().astimezone():
        raise UsageError(
            f"--at {at.isoformat()} is still to come; say when it was accepted, or leave --at out"
        )
    revised = accept_folder(
        folder, arguments.by, at, organization=arguments.organization, diagnoses=tuple(arguments.diagnosis)
    )
    entry = revised.reading
    show(f"{folder}: revision {entry.revision}, {entry.status}, accepted by {arguments.by}")
    return 0
