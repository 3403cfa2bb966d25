"""DICOM Segmentation objects (PS3.3, A.51): frames put back to a volume of labels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from hepalith.errors import GeometryError, MaskError, UnreadableFileError
from hepalith.geometry import Grid

__all__ = ["read_segments"]

LIVER_WORDS = frozenset({"liver", "hepar", "leber", "foie", "肝", "肝脏"})
"""What the liver's segment is called where a file holds several; compared without case."""

SAME_PLACE_MM = 0.01
"""Frames closer than this along the normal lie in one slice, as in image stacks."""


def read_segments(path: Path, label: int | None) -> tuple[NDArray[Any], Grid, tuple[str, ...]]:
    """Read a DICOM SEG: the segment `label`; without one the only segment, or the one called liver.

    Returns
    -------
    values
        uint16, shape (slice, row, column): the number of the segment taken, 0 elsewhere.
    grid
        Its stored grid. Slices without a frame are empty, as SEG leaves them out.
    left
        Names of the segments left aside although none was asked for by number.

    Raises
    ------
    MaskError
        If the file is no segmentation or holds no segment of that number.
    UnreadableFileError
        If it cannot be decoded.
    """
    name = path.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path, force=True)
            if dataset.get("Modality") != "SEG":
                kind = dataset.get("Modality", "unknown")
                raise MaskError(f"{name}: a DICOM file of modality {kind}, no segmentation; give a DICOM SEG")
            names = {int(s.SegmentNumber): str(s.get("SegmentLabel", "")) for s in dataset.SegmentSequence}
            names.pop(0, None)  # a label map may describe its background
            if label is not None and label not in names:
                listed = ", ".join(f"{number} ({text})" for number, text in sorted(names.items()))
                raise MaskError(f"{name}: no segment {label}; there are: {listed}")
            left: tuple[str, ...] = ()
            if label is None and len(names) > 1:
                label = _number_of_liver(names, name)
                left = tuple(text for number, text in sorted(names.items()) if number != label)
            frames = np.asarray(dataset.pixel_array)
            if frames.ndim == 2:
                frames = frames[None]
            return (*_assemble(dataset, frames, label), left)
        except (MaskError, GeometryError):
            raise
        except Exception as error:  # plug-ins and absent attributes raise whatever they meet
            reason = " ".join(str(error).split())[:120]
            raise UnreadableFileError(
                f"{name}: the segmentation cannot be read ({reason}); export it again"
            ) from error


def _number_of_liver(names: dict[int, str], file: str) -> int:
    """Return the number of the one segment that is called liver, of several: a spine is no part of it."""
    livers = [number for number, text in names.items() if text.strip().casefold() in LIVER_WORDS]
    if len(livers) != 1:
        listed = ", ".join(f"{number} ({text})" for number, text in sorted(names.items()))
        raise MaskError(f"{file}: several segments; name the liver's with --liver-label: {listed}")
    return livers[0]


def _group(dataset: Dataset, n: int, keyword: str) -> Dataset:
    """Return a functional group of frame `n`, its own or the shared one."""
    own = dataset.PerFrameFunctionalGroupsSequence[n]
    holder = own if keyword in own else dataset.SharedFunctionalGroupsSequence[0]
    group: Dataset = holder[keyword].value[0]
    return group


def _assemble(dataset: Dataset, frames: NDArray[Any], label: int | None) -> tuple[NDArray[Any], Grid]:
    kind = str(dataset.SegmentationType)
    threshold = 1
    if kind == "FRACTIONAL":
        threshold = (int(dataset.get("MaximumFractionalValue", 255)) + 1) // 2
    orientation = np.array(
        _group(dataset, 0, "PlaneOrientationSequence").ImageOrientationPatient, dtype=float
    )
    row, column = orientation[:3], orientation[3:]
    normal = np.cross(row, column)
    measures = _group(dataset, 0, "PixelMeasuresSequence")
    spacing = [float(v) for v in measures.PixelSpacing]
    positions = np.array(
        [_group(dataset, n, "PlanePositionSequence").ImagePositionPatient for n in range(len(frames))],
        dtype=float,
    )
    along = positions @ normal
    lowest = int(along.argmin())
    step = _step(along, measures)
    places = np.rint((along - along[lowest]) / step).astype(int)
    values = np.zeros((int(places.max()) + 1, *frames.shape[1:]), dtype=np.uint16)
    for n, frame in enumerate(frames):
        if kind == "LABELMAP":
            values[places[n]] = frame if label is None else np.where(frame == label, label, 0)
            continue
        number = int(_group(dataset, n, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        if label is None or number == label:
            values[places[n]][frame >= threshold] = number
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = normal * step, column * spacing[0], row * spacing[1]
    affine[:3, 3] = positions[lowest]
    return values, Grid((values.shape[0], values.shape[1], values.shape[2]), affine)


def _step(along: NDArray[np.float64], measures: Dataset) -> float:
    """Return the distance between slices: from the frames' places, else from the header."""
    places = np.unique(np.round(along / SAME_PLACE_MM)) * SAME_PLACE_MM
    stated = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0)
    if len(places) < 2:
        return abs(stated) or 1.0
    gaps = np.diff(places)
    smallest = float(gaps.min())
    steps = np.rint(gaps / smallest)
    if np.abs(gaps - steps * smallest).max() > 0.1 * smallest:
        raise GeometryError("the segmentation's slices are not evenly placed; export it as NIfTI")
    return float(places[-1] - places[0]) / float(steps.sum())
