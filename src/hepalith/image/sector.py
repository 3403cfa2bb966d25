"""Where the B-mode pictures lie on a screen: a curved fan, a phased sector, a rectangle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepalith.image.beam import Sector, sector_mask
from hepalith.image.cine import Cine
from hepalith.image.sector_fit import Rim, fit_fan, fit_rectangle, rim_of
from hepalith.image.sector_judge import EchoMap, judge_sector, map_echo
from hepalith.image.sector_support import MAX_BODIES, Support, find_supports, margin_level, peak_screen

__all__ = ["find_sectors"]

MIN_CONFIDENCE = 0.15
"""Least share of an outline's edge that must be seen for it to be called a picture."""

MIN_SIDE_PX = 60
"""Least width and height of a picture. Our judgement: a thumbnail is not read."""

OVERLAP_SHARE = 0.2
"""Share of a picture that may lie in a better one: two that overlap more are two fits of one picture."""

SAME_APEX_PX = 12.0
"""Distance of two apexes, pixels, that may be one."""

SAME_SIDE = 0.05
"""How much further than the better ring's side, radians, the other ring's may lie."""

FAN_GAIN = 0.1
"""By how much a fan must score above a rectangle: cut to a box, a fan of a wide radius is nearly one, and has
four numbers more to fit with."""

BOX_SLACK = 0.01
"""Share of its width by which a fan may differ from the header's box to be what the box was drawn around."""

BOX_BONUS = 0.5
"""What that is worth: a fit that knew nothing of the box does not fill it by chance."""

SPLIT_GAIN = 0.05
"""By how much each half must score above the whole."""

SPLIT_BELOW = 0.6
"""Confidence below which a wide patch is also tried as two pictures side by side."""

SPLIT_ASPECT = 1.4
"""Width to height from which a patch may be two pictures."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """One patch of echo: what it is judged by, and the box of the header that it was sought in."""

    echo: EchoMap
    rim: Rim
    box: Box


def find_sectors(cine: Cine) -> tuple[Sector, ...]:
    """Outlines of the B-mode pictures on a screen, left to right.

    The screen is parted into what may be echo and what may not, twice: with the rim's grey as the only
    background, and with every constant grey as one. To each patch of echo a fan and a rectangle are fitted,
    and the outline that explains most of its edge is kept. A wide patch that neither explains well is tried
    as two pictures side by side. Pictures in boxes of one size given by the header are also tried with each
    other's outline: dual images share transducer and depth.
    """
    boxes: tuple[Box, ...] = tuple(region.box_px for region in cine.regions if region.kind == "b_mode")
    whole = find_supports(cine, boxes, floors=False)
    echo_only = find_supports(cine, boxes, floors=True)
    floor = np.any([support.mask for support in whole], axis=0) if whole else None
    margin = margin_level(peak_screen(cine)) is not None
    found: list[tuple[Sector, float, _Patch]] = []
    done: list[NDArray[np.bool_]] = []
    for supports in (whole, echo_only):
        for support in supports:
            if not any(np.array_equal(support.mask, mask) for mask in done):
                done.append(support.mask)
                found.extend(
                    _fit_patch(support, floor, margin=margin and supports is whole, told=bool(boxes))
                )
    return _parted(_shared(found) if len(boxes) > 1 else found, cine.shape_px)


def _parted(found: list[tuple[Sector, float, _Patch]], shape: tuple[int, int]) -> tuple[Sector, ...]:
    """Take the best outlines that do not overlap, without bars and thumbnails, left to right."""
    kept: list[tuple[Sector, int]] = []
    taken = np.zeros(shape, bool)
    for sector, _, _ in sorted(found, key=lambda entry: -entry[1]):
        mask = sector_mask(sector, shape)
        area = int(mask.sum())
        if area and (mask & taken).sum() <= OVERLAP_SHARE * area:
            kept.append((sector, area))
            taken |= mask
    kept = _concentric(kept)
    largest = max((area for _, area in kept), default=0)
    pictures = [sector for sector, area in kept if area >= largest / 3][:MAX_BODIES]
    return tuple(sorted(pictures, key=lambda sector: (sector.box_px[0], sector.box_px[1])))


def _concentric(kept: list[tuple[Sector, int]]) -> list[tuple[Sector, int]]:
    """Join rings about one apex, as silence parts them: they are one picture."""
    out: list[tuple[Sector, int]] = []
    for sector, area in kept:
        for number, (other, more) in enumerate(out):
            if sector.apex_px is None or other.apex_px is None:
                continue
            apart = math.dist(sector.apex_px, other.apex_px)
            wider = max(other.from_angle - sector.from_angle, sector.to_angle - other.to_angle)
            if apart < SAME_APEX_PX and wider < SAME_SIDE:
                a, b = sector.box_px, other.box_px
                box = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
                near, far = min(sector.near_px, other.near_px), max(sector.far_px, other.far_px)
                out[number] = (replace(other, box_px=box, near_px=near, far_px=far), area + more)
                break
        else:
            out.append((sector, area))
    return out


def _fit_patch(
    support: Support, floor: NDArray[np.bool_] | None, *, margin: bool, told: bool
) -> list[tuple[Sector, float, _Patch]]:
    """Best outline of a patch, or of its two halves where they are explained better."""
    one = _fit(support, floor, margin=margin, told=told)
    if not one:
        return []
    sector, score, _ = one[0]
    x0, y0, x1, y1 = sector.box_px
    if sector.confidence > SPLIT_BELOW or x1 - x0 < SPLIT_ASPECT * (y1 - y0):
        return one
    counts = support.mask.sum(axis=0)
    columns = np.flatnonzero(counts)
    third = (columns[-1] - columns[0]) // 3
    middle = slice(columns[0] + third, columns[-1] - third + 1)
    cut = middle.start + int(np.argmin(counts[middle]))
    halves: list[tuple[Sector, float, _Patch]] = []
    for part in (slice(None, cut), slice(cut + 1, None)):
        half = np.zeros_like(support.mask)
        half[:, part] = support.mask[:, part]
        halves.extend(_fit(Support(half, support.box), floor, margin=margin, told=told))
    better = len(halves) == 2 and min(entry[1] for entry in halves) > score + SPLIT_GAIN
    return halves if better else one


def _fit(
    support: Support, floor: NDArray[np.bool_] | None, *, margin: bool, told: bool
) -> list[tuple[Sector, float, _Patch]]:
    """Take the better of the best rectangle and the best fan; empty where neither explains anything."""
    rows, columns = np.flatnonzero(support.mask.any(1)), np.flatnonzero(support.mask.any(0))
    if not rows.size or rows[-1] - rows[0] < MIN_SIDE_PX or columns[-1] - columns[0] < MIN_SIDE_PX:
        return []
    patch = _Patch(map_echo(support.mask, floor, margin=margin), rim_of(support.mask), support.box)
    sector, score = judge_sector(_within(fit_rectangle(patch.rim), patch), patch.echo)
    fan = fit_fan(patch.rim, patch.echo)
    if fan is not None:
        judged = judge_sector(_within(fan, patch), patch.echo)
        if told:
            whole, gain = _completed(fan, patch)
            if gain > judged[1]:
                # what the header fills in was not to be seen, and takes nothing from what was
                judged = (replace(whole, confidence=max(whole.confidence, judged[0].confidence)), gain)
        if judged[1] > score + FAN_GAIN:
            sector, score = judged
    return [] if sector.confidence < MIN_CONFIDENCE else [(sector, score, patch)]


def _completed(fan: Sector, patch: _Patch) -> tuple[Sector, float]:
    """Return a fan with its dark side or depth filled in, where it then fills the header's box exactly.

    The darker side mirrors the other; the far arc is the one found, or the one that reaches the box's end.
    """
    half = max(-fan.from_angle, fan.to_angle)
    best = (fan, -9.0)
    if fan.apex_px is None or half <= 0:
        return best
    ax, ay = fan.apex_px
    for far in (fan.far_px, patch.box[3] - ay):
        side = far * math.sin(half)
        box = (math.floor(ax - side), fan.box_px[1], math.ceil(ax + side), math.ceil(ay + far))
        slack = max(3.0, BOX_SLACK * (box[2] - box[0]))
        if far >= fan.far_px and all(abs(box[k] - patch.box[k]) <= slack for k in (0, 2, 3)):
            whole = replace(fan, from_angle=-half, to_angle=half, far_px=far, box_px=box)
            judged, score = judge_sector(_within(whole, patch), patch.echo)
            best = max(best, (judged, score + BOX_BONUS), key=lambda pair: pair[1])
    return best


def _within(sector: Sector, patch: _Patch) -> Sector:
    """Return the outline cut to the box that was searched."""
    first, last = sector.box_px[:2], sector.box_px[2:]
    x0, y0 = (max(a, b) for a, b in zip(first, patch.box[:2], strict=True))
    x1, y1 = (min(a, b) for a, b in zip(last, patch.box[2:], strict=True))
    return replace(sector, box_px=(x0, y0, max(x1, x0), max(y1, y0)))


def _shared(found: list[tuple[Sector, float, _Patch]]) -> list[tuple[Sector, float, _Patch]]:
    """Each picture with its own outline or another picture's, shifted, whichever explains it better."""
    out = []
    for sector, score, patch in found:
        best = (sector, score)
        for other, _, theirs in found:
            same_size = all(
                abs((patch.box[k + 2] - patch.box[k]) - (theirs.box[k + 2] - theirs.box[k])) <= 2
                for k in (0, 1)
            )
            if theirs.box == patch.box or not same_size or other.apex_px is None:
                continue
            dx, dy = patch.box[0] - theirs.box[0], patch.box[1] - theirs.box[1]
            moved = replace(
                other,
                apex_px=(other.apex_px[0] + dx, other.apex_px[1] + dy),
                box_px=(
                    other.box_px[0] + dx,
                    other.box_px[1] + dy,
                    other.box_px[2] + dx,
                    other.box_px[3] + dy,
                ),
            )
            best = max(best, judge_sector(_within(moved, patch), patch.echo), key=lambda pair: pair[1])
        out.append((*best, patch))
    return out
