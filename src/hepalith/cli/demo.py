"""`hepalith demo`: a phantom CT, made, read, and shown."""

from __future__ import annotations

import argparse
from pathlib import Path

from hepalith.cli.failure import show
from hepalith.cli.options import add_output_arguments, add_seed_argument
from hepalith.cli.progress import progress_on_terminal
from hepalith.cli.staging import refuse_foreign, staged_folder
from hepalith.cli.telling import tell
from hepalith.phantom import make_demo_study
from hepalith.pipeline import read

__all__ = ["add_arguments", "run"]

STUDY, READING = "study", "reading"
"""Where the phantom and its reading lie, inside ``--out``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    add_output_arguments(parser, default=Path("demo"))
    add_seed_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make a phantom study, read it as any CT, and tell where the report is."""
    out: Path = arguments.out
    refuse_foreign(out, overwrite=arguments.overwrite, mark=f"{STUDY}/truth.json")
    with staged_folder(out) as staging, progress_on_terminal() as progress:
        progress("making the phantom")
        truth = make_demo_study(staging / STUDY, arguments.seed)
        reading = read(staging / STUDY / "dicom", out=staging / READING, progress=progress)
    status = tell(reading, out / READING, "en")
    if status == 0:
        show(
            f"truth:  {out / STUDY / 'truth.json'} "
            f"({len(truth.foci)} calcifications, {len(truth.mimics)} mimics were put in)"
        )
    return status
