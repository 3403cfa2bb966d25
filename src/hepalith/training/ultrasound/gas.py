"""The forest that tells gas from all other bright bodies: trained on development phantoms alone."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.ultrasound.evidence import weigh
from hepalith.calcification.ultrasound.evidence_measures import measures_asked
from hepalith.calcification.ultrasound.find import see_bodies
from hepalith.calcification.ultrasound.gas import GAS_ASKED, gas_measures
from hepalith.calcification.ultrasound.mimic import weigh_mimics
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.errors import UsageError
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.training.ultrasound.measures import names_of
from hepalith.training.ultrasound.shadows import FIRST_OF_TEST, fit_forest, gather_rows

__all__ = ["gas_rows", "make_gas_rows", "write_gas"]

DRAWN_FROM, GAS_FROM, CROWDED_FROM = 60_000, 70_000, 80_000
"""First seeds of the pictures that are learned from, by turns: as drawn, with gas in the ducts, and crowded.
Development split; what is reported of development phantoms is measured on other seeds."""

TREES, LEAST_LEAF, TRIED = 100, 3, 0.3
"""Trees, bodies in a leaf, and the share of measures tried at a node. Our judgement; no other was tried."""

log = logging.getLogger(__name__)


def make_gas_rows(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the measures (body, measure), and which body is gas (body, 1), of a picture by its number."""
    turn, which = divmod(number, 3)
    if which == 0:
        return gas_rows(make_sonogram(DRAWN_FROM + turn))
    if which == 1:
        return gas_rows(make_sonogram(GAS_FROM + turn, contents="mimic:gas"))
    return gas_rows(make_sonogram(CROWDED_FROM + turn, contents="case:crowded"))


def gas_rows(phantom: SonoPhantom) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the measures (body, measure), and which body is gas (body, 1), of a phantom's bright bodies.

    Pieces of a focus and what nobody knows are left out, and bodies behind which nothing can be judged.
    """
    asked, told = [], []
    for picture in find_pictures(phantom.cine):
        levels = picture.levels(0)
        sonogram = map_sonogram(levels, picture)
        sights = see_bodies(levels, picture, sonogram, find_scales(levels, picture, sonogram))
        for sight, name in zip(sights, names_of(sights, picture, phantom.truth), strict=True):
            if isinstance(sight.trail, str) or name in {"piece", "unsure"}:
                continue
            own = measures_asked(sight, weigh(sight, weigh_mimics(sight)[0]))
            asked.append(gas_measures(sight.trail, own))
            told.append(float(name == "gas"))
    return np.reshape(asked, (-1, len(GAS_ASKED))), np.reshape(told, (-1, 1))


def write_gas(out: Path, count: int) -> None:
    """Make so many pictures, fit the forest and write it.

    Raises
    ------
    UsageError
        If that many would use seeds of other pictures, or of the test split.
    """
    most = 3 * min(GAS_FROM - DRAWN_FROM, CROWDED_FROM - GAS_FROM, FIRST_OF_TEST - CROWDED_FROM)
    if count > most:
        raise UsageError(f"at most {most} pictures: later seeds are for others")
    asked, told = gather_rows(make_gas_rows, count)
    forest = fit_forest(
        asked,
        told,
        trees=TREES,
        names=(GAS_ASKED, ("gas",)),
        least_leaf=LEAST_LEAF,
        tried=TRIED,
    )
    forest.save(out)
    log.info("%d bodies, %d of them gas, of %d pictures", len(told), int(told.sum()), count)
