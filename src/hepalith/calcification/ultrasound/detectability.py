"""The smallest bright focus that an ultrasound picture would have shown."""

from __future__ import annotations

import math

import numpy as np

from hepalith.anatomy.ultrasound.sonogram import Sonogram
from hepalith.calcification.ultrasound.evidence import BARE, BLAZING, PLAIN_CONTRAST, WEIGHTS
from hepalith.calcification.ultrasound.scale import THRESHOLD, Scales
from hepalith.calcification.ultrasound.sight import LEAST_CONTRAST
from hepalith.image.beam import BeamGrid
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["smallest_focus"]

EXCESS_DB = 26.0
"""Echo of a calcified body as large as the pulse above the liver about it. Our judgement (C)."""

SPECKLE_DB = 5.57
"""Standard deviation of log-compressed Rayleigh speckle, in dB: (10 / ln 10) pi / sqrt(6)."""

NINE_IN_TEN = 1.28
"""Standard normal deviate exceeded by nine draws of ten."""

SHARP_EDGE, CALM = 0.9, 0.8
"""Edge and unrest of the surroundings of a bare body in plain liver, as `weigh` measures them: medians
over development phantoms. Our judgement."""

SIZES_PX = np.geomspace(1.0, 120.0, 60)
"""Diameters that are tried, in pixels of a beam line."""


def smallest_focus(scales: Scales, sonogram: Sonogram, grid: BeamGrid) -> tuple[Assessed, str]:
    """Return the diameter of the smallest bare bright body called with a probability of 0.9, and why.

    Notes
    -----
    A body smaller than the pulse keeps of its echo the shares of the pulse's length and width that it fills.
    Its contrast in a box is what it fills of that box. It is called when its log odds, with no shadow, no
    company and nine draws of ten of the box's noise, favour a focus.
    """
    if sonogram.in_view <= 0 or not (sonogram.liver & scales.usable).any():
        return NotAssessable("no liver that can be heard is in view"), ""
    depth = int(np.median(np.flatnonzero(sonogram.liver.any(axis=1))))
    apart = float(scales.width_px[depth]) / max(grid.step_px, 1e-6)
    found = next((float(d) for d in SIZES_PX if _is_called(float(d), apart, scales, grid.shape[0])), None)
    if found is None:
        return NotAssessable("its speckle and texture hide any bright focus without a shadow"), ""
    why = (
        f"speckle is {scales.cell.samples * grid.step_px:.1f} by "
        f"{scales.cell.lines * apart * grid.step_px:.1f} pixels; "
        f"an echo {EXCESS_DB:.0f} dB above the liver is assumed"
    )
    if grid.mm_per_px is None:
        return NotAssessable("the size of a pixel is not known"), why
    return Measurement(found * grid.step_px * grid.mm_per_px, "mm"), why


def _is_called(size: float, apart: float, scales: Scales, samples: int) -> bool:
    """Return whether a body of so many samples would be called at any scale."""
    tall, wide = scales.cell.samples, scales.cell.lines
    kept = min(1.0, size / tall) * min(1.0, size / apart / wide)
    contrast = (EXCESS_DB + 20.0 * math.log10(max(kept, 1e-3))) / SPECKLE_DB
    seen = (max(size, tall), max(size / apart, wide))
    for scale in scales.scales:
        filled = min(1.0, seen[0] / scale.box[0]) * min(1.0, seen[1] / scale.box[1])
        sure = contrast * filled - NINE_IN_TEN * scale.spread
        if sure < THRESHOLD * scale.spread:
            continue
        if _log_odds(sure, contrast, seen[0] / samples) >= 0.0:
            return True
    return False


def _log_odds(contrast: float, true: float, share: float) -> float:
    """Return the log odds for a round bare body in plain liver, `share` of the depth across.

    `contrast` is what its box shows, `true` what its echo is, in deviations of speckle.
    """
    seen = {
        "start": 1.0,
        "contrast": min(contrast, PLAIN_CONTRAST),
        "blaze": min(max(contrast - PLAIN_CONTRAST, 0.0), BLAZING),
        "liver": 1.0,
        "edge": SHARP_EDGE,
        "unrest": CALM,
        "standing_out": math.log(contrast / LEAST_CONTRAST),
        "width": math.log(100 * share + 0.3),
        "length": math.log(100 * share + 0.3),
    }
    network = sum(BARE[name] * value for name, value in (seen | {"contrast": true}).items() if name in BARE)
    seen |= {"network": network, "network_sure": max(network, 0.0), "network_bare": network}
    return sum(WEIGHTS[name] * value for name, value in seen.items())
