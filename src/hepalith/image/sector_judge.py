"""How well an outline explains where echo is and where it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.image.beam import Sector, sector_mask
from hepalith.image.sector_support import shrink

__all__ = ["EchoMap", "judge_sector", "map_echo"]

SEEN_PX = 2.5
"""An outline is seen where echo ends this near to it: opening and JPEG move an edge by one to two pixels."""

SHARP_PX = 1.2
"""An outline is sharp where echo ends this near to it. A scanner draws its outline to the pixel; a margin
that someone painted by hand around it is ragged by several."""

OUTSIDE_COST = 4.0
"""What the share of echo outside an outline costs, against the share of its edge that is seen: echo outside
is impossible but for ticks and print that the opening left."""

EMPTY_COST = 0.3
"""What the share of an outline without echo costs: little, as dark flanks and deep silence are common."""

VOID_COST = 4.0
"""What the share of an outline over the screen's own background costs where the picture has a grey floor:
there silence is grey, and black lies outside."""

VOID_SHARE = 0.02
"""Share of the screen by which echo and floor together must exceed echo for a grey floor to be believed."""

RAGGED_SHARE = 0.7
"""Share of the outline that must be sharp where the patch ends in a strip of constant grey: a scanner's own
floor ends to the pixel. On the shared stills, margins painted by hand reach 0.45 to 0.6, true outlines 0.8
and more."""

RAGGED_COST = 0.4
"""What a ragged margin of constant grey costs: more than the dark flanks that appear once the grey is taken
away."""

SYMMETRY_BONUS = 0.04
"""What an outline gains whose sides lean alike (within two degrees): scanners draw it so unless it is steered
or narrowed; it decides only where one side is dark."""

COARSE = 3
"""Areas are counted on every third pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class EchoMap:
    """Where echo is believed, as needed to judge outlines quickly.

    Parameters
    ----------
    support
        bool, (row, column).
    to_edge_px
        float32: distance to the nearest edge of `support`.
    void
        bool: black where the picture's floor is grey; all False where its floor is black.
    margin
        The patch ends in a strip of constant grey: the picture's own floor, or what a hand left around it.
    """

    support: NDArray[np.bool_]
    to_edge_px: NDArray[np.float32]
    void: NDArray[np.bool_]
    margin: bool = False


def map_echo(
    support: NDArray[np.bool_], floor: NDArray[np.bool_] | None = None, *, margin: bool = False
) -> EchoMap:
    """Prepare a mask of echo for judging.

    Parameters
    ----------
    support
        Echo.
    floor
        Echo and grey floor together, where both are known.
    margin
        `support` holds the grey floor and ends in it.
    """
    edge = support & ~shrink(support, 3)
    rows, columns = np.flatnonzero(support.any(1)), np.flatnonzero(support.any(0))
    far = np.full(support.shape, 99.0, np.float32)
    if rows.size:
        # the distance matters only near the edge: a box around it saves time
        box = (slice(max(rows[0] - 8, 0), rows[-1] + 9), slice(max(columns[0] - 8, 0), columns[-1] + 9))
        far[box] = ndimage.distance_transform_edt(~edge[box])
    void = np.zeros_like(support)
    if floor is not None and (floor & ~support).sum() > VOID_SHARE * support.size:
        void = ~(floor | support)
    return EchoMap(support, far, void, margin)


def judge_sector(sector: Sector, echo: EchoMap) -> tuple[Sector, float]:
    """How well an outline explains a mask of echo: the sector with its confidence, and a score to rank by.

    Confidence is the share of the outline along which echo ends. The score adds how sharply it does and takes
    off echo outside, and emptiness within lightly (a dark flank is common).
    """
    support = echo.support
    height, width = support.shape
    x, y = outline_points(sector)
    seen = (x > 1) & (y > 1) & (x < width - 2) & (y < height - 2)
    if seen.sum() < 20:
        return replace(sector, confidence=0.0), -9.0
    distance = echo.to_edge_px[np.rint(y[seen]).astype(int), np.rint(x[seen]).astype(int)]
    confidence = float((distance <= SEEN_PX).mean())
    sharp = float((distance <= SHARP_PX).mean())
    mask = sector_mask(sector, (height, width), every=COARSE)
    some = support[::COARSE, ::COARSE]
    area = max(int(mask.sum()), 1)
    outside = float((some & ~mask).sum()) / max(int(some.sum()), 1)
    empty = float((mask & ~some).sum()) / area
    void = float((mask & echo.void[::COARSE, ::COARSE]).sum()) / area
    score = (confidence + sharp) / 2 - OUTSIDE_COST * outside - EMPTY_COST * empty - VOID_COST * void
    if echo.margin and sharp < RAGGED_SHARE:
        score -= RAGGED_COST
    if sector.shape == "rectangle" or abs(sector.from_angle + sector.to_angle) < math.radians(2):
        score += SYMMETRY_BONUS
    return replace(sector, confidence=confidence), score


def outline_points(sector: Sector) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places, about two pixels apart, along the outline as it is cut by its box."""
    x0, y0, x1, y1 = sector.box_px
    across, down = np.arange(x0, x1, 2.0), np.arange(y0, y1, 2.0)
    edge_x = np.concatenate([across, across, np.full(down.size, x0), np.full(down.size, x1)])
    edge_y = np.concatenate([np.full(across.size, y0), np.full(across.size, y1), down, down])
    if sector.shape == "rectangle" or sector.apex_px is None:
        return edge_x, edge_y
    ax, ay = sector.apex_px
    left, right = sector.from_angle, sector.to_angle
    parts = []
    for arc in (sector.near_px, sector.far_px):
        angle = np.linspace(left, right, max(2, int((right - left) * arc / 2)))
        parts.append((ax + arc * np.sin(angle), ay + arc * np.cos(angle)))
    radii = np.arange(sector.near_px, sector.far_px, 2.0)
    parts.extend((ax + radii * math.sin(t), ay + radii * math.cos(t)) for t in (left, right))
    x = np.concatenate([part[0] for part in parts])
    y = np.concatenate([part[1] for part in parts])
    kept = (x >= x0 - 1) & (x <= x1 + 1) & (y >= y0 - 1) & (y <= y1 + 1)
    dx, dy = edge_x - ax, edge_y - ay
    radius, angle = np.hypot(dx, dy), np.arctan2(dx, dy)
    margin = 2 / np.maximum(radius, 1)
    within = (radius > sector.near_px + 2) & (radius < sector.far_px - 2)
    within &= (angle > left + margin) & (angle < right - margin)
    return np.concatenate([x[kept], edge_x[within]]), np.concatenate([y[kept], edge_y[within]])
