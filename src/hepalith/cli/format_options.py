"""Options of the formats that are written besides a reading."""

from __future__ import annotations

import argparse

from hepalith.errors import UsageError
from hepalith.report.formats import FORMATS, check_extras, choose_formats
from hepalith.settings import Formats

__all__ = ["add_format_arguments", "formats_of"]


def add_format_arguments(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, *, required: bool = False
) -> None:
    """Add which formats are written besides the reading, and how."""
    defaults = Formats()
    listed = "; ".join(f"{name}: {format_.says}" for name, format_ in FORMATS.items())
    parser.add_argument(
        "--write",
        metavar="LIST",
        type=formats_named,
        required=required,
        default=(),
        help=f"further formats, with commas between them ({listed}; sr brings seg; pdf is an extra) "
        "(default: none)",
    )
    parser.add_argument(
        "--fhir-version",
        choices=("R4", "R5"),
        default=defaults.fhir_version,
        help="version of FHIR (default: %(default)s)",
    )
    parser.add_argument(
        "--segmentation",
        choices=("binary", "labelmap"),
        default=defaults.segmentation,
        help="kind of DICOM segmentation; labelmap is smaller and newer, and fewer systems read it "
        "(default: %(default)s)",
    )


def formats_named(text: str) -> tuple[str, ...]:
    """Return the formats of a list with commas; argparse says what is wrong with it."""
    try:
        return choose_formats(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def formats_of(arguments: argparse.Namespace) -> Formats:
    """Return what the arguments ask to be written.

    Raises
    ------
    MissingExtraError
        If what a format needs is not installed.
    """
    formats = Formats(
        arguments.write, arguments.fhir_version, arguments.segmentation, arguments.language or "en"
    )
    check_extras(formats)
    return formats
