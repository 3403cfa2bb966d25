"""Evidence: how far each place of a liver stands out from its noise, at several sizes of focus.

The liver's box is filtered slab by slab with the matched filters of small spheres; every filter's output is
then read in deviations of what that output does in this very scan, place by place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hepalith.calcification.background import Surroundings, reduce_sum
from hepalith.calcification.extreme import level_for
from hepalith.calcification.local_scale import Places, lower_deviation, measure_scale, measure_scatter
from hepalith.calcification.matched_filter import FilterBank, kernel_reach, make_bank
from hepalith.calcification.search import SearchRegion, coarse_at, lay_search
from hepalith.geometry import Box
from hepalith.image.covariance import BLOCK_MM, Covariance, choose_blocks, measure_covariance
from hepalith.image.noise import Blur, Noise

__all__ = ["STEPS_PER_UNIT", "Evidence", "lay_evidence"]

FALSE_CALLS = 0.02
"""Expected number of places in one liver where noise alone exceeds the threshold, all sizes together. In
simulated noise two to three times as many do (structure joins in: `benchmarks/detection.py`); the rest of the
0.34 false calls a scan that are aimed at is left to vessels and neighbours."""

LOW_CLIP = 2.5
"""Noise deviations below the background at which a voxel is cut off: fat, ducts and gas would ring."""

EDGE_MM = 4.0
"""Depth below the mask's surface to which nothing darker than the background counts: there the outside shows
by partial volume and breathing."""

HIGH_CLIP = 3.0
"""Noise deviations at which voxels are cut off when the covariance is measured: foci and large vessels must
not pass for noise."""

SLAB_MM = 60.0
"""Height of the slabs that are filtered at once: they bound the memory. Our judgement."""

LOCAL_SIZE = 1
"""Which filter's output shows how noise and structure differ from place to place."""

SCATTER_SIZE = 0
"""Which filter's output shows how the noise itself differs from place to place: the finest, to which the
liver's structure adds least."""

LEAST_DEEP_CELLS = 30
"""Fewest deep cells; a liver with fewer is taken as it is, surface and all."""

STEPS_PER_UNIT = 64
"""Steps in which an output is kept, per deviation: a tenth of a per cent of the threshold."""

MOST_STEPS = 32000
"""Most steps: 500 deviations."""

WORKERS = 2
"""Threads of a Fourier transform."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the filters say of every place of the crop.

    Parameters
    ----------
    maps
        int16, one per size of the bank, shape of the crop: output of the filters in `unit` deviations.
    unit
        Of each map: deviations of the liver's own output in 1.
    bank
        The filters.
    scale
        float32, coarse: by what the output is to be divided at each place (local deviation and tail).
    threshold
        What the scaled output must exceed.
    region
        Where to look.
    cells
        Voxels per coarse cell.
    """

    maps: tuple[NDArray[np.int16], ...]
    unit: tuple[float, ...]
    bank: FilterBank
    scale: NDArray[np.float32]
    threshold: float
    region: SearchRegion
    cells: tuple[int, int, int]

    def needed_at(self, box: Box) -> NDArray[np.float32]:
        """Return what the maps must exceed at every voxel of a box."""
        return np.asarray(self.threshold * coarse_at(self.scale, self.cells, box), dtype=np.float32)

    def peak_hu(self, size: int) -> float:
        """Return by how many HU a sphere's brightest voxel stands out where the map of a size reads 1."""
        return self.bank.peak_hu[size] / (STEPS_PER_UNIT * self.unit[size])

    def small_at(self, box: Box, body: NDArray[np.bool_]) -> float:
        """Return the greatest evidence for one of the two smallest sizes in a body."""
        return max(
            float(m[box.slices][body].max()) * u for m, u in zip(self.maps[:2], self.unit, strict=False)
        )

    def best_at(self, place: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Return the greatest evidence at some voxels, in deviations, and the size that gives it."""
        at = tuple(place.T)
        values = np.stack([m[at] * np.float32(u) for m, u in zip(self.maps, self.unit, strict=True)])
        return values.max(axis=0), values.argmax(axis=0)


def lay_evidence(
    hu: NDArray[np.int16],
    liver: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    *,
    noise: Noise,
    blur: Blur,
    surroundings: Surroundings,
) -> Evidence:
    """Return the evidence for foci in a crop.

    Parameters
    ----------
    hu, liver
        HU and mask of the crop.
    spacing_mm
        Voxel spacing.
    noise, blur, surroundings
        Of this liver.
    """
    cells = surroundings.factor
    flat = _Flattened(
        hu,
        surroundings.level_hu,
        reduce_sum(liver, cells) > 0.5 * float(np.prod(cells)),
        _deep(liver, cells, spacing_mm),
        lay_search(liver, cells, spacing_mm),
        cells,
        noise.sd_hu,
    )
    reach = kernel_reach(spacing_mm, hu.shape)
    bank = make_bank(_covariance(flat, noise, reach, spacing_mm), blur, spacing_mm)
    maps = tuple(np.zeros(hu.shape, np.int16) for _ in bank.kernels)
    faces = [bank.at_faces(axis) for axis in range(3)]
    for box, outputs in _filtered(flat, bank, spacing_mm[0]):
        for n, (whole, part) in enumerate(zip(maps, outputs, strict=True)):
            _level_faces(part, box, hu.shape, [face[n] for face in faces])
            np.clip(part, -MOST_STEPS, MOST_STEPS, out=part)
            np.rint(part, out=part)
            whole[box.slices] = part
    unit = tuple(1.0 / lower_deviation(_sampled(m, flat), STEPS_PER_UNIT) for m in maps)
    k, j, i = (s * f for s, f in zip(spacing_mm, cells, strict=True))
    places = Places(flat.liver, flat.deep, cells, (k, j, i))
    scale = measure_scale(maps[LOCAL_SIZE], unit[LOCAL_SIZE], places)
    scatter = measure_scatter(maps[SCATTER_SIZE], unit[SCATTER_SIZE], places)
    threshold = _threshold(int(liver.sum()), bank, scatter)
    return Evidence(maps, unit, bank, scale, threshold, flat.region, cells)


@dataclass(frozen=True, slots=True, eq=False)
class _Flattened:
    """The crop less its background: what the filters see.

    `level_hu`, `liver` and `deep` are coarse; `deep` is the liver away from its surface.
    """

    hu: NDArray[np.int16]
    level_hu: NDArray[np.float32]
    liver: NDArray[np.bool_]
    deep: NDArray[np.bool_]
    region: SearchRegion
    cells: tuple[int, int, int]
    noise_hu: float

    def at(self, box: Box) -> NDArray[np.float32]:
        """Return a box's excess over the background; nothing outside the region that is searched."""
        excess = self.hu[box.slices] - coarse_at(self.level_hu, self.cells, box)
        floor = np.where(self.deep, np.float32(-LOW_CLIP * self.noise_hu), np.float32(0))
        np.maximum(excess, coarse_at(floor, self.cells, box), out=excess)
        excess *= coarse_at(self.region.within, self.cells, box)
        return np.asarray(excess, dtype=np.float32)


def _deep(
    liver: NDArray[np.bool_], cells: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Return the coarse cells of the liver that lie beneath `EDGE_MM` of it."""
    full = reduce_sum(liver, cells) > 0.5 * float(np.prod(cells))
    size = tuple(s * f for s, f in zip(spacing_mm, cells, strict=True))
    depth = edt.edt(np.ascontiguousarray(full), anisotropy=size, black_border=False)
    deep = np.asarray(depth > EDGE_MM + 0.5 * min(size))
    return deep if deep.sum() > LEAST_DEEP_CELLS else full


def _covariance(
    flat: _Flattened, noise: Noise, reach: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> Covariance:
    """Return the covariance of the liver, foci and vessels cut off."""
    block = tuple(
        min(max(1, round(BLOCK_MM / (s * f))), n)
        for s, f, n in zip(spacing_mm, flat.cells, flat.deep.shape, strict=True)
    )
    limit = np.float32(HIGH_CLIP * flat.noise_hu)

    def parts() -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        size = [b * f for b, f in zip(block, flat.cells, strict=True)]
        for start in choose_blocks(flat.deep.astype(np.float32), block):
            low = [a * f for a, f in zip(start, flat.cells, strict=True)]
            high = [min(a + n, m) for a, n, m in zip(low, size, flat.hu.shape, strict=True)]
            box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
            excess = flat.hu[box.slices] - coarse_at(flat.level_hu, flat.cells, box)
            excess = np.clip(excess, -limit, limit)
            pad = [(0, n - m) for n, m in zip(size, excess.shape, strict=True)]
            yield np.pad(excess, pad), np.pad(coarse_at(flat.deep, flat.cells, box), pad)

    measured = measure_covariance(parts(), reach)
    if measured is not None:
        return measured
    by_lag = np.zeros([2 * n + 1 for n in reach])
    known = noise.correlation
    few = [min(n, m // 2) for n, m in zip(reach, known.shape, strict=True)]
    inner = tuple(slice(n - f, n + f + 1) for n, f in zip(reach, few, strict=True))
    by_lag[inner] = known[
        tuple(slice(m // 2 - f, m // 2 + f + 1) for m, f in zip(known.shape, few, strict=True))
    ]
    return Covariance(by_lag * noise.sd_hu**2)


def _filtered(
    flat: _Flattened, bank: FilterBank, slice_step_mm: float
) -> Iterator[tuple[Box, Iterator[NDArray[np.float32]]]]:
    """Yield boxes that together hold all that is searched, with the filters' outputs in each.

    The outputs are in steps of which `STEPS_PER_UNIT` are one deviation of what the covariance explains.
    """
    shape = flat.hu.shape
    reach = bank.reach
    deep = max(1, round(SLAB_MM / slice_step_mm / flat.cells[0]))
    boxes = []
    for start in range(0, flat.region.within.shape[0], deep):
        around = Box.around(flat.region.within[start : start + deep])
        if around.is_empty:
            continue
        first = (start + around.start[0], *around.start[1:])
        last = (start + around.stop[0], *around.stop[1:])
        low = [a * f for a, f in zip(first, flat.cells, strict=True)]
        high = [min(b * f, n) for b, f, n in zip(last, flat.cells, shape, strict=True)]
        boxes.append(Box((low[0], low[1], low[2]), (high[0], high[1], high[2])))
    # a filter of reach r wraps round by r at most, and what wraps from the far side is nothing
    padded = tuple(
        fft.next_fast_len(max(b.shape[axis] for b in boxes) + 3 * reach[axis], real=True) for axis in range(3)
    )
    spectra = [s * np.float32(STEPS_PER_UNIT) for s in bank.spectra(padded)]
    for box in boxes:
        wide = box.grown(reach, shape)
        image = fft.rfftn(flat.at(wide), padded, workers=WORKERS)
        inner = tuple(
            slice(a - b, a - b + n) for a, b, n in zip(box.start, wide.start, box.shape, strict=True)
        )
        yield box, (fft.irfftn(image * s, padded, workers=WORKERS)[inner] for s in spectra)


def _level_faces(
    part: NDArray[np.float32], box: Box, shape: tuple[int, ...], deviations: list[NDArray[np.float32]]
) -> None:
    """Bring an output to unit variance near the faces of the image."""
    for axis, deviation in enumerate(deviations):
        at = np.arange(box.start[axis], box.stop[axis])
        away = np.minimum(at, shape[axis] - 1 - at)
        near = np.flatnonzero(away < len(deviation))
        if near.size:
            turned = np.moveaxis(part, axis, 0)
            turned[near] /= deviation[away[near]][:, None, None]


def _sampled(values: NDArray[np.int16], flat: _Flattened) -> NDArray[np.float32]:
    """Return the values at one voxel of each deep cell."""
    few = values[tuple(slice(f // 2, None, f) for f in flat.cells)]
    return few[flat.deep[tuple(slice(0, n) for n in few.shape)]].astype(np.float32)


def _threshold(voxels: int, bank: FilterBank, scatter: float) -> float:
    """Return the level that noise exceeds `FALSE_CALLS` times in a liver."""
    near = bank.correlation()
    fields = [(near[n, n, 3, 2, 2], near[n, n, 2, 3, 2], near[n, n, 2, 2, 3]) for n in range(len(near))]
    return level_for(FALSE_CALLS, max(1, voxels), fields, scatter)
