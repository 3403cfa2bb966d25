"""What the forest that judges bright bodies is asked with: what is weighed, and what lies behind it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hepalith.calcification.ultrasound.shadow_cut import MEASURES
from hepalith.calcification.ultrasound.sight import Sight

__all__ = ["ASKED", "WEIGHED", "measures_asked"]

WEIGHED = (
    "contrast", "blaze", "missing", "tail", "unjudged", "elongation", "goes_on", "on_line", "liver", "edge",
    "near_wall", "tilt", "unrest", "company", "clutter", "standing_out", "width", "length", "at_side", "hazy",
    "network", "network_sure", "network_mimic", "network_bare", "elsewhere",
)  # fmt: skip
"""Measures of `evidence.weigh`, without its constant."""

ABOUT = (
    "liver",
    "dark",
    "dark_sides",
    "on_line",
    "in_dark",
    "by_dark",
    "depth",
    "level",
    "unrest",
    "company",
)
"""Fields of `Sight.about`."""

BODY = ("deviates", "scale", "parts", "strokes", "base")
"""Fields of `Sight.body`."""

TRAIL = ("index", "index_sd", "near", "middle", "far", "before", "sharp", "ripple", "lopsided")
"""Fields of a trail: shares, which no brightness of the display changes, as it does decibels."""

SHARE = MEASURES.index("share")
"""Place of the missing share in a trail's table."""

ASKED = (
    *WEIGHED,
    *(f"about_{name}" for name in ABOUT),
    *(f"body_{name}" for name in BODY),
    *(f"trail_{name}" for name in TRAIL),
    "trail_share",
    "at_gallbladder",
)
"""Names of what the forest is asked with."""

MOST = 50.0
"""Bound of every measure, either way."""


def measures_asked(sight: Sight, weighed: Mapping[str, float]) -> NDArray[np.float64]:
    """Return what the forest is asked with, in the order of `ASKED`; of what was not measured, none."""
    trail = None if isinstance(sight.trail, str) else sight.trail
    values = [weighed[name] for name in WEIGHED]
    values += [float(getattr(sight.about, name)) for name in ABOUT]
    values += [float(getattr(sight.body, name)) for name in BODY]
    values += [0.0 if trail is None else float(getattr(trail, name)) for name in TRAIL]
    values.append(0.0 if trail is None else float(trail.cut[SHARE]))
    values.append(sight.about.by_dark if sight.about.dark_kind == "gallbladder" else 0.0)
    return np.asarray(np.clip(np.nan_to_num(np.array(values)), -MOST, MOST))
