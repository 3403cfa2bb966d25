"""The last weights: a logistic regression over what is measured of bright bodies, and the network's word."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hepalith.training.ultrasound.measures import BodyRow, PictureRow, load_measures

__all__ = ["ALONE", "fit_file"]

ALONE: Mapping[str, float] = MappingProxyType(
    {
        "start": -9.4, "contrast": 1.23, "blaze": 0.43, "missing": 0.47, "tail": -1.35, "unjudged": -0.62,
        "elongation": -0.63, "goes_on": -2.11, "on_line": -1.79, "liver": 1.7, "edge": 4.53,
        "near_wall": -8.33, "tilt": -1.86, "unrest": -1.03, "company": -1.14, "clutter": -0.46,
        "standing_out": 0.62, "width": 0.17, "length": -0.35, "at_side": -2.0, "hazy": 0.0, "network": 0.0,
        "network_sure": 0.0, "network_bare": 0.0, "network_mimic": 0.0, "elsewhere": 0.0,
    }
)  # fmt: skip
"""What the measures weigh without the network: fitted on 140 development phantoms, 30 stills with foci and
the same without, before there was one. The fit starts from these and is held to them: on the pictures that
are fitted, made as those that the network has learned from, they add little; on others they are what holds
when it errs."""

FREE = ("network", "network_sure", "network_bare", "network_mimic", "hazy", "tail", "unjudged")
"""Measures that are new beside the network, or that tell gas, and are fitted freely."""

POSITIVE = ("network", "network_sure", "network_bare")
"""Measures that speak for a focus by what they are."""

STIFF, RIDGE = 60.0, 2.0
"""Weight of the squares by which standardised weights leave `ALONE`, and of those fitted freely."""

FOLDS = 10
"""Parts of the pictures that are left out in turn; all pictures of one still are in one part."""

MISS_WORTH = 3.1
"""What missing a focus weighs against calling a false one: chosen so that at a probability of one half the
false calls of untouched stills stay below the half a picture that may be. It makes probabilities that
much higher than their share among the fitted bodies; how many of a real picture's are foci nobody knows."""

MOST_CONTRAST = 8.0
"""Deviations of speckle beyond which more contrast tells the network nothing."""

SETS = ("phantoms", "implants", "stills")

Array = NDArray[np.float64]


def fit_file(measures: Sequence[Path], out: Path) -> str:
    """Fit on files of measures, write the weights, and return what was found with whole stills left out."""
    rows = [row for path in measures for row in load_measures(path)]
    odds = np.concatenate([np.zeros(len(row.bodies)) for row in rows])
    part = np.concatenate([np.full(len(row.bodies), _part(row)) for row in rows])
    bodies = [body for row in rows for body in row.bodies]
    x, y, worth = _table(bodies)
    for left_out in range(FOLDS):
        away = part == left_out
        odds[away] = x[away] @ fit(x[~away], y[~away], worth[~away])
    weights = fit(x, y, worth)
    document = {
        "weights": {name: round(float(w), 4) for name, w in zip(ALONE, weights, strict=True)},
        "bare": _bare(rows),
    }
    out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return told(rows, 1 / (1 + np.exp(-odds)))


def _part(row: PictureRow) -> int:
    """Return the part of the pictures that one belongs to: by its still, or its seed."""
    return zlib.crc32((row.still or str(row.seed)).encode()) % FOLDS


def _table(bodies: Sequence[BodyRow]) -> tuple[Array, Array, Array]:
    """Return measures (body, measure), whether each is a focus, and whether it counts."""
    x = np.array([[body.measures[name] for name in ALONE] for body in bodies])
    y = np.array([body.truth.isdigit() for body in bodies], dtype=np.float64)
    worth = np.array([body.truth not in {"piece", "unsure"} for body in bodies], dtype=np.float64)
    worth[y > 0] = MISS_WORTH
    return x, y, worth


def fit(x: Array, y: Array, worth: Array) -> Array:
    """Return the weights of a logistic regression held to `ALONE`; mimics told by place count in full."""
    names = list(ALONE)
    alone = np.array([ALONE[n] for n in names])
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    hold = np.array([0.0 if n == "start" else RIDGE if n in FREE else STIFF for n in names])
    full = -float(spread[names.index("elsewhere")])
    limits = {**dict.fromkeys(POSITIVE, (0.0, None)), "elsewhere": (None, full)}
    z, before = x / spread, x @ alone

    def loss(w: Array) -> tuple[float, Array]:
        score = before + z @ w
        value = float((worth * (np.logaddexp(0, score) - y * score)).sum() + 0.5 * (hold * w * w).sum())
        slope = z.T @ (worth * (1 / (1 + np.exp(-score)) - y)) + hold * w
        return value, slope

    first = np.array([full if n == "elsewhere" else 0.0 for n in names])
    bounds = [limits.get(n, (None, None)) for n in names]
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(alone + found.x / spread)


def _bare(rows: Sequence[PictureRow]) -> dict[str, float]:
    """Return how the network's word goes with contrast and length of phantoms' foci without shadow."""
    x, y = [], []
    for row in rows:
        bare = {str(f["id"]): float(f["contrast"]) for f in row.foci if f["shadow"] == "none"}
        for body in row.bodies:
            if row.kind == "phantoms" and body.truth in bare and body.measures["liver"] > 0.5:
                x.append((1.0, min(bare[body.truth], MOST_CONTRAST), body.measures["length"]))
                y.append(body.measures["network"])
    line, *_ = np.linalg.lstsq(np.array(x), np.array(y), rcond=None)
    return {name: round(float(v), 4) for name, v in zip(("start", "contrast", "length"), line, strict=True)}


def told(rows: Sequence[PictureRow], probability: Array) -> str:
    """Return, by set and operating point, what share of foci is found and the false calls a picture."""
    ends = np.cumsum([len(row.bodies) for row in rows])
    own = np.split(probability, ends[:-1])
    lines = ["called from  " + "  ".join(f"{name:>16}" for name in SETS)]
    for least in (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7):
        cells = []
        for name in SETS:
            chosen = [(row, p) for row, p in zip(rows, own, strict=True) if row.kind == name]
            foci = hits = false = 0
            for row, p in chosen:
                called = [body.truth for body, value in zip(row.bodies, p, strict=True) if value >= least]
                foci += len(row.foci)
                hits += len({truth for truth in called if truth.isdigit()})
                false += sum(not truth.isdigit() and truth != "unsure" for truth in called)
            found = f"{hits / foci:.3f}" if foci else "    –"
            cells.append(f"{found} at {false / max(len(chosen), 1):.2f}")
        lines.append(f"{least:>11}  " + "  ".join(f"{cell:>16}" for cell in cells))
    held = [sum(b.truth.isdigit() for b in row.bodies) for row in rows]
    for name in SETS:
        foci = sum(len(r.foci) for r in rows if r.kind == name)
        if foci:
            there = sum(n for n, r in zip(held, rows, strict=True) if r.kind == name)
            lines.append(f"{name}: {there} of {foci} foci are candidates")
    return "\n".join(lines)
