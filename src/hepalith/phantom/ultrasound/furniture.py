"""What stands on the screen around and over the picture: text, scale, calipers, marks, colour box.

Every name and number is made up; they are there so that a reader can be shown to keep them to itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hepalith.phantom.ultrasound.probe import Probe
from hepalith.phantom.ultrasound.screen import Screen

__all__ = ["Furniture", "draw_furniture"]

NAMES = ("PHANTOM^ANNA", "Muster, Otto", "TESTER^LEE", "Nobody, Maria")
"""Made-up names, as scanners burn them in."""


@dataclass(frozen=True, slots=True, eq=False)
class Furniture:
    """What was drawn over the screen: `over` bool (row, column), `grey` its brightness, `words` what it says.

    `colour` is the coloured part of it, bool, or ``None``.
    """

    over: NDArray[np.bool_]
    grey: NDArray[np.uint8]
    words: tuple[str, ...]
    parts: tuple[str, ...]


def draw_furniture(
    screen: Screen,
    probe: Probe,
    inside: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    bare: bool | None = None,
) -> Furniture:
    """Draw what stands around and over the picture, some of it at random; ``bare``: none of it."""
    rows, columns = screen.shape_px
    canvas = Image.new("L", (columns, rows), 0)
    pen = ImageDraw.Draw(canvas)
    words: list[str] = []
    parts: list[str] = []
    nothing = bool(rng.random() < 0.15) if bare is None else bare
    if not nothing:
        _text(pen, rng, (rows, columns), probe, (words, parts))
        if rng.random() < 0.8:
            _scale(pen, screen, probe, parts)
        if rng.random() < 0.5:
            _grey_bar(pen, columns, rows, parts)
        if rng.random() < 0.25:
            _body_mark(pen, rng, rows, columns, parts)
        if rng.random() < 0.2:
            _caliper(pen, rng, inside, parts)
    grey = np.asarray(canvas, dtype=np.uint8)
    return Furniture(grey > 0, grey, tuple(words), tuple(parts))


def _text(
    pen: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    shape: tuple[int, int],
    probe: Probe,
    told: tuple[list[str], list[str]],
) -> None:
    """Write the patient's line on top, and the settings at a side."""
    (rows, columns), (words, parts) = shape, told
    font = ImageFont.load_default(size=max(rows // 45, 10))
    level = int(rng.integers(170, 256))
    if rng.random() < 0.75:
        name, number = NAMES[int(rng.integers(len(NAMES)))], f"ID {int(rng.integers(10**6, 10**7))}"
        pen.text((4, 2), name, fill=level, font=font)
        pen.text((columns // 3, 2), number, fill=level, font=font)
        pen.text((columns * 3 // 4, 2), "15/01/2024 12:00", fill=level, font=font)
        words += [name, number]
        parts.append("patient_line")
    if rng.random() < 0.75:
        lines = [
            f"FR {int(rng.integers(12, 50))}Hz",
            f"{probe.frequency_mhz:.1f}MHz",
            f"D {probe.depth_mm / 10:.1f}cm",
            f"DR {probe.dynamic_range_db:.0f}",
            f"G {int(rng.integers(30, 90))}%",
        ]
        for place, line in enumerate(lines[: int(rng.integers(2, 6))]):
            pen.text((4, rows // 8 + place * rows // 32), line, fill=level, font=font)
            words.append(line)
        parts.append("settings")


def _scale(pen: ImageDraw.ImageDraw, screen: Screen, probe: Probe, parts: list[str]) -> None:
    """Draw a tick at every centimetre of depth beside the picture, and the focus mark."""
    x = screen.shape_px[1] - 14
    for number in range(int(probe.depth_mm / 10) + 1):
        _, y = screen.to_px(0, 10.0 * number)
        long = 9 if number % 5 == 0 else 4
        pen.line([(x, y), (x + long, y)], fill=200)
    _, y = screen.to_px(0, probe.focus_mm[0])
    pen.polygon([(x - 8, y - 4), (x - 8, y + 4), (x - 2, y)], fill=230)
    parts += ["scale", "focus_mark"]


def _grey_bar(pen: ImageDraw.ImageDraw, columns: int, rows: int, parts: list[str]) -> None:
    """Draw the grey bar at a side."""
    height = rows // 4
    for row in range(height):
        pen.line(
            [(columns - 34, rows // 12 + row), (columns - 26, rows // 12 + row)],
            fill=255 - 255 * row // height,
        )
    parts.append("grey_bar")


def _body_mark(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, rows: int, columns: int, parts: list[str]
) -> None:
    """Draw a small trunk with the probe's place."""
    x = 12 if rng.random() < 0.5 else columns - 90
    y, size = rows - 74, 54
    for side in (0, size * 0.7):
        pen.line([(x + side, y), (x + side * 0.9 + 3, y + size // 2), (x + side, y + size)], fill=200)
    pen.line([(x + 12, y + 18), (x + 22, y + 26)], fill=255, width=3)
    parts.append("body_mark")


def _caliper(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, inside: NDArray[np.bool_], parts: list[str]
) -> None:
    """Draw two crosses with a dotted line between them over the picture."""
    where = np.argwhere(inside)
    first = where[int(rng.integers(len(where)))]
    turn, length = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(30, 120))
    second = first + length * np.array([math.sin(turn), math.cos(turn)])
    for y, x in (first, second):
        pen.line([(x - 4, y), (x + 4, y)], fill=255)
        pen.line([(x, y - 4), (x, y + 4)], fill=255)
    for share in np.linspace(0, 1, int(length / 6)):
        y, x = first + share * (second - first)
        pen.point((float(x), float(y)), fill=230)
    parts.append("caliper")
