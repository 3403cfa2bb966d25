"""What is bright in or beside the liver and is no calcification of it; each is an entry of its own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hepalith.phantom.ultrasound.anatomy import ANECHOIC_DB, Anatomy, pick
from hepalith.phantom.ultrasound.scene import Body, DuctPlace, Reflector, Tissue
from hepalith.phantom.ultrasound.shape import Both, Ellipse, Joined, Lumpy, Ring, Shape, Tube
from hepalith.phantom.ultrasound.simple import bent_tube, gas_body

__all__ = [
    "lay_bowel_gas",
    "lay_gallbladder",
    "lay_gas",
    "lay_kidney",
    "lay_ligament",
    "lay_portal_calcification",
    "lay_reverberation",
    "lay_rib",
    "lay_stent",
    "lay_stone_in_gallbladder",
]

Rng = np.random.Generator


def lay_gas(anatomy: Anatomy, rng: Rng) -> str:
    """Lay gas into ducts: bright strands along branches, a dirty shadow or ring-down, moving with posture."""
    chain = anatomy.find(rng, 14.0, depths=(anatomy.wall_mm + 16, 0.7 * anatomy.probe.depth_mm))
    if chain is None:
        return ""
    for number in range(int(rng.integers(1, 5))):
        x, z = chain[0] + pick(rng, -4, 4) + 9 * (number - 1), chain[1] + pick(rng, -6, 6)
        if not anatomy.inside(x, z, 4):
            continue
        body = gas_body(rng, anatomy.next_id, x, z, pick(rng, 2.5, 9))
        anatomy.bodies.append(_moving(body, "bubbles"))
    return "pneumobilia_mimic"


def _moving(body: Body, how: str) -> Body:
    """Return a body that moves against the liver."""
    return replace(body, moves=how)


def lay_ligament(anatomy: Anatomy, rng: Rng) -> str:
    """Lay the ligamentum teres (a bright spot that may shadow) or a fissure (a bright band)."""
    wall = anatomy.wall_mm
    if rng.random() < 0.6:
        size = pick(rng, 6, 13)
        spot = anatomy.find(rng, size / 2 + 2, depths=(wall + 8, wall + 55))
        if spot is None:
            return ""
        shape = Lumpy(Ellipse(*spot, size / 2, size * 0.38, pick(rng, -0.5, 0.5)), 0.08 * size, size / 2, 1.0)
        physics = (pick(rng, 11, 18), pick(rng, 0.5, 2), pick(rng, 1.5, 6))
        body = _plain(anatomy, ("ligament_or_fissure", "nodular"), shape, (size, 0.76 * size), physics)
    else:
        length, width = pick(rng, 18, 40), pick(rng, 1.2, 2.6)
        spot = anatomy.find(rng, 8, depths=(wall + 8, wall + 30))
        if spot is None:
            return ""
        halves = (width / 2, width / 2)
        band = bent_tube(spot, pick(rng, 0.6, 2.5), length, halves, float(rng.normal(0, 0.3)))
        physics = (pick(rng, 10, 16), 0.1, 0.3)
        body = _plain(anatomy, ("ligament_or_fissure", "band"), band, (length, width), physics)
    anatomy.bodies.append(body)
    return ""


def _plain(
    anatomy: Anatomy,
    named: tuple[str, str],
    shape: Shape,
    calipers: tuple[float, float],
    physics: tuple[float, float, float],
) -> Body:
    """Return a mimic; `named`: label and shape, `physics`: level, surface loss, loss within."""
    return Body(
        anatomy.next_id,
        named[0],
        named[1],
        shape,
        calipers[0],
        calipers[1],
        level_db=physics[0],
        coherent=0.35,
        surface_db=physics[1],
        inside_db_per_cm_mhz=physics[2],
        thickness_mm=max(calipers[1] * 2, 6.0),
    )


def lay_gallbladder(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a gallbladder: a dark pear with a bright wall, at the liver's under side."""
    _gallbladder(anatomy, rng)
    return ""


def _gallbladder(anatomy: Anatomy, rng: Rng) -> Ellipse | None:
    length, width = pick(rng, 24, 46), pick(rng, 12, 24)
    probe = anatomy.probe
    for _ in range(60):
        side = 1 if rng.random() < 0.75 else -1
        depth = pick(rng, 0.35, 0.65) * probe.depth_mm
        turn = side * pick(rng, 0.15, 0.7) * (probe.half_angle if probe.shape != "linear" else 0.3)
        radius = 0.0 if probe.shape == "linear" else probe.radius_mm
        x, z = (depth + radius) * math.sin(turn), (depth + radius) * math.cos(turn) - radius
        if anatomy.inside(x, z, 3) and anatomy.free(x, z, length * 0.45):
            break
    else:
        return None
    bladder = Ellipse(x, z, length / 2, width / 2, side * pick(rng, 0.2, 1.0))
    anatomy.tissues.append(Tissue("gallbladder", bladder, ANECHOIC_DB - 6, 0.02, 0.4))
    wall = Ring(bladder, pick(rng, 1.0, 2.4))
    anatomy.reflectors.append(Reflector("gallbladder", wall, pick(rng, 10, 18), 3.0, 0.25))
    anatomy.take(x, z, length * 0.45)
    return bladder


def lay_stone_in_gallbladder(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a gallbladder with stones on its floor, which shadow and roll."""
    bladder = _gallbladder(anatomy, rng)
    if bladder is None:
        return ""
    for _ in range(int(rng.integers(1, 4))):
        size = min(pick(rng, 4, 14), bladder.b * 1.2)
        along = pick(rng, -0.5, 0.5) * bladder.a
        cos, sin = math.cos(bladder.angle), math.sin(bladder.angle)
        x, z = bladder.x + along * cos, bladder.z + along * sin
        z += math.sqrt(max(1 - (along / bladder.a) ** 2, 0)) * bladder.b - size * 0.5
        shape = Lumpy(Ellipse(x, z, size / 2, size * 0.4), 0.04 * size, size / 2, 0.0)
        anatomy.bodies.append(
            _moving(
                Body(
                    anatomy.next_id, "gallstone", "lump" if size > 6 else "nodular", shape, size, 0.8 * size,
                    level_db=pick(rng, 24, 32), coherent=0.6, surface_db=pick(rng, 4, 7),
                    inside_db_per_cm_mhz=pick(rng, 9, 16), thickness_mm=size,
                ),
                "rolls",
            )
        )  # fmt: skip
    return ""


def lay_stent(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a plastic stent: two parallel bright lines in a duct, without much shadow."""
    spot = anatomy.find(rng, 12.0, depths=(anatomy.wall_mm + 16, 0.7 * anatomy.probe.depth_mm))
    if spot is None:
        return ""
    length, gap, angle = pick(rng, 18, 40), pick(rng, 2.2, 3.2), float(rng.normal(0, 0.35))
    cos, sin = math.cos(angle), math.sin(angle)
    start = (spot[0] - cos * length / 2, spot[1] - sin * length / 2)
    duct = bent_tube(start, angle, length, (gap * 0.9, gap * 0.9))
    if rng.random() < 0.6:
        anatomy.tissues.append(Tissue("bile_duct", duct, ANECHOIC_DB, 0.05, 0.5, within=anatomy.liver))
    lines = []
    for side in (-1, 1):
        off = (start[0] - side * gap / 2 * sin, start[1] + side * gap / 2 * cos)
        lines.append(bent_tube(off, angle, length, (0.35, 0.35)))
    body = Body(
        anatomy.next_id, "stent_or_catheter", "tram_track", Joined(tuple(lines)), length, gap + 0.7,
        level_db=pick(rng, 22, 30), coherent=0.85, surface_db=pick(rng, 0.5, 2.0), inside_db_per_cm_mhz=1.0,
        thickness_mm=2.5, duct=DuctPlace("in_lumen"),
    )  # fmt: skip
    anatomy.bodies.append(body)
    return ""


def lay_reverberation(anatomy: Anatomy, rng: Rng) -> str:
    """Lay echoes of the wall's surfaces into the near liver: evenly spaced, fading lines along the face."""
    gap, turn = pick(rng, 3.5, 6.0), pick(rng, -0.4, 0.4)
    probe = anatomy.probe
    radius = probe.radius_mm if probe.shape != "linear" else 400.0
    centre = turn * (probe.half_angle if probe.shape != "linear" else 0.05)
    level = pick(rng, 10, 16)
    for number in range(int(rng.integers(2, 5))):
        depth = anatomy.wall_mm + 3 + gap * (number + 0.5)
        angles = np.linspace(centre - 0.09 * 60 / radius, centre + 0.09 * 60 / radius, 5)
        points = tuple(
            (float((radius + depth) * math.sin(a)), float((radius + depth) * math.cos(a) - radius))
            for a in angles
        )
        length = (radius + depth) * float(angles[-1] - angles[0])
        shape = Tube(points, tuple([0.4] * len(points)))
        anatomy.bodies.append(
            _plain(
                anatomy, ("reverberation", "linear"), shape, (length, 0.8), (level - 3.5 * number, 0.0, 0.0)
            )
        )
    return ""


def lay_rib(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a rib into the wall: bright in front, black behind."""
    probe = anatomy.probe
    turn = pick(rng, 0.35, 0.85) * (1 if rng.random() < 0.5 else -1)
    depth = pick(rng, 0.45, 0.8) * anatomy.wall_mm
    if probe.shape == "linear":
        x, z, lean = turn * probe.half_width_mm, depth, 0.0
    else:
        lean = turn * probe.half_angle
        x = (depth + probe.radius_mm) * math.sin(lean)
        z = (depth + probe.radius_mm) * math.cos(lean) - probe.radius_mm
    size = pick(rng, 8, 15)
    shape = Ellipse(x, z, size / 2, pick(rng, 1.5, 2.5), -lean)
    anatomy.bodies.append(
        Body(
            anatomy.next_id, "bone_or_cartilage", "nodular", shape, size, 4.0, level_db=pick(rng, 18, 28),
            coherent=0.7, surface_db=10.0, inside_db_per_cm_mhz=20.0, thickness_mm=30.0,
        )
    )  # fmt: skip
    return ""


def lay_bowel_gas(anatomy: Anatomy, rng: Rng) -> str:
    """Lay gut beneath the liver's edge: a bright front of gas, dirty behind."""
    probe = anatomy.probe
    side = 1 if rng.random() < 0.6 else -1
    depth = pick(rng, 0.4, 0.7) * probe.depth_mm
    turn = side * pick(rng, 0.6, 0.9) * probe.half_angle
    if probe.shape == "linear":
        return ""
    x = (depth + probe.radius_mm) * math.sin(turn)
    z = (depth + probe.radius_mm) * math.cos(turn) - probe.radius_mm
    size = pick(rng, 22, 40)
    if not anatomy.free(x, z + 0.3 * size, 0.7 * size):
        return ""
    gut = Ellipse(x, z + size * 0.4, size * 0.7, size * 0.5, 0.0)
    anatomy.tissues.append(Tissue("bowel", gut, anatomy.level_db + pick(rng, 1, 6), 0.7, 1.5, 4.0, 6.0))
    front = bent_tube(
        (x - size / 2, z + pick(rng, -2, 2)), pick(rng, -0.2, 0.2), size, (1.2, 1.2), pick(rng, -0.5, 0.5)
    )
    body = gas_body(rng, anatomy.next_id, x, z, size, tail=False, duct=None)
    anatomy.bodies.append(
        replace(body, label="bowel_content", morphology="band", shape=front, duct=None, thickness_mm=25.0)
    )
    anatomy.take(x, z, size * 0.6)
    return ""


def lay_kidney(anatomy: Anatomy, rng: Rng) -> str:
    """Lay the right kidney beneath the liver: a dark cortex about a bright sinus."""
    probe = anatomy.probe
    if probe.shape == "linear":
        return ""
    turn = pick(rng, 0.3, 0.75) * probe.half_angle * (1 if rng.random() < 0.8 else -1)
    depth = pick(rng, 0.55, 0.8) * probe.depth_mm
    x = (depth + probe.radius_mm) * math.sin(turn)
    z = (depth + probe.radius_mm) * math.cos(turn) - probe.radius_mm
    a, b, angle = pick(rng, 38, 52), pick(rng, 18, 24), pick(rng, -0.7, 0.4)
    if not anatomy.free(x, z, 0.85 * a):
        return ""
    whole, sinus = Ellipse(x, z, a, b, angle), Ellipse(x, z, a * 0.55, b * 0.45, angle)
    anatomy.tissues.append(
        Tissue(
            "fat",
            Ellipse(x, z, a + 5, b + 4, angle),
            anatomy.level_db + pick(rng, 3, 9),
            0.6,
            1.5,
            4,
            5,
            within=anatomy.liver,
        )
    )
    anatomy.tissues.append(
        Tissue("kidney", whole, anatomy.level_db - pick(rng, 2, 6), 0.45, 0.8, 2.5, 6.0, within=anatomy.liver)
    )
    sinus_shape = Lumpy(sinus, 2.0, 9.0, pick(rng, 0, 6))
    anatomy.tissues.append(
        Tissue(
            "kidney",
            sinus_shape,
            anatomy.level_db + pick(rng, 6, 12),
            0.6,
            1.5,
            5.0,
            4.0,
            within=anatomy.liver,
        )
    )
    anatomy.reflectors.append(
        Reflector("kidney", Ring(whole, 0.8), pick(rng, 8, 14), 5.0, 0.15, within=anatomy.liver)
    )
    anatomy.take(x, z, a * 0.9)
    return ""


def lay_portal_calcification(anatomy: Anatomy, rng: Rng) -> str:
    """Lay calcium along the wall of a portal vein: a mimic, the vessel wall's and not the liver's."""
    spot = anatomy.find(rng, 14.0)
    if spot is None:
        return ""
    radius, length, angle = pick(rng, 3, 5), pick(rng, 26, 40), float(rng.normal(0, 0.3))
    start = (spot[0] - math.cos(angle) * length / 2, spot[1] - math.sin(angle) * length / 2)
    vein = bent_tube(start, angle, length, (radius, radius), float(rng.normal(0, 0.3)))
    anatomy.tissues.append(Tissue("portal_vein", vein, ANECHOIC_DB, 0.15, 0.5, within=anatomy.liver))
    anatomy.reflectors.append(
        Reflector("portal_vein", Ring(vein, 0.9), pick(rng, 8, 13), 4.0, 0.3, within=anatomy.liver)
    )
    arc = Both(Ring(vein, 1.3), Ellipse(spot[0], spot[1] - radius, pick(rng, 3, 7), 2.5))
    size = 2 * 5.0
    anatomy.bodies.append(
        _plain(
            anatomy,
            ("vessel_wall_calcification", "linear"),
            arc,
            (size, 1.3),
            (pick(rng, 22, 28), pick(rng, 2, 5), 8.0),
        )
    )
    return "portal_vein_calc"
