"""How well and how fast is the liver found? Dice and seconds on the shared scan and its variants.

Beside the product (densities led by the network) stand each alone: densities only, and the network
only. Run: ``python benchmarks/liver.py [WORD ...]`` (only cases whose name holds a WORD). Scans are read
from the folder that HEPALITH_TEST_DATA names, by default ``../shared/data``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from hepalith.anatomy.find import find_builtin, find_liver
from hepalith.anatomy.network import find_organs
from hepalith.geometry import Box
from hepalith.image.volume import Volume
from hepalith.settings import Settings
from liver_variants import Case, make_cases


def dice_of(found: NDArray[np.bool_], liver: NDArray[np.bool_]) -> float:
    """Return twice what two masks share over their sum."""
    both = np.count_nonzero(found) + np.count_nonzero(liver)
    return 2 * np.count_nonzero(found & liver) / max(1, both)


def by_density(volume: Volume) -> NDArray[np.bool_]:
    """Return the liver by densities alone."""
    liver = find_builtin(volume, None)
    return volume.pasted(liver.mask, liver.box)


def by_network(volume: Volume) -> NDArray[np.bool_]:
    """Return the largest body that the network alone takes for liver."""
    organs = find_organs(volume)
    mask = organs.coarse.to_volume(organs.of("liver"), Box((0, 0, 0), volume.hu.shape)) > 0.5
    labels, count = ndimage.label(mask)
    return labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1 if count else mask


def measure(case: Case) -> tuple[float, float, float, float, bool, float] | None:
    """Print a case's row; return Dice by density, network and both, quality, whether volume is covered, s."""
    start = time.perf_counter()
    liver = find_liver(case.volume, Settings())
    seconds = time.perf_counter() - start
    if case.liver is None:
        said = "no liver in view" if not liver.is_in_view else f"WRONG: {liver.volume.value:.0f} mL"
        print(f"| {case.name} | | | {said} | | | | | {seconds:.1f} |", flush=True)
        return None
    found = case.volume.pasted(liver.mask, liver.box)
    alone = [dice_of(find(case.volume), case.liver) for find in (by_density, by_network)]
    dice = dice_of(found, case.liver)
    shared_voxels = np.count_nonzero(found & case.liver)
    recall = shared_voxels / max(1, np.count_nonzero(case.liver))
    precision = shared_voxels / max(1, np.count_nonzero(found))
    truth_ml = np.count_nonzero(case.liver) * case.volume.grid.voxel_mm3 / 1000
    print(
        f"| {case.name} | {alone[0]:.3f} | {alone[1]:.3f} | {dice:.3f} | {recall:.3f} | {precision:.3f} "
        f"| {liver.volume.value:.0f} of {truth_ml:.0f} | {liver.quality:.2f} | {seconds:.1f} |",
        flush=True,
    )
    covered = bool(liver.volume.low <= truth_ml <= liver.volume.high)
    return alone[0], alone[1], dice, liver.quality, covered, seconds


def main() -> None:
    """Print the table."""
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    shared = Path(os.environ.get("HEPALITH_TEST_DATA", default))
    print("| case | densities | network | both (the product) | recall | precision | found mL | quality | s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    cases = (c for c in make_cases(shared) if len(sys.argv) == 1 or any(w in c.name for w in sys.argv[1:]))
    rows = [row for row in map(measure, cases) if row is not None]
    if len(rows) > 2:
        columns = np.array(rows, dtype=float).T
        for name, scores in zip(("densities", "network", "both"), columns, strict=False):
            print(
                f"\n{name}: mean {scores.mean():.3f}, lowest {scores.min():.3f}, "
                f"below 0.90: {int((scores < 0.9).sum())} of {scores.size}"
            )
        rank = stats.spearmanr(columns[2], columns[3]).statistic if np.ptp(columns[3]) > 0 else float("nan")
        print(
            f"\nrank correlation of quality with Dice {rank:.2f}; true volume within the interval in "
            f"{columns[4].mean():.0%}; longest {columns[5].max():.1f} s"
        )


if __name__ == "__main__":
    main()
