"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from hepalith.errors import UsageError
from hepalith.management.policy import list_policies
from hepalith.settings import MaskSource, Settings

__all__ = [
    "add_liver_arguments",
    "add_output_arguments",
    "add_seed_argument",
    "add_telling_arguments",
    "liver_masks",
    "path_given",
]


def path_given(text: str) -> Path:
    """Return the path that a person named; an empty one (an unset variable, say) is no folder."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError("the path is empty; name a file or a folder")
    return Path(text)


def add_output_arguments(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """Add where the output goes."""
    shown = "" if default is None else " (default: %(default)s)"
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=path_given,
        required=default is None,
        default=default,
        help=f"folder to write; it appears whole or not at all{shown}",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier output in --out (default: off)"
    )


def add_liver_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add which mask is the liver."""
    parser.add_argument(
        "--liver",
        metavar="MASK",
        action="append",
        default=[],
        type=path_given,
        help="use this mask as the liver (NIfTI, NRRD, MHA, DICOM SEG); repeatable, their union is taken "
        "(default: the liver is found)",
    )
    parser.add_argument(
        "--liver-label",
        metavar="N",
        type=int,
        help="the label, or DICOM segment number, of the liver in --liver "
        "(default: every non-zero voxel; of several DICOM segments the one called liver)",
    )


def add_telling_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup, told: str) -> None:
    """Add under which policy and in which language a plan is told; `told` says what is written in it."""
    defaults = Settings()
    parser.add_argument(
        "--policy",
        metavar="NAME|FILE",
        default=defaults.policy,
        help=f"management policy: {', '.join(list_policies())}, or a hospital's own file (.toml) "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--language",
        choices=("en", "zh"),
        default=defaults.language,
        help=f"language of the {told} (default: %(default)s)",
    )


def liver_masks(arguments: argparse.Namespace) -> tuple[MaskSource, ...]:
    """Return the masks that the arguments name."""
    if arguments.liver_label is not None and not arguments.liver:
        raise UsageError("--liver-label N needs --liver MASK to take the label from")
    return tuple(MaskSource(path, arguments.liver_label) for path in arguments.liver)


def _seed(text: str) -> int:
    """Return a seed from its text.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is no whole number, or below 0.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: a seed is a whole number, 0 or above")
    return int(text)


def add_seed_argument(parser: argparse.ArgumentParser) -> None:
    """Add the seed of everything random."""
    parser.add_argument(
        "--seed",
        metavar="N",
        type=_seed,
        default=1,
        help="the same seed makes the same study (default: %(default)s)",
    )
