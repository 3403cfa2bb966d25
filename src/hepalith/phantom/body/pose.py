"""How a patient lies in the scanner: made larger or smaller, turned about the long axis, tilted.

Everything is built upright at scale 1 about the origin; the pose brings it to patient space. Tubes stay
tubes and ellipsoids that are not turned stay ellipsoids, for they are painted faster.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepalith.phantom.body.liver import LiverModel
from hepalith.phantom.body.liver_field import Sampled, SampleGrid
from hepalith.phantom.body.liver_plan import Frame
from hepalith.phantom.body.tree import Tree
from hepalith.phantom.body.trunk import Trunk
from hepalith.phantom.body.variation import Variation
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Bounds, Ellipsoid, Oval, Point, Shape, Tube

__all__ = ["Pose", "Posed", "lowest_y", "make_pose", "posed", "posed_body", "scaled_oval", "turned_liver"]

Array = NDArray[np.float32]

PIVOT_MM = (0.0, 25.0, 0.0)
"""Point that a patient turns about, in front of the spine."""

FAR_MM = 1e6
"""Bounds beyond this are no bounds."""

HELD_MM = 150.0
"""How far above and below the middle of the liver a scan of it reaches, mm at most: what an endless trunk
that leans is measured by."""

SMALLEST_TURN_DEG = 1.0
"""Turns below this are left out: nobody sees them, and an upright patient is painted faster."""


@dataclass(frozen=True, slots=True)
class Pose:
    """A change of size about the origin, then a turn about `PIVOT_MM`.

    Parameters
    ----------
    scale
        Size over that of the build.
    yaw, tilt
        Cosine and sine of the turn about the long axis, and of that in the frontal plane after it.
    """

    scale: float = 1.0
    yaw: tuple[float, float] = (1.0, 0.0)
    tilt: tuple[float, float] = (1.0, 0.0)

    @property
    def is_upright(self) -> bool:
        """Whether nothing is turned."""
        return self.yaw[1] == 0.0 and self.tilt[1] == 0.0

    @property
    def turn(self) -> Pose:
        """The pose without its change of size."""
        return replace(self, scale=1.0)

    def point(self, point: Point) -> Point:
        """Return where a point of the build lies in patient space."""
        x, y, z = (self.scale * (p - c) for p, c in zip(point, self._pivot(), strict=True))
        (c, s), (ct, st) = self.yaw, self.tilt
        x, y = c * x - s * y, s * x + c * y
        x, z = ct * x + st * z, ct * z - st * x
        px, py, pz = PIVOT_MM
        return (round(x + px, 6), round(y + py, 6), round(z + pz, 6))

    def _pivot(self) -> Point:
        """Return the pivot in the build's millimetres."""
        x, y, z = (p / self.scale for p in PIVOT_MM)
        return (x, y, z)

    def back(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Return where points of patient space lie in the build."""
        shrink = np.float32(1 / self.scale)
        if self.is_upright:
            return x * shrink, y * shrink, z * shrink
        px, py, pz = (np.float32(p) for p in PIVOT_MM)
        (c, s), (ct, st) = ((np.float32(a), np.float32(b)) for a, b in (self.yaw, self.tilt))
        x, y, z = x - px, y - py, z - pz
        x, z = ct * x - st * z, ct * z + st * x
        x, y = c * x + s * y, c * y - s * x
        return (x + px) * shrink, (y + py) * shrink, (z + pz) * shrink


@dataclass(frozen=True, slots=True)
class Posed:
    """A shape of the build, seen in patient space."""

    shape: Shape
    pose: Pose

    def bounds(self) -> Bounds:
        """Return the box around the posed box."""
        return _posed_bounds(self.shape.bounds(), self.pose)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Return the distance to the posed surface."""
        return np.asarray(self.shape.distance(*self.pose.back(x, y, z)) * np.float32(self.pose.scale))


def _posed_bounds(bounds: Bounds, pose: Pose) -> Bounds:
    """Return the box around a posed box; what has no end along the body has none after a turn.

    Such a body is turned with the length that a scan of the liver can hold: leaning, it would else be
    endless across too.
    """
    held = [[min(max(v, -HELD_MM), HELD_MM) if abs(v) >= FAR_MM else v for v in end] for end in bounds]
    corners = [pose.point((x, y, z)) for x, y, z in itertools.product(*zip(*held, strict=True))]
    low = [-FAR_MM if bounds[0][a] <= -FAR_MM else min(c[a] for c in corners) for a in range(3)]
    high = [FAR_MM if bounds[1][a] >= FAR_MM else max(c[a] for c in corners) for a in range(3)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def make_pose(variation: Variation) -> Pose:
    """Return how a patient lies."""
    turns = []
    for degrees in (variation.rotation_deg, variation.tilt_deg):
        angle = math.radians(degrees) if abs(degrees) >= SMALLEST_TURN_DEG else 0.0
        turns.append((round(math.cos(angle), 12), round(math.sin(angle), 12)))
    return Pose(variation.scale, turns[0], turns[1])


def posed(shape: Shape, pose: Pose) -> Shape:
    """Return a shape of the build in patient space."""
    if pose.is_upright and pose.scale == 1.0:
        return shape
    if isinstance(shape, Tube):
        return Tube(tuple(pose.point(p) for p in shape.path), tuple(r * pose.scale for r in shape.radii))
    if isinstance(shape, Ellipsoid) and pose.is_upright:
        a, b, c = (r * pose.scale for r in shape.radii)
        return replace(shape, centre=pose.point(shape.centre), radii=(a, b, c))
    return Posed(shape, pose)


def posed_body(body: Body, pose: Pose) -> Body:
    """Return a body of the build in patient space."""
    return replace(body, shape=posed(body.shape, pose))


def lowest_y(trunk: Trunk, pose: Pose) -> float:
    """Return how far back a trunk reaches in patient space, mm; a turned one leans on its side."""
    back = max(v.y + v.back for v in trunk.levels)
    side = max(v.side for v in trunk.levels)
    return round(pose.scale * (back + 0.5 * side * abs(pose.yaw[1])), 6)


def scaled_oval(oval: Oval, factor: float) -> Oval:
    """Return an oval multiplied by a factor about the origin."""
    (x, y), (a, b) = oval.centre, oval.radii
    return Oval((x * factor, y * factor), (a * factor, b * factor), oval.power)


@dataclass(frozen=True, slots=True)
class _TurnedFrame(Frame):
    """A liver's frame, turned with the patient."""

    pose: Pose

    def to_patient(self, point: Point) -> Point:
        return self.pose.point(Frame(self.origin, self.scale).to_patient(point))

    def from_patient(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        return Frame(self.origin, self.scale).from_patient(*self.pose.back(x, y, z))


def _turned_samples(shape: Sampled, pose: Pose) -> Sampled:
    """Return a sampled shape, sampled anew where it lies after a turn."""
    step = shape.grid.step_mm
    low, high = _posed_bounds(shape.bounds(), pose)
    first = tuple(math.floor((v - 2 * step) / step) * step for v in low)
    counts = [math.ceil((h - f) / step) + 3 for h, f in zip(high, first, strict=True)]
    grid = SampleGrid((first[0], first[1], first[2]), step, (counts[2], counts[1], counts[0]))
    return Sampled(grid, Posed(shape, pose).distance(*grid.axes()).astype(np.float32))


def turned_liver(liver: LiverModel, pose: Pose) -> LiverModel:
    """Return a liver turned with the patient; it was made in the patient's own size."""
    turn = pose.turn
    if turn.is_upright:
        return liver
    portal, hepatic, artery, ducts = (
        Tree(tuple(replace(b, path=tuple(turn.point(p) for p in b.path)) for b in tree.branches))
        for tree in (liver.portal, liver.hepatic, liver.artery, liver.ducts)
    )
    bladder = liver.gallbladder
    return replace(
        liver,
        shape=_turned_samples(liver.shape, turn),
        portal=portal,
        hepatic=hepatic,
        artery=artery,
        ducts=ducts,
        hilum=turn.point(liver.hilum),
        gallbladder=None if bladder is None else posed(bladder, turn),
        frame=_TurnedFrame(liver.frame.origin, liver.frame.scale, turn),
    )
