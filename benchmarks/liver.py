"""How well and how fast is the liver found? Dice and seconds on the shared scan and its variants.

Run: ``python benchmarks/liver.py [WORD ...]`` (only cases whose name holds a WORD). Scans are
read from the folder that HEPALITH_TEST_DATA names, by default ``../shared/data``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from scipy import stats

from hepalith.anatomy.find import find_liver
from hepalith.settings import Settings
from liver_variants import make_cases


def main() -> None:
    """Print the table."""
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    shared = Path(os.environ.get("HEPALITH_TEST_DATA", default))
    scores, qualities, inside, times = [], [], [], []
    print("| case | Dice | recall | precision | found mL | quality | s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in make_cases(shared):
        if len(sys.argv) > 1 and not any(word in case.name for word in sys.argv[1:]):
            continue
        start = time.perf_counter()
        liver = find_liver(case.volume, Settings())
        seconds = time.perf_counter() - start
        times.append(seconds)
        if case.liver is None:
            said = "no liver in view" if not liver.is_in_view else f"WRONG: {liver.volume.value:.0f} mL"
            print(f"| {case.name} | {said} | | | | | {seconds:.1f} |", flush=True)
            continue
        found = case.volume.pasted(liver.mask, liver.box)
        shared_voxels = np.count_nonzero(found & case.liver)
        both = max(1, np.count_nonzero(found) + np.count_nonzero(case.liver))
        dice = 2 * shared_voxels / both
        recall = shared_voxels / max(1, np.count_nonzero(case.liver))
        precision = shared_voxels / max(1, np.count_nonzero(found))
        scores.append(dice)
        qualities.append(liver.quality)
        truth_ml = np.count_nonzero(case.liver) * case.volume.grid.voxel_mm3 / 1000
        inside.append(bool(liver.volume.low <= truth_ml <= liver.volume.high))
        print(
            f"| {case.name} | {dice:.3f} | {recall:.3f} | {precision:.3f} "
            f"| {liver.volume.value:.0f} of {truth_ml:.0f} "
            f"| {liver.quality:.2f} | {seconds:.1f} |",
            flush=True,
        )
    if len(scores) > 2:
        rank = stats.spearmanr(scores, qualities).statistic if len(set(qualities)) > 1 else float("nan")
        print(
            f"\nmean {np.mean(scores):.3f}, lowest {min(scores):.3f}, "
            f"below 0.90: {sum(s < 0.9 for s in scores)} of {len(scores)}; "
            f"rank correlation of quality with Dice {rank:.2f}; true volume within the interval in "
            f"{np.mean(inside):.0%}; longest {max(times):.1f} s"
        )


if __name__ == "__main__":
    main()
