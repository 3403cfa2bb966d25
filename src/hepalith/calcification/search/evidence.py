"""Evidence: how far each place of a liver stands out from its noise, at several sizes of focus.

The liver's box is filtered slab by slab with the matched filters of small spheres; every filter's output is
then read in deviations of what that output does in this very scan, place by place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hepalith.calcification.search.background import Surroundings
from hepalith.calcification.search.extreme import level_for
from hepalith.calcification.search.flattened import Flattened, flatten
from hepalith.calcification.search.local_scale import Places, lower_deviation, measure_scale, measure_scatter
from hepalith.calcification.search.matched_filter import FilterBank, kernel_reach, make_bank
from hepalith.calcification.search.output import Output
from hepalith.calcification.search.region import SearchRegion, coarse_at
from hepalith.geometry import Box
from hepalith.image.covariance import BLOCK_MM, Covariance, choose_blocks, measure_covariance
from hepalith.image.noise import Blur, Noise

__all__ = ["STEPS_PER_UNIT", "Evidence", "lay_evidence"]

FALSE_CALLS = 0.02
"""Expected number of places in one liver where noise alone exceeds the threshold, all sizes together. In
simulated noise two to three times as many do (structure joins in: `benchmarks/detection.py`); the rest of the
0.34 false calls a scan that are aimed at is left to vessels and neighbours."""

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

STEPS_PER_UNIT = 64
"""Steps in which an output is kept, per deviation: a tenth of a per cent of the threshold."""

MOST_STEPS = 32000
"""Most steps: 500 deviations."""

LIKELY = 1.92
"""Difference of log-likelihood within which a size belongs to its 95 % interval: half of the chi-square
quantile of one degree of freedom."""

WORKERS = 2
"""Threads of a Fourier transform."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the filters say of every place of the crop.

    Parameters
    ----------
    shape
        Of the crop, in voxels.
    outputs
        One per size of the bank, in deviations of the liver's own output.
    bank
        The filters, for the image on merged slices.
    merged
        Slices of the crop in one of the bank's.
    scale
        float32, coarse: by what the output is to be divided at each place (local deviation and tail).
    threshold
        What the scaled output must exceed.
    region
        Where to look.
    cells
        Voxels per coarse cell.
    """

    shape: tuple[int, int, int]
    outputs: tuple[Output, ...]
    bank: FilterBank
    merged: int
    scale: NDArray[np.float32]
    threshold: float
    region: SearchRegion
    cells: tuple[int, int, int]

    def peak_hu(self, size: int) -> float:
        """Return by how many HU a sphere's brightest voxel stands out where the output for a size is 1."""
        return self.bank.peak_hu[size] / (STEPS_PER_UNIT * self.outputs[size].unit)

    def small_at(self, box: Box, body: NDArray[np.bool_]) -> float:
        """Return the greatest evidence for one of the two smallest sizes in a body."""
        return max(float(output.within(box)[body].max()) for output in self.outputs[:2])

    def densest_hu(self, place: tuple[int, int, int]) -> float:
        """Return the greatest contrast of a sphere at a voxel among the sizes that are nearly as likely."""
        at = np.array([place])
        return float(self.densest_of(np.stack([output.at(at) for output in self.outputs]))[0])

    def densest_of(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the same for outputs given by size along the first axis.

        The logarithm of a size's likelihood is half of the square of its evidence; those within
        `LIKELY` of the greatest make the 95 % interval of the size.
        """
        values = np.maximum(values, 0.0)
        factors = [self.peak_hu(n) / self.bank.recovery[n] for n in range(len(values))]
        likely = values**2 >= values.max(axis=0) ** 2 - 2 * LIKELY
        contrasts = np.stack([v * f for v, f in zip(values, factors, strict=True)])
        return np.asarray(np.where(likely, contrasts, 0.0).max(axis=0))

    def best_at(self, place: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Return the greatest evidence at some voxels, in deviations, and the size that gives it."""
        values = np.stack([output.at(place) for output in self.outputs])
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
    flat = flatten(hu, liver, spacing_mm, surroundings, noise.sd_hu)
    bank = _bank(flat, noise, blur)
    maps = [
        np.zeros([-(-n // s) for n, s in zip(flat.shape, strides, strict=True)], np.int16)
        for strides in bank.strides
    ]
    for size, box, part in _filtered(flat, bank):
        np.clip(part, -MOST_STEPS, MOST_STEPS, out=part)
        np.rint(part, out=part)
        maps[size][box.slices] = part
    outputs = []
    for values, (k, j, i) in zip(maps, bank.strides, strict=True):
        unit = 1.0 / lower_deviation(_sampled(values, flat, (k, j, i)), STEPS_PER_UNIT)
        outputs.append(Output(values, (k * flat.merged, j, i), unit))
    size_mm = [s * f for s, f in zip(spacing_mm, surroundings.factor, strict=True)]
    places = Places(flat.liver, flat.deep, flat.cells, (size_mm[0], size_mm[1], size_mm[2]))
    scale = measure_scale(outputs[LOCAL_SIZE].values, outputs[LOCAL_SIZE].unit, places)
    scatter = measure_scatter(outputs[SCATTER_SIZE].values, outputs[SCATTER_SIZE].unit, places)
    threshold = _threshold(int(np.count_nonzero(liver)) / flat.merged, bank, scatter)
    return Evidence(
        (hu.shape[0], hu.shape[1], hu.shape[2]),
        tuple(outputs),
        bank,
        flat.merged,
        scale,
        threshold,
        flat.region,
        surroundings.factor,
    )


def _bank(flat: Flattened, noise: Noise, blur: Blur) -> FilterBank:
    """Return the filters for a crop."""
    reach = kernel_reach(flat.spacing_mm, flat.shape)
    step_mm = flat.spacing_mm[0] / flat.merged
    seen = Blur(blur.in_plane_fwhm_mm, blur.slice_mm + (flat.merged - 1) * step_mm, blur.source)
    return make_bank(_covariance(flat, noise, reach), seen, flat.spacing_mm, flat.cells)


def _covariance(flat: Flattened, noise: Noise, reach: tuple[int, int, int]) -> Covariance:
    """Return the covariance of the liver, foci and vessels cut off."""
    block = tuple(
        min(max(1, round(BLOCK_MM / (s * f))), n)
        for s, f, n in zip(flat.spacing_mm, flat.cells, flat.deep.shape, strict=True)
    )
    limit = np.float32(HIGH_CLIP * flat.noise_hu)

    def parts() -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        size = [b * f for b, f in zip(block, flat.cells, strict=True)]
        for start in choose_blocks(flat.deep.astype(np.float32), block):
            low = [a * f for a, f in zip(start, flat.cells, strict=True)]
            high = [min(a + n, m) for a, n, m in zip(low, size, flat.shape, strict=True)]
            box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
            excess = np.clip(flat.excess(box), -limit, limit)
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


def _filtered(flat: Flattened, bank: FilterBank) -> Iterator[tuple[int, Box, NDArray[np.float32]]]:
    """Yield for each size the boxes of samples that together hold all that is searched, and its output there.

    The outputs are in steps of which `STEPS_PER_UNIT` are one deviation of what the covariance explains.
    """
    shared = [math.lcm(*axis) for axis in zip(*bank.strides, strict=True)]
    margin = [-(-r // s) * s for r, s in zip(bank.reach, shared, strict=True)]
    boxes = _slabs(flat)
    # a filter of reach r wraps round by r, and that far the grown box is not used
    padded = tuple(
        s * fft.next_fast_len(-(-(max(b.shape[axis] for b in boxes) + 2 * margin[axis]) // s), real=True)
        for axis, s in enumerate(shared)
    )
    spectra = [
        bank.spectrum(n, padded)
        * np.float32(STEPS_PER_UNIT / math.prod(p // s for p, s in zip(padded, strides, strict=True)))
        for n, strides in enumerate(bank.strides)
    ]
    faces = _Faces(flat.shape, bank)
    for box in boxes:
        wide = box.grown(margin, flat.shape)
        image = _transformed(flat.at(wide), padded)
        for size, (spectrum, strides) in enumerate(zip(spectra, bank.strides, strict=True)):
            shape = [n // s for n, s in zip(padded, strides, strict=True)]
            start = [a // s for a, s in zip(box.start, strides, strict=True)]
            stop = [-(-b // s) for b, s in zip(box.stop, strides, strict=True)]
            inner = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
            skip = [a - b // s for a, b, s in zip(start, wide.start, strides, strict=True)]
            wanted = [slice(a, a + n) for a, n in zip(skip, inner.shape, strict=True)]
            part = _restored(_low(image, shape) * spectrum, shape[2], wanted)
            faces.level(part, inner, size)
            yield size, inner, part


def _slabs(flat: Flattened) -> list[Box]:
    """Return the boxes of samples that are filtered at once."""
    deep = max(1, round(SLAB_MM / flat.spacing_mm[0] / flat.cells[0]))
    boxes = []
    for start in range(0, flat.region.within.shape[0], deep):
        around = Box.around(flat.region.within[start : start + deep])
        if around.is_empty:
            continue
        first = (start + around.start[0], *around.start[1:])
        last = (start + around.stop[0], *around.stop[1:])
        low = [a * f for a, f in zip(first, flat.cells, strict=True)]
        high = [min(b * f, n) for b, f, n in zip(last, flat.cells, flat.shape, strict=True)]
        boxes.append(Box((low[0], low[1], low[2]), (high[0], high[1], high[2])))
    return boxes


def _transformed(image: NDArray[np.float32], padded: Sequence[int]) -> NDArray[np.complex64]:
    """Return the half spectrum of an image with zeros beyond it.

    Axis by axis, so that lines of nothing but zeros are never transformed.
    """
    found = fft.rfft(image, padded[2], axis=2, workers=WORKERS)
    found = fft.fft(found, padded[1], axis=1, workers=WORKERS, overwrite_x=True)
    return np.asarray(fft.fft(found, padded[0], axis=0, workers=WORKERS, overwrite_x=True))


def _restored(spectrum: NDArray[np.complex64], columns: int, wanted: Sequence[slice]) -> NDArray[np.float32]:
    """Return a part of the image of a half spectrum, which is written over; not divided by its size.

    Axis by axis, so that planes and rows that are not wanted are not worked out.
    """
    k, j, i = wanted
    found = fft.ifft(spectrum, axis=0, workers=WORKERS, overwrite_x=True, norm="forward")[k]
    found = fft.ifft(found, axis=1, workers=WORKERS, overwrite_x=True, norm="forward")[:, j]
    return np.asarray(fft.irfft(found, columns, axis=2, workers=WORKERS, norm="forward")[:, :, i])


def _low(spectrum: NDArray[np.complex64], shape: list[int]) -> NDArray[np.complex64]:
    """Return the low frequencies of a half spectrum: those of a smaller grid."""
    found = spectrum[..., : shape[2] // 2 + 1]
    for axis in (0, 1):
        if found.shape[axis] != shape[axis]:
            half = (shape[axis] + 1) // 2
            ahead = (slice(None),) * axis
            ends = found[(*ahead, slice(0, half))], found[(*ahead, slice(half - shape[axis], None))]
            found = np.concatenate(ends, axis=axis)
    return found


class _Faces:
    """Brings outputs to unit variance near the faces of the image."""

    def __init__(self, shape: tuple[int, int, int], bank: FilterBank) -> None:
        self._shape = shape
        self._bank = bank
        self._known: dict[int, list[NDArray[np.float32]]] = {}

    def level(self, part: NDArray[np.float32], box: Box, size: int) -> None:
        """Scale an output, in place, where it lies within the filter's reach of a face.

        `box` is counted in samples of the output.
        """
        for axis, stride in enumerate(self._bank.strides[size]):
            at = np.arange(box.start[axis], box.stop[axis]) * stride + stride // 2
            away = np.clip(np.minimum(at, self._shape[axis] - 1 - at), 0, None)
            near = np.flatnonzero(away < self._bank.reach[axis])
            if near.size:
                if axis not in self._known:
                    self._known[axis] = self._bank.at_faces(axis)
                deviation = self._known[axis][size]
                turned = np.moveaxis(part, axis, 0)
                turned[near] /= deviation[away[near]][:, None, None]


def _sampled(
    values: NDArray[np.int16], flat: Flattened, strides: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Return the values at one sample of each deep cell."""
    steps = [f // s for f, s in zip(flat.cells, strides, strict=True)]
    few = values[tuple(slice(f // 2, None, f) for f in steps)]
    return few[flat.deep[tuple(slice(0, n) for n in few.shape)]].astype(np.float32)


def _threshold(samples: float, bank: FilterBank, scatter: float) -> float:
    """Return the level that noise exceeds `FALSE_CALLS` times in a liver of so many samples of the image."""
    fields, counts = [], []
    for size, (k, j, i) in enumerate(bank.strides):
        near = bank.correlation([(size, place) for place in ((0, 0, 0), (k, 0, 0), (0, j, 0), (0, 0, i))])
        fields.append((float(near[0, 1]), float(near[0, 2]), float(near[0, 3])))
        counts.append(max(1, round(samples / (k * j * i))))
    return level_for(FALSE_CALLS, counts, fields, scatter)
