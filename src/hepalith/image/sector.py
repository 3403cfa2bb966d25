"""Where the B-mode pictures lie on a screen: a curved fan, a phased sector, a rectangle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hepalith.image.beam import Sector, sector_mask
from hepalith.image.cine import Cine
from hepalith.image.sector_fit import fit_fan, fit_rectangle, rim_of
from hepalith.image.sector_judge import judge_sector, map_echo
from hepalith.image.sector_support import find_supports, margin_level, peak_screen

__all__ = ["find_sectors"]

MIN_CONFIDENCE = 0.15
"""Least share of an outline's edge that must be seen for it to be called a picture."""

MIN_SIDE_PX = 60
"""Least width and height of a picture. Our judgement: a thumbnail is not read."""

MAX_PICTURES = 4
"""Most pictures on a screen (quad view)."""


def find_sectors(cine: Cine) -> tuple[Sector, ...]:
    """Outlines of the B-mode pictures on a screen, left to right.

    The screen is parted into what may be echo and what may not, twice: with the rim's grey as the only
    background, and with every constant grey as one. To each patch of echo a fan and a rectangle are fitted,
    and the outline that explains most of its edge is kept.
    """
    boxes = tuple(region.box_px for region in cine.regions if region.kind == "b_mode")
    found: list[tuple[Sector, float]] = []
    whole = find_supports(cine, boxes, floors=False)
    echo_only = find_supports(cine, boxes, floors=True)
    floor = np.any(whole, axis=0) if whole else None
    margin = margin_level(peak_screen(cine)) is not None
    for supports in (whole, echo_only):
        grey = margin and supports is whole
        chosen = supports if boxes else supports[:MAX_PICTURES]
        found.extend(pair for support in chosen if (pair := _fit(support, floor, grey)) is not None)
        if supports is whole and len(whole) == len(echo_only) and np.array_equal(whole, echo_only):
            break
    found.sort(key=lambda pair: -pair[1])
    kept: list[Sector] = []
    shape = cine.shape_px
    taken = np.zeros(shape, bool)
    for sector, _ in found:
        mask = sector_mask(sector, shape)
        if mask.sum() == 0 or (mask & taken).sum() > 0.2 * mask.sum():
            continue
        kept.append(sector)
        taken |= mask
    kept = _largest(kept, shape)
    return tuple(sorted(kept, key=lambda sector: (sector.box_px[0], sector.box_px[1])))


def _largest(sectors: list[Sector], shape: tuple[int, int]) -> list[Sector]:
    """Pictures of at least a third of the largest one's size: bars and thumbnails fall out."""
    areas = [int(sector_mask(sector, shape).sum()) for sector in sectors]
    return [sector for sector, area in zip(sectors, areas, strict=True) if area >= max(areas) / 3][
        :MAX_PICTURES
    ]


def _fit(
    support: NDArray[np.bool_], floor: NDArray[np.bool_] | None, margin: bool
) -> tuple[Sector, float] | None:
    if not support.any():
        return None
    rows, columns = np.flatnonzero(support.any(1)), np.flatnonzero(support.any(0))
    if rows[-1] - rows[0] < MIN_SIDE_PX or columns[-1] - columns[0] < MIN_SIDE_PX:
        return None
    rim = rim_of(support)
    echo = map_echo(support, floor, margin=margin)
    choices = [judge_sector(fit_rectangle(rim), echo)]
    fan = fit_fan(rim, echo)
    if fan is not None:
        choices.append(judge_sector(fan, echo))
    sector, score = max(choices, key=lambda pair: pair[1])
    if sector.confidence < MIN_CONFIDENCE:
        return None
    height, width = support.shape
    x0, y0, x1, y1 = sector.box_px
    box = (max(x0, 0), max(y0, 0), min(x1, width - 1), min(y1, height - 1))
    return replace(sector, box_px=box), score
