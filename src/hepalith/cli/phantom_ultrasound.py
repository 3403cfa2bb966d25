"""`hepalith phantom --modality US`: sonograms with known answers, and foci put into real stills."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hepalith.cli.failure import show
from hepalith.cli.progress import progress_on_terminal
from hepalith.cli.staging import refuse_foreign, staged_folder
from hepalith.errors import InputError, MaskError, UsageError
from hepalith.image.decode_ultrasound import decode_ultrasound
from hepalith.image.picture import find_pictures
from hepalith.phantom import (
    SonoPhantom,
    StillRecipe,
    implant_into_still,
    list_sono_contents,
    make_sonogram,
    write_sono_folder,
)
from hepalith.settings import Settings
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study

__all__ = ["add_sono_arguments", "check_no_sono", "run_sono"]

MOST_FRAMES = 400
"""Longest loop that is made: 20 s at 20 frames a second, beyond any clip that is kept."""


def add_sono_arguments(group: argparse._ArgumentGroup) -> None:
    """Add what concerns a made sonogram alone."""
    group.add_argument(
        "--frames",
        metavar="N",
        type=int,
        help="frames of a loop that breathes or sweeps (default: 1, a still)",
    )
    group.add_argument(
        "--png",
        action="store_true",
        help="write image.png, or a PNG a frame, instead of DICOM (no scale, no settings)",
    )


def check_no_sono(arguments: argparse.Namespace) -> None:
    """Refuse options of ultrasound where a CT is made."""
    if arguments.frames is not None or arguments.png:
        option = "--png" if arguments.png else "--frames"
        raise UsageError(f"{option} is for a sonogram; add --modality US")


def run_sono(arguments: argparse.Namespace, family_options: Sequence[str]) -> int:
    """Make the sonogram and tell where it is."""
    out: Path = arguments.out
    _check(arguments, family_options)
    many = arguments.studies is not None
    refuse_foreign(
        out,
        overwrite=arguments.overwrite,
        mark=f"{arguments.seed}/truth.json" if many else "truth.json",
    )
    foci = mimics = 0
    seeds = range(arguments.seed, arguments.seed + (arguments.studies or 1))
    with staged_folder(out) as staging, progress_on_terminal() as progress:
        for seed in seeds:
            progress(f"making the sonogram of seed {seed}")
            if arguments.implant is None:
                made = make_sonogram(seed, contents=arguments.contents, frames=arguments.frames or 1)
            else:
                made = _put(arguments, seed)
            write_sono_folder(
                made, staging / str(seed) if many else staging, png=arguments.png or _is_still(arguments)
            )
            foci, mimics = foci + len(made.truth.foci), mimics + len(made.truth.mimics)
    where = out / "*" / "truth.json" if many else out / "truth.json"
    show(f"{foci} calcifications, {mimics} mimics; truth: {where}")
    return 0


def _is_still(arguments: argparse.Namespace) -> bool:
    """Return whether foci go into a picture that is no DICOM: then a picture comes out."""
    return arguments.implant is not None and not arguments.dicom


def _check(arguments: argparse.Namespace, family_options: Sequence[str]) -> None:
    """Refuse options that make no sense for ultrasound or contradict one another."""
    given = [
        n for n in family_options if n not in ("contents", "studies") and getattr(arguments, n) is not None
    ]
    if given:
        raise UsageError(f"--{given[0].replace('_', '-')} describes a CT; leave it out with --modality US")
    if arguments.blur_mm is not None:
        raise UsageError("--blur-mm describes a CT; leave it out with --modality US")
    if (arguments.implant is None) != (not arguments.liver):
        raise UsageError(
            "--implant STILL and --liver POLYGON.json|MASK.png go together: foci lie in the liver"
        )
    if len(arguments.liver) > 1 or arguments.liver_label is not None:
        raise UsageError("with --modality US give one --liver, a polygon or a mask without labels")
    if arguments.implant is not None and (arguments.contents is not None or arguments.frames is not None):
        raise UsageError("--contents and --frames describe a made sonogram; with --implant the still decides")
    if arguments.implant is None and arguments.count is not None:
        raise UsageError("--count goes with --implant; a made sonogram draws its foci by --contents")
    if arguments.dicom and arguments.png:
        raise UsageError("--dicom and --png exclude each other")
    frames = arguments.frames
    if frames is not None and not 1 <= frames <= MOST_FRAMES:
        raise UsageError(f"--frames {frames} cannot be made; give 1 to {MOST_FRAMES}")
    if arguments.count is not None and not 0 <= arguments.count <= 20:
        raise UsageError(f"--count {arguments.count} cannot be put into a still; give 0 to 20")
    if arguments.studies is not None and arguments.studies < 1:
        raise UsageError(f"--studies {arguments.studies} makes nothing; give 1 or more")
    if arguments.contents is not None and arguments.contents not in list_sono_contents():
        raise UsageError(
            f"contents {arguments.contents!r} are not known for ultrasound; "
            "see hepalith phantom --modality US --list"
        )


def _put(arguments: argparse.Namespace, seed: int) -> SonoPhantom:
    """Put foci into the still that the arguments name."""
    settings = Settings(modality="US")
    choice = choose_series(open_study([arguments.implant], settings), settings)
    cine = decode_ultrasound(choice.ultrasound[0], settings)[0]
    pictures = find_pictures(cine)
    if not pictures:
        raise InputError(f"{arguments.implant.name} shows no B-mode picture that foci could be put into")
    polygon = _polygon(Path(arguments.liver[0]))
    sector = pictures[0].grid.sector
    return implant_into_still(cine, sector, polygon, seed, recipe=StillRecipe(count=arguments.count))


def _polygon(path: Path) -> list[list[float]] | NDArray[np.bool_]:
    """Return the liver's polygon from JSON, or its mask from a picture.

    Raises
    ------
    MaskError
        If the file holds neither.
    """
    try:
        if path.suffix.lower() != ".json":
            with Image.open(path) as picture:
                return np.asarray(picture.convert("L")) > 0
        told = json.loads(path.read_text(encoding="utf-8"))
        points = told["liver"] if isinstance(told, dict) else told
        return [[float(x), float(y)] for x, y in points]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MaskError(
            f"{path.name} holds no liver: give a picture, white in the liver, or JSON with points "
            '[[x, y], …] in pixels, alone or under "liver"'
        ) from error
