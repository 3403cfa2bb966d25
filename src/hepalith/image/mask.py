"""Liver masks that the user gives, laid on the image's grid.

A mask without geometry is taken voxel by voxel where its shape is that of the stored image
(and said in a warning), and refused where it is not: a shape that fits by chance would put
the liver somewhere else, but arrays saved beside their image are common and fit exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.errors import MaskError, UnreadableFileError
from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.image.decode_file import read_image_file
from hepalith.image.mask_seg import read_segments
from hepalith.image.volume import Volume
from hepalith.settings import MaskSource
from hepalith.study.volume_file import sniff

__all__ = ["LabelImage", "LaidMask", "lay_masks", "read_mask", "read_masks"]

SAME_GRID_SHARE = 0.1
"""Grids whose corners agree within this share of a voxel are one grid: headers round."""

INSIDE_SHARE = 0.95
"""A mask of which less than this share lies in the image is said to reach beyond it.

Resampling alone moves a liver's volume by 1 % or so (our judgement).
"""

MAX_LISTED = 20
"""Most labels listed in one error line."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelImage:
    """A mask file as stored: one array a label, or one array of labels."""

    values: NDArray[Any]
    """Shape (slice, row, column); the label of each voxel."""
    grid: Grid
    has_geometry: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LaidMask:
    """A mask on the image's grid."""

    mask: NDArray[np.bool_]
    """In the working order, shape of the volume."""
    warnings: tuple[str, ...] = ()
    """What was assumed or doubted while laying it there, one sentence each."""


def lay_masks(sources: Sequence[MaskSource], volume: Volume) -> LaidMask:
    """Return the union of several masks on the volume's grid, and what is doubtful; see `read_mask`."""
    first, *others = (_lay(source, volume) for source in sources)
    union, notes = first.mask, list(first.warnings)
    for laid in others:
        union |= laid.mask
        notes += laid.warnings
    return LaidMask(union, tuple(notes))


def read_masks(sources: Sequence[MaskSource], volume: Volume) -> NDArray[np.bool_]:
    """Return the union of several masks on the volume's grid; see `read_mask`."""
    return lay_masks(sources, volume).mask


def read_mask(source: MaskSource, volume: Volume) -> NDArray[np.bool_]:
    """Read one mask and lay it on the volume's grid.

    Parameters
    ----------
    source
        NIfTI, NRRD, MetaImage or DICOM SEG, and the label (SEG: segment number) to take;
        without one every voxel that is not zero.
    volume
        The image. A mask on another grid of the same space is resampled linearly and cut at
        one half, which keeps its volume.

    Returns
    -------
    mask
        bool, shape of `volume.hu`, in the working order.

    Raises
    ------
    MaskError
        If the mask is empty, lies outside the image, does not have the label, or has no
        geometry and another shape.
    UnreadableFileError
        If the file cannot be read.
    """
    return _lay(source, volume).mask


def _lay(source: MaskSource, volume: Volume) -> LaidMask:
    """Lay one mask on the volume's grid; see `read_mask`."""
    name = source.path.name
    image = _read_label_image(source)
    chosen = _take_label(image.values, source.label, name)
    if not chosen.any():
        raise MaskError(f"{name}: the mask is empty; give one that holds the liver")
    stored = volume.stored_order.stored_grid(volume.grid)
    if not image.has_geometry:
        if chosen.shape != stored.shape:
            raise MaskError(
                f"{name}: the mask has no geometry and another shape ({_sized(chosen.shape)}) than the image "
                f"({_sized(stored.shape)}); save it with the image's geometry"
            )
        note = "The liver mask has no geometry; it was laid on the image voxel by voxel"
        return LaidMask(_copied(volume.stored_order.to_working(chosen)), (*image.warnings, note))
    order = StoredOrder.of(image.grid)
    grid = order.working_grid(image.grid)
    working = order.to_working(chosen)
    if grid.is_close_to(volume.grid, SAME_GRID_SHARE * min(volume.grid.spacing_mm)):
        return LaidMask(_copied(working), image.warnings)
    laid = _resampled(working, grid, volume.grid)
    if not laid.any():
        raise MaskError(f"{name}: the mask lies outside the image; give the mask of this examination")
    share = float(laid.sum()) * volume.grid.voxel_mm3 / (float(chosen.sum()) * image.grid.voxel_mm3)
    if share < INSIDE_SHARE:
        note = f"Only {share:.0%} of the liver mask lies in the image: is it of this scan?"
        return LaidMask(laid, (*image.warnings, note))
    return LaidMask(laid, image.warnings)


def _copied(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask laid out in its own order; beyond the box of what it marks nothing is touched."""
    if mask.flags.c_contiguous:
        return mask
    whole, box = np.zeros(mask.shape, dtype=np.bool_), Box.around(mask)
    whole[box.slices] = mask[box.slices]
    return whole


def _sized(shape: Sequence[int]) -> str:
    return "x".join(str(n) for n in shape[::-1])


def _read_label_image(source: MaskSource) -> LabelImage:
    path: Path = source.path
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        raise UnreadableFileError(f"{path}: {reason}; check the path of the mask") from error
    kind = sniff(head)
    if kind == "dicom":
        values, grid, left = read_segments(path, source.label)
        note = f"Of the mask's segments only the liver was taken, not: {', '.join(left)}"
        return LabelImage(values, grid, has_geometry=True, warnings=(note,) if left else ())
    if kind in ("nifti", "nrrd", "mha"):
        image = read_image_file(path, None, kind)
        return LabelImage(_scaled(image.values, image.slope, image.intercept), image.grid, image.has_geometry)
    raise MaskError(f"{path.name}: not a mask that hepalith reads; give NIfTI, NRRD, MHA or DICOM SEG")


def _scaled(values: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    if slope == 1 and intercept == 0:
        return values
    return values * np.float32(slope) + np.float32(intercept)


def _take_label(values: NDArray[Any], label: int | None, name: str) -> NDArray[np.bool_]:
    """Return where the label is; without one, where anything is. The values may be written over."""
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, copy=True, nan=0.0, posinf=0.0, neginf=0.0)
        if label is None:
            return np.asarray(values >= 0.5)  # probabilities are cut at one half
        values = np.rint(values)
    if label is None:
        room = values.view(np.bool_) if values.dtype == np.uint8 and values.flags.writeable else None
        return np.asarray(np.greater(values, 0, out=room))
    chosen = np.asarray(values == label)
    if not chosen.any():
        there = [str(int(v)) for v in np.unique(values) if v != 0]
        more = f" and {len(there) - MAX_LISTED} more" if len(there) > MAX_LISTED else ""
        listed = ", ".join(there[:MAX_LISTED]) or "none, it is empty"
        raise MaskError(f"{name}: no label {label} in the mask; there are: {listed}{more}")
    return chosen


def _resampled(mask: NDArray[np.bool_], grid: Grid, target: Grid) -> NDArray[np.bool_]:
    """Lay a mask on another grid: linear interpolation, cut at one half."""
    laid = np.zeros(target.shape, dtype=np.bool_)
    box = Box.around(mask)
    crop = np.pad(mask[box.slices], 1).astype(np.float32)
    start = np.array(box.start) - 1
    corners = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
    middle = (np.array(box.start) + np.array(box.stop) - 1) / 2
    half = (np.array(box.shape) + 1) / 2
    reach = target.to_index(grid.to_lps(middle + corners * half))
    low = np.clip(np.floor(reach.min(axis=0)), 0, target.shape).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)) + 1, 0, target.shape).astype(int)
    if (high <= low).any():
        return laid
    # index in the mask = matrix @ index in the target + offset
    inverse = np.linalg.inv(grid.affine)
    combined = inverse @ target.affine
    offset = combined[:3, :3] @ low + combined[:3, 3] - start
    part = ndimage.affine_transform(
        crop, combined[:3, :3], offset, output_shape=tuple(high - low), order=1, mode="constant", cval=0.0
    )
    laid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = part >= 0.5
    return laid
