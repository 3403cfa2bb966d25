"""Key images show the right place the right way round."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hepalith.geometry import Box, Grid, StoredOrder
from hepalith.reading import Maps
from hepalith.report.figure import Picture, find_places, overview_pictures
from hepalith.report.figure import focus_pictures as pictures_of


def focus_pictures(maps: Maps, focus_id: int) -> tuple[Picture, ...]:
    return pictures_of(maps, focus_id, find_places(maps)[focus_id])


def pixels(picture: Picture) -> NDArray[np.float64]:
    raw = base64.b64decode(picture.data_uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(raw)), dtype=np.float64)


def bright_centre(picture: Picture) -> tuple[float, float]:
    """Return (x, y) of what is bright, as shares of the picture."""
    rows, columns = np.nonzero(pixels(picture) > 200)
    return float(columns.mean() / picture.width), float(rows.mean() / picture.height)


def outline_box(path: str) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of an SVG path of straight strokes."""
    points = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)", path)]
    across = [float(x) for x in re.findall(r"H([\d.]+)", path)]
    down = [float(y) for y in re.findall(r"V([\d.]+)", path)]
    xs, ys = [p[0] for p in points] + across, [p[1] for p in points] + down
    return min(xs), min(ys), max(xs), max(ys)


@pytest.fixture
def maps() -> Maps:
    """A block of 80 mm with a focus of 8 mm near its right, front and head corner."""
    shape = (40, 80, 80)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 2.0, 1.0, 1.0, 1.0
    hu = np.full(shape, 50, dtype=np.int16)
    foci = np.zeros(shape, dtype=np.int32)
    foci[32:36, 8:16, 4:12] = 1  # to the head, to the front, to the patient's right
    hu[foci == 1] = 900
    return Maps(
        Grid(shape, affine), StoredOrder(), Box((0, 0, 0), shape), hu, np.ones(shape, dtype=np.bool_), foci
    )


def test_the_patients_right_is_on_the_left_front_and_head_are_up(maps: Maps) -> None:
    axial, coronal, sagittal, bone = focus_pictures(maps, 1)
    x, y = bright_centre(axial)
    assert x < 0.5, "right of the patient, left of the picture"
    assert y < 0.5, "front is up"
    x, y = bright_centre(coronal)
    assert x < 0.5
    assert y < 0.5, "head is up"
    x, y = bright_centre(sagittal)
    assert x < 0.5, "front is on the left"
    assert y < 0.5
    assert [p.plane for p in (axial, coronal, sagittal, bone)] == ["axial", "coronal", "sagittal", "axial"]
    assert axial.letters == ("A", "P", "R", "L")
    assert coronal.letters == ("H", "F", "R", "L")
    assert sagittal.letters == ("H", "F", "A", "P")


def test_the_outline_runs_around_what_is_bright(maps: Maps) -> None:
    for picture in focus_pictures(maps, 1)[:3]:
        left, top, right, bottom = outline_box(picture.outline)
        rows, columns = np.nonzero(pixels(picture) > 200)
        assert abs(columns.min() - left) < 4
        assert abs(columns.max() + 1 - right) < 4
        assert abs(rows.min() - top) < 4
        assert abs(rows.max() + 1 - bottom) < 4


def test_a_scale_bar_is_as_long_as_it_says(maps: Maps) -> None:
    axial = focus_pictures(maps, 1)[0]
    left, _, right, _ = outline_box(axial.outline)
    mm_per_px = 8.0 / (right - left)
    assert axial.bar_mm == 20
    assert axial.bar_px * mm_per_px == pytest.approx(20, rel=0.02)


def test_planes_are_isotropic_whatever_the_slice_spacing(maps: Maps) -> None:
    for picture in focus_pictures(maps, 1)[:3]:
        left, top, right, bottom = outline_box(picture.outline)
        assert right - left == pytest.approx(bottom - top, rel=0.02), "a cube stays square"


def test_a_rim_is_cut_where_it_is_widest(maps: Maps) -> None:
    foci = np.zeros_like(maps.foci)
    z, y, x = np.ogrid[:40, :80, :80]
    distance = np.sqrt(((z - 20) * 2.0) ** 2 + (y - 40) ** 2 + (x - 40) ** 2)
    foci[np.abs(distance - 15) < 1.5] = 1
    hu = np.where(foci > 0, 900, 50).astype(np.int16)
    axial = focus_pictures(replace(maps, foci=foci, hu=hu), 1)[0]
    picture = pixels(axial)
    middle = picture[120:136, 120:136]
    assert middle.max() < 200, "the hollow is shown"
    assert (picture[128] > 200).any(), "and its rim on both sides"


def test_a_large_focus_gets_a_larger_field(maps: Maps) -> None:
    foci = np.zeros_like(maps.foci)
    foci[5:35, 10:70, 10:70] = 1
    left, _, right, _ = outline_box(focus_pictures(replace(maps, foci=foci), 1)[0].outline)
    assert left > 0
    assert right < 256


def test_a_focus_that_is_not_in_the_map_has_no_place(maps: Maps) -> None:
    assert find_places(maps) == {1: Box((32, 8, 4), (36, 16, 12))}
    assert find_places(replace(maps, foci=np.where(maps.foci > 0, 3, 0).astype(np.uint8))).keys() == {3}


def test_the_overview_numbers_each_focus_at_its_place(maps: Maps) -> None:
    projection, axial, coronal = overview_pictures(maps, {1: ((7.5, 11.5, 67.0), 8.0)})
    (mark,) = projection.marks
    assert mark.text == "1"
    x, y = bright_centre(projection)
    assert mark.x / projection.width == pytest.approx(x, abs=0.02)
    assert mark.y / projection.height == pytest.approx(y, abs=0.02)
    assert axial.outline
    assert coronal.outline


def test_no_liver_has_no_overview(factories: ModuleType) -> None:
    reading = factories.assemble(
        factories.make_examined(),
        factories.unanswerable_assessment(),
        factories.Patient(),
        factories.Settings(),
    )
    assert overview_pictures(reading.maps, {}) == ()


def test_pictures_are_the_same_every_time(maps: Maps) -> None:
    assert focus_pictures(maps, 1) == focus_pictures(maps, 1)


def test_a_thin_slab_keeps_the_scale_and_is_padded(maps: Maps) -> None:
    slab = Maps(
        Grid((6, 80, 80), maps.grid.affine),
        maps.stored_order,
        Box((0, 0, 0), (6, 80, 80)),
        maps.hu[31:37],
        maps.liver[31:37],
        maps.foci[31:37],
    )
    _, coronal, _, _ = focus_pictures(slab, 1)
    left, top, right, bottom = outline_box(coronal.outline)
    assert right - left == pytest.approx(32, abs=1), "8 mm at four pixels a millimetre"
    assert bottom - top == pytest.approx(32, abs=1)
    assert pixels(coronal)[:40].max() < 10, "black above the slab"
    rows, columns = np.nonzero(pixels(coronal) > 200)
    assert abs(rows.min() - top) < 4
    assert abs(columns.min() - left) < 4
    projection = overview_pictures(slab, {1: ((7.5, 11.5, 5.0), 8.0)})[0]
    assert projection.height >= 0.55 * projection.width
    (mark,) = projection.marks
    assert mark.y / projection.height == pytest.approx(bright_centre(projection)[1], abs=0.02)


def test_no_bright_line_is_drawn_along_air(maps: Maps) -> None:
    hu = maps.hu.copy()
    hu[maps.foci == 1] = 50
    hu[:, :, 40:] = -1000
    flat = pixels(focus_pictures(replace(maps, hu=hu), 1)[0])
    liver = flat[128, 40]
    assert flat.max() <= liver + 3, "interpolation must not overshoot"


def test_a_lesion_and_a_duct_are_outlined_where_they_were_looked_for(maps: Maps) -> None:
    plain = focus_pictures(maps, 1)
    assert {p.lesions for p in plain} == {p.ducts for p in plain} == {""}
    marked = replace(maps, hosts=(maps.foci > 0).astype(np.uint8), ducts=np.zeros_like(maps.foci))
    shown = focus_pictures(marked, 1)
    assert shown[0].lesions.startswith("M")
    assert shown[0].ducts == ""
    assert shown[-1].lesions == ""  # the plain bone window
