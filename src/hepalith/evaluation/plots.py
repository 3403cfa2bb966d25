"""Pictures of the results; needs the extra `evaluation` (matplotlib)."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from hepalith.errors import MissingExtraError, OutputError
from hepalith.evaluation.baseline import BASELINES
from hepalith.evaluation.bootstrap import Estimate
from hepalith.evaluation.calibration import Reliability, focus_reliability, morphology_reliability
from hepalith.evaluation.detection import (
    Case,
    baseline_false,
    baseline_found,
    cases_of,
    curve_of,
    sensitivity,
)
from hepalith.evaluation.measurement import baseline_pairs, pairs_of
from hepalith.evaluation.observer import FALSE_GOAL
from hepalith.evaluation.quality import livers_of
from hepalith.evaluation.record import StudyRecord

__all__ = ["PLOTS", "draw_plots"]

STYLE = MappingProxyType(
    {
        "figure.dpi": 110,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
        "savefig.bbox": "tight",
        "svg.hashsalt": "hepalith",
    }
)
"""How every plot looks."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, told apart by colour-blind readers too."""

EDGES_MM = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0)
"""Classes of diameter in which curves are drawn."""

FEWEST = 5
"""Points of fewer observations are not drawn."""


def _matplotlib() -> Any:
    """Return pyplot, drawing to files.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        importlib.import_module("matplotlib").use("Agg")
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise MissingExtraError(
            "plots need matplotlib: pip install 'hepalith[evaluation]'; the tables need nothing more"
        ) from error


def draw_plots(records: Sequence[StudyRecord], out: Path) -> tuple[Path, ...]:
    """Draw every plot that the records have something for, as PNG files in `out`.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If a file cannot be written.
    """
    pyplot = _matplotlib()
    held = sorted(records, key=lambda r: (r.seed, r.key))
    paths = []
    with pyplot.rc_context(dict(STYLE)):
        for name, draw in PLOTS.items():
            figure = draw(pyplot, held)
            if figure is None:
                continue
            path = out / f"{name}.png"
            try:
                figure.savefig(path, metadata={"Software": None})
            except OSError as error:
                raise OutputError(f"{path}: {error.strerror}; choose another --out") from error
            finally:
                pyplot.close(figure)
            paths.append(path)
    return tuple(paths)


def _groups(records: Sequence[StudyRecord], field: str) -> list[tuple[str, list[StudyRecord]]]:
    """Return the records by slice thickness or phase."""
    if field == "phase":
        phases = [p for p in ("none", "arterial", "portal", "delayed") if any(r.phase == p for r in records)]
        return [(p, [r for r in records if r.phase == p]) for p in phases]
    slices = sorted({float(r.scanner["slice_mm"]) for r in records})
    return [(f"{s:g} mm", [r for r in records if r.scanner["slice_mm"] == s]) for s in slices]


def _froc(pyplot: Any, records: Sequence[StudyRecord]) -> Any:
    """Draw sensitivity against false calls a scan, by slice and by phase, with threshold scripts."""
    if not cases_of(records):
        return None
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4.2), sharey=True)
    for axis, field, title in zip(axes, ("slice", "phase"), ("by slice", "by phase"), strict=True):
        for colour, (name, own) in zip(COLOURS, _groups(records, field), strict=False):
            cases = [c for c in cases_of(own) if c.true.diameter_mm >= 2]
            if len(cases) < FEWEST:
                continue
            curve = curve_of(own, cases)
            axis.plot(
                curve.false,
                curve.found,
                "o-",
                ms=3,
                color=colour,
                label=f"{name} (n = {curve.foci} in {curve.scans})",
            )
            axis.fill_between(curve.false, curve.found_low, curve.found_high, color=colour, alpha=0.12, lw=0)
        cases = [c for c in cases_of(records) if c.true.diameter_mm >= 2]
        for marker, rule in zip("s^v", BASELINES, strict=True):
            x, y = baseline_false(records, rule.name), baseline_found(cases, rule.name)
            axis.plot(x.value, y.value, marker, color="grey", label=f"threshold {rule.name}, all scans")
        axis.axvline(FALSE_GOAL, color="black", lw=0.8, ls=":")
        axis.set(xlabel="false calls a scan", title=title, ylim=(0, 1.02), xscale="symlog", xlim=(0, None))
        axis.set_xscale("symlog", linthresh=0.1)
        axis.legend(fontsize=7, loc="lower right")
    axes[0].set_ylabel("foci of 2 mm and more found")
    return figure


def _by_diameter(
    axis: Any, cases: Sequence[Case], colour: str, label: str, found: Callable[[Case], bool] | None
) -> None:
    """Draw sensitivity by diameter with intervals."""
    points: list[tuple[float, Estimate]] = []
    for low, high in itertools.pairwise(EDGES_MM):
        own = [c for c in cases if low <= c.true.diameter_mm < high]
        if len(own) >= FEWEST:
            points.append((math.sqrt(low * high), sensitivity(own, found)))
    if points:
        x = [p for p, _ in points]
        axis.plot(x, [e.value for _, e in points], "o-", ms=3, color=colour, label=label)
        axis.fill_between(
            x, [e.low for _, e in points], [e.high for _, e in points], color=colour, alpha=0.12, lw=0
        )


def _sensitivity(pyplot: Any, records: Sequence[StudyRecord]) -> Any:
    """Draw sensitivity by diameter, by slice thickness and by contrast."""
    cases = cases_of(records)
    if len(cases) < FEWEST:
        return None
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True)
    for colour, (name, own) in zip(COLOURS, _groups(records, "slice"), strict=False):
        _by_diameter(axes[0], cases_of(own), colour, f"{name} slices", None)
    classes = ((100, 200), (200, 400), (400, 10_000))
    for colour, (low, high) in zip(COLOURS, classes, strict=False):
        own_cases = [c for c in cases if low <= c.true.excess_hu < high]
        name = f"{low} to {high} HU" if high < 10_000 else f"{low} HU and more"
        _by_diameter(axes[1], own_cases, colour, name, None)
    _by_diameter(
        axes[1],
        cases,
        "grey",
        "threshold 130 HU, all",
        lambda c: any(b.name == BASELINES[0].name and c.true.id in b.found for b in c.reading.baselines),
    )
    for axis in axes:
        axis.set(xscale="log", xlabel="diameter, mm", ylim=(0, 1.02), xlim=(1.3, 13))
        axis.set_xticks([1.5, 2, 3, 5, 8, 12], ["1.5", "2", "3", "5", "8", "12"])
        axis.minorticks_off()
        axis.legend(fontsize=7, loc="lower right")
    axes[0].set_ylabel("found")
    return figure


def _statement(pyplot: Any, records: Sequence[StudyRecord]) -> Any:
    """Draw the stated smallest focus against the ideal observer's, each reading a point."""
    held = [(record, r) for record in records if (r := record.of("foci")) is not None]
    told = [
        (a, r.ideal_focus_mm, r.smallest_focus_mm)
        for a, r in held
        if r.ideal_focus_mm and r.smallest_focus_mm
    ]
    if not told:
        return None
    figure, axis = pyplot.subplots(figsize=(5, 4.6))
    for colour, (name, own) in zip(COLOURS, _groups(records, "slice"), strict=False):
        keys = {r.key for r in own}
        mine = [(x, y) for a, x, y in told if a.key in keys]
        if mine:
            axis.plot(
                [x for x, _ in mine], [y for _, y in mine], "o", ms=4, color=colour, label=f"{name} slices"
            )
    top = max(max(x, y) for _, x, y in told) * 1.05
    axis.plot([0, top], [0, top], color="black", lw=0.8, label="ideal observer")
    axis.set(
        xlabel="smallest sphere at 250 HU an ideal observer finds, mm",
        ylabel="stated smallest, mm",
        xlim=(0, top),
        ylim=(0, top),
    )
    axis.legend(fontsize=7)
    return figure


def _errors(pyplot: Any, records: Sequence[StudyRecord]) -> Any:
    """Draw relative errors of integrated excess and volume by diameter, with the Cramér–Rao bound."""
    names = ("integrated excess", "volume")
    if not pairs_of(records, names[0]):
        return None
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4.2))
    for axis, name in zip(axes, names, strict=True):
        for colour, (slice_name, own) in zip(COLOURS, _groups(records, "slice"), strict=False):
            pairs = pairs_of(own, name)
            axis.plot(
                [p.true.diameter_mm for p in pairs],
                [100 * p.error for p in pairs],
                "o",
                ms=2.5,
                alpha=0.6,
                color=colour,
                label=f"{slice_name} slices",
            )
        scripted = baseline_pairs(records, name, BASELINES[0].name)
        axis.plot(
            [p.true.diameter_mm for p in scripted],
            [100 * p.error for p in scripted],
            ".",
            ms=2,
            color="grey",
            zorder=0,
            label=f"threshold {BASELINES[0].name}",
        )
        x, bound = _bounds(records, name)
        for sign in (-1, 1):
            axis.plot(
                x,
                [100 * sign * 1.96 * b for b in bound],
                color="black",
                lw=1,
                label="± 1.96 bound, median" if sign > 0 else None,
            )
        axis.axhline(0, color="black", lw=0.6)
        axis.set(xscale="log", xlabel="diameter, mm", ylabel=f"error of the {name}, %", ylim=(-100, 150))
        axis.set_xticks([1.5, 2, 3, 5, 8, 12], ["1.5", "2", "3", "5", "8", "12"])
        axis.minorticks_off()
        axis.legend(fontsize=7, markerscale=2)
    return figure


def _bounds(records: Sequence[StudyRecord], name: str) -> tuple[list[float], list[float]]:
    """Return the median bound by diameter."""
    pairs = [p for p in pairs_of(records, name) if p.bound is not None]
    x, y = [], []
    for low, high in itertools.pairwise(EDGES_MM):
        own = [p.bound for p in pairs if low <= p.true.diameter_mm < high and p.bound is not None]
        if len(own) >= FEWEST:
            x.append(math.sqrt(low * high))
            y.append(float(np.median(own)))
    return x, y


def _agreement(pyplot: Any, records: Sequence[StudyRecord]) -> Any:
    """Draw measured against true integrated excess, with the stated intervals."""
    pairs = pairs_of(records, "integrated excess")
    if len(pairs) < FEWEST:
        return None
    figure, axis = pyplot.subplots(figsize=(5, 4.6))
    for colour, held in zip((COLOURS[0], COLOURS[1]), (True, False), strict=True):
        own = [p for p in pairs if p.covers is held]
        if not own:
            continue
        values = np.array(
            [[p.truth, p.measured.value, p.measured.low, p.measured.high] for p in own], dtype=float
        )
        down, up = values[:, 1] - values[:, 2], values[:, 3] - values[:, 1]
        name = "interval holds the truth" if held else "interval misses it"
        axis.errorbar(
            values[:, 0],
            values[:, 1],
            (down, up),
            fmt="o",
            ms=2.5,
            lw=0.6,
            color=colour,
            label=f"{name} ({len(own)})",
        )
    ends = [min(p.truth for p in pairs) * 0.8, max(p.truth for p in pairs) * 1.2]
    axis.plot(ends, ends, color="black", lw=0.8)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="true integrated excess, HU·mm³",
        ylabel="measured, with its 95 % interval",
    )
    axis.legend(fontsize=7)
    return figure


def _liver(pyplot: Any, records: Sequence[StudyRecord]) -> Any:
    """Draw Dice by study, sorted, and against the stated quality."""
    held = livers_of(records)
    if len(held) < 2:
        return None
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 3.8), sharey=True)
    for colour, (name, own) in zip(COLOURS, _groups(records, "phase"), strict=False):
        keys = {r.key for r in own}
        scores = sorted(v.dice for r, v in held if r.key in keys)
        axes[0].plot(
            (np.arange(len(scores)) + 0.5) / max(len(scores), 1),
            scores,
            "o-",
            ms=3,
            color=colour,
            label=f"{name} (n = {len(scores)})",
        )
        axes[1].plot(
            [v.quality for r, v in held if r.key in keys],
            [v.dice for r, v in held if r.key in keys],
            "o",
            ms=3,
            color=colour,
        )
    for axis in axes:
        axis.axhline(0.9, color="black", lw=0.8, ls=":")
    axes[0].set(xlabel="share of studies", ylabel="Dice", title="sorted, by phase")
    axes[1].set(xlabel="stated quality", title="against the stated quality")
    axes[0].legend(fontsize=7)
    return figure


def _reliability(pyplot: Any, records: Sequence[StudyRecord]) -> Any:
    """Draw probabilities as said against how often they came true."""
    held: list[tuple[str, Reliability]] = [
        ("called calcification", focus_reliability(records)),
        ("form", morphology_reliability(records)),
    ]
    held = [(name, r) for name, r in held if r.count >= FEWEST]
    if not held:
        return None
    figure, axis = pyplot.subplots(figsize=(4.6, 4.4))
    axis.plot([0, 1], [0, 1], color="black", lw=0.8)
    for colour, (name, told) in zip(COLOURS, held, strict=False):
        x = [b.mean for b in told.bins]
        y = [b.true.value for b in told.bins]
        down = [max(b.true.value - b.true.low, 0.0) for b in told.bins]
        ends = (down, [max(b.true.high - b.true.value, 0.0) for b in told.bins])
        axis.errorbar(x, y, ends, fmt="o-", ms=3, lw=0.8, color=colour, label=f"{name} (n = {told.count})")
    axis.set(xlabel="probability said", ylabel="came true", xlim=(0, 1.02), ylim=(0, 1.02))
    axis.legend(fontsize=7)
    return figure


PLOTS: MappingProxyType[str, Callable[[Any, Sequence[StudyRecord]], Any]] = MappingProxyType(
    {
        "froc": _froc,
        "sensitivity": _sensitivity,
        "statement": _statement,
        "errors": _errors,
        "agreement": _agreement,
        "liver": _liver,
        "reliability": _reliability,
    }
)
"""Every plot by the name of its file."""
