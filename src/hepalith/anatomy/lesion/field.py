"""The liver at 2 mm as lesions are looked for in it: how far each place is from the parenchyma."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.coarse import Coarse, smooth
from hepalith.anatomy.coarsen import coarsen
from hepalith.anatomy.liver import Liver
from hepalith.geometry import Box, Grid
from hepalith.image.volume import Volume

__all__ = ["EDGE_MM", "SPACING_MM", "LesionField", "clear_of", "lay_lesion_field", "on_field"]

SPACING_MM = 2.0
"""Spacing of the copy. A lesion of 8 mm, the smallest that is called one, is four voxels wide; a liver has
some 200,000. Our judgement, from the time that is left for it."""

MARGIN_MM = 8.0
"""How far beyond the liver's box the copy reaches: what a lesion at the surface bulges."""

FINE_VOXELS, BROAD_VOXELS = 0.9, 2.2
"""Gaussian blurs, in voxels: the first for outlines, the second, as wide as the smallest lesion, for seeing
what stands out."""

FLOOR_HU, CEILING_HU = -150.0, 400.0
"""HU are held within these: what lies beyond is gas or metal, and must not outweigh its neighbours."""

DEEP_MM = 5.0
"""Parenchyma is learnt deeper than this, clear of the partial volume of fat, ribs and lung."""

EDGE_MM = 3.0
"""Nearer than this to the edge of the liver, partial volume and errors of the outline look like lesions:
voxels there are not averaged. Our judgement."""

FAT_HU, FAT_DEEP_MM = -20.0, 9.0
"""Nor is fat (below the first) that is nearer than the second: that of fissures, hilum and gallbladder
bed."""

PIT_MM, LIVER_SHARE = 6.0, 0.5
"""Half the width up to which a pit of the outline is the liver's, and what the network must then say of liver
there: cysts at the surface are left out in speckles 4 to 10 mm wide; the fossa of the gallbladder and the
hilum are wider. Our judgement, from the development phantoms."""

FIT_SPREADS, FIT_ROUNDS = 2.5, 4
"""The parenchyma's level is fitted to what lies within so many spreads of it, in so many rounds: lesions and
vessels, which are not, drop out. Our judgement."""

LEAST_WEIGHT = 0.02
"""Least share of tissue in a weighted mean; with less, nothing is said (0 HU from the parenchyma)."""

CLIPPED_GAIN = 1.09
"""A normal spread over that of its part within 2.5 spreads."""

FIT_LEAST_HU = 5.0
"""Least spread held in that fit: below, nothing but noise is left out."""

FIT_MOST_CELLS = 20_000
"""Most voxels fitted: the ten numbers of a quadratic surface need no more."""

LEAST_CELLS = 60
"""Fewest voxels of deep parenchyma from which its level is learnt (0.5 mL)."""


@dataclass(frozen=True, slots=True, eq=False)
class LesionField:
    """The liver on the 2 mm copy.

    Parameters
    ----------
    box
        Where the copy lies in the image.
    coarse
        HU on the copy; `first` and `step` count in voxels of `box`.
    grid
        The copy's place in the patient.
    inside
        bool: liver, with its holes filled.
    depth_mm
        float32: distance from the edge of `inside`, inward.
    sure
        bool: deeper than `EDGE_MM` within the outline as it was drawn, without the pits that are filled here:
        by a pit, the edge of the outline may pass for that of a lesion.
    known
        bool: HU there are tissue's, not calcium's, metal's or their blur.
    vessel, duct
        bool: told by their finders.
    fine, broad
        float32: HU less the parenchyma's level, smoothed over what is known.
    fine_sd, broad_sd
        Standard deviation of both in the parenchyma: noise, and its own texture.
    level_hu
        float32: the parenchyma's level.
    parenchyma_hu
        Its median.
    """

    box: Box
    coarse: Coarse
    grid: Grid
    inside: NDArray[np.bool_]
    depth_mm: NDArray[np.float32]
    sure: NDArray[np.bool_]
    known: NDArray[np.bool_]
    vessel: NDArray[np.bool_]
    duct: NDArray[np.bool_]
    fine: NDArray[np.float32]
    broad: NDArray[np.float32]
    fine_sd: float
    broad_sd: float
    level_hu: NDArray[np.float32]
    parenchyma_hu: float


def on_field(labels: NDArray[Any], box: Box, whole: Box, coarse: Coarse) -> NDArray[Any]:
    """Return a label map of `box` at the voxels of the copy of `whole`; 0 outside `box`."""
    out = np.zeros(coarse.hu.shape, labels.dtype)
    take, put = [], []
    for axis in range(3):
        at = np.rint(coarse.first[axis] + np.arange(coarse.hu.shape[axis]) * coarse.step[axis])
        at = at.astype(np.intp) + whole.start[axis] - box.start[axis]
        (good,) = np.nonzero((at >= 0) & (at < labels.shape[axis]))
        take.append(at[good])
        put.append(good)
    if all(p.size for p in put):
        out[np.ix_(*put)] = labels[np.ix_(*take)]
    return out


def lay_lesion_field(
    volume: Volume,
    liver: Liver,
    *,
    dense: tuple[NDArray[np.intp], tuple[float, float, float]] | None = None,
    vessels: tuple[NDArray[Any], Box] | None = None,
    ducts: tuple[NDArray[Any], Box] | None = None,
) -> LesionField | None:
    """Return the liver on the 2 mm copy; None where too little parenchyma is in view.

    Parameters
    ----------
    volume, liver
        The CT and its liver.
    dense
        Voxels of the image that are dense (calcium, metal), shape (n, 3), and how far their blur reaches
        along each axis in mm: no tissue is seen there.
    vessels, ducts
        Labels of vessels and ducts, and their boxes.
    """
    margin = [math.ceil(MARGIN_MM / s) for s in volume.spacing_mm]
    box = liver.box.grown(margin, volume.hu.shape)
    crop = volume.cropped(box)
    coarse = coarsen(crop, SPACING_MM)
    drawn = np.asarray(ndimage.binary_fill_holes(on_field(liver.mask, liver.box, box, coarse)))
    inside = _whole(drawn, coarse, box, liver)
    depth = _depth(inside)
    known = np.ones(inside.shape, np.bool_) if dense is None else ~_blurred(dense, box, coarse)
    vessel, duct = (
        np.zeros(inside.shape, np.bool_) if given is None else on_field(*given, box, coarse) > 0
        for given in (vessels, ducts)
    )
    hu = np.clip(coarse.hu, FLOOR_HU, CEILING_HU)
    learnt = _learnt(depth, inside, known, vessel | duct)
    if int(learnt.sum()) < LEAST_CELLS:
        return None
    level = _level(hu, learnt)
    tissue = _tissue(hu, depth, known)
    fine, broad = (_smoothed(hu - level, tissue, s) for s in (FINE_VOXELS, BROAD_VOXELS))
    affine = crop.grid.affine.copy()
    affine[:3, 3] = crop.grid.to_lps(coarse.first)
    affine[:3, :3] = crop.grid.affine[:3, :3] * np.asarray(coarse.step)
    return LesionField(
        box=box,
        coarse=coarse,
        grid=Grid(inside.shape, affine),
        inside=inside,
        depth_mm=depth,
        sure=_depth(drawn) > EDGE_MM,
        known=known,
        vessel=vessel,
        duct=duct,
        fine=fine,
        broad=broad,
        fine_sd=_spread(fine[learnt]),
        broad_sd=_spread(broad[learnt]),
        level_hu=level,
        parenchyma_hu=float(np.median(level[learnt])),
    )


def clear_of(field: LesionField, tubes: NDArray[np.bool_]) -> LesionField:
    """Return the copy with its broad average taken over what is no narrow vessel.

    Averaged in, bright vessels hide the dark lesion beside them, and make the parenchyma look uneven.
    """
    if not tubes.any():
        return field
    hu = np.clip(field.coarse.hu, FLOOR_HU, CEILING_HU)
    tissue = _tissue(hu, field.depth_mm, field.known) & ~tubes
    broad = _smoothed(hu - field.level_hu, tissue, BROAD_VOXELS)
    learnt = _learnt(field.depth_mm, field.inside, field.known, field.vessel | field.duct)
    return replace(field, broad=broad, broad_sd=_spread(broad[learnt]))


def _learnt(
    depth: NDArray[np.float32],
    inside: NDArray[np.bool_],
    known: NDArray[np.bool_],
    tubes: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return the parenchyma that is learnt from: deep, no vessel, no duct; all of it where that is little."""
    learnt = (depth > DEEP_MM) & known & ~tubes
    return learnt if int(learnt.sum()) >= LEAST_CELLS else inside & known


def _tissue(
    hu: NDArray[np.float32], depth: NDArray[np.float32], known: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return what is averaged: no calcium, no edge of the liver, no fat near it."""
    tissue: NDArray[np.bool_] = known & (depth > EDGE_MM) & ((hu > FAT_HU) | (depth > FAT_DEEP_MM))
    return tissue


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance inward from the edge of a mask; the edge of the copy is none."""
    deep: NDArray[np.float32] = edt.edt(np.pad(mask, 1, mode="edge"), anisotropy=(SPACING_MM,) * 3)
    return deep[1:-1, 1:-1, 1:-1]


def _whole(filled: NDArray[np.bool_], coarse: Coarse, box: Box, liver: Liver) -> NDArray[np.bool_]:
    """Return the liver without the holes and pits that an outline by HU leaves where a cyst lies.

    A pit narrower than twice `PIT_MM` is filled with what is no fat and, where the network was asked, what it
    takes for liver.
    """
    if not filled.any():
        return filled
    margin = math.ceil(PIT_MM / SPACING_MM) + 1
    cube = (SPACING_MM,) * 3
    near = edt.edt(~np.pad(filled, margin), anisotropy=cube) <= PIT_MM
    closed = (edt.edt(near, anisotropy=cube) > PIT_MM)[(slice(margin, -margin),) * 3]
    pits = closed & ~filled & (coarse.hu > FAT_HU)
    if liver.organs is not None and pits.any():
        k, j, i = (float(a + b) for a, b in zip(coarse.first, box.start, strict=True))
        pits &= liver.organs.on(replace(coarse, first=(k, j, i)), "liver") > LIVER_SHARE
    whole: NDArray[np.bool_] = filled | pits
    return whole


def _blurred(
    dense: tuple[NDArray[np.intp], tuple[float, float, float]], box: Box, coarse: Coarse
) -> NDArray[np.bool_]:
    """Return where what is dense, or its blur, reaches."""
    voxels, reach_mm = dense
    touched = np.zeros(coarse.hu.shape, np.bool_)
    at = np.rint((voxels - np.asarray(box.start) - np.asarray(coarse.first)) / np.asarray(coarse.step))
    cells = at.astype(np.intp)
    good = ((cells >= 0) & (cells < touched.shape)).all(axis=1)
    touched[tuple(cells[good].T)] = True
    if not touched.any():
        return touched
    share = tuple(SPACING_MM / r for r in reach_mm)
    near: NDArray[np.bool_] = edt.edt(~touched, anisotropy=share) <= 1.0
    return near


def _smoothed(field: NDArray[np.float32], known: NDArray[np.bool_], voxels: float) -> NDArray[np.float32]:
    """Return a field blurred over what is known."""
    if known.all():
        return smooth(field, voxels)
    weight = smooth(known.astype(np.float32), voxels)
    blurred: NDArray[np.float32] = smooth(np.where(known, field, 0).astype(np.float32), voxels)
    return np.where(weight > LEAST_WEIGHT, blurred / np.maximum(weight, LEAST_WEIGHT), np.float32(0))


def _spread(values: NDArray[np.float32]) -> float:
    """Return the standard deviation of the bulk of values about 0, lesions and vessels left out."""
    spread = float(np.median(np.abs(values))) * 1.4826
    for _ in range(FIT_ROUNDS):
        bulk = np.abs(values) < FIT_SPREADS * max(spread, 0.3)
        spread = float(values[bulk].std()) * CLIPPED_GAIN
    return max(spread, 0.3)


def _level(hu: NDArray[np.float32], learnt: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the parenchyma's level: a quadratic surface through the bulk of the liver.

    The start is the commonest HU, which a mass or fat in less than half of the liver leaves alone.
    """
    places = np.argwhere(learnt)
    places = places[:: max(1, len(places) // FIT_MOST_CELLS)]
    values = hu[tuple(places.T)]
    middle, half = np.asarray(hu.shape) / 2, max(hu.shape) / 2
    terms = _terms((places - middle) / half)
    level = np.full(values.shape, _commonest(values), np.float32)
    weights = np.zeros(terms.shape[1])
    for _ in range(FIT_ROUNDS):
        away = values - level
        spread = max(float(np.median(np.abs(away))) * 1.4826, FIT_LEAST_HU)
        bulk = np.abs(away) < FIT_SPREADS * spread
        normal = terms[bulk].T @ terms[bulk] + np.diag([0.0] + [1e-3 * bulk.sum()] * (terms.shape[1] - 1))
        weights = np.linalg.solve(normal, terms[bulk].T @ values[bulk])
        level = (terms @ weights).astype(np.float32)
    k, j, i = (((np.arange(n) - m) / half).astype(np.float32) for n, m in zip(hu.shape, middle, strict=True))
    k, j, i = k[:, None, None], j[None, :, None], i[None, None, :]
    w = weights.astype(np.float32)
    surface = (
        w[0]
        + (w[1] * k + w[4] * k * k)
        + (w[2] * j + w[5] * j * j)
        + (w[3] * i + w[6] * i * i)
        + w[7] * k * j
        + w[8] * k * i
        + w[9] * j * i
    )
    low, high = float(level.min()), float(level.max())
    held: NDArray[np.float32] = np.clip(surface, low, high)
    return held


def _terms(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the terms of a quadratic surface at places, one row each."""
    k, j, i = at.T
    return np.stack([np.ones_like(k), k, j, i, k * k, j * j, i * i, k * j, k * i, j * i], axis=1)


def _commonest(values: NDArray[np.float32]) -> float:
    """Return the middle of the narrowest range that holds two fifths of the values."""
    ordered = np.sort(values)
    count = max(1, int(0.4 * len(ordered)))
    width = ordered[count:] - ordered[: len(ordered) - count]
    first = int(width.argmin())
    return float(np.median(ordered[first : first + count + 1]))
