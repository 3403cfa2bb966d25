"""Lesions of the liver that hold calcium, or are taken for it: cysts, masses, abscesses, networks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hepalith.phantom.ultrasound.anatomy import Anatomy, pick
from hepalith.phantom.ultrasound.scene import Body, Reflector, Tissue
from hepalith.phantom.ultrasound.shape import Both, Ellipse, Lumpy, Ring, Shape
from hepalith.phantom.ultrasound.simple import bent_tube, calcified_body

__all__ = [
    "lay_abscess",
    "lay_abscess_scar",
    "lay_cyst",
    "lay_haemangioma",
    "lay_hcc",
    "lay_hydatid_active",
    "lay_hydatid_calcified",
    "lay_metastasis",
    "lay_schistosomiasis",
    "lay_tuberculosis",
]

Rng = np.random.Generator


def _room(anatomy: Anatomy, rng: Rng, least: float, most: float) -> tuple[tuple[float, float], float] | None:
    """Return a spot and a diameter for a lesion, smaller where there is little room."""
    for shrink in (1.0, 0.8, 0.6, 0.45):
        size = pick(rng, least, most) * shrink
        spot = anatomy.find(rng, size / 2 + 1, margin=1.0, tries=80)
        if spot is not None:
            return spot, size
    return None


def _oval(rng: Rng, spot: tuple[float, float], size: float) -> Ellipse:
    return Ellipse(*spot, size / 2, size / 2 * pick(rng, 0.75, 1), pick(rng, 0, math.pi))


def _add(anatomy: Anatomy, body: Body, host: int) -> int:
    """Lay a body into a lesion; return its id."""
    anatomy.bodies.append(replace(body, host=host))
    return body.id


def lay_haemangioma(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a bright round mass without shadow: a bright body that is no calcification."""
    found = _room(anatomy, rng, 10, 38)
    if found is None:
        return ""
    spot, size = found
    shape = Lumpy(_oval(rng, spot, size), 0.03 * size, size / 2, pick(rng, 0, 6))
    anatomy.tissues.append(Tissue("mass", shape, anatomy.level_db + pick(rng, 5, 9), 0.45, 0.8, 1.5, 3.0))
    anatomy.add_host("solid", "haemangioma", spot, size, ("bright",))
    return "haemangioma"


def lay_cyst(anatomy: Anatomy, rng: Rng) -> str:
    """Lay simple cysts: empty, thin-walled, the tissue behind enhanced."""
    for _ in range(int(rng.integers(1, 4))):
        found = _room(anatomy, rng, 8, 45)
        if found is None:
            break
        spot, size = found
        oval = _oval(rng, spot, size)
        anatomy.tissues.append(Tissue("cyst", oval, -42.0, 0.02, 0.4))
        anatomy.reflectors.append(Reflector("cyst", Ring(oval, 0.6), pick(rng, 8, 16), 8.0, 0.08))
        anatomy.add_host("fluid", "cyst", spot, size)
    return ""


def lay_hydatid_active(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a cyst full of daughter cysts (CE2), or with a double wall (CE1)."""
    found = _room(anatomy, rng, 30, 70)
    if found is None:
        return ""
    spot, size = found
    oval = _oval(rng, spot, size)
    anatomy.tissues.append(Tissue("cyst", oval, -36.0, 0.05, 0.5))
    anatomy.reflectors.append(Reflector("cyst", Ring(oval, 1.6), pick(rng, 10, 16), 3.0, 0.25, within=None))
    features = ["double_wall"]
    if rng.random() < 0.7:
        features = ["daughter_cysts"]
        for _ in range(int(rng.integers(4, 9))):
            turn, out = pick(rng, 0, 2 * math.pi), pick(rng, 0.1, 0.33) * size
            small = size * pick(rng, 0.09, 0.17)
            daughter = Ellipse(spot[0] + out * math.cos(turn), spot[1] + out * math.sin(turn), small, small)
            anatomy.reflectors.append(
                Reflector("cyst", Ring(daughter, 0.8), pick(rng, 4, 10), 2.0, 0.35, within=oval)
            )
    anatomy.add_host("fluid", "hydatid_cyst", spot, size, tuple(features))
    return "ce_active_CE1_3"


def lay_hydatid_calcified(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a dead hydatid cyst: filled, its wall calcified, the shadow broad."""
    found = _room(anatomy, rng, 22, 55)
    if found is None:
        return ""
    spot, size = found
    oval = _oval(rng, spot, size)
    anatomy.tissues.append(Tissue("mass", oval, anatomy.level_db + pick(rng, -9, 0), 0.6, 0.8, 4.0, 4.0))
    host = anatomy.add_host("mixed", "hydatid_cyst_inactive", spot, size, ("calcified_wall",))
    wall: Shape = Ring(oval, pick(rng, 1.2, 2.6))
    name = "rim" if rng.random() < 0.6 else "eggshell"
    if name == "rim":
        cap = Ellipse(spot[0], spot[1] - size * pick(rng, 0.35, 0.6), size * 0.65, size * pick(rng, 0.4, 0.6))
        wall = Both(wall, cap)
    body = calcified_body(rng, anatomy.next_id, *spot, 4.0, morphology="nodular", density=pick(rng, 0.3, 1.0))
    _add(
        anatomy,
        replace(body, shape=wall, morphology=name, diameter_mm=size, width_mm=1.8, thickness_mm=size * 0.8),
        host,
    )
    return "ce_inactive_CE4_5"


def lay_abscess(anatomy: Anatomy, rng: Rng) -> str:
    """Lay an abscess: echo-poor, uneven, thick-walled, a little enhancement behind."""
    found = _room(anatomy, rng, 20, 55)
    if found is None:
        return ""
    spot, size = found
    shape = Lumpy(_oval(rng, spot, size), 0.06 * size, size / 2.5, pick(rng, 0, 6))
    anatomy.tissues.append(
        Tissue("abscess", shape, anatomy.level_db - pick(rng, 10, 18), 0.25, 1.5, 5.0, 5.0)
    )
    anatomy.add_host("fluid", "abscess", spot, size)
    return ""


def lay_hcc(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a solid mass without calcium: echo-poor or mixed, often with a dark halo."""
    found = _room(anatomy, rng, 15, 70)
    if found is None:
        return ""
    spot, size = found
    shape = Lumpy(_oval(rng, spot, size), 0.05 * size, size / 2, pick(rng, 0, 6))
    anatomy.tissues.append(
        Tissue("mass", shape, anatomy.level_db + pick(rng, -8, 2), 0.55, 1.2, 5.0, size / 7)
    )
    if rng.random() < 0.5:
        halo = Ring(shape, max(1.2, 0.06 * size))
        anatomy.tissues.append(Tissue("mass", halo, anatomy.level_db - pick(rng, 7, 11), None, 0.8))
    anatomy.add_host("solid", "hcc", spot, size)
    return "hcc"


def lay_metastasis(anatomy: Anatomy, rng: Rng) -> str:
    """Lay metastases: bull's eyes (dark rim, bright centre) or dark masses, most with calcium inside."""
    foci: list[int] = []
    for _ in range(int(rng.integers(1, 5))):
        found = _room(anatomy, rng, 14, 42)
        if found is None:
            break
        spot, size = found
        shape = Lumpy(_oval(rng, spot, size), 0.03 * size, size / 2, pick(rng, 0, 6))
        eye = rng.random() < 0.55
        anatomy.tissues.append(Tissue("mass", shape, anatomy.level_db - pick(rng, 7, 12), 0.6, 0.8, 2.0, 4.0))
        if eye:
            centre = Ellipse(*spot, size * 0.33, size * 0.3)
            anatomy.tissues.append(
                Tissue("mass", centre, anatomy.level_db + pick(rng, 1, 5), 0.6, 1.2, 3.0, 3.0)
            )
        host = anatomy.add_host("solid", "metastasis", spot, size, ("bulls_eye",) if eye else ())
        if rng.random() < 0.7:
            foci += _calcify(anatomy, rng, spot, size, host)
    if foci:
        anatomy.patterns.append(("within_mass", tuple(foci)))
    return "metastasis_crc"


def _calcify(anatomy: Anatomy, rng: Rng, spot: tuple[float, float], size: float, host: int) -> list[int]:
    """Lay one to three calcified bodies into a mass, apart from one another."""
    ids: list[int] = []
    spots: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(1, 4))):
        small = min(pick(rng, 1.5, 7), size / 3)
        for _ in range(30):
            turn, out = pick(rng, 0, 2 * math.pi), pick(rng, 0, 0.3) * size
            x, z = spot[0] + out * math.cos(turn), spot[1] + out * math.sin(turn)
            if all(math.hypot(x - u, z - v) > (small + w) / 2 + 4 for u, v, w in spots):
                break
        else:
            continue
        spots.append((x, z, small))
        kind = "pin" if small < 2.5 else "nodular"
        ids.append(_add(anatomy, calcified_body(rng, anatomy.next_id, x, z, small, morphology=kind), host))
    return ids


def lay_schistosomiasis(anatomy: Anatomy, rng: Rng) -> str:
    """Lay the network of schistosomiasis: bright septa that enclose islands of liver, some calcified.

    The septa are the borders of cells about random points: each place belongs to its nearest point.
    """
    spots = [spot for _ in range(14) if (spot := anatomy.find(rng, 9.0, margin=2.0, tries=60)) is not None]
    del anatomy.taken[len(anatomy.taken) - len(spots) :]
    if len(spots) < 4:
        return ""
    points = np.array(spots)
    seen: set[tuple[int, int]] = set()
    calcified: list[int] = []
    width, level = pick(rng, 0.5, 1.0), pick(rng, 7, 11)
    for i, point in enumerate(points):
        for j in np.argsort(np.hypot(*(points - point).T))[1:4]:
            pair = (min(i, int(j)), max(i, int(j)))
            if pair in seen:
                continue
            seen.add(pair)
            other = points[j]
            middle, apart = (point + other) / 2, other - point
            length = float(np.hypot(*apart))
            turn = math.atan2(apart[1], apart[0]) + math.pi / 2
            half = length * pick(rng, 0.4, 0.6)
            start = (float(middle[0] - half * math.cos(turn)), float(middle[1] - half * math.sin(turn)))
            if not anatomy.inside(float(middle[0]), float(middle[1]), 4.0):
                continue
            band = bent_tube(start, turn, 2 * half, (width, width), float(rng.normal(0, 0.2)))
            anatomy.tissues.append(
                Tissue("band", band, anatomy.level_db + level, 0.8, 0.6, 2.0, 3.0, anatomy.liver)
            )
            x, z = float(middle[0]), float(middle[1])
            if len(calcified) < 4 and rng.random() < 0.35 and anatomy.free(x, z, 5.0):
                anatomy.take(x, z, 6.0)
                body = calcified_body(
                    rng, anatomy.next_id, x, z, 5.0, morphology="linear", density=pick(rng, 0, 0.6)
                )
                strand = bent_tube(
                    (x - 2.5 * math.cos(turn), z - 2.5 * math.sin(turn)), turn, 5.0, (0.6, 0.6)
                )
                anatomy.bodies.append(
                    replace(body, shape=strand, diameter_mm=6.2, width_mm=1.2, level_db=body.level_db + 5)
                )
                calcified.append(body.id)
    anatomy.patterns.append(("septal_network", tuple(calcified)))
    anatomy.notes.append("bright septa form a network: tissue, not foci, but where an entry says so")
    return "schisto_japonica"


def lay_tuberculosis(anatomy: Anatomy, rng: Rng) -> str:
    """Lay many scattered calcified nodules of healed granulomas."""
    ids = []
    for _ in range(int(rng.integers(4, 11))):
        spot = anatomy.find(rng, 6.0)
        if spot is None:
            break
        body = calcified_body(rng, anatomy.next_id, *spot, pick(rng, 1.5, 6), density=pick(rng, 0.3, 1))
        anatomy.bodies.append(body)
        ids.append(body.id)
    anatomy.patterns.append(("scattered", tuple(ids)))
    return "tb_hepatic"


def lay_abscess_scar(anatomy: Anatomy, rng: Rng) -> str:
    """Lay a healed abscess: one coarse lump of calcium that shadows."""
    spot = anatomy.find(rng, 12.0)
    if spot is None:
        return ""
    body = calcified_body(
        rng, anatomy.next_id, *spot, pick(rng, 8, 16), morphology="lump", density=pick(rng, 0.4, 1)
    )
    anatomy.bodies.append(body)
    anatomy.patterns.append(("solitary", (body.id,)))
    return "abscess_scar"
