"""`hepalith schema`: what the files hold, as JSON."""

from __future__ import annotations

import argparse
import json

from hepalith.cli.failure import show
from hepalith.reading import reading_schema
from hepalith.reading.opinion_document import opinion_schema
from hepalith.study.patient_file import list_patient_schema
from hepalith.vocabulary import list_terms

__all__ = ["add_arguments", "run"]

PRINTERS = {
    "reading": reading_schema,
    "opinion": opinion_schema,
    "patient": list_patient_schema,
    "vocabulary": list_terms,
}
"""What can be asked for, and the function that makes it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument(
        "of",
        choices=tuple(PRINTERS),
        help="reading, patient: the JSON Schema of that file; opinion: that of what diagnose --json prints; "
        "vocabulary: every id, its type, definition, code, English, Chinese and synonyms",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    show(json.dumps(PRINTERS[arguments.of](), ensure_ascii=False, indent=2))
    return 0
