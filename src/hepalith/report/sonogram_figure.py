"""Key images of ultrasound: the picture with its foci, each focus close by, and what lies behind it.

Everything is drawn from what the reading keeps: pictures whose identity is hidden, label maps and the outline
of each picture. The shadow is looked at along the beam lines of that outline, as it was measured.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import find_objects, gaussian_filter1d, map_coordinates

from hepalith.image.beam import BeamGrid, Sector, lay_beams
from hepalith.reading import Reading
from hepalith.reading.document import Document, FocusEntry
from hepalith.reading.sonogram_document import ObservationEntry, RegionEntry
from hepalith.report.figure import SCALE_BAR_MM, Mark, View, place_numbers, trace

__all__ = ["FocusSonogram", "Kept", "Profile", "Sonogram", "kept_pictures", "show_focus", "show_pictures"]

WHOLE_PIXELS = 760
"""Width of a whole picture on the page, in pixels: as a screen shows it, and legible when printed."""

HIGHEST_PIXELS = 620
"""Height of a whole picture at most, in pixels: one of a linear probe would else take two screens."""

CROP_PIXELS = 300
"""Side of a crop in pixels."""

CROP_SHARE = 0.30
"""Side of a crop over the height of the picture at least: some 4 to 5 cm of a liver's usual depth."""

CROP_BODIES = 4.0
"""Side of a crop over the focus's longest side at least: its shadow begins within the crop."""

BELOW = 0.18
"""How far the middle of a crop lies below the focus, over the crop's side: what matters lies behind it."""

TRAIL_SHARE = 1 / 3
"""How far behind a focus its shadow is drawn, over the picture's depth: as far as it was measured."""

BEFORE_SHARE = 0.06
"""How far before a focus its profile begins, over the picture's depth."""

SIDE_LEAST, SIDE_MOST = 5, 24
"""Beam lines on either side that serve as neighbours, as in the measurement."""

GAP_LINES = 2
"""Beam lines left out between a focus and its neighbours."""

PROFILE_WIDTH, PROFILE_HEIGHT = 300, 150
"""Size of the plot in pixels."""

PROFILE_SMOOTH_PX = 3.0
"""Standard deviation of the smoothing along the beam, in samples: a speckle cell or two."""

TICK_ROOM = 10
"""Pixels at the end of the plot in which no tick is labelled: its number would be cut off."""

PROFILE_HEADROOM = 1.1
"""Height of the plot over the brightest place in it; black is at its foot."""

JPEG_QUALITY = 85
"""As for CT."""

MOST_WHOLE = 6
"""Whole pictures on the page: each takes some 60 kB. Our judgement."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """One picture that the reading keeps: its id and frame, grey levels and labels, (row, column)."""

    image: str
    frame: int
    frames: int
    grey: NDArray[np.uint8]
    foci: NDArray[np.integer[Any]]
    regions: tuple[RegionEntry, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A scale bar: how long it is, in mm and in pixels of the page."""

    mm: float
    px: float


@dataclass(frozen=True, slots=True)
class Sonogram:
    """One picture on the page, and what is drawn over it, in pixels of the page.

    `counted` and `mimics` are SVG paths about foci, `mine` about the one that is shown; `shadow` and `beside`
    are the beams behind it and its neighbours; `named` are the numbers of mimics. There is no `bar` where
    pixels have no size.
    """

    image: str
    frame: int
    frames: int
    width: int
    height: int
    data_uri: str
    counted: str = ""
    mimics: str = ""
    mine: str = ""
    shadow: str = ""
    beside: str = ""
    marks: tuple[Mark, ...] = ()
    named: frozenset[str] = frozenset()
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Brightness along the beams through a focus, and beside it, as SVG paths in the plot's pixels.

    `body` is where the focus lies (first and last pixel across the plot); `ticks` are depths with their
    place. `unit` is ``mm`` below the transducer's face, or ``px`` along the beam.
    """

    width: int
    height: int
    behind: str
    beside: str
    body: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]
    unit: str


@dataclass(frozen=True, slots=True)
class FocusSonogram:
    """A focus close by, plain and with what was measured drawn in; and its profile, where beams are known."""

    focus: FocusEntry
    plain: Sonogram
    drawn: Sonogram
    profile: Profile | None


def kept_pictures(reading: Reading) -> tuple[Kept, ...]:
    """Return the pictures that a reading keeps, in the order of the document."""
    document, maps = reading.document, reading.maps
    images = {image.id: image for image in document.images}
    kept = []
    for entry in document.key_pictures:
        image = images[entry.image]
        pictures = tuple(region for region in image.regions if region.sector is not None)
        if entry.file == "liver_box.nii.gz":
            grey, foci = maps.hu[0].astype(np.uint8), maps.foci[0]
        else:
            grey, foci = maps.others[entry.plane].grey, maps.others[entry.plane].foci
        kept.append(Kept(entry.image, entry.frame, image.shape[0], grey, foci, pictures))
    return tuple(kept)


def show_pictures(kept: Sequence[Kept], document: Document) -> tuple[Sonogram, ...]:
    """Return the whole pictures, the first and those with foci, each focus outlined and numbered."""
    counted = {focus.id for focus in document.counted}
    shown = [p for n, p in enumerate(kept) if n == 0 or p.foci.any()][:MOST_WHOLE]
    return tuple(_whole(picture, counted) for picture in shown)


def _whole(kept: Kept, counted: set[int]) -> Sonogram:
    left, top, right, bottom = _frame_of(kept)
    scale = min(WHOLE_PIXELS / (right - left), HIGHEST_PIXELS / (bottom - top))
    width, height = round(scale * (right - left)), round(scale * (bottom - top))
    view = View("", left, top, right, bottom, width, height, 1.0)
    rings = [
        (str(number), *view.place(x, y), radius * width / (right - left) + 3)
        for number, x, y, radius in _places(kept.foci)
    ]
    return Sonogram(
        kept.image,
        kept.frame,
        kept.frames,
        width,
        height,
        encode_grey(kept.grey, view),
        counted=trace(np.isin(kept.foci, list(counted)), view),
        mimics=trace((kept.foci > 0) & ~np.isin(kept.foci, list(counted)), view),
        marks=place_numbers(rings, view),
        named=frozenset(mark for mark in (r[0] for r in rings) if int(mark) not in counted),
        bar=_bar(kept.regions, view),
    )


def _places(foci: NDArray[np.integer[Any]]) -> Iterator[tuple[int, float, float, float]]:
    """Yield the id of each focus, the place on it that lies nearest to its middle, and its radius, in pixels.

    The middle of a bent line lies beside it, and half its length says nothing of where its number may stand.
    """
    for number, box in enumerate(find_objects(foci), start=1):
        if box is None:
            continue
        rows, columns = np.nonzero(foci[box] == number)
        nearest = int(np.hypot(rows - rows.mean(), columns - columns.mean()).argmin())
        x, y = columns[nearest] + box[1].start + 0.5, rows[nearest] + box[0].start + 0.5
        longest = max(np.ptp(rows), np.ptp(columns)) / 2 + 0.5
        yield number, float(x), float(y), float(min(longest, math.sqrt(rows.size / math.pi)))


def show_focus(focus: FocusEntry, kept: Sequence[Kept]) -> FocusSonogram | None:
    """Return a focus close by at the frame where it is seen best; None where that picture is not kept."""
    for seen in focus.observations:
        for picture in kept:
            if (picture.image, picture.frame) == (seen.image, seen.frame):
                return _close(focus, seen, picture)
    return None


def _close(focus: FocusEntry, seen: ObservationEntry, kept: Kept) -> FocusSonogram:
    x0, y0, x1, y1 = seen.bbox_px
    left, top, right, bottom = _frame_of(kept)
    side = max(CROP_SHARE * (bottom - top), CROP_BODIES * max(x1 - x0, y1 - y0))
    side = min(side, right - left, bottom - top)
    middle_x = min(max(seen.centroid_px[0], left + side / 2), right - side / 2)
    middle_y = min(max(seen.centroid_px[1] + BELOW * side, top + side / 2), bottom - side / 2)
    view = View(
        "",
        middle_x - side / 2,
        middle_y - side / 2,
        middle_x + side / 2,
        middle_y + side / 2,
        CROP_PIXELS,
        CROP_PIXELS,
        1.0,
    )
    mine = kept.foci == focus.id
    band = _band(seen, mine, kept)
    plain = Sonogram(
        kept.image,
        kept.frame,
        kept.frames,
        CROP_PIXELS,
        CROP_PIXELS,
        encode_grey(kept.grey, view),
        bar=_bar(kept.regions, view),
    )
    drawn = replace(
        plain,
        mine=trace(mine, view),
        mimics=trace((kept.foci > 0) & ~mine, view),
        shadow="" if band is None else band.outline(view),
        beside="" if band is None else "".join(band.outline(view, side) for side in band.sides),
    )
    return FocusSonogram(focus, plain, drawn, None if band is None else band.profile(kept.grey))


@dataclass(frozen=True, slots=True, eq=False)
class _Band:
    """The beams through a focus and those beside it, on the beam grid of its picture."""

    grid: BeamGrid
    body: tuple[int, int]
    """First and last sample of the focus."""
    lines: tuple[int, int]
    sides: tuple[tuple[int, int], ...]
    end: int

    def outline(self, view: View, lines: tuple[int, int] | None = None) -> str:
        """Return the outline of the beams behind the focus as an SVG path."""
        first, last = lines or self.lines
        samples = np.arange(self.body[1] + 1, self.end + 1)
        if samples.size < 2:
            return ""
        x = np.concatenate([self.grid.x_px[samples, first], self.grid.x_px[samples[::-1], last]])
        y = np.concatenate([self.grid.y_px[samples, first], self.grid.y_px[samples[::-1], last]])
        keep = np.r_[0, samples.size - 1, samples.size, 2 * samples.size - 1]  # beams are straight
        places = [view.place(float(x[n]) + 0.5, float(y[n]) + 0.5) for n in keep]
        return "M" + "L".join(f"{a:.4g} {b:.4g}" for a, b in places) + "Z"

    def profile(self, grey: NDArray[np.uint8]) -> Profile | None:
        """Return brightness along the beams through the focus and beside it."""
        depth = self.grid.shape[0]
        first = max(0, self.body[0] - round(BEFORE_SHARE * depth))
        if self.end - first < 8 or not self.sides:
            return None
        samples = np.arange(first, self.end + 1)
        through = _mean_along(grey, self.grid, samples, [self.lines])
        beside = _mean_along(grey, self.grid, samples, self.sides)
        across = PROFILE_WIDTH / (samples.size - 1)
        top = max(1.0, PROFILE_HEADROOM * float(max(through.max(), beside.max())))

        def place(sample: float) -> float:
            return round((sample - first) * across, 1)

        scale = self.grid.mm_per_px
        step = self.grid.step_px * (scale or 1.0)
        return Profile(
            PROFILE_WIDTH,
            PROFILE_HEIGHT,
            _curve(through, across, top),
            _curve(beside, across, top),
            (place(self.body[0]), place(self.body[1])),
            tuple(
                (place(value / step), label)
                for value, label in _ticks(first * step, self.end * step)
                if place(value / step) < PROFILE_WIDTH - TICK_ROOM
            ),
            "px" if scale is None else "mm",
        )


def _band(seen: ObservationEntry, mine: NDArray[np.bool_], kept: Kept) -> _Band | None:
    """Return the beams through a focus; None where the picture's outline is not known."""
    region = next((r for r in kept.regions if r.index == seen.region and r.sector is not None), None)
    if region is None:
        return None
    grid = lay_beams(_sector(region), mm_per_px=None if region.mm_per_px is None else region.mm_per_px[0])
    rows, columns = np.nonzero(mine)
    if not rows.size:
        x0, y0, x1, y1 = seen.bbox_px
        columns, rows = np.array([x0, x1, x0, x1]), np.array([y0, y0, y1, y1])
    sample, line = grid.samples_of(columns, rows)
    depth, count = grid.shape
    body = (max(0, math.floor(sample.min())), min(depth - 1, math.ceil(sample.max())))
    lines = (max(0, round(float(line.min()))), min(count - 1, round(float(line.max()))))
    if lines[1] < lines[0] or body[1] <= body[0]:
        return None
    width = min(max(lines[1] - lines[0] + 1, SIDE_LEAST), SIDE_MOST)
    sides = (
        (lines[0] - GAP_LINES - width, lines[0] - GAP_LINES - 1),
        (lines[1] + GAP_LINES + 1, lines[1] + GAP_LINES + width),
    )
    end = min(depth - 1, body[1] + round(TRAIL_SHARE * depth))
    return _Band(grid, body, lines, tuple(s for s in sides if s[0] >= 0 and s[1] < count), end)


def _sector(region: RegionEntry) -> Sector:
    said = region.sector
    if said is None:
        raise ValueError("a region without an outline")
    x0, y0, x1, y1 = (round(value) for value in region.box_px)
    return Sector(
        said.shape,
        (x0, y0, x1, y1),
        said.apex_px,
        said.near_px,
        said.far_px,
        said.from_angle,
        said.to_angle,
        said.confidence,
    )


def _mean_along(
    grey: NDArray[np.uint8], grid: BeamGrid, samples: NDArray[np.intp], bands: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Return mean brightness over the lines of some bands at each sample, smoothed along the beam."""
    lines = np.concatenate([np.arange(first, last + 1) for first, last in bands])
    places = np.stack([grid.y_px[np.ix_(samples, lines)], grid.x_px[np.ix_(samples, lines)]])
    levels = map_coordinates(grey.astype(np.float32), places, order=1, mode="nearest")
    smooth: NDArray[np.float64] = gaussian_filter1d(levels.mean(axis=1).astype(np.float64), PROFILE_SMOOTH_PX)
    return smooth


def _curve(levels: NDArray[np.float64], across: float, top: float) -> str:
    """Return levels, from black to `top`, as an SVG path over the plot."""
    heights = PROFILE_HEIGHT * (1 - levels / top)
    return "M" + "L".join(f"{n * across:.4g} {height:.4g}" for n, height in enumerate(heights))


def _ticks(start: float, end: float) -> Iterator[tuple[float, str]]:
    """Return three to five round depths between two, with their labels."""
    step = 10.0 ** math.floor(math.log10(max(end - start, 1.0)))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if (end - start) / s <= 5)
    for n in range(math.ceil(start / step), math.floor(end / step) + 1):
        yield n * step, f"{n * step:g}"


def _frame_of(kept: Kept) -> tuple[float, float, float, float]:
    """Return the box of all pictures of a screen; the whole screen where none has an outline."""
    boxes = np.array([region.box_px for region in kept.regions])
    rows, columns = kept.grey.shape
    if not boxes.size:
        return 0.0, 0.0, float(columns), float(rows)
    left, top = (max(0.0, float(v)) for v in boxes[:, :2].min(axis=0))
    right, bottom = boxes[:, 2:].max(axis=0) + 1
    return left, top, min(float(right), float(columns)), min(float(bottom), float(rows))


def _bar(regions: Sequence[RegionEntry], view: View) -> Bar | None:
    """Return a scale bar of a quarter of the view at most; none where pixels have no size."""
    scale = next((region.mm_per_px for region in regions if region.mm_per_px is not None), None)
    if scale is None:
        return None
    per_mm = view.width / (view.right - view.left) / scale[1]
    length = next((mm for mm in SCALE_BAR_MM if mm * per_mm <= view.width / 4), SCALE_BAR_MM[-1])
    return Bar(length, round(length * per_mm, 1))


def encode_grey(grey: NDArray[np.uint8], view: View) -> str:
    """Return a part of a picture as a grey JPEG in a data URI."""
    box = (view.left, view.top, view.right, view.bottom)
    shown = Image.fromarray(np.ascontiguousarray(grey)).resize(
        (view.width, view.height), Image.Resampling.BILINEAR, box
    )
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
