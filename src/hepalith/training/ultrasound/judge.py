"""The forest that judges bright bodies beside the weights: trained on development phantoms alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hepalith.calcification.ultrasound.evidence_measures import ASKED
from hepalith.errors import UsageError
from hepalith.training.ultrasound.measures import CROWDED, load_measures
from hepalith.training.ultrasound.shadows import fit_forest

__all__ = ["write_judge"]

LEARNED_FROM = ("phantoms", CROWDED)
"""Sets that the forest may learn from: real stills are for measuring alone, and a forest would know each of
their walls again."""

TREES, LEAST_LEAF, TRIED = 100, 4, 0.3
"""Trees, bodies in a leaf, and the share of measures tried at a node: flat about these on development
phantoms in five parts, each left out in turn."""

log = logging.getLogger(__name__)


def write_judge(measures: Sequence[Path], out: Path) -> None:
    """Fit the forest on files of measures and write it; pieces and what nobody knows are left out.

    Raises
    ------
    UsageError
        If a file holds pictures that the forest must not learn from.
    """
    rows = [row for path in measures for row in load_measures(path)]
    for kind in sorted({row.kind for row in rows}):
        if kind not in LEARNED_FROM:
            raise UsageError(f"the forest learns from {' and '.join(LEARNED_FROM)}, not from {kind}")
    bodies = [body for row in rows for body in row.bodies if body.truth not in {"piece", "unsure"}]
    asked = np.array([body.asked for body in bodies], dtype=np.float64)
    told = np.array([[float(body.truth.isdigit())] for body in bodies])
    forest = fit_forest(
        asked, told, trees=TREES, names=(ASKED, ("focus",)), least_leaf=LEAST_LEAF, tried=TRIED
    )
    forest.save(out)
    log.info("%d bodies of %d pictures", len(bodies), len(rows))
