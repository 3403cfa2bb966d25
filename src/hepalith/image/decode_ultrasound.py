"""Decoding ultrasound: every file of a series becomes one cine of grey levels.

A file is read once; its digest and its pixels come from the same bytes. Frames are decoded one by one into
one array of bytes, so that a loop never stands in memory in colour.
"""

from __future__ import annotations

import hashlib
import os
import warnings as python_warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.errors import InputError, NoImageError, UnreadableFileError
from hepalith.image.cine import Cine
from hepalith.image.colour import Screen
from hepalith.image.decode_us_frames import decode_dicom_frames
from hepalith.image.still import MOST_PIXELS, Pixels, frame_time, still_frames, still_shape
from hepalith.settings import Settings
from hepalith.study import Instance, Series, SeriesLeft
from hepalith.study.group_ultrasound import SMALLEST_PX
from hepalith.study.sonography import Capture
from hepalith.study.source import read_whole

__all__ = ["decode_examination", "decode_ultrasound"]

MOST_BYTES = 8 * 2**30
"""Largest array of one loop, in bytes: 17,000 frames of 800 x 600, ten minutes at 30 a second.

No scanner stores loops as long; a header that announces more is wrong or built to exhaust a machine.
"""

MOST_OF_MEMORY = 0.8
"""Share of the memory still free that one loop may take; the loops before it are held already."""

DIFFERS = 0.05
"""Relative difference from which a stated size of a pixel is said to differ from the header's."""


@dataclass(slots=True)
class _Frames:
    """The frames of one file as they come, and what was noticed."""

    grey: NDArray[np.uint8]
    screen: Screen
    count: int = 0
    wide: list[NDArray[np.uint16]] = field(default_factory=list)
    durations_ms: list[float | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decode_ultrasound(series: Series, settings: Settings) -> tuple[Cine, ...]:
    """Decode a series of ultrasound to one `Cine` a file, in the order of its instances.

    Parameters
    ----------
    series
        Of modality ``"US"``, kind ``"dicom"`` or ``"still"``.
    settings
        `pixel_mm` gives the size of a pixel where the header holds none; where it does, the header's is used,
        and a difference of more than 5 % is said.

    Raises
    ------
    UnreadableFileError
        If a file is truncated or cannot be decoded.
    UnsupportedModalityError
        If a file is compressed in a way that cannot be read here.
    """
    return tuple(_decode_file(series, instance, settings) for instance in series.instances)


def decode_examination(
    chosen: Sequence[Series], settings: Settings
) -> tuple[tuple[Cine, ...], tuple[SeriesLeft, ...]]:
    """Decode all ultrasound of an examination; files that cannot be decoded are left with the reason.

    Raises
    ------
    InputError
        The first file's, if none can be decoded.
    """
    cines: list[Cine] = []
    left: list[SeriesLeft] = []
    first: InputError | None = None
    for series in chosen:
        for instance in series.instances:
            try:
                cines.append(_decode_file(series, instance, settings))
            except InputError as error:
                first = first or error
                left.append(SeriesLeft(series.uid, str(error)))
    if first is not None and not cines:
        raise first
    return tuple(cines), tuple(left)


def _decode_file(series: Series, instance: Instance, settings: Settings) -> Cine:
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")  # libraries warn of what is judged here
        frames, digest = _read_frames(series, instance)
    if frames.count == 0:
        raise UnreadableFileError(f"{instance.name}: it holds no frame; copy it again from its source")
    capture = instance.capture or Capture()
    if frames.wide:
        _narrow(frames, capture)
    grey = frames.grey[: frames.count]
    if capture.photometric == "MONOCHROME1":
        np.subtract(255, grey, out=grey)
    coloured = frames.screen.coloured
    if frames.screen.tinted:
        frames.notes.append("The picture is drawn through a tinted map; its brightness was taken")
    mm_per_px, said = _size_of_pixel(capture, settings)
    time_ms = capture.sonography.frame_time_ms if instance.capture else frame_time(frames.durations_ms)
    notes = (*series.warnings, *capture.warnings, *said, *frames.notes)
    return Cine(
        grey=grey,
        coloured=coloured if coloured is not None and coloured.any() else None,
        regions=capture.regions,
        mm_per_px=mm_per_px,
        frame_time_ms=time_ms if frames.count > 1 else None,
        sonography=replace(capture.sonography, frame_time_ms=time_ms if frames.count > 1 else None),
        name=instance.name,
        sop_instance_uid=instance.sop_instance_uid if series.kind == "dicom" else "",
        sha256=digest,
        kind="cine" if frames.count > 1 else "still",
        warnings=tuple(dict.fromkeys(notes)),
    )


def _read_frames(series: Series, instance: Instance) -> tuple[_Frames, str]:
    """Decode one file; return its frames and its digest."""
    if series.kind == "dicom":
        encoding = instance.encoding
        assert encoding is not None  # noqa: S101  (series hold images only)
        frames = _room_for(encoding.frames, encoding.rows, encoding.columns, instance)
        decoded, digest = decode_dicom_frames(instance, frames.notes)
        _gather(decoded, frames, instance)
        return frames, digest()
    data = read_whole(instance.path, instance.member)
    try:
        shape = still_shape(data)
        if min(shape.rows, shape.columns) < SMALLEST_PX:
            raise NoImageError(
                f"{instance.name}: {shape.columns}x{shape.rows} pixels are too small to hold an ultrasound "
                "picture; give the picture itself"
            )
        frames = _room_for(shape.frames, shape.rows, shape.columns, instance)
        if shape.pages > 1:
            frames.notes.append(f"The file holds {shape.pages} pictures; the first was read")
        _gather(still_frames(data), frames, instance)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever they meet
        raise _cannot_decode(instance, error) from error
    return frames, hashlib.sha256(data).hexdigest()


def _cannot_decode(instance: Instance, error: Exception) -> UnreadableFileError:
    said = " ".join(str(error).split())
    reason = said.rpartition("by all available plugins: ")[2][:120] or type(error).__name__
    return UnreadableFileError(
        f"{instance.name}: its pixels cannot be decoded ({reason}); copy it again from its source"
    )


def _gather(decoded: Iterator[Pixels], frames: _Frames, instance: Instance) -> None:
    """Take the frames one by one; a loop that breaks off or changes its size is refused."""
    try:
        for pixels in decoded:
            n = frames.count
            if n == len(frames.grey):
                frames.notes.append(f"The file holds more frames than it announces; {n} were read")
                return
            if pixels.values.shape[:2] != frames.grey.shape[1:]:
                raise UnreadableFileError(
                    f"{instance.name}: frame {n + 1} is of another size than the file "
                    "announces; copy it again from its source"
                )
            frames.durations_ms.append(pixels.duration_ms)
            if pixels.table is not None:
                frames.screen.put_indexed(n, pixels.values.astype(np.uint16, copy=False), pixels.table)
            elif pixels.values.dtype == np.uint8:
                frames.screen.put(n, pixels.values.astype(np.uint8, copy=False), pixels.space)
            elif pixels.space == "grey":
                frames.wide.append(pixels.values.astype(np.uint16, copy=False))
            else:
                frames.screen.put(n, (pixels.values >> 8).astype(np.uint8), pixels.space)
            frames.count += 1
    except InputError:
        raise
    except Exception as error:  # plug-ins raise whatever their C code meets
        raise _cannot_decode(instance, error) from error


def _room_for(count: int, rows: int, columns: int, instance: Instance) -> _Frames:
    """Return an array to decode into; a file that announces more than memory holds is refused."""
    size = count * rows * columns
    name = instance.name
    if not size:
        raise UnreadableFileError(f"{name}: its picture has no pixels; copy it again from its source")
    if rows * columns > MOST_PIXELS or size > min(MOST_BYTES, MOST_OF_MEMORY * _free_memory()):
        raise UnreadableFileError(
            f"{name}: it announces {count} frames of {columns}x{rows}, more than any ultrasound or than this "
            "machine's memory holds; copy it again from its source"
        )
    try:
        grey = np.zeros((count, rows, columns), dtype=np.uint8)
    except MemoryError as error:
        raise UnreadableFileError(
            f"{name}: {count} frames of {columns}x{rows} do not fit into memory; read it on a larger machine"
        ) from error
    return _Frames(grey, Screen(grey))


def _free_memory() -> float:
    """Return the bytes that can still be had: what Linux calls available, else the whole memory."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024.0
    except (OSError, ValueError, IndexError):
        pass
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _narrow(frames: _Frames, capture: Capture) -> None:
    """Bring values of more than eight bits to levels 0 to 255, all frames alike.

    By the header's window (DICOM PS3.3, C.11.2.1.2.1); without one by the fewest bits that hold every value,
    so that no contrast is made up.
    """
    highest = max(int(values.max()) for values in frames.wide)
    window = capture.window
    shift = max(0, highest.bit_length() - 8)
    for n, values in enumerate(frames.wide):
        if window is not None and highest > 255:
            centre, width = window
            share = (values.astype(np.float32) - (centre - 0.5)) / max(width - 1, 1) + 0.5
            frames.grey[n] = np.rint(np.clip(share, 0, 1) * 255)
        else:
            frames.grey[n] = values >> shift
    if highest > 255:
        how = "its window" if window is not None else f"leaving out the lowest {shift} bits"
        frames.notes.append(f"Values of more than eight bits were brought to 256 levels by {how}")


def _size_of_pixel(
    capture: Capture, settings: Settings
) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Return height and width of a pixel in mm, and what is to be said of it."""
    stated = settings.pixel_mm
    if capture.mm_per_px is None:
        return (None if stated is None else (stated * capture.aspect, stated)), ()
    if stated is not None and abs(stated / capture.mm_per_px[1] - 1) > DIFFERS:
        return capture.mm_per_px, (
            f"--pixel-mm says {stated:g} mm, the header {capture.mm_per_px[1]:.4g} mm; the header's was used",
        )
    return capture.mm_per_px, ()
