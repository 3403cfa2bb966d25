"""Doubts about values: clipped, windowed, no Hounsfield units at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import UnsupportedModalityError
from hepalith.image.volume import AIR_HU, Volume
from hepalith.study import Series

__all__ = ["judge_values"]

TWELVE_BIT_TOP_HU = (3071, 3072, 3095)
"""Highest HU of 12-bit scanners (4095 less the usual offsets of 1024, 1023 and 1000)."""

CLIPPED_VOXELS = 64
"""Voxels at one highest value from which it is called a ceiling (our judgement)."""

CLIPPED_RATIO = 20
"""How many times more voxels a ceiling holds than each value just below it (our judgement)."""


def judge_values(volume: Volume, series: Series) -> Volume:
    """Return the volume with warnings where its values are clipped or doubtful.

    Raises
    ------
    UnsupportedModalityError
        If a file that does not say what it holds has no value below 0: tissue always holds
        fat (about -100 HU), and a scan holds air, so these are no HU.
    """
    hu = volume.hu
    tops = np.array([slice_hu.max() for slice_hu in hu])  # by slice: read once, while at hand
    lowest, highest = int(min(slice_hu.min() for slice_hu in hu)), int(tops.max())
    notes: list[str] = []
    if lowest >= 0:
        name = series.instances[0].name
        if series.kind != "dicom":
            raise UnsupportedModalityError(
                f"{name}: values run from {lowest} to {highest}, with no fat and no air: these are not "
                "Hounsfield units (a mask, a picture or MRI?); give the CT in HU"
            )
        notes.append(f"No value lies below 0 HU (lowest {lowest}): the rescale of this series is in doubt")
    if lowest == highest:
        notes.append(f"Every voxel is {lowest} HU")
    elif highest > AIR_HU:
        notes += _find_ceiling([s for s, top in zip(hu, tops, strict=True) if top >= highest - 10], highest)
    return replace(volume, warnings=volume.warnings + tuple(notes)) if notes else volume


def _find_ceiling(hu: Sequence[NDArray[np.int16]], highest: int) -> list[str]:
    """Say whether values stop at a ceiling; `hu` are the slices that come near it."""
    if highest in TWELVE_BIT_TOP_HU:
        count = sum(int(np.count_nonzero(slice_hu == highest)) for slice_hu in hu)
        return [f"{count} voxels are clipped at {highest} HU: what is denser is measured too low"]
    if highest > max(TWELVE_BIT_TOP_HU):
        return []
    near = np.zeros(11, dtype=np.int64)
    for slice_hu in hu:
        near += np.bincount(slice_hu[slice_hu >= highest - 10] - (highest - 10), minlength=11)
    top, below = int(near[10]), float(near[1:10].mean())
    if top >= CLIPPED_VOXELS and top > CLIPPED_RATIO * max(below, 1.0):
        return [f"{top} voxels are clipped at {highest} HU (a windowed export?): densities above are lost"]
    return []
