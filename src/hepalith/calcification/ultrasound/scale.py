"""What stands out of speckle: boxes against the rings around them, at several sizes, along the beams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.sonogram import Sonogram
from hepalith.image.beam import BeamGrid
from hepalith.image.picture import Picture

__all__ = ["Cell", "Scale", "Scales", "Seed", "find_scales", "find_seeds", "seed_at"]

DARKEST_Z, BRIGHTEST_Z = -2.5, 10.0
"""Deviations at which the picture is clipped before contrasts are taken: a black tube in the ring around a
box does not lift it, and one blazing echo does not fill every larger box. Our judgement."""

FINEST = 0.5
"""Height of the smallest box in speckle cells: a specular point is as thin as the pulse."""

LEAST_SAMPLES, LEAST_LINES = 3, 3
"""Smallest box, in samples and lines."""

SCALES = 4
"""Number of sizes, each twice the one before: from a speckle cell to about an eighth of the depth."""

LARGEST_SHARE = 8.0
"""The tallest box is at most the picture's depth over this."""

NOISE_QUANTILE, NORMAL_QUANTILE = 0.95, 1.645
"""The spread of contrasts is read off their upper tail: the lower one holds tubes, and how heavy the upper
one is depends on texture and on the display. Foci take up less than a twentieth of a liver."""

MIN_SPREAD = 0.18
"""Least standard deviation of a box's contrast, in deviations of speckle: no picture is smoother than that at
the size of a few cells; it keeps smoothed phantoms and compounded pictures from calling their own texture."""

THRESHOLD = 3.2
"""Deviations of a box's contrast from which a place is looked at. Log-compressed Rayleigh speckle stands
12.2 dB above its median once in 100,000 cells, 1.92 times as far as once in twenty: 3.2 of these deviations.
Texture, walls and masses pass it, and are judged by what they are."""

BESIDE_THRESHOLD = 4.5
"""The same outside what is believed to be liver, whose border is not sure: less is expected there. Our
judgement."""

LIVER_SHARE = 0.2
"""Share of liver about a place from which it is at the liver."""

FACE_SHARE = 0.05
"""Share of the depth, at the transducer's face, where nothing is looked for: skin and gel. Our judgement."""

MOST_SEEDS, MOST_BESIDE = 60, 12
"""Most places that are looked at in and beside the liver, the strongest first: a bound on time. Our
judgement."""


SMALL_BOX = 64
"""Places in the largest box that is asked place by place: beyond it the filter is faster (measured)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Full width at half height of speckle, in samples and lines."""

    samples: float
    lines: float


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Contrasts at one size.

    `box` is height and width in samples and lines; `stride` the decimation of `mean`, `contrast` and
    `deviates`: float32 (sample // stride, line // stride). `contrast` is in deviations of speckle,
    `deviates` in deviations of itself over the liver.
    """

    box: tuple[int, int]
    stride: int
    mean: NDArray[np.float32]
    contrast: NDArray[np.float32]
    deviates: NDArray[np.float32]
    spread: float = 1.0
    """Standard deviation of `contrast` over the liver."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A place that stands out: sample, line, the scale's number, its deviates and contrast."""

    sample: int
    line: int
    scale: int
    deviates: float
    contrast: float


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """One frame in deviations of speckle, and its contrasts at several sizes.

    `z` is float32 (sample, line): (level - background) / speckle, 0 where nothing is heard; `usable` is where
    it is not, `inside` the picture. `where` is in or at the liver; `width_px`, one a sample, the distance of
    two lines.
    """

    z: NDArray[np.float32]
    usable: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    where: NDArray[np.bool_]
    cell: Cell
    width_px: NDArray[np.float32]
    scales: tuple[Scale, ...]


def find_scales(levels: NDArray[np.float32], picture: Picture, sonogram: Sonogram) -> Scales:
    """Return the contrasts of a frame at several sizes.

    Notes
    -----
    The contrast of a box is its mean less that of the ring around it, or less the background model where that
    is higher: inside a bright mass the ring is as bright as the box, beside a dark tube the ring is dark but
    the model is not. Its spread is measured in the picture itself, so that correlation of speckle,
    compounding and texture are in it.
    """
    usable = picture.grid.inside & sonogram.heard
    z = np.subtract(levels, sonogram.background, dtype=np.float32)
    z /= np.maximum(sonogram.speckle_sd, np.float32(1.0))
    np.maximum(z, DARKEST_Z, out=z)
    z *= usable
    cell = measure_cell(z, sonogram.liver & usable)
    where = near_liver(sonogram, usable)
    means = _means(np.minimum(z, np.float32(BRIGHTEST_Z)), cell)
    return Scales(
        z,
        usable,
        picture.grid.inside,
        where,
        cell,
        _widths(picture.grid),
        tuple(_contrast(means, k, sonogram.liver) for k in range(len(means) - 1)),
    )


def _widths(grid: BeamGrid) -> NDArray[np.float32]:
    """Return the distance of two neighbouring lines at each sample, from the middle of the picture."""
    n = grid.shape[1] // 2
    return np.asarray(
        np.hypot(grid.x_px[:, n] - grid.x_px[:, n - 1], grid.y_px[:, n] - grid.y_px[:, n - 1]), np.float32
    )


def near_liver(sonogram: Sonogram, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the liver and what is dark in and at it, with a margin."""
    size = max(3, usable.shape[0] // (40 * 4))
    held = (sonogram.liver[::4, ::4] | (sonogram.dark[::4, ::4] > 0)).astype(np.float32)
    wide = ndimage.uniform_filter(held, size) > LIVER_SHARE
    full = np.repeat(np.repeat(wide, 4, axis=0), 4, axis=1)[: usable.shape[0], : usable.shape[1]]
    return np.asarray(full & usable)


def measure_cell(z: NDArray[np.float32], liver: NDArray[np.bool_]) -> Cell:
    """Return the size of a speckle cell from the autocorrelation of the liver.

    The width at half height is twice the lag at which the correlation of deviates falls to one half.
    """
    plain = liver & (np.abs(z) < 2.2)
    clean = z * plain
    along = (np.ascontiguousarray(clean[:, ::2]), np.ascontiguousarray(plain[:, ::2]))
    return Cell(_half_lag(*along, 0), _half_lag(clean[::2], plain[::2], 1))


def _half_lag(z: NDArray[np.float32], plain: NDArray[np.bool_], axis: int) -> float:
    """Return twice the lag at which the correlation along an axis falls to one half."""
    if plain.sum() < 200:
        return 4.0
    power = float((z * z).sum()) / float(plain.sum())
    last, before = 1.0, 0.0
    for lag in (1, 2, 3, 4, 6, 8, 12):
        ahead, behind = (z[lag:], z[:-lag]) if axis == 0 else (z[:, lag:], z[:, :-lag])
        both = (plain[lag:] & plain[:-lag]) if axis == 0 else (plain[:, lag:] & plain[:, :-lag])
        now = float((ahead * behind).sum()) / max(float(both.sum()), 1.0) / max(power, 1e-6)
        if now < 0.5:
            share = (last - 0.5) / max(last - now, 1e-6)
            return float(np.clip(2 * (before + share * (lag - before)), 2.0, 20.0))
        last, before = now, float(lag)
    return 20.0


def _means(z: NDArray[np.float32], cell: Cell) -> list[tuple[tuple[int, int], int, NDArray[np.float32]]]:
    """Return box means: height and width, stride and the decimated means, each box twice the one before."""
    height = max(LEAST_SAMPLES, round(FINEST * cell.samples))
    width = max(LEAST_LINES, round(FINEST * cell.lines))
    out = []
    thin, stride = z, 1
    for k in range(SCALES + 2):
        h, w = height << k, width << k
        if k > SCALES and h > z.shape[0]:
            break
        if k in (2, 4):
            thin, stride = _halve(thin), stride * 2
        box = (max(1, round(h / stride)), max(1, round(w / stride)))
        out.append(((h, w), stride, ndimage.uniform_filter(thin, box, mode="nearest")))
        if h * LARGEST_SHARE > 2 * z.shape[0]:
            out.append(
                (
                    (2 * h, 2 * w),
                    stride,
                    ndimage.uniform_filter(thin, (2 * box[0], 2 * box[1]), mode="nearest"),
                )
            )
            break
    return out


def _halve(a: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of blocks of two by two."""
    rows, columns = a.shape[0] // 2 * 2, a.shape[1] // 2 * 2
    b = a[:rows, :columns]
    return np.asarray((b[::2, ::2] + b[1::2, ::2] + b[::2, 1::2] + b[1::2, 1::2]) * np.float32(0.25))


def _on(mean: NDArray[np.float32], stride: int, shape: tuple[int, int], to: int) -> NDArray[np.float32]:
    """Return a decimated mean on a finer grid of the given stride."""
    times = stride // to
    out = mean if times == 1 else np.repeat(np.repeat(mean, times, axis=0), times, axis=1)
    pad = [(0, max(0, n - m)) for n, m in zip(shape, out.shape, strict=True)]
    if any(p[1] for p in pad):
        out = np.pad(out, pad, mode="edge")
    return out[: shape[0], : shape[1]]


def _contrast(
    means: list[tuple[tuple[int, int], int, NDArray[np.float32]]], k: int, liver: NDArray[np.bool_]
) -> Scale:
    """Return the contrasts at one size, from its boxes and those twice and four times as wide."""
    box, stride, mean = means[k]
    shape = (mean.shape[0], mean.shape[1])
    middle = _on(means[k + 1][2], means[k + 1][1], shape, stride)
    if k + 2 < len(means):
        outer = _on(means[k + 2][2], means[k + 2][1], shape, stride)
        ring = (4.0 * outer - middle) * np.float32(1 / 3)
    else:
        ring = (4.0 * middle - mean) * np.float32(1 / 3)
    contrast = np.asarray(mean - np.maximum(ring, np.float32(0.0)), np.float32)
    plain = contrast[liver[::stride, ::stride][: shape[0], : shape[1]]]
    spread = MIN_SPREAD
    if plain.size > 50:
        spread = max(spread, _upper_tail(plain) / NORMAL_QUANTILE)
    return Scale(box, stride, mean, contrast, contrast / np.float32(spread), spread)


def _upper_tail(values: NDArray[np.float32]) -> float:
    """Return the distance from the median to `NOISE_QUANTILE`: each quantile in what the one before left."""
    last = values.size - 1
    middle, upper = 0.5 * last, NOISE_QUANTILE * last
    low = int(middle)
    above = np.partition(values, low)[low:]
    first = _between(above, middle - low)
    skip = int(upper) - low
    return _between(np.partition(above, skip)[skip:], upper - int(upper)) - first


def _between(ordered: NDArray[np.float32], share: float) -> float:
    """Return the value a share of the way from the first, which is the least, to the next in order."""
    first = float(ordered[0])
    return first if ordered.size < 2 else first + share * (float(ordered[1:].min()) - first)


def find_seeds(scales: Scales) -> list[Seed]:
    """Return the places that stand out at any size, the strongest first."""
    seeds = []
    for k, scale in enumerate(scales.scales):
        t, stride = scale.deviates, scale.stride
        size = (max(3, scale.box[0] // stride), max(3, scale.box[1] // stride))
        where = scales.where[::stride, ::stride][: t.shape[0], : t.shape[1]]
        high = t >= np.float32(THRESHOLD)
        high &= scales.usable[::stride, ::stride][: t.shape[0], : t.shape[1]]
        high &= where | (t >= np.float32(BESIDE_THRESHOLD))
        high[: round(FACE_SHARE * t.shape[0])] = False
        for s, n in _tops(t, high, size):
            i, j = (
                min(s * stride + stride // 2, scales.z.shape[0] - 1),
                min(n * stride + stride // 2, scales.z.shape[1] - 1),
            )
            seeds.append(Seed(i, j, k, float(t[s, n]), float(scale.contrast[s, n])))
    seeds.sort(key=lambda seed: (-seed.deviates, seed.sample, seed.line))
    inside = [seed for seed in seeds if scales.where[seed.sample, seed.line]]
    beside = [seed for seed in seeds if not scales.where[seed.sample, seed.line]]
    kept = inside[:MOST_SEEDS] + beside[:MOST_BESIDE]
    return sorted(kept, key=lambda seed: (-seed.deviates, seed.sample, seed.line))


def seed_at(scales: Scales, sample: int, line: int) -> Seed | None:
    """Return the place that stands out most within a speckle cell of one; ``None`` where nothing is heard.

    Parameters
    ----------
    scales
        The contrasts of the frame.
    sample, line
        A place on the beam grid at which something is believed to be.
    """
    best: Seed | None = None
    for k, scale in enumerate(scales.scales):
        stride = scale.stride
        tall, wide = (max(1, round(n / stride)) for n in (scales.cell.samples, scales.cell.lines))
        top, left = max(0, sample // stride - tall), max(0, line // stride - wide)
        near = scale.deviates[top : sample // stride + tall + 1, left : line // stride + wide + 1]
        if not near.size:
            continue
        i, j = np.unravel_index(int(near.argmax()), near.shape)
        at = (
            min((top + int(i)) * stride + stride // 2, scales.z.shape[0] - 1),
            min((left + int(j)) * stride + stride // 2, scales.z.shape[1] - 1),
        )
        if scales.usable[at] and (best is None or near[i, j] > best.deviates):
            best = Seed(*at, k, float(near[i, j]), float(scale.contrast[top + int(i), left + int(j)]))
    return best


def _tops(
    values: NDArray[np.float32], high: NDArray[np.bool_], size: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the places among `high` that nothing exceeds in the box about them, edges going on outwards.

    Few places are high, and most of those have a higher neighbour: a small box is asked place by place, a
    large one by the filter that asks everywhere.
    """
    if not high.any():
        return []
    if size[0] * size[1] > SMALL_BOX:
        rows, columns = np.nonzero(high & (values >= ndimage.maximum_filter(values, size, mode="nearest")))
        return list(zip(rows.tolist(), columns.tolist(), strict=True))
    before = (size[0] // 2, size[1] // 2)
    pad = [(part, part) for part in before]
    wide = np.pad(values, pad, mode="edge")
    flat, row = wide.ravel(), wide.shape[1]
    rows, columns = np.nonzero(high)
    at = (rows + before[0]) * row + columns + before[1]
    own = flat[at]
    for down in range(-before[0], size[0] - before[0]):
        for right in range(-before[1], size[1] - before[1]):
            kept = own >= flat[at + (down * row + right)]
            at, own = at[kept], own[kept]
    rows, columns = np.divmod(at, row)
    return list(zip((rows - before[0]).tolist(), (columns - before[1]).tolist(), strict=True))
