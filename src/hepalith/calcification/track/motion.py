"""How tissue moves from frame to frame of an ultrasound loop.

Speckle is a fingerprint of the tissue: while the plane is kept it moves with it. Blocks of each frame are
laid to the frame before by cross-correlation; the motion at a place is the weighted median of the blocks
about it, so that neither a body that moves by itself nor a block without texture decides. The abdominal wall
stays while the liver slides beneath it, so one motion of the whole picture would be wrong; a slow field is
right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import uniform_filter

from hepalith.image.picture import Picture

__all__ = ["Motion", "carry", "field_at", "measure_motion", "paths_of", "thin"]

THUMB_ROWS = 160
"""About how many rows of a decimated picture: blocks then hold some 20 speckle cells (our judgement)."""

BLOCK = 32
"""Side of a block in decimated pixels, a fifth of the picture: motion is slow across the liver."""

STEP = 16
"""Distance of blocks: they overlap by half, so that a Hann window loses no tissue."""

FLATTEN = 9
"""Side of the box mean that is taken away, decimated pixels: brightness of organs goes, speckle stays."""

CLIP_SD = 2.0
"""Grey beyond this many standard deviations is cut, so that one bright body does not lead its block."""

LEAST_INSIDE = 0.8
"""Share of a block that must lie in the picture."""

LEAST_LIKE = 0.25
"""Correlation below which a block's shift is chance: between frames of pure noise the highest of some 200
blocks is 0.21, the usual one 0.14 (measured; a test repeats it)."""

REACH_BLOCKS = 1.5
"""Standard deviation of the weight of a block by its distance, in blocks."""

LOST = 0.125
"""Standard deviation of the shift where nothing can be followed, in blocks: a fortieth of the picture, 4 mm
of 150, which tissue goes between two frames only while the probe is moved elsewhere (our judgement, C)."""

SHIFT_SD = 0.15
"""Standard deviation of a block's shift where it is like itself, decimated pixels: real stills moved by 0.7
to 45 pixels with noise added came back within 0.6 of 4 to 5 pixels, all blocks with the same sign (the
parabola through the peak is drawn towards whole pixels), so blocks are not averaged below it (measured)."""

SAME = 0.02
"""Mean difference of grey below which a frame is a copy of the one before: the noise of any receiver is
more (loops are frozen, or stored at a higher rate than they were made)."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Motion of tissue through a loop.

    Parameters
    ----------
    centres_px
        Shape (block, 2): x and y of each block's centre on the screen.
    shift_px
        Shape (frame, block, 2): the way from the frame before, x and y; 0 in the first.
    likeness
        Shape (frame, block): correlation at that shift, 0 to 1; 1 in the first frame and in copies.
    repeated
        Shape (frame,): the frame is a copy of the one before.
    pixel
        Pixels of the screen in one decimated pixel.
    """

    centres_px: NDArray[np.float64]
    shift_px: NDArray[np.float64]
    likeness: NDArray[np.float64]
    repeated: NDArray[np.bool_]
    pixel: int

    @property
    def block_px(self) -> float:
        """Side of a block on the screen."""
        return float(BLOCK * self.pixel)


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where the decimated picture and its blocks lie."""

    box: tuple[slice, slice]
    pixel: int
    inside: NDArray[np.bool_]
    corners: NDArray[np.intp]
    window: NDArray[np.float32]


def measure_motion(picture: Picture) -> Motion:
    """Return how tissue moves through a picture's loop.

    Parameters
    ----------
    picture
        Of a loop; of a still the motion is none.

    Notes
    -----
    About 2 ms a frame of 800 x 600. Shifts of more than half a block (a tenth of the picture between two
    frames) are not found and come out unlike: then nothing is followed across that frame.
    """
    grey = picture.cine.grey
    layout = _lay_out(picture)
    frames, blocks = grey.shape[0], layout.corners.shape[0]
    shift = np.zeros((frames, blocks, 2))
    likeness = np.ones((frames, blocks))
    repeated = np.zeros(frames, dtype=bool)
    origin = np.array([layout.box[1].start, layout.box[0].start], dtype=np.float64)
    centres = origin + (layout.corners[:, ::-1] + BLOCK / 2) * layout.pixel - 0.5
    before: tuple[NDArray[np.float32], NDArray[np.complex64], NDArray[np.float32]] | None = None
    for frame in range(frames if frames > 1 else 0):
        small = _decimate(grey[frame][layout.box], layout.pixel)
        if before is not None and float(np.abs(small - before[0])[layout.inside].mean()) < SAME:
            repeated[frame] = True
            continue
        waves, energy = _waves(small, layout)
        if before is not None and blocks:
            shift[frame], likeness[frame] = _lay(before[1], before[2], waves, energy)
        before = (small, waves, energy)
    return Motion(centres, shift * layout.pixel, likeness, repeated, layout.pixel)


def _lay_out(picture: Picture) -> _Layout:
    """Return the decimated picture's place, and the blocks that lie in it."""
    first_x, first_y, last_x, last_y = picture.grid.sector.box_px
    rows, columns = picture.cine.shape_px
    pixel = max(1, round((last_y - first_y + 1) / THUMB_ROWS))
    top, left = max(first_y, 0), max(first_x, 0)
    high = (min(last_y + 1, rows) - top) // pixel * pixel
    wide = (min(last_x + 1, columns) - left) // pixel * pixel
    box = (slice(top, top + high), slice(left, left + wide))
    shown = np.zeros((rows, columns), dtype=bool)
    grid = picture.grid
    within = grid.inside
    at_y = np.clip(np.rint(grid.y_px[within]), 0, rows - 1).astype(np.intp)
    at_x = np.clip(np.rint(grid.x_px[within]), 0, columns - 1).astype(np.intp)
    shown[at_y, at_x] = True
    share = _decimate(shown[box], pixel)
    inside = uniform_filter((share > 0).astype(np.float32), 3) > 0.5
    inside &= _decimate(picture.overlay[box], pixel) < 0.1
    corners = [
        (row, column)
        for row in range(0, inside.shape[0] - BLOCK + 1, STEP)
        for column in range(0, inside.shape[1] - BLOCK + 1, STEP)
        if inside[row : row + BLOCK, column : column + BLOCK].mean() >= LEAST_INSIDE
    ]
    hann = np.hanning(BLOCK + 2)[1:-1]
    window = np.outer(hann, hann).astype(np.float32)
    return _Layout(box, pixel, inside, np.array(corners, dtype=np.intp).reshape(-1, 2), window)


def _decimate(grey: NDArray[np.generic], pixel: int) -> NDArray[np.float32]:
    """Return means of squares of pixels."""
    rows, columns = grey.shape[0] // pixel, grey.shape[1] // pixel
    tall = grey.reshape(rows, pixel, columns * pixel).sum(axis=1, dtype=np.uint16)
    out: NDArray[np.float32] = tall.reshape(rows, columns, pixel).sum(axis=2, dtype=np.float32)
    return out / np.float32(pixel * pixel)


def _waves(small: NDArray[np.float32], layout: _Layout) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Return the Fourier transform of each block's speckle and its energy."""
    fine = small - uniform_filter(small, FLATTEN)
    fine[~layout.inside] = 0
    limit = CLIP_SD * float(fine[layout.inside].std()) if layout.inside.any() else 0.0
    np.clip(fine, -limit, limit, out=fine)
    windows = np.lib.stride_tricks.sliding_window_view(fine, (BLOCK, BLOCK))
    blocks = windows[layout.corners[:, 0], layout.corners[:, 1]] * layout.window
    blocks = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    energy = np.sqrt(np.einsum("brc,brc->b", blocks, blocks))
    return fft.rfft2(blocks), energy.astype(np.float32)


def _lay(
    before: NDArray[np.complex64],
    energy_before: NDArray[np.float32],
    now: NDArray[np.complex64],
    energy: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shift (x, y) of each block from the frame before, decimated pixels, and its correlation."""
    product = fft.irfft2(now * before.conj(), s=(BLOCK, BLOCK))
    flat = product.reshape(product.shape[0], -1)
    peak = flat.argmax(axis=1)
    every = np.arange(flat.shape[0])
    row, column = np.divmod(peak, BLOCK)
    norm = np.maximum(energy.astype(np.float64) * energy_before, 1e-6)
    like = np.clip(flat[every, peak] / norm, 0, 1)
    y = _wrap(
        row
        + _vertex(
            product[every, row - 1, column], flat[every, peak], product[every, (row + 1) % BLOCK, column]
        )
    )
    x = _wrap(
        column
        + _vertex(
            product[every, row, column - 1], flat[every, peak], product[every, row, (column + 1) % BLOCK]
        )
    )
    return np.stack([x, y], axis=1), like


def _vertex(
    left: NDArray[np.float64], middle: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where a parabola through three neighbours has its top, in steps from the middle."""
    bend = left - 2 * middle + right
    return np.where(bend < 0, np.clip((left - right) / (2 * np.minimum(bend, -1e-12)), -0.5, 0.5), 0.0)


def _wrap(shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shifts of a circular correlation as positive and negative ones."""
    return (shift + BLOCK / 2) % BLOCK - BLOCK / 2


def field_at(
    motion: Motion, frame: int, places_px: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return motion from the frame before at places on the screen.

    Parameters
    ----------
    places_px
        Shape (place, 2), x and y.

    Returns
    -------
    tuple
        Shift in pixels (place, 2); its standard deviation (place,); likeness of the tissue about (place,),
        0 where no block can tell.
    """
    count = places_px.shape[0]
    if motion.centres_px.shape[0] == 0:
        wide = np.full(count, LOST * motion.block_px)
        return np.zeros((count, 2)), wide, np.zeros(count)
    apart = np.linalg.norm(places_px[:, None] - motion.centres_px[None], axis=2) / motion.block_px
    near = np.exp(-0.5 * (apart / REACH_BLOCKS) ** 2)
    like = motion.likeness[frame]
    weight = near * np.clip(like - LEAST_LIKE, 0, None) + 1e-9
    shift = np.stack([_weighted_median(motion.shift_px[frame, :, axis], weight) for axis in (0, 1)], axis=1)
    off = np.abs(motion.shift_px[frame][None] - shift[:, None]).max(axis=2)
    spread = 1.4826 * _weighted_median(off, weight)
    held = weight.sum(axis=1) ** 2 / (weight**2).sum(axis=1)
    floor = SHIFT_SD * motion.pixel
    among = spread / np.sqrt(np.maximum(held / 4, 1))  # blocks overlap by half, so four are one
    deviation = np.hypot(among, floor)
    kin = (near * like).sum(axis=1) / near.sum(axis=1)
    lost = weight.sum(axis=1) < 1e-3
    return shift, np.where(lost, LOST * motion.block_px, np.minimum(deviation, LOST * motion.block_px)), kin


def _weighted_median(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted median of values (block,) or (place, block) for each row of weights."""
    table = np.broadcast_to(values, weight.shape)
    order = np.argsort(table, axis=1)
    sums = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    middle = (sums < sums[:, -1:] / 2).sum(axis=1)
    at = np.take_along_axis(order, middle[:, None], axis=1)
    out: NDArray[np.float64] = np.take_along_axis(table, at, axis=1)[:, 0]
    return out


def carry(
    motion: Motion, places_px: NDArray[np.float64], start: int, stop: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return where tissue of frame `start` lies in frame `stop`, earlier or later.

    Returns
    -------
    tuple
        Places (place, 2); standard deviation of the way (place,), each frame's error being its own; and
        the product of likenesses on the way (place,): how much of the speckle is still the same.
    """
    place = np.array(places_px, dtype=np.float64).reshape(-1, 2)
    variance = np.zeros(place.shape[0])
    kin = np.ones(place.shape[0])
    later = stop >= start
    for frame in range(start + 1, stop + 1) if later else range(start, stop, -1):
        if motion.repeated[frame]:
            continue
        shift, deviation, like = field_at(motion, frame, place)
        place = place + shift if later else place - shift
        variance += deviation**2
        kin *= like
    return place, np.sqrt(variance), kin


def thin(motion: Motion, frames: Sequence[int]) -> Motion:
    """Return the motion between some of the frames, each block followed over those left out.

    Parameters
    ----------
    motion
        From frame to frame.
    frames
        Those that are kept, in order; frame n of the result is ``frames[n]``.
    """
    centres = motion.centres_px
    shift = np.zeros((len(frames), centres.shape[0], 2))
    likeness = np.ones((len(frames), centres.shape[0]))
    for number in range(1, len(frames)):
        there, _, like = carry(motion, centres, frames[number - 1], frames[number])
        shift[number], likeness[number] = there - centres, like
    return Motion(centres, shift, likeness, np.zeros(len(frames), dtype=bool), motion.pixel)


def paths_of(
    motion: Motion, places_px: NDArray[np.float64], starts: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the way that tissue at places goes through all frames, each from the frame where it is known.

    Parameters
    ----------
    places_px
        Shape (place, 2).
    starts
        Shape (place,): the frame of each.

    Returns
    -------
    tuple
        Places (place, frame, 2); standard deviations (place, frame), 0 at the start; likeness of the tissue
        there from each frame to its neighbour towards the start (place, frame), 1 at the start.
    """
    count, frames = places_px.shape[0], motion.shift_px.shape[0]
    where = np.repeat(places_px[:, None].astype(np.float64), frames, axis=1)
    variance = np.zeros((count, frames))
    kin = np.ones((count, frames))
    for order, way in ((1, range(1, frames)), (-1, range(frames - 2, -1, -1))):
        for frame in way:
            go = (frame - starts) * order > 0
            if not go.any():
                continue
            before = frame - order
            shift, deviation, like = field_at(motion, max(frame, before), where[go, before])
            where[go, frame] = where[go, before] + order * shift
            variance[go, frame] = variance[go, before] + deviation**2
            kin[go, frame] = like
    return where, np.sqrt(variance), kin
