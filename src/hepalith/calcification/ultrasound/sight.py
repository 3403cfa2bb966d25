"""What is seen of one bright body and around it, before it is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.sonogram import Sonogram
from hepalith.calcification.echo import Shadow
from hepalith.calcification.ultrasound.body import Bright, Caliper
from hepalith.calcification.ultrasound.scale import Scales
from hepalith.calcification.ultrasound.shadow_trail import Trail

__all__ = ["About", "Sight", "count_clutter", "look_about"]

RIM_CELLS = 1.0
"""Speckle cells around a body that belong to its own blur and to no surroundings."""

ABOUT_CELLS = 4.0
"""Speckle cells beyond which nothing is said to be beside a body."""

SIDE_CELLS = 2.0
"""Speckle cells from the picture's side within which a body may be a mark of the depth scale. Our
judgement."""

DARK_Z = -1.3
"""Deviations, after smoothing over a cell, below which a place is a dark tube's rather than tissue's: plain
speckle falls there in one place of fifty."""


LIVER_ABOUT, ON_LINE, SHADOW_DEVIATIONS, LIKE_SHARE = 0.5, 0.3, 3.0, 0.7
"""A body counts as clutter when so much of its surroundings is liver, no more of it lies on a long line, its
trail misses less than so many deviations, and it has this share of the other's contrast. Our judgement."""


LEAST_CONTRAST = 2.5
"""Contrast, in deviations of speckle, below which nothing stands out: what others are compared with at
least."""


@dataclass(frozen=True, slots=True)
class About:
    """What surrounds a body: shares from 0 to 1 unless said otherwise.

    Parameters
    ----------
    liver
        Of the surroundings, believed to be liver.
    dark, dark_sides
        Of the surroundings before and beside it (not behind: shadow), dark; and of how many sides (0 to 3)
        at least a third is.
    on_line, line_kind
        Of the body, lying on a long bright line, and the kind of that line.
    in_dark, by_dark, dark_kind
        Of the body and its rim, and of its surroundings, lying in a dark body, and the kind of the latter.
    depth
        Of the picture's depth at which it lies.
    level
        Median of the surroundings, in deviations of speckle: high inside a bright mass or bright fat.
    unrest
        Standard deviation of the smoothed surroundings, in deviations of speckle.
    company
        Other bright bodies within ten speckle cells, counted.
    at_side
        Whether the picture ends just beside the body: marks of the scanner stand there.
    """

    liver: float
    dark: float
    dark_sides: int
    on_line: float
    line_kind: str
    in_dark: float
    by_dark: float
    dark_kind: str
    depth: float
    level: float
    unrest: float
    company: int
    at_side: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One bright body with all that judges look at."""

    body: Bright
    caliper: Caliper
    about: About
    trail: Trail | str
    shadow: Shadow
    edge: float
    share_of_depth: float
    """Longest caliper as a share of the picture's depth."""
    width_share: float = 0.0
    """Shortest caliper as a share of the picture's depth."""
    standing_out: float = 1.0
    """Contrast over the median contrast of the liver's other bright bodies, or over the least that is
    seen."""
    network: float = 0.0
    """Log odds for a focus, as the network sees the picture (`network`)."""
    network_mimic: float = 0.0
    """Log odds for a bright body that is no focus of the liver: gas, gut, a stent, a gallstone."""
    clutter: int = 0
    """Other bright bodies of the liver, no dimmer than two thirds of this one and without a shadow: where
    many walls and portal triads shine, one more is no news."""

    @property
    def elongation(self) -> float:
        """Longest over shortest caliper."""
        return self.caliper.length_px / max(self.caliper.width_px, 0.5)


def count_clutter(sights: list[Sight]) -> list[Sight]:
    """Return the bodies, each with how many like it shine in this liver without a shadow."""
    bare = [
        s
        for s in sights
        if _is_liver(s) and (isinstance(s.trail, str) or s.trail.index < SHADOW_DEVIATIONS * s.trail.index_sd)
    ]
    out = []
    for s in sights:
        like = sum(o is not s and o.body.contrast > LIKE_SHARE * s.body.contrast for o in bare)
        others = [o.body.contrast for o in sights if o is not s and _is_liver(o)]
        usual = max(LEAST_CONTRAST, float(np.median(others)) if others else LEAST_CONTRAST)
        out.append(replace(s, clutter=like, standing_out=s.body.contrast / usual))
    return out


def _is_liver(sight: Sight) -> bool:
    """Return whether a bright body lies in the liver and is no part of a long line."""
    return not sight.body.goes_on and sight.about.liver > LIVER_ABOUT and sight.about.on_line < ON_LINE


def look_about(body: Bright, bodies: list[Bright], scales: Scales, sonogram: Sonogram) -> About:
    """Return what surrounds a body."""
    cell = scales.cell
    pad = (round(ABOUT_CELLS * cell.samples), round(ABOUT_CELLS * cell.lines))
    rows, columns = body.slices
    depth, across = scales.z.shape
    window = (
        slice(max(0, rows.start - pad[0]), min(depth, rows.stop + pad[0])),
        slice(max(0, columns.start - pad[1]), min(across, columns.stop + pad[1])),
    )
    own = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), np.bool_)
    top, left = rows.start - window[0].start, columns.start - window[1].start
    own[top : top + body.mask.shape[0], left : left + body.mask.shape[1]] = body.mask
    rim = ndimage.maximum_filter(
        own, (2 * round(RIM_CELLS * cell.samples) + 1, 2 * round(RIM_CELLS * cell.lines) + 1)
    )
    around = ~rim & scales.usable[window]
    bottom, right = top + body.mask.shape[0], left + body.mask.shape[1]
    front = around.copy()
    front[bottom:] = False
    soft = ndimage.uniform_filter(scales.z[window], (max(3, round(cell.samples)), max(3, round(cell.lines))))
    sides = _dark_sides(soft, front, (top, left, right))
    before = soft[front]
    dark = float((before < DARK_Z).mean()) if before.size else 0.0
    lines, line_kind = _most(sonogram.lines[window], own, {b.id: b.kind for b in sonogram.bright_lines})
    kinds = {b.id: b.kind for b in sonogram.bodies}
    inside, _ = _most(sonogram.dark[window], rim, kinds)
    by_dark, dark_kind = _most(sonogram.dark[window], around, kinds)
    return About(
        float(sonogram.liver[window][around].mean()) if around.any() else 0.0,
        dark,
        sides,
        lines,
        line_kind,
        inside,
        by_dark,
        dark_kind,
        body.centre[0] / depth,
        float(np.median(before)) if before.size else 0.0,
        float(before.std()) if before.size else 0.0,
        _company(body, bodies, scales),
        _is_at_side(body, scales),
    )


def _dark_sides(soft: NDArray[np.float32], front: NDArray[np.bool_], edges: tuple[int, int, int]) -> int:
    """Return on how many sides, before, left and right, at least a third is dark."""
    top, left, right = edges
    count = 0
    for part in (
        (slice(0, max(1, top)), slice(left, right)),
        (slice(None), slice(0, max(1, left))),
        (slice(None), slice(right, None)),
    ):
        here = front[part]
        if here.sum() >= 6 and float((soft[part][here] < DARK_Z).mean()) > 1 / 3:
            count += 1
    return count


def _most(labels: NDArray[np.int32], mask: NDArray[np.bool_], kinds: Mapping[int, str]) -> tuple[float, str]:
    """Return the share of a mask that is labelled and the kind of the label that holds most."""
    held = labels[mask]
    held_names = held[held > 0]
    if not held_names.size:
        return 0.0, ""
    best = int(np.bincount(held_names).argmax())
    return held_names.size / held.size, kinds.get(best, "unknown")


def _is_at_side(body: Bright, scales: Scales) -> bool:
    """Return whether the picture ends within `SIDE_CELLS` to the left or right of a body."""
    row = round(body.centre[0])
    reach = max(2, round(SIDE_CELLS * scales.cell.lines))
    left, right = body.lines[0] - reach, body.lines[1] - 1 + reach
    if left < 0 or right >= scales.inside.shape[1]:
        return True
    return not (scales.inside[row, left] and scales.inside[row, right])


def _company(body: Bright, bodies: list[Bright], scales: Scales) -> int:
    """Return how many other bright bodies lie within ten speckle cells."""
    (s, n), tall, wide = body.centre, 10 * scales.cell.samples, 10 * scales.cell.lines
    return sum(
        abs(other.centre[0] - s) < tall and abs(other.centre[1] - n) < wide
        for other in bodies
        if other is not body
    )
