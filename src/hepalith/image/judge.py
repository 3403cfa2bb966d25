"""Doubts about a volume: voxels of no body, lost slices, values clipped, windowed or no Hounsfield units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import GeometryError, UnreadableFileError, UnsupportedModalityError
from hepalith.geometry import Grid
from hepalith.image.volume import AIR_HU, Volume
from hepalith.study import Series
from hepalith.study.group import UNSTATED

__all__ = ["judge_grid", "judge_values"]

FINEST_MM, COARSEST_MM = 0.05, 60.0
"""Sides of a voxel beyond which a scan is none of a body: the finest CT has 0.1 mm, surveys of the lung
with gaps 10 to 20 mm (our judgement)."""

LONGEST_MM = 4000.0
"""Length of a scan beyond which it is none of a body: tables move some 2 m (our judgement)."""

LARGEST_L = 4000.0
"""Space a scan covers, in litres, beyond which it is none of a body: 0.7 x 0.7 x 2 m are 980 (our judgement).

A slip of the unit multiplies it by a thousand; what is made on a grid of our own would then fill any memory.
"""

TWELVE_BIT_TOP_HU = (3071, 3072, 3095)
"""Highest HU of 12-bit scanners (4095 less the usual offsets of 1024, 1023 and 1000)."""

CLIPPED_VOXELS = 64
"""Voxels at one highest value from which it is called a ceiling (our judgement)."""

CLIPPED_RATIO = 20
"""How many times more voxels a ceiling holds than each value just below it (our judgement)."""


def judge_grid(grid: Grid, name: str) -> None:
    """Refuse voxels whose size or number describes no body.

    Raises
    ------
    GeometryError
        If a side of a voxel, or what all of them cover, is smaller or larger than any scan's.
    """
    sides = np.array(grid.spacing_mm)
    lengths = sides * grid.shape
    litres = float(np.prod(lengths)) / 1e6
    voxel_fits = sides.min() >= FINEST_MM and sides.max() <= COARSEST_MM
    if voxel_fits and lengths.max() <= LONGEST_MM and litres <= LARGEST_L:
        return
    voxel = " x ".join(f"{side:.3g}" for side in sides[::-1])
    covered = " x ".join(f"{length:.0f}" for length in lengths[::-1])
    raise GeometryError(
        f"{name}: voxels of {voxel} mm, together {covered} mm, are no CT of a body; "
        "correct its spacing (the unit? the decimal point?)"
    )


def judge_values(volume: Volume, series: Series) -> Volume:
    """Return the volume with warnings where its values are clipped or doubtful.

    Raises
    ------
    UnsupportedModalityError
        If a file that does not say what it holds, or how its values become HU, has no value below 0: tissue
        always holds fat (about -100 HU), and a scan holds air, so these are no HU.
    UnreadableFileError
        If slices between others hold one value only: they were lost on the way, and a liver that goes through
        them would end there.
    """
    hu = volume.hu
    ends = np.array([(slice_hu.min(), slice_hu.max()) for slice_hu in hu])  # by slice: read once, at hand
    tops = ends[:, 1]
    lowest, highest = int(ends[:, 0].min()), int(tops.max())
    refuse_lost_slices(ends, series.instances[0].name)
    notes: list[str] = []
    if lowest >= 0:
        name = series.instances[0].name
        if series.kind != "dicom":
            raise UnsupportedModalityError(
                f"{name}: values run from {lowest} to {highest}, with no fat and no air: these are not "
                "Hounsfield units (a mask, a picture or MRI?); give the CT in HU"
            )
        if UNSTATED in series.warnings:
            raise UnsupportedModalityError(
                f"{name}: its header does not say how values become HU, and they run from {lowest} to "
                f"{highest}, with no fat and no air; export the series again with its rescale"
            )
        notes.append(f"No value lies below 0 HU (lowest {lowest}): the rescale of this series is in doubt")
    if lowest == highest:
        notes.append(f"Every voxel is {lowest} HU")
    elif highest > AIR_HU:
        notes += _find_ceiling([s for s, top in zip(hu, tops, strict=True) if top >= highest - 10], highest)
    return replace(volume, warnings=volume.warnings + tuple(notes)) if notes else volume


def refuse_lost_slices(ends: NDArray[np.int16], name: str) -> None:
    """Refuse a volume with empty slices between others; empty ones at its ends are padding.

    Parameters
    ----------
    ends
        int16, shape (slice, 2): lowest and highest HU of every slice.
    name
        Of the first file.

    Raises
    ------
    UnreadableFileError
        See `judge_values`.
    """
    held = np.flatnonzero(ends[:, 0] < ends[:, 1])
    if held.size == 0 or held.size == held[-1] - held[0] + 1:
        return
    lost = np.setdiff1d(np.arange(held[0], held[-1]), held)
    lead = f"{lost.size} slices hold" if lost.size > 1 else "one slice holds"
    raise UnreadableFileError(
        f"{name}: {lead} nothing between others that do (first the {lost[0] + 1}. of {len(ends)} from the "
        "feet); calcifications there would be missed: export the image again"
    )


def _find_ceiling(hu: Sequence[NDArray[np.int16]], highest: int) -> list[str]:
    """Say whether values stop at a ceiling; `hu` are the slices that come near it."""
    if highest in TWELVE_BIT_TOP_HU:
        count = sum(int(np.count_nonzero(slice_hu == highest)) for slice_hu in hu)
        many = f"{count} voxels are" if count > 1 else "one voxel is"
        return [f"{many} clipped at {highest} HU: what is denser is measured too low"]
    if highest > max(TWELVE_BIT_TOP_HU):
        return []
    near = np.zeros(11, dtype=np.int64)
    for slice_hu in hu:
        near += np.bincount(slice_hu[slice_hu >= highest - 10] - (highest - 10), minlength=11)
    top, below = int(near[10]), float(near[1:10].mean())
    if top >= CLIPPED_VOXELS and top > CLIPPED_RATIO * max(below, 1.0):
        return [f"{top} voxels are clipped at {highest} HU (a windowed export?): densities above are lost"]
    return []
