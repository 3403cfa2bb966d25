"""The forest that names forms: trained on bodies of development phantoms, whose form is known."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hepalith.anatomy.ultrasound.sonogram import map_sonogram
from hepalith.calcification.ultrasound.find import see_bodies
from hepalith.calcification.ultrasound.form import FORMS
from hepalith.calcification.ultrasound.form_measures import FORM_MEASURES, measure_form
from hepalith.calcification.ultrasound.scale import find_scales
from hepalith.image.picture import find_pictures
from hepalith.phantom.ultrasound.entry import SonoPhantom
from hepalith.phantom.ultrasound.make import make_sonogram
from hepalith.training.ultrasound.shadows import fit_forest, matched

__all__ = ["forms_of", "write_forms"]

PICTURES = (
    (None, 300_000, 260),
    ("case:crowded", 340_000, 110),
    ("morphology:rim", 341_000, 25),
    ("morphology:beaded", 342_000, 15),
)
"""Contents (``None``: drawn), first seed and how many: development split. Rims and beads are rare among what
is drawn."""

TREES, LEAST_LEAF, TRIED = 100, 3, 0.35
"""Trees, bodies in a leaf, and the share of measures tried at a node. Our judgement: 2 and 4 bodies do as
well."""

log = logging.getLogger(__name__)


def forms_of(phantom: SonoPhantom) -> Iterator[tuple[list[float], list[float]]]:
    """Yield the measures and the form (one of `FORMS` is 1) of a phantom's foci that are seen."""
    for picture in find_pictures(phantom.cine):
        levels = picture.levels(0)
        sonogram = map_sonogram(levels, picture)
        scales = find_scales(levels, picture, sonogram)
        for truth, sight in matched(phantom, picture, see_bodies(levels, picture, sonogram, scales)):
            if truth.visible and truth.morphology in FORMS and truth.label == "calcification":
                asked = measure_form(sight.body, sight.caliper, scales, picture.grid)
                yield asked.tolist(), [float(name == truth.morphology) for name in FORMS]


def write_forms(out: Path) -> None:
    """Make the pictures, fit the forest and write it."""
    rows = []
    for contents, first, count in PICTURES:
        for seed in range(first, first + count):
            rows += list(forms_of(make_sonogram(seed, contents=contents)))
        log.info("%s: %d bodies", contents or "drawn", len(rows))
    asked, told = (np.array(part, dtype=np.float64) for part in zip(*rows, strict=True))
    forest = fit_forest(
        asked, told, trees=TREES, names=(FORM_MEASURES, FORMS), least_leaf=LEAST_LEAF, tried=TRIED
    )
    forest.save(out)
