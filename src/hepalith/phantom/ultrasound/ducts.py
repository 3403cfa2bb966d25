"""Bile ducts of a sonogram: dilated ones, beside their portal vein, with stones in them or empty."""

from __future__ import annotations

import math

import numpy as np

from hepalith.phantom.ultrasound.anatomy import ANECHOIC_DB, Anatomy, pick
from hepalith.phantom.ultrasound.scene import Body, DuctPlace, Reflector, Tissue
from hepalith.phantom.ultrasound.shape import Ellipse, Joined, Lumpy, Ring, Shape, Tube
from hepalith.phantom.ultrasound.simple import bent_tube

__all__ = ["lay_dilated_ducts", "lay_hepatolithiasis"]

Rng = np.random.Generator


def _find_duct(anatomy: Anatomy, rng: Rng, radius: float) -> Tube | None:
    """Return the course of a duct where there is room for it, narrowing away from the hilum."""
    for attempt in range(80):
        least = 26.0 if attempt < 50 else 16.0
        spot = anatomy.find(rng, 8.0, depths=(anatomy.wall_mm + 12, 0.8 * anatomy.probe.depth_mm), tries=20)
        if spot is None:
            continue
        anatomy.taken.pop()
        duct = bent_tube(
            spot,
            pick(rng, 0, 2 * math.pi),
            pick(rng, least, 2.1 * least),
            (radius, 0.8 * radius),
            float(rng.normal(0, 0.5)),
        )
        if all(
            anatomy.inside(x, z, radius + 1.5) and anatomy.free(x, z, radius + 1) for x, z in duct.points[::2]
        ):
            return duct
    return None


def _lay_tree(anatomy: Anatomy, rng: Rng, duct: Tube, radius: float) -> None:
    """Lay a dilated duct with its twigs, upstream of the first points, and most often its portal vein."""
    parts: list[Shape] = [duct]
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.integers(4, len(duct.points)))
        along = math.atan2(
            duct.points[at][1] - duct.points[at - 1][1], duct.points[at][0] - duct.points[at - 1][0]
        )
        turn = along + pick(rng, 0.5, 1.1) * (1 if rng.random() < 0.5 else -1)
        twig = bent_tube(
            duct.points[at],
            turn,
            pick(rng, 12, 28),
            (radius * 0.65, radius * 0.4),
            float(rng.normal(0, 0.4)),
        )
        parts.append(twig)
    lumen = Joined(tuple(parts))
    anatomy.tissues.append(Tissue("bile_duct", lumen, ANECHOIC_DB, 0.05, 0.5, within=anatomy.liver))
    wall = Ring(lumen, 0.7)
    anatomy.reflectors.append(Reflector("bile_duct", wall, pick(rng, 5, 11), 4.0, 0.25, within=anatomy.liver))
    if rng.random() < 0.7:
        _portal_beside(anatomy, rng, duct, radius)
    for part in parts:
        if isinstance(part, Tube):
            for x, z in part.points:
                anatomy.take(x, z, radius + 2)
    anatomy.ducts.update({"dilated": True, "calibre_mm": 2 * radius, "branches": len(parts)})


def _portal_beside(anatomy: Anatomy, rng: Rng, duct: Tube, radius: float) -> None:
    """Lay a portal vein along a duct: the parallel channel."""
    side = 1 if rng.random() < 0.5 else -1
    vein = pick(rng, 0.6, 1.1) * radius
    points = np.array(duct.points)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    beside = points + side * (radius + vein + 1.2) * np.stack([-along[:, 1], along[:, 0]], axis=1)
    tube = Tube(tuple((float(x), float(z)) for x, z in beside), tuple([vein] * len(beside)))
    anatomy.tissues.append(Tissue("portal_vein", tube, ANECHOIC_DB, 0.15, 0.5, within=anatomy.liver))
    anatomy.reflectors.append(
        Reflector("portal_vein", Ring(tube, 0.9), pick(rng, 6, 12), 4.0, 0.3, within=anatomy.liver)
    )
    for x, z in tube.points:
        anatomy.take(x, z, vein + 3)
    anatomy.ducts["parallel_channel"] = True


def _stone(
    rng: Rng, number: int, spot: tuple[float, float], size: float, place: DuctPlace, *, pigment: bool
) -> Body:
    """Return one duct stone: lumpy, uneven at its edge, shadowing unless small or soft."""
    ratio = pick(rng, 0.65, 1.0)
    oval = Ellipse(*spot, size / 2, size * ratio / 2, pick(rng, 0, math.pi))
    return Body(
        number,
        "calcification",
        "lump" if size > 6 else "nodular" if size > 2.5 else "pin",
        Lumpy(oval, 0.07 * size, max(size / 2.2, 1.2), pick(rng, 0, 6)),
        size,
        size * ratio,
        level_db=pick(rng, 14, 22) if pigment else pick(rng, 22, 33),
        coherent=pick(rng, 0.3, 0.7),
        surface_db=pick(rng, 0.5, 1.5) if pigment else pick(rng, 3, 7),
        inside_db_per_cm_mhz=pick(rng, 1, 3) if pigment else pick(rng, 8, 16),
        thickness_mm=size * pick(rng, 0.7, 1.2),
        duct=place,
        group=1,
        moves="rolls" if rng.random() < 0.15 else "",
    )


def lay_hepatolithiasis(anatomy: Anatomy, rng: Rng) -> str:
    """Lay stones into a dilated duct: fluid around them, the duct wide upstream, most often several."""
    radius = pick(rng, 2.5, 6.0) * (0.6 if anatomy.probe.shape == "linear" else 1.0)
    duct = _find_duct(anatomy, rng, radius)
    while duct is None and radius > 1.2:
        radius *= 0.75
        duct = _find_duct(anatomy, rng, radius)
    if duct is None:
        return ""
    _lay_tree(anatomy, rng, duct, radius)
    pigment = bool(rng.random() < 0.25)
    place = DuctPlace("in_lumen", 2 * radius, True, True, True)
    ids, last = [], -1e9
    length = sum(math.dist(a, b) for a, b in zip(duct.points, duct.points[1:], strict=False))
    at = pick(rng, 0.06, 0.3) * length
    for _ in range(int(rng.integers(1, 7))):
        if at > 0.72 * length:
            break
        share = at / length * (len(duct.points) - 1)
        one, part = int(share), share - int(share)
        (x0, z0), (x1, z1) = duct.points[one], duct.points[one + 1]
        size = min(pick(rng, 0.45, 0.9) * 2 * radius * 0.9, 14.0)
        slack = max(radius * 0.9 - size / 2 - 0.5, 0)
        spot = (x0 + part * (x1 - x0) + pick(rng, -0.2, 0.2) * slack, z0 + part * (z1 - z0) + 0.5 * slack)
        anatomy.bodies.append(_stone(rng, anatomy.next_id, spot, size, place, pigment=pigment))
        ids.append(anatomy.next_id - 1)
        at += size * pick(rng, 1.25, 2.2) + 1.0
        last = at
    del last
    anatomy.patterns.append(("along_duct" if len(ids) > 1 else "solitary", tuple(ids)))
    anatomy.ducts["stones"] = "pigment" if pigment else "dense"
    return "hepatolithiasis"


def lay_dilated_ducts(anatomy: Anatomy, rng: Rng) -> str:
    """Lay dilated ducts with nothing in them: an obstruction further down."""
    radius = pick(rng, 2.0, 4.5)
    duct = _find_duct(anatomy, rng, radius)
    if duct is not None:
        _lay_tree(anatomy, rng, duct, radius)
    return ""
