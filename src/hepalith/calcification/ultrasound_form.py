"""The form of a bright body on ultrasound, in the words of the article."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.ultrasound_body import Bright, Caliper
from hepalith.calcification.ultrasound_scale import Scales
from hepalith.image.beam import BeamGrid

__all__ = ["see_form"]


def see_form(
    body: Bright, caliper: Caliper, scales: Scales, grid: BeamGrid
) -> tuple[Mapping[str, float], float]:
    """Return the probability of each form, and the sharpness of the edge."""
    cell = scales.cell
    across = float(scales.width_px[round(body.centre[0])])
    point = math.hypot(cell.samples * grid.step_px, cell.lines * across)
    ratio = caliper.length_px / max(caliper.width_px, 0.35 * point)
    size = caliper.length_px / point
    holes = _enclosed(body.mask) / max(1.0, float(body.mask.sum()))
    thick = caliper.width_px / point
    score = {
        "pin": -2.0 * max(0.0, size - 1.2) - max(0.0, ratio - 2.0),
        "equal_sign": 3.0 if body.parts == 2 else -4.0,
        "linear": 1.2 * min(ratio - 2.5, 2.0) - max(0.0, thick - 1.0),
        "band": 1.2 * min(ratio - 2.5, 2.0) - 1.0 - max(0.0, 1.5 - thick),
        "nodular": min(0.5, size - 1.2) - 2.0 * max(0.0, ratio - 1.8) - 1.5 * max(0.0, size - 5),
        "lump": min(0.5, size - 4.5) - 1.5 * max(0.0, ratio - 2.2),
        "rim": 12.0 * min(holes - 0.15, 0.3),
    }
    top = max(score.values())
    share = {name: math.exp(value - top) for name, value in score.items()}
    total = sum(share.values())
    return MappingProxyType({name: value / total for name, value in share.items()}), _edge(body, scales)


def _enclosed(mask: NDArray[np.bool_]) -> float:
    """Return how many places a body encloses: what is not reached from outside, step by step."""
    if min(mask.shape) < 3:
        return 0.0
    names, count = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return float((names > 0).sum() - (names == names[0, 0]).sum()) if count > 1 else 0.0


def _edge(body: Bright, scales: Scales) -> float:
    """Return the share of a body's contrast that is lost within one cell outside its contour."""
    cell = scales.cell
    pad = (max(2, round(cell.samples)), max(2, round(cell.lines)))
    rows, columns = body.slices
    window = (
        slice(max(0, rows.start - pad[0]), rows.stop + pad[0]),
        slice(max(0, columns.start - pad[1]), columns.stop + pad[1]),
    )
    z = scales.z[window]
    own = np.zeros(z.shape, np.bool_)
    top, left = rows.start - window[0].start, columns.start - window[1].start
    own[top : top + body.mask.shape[0], left : left + body.mask.shape[1]] = body.mask
    wide = ndimage.maximum_filter(own, (2 * pad[0] + 1, 2 * pad[1] + 1))
    near = ndimage.maximum_filter(own, (2 * (pad[0] // 2) + 1, 2 * (pad[1] // 2) + 1))
    ring = wide & ~near
    if not ring.any():
        return 0.0
    share = float(z[own].mean() - z[ring].mean()) / max(body.contrast, 0.5)
    return min(max(share, 0.0), 1.0)
