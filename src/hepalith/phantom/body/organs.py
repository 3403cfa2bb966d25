"""The solid organs beside the liver: spleen, kidneys, adrenals, pancreas; and the great vessels."""

from __future__ import annotations

from dataclasses import dataclass

from hepalith.phantom.body.contrast import Tissues
from hepalith.phantom.body.trunk import Build, Chance
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Common, Cut, Ellipsoid, Grown, Point, Rippled, Shape, Tube

__all__ = [
    "GreatVessels",
    "Kidney",
    "make_kidneys",
    "make_pancreas",
    "make_spleen",
    "make_vessels",
    "rippled",
]


def rippled(shape: Shape, height_mm: float, chance: Chance, shortest_mm: float = 38.0) -> Rippled:
    """Return a shape whose surface waves by chance."""
    lengths = tuple(chance.between(shortest_mm, 2 * shortest_mm) for _ in range(3))
    phases = tuple(chance.between(0, 6.283) for _ in range(3))
    return Rippled(shape, height_mm, (lengths[0], lengths[1], lengths[2]), (phases[0], phases[1], phases[2]))


@dataclass(frozen=True, slots=True)
class Kidney:
    """A kidney, its adrenal gland and, where there are any, its cysts."""

    bodies: tuple[Body, ...]
    surface: Shape
    hilum: Point


def _kidney(build: Build, side: int, tissues: Tissues, chance: Chance) -> Kidney:
    v = build.variation
    if side < 0:
        wanted = build.at(-61.0, 45.0, -76.0 - v.kidney_drop_mm - 0.5 * v.breath_mm)
    else:
        wanted = build.at(63.0, 45.0, -58.0 - 0.3 * v.kidney_drop_mm - 0.6 * v.breath_mm)
    x, y, z = chance.near(wanted, 6.0)
    wide, deep, high = chance.sized((26.0, 25.0, 53.0), 0.08)
    size = v.kidney_scale * chance.about(1.0, 0.05)
    turn = (side * chance.between(12.0, 40.0), chance.between(-14.0, 4.0), side * chance.between(4.0, 18.0))
    whole = Ellipsoid((x, y, z), (wide * size, deep * size, high * size), *turn)
    notch = Ellipsoid((x - side * 27 * size, y - 8, z), (11 * size, 10 * size, 17 * size))
    bean = rippled(Cut(whole, (notch,), rounding_mm=6), 1.4, chance, 24.0)
    fat = chance.between(0.75, 1.15) * (0.8 + 0.4 * v.visceral_fat)
    sinus = Ellipsoid((x - side * 12 * size, y - 4, z), (16 * fat, 9 * fat, 25 * fat), *turn)
    pelvis = Ellipsoid((x - side * 12 * size, y - 4, z), (8.0, 6.0, chance.between(7.0, 15.0)))
    inside = Grown(bean, -4.0)
    bodies = [
        Body(bean, tissues["renal_cortex"], "kidney"),
        Body(Grown(bean, -chance.between(5.5, 8.0)), tissues["renal_medulla"], "kidney"),
        Body(Common((sinus, inside)), tissues["visceral_fat"] * 0.7),
        Body(Common((pelvis, inside)), tissues["renal_pelvis"]),
    ]
    old = max(v.age_years - 35.0, 0.0) / 50.0
    while chance.happens(0.35 * old):
        radius = chance.between(4.0, 22.0)
        at = (x + side * chance.between(8, 24), y + chance.between(-18, 22), z + chance.between(-44, 44))
        bodies.append(Body(Ellipsoid(at, (radius, radius, radius * 1.1)), tissues["fluid"], "kidney"))
    for lean in (-1.0, 1.0):
        top = (x - side * 22.0, y - 8.0, z + high * size * 0.98)
        limb = Tube(
            ((top[0], top[1] - 9.0, top[2] + 2.0), (top[0] + lean * 8.0, top[1] + 8.0, top[2] - 3.0)),
            (3.6, 2.4),
        )
        bodies.append(Body(limb, tissues["adrenal"], "adrenal"))
    return Kidney(tuple(bodies), bean, (x - side * 20 * size, y - 6.0, z))


def make_kidneys(build: Build, tissues: Tissues, chance: Chance) -> tuple[Kidney | None, Kidney | None]:
    """Return the right and the left kidney, where they are present."""
    right, left = _kidney(build, -1, tissues, chance), _kidney(build, 1, tissues, chance)
    present = build.variation.kidneys
    return (right if present != "left" else None), (left if present != "right" else None)


def make_spleen(
    build: Build, space: Shape, hollows: tuple[Shape, ...], tissues: Tissues, chance: Chance
) -> tuple[Shape | None, tuple[Body, ...]]:
    """Return the spleen's surface and bodies: between diaphragm, stomach and left kidney."""
    size = build.variation.spleen_scale
    x, y, z = build.at(97.0, 30.0, 14.0)
    z += 0.5 * build.variation.dome_mm - 22.0 * max(size - 1.0, 0.0)
    place = chance.near((x - 16.0 * (size - 1.0), y - 14.0 * (size - 1.0), z), 6.0)
    a, b, c = chance.sized((39.0, 54.0, 57.0), 0.12)
    whole = Ellipsoid(
        place, (a * size, b * size, c * size), yaw=chance.between(-40, -12), roll=chance.between(-12, 22)
    )
    inside = Common((Grown(space, -2.5), build.cavity.grown(-3.0)))
    spleen = Common((rippled(Cut(whole, hollows, rounding_mm=8.0), 2.0, chance), inside), rounding_mm=6.0)
    accessory = chance.happens(0.12)
    tip = (place[0] - a * 0.9, place[1] - 6.0, place[2] - c * 0.5)
    if size <= 0:
        return None, ()
    bodies = [Body(spleen, tissues["spleen"], "spleen", mottle_hu=tissues.spleen_mottle_hu)]
    if accessory:
        bodies.append(Body(Ellipsoid(tip, (6.0, 6.0, 6.0)), tissues["spleen"], "spleen"))
    return spleen, tuple(bodies)


def make_pancreas(build: Build, tissues: Tissues, chance: Chance) -> tuple[Body, ...]:
    """Return the pancreas, from its head beside the duodenum to its tail at the spleen, lobulated by fat."""
    drop = chance.between(-14.0, 10.0)
    size = chance.about(1.0, 0.18) * (1.1 - 0.2 * max(build.variation.age_years - 50.0, 0.0) / 40.0)
    places = ((-24, -8, -74), (-20, -10, -58), (-4, -16, -46), (22, -10, -38), (48, 10, -28), (76, 27, -14))
    path = tuple(chance.near(build.at(x, y, z + drop), 4.0) for x, y, z in places)
    radii = tuple(chance.about(r, 0.1) * size for r in (14.0, 15.0, 11.0, 10.5, 12.0, 10.0))
    body = rippled(Tube(path, radii), 2.4 * build.variation.visceral_fat + 0.6, chance, 14.0)
    return (Body(body, tissues["pancreas"], "pancreas", mottle_hu=3.0),)


@dataclass(frozen=True, slots=True)
class GreatVessels:
    """Aorta with its branches and plaques, and the vena cava."""

    bodies: tuple[Body, ...]
    aorta: Tube
    cava: Tube


def _aorta(build: Build, chance: Chance) -> Tube:
    old = max(build.variation.age_years - 40.0, 0.0) / 50.0
    radius = chance.about(10.2 if build.variation.sex == "female" else 11.6, 0.1) * (1 + 0.18 * old)
    sway = chance.between(-10.0, 12.0) * (0.4 + old)
    bulge = chance.between(1.3, 2.4) if chance.happens(0.06 * old) else 1.0
    spots = ((220.0, 24.0, 4.0), (130.0, 22.0, -8.0), (60.0, 15.0, -21.0), (0.0, 10.0, -29.0),
             (-60.0, 9.0, -33.0), (-110.0, 6.0, -32.0), (-142.0, 3.0, -31.0))  # fmt: skip
    path, radii = [], []
    for n, (z, x, forward) in enumerate(spots):
        low = max(-z, 0.0) / 140.0
        path.append((build.spine_x(z) + x + sway * low, build.spine_y(z) + forward, z))
        radii.append(radius * (1.0 - 0.035 * n) * (bulge if n == 5 else 1.0))
    return Tube(tuple(path), tuple(radii))


def _cava(build: Build, chance: Chance) -> Tube:
    flat = chance.between(0.65, 1.2)
    mouth = build.at(-16.0, 6.0, 92.0)
    path = (
        (build.spine_x(-145) - 16.0, build.spine_y(-145) - 26.0, -145.0),
        (build.spine_x(-90) - 19.0, build.spine_y(-90) - 28.0, -90.0),
        chance.near((-19.0 * build.variation.breadth + build.spine_x(-20), 28.0, -20.0), 2.0),
        chance.near((-18.0 * build.variation.breadth, 27.0, 20.0), 2.0),
        chance.near((-15.0 * build.variation.breadth, 22.0, 60.0), 2.0),
        mouth,
    )
    radii = tuple(r * flat for r in (9.5, 10.5, 12.0, 12.5, 13.0, 14.0))
    return Tube(path, radii)


def make_vessels(
    build: Build, kidneys: tuple[Kidney | None, Kidney | None], tissues: Tissues, chance: Chance
) -> GreatVessels:
    """Return the great vessels, their blood as mixed as the phase has it."""
    aorta, cava = _aorta(build, chance), _cava(build, chance)
    end_a, end_c = aorta.path[-1], cava.path[0]
    bodies = []
    for end, hu, organ, radius in (
        (end_c, tissues["low_cava"], "vena_cava", 7.0),
        (end_a, tissues["aorta"], "aorta", 5.5),
    ):
        for side in (-1, 1):
            away = (side * 42.0, build.spine_y(-205) - 34.0, -205.0)
            far = (side * 78.0, build.spine_y(-205) - 62.0, -270.0)
            bodies.append(Body(Tube((end, away, far), (radius, radius, radius * 0.9)), hu, organ))
    lower = Tube(cava.path[:2], cava.radii[:2])
    upper = Tube(cava.path[1:], cava.radii[1:])
    bodies += [
        Body(lower, tissues["low_cava"], "vena_cava"),
        Body(upper, tissues["vena_cava"], "vena_cava", mottle_hu=tissues.cava_mixing_hu * 0.3),
    ]
    for kidney in kidneys:
        if kidney is None:
            continue
        x, y, z = kidney.hilum
        inlet = (cava.path[1][0], cava.path[1][1] - 3.0, max(min(z + 4.0, -40.0), -100.0))
        vein = Tube((kidney.hilum, (0.5 * (x + inlet[0]), min(y, inlet[1]) - 8.0, z), inlet), (4.5, 5.0, 5.5))
        bodies.append(Body(vein, 0.5 * (tissues["renal_cortex"] + tissues["vena_cava"])))
    bodies.append(Body(aorta, tissues["aorta"], "aorta"))
    old = max(build.variation.age_years - 50.0, 0.0) / 40.0
    for _ in range(int(8 * old)):
        if chance.happens(0.5):
            number = int(chance.between(2, len(aorta.path) - 0.01))
            (x, y, z), r = aorta.path[number], aorta.radii[number]
            at = (x + chance.between(-0.8, 0.8) * r, y + 0.5 * r, z + chance.between(-12, 12))
            bodies.append(Body(Ellipsoid(at, (2.2, 1.4, 4.0)), chance.between(350.0, 900.0)))
    return GreatVessels(tuple(bodies), aorta, cava)
