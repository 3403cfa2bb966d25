"""A reading folder read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hepalith.errors import GeometryError, ReadingFileError
from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.reading.document import SCHEMA, Document
from hepalith.reading.reading import KeyPicture, Maps, Reading
from hepalith.reading.sonogram_maps import OTHER_FOCI, OTHER_PICTURES
from hepalith.reading.source import load_source, stand_in_source

__all__ = ["load_document", "load_reading"]

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI counts x to the patient's right and y to the front as positive, LPS the other way round."""


def load_reading(folder: Path) -> Reading:
    """Read a reading folder back: its document, its maps, and where it came from.

    Keys that this version does not know are ignored.

    Raises
    ------
    ReadingFileError
        If the folder has no reading, one of another major version, or a damaged file.
    """
    document = load_document(folder)
    whole, liver = load_map(folder / "liver.nii.gz")
    foci = load_map(folder / "foci.nii.gz")[1]
    order = StoredOrder.of(whole)
    grid = order.working_grid(whole)
    if foci.shape != liver.shape:
        raise ReadingFileError(
            f"{folder}: foci.nii.gz and liver.nii.gz differ in shape; read the study again"
        )
    liver, foci = order.to_working(liver), order.to_working(foci)
    path = folder / "liver_box.nii.gz"
    if not path.exists():
        box = Box((0, 0, 0), (0, 0, 0))
        hu = np.zeros((0, 0, 0), dtype=np.int16)
    else:
        part, stored = load_map(path)
        hu = np.ascontiguousarray(order.to_working(stored))
        box = place_box(order.working_grid(part), grid, folder)
    further = {
        name: load_labels(folder / f"{name}.nii.gz", order, box) for name in ("segments", "ducts", "hosts")
    }
    source = load_source(folder) or stand_in_source(document, grid, order)
    return Reading(
        document,
        Maps(
            grid,
            order,
            box,
            hu.astype(np.int16, copy=False),
            np.ascontiguousarray(liver[box.slices] != 0),
            np.ascontiguousarray(foci[box.slices]),
            segments=further["segments"],
            ducts=further["ducts"],
            hosts=further["hosts"],
            others=load_pictures(document, folder),
        ),
        source,
    )


def load_labels(path: Path, order: StoredOrder, box: Box) -> NDArray[Any] | None:
    """Return a box of a label map in the working order; None where the folder has none."""
    if not path.exists():
        return None
    return np.ascontiguousarray(order.to_working(load_map(path)[1])[box.slices])


def load_pictures(document: Document, folder: Path) -> tuple[KeyPicture, ...]:
    """Return the ultrasound pictures kept beside the maps; of the liver in them only the share is kept."""
    wanted = [entry for entry in document.key_pictures if entry.file == OTHER_PICTURES]
    if not wanted:
        return ()
    grey, foci = (load_map(folder / name)[1] for name in (OTHER_PICTURES, OTHER_FOCI))
    shapes = {image.id: image.shape[-2:] for image in document.images}
    kept = []
    for entry in wanted:
        if entry.plane >= min(len(grey), len(foci)):
            raise ReadingFileError(f"{folder}: {OTHER_PICTURES} has too few planes; read the study again")
        rows, columns = shapes[entry.image]
        kept.append(
            KeyPicture(
                entry.image,
                entry.frame,
                grey[entry.plane, :rows, :columns].astype(np.uint8),
                np.ascontiguousarray(foci[entry.plane, :rows, :columns]),
                np.zeros((rows, columns), dtype=np.bool_),
            )
        )
    return tuple(kept)


def load_document(folder: Path) -> Document:
    """Read ``reading.json`` of a folder.

    Raises
    ------
    ReadingFileError
        If it is missing, damaged, or of another major version.
    """
    path = folder / "reading.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReadingFileError(
            f"{folder} holds no reading.json; name a folder that hepalith read wrote"
        ) from error
    except OSError as error:
        raise ReadingFileError(
            f"{path} cannot be opened ({error.strerror}); check its permissions"
        ) from error
    except ValueError as error:
        raise ReadingFileError(f"{path} is no JSON ({error}); read the study again") from error
    schema = said.get("schema") if isinstance(said, dict) else None
    if schema != SCHEMA:
        raise ReadingFileError(
            f"{path} has the schema {schema!r}, this version reads {SCHEMA}; read the study again"
        )
    try:
        return Document.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ReadingFileError(f"{path}: {where}: {first['msg'].lower()}; read the study again") from error


def load_map(path: Path) -> tuple[Grid, NDArray[Any]]:
    """Return a NIfTI file's grid and array, both in the stored order, slowest axis first."""
    try:
        image: Any = nibabel.load(path)
        array = np.asarray(image.dataobj).transpose()
        affine = LPS_FROM_RAS @ image.affine
    except FileNotFoundError as error:
        raise ReadingFileError(f"{path} is missing; read the study again") from error
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        said = " ".join(str(error).split())
        raise ReadingFileError(f"{path} is damaged ({said}); read the study again") from error
    affine[:, :3] = affine[:, 2::-1]
    try:
        return Grid(array.shape, affine), array
    except GeometryError as error:
        raise ReadingFileError(f"{path}: {error}") from error


def place_box(part: Grid, whole: Grid, folder: Path) -> Box:
    """Return where the crop lies in the image, in the working order."""
    start = np.rint(whole.to_index(part.to_lps((0, 0, 0)))).astype(int)
    stop = start + np.asarray(part.shape)
    if (start < 0).any() or (stop > np.asarray(whole.shape)).any():
        raise ReadingFileError(f"{folder}: liver_box.nii.gz lies outside the image; read the study again")
    return Box((int(start[0]), int(start[1]), int(start[2])), (int(stop[0]), int(stop[1]), int(stop[2])))
