"""From echoes on the beams to the screen: log compression, grey map, scan conversion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.beam import Sector
from hepalith.phantom.ultrasound.probe import BeamSpace, Probe
from hepalith.phantom.ultrasound.render import LIVER_GREY
from hepalith.phantom.ultrasound.shape import Array

__all__ = ["Screen", "ScreenMap", "grey_of", "lay_out", "screen_map", "smoothed"]


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the picture stands on the screen: size in pixels, mm of a pixel, and the middle of the face."""

    shape_px: tuple[int, int]
    mm_per_px: float
    origin_px: tuple[float, float]
    """x and y of the point x = 0, z = 0: the middle of the transducer's face."""
    cut_row: int | None = None
    """Row below which the scanner shows nothing more (a fan cut flat at the bottom); ``None``: not cut."""

    def to_px(self, x_mm: float, z_mm: float) -> tuple[float, float]:
        """Return the pixel, x before y, of a point in mm."""
        return self.origin_px[0] + x_mm / self.mm_per_px, self.origin_px[1] + z_mm / self.mm_per_px

    def to_mm(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Return x and z, mm, of a pixel."""
        return (x_px - self.origin_px[0]) * self.mm_per_px, (y_px - self.origin_px[1]) * self.mm_per_px

    def mm_grid(self) -> tuple[Array, Array]:
        """Return x (1, column) and z (row, 1) of every pixel, mm."""
        rows, columns = self.shape_px
        x = (np.arange(columns, dtype=np.float32) - np.float32(self.origin_px[0])) * np.float32(
            self.mm_per_px
        )
        z = (np.arange(rows, dtype=np.float32) - np.float32(self.origin_px[1])) * np.float32(self.mm_per_px)
        return x[None], z[:, None]

    def sector(self, probe: Probe) -> Sector:
        """Return the outline of the picture on the screen."""
        x0, y0 = self.origin_px
        px = 1 / self.mm_per_px
        rows, columns = self.shape_px
        last = rows - 1 if self.cut_row is None else self.cut_row
        if probe.shape == "linear":
            half = probe.half_width_mm * px
            box = (round(x0 - half), round(y0), round(x0 + half), min(round(y0 + probe.depth_mm * px), last))
            return Sector("rectangle", box, None, box[1], box[3], 0.0, 0.0)
        near, far = probe.radius_mm * px, (probe.radius_mm + probe.depth_mm) * px
        apex = (x0, y0 - near)
        side = far * math.sin(probe.half_angle)
        top = apex[1] + near * math.cos(probe.half_angle)
        box = (
            max(math.floor(x0 - side), 0),
            max(math.floor(top), 0),
            min(math.ceil(x0 + side), columns - 1),
            min(math.ceil(apex[1] + far), last),
        )
        return Sector("fan", box, apex, near, far, -probe.half_angle, probe.half_angle)


@dataclass(frozen=True, slots=True, eq=False)
class ScreenMap:
    """Which samples make each pixel: bilinear, worked out once for a whole loop."""

    shape_px: tuple[int, int]
    inside: NDArray[np.bool_]
    first: NDArray[np.int64]
    lines: int
    weights: tuple[Array, Array, Array, Array]

    def draw(self, levels: Array) -> Array:
        """Return the screen: float32 (row, column), zero outside the picture."""
        flat = levels.ravel()
        a, b, c, d = self.weights
        values = flat[self.first] * a
        values += flat[self.first + 1] * b
        values += flat[self.first + self.lines] * c
        values += flat[self.first + self.lines + 1] * d
        out = np.zeros(self.shape_px, dtype=np.float32)
        out[self.inside] = values
        return out


def screen_map(space: BeamSpace, screen: Screen) -> ScreenMap:
    """Return which samples make each pixel."""
    x, z = screen.mm_grid()
    sample, line = space.beam_of(*np.broadcast_arrays(x, z))
    samples, lines = space.shape
    inside = (sample >= 0) & (sample < samples - 1) & (line >= 0) & (line < lines - 1)
    if screen.cut_row is not None:
        inside[screen.cut_row + 1 :] = False
    s, w = sample[inside], line[inside]
    s0, w0 = s.astype(np.int64), w.astype(np.int64)
    fs, fw = (s - s0).astype(np.float32), (w - w0).astype(np.float32)
    weights = ((1 - fs) * (1 - fw), (1 - fs) * fw, fs * (1 - fw), fs * fw)
    return ScreenMap(screen.shape_px, inside, s0 * lines + w0, lines, weights)


def grey_of(level_db: Array, probe: Probe) -> Array:
    """Return grey, 0 to 255, of echoes in dB against liver.

    Notes
    -----
    The scanner compresses the logarithm: `dynamic_range_db` over the whole scale, liver at `LIVER_GREY`,
    then bends it by `gamma`.
    """
    share = np.clip(level_db / np.float32(probe.dynamic_range_db) + np.float32(LIVER_GREY), 0, 1)
    if probe.gamma != 1.0:
        share = share ** np.float32(probe.gamma)
    return np.asarray(share * np.float32(255), dtype=np.float32)


def lay_out(probe: Probe, rng: np.random.Generator) -> Screen:
    """Draw the size of the screen and the place of the picture on it."""
    columns, rows = ((800, 600), (720, 576), (1024, 768), (640, 480), (768, 576))[int(rng.integers(5))]
    if probe.shape == "linear":
        width, top = 2 * probe.half_width_mm, 0.0
    else:
        width = 2 * (probe.radius_mm + probe.depth_mm) * math.sin(probe.half_angle)
        top = probe.radius_mm * (1 - math.cos(probe.half_angle))
    height = probe.depth_mm + top
    share = rng.uniform(0.78, 0.93)
    mm = max(height / (share * rows), width / (0.97 * columns))
    x = columns / 2 + rng.uniform(-0.5, 0.5) * max(columns - width / mm, 0) * 0.5
    y = (rows - height / mm) * rng.uniform(0.25, 0.75) + top / mm
    return Screen((rows, columns), float(mm), (float(x), float(y)))


def smoothed(grey: Array, sigma_px: float) -> Array:
    """Return the displayed picture, smoothed as some scanners do."""
    if sigma_px <= 0:
        return grey
    return np.asarray(ndimage.gaussian_filter(grey, sigma_px), dtype=np.float32)
