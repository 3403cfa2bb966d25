"""Landmarks that place Couinaud's planes: what lies beside the liver, and the liver's own outline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.atlas.vertebra import find_vertebra
from hepalith.anatomy.liver import Liver
from hepalith.anatomy.organs import Organs
from hepalith.image.volume import Volume

__all__ = ["FEATURES", "UNDERSIDE_AT", "VIEWS", "Landmarks", "find_landmarks"]

GRID_MM = 4.0
"""Spacing on which the outline is read: extents and heights are then good to about 2 mm."""
SEEN = 0.3
"""Probability from which the network's voxel counts for an organ's middle. On phantoms of the development
split the middles of cava and aorta are then right within 1 mm."""
LEAST_SLICES = 2
"""Fewest slices of an organ whose middle is taken."""
CAVA_FROM_SPINE_MM = (-12.0, -14.0)
"""Where the cava lies from the middle of the vertebra's front, to the left and to the back, where no network
saw it. K; on the shared scans 8 to 16 mm to the right."""
CAVA_DOUBT_MM = 8.0
"""... and the standard deviation of that."""
USUAL_HALF_WIDTH_MM = 140.0
"""Half-width of an adult's rib cage at the liver, where ribs were not seen. Our judgement."""
RIB_SHARE = 20.0
"""Percentile over slices of how far ribs reach to each side: single slices may miss them."""
UNDERSIDE_AT = {
    "porta": (-0.06, -0.17),
    "fossa": (-0.35, -0.30),
    "left": (0.15, -0.30),
    "right": (-0.35, 0.0),
    "lateral": (0.25, -0.15),
}
"""Where the height of the liver's underside is read, from the cava's middle, in half-widths of the rib cage
to the left and to the back: at the porta hepatis, beside the gallbladder's fossa, in the left and the right
lobe and in the lateral segments. Our judgement after routine CT."""
UNDERSIDE_REACH = 0.09
"""Half the size of those windows: some 12 mm."""
LEAST_COLUMNS = 4
"""Fewest columns of voxels from which a height is read."""
TOP_MM = 10.0
"""Voxels so far below the highest, and above the lowest, tell where the dome and the lower tip are."""
EDGE = 1.0
"""Percentile of the voxels that extents leave out at each end: slivers of a bad outline."""
CUT_MM = 6.0
"""A surface so near to where the scan cuts the liver is the cut's."""

CUT_MM2 = 1000.0
"""A section of the liver larger than this, in the first or last slice, is a cut: a dome reaches 18 mm farther
above one of this size. Our judgement."""

VIEWS = {(False, False): "whole", (True, False): "upper", (False, True): "lower", (True, True): "slab"}
"""What a scan that cuts the liver below, above, sees of it."""

FEATURES = (
    "aorta_x", "aorta_y", "cage_x", "right_x", "left_x", "front_y", "back_y", "centre_x", "centre_y",
    "centre_z", "size", "height", "top_x", "top_y", "top_left", "top_section", "low_x", "low_y", "low_left",
    "low_section", "gallbladder_x", "gallbladder_y", "gallbladder_z", "heart_z", "lung_z", "kidney_z",
    *(f"{name}_z" for name in UNDERSIDE_AT),
)  # fmt: skip
"""What is measured, in half-widths of the rib cage from the origin of the landmarks: middles of aorta,
rib cage, liver and gallbladder; the liver's extents, the cube root of its volume; where its highest and its
lowest voxels lie, how far they reach to the left, and the square root of their section; how low heart and
lung reach and how high the right kidney, within what is seen of the liver; heights of the underside."""

ORGAN_FEATURES = (
    "aorta_x", "aorta_y", "gallbladder_x", "gallbladder_y", "gallbladder_z", "heart_z", "lung_z", "kidney_z",
)  # fmt: skip
"""Those of `FEATURES` that the network's organs give."""
BELOW_MM = 35.0
"""How far below the liver's lower end, where it is cut, the gallbladder is still looked for."""
SURE, LEAST_VOXELS = 0.5, 3
"""Probability and number of voxels in a slice from which an organ reaches into it."""

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Where one liver's landmarks lie.

    Parameters
    ----------
    origin
        x and y of the vena cava's middle; z of the dome, of the lower end where the dome is cut off, or
        of the middle of what is seen where both are. LPS mm.
    half_width_mm
        Half-width of the rib cage: the patient's size.
    view
        One of `VIEWS`.
    features
        `FEATURES`; NaN where not seen.
    cava_doubt_mm
        Standard deviation of the cava's place: 0 where it was seen.
    """

    origin: Points
    half_width_mm: float
    view: str
    features: Mapping[str, float]
    cava_doubt_mm: float = 0.0


def find_landmarks(volume: Volume, liver: Liver) -> Landmarks | None:
    """Return the landmarks of a liver; None where neither the vena cava nor the spine is in view."""
    stride = [max(1, round(GRID_MM / s)) for s in volume.spacing_mm]
    small = liver.mask[tuple(slice(None, None, n) for n in stride)]
    points = volume.grid.to_lps(np.argwhere(small) * stride + np.array(liver.box.start))
    if not len(points):
        return None
    low, high = float(points[:, 2].min()), float(points[:, 2].max())
    cut = _find_cuts(volume, liver)
    found = _find_cava(volume, liver, low, high)
    if found is None:
        return None
    cava, doubt = found
    cage = _find_cage(volume, liver.organs, low, high)
    half = USUAL_HALF_WIDTH_MM if cage is None else (cage[1] - cage[0]) / 2
    height = low if cut[1] else high
    origin = np.array([*cava, (low + high) / 2 if cut == (True, True) else height])
    units = (points - origin) / half
    features = _outline_features(units, float(np.prod(stride)) * volume.grid.voxel_mm3 / half**3)
    features["cage_x"] = np.nan if cage is None else ((cage[0] + cage[1]) / 2 - cava[0]) / half
    floor = (low + CUT_MM - origin[2]) / half if cut[0] else -np.inf
    features |= _underside(units, max(GRID_MM, *(np.array(stride) * volume.spacing_mm)) / half, floor)
    for name, place in _organ_places(volume, liver.organs, cava[0], low, high).items():
        axis = "xyz".index(name[-1])
        features[name] = (place - origin[axis]) / half
    return Landmarks(origin, half, VIEWS[cut], MappingProxyType(features), doubt)


def _find_cuts(volume: Volume, liver: Liver) -> tuple[bool, bool]:
    """Return whether the scan cuts the liver below, and above; a sliver in the last slice is no cut."""
    _, j_mm, i_mm = volume.spacing_mm
    ends = (
        (liver.box.start[0] == 0, liver.mask[0]),
        (liver.box.stop[0] == volume.hu.shape[0], liver.mask[-1]),
    )
    low, high = (touches and np.count_nonzero(m) * j_mm * i_mm > CUT_MM2 for touches, m in ends)
    return bool(low), bool(high)


def _organ_places(
    volume: Volume, organs: Organs | None, cava_x: float, low: float, high: float
) -> dict[str, float]:
    """Return where the network's organs lie beside the liver, LPS mm, by the features' names.

    Heights are held within what is seen of the liver: an organ that does not reach so far lies beyond.
    """
    found = dict.fromkeys(ORGAN_FEATURES, np.nan)
    if organs is None:
        return found
    for name, reach in (("aorta", 0.0), ("gallbladder", BELOW_MM)):
        middles = _middles(volume, organs, name, low - reach, high)
        if len(middles) >= LEAST_SLICES:
            values = np.median(middles, axis=0)
            found |= {f"{name}_{a}": float(values[k]) for k, a in enumerate("xyz") if f"{name}_{a}" in found}
    heights = _heights(volume, organs)
    columns = np.zeros((organs.coarse.hu.shape[2], 3))
    columns[:, 2] = np.arange(len(columns))
    right = _lps(volume, organs, columns)[:, 0] < cava_x
    for name, lowest in (("heart", True), ("lung", True), ("kidney", False)):
        seen = organs.of(name) > SURE
        seen = seen if name == "heart" else seen[:, :, right]
        (slices,) = np.nonzero(np.count_nonzero(seen, axis=(1, 2)) >= LEAST_VOXELS)
        end = (high if lowest else low) if not slices.size else heights[slices[0] if lowest else slices[-1]]
        found[f"{name}_z"] = float(np.clip(end, low, high))
    return found


def _middles(volume: Volume, organs: Organs | None, name: str, low: float, high: float) -> Points:
    """Return the middle of an organ in each slice of the network's grid between two heights, (n, 3) LPS."""
    if organs is None:
        return np.zeros((0, 3))
    field, found = organs.of(name), []
    for k, z in enumerate(_heights(volume, organs)):
        plane = field[k]
        seen = np.where(plane > SEEN, plane, 0)
        total = float(seen.sum())
        if low <= z <= high and total > SEEN:
            row = float((seen.sum(axis=1) * np.arange(plane.shape[0])).sum()) / total
            column = float((seen.sum(axis=0) * np.arange(plane.shape[1])).sum()) / total
            found.append(_lps(volume, organs, np.array([k, row, column])))
    return np.array(found).reshape(-1, 3)


def _lps(volume: Volume, organs: Organs, index: Points) -> Points:
    """Return LPS of indices on the network's grid."""
    return volume.grid.to_lps(np.array(organs.coarse.first) + index * np.array(organs.coarse.step))


def _heights(volume: Volume, organs: Organs) -> Points:
    """Return z of the middle of every slice of the network's grid."""
    slices, rows, columns = organs.coarse.hu.shape
    index = np.full((slices, 3), [0.0, rows / 2, columns / 2])
    index[:, 0] = np.arange(slices)
    return _lps(volume, organs, index)[:, 2]


def _find_cava(
    volume: Volume, liver: Liver, low: float, high: float
) -> tuple[tuple[float, float], float] | None:
    """Return x and y of the cava's middle, and its doubt in mm; None where nothing tells."""
    seen = _middles(volume, liver.organs, "vena_cava", low, high)
    if len(seen) >= LEAST_SLICES:
        x, y, _ = np.median(seen, axis=0)
        return (float(x), float(y)), 0.0
    spine = find_vertebra(volume, liver.box)
    if spine is None:
        return None
    middle = (liver.box.start[0] + liver.box.stop[0]) / 2
    x, y, _ = volume.grid.to_lps([middle, spine.row, spine.column])
    left, back = CAVA_FROM_SPINE_MM
    return (float(x) + left, float(y) - spine.radius_mm + back), CAVA_DOUBT_MM


def _find_cage(volume: Volume, organs: Organs | None, low: float, high: float) -> tuple[float, float] | None:
    """Return x of the right and the left side of the rib cage beside the liver; None where not seen."""
    if organs is None:
        return None
    bone = organs.of("bone") > SEEN
    sides = []
    for k, z in enumerate(_heights(volume, organs)):
        (columns,) = np.nonzero(bone[k].any(axis=0))
        if low <= z <= high and columns.size > 1:
            ends = np.array([[k, 0, columns[0]], [k, 0, columns[-1]]], dtype=np.float64)
            sides.append(_lps(volume, organs, ends)[:, 0])
    if len(sides) < LEAST_SLICES:
        return None
    right, left = np.array(sides).T
    return float(np.percentile(right, RIB_SHARE)), float(np.percentile(left, 100 - RIB_SHARE))


def _outline_features(points: Points, cell: float) -> dict[str, float]:
    """Return extents, middles and sections of the liver from its points, each of volume `cell`."""
    x, y, z = points.T
    high, low = float(z.max()), float(z.min())
    right, left = np.percentile(x, [EDGE, 100 - EDGE])
    front, back = np.percentile(y, [EDGE, 100 - EDGE])
    found = {
        "right_x": float(right), "left_x": float(left), "front_y": float(front), "back_y": float(back),
        "centre_x": float(x.mean()), "centre_y": float(y.mean()), "centre_z": float(z.mean()),
        "size": (len(points) * cell) ** (1 / 3), "height": high - low,
    }  # fmt: skip
    band = TOP_MM / USUAL_HALF_WIDTH_MM
    for name, held in (("top", points[z > high - band]), ("low", points[z < low + band])):
        found[f"{name}_x"], found[f"{name}_y"] = float(held[:, 0].mean()), float(held[:, 1].mean())
        found[f"{name}_left"] = float(np.percentile(held[:, 0], 100 - EDGE))
        found[f"{name}_section"] = float(np.sqrt(len(held) * cell / band))
    return found


def _underside(points: Points, step: float, floor: float) -> dict[str, float]:
    """Return the height of the liver's lower surface in each window; NaN where cut or not there."""
    found = {}
    for name, (left, back) in UNDERSIDE_AT.items():
        near = np.abs(points[:, :2] - (left, back)).max(axis=1) < UNDERSIDE_REACH
        held = points[near]
        cells = np.floor((held[:, :2] - (left, back) + UNDERSIDE_REACH) / step).astype(np.intp)
        across = int(2 * UNDERSIDE_REACH / step) + 2
        lowest = np.full(across * across, np.inf)
        np.minimum.at(lowest, cells[:, 0] * across + cells[:, 1], held[:, 2])
        lowest = lowest[np.isfinite(lowest)]
        height = float(np.median(lowest)) if lowest.size >= LEAST_COLUMNS else np.nan
        found[f"{name}_z"] = height if height > floor else np.nan
    return found
