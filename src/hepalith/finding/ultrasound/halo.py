"""Whether something dark encloses a bright focus on all sides, as a lesion does and a tube does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.finding.ultrasound.ring import Ring, judge_window, level_window, measure_ring
from hepalith.finding.ultrasound.scene import Scene, Sight, pixels_of

__all__ = ["About", "Halo", "look_about", "measure_halo"]

RAYS = 24
"""Directions that are followed outward from a focus."""

REACH_MM = 26.0
"""How far a ray is followed. A lesion of 5 cm with its calcium in the middle still ends there."""

STEP_MM = 0.5
START_MM = 11.0
"""Distance from the focus within which the dark must begin: the bright centre of a bull's eye lies between.
A third of a lesion of 4 cm. Our judgement."""

LEAST_RUN_MM = 1.5
"""Least thickness of the dark, the smoothing being 1.6 mm wide."""

GAP_STEPS = 3
"""Steps of liver after which the dark has ended: one bright grain within it does not end it."""

EMPTIEST = 0.75
"""Quantile of the emptiness that is looked at: somewhere bile is as empty as blood, a lesion's tissue
nowhere; the blur of the bright body fills the rest."""

ADJOINING_STEPS = 4
"""Steps from the focus within which the dark begins that adjoins it: two millimetres, its blur."""

LEAST_ADJOINING = 4
"""Fewest such rays from which a thickness is told."""

LEAST_RAYS = 8
"""Fewest rays that must be judged; a third. Behind the focus lies its shadow."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Halo:
    """What lies about a focus along rays.

    Parameters
    ----------
    enclosed
        Share of the judged rays on which the dark begins near by and ends within reach.
    open_ended
        Share of the judged rays on which the dark runs on beyond the reach.
    radius_mm
        Middle distance at which the dark ends, of the rays on which it does.
    uneven
        The longest tenth of these distances over their middle: a tube is long along its axis only.
    emptiness
        Of the emptier part of the dark: 0 as liver, 1 as the tubes of the picture.
    judged
        Share of the rays that can be judged.
    thickness_mm
        Middle thickness of the dark on the rays on which it begins at the focus: about a stone in a duct
        what the duct leaves beside it, in a gallbladder or a wide cyst much more.
    """

    enclosed: float
    open_ended: float
    radius_mm: float
    uneven: float
    emptiness: float
    judged: float
    thickness_mm: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What lies about a focus in one picture. `ring` is None where its place is not known there."""

    sight: Sight
    ring: Ring | None
    halo: Halo

    @property
    def mass(self) -> float:
        """Probability that a lesion that is not empty lies about the focus.

        The dark ends near by on all sides, at about the same distance: a tube is long along its axis. Where
        the focus lies in a brighter centre (what touches it is no darker than liver) that is enough; where it
        lies in the dark itself that is a lesion's only if it is less empty than the tubes of the picture.
        """
        if self.ring is None or self.halo.judged == 0:
            return 0.0
        closed = _rise(self.halo.enclosed, ENCLOSED, ENCLOSED_SPREAD) * _rise(
            -self.halo.uneven, -UNEVEN, UNEVEN_SPREAD
        )
        wide = _rise(self.halo.radius_mm, LEAST_RADIUS_MM, RADIUS_SPREAD_MM)
        within_dark = _rise(self.ring.around, WITHIN_DARK, WITHIN_SPREAD)
        filled = _rise(-self.halo.emptiness, -FILLED, FILLED_SPREAD)
        return MOST_MASS * closed * wide * (1.0 - within_dark * (1.0 - filled))


ENCLOSED, ENCLOSED_SPREAD = 0.74, 0.04
"""Share of the rays on which the dark ends, at which a lesion is as likely as not.

This and the next numbers are our judgement, looked at on the development phantoms: stones in ducts against
calcium in metastases.
"""

UNEVEN, UNEVEN_SPREAD = 2.0, 0.2
"""The same of the unevenness of its radius."""

LEAST_RADIUS_MM, RADIUS_SPREAD_MM = 4.5, 0.6
"""The same of the radius: a dilated duct ends nearer."""

WITHIN_DARK, WITHIN_SPREAD = 0.22, 0.05
"""Dark share of the rim from which a focus lies in the dark itself, and no bright centre is between."""

FILLED, FILLED_SPREAD = 0.88, 0.02
"""Emptiness below which what is dark is no bile."""

MOST_MASS = 0.9
"""How sure of a lesion B-mode can be here."""


def _rise(value: float, middle: float, spread: float) -> float:
    return 1.0 / (1.0 + math.exp(min(max(-(value - middle) / spread, -50.0), 50.0)))


MOST_SIGHTS = 4
"""Pictures of one focus that are looked at, the best first: a fifth view adds little and costs as much."""


def look_about(scene: Scene) -> Mapping[int, tuple[About, ...]]:
    """Return what lies about every focus that is to be explained, in each picture that shows it."""
    return MappingProxyType(
        {
            f.id: tuple(About(s, measure_ring(s), measure_halo(s)) for s in scene.sights[f.id][:MOST_SIGHTS])
            for f in scene.explained
        }
    )


NO_HALO = Halo(0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
"""Of a focus about which too little can be judged."""


def measure_halo(sight: Sight) -> Halo:
    """Return what encloses a focus in one picture.

    Notes
    -----
    Rays run outward from the middle of the bright body over the smoothed picture (as in
    `hepalith.finding.ultrasound.ring`). A ray is judged where its first `START_MM` beyond the body lie in the
    picture and in no shadow. Along each the first dark run is sought and followed to its end.
    """
    look, echo = sight.look, sight.echo
    body = look.echoes.labels == echo.id
    if not body.any():
        return NO_HALO
    grid = look.picture.grid
    rows, lines = np.nonzero(body)
    middle = float(rows.mean()), float(lines.mean())
    across = max(float(grid.width_px[int(middle[0]), 0]), 1e-3)
    reach = pixels_of(look, REACH_MM)
    window = tuple(
        slice(max(int(m - reach / s) - 2, 0), min(int(m + reach / s) + 3, n))
        for m, s, n in zip(middle, (grid.step_px, across), body.shape, strict=True)
    )
    steps = (grid.step_px, across)
    levels = level_window(sight, window, steps)
    judged = judge_window(sight, window, steps)
    turns = np.arange(RAYS) * (2 * np.pi / RAYS)
    far = np.arange(1, int(REACH_MM / STEP_MM) + 1) * pixels_of(look, STEP_MM)
    down = middle[0] - window[0].start - np.cos(turns)[:, None] * far / grid.step_px
    right = middle[1] - window[1].start + np.sin(turns)[:, None] * far / across
    at = np.stack([down, right])

    def sample(values: NDArray[np.generic], outside: float) -> Floats:
        return np.asarray(
            ndimage.map_coordinates(values.astype(np.float64), at, order=0, mode="constant", cval=outside)
        )

    own = sample(body[window], 0.0) > 0.5
    return _along(
        sample(levels.dark, 0.0) > 0.5, sample(judged, 0.0) > 0.5, own, sample(levels.emptiness, 0.0)
    )


def _along(dark: NDArray[np.bool_], judged: NDArray[np.bool_], own: NDArray[np.bool_], empty: Floats) -> Halo:
    """Return the halo of rays, each a row; every array has shape (rays, steps)."""
    ends, kinds, values, thick = list[float](), list[str](), list[float](), list[float]()
    for ray in range(len(dark)):
        border = int(np.flatnonzero(own[ray]).max()) + 1 if own[ray].any() else 0
        start = border + int(START_MM / STEP_MM)
        if not judged[ray, border + 2 : start].all():
            continue
        kind, end, first = _follow(dark[ray] & judged[ray], border, start)
        kinds.append(kind)
        if kind != "none":
            values.extend(empty[ray, first : end + 1].tolist())
        if kind != "none" and first - border <= ADJOINING_STEPS:
            thick.append((end - first + 1) * STEP_MM)
        if kind == "ends":
            ends.append(end * STEP_MM)
    if len(kinds) < LEAST_RAYS:
        return NO_HALO
    radius = float(np.median(ends)) if ends else 0.0
    return Halo(
        kinds.count("ends") / len(kinds),
        kinds.count("open") / len(kinds),
        radius,
        float(np.quantile(ends, 0.9)) / max(radius, 1e-6) if ends else 1.0,
        float(np.quantile(values, EMPTIEST)) if values else 0.0,
        len(kinds) / len(dark),
        float(np.median(thick)) if len(thick) >= LEAST_ADJOINING else 0.0,
    )


def _follow(dark: NDArray[np.bool_], border: int, start: int) -> tuple[str, int, int]:
    """Return whether a ray meets a dark run ("none", "ends", "open"), where it ends and where it begins."""
    least = int(LEAST_RUN_MM / STEP_MM)
    place = border
    while place < min(start, len(dark)):
        if not dark[place]:
            place += 1
            continue
        end, gap = place, 0
        for step in range(place, len(dark)):
            gap = 0 if dark[step] else gap + 1
            end = step if dark[step] else end
            if gap >= GAP_STEPS:
                break
        else:
            return "open", end, place
        if end - place + 1 >= least:
            return "ends", end, place
        place = end + 1
    return "none", 0, 0
