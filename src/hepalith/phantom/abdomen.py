"""The upper abdomen of the demo phantom: an adult, supine, without contrast.

The sizes, places and HU are those of an ordinary adult, by our judgement, so that a reader
which works on patients works here; the seed varies them by a few per cent. Patient space is
LPS in mm: the patient's right is -x, the back +y, the head +z; the dome of the liver lies
near z = 78, its lower tip near z = -90.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepalith.phantom.scene import Body
from hepalith.phantom.shape import (
    Common,
    Cut,
    Ellipsoid,
    Grown,
    HalfSpace,
    Joined,
    Oval,
    Point,
    Rippled,
    Shape,
    Tube,
)
from hepalith.phantom.skeleton import make_ribs, make_spine
from hepalith.phantom.vessels import grow_tree

__all__ = ["LIVER_HU", "Abdomen", "make_abdomen"]

LIVER_HU = 58.0
"""Healthy liver without contrast: 50 to 65 HU at 120 kVp."""

VESSEL_HU = 42.0
"""Blood without contrast at a usual haematocrit: 40 to 45 HU, darker than the liver."""

FAT_HU = -102.0
"""Fat at 120 kVp."""

MUSCLE_HU = 52.0
"""Muscle without contrast."""

LUNG_HU = -860.0
"""Lung at the bases in full breath."""

DENTED_RIB = (3, 1.72, 7.5)
"""Which right rib bows inward onto the liver, at what angle along the wall, by how many mm."""


@dataclass(frozen=True, slots=True)
class Abdomen:
    """The bodies of an abdomen in painting order, and what later stages of the phantom stand on.

    Parameters
    ----------
    bodies
        Painted one over another.
    liver
        The liver's surface, vessels included.
    left_duct
        Path of a duct of the left lobe, along which beads lie.
    rib_contact
        Where a rib touches the liver's edge.
    """

    bodies: tuple[Body, ...]
    liver: Shape
    left_duct: tuple[Point, ...]
    rib_contact: Point


def _jitter(random: np.random.Generator, centre: Point, mm: float = 2.0) -> Point:
    x, y, z = (float(c + random.uniform(-mm, mm)) for c in centre)
    return (x, y, z)


def _scaled(random: np.random.Generator, radii: Point, share: float = 0.03) -> Point:
    x, y, z = (float(r * random.uniform(1 - share, 1 + share)) for r in radii)
    return (x, y, z)


def _rippled(random: np.random.Generator, shape: Shape, height_mm: float) -> Rippled:
    lengths = random.uniform(38, 75, 3)
    phases = random.uniform(0, 2 * np.pi, 3)
    return Rippled(
        shape,
        height_mm,
        (float(lengths[0]), float(lengths[1]), float(lengths[2])),
        (float(phases[0]), float(phases[1]), float(phases[2])),
    )


def _wall(cavity: Oval) -> tuple[Body, ...]:
    """Return skin, fat, the muscles of trunk and back, and the fat inside."""
    trunk = Oval((0, 4), (cavity.radii[0] + 29, cavity.radii[1] + 31), 2.3)
    muscle = Oval((0, cavity.centre[1] + 3), (cavity.radii[0] + 14, cavity.radii[1] + 15), cavity.power)
    bodies = [
        Body(trunk, 20.0),
        Body(trunk.grown(-2.0), FAT_HU),
        Body(muscle, MUSCLE_HU),
        Body(muscle.grown(-4.6), -45.0),
        Body(muscle.grown(-5.6), MUSCLE_HU),
    ]
    for side in (-1, 1):
        bodies.append(Body(Oval((side * 34, 86), (31, 19), 2.4), MUSCLE_HU))
        bodies.append(Body(Oval((side * 52, 92), (12, 13), 2.0), MUSCLE_HU - 4))
    bodies.append(Body(cavity.grown(0.0), FAT_HU))
    return tuple(bodies)


def _couch(back_y: float) -> tuple[Body, ...]:
    """Return the couch: foam in a thin skin, hollowed for the back, wider than the field of view."""
    top = Oval((0, back_y - 106.0), (225.0, 112.0))
    foam = Cut(Common((top.grown(14.0), HalfSpace((0, back_y - 50.0, 0), (0, -1, 0)))), (top,))
    return (Body(foam, -250.0), Body(Grown(foam, -2.0), -920.0))


def _under_diaphragm(random: np.random.Generator) -> Shape:
    """Return everything below the diaphragm: two domes and the abdomen beneath."""
    right = Ellipsoid(_jitter(random, (-64, -6, -22)), _scaled(random, (82, 88, 101), 0.02))
    left = Ellipsoid(_jitter(random, (64, -2, -26)), _scaled(random, (80, 84, 92), 0.02))
    return Joined((right, left, HalfSpace((0, 0, -42), (0, 0, 1))), rounding_mm=22)


def _liver(random: np.random.Generator, space: Shape, cavity: Oval) -> Shape:
    """Return the liver: a large right lobe, a left lobe that thins out, a caudate, and its hollows."""
    right = Ellipsoid(_jitter(random, (-72, -6, -2), 1.5), _scaled(random, (66, 80, 91), 0.02))
    left = Ellipsoid(_jitter(random, (-8, -48, 30), 1.5), _scaled(random, (78, 34, 36), 0.02), roll=-8)
    caudate = Ellipsoid((-12, 16, 22), _scaled(random, (17, 17, 30)))
    mass = Joined((right, left, caudate), rounding_mm=18)
    underside = HalfSpace((-100, 0, -72), (0.50, 0.16, -1.0))
    medial = HalfSpace((-14, 30, 0), (1.0, 0.75, -0.25))
    left_part = Cut(
        Joined((left, caudate), rounding_mm=8), (HalfSpace((20, -50, 2), (-0.12, -0.55, 1.0)),), 10
    )
    whole = Common((mass, underside), rounding_mm=24)
    body = Joined((Common((whole, Joined((medial, left), 14)), 14), left_part), rounding_mm=10)
    hollows = (
        Ellipsoid((-64, 58, -80), (38, 42, 60)),
        Ellipsoid((-38, -54, -50), (15, 18, 34), pitch=-20),
        Ellipsoid((-20, 2, -22), (26, 13, 15), yaw=20),
        Tube(((-19, 30, -110), (-19, 29, 20), (-12, 20, 95)), (14, 14, 14)),
        Ellipsoid((10, 50, 0), (40, 38, 150)),
    )
    fissures = (
        Ellipsoid((6, -66, -2), (2.6, 34, 26), yaw=10),
        Ellipsoid((4, -8, 16), (30, 2.4, 26), yaw=-12),
    )
    inside = Common((body, Grown(space, -1.0), cavity.grown(-2.6)), rounding_mm=4)
    return _rippled(random, Cut(Cut(inside, hollows, rounding_mm=10), fissures, rounding_mm=3), 2.2)


def _chest(random: np.random.Generator, space: Shape, cavity: Oval) -> tuple[Body, ...]:
    """Return lungs, the diaphragm's muscle, heart and gullet."""
    chest = Cut(cavity.grown(-1.0), (Grown(space, 2.2),))
    heart = Ellipsoid(_jitter(random, (22, -34, 112)), _scaled(random, (66, 46, 48)), yaw=-28)
    vessels = Ellipsoid((0, 24, 100), (30, 34, 70))
    middle = Joined((Grown(heart, 7), vessels), rounding_mm=12)
    bodies = [
        Body(Common((cavity, Grown(space, 2.2))), MUSCLE_HU),
        Body(Common((cavity.grown(-2.2), space)), FAT_HU),
        Body(Cut(chest, (middle,)), LUNG_HU, "lung", mottle_hu=18.0),
        Body(Cut(heart, (Grown(space, 2.0),)), 44.0, "heart"),
    ]
    for _ in range(46):
        angle, reach = random.uniform(0, 2 * np.pi), random.uniform(0.3, 0.86)
        x = float(cavity.centre[0] + np.cos(angle) * reach * cavity.radii[0])
        y = float(cavity.centre[1] + np.sin(angle) * reach * cavity.radii[1])
        z = float(random.uniform(20, 110))
        away = (x * 1.08, y * 1.08, z - float(random.uniform(10, 35)))
        branch = Tube(((x, y, z), away), (float(random.uniform(1.2, 2.4)), 0.9))
        bodies.append(Body(Common((branch, Cut(chest, (middle,)))), 30.0))
    return tuple(bodies)


def _kidney(random: np.random.Generator, centre: Point, side: int) -> tuple[Body, ...]:
    place = _jitter(random, centre)
    whole = Ellipsoid(place, _scaled(random, (26, 27, 54)), yaw=side * 25, roll=side * 12)
    x, y, z = place
    sinus = Ellipsoid((x - side * 12, y - 6, z), (17, 10, 26), yaw=side * 25, roll=side * 12)
    bean = Cut(whole, (Ellipsoid((x - side * 27, y - 10, z), (11, 10, 16)),), rounding_mm=6)
    pelvis = Ellipsoid((x - side * 12, y - 6, z), (8, 6, 12))
    return (
        Body(bean, 33.0, "kidney"),
        Body(Common((sinus, Grown(bean, -4.0))), -60.0),
        Body(Common((pelvis, Grown(bean, -4.0))), 8.0),
    )


def _hollow_organs(random: np.random.Generator, level_y: float) -> tuple[Body, ...]:
    """Return stomach with fluid under gas, duodenum, colon and loops of small bowel."""
    stomach = _rippled(
        random,
        Joined(
            (
                Ellipsoid((62, 14, 34), (34, 36, 34)),
                Ellipsoid((58, -28, 4), (28, 34, 38), roll=18),
                Ellipsoid((28, -54, -26), (32, 20, 18), roll=-12),
            ),
            rounding_mm=26,
        ),
        2.0,
    )
    lumen = Grown(stomach, -4.0)
    gas = Common((lumen, HalfSpace((0, level_y, 0), (0, 1, 0))))
    bodies = [
        Body(stomach, 40.0, "stomach"),
        Body(lumen, 12.0, "stomach", mottle_hu=10.0),
        Body(gas, -960.0, "stomach"),
    ]
    colon = Tube(
        ((-98, 12, -130), (-96, -20, -112), (-62, -62, -108), (0, -74, -92), (60, -66, -70), (104, -18, -48),
         (108, 22, -70), (104, 30, -130)),
        (22, 22, 20, 19, 18, 17, 16, 16),
    )  # fmt: skip
    inner = Tube(colon.path, tuple(r - 2.5 for r in colon.radii))
    bodies += [
        Body(colon, 38.0, "bowel"),
        Body(inner, 10.0, "bowel", mottle_hu=55.0),
        Body(Common((inner, HalfSpace((0, -66, 0), (0, 1, 0.1)))), -920.0, "bowel"),
    ]
    duodenum = Tube(((4, -46, -40), (-30, -30, -52), (-36, -8, -70), (-30, 8, -104)), (13, 14, 13, 13))
    bodies += [
        Body(duodenum, 38.0, "bowel"),
        Body(Tube(duodenum.path, tuple(r - 3.0 for r in duodenum.radii)), 14.0, "bowel"),
    ]
    position = np.array([40.0, -35.0, -88.0])
    path = [position]
    for _ in range(16):
        following = path[-1] + random.uniform(-1, 1, 3) * (38, 30, 16)
        path.append(np.clip(following, (-20, -58, -125), (84, 10, -76)))
    loop = Tube(tuple((float(p[0]), float(p[1]), float(p[2])) for p in path), (11.0,) * len(path))
    bodies += [
        Body(loop, 40.0, "bowel"),
        Body(Tube(loop.path, (8.5,) * len(path)), 16.0, "bowel", mottle_hu=12.0),
    ]
    return tuple(bodies)


def _great_vessels() -> tuple[Body, ...]:
    aorta = Tube(((17, 34, 130), (14, 31, 60), (8, 27, -20), (4, 25, -130)), (12.5, 12, 11, 10))
    cava = Tube(((-20, 28, -130), (-19, 27, 10), (-15, 23, 60), (-10, 8, 100)), (11, 12, 13, 14))
    gullet = Tube(((14, 14, 130), (16, 12, 70), (30, 4, 50)), (7, 7, 8))
    return (
        Body(aorta, VESSEL_HU, "aorta"),
        Body(cava, VESSEL_HU, "vena_cava"),
        Body(gullet, 38.0, "stomach"),
    )


def _liver_bodies(random: np.random.Generator, liver: Shape) -> tuple[tuple[Body, ...], tuple[Point, ...]]:
    """Return the liver with its portal and hepatic veins, and the path of a duct of the left lobe."""
    trunk = Tube(((14, 12, -42), (-8, 8, -28), (-24, 4, -12)), (7.5, 7.5, 7.5))
    left = ((-24, 4, -12), (-15, -14, 6), (0, -23, 19), (12, -29, 16))
    bodies = [
        Body(liver, LIVER_HU, "liver", mottle_hu=1.2),
        Body(trunk, VESSEL_HU, "portal_vein"),
        Body(Tube(left, (6.0, 5.5, 5.0, 4.2)), VESSEL_HU),
    ]
    roots: list[tuple[Point, Point, float]] = [
        ((-24, 4, -12), (-62, -22, 6), 6.2),
        ((-24, 4, -12), (-66, 30, -8), 5.8),
        ((12, -29, 16), (40, -38, 26), 3.6),
        ((-15, -14, 6), (-22, -56, 14), 3.4),
        ((-13, 18, 62), (-60, 20, 34), 5.4),
        ((-13, 16, 64), (-44, -36, 36), 5.0),
        ((-12, 14, 64), (16, -40, 40), 4.6),
    ]
    for root, toward, radius in roots:
        bodies += [Body(t, VESSEL_HU) for t in grow_tree(liver, root, toward, radius, random)]
    duct = ((10, -31, 17), (22, -36, 20), (34, -39, 25), (46, -43, 28))
    return tuple(bodies), duct


def make_abdomen(random: np.random.Generator) -> Abdomen:
    """Return an upper abdomen, varied a little by `random`."""
    cavity = Oval((0, -8), (float(random.uniform(132, 137)), float(random.uniform(82, 85))), 2.35)
    space = _under_diaphragm(random)
    liver = _liver(random, space, cavity)
    in_abdomen = Common((Grown(space, -4.0), cavity.grown(-3.5)))
    spleen = Cut(
        Ellipsoid(_jitter(random, (96, 26, 14)), _scaled(random, (36, 48, 52)), yaw=-25),
        (Ellipsoid((62, 14, 34), (40, 42, 42)), Ellipsoid((64, 48, -52), (30, 30, 58))),
        rounding_mm=8,
    )
    pancreas = Tube(
        ((-22, -8, -62), (-4, -14, -46), (22, -8, -38), (48, 12, -28), (78, 28, -12)), (13, 10, 9, 10, 8)
    )
    gallbladder = Ellipsoid(_jitter(random, (-38, -52, -48)), _scaled(random, (13, 14, 31)), pitch=-20)
    ribs, contact = make_ribs(cavity, 128.0, DENTED_RIB)
    liver_bodies, left_duct = _liver_bodies(random, liver)
    psoas = [Body(Tube(((s * 28, 52, -40), (s * 38, 54, -130)), (8, 19)), MUSCLE_HU) for s in (-1, 1)]
    crura = [
        Body(Tube(((s * 14 + 2, 34, -90), (s * 15 + 2, 30, 0), (s * 14 + 4, 10, 48)), (6, 7, 6)), MUSCLE_HU)
        for s in (-1, 1)
    ]
    bodies = (
        *_couch(4 + cavity.radii[1] + 31),
        *_wall(cavity),
        *_chest(random, space, cavity),
        *psoas,
        *crura,
        *make_spine(38.0, -125.0, 110.0),
        *(Body(b.shape, b.hu, b.organ, b.mottle_hu) for b in _hollow_organs(random, -34.0)),
        *_kidney(random, (-62, 46, -80), -1),
        *_kidney(random, (66, 46, -56), 1),
        Body(pancreas, 40.0, "pancreas"),
        Body(
            Common((_rippled(random, spleen, 1.5), in_abdomen), rounding_mm=6), 49.0, "spleen", mottle_hu=1.0
        ),
        *liver_bodies,
        *_great_vessels(),
        Body(gallbladder, 38.0, "gallbladder"),
        Body(Grown(gallbladder, -1.5), 7.0, "gallbladder"),
        *ribs,
    )
    return Abdomen(bodies, liver, left_duct, contact)
