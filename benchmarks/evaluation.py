"""The product on phantoms of the test split, beside threshold scripts and an ideal observer.

Run: ``python benchmarks/evaluation.py [--set NAME] [--count N] [--jobs N] [--out DIR]``. The lines of
results are kept in DIR (by default ``build/evaluation``), so that a run that was stopped goes on; the page
is made from the lines alone. Plots go to ``docs/pictures/evaluation``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from hepalith.errors import MissingExtraError
from hepalith.evaluation.plots import draw_plots
from hepalith.evaluation.run import Order, run_order
from hepalith.evaluation.study_set import SETS
from hepalith.evaluation.summary import summarise

ROOT = Path(__file__).resolve().parents[1]

COUNT = 60
"""Studies of a usual run: half an hour on two cores. The whole set has 200."""


def main() -> None:
    """Read what is not read yet, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", dest="set_name", choices=sorted(SETS), default="full")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "evaluation")
    arguments = parser.parse_args()
    order = Order(arguments.set_name, "test", arguments.count, 0, arguments.jobs)
    records = run_order(order, arguments.out)
    print(summarise(records))
    pictures = ROOT / "docs" / "pictures" / "evaluation"
    pictures.mkdir(parents=True, exist_ok=True)
    try:
        for path in draw_plots(records, pictures):
            print(f"![{path.stem}](../docs/pictures/evaluation/{path.name})")
    except MissingExtraError as error:
        print(f"No plots: {error}")


if __name__ == "__main__":
    main()
