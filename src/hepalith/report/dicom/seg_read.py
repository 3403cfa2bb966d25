"""A DICOM segmentation read back, frame by frame, and compared with the maps that it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from hepalith.errors import ReadingFileError
from hepalith.geometry import Grid
from hepalith.image.save import stored_start
from hepalith.reading import Maps, Reading
from hepalith.report.dicom.seg_frames import lay_labels
from hepalith.report.dicom.segments import Segment, layer_of, list_segments

__all__ = ["SegContent", "SegFrame", "SegSegment", "compare_frames", "read_seg"]


@dataclass(frozen=True, slots=True)
class SegSegment:
    """One segment, as the file describes it."""

    number: int
    label: str
    kind: str
    tracking_uid: str


@dataclass(frozen=True, slots=True, eq=False)
class SegFrame:
    """One frame: its segment (0 in a label map), its slice of the stored grid, its pixels (row, column)."""

    segment: int
    plane: int
    pixels: NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class SegContent:
    """A segmentation, read back."""

    study_uid: str
    sop_instance_uid: str
    segments: tuple[SegSegment, ...]
    is_labelmap: bool
    dataset: Dataset

    def frames(self, grid: Grid) -> Iterator[SegFrame]:
        """Yield the frames, one in memory at a time; `grid` is the stored grid of the primary image."""
        shape = (int(self.dataset.Rows), int(self.dataset.Columns))
        planes = iterate_pixels(self.dataset, shape)
        for group, pixels in zip(self.dataset.PerFrameFunctionalGroupsSequence, planes, strict=True):
            found = group.get("SegmentIdentificationSequence")
            number = int(found[0].ReferencedSegmentNumber) if found and not self.is_labelmap else 0
            yield SegFrame(number, plane_of(group, grid), pixels)


def read_seg(path: Path, *, frames: bool = True) -> SegContent:
    """Read ``segmentation.dcm``; without `frames` what it says of its segments alone.

    Raises
    ------
    ReadingFileError
        If the file is no segmentation.
    """
    try:
        dataset = dcmread(path, stop_before_pixels=not frames)
        segments = tuple(
            SegSegment(
                int(one.SegmentNumber),
                str(one.SegmentLabel),
                str(one.SegmentedPropertyTypeCodeSequence[0].CodeValue),
                str(one.get("TrackingUID", "")),
            )
            for one in dataset.SegmentSequence
            if int(one.SegmentNumber) > 0  # 0 is the background of a label map
        )
        return SegContent(
            str(dataset.StudyInstanceUID),
            str(dataset.SOPInstanceUID),
            segments,
            str(dataset.SegmentationType) == "LABELMAP",
            dataset,
        )
    except OSError as error:
        raise ReadingFileError(f"{path} cannot be opened ({error.strerror or error})") from error
    except (InvalidDicomError, AttributeError, ValueError) as error:
        raise ReadingFileError(
            f"{path} is no segmentation of hepalith ({error}); write it again with --write seg"
        ) from error


def iterate_pixels(dataset: Dataset, shape: tuple[int, int]) -> Iterator[NDArray[np.integer[Any]]]:
    """Yield the pixels of each frame; of packed bits without unpacking more than a frame."""
    if int(dataset.BitsAllocated) > 1 or dataset.file_meta.TransferSyntaxUID.is_compressed:
        pixels = dataset.pixel_array
        yield from pixels.reshape(-1, *shape)
        return
    size = shape[0] * shape[1]
    packed = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    for n in range(int(dataset.NumberOfFrames)):
        first, last = n * size, (n + 1) * size
        bits = np.unpackbits(packed[first // 8 : -(-last // 8)], bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(shape)


def plane_of(group: Dataset, grid: Grid) -> int:
    """Return the slice of the stored grid at which a frame lies: by its place, or as a frame of a loop."""
    if "PlanePositionSequence" in group:
        place = [float(v) for v in group.PlanePositionSequence[0].ImagePositionPatient]
        return round(float(grid.to_index(place)[0]))
    (source,) = group.DerivationImageSequence[0].SourceImageSequence
    return int(source.get("ReferencedFrameNumber", 1)) - 1


def compare_frames(reading: Reading, content: SegContent) -> Iterator[tuple[str, str, str]]:
    """Yield where pixels are not those of the maps: what differs, as the reading and as the file has it."""
    maps = reading.maps
    grid = maps.stored_order.stored_grid(maps.grid)
    start = stored_start(maps.box, maps.grid, maps.stored_order)
    segments = {one.number: one for one in list_segments(reading)}
    wanted = expected_planes(maps, segments, labelmap=content.is_labelmap)
    shown: dict[int, int] = dict.fromkeys(wanted, 0)
    for frame in content.frames(grid):
        within = wanted.get(frame.segment)
        at = frame.plane - start[0]
        if within is None or not 0 <= at < len(within):
            yield f"frame of segment {frame.segment}", "no such frame", f"one at slice {frame.plane}"
            continue
        rows, columns = within.shape[1:]
        inside = frame.pixels[start[1] : start[1] + rows, start[2] : start[2] + columns]
        count = int(np.count_nonzero(frame.pixels))
        shown[frame.segment] += count
        if not np.array_equal(inside, within[at]) or count != np.count_nonzero(within[at]):
            yield (
                f"segment {frame.segment}, slice {frame.plane}",
                f"{np.count_nonzero(within[at])} voxels",
                f"{count}, or others",
            )
    for number, within in wanted.items():
        whole = int(np.count_nonzero(within))
        if whole != shown[number]:
            yield f"segment {number}", f"{whole} voxels", f"{shown[number]}"


def expected_planes(
    maps: Maps, segments: Mapping[int, Segment], *, labelmap: bool
) -> dict[int, NDArray[np.integer[Any]]]:
    """Return what each segment (0: all of them in a label map) looks like in the box, in the stored order."""
    if labelmap:
        painted = lay_labels(maps, tuple(segments.values()))
        return {0: np.ascontiguousarray(maps.stored_order.to_stored(painted))}
    return {
        number: maps.stored_order.to_stored((layer_of(maps, one.layer) == one.value).view(np.uint8))
        for number, one in segments.items()
    }
