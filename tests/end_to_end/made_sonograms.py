"""Sonogram phantoms as files: stills and loops, with and without a scale, with a name burned in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tests.ultrasound_files import make_us, region, save_us

from hepalith.phantom.ultrasound.make import SonoPhantom, make_sonogram

STONES, SIMPLE, NORMAL = "case:hepatolithiasis", "case:simple_healed", "case:normal"
"""What the phantoms of these tests hold."""

NAME = "ZANZIBAR^QUIRINA"
"""A name that no other text of this project holds."""


@cache
def phantom(contents: str = STONES, seed: int = 7, frames: int = 1) -> SonoPhantom:
    return make_sonogram(seed, contents=contents, frames=frames)


def scale_mm(made: SonoPhantom) -> float:
    size = made.cine.mm_per_px or made.truth.mm_per_px
    return float(size[0] if isinstance(size, tuple) else size)


def save_png(made: SonoPhantom, path: Path) -> Path:
    Image.fromarray(made.cine.grey[0]).save(path)
    return path


def save_dicom(made: SonoPhantom, path: Path, **changes: Any) -> Path:
    """Write the phantom as one DICOM file, a loop where it has several frames, with its scale."""
    frames, rows, columns = made.cine.grey.shape
    cm = scale_mm(made) / 10
    item = region(
        RegionLocationMaxX1=columns - 1, RegionLocationMaxY1=rows - 1, PhysicalDeltaX=cm, PhysicalDeltaY=cm
    )
    times = {"FrameTime": "50"} if frames > 1 else {}
    return save_us(make_us(made.cine.grey, regions=[item], **{**times, **changes}), path)


def burn(grey: NDArray[np.uint8], text: str, at: tuple[int, int], level: int = 255) -> NDArray[np.uint8]:
    """Return a frame with a text drawn on it, as a scanner burns it in."""
    screen = Image.fromarray(grey.copy())
    ImageDraw.Draw(screen).text(at, text, fill=level, font_size=18)
    return np.asarray(screen)
