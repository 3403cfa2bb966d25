"""Masses of the liver that are brighter or darker than it, and the bull's eye, in one ultrasound picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.aside import find_aside
from hepalith.anatomy.ultrasound.body import DarkBody, Lesion
from hepalith.anatomy.ultrasound.cells import Cells, block_mean
from hepalith.anatomy.ultrasound.liver import Stretch

__all__ = ["find_lesions"]

RADII = (0.045, 0.065, 0.09, 0.125)
"""Radii that are looked for, as shares of the depth: 7 to 19 mm of 150. Smaller masses drown in the grain of
the liver, larger ones draw its level to themselves."""

COARSER = 2
"""Cells taken together: the smallest mass is six of those across."""

SURROUND = 1.7
"""Outer radius of the surroundings, in radii of the mass."""

CLIP = 3.0
"""Contrast beyond which a cell counts no more: a vessel or a focus must not make a mass."""

BELOW_SURE = 2.5
"""Scores further below `SURE` than this have a probability under 0.1 and are not looked at more closely."""

LEAST_STEP = 0.55
"""Least difference of a mass from its surroundings, in standard deviations of speckle; readers see about
half a deviation over an area of this size (contrast times square root of the number of speckle cells, near
five)."""

LEAST_EVEN = 0.8
"""Share of a mass that must lie on its own side of the border's level: a cross of vessels does not."""

SECTORS, SIDES = 8, 0.35
"""The mass must stand out, by this share of its whole step, against every one of so many sectors around it
but one: the liver's slopes, and stripes of shade and enhancement, stand out against half of them."""

BORDER = 4
"""Cells along the liver's borders that count for nothing: wall and interface blur into them."""

MOST = 6
"""Masses kept, the most certain first."""

SURE = 7.0
"""Score (difference over the spread of such differences in this liver, large bodies favoured a little) at
which a mass is as likely as not; vessel crossings, ligaments and the stripes of gain
reach six to seven. Our judgement, on phantoms and stills."""

SHELLS = ((0.0, 0.5), (0.5, 0.85), (0.85, 1.2), (1.2, 1.5), (1.5, 2.1))
"""Shells about the centre, in radii, over which the course from centre to surroundings is read."""

RIM_STEP = 0.6
"""Depth of a dark rim below both its centre and its surroundings that makes a bull's eye, in deviations."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A candidate: its cell, radius in cells along, and how far it stands out."""

    row: int
    column: int
    radius: float
    step: float
    score: float


def find_lesions(
    cells: Cells, stretch: Stretch, dark: NDArray[np.int32], bodies: tuple[DarkBody, ...]
) -> tuple[Lesion, ...]:
    """Return the masses in the liver, the most certain first.

    Parameters
    ----------
    dark
        Labels of `bodies` at every sample and line.

    Notes
    -----
    At each radius the mean over a box is set against its surroundings (centre and surround), in units of the
    spread of such differences over the liver. Cirrhotic grain, focal fat and the shade of a rib can look the
    same; `probability` stays below 0.9 for that. Empty bodies (cysts, vessels) are no lesions here.
    """
    if not stretch.mask.any():
        return ()
    hollow = _hollow(cells, dark, bodies)
    inner = ndimage.minimum_filter(stretch.mask, (2 * BORDER + 1, 3), mode="constant")
    free = (inner & ~hollow & ~find_aside(cells, stretch.contrast)).astype(np.float32)
    known = block_mean(free, (COARSER, COARSER))
    contrast = block_mean(np.clip(stretch.contrast, -CLIP, CLIP) * free, (COARSER, COARSER))
    contrast /= np.maximum(known, np.float32(0.25))
    known = (known > 0.5).astype(np.float32)
    contrast *= known
    width = float(cells.width_px[len(cells.width_px) // 2]) * cells.size[1]
    ratio = cells.size[0] * cells.step_px / max(width, 1e-6)
    spots: list[_Spot] = []
    for share in RADII:
        spots += _spots(contrast, known, share * contrast.shape[0], ratio)
    spots.sort(key=lambda spot: -spot.score)
    lesions: list[Lesion] = []
    taken: list[_Spot] = []
    for spot in spots:
        if len(lesions) >= MOST or spot.score < SURE - BELOW_SURE:
            break
        if any(_same(spot, other, ratio) for other in taken):
            continue
        lesion = _describe(len(lesions) + 1, spot, contrast, known, cells)
        if lesion is not None:
            taken.append(spot)
            lesions.append(lesion)
    return tuple(lesions)


def _hollow(cells: Cells, dark: NDArray[np.int32], bodies: tuple[DarkBody, ...]) -> NDArray[np.bool_]:
    """Return the cells of empty bodies and tubes, with their blur."""
    full = np.zeros(len(bodies) + 1, dtype=np.bool_)
    for body in bodies:
        full[body.id] = body.kind not in ("lesion", "unknown")
    rows = np.minimum(np.arange(cells.shape[0]) * cells.size[0] + cells.size[0] // 2, dark.shape[0] - 1)
    columns = np.minimum(np.arange(cells.shape[1]) * cells.size[1] + cells.size[1] // 2, dark.shape[1] - 1)
    mask = full[dark[np.ix_(rows, columns)]]
    return np.asarray(ndimage.maximum_filter(mask, 3, mode="constant"), dtype=np.bool_)


def _spots(
    contrast: NDArray[np.float32], known: NDArray[np.float32], radius: float, ratio: float
) -> list[_Spot]:
    """Return the places that differ from their surroundings at one radius."""
    sizes = [_odd(2 * radius * 0.8), _odd(2 * radius * 0.8 * ratio)]
    wide = [_odd(2 * radius * SURROUND), _odd(2 * radius * SURROUND * ratio)]
    inner, held = (ndimage.uniform_filter(part, sizes, mode="constant") for part in (contrast, known))
    outer, near = (ndimage.uniform_filter(part, wide, mode="constant") for part in (contrast, known))
    area, all_area = float(np.prod(sizes)), float(np.prod(wide))
    ring = (near * all_area - held * area) / (all_area - area)
    around = (outer * all_area - inner * area) / np.maximum(near * all_area - held * area, 1e-3)
    step = inner / np.maximum(held, np.float32(1e-3)) - around
    usable = (held > 0.8) & (ring > 0.55)
    if not usable.any():
        return []
    spread = max(float(np.median(np.abs(step[usable]))) / 0.6745, 0.12)
    height = np.where(usable, np.abs(step), 0)
    peak = (height == ndimage.maximum_filter(height, sizes, mode="constant")) & (height > LEAST_STEP)
    return [
        _Spot(int(r), int(c), radius, float(step[r, c]), float(height[r, c] / spread) * radius**0.25)
        for r, c in np.argwhere(peak)
    ]


def _odd(value: float) -> int:
    """Return the nearest odd number of cells, three at least."""
    return max(3, 2 * round((value - 1) / 2) + 1)


def _same(spot: _Spot, other: _Spot, ratio: float) -> bool:
    """Return whether two spots overlap."""
    apart = np.hypot(spot.row - other.row, (spot.column - other.column) / max(ratio, 1e-6))
    return bool(apart < spot.radius + other.radius)


def _describe(
    number: int, spot: _Spot, contrast: NDArray[np.float32], known: NDArray[np.float32], cells: Cells
) -> Lesion | None:
    """Return a spot as a mass, or ``None`` where it is not even enough to be one."""
    size = (COARSER * cells.size[0], COARSER * cells.size[1])
    tall = size[0] * cells.step_px
    sample = min(spot.row * size[0], len(cells.width_px) - 1)
    wide = float(cells.width_px[sample]) * size[1]
    rows = (np.arange(contrast.shape[0])[:, None] - spot.row) * tall
    columns = (np.arange(contrast.shape[1])[None] - spot.column) * wide
    away = np.hypot(rows, columns) / (spot.radius * tall)
    course = []
    for low, high in SHELLS:
        shell = (away >= low) & (away < high) & (known > 0)
        course.append(float(contrast[shell].mean()) if shell.sum() >= 2 else 0.0)
    inside = (away < 0.85) & (known > 0)
    if inside.sum() < 5:
        return None
    outside = course[-1]
    half = outside + 0.4 * spot.step
    even = float((contrast[inside] > half).mean() if spot.step > 0 else (contrast[inside] < half).mean())
    if even < LEAST_EVEN:
        return None
    sides = _sides(rows, columns, away, contrast, known)
    if sum((course[0] - side) * np.sign(spot.step) > SIDES * abs(spot.step) for side in sides) < SECTORS - 1:
        return None
    if (course[0] - outside) * np.sign(spot.step) < LEAST_STEP:
        return None
    rim = min(course[2:4])
    eye = min(course[0] - rim, outside - rim)
    bulls = float(1 / (1 + np.exp(-(eye - RIM_STEP) / 0.15)))
    sharp = max(abs(a - b) for a, b in pairwise(course[1:]))
    chance = 0.85 / (1 + np.exp(-(spot.score - SURE) / 1.2)) * min(1.0, (even - 0.5) / 0.35)
    diameter = 2 * spot.radius * tall
    return Lesion(
        id=number,
        centre=((spot.row + 0.5) * size[0], (spot.column + 0.5) * size[1]),
        length_px=diameter,
        width_px=diameter,
        centre_contrast=course[0] - outside,
        rim_contrast=rim - outside,
        border_sharpness=float(sharp),
        bulls_eye=bulls,
        probability=float(np.clip(chance, 0, 0.9)),
        extra=MappingProxyType({"even": even, "step": spot.step, "score": spot.score}),
    )


def _sides(
    rows: NDArray[np.floating],
    columns: NDArray[np.floating],
    away: NDArray[np.floating],
    contrast: NDArray[np.float32],
    known: NDArray[np.float32],
) -> list[float]:
    """Return the mean contrast of every sector about a spot; a sector that is not known counts as like it."""
    ring = (away >= 1.2) & (away < 1.9) & (known > 0)
    sector = ((np.arctan2(columns, rows) + np.pi) * (SECTORS / (2 * np.pi))).astype(np.intp)[ring] % SECTORS
    count = np.bincount(sector, minlength=SECTORS)
    total = np.bincount(sector, weights=contrast[ring], minlength=SECTORS)
    return [float(t / c) if c >= 1 else float("nan") for t, c in zip(total, count, strict=True)]
