"""Screens of scanners, drawn for tests: speckle in a known outline, print around and over it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from hepalith.image.beam import Sector, sector_mask


def fan(
    apex: tuple[float, float], near: float, far: float, left: float, right: float, *, cut: int | None = None
) -> Sector:
    """Sector of a fan with the box that holds it, cut level at row `cut` if given."""
    xs = [apex[0] + r * math.sin(a) for r in (near, far) for a in (left, right)]
    top = apex[1] + near * min(math.cos(left), math.cos(right))
    bottom = apex[1] + far
    box = (
        math.floor(min(xs)),
        math.floor(top),
        math.ceil(max(xs)),
        math.ceil(bottom) if cut is None else cut,
    )
    return Sector("fan", box, apex, near, far, left, right)


def rectangle(box: tuple[int, int, int, int]) -> Sector:
    """Sector of a linear array."""
    return Sector("rectangle", box, None, box[1], box[3])


def speckle(
    shape: tuple[int, int], seed: int, mean: float = 90.0, spread: float = 11.0
) -> NDArray[np.float64]:
    """Log-compressed speckle, grey levels, three pixels wide."""
    rng = np.random.default_rng(seed)
    parts = [ndimage.gaussian_filter(rng.normal(size=shape), (1.1, 1.8)) for _ in range(2)]
    amplitude = np.hypot(*(part / part.std() for part in parts))
    return mean + spread * 2 * np.log(np.maximum(amplitude, 0.03))


def screen(
    sector: Sector, shape: tuple[int, int] = (600, 800), seed: int = 0, *, floor: int = 0, outside: int = 0
) -> NDArray[np.uint8]:
    """One frame: speckle within the outline, `outside` around it."""
    levels = np.clip(np.rint(speckle(shape, seed)), max(floor, 1), 255)
    return np.where(sector_mask(sector, shape), levels, outside).astype(np.uint8)


def write(
    frame: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    *,
    size: int = 14,
    level: int = 255,
    shadow: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Burn text into a frame; also the pixels that hold most of its ink."""
    layer = Image.new("L", (frame.shape[1], frame.shape[0]), 0)
    ImageDraw.Draw(layer).text(at, text, fill=255, font=ImageFont.load_default(size))
    ink = np.asarray(layer) / 255.0
    out = frame.astype(np.float64)
    if shadow:
        out = out * (1 - np.roll(ink, (1, 1), (0, 1)))
    out = out * (1 - ink) + level * ink
    return np.rint(out).astype(np.uint8), ink > 0.4
