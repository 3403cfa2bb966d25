"""Where a reading came from, with identity: what its DICOM and FHIR must say to be filed beside the images.

It is kept in ``source.json``, apart from the reading, so that results can be written long after the images
went. Of a de-identified reading there is none: then `stand_in_source` makes one that names nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import ReadingFileError
from hepalith.geometry import Grid, StoredOrder
from hepalith.reading.document import Document, ImageEntry
from hepalith.reading.examination import CtRead, Examination
from hepalith.study import GeneralStudy, Identity, Instance, Series
from hepalith.study.uid import ALL_UIDS, make_uid

__all__ = [
    "CT_IMAGE_STORAGE",
    "Source",
    "SourceImage",
    "SourceInstance",
    "load_source",
    "source_json",
    "source_of",
    "stand_in_source",
]

SCHEMA = "hepalith/source/2"
"""Name and version of the shape of ``source.json``."""

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
"""SOP class of CT Image Storage (DICOM PS3.4, B.5)."""

US_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.6.1"
"""SOP class of Ultrasound Image Storage (DICOM PS3.4, B.5)."""

SAME_SLICE = 0.05
"""Share of the distance between slices within which a file lies at a slice of the grid: headers round, and
grids even out what is 2 % uneven (`hepalith.image.stack`)."""

SAME_PIXEL = 0.1
"""Pixels by which a file may lie beside the grid and still share its matrix; as in `hepalith.image.stack`."""


@dataclass(frozen=True, slots=True)
class SourceInstance:
    """One frame of one file: `frame` counts from 0, and is 0 in single-frame files."""

    sop_class_uid: str
    sop_instance_uid: str
    frame: int = 0
    frames: int = 1
    """How many the file has."""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One image of the reading, and the files it was made from.

    Parameters
    ----------
    image
        Its id in the document.
    instances
        Of a CT its slices in stored order, one entry a slice; of ultrasound one file.
    slices
        For every slice of the stored grid the index of its instance; None where it was interpolated.
        Of ultrasound every frame is of instance 0.
    aligned
        Whether the pixels of an instance are the pixels of its slice.
    stand_ins
        Which UIDs were made because the source has none; see `hepalith.study.Series`.
    """

    image: str
    study_uid: str
    series_uid: str
    modality: str
    frame_of_reference_uid: str
    instances: tuple[SourceInstance, ...]
    slices: tuple[int | None, ...]
    aligned: bool = True
    kind: str = "dicom"
    description: str = ""
    number: int | None = None
    general: GeneralStudy = field(default_factory=GeneralStudy)
    stand_ins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a reading came from; `images` has the one that the maps lie on first.

    `is_hidden` says that it names nobody: the reading is de-identified, and its UIDs are stand-ins.
    """

    identity: Identity
    images: tuple[SourceImage, ...]
    sha256: str = ""
    dates_removed: bool = False
    is_hidden: bool = False

    @property
    def primary(self) -> SourceImage:
        """The image that the maps of the folder lie on."""
        return self.images[0]

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Which kinds of UIDs were made for any image, in the order of `ALL_UIDS`."""
        made = {name for image in self.images for name in image.stand_ins}
        return tuple(name for name in ALL_UIDS if name in made)

    def image(self, name: str) -> SourceImage:
        """Return the image of an id of the document."""
        return next(one for one in self.images if one.image == name)


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
            grid = order.stored_grid(examination.ct.volume.grid)
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
    )


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


def stand_in_slices(series_uid: str, count: int) -> tuple[SourceInstance, ...]:
    """Return instances for slices that have none: the same series gives the same UIDs."""
    return tuple(SourceInstance(CT_IMAGE_STORAGE, make_uid("instance", series_uid, n)) for n in range(count))


def match_slices(instances: Sequence[Instance], grid: Grid) -> tuple[tuple[int | None, ...], bool]:
    """Return which instance lies at each slice of a stored grid, and whether their pixels are the grid's.

    A file without a position (placed by its number) lies where the decoder put it: slice n.
    """
    places = [i.plane.position if i.plane else None for i in instances]
    same_size = all(
        i.encoding is None or (i.encoding.rows, i.encoding.columns) == grid.shape[1:] for i in instances
    )
    if any(place is None for place in places):
        even = len(instances) == grid.shape[0]
        return tuple(range(grid.shape[0])) if even else (None,) * grid.shape[0], even and same_size
    index: NDArray[np.float64] = np.asarray(grid.to_index(np.asarray(places, dtype=np.float64)))
    nearest: dict[int, int] = {}
    for n, along in enumerate(index[:, 0]):
        if abs(along - round(along)) <= SAME_SLICE:
            nearest.setdefault(round(along), n)
    slices = tuple(nearest.get(n) for n in range(grid.shape[0]))
    return slices, same_size and bool(np.abs(index[:, 1:]).max() <= SAME_PIXEL)


def stand_in_source(document: Document, grid: Grid, order: StoredOrder) -> Source:
    """Return a source that names nobody, from the document alone: for a de-identified reading.

    The study's and the series' UIDs are those of the document, where they stand for the real ones.
    """
    images: list[SourceImage] = []
    stored = order.stored_grid(grid)
    for entry in sorted(document.images, key=lambda image: image.role != "primary"):
        series_uid = entry.series_uid or make_uid("series", document.reading.id, entry.id)
        instances: tuple[SourceInstance, ...]
        slices: tuple[int | None, ...]
        if entry.modality == "US":
            file = make_uid("instance", series_uid, entry.id)
            instances = (SourceInstance(US_IMAGE_STORAGE, file, 0, entry.shape[0]),)
            slices = (0,) * entry.shape[0]
        else:
            count = entry.shape[0] if images else stored.shape[0]
            instances, slices = stand_in_slices(series_uid, count), tuple(range(count))
        images.append(
            SourceImage(
                entry.id,
                entry.study_uid or document.study.uid,
                series_uid,
                entry.modality,
                entry.frame_of_reference_uid,
                instances,
                slices,
                stand_ins=ALL_UIDS,
            )
        )
    who = document.study.patient
    return Source(Identity(patient_id=who.key or "", age_years=who.age_years), tuple(images), is_hidden=True)


def source_json(source: Source) -> str:
    """Return the text of ``source.json``."""
    said = {"schema": SCHEMA, **asdict(source)}
    return json.dumps(said, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def load_source(folder: Path) -> Source | None:
    """Read ``source.json`` of a folder; None where it has none (a de-identified reading).

    Raises
    ------
    ReadingFileError
        If it is damaged, unreadable, or of another version.
    """
    path = folder / "source.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReadingFileError(
            f"{path} cannot be opened ({error.strerror}); it is private to the user who wrote it"
        ) from error
    except ValueError as error:
        raise ReadingFileError(f"{path} is no JSON ({error}); read the study again") from error
    try:
        if said["schema"] != SCHEMA:
            raise ReadingFileError(f"{path} is of another version ({said['schema']}); read the study again")
        return Source(
            Identity(**said["identity"]),
            tuple(loaded_image(image) for image in said["images"]),
            said["sha256"],
            said["dates_removed"],
            said["is_hidden"],
        )
    except (KeyError, TypeError) as error:
        raise ReadingFileError(f"{path} is damaged ({error}); read the study again") from error


def loaded_image(said: dict[str, Any]) -> SourceImage:
    """Return one image of ``source.json``."""
    image = SourceImage(**said)
    return replace(
        image,
        instances=tuple(SourceInstance(**one) for one in said["instances"]),
        slices=tuple(said["slices"]),
        general=GeneralStudy(**said["general"]),
        stand_ins=tuple(said["stand_ins"]),
    )
