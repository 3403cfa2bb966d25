"""The outline of the picture is found, whatever its kind, and print around it is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tests.image.screens import fan, rectangle, screen, write

from hepalith.image.beam import Sector, sector_mask
from hepalith.image.cine import Cine
from hepalith.image.picture import find_pictures
from hepalith.image.sector import find_sectors
from hepalith.study.sonography import Region


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def assert_same_fan(found: Sector, true: Sector, *, far: float = 2.5) -> None:
    assert found.shape == "fan"
    assert found.apex_px is not None
    assert true.apex_px is not None
    assert np.hypot(found.apex_px[0] - true.apex_px[0], found.apex_px[1] - true.apex_px[1]) < 3
    assert abs(found.near_px - true.near_px) < 2.5
    assert abs(found.far_px - true.far_px) < far
    assert abs(np.degrees(found.from_angle - true.from_angle)) < 1
    assert abs(np.degrees(found.to_angle - true.to_angle)) < 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    x=st.floats(360, 440),
    near=st.floats(90, 220),
    depth=st.floats(280, 420),
    left=st.floats(0.42, 0.62),
    right=st.floats(0.42, 0.62),
    seed=st.integers(0, 1000),
)
def test_a_curved_fan_is_found_to_two_pixels_and_one_degree(
    *, x: float, near: float, depth: float, left: float, right: float, seed: int
) -> None:
    true = fan((x, 60 - 0.85 * near), near, near + depth, -left, right)
    found = find_sectors(Cine(screen(true, seed=seed)[None]))
    assert len(found) == 1
    assert_same_fan(found[0], true)


@pytest.mark.parametrize("half", [0.6, 0.78])
def test_a_phased_sector_with_its_apex_in_view_is_found(half: float) -> None:
    true = fan((400.0, 50.0), 4.0, 440.0, -half, half)
    (found,) = find_sectors(Cine(screen(true)[None]))
    assert found.shape == "fan"
    assert found.apex_px is not None
    assert np.hypot(found.apex_px[0] - 400, found.apex_px[1] - 50) < 3
    assert overlap(sector_mask(found, (600, 800)), sector_mask(true, (600, 800))) > 0.98


@settings(max_examples=6, deadline=None)
@given(x=st.integers(20, 300), y=st.integers(20, 150), wide=st.integers(200, 450), high=st.integers(150, 400))
def test_a_rectangle_is_found_to_two_pixels(x: int, y: int, wide: int, high: int) -> None:
    true = rectangle((x, y, x + wide, y + high))
    (found,) = find_sectors(Cine(screen(true)[None]))
    assert found.shape == "rectangle"
    assert np.abs(np.subtract(found.box_px, true.box_px)).max() <= 2


def test_a_trapezoid_is_a_fan_cut_flat_at_the_face() -> None:
    whole = fan((400.0, -400.0), 440.0, 900.0, -0.33, 0.33)
    flat = Sector("fan", (100, 60, 700, 470), (400.0, -400.0), 440.0, 980.0, -0.33, 0.33)
    frame = np.where(sector_mask(flat, (600, 800)), screen(rectangle((0, 0, 799, 599))), 0).astype(np.uint8)
    (found,) = find_sectors(Cine(frame[None]))
    assert found.shape == "fan"
    assert overlap(sector_mask(found, (600, 800)), sector_mask(flat, (600, 800))) > 0.97
    assert found.apex_px is not None
    assert whole.apex_px is not None
    assert abs(found.apex_px[0] - whole.apex_px[0]) < 4
    assert abs(np.degrees(found.to_angle) - np.degrees(0.33)) < 1


def test_a_fan_cut_at_the_bottom_keeps_its_far_arc_and_gets_a_box() -> None:
    true = fan((400.0, -60.0), 120.0, 600.0, -0.6, 0.6, cut=500)
    (found,) = find_sectors(Cine(screen(true)[None]))
    assert_same_fan(found, true, far=4)
    assert abs(found.box_px[3] - 500) <= 2


def test_a_dark_flank_does_not_move_the_side() -> None:
    true = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
    frame = screen(true)
    y, x = np.mgrid[:600, :800]
    angle = np.arctan2(x - 400.0, y + 60.0)
    radius = np.hypot(x - 400.0, y + 60.0)
    frame[(angle < -0.25) & (radius > 160) & (radius < 520)] = 0
    (found,) = find_sectors(Cine(frame[None]))
    assert_same_fan(found, true)
    assert found.confidence < 0.95


def test_a_margin_painted_by_hand_around_a_grey_screen_is_seen_through() -> None:
    true = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
    frame = screen(true, outside=36)
    ragged = sector_mask(fan((400.0, -60.0), 112.0, 570.0, -0.58, 0.58), (600, 800))
    rng = np.random.default_rng(0)
    wave = np.repeat(rng.integers(0, 9, size=(75, 100)), 8, axis=0).repeat(8, axis=1)
    shrunk = ragged & np.roll(ragged, 4, axis=1) & (wave > 0)
    frame[~(shrunk | sector_mask(true, (600, 800)))] = 0
    (found,) = find_sectors(Cine(frame[None]))
    assert_same_fan(found, true)


def test_a_picture_whose_own_floor_is_grey_ends_where_the_grey_ends() -> None:
    true = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
    frame = np.where(sector_mask(true, (600, 800)), np.maximum(screen(true), 40), 0).astype(np.uint8)
    y, x = np.mgrid[:600, :800]
    dark = (np.arctan2(x - 400.0, y + 60.0) > 0.2) & sector_mask(true, (600, 800))
    frame[dark] = 40
    (found,) = find_sectors(Cine(frame[None]))
    assert_same_fan(found, true)


def test_two_fans_side_by_side_are_two_pictures_left_to_right() -> None:
    left = fan((200.0, -20.0), 80.0, 420.0, -0.4, 0.4)
    right = fan((600.0, -20.0), 80.0, 420.0, -0.4, 0.4)
    frame = np.maximum(screen(left), screen(right, seed=1))
    pictures = find_pictures(Cine(frame[None]))
    assert [picture.region for picture in pictures] == [0, 1]
    assert [picture.view for picture in pictures] == ["dual", "dual"]
    for picture, true in zip(pictures, (left, right), strict=True):
        assert_same_fan(picture.sector, true)


def test_the_header_parts_two_pictures_that_touch() -> None:
    left = fan((200.0, -60.0), 120.0, 480.0, -0.7, 0.7)
    right = fan((600.0, -60.0), 120.0, 480.0, -0.7, 0.7)
    halves = [screen(left), screen(right, seed=1)]
    halves[0][:, 400:] = 0
    halves[1][:, :400] = 0
    regions = (Region("b_mode", (0, 20, 399, 450)), Region("b_mode", (400, 20, 799, 450)))
    found = find_sectors(Cine(np.maximum(*halves)[None], regions=regions))
    assert len(found) == 2
    for sector, true in zip(found, (left, right), strict=True):
        assert sector.apex_px is not None
        assert true.apex_px is not None
        assert np.hypot(sector.apex_px[0] - true.apex_px[0], sector.apex_px[1] - true.apex_px[1]) < 6


def test_text_bars_and_wedges_around_do_not_move_the_outline() -> None:
    true = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
    frame = screen(true)
    frame[:24] = 60
    frame[40:200, 760:775] = np.linspace(255, 0, 160).astype(np.uint8)[:, None]
    for text, at, size in (
        ("DOE^JANE  1961-02-03", (10, 2), 18),
        ("MI 1.2", (650, 60), 14),
        ("C5-1", (10, 60), 24),
    ):
        frame, _ = write(frame, text, at, size=size)
    frame[560:566, 380:420] = 255
    (found,) = find_sectors(Cine(frame[None]))
    assert_same_fan(found, true)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((480, 640), np.uint8),
        np.full((480, 640), 255, np.uint8),
        np.full((480, 640), 90, np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((8, 2000), np.uint8),
    ],
    ids=["black", "white", "grey", "one_pixel", "strip"],
)
def test_a_screen_without_picture_has_none(frame: NDArray[np.uint8]) -> None:
    assert find_pictures(Cine(frame[None])) == ()


def test_a_page_of_text_is_no_picture() -> None:
    frame = np.zeros((480, 640), np.uint8)
    for row in range(10, 460, 22):
        frame, _ = write(frame, "Findings: liver of usual size and echo.", (10, row), size=16)
    assert find_sectors(Cine(frame[None])) == ()


def test_a_loop_shows_its_picture_by_what_changes() -> None:
    true = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
    frames = np.stack([screen(true, seed=k) for k in range(5)])
    frames[:, 100:300, 10:60] = screen(rectangle((0, 0, 799, 599)), seed=9)[100:300, 10:60]
    (found,) = find_sectors(Cine(frames, kind="cine"))
    assert_same_fan(found, true)


def stills(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "us_liver").glob("*/*.jpg"))


@pytest.mark.real
@pytest.mark.slow
def test_the_outline_of_every_shared_still_covers_the_one_drawn_by_hand(shared_data: Path) -> None:
    """The drawn outlines are polygons of 7 to 12 corners: chords for arcs lose about two per cent."""
    found = {}
    for path in stills(shared_data):
        image = Image.open(path).convert("L")
        frame = np.asarray(image)
        outline = json.loads(path.with_suffix(".json").read_text())["outline"]
        drawn = Image.new("1", image.size)
        ImageDraw.Draw(drawn).polygon([tuple(point) for point in outline], fill=1)
        sectors = find_sectors(Cine(frame[None]))
        assert len(sectors) == 1, path.name
        assert sectors[0].shape == "fan", path.name
        found[path.name] = overlap(sector_mask(sectors[0], frame.shape), np.asarray(drawn))
    assert len(found) == 30
    assert min(found.values()) > 0.9, found
    assert np.median(list(found.values())) > 0.95, found


def test_a_picture_parted_by_silence_is_found_whole() -> None:
    """Behind a total reflector nothing comes back but, deep down, amplified noise."""
    true = fan((400.0, -60.0), 120.0, 600.0, -0.55, 0.55)
    frame = screen(true)
    y, x = np.mgrid[:600, :800]
    radius = np.hypot(x - 400.0, y + 60.0)
    frame[(radius > 430) & (radius < 510)] = 0
    (found,) = find_sectors(Cine(frame[None]))
    assert_same_fan(found, true)


def test_a_dark_side_is_filled_where_the_headers_box_says_so_and_only_there() -> None:
    true = fan((400.0, -60.0), 120.0, 560.0, -0.6, 0.6)
    frame = screen(true)
    y, x = np.mgrid[:600, :800]
    frame[np.arctan2(x - 400.0, y + 60.0) > 0.3] = 0
    (told,) = find_sectors(Cine(frame[None], regions=(Region("b_mode", true.box_px),)))
    assert_same_fan(told, true)
    wide = Region("b_mode", (0, 0, 799, 599))
    (untold,) = find_sectors(Cine(frame[None], regions=(wide,)))
    assert abs(np.degrees(untold.to_angle - 0.3)) < 1.5
