"""One liver's outline as drawn by chance: tables of its underside and back in the frame of an ordinary adult.

The underside is a surface z = V(x, y), the back a surface y = B(x, z), both given by tables in the frame
of an ordinary adult (half-width of the inside 134.5 mm, half-depth 83.5 mm, dome at z = 78), stretched to
the patient; each of their knots varies, and so do the tip of the left lobe, the fissures, the gallbladder
and what disease or surgery has taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.variation import Variation
from hepalith.phantom.shape import exact
from hepalith.phantom.shape.shape import Ellipsoid, Oval, Point, Shape, Tube

__all__ = [
    "KNOTS_X",
    "KNOTS_Y",
    "KNOTS_Z",
    "Frame",
    "Plan",
    "draw_plan",
    "left_weight",
    "make_frame",
    "placed",
]

Array = NDArray[np.float32]

FRAME_HALF_MM = (134.5, 83.5)
"""Half-width and half-depth of the inside of the trunk for which the tables are drawn."""

FRAME_BACK_MM = 75.5
"""y of the back of that inside; the patient lies on it, and depth grows forward."""

KNOTS_X = (-140.0, -115.0, -90.0, -65.0, -40.0, -15.0, 10.0, 35.0, 60.0, 85.0, 110.0, 135.0)
KNOTS_Y = (-95.0, -65.0, -35.0, -5.0, 25.0, 55.0, 85.0)
KNOTS_Z = (-110.0, -75.0, -40.0, -5.0, 30.0, 65.0, 100.0)
"""Where the tables below are given, mm."""

UNDERSIDE = (
    (-64, -84, -104, -122, -128, -124, -110),
    (-50, -68, -90, -112, -124, -124, -112),
    (-32, -44, -52, -60, -76, -94, -88),
    (-26, -30, -22, -14, -26, -58, -62),
    (-28, -30, -12, 0, 2, -6, -12),
    (-36, -32, -16, 0, 8, 8, 8),
    (-38, -34, -16, 0, 8, 12, 12),
    (-32, -28, -14, 0, 8, 14, 18),
    (-20, -14, -4, 8, 14, 20, 26),
    (-2, 4, 12, 18, 24, 30, 36),
    (18, 22, 28, 32, 36, 42, 48),
    (32, 36, 42, 46, 50, 56, 60),
)
"""V: z of the underside at each x (rows, right to left) and y (columns, front to back), mm.

Our judgement, drawn after routine CT: the right lobe hangs low along the wall and thins to a shell
beside the kidney, the hilum lies near (-24, 4, -12), the left lobe rises to the left.
"""

BACKSIDE = (
    (95, 95, 95, 95, 95, 95, 95),
    (95, 95, 95, 95, 95, 95, 95),
    (90, 90, 90, 90, 90, 90, 90),
    (66, 66, 70, 75, 75, 70, 60),
    (30, 30, 38, 48, 54, 50, 40),
    (0, 0, 8, 24, 30, 30, 20),
    (-20, -20, -6, 14, 27, 26, 12),
    (-40, -38, -26, -10, 2, 6, 4),
    (-50, -46, -32, -18, -6, 0, 2),
    (-50, -48, -36, -24, -12, -4, 2),
    (-50, -50, -38, -28, -16, -6, 2),
    (-50, -50, -40, -30, -14, -2, 6),
)
"""B: y of the back at each x (rows) and z (columns, low to high), mm. Our judgement, as `UNDERSIDE`."""

ADULT_ML = 1600.0
"""Liver of an adult of scale 1; over ages and sexes the median is then near 1400 mL. Our judgement:
2 to 2.5 % of the body's weight."""

SMALLEST_ML, LARGEST_ML = 650.0, 2700.0
"""Between these an adult's liver is drawn; a child's by the cube of its scale."""


GROWN_SCALE, CHILD_GAIN = 0.85, 1.2
"""Below this scale the liver is larger for the body: 3.5 to 4 % of a small child's weight. Our judgement."""

SWOLLEN_SHARE = 0.07
"""Share of livers enlarged by a fifth and more. Our judgement."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How an ordinary adult's frame is stretched to a patient: ``p = origin + scale · frame point``."""

    origin: Point
    scale: Point

    def to_patient(self, point: Point) -> Point:
        """Return a point of the frame in LPS mm."""
        x, y, z = (round(o + s * p, 6) for o, s, p in zip(self.origin, self.scale, point, strict=True))
        return (x, y, z)

    def from_patient(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return LPS mm in the frame."""
        found = [
            (p - np.float32(o)) / np.float32(s)
            for p, o, s in zip((x, y, z), self.origin, self.scale, strict=True)
        ]
        return found[0], found[1], found[2]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One liver's outline before it is evaluated, in the frame.

    Parameters
    ----------
    underside, backside
        The tables V and B with this liver's variation.
    tip
        x where the left lobe ends.
    shrunk_right_mm
        How far the right lobe has drawn away from the wall.
    hollows
        What is taken out, and over how many mm the edge is rounded.
    gallbladder
        Its outer surface; ``None`` if removed.
    ripple_mm, nodule_mm
        Height of the broad waves of the surface, and of nodules.
    target_ml
        Volume to be reached.
    resection, regrown_mm
        Which part is gone, and how far the rest has grown over the cut's plane.
    noise_seed
        Seed of the surface's waves.
    hilum
        Where the portal vein divides.
    fill
        How far the underside is let down, mm, to reach the volume.
    """

    underside: NDArray[np.float64]
    backside: NDArray[np.float64]
    tip: float
    shrunk_right_mm: float
    hollows: tuple[tuple[Shape, float], ...]
    gallbladder: Tube | None
    ripple_mm: float
    nodule_mm: float
    target_ml: float
    resection: str
    regrown_mm: float
    noise_seed: int
    hilum: Point
    fill: float = 0.0


def make_frame(variation: Variation, cavity: Oval) -> Frame:
    """Return the frame for a patient whose trunk has the inside `cavity`."""
    half_x, half_y = cavity.radii
    across, deep = half_x / FRAME_HALF_MM[0], half_y / FRAME_HALF_MM[1]
    tall = across / variation.breadth
    back = cavity.centre[1] + half_y
    origin = (cavity.centre[0], back - FRAME_BACK_MM * deep, 0.0)
    return Frame(
        (round(origin[0], 6), round(origin[1], 6), 0.0), (round(across, 6), round(deep, 6), round(tall, 6))
    )


def placed(tube: Tube, frame: Frame) -> Tube:
    """Return a tube of the frame where it lies in the patient."""
    size = min(frame.scale)
    return Tube(tuple(frame.to_patient(p) for p in tube.path), tuple(round(size * r, 6) for r in tube.radii))


def _smooth_noise(random: np.random.Generator, shape: tuple[int, int], height: float) -> NDArray[np.float64]:
    """Return knots' variation, neighbours alike."""
    rough = random.uniform(-1, 1, (shape[0] + 2, shape[1] + 2))
    near = rough[:-1] + rough[1:]
    near = near[:, :-1] + near[:, 1:]
    near = near[:-1] + near[1:]
    near = near[:, :-1] + near[:, 1:]
    return np.asarray(height / 6.0 * near + 0.35 * height * random.uniform(-1, 1, shape))


def left_weight() -> NDArray[np.float64]:
    """Return how much each column of knots belongs to the left lobe."""
    return np.clip((np.asarray(KNOTS_X) + 15.0) / 40.0, 0, 1)


def _draw_tables(
    variation: Variation, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Return V, B, the tip of the left lobe and the shrinkage of the right, with lobes as they vary."""
    under, behind = np.array(UNDERSIDE, dtype=float), np.array(BACKSIDE, dtype=float)
    under += _smooth_noise(random, under.shape, 7.0)
    behind += _smooth_noise(random, behind.shape, 5.0)
    left = left_weight()[:, None]
    right = 1 - left
    tilt = float(random.uniform(-12, 12))
    under += tilt * np.asarray(KNOTS_X)[:, None] / 100
    size = variation.left_lobe * float(random.uniform(0.9, 1.1))
    tip = 74.0 + 42.0 * (size - 1.0) + float(random.uniform(-24, 26))
    under -= left * 14.0 * (size - 1)
    behind += left * 12.0 * (size - 1)
    thick = float(random.uniform(-10, 14))
    behind += left * thick
    reach = float(random.uniform())
    if tip > 92 or reach < 0.18:
        tip = max(tip, 92 + 30 * reach)
        hug = np.clip((np.asarray(KNOTS_X) - 60) / 40, 0, 1)[:, None]
        behind += hug * float(random.uniform(5, 45))
        under += hug * float(random.uniform(0, 18))
    shrunk = 0.0
    lost = variation.atrophy or variation.resection
    severity = float(random.uniform(0.6, 1.0))
    if lost in {"left", "lateral"}:
        edge = left if lost == "left" else np.clip((np.asarray(KNOTS_X) - 5) / 30, 0, 1)[:, None]
        under += severity * 26 * edge - 8 * right
        behind -= severity * 26 * edge
        tip -= severity * 38
    elif lost in {"right", "right_posterior"}:
        under += severity * (34 if lost == "right" else 16) * right - severity * 16 * left
        behind += severity * 16 * left
        tip += severity * 26
        shrunk = severity * (34.0 if lost == "right" else 14.0)
    if variation.riedel:
        where = exact.exp(-(((np.asarray(KNOTS_X) + 118) / 30) ** 2))[:, None]
        along = exact.exp(-(((np.asarray(KNOTS_Y) + 12) / 45) ** 2))[None, :]
        under -= float(random.uniform(45, 85)) * where * along
    return under, behind, min(max(tip, 14.0), 124.0), shrunk


def _lerp(table: NDArray[np.float64], x: float, second: float, knots: tuple[float, ...]) -> float:
    columns = [float(np.interp(x, KNOTS_X, table[:, k])) for k in range(len(knots))]
    return float(np.interp(second, knots, columns))


def _draw_gallbladder(
    variation: Variation, random: np.random.Generator, under: NDArray[np.float64]
) -> Tube | None:
    """Return the gallbladder in its fossa, from the neck near the hilum forward and down to the fundus."""
    size, x, length = (
        variation.gallbladder_scale,
        float(random.uniform(-58, -40)),
        float(random.uniform(0.85, 1.15)),
    )
    turn, sink = float(random.uniform(-10, 10)), float(random.uniform(0.25, 0.75))
    if size <= 0 or variation.resection in {"left", "right"}:
        return None
    radius = 13.0 * size
    parts, radii = [], []
    for share, width in ((0.0, 0.35), (0.25, 0.7), (0.6, 1.0), (1.0, 0.92)):
        y = -18 - 48 * length * share * min(size, 1.2)
        at_x = x + 14 * (1 - share) + turn * share
        r = radius * width
        z = _lerp(under, at_x, y, KNOTS_Y) - r * (1 - 2 * sink) - 2
        parts.append((round(at_x, 6), round(y, 6), round(z, 6)))
        radii.append(round(r, 6))
    return Tube(tuple(parts), tuple(radii))


def _draw_hollows(
    variation: Variation, random: np.random.Generator, hilum: Point
) -> tuple[tuple[Shape, float], ...]:
    """Return what the liver embraces: spine and crus, porta hepatis and the fissures.

    The fissures of the ligamentum teres and venosum are slits of fat, 1 to 5 mm wide, wider in the obese.
    """
    near = [float(v) for v in random.uniform(-1, 1, 12)]
    fat = 0.5 + variation.visceral_fat
    z = hilum[2]
    spine = Ellipsoid((10.0, 52.0, 0.0), (40.0, 38.0, 160.0))
    crus = Tube(((14.0, 34.0, -110.0), (15.0, 31.0, 20.0), (16.0, 20.0, 90.0)), (16.0, 15.0, 13.0))
    porta = Ellipsoid(
        (-20 + 3 * near[0], 3 + 3 * near[1], z - 9), (24 + 4 * near[2], 8 * fat + 3, 11), yaw=22
    )
    teres = Ellipsoid(
        (4 + 5 * near[3], -60 + 6 * near[9], z - 8 + 6 * near[4]),
        (0.6 + 1.2 * fat * (1 + 0.5 * near[10]), 25 + 7 * near[10], 22 + 5 * near[11]),
        yaw=6 + 12 * near[5],
        roll=10 * near[9],
    )
    venosum = Ellipsoid(
        (14, -4 + 2 * near[6], z + 24), (20 + 4 * near[7], 0.6 + 0.9 * fat, 24 + 4 * near[7]),
        yaw=-12 + 10 * near[8],
    )  # fmt: skip
    return ((spine, 8.0), (crus, 6.0), (porta, 10.0), (teres, 3.0), (venosum, 3.0))


def draw_plan(variation: Variation, random: np.random.Generator, frame: Frame) -> Plan:
    """Draw one liver's outline."""
    under, behind, tip, shrunk = _draw_tables(variation, random)
    hilum = (-24.0, 4.0, round(min(max(_lerp(under, -24.0, 4.0, KNOTS_Y) + 2.0, -24.0), 10.0), 6))
    gallbladder = _draw_gallbladder(variation, random, under)
    hollows = _draw_hollows(variation, random, hilum)
    ripple = float(random.uniform(0.8, 2.4))
    nodular = float(random.uniform()) < 0.08
    nodule = float(random.uniform(1.0, 2.6))
    grown = frame.scale[0] * frame.scale[1] * frame.scale[2]
    size = variation.liver_scale * variation.liver_scale * float(random.uniform(0.82, 1.22))
    swollen, by = float(random.uniform()) < SWOLLEN_SHARE, float(random.uniform(1.2, 1.6))
    size *= by if swollen else 1.0
    size *= 1 + CHILD_GAIN * max(GROWN_SCALE - variation.scale, 0.0)
    regrown = float(random.uniform(0, 40))
    lost = {"": 1.0, "lateral": 0.9, "left": 0.85, "right": 0.72, "right_posterior": 0.82}
    share = (
        lost[variation.resection] * (0.92 if variation.atrophy else 1.0) * (1.06 if variation.riedel else 1.0)
    )
    target = min(max(ADULT_ML * size * share, SMALLEST_ML), LARGEST_ML) * min(grown, 1.5)
    return Plan(
        under, behind, tip, shrunk, hollows, gallbladder, ripple, nodule if nodular else 0.0,
        target, variation.resection, regrown, int(random.integers(1 << 30)), hilum,
    )  # fmt: skip
