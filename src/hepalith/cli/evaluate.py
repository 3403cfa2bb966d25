"""`hepalith evaluate`: the product measured on studies with known answers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from hepalith.cli.failure import show
from hepalith.cli.options import path_given
from hepalith.cli.progress import progress_on_terminal
from hepalith.errors import MissingExtraError, OutputError, UsageError
from hepalith.evaluation.lines import RESULTS
from hepalith.evaluation.plots import draw_plots
from hepalith.evaluation.run import Order, run_order
from hepalith.evaluation.study_set import SETS
from hepalith.evaluation.summary import summarise
from hepalith.evaluation.ultrasound.pictures import SONO_SETS
from hepalith.evaluation.ultrasound.run import SonoOrder, run_sono_order
from hepalith.evaluation.ultrasound.summary import summarise_sonograms

__all__ = ["add_arguments", "run"]

PAGE = "results.md"
"""The page of tables in the output folder."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=path_given,
        required=True,
        help=f"folder for {RESULTS} (a line a study), {PAGE} and plots; a run that was stopped goes on there",
    )
    parser.add_argument(
        "--modality",
        choices=("CT", "US"),
        default="CT",
        help="CT, or ultrasound (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        dest="set_name",
        choices=sorted({*SETS, *SONO_SETS}),
        help=f"what is read. CT: {', '.join(sorted(SETS))}; full holds all kinds (default: small). "
        f"US: {', '.join(sorted(SONO_SETS))}; implants are put into real stills (default: phantoms)",
    )
    parser.add_argument(
        "--split",
        choices=("development", "test"),
        default="development",
        help="seeds to draw from; only figures of the test split are to be quoted (default: %(default)s)",
    )
    parser.add_argument(
        "--count", metavar="N", type=int, help="how many studies (default: as many as the set is made for)"
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="the first study of the split, counted from 0 (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        help="studies read side by side (default: the number of cores)",
    )
    parser.add_argument(
        "--no-plots",
        action="store_true",
        help="tables only; plots need the extra evaluation (default: plots)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the set, and write its page and plots."""
    if arguments.count is not None and arguments.count < 1:
        raise UsageError(f"--count {arguments.count} reads nothing; give 1 or more")
    jobs: int = arguments.jobs if arguments.jobs is not None else os.cpu_count() or 1
    if jobs < 1 or arguments.seed < 0:
        raise UsageError("--jobs is 1 or more and --seed 0 or more")
    if arguments.modality == "US":
        return run_ultrasound(arguments, jobs)
    name = arguments.set_name or "small"
    if name not in SETS:
        raise UsageError(f"--set {name} is of ultrasound: add --modality US")
    order = Order(name, arguments.split, arguments.count, arguments.seed, jobs)
    out: Path = arguments.out
    with progress_on_terminal() as progress:
        progress(f"reading {len(order.seeds)} studies")
        records = run_order(order, out, progress)
    write_page(out, f"## Set {order.set_name}\n\n{summarise(records)}")
    show(f"{len(records)} studies; tables: {out / PAGE}")
    if not arguments.no_plots:
        try:
            plots = draw_plots(records, out)
            show(f"plots: {', '.join(p.name for p in plots) or 'none'}")
        except MissingExtraError as error:
            show(f"no plots: {error}")
    return 0


def run_ultrasound(arguments: argparse.Namespace, jobs: int) -> int:
    """Read a set of sonograms, and write its page."""
    name = arguments.set_name or "phantoms"
    if name not in SONO_SETS:
        raise UsageError(f"--set {name} is of CT: choose one of {', '.join(SONO_SETS)}")
    order = SonoOrder(name, arguments.split, arguments.count, arguments.seed, jobs)
    out: Path = arguments.out
    with progress_on_terminal() as progress:
        progress(f"reading {len(order.seeds)} sonograms")
        records = run_sono_order(order, out, progress)
    write_page(out, f"## Set {name} of ultrasound\n\n{summarise_sonograms(records)}")
    show(f"{len(records)} sonograms; tables: {out / PAGE}")
    return 0


def write_page(out: Path, text: str) -> None:
    """Write the page of tables."""
    try:
        (out / PAGE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{out / PAGE}: {error.strerror}; choose another --out") from error
