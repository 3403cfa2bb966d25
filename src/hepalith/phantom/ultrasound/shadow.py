"""What a body does to the picture, worked out without speckle: its contrast and the grade of its shadow.

The expected power at every sample is known with the body and without it. What is shown of it is clipped to
the scanner's dynamic range; a shadow that the display cannot show is no shadow to a reader.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.phantom.ultrasound.cast import Cast
from hepalith.phantom.ultrasound.probe import TO_SIGMA, BeamSpace
from hepalith.phantom.ultrasound.render import Echoed
from hepalith.phantom.ultrasound.shape import Array
from hepalith.phantom.ultrasound.truth import ShadowTruth

__all__ = ["SPECKLE_SD_DB", "contrast_of", "grade_of", "shadow_of", "zone_of"]

SPECKLE_SD_DB = 5.57
"""Standard deviation of fully developed speckle after log compression, dB (Rayleigh: 10/ln 10 · π/√6)."""

FAINT_FROM_DB = 2.5
"""Mean loss behind a body from which its shadow is called faint.

Averaged over a shadow of a few dozen speckle cells this is about two standard errors: below it, eyes and
judges find nothing."""

CLEAN_FROM_DB = 9.0
"""Mean loss from which a shadow is called clean: about 1.6 standard deviations of speckle darker than its
neighbours all along, so that its edges show."""

BORDER_DB = (1.7, 3.3, 8.0, 10.0)
"""Losses between the first two, and the last two, lie near a border of grades."""

HAZE_FILLS_DB = 4.0
"""Filling of a shadow by reverberation from which it is called dirty (2.5 to 6: near the border)."""

DIRTY_TO_DB = 13.0
"""Loss, haze and all, beyond which a shadow looks clean: haze that far below liver is nearly black."""

TAIL_FROM_DB = 3.0
"""Brightness above the same place without the body, just behind it, that makes a comet tail."""

ROOM_DB = 8.0
"""Height above black, without the body, below which no shadow can be told."""

LEAST_SHOWN = 0.25
"""Share of the zone behind a body that must be above black, without the body, for a shadow to be told."""

SHARED_SHADOW = 0.5
"""Mean power that another body leaves in the zone below which the two shadows run into one: 3 dB."""

CORRELATED = 1.064
"""Correlation length of speckle in full widths at half height of a Gaussian point spread: the integral of the
squared autocorrelation of the echo's amplitude, √(2π) / 2.355."""

ZONE_MM = 20.0
"""How far behind a body its shadow is judged."""


def _shown(power: Array, echoed: Echoed, space: BeamSpace, rows: slice) -> Array:
    """Return levels above black in dB, clipped as the display does."""
    level = 10 * np.log10(np.maximum(power, 1e-12)) - echoed.black_db[rows]
    return np.asarray(np.clip(level, 0, space.probe.dynamic_range_db), dtype=np.float32)


def zone_of(cast: Cast, space: BeamSpace) -> tuple[slice, slice] | None:
    """Return the samples and lines behind a body's middle; ``None`` where none are left in the picture."""
    across = cast.cover.max(axis=0)
    lines = np.nonzero(across > 0.5)[0]
    if lines.size == 0:
        lines = np.array([int(across.argmax())])
    left, right = cast.lines.start + int(lines[0]), cast.lines.start + int(lines[-1]) + 1
    trim = int(0.2 * (right - left))
    step = space.probe.step_mm
    first = cast.back + round(2.0 / step)
    last = min(cast.back + round(ZONE_MM / step), space.shape[0])
    if last - first < round(5.0 / step):
        return None
    return slice(first, last), slice(left + trim, right - trim)


def shadow_of(cast: Cast, echoed: Echoed, space: BeamSpace, others: Sequence[Cast] = ()) -> ShadowTruth:
    """Return the grade of a body's shadow, with the numbers it follows from.

    Parameters
    ----------
    cast
        The body and what it leaves of the sound.
    echoed
        The expected power with everything.
    space
        Where the samples lie.
    others
        All bodies: where another one lies in the zone, nothing is judged, and where another's shadow lies
        over it, the grade is a borderline one.
    """
    zone = zone_of(cast, space)
    if zone is None:
        return ShadowTruth("none", 0.0, 0.0, 0.0, borderline=True, assessable=False)
    rows, _ = zone
    floor = np.broadcast_to(echoed.floor, space.shape)[zone]
    haze = 0.0 if cast.haze is None else cast.haze[zone]
    tail = 0.0 if cast.tail is None else cast.tail[zone] ** 2
    power = echoed.power[zone]
    kept = np.maximum(cast.kept[zone] ** 2, 1e-6)
    scattered = np.maximum(power - floor - haze - tail, 0)
    without = _shown(scattered / kept + floor, echoed, space, rows)
    shaded = _shown(scattered + floor, echoed, space, rows)
    shown = _shown(power, echoed, space, rows)
    use = without > 1.0
    shared = False
    for other in others:
        if other is not cast:
            shared |= float((other.kept[zone] ** 2).mean()) < SHARED_SHADOW
            use &= ~_covered(other, zone)
    if use.sum() < 20 or use.mean() < LEAST_SHOWN:
        return ShadowTruth("none", 0.0, 0.0, 0.0, borderline=True, assessable=False)
    drop = float((without - shown)[use].mean())
    shade = float((without - shaded)[use].mean())
    room = float(without[use].mean())
    near = slice(0, round(10.0 / space.probe.step_mm))
    lift = float((shown - without)[near][use[near]].mean()) if use[near].any() else 0.0
    has_tail = cast.tail is not None
    grade, borderline = grade_of(drop, shade, lift if has_tail else 0.0)
    index = min(max(drop / max(room, 1e-3), 0.0), 1.0)
    return ShadowTruth(
        grade,
        drop,
        shade,
        index,
        borderline or shared or room < 1.25 * ROOM_DB,
        room >= ROOM_DB,
        _speckle_of(zone, space),
    )


def _speckle_of(zone: tuple[slice, slice], space: BeamSpace) -> float:
    """Return the standard deviation of the mean of log-compressed speckle over a zone, dB.

    A zone holds as many independent looks as it is long and wide in correlation lengths of the speckle.
    """
    rows, lines = zone
    probe = space.probe
    at = (rows.start + rows.stop) // 2
    wide = float(probe.point_width_mm(float(space.depth[at, 0])))
    along = (rows.stop - rows.start) * probe.step_mm / (CORRELATED * probe.pulse_length_mm())
    across = (lines.stop - lines.start) * float(space.across[at, 0]) / (CORRELATED * wide)
    return _speckle_sd_db(probe.looks) / math.sqrt(max(along, 1.0) * max(across, 1.0))


def _speckle_sd_db(looks: int) -> float:
    """Return the standard deviation of displayed speckle, of steered looks that share part of it."""
    return SPECKLE_SD_DB / math.sqrt(1 + 0.7 * (looks - 1) * 0.8)


def _covered(cast: Cast, zone: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Return where in a zone a body itself lies."""
    rows, lines = zone
    out = np.zeros((rows.stop - rows.start, lines.stop - lines.start), dtype=bool)
    top, bottom = max(rows.start, cast.rows.start), min(rows.stop, cast.rows.stop)
    left, right = max(lines.start, cast.lines.start), min(lines.stop, cast.lines.stop)
    if top < bottom and left < right:
        part = cast.cover[
            top - cast.rows.start : bottom - cast.rows.start,
            left - cast.lines.start : right - cast.lines.start,
        ]
        out[top - rows.start : bottom - rows.start, left - lines.start : right - lines.start] = part > 0.1
    return out


def grade_of(drop_db: float, shade_db: float, lift_db: float = 0.0) -> tuple[str, bool]:
    """Return the grade of a shadow, and whether it lies near a border.

    Examples
    --------
    >>> grade_of(0.4, 0.4), grade_of(5.0, 5.0), grade_of(18.0, 18.0)
    (('none', False), ('faint', False), ('clean', False))
    >>> grade_of(3.0, 20.0), grade_of(-6.0, 1.0, lift_db=7.0)
    (('dirty', False), ('comet_tail', False))
    """
    if lift_db >= TAIL_FROM_DB:
        return "comet_tail", lift_db < TAIL_FROM_DB + 1.5
    filled = shade_db - drop_db
    if shade_db >= FAINT_FROM_DB and filled >= HAZE_FILLS_DB and drop_db < DIRTY_TO_DB:
        return "dirty", filled < 6.0 or shade_db < BORDER_DB[2] or drop_db > DIRTY_TO_DB - 2.5
    low, high, late, clear = BORDER_DB
    hazy = filled > 2.5 and drop_db < DIRTY_TO_DB + 2.5
    borderline = low < drop_db < high or late < drop_db < clear or hazy
    if drop_db >= CLEAN_FROM_DB:
        return "clean", borderline
    return ("faint", borderline) if drop_db >= FAINT_FROM_DB else ("none", borderline)


def contrast_of(cast: Cast, echoed: Echoed, space: BeamSpace, others: Sequence[Cast]) -> float:
    """Return a body's expected brightness above the same place without it, in SD of the displayed speckle.

    Both are spread by the beam and the pulse, and clipped as the display does.
    """
    probe = space.probe
    margin = 8
    rows = slice(max(cast.rows.start - margin, 0), min(cast.rows.stop + margin, space.shape[0]))
    lines = slice(max(cast.lines.start - margin, 0), min(cast.lines.stop + margin, space.shape[1]))
    depth = float(space.depth[min(int((rows.start + rows.stop) / 2), space.shape[0] - 1), 0])
    at = min(int(depth / probe.step_mm), space.shape[0] - 1)
    sigma = (
        probe.pulse_length_mm() * TO_SIGMA / probe.step_mm / math.sqrt(2),
        float(probe.point_width_mm(depth)) * TO_SIGMA / float(space.across[at, 0]) / math.sqrt(2),
    )
    with_it = ndimage.gaussian_filter(echoed.power[rows, lines], sigma, mode="nearest")
    bare = echoed.base[rows, lines].copy()
    for other in others:
        if other is not cast:
            bare *= other.kept[rows, lines] ** 2
    floor = np.broadcast_to(echoed.floor, space.shape)[rows, lines]
    without = ndimage.gaussian_filter(bare + floor, sigma, mode="nearest")
    cover = np.zeros(without.shape, dtype=np.float32)
    cover[
        cast.rows.start - rows.start : cast.rows.stop - rows.start,
        cast.lines.start - lines.start : cast.lines.stop - lines.start,
    ] = cast.cover
    level, bare_level = _shown(with_it, echoed, space, rows), _shown(without, echoed, space, rows)
    weight = cover >= min(0.5, 0.9 * float(cover.max()))
    return float((level - bare_level)[weight].mean()) / _speckle_sd_db(probe.looks)
