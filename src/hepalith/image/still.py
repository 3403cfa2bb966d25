"""Pictures without a medical header: PNG, JPEG, and what else Pillow reads of the kind."""

from __future__ import annotations

import io
import statistics
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from hepalith.image.colour import Space

__all__ = ["MOST_PIXELS", "Pixels", "StillShape", "frame_time", "jpeg_pixels", "still_frames", "still_shape"]

MOST_PIXELS = 64 * 10**6
"""Most pixels of one frame. Screens of scanners have at most 4 million, photographs of screens 50 (our
judgement); a small file that announces more is built to exhaust a machine."""

_PAGED = ("TIFF", "MPO")
"""Formats whose further pictures are pages or other views."""

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "MPO")
"""Formats of Pillow that are tried: no others, so that no other decoder meets a stranger's bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """One decoded frame, shape (row, column) or (row, column, 3), and what its samples mean."""

    values: NDArray[np.uint8] | NDArray[np.uint16]
    space: Space
    duration_ms: float | None = None
    table: NDArray[np.uint8] | None = None
    """Colours, shape (entry, 3), that `values` are places of; ``None``: they are brightness or colour."""


def jpeg_pixels(data: bytes, *, colour: str = "", lossless: bool = False) -> Pixels:
    """Decode one 8-bit JPEG stream without changing its colours: luma is brightness as it is.

    Whether three components are luma and chroma or red, green and blue is told by the stream's own marks
    (Adobe's, JFIF's, the components' names), and only then by `colour` (DICOM's Photometric Interpretation):
    headers are wrong more often than streams. Lossless streams are never transformed: there the header
    decides.

    Raises
    ------
    OSError, SyntaxError, ValueError
        If the stream is damaged or cut short.
    """
    picture = Image.open(io.BytesIO(data), formats=("JPEG",))
    return _jpeg(picture, colour, lossless=lossless)


def _jpeg(picture: Image.Image, colour: str = "", *, lossless: bool = False) -> Pixels:
    if picture.mode == "L":
        return Pixels(np.asarray(picture), "grey")
    if picture.mode != "RGB":
        return Pixels(np.asarray(picture.convert("RGB")), "rgb")
    marked = picture.info.get("adobe_transform")
    names = "".join(chr(layer[0]) for layer in getattr(picture, "layer", ()))
    if marked == 0 or names == "RGB":
        return Pixels(np.asarray(picture), "ybr" if lossless and colour.startswith("YBR") else "rgb")
    picture.draft("YCbCr", picture.size)
    unmarked = lossless or (marked is None and "jfif" not in picture.info)
    return Pixels(np.asarray(picture), "rgb" if unmarked and colour == "RGB" else "ybr")


@dataclass(frozen=True, slots=True)
class StillShape:
    """What a picture file announces."""

    frames: int
    rows: int
    columns: int
    pages: int = 1
    """Further pictures that are no frames of a loop (pages of a TIFF) count from 2."""


def still_shape(data: bytes) -> StillShape:
    """Return what the file announces, before anything is decoded.

    Raises
    ------
    OSError, SyntaxError, ValueError
        If it is none of the formats, or damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes, which are judged here
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            count = getattr(picture, "n_frames", 1)
            pages = count if picture.format in _PAGED else 1
    rows, columns = (width, height) if turned else (height, width)
    return StillShape(count // pages, rows, columns, pages)


def still_frames(data: bytes) -> Iterator[Pixels]:
    """Yield the frames of a picture file: one, or those of an animation (GIF, PNG, WebP).

    Turned as EXIF says; what is transparent becomes black, as screens of scanners are. Of a TIFF with several
    pages and of a JPEG with several pictures the first is taken.

    Raises
    ------
    OSError, SyntaxError, ValueError
        If the file is damaged or cut short.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.format in ("JPEG", "MPO"):
                yield _upright_jpeg(picture)
                return
            frames = 1 if picture.format in _PAGED else getattr(picture, "n_frames", 1)
            for n in range(frames):
                if n:
                    picture.seek(n)
                picture.load()
                duration = picture.info.get("duration")
                shown = ImageOps.exif_transpose(picture) if n == 0 and frames == 1 else picture
                yield _plain(shown, float(duration) if frames > 1 and duration else None)


def _upright_jpeg(picture: Image.Image) -> Pixels:
    orientation = picture.getexif().get(0x0112, 1)
    pixels = _jpeg(picture)
    return Pixels(_turn(pixels.values, orientation), pixels.space)


def _turn(values: NDArray[np.uint8] | NDArray[np.uint16], orientation: int) -> NDArray[np.uint8]:
    """Return a picture as EXIF's Orientation says it is to be seen (CIPA DC-008, 4.6.4)."""
    upright = {2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1]}.get(orientation, values)
    if orientation in (5, 6, 7, 8):
        turned = values.swapaxes(0, 1)
        upright = {5: turned, 6: turned[:, ::-1], 7: turned[::-1, ::-1], 8: turned[::-1]}[orientation]
    return np.ascontiguousarray(upright)


def _plain(picture: Image.Image, duration_ms: float | None) -> Pixels:
    """Return the pixels of a decoded frame: grey of 8 or 16 bits, or red, green and blue."""
    mode = picture.mode
    if mode in ("L", "1"):
        if "transparency" not in picture.info:
            return Pixels(np.asarray(picture.convert("L")), "grey", duration_ms)
    elif mode.startswith("I"):
        wide = np.asarray(picture).astype(np.int64)
        return Pixels(np.clip(wide, 0, 65535).astype(np.uint16), "grey", duration_ms)
    elif mode == "F":
        raise ValueError("its values are fractions, no levels of grey")
    if mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    values = np.asarray(picture.convert("RGB"))
    if (values[..., 0] == values[..., 1]).all() and (values[..., 0] == values[..., 2]).all():
        return Pixels(np.ascontiguousarray(values[..., 0]), "grey", duration_ms)
    return Pixels(values, "rgb", duration_ms)


def frame_time(durations_ms: list[float | None]) -> float | None:
    """Return the usual time between the frames of an animation, in ms."""
    known = [value for value in durations_ms if value is not None and value > 0]
    return statistics.median(known) if known else None
