"""Where a reading came from, with identity: what its DICOM and FHIR must say to be filed beside the images.

It is kept in ``source.json``, apart from the reading, so that results can be written long after the images
went. Of a de-identified reading there is none: then `stand_in_source` makes one that names nobody.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hepalith.errors import ReadingFileError
from hepalith.geometry import Grid, StoredOrder
from hepalith.reading.document import Document
from hepalith.study import GeneralStudy, Identity
from hepalith.study.uid import ALL_UIDS, make_uid

__all__ = [
    "CT_IMAGE_STORAGE",
    "US_IMAGE_STORAGE",
    "Source",
    "SourceImage",
    "SourceInstance",
    "load_source",
    "source_json",
    "stand_in_slices",
    "stand_in_source",
]

SCHEMA = "hepalith/source/2"
"""Name and version of the shape of ``source.json``."""

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
"""SOP class of CT Image Storage (DICOM PS3.4, B.5)."""

US_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.6.1"
"""SOP class of Ultrasound Image Storage (DICOM PS3.4, B.5)."""


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
    places
        Where each instance lies along the stored grid, in slices; empty where no header says so.
    shifts
        Where the first pixel of each instance lies in the plane of the grid, in its rows and columns; empty
        where all lie at its corner, or no header says so.
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
    places: tuple[float, ...] = ()
    shifts: tuple[tuple[float, float], ...] = ()

    def shown_in(self, plane: int) -> tuple[int, ...]:
        """Return the instances that a slice of the stored grid comes from, the nearest first.

        That is its own; of an interpolated one the neighbours on both sides, as far as they are known.
        """
        own = self.slices[plane]
        if own is not None:
            return (own,)
        away = {n: place - plane for n, place in enumerate(self.places)}
        before = [n for n in away if away[n] < 0]
        behind = [n for n in away if away[n] >= 0]
        beside = [min(side, key=lambda n: abs(away[n])) for side in (before, behind) if side]
        return tuple(sorted(beside, key=lambda n: abs(away[n])))


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


def stand_in_slices(series_uid: str, count: int) -> tuple[SourceInstance, ...]:
    """Return instances for slices that have none: the same series gives the same UIDs."""
    return tuple(SourceInstance(CT_IMAGE_STORAGE, make_uid("instance", series_uid, n)) for n in range(count))


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
        places=tuple(said.get("places", ())),
        shifts=tuple((float(row), float(column)) for row, column in said.get("shifts", ())),
        general=GeneralStudy(**said["general"]),
        stand_ins=tuple(said["stand_ins"]),
    )
