"""The forest that grades shadows: trained on trails of bodies in development phantoms, whose loss is known.

Extremely randomised trees by scikit-learn, regression on the probability of each grade: a loss within half a
decibel or so of a border of grades is partly either. Pictures are the phantoms as drawn, and livers crowded
with bodies; nothing real is among them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.totalsegmentator import import_extra
from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.forest import Forest
from hepalith.calcification.ultrasound.find import see_bodies
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.calcification.ultrasound.shadow import ASKED, GRADES, measures_of
from hepalith.calcification.ultrasound.sight import Sight
from hepalith.errors import UsageError
from hepalith.image.picture import Picture, find_pictures
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.phantom.ultrasound.truth import ShadowTruth, SonoFocus
from hepalith.training.forest import lay_out

__all__ = ["fit_forest", "gather_rows", "make_rows", "matched", "rows_of", "soft_grades"]

DRAWN_FROM, CROWDED_FROM = 20_000, 40_000
"""First seeds of the pictures that are learned from, as drawn and crowded, by turns: development split. What
is reported of development phantoms is measured on other seeds."""

FIRST_OF_TEST = 1_000_000
"""First seed of the test split."""

TREES, LEAST_LEAF, TRIED = 100, 5, 0.4
"""Trees, bodies in a leaf, and the share of measures tried at a node. Chosen on development phantoms in four
parts, each left out in turn: flat about these."""

BORDERS_DB, BORDER_SD_DB = (2.5, 9.0), 0.7
"""Losses between none and faint, and faint and clean, as the phantom's truth has them, and the spread by
which a loss near one is partly either. Our judgement."""

NEAR_SHARE, NEAR_MM = 0.3, 1.0
"""A bright body is a true one when their centres are no farther apart than this share of the diagonal of its
box, and so many mm."""

log = logging.getLogger(__name__)


def make_rows(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the measures (body, measure) and grades (body, grade) of one of the pictures, counted from 0."""
    turn, crowded = divmod(number, 2)
    if crowded:
        return rows_of(make_sonogram(CROWDED_FROM + turn, contents="case:crowded"))
    return rows_of(make_sonogram(DRAWN_FROM + turn))


def rows_of(phantom: SonoPhantom) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the measures (body, measure) and grades (body, grade) of a phantom's bodies that are seen."""
    asked, told = [], []
    for picture in find_pictures(phantom.cine):
        levels = picture.levels(0)
        sonogram = map_sonogram(levels, picture)
        sights = see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram))
        for body, sight in matched(phantom, picture, sights):
            if body.shadow.assessable and not isinstance(sight.trail, str):
                asked.append(measures_of(sight.trail))
                told.append(soft_grades(body.shadow))
    return np.reshape(asked, (-1, len(ASKED))), np.reshape(told, (-1, len(GRADES)))


def soft_grades(shadow: ShadowTruth) -> list[float]:
    """Return the probability of each of `GRADES`: near a border of losses a shadow is partly either."""
    if shadow.grade not in ("none", "faint", "clean"):
        return [float(name == shadow.grade) for name in GRADES]
    first, second = (
        0.5 * (1 + math.erf((shadow.drop_db - border) / (BORDER_SD_DB * math.sqrt(2))))
        for border in BORDERS_DB
    )
    parts = {"none": 1 - first, "faint": first - second, "clean": second}
    return [parts.get(name, 0.0) for name in GRADES]


def matched(phantom: SonoPhantom, picture: Picture, sights: list[Sight]) -> Iterator[tuple[SonoFocus, Sight]]:
    """Yield true bodies, calcium and what is taken for it, each with the nearest bright body on it."""
    truth, grid = phantom.truth, picture.grid
    free = list(sights)
    for body in (*truth.foci, *truth.mimics):
        centre, box = body.centre_px[0], body.bbox_px[0]
        if centre is None or box is None or not free:
            continue
        places = [tuple(int(v) for v in s.body.centre) for s in free]
        apart = [math.hypot(grid.x_px[at] - centre[0], grid.y_px[at] - centre[1]) for at in places]
        best = int(np.argmin(apart))
        if apart[best] <= NEAR_SHARE * math.dist(box[:2], box[2:]) + NEAR_MM / truth.mm_per_px:
            yield body, free.pop(best)


def fit_forest(
    asked: NDArray[np.float64],
    told: NDArray[np.float64],
    *,
    trees: int = TREES,
    names: tuple[tuple[str, ...], tuple[str, ...]] = (ASKED, tuple(GRADES)),
    least_leaf: int = LEAST_LEAF,
    tried: float = TRIED,
) -> Forest:
    """Return the forest of measures (body, measure) and answers (body, answer), called by `names`.

    Raises
    ------
    UsageError
        If there are fewer than ten bodies.
    MissingExtraError
        If scikit-learn is not installed.
    """
    if len(asked) < 10:
        raise UsageError(f"{len(asked)} bodies are too few to learn from: make more pictures")
    ensemble = import_extra("sklearn.ensemble", "training", "training")
    model = ensemble.ExtraTreesRegressor(
        trees, min_samples_leaf=least_leaf, max_features=tried, random_state=0
    ).fit(asked.astype(np.float32), told if told.shape[1] > 1 else told[:, 0])
    return lay_out([tree.tree_ for tree in model.estimators_], *names)


def gather_rows(
    make: Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the measures and answers of the bodies of so many pictures, numbered from 0, as one table.

    Raises
    ------
    UsageError
        If no picture is asked for.
    """
    if count < 1:
        raise UsageError(f"{count} pictures are too few to learn from: make more")
    rows = []
    for number in range(count):
        rows.append(make(number))
        if len(rows) % 50 == 0:
            log.info("%d pictures, %d bodies", len(rows), sum(len(asked) for asked, _ in rows))
    asked, told = zip(*rows, strict=True)
    return np.concatenate(asked), np.concatenate(told)


def write_shadows(out: Path, count: int) -> None:
    """Make so many pictures, fit the forest and write it.

    Raises
    ------
    UsageError
        If that many would use seeds of the test split.
    """
    if CROWDED_FROM + count // 2 >= FIRST_OF_TEST:
        raise UsageError(
            f"at most {2 * (FIRST_OF_TEST - CROWDED_FROM) - 1} pictures: later seeds are for tests"
        )
    asked, told = gather_rows(make_rows, count)
    fit_forest(asked, told).save(out)
    log.info("%d bodies of %d pictures", len(asked), count)
