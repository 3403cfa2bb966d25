"""The form of a bright body on ultrasound, in the words of the article."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from hepalith.calcification.forest import Forest, load_forest
from hepalith.calcification.ultrasound.body import Bright, Caliper
from hepalith.calcification.ultrasound.form_measures import measure_form
from hepalith.calcification.ultrasound.scale import Scales
from hepalith.image.beam import BeamGrid

__all__ = ["FORMS", "edge_of", "see_form"]

FORMS = ("pin", "nodular", "lump", "linear", "band", "beaded", "equal_sign", "rim", "eggshell")
"""Forms that are told."""

WEIGHTS = "form.npz"
"""The forest that tells them, under `weights`; made by ``python -m hepalith.training forms`` from development
phantoms, as drawn, crowded, and with rims and beads alone. With a fifth of the pictures left out in turn it
names 0.77 of 384 foci rightly (0.69 by size and slenderness alone), and of 285 put into real stills, none
learned from, 0.64 (0.50)."""

LEAST_SAID = 0.002
"""Least probability of a form: no body is surely none of them."""


def see_form(body: Bright, caliper: Caliper, scales: Scales, grid: BeamGrid) -> Mapping[str, float]:
    """Return the probability of each form.

    Notes
    -----
    The point spread makes short strands round and dots large, so that a form is known by its size and its
    length over its width together; by dips of its profiles, where it has parts, and by a dark middle. Beads
    finer than the beam leave an uneven strand, and many a lump and a nodule differ in little but size.
    """
    told = _forest()
    said = np.maximum(told.ask(measure_form(body, caliper, scales, grid)), LEAST_SAID)
    share = said / said.sum()
    return MappingProxyType(dict(zip(told.answers, share.tolist(), strict=True)))


@lru_cache(maxsize=1)
def _forest() -> Forest:
    """Return the forest, read once for a process."""
    return load_forest(
        resources.files("hepalith.calcification.ultrasound").joinpath("weights", WEIGHTS).read_bytes()
    )


def edge_of(body: Bright, scales: Scales) -> float:
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
