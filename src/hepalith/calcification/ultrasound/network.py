"""Bright foci as a small network sees them: trained on synthetic livers alone, run on the CPU.

It looks at the whole picture along the beams: what goes on to the sides (walls, lines), what lies behind to
the end of the beam (shadow, haze), how deep and how crowded it is. What it says is one measure beside the
others (`evidence`), and where it sees a focus a body is looked for.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import import_module, resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

__all__ = ["CHANNELS", "GRID", "Belief", "make_input", "resample", "see_foci", "taper", "weights_sha256"]

GRID = (256, 128)
"""Samples and lines of the network's grid over the whole picture: 0.6 by 1.1 mm where livers are usually
scanned (150 mm). Sizes are thus shares of the picture, as no size of a pixel is needed."""

BLOCK = 8
"""Grid places along each side of the blocks on which the local level is worked out."""

CHANNELS = 5
"""Deviation from the local level, grey level, picture or not, depth, and what lies behind."""

LOWEST_Z, HIGHEST_Z = -4.0, 8.0
"""Deviations at which the picture is clipped: black, and a blazing echo."""

LEAST_GREY = 2.0
"""Least deviation of speckle in grey levels: rounding alone makes a third of one."""

USUAL_LEVEL, USUAL_SPECKLE = 67.0, 13.0
"""Level of the picture and deviation of its speckle, in grey levels, that every picture is brought to before
its grey is shown: medians of 150 development phantoms. So a brighter or harder display changes nothing. On
1546 bright bodies of these phantoms the network parts foci from the rest as well as with the grey as it came
(area under the curve 0.993 and 0.993); brought to their level alone, 0.992."""

BEHIND = (4, 72)
"""Grid samples behind a place over which a mean is taken: beyond its own blur, to a quarter of the depth."""

MOST_ODDS = 8.0
"""Log odds to which the network is believed, either way."""

WEIGHTS = "foci.onnx"
"""File of the network, under `weights`."""


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """Log odds for a focus and for a bright body that is none, float32 (half of `GRID`), against all else.

    `shape` is that of the picture (samples, lines).
    """

    odds: NDArray[np.float32]
    mimic: NDArray[np.float32]
    shape: tuple[int, int]

    def places_of(
        self, rows: slice, lines: slice, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where a body, `mask` (sample, line) on a window of the beam grid, lies in `odds`."""
        down, right = self.odds.shape[0] / self.shape[0], self.odds.shape[1] / self.shape[1]
        i, j = np.nonzero(mask)
        return ((i + rows.start + 0.5) * down).astype(int), ((j + lines.start + 0.5) * right).astype(int)

    def tops(self, least: float) -> list[tuple[int, int, float]]:
        """Return the places (sample, line, log odds) on the beam grid above `least` with none higher near."""
        high = (self.odds >= least) & (self.odds >= ndimage.maximum_filter(self.odds, (7, 5)))
        down, right = self.shape[0] / self.odds.shape[0], self.shape[1] / self.odds.shape[1]
        return [
            (int((i + 0.5) * down), int((j + 0.5) * right), float(self.odds[i, j]))
            for i, j in zip(*np.nonzero(high), strict=True)
        ]


@functools.lru_cache(maxsize=32)
def taper(count: int, size: int, start: float = 0.0, stop: float = 1.0) -> NDArray[np.float32]:
    """Return weights, float32 (count, size), that lay a stretch of `size` places onto `count`.

    Linear between places where the stretch is enlarged, a triangle as wide as two new places where it is
    made smaller. `start` and `stop` are shares of the stretch.
    """
    step = (stop - start) * size / count
    middle = start * size + (np.arange(count) + 0.5) * step - 0.5
    away = np.abs(np.arange(size)[None] - middle[:, None]) / max(step, 1.0)
    weights = np.maximum(1.0 - away, 0.0)
    weights[np.arange(count), np.clip(np.rint(middle), 0, size - 1).astype(int)] += 1e-6
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@functools.lru_cache(maxsize=32)
def _banded(count: int, size: int) -> sparse.csr_array:
    """Return `taper` of a whole stretch without its zeros: a few places count, and one thread is enough."""
    return sparse.csr_array(taper(count, size))


def _laid(field: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a field laid onto a grid of another shape."""
    down, right = _banded(shape[0], field.shape[0]), _banded(shape[1], field.shape[1])
    return np.asarray((right @ (down @ field).T).T, dtype=np.float32)


def resample(
    levels: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a picture's grey levels on the network's grid, and how much of each place lies inside."""
    held = inside.astype(np.float32)
    share, grey = _laid(held, GRID), _laid(levels * held, GRID)
    return np.asarray(grey / np.maximum(share, np.float32(1e-3)), dtype=np.float32), share


def make_input(grey: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the network's channels, float32 (`CHANNELS`, *`GRID`), of a picture on its grid.

    Parameters
    ----------
    grey
        float32, 0 to 255.
    share
        float32, 0 to 1: how much of each place lies in the picture.

    Notes
    -----
    The level about a place is a mean over some 15 mm from which what is much brighter or darker was left
    out; speckle is one number a picture. So gain, its error with depth and the grey map hardly count.
    """
    level = _local(grey, share)
    use = share > 0.5
    speckle = _speckle(grey - level, use)
    level = _local(np.clip(grey, level - 2 * speckle, level + 1.5 * speckle), share)
    away = grey - level
    speckle = _speckle(away, use)
    z = np.clip(away / speckle, LOWEST_Z, HIGHEST_Z) * share
    channels = np.empty((CHANNELS, *GRID), dtype=np.float32)
    channels[0] = z / 3
    channels[1] = (_at_usual(grey, level, use, speckle) * np.float32(1 / 128) - 1) * share
    channels[2] = share
    channels[3] = np.linspace(-1, 1, GRID[0], dtype=np.float32)[:, None]
    channels[4] = _behind(np.clip(z, -3, 3), share)
    return channels


def _at_usual(
    grey: NDArray[np.float32], level: NDArray[np.float32], use: NDArray[np.bool_], speckle: np.float32
) -> NDArray[np.float32]:
    """Return the grey of a picture at the usual level and speckle, 0 to 255."""
    held = level[::2, ::2][use[::2, ::2]]
    middle = np.float32(np.median(held) if held.size else USUAL_LEVEL)
    usual = (grey - middle) * (np.float32(USUAL_SPECKLE) / speckle) + np.float32(USUAL_LEVEL)
    return np.asarray(np.clip(usual, 0, 255), dtype=np.float32)


def _speckle(away: NDArray[np.float32], use: NDArray[np.bool_]) -> np.float32:
    """Return the standard deviation of speckle, by the median of what it deviates."""
    held = np.abs(away[::2, ::2][use[::2, ::2]])
    return np.float32(max(1.4826 * float(np.median(held)), LEAST_GREY) if held.size else LEAST_GREY)


def _local(grey: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the level about each place."""
    shape = (GRID[0] // BLOCK, BLOCK, GRID[1] // BLOCK, BLOCK)
    held = share.reshape(shape).mean(axis=(1, 3))
    total = (grey * share).reshape(shape).mean(axis=(1, 3))
    blurred = [ndimage.gaussian_filter(a, 1.2, mode="nearest", truncate=3.0) for a in (total, held)]
    coarse = blurred[0] / np.maximum(blurred[1], np.float32(1e-3))
    return _laid(coarse, GRID)


def _behind(z: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean deviation behind each place along its line."""
    first, last = BEHIND
    out = []
    for a in (z, share):
        total = np.zeros((GRID[0] + last + 1, GRID[1]), dtype=np.float32)
        np.cumsum(a, axis=0, out=total[1 : GRID[0] + 1])
        total[GRID[0] + 1 :] = total[GRID[0]]
        out.append(total[last : last + GRID[0]] - total[first : first + GRID[0]])
    return np.asarray(out[0] / np.maximum(out[1], np.float32(4.0)), dtype=np.float32)


@functools.cache
def _weights() -> bytes:
    """Return the weights that ship with the package."""
    return (resources.files("hepalith.calcification.ultrasound") / "weights" / WEIGHTS).read_bytes()


def weights_sha256() -> str:
    """Return the digest of the weights, for the provenance of a reading."""
    return hashlib.sha256(_weights()).hexdigest()


@functools.cache
def _session() -> Any:
    """Return the network, ready to run, on one thread."""
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(_weights(), options, providers=["CPUExecutionProvider"])


def see_foci(levels: NDArray[np.float32], inside: NDArray[np.bool_]) -> Belief:
    """Return where the network sees foci in a frame.

    Parameters
    ----------
    levels
        float32, shape (sample, line): grey levels along the beams.
    inside
        bool: the picture, without print and marks.
    """
    (logits,) = _session().run(None, {"picture": make_input(*resample(levels, inside))[None]})
    nothing, focus, mimic, wall = logits[0].astype(np.float32)
    rest = np.logaddexp(nothing, wall)
    return Belief(
        _held(focus - np.logaddexp(rest, mimic)),
        _held(mimic - np.logaddexp(rest, focus)),
        (levels.shape[0], levels.shape[1]),
    )


def _held(odds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log odds as far as they are believed."""
    return np.asarray(np.clip(odds, -MOST_ODDS, MOST_ODDS), dtype=np.float32)
