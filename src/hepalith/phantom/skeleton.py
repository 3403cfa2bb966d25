"""Ribs, costal cartilage, sternum and spine of the phantom."""

from __future__ import annotations

import math

from hepalith.phantom.scene import Body
from hepalith.phantom.shape import Common, Ellipsoid, Grown, HalfSpace, Oval, Point, Tube

__all__ = ["CORTEX_HU", "MARROW_HU", "make_ribs", "make_spine", "wall_point"]

CORTEX_HU = 850.0
"""Cortical bone of ribs at CT resolution. Our judgement, from routine abdominal CT."""

MARROW_HU = 150.0
"""Trabecular bone of ribs and vertebrae in middle age. Our judgement."""

CARTILAGE_HU = 100.0
"""Costal cartilage that has not calcified. Our judgement."""

RIB_RADIUS_MM = 5.0
"""Half of a rib's height in the phantom."""

CORTEX_MM = 1.3
"""Thickness of a rib's cortex."""

RIB_SPACING_MM = 24.0
"""Distance between neighbouring ribs along z."""

RIB_DROP_MM = 95.0
"""How far a rib falls from its head to its front end."""


def wall_point(cavity: Oval, angle: float, outward_mm: float, z: float) -> Point:
    """Return a point of the chest wall.

    `angle` runs in radians from the back (0) over the patient's left (π/2) to the front (π);
    negative on the right. `outward_mm` is counted from the cavity's surface.
    """
    (cx, cy), (a, b), p = cavity.centre, cavity.radii, cavity.power
    s, c = math.sin(angle), math.cos(angle)
    x = math.copysign(abs(s) ** (2 / p), s) * (a + outward_mm)
    y = math.copysign(abs(c) ** (2 / p), c) * (b + outward_mm)
    return (cx + x, cy + y, z)


def _rib(cavity: Oval, side: int, head_z: float, reach: float, dent: tuple[float, float] | None) -> Tube:
    """Return one rib from its head to `reach` of the half circle.

    `dent` is (angle, mm): the rib bows inward there and touches what lies beneath.
    """
    steps = 26
    path = []
    for step in range(steps + 1):
        share = step / steps
        angle = 0.22 + share * reach * (math.pi - 0.22)
        inward = 0.0
        if dent is not None:
            inward = dent[1] * math.exp(-(((angle - dent[0]) / 0.16) ** 2))
        z = head_z - RIB_DROP_MM * reach * share**1.25
        path.append(wall_point(cavity, side * angle, RIB_RADIUS_MM + 2.5 - inward, z))
    return Tube(tuple(path), (RIB_RADIUS_MM,) * len(path))


def _cartilage(cavity: Oval, side: int, rib: Tube, reach: float) -> Tube:
    """Return the cartilage that carries a rib's end forward and up toward the sternum."""
    start = rib.path[-1]
    end_angle = math.pi - 0.30
    begin = 0.22 + reach * (math.pi - 0.22)
    path = [start]
    for step in range(1, 9):
        share = step / 8
        angle = begin + share * (end_angle - begin)
        path.append(wall_point(cavity, side * angle, RIB_RADIUS_MM + 2.5, start[2] + 52 * share**1.4))
    return Tube(tuple(path), (RIB_RADIUS_MM,) * len(path))


def make_ribs(cavity: Oval, top_z: float, dented: tuple[int, float, float]) -> tuple[tuple[Body, ...], Point]:
    """Return ribs and cartilage of both sides, and where one right rib touches the liver.

    Parameters
    ----------
    cavity
        The inner chest wall.
    top_z
        z of the head of the highest rib.
    dented
        Which right rib bows inward, at what angle, by how many mm.
    """
    bodies: list[Body] = []
    nearest = wall_point(cavity, -dented[1], RIB_RADIUS_MM + 2.5 - dented[2], 0.0)
    touching = nearest
    for number in range(9):
        head = top_z - number * RIB_SPACING_MM
        reach = 0.80 if number < 5 else 0.80 - 0.10 * (number - 4)
        for side in (-1, 1):
            dent = (dented[1], dented[2]) if side < 0 and number == dented[0] else None
            rib = _rib(cavity, side, head, reach, dent)
            if number < 6:
                bodies.append(Body(_cartilage(cavity, side, rib, reach), CARTILAGE_HU, "cartilage"))
            bodies.append(Body(rib, CORTEX_HU, "bone"))
            inner = Tube(rib.path, tuple(r - CORTEX_MM for r in rib.radii))
            bodies.append(Body(inner, MARROW_HU, "bone"))
            if dent is not None:
                touching = min(rib.path, key=lambda p: math.hypot(p[0] - nearest[0], p[1] - nearest[1]))
    bodies.append(
        Body(Ellipsoid((0, cavity.centre[1] - cavity.radii[1] - 7, 115), (17, 6, 45)), 250.0, "bone")
    )
    return tuple(bodies), touching


def make_spine(front_y: float, low_z: float, high_z: float) -> tuple[Body, ...]:
    """Return vertebrae with bodies, discs, canal, laminae and processes from `low_z` to `high_z`."""
    bodies: list[Body] = []
    pitch, disc = 33.0, 6.0
    centre_y = front_y + 17
    z = low_z - pitch
    column = Oval((0, centre_y), (21, 17), 2.3)
    bodies.append(Body(column, 75.0, "bone"))
    while z < high_z + pitch:
        middle = z + pitch / 2
        ends = tuple(
            HalfSpace((0, centre_y, middle + s * (pitch - disc) / 2), (0, 0, s)) for s in (-1.0, 1.0)
        )
        cut = Common((column.grown(1.5), *ends), rounding_mm=3.0)
        bodies.append(Body(cut, 420.0, "bone"))
        bodies.append(Body(Grown(cut, -1.6), MARROW_HU, "bone"))
        for side in (-1, 1):
            pedicle = Tube(
                ((side * 13, centre_y + 12, middle + 4), (side * 15, centre_y + 30, middle + 1)), (5.5, 5.5)
            )
            lamina = Tube(
                ((side * 15, centre_y + 30, middle + 1), (0, centre_y + 41, middle - 6)), (5.0, 5.0)
            )
            transverse = Tube(
                ((side * 15, centre_y + 28, middle + 2), (side * 36, centre_y + 34, middle + 6)), (4.5, 3.5)
            )
            for tube in (pedicle, lamina, transverse):
                bodies.append(Body(tube, 480.0, "bone"))
                bodies.append(Body(Tube(tube.path, tuple(r - 1.8 for r in tube.radii)), 190.0, "bone"))
        spinous = Tube(((0, centre_y + 40, middle - 6), (0, centre_y + 55, middle - 18)), (4.2, 3.8))
        bodies.append(Body(spinous, 450.0, "bone"))
        bodies.append(Body(Tube(spinous.path, (2.4, 2.0)), 180.0, "bone"))
        z += pitch
    canal_y = centre_y + 26
    bodies.append(Body(Oval((0, canal_y), (9.5, 8.5)), -20.0, "none"))
    bodies.append(Body(Oval((0, canal_y), (7.0, 6.2)), 28.0, "none"))
    return tuple(bodies)
