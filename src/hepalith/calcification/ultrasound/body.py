"""Bright bodies in one frame: where each ends, which belong together, and how large they look."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.ultrasound.scale import Cell, Scales, Seed
from hepalith.image.beam import BeamGrid

__all__ = ["Bright", "Caliper", "find_bodies", "join_bodies", "measure_caliper"]

HALF = 0.5
"""Share of the local contrast, in grey and so in decibels, at which a body ends."""

WINDOW_SHARE = 0.05
"""Half the height of the window a body is first looked for in, as a share of the depth; doubled twice where
the body reaches its edge."""

GOES_ON_SHARE = 0.2
"""Half the height of the last window: what is longer than two fifths of the picture's depth is no focus."""

SPLIT_DROP = 0.5
"""Parts of a body are separate when the saddle between them falls below this share of the lower one's
contrast: the definition of a body's end, applied between two."""

SPLIT_FROM = 2
"""Number of the scale from which that is asked; a body found at the smallest two is as fine as can be."""

WAIST_FROM = 2.5
"""Longest side, in speckle cells, from which a body's outline is asked for a waist."""

WAIST, WAIST_LEAST = 0.72, 0.85
"""A neck narrower than this share of the widest part parts a body, where the second part is at least that
deep: two touching discs of one size have a neck of none, and blur widens it to half. Our judgement."""

LARGEST_PARTED = 20_000
"""Largest window, in samples, in which a waist is looked for: larger bodies are no chain of foci."""

MOST_PARTS = 8
"""More parts than this are the rough edge of one body."""

PAIR_OVERLAP, PAIR_GAP, PAIR_THICK = 0.5, 3.0, 0.75
"""Two parts make an equal sign: they overlap across by this share of the shorter, lie within so many speckle
cells behind one another, and are at most this thick over their width. Our judgement."""

ANGLES = np.arange(18) * (math.pi / 18)
"""Directions in which a body's calipers are tried: the longest is met within half a percent."""

HALO = 1.0
"""Width of the pulse that a contour at half the contrast adds to a body on both sides together, in speckle
cells. A point shows 1.3 to 1.6 of them, a large body 0.8 (a Gaussian pulse, 20 to 30 dB of contrast)."""


@dataclass(frozen=True, slots=True, eq=False)
class Bright:
    """One bright body on the beam grid.

    `start` is the first sample and line of `mask` (bool). `base` and `peak` are the level around it and its
    own, in deviations of speckle, at the size `scale` at which it stands out most, by `deviates`.
    `parts` counts the pieces joined into it; `strokes` is 2 where two of them are parallel and lie behind one
    another, as in an equal sign.
    """

    start: tuple[int, int]
    mask: NDArray[np.bool_]
    base: float
    peak: float
    scale: int
    deviates: float
    goes_on: bool = False
    parts: int = 1
    strokes: int = 1
    centre: tuple[float, float] = field(init=False)
    """Sample and line of its centre."""

    def __post_init__(self) -> None:
        """Work the centre out once: every body is asked for it by every other."""
        rows, columns = self.mask.sum(axis=1), self.mask.sum(axis=0)
        count = max(int(rows.sum()), 1)
        middle = (
            self.start[0] + int(rows @ np.arange(rows.size)) / count,
            self.start[1] + int(columns @ np.arange(columns.size)) / count,
        )
        object.__setattr__(self, "centre", middle)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Where `mask` lies on the beam grid."""
        (s, n), (h, w) = self.start, self.mask.shape
        return slice(s, s + h), slice(n, n + w)

    @property
    def contrast(self) -> float:
        """Brightness above the surroundings, in deviations of speckle."""
        return self.peak - self.base

    @property
    def lines(self) -> tuple[int, int]:
        """Its first line and the one behind its last."""
        return self.start[1], self.start[1] + self.mask.shape[1]


@dataclass(frozen=True, slots=True)
class Caliper:
    """Size on the screen in pixels: longest and shortest, less the blur, and the direction of the longest.

    `tilt` is its angle to the lines' perpendicular, 0 for a body lying across the beams to pi/2 along them.
    `blur_px` is what was taken off along the longest.
    """

    length_px: float
    width_px: float
    tilt: float
    blur_px: float


def find_bodies(scales: Scales, seeds: list[Seed]) -> list[Bright]:
    """Return the bodies around the seeds, the most certain first, none twice.

    A seed within a body already found belongs to it. A body found at a large size is cut where its finer
    picture falls to half between two peaks; two thin parallel parts close behind one another stay one.
    """
    taken = np.zeros(scales.z.shape, np.int32)
    found: list[Bright] = []
    for seed in seeds:
        if taken[seed.sample, seed.line]:
            continue
        body = outline(scales, seed)
        if body is None:
            continue
        for part in split(scales, body):
            here = taken[part.slices]
            mine = part.mask & (here == 0)
            held, whole = int(mine.sum()), int(part.mask.sum())
            if held < 0.6 * whole or held < 4:
                continue
            found.append(part if held == whole else _cropped(part, mine))
            here[part.mask] = len(found)
        taken[seed.sample, seed.line] = taken[seed.sample, seed.line] or -1
    return pair_up(found, scales.cell)


def outline(scales: Scales, seed: Seed) -> Bright | None:
    """Return the body around a seed, bounded at half its contrast at the size it was found at."""
    scale = scales.scales[seed.scale]
    smooth = scales.scales[max(0, seed.scale - 1)].box
    depth, across = scales.z.shape
    share = WINDOW_SHARE
    while True:
        tall = max(round(share * depth), 2 * scale.box[0])
        wide = max(round(share * depth * scales.cell.lines / scales.cell.samples), 2 * scale.box[1])
        top, left = max(0, seed.sample - tall), max(0, seed.line - wide)
        window = (
            slice(top, min(depth, seed.sample + tall + 1)),
            slice(left, min(across, seed.line + wide + 1)),
        )
        z = scales.z[window]
        soft = ndimage.uniform_filter(z, smooth, mode="nearest")
        at = (seed.sample - top, seed.line - left)
        r, c = max(1, scale.box[0] // 2), max(1, scale.box[1] // 2)
        near = soft[max(0, at[0] - r) : at[0] + r + 1, max(0, at[1] - c) : at[1] + c + 1]
        peak = float(near.max())
        base = max(
            0.0, float(scale.mean[seed.sample // scale.stride, seed.line // scale.stride]) - seed.contrast
        )
        above = soft > base + HALF * (peak - base)
        names, count = ndimage.label(above)
        i, j = np.unravel_index(int(near.argmax()), near.shape)
        name = int(names[max(0, at[0] - r) + int(i), max(0, at[1] - c) + int(j)])
        if not count or not name:
            return None
        mask = names == name
        touches = _touches(mask, window, scales.z.shape)
        if not touches or share >= GOES_ON_SHARE:
            break
        share *= 2
    start, mask = _crop((top, left), mask)
    return Bright(start, mask, base, peak, seed.scale, seed.deviates, goes_on=touches)


def _touches(mask: NDArray[np.bool_], window: tuple[slice, slice], shape: tuple[int, int]) -> bool:
    """Return whether a body reaches an edge of its window that is no edge of the picture."""
    return bool(
        (mask[0].any() and window[0].start > 0)
        or (mask[-1].any() and window[0].stop < shape[0])
        or (mask[:, 0].any() and window[1].start > 0)
        or (mask[:, -1].any() and window[1].stop < shape[1])
    )


def _crop(start: tuple[int, int], mask: NDArray[np.bool_]) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """Return the smallest window that holds a mask: where it starts, and the mask in it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return (start[0] + int(rows[0]), start[1] + int(columns[0])), np.ascontiguousarray(tight)


def _cropped(body: Bright, mask: NDArray[np.bool_], peak: float | None = None) -> Bright:
    """Return a part of a body, `mask` on the body's window, with the smallest window that holds it."""
    start, tight = _crop(body.start, mask)
    return replace(body, start=start, mask=tight, peak=body.peak if peak is None else peak)


def split(scales: Scales, body: Bright) -> list[Bright]:
    """Return the separate parts of a body, or the body itself.

    First where its finer picture falls to half between two peaks, then where its outline has a waist.
    """
    parts = _split_at_saddles(scales, body) if body.scale >= SPLIT_FROM else [body]
    return [piece for part in parts for piece in _split_at_waist(part, scales.cell)]


def _split_at_saddles(scales: Scales, body: Bright) -> list[Bright]:
    """Return the parts between which the finer picture falls to half of the brightest one's contrast."""
    z = scales.z[body.slices]
    fine = ndimage.uniform_filter(z, scales.scales[body.scale - 2].box, mode="nearest")
    peak = float(fine[body.mask].max())
    names, count = ndimage.label(body.mask & (fine > body.base + SPLIT_DROP * (peak - body.base)))
    if count < 2:
        return [body]
    sizes = ndimage.sum_labels(body.mask, names, np.arange(1, count + 1))
    kept = np.flatnonzero(sizes >= max(6.0, 0.15 * float(sizes.max()))) + 1
    if len(kept) < 2 or float(sizes[kept - 1].sum()) > 0.8 * body.mask.sum():
        return [body]
    parts = []
    for name in kept.tolist():
        mask = names == name
        parts.append(_cropped(body, mask, float(fine[mask].max())))
    return parts


def _split_at_waist(body: Bright, cell: Cell) -> list[Bright]:
    """Return the parts that a body's outline shows: discs deep inside it, joined by narrower necks.

    Depth is measured in speckle cells, so that a body looks the same along and across the beam.
    """
    height, width = body.mask.shape
    if (
        body.goes_on
        or body.mask.size > LARGEST_PARTED
        or max(height / cell.samples, width / cell.lines) < WAIST_FROM
    ):
        return [body]
    spacing = (1.0 / cell.samples, 1.0 / cell.lines)
    depth = ndimage.distance_transform_edt(np.pad(body.mask, 1), sampling=spacing)[1:-1, 1:-1]
    names, count = ndimage.label(depth > WAIST * float(depth.max()))
    if count < 2:
        return [body]
    deepest = np.zeros(count + 1)
    np.maximum.at(deepest, names.ravel(), depth.ravel())
    kept = np.flatnonzero(deepest[1:] >= WAIST_LEAST * float(depth.max())) + 1
    if len(kept) < 2 or len(kept) > MOST_PARTS:
        return [body]
    cores = np.isin(names, kept)
    at = ndimage.distance_transform_edt(~cores, sampling=spacing, return_distances=False, return_indices=True)
    owner = names[at[0], at[1]]
    return [_cropped(body, body.mask & (owner == name)) for name in kept.tolist()]


def pair_up(bodies: list[Bright], cell: Cell) -> list[Bright]:
    """Return the bodies with the two strokes of each equal sign made one."""
    out: list[Bright] = []
    left = list(bodies)
    while left:
        body = left.pop(0)
        partner = next((other for other in left if _is_pair(body, other, cell)), None)
        if partner is not None:
            left.remove(partner)
            body = replace(join_bodies(body, partner), strokes=2)
        out.append(body)
    return out


def _is_pair(a: Bright, b: Bright, cell: Cell) -> bool:
    """Return whether two bodies are the strokes of one equal sign."""
    if a.goes_on or b.goes_on or a.parts + b.parts > 2:
        return False
    for body in (a, b):
        if body.mask.shape[0] / cell.samples > PAIR_THICK * body.mask.shape[1] / cell.lines + 0.6:
            return False
    overlap = min(a.lines[1], b.lines[1]) - max(a.lines[0], b.lines[0])
    widths = (a.mask.shape[1], b.mask.shape[1])
    if overlap < PAIR_OVERLAP * min(widths) or max(widths) > 2.2 * min(widths):
        return False
    first, second = sorted((a, b), key=lambda body: body.start[0])
    gap = second.start[0] - (first.start[0] + first.mask.shape[0])
    return gap <= PAIR_GAP * cell.samples and min(a.contrast, b.contrast) > 0.5 * max(a.contrast, b.contrast)


def join_bodies(a: Bright, b: Bright) -> Bright:
    """Return two bodies as one; it has two strokes where one of them had."""
    top, left = min(a.start[0], b.start[0]), min(a.start[1], b.start[1])
    bottom = max(a.start[0] + a.mask.shape[0], b.start[0] + b.mask.shape[0])
    right = max(a.lines[1], b.lines[1])
    mask = np.zeros((bottom - top, right - left), np.bool_)
    for body in (a, b):
        rows, columns = body.slices
        mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] |= body.mask
    strong = max(a, b, key=lambda body: body.deviates)
    strokes = max(a.strokes, b.strokes)
    return replace(strong, start=(top, left), mask=mask, parts=a.parts + b.parts, strokes=strokes)


def measure_caliper(body: Bright, grid: BeamGrid, scales: Scales) -> Caliper:
    """Return a body's longest and shortest caliper on the screen, the pulse's width taken off.

    Notes
    -----
    The pulse is as long as a speckle cell along the beam and as wide as one across; in between it is an
    ellipse. What is no longer than the pulse is given a third of its width: it is a point for this picture.
    """
    rows, columns = np.nonzero(body.mask)
    s, n = rows + body.start[0], columns + body.start[1]
    x, y = grid.x_px[s, n].astype(np.float64), grid.y_px[s, n].astype(np.float64)
    i, j = (round(v) for v in body.centre)
    above, below = max(0, i - 2), min(grid.shape[0] - 1, i + 2)
    beam = np.array(
        [grid.x_px[below, j] - grid.x_px[above, j], grid.y_px[below, j] - grid.y_px[above, j]], np.float64
    )
    beam /= max(float(np.hypot(*beam)), 1e-6)
    cell, step, apart = scales.cell, grid.step_px, float(scales.width_px[i])
    along, across = np.sin(ANGLES), np.cos(ANGLES)
    runs = np.outer(along * beam[0] - across * beam[1], x) + np.outer(along * beam[1] + across * beam[0], y)
    seen = runs.max(axis=1) - runs.min(axis=1) + np.hypot(along * step, across * apart)
    blur = HALO * np.hypot(along * cell.samples * step, across * cell.lines * apart)
    sizes = np.maximum(np.sqrt(np.maximum(seen**2 - blur**2, 0.0)), blur / 3)
    most = int(sizes.argmax())
    angle = float(ANGLES[most])
    return Caliper(float(sizes[most]), float(sizes.min()), min(angle, math.pi - angle), float(blur[most]))
