"""Further phases of an examination, laid onto the image that is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.depth import Depth
from hepalith.anatomy.liver import Liver, Phase
from hepalith.anatomy.phase import estimate_phase
from hepalith.errors import InputError
from hepalith.geometry import Box, Grid
from hepalith.image.decode import decode
from hepalith.image.volume import AIR_HU, Volume
from hepalith.registration.align import align, lay
from hepalith.study.acquisition import Acquisition, Series, SeriesLeft
from hepalith.study.choice import SeriesChoice

__all__ = ["PhaseImage", "lay_phase", "lay_phases"]

MARGIN_MM = 15.0
"""How far beyond the liver another phase is laid over: what is measured about a focus at the surface."""

COARSE_MM = 3.0
"""Spacing at which the whole of another phase is looked at, to tell which it is."""


@dataclass(frozen=True, slots=True, eq=False)
class PhaseImage:
    """Another phase of the same examination, on the grid of the image that is read.

    Parameters
    ----------
    series, shape, spacing_mm
        The series it was made from, and its own grid.
    phase
        Which phase it is.
    box, hu
        int16 HU, and where they lie in the image that is read; `AIR_HU` where this phase did not reach.
    agreement, shift_mm
        How well it could be laid over, 0 to 1, and how far breathing had moved the liver.
    """

    series: Series
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    phase: Phase
    box: Box
    hu: NDArray[np.int16]
    agreement: float
    shift_mm: float


def lay_phase(volume: Volume, liver: Liver, other: Volume, series: Series) -> PhaseImage | None:
    """Lay another phase onto the image that is read; None where the two hardly overlap.

    Parameters
    ----------
    volume, liver
        The image that is read.
    other, series
        The other phase, in its own grid, and what its header says.
    """
    found = align(volume, other, liver.box)
    if found is None:
        return None
    margin = [int(np.ceil(MARGIN_MM / s)) for s in volume.spacing_mm]
    box = liver.box.grown(margin, volume.hu.shape)
    hu = lay(found, other, volume.grid.cropped(box))
    phase = _phase_of(volume, liver, other, series.acquisition, found.displacement_mm)
    return PhaseImage(
        series, other.grid.shape, other.spacing_mm, phase, box, hu, found.agreement, found.shift_mm
    )


def _phase_of(
    volume: Volume, liver: Liver, other: Volume, acquisition: Acquisition, displacement: NDArray[np.float32]
) -> Phase:
    """Return which phase another image is, from its own voxels; the liver moves by the median shift."""
    steps = [max(1, round(COARSE_MM / s)) for s in other.spacing_mm]
    affine = other.grid.affine.copy()
    affine[:3, :3] *= np.array(steps)
    hu = other.hu[:: steps[0], :: steps[1], :: steps[2]]
    coarse = replace(other, hu=hu, grid=Grid((hu.shape[0], hu.shape[1], hu.shape[2]), affine), invalid=None)
    shift = np.median(displacement.reshape(-1, 3), axis=0)
    index = np.moveaxis(np.indices(coarse.grid.shape), 0, -1)
    at = volume.grid.to_index(coarse.grid.to_lps(index) - shift) - np.array(liver.box.start)
    mask = ndimage.map_coordinates(liver.mask, np.moveaxis(at, -1, 0), order=0, cval=0).astype(np.bool_)
    mask &= hu > AIR_HU
    box = Box.around(mask)
    if box.is_empty:
        return Phase("unknown", 1.0)
    inner = np.ascontiguousarray(mask[box.slices])
    depth = ndimage.distance_transform_edt(inner, sampling=coarse.spacing_mm).astype(np.float32)
    there = replace(
        liver, box=box, mask=inner, depth_mm=Depth.of(depth), lobes=np.zeros(inner.shape, np.uint8)
    )
    return estimate_phase(coarse, there, acquisition)


def lay_phases(
    choice: SeriesChoice, volume: Volume, liver: Liver
) -> tuple[tuple[PhaseImage, ...], tuple[SeriesLeft, ...]]:
    """Lay the further phases of an examination onto the image that is read.

    Returns
    -------
    tuple
        The phases, and every series left aside: those of the choice, and the phases that cannot be decoded
        or do not overlap with the liver. A phase more is a help, and no reason to refuse the reading.
    """
    laid, left = list[PhaseImage](), list(choice.left)
    for series in choice.phases if liver.is_in_view else ():
        name = series.description or "no description"
        try:
            other = decode(series)
        except InputError as error:
            left.append(SeriesLeft(series.uid, f"{name}: as a further phase it cannot be read ({error})"))
            continue
        found = lay_phase(volume, liver, other.volume, other.series)
        if found is None:
            left.append(SeriesLeft(series.uid, f"{name}: it does not overlap with the liver that is read"))
        else:
            laid.append(found)
    if not liver.is_in_view:
        left += [
            SeriesLeft(s.uid, f"{s.description or 'no description'}: no liver is in view")
            for s in choice.phases
        ]
    return tuple(laid), tuple(left)
