"""Contrast phase from aorta, liver, and kidney or spleen, and what the header says.

The rises behind the table are measured: 10-15 s after the aortic trigger the aorta gains
300-336 HU, the spleen 97-108 and the liver 15-25; at 45-55 s the aorta gains 117-125 and the
liver 59-63 (171 patients, 2 mL/kg of 300 mg I/mL at 4 mL/s; evidence-review section 5, grade A).
Unenhanced blood (35-55 HU) and the delayed liver (80-100 HU) are textbook values (grade K).

The aorta is small: streaks, noise and crus lift what is read there. Kidney and spleen, large and
far from it, are the second witness: 30 to 55 HU without contrast, above 95 with it, in every phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import Coarse
from hepalith.anatomy.liver import Liver, Phase
from hepalith.image.volume import Volume
from hepalith.study.acquisition import Acquisition

__all__ = ["estimate_phase", "measure_aorta", "measure_flank", "measure_liver"]


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
FLANKS = {"none": (48.0, 9.0), "arterial": (145.0, 40.0), "portal": (150.0, 40.0), "delayed": (125.0, 35.0)}
"""Mean and spread of the brightest even organ beside the spine: kidney, or spleen where no kidney is in
view. Rises over the unenhanced scan: kidney 110-140, spleen 50-108 HU. Spreads are our judgement."""
FLANK_DOUBT, FLANK_DENSITY = 0.1, 1 / 300
"""Share of scans in which another body is measured there (bowel filled with contrast, muscle where
neither organ is in view), and its density per HU: a wrong flank must not outvote aorta and liver."""
FLANK_MM = 10.0
"""Radius of the disc averaged there: more than muscle and gut wall are thick, less than a kidney."""
FLANK_BELOW_MM = 60.0
"""How far below the liver's lower end the kidneys are still looked for."""
FLANK_NEAR_MM, FLANK_FAR_MM, FLANK_FRONT_MM, FLANK_BACK_MM = 22.0, 85.0, 25.0, 45.0
"""Kidney and spleen lie so far beside the vertebra's edge, at most so far in front of and behind its
middle: bowel and stomach lie farther forward. Our judgement."""
FLANK_SHARE = 80.0
"""Percentile over the slices of a side: the organ need not be in every one."""
SLAB_MM = 10.0
"""Slices are averaged over this height: vessels and kidneys run along the body, streaks do not."""
FATTY = 2.0
"""So many times wider is the spread of the liver below its mean: fat takes up to 70 HU from it, in every
phase (24 % of health-check livers measure below 40 HU, n = 720, evidence-review section 5, grade A)."""
ODD_DENSITY = 1e-7
"""Density, per HU squared, of scans that are none of these: about four spreads from any look."""
SURE = 0.5
"""Below this probability the phase is called unknown."""
WORD_WEIGHT = 8.0
"""How much a contrast agent in the header speaks against the unenhanced phase. Headers are often
copied from the protocol and stay on the unenhanced series: so not more. Our judgement."""
MOST_SLICES = 32
"""Slices looked at, spread over the height of the liver and the kidneys: enough for a median, and free."""
PLANE_MM = 2.5
"""In-plane spacing of those slices after averaging."""
BRIGHT_HU = 110
"""Above: vertebra (marrow 100-250 HU) or contrast."""
DISC_MM = 6.0
"""Radius of the disc averaged for the aorta, whose own radius is 8-14 mm."""

VERTEBRA_DEPTH_MM = 8.0
"""Depth to which the vertebra's thick part is followed; its lateral ends lie that far from it."""
AORTA_SEEN = 0.5
"""Probability from which the network's aorta is where the disc is looked for. Its grid of 6 mm says where the
aorta lies, and too little of what it measures: marrow of the vertebra that it reaches into is left out."""
UNEVEN_HU = 70.0
"""Range of HU within the aorta's disc that noise explains, after averaging to `PLANE_MM`."""
UNEVEN_SHARE = 0.25
"""... and what is added for streaming of contrast, as a share of the disc's mean."""


def measure_liver(volume: Volume, liver: Liver) -> float:
    """Return the median HU of liver deeper than 5 mm below the capsule (all of it where none is)."""
    part = volume.hu[liver.box.slices]
    step = tuple(max(1, n // 64) for n in part.shape)
    view = tuple(slice(None, None, n) for n in step)
    deep = liver.depth_mm.within(view) > 5.0
    if not deep.any():
        deep = liver.mask[view]
    return float(np.median(part[view][deep]))


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """A slab's mean HU on blocks of about `PLANE_MM`, and the vertebra in it."""

    hu: NDArray[np.float32]
    j_mm: float
    i_mm: float
    bone_depth: NDArray[np.float32]
    spine: tuple[int, int]
    radius: float


def measure_aorta(volume: Volume, liver: Liver) -> float | None:
    """Return the HU of the aorta in front of the spine at the height of the liver; None where not found."""
    return _aorta_among(_planes(volume, liver.box.start[0], liver.box.stop[0]), volume, liver)


def _aorta_among(planes: Iterable[tuple[int, _Plane]], volume: Volume, liver: Liver) -> float | None:
    """Return the aorta's HU in those planes that lie at the height of the liver."""
    beside = [(k, plane) for k, plane in planes if liver.box.start[0] <= k < liver.box.stop[0]]
    seen = [_aorta_seen(volume, liver, k, plane) for k, plane in beside]
    if any(place is not None for place in seen):
        found = [
            _evenest(plane, place)
            for (_, plane), place in zip(beside, seen, strict=True)
            if place is not None
        ]
    else:
        found = [
            _evenest(plane, _before_the_spine(plane) & ~_reduced(volume, liver, k, plane))
            for k, plane in beside
        ]
    known = [value for value in found if value is not None]
    return float(np.median(known)) if known else None


def _aorta_seen(volume: Volume, liver: Liver, k: int, plane: _Plane) -> NDArray[np.bool_] | None:
    """Return where the network saw the aorta at slice `k`, on the plane's blocks; None where it saw none."""
    if liver.organs is None:
        return None
    rows = round(plane.j_mm / volume.spacing_mm[1])
    columns = round(plane.i_mm / volume.spacing_mm[2])
    blocks = Coarse(
        plane.hu[None],
        (float(k), (rows - 1) / 2, (columns - 1) / 2),
        (1.0, float(rows), float(columns)),
    )
    place = liver.organs.on(blocks, "aorta")[0] > AORTA_SEEN
    place &= ~_vertebra(plane.bone_depth, plane.spine, plane.j_mm, plane.i_mm)
    return place if place.any() else None


def measure_flank(volume: Volume, liver: Liver) -> float | None:
    """Return the HU of the brightest organ beside the spine, kidney or spleen; None where not found.

    Per side the disc is the brightest of each slab and a high percentile over slabs is taken; the
    brighter side counts, since one of them may show muscle only.
    """
    return _flank_among(_planes_with_kidneys(volume, liver), volume, liver)


def _planes_with_kidneys(volume: Volume, liver: Liver) -> Iterator[tuple[int, _Plane]]:
    """Yield slabs at the height of the liver and below it, as far down as the kidneys are looked for."""
    first = max(0, liver.box.start[0] - round(FLANK_BELOW_MM / volume.spacing_mm[0]))
    return _planes(volume, first, liver.box.stop[0])


def _flank_among(planes: Iterable[tuple[int, _Plane]], volume: Volume, liver: Liver) -> float | None:
    """Return the HU of kidney or spleen in some planes."""
    sides: tuple[list[float], list[float]] = ([], [])
    for k, plane in planes:
        shown = _reduced(volume, liver, k, plane)
        for side, values in enumerate(sides):
            value = _flank_in(plane, shown, left=side == 1)
            if value is not None:
                values.append(value)
    known = [float(np.percentile(values, FLANK_SHARE)) for values in sides if values]
    return max(known) if known else None


def _planes(volume: Volume, first: int, last: int) -> Iterator[tuple[int, _Plane]]:
    """Yield up to `MOST_SLICES` slabs between two slices, where a vertebra is seen."""
    chosen = np.unique(np.linspace(first, last - 1, min(MOST_SLICES, last - first)).round().astype(int))
    k_mm, j_mm, i_mm = volume.spacing_mm
    rows, columns = max(1, round(PLANE_MM / j_mm)), max(1, round(PLANE_MM / i_mm))
    half = int(SLAB_MM / 2 / k_mm)
    for k in chosen:
        slab = volume.hu[max(0, k - half) : k + half + 1]
        # Two or three slices are enough to even out streaks; reading more only costs time.
        some = slab[:: max(1, (slab.shape[0] - 1) // 2)]
        plane = _see_spine(_average(some, rows, columns), j_mm * rows, i_mm * columns)
        if plane is not None:
            yield int(k), plane


def _see_spine(hu: NDArray[np.float32], j_mm: float, i_mm: float) -> _Plane | None:
    """Return the plane with its vertebra; None where no vertebra is seen."""
    tissue = hu > -250
    if tissue.sum() * j_mm * i_mm < 5000:
        return None
    left, right = _ends(tissue.sum(axis=0))
    middle = (left + right) / 2
    top, bottom = _ends(tissue.sum(axis=1))
    bright = ndimage.binary_fill_holes(ndimage.binary_closing(hu > BRIGHT_HU, iterations=1))
    depth = edt.edt(bright, anisotropy=(j_mm, i_mm))
    row, column = np.indices(hu.shape)
    central = (np.abs(column - middle) * i_mm < 35) & (row > top + 0.5 * (bottom - top))
    depth = np.where(central, depth, 0)
    if depth.max() < 9:
        return None
    spine_row, spine_column = np.unravel_index(int(depth.argmax()), depth.shape)
    return _Plane(hu, j_mm, i_mm, depth, (int(spine_row), int(spine_column)), float(depth.max()))


def _ends(counts: NDArray[np.intp]) -> tuple[int, int]:
    """Return where the first and the last hundredth of counted voxels end."""
    low, high = np.searchsorted(np.cumsum(counts), (0.01 * counts.sum(), 0.99 * counts.sum()))
    return int(low), int(high)


def _reduced(volume: Volume, liver: Liver, k: int, plane: _Plane) -> NDArray[np.bool_]:
    """Return the liver of slice `k` on the plane's blocks."""
    whole = np.zeros(volume.hu.shape[1:], dtype=np.bool_)
    if liver.box.start[0] <= k < liver.box.stop[0]:
        whole[liver.box.slices[1:]] = liver.mask[k - liver.box.start[0]]
    rows = round(plane.j_mm / volume.spacing_mm[1])
    columns = round(plane.i_mm / volume.spacing_mm[2])
    height, width = plane.hu.shape
    return whole[: height * rows : rows, : width * columns : columns]


def _flank_in(plane: _Plane, liver: NDArray[np.bool_], *, left: bool) -> float | None:
    """Return the HU of the brightest even disc beside the vertebra, off the liver, on one side."""
    row, column = np.indices(plane.hu.shape)
    beside = (column - plane.spine[1]) * plane.i_mm * (1 if left else -1) - plane.radius
    forward = (plane.spine[0] - row) * plane.j_mm
    place = (beside > FLANK_NEAR_MM) & (beside < FLANK_FAR_MM)
    place &= (forward < FLANK_FRONT_MM) & (forward > -FLANK_BACK_MM)
    size = tuple(2 * max(1, round(FLANK_MM / mm)) - 1 for mm in (plane.j_mm, plane.i_mm))
    place &= ~ndimage.maximum_filter(liver, size)
    mean = ndimage.uniform_filter(np.clip(plane.hu, -200, 600), size)
    dark, light = ndimage.minimum_filter(plane.hu, size), ndimage.maximum_filter(plane.hu, size)
    # Sinus, medulla and streaks differ within a kidney; ribs and fat differ by more.
    place &= (dark > -10) & (light - dark < UNEVEN_HU + 2 * UNEVEN_SHARE * mean)
    if not place.any():
        return None
    return float(np.where(place, mean, -np.inf).max())


def _average(slab: NDArray[np.int16], rows: int, columns: int) -> NDArray[np.float32]:
    """Return the means over all slices of a slab and blocks of `rows` x `columns` voxels."""
    height, width = (slab.shape[1] // rows) * rows, (slab.shape[2] // columns) * columns
    total = slab[:, :height, :width].sum(axis=0, dtype=np.int32)
    total = total.reshape(height // rows, rows, width).sum(axis=1)
    blocks = np.add.reduce([total[:, n::columns] for n in range(columns)])
    return np.asarray(blocks / (len(slab) * rows * columns), dtype=np.float32)


def _before_the_spine(plane: _Plane) -> NDArray[np.bool_]:
    """Return where an aorta's middle can lie: in front of and left of the vertebra, off its edge."""
    spine_row, spine_column = plane.spine
    row, column = np.indices(plane.hu.shape)
    forward = (spine_row - row) * plane.j_mm
    left = (column - spine_column) * plane.i_mm
    away = np.hypot(forward, left)
    place = (away > plane.radius + DISC_MM + 2) & (away < plane.radius + 34)
    place &= (forward > 3) & (left > -10) & (left < 36)
    return np.asarray(place & ~_vertebra(plane.bone_depth, plane.spine, plane.j_mm, plane.i_mm))


def _evenest(plane: _Plane, place: NDArray[np.bool_]) -> float | None:
    """Return the HU of the brightest even disc with its middle in a place; None where none is even."""
    rows, columns = (max(1, round(DISC_MM / mm)) for mm in (plane.j_mm, plane.i_mm))
    size = (2 * rows - 1, 2 * columns - 1)
    mean = ndimage.uniform_filter(np.clip(plane.hu, -200, 600), size)
    dark, light = ndimage.minimum_filter(plane.hu, size), ndimage.maximum_filter(plane.hu, size)
    place = place & (dark > -10) & (light - dark < UNEVEN_HU + UNEVEN_SHARE * mean)
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

    Each phase is a Gaussian in the HU of aorta and liver (`LOOKS`) and of kidney or spleen
    (`FLANKS`); a flat density stands for what fits none. What is not found does not count.
    """
    if not liver.is_in_view:
        return Phase("unknown", 1.0)
    organ = measure_liver(volume, liver)
    planes = list(_planes_with_kidneys(volume, liver))
    aorta = _aorta_among(planes, volume, liver)
    flank = _flank_among(planes, volume, liver)
    weights = {}
    for label, look in LOOKS.items():
        spread = look.liver_spread * (FATTY if organ < look.liver else 1.0)
        weight = look.share * _normal(organ, look.liver, spread) * spread / look.liver_spread
        weight *= 1 / 300 if aorta is None else _normal(aorta, look.aorta, look.aorta_spread)
        if flank is not None:
            fit = _normal(flank, *FLANKS[label]) / FLANK_DENSITY
            weight *= (1 - FLANK_DOUBT) * fit + FLANK_DOUBT
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
