"""The Agatston convention, carried over to the liver as a convention and nothing more."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hepalith.anatomy import Phase
from hepalith.calcification.aperture import Aperture, Scene
from hepalith.vocabulary import Assessed, Measurement, NotAssessable

__all__ = ["score_agatston"]

SCORE_HU = 130
"""Threshold of the convention (Agatston 1990, doi:10.1016/0735-1097(90)90282-T)."""

SCORE_AREA_MM2 = 1.0
"""Least area of a lesion in one slice, of the same convention."""

SCORE_SLICE_MM = 3.0
"""Slice thickness of the convention; other distances between slices are scaled to it."""

STEPS_HU = (200, 300, 400)
"""Peaks from which the weight is 2, 3 and 4 (1 from 130 HU)."""

DRAWS = 24
"""Draws of noise for the interval: its ends are then known to about 15 %."""


def score_agatston(aperture: Aperture, scene: Scene, phase: Phase) -> Assessed:
    """Return the Agatston-convention score of one focus: slice by slice, area times weight of the peak.

    Not validated in the liver, and not defined where contrast agent exceeds its threshold.

    Notes
    -----
    The interval is that of a repeated scan: the spread of the score when the scan's own noise is
    added once more (seeded).
    """
    if phase.label not in ("none", "unknown"):
        return NotAssessable("the convention is for unenhanced scans")
    hu = np.where(aperture.inside, scene.hu[aperture.box.slices], -1024).astype(np.float32)
    score = _score(hu, scene)
    rng = np.random.default_rng(20)
    scores = [_score(hu + _draw(rng, hu.shape, scene), scene) for _ in range(DRAWS)]
    spread = 1.96 * float(np.std(scores))
    return Measurement(score, "1", max(0.0, score - spread), score + spread)


def _score(hu: NDArray[np.float32], scene: Scene) -> float:
    """Return the sum over slices of area times weight, scaled to the convention's slice."""
    spacing = scene.spacing_mm
    pixel = spacing[1] * spacing[2]
    total = 0.0
    for plane in hu:
        above = plane >= SCORE_HU
        if not above.any():
            continue
        labels, count = cc3d.connected_components(above, connectivity=8, return_N=True)
        areas = np.bincount(labels.ravel(), minlength=count + 1) * pixel
        for n in range(1, count + 1):
            if areas[n] >= SCORE_AREA_MM2:
                weight = 1 + int(np.searchsorted(STEPS_HU, float(plane[labels == n].max()), side="right"))
                total += float(areas[n]) * weight
    return total * spacing[0] / SCORE_SLICE_MM


def _draw(rng: np.random.Generator, shape: tuple[int, ...], scene: Scene) -> NDArray[np.float32]:
    """Return noise with the scan's deviation and correlation."""
    spectrum = fft.rfftn(rng.standard_normal([n + 6 for n in shape]))
    kernel = np.zeros([n + 6 for n in shape])
    correlation = scene.noise.correlation
    middle = [n // 2 for n in correlation.shape]
    reach = [min(m, (n + 6) // 2 - 1) for m, n in zip(middle, shape, strict=True)]
    index = [np.arange(-r, r + 1) for r in reach]
    kernel[np.ix_(*index)] = correlation[np.ix_(*[i + m for i, m in zip(index, middle, strict=True)])]
    gain = np.sqrt(np.maximum(fft.rfftn(kernel).real, 0.0))
    field = fft.irfftn(spectrum * gain, kernel.shape)
    field *= scene.noise.sd_hu / max(float(field.std()), 1e-6)
    return np.asarray(field[tuple(slice(0, n) for n in shape)], dtype=np.float32)
