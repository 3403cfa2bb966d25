"""Key images: each focus in three planes and the liver as a whole, small, with vector overlays."""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import find_objects

from hepalith.geometry import Box
from hepalith.image import AIR_HU
from hepalith.reading import Maps

__all__ = [
    "Mark",
    "Picture",
    "View",
    "find_places",
    "focus_pictures",
    "overview_pictures",
    "place_numbers",
    "trace",
]

FIELD_MM = 64.0
"""Side of a key image: a focus of the usual size with enough liver to place it; grown for larger ones."""

FIELD_MARGIN_MM = 24.0
"""Liver shown around a focus that is larger than the usual field."""

PIXELS = 256
"""Side of a key image in pixels: four to a millimetre of the usual field, finer than any CT resolves."""

OVERVIEW_PIXELS = 420
"""Longer side of an overview in pixels."""

LEAST_ASPECT = 0.6
"""Height of an overview over its width at least. Our judgement: three of a row then look alike."""

JPEG_QUALITY = 85
"""Keeps a page of ten foci near half a megabyte; its blocks (2 mm) are no structure of a liver."""

SOFT_TISSUE_WINDOW = (50.0, 400.0)
"""Level and width in HU: the usual window of the abdomen on every scanner and viewer."""

BONE_WINDOW = (500.0, 2000.0)
"""Level and width in HU: the usual bone window: calcium shows its inside, metal still saturates."""

PROJECTION_WINDOW = (150.0, 500.0)
"""Level and width in HU of the maximum projection: a maximum along 15 cm of noisy liver lies some
50 HU above its mean, so the level is higher than the abdomen's. Our judgement."""

SCALE_BAR_MM = (50.0, 20.0, 10.0, 5.0)
"""Lengths of a scale bar; the longest that takes no more than a third of the picture is drawn."""

RING_PX = 7.0
"""Least radius of the ring around a numbered focus, in pixels: seen beside a number of this size."""

RING_GAP_PX = 3.0
"""Gap between a focus and its ring, in pixels, so that the ring hides nothing of it."""

NUMBER_PX = 11.0
"""Room that a number takes, in pixels: half its width with two digits, and its height."""

PLANES = ("axial", "coronal", "sagittal")
"""Name of the plane across each axis (slice, row, column) of the working order."""

LETTERS = {"axial": ("A", "P", "R", "L"), "coronal": ("H", "F", "R", "L"), "sagittal": ("H", "F", "A", "P")}
"""What lies at the top, bottom, left and right of each plane: the patient's right is on the left."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A ring around a focus, and its number beside the ring (the text's middle); in pixels."""

    text: str
    x: float
    y: float
    radius: float
    text_x: float
    text_y: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture and what is drawn over it, in pixels of the picture.

    `outline`, `others`, `lesions` and `ducts` are SVG paths along voxel edges: of the focus (or the liver),
    of the other foci in the plane, of lesions and of bile ducts. `bar_px` is the length of the scale bar
    of `bar_mm`.
    """

    kind: str
    plane: str
    width: int
    height: int
    data_uri: str
    outline: str
    others: str
    letters: tuple[str, str, str, str]
    bar_mm: float
    bar_px: float
    window: tuple[float, float]
    marks: tuple[Mark, ...] = ()
    lesions: str = ""
    ducts: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of one plane, in fractional pixels of that plane, and how it is shown."""

    plane: str
    left: float
    top: float
    right: float
    bottom: float
    width: int
    height: int
    mm_per_px: float

    def place(self, column: float, row: float) -> tuple[float, float]:
        """Return picture pixels of a place in the plane (edges count from 0, centres from 0.5)."""
        return (
            (column - self.left) / (self.right - self.left) * self.width,
            (row - self.top) / (self.bottom - self.top) * self.height,
        )


def find_places(maps: Maps) -> dict[int, Box]:
    """Return the box of every focus within the crop, by id; one pass over the label map."""
    if not maps.foci.size:
        return {}
    return {
        number: Box((k.start, j.start, i.start), (k.stop, j.stop, i.stop))
        for number, found in enumerate(find_objects(maps.foci), start=1)
        if found is not None
        for k, j, i in (found,)
    }


def focus_pictures(maps: Maps, focus_id: int, place: Box) -> tuple[Picture, ...]:
    """Return a focus in three planes in the soft-tissue window, and axial in the bone window.

    Each plane is the one that cuts the most of the focus, so that a rim is shown as a rim.

    Parameters
    ----------
    place
        The focus's box within the crop (`find_places`).
    """
    inside = maps.foci[place.slices] == focus_id
    cuts = [
        place.start[axis] + int(inside.sum(axis=tuple(a for a in range(3) if a != axis)).argmax())
        for axis in range(3)
    ]
    middle = [(a + b) / 2 for a, b in zip(place.start, place.stop, strict=True)]
    spacing = maps.volume.spacing_mm
    extent_mm = max(n * d for n, d in zip(place.shape, spacing, strict=True))
    field_mm = max(FIELD_MM, extent_mm + FIELD_MARGIN_MM)
    pictures = [
        cut_picture(maps, axis, cuts[axis], (middle, field_mm), focus_id=focus_id) for axis in range(3)
    ]
    pictures.append(cut_picture(maps, 0, cuts[0], (middle, field_mm), focus_id=None))
    return tuple(pictures)


def cut_picture(
    maps: Maps,
    axis: int,
    index: int,
    centre: tuple[list[float], float],
    *,
    focus_id: int | None,
) -> Picture:
    """Return one plane around `centre` (its place in voxels, and the field in mm).

    With a `focus_id` its outline is drawn in the soft-tissue window; without, the plain bone window.
    """
    middle, field_mm = centre
    rows_mm, columns_mm = plane_spacing(maps.volume.spacing_mm, axis)
    hu = pad_to(cut(maps.hu, axis, index), (field_mm / rows_mm, field_mm / columns_mm), AIR_HU)
    labels = pad_to(cut(maps.foci, axis, index), (field_mm / rows_mm, field_mm / columns_mm), 0)
    row_axis, column_axis = (a for a in range(3) if a != axis)
    size = maps.hu.shape[row_axis]
    row = (size - middle[row_axis] if axis else middle[row_axis]) + (hu.shape[0] - size) // 2
    column = middle[column_axis] + (hu.shape[1] - maps.hu.shape[column_axis]) // 2
    top, bottom = span_within(row, field_mm / rows_mm, hu.shape[0])
    left, right = span_within(column, field_mm / columns_mm, hu.shape[1])
    view = View(PLANES[axis], left, top, right, bottom, PIXELS, PIXELS, field_mm / PIXELS)
    if focus_id is None:
        nothing = np.zeros(labels.shape, dtype=np.bool_)
        return finish(hu, view, BONE_WINDOW, "bone", outline=nothing, others=nothing)
    mine = labels == focus_id
    shown = finish(hu, view, SOFT_TISSUE_WINDOW, "soft", outline=mine, others=(labels > 0) & ~mine)
    least = (field_mm / rows_mm, field_mm / columns_mm)

    def traced(array: NDArray[Any] | None) -> str:
        return "" if array is None else trace(pad_to(cut(array, axis, index), least, 0) > 0, view)

    return replace(shown, lesions=traced(maps.hosts), ducts=traced(maps.ducts))


def overview_pictures(
    maps: Maps, places: Mapping[int, tuple[tuple[float, float, float], float]]
) -> tuple[Picture, ...]:
    """Return the liver as a whole: a projection with the foci numbered, and two cuts with its outline.

    Parameters
    ----------
    places
        Centroid (LPS, mm) and diameter (mm) of each focus to be numbered, by id.
    """
    if maps.box.is_empty or not maps.liver.any():
        return ()
    planes = zip(maps.hu, maps.liver, maps.foci, strict=True)  # one at a time: no copy of the whole crop
    seen = [np.where(liver | (foci > 0), hu, np.int16(AIR_HU)).max(axis=0) for hu, liver, foci in planes]
    projection, rows_added = pad_slab(np.stack(seen)[::-1], maps, 1, AIR_HU)
    view = whole_view(projection.shape, maps.volume.spacing_mm, 1)
    rings = []
    for number, (centroid, diameter_mm) in places.items():
        place = maps.volume.grid.to_index(centroid) + 0.5
        x, y = view.place(float(place[2]), maps.hu.shape[0] - float(place[0]) + rows_added)
        rings.append((str(number), x, y, max(RING_PX, diameter_mm / 2 / view.mm_per_px + RING_GAP_PX)))
    marks = place_numbers(rings, view)
    nothing = np.zeros(projection.shape, dtype=np.bool_)
    pictures = [
        finish(
            projection, view, PROJECTION_WINDOW, "projection", outline=nothing, others=nothing, marks=marks
        )
    ]
    columns = maps.liver.sum(axis=0, dtype=np.uint16)
    areas = (np.array([np.count_nonzero(plane) for plane in maps.liver]), columns.sum(axis=1))
    for axis in (0, 1):
        index = int(areas[axis].argmax())
        hu, liver, foci = (
            pad_slab(cut(array, axis, index), maps, axis, value)[0]
            for array, value in ((maps.hu, AIR_HU), (maps.liver, 0), (maps.foci, 0))
        )
        view = whole_view(hu.shape, maps.volume.spacing_mm, axis)
        shown = finish(hu, view, SOFT_TISSUE_WINDOW, "outline", outline=liver, others=foci > 0)
        lesions, ducts = (
            "" if array is None else trace(pad_slab(cut(array, axis, index), maps, axis, 0)[0] > 0, view)
            for array in (maps.hosts, maps.ducts)
        )
        pictures.append(replace(shown, lesions=lesions, ducts=ducts))
    return tuple(pictures)


def pad_slab(plane: NDArray[Any], maps: Maps, axis: int, value: int) -> tuple[NDArray[Any], int]:
    """Return an overview's plane, rows added where a thin slab would leave no room for its letters."""
    rows_mm, columns_mm = plane_spacing(maps.volume.spacing_mm, axis)
    padded = pad_to(plane, (LEAST_ASPECT * plane.shape[1] * columns_mm / rows_mm, 0.0), value)
    return padded, (padded.shape[0] - plane.shape[0]) // 2


def place_numbers(rings: list[tuple[str, float, float, float]], view: View) -> tuple[Mark, ...]:
    """Return the rings with their numbers where they hide no ring and no other number, if there is room.

    Parameters
    ----------
    rings
        Text, x, y and radius of each ring, in pixels; earlier ones choose first.
    """
    marks: list[Mark] = []
    for text, x, y, radius in rings:
        options = []
        for away in (1.0, 2.2, 3.4):
            for right, down in (
                (1, 0),
                (-1, 0),
                (0, -1),
                (0, 1),
                (0.7, -0.7),
                (0.7, 0.7),
                (-0.7, -0.7),
                (-0.7, 0.7),
            ):
                options.append(
                    (x + right * (radius + away * NUMBER_PX), y + down * (radius + away * NUMBER_PX))
                )
        text_x, text_y = min(options, key=lambda at: crowding(at, (text, x, y), (rings, marks, view)))
        marks.append(
            Mark(text, round(x, 1), round(y, 1), round(radius, 1), round(text_x, 1), round(text_y, 1))
        )
    return tuple(marks)


def crowding(
    at: tuple[float, float],
    own: tuple[str, float, float],
    taken: tuple[list[tuple[str, float, float, float]], list[Mark], View],
) -> int:
    """Return how many rings and numbers a number at `at` would hide; outside the picture counts most."""
    rings, marks, view = taken
    hidden = sum(
        1
        for _, x, y, radius in rings
        if np.hypot(at[0] - x, at[1] - y) < radius + NUMBER_PX / 2 and own[1:] != (x, y)
    )
    hidden += sum(1 for m in marks if np.hypot(at[0] - m.text_x, at[1] - m.text_y) < 1.4 * NUMBER_PX)
    inside = NUMBER_PX < at[0] < view.width - NUMBER_PX and NUMBER_PX < at[1] < view.height - NUMBER_PX
    return hidden if inside else hidden + len(rings) + len(marks) + 1


def cut(array: NDArray[Any], axis: int, index: int) -> NDArray[Any]:
    """Return one plane as it is looked at: head or front up, the patient's right on the left."""
    plane = array[(slice(None),) * axis + (index,)]
    return plane if axis == 0 else plane[::-1]


def pad_to(plane: NDArray[Any], least: tuple[float, float], value: int) -> NDArray[Any]:
    """Return a plane with rows and columns added on both sides until it has `least` of them.

    A thin slab is shown at the scale of every other picture, in black, rather than enlarged.
    """
    missing = [max(0, math.ceil((want - n) / 2)) for n, want in zip(plane.shape, least, strict=True)]
    if not any(missing):
        return plane
    return np.pad(plane, [(n, n) for n in missing], constant_values=value)


def plane_spacing(spacing_mm: tuple[float, float, float], axis: int) -> tuple[float, float]:
    """Return the spacing of a plane's rows and columns."""
    rows, columns = (spacing_mm[a] for a in range(3) if a != axis)
    return rows, columns


def span_within(middle: float, length: float, size: int) -> tuple[float, float]:
    """Return a span of `length` around `middle`, pushed back into an axis of `size`."""
    start = min(max(middle - length / 2, 0.0), max(size - length, 0.0))
    return start, min(start + length, float(size))


def whole_view(shape: tuple[int, ...], spacing_mm: tuple[float, float, float], axis: int) -> View:
    """Return the view of a whole plane, its longer side `OVERVIEW_PIXELS`."""
    rows_mm, columns_mm = plane_spacing(spacing_mm, axis)
    height_mm, width_mm = shape[0] * rows_mm, shape[1] * columns_mm
    mm_per_px = max(height_mm, width_mm) / OVERVIEW_PIXELS
    width, height = (max(1, round(side / mm_per_px)) for side in (width_mm, height_mm))
    return View(PLANES[axis], 0.0, 0.0, float(shape[1]), float(shape[0]), width, height, mm_per_px)


def finish(
    hu: NDArray[Any],
    view: View,
    window: tuple[float, float],
    kind: str,
    *,
    outline: NDArray[np.bool_],
    others: NDArray[np.bool_],
    marks: tuple[Mark, ...] = (),
) -> Picture:
    """Return the picture of a view with its overlays."""
    third = view.mm_per_px * view.width / 3
    bar_mm = next((length for length in SCALE_BAR_MM if length <= third), SCALE_BAR_MM[-1])
    return Picture(
        kind=kind,
        plane=view.plane,
        width=view.width,
        height=view.height,
        data_uri=encode(hu, view, window),
        outline=trace(outline, view),
        others=trace(others, view),
        letters=LETTERS[view.plane],
        bar_mm=bar_mm,
        bar_px=round(bar_mm / view.mm_per_px, 1),
        window=window,
        marks=marks,
    )


def encode(hu: NDArray[Any], view: View, window: tuple[float, float]) -> str:
    """Return the view as a grey JPEG in a data URI; interpolated in HU, then windowed.

    The filter has no negative lobes: a cubic one would draw bright lines along lung and gas
    that could be taken for calcium.
    """
    level, width = window
    source = Image.fromarray(np.ascontiguousarray(hu, dtype=np.float32))
    box = (view.left, view.top, view.right, view.bottom)
    shown = np.asarray(source.resize((view.width, view.height), Image.Resampling.HAMMING, box))
    grey = np.clip((shown - (level - width / 2)) / width, 0, 1) * 255
    buffer = io.BytesIO()
    Image.fromarray(np.rint(grey).astype(np.uint8)).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def trace(mask: NDArray[Any], view: View) -> str:
    """Return an SVG path along the voxel edges around `mask`, each straight run one stroke.

    Examples
    --------
    >>> view = View("axial", 0, 0, 4, 4, 40, 40, 1.0)
    >>> trace(np.pad(np.ones((2, 2), dtype=bool), 1), view)
    'M10 10H30M10 30H30M10 10V30M30 10V30'
    """
    padded = np.pad(mask, 1).astype(np.int8)
    strokes = []
    for row, start, stop in edge_runs(np.diff(padded, axis=0)[:, 1:-1]):
        (x0, y), (x1, _) = view.place(start, row), view.place(stop, row)
        strokes.append(f"M{x0:.4g} {y:.4g}H{x1:.4g}")
    for column, start, stop in edge_runs(np.diff(padded, axis=1)[1:-1].T):
        (x, y0), (_, y1) = view.place(column, start), view.place(column, stop)
        strokes.append(f"M{x:.4g} {y0:.4g}V{y1:.4g}")
    return "".join(strokes)


def edge_runs(edges: NDArray[np.int8]) -> list[tuple[int, int, int]]:
    """Return (line, start, stop) of every run of non-zero `edges` of one sign along each line."""
    padded = np.pad(edges, ((0, 0), (1, 1)))
    changes = np.diff(padded, axis=1) != 0
    runs = []
    for line in np.flatnonzero(changes.any(axis=1)):
        places = np.flatnonzero(changes[line])
        runs += [(int(line), int(a), int(b)) for a, b in itertools.pairwise(places) if edges[line, a]]
    return runs
