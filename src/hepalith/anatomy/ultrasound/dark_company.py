"""What dark bodies are to one another: a tube along a tube, cysts within a cyst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.dark_shape import DarkShape

__all__ = ["Company", "keep_company", "split_twins"]

NECK = 0.6
"""Two bodies that touch are parted where the bridge is narrower than this share of the wider one's
calibre."""

TWIN_SHARE = 0.2
"""Least share of the body that each core must hold: branches and rough edges are no twins."""

TWIN_AREA = 120
"""Fewest fine cells of a body that is looked at for twins."""

TUBE_FROM = 2.2
"""Elongation from which a body may be one of two parallel tubes."""

FAINT = -2.3
"""Contrast above which a body is too faint to be held for a tube by its company."""

ALONG = 0.6
"""Share of the shorter tube's middle line that must run beside the other: most of it."""

APART = (0.7, 1.9)
"""Distance of two middle lines, in sums of the two radii: below, they are one tube; above, liver lies
between.
A duct and its portal branch share a sheath, so little more than two walls parts them."""

TURN = 0.45
"""Greatest angle between parallel tubes, in radians (26 degrees)."""

CALIBRES = 0.35
"""Least calibre of the thinner, as a share of the thicker: a normal duct or artery is thinner than 40 % of
the portal branch beside it, so what is nearly as wide is a dilated duct."""

WALL_CELLS = 4
"""Thickest wall between two chambers of one cyst, in fine cells."""

ROUND_TO = 2.0
"""Elongation up to which a body may be a chamber of a cyst, or several together a cyst."""


@dataclass(frozen=True, slots=True)
class Company:
    """What stands beside one dark body: probabilities, and how many chambers one cyst has."""

    parallel: float = 0.0
    partner: int = -1
    anterior: float = 0.5
    septa: float = 0.0
    daughters: float = 0.0


def keep_company(shapes: Sequence[DarkShape], labels: NDArray[np.int32]) -> Mapping[int, Company]:
    """Return the company of every body, by its place in `shapes`; `labels` hold place + 1.

    Notes
    -----
    Two tubes are parallel where most of the shorter one's middle line keeps close to the other's and both are
    of like width and direction. A vein that crosses a duct at a small angle is mistaken for a partner; two
    tubes that blur into one are missed.
    """
    company = {place: Company() for place in range(len(shapes))}
    for a, one in enumerate(shapes):
        for b in range(a + 1, len(shapes)):
            chance = _parallel(one, shapes[b])
            if chance > max(company[a].parallel, company[b].parallel, 0.05):
                front = 0.6 if one.centre[0] < shapes[b].centre[0] else 0.4
                company[a] = Company(chance, b, front)
                company[b] = Company(chance, a, 1 - front)
    company.update(_chambers(shapes, labels, company))
    return company


def split_twins(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the labels with bodies parted that touch by a narrow bridge only.

    So do a duct along its vein, and two cysts.

    The cores of a body are where it is thicker than `NECK` of its greatest thickness; where two or more
    cores are each a good part of all cores, every place goes with the nearest one.
    """
    out = labels.astype(np.int32)
    following = int(labels.max()) + 1
    sizes = np.bincount(labels.ravel())
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or sizes[label] < TWIN_AREA:
            continue
        body = np.pad(labels[box] == label, 1)
        distance = ndimage.distance_transform_edt(body)
        cores, number = ndimage.label(distance > NECK * distance.max())
        if number < 2:
            continue
        shares = np.bincount(cores.ravel(), minlength=number + 1)[1:]
        big = np.flatnonzero(shares > TWIN_SHARE * shares.sum()) + 1
        if len(big) < 2:
            continue
        kept = np.where(np.isin(cores, big), cores, 0)
        _, nearest = ndimage.distance_transform_edt(kept == 0, return_indices=True)
        parts = kept[tuple(nearest)][1:-1, 1:-1]
        for part in big[1:]:
            out[box][(parts == part) & (labels[box] == label)] = following
            following += 1
    return out


def _parallel(one: DarkShape, two: DarkShape) -> float:
    """Return the probability that two bodies are parallel tubes."""
    if min(one.elongation, two.elongation) < TUBE_FROM or max(one.contrast, two.contrast) > FAINT:
        return 0.0
    turn = abs(one.turn - two.turn) % np.pi
    turn = min(turn, np.pi - turn)
    thin, thick = sorted((one.calibre_px, two.calibre_px))
    if turn > TURN or thin < CALIBRES * thick or len(one.middle) == 0 or len(two.middle) == 0:
        return 0.0
    shorter, longer = (one, two) if len(one.middle) <= len(two.middle) else (two, one)
    apart = np.sqrt(((shorter.middle[:, None] - longer.middle[None]) ** 2).sum(axis=2)).min(axis=1)
    radii = 0.5 * (thin + thick)
    beside = float(((apart > APART[0] * radii) & (apart < APART[1] * radii + 2 * one.cell_px)).mean())
    return float(1 / (1 + np.exp(-(beside - ALONG) / 0.08)) * (1 - turn / (2 * TURN)))


def _chambers(
    shapes: Sequence[DarkShape], labels: NDArray[np.int32], company: Mapping[int, Company]
) -> Mapping[int, Company]:
    """Return the company of bodies that are chambers of one cyst, parted by thin walls."""
    round_ones = [
        place for place, shape in enumerate(shapes) if shape.elongation < ROUND_TO and shape.emptiness > 0.4
    ]
    if not round_ones:
        return {}
    kept = np.isin(labels, np.array(round_ones) + 1)
    joined = ndimage.binary_closing(np.pad(kept, WALL_CELLS), np.ones((WALL_CELLS + 1,) * 2))
    joined = joined[WALL_CELLS:-WALL_CELLS, WALL_CELLS:-WALL_CELLS]
    groups, number = ndimage.label(joined)
    whole = np.bincount(groups.ravel(), minlength=number + 1)
    own, around = labels[kept], groups[kept]
    found: dict[int, Company] = {}
    for place in round_ones:
        group = int(np.bincount(around[own == place + 1], minlength=1).argmax())
        members = np.unique(own[around == group])
        walls = 1 - (around == group).sum() / max(int(whole[group]), 1)
        many, some = (0.8, 0.4) if len(members) > 2 else (0.3, 0.6)
        if len(members) > 1 and walls > 0.02:
            found[place] = Company(septa=some if len(members) == 2 else 0.6, daughters=many)
        elif shapes[place].bright_inside > 1.5 and shapes[place].holes > 0.05:
            found[place] = Company(septa=0.5, daughters=0.5 if shapes[place].holes > 0.15 else 0.25)
        if place in found:
            found[place] = Company(
                company[place].parallel, company[place].partner, company[place].anterior,
                found[place].septa, found[place].daughters,
            )  # fmt: skip
    return found
