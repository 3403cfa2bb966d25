"""Print over a picture is taken out; echo, however bright and sharp, is not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from tests.image.screens import fan, screen, write

from hepalith.image.beam import sector_mask
from hepalith.image.cine import Cine
from hepalith.image.overlay import find_overlay
from hepalith.image.overlay_print import find_print
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.make import make_sonogram

FAN = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
MASK = sector_mask(FAN, (600, 800))


@pytest.mark.parametrize("size", [10, 14, 20, 32])
@pytest.mark.parametrize(("level", "least"), [(255, 0.95), (200, 0.7)])
def test_letters_over_liver_are_print(size: int, level: int, least: float) -> None:
    """White letters nearly whole; grey ones, 110 levels above the liver, for the most part."""
    frame, ink = write(screen(FAN), "Liver right 4711", (300, 250), size=size, level=level)
    found = find_print(frame, FAN)
    assert found[ink].mean() > least
    assert found[MASK].mean() < 0.08


def test_letters_saved_as_jpeg_are_print() -> None:
    frame, ink = write(screen(FAN), "Liver right 4711", (300, 250), size=18)
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=80)
    found = find_print(np.asarray(Image.open(stream)), FAN)
    assert found[ink].mean() > 0.95


def test_calipers_and_their_dots_are_print() -> None:
    frame = screen(FAN)
    ink = np.zeros(frame.shape, bool)
    for x, y in ((330, 260), (420, 330)):
        ink[y, x - 5 : x + 6] = True
        ink[y - 5 : y + 6, x] = True
    for k in range(1, 12):
        y, x = 260 + 70 * k // 12, 330 + 90 * k // 12
        ink[y : y + 2, x : x + 2] = True
    frame[ink] = 255
    found = find_print(frame, FAN)
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    seen = [bool(found[labels == k].mean() > 0.9) for k in range(1, count + 1)]
    assert sum(seen) >= 0.8 * count
    assert found[250:271, 325:336][ink[250:271, 325:336]].all()


def test_speckle_alone_holds_no_print() -> None:
    for seed in range(5):
        assert not find_print(screen(FAN, seed=seed), FAN).any()


@pytest.mark.parametrize("width", [1.5, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("above_db", [0.0, 12.0])
def test_a_bright_focus_as_wide_as_the_beam_is_no_print(width: float, above_db: float) -> None:
    """A point echo is Gaussian in amplitude, so a parabola in grey: 60 dB shown, up to 12 dB beyond white."""
    frame = screen(FAN).astype(float)
    y, x = np.mgrid[:600, :800]
    per_db = 255 / 60
    for cx, cy in ((400, 250), (330, 300), (450, 380)):
        fall_db = 4.34 * (((x - cx) / width) ** 2 + ((y - cy) / 1.2) ** 2)
        frame = np.maximum(frame, 255 + per_db * (above_db - fall_db))
    assert not find_print(np.clip(frame, 0, 255).astype(np.uint8), FAN).any()


def test_a_saturated_diaphragm_is_no_print() -> None:
    frame = screen(FAN).astype(float)
    y, x = np.mgrid[:600, :800]
    radius = np.hypot(x - 340, y - 150)
    frame += 500 * np.exp(-(((radius - 270) / 3.0) ** 2) / 2) * (y > 200)
    assert not find_print(np.clip(frame, 0, 255).astype(np.uint8), FAN).any()


def test_colour_is_overlay_with_a_little_room() -> None:
    coloured = np.zeros((600, 800), bool)
    coloured[300:330, 400:430] = True
    cine = Cine(screen(FAN)[None], coloured=coloured)
    (picture,) = find_pictures(cine)
    assert picture.overlay[298:332, 398:432].all()
    assert picture.overlay.sum() < 40 * 40
    inside = picture.grid.inside
    sample, line = picture.samples_of(415, 315)
    assert not inside[round(float(sample)), round(float(line))]


def test_in_a_loop_what_moves_is_no_print() -> None:
    frames = np.stack([screen(FAN, seed=k) for k in range(5)])
    ink = np.zeros(frames[0].shape, bool)
    for k in range(5):
        frames[k], ink = write(frames[k], "Muster 4711", (300, 250), size=18)
    found = find_overlay(Cine(frames, kind="cine"), [FAN])
    assert found[ink].mean() > 0.95
    assert found.sum() < 6 * ink.sum()


@pytest.mark.slow
def test_foci_of_phantoms_are_no_print() -> None:
    lost = total = 0
    for seed in range(20):
        made = make_sonogram(seed)
        found = find_print(made.cine.grey[0], made.truth.sector)
        focus = made.labels > 0
        lost += int((found & focus).sum())
        total += int(focus.sum())
    assert total > 0
    assert lost < 0.01 * total


@pytest.mark.real
@pytest.mark.slow
def test_on_the_shared_stills_only_print_is_print(shared_data: Path) -> None:
    """Looked at: a body mark (127), ticks of a ruler (13, 94, 110) and a number (132) lie in the pictures."""
    printed = {"127.jpg", "13.jpg", "94.jpg", "110.jpg", "132.jpg"}
    found = set()
    for path in sorted((shared_data / "us_liver").glob("*/*.jpg")):
        frame = np.asarray(Image.open(path).convert("L"))
        (picture,) = find_pictures(Cine(frame[None]))
        if picture.overlay.any():
            found.add(path.name)
            assert picture.overlay.sum() < 0.03 * frame.size, path.name
    assert {"127.jpg", "94.jpg"} <= found <= printed
