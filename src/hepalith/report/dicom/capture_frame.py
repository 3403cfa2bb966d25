"""A key image as pixels: the picture, its outlines and numbers burned in, under a caption.

The report's figures are drawn as vectors over a picture; a secondary capture has pixels alone. Captions
are in English: the font that Pillow brings has no Chinese.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hepalith.report.figure import Mark, Picture
from hepalith.report.sonogram_figure import Sonogram

__all__ = [
    "CELL_PX",
    "WIDTH_PX",
    "Plate",
    "lay_plates",
    "place_plates",
    "plate_of_picture",
    "plate_of_sonogram",
]

CELL_PX = 420
"""Side of the cell that one picture is drawn into: an overview at its own size, a focus at 1.6 times."""

GAP_PX = 4
"""Black between two pictures."""

CAPTION_PX = 26
"""Height of the line of text above a picture."""

WIDTH_PX = 2 * CELL_PX + GAP_PX
"""Width of a frame: two pictures."""

FONT_PX = 15
"""Height of letters: read on a screen that shows a frame at half its size."""

YELLOW, GREEN, BLUE, PINK, ORANGE, AMBER, PALE = (
    (255, 210, 30),
    (70, 208, 106),
    (92, 200, 255),
    (255, 122, 217),
    (255, 157, 77),
    (255, 179, 71),
    (207, 214, 220),
)
"""Colours of the report's outlines, so that a frame reads as its figure does."""

Point = tuple[float, float]
Ink = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """One picture with everything drawn in, and its caption."""

    pixels: Image.Image
    caption: str


def plate_of_picture(picture: Picture, caption: str) -> Plate:
    """Return a figure of CT as pixels."""
    canvas, scale = enlarge(picture.data_uri, picture.width, picture.height, CELL_PX)
    pen = ImageDraw.Draw(canvas)
    is_outline = picture.kind == "outline"
    for path, ink in (
        (picture.ducts, ORANGE),
        (picture.lesions, PINK),
        (picture.outline, GREEN if is_outline else YELLOW),
        (picture.others, YELLOW if is_outline else BLUE),
    ):
        draw_path(pen, path, ink, scale)
    for mark in picture.marks:
        x, y, radius = mark.x * scale, mark.y * scale, mark.radius * scale
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=YELLOW)
    number_marks(pen, picture.marks, scale, frozenset())
    top, bottom, left, right = picture.letters
    width, height = canvas.size
    for text, place, anchor in (
        (top, (width / 2, 3), "mt"),
        (bottom, (width / 2, height - 3), "mb"),
        (left, (4, height / 2), "lm"),
        (right, (width - 4, height / 2), "rm"),
    ):
        write(pen, text, place, anchor)
    draw_bar(pen, canvas.size, picture.bar_mm, picture.bar_px * scale)
    return Plate(canvas, caption)


def plate_of_sonogram(picture: Sonogram, caption: str, side: int = CELL_PX) -> Plate:
    """Return a figure of ultrasound as pixels; `side` is the longest that it is drawn with."""
    canvas, scale = enlarge(picture.data_uri, picture.width, picture.height, side)
    pen = ImageDraw.Draw(canvas)
    for path, ink in (
        (picture.beside, PALE),
        (picture.shadow, AMBER),
        (picture.mimics, BLUE),
        (picture.counted, YELLOW),
        (picture.mine, YELLOW),
    ):
        draw_path(pen, path, ink, scale)
    number_marks(pen, picture.marks, scale, picture.named)
    if picture.bar is not None:
        draw_bar(pen, canvas.size, picture.bar.mm, picture.bar.px * scale)
    return Plate(canvas, caption)


def lay_plates(plates: Sequence[Plate], title: str, height: int) -> NDArray[np.uint8]:
    """Return one frame: the plates in two columns under a title, black where none is.

    Returns
    -------
    uint8, shape (`height`, `WIDTH_PX`, 3).
    """
    sheet = Image.new("RGB", (WIDTH_PX, height))
    pen = ImageDraw.Draw(sheet)
    write(pen, title, (GAP_PX, CAPTION_PX / 2), "lm")
    for plate, (left, top) in zip(plates, place_plates(plates)[0], strict=True):
        write(pen, plate.caption, (left + GAP_PX, top + CAPTION_PX / 2), "lm")
        sheet.paste(plate.pixels, (left, top + CAPTION_PX))
    return np.asarray(sheet, dtype=np.uint8)


def place_plates(plates: Sequence[Plate]) -> tuple[list[tuple[int, int]], int]:
    """Return left and top of each plate with its caption, two to a row, and the height that they take."""
    places: list[tuple[int, int]] = []
    top = below = CAPTION_PX
    for number, plate in enumerate(plates):
        if number % 2 == 0:
            top = below
        places.append((number % 2 * (CELL_PX + GAP_PX), top))
        below = max(below, top + CAPTION_PX + plate.pixels.height + GAP_PX)
    return places, below


def enlarge(data_uri: str, width: int, height: int, side: int) -> tuple[Image.Image, float]:
    """Return a picture of the page with its longer side of `side` pixels, in colour, and the factor."""
    raw = base64.b64decode(data_uri.partition(",")[2])
    scale = side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Image.open(io.BytesIO(raw)).convert("RGB").resize(size, Image.Resampling.BILINEAR), scale


def draw_path(pen: ImageDraw.ImageDraw, path: str, ink: Ink, scale: float) -> None:
    """Draw the strokes of an SVG path."""
    for stroke in strokes(path):
        pen.line([(x * scale, y * scale) for x, y in stroke], fill=ink, width=1)


def strokes(path: str) -> Iterator[list[Point]]:
    """Yield the strokes of an SVG path of absolute M, L, H, V and Z, as the figures write them.

    Examples
    --------
    >>> list(strokes("M1 2H5V8M0 0L3 4L6 0Z"))
    [[(1.0, 2.0), (5.0, 2.0), (5.0, 8.0)], [(0.0, 0.0), (3.0, 4.0), (6.0, 0.0), (0.0, 0.0)]]
    """
    stroke: list[Point] = []
    for command, text in re.findall(r"([MLHVZ])([^MLHVZ]*)", path):
        numbers = [float(number) for number in text.split()]
        if command == "M":
            if stroke:
                yield stroke
            stroke = [(numbers[0], numbers[1])]
        elif command == "L":
            stroke.append((numbers[0], numbers[1]))
        elif command == "H":
            stroke.append((numbers[0], stroke[-1][1]))
        elif command == "V":
            stroke.append((stroke[-1][0], numbers[0]))
        else:
            stroke.append(stroke[0])
    if stroke:
        yield stroke


def number_marks(
    pen: ImageDraw.ImageDraw, marks: Sequence[Mark], scale: float, mimics: frozenset[str]
) -> None:
    """Write the number of each focus, in the colour of its outline."""
    for mark in marks:
        ink = BLUE if mark.text in mimics else YELLOW
        write(pen, mark.text, (mark.text_x * scale, mark.text_y * scale), "mm", ink)


def draw_bar(pen: ImageDraw.ImageDraw, size: tuple[int, int], mm: float, length: float) -> None:
    """Draw a scale bar with its length at the lower left."""
    y = size[1] - 8
    pen.line([(8, y), (8 + length, y)], fill=(255, 255, 255), width=3)
    write(pen, f"{mm:g} mm", (8, y - 4), "lb")


def write(pen: ImageDraw.ImageDraw, text: str, place: Point, anchor: str, ink: Ink = (255, 255, 255)) -> None:
    """Write a text with a dark rim, so that it is read on bright liver too."""
    font = ImageFont.load_default(FONT_PX)
    pen.text(place, text, fill=ink, font=font, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
