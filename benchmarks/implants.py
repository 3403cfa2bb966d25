"""What is found of foci put into real scans, and how well it is measured.

Run: ``python benchmarks/implants.py [SEEDS]`` (implants per scan, default 8). Foci of known place,
size and density go into three real scans; the pipeline's own stages then read each with the liver
given. Scans are read from the folder that HEPALITH_TEST_DATA names, by default ``../shared/data``.

None of the three scans has a known calcification in its liver, so every call that belongs to no
implant is counted as false.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy import Phase
from hepalith.anatomy.find import find_liver, given_liver
from hepalith.anatomy.phase import estimate_phase
from hepalith.calcification import Foci
from hepalith.calcification.ct import find_foci
from hepalith.evaluation import (
    count_overlaps,
    cover,
    link_foci,
    match_foci,
    relative_error,
    wilson,
)
from hepalith.image import Volume
from hepalith.image.decode import decode
from hepalith.image.mask import read_mask
from hepalith.phantom import FocusTruth, Recipe, kernel_blur_mm, make_implant
from hepalith.settings import MaskSource, Settings
from hepalith.study import Acquisition
from hepalith.study.choice import choose_series
from hepalith.study.open import open_study
from hepalith.vocabulary import Measurement

SEEDS = 8
"""Implants made of each scan."""

COUNT = 16
"""Foci, or chains of beads, in each implant."""

SIZES = ((0.0, 2.2, "to 2 mm"), (2.2, 4.2, "3 to 4 mm"), (4.2, 99.0, "6 mm and more"))
"""Classes of a sphere's or bead's diameter."""

EXCESSES = ((0.0, 150.0, "60 to 150"), (150.0, 350.0, "150 to 350"), (350.0, 9e9, "350 to 800"))
"""Classes of density excess, HU."""

ROUND = ("sphere", "bead")
"""Kinds that the claim of a smallest focus is about."""

RATIOS = ((0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, math.inf))
"""Classes of integrated excess over that of the smallest focus the reading claims to show."""


@dataclass(frozen=True)
class Scan:
    """A real scan to implant into: the folder, and what it is."""

    name: str
    what: str
    inputs: str
    liver: str = ""
    """Mask file; empty: the liver that the built-in segmenter finds."""


SCANS = (
    Scan("totalseg", "non-contrast, 3 mm isotropic", "totalseg/ct.nii.gz", "totalseg/organs/liver.nii.gz"),
    Scan("stent", "portal, 5 mm slices, lung kernel", "stent"),
    Scan("partial", "non-contrast, 4 mm slices, low dose, streaks", "partial"),
)
"""The scans. Each is imitated with the usual blur of its kernel (`kernel_blur_mm`), not a measured one."""


@dataclass(frozen=True)
class Case:
    """One true focus and what became of it."""

    truth: FocusTruth
    seen: bool
    """Belongs to something that was called calcification."""
    named: str
    """Label of what it was found as; empty where nothing was found."""
    ratio: float
    """Integrated excess over that of the smallest sphere the reading claims to show."""


@dataclass(frozen=True)
class Outcome:
    """What came of one scan over all seeds."""

    cases: tuple[Case, ...]
    measured: tuple[Measurement, ...]
    true: tuple[float, ...]
    false: int
    readings: int
    clean_false: int
    claimed_mm: tuple[float, ...]
    at_claim: tuple[Case, ...]
    """Spheres just as large and dense as the untouched scan's reading claims to show, nine times in ten."""


def read(volume: Volume, mask: NDArray[np.bool_], acquisition: Acquisition) -> tuple[Foci, Phase]:
    """Read one volume with its liver given."""
    liver = given_liver(volume, mask)
    phase = estimate_phase(volume, liver, acquisition)
    return find_foci(volume, liver, phase, acquisition, Settings()), phase


def judge(
    foci: Foci, truths: tuple[FocusTruth, ...], labels: NDArray[np.int32], slice_mm: float
) -> tuple[list[Case], list[tuple[Measurement, float]], int]:
    """Return what became of each true focus, the pairs to compare, and the number of false calls."""
    called = [f for f in foci.foci if f.label == "calcification"]
    table = count_overlaps(foci.labels, labels[foci.box.slices], len(foci.foci), len(truths)) > 0
    rows = np.array([f.id - 1 for f in called], dtype=int)
    overlaps = table[rows].reshape(len(called), len(truths))
    reach = [t.diameter_mm / 2 + max(3.0, slice_mm) for t in truths]
    matching = match_foci(
        [f.centroid_lps_mm for f in called], [t.centre_lps_mm for t in truths], reach, overlaps
    )
    claim = foci.detectability.smallest_focus
    least = math.inf
    if isinstance(claim, Measurement):
        least = foci.detectability.at_excess_hu * math.pi / 6 * claim.value**3
    cases: list[Case] = []
    compared: list[tuple[Measurement, float]] = []
    false = 0
    for cluster in link_foci(matching, overlaps):
        if not cluster.truth:
            false += len(cluster.found)
            continue
        for n in cluster.truth:
            others = [f.label for f in foci.foci if table[f.id - 1, n]]
            named = "calcification" if cluster.found else (others[0] if others else "")
            truth = truths[n]
            cases.append(Case(truth, bool(cluster.found), named, truth.integrated_excess_hu_mm3 / least))
        if len(cluster.found) == 1:
            value = called[cluster.found[0]].integrated_excess
            if isinstance(value, Measurement):
                compared.append((value, sum(truths[n].integrated_excess_hu_mm3 for n in cluster.truth)))
    return cases, compared, false


def load(shared: Path, scan: Scan) -> tuple[Volume, NDArray[np.bool_], Acquisition]:
    """Return a scan, its liver and how it was made."""
    settings = Settings()
    decoded = decode(choose_series(open_study([shared / scan.inputs], settings), settings).primary)
    if scan.liver:
        mask = read_mask(MaskSource(shared / scan.liver), decoded.volume)
    else:
        liver = find_liver(decoded.volume, settings)
        mask = decoded.volume.pasted(liver.mask, liver.box)
    return decoded.volume, mask, decoded.series.acquisition


def examine(volume: Volume, mask: NDArray[np.bool_], acquisition: Acquisition, seeds: int) -> Outcome:
    """Implant and read one scan `seeds` times."""
    cases: list[Case] = []
    compared: list[tuple[Measurement, float]] = []
    claims: list[float] = []
    false = 0
    spacing = volume.spacing_mm[0]
    thickness = acquisition.slice_thickness_mm or spacing
    blur = kernel_blur_mm(acquisition.kernel)
    clean, _ = read(volume, mask, acquisition)
    at_claim: list[Case] = []
    claim = clean.detectability.smallest_focus
    for seed in range(seeds if isinstance(claim, Measurement) else 0):
        excess = clean.detectability.at_excess_hu
        recipe = Recipe(COUNT, blur, max(thickness, spacing), (claim.value,), (excess, excess), ("sphere",))
        made = make_implant(volume, mask, 1000 + seed, recipe)
        foci, _ = read(made.volume, mask, acquisition)
        at_claim += judge(foci, made.truth.foci, made.foci, spacing)[0]
    for seed in range(seeds):
        recipe = Recipe(count=COUNT, blur_mm=blur, slice_thickness_mm=max(thickness, spacing))
        made = make_implant(volume, mask, seed, recipe)
        foci, _ = read(made.volume, mask, acquisition)
        more, pairs, wrong = judge(foci, made.truth.foci, made.foci, spacing)
        cases += more
        compared += pairs
        false += wrong
        if isinstance(foci.detectability.smallest_focus, Measurement):
            claims.append(foci.detectability.smallest_focus.value)
    return Outcome(
        tuple(cases), tuple(m for m, _ in compared), tuple(t for _, t in compared), false, seeds,
        len(clean.calcifications), tuple(claims), tuple(at_claim),
    )  # fmt: skip


def sensitivity(cases: Iterable[Case]) -> str:
    """Return the share seen, with its interval."""
    chosen = list(cases)
    return str(wilson(sum(c.seen for c in chosen), len(chosen))) if chosen else "–"


def by_size(outcome: Outcome) -> list[str]:
    """Return rows of sensitivity by size and density, of spheres and beads."""
    round_ones = [c for c in outcome.cases if c.truth.kind in ROUND]
    lines = [
        "| diameter | " + " | ".join(f"{name} HU" for *_, name in EXCESSES) + " |",
        "| --- | --- | --- | --- |",
    ]
    for low, high, name in SIZES:
        row = [c for c in round_ones if low <= c.truth.diameter_mm < high]
        cells = [sensitivity(c for c in row if a <= c.truth.excess_hu < b) for a, b, _ in EXCESSES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def summary(scan: Scan, outcome: Outcome) -> list[str]:
    """Return the rows that sum one scan up."""
    error = relative_error([m.value for m in outcome.measured], outcome.true)
    held = cover(outcome.measured, outcome.true)
    large = [(m, t) for m, t in zip(outcome.measured, outcome.true, strict=True) if t > 2 * _claim(outcome)]
    strong = relative_error([m.value for m, _ in large], [t for _, t in large])
    lines = [
        f"| foci implanted, readings | {len(outcome.cases)}, {outcome.readings} |",
        f"| smallest focus claimed at 250 HU | {np.mean(outcome.claimed_mm):.1f} mm |"
        if outcome.claimed_mm
        else "| smallest focus claimed | none |",
    ]
    lines.append(f"| spheres of that size at 250 HU seen (claim: 0.9) | {sensitivity(outcome.at_claim)} |")
    for low, high in RATIOS if outcome.claimed_mm else ():
        name = f"{low:g} to {high:g}" if math.isfinite(high) else f"above {low:g}"
        chosen = (c for c in outcome.cases if low <= c.ratio < high and c.truth.kind in ROUND)
        lines.append(
            f"| spheres and beads seen at {name} times its integrated excess | {sensitivity(chosen)} |"
        )
    kinds = {kind: sensitivity(c for c in outcome.cases if c.truth.kind == kind) for kind in ("rod", "rim")}
    lines += [f"| {kind}s seen | {found} |" for kind, found in kinds.items()]
    other = sorted({c.named for c in outcome.cases if c.named and not c.seen})
    told = (
        ", ".join(f"{sum(c.named == n and not c.seen for c in outcome.cases)} {n}" for n in other) or "none"
    )
    lines += [
        f"| found, but named otherwise | {told} |",
        f"| false calls a reading | {outcome.false / outcome.readings:.2f} |",
        f"| calls in the untouched scan | {outcome.clean_false} |",
        f"| integrated excess, all: bias, spread, median error | {_error(error)} |",
        f"| integrated excess, above twice the claim | {_error(strong)} |",
        f"| 95 % intervals that hold the truth | {held} |",
    ]
    return [f"\n**{scan.name}** ({scan.what})\n", "| | |", "| --- | --- |", *lines]


def _claim(outcome: Outcome) -> float:
    return 250 * math.pi / 6 * float(np.mean(outcome.claimed_mm)) ** 3 if outcome.claimed_mm else math.inf


def _error(error: object) -> str:
    bias, spread, median = (getattr(error, n) for n in ("bias", "spread", "median_size"))
    count = getattr(error, "count", 0)
    return f"{bias:+.0%}, {spread:.0%}, {median:.0%} (n = {count})" if count else "–"


def main() -> None:
    """Print the tables."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    shared = Path(os.environ.get("HEPALITH_TEST_DATA", default))
    for scan in SCANS:
        volume, mask, acquisition = load(shared, scan)
        outcome = examine(volume, mask, acquisition, seeds)
        print("\n".join(summary(scan, outcome)))
        print("\nSpheres and beads seen, by diameter and density excess:\n")
        print("\n".join(by_size(outcome)), flush=True)


if __name__ == "__main__":
    main()
