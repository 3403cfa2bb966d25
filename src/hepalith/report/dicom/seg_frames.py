"""The frames of a DICOM segmentation: which there are, and their pixels, one frame in memory at a time.

Only frames that hold something are written. Pixels lie as in the files of the source: in the stored order,
over the whole slice, so that a viewer lays a frame onto its slice without resampling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.encoders.base import RLELosslessEncoder

from hepalith.geometry import Box
from hepalith.image.save import stored_start
from hepalith.reading import Maps
from hepalith.report.dicom.segments import Layer, Segment, segment_mask

__all__ = [
    "INNERMOST_LAST",
    "Frame",
    "encode_rle",
    "find_frames",
    "label_planes",
    "lay_labels",
    "pack_bits",
]

INNERMOST_LAST: Final[tuple[Layer, ...]] = ("liver", "segments", "ducts", "hosts", "foci")
"""Order in which a label map is painted: each voxel belongs to the last that holds it.

A focus lies inside its lesion or duct, that in a segment, that in the liver. So nothing of a focus is lost,
and the liver is the union of all that lies in it. Our judgement: whoever opens a label map wants to see
the foci."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame: which segment (None in a label map), which slice of the stored grid, and its pixels.

    Parameters
    ----------
    rows, columns
        Where `pixels` lie in the slice; all else is 0.
    """

    segment: int | None
    plane: int
    rows: slice
    columns: slice
    pixels: NDArray[Any]

    def lay(self, canvas: NDArray[Any]) -> NDArray[Any]:
        """Return the whole slice: `canvas`, emptied, with the pixels in their place."""
        canvas[...] = 0
        canvas[self.rows, self.columns] = self.pixels
        return canvas


def find_frames(maps: Maps, segments: Sequence[Segment]) -> list[Frame]:
    """Return the frames of a binary segmentation: segment by segment, in the stored order of slices."""
    frames = []
    for segment in segments:
        box = within_image(segment.place, maps.box)
        mask = np.ascontiguousarray(maps.stored_order.to_stored(segment_mask(maps, segment)))
        frames += cut_frames(
            mask.view(np.uint8), stored_start(box, maps.grid, maps.stored_order), segment.number
        )
    return frames


def label_planes(maps: Maps, segments: Sequence[Segment]) -> list[Frame]:
    """Return the frames of a label map, in the stored order of slices."""
    labels = np.ascontiguousarray(maps.stored_order.to_stored(lay_labels(maps, segments)))
    return cut_frames(labels, stored_start(maps.box, maps.grid, maps.stored_order), None)


def lay_labels(maps: Maps, segments: Sequence[Segment]) -> NDArray[Any]:
    """Return the segment number of each voxel of the crop: of the innermost segment that holds it."""
    narrow = np.uint8 if len(segments) <= np.iinfo(np.uint8).max else np.uint16
    labels: NDArray[Any] = np.zeros(maps.box.shape, dtype=narrow)
    for layer in INNERMOST_LAST:
        for segment in (s for s in segments if s.layer == layer):
            labels[segment.place.slices][segment_mask(maps, segment)] = segment.number
    return labels


def cut_frames(part: NDArray[Any], start: tuple[int, int, int], segment: int | None) -> list[Frame]:
    """Return a frame for each slice of `part` that holds something; `start` is its place in the image."""
    rows = slice(start[1], start[1] + part.shape[1])
    columns = slice(start[2], start[2] + part.shape[2])
    return [Frame(segment, start[0] + n, rows, columns, plane) for n, plane in enumerate(part) if plane.any()]


def within_image(place: Box, crop: Box) -> Box:
    """Return a box of the crop as a box of the image."""
    start = [a + b for a, b in zip(place.start, crop.start, strict=True)]
    stop = [a + b for a, b in zip(place.stop, crop.start, strict=True)]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def pack_bits(frames: Sequence[Frame], shape: tuple[int, int]) -> Iterator[bytes]:
    """Yield the pixels of binary frames, eight to a byte, the first in the lowest bit.

    Where the pixels of a slice are no multiple of eight, a frame begins within a byte (DICOM PS3.5, 8.2
    and annex D).
    """
    canvas = np.zeros(shape, dtype=np.uint8)
    whole = canvas.size % 8 == 0
    left = np.zeros(0, dtype=np.uint8)
    for frame in frames:
        bits = frame.lay(canvas).ravel()
        if not whole:
            bits = np.concatenate([left, bits])
            end = bits.size - bits.size % 8
            bits, left = bits[:end], bits[end:].copy()
        yield np.packbits(bits, bitorder="little").tobytes()
    if left.size:
        yield np.packbits(left, bitorder="little").tobytes()


def encode_rle(frames: Sequence[Frame], shape: tuple[int, int], dtype: np.dtype[Any]) -> Iterator[bytes]:
    """Yield each frame of a label map as one RLE fragment (DICOM PS3.5, annex G)."""
    canvas = np.zeros(shape, dtype=dtype)
    for frame in frames:
        yield bytes(
            RLELosslessEncoder.encode(
                frame.lay(canvas),
                rows=shape[0],
                columns=shape[1],
                samples_per_pixel=1,
                number_of_frames=1,
                bits_allocated=dtype.itemsize * 8,
                bits_stored=dtype.itemsize * 8,
                pixel_representation=0,
                photometric_interpretation="MONOCHROME2",
            )
        )
