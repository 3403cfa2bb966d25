"""Palettes: the colours that stored values stand for (DICOM PS3.3, C.7.6.3.1.5 and C.7.9)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

__all__ = ["PaletteError", "read_palette"]

_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)
_DATA = (0x00281201, 0x00281202, 0x00281203)
_SEGMENTED = (0x00281221, 0x00281222, 0x00281223)


class PaletteError(ValueError):
    """A palette that is missing or contradicts itself."""


def read_palette(dataset: Dataset, *, little: bool) -> tuple[NDArray[np.uint8], int]:
    """Return the colours, uint8, shape (entry, 3), and the stored value that the first entry stands for.

    Values below the first take its colour, values beyond the last the last one's.

    Parameters
    ----------
    dataset
        The header, palette included.
    little
        Byte order of the palette's data.

    Raises
    ------
    PaletteError
        If a table is missing, or holds other than it announces.
    """
    columns, first = [], 0
    for descriptor, plain, segmented in zip(_DESCRIPTORS, _DATA, _SEGMENTED, strict=True):
        if descriptor not in dataset or (plain not in dataset and segmented not in dataset):
            raise PaletteError("a palette is announced and not there")
        announced = [int(value) for value in dataset[descriptor].value]
        if len(announced) != 3:
            raise PaletteError("the palette's descriptor is damaged")
        entries, first, bits = announced[0] & 0xFFFF or 65536, announced[1], announced[2]
        if plain in dataset:
            values = _read_entries(dataset[plain].value, entries, little=little)
        else:
            values = _expand(_words(dataset[segmented].value, little=little), entries)
        columns.append(_to_eight_bits(values, bits))
    if len({len(column) for column in columns}) != 1:
        raise PaletteError("the palette's colours differ in length")
    return np.stack(columns, axis=1), first


def _words(data: bytes, *, little: bool) -> NDArray[np.uint16]:
    if not isinstance(data, bytes) or len(data) < 2:
        raise PaletteError("the palette is empty")
    return np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little else ">u2").astype(np.uint16)


def _read_entries(data: bytes, entries: int, *, little: bool) -> NDArray[np.uint16]:
    """Return the entries: one byte each where that is how long the data is, else two."""
    words = _words(data, little=little)
    if len(words) >= entries:
        return words[:entries]
    if 2 * len(words) >= entries:
        return np.stack([words & 0xFF, words >> 8], axis=1).ravel()[:entries]
    raise PaletteError("the palette is shorter than it announces")


def _to_eight_bits(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    """Return levels from 0 to 255; 16-bit tables whose values end at 255 are eight-bit ones."""
    wide = bits > 8 and int(values.max(initial=0)) > 255
    return (values >> (8 if wide else 0)).astype(np.uint8)


def _expand(words: NDArray[np.uint16], entries: int) -> NDArray[np.uint16]:
    """Return the entries of a segmented table: discrete, linear and indirect segments (C.7.9.2)."""
    out: list[int] = []
    stream = [int(word) for word in words]
    _expand_from(stream, 0, None, out, entries, depth=0)
    if len(out) < entries:
        raise PaletteError("the segmented palette is shorter than it announces")
    return np.array(out[:entries], dtype=np.uint16)


def _expand_from(
    stream: list[int], position: int, segments: int | None, out: list[int], entries: int, *, depth: int
) -> None:
    while position + 2 <= len(stream) and len(out) < entries and segments != 0:
        opcode, length = stream[position], stream[position + 1]
        position += 2
        if opcode == 0:
            out.extend(stream[position : position + length])
            position += length
        elif opcode == 1 and out and position < len(stream) and length:
            start, end = out[-1], stream[position]
            out.extend(round(start + (end - start) * (n + 1) / length) for n in range(length))
            position += 1
        elif opcode == 2 and depth == 0 and position + 2 <= len(stream):
            start = (stream[position] | stream[position + 1] << 16) // 2
            _expand_from(stream, start, length, out, entries, depth=1)
            position += 2
        else:
            raise PaletteError("the segmented palette is damaged")
        segments = None if segments is None else segments - 1
