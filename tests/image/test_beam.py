"""Beams laid over a picture, and the way from the screen to them and back."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from tests.image.screens import fan, rectangle, screen, speckle

from hepalith.image.beam import MAX_LINES, MAX_SAMPLES, Sector, lay_beams, sector_mask
from hepalith.image.cine import Cine
from hepalith.image.picture import Picture, find_pictures, make_picture

FAN = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
BOX = rectangle((100, 40, 650, 520))


def picture_of(sector: Sector, *, seed: int = 0) -> Picture:
    return make_picture(Cine(screen(sector, seed=seed)[None]), sector)


@settings(max_examples=50, deadline=None)
@given(
    near=st.floats(0, 300),
    depth=st.floats(50, 900),
    left=st.floats(0.2, 0.8),
    right=st.floats(0.2, 0.8),
    across=st.floats(0, 1),
    along=st.floats(0, 1),
)
def test_a_place_on_the_screen_and_its_sample_are_each_others_inverse(
    *, near: float, depth: float, left: float, right: float, across: float, along: float
) -> None:
    grid = lay_beams(fan((400.0, 30.0), near, near + depth, -left, right))
    sample, line = round(along * (grid.shape[0] - 1)), round(across * (grid.shape[1] - 1))
    if near < 1 and sample == 0:
        return
    found = grid.samples_of(grid.x_px[sample, line], grid.y_px[sample, line])
    assert found[0] == pytest.approx(sample, abs=0.01)
    assert found[1] == pytest.approx(line, abs=0.1)


@pytest.mark.parametrize("sector", [FAN, BOX], ids=["fan", "rectangle"])
def test_beams_run_away_from_the_transducer_and_left_to_right(sector: Sector) -> None:
    grid = lay_beams(sector)
    assert (np.diff(grid.y_px, axis=0) > 0).all()
    assert (np.diff(grid.x_px[-1]) > 0).all()
    assert grid.shape[0] <= MAX_SAMPLES
    assert grid.shape[1] <= MAX_LINES
    apart = np.hypot(np.diff(grid.x_px, axis=0), np.diff(grid.y_px, axis=0))
    assert apart == pytest.approx(grid.step_px, rel=1e-3)
    middle = grid.width_px[grid.shape[0] // 2, 0]
    assert 1.2 < middle < 2.2


def test_samples_below_a_cut_are_not_inside() -> None:
    cut = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55, cut=430)
    grid = lay_beams(cut)
    assert not grid.inside[grid.y_px > 431].any()
    assert grid.inside[grid.y_px < 430].mean() > 0.99
    levels = make_picture(Cine(screen(cut)[None]), cut).levels(0)
    assert (levels[grid.y_px > 431] == 0).all()


@pytest.mark.parametrize("sector", [FAN, BOX], ids=["fan", "rectangle"])
def test_a_smooth_screen_comes_back_from_the_beams_as_it_was(sector: Sector) -> None:
    y, x = np.mgrid[:600, :800]
    smooth = np.rint(120 + 60 * np.sin(x / 37.0) * np.cos(y / 29.0)).astype(np.uint8)
    picture = make_picture(Cine(smooth[None]), sector)
    again = picture.to_screen(picture.levels(0))
    mask = ndimage.binary_erosion(sector_mask(sector, smooth.shape), iterations=3)
    error = np.abs(again - smooth.astype(np.float32))[mask]
    assert error.max() < 3
    assert (again[~sector_mask(sector, smooth.shape)] == 0).all()


def test_labels_keep_their_values_on_the_screen() -> None:
    picture = picture_of(FAN)
    labels = np.zeros(picture.grid.shape, np.int32)
    labels[100:160, 50:90] = 7
    on_screen = picture.to_screen(labels)
    assert set(np.unique(on_screen)) == {0, 7}
    x0, y0, x1, y1 = picture.box_of(labels == 7)
    rows, columns = np.nonzero(on_screen)
    assert abs(columns.min() - x0) <= 2
    assert abs(columns.max() - x1) <= 2
    assert abs(rows.min() - y0) <= 2
    assert abs(rows.max() - y1) <= 2


def test_a_bright_pixel_in_the_far_field_is_not_skipped() -> None:
    wide = fan((400.0, 10.0), 5.0, 560.0, -0.75, 0.75)
    for column in range(380, 390):
        frame = np.zeros((600, 800), np.uint8)
        frame[540:543, column] = 255
        # lines are 3 px apart there, so one pixel is a third of what a sample averages: 85 grey levels
        assert make_picture(Cine(frame[None]), wide).levels(0).max() > 0.7 * 255 / 3


def test_mean_brightness_survives_resampling() -> None:
    frame = np.clip(speckle((600, 800), 3), 0, 255).astype(np.uint8)
    picture = make_picture(Cine(frame[None]), FAN)
    levels = picture.levels(0)
    mask = sector_mask(FAN, frame.shape)
    assert levels[20:-20].mean() == pytest.approx(frame[mask].mean(), abs=1.5)
    assert levels[20:-20].std() == pytest.approx(frame[mask].std(), rel=0.25)


def test_samples_under_print_are_filled_from_beside_and_not_inside() -> None:
    frame = screen(FAN)
    overlay = np.zeros(frame.shape, bool)
    overlay[300:320, 380:440] = True
    frame[overlay] = 255
    picture = make_picture(Cine(frame[None]), FAN, overlay=overlay)
    hidden = picture.overlay_along_beams
    assert hidden.sum() > 300
    assert not picture.grid.inside[hidden].any()
    levels = picture.levels(0)
    assert levels[hidden].max() < 200
    assert abs(float(levels[hidden].mean()) - float(levels[150:300].mean())) < 15


def test_every_frame_is_read_with_the_same_beams() -> None:
    frames = np.stack([screen(FAN, seed=k) for k in range(3)])
    picture = make_picture(Cine(frames, kind="cine"), FAN)
    for k in range(3):
        alone = make_picture(Cine(frames[k : k + 1]), FAN)
        assert np.array_equal(picture.levels(k), alone.levels(0))


def test_levels_of_an_800_by_600_frame_take_a_few_milliseconds() -> None:
    picture = picture_of(FAN)
    picture.levels(0)
    times = []
    for _ in range(20):
        started = time.process_time()
        picture.levels(0)
        times.append(time.process_time() - started)
    assert min(times) < 0.008  # 2 ms on the machine it was written on


def test_the_size_of_a_pixel_is_carried_and_never_made_up() -> None:
    assert picture_of(FAN).mm_per_px is None
    known = make_picture(Cine(screen(FAN)[None], mm_per_px=(0.3, 0.3)), FAN)
    assert known.mm_per_px == pytest.approx(0.3)


def test_an_empty_region_has_no_box() -> None:
    picture = picture_of(FAN)
    with pytest.raises(ValueError, match="empty"):
        picture.box_of(np.zeros(picture.grid.shape, bool))


@pytest.mark.parametrize(
    ("sector", "transducer"),
    [
        (FAN, "curved"),
        (BOX, "linear"),
        (fan((400.0, 40.0), 12.0, 500.0, -0.7, 0.7), "phased"),
        (Sector("fan", (100, 60, 700, 470), (400.0, -400.0), 440.0, 980.0, -0.33, 0.33), "linear"),
    ],
)
def test_the_transducer_is_known_by_the_outline(sector: Sector, transducer: str) -> None:
    assert sector.transducer == transducer


def test_a_picture_found_has_a_strip_along_its_outline_that_is_no_echo() -> None:
    (picture,) = find_pictures(Cine(screen(FAN)[None]))
    inside = picture.grid.inside
    assert not inside[:3].any()
    assert not inside[-3:].any()
    assert not inside[:, 0].any()
    assert not inside[:, -1].any()
    assert inside[8:-8, 4:-4].mean() > 0.98
    assert picture.levels(0)[:, 2:-2].min() >= 0
    assert (picture.levels(0)[2] > 0).mean() > 0.9
