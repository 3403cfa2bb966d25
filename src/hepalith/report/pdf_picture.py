"""The pictures of a PDF: each an SVG that holds the JPEG of the page, and over it its lines and letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from hepalith.reading.wording import format_number
from hepalith.report.figure import Mark, Picture
from hepalith.report.pdf_typst import FONT
from hepalith.report.sonogram_figure import Profile, Sonogram

__all__ = ["Plate", "Plates"]

YELLOW, GREEN, BLUE, PINK, ORANGE = "#ffd21e", "#46d06a", "#5cc8ff", "#ff7ad9", "#ff9d4d"
"""Colours of the overlay, as on the page (``report.css``)."""

AMBER, PALE, AXIS, INK = "#ffb347", "#cfd6dc", "#9aa7b2", "#5b6b78"
"""Beams behind a focus and beside it, axes of a plot and their words, as on the page."""

SMALL, LARGE, LARGEST = 12.0, 15.0, 24.0
"""Sizes of letters in pixels of a key image, of an overview, and of one of several whole sonograms."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture on paper: its file, and its words."""

    file: str
    alt: str
    caption: str


@dataclass(frozen=True, slots=True)
class Plates:
    """The pictures of one document, gathered while its template is filled; `files` holds their bytes."""

    files: dict[str, bytes] = field(default_factory=dict)

    def picture(self, picture: Picture, alt: str, caption: str) -> Plate:
        """Return a key image of CT as a plate."""
        outline = GREEN if picture.kind == "outline" else YELLOW
        others = YELLOW if picture.kind == "outline" else BLUE
        size = SMALL if picture.kind in {"soft", "bone"} else LARGE
        width, height, middle = picture.width, picture.height, picture.height / 2 + 4
        top, bottom, left, right = picture.letters
        drawn = [
            photograph(picture.data_uri, (width, height)),
            line(picture.ducts, ORANGE),
            line(picture.lesions, PINK, dash="4 3"),
            line(picture.others, others),
            line(picture.outline, outline, width=1.2),
            letters(top, width / 2, 13, size),
            letters(bottom, width / 2, height - 5, size),
            letters(left, 4, middle, size, anchor="start"),
            letters(right, width - 4, middle, size, anchor="end"),
            *(ring(mark, size) for mark in picture.marks),
            scale_bar(picture.bar_mm, picture.bar_px, (width, height), size),
        ]
        return self.keep("".join(drawn), (0, 0, width, height), (alt, caption))

    def sonogram(self, picture: Sonogram, alt: str, caption: str, kind: str) -> Plate:
        """Return a picture of ultrasound as a plate; `kind` is ``wide``, ``several`` or ``close``."""
        size = {"wide": LARGE, "several": LARGEST, "close": SMALL}[kind]
        width, height = picture.width, picture.height
        drawn = [
            photograph(picture.data_uri, (width, height)),
            line(picture.beside, PALE, dash="4 3"),
            line(picture.shadow, AMBER),
            line(picture.mimics, BLUE),
            line(picture.counted, YELLOW),
            line(picture.mine, YELLOW),
            *(
                letters(
                    m.text, m.text_x, m.text_y + 5, size, colour=BLUE if m.text in picture.named else YELLOW
                )
                for m in picture.marks
            ),
        ]
        if picture.bar is not None:
            drawn.append(scale_bar(picture.bar.mm, picture.bar.px, (width, height), size))
        return self.keep("".join(drawn), (0, 0, width, height), (alt, caption))

    def profile(self, profile: Profile, brightness: str, depth: str, caption: str) -> Plate:
        """Return the plot of brightness along a beam as a plate; `brightness` and `depth` name its axes."""
        width, height = profile.width, profile.height
        first, last = profile.body
        drawn = [
            f'<rect x="{first}" y="0" width="{last - first:.1f}" height="{height}" fill="#eef1f4"/>',
            line(f"M0 0V{height}H{width}", AXIS),
            label(brightness, 4, 9, "start"),
            line(profile.beside, AXIS, width=1.5),
            line(profile.behind, "#1f6fb2", width=1.5),
            *(
                line(f"M{x} {height}v4", AXIS) + label(text, x, height + 15, "middle")
                for x, text in profile.ticks
            ),
            label(depth, width, height + 28, "end"),
        ]
        return self.keep("".join(drawn), (-4, -6, width + 8, height + 36), (caption, caption))

    def keep(self, drawn: str, box: tuple[float, float, float, float], words: tuple[str, str]) -> Plate:
        """Keep what was drawn in a box as a plate; `words` are what it shows, and its caption."""
        name = f"{len(self.files):03d}.svg"
        self.files[name] = drawing(drawn, box)
        return Plate(name, *words)


NOTHING: Final = ""
"""What is drawn where there is nothing to draw."""


def photograph(data_uri: str, size: tuple[int, int]) -> str:
    """Return a picture of the page, with its size in pixels."""
    return f'<image href="{data_uri}" x="0" y="0" width="{size[0]}" height="{size[1]}"/>'


def drawing(drawn: str, box: tuple[float, float, float, float]) -> bytes:
    """Return an SVG of what was drawn in a box: x, y, width and height."""
    view = " ".join(f"{side:g}" for side in box)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" width="{box[2]:g}" height="{box[3]:g}"'
    return f'{head} font-family="{FONT}">{drawn}</svg>'.encode()


def line(path: str, colour: str, *, width: float = 1.0, dash: str = "") -> str:
    """Return a path drawn in a colour."""
    if not path:
        return NOTHING
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashed}/>'


def letters(
    text: str, x: float, y: float, size: float, *, anchor: str = "middle", colour: str = "#fff"
) -> str:
    """Return letters with a dark rim, seen on grey of any brightness; drawn twice: rim, then face."""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}"'
    rim = f'fill="#000" stroke="#000" stroke-width="{size / 4.8:.2f}" stroke-linejoin="round"'
    face = f'fill="{colour}" stroke="{colour}" stroke-width="{size / 30:.2f}"'
    said = escape(text)
    return f"<text {place} {rim}>{said}</text><text {place} {face}>{said}</text>"


def label(text: str, x: float, y: float, anchor: str) -> str:
    """Return words at an axis."""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="11" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'
    )


def ring(mark: Mark, size: float) -> str:
    """Return a ring around a focus and its number beside it."""
    place = f'cx="{mark.x}" cy="{mark.y}" r="{mark.radius}"'
    circle = f'<circle {place} fill="none" stroke="{YELLOW}" stroke-width="1.2"/>'
    return circle + letters(mark.text, mark.text_x, mark.text_y + 5, size, colour=YELLOW)


def scale_bar(bar_mm: float, bar_px: float, size: tuple[int, int], text_size: float) -> str:
    """Return a scale bar at the lower right, and its length."""
    width, height = size
    bar = line(f"M{width - 8 - bar_px} {height - 8}h{bar_px}", "#fff", width=2)
    return bar + letters(f"{format_number(bar_mm)} mm", width - 8 - bar_px / 2, height - 12, text_size)
