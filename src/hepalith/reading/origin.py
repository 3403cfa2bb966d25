"""The files that an examination was read from: which of them each slice of the grid shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepalith.geometry import Grid, StoredOrder
from hepalith.reading.document import Document, ImageEntry
from hepalith.reading.examination import CtRead, Examination
from hepalith.reading.source import (
    US_IMAGE_STORAGE,
    Source,
    SourceImage,
    SourceInstance,
    stand_in_slices,
)
from hepalith.study import Instance, Series

__all__ = ["match_slices", "source_of"]

SAME_SLICE = 0.05
"""Share of the distance between slices within which a file lies at a slice of the grid: headers round, and
grids even out what is 2 % uneven (`hepalith.image.stack`)."""

SAME_PIXEL = 0.1
"""Pixels by which a file may lie beside the grid and still share its matrix; as in `hepalith.image.stack`."""


def source_of(examination: Examination, document: Document, order: StoredOrder) -> Source:
    """Return the source of an examination whose maps are stored in `order`."""
    series: dict[str, Series] = {}
    sha256 = ""
    if examination.ultrasound is not None:
        series |= {image.id: image.series for image in examination.ultrasound.images}
        sha256 = examination.ultrasound.primary.cine.sha256
    if examination.ct is not None:
        series |= ct_series(examination.ct, document)
        sha256 = examination.ct.sha256
    first = next(image.id for image in document.images if image.role == "primary")
    names = sorted((image.id for image in document.images), key=lambda name: name != first)
    entries = {image.id: image for image in document.images}
    images = []
    for name in names:
        grid = None
        if examination.ct is not None and name == first:
            grid = order.stored_grid(examination.ct.grid)
        images.append(source_image(entries[name], series[name], grid))
    study = examination.study
    return Source(study.identity, tuple(images), sha256, dates_removed=study.dates_removed)


def ct_series(ct: CtRead, document: Document) -> dict[str, Series]:
    """Return the series of each CT image of the document, by id."""
    names = [image.id for image in document.images if image.modality != "US"]
    return dict(zip(names, (ct.series, *(phase.series for phase in ct.phases)), strict=True))


def source_image(entry: ImageEntry, series: Series, grid: Grid | None) -> SourceImage:
    """Return where one image came from; `grid` is the stored grid of a CT that the maps lie on."""
    instances, slices, aligned = list_instances(entry, series, grid)
    has_files = series.modality != "US" and series.kind == "dicom"
    index = index_of(series.instances, grid) if has_files and grid is not None else None
    return SourceImage(
        entry.id,
        series.study_uid or entry.study_uid,
        series.uid,
        series.modality,
        series.frame_of_reference_uid,
        instances,
        slices,
        aligned,
        series.kind,
        series.description,
        series.number,
        series.general,
        series.stand_ins,
        () if index is None else tuple(rounded(index[:, 0])),
        () if index is None or aligned else tuple(zip(*map(rounded, index[:, 1:].T), strict=True)),
    )


def rounded(places: NDArray[np.float64]) -> list[float]:
    """Return places to a ten-thousandth of a voxel, which is finer than any header tells."""
    return [round(float(place), 4) for place in places]


def list_instances(
    entry: ImageEntry, series: Series, grid: Grid | None
) -> tuple[tuple[SourceInstance, ...], tuple[int | None, ...], bool]:
    """Return the instances of an image, which of them each slice shows, and whether their pixels agree."""
    if series.modality == "US":
        return (ultrasound_file(entry, series),), (0,) * entry.shape[0], True
    if series.kind != "dicom":  # a volume file has no slices of its own: each gets a stand-in
        count = (grid.shape if grid is not None else entry.shape)[0]
        return stand_in_slices(series.uid, count), tuple(range(count)), True
    frames = {i.sop_instance_uid: i.encoding.frames if i.encoding else 1 for i in series.instances}
    made = tuple(
        SourceInstance(i.sop_class_uid, i.sop_instance_uid, i.frame, frames[i.sop_instance_uid])
        for i in series.instances
    )
    if grid is None:  # another phase: its own slices, whatever grid it was laid onto
        return made, tuple(range(len(made))), True
    return made, *match_slices(series.instances, grid)


def ultrasound_file(entry: ImageEntry, series: Series) -> SourceInstance:
    """Return the file of one ultrasound image."""
    file = series.instances[0]
    return SourceInstance(
        file.sop_class_uid or US_IMAGE_STORAGE, file.sop_instance_uid, 0, max(1, entry.shape[0])
    )


def match_slices(instances: Sequence[Instance], grid: Grid) -> tuple[tuple[int | None, ...], bool]:
    """Return which instance lies at each slice of a stored grid, and whether their pixels are the grid's.

    A file without a position (placed by its number) lies where the decoder put it: slice n.
    """
    same_size = all(
        i.encoding is None or (i.encoding.rows, i.encoding.columns) == grid.shape[1:] for i in instances
    )
    index = index_of(instances, grid)
    if index is None:
        even = len(instances) == grid.shape[0]
        return tuple(range(grid.shape[0])) if even else (None,) * grid.shape[0], even and same_size
    nearest: dict[int, int] = {}
    for n, along in enumerate(index[:, 0]):
        if abs(along - round(along)) <= SAME_SLICE:
            nearest.setdefault(round(along), n)
    slices = tuple(nearest.get(n) for n in range(grid.shape[0]))
    return slices, same_size and bool(np.abs(index[:, 1:]).max() <= SAME_PIXEL)


def index_of(instances: Sequence[Instance], grid: Grid) -> NDArray[np.float64] | None:
    """Return where the first pixel of each instance lies on a stored grid: slice, row, column, as fractions.

    None where the header of one does not say.
    """
    places = [i.plane.position if i.plane else None for i in instances]
    if any(place is None for place in places):
        return None
    index: NDArray[np.float64] = np.asarray(grid.to_index(np.asarray(places, dtype=np.float64)))
    return index
