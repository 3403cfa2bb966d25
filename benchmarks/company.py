"""Mimics, hosts and ducts on studies made for this question, some of every kind.

Run: ``python benchmarks/company.py [--split development|test] [--kinds NAME,…] [--count N] [--seed N]
[--jobs N] [--out DIR]``. A prefix of kinds will do: ``--kinds mimic,duct``. The lines of results are kept in
DIR (by default ``build/company``), so that a run that was stopped goes on. ``python benchmarks company``
writes the page to RESULTS.md; run as a script it is only printed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hepalith.evaluation.company import tell_company
from hepalith.evaluation.run import Order, run_order
from hepalith.phantom.cases.company import COMPANY

ROOT = Path(__file__).resolve().parents[1]

COUNT = 8
"""Studies of each kind in a usual run: 360 studies, about 15 s of processor each."""


def kinds_of(wanted: str) -> tuple[str, ...]:
    """Return the kinds whose names begin with one of the prefixes, which commas part; all for none."""
    prefixes = tuple(p for p in wanted.split(",") if p)
    kinds = tuple(k for k in COMPANY if not prefixes or k.startswith(prefixes))
    if not kinds:
        raise SystemExit(f"no kind begins with {wanted}: there are {', '.join(COMPANY)}")
    return kinds


def main() -> None:
    """Read what is not read yet, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("development", "test"), default="test")
    parser.add_argument("--kinds", default="", help="prefixes of kinds, parted by commas; default all")
    parser.add_argument("--count", type=int, default=COUNT, help=f"studies of each kind; default {COUNT}")
    parser.add_argument("--seed", type=int, default=0, help="first seed of the split, counted from 0")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "company")
    parser.add_argument("--progress", action="store_true", help="a line to stderr after each study")
    arguments = parser.parse_args()
    order = Order(
        "company", arguments.split, arguments.count * len(COMPANY), arguments.seed, arguments.jobs,
        kinds_of(arguments.kinds),
    )  # fmt: skip
    tell = (lambda words: print(words, file=sys.stderr, flush=True)) if arguments.progress else None
    print(tell_company(run_order(order, arguments.out, tell)))


if __name__ == "__main__":
    main()
