"""Single bright bodies by their shape: calcium in the contract's words for ultrasound, and gas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from hepalith.phantom.ultrasound.scene import Body, DuctPlace
from hepalith.phantom.ultrasound.shape import Ellipse, Joined, Lumpy, Ring, Shape, Tube

__all__ = ["MORPHOLOGIES", "bent_tube", "calcified_body", "gas_body", "shape_of"]


def bent_tube(
    start: tuple[float, float],
    angle: float,
    length: float,
    radii: tuple[float, float],
    bend: float = 0.0,
) -> Tube:
    """Return a tube of eight pieces from `start` along `angle` (x towards z), turning by `bend` radians."""
    points, pieces = [start], 8
    for piece in range(pieces):
        turn = angle + bend * (piece + 0.5) / pieces
        x, z = points[-1]
        points.append((x + math.cos(turn) * length / pieces, z + math.sin(turn) * length / pieces))
    widths = np.linspace(radii[0], radii[1], pieces + 1)
    return Tube(tuple(points), tuple(float(w) for w in widths))


def _middle_tube(spot: tuple[float, float], angle: float, size: float, width: float, bend: float) -> Tube:
    """Return a bent strand about a point."""
    start = (spot[0] - math.cos(angle) * size / 2, spot[1] - math.sin(angle) * size / 2)
    return bent_tube(start, angle - bend / 2, size, (width / 2, width / 2), bend)


def _tip_to_tip(strand: Tube) -> float:
    """Return the longest caliper of a strand, its round ends with it."""
    return math.dist(strand.points[0], strand.points[-1]) + strand.radii[0] + strand.radii[-1]


SMALL_MM, SMALL_DB = 2.5, 4.0
"""A body thinner than the beam and the slice fills little of either; what reports call a pin-like dot is
bright all the same, so its echo is drawn stronger (our judgement)."""

Drawn = tuple[Shape, float, float]
"""A shape, its longest and its shortest caliper in mm."""


def _pin(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    width = size * float(rng.uniform(0.75, 1))
    return Ellipse(x, z, size / 2, width / 2, float(rng.uniform(0, 3))), size, width


def _equal_sign(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    angle = float(rng.normal(0, 0.3))
    thick, gap = float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.45, 0.7)) * size
    gap = min(max(gap, 2.0), 3.6)
    cos, sin, half = math.cos(angle), math.sin(angle), size / 2 - thick / 2
    bars = []
    for side in (-1, 1):
        u, v = x - side * gap / 2 * sin, z + side * gap / 2 * cos
        bars.append(
            Tube(((u - half * cos, v - half * sin), (u + half * cos, v + half * sin)), (thick / 2, thick / 2))
        )
    return Joined(tuple(bars)), max(size, math.hypot(size, gap)), min(gap + thick, size)


def _linear(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    width = float(rng.uniform(0.7, 1.2))
    strand = _middle_tube((x, z), float(rng.normal(0, 0.5)), size, width, float(rng.normal(0, 0.4)))
    return strand, _tip_to_tip(strand), width


def _band(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    width = min(float(rng.uniform(1.6, 2.8)), size / 2.5)
    strand = _middle_tube((x, z), float(rng.normal(0, 0.4)), size, width, float(rng.normal(0, 0.5)))
    return strand, _tip_to_tip(strand), width


def _nodular(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    width = size * float(rng.uniform(0.75, 1))
    oval = Ellipse(x, z, size / 2, width / 2, float(rng.uniform(0, 3)))
    return Lumpy(oval, 0.03 * size, max(size / 2, 1.0), float(rng.uniform(0, 6))), size, width


def _lump(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    width = size * float(rng.uniform(0.6, 0.9))
    oval = Ellipse(x, z, size / 2, width / 2, float(rng.uniform(0, 3)))
    return Lumpy(oval, 0.09 * size, max(size / 2.2, 1.2), float(rng.uniform(0, 6))), size, width


def _rim(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    width = size * float(rng.uniform(0.8, 1))
    oval = Ellipse(x, z, size / 2 - 0.5, width / 2 - 0.5, float(rng.uniform(0, 3)))
    return Ring(oval, float(rng.uniform(0.8, 1.4))), size, width


def _beaded(rng: np.random.Generator, x: float, z: float, size: float) -> Drawn:
    angle, bead = float(rng.normal(0, 0.5)), float(rng.uniform(1.2, 2.0))
    count = max(round(size / (bead * 1.25)), 3)
    along = np.linspace(-0.5, 0.5, count) * (size - bead)
    bow = float(rng.normal(0, 0.1)) * size
    spots = [
        (x + t * math.cos(angle) - bow * (2 * t / size) ** 2 * math.sin(angle),
         z + t * math.sin(angle) + bow * (2 * t / size) ** 2 * math.cos(angle))
        for t in along
    ]  # fmt: skip
    parts: list[Shape] = [Ellipse(u, v, bead / 2, bead / 2) for u, v in spots]
    parts.append(Tube(tuple(spots), tuple([0.3] * len(spots))))
    return Joined(tuple(parts)), size, bead


MORPHOLOGIES: Mapping[
    str, tuple[Callable[[np.random.Generator, float, float, float], Drawn], tuple[float, float]]
] = MappingProxyType(
    {
        "pin": (_pin, (0.9, 2.5)),
        "equal_sign": (_equal_sign, (3.0, 6.0)),
        "linear": (_linear, (3.0, 10.0)),
        "band": (_band, (6.0, 16.0)),
        "beaded": (_beaded, (6.0, 16.0)),
        "nodular": (_nodular, (2.5, 8.0)),
        "lump": (_lump, (6.0, 14.0)),
        "rim": (_rim, (7.0, 20.0)),
    }
)
"""How each shape is drawn, and the sizes in mm between which it is: words of the contract."""

FITTING = (
    (2.6, ("pin",)),
    (6.0, ("nodular", "equal_sign", "linear")),
    (99.0, ("nodular", "lump", "linear", "band", "beaded")),
)
"""Shapes that a body of a size may have: up to so many mm, these."""


def shape_of(
    rng: np.random.Generator, morphology: str, x: float, z: float, size: float | None = None
) -> Drawn:
    """Return a shape about a point, of a size or of one that is usual for it."""
    draw, sizes = MORPHOLOGIES[morphology]
    return draw(rng, x, z, float(rng.uniform(*sizes)) if size is None else size)


def calcified_body(
    rng: np.random.Generator,
    number: int,
    x: float,
    z: float,
    size: float | None = None,
    *,
    morphology: str | None = None,
    density: float | None = None,
    duct: DuctPlace | None = None,
) -> Body:
    """Return one calcified body.

    `density` from 0 (soft, chalky: lets most sound through) to 1 (dense: reflects and absorbs);
    ``None``: drawn.
    """
    if morphology is None:
        reach = 3.0 if size is None else size
        morphology = str(rng.choice(next(names for most, names in FITTING if reach <= most)))
    shape, longest, shortest = shape_of(rng, morphology, x, z, size)
    dense = float(rng.uniform(0, 1)) if density is None else density
    return Body(
        number,
        "calcification",
        morphology,
        shape,
        longest,
        shortest,
        level_db=float(rng.uniform(21, 27)) + 7 * dense + (SMALL_DB if shortest < SMALL_MM else 0.0),
        coherent=float(rng.uniform(0.4, 0.8)),
        surface_db=0.8 + 5 * dense,
        inside_db_per_cm_mhz=2 + 13 * dense,
        thickness_mm=max(shortest, 0.8) * float(rng.uniform(0.8, 1.3)),
        duct=DuctPlace("apart") if duct is None else duct,
    )


def gas_body(
    rng: np.random.Generator,
    number: int,
    x: float,
    z: float,
    size: float,
    *,
    tail: bool | None = None,
    duct: DuctPlace | None = None,
) -> Body:
    """Return a bubble or a layer of gas: nearly all sound comes back, and again and again.

    Behind it lies haze (dirty shadow), or with `tail` a train of echoes (ring-down).
    """
    tailed = bool(rng.random() < 0.4) if tail is None else tail
    thick = min(float(rng.uniform(0.8, 1.6)), size / 2)
    strand = _middle_tube((x, z), float(rng.normal(0, 0.15)), size, thick, float(rng.normal(0, 0.3)))
    return Body(
        number,
        "gas",
        "linear" if size > 2.5 * thick else "nodular",
        strand,
        size,
        thick,
        level_db=float(rng.uniform(28, 36)),
        coherent=0.8,
        surface_db=20.0,
        inside_db_per_cm_mhz=20.0,
        thickness_mm=max(size * float(rng.uniform(0.5, 1.0)), 2.0),
        haze_db=None if tailed else float(rng.uniform(-7, 1)),
        haze_fall_db_mm=float(rng.uniform(0.05, 0.2)),
        tail_db=float(rng.uniform(14, 22)) if tailed else None,
        tail_mm=float(rng.uniform(0.9, 2.2)),
        tail_fall_db_mm=float(rng.uniform(0.3, 0.9)),
        duct=DuctPlace("in_lumen") if duct is None else duct,
    )
