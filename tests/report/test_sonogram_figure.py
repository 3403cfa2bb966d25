"""Key images of ultrasound: what is drawn lies where the focus, its shadow and its neighbours are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hepalith.reading.sonogram_document import ObservationEntry, RegionEntry, SectorEntry
from hepalith.report.figure import View
from hepalith.report.sonogram_figure import (
    Kept,
    _band,
    _frame_of,
    _places,
    _ticks,
    encode_grey,
)

APEX = (200.0, -60.0)
FAN = SectorEntry(
    shape="fan", apex_px=APEX, near_px=80.0, far_px=340.0, from_angle=-0.55, to_angle=0.55, confidence=1.0
)
BOX = (25.0, 8.0, 375.0, 280.0)


def region(scale: float | None = None) -> RegionEntry:
    return RegionEntry(
        kind="b_mode",
        box_px=BOX,
        index=0,
        sector=FAN,
        view="plain",
        mm_per_px=None if scale is None else (scale, scale),
    )


def shaded(angle: float = 0.2, radius: float = 180.0, *, scale: float | None = None) -> Kept:
    """A fan of even grey with one bright round focus, and nothing but black behind it along its beams."""
    rows, columns = np.mgrid[:300, :400]
    dx, dy = columns - APEX[0], rows - APEX[1]
    far, bearing = np.hypot(dx, dy), np.arctan2(dx, dy)
    inside = (far > 80) & (far < 340) & (np.abs(bearing) < 0.55)
    grey = np.where(inside, 120, 0)
    x, y = APEX[0] + radius * np.sin(angle), APEX[1] + radius * np.cos(angle)
    focus = np.hypot(columns - x, rows - y) < 7
    grey[inside & (np.abs(bearing - angle) * radius < 7) & (far > radius)] = 10
    grey[focus] = 250
    return Kept("us_1", 0, 1, grey.astype(np.uint8), focus.astype(np.int32) * 3, (region(scale),))


def seen_at(kept: Kept) -> ObservationEntry:
    rows, columns = np.nonzero(kept.foci)
    box = (columns.min(), rows.min(), columns.max(), rows.max())
    return ObservationEntry(
        image="us_1",
        frame=0,
        region=0,
        bbox_px=tuple(float(v) for v in box),
        centroid_px=(float(columns.mean()), float(rows.mean())),
    )


def heights(path: str) -> np.ndarray:
    return np.array([float(y) for _, y in re.findall(r"([\d.e+-]+) ([\d.e+-]+)", path)])


@pytest.mark.parametrize("angle", [-0.3, 0.0, 0.2])
def test_the_profile_falls_behind_the_focus_and_not_beside_it(angle: float) -> None:
    kept = shaded(angle)
    band = _band(seen_at(kept), kept.foci == 3, kept)
    assert band is not None
    profile = band.profile(kept.grey)
    assert profile is not None
    behind, beside = heights(profile.behind), heights(profile.beside)
    after = round(len(behind) * profile.body[1] / profile.width) + 15
    assert (behind[after:] > beside[after:] + 40).mean() > 0.9  # a plot's rows run downward
    assert np.ptp(beside[after:-10]) < 15


@pytest.mark.parametrize("shadow_angle", [-0.4, 0.3])
def test_the_band_runs_along_the_beam(shadow_angle: float) -> None:
    kept = shaded(shadow_angle)
    band = _band(seen_at(kept), kept.foci == 3, kept)
    assert band is not None
    path = band.outline(View("", 0, 0, 400, 300, 400, 300, 1.0))
    points = np.array([[float(v) for v in pair] for pair in re.findall(r"([\d.]+) ([\d.]+)", path)])
    middle = points.mean(axis=0)
    assert np.arctan2(middle[0] - APEX[0], middle[1] - APEX[1]) == pytest.approx(shadow_angle, abs=0.03)
    assert len(points) == 4


@pytest.mark.parametrize(("scale", "unit"), [(None, "px"), (0.5, "mm")])
def test_depth_is_in_millimetres_only_where_pixels_have_a_size(scale: float | None, unit: str) -> None:
    kept = shaded(scale=scale)
    band = _band(seen_at(kept), kept.foci == 3, kept)
    assert band is not None
    profile = band.profile(kept.grey)
    assert profile is not None
    assert profile.unit == unit
    last = max(float(label) for _, label in profile.ticks)
    assert last < (260 if scale is None else 130)


def test_a_picture_whose_outline_is_not_known_has_no_band() -> None:
    kept = shaded()
    bare = Kept("us_1", 0, 1, kept.grey, kept.foci, (region().model_copy(update={"sector": None}),))
    assert _band(seen_at(kept), kept.foci == 3, bare) is None


def test_the_number_of_a_bent_line_stands_beside_the_line() -> None:
    rows, columns = np.mgrid[:100, :100]
    ring = np.abs(np.hypot(rows - 90, columns - 50) - 60) < 2
    ((number, x, y, radius),) = _places(ring.astype(np.int32))
    assert number == 1
    assert ring[int(y), int(x)]
    assert radius < 20


def test_ticks_are_round_and_few() -> None:
    for start, end in ((0.0, 37.0), (13.0, 152.0), (220.0, 361.0)):
        values = [value for value, _ in _ticks(start, end)]
        assert 2 <= len(values) <= 6
        assert all(start <= value <= end for value in values)


def test_a_screen_without_a_picture_is_shown_whole() -> None:
    kept = Kept("us_1", 0, 1, np.zeros((30, 40), np.uint8), np.zeros((30, 40), np.int32), ())
    assert _frame_of(kept) == (0, 0, 40, 30)


def test_a_picture_is_encoded_without_anything_beside_it() -> None:
    grey = np.zeros((60, 80), np.uint8)
    assert encode_grey(grey, View("", 0, 0, 80, 60, 80, 60, 1.0)).startswith("data:image/jpeg;base64,")
