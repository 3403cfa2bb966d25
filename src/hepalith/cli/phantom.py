"""`hepalith phantom`: studies with known answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from hepalith.cli.failure import show
from hepalith.cli.options import (
    add_liver_arguments,
    add_output_arguments,
    add_seed_argument,
    liver_masks,
    path_given,
)
from hepalith.cli.progress import progress_on_terminal
from hepalith.cli.staging import refuse_foreign, staged_folder
from hepalith.errors import UsageError
from hepalith.image.decode import decode
from hepalith.image.mask import read_masks
from hepalith.phantom import Recipe, Truth, kernel_blur_mm, make_demo_study, make_implant, write_implant
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    recipe = Recipe()
    add_output_arguments(parser)
    add_seed_argument(parser)
    parser.add_argument(
        "--implant",
        metavar="CT",
        type=path_given,
        help="put foci of known place, size and density into this CT, instead of making an abdomen",
    )
    add_liver_arguments(parser)
    parser.add_argument(
        "--count",
        metavar="N",
        type=int,
        default=recipe.count,
        help="with --implant: how many foci, a chain of beads counting once (default: %(default)s)",
    )
    parser.add_argument(
        "--blur-mm",
        metavar="N",
        type=float,
        help="with --implant: in-plane blur of the scanner, standard deviation in mm "
        "(default: by the kernel that the header names)",
    )
    parser.add_argument("--dicom", action="store_true", help="with --implant: write a DICOM series as well")


def run(arguments: argparse.Namespace) -> int:
    """Make the study and tell where it is."""
    out: Path = arguments.out
    if (arguments.implant is None) != (not arguments.liver):
        raise UsageError("--implant CT and --liver MASK go together: the mask says where foci may lie")
    if arguments.count < 1:
        raise UsageError(f"--count {arguments.count} makes nothing; give 1 or more")
    refuse_foreign(out, overwrite=arguments.overwrite, mark="truth.json")
    with staged_folder(out) as staging, progress_on_terminal() as progress:
        progress("making the phantom")
        truth = (
            make_demo_study(staging, arguments.seed) if arguments.implant is None else put(arguments, staging)
        )
    show(f"{len(truth.foci)} calcifications, {len(truth.mimics)} mimics; truth: {out / 'truth.json'}")
    return 0


def put(arguments: argparse.Namespace, folder: Path) -> Truth:
    """Put foci into the CT that the arguments name, and write it to `folder`."""
    settings = Settings(liver_masks=liver_masks(arguments))
    decoded = decode(choose_series(open_study([arguments.implant], settings), settings).primary)
    acquisition = decoded.series.acquisition
    blur = arguments.blur_mm
    recipe = Recipe(
        count=arguments.count,
        blur_mm=kernel_blur_mm(acquisition.kernel) if blur is None else blur,
        slice_thickness_mm=acquisition.slice_thickness_mm,
    )
    mask = read_masks(settings.liver_masks, decoded.volume)
    made = make_implant(decoded.volume, mask, arguments.seed, recipe)
    write_implant(made, folder, dicom=arguments.dicom)
    return made.truth
