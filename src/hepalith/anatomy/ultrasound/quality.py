"""How far the liver of an ultrasound picture can be trusted: a probability from a few signs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ultrasound.cells import Cells
from hepalith.anatomy.ultrasound.liver import Stretch
from hepalith.image.picture import Picture

__all__ = ["MOST", "judge_liver"]

MOST = 0.85
"""Highest trust that is told: of the 30 real stills whose liver was drawn by hand, 26 agree with the drawing
to a Dice coefficient of 0.7 and more, and 23 to one of 0.8 and more. No sign makes one picture surer than all
of them together are."""

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"rough": -0.4, "lively": 5.2, "even": 2.8, "share": 3.1, "bright": -1.2}
)
"""Log odds that the outline agrees with a drawn one (Dice at least 0.7) for each measure of `_measure`: a
logistic regression over the 30 stills, 130 development phantoms (a tenth of the weight each) and the shared
pictures of other organs, which agree with no liver at all."""

START = 1.4
"""Log odds where every measure is usual."""

USUAL: Mapping[str, float] = MappingProxyType(
    {"rough": 0.9, "lively": 1.0, "even": 0.7, "share": 0.4, "bright": 0.1}
)
"""Measures of an ordinary liver: medians of the stills, rounded."""

RECTANGLE, PHASED, SHALLOW = -1.5, -1.0, -1.5
"""Log odds for a picture of a linear array, for one that fans out from a point, and for one that ends too
near to show a liver. Livers are scanned with curved arrays; linear ones show necks, limbs and breasts, phased
ones mostly hearts. Our judgement (C)."""

SHALLOW_MM = 90.0
"""Depth of a picture, in mm, below which it is too shallow: 120 to 180 mm are usual for a liver. Ours."""

WORTH_SAYING = 0.35
"""Log odds that a sign must take from the trust to be named."""

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "rough": "the far border of what is taken for liver jumps from line to line",
        "lively": "what is taken for liver is smoother than the rest of the picture",
        "even": "much of what is taken for liver is brighter or darker than its surroundings",
        "share": "little of the picture looks like liver",
        "bright": "much of what is taken for liver is brighter than its surroundings",
        "rectangle": "the picture comes from a linear array, with which livers are seldom scanned",
        "phased": "the picture fans out from a point, as pictures of the heart do",
        "shallow": "the picture does not reach deep enough to show a liver as a whole",
    }
)
"""What is said of each sign."""

SILENT = 0.4
"""Share of the picture without echoes from which that is said."""


def judge_liver(
    cells: Cells, stretch: Stretch, heard: NDArray[np.bool_], picture: Picture
) -> tuple[float, tuple[str, ...]]:
    """Return the probability that the liver agrees with one drawn by hand, and what speaks against it.

    Parameters
    ----------
    heard
        bool on cells: where echoes can be judged.

    Notes
    -----
    What it is the probability of: that this picture shows a liver and that its outline reaches a Dice
    coefficient of 0.7. No sign tells liver from spleen or placenta, so that it is no more than a measure of
    how like it is to pictures that were read rightly.
    """
    if not stretch.mask.any():
        return 0.0, ("no liver was found in the picture",)
    seen = _measure(cells, stretch)
    parts = {name: WEIGHTS[name] * (value - USUAL[name]) for name, value in seen.items()}
    parts |= _of_picture(picture)
    reasons = [REASONS[name] for name in REASONS if parts.get(name, 0.0) <= -WORTH_SAYING]
    silent = float((cells.inside & ~heard).sum() / max(int(cells.inside.sum()), 1))
    if silent > SILENT:
        reasons.append("much of the picture shows no echoes: ribs, gas, poor contact or depth")
    return min(1.0 / (1.0 + math.exp(-(START + sum(parts.values())))), MOST), tuple(reasons)


def _measure(cells: Cells, stretch: Stretch) -> dict[str, float]:
    """Return the measures that `WEIGHTS` weighs, each bounded.

    ``rough``: by how many cells the far border jumps between neighbouring lines; ``lively``: speckle within
    the liver over the picture's; ``even``: share of the liver within one deviation of its own level;
    ``share``: of the picture; ``bright``: share of the liver brighter than its level by 1.5 deviations.
    """
    mask, lines = stretch.mask, np.flatnonzero(stretch.mask.any(axis=0))
    contrast = stretch.contrast[mask]
    samples = np.minimum(np.arange(mask.shape[0]) * cells.size[0], len(cells.width_px) - 1)
    width = cells.width_px[samples]
    jumps = np.abs(np.diff(stretch.far[lines]))
    return {
        "rough": min(float(jumps.mean()) if jumps.size else 0.0, 2.5),
        "lively": min(float(np.median(cells.sd[mask])) / cells.speckle, 1.05),
        "even": float((np.abs(contrast) < 1.0).mean()),
        "share": min(float(mask.sum(axis=1) @ width / max(cells.inside.sum(axis=1) @ width, 1e-6)), 0.4),
        "bright": float((contrast > 1.5).mean()),
    }


def _of_picture(picture: Picture) -> dict[str, float]:
    """Return the log odds that the transducer and the depth of the picture give."""
    parts = {}
    transducer = picture.sector.transducer
    if transducer == "linear":
        parts["rectangle"] = RECTANGLE
    if transducer == "phased":
        parts["phased"] = PHASED
    if picture.mm_per_px is not None:
        deep = picture.grid.shape[0] * picture.grid.step_px * picture.mm_per_px
        if deep < SHALLOW_MM:
            parts["shallow"] = SHALLOW
    return parts
