"""Writes what the small set is expected to yield: ``python benchmarks/small_set.py``.

CI runs the small set and fails on a loss beyond the interval kept here (tests/evaluation/test_no_loss.py).
Run this only where the figures were improved on purpose, and say so in the commit.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from hepalith.evaluation.loss import expect
from hepalith.evaluation.run import Order, run_order

EXPECTED = Path(__file__).resolve().parent / "small_set.json"


def main() -> None:
    """Read the small set and write what came of it, with intervals."""
    with tempfile.TemporaryDirectory() as folder:
        records = run_order(Order("small", jobs=os.cpu_count() or 1), Path(folder))
    expected = expect(records)
    EXPECTED.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(expected, indent=1))


if __name__ == "__main__":
    main()
