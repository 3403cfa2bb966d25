"""No burned-in name reaches what may be shown."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from tests.image.screens import fan, screen, write

from hepalith.image.beam import sector_mask
from hepalith.image.cine import Cine
from hepalith.image.decode_ultrasound import decode_ultrasound
from hepalith.image.overlay_identity import hide_identity
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.settings import Settings
from hepalith.study.open import open_study

FAN = fan((400.0, -60.0), 120.0, 560.0, -0.55, 0.55)
VISIBLE = 25
"""Grey levels by which ink must differ from what surrounds it to be read at all."""


def visible(frame: NDArray[np.uint8], ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return ink & (np.abs(frame.astype(int) - ndimage.median_filter(frame, 9).astype(int)) > VISIBLE)


def shown_ink(cine: Cine, ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of ink that can be seen in the output."""
    out = hide_identity(cine, find_pictures(cine))
    assert out.shape == cine.grey.shape
    assert out.dtype == np.uint8
    return visible(cine.grey[0], ink) & (out[0] > 0)


def test_without_a_picture_nothing_is_shown() -> None:
    frame, _ = write(np.zeros((480, 640), np.uint8), "DOE^JANE", (20, 20), size=40)
    cine = Cine(frame[None])
    assert not hide_identity(cine, find_pictures(cine)).any()


def test_everything_outside_of_the_picture_is_black_and_the_picture_is_not() -> None:
    frame, ink = write(screen(FAN), "DOE^JANE 1961-02-03", (10, 5), size=24)
    cine = Cine(frame[None])
    out = hide_identity(cine, find_pictures(cine))[0]
    mask = sector_mask(FAN, frame.shape)
    assert not out[~ndimage.binary_dilation(mask, iterations=1)].any()
    assert not out[ink & ~mask].any()
    assert (out > 0)[ndimage.binary_erosion(mask, iterations=8)].mean() > 0.98


@pytest.mark.parametrize("size", [9, 12, 16, 24, 36])
@pytest.mark.parametrize(("level", "shadow"), [(255, False), (200, False), (255, True), (0, False)])
def test_a_name_in_the_picture_cannot_be_read(size: int, level: int, shadow: bool) -> None:
    frame, ink = write(screen(FAN), "DOE^JANE 4711", (280, 250), size=size, level=level, shadow=shadow)
    assert visible(frame, ink).sum() > 30
    assert shown_ink(Cine(frame[None]), ink).sum() <= 0.02 * visible(frame, ink).sum()


def test_a_name_across_the_edge_of_the_picture_cannot_be_read() -> None:
    for at in ((80, 420), (560, 300), (330, 480), (300, 30)):
        frame, ink = write(screen(FAN), "DOE^JANE 4711", at, size=18)
        left = shown_ink(Cine(frame[None]), ink)
        assert left.sum() <= 0.02 * visible(frame, ink).sum(), at


def test_a_coloured_name_cannot_be_read() -> None:
    frame, ink = write(screen(FAN), "DOE^JANE 4711", (280, 250), size=18, level=120)
    cine = Cine(frame[None], coloured=ink)
    assert not shown_ink(cine, ink).any()


def test_a_name_in_every_frame_of_a_loop_cannot_be_read() -> None:
    frames = np.stack([screen(FAN, seed=k) for k in range(6)])
    ink = np.zeros(frames[0].shape, bool)
    for k in range(6):
        frames[k], ink = write(frames[k], "DOE^JANE 4711", (280, 250), size=14)
    cine = Cine(frames, kind="cine")
    out = hide_identity(cine, find_pictures(cine))
    assert not (out[:, ink] > 0).any()


def test_names_on_phantoms_cannot_be_read() -> None:
    for seed in (3, 11, 19):
        made = make_sonogram(seed)
        frame, ink = write(made.cine.grey[0], "Muster, Maria 12.03.1950", (120, 220), size=16)
        cine = Cine(frame[None], regions=made.cine.regions)
        assert shown_ink(cine, ink).sum() <= 0.02 * visible(frame, ink).sum(), seed


@pytest.mark.real
@pytest.mark.slow
def test_names_burned_into_the_shared_stills_cannot_be_read(shared_data: Path) -> None:
    """Outside of the picture not a pixel is left; inside, 98 of 100 pixels of ink are gone."""
    rng = np.random.default_rng(20240115)
    inside_ink = inside_left = 0
    for number, path in enumerate(sorted((shared_data / "us_liver").glob("*/*.jpg"))):
        frame = np.asarray(Image.open(path).convert("L"))
        (plain,) = find_pictures(Cine(frame[None]))
        mask = sector_mask(plain.sector, frame.shape)
        size, level = int(rng.choice([10, 14, 20, 28])), int(rng.choice([255, 210]))
        shadow = bool(number % 2)
        x0, y0, x1, y1 = plain.sector.box_px
        outer, ink_outside = write(frame, "DOE^JANE 1961-02-03", (8, 4), size=size, level=level)
        at = (int(0.65 * x0 + 0.35 * x1), int(rng.integers(y0 + (y1 - y0) // 4, y1 - (y1 - y0) // 3)))
        named, ink_inside = write(outer, "Muster, Anna 4711", at, size=size, level=level, shadow=shadow)
        if number % 3 == 0:
            stream = io.BytesIO()
            Image.fromarray(named).save(stream, "JPEG", quality=85)
            named = np.asarray(Image.open(stream))
        left = shown_ink(Cine(named[None]), ink_outside | ink_inside)
        assert not (left & ~mask).any(), path.name
        inside_ink += int((visible(named, ink_inside) & mask).sum())
        inside_left += int((left & mask).sum())
    assert inside_ink > 5000
    assert inside_left <= 0.02 * inside_ink, (inside_left, inside_ink)


@pytest.mark.parametrize("ink_colour", [(255, 220, 0), (0, 255, 80), (120, 160, 255)])
def test_a_name_in_colour_is_gone_from_a_png(tmp_path: Path, ink_colour: tuple[int, int, int]) -> None:
    """Through the decoder, as a file that a user gives."""
    grey = screen(FAN)
    _, ink = write(grey, "DOE^JANE 4711", (280, 250), size=16)
    colours = np.repeat(grey[..., None], 3, axis=2)
    colours[ink] = ink_colour
    Image.fromarray(colours).save(tmp_path / "still.png")
    study = open_study([tmp_path / "still.png"], Settings())
    (cine,) = decode_ultrasound(study.series[0], Settings())
    out = hide_identity(cine, find_pictures(cine))[0]
    assert not (out > 0)[ink].any()
    assert (out > 0).any()
