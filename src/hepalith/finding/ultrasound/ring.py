"""What lies around one bright body, direction by direction: tissue, or something dark.

What lies behind it is left out: there a shadow is as dark as bile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepalith.anatomy.ultrasound.sonogram import DarkBody
from hepalith.calcification.echo import Echo
from hepalith.finding.ultrasound.scene import Sight, black_of, pixels_of

__all__ = ["SECTORS", "Levels", "Ring", "judge_window", "level_window", "measure_ring"]

SECTORS = 12
"""Directions that are told apart about a focus. Fewer do not tell both ends of a tube from one side; with
more a sector of a small focus holds no speckle cell of its own."""

GAP_MM, RIM_MM, FAR_MM = 0.8, 2.5, 7.0
"""Blooming of the bright body that is left out, the rim that is looked at, how far a dark body is followed.

A stone lies in bile of 1 to 5 mm about it, or fills the duct. Our judgement.
"""

DARK_SD = 1.3
"""Standard deviations of speckle below the tissue, after smoothing over a millimetre, from which a place is
dark: smoothing leaves a third to a half of the speckle, so that tissue falls below it in one place of 150 or
fewer."""

SMOOTH_MM = 0.8
"""Half width of the smoothing. A rim of bile of 1.5 mm still reads dark then."""

ABOVE_BLACK = 2.0
"""Standard deviations of speckle that liver lies above black at least.

Where the display clips the weakest echoes there is no room for its usual spread: a place is dark there at a
third of the way from black to liver.
"""

LEAST_PIXELS = 4
"""Fewest samples that speak for a direction."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ring:
    """The surroundings of one bright body.

    Parameters
    ----------
    near, far
        Dark share of each direction, clockwise from towards the transducer, in the rim and beyond it;
        NaN where it cannot be judged: behind the body, beyond the picture.
    bodies
        Share of the judged rim that each dark body of the sonogram fills.
    known
        The dark bodies by id.
    body_px
        Area of the bright body itself, in pixels of the screen.
    emptiness
        Of what is dark in the rim: 0 as bright as liver, 1 as dark as the tubes of this picture. Bile is as
        empty as blood, the rim of a lesion is not.
    """

    near: Floats
    far: Floats
    bodies: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    known: Mapping[int, DarkBody] = field(default_factory=lambda: MappingProxyType({}))
    body_px: float = 0.0
    emptiness: float = 0.0

    @property
    def judged(self) -> float:
        """Share of the directions that can be judged."""
        return float(np.isfinite(self.near).mean())

    @property
    def around(self) -> float:
        """Mean dark share of the rim over the directions that can be judged."""
        return _mean(self.near)

    @property
    def beyond(self) -> float:
        """The same beyond the rim: high in a wide cyst or mass, low about a rim of bile."""
        return _mean(self.far)

    @property
    def opposite(self) -> float:
        """Darkness of the darkest pair of opposite directions: high within a tube that the body fills."""
        other = np.roll(self.near, SECTORS // 2)
        pairs = np.minimum(self.near, other)
        return float(np.nanmax(pairs)) if np.isfinite(pairs).any() else 0.0

    @property
    def one_sided(self) -> float:
        """Darkness of the darkest direction whose opposite can be judged and is not dark."""
        other = np.roll(self.near, SECTORS // 2)
        sides = np.where(np.isfinite(other), self.near - other, np.nan)
        return float(max(np.nanmax(sides), 0.0)) if np.isfinite(sides).any() else 0.0

    @property
    def half_hidden(self) -> float:
        """Darkness of the darkest direction whose opposite cannot be judged: what faces a shadow."""
        hidden = ~np.isfinite(np.roll(self.near, SECTORS // 2))
        facing = self.near[hidden & np.isfinite(self.near)]
        return float(facing.max()) if facing.size else 0.0

    @property
    def darkest(self) -> float:
        """Darkness of the darkest direction."""
        return float(np.nanmax(self.near)) if np.isfinite(self.near).any() else 0.0

    @property
    def closed(self) -> float:
        """Share of the judged directions that are dark: 1 about what lies in a closed dark rim."""
        judged = self.near[np.isfinite(self.near)]
        return float((judged >= 0.5).mean()) if judged.size else 0.0


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


def measure_ring(sight: Sight) -> Ring | None:
    """Return what lies about a focus in one picture; None where its place is not known there.

    Notes
    -----
    Distances are taken on the screen: a step along the beam and one across it, at the focus's depth. What
    lies behind the body (within its own beam lines, widened by the blooming) is not judged. A place is dark
    where the sonogram has a dark body, or where the levels, smoothed, lie `DARK_SD` below the tissue.
    """
    look, echo = sight.look, sight.echo
    body = look.echoes.labels == echo.id
    if not body.any():
        return None
    grid = look.picture.grid
    rows, lines = np.nonzero(body)
    across = float(grid.width_px[int(np.median(rows)), 0])
    reach = pixels_of(look, FAR_MM)
    pad = (int(np.ceil(reach / grid.step_px)) + 2, int(np.ceil(reach / max(across, 1e-3))) + 2)
    window = tuple(
        slice(max(int(at.min()) - p, 0), min(int(at.max()) + p + 1, n))
        for at, p, n in zip((rows, lines), pad, body.shape, strict=True)
    )
    steps = (grid.step_px, across)
    inner = body[window]
    away = ndimage.distance_transform_edt(~inner, sampling=steps)
    levels = level_window(sight, window, steps)
    dark = levels.dark
    judged = judge_window(sight, window, steps)
    toward = _directions(inner, steps)
    gap, rim = pixels_of(look, GAP_MM), pixels_of(look, RIM_MM)
    near = judged & (away > gap) & (away <= rim)
    far = judged & (away > rim) & (away <= reach)
    labels = look.sonogram.dark[window]
    held, counts = np.unique(labels[near], return_counts=True)
    total = max(int(near.sum()), 1)
    shares = {int(i): float(n / total) for i, n in zip(held, counts, strict=True) if i}
    known = {b.id: b for b in look.sonogram.bodies if b.id in shares}
    return Ring(
        _shares(dark, near, toward),
        _shares(dark, far, toward),
        MappingProxyType(shares),
        MappingProxyType(known),
        float(inner.sum()) * steps[0] * steps[1],
        float(levels.emptiness[near & dark].mean()) if (near & dark).any() else 0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The surroundings, smoothed: which places are dark, and how empty each is (0 liver, 1 a tube)."""

    dark: NDArray[np.bool_]
    emptiness: Floats


def level_window(sight: Sight, window: tuple[slice, ...], steps: tuple[float, float]) -> Levels:
    """Return how dark the surroundings are; what is bright does not fill the rim with its own blur."""
    look = sight.look
    sonogram = look.sonogram
    size = [2 * round(pixels_of(look, SMOOTH_MM) / s) + 1 for s in steps]
    tissue = look.echoes.labels[window] == 0
    background = sonogram.background[window]
    room = background - black_of(look)
    weight = ndimage.uniform_filter(tissue.astype(np.float64), size)
    total = ndimage.uniform_filter(np.where(tissue, background - look.levels[window], 0.0), size)
    below = total / np.maximum(weight, 1e-6)
    spread = np.maximum(np.minimum(sonogram.speckle_sd[window], room / ABOVE_BLACK), 1e-3)
    dark = (sonogram.dark[window] > 0) | ((below > DARK_SD * spread) & (weight > 0))
    return Levels(np.asarray(dark), np.clip(below / np.maximum(room * sight.lumen, 1.0), 0.0, 1.0))


def judge_window(sight: Sight, window: tuple[slice, ...], steps: tuple[float, float]) -> NDArray[np.bool_]:
    """Return where something can be judged: in the picture, heard, in no bright body and in no shadow."""
    look = sight.look
    labels = look.echoes.labels[window]
    shading = {e.id for e in look.echoes.echoes if _shades(e)} | {sight.echo.id}
    bright = np.isin(labels, list(shading))
    widened = int(np.ceil(pixels_of(look, GAP_MM) / max(steps[1], 1e-3)))
    spread = ndimage.binary_dilation(bright, np.ones((1, 2 * widened + 1), bool))
    behind = np.maximum.accumulate(spread, axis=0)
    return np.asarray(
        look.picture.grid.inside[window] & look.sonogram.heard[window] & ~behind & (labels == 0)
    )


def _shades(echo: Echo) -> bool:
    """Return whether another bright body may darken what lies behind it."""
    return echo.is_counted and echo.shadow.grade == "clean"


def _directions(body: NDArray[np.bool_], steps: tuple[float, float]) -> NDArray[np.intp]:
    """Return the direction of every place from the nearest part of the body, clockwise from the front."""
    rows, lines = np.nonzero(body)
    at = np.indices(body.shape)
    down = (at[0] - rows.mean()) * steps[0]
    right = (at[1] - lines.mean()) * steps[1]
    turn = np.arctan2(right, -down) / (2 * np.pi) % 1.0
    return np.asarray(np.floor(turn * SECTORS + 0.5).astype(np.intp) % SECTORS)


def _shares(dark: NDArray[np.bool_], where: NDArray[np.bool_], toward: NDArray[np.intp]) -> Floats:
    """Return the dark share of each direction, NaN where too little of it can be judged."""
    counts = np.bincount(toward[where], minlength=SECTORS)
    hits = np.bincount(toward[where & dark], minlength=SECTORS)
    shares = hits / np.maximum(counts, 1)
    return np.where(counts >= LEAST_PIXELS, shares, np.nan)
