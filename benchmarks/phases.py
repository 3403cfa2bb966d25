"""How well one phase is laid over another, on phantoms of the test split that were made to breathe.

    .venv/bin/python benchmarks/phases.py [--count N]

Each phantom is scanned in two phases. The second is moved and bent by a known smooth field (a breath
along the body, and a tilt and a bulge on top), laid back over the first, and compared with where it was.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.find import given_liver
from hepalith.anatomy.phases import lay_phase
from hepalith.geometry import Grid
from hepalith.image import Volume
from hepalith.phantom.family import make_study
from hepalith.phantom.scene import ORGANS
from hepalith.phantom.study_plan import draw_plan
from hepalith.registration.align import align
from hepalith.study import Acquisition, Series

FIRST_SEED = 1_000_000
PAIRS = (("none", "portal"), ("none", "arterial"), ("arterial", "portal"), ("portal", "delayed"))
"""Phases that are laid over one another: the one that is read, and the one beside it."""

MATRIX, SLICES_MM = 384, (2.5, 2.5)


@dataclass(frozen=True, slots=True)
class Row:
    """One pair: what was done to it, and how well it was undone."""

    pair: str
    breath_mm: float
    before_mm: float
    median_mm: float
    high_mm: float
    agreement: float
    called: str
    seconds: float


def breathe(volume: Volume, random: np.random.Generator) -> tuple[Volume, NDArray[np.float64], float]:
    """Return a volume that breathed, its bending by slice and column in mm, and the breath in mm."""
    breath, bulge = float(random.uniform(5, 25)), float(random.uniform(3, 9))
    k, _, i = volume.hu.shape
    phase = float(random.uniform(0.4, 1.6))
    bend = bulge * np.cos(np.linspace(-np.pi, np.pi, i) * phase)[None, :] * np.linspace(0.3, 1.0, k)[:, None]
    slices = np.arange(k, dtype=np.float64)[:, None] + bend / volume.spacing_mm[0]
    moved = np.empty_like(volume.hu)
    for j in range(volume.hu.shape[1]):
        at = np.stack([slices, np.broadcast_to(np.arange(i), slices.shape)])
        moved[:, j] = ndimage.map_coordinates(volume.hu[:, j], at, order=1, mode="nearest")
    affine = volume.grid.affine.copy()
    affine[2, 3] += breath
    return replace(volume, hu=moved, grid=Grid(volume.grid.shape, affine)), bend, breath


def where_it_went(
    points: NDArray[np.float64], volume: Volume, bend: NDArray[np.float64], breath: float
) -> NDArray[np.float64]:
    """Return where points of the scan lie after it breathed; the bending is undone by iteration."""
    index = volume.grid.to_index(points)
    k = index[:, 0].copy()
    for _ in range(30):
        shift = ndimage.map_coordinates(bend, np.stack([k, index[:, 2]]), order=1, mode="nearest")
        k = index[:, 0] - shift / volume.spacing_mm[0]
    moved = volume.grid.to_lps(np.stack([k, index[:, 1], index[:, 2]], axis=1))
    moved[:, 2] += breath
    return moved


def one(seed: int, pair: tuple[str, str]) -> Row:
    """Return how well one pair is laid together."""
    scans = [
        make_study(
            draw_plan(seed, contents="hosts", matrix=MATRIX, slices_mm=SLICES_MM, phase=p, coverage="whole")
        )
        for p in pair
    ]
    fixed = scans[0].scan.volume
    liver = given_liver(fixed, scans[0].scan.organs == ORGANS["liver"])
    moving, bend, breath = breathe(scans[1].scan.volume, np.random.default_rng(seed))
    began = time.perf_counter()
    laid = lay_phase(
        fixed, liver, moving, Series("1", "CT", acquisition=Acquisition(contrast_agent="iodine"))
    )
    seconds = time.perf_counter() - began
    found = align(fixed, moving, liver.box)
    assert laid is not None
    assert found is not None
    inside = np.argwhere(liver.mask)[::997] + np.array(liver.box.start)
    points = fixed.grid.to_lps(inside)
    truth = where_it_went(points, scans[1].scan.volume, bend, breath)
    error = np.linalg.norm(found.to_moving(points) - truth, axis=1)
    before = float(np.median(np.linalg.norm(truth - points, axis=1)))
    return Row(
        f"{pair[0]} and {pair[1]}", breath, before, float(np.median(error)),
        float(np.percentile(error, 95)), laid.agreement, laid.phase.label, seconds,
    )  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=8, help="pairs (default: 8)")
    count = parser.parse_args().count
    rows = [one(FIRST_SEED + 500 + n, PAIRS[n % len(PAIRS)]) for n in range(count)]
    print("| phases | breath mm | apart before mm | after: median mm | 95 % mm | agreement | called | s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for r in rows:
        print(
            f"| {r.pair} | {r.breath_mm:.0f} | {r.before_mm:.1f} | {r.median_mm:.1f} | {r.high_mm:.1f} "
            f"| {r.agreement:.2f} | {r.called} | {r.seconds:.1f} |"
        )
    right = sum(r.called == r.pair.rpartition(" ")[2] for r in rows)
    print(
        f"\nOver {len(rows)} pairs: median error {np.median([r.median_mm for r in rows]):.2f} mm, worst 95 % "
        f"{max(r.high_mm for r in rows):.1f} mm; phase called rightly {right} of {len(rows)}; "
        f"longest {max(r.seconds for r in rows):.1f} s (goal: 10 s a phase)."
    )


if __name__ == "__main__":
    main()
