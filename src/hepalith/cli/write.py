"""`hepalith write`: further formats of a reading that was made before."""

from __future__ import annotations

import argparse

from hepalith.cli.failure import show
from hepalith.cli.format_options import add_format_arguments, formats_of
from hepalith.cli.options import path_given
from hepalith.reading import load_document
from hepalith.report.formats import add_formats

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument("reading", metavar="READING", type=path_given, help="a reading folder")
    add_format_arguments(parser, required=True)
    parser.add_argument(
        "--language",
        choices=("en", "zh"),
        help="language of what is in one only (default: that of the reading)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write, and say which files."""
    if arguments.language is None:
        document = load_document(arguments.reading)
        arguments.language = document.provenance.settings.get("language")
    for path in add_formats(arguments.reading, formats_of(arguments)):
        show(str(path))
    return 0
