"""Calcium in an organ beside the liver: small bodies that stand above the organ and above blood."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.liver import Phase
from hepalith.anatomy.neighbours import Neighbours
from hepalith.geometry import Box
from hepalith.image.volume import Volume

__all__ = ["Bright", "Ground", "blood_hu", "find_bright", "look_at"]

BLOCK_MM = 1.5
"""Voxels are averaged to about this size before calcium is looked for: noise falls, a 2 mm granule stays."""
DEVIATIONS = 6.0
"""How many spreads of the organ's own HU calcium stands above its middle. An organ has some 100,000 blocks
whose noise is not independent: five spreads are reached by chance, six hardly are."""
LEAST_EXCESS_HU = 60.0
"""... and at least this far: in quiet scans uneven filling exceeds six spreads of noise. Our judgement."""
BLOOD_MARGIN_HU = 40.0
"""How far calcium stands above the aorta: no tissue's blood exceeds it but by noise."""
CORE_SHARE = 0.5
"""Share of a body's peak excess down to which it is followed."""
LEAST_MM3 = 6.0
"""Smallest body at half its peak: a sphere of 2.2 mm; smaller ones are noise of one or two blocks."""
PLAIN_BLOOD_HU, UNKNOWN_BLOOD_HU = 45.0, 330.0
"""Blood without contrast; and the most it reaches in a usual scan, where no aorta can be measured. K."""
INSIDE_SHARE = 0.85
"""Least share of a body, followed beyond the organ, that lies within it: ribs and contrast in the gut
reach into the edge of an organ's outline, its own calcium ends within. Our judgement."""
REACH_MM = 18.0
"""How far beyond a body what is joined to it is followed."""
ISOLATED_MM = 9.0
"""How much longer than a sphere of its volume what is joined to a body may be: its rim, at both ends."""
MOST_BODIES = 60
"""Most bodies looked at in one organ, largest first: one that holds more is full of contrast or noise."""
RIM_MM, RIM_EXCESS_HU = 1.5, 150.0
"""What lies this near to the part searched is the organ's own rim; only bodies this far above the organ may
reach into it, since fainter ones there are what ribs and gut leave of themselves by blur."""
LEAST_AORTA_VOXELS = 60
"""Fewest voxels of aorta at 3 mm (1.6 mL) from which blood is measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """An organ's part of the scan, averaged to blocks.

    Parameters
    ----------
    hu
        float32, blocks of about `BLOCK_MM`.
    inside
        bool, shape of `hu`: the organ.
    box, block
        Where it lies in the scan, and how many voxels make a block along (k, j, i).
    middle, spread
        The organ's median HU and the spread about it, from the blocks below and near the median.
    """

    hu: NDArray[np.float32]
    inside: NDArray[np.bool_]
    box: Box
    block: tuple[int, int, int]
    middle: float
    spread: float


@dataclass(frozen=True, slots=True)
class Bright:
    """A bright body.

    Parameters
    ----------
    centre_lps_mm, volume_mm3, length_mm
        Where it is, and its size at half its peak; the length is the diagonal of its box.
    peak_hu, deviations
        Its peak, and how many spreads of the organ's HU that stands above the organ.
    elongation
        Length along its longest axis over the diameter of a sphere of its volume: 0.9 for a sphere, 2 for a
        rod three times as long as wide.
    """

    centre_lps_mm: tuple[float, float, float]
    volume_mm3: float
    length_mm: float
    peak_hu: float
    deviations: float
    elongation: float


def blood_hu(neighbours: Neighbours, phase: Phase) -> float:
    """Return what blood measures at most: the aorta, or what the phase allows where it is not in view."""
    if phase.label == "none":
        return PLAIN_BLOOD_HU
    values = neighbours.coarse.hu[neighbours.mask("aorta")]
    if values.size < LEAST_AORTA_VOXELS:
        return UNKNOWN_BLOOD_HU
    return float(np.percentile(values, 75))


def look_at(volume: Volume, neighbours: Neighbours, region: NDArray[np.bool_]) -> Ground | None:
    """Return the part of the scan that a region of the coarse copy covers; None where it is empty."""
    coarse_box = Box.around(region)
    if coarse_box.is_empty:
        return None
    box = neighbours.coarse.box_of(coarse_box, volume.hu.shape)
    block = [
        max(1, min(n, int(BLOCK_MM / s + 0.25))) for n, s in zip(box.shape, volume.spacing_mm, strict=True)
    ]
    stop = [a + n // b * b for a, n, b in zip(box.start, box.shape, block, strict=True)]
    box = Box(box.start, (stop[0], stop[1], stop[2]))
    if box.is_empty:
        return None
    hu = _average(volume.hu[box.slices], (block[0], block[1], block[2]))
    inside = _sample(region, neighbours, box, block)
    values = hu[inside]
    if values.size == 0:
        return None
    middle = float(np.median(values))
    below = values[values < middle]
    spread = 1.48 * float(np.median(middle - below)) if below.size else 1.0
    return Ground(hu, inside, box, (block[0], block[1], block[2]), middle, max(spread, 1.0))


def _average(hu: NDArray[np.int16], block: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the means over blocks, axis by axis."""
    k, j, i = (n // b for n, b in zip(hu.shape, block, strict=True))
    out = (
        hu.astype(np.float32) if block[0] == 1 else hu.reshape(k, block[0], *hu.shape[1:]).mean(1, np.float32)
    )
    if block[1] > 1:
        out = out.reshape(k, j, block[1], -1).mean(axis=2)
    if block[2] > 1:
        out = out.reshape(k, j, i, block[2]).mean(axis=3)
    return np.asarray(out, dtype=np.float32)


def _sample(
    region: NDArray[np.bool_], neighbours: Neighbours, box: Box, block: list[int]
) -> NDArray[np.bool_]:
    """Return a region of the coarse copy at the middle of every block."""
    out = region
    for axis in range(3):
        middle = np.arange(box.start[axis], box.stop[axis], block[axis]) + (block[axis] - 1) / 2
        near = (middle - neighbours.coarse.first[axis]) / neighbours.coarse.step[axis]
        out = out.take(np.clip(np.rint(near).astype(np.intp), 0, region.shape[axis] - 1), axis)
    return out


def find_bright(
    volume: Volume,
    ground: Ground,
    blood: float,
    *,
    least_hu: float = 0.0,
    isolated_hu: float | None = None,
    rim: bool = False,
) -> tuple[Bright, ...]:
    """Return the bright bodies in an organ, largest excess first.

    Parameters
    ----------
    volume
        The scan, for its grid.
    ground
        The organ's part of it.
    blood
        What blood measures at most.
    least_hu
        A level that calcium exceeds in any case.
    isolated_hu
        Where given, what is joined to a body above this level may reach little beyond it: a nodule in
        the lung stands alone, a vessel goes on.
    rim
        Whether a dense body may reach into the rim that was left out of the search.
    """
    level = max(
        ground.middle + max(DEVIATIONS * ground.spread, LEAST_EXCESS_HU), blood + BLOOD_MARGIN_HU, least_hu
    )
    seeds = (ground.hu > level) & ground.inside
    if not seeds.any():
        return ()
    labels, count = cc3d.connected_components(seeds, connectivity=26, return_N=True)
    boxes = ndimage.find_objects(labels, max_label=count)
    sizes = np.bincount(labels.ravel())[1:]
    block_mm3 = float(np.prod(ground.block)) * volume.grid.voxel_mm3
    chosen = np.argsort(-sizes, kind="stable")[:MOST_BODIES]
    found = [
        _body(
            volume, ground, boxes[n], labels[boxes[n]] == n + 1, block_mm3, isolated_hu=isolated_hu, rim=rim
        )
        for n in chosen
    ]
    bodies = [body for body in found if body is not None]
    return tuple(sorted(bodies, key=lambda b: -(b.peak_hu - ground.middle) * b.volume_mm3))


def _body(
    volume: Volume,
    ground: Ground,
    part: tuple[slice, slice, slice],
    seed: NDArray[np.bool_],
    block_mm3: float,
    *,
    isolated_hu: float | None,
    rim: bool,
) -> Bright | None:
    """Return one bright body, followed down to half its peak; None where it is too small or goes on."""
    step = np.array(volume.spacing_mm) * ground.block
    peak = float(ground.hu[part][seed].max())
    half = ground.middle + CORE_SHARE * (peak - ground.middle)
    wide = _grown(part, [int(np.ceil(REACH_MM / s)) for s in step], ground.hu.shape)
    hu, inside = ground.hu[wide], ground.inside[wide]
    start = tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, wide, strict=True))
    seeded = np.zeros(hu.shape, dtype=np.bool_)
    seeded[start] = seed
    whole = _joined(hu > half, seeded)
    own = whole & inside
    if rim and peak - ground.middle > RIM_EXCESS_HU:
        reach = [2 * round(RIM_MM / s) + 1 for s in step]
        own = whole & ndimage.binary_dilation(inside, np.ones(reach, dtype=np.bool_))
    size = int(own.sum())
    if float(hu[whole].max()) > peak + LEAST_EXCESS_HU / 4:
        return None  # it is densest beyond the organ
    if size * block_mm3 < LEAST_MM3 or size < INSIDE_SHARE * int(whole.sum()):
        return None
    at = np.argwhere(own)
    volume_mm3 = size * block_mm3
    if isolated_hu is not None:
        joined = np.argwhere(_joined(hu > isolated_hu, seeded))
        if float(np.ptp(joined * step, axis=0).max()) > _across(volume_mm3) + ISOLATED_MM:
            return None
    first = np.array([w.start for w in wide])
    index = (at.mean(axis=0) + first) * ground.block + np.array(ground.box.start)
    x, y, z = (float(v) for v in volume.grid.to_lps(index + (np.array(ground.block) - 1) / 2))
    return Bright(
        (x, y, z),
        volume_mm3,
        float(np.linalg.norm((np.ptp(at, axis=0) + 1) * step)),
        peak,
        (peak - ground.middle) / ground.spread,
        _length(at * step, step) / _across(volume_mm3),
    )


def _across(volume_mm3: float) -> float:
    """Return the diameter of a sphere, in mm."""
    return float(np.cbrt(6 / np.pi * volume_mm3))


def _length(points_mm: NDArray[np.float64], step: NDArray[np.float64]) -> float:
    """Return four standard deviations of points along their longest axis, each a block wide."""
    spread = np.cov(points_mm.T) if len(points_mm) > 1 else np.zeros((3, 3))
    return 4 * float(np.sqrt(np.linalg.eigvalsh(spread + np.diag(step**2 / 12))[-1]))


def _grown(
    part: tuple[slice, slice, slice], margin: list[int], shape: tuple[int, ...]
) -> tuple[slice, slice, slice]:
    """Return a part of an array with a margin more on every side."""
    k, j, i = (
        slice(max(0, p.start - m), min(n, p.stop + m)) for p, m, n in zip(part, margin, shape, strict=True)
    )
    return k, j, i


def _joined(mask: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what of a mask is joined to a seed."""
    labels = np.asarray(cc3d.connected_components(mask, connectivity=26))
    owners = np.unique(labels[seed & mask])
    return np.asarray(np.isin(labels, owners[owners > 0]), dtype=np.bool_)
