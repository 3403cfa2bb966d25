"""The part of the page that tells how right sizes and masses are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hepalith.evaluation.anchors import anchors_on
from hepalith.evaluation.baseline import BASELINES
from hepalith.evaluation.detection import SIZES
from hepalith.evaluation.measurement import Cell, Pair, baseline_pairs, cell_of, pairs_of, repeatability
from hepalith.evaluation.record import StudyRecord
from hepalith.evaluation.tables import bias_cell, class_name, percent, table

__all__ = ["measurements"]

FEWEST = 20
"""Cells of fewer pairs are shown, and not judged against the goals."""


def measurements(records: Sequence[StudyRecord]) -> list[str]:
    """Return the tables of bias, spread and coverage."""
    slices = sorted({float(r.scanner["slice_mm"]) for r in records})
    lines = [
        "### Measurement", "",
        "Relative error in per cent: bias (interval), CV beside the Cramér–Rao bound for unknown contrast, "
        "size and place, share of 95 % intervals that hold the truth. Only what was found is measured; "
        "clusters count once.",
    ]  # fmt: skip
    for name in ("integrated excess", "volume", "mass", "diameter"):
        pairs = pairs_of(records, name)
        if not pairs:
            continue
        lines += [
            "",
            f"**{name[0].upper()}{name[1:]}**",
            "",
            *_cells(pairs, slices),
            "",
            _verdict(name, pairs, slices),
        ]
    return [*lines, "", *_scripts(records), "", *_repeats(records), "", *_anchors()]


def _size(low: float, high: float) -> Callable[[Pair], bool]:
    return lambda pair: low <= pair.true.diameter_mm < high


def _cells(pairs: Sequence[Pair], slices: Sequence[float]) -> list[str]:
    """Return cells by size and slice, then by phase."""
    rows = []
    for low, high in SIZES:
        row = [p for p in pairs if low <= p.true.diameter_mm < high]
        if row:
            cells = [bias_cell(cell_of(p for p in row if p.record.scanner["slice_mm"] == s)) for s in slices]
            rows.append([class_name(low, high, "mm"), *cells, bias_cell(cell_of(row))])
    everything = [bias_cell(cell_of(p for p in pairs if p.record.scanner["slice_mm"] == s)) for s in slices]
    rows.append(["all", *everything, bias_cell(cell_of(pairs))])
    for phase in sorted({p.record.phase for p in pairs}):
        own = [p for p in pairs if p.record.phase == phase]
        cells = [bias_cell(cell_of(p for p in own if p.record.scanner["slice_mm"] == s)) for s in slices]
        rows.append([f"phase {phase}", *cells, bias_cell(cell_of(own))])
    return table(["diameter", *(f"{s:g} mm slices" for s in slices), "all"], rows)


def _verdict(name: str, pairs: Sequence[Pair], slices: Sequence[float]) -> str:
    """Return in one line how many cells reach the goals."""
    cells: list[Cell] = []
    fine: list[Cell] = []
    for low, high in SIZES:
        for s in slices:
            here = [
                p for p in pairs if low <= p.true.diameter_mm < high and p.record.scanner["slice_mm"] == s
            ]
            cells.append(cell_of(here))
            fine += [
                cell_of(p for p in here if p.record.phase == f)
                for f in sorted({p.record.phase for p in here})
            ]
    judged = [c for c in cells if c.count >= FEWEST and (name != "volume" or not c.bound > 0.1)]
    narrow = [c for c in fine if c.coverage.count >= FEWEST]
    small = sum(abs(c.bias.value) <= 0.05 for c in judged)
    tight = sum(c.spread.value <= c.goal_spread for c in judged)
    held = sum(c.coverage.value >= 0.9 for c in narrow)
    where = " and a bound below 10 %" if name == "volume" else ""
    return (
        f"Of {len(judged)} size × slice cells with n ≥ {FEWEST}{where}: |bias| ≤ 5 % in {small}, "
        f"CV ≤ max(9 %, 1.3 × bound) in {tight}. Intervals cover ≥ 90 % in {held} of {len(narrow)} "
        "size × slice × phase cells."
    )


def _scripts(records: Sequence[StudyRecord]) -> list[str]:
    """Return the threshold scripts' errors beside the product's, on the same scans."""
    rows = []
    for name in ("integrated excess", "volume", "mass"):
        own = pairs_of(records, name if name != "mass" else "integrated excess")
        rows.append([name, "hepalith", *_by_size(own)])
        rows += [
            [name, f"threshold {b.name}", *_by_size(baseline_pairs(records, name, b.name))] for b in BASELINES
        ]
    head = ["measure", "by", *(class_name(low, high, "mm") for low, high in SIZES)]
    return [
        "Beside threshold scripts (median error; mass as mean HU times volume, calibrated):",
        "",
        *table(head, rows),
    ]


def _by_size(pairs: Sequence[Pair]) -> list[str]:
    """Return the median error of each size, with n."""
    cells = []
    for low, high in SIZES:
        cell = cell_of(p for p in pairs if low <= p.true.diameter_mm < high)
        cells.append(f"{percent(cell.median, signed=True)} (n = {cell.count})" if cell.count else "–")
    return cells


def _repeats(records: Sequence[StudyRecord]) -> list[str]:
    """Return how well two scans of the same body agree."""
    rows = []
    for name in ("integrated excess", "volume", "diameter"):
        for low, high in SIZES:
            repeat = repeatability(records, name, _size(low, high))
            if repeat.foci:
                ends = f"{percent(repeat.spread.low)} to {percent(repeat.spread.high)}"
                told = f"{percent(repeat.spread.value)} ({ends})"
                limit = percent(repeat.limit) if math.isfinite(repeat.limit) else "–"
                rows.append([name, class_name(low, high, "mm"), told, limit, str(repeat.foci)])
    head = [
        "measure",
        "diameter",
        "CV within a focus",
        "change that chance stays below in 95 %",
        "foci in both",
    ]
    return ["Two scans of the same body, other noise and a shifted grid:", "", *table(head, rows)]


def _anchors() -> list[str]:
    rows = [[a.what, a.figure, a.grade] for a in anchors_on("measurement")]
    return ["Published:", "", *table(["what", "figure", "grade"], rows)]
