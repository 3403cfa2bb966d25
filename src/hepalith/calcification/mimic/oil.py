"""Pieces of one nodule that was filled with iodised oil: what lies beside a sure cloud of oil is oil, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import spatial

from hepalith.calcification.extent.aperture import Aperture, Scene
from hepalith.calcification.mimic.appearance import Appearance

__all__ = ["beside_oil", "sure_of_oil"]

SURE = 0.5
"""Probability from which a body is oil for its neighbours."""

SMALLER = 0.5
"""Volume of a piece over that of the cloud up to which it is a piece of it."""

FADES = 0.3
"""Fading (`fading_of`) of a larger one that is a piece of the cloud all the same: it thins out as the cloud
does."""

REACH_MM = 14.0
"""Gap to the cloud beyond which a body is its own: the nodule's rim, and what the vessels about it hold."""

MOST_POINTS = 600
"""Most voxels of a body that distances are measured from."""


def sure_of_oil(labels: Sequence[str], chances: Sequence[float]) -> list[int]:
    """Return the places of the bodies that are oil for their neighbours."""
    return [
        n
        for n, (label, p) in enumerate(zip(labels, chances, strict=True))
        if label == "lipiodol" and p >= SURE
    ]


def beside_oil(  # noqa: PLR0917
    number: int,
    seen: Sequence[Appearance],
    apertures: Sequence[Aperture],
    clouds: Sequence[int],
    scene: Scene,
    chances: Sequence[float],
) -> Appearance | None:
    """Return how a body looks once a cloud of oil is known beside it; None where none is.

    Parameters
    ----------
    number
        Place of the body among those seen.
    seen, apertures
        All bodies.
    clouds
        Places of those that are oil.
    scene
        The crop.
    chances
        Probability of each body's own name.

    Notes
    -----
    The cloud may be as bright as metal, and then was taken for metal by what lies about it: that distance is
    forgotten, too.
    """
    own = _points(apertures[number], scene)
    largest = max(int(apertures[cloud].extent.sum()) for cloud in clouds)
    if int(apertures[number].extent.sum()) > SMALLER * largest and seen[number].fading < FADES:
        return None
    nearest, chance = np.inf, 0.0
    for cloud in clouds:
        away, _ = spatial.KDTree(_points(apertures[cloud], scene)).query(own)
        nearest, chance = min((nearest, chance), (float(away.min()), chances[cloud]), key=lambda one: one[0])
    if nearest > REACH_MM:
        return None
    company = replace(seen[number].company, oil_mm=nearest, oil_chance=chance)
    return replace(seen[number], company=company, metal_mm=np.inf)


def _points(aperture: Aperture, scene: Scene) -> np.ndarray:
    where = np.argwhere(aperture.extent)
    where = where[:: max(1, len(where) // MOST_POINTS)] + np.asarray(aperture.box.start)
    return np.asarray(where * np.asarray(scene.spacing_mm))
