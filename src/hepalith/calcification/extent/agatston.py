"""The Agatston convention, carried over to the liver as a convention and nothing more."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hepalith.anatomy import Phase
from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.geometry import Box
from hepalith.image.noise import Noise
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

FIELD = (24, 48, 48)
"""Voxels of the periodic field of noise that the draws are cut from: each of them is larger than all but
the largest foci, and it is made in a few milliseconds."""


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
    box = Box.around(aperture.inside)
    inside = aperture.inside[box.slices]
    hu = np.where(inside, scene.hu[aperture.box.slices][box.slices], -1024).astype(np.float32)
    score = _score(hu, scene)
    rng = np.random.default_rng(20)
    field = _noise_field(rng, scene.noise)
    scores = [_score(hu + _cut(rng, field, hu.shape), scene) for _ in range(DRAWS)]
    spread = 1.96 * float(np.std(scores))
    return Measurement(score, "1", max(0.0, score - spread), score + spread)


def _score(hu: NDArray[np.float32], scene: Scene) -> float:
    """Return the sum over slices of area times weight, scaled to the convention's slice."""
    spacing = scene.spacing_mm
    pixel = spacing[1] * spacing[2]
    # an empty plane after every slice keeps the lesions of neighbouring slices apart in one labelling
    above = np.zeros((2 * hu.shape[0], *hu.shape[1:]), np.bool_)
    np.greater_equal(hu, SCORE_HU, out=above[::2])
    places = np.flatnonzero(above[::2])
    if places.size == 0:
        return 0.0
    labels = cc3d.connected_components(above, connectivity=26)[::2].ravel()[places]
    areas = np.bincount(labels) * pixel
    peaks = np.zeros(areas.size, np.float32)
    np.maximum.at(peaks, labels, hu.ravel()[places])
    weights = 1 + np.searchsorted(STEPS_HU, peaks, side="right")
    total = float((areas * weights)[areas >= SCORE_AREA_MM2].sum())
    return total * spacing[0] / SCORE_SLICE_MM


def _noise_field(rng: np.random.Generator, noise: Noise) -> NDArray[np.float32]:
    """Return one periodic field of noise with the scan's deviation and correlation."""
    kernel = np.zeros(FIELD)
    correlation = noise.correlation
    index = [np.arange(-(n // 2), n // 2 + 1) for n in correlation.shape]
    kernel[np.ix_(*index)] = correlation
    gain = np.sqrt(np.maximum(fft.rfftn(kernel).real, 0.0))
    field = fft.irfftn(fft.rfftn(rng.standard_normal(FIELD)) * gain, FIELD)
    field *= noise.sd_hu / max(float(field.std()), 1e-6)
    return np.asarray(field, dtype=np.float32)


def _cut(rng: np.random.Generator, field: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a box of noise from a random place of the periodic field."""
    index = [(np.arange(n) + rng.integers(size)) % size for n, size in zip(shape, field.shape, strict=True)]
    return field[np.ix_(*index)]
