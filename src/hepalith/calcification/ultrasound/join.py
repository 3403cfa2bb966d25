"""Bodies that are one focus as the network sees it: strokes, beads and splinters laid together again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
from scipy import ndimage

from hepalith.calcification.ultrasound.body import Bright, join_bodies
from hepalith.calcification.ultrasound.network import Belief
from hepalith.calcification.ultrasound.scale import Cell

__all__ = ["join_bodies_of_one_focus"]

JOIN_FROM = 0.0
"""Log odds from which connected places are one focus."""

OWN_SHARE = 0.3
"""Share of a body that must lie in such a region for it to be part of the focus: a patch or a wall that holds
one is another thing. Our judgement."""

NEAR = 0.75
"""Speckle cells between the boxes of two bodies up to which they may be one: what the threshold of an outline
leaves out between the parts of one. Our judgement."""

COMPACT = 2.5
"""Speckle cells that both bodies measure, either way, from which they stay two: stones side by side, which
the outline has parted. Strokes, beads and splinters are thinner. Our judgement."""

HELD_WITHIN = -1.0
"""Speckle cells by which the boxes of two bodies overlap, both ways, from which one lies in the other."""

STROKES_APART, STROKES_ALIKE, STROKES_OVER = 2.3, 0.6, 0.6
"""Speckle cells between two strokes of one equal sign, least contrast of the weaker over the stronger, and
least share of the shorter that lies over the other. Of 12 pairs of strokes on development phantoms and stills
with foci put in that stood apart, 12 are within; of 7 pairs of other bodies one behind another, none (they
are 2.8 cells apart, or a stroke and a lump)."""

STROKE_TALL, STROKE_STOUT = 5.6, 1.4
"""Speckle cells that a stroke measures along the beam at most, and by how much it may at most be taller than
wide, in cells: blur makes short strokes stout. The same pairs."""

Seen = tuple[Bright, float]
"""A body and the log odds that the network gives it."""


def join_bodies_of_one_focus(bodies: list[Bright], belief: Belief, cell: Cell) -> list[Seen]:
    """Return the bodies, thin neighbours in one region that the network believes in made one, with log odds.

    A body that reaches far beyond the region it meets is left by itself, and is given the highest log odds
    outside that region.
    """
    regions, _ = ndimage.label(belief.odds > JOIN_FROM, np.ones((3, 3)))
    out: list[Seen] = []
    members: dict[int, list[Seen]] = defaultdict(list)
    for body in bodies:
        at = belief.places_of(*body.slices, body.mask)
        odds, names = belief.odds[at], regions[at]
        best = int(names[int(odds.argmax())])
        own = names == best
        if not best:
            out.append((body, float(odds.max())))
        elif float(own.mean()) < OWN_SHARE:
            out.append((body, float(odds[~own].max())))
        else:
            members[best].append((body, float(odds.max())))
    for group in members.values():
        out += _joined(group, cell)
    return sorted(_paired(out, cell), key=lambda seen: (-seen[0].deviates, seen[0].start))


def _paired(seen: list[Seen], cell: Cell) -> list[Seen]:
    """Return the bodies with believed strokes behind one another made one equal sign."""
    left = sorted(seen, key=lambda one: (-one[0].deviates, one[0].start))
    out: list[Seen] = []
    while left:
        body, odds = left.pop(0)
        believed = [one for one in left if min(odds, one[1]) > JOIN_FROM]
        partner = next((one for one in believed if _are_strokes(body, one[0], cell)), None)
        if partner is not None:
            left.remove(partner)
            body = replace(join_bodies(body, partner[0]), strokes=2)
            odds = max(odds, partner[1])
        out.append((body, odds))
    return out


def _are_strokes(a: Bright, b: Bright, cell: Cell) -> bool:
    """Return whether two bodies are the strokes of one equal sign: alike, thin, close behind one another."""
    if a.goes_on or b.goes_on:
        return False
    first, second = sorted((a, b), key=lambda body: body.start[0])
    for body in (a, b):
        tall, wide = body.mask.shape[0] / cell.samples, body.mask.shape[1] / cell.lines
        if tall > min(STROKE_TALL, STROKE_STOUT * wide + 0.6):
            return False
    apart = (second.start[0] - first.start[0] - first.mask.shape[0]) / cell.samples
    over = min(a.lines[1], b.lines[1]) - max(a.lines[0], b.lines[0])
    behind = second.centre[0] - first.centre[0] > 0.5 * min(a.mask.shape[0], b.mask.shape[0])
    alike = min(a.contrast, b.contrast) >= STROKES_ALIKE * max(a.contrast, b.contrast)
    close = over >= STROKES_OVER * min(a.mask.shape[1], b.mask.shape[1])
    return bool(behind and alike and close and apart <= STROKES_APART)


def _joined(group: list[Seen], cell: Cell) -> list[Seen]:
    """Return the bodies of one region, those that are parts of one laid together."""
    left, out = list(group), []
    while left:
        whole, odds = left.pop(0)
        while (near := next((seen for seen in left if _are_one(whole, seen[0], cell)), None)) is not None:
            left.remove(near)
            whole, odds = join_bodies(whole, near[0]), max(odds, near[1])
        out.append((whole, odds))
    return out


def _are_one(a: Bright, b: Bright, cell: Cell) -> bool:
    """Return whether two bodies of one region are parts of one focus."""
    gaps = [
        (max(one.start, other.start) - min(one.stop, other.stop)) / size
        for one, other, size in zip(a.slices, b.slices, (cell.samples, cell.lines), strict=True)
    ]
    if max(gaps) > NEAR:
        return False
    return max(gaps) <= HELD_WITHIN or min(_thickness(a, cell), _thickness(b, cell)) < COMPACT


def _thickness(body: Bright, cell: Cell) -> float:
    """Return the shorter side of a body's box in speckle cells."""
    return float(min(body.mask.shape[0] / cell.samples, body.mask.shape[1] / cell.lines))
