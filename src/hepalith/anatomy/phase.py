"""Contrast phase from the aorta and the liver, and what the header says.

The rises behind the table are measured: 10-15 s after the aortic trigger the aorta gains
300-336 HU, the spleen 97-108 and the liver 15-25; at 45-55 s the aorta gains 117-125 and the
liver 59-63 (171 patients, 2 mL/kg of 300 mg I/mL at 4 mL/s; evidence-review section 5, grade A).
Unenhanced blood (35-55 HU) and the delayed liver (80-100 HU) are textbook values (grade K).
"""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.liver import Liver, Phase
from hepalith.image.volume import Volume
from hepalith.study.acquisition import Acquisition

__all__ = ["estimate_phase", "measure_aorta", "measure_liver"]


@dataclass(frozen=True, slots=True)
class _Look:
    """How a phase looks: means and spreads of aorta and liver in HU, and how common the phase is."""

    aorta: float
    aorta_spread: float
    liver: float
    liver_spread: float
    share: float


LOOKS = {
    "none": _Look(43, 9, 55, 16, 0.30),
    "arterial": _Look(310, 75, 80, 24, 0.20),
    "portal": _Look(160, 25, 112, 20, 0.35),
    "delayed": _Look(108, 16, 90, 18, 0.15),
}
"""Means: see the head of this module. Spreads and shares are our judgement: they hold the range of
dose, weight and timing in use, and of steatosis for the liver."""
ODD_DENSITY = 1e-7
"""Density, per HU squared, of scans that are none of these: about four spreads from any look."""
SURE = 0.5
"""Below this probability the phase is called unknown."""
WORD_WEIGHT = 8.0
"""How much a contrast agent in the header speaks against the unenhanced phase. Headers are often
copied from the protocol and stay on the unenhanced series: so not more. Our judgement."""
MOST_SLICES = 24
"""Slices looked at, spread over the liver's height: enough for a median, few enough to be free."""
PLANE_MM = 2.5
"""In-plane spacing of those slices after averaging."""
BRIGHT_HU = 110
"""Above: vertebra (marrow 100-250 HU) or contrast."""
DISC_MM = 6.0
"""Radius of the disc averaged for the aorta, whose own radius is 8-14 mm."""

VERTEBRA_DEPTH_MM = 8.0
"""Depth to which the vertebra's thick part is followed; its lateral ends lie that far from it."""
UNEVEN_HU = 70.0
"""Range of HU within the aorta's disc that noise explains, after averaging to `PLANE_MM`."""
UNEVEN_SHARE = 0.25
"""... and what is added for streaming of contrast, as a share of the disc's mean."""


def measure_liver(volume: Volume, liver: Liver) -> float:
    """Return the median HU of liver deeper than 5 mm below the capsule (all of it where none is)."""
    part = volume.hu[liver.box.slices]
    step = tuple(max(1, n // 64) for n in part.shape)
    view = tuple(slice(None, None, n) for n in step)
    deep = liver.depth_mm[view] > 5.0
    if not deep.any():
        deep = liver.mask[view]
    return float(np.median(part[view][deep]))


def measure_aorta(volume: Volume, liver: Liver) -> float | None:
    """Return the HU of the aorta in front of the spine at the height of the liver; None where not found."""
    first, last = liver.box.start[0], liver.box.stop[0]
    chosen = np.unique(np.linspace(first, last - 1, min(MOST_SLICES, last - first)).round().astype(int))
    _, j_mm, i_mm = volume.spacing_mm
    found = []
    for k in chosen:
        plane = _average(volume.hu[k], max(1, round(PLANE_MM / j_mm)), max(1, round(PLANE_MM / i_mm)))
        value = _aorta_in(plane, j_mm * max(1, round(PLANE_MM / j_mm)), i_mm * max(1, round(PLANE_MM / i_mm)))
        if value is not None:
            found.append(value)
    return float(np.median(found)) if found else None


def _average(plane: NDArray[np.int16], rows: int, columns: int) -> NDArray[np.float32]:
    """Return the means over blocks of `rows` x `columns` voxels."""
    height, width = (plane.shape[0] // rows) * rows, (plane.shape[1] // columns) * columns
    blocks = plane[:height, :width].reshape(height // rows, rows, width // columns, columns)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _aorta_in(plane: NDArray[np.float32], j_mm: float, i_mm: float) -> float | None:
    """Return the HU of the brightest disc in front of and left of the vertebra in one slice."""
    tissue = plane > -250
    if tissue.sum() * j_mm * i_mm < 5000:
        return None
    rows, columns = np.nonzero(tissue)
    middle = (np.percentile(columns, 1) + np.percentile(columns, 99)) / 2
    top, bottom = np.percentile(rows, 1), np.percentile(rows, 99)
    bright = ndimage.binary_fill_holes(ndimage.binary_closing(plane > BRIGHT_HU, iterations=1))
    depth = edt.edt(bright, anisotropy=(j_mm, i_mm))
    row, column = np.indices(plane.shape)
    central = (np.abs(column - middle) * i_mm < 35) & (row > top + 0.5 * (bottom - top))
    depth = np.where(central, depth, 0)
    if depth.max() < 9:
        return None
    spine_row, spine_column = np.unravel_index(int(depth.argmax()), depth.shape)
    radius = float(depth.max())
    forward = (spine_row - row) * j_mm
    left = (column - spine_column) * i_mm
    away = np.hypot(forward, left)
    place = (away > radius + DISC_MM + 2) & (away < radius + 34) & (forward > 3) & (left > -10) & (left < 36)
    place &= ~_vertebra(depth, (int(spine_row), int(spine_column)), j_mm, i_mm)
    count_rows, count_columns = max(1, round(DISC_MM / j_mm)), max(1, round(DISC_MM / i_mm))
    size = (2 * count_rows - 1, 2 * count_columns - 1)
    mean = ndimage.uniform_filter(np.clip(plane, -200, 600), size)
    dark, light = ndimage.minimum_filter(plane, size), ndimage.maximum_filter(plane, size)
    place &= (dark > -10) & (light - dark < UNEVEN_HU + UNEVEN_SHARE * mean)
    if not place.any():
        return None
    evenly = np.where(place, mean - (light - dark) / 2, -np.inf)
    return float(mean.flat[int(evenly.argmax())])


def _vertebra(
    depth: NDArray[np.float32], spine: tuple[int, int], j_mm: float, i_mm: float
) -> NDArray[np.bool_]:
    """Return the thick bright body around `spine`, with a rim as wide as the aorta's disc."""
    labels, _ = ndimage.label(depth > VERTEBRA_DEPTH_MM)
    body = labels == labels[spine]
    reach = edt.edt(~body, anisotropy=(j_mm, i_mm))
    return np.asarray(reach < VERTEBRA_DEPTH_MM + DISC_MM, dtype=np.bool_)


def estimate_phase(volume: Volume, liver: Liver, acquisition: Acquisition) -> Phase:
    """Return the contrast phase and its probability.

    Each phase is a Gaussian in the HU of aorta and liver (`LOOKS`); a flat density stands for
    what fits none. The liver alone is used where no aorta is found.
    """
    if not liver.is_in_view:
        return Phase("unknown", 1.0)
    organ = measure_liver(volume, liver)
    aorta = measure_aorta(volume, liver)
    weights = {}
    for label, look in LOOKS.items():
        weight = look.share * _normal(organ, look.liver, look.liver_spread)
        weight *= 1 / 300 if aorta is None else _normal(aorta, look.aorta, look.aorta_spread)
        weights[label] = weight
    if acquisition.contrast_agent.strip():
        weights["none"] /= WORD_WEIGHT
    total = sum(weights.values()) + ODD_DENSITY
    label = max(weights, key=lambda name: weights[name])
    probability = weights[label] / total
    if probability < SURE:
        return Phase("unknown", 1 - probability)
    return Phase(label, float(probability))


def _normal(value: float, mean: float, spread: float) -> float:
    return float(np.exp(-0.5 * ((value - mean) / spread) ** 2) / (spread * np.sqrt(2 * np.pi)))
