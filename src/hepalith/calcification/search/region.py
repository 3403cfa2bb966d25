"""Where candidates are looked for, and at which brightness: sparse, slab by slab, box by box.

Hardly any voxel of a liver is bright. Nothing here makes an array of the whole crop: seeds are found
slab by slab, and only what grows from them is looked at closely.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.calcification.search.background import enlarge, reduce_sum
from hepalith.geometry import Box

__all__ = ["Layer", "SearchRegion", "coarse_at", "lay_search"]

SEARCH_MARGIN_MM = 5.0
"""How far outside the mask seeds count. A segmentation may leave out bright voxels at the surface;
what lies here is kept only when it touches the liver. Our judgement."""

NOTCH_MM = 10.0
"""Reach of the closing that gives notches and bays of the outline to the search: an outline steps back
from metal and its streaks by about this much. Our judgement."""

FIRST_BOX = 8
"""Voxels about a seed in which its body is looked for first; the box grows where the body leaves it."""

DENSE_HU = 250
"""HU from which the part of a body beyond the search region counts as dense: bone's cortex. Our judgement."""

MOST_HU = 32767
"""Level that no voxel exceeds."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchRegion:
    """Where candidates are looked for, on the coarse grid of the background.

    `within` is the mask with its holes, grown by `SEARCH_MARGIN_MM`; `closed` is the mask closed over its
    notches, `widest` that grown likewise.
    """

    within: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    widest: NDArray[np.bool_]

    def with_notches(self) -> SearchRegion:
        """Return the region with the notches of the outline."""
        return SearchRegion(self.widest, self.closed, self.widest)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The crop, with the levels of seeds and bodies.

    Parameters
    ----------
    hu
        The crop.
    cells
        Voxels per cell of the coarse maps.
    seed_hu, grow_hu
        float32, coarse: what a seed and what a body's voxel must exceed.
    region
        Where to look.
    """

    hu: NDArray[np.int16]
    cells: tuple[int, int, int]
    seed_hu: NDArray[np.float32]
    grow_hu: NDArray[np.float32]
    region: SearchRegion

    def bright_in(self, box: Box) -> NDArray[np.bool_]:
        """Return the voxels of a box above the level of bodies, wherever they lie."""
        return np.asarray(self.hu[box.slices] > coarse_at(_whole(self.grow_hu), self.cells, box))

    def seeds(self) -> NDArray[np.intp]:
        """Return the flat indices of all seeds, in order."""
        found = []
        level = np.where(self.region.within, _whole(self.seed_hu), MOST_HU).astype(np.int16)
        for box in self._slabs():
            above = self.hu[box.slices] > coarse_at(level, self.cells, box)
            k, j, i = np.nonzero(above)
            k, j, i = (n + a for n, a in zip((k, j, i), box.start, strict=True))
            found.append(np.ravel_multi_index((k, j, i), self.hu.shape))
        seeds = np.concatenate(found) if found else np.zeros(0, np.intp)
        return np.sort(seeds)

    def bodies(self, seeds: NDArray[np.intp]) -> Iterator[tuple[Box, NDArray[np.bool_], NDArray[np.bool_]]]:
        """Yield the connected bright bodies that hold seeds: box, voxels, and seeds among them."""
        marked = np.zeros(self.hu.shape, np.bool_)
        flat = marked.ravel()
        flat[seeds] = True
        for seed in seeds:
            if not flat[seed]:
                continue
            box, body = self._grown_from(tuple(int(n) for n in np.unravel_index(seed, self.hu.shape)))
            held = marked[box.slices] & body
            marked[box.slices] &= ~body
            flat[seed] = False
            yield box, body, held

    def outside_of(self, box: Box, extent: NDArray[np.bool_], reach: Sequence[int]) -> tuple[int, int]:
        """Return how many voxels of a body lie beyond the search region, and how many of these are dense.

        Looked for within `reach` voxels of the body.
        """
        wide = box.grown(reach, self.hu.shape)
        beyond = ~coarse_at(self.region.within, self.cells, wide)
        if not beyond.any():
            return 0, 0
        labels = cc3d.connected_components(self.bright_in(wide), connectivity=26)
        inner = tuple(
            slice(a - b, a - b + n) for a, b, n in zip(box.start, wide.start, extent.shape, strict=True)
        )
        name = int(np.bincount(labels[inner][extent]).argmax())
        if name == 0:
            return 0, 0
        beyond &= labels == name
        return int(beyond.sum()), int((self.hu[wide.slices][beyond] > DENSE_HU).sum())

    def _grown_from(self, seed: tuple[int, ...]) -> tuple[Box, NDArray[np.bool_]]:
        """Return the body about a seed, with its box; the box is widened until the body ends within."""
        shape = self.hu.shape
        k, j, i = seed
        box = Box((k, j, i), (k + 1, j + 1, i + 1)).grown((FIRST_BOX,) * 3, shape)
        while True:
            bright = self.bright_in(box) & coarse_at(self.region.within, self.cells, box)
            labels = cc3d.connected_components(bright, connectivity=26)
            name = labels[tuple(n - a for n, a in zip(seed, box.start, strict=True))]
            body = labels == name if name else np.zeros(box.shape, np.bool_)
            around = Box.around(body)
            start = [
                max(0, a - n // 2) if low == 0 else a
                for a, n, low in zip(box.start, box.shape, around.start, strict=True)
            ]
            stop = [
                min(m, b + n // 2) if high == n else b
                for b, n, high, m in zip(box.stop, box.shape, around.stop, shape, strict=True)
            ]
            wider = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
            if wider == box or not name:
                return box, body
            box = wider

    def _slabs(self) -> Iterator[Box]:
        """Yield, for every coarse slice, the box of what is searched in it."""
        deep = self.cells[0]
        for k, plane in enumerate(self.region.within):
            rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
            if rows.size == 0:
                continue
            stop = [
                min((int(last) + 1) * f, n)
                for last, f, n in zip((k, rows[-1], columns[-1]), self.cells, self.hu.shape, strict=True)
            ]
            yield Box(
                (k * deep, int(rows[0]) * self.cells[1], int(columns[0]) * self.cells[2]),
                (stop[0], stop[1], stop[2]),
            )


def lay_search(
    liver: NDArray[np.bool_], cells: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> SearchRegion:
    """Return where candidates are looked for: the mask, its holes and notches, and a margin about them.

    Parameters
    ----------
    liver
        Mask of the crop.
    cells
        Voxels per cell of the coarse grid.
    spacing_mm
        Voxel spacing.
    """
    coarse = ndimage.binary_fill_holes(reduce_sum(liver, cells) > 0)
    size = [s * f for s, f in zip(spacing_mm, cells, strict=True)]
    swollen = _distance(coarse, size) <= NOTCH_MM
    closed = coarse | (_distance(~swollen, size) > NOTCH_MM)
    margin = max(SEARCH_MARGIN_MM, *size[1:])
    return SearchRegion(_distance(coarse, size) <= margin, closed, _distance(closed, size) <= margin)


def _distance(mask: NDArray[np.bool_], size_mm: Sequence[float]) -> NDArray[np.float32]:
    """Return the distance to a mask, in mm."""
    return np.asarray(edt.edt(np.ascontiguousarray(~mask), anisotropy=tuple(size_mm), black_border=False))


def coarse_at(coarse: NDArray[Any], cells: tuple[int, int, int], box: Box) -> NDArray[Any]:
    """Return a coarse map at every voxel of a box."""
    part = coarse[
        tuple(slice(a // f, -(-b // f)) for a, b, f in zip(box.start, box.stop, cells, strict=True))
    ]
    ahead = [a % f for a, f in zip(box.start, cells, strict=True)]
    whole = enlarge(part, cells, [a + n for a, n in zip(ahead, box.shape, strict=True)])
    return np.asarray(whole[ahead[0] :, ahead[1] :, ahead[2] :])


def _whole(coarse_hu: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return a coarse map of HU in whole numbers, as the image has them."""
    return np.rint(np.clip(coarse_hu, -MOST_HU, MOST_HU)).astype(np.int16)
