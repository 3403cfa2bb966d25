"""What looks like calcium of the liver: metal, oil, glue, iodine, bone, bowel, gallstones, gas, arteries."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.contents.compact import make_cloudy, make_grains
from hepalith.phantom.contents.duct import choose_duct, duct_beyond
from hepalith.phantom.contents.host import make_host
from hepalith.phantom.contents.line import make_sleeve, make_tree
from hepalith.phantom.contents.metal import make_clip, make_coil, make_stent
from hepalith.phantom.contents.shell import make_rim_pieces
from hepalith.phantom.contents.site import (
    add,
    along_path,
    depth_at,
    depths,
    draw_direction,
    draw_log,
    draw_site,
    joined_path,
    normal_at,
    path_length,
    smoothed,
)
from hepalith.phantom.deposit import CALCIUM_HU_PER_MG_ML, Deposit
from hepalith.phantom.insert import Insert
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.caliper import longest_caliper_mm
from hepalith.phantom.shape.shape import Capsule, Common, Ellipsoid, Grown, HalfSpace, Point, Tube
from hepalith.phantom.shape.solid import Layered, Solid
from hepalith.phantom.shape.volume import measured

__all__ = ["MIMICS", "make_clip_at", "make_mimic", "mark_rib"]

TITANIUM_EXCESS_HU = 9000.0
"""Titanium at 120 kVp; clipped at 3071 by most scanners, so that a blurred clip still tops 2000 HU."""

WIRE_EXCESS_HU = 16000.0
"""Platinum, steel and nitinol wire. Far above what is displayed; our judgement."""

CONTACT_MM = 10.0
"""Size of the place marked where bone or bowel of the abdomen itself touches the liver."""

BOX_TRIES = 4000
"""Points drawn in search of where an organ comes near the liver."""


def _mimic(
    label: str, kind: str, solid: Solid, excess_hu: float, *, calcium: bool = False, group: int = 0
) -> Deposit:
    return Deposit(
        kind=kind,
        shape=solid,
        excess_hu=round(excess_hu, 3),
        diameter_mm=longest_caliper_mm(solid),
        width_mm=solid.width_mm,
        group=group,
        label=label,
        density_mg_ml=round(excess_hu / CALCIUM_HU_PER_MG_ML, 3) if calcium else None,
    )


def _place_mark(label: str, kind: str, at: Point, diameter_mm: float = CONTACT_MM) -> Deposit:
    """Return a mark without density of its own on something the abdomen already holds."""
    return Deposit(kind, Capsule(at, at, diameter_mm / 2), 0.0, diameter_mm, diameter_mm, label=label)


def make_clip_at(at: Point, length_mm: float, random: np.random.Generator) -> Deposit:
    """Return one surgical clip of titanium."""
    return _mimic("clip_or_coil", "clip_or_coil", make_clip(at, length_mm, random), TITANIUM_EXCESS_HU)


def mark_rib(contact: Point) -> Deposit:
    """Return the mark of a place where a rib of the abdomen touches the liver."""
    return _place_mark("bone_or_cartilage", "bone_or_cartilage", contact)


def _clip(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return one to four clips close together, as an operation leaves them."""
    place = draw_site(abdomen, random, 5.0, clear_mm=0.0, at_most_mm=18.0)
    clips = []
    for number in range(int(random.integers(1, 5))):
        at = add(place, draw_direction(random), 9.0 * number)
        clips.append(make_clip_at(at, round(float(random.uniform(5, 10)), 4), random))
    kept = [c for c in clips if depth_at(abdomen.liver.shape, c.centre_lps_mm) > -4.0]
    return Insert(mimics=tuple(kept))


def _coil(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a coil in an artery."""
    place = draw_site(abdomen, random, 8.0)
    solid = make_coil(place, round(float(random.uniform(5, 11)), 4), random)
    return Insert(mimics=(_mimic("clip_or_coil", "coil", solid, WIRE_EXCESS_HU),))


def _hilar_path(abdomen: Abdomen, random: np.random.Generator) -> tuple[Point, ...]:
    """Return the middle of the common duct and of one main duct on from it, straightened as a stent does."""
    branches = abdomen.liver.ducts.branches
    first = [i for i, b in enumerate(branches) if b.order == 1 and b.parent >= 0]
    chosen = first[int(random.integers(len(first)))] if first else choose_duct(abdomen, random)[0]
    trunk = [branches[branches[chosen].parent]] if branches[chosen].parent >= 0 else []
    path = joined_path([*trunk, branches[chosen]])
    length = path_length(path)
    for _ in range(3):  # each round takes bends shorter than a quarter of the path out of it
        path = smoothed(along_path(path, [length * n / 4 for n in range(5)]), 3)
        length = path_length(path)
    return path


def _stent(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a metal stent in the bile ducts of the hilum, gas in it."""
    path = _hilar_path(abdomen, random)
    length = min(path_length(path), float(random.uniform(40, 70)))
    start = 0.5 * (path_length(path) - length)
    path = along_path(path, [start + length * n / 12 for n in range(13)])
    diameter = round(float(random.uniform(7, 10)), 4)
    gas = float(random.uniform()) < 0.7
    bodies = (
        Body(Tube(path, (diameter / 2 + 0.6,) * len(path)), abdomen.tissues["bile"] + 22.0),
        Body(
            Tube(path, (diameter / 2 - 0.5,) * len(path)),
            abdomen.tissues["gas"] if gas else abdomen.tissues["bile"],
        ),
    )
    mimic = _mimic("stent_or_catheter", "stent", make_stent(path, diameter), WIRE_EXCESS_HU)
    return Insert(bodies=bodies, mimics=(mimic,))


def _lipiodol(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return oil kept in a nodule after chemoembolisation: most of it filled, some of it flecked."""
    size = draw_log(random, 12.0, 45.0)
    place = draw_site(abdomen, random, size / 2)
    host = make_host("mass_none", abdomen, random, place=place, diameter_mm=size)
    filled = make_cloudy(place, 0.92 * size, random)
    excess = draw_log(random, 220.0, 900.0)
    flecks = make_grains(place, 1.2 * size, random, per_ml=18.0)
    mimics = (
        _mimic("lipiodol", "lipiodol", filled, excess),
        _mimic("lipiodol", "lipiodol_flecks", flecks, 1.4 * excess),
    )
    return Insert(bodies=host.bodies, mimics=mimics, hosts=host.hosts)


def _glue(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a cast of portal branches."""
    tree = abdomen.liver.portal
    run = choose_duct(abdomen, random)
    kept = [i for i in duct_beyond(tree, run[0]) if tree.branches[i].order <= tree.branches[run[0]].order + 1]
    kept = kept[: int(random.integers(1, 4))]
    paths = [tree.branches[i].path for i in kept]
    radii = [max(0.62 * min(tree.branches[i].radii_mm), 0.9) for i in kept]
    solid = make_tree(paths, radii)
    return Insert(mimics=(_mimic("glue", "glue", solid, draw_log(random, 700.0, 2400.0)),))


def _iodine_in_duct(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return contrast medium left in ducts after cholangiography."""
    tree = abdomen.liver.ducts
    run = choose_duct(abdomen, random)
    kept = duct_beyond(tree, run[0])[:6]
    radii = [max(float(random.uniform(1.0, 1.6)) * max(tree.branches[i].radii_mm), 0.9) for i in kept]
    solid = make_tree([tree.branches[i].path for i in kept], radii)
    return Insert(mimics=(_mimic("iodine_in_duct", "cholangiogram", solid, draw_log(random, 150.0, 700.0)),))


def _iodine_in_vessel(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a stretch of vessel much brighter than the rest: an artery early, or a shunt."""
    tree = abdomen.liver.artery if float(random.uniform()) < 0.6 else abdomen.liver.portal
    long = [b for b in tree.branches if b.order >= 1 and path_length(b.path) > 10] or list(tree.branches)
    branch = long[int(random.integers(len(long)))]
    length = min(path_length(branch.path), draw_log(random, 8.0, 35.0))
    path = along_path(branch.path, [length * n / 6 for n in range(7)])
    radius = min(max(max(branch.radii_mm) * float(random.uniform(0.9, 1.2)), 1.0), 4.0)
    solid = make_tree([path], [radius])
    return Insert(mimics=(_mimic("iodine_in_vessel", "vessel", solid, draw_log(random, 120.0, 300.0)),))


def _rib(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return the rib that dents the liver at its side, half of them with the callus of an old fracture."""
    if not abdomen.rib_contacts:
        raise UsageError("no rib touches the liver here; ask for another seed")
    contact = abdomen.rib_contacts[int(random.integers(len(abdomen.rib_contacts)))]
    callus = float(random.uniform()) < 0.5
    bodies: tuple[Body, ...] = ()
    if callus:
        out = normal_at(abdomen.liver.shape, contact)
        out = (round(out[0], 4), round(out[1], 4), round(out[2], 4))
        radii = tuple(round(float(random.uniform(*r)), 4) for r in ((4, 8), (3, 6), (1.8, 3.0)))
        bump = _lying(add(contact, out, 1.0), out, (radii[0], radii[1], radii[2]))
        bodies = (
            Body(bump, abdomen.tissues["cortical_bone"] * 0.75, "bone"),
            Body(Grown(bump, -1.2), abdomen.tissues["trabecular_bone"], "bone"),
        )
    return Insert(bodies=bodies, mimics=(mark_rib(contact),))


def _dome(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return bone over the dome: a rib or calcified plaque of the diaphragm that a thick slice mixes in."""
    liver = abdomen.liver.shape
    (x0, y0, _), (x1, y1, z1) = liver.bounds()
    points = np.stack(
        [random.uniform(x0, x0 + 0.55 * (x1 - x0), BOX_TRIES), random.uniform(y0, y1, BOX_TRIES),
         random.uniform(z1 - 45, z1, BOX_TRIES)], axis=1
    )  # fmt: skip
    depth = depths(liver, points)
    near = list(np.flatnonzero((depth > -1.5) & (depth < 0.5)))
    if not near:
        raise UsageError("the liver's dome was not found; ask for another seed")
    x, y, z = (round(float(v), 4) for v in points[near[int(random.integers(len(near)))]])
    out = normal_at(liver, (x, y, z))
    out = (round(out[0], 4), round(out[1], 4), round(out[2], 4))
    middle = add((x, y, z), out, 1.2)
    radii = (round(float(random.uniform(4, 9)), 4), round(float(random.uniform(3, 6)), 4), 1.1)
    plate = _lying(middle, out, radii)
    excess = draw_log(random, 300.0, 900.0)
    return Insert(mimics=(_mimic("bone_or_cartilage", "diaphragm_plaque", plate, excess, calcium=True),))


def _lying(centre: Point, normal: Point, radii: Point) -> Solid:
    """Return a flat ellipsoid whose short axis points along `normal`."""
    pitch, roll = _turns_to(normal)
    return Ellipsoid(centre, radii, 0.0, pitch, roll)


def _turns_to(normal: Point) -> tuple[float, float]:
    """Return pitch and roll, in degrees, that turn z onto a direction."""
    x, y, z = normal
    pitch = -math.degrees(math.asin(min(max(y, -1.0), 1.0)))
    return round(pitch, 4), round(math.degrees(math.atan2(x, z)), 4)


def _nearest_to_liver(abdomen: Abdomen, organ: str, random: np.random.Generator, inset_mm: float) -> Point:
    """Return a place within an organ, `inset_mm` deep, as near to the liver as was found."""
    shape = abdomen.organs.get(organ)
    if shape is None:
        raise UsageError(f"this patient has no {organ}; ask for another seed")
    liver_low, liver_high = abdomen.liver.shape.bounds()
    low, high = shape.bounds()
    low_box = np.maximum(np.asarray(low), np.asarray(liver_low) - 30)
    high_box = np.minimum(np.asarray(high), np.asarray(liver_high) + 30)
    if (high_box <= low_box).any():
        raise UsageError(f"the {organ} lies far from the liver here; ask for another seed")
    points = np.round(low_box + (high_box - low_box) * random.random((BOX_TRIES, 3)), 4)
    inside = points[depths(shape, points) > inset_mm]
    if not inside.size:
        raise UsageError(f"the {organ} lies far from the liver here; ask for another seed")
    best = inside[int(np.argmax(depths(abdomen.liver.shape, inside)))]
    return (float(best[0]), float(best[1]), float(best[2]))


def _bowel(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return dense oral contrast in the colon beside the liver."""
    place = _nearest_to_liver(abdomen, "colon", random, 5.0)
    lumen = Grown(abdomen.organs["colon"], -3.0)
    half = [round(float(random.uniform(28, 45)), 4) for _ in range(3)]
    ball = Ellipsoid(place, (half[0], half[1], half[2]))
    level = HalfSpace((0.0, round(place[1] - float(random.uniform(0, 9)), 4), 0.0), (0.0, -1.0, 0.0))
    pool = Common((ball, lumen, level), rounding_mm=1.0)
    body = Body(pool, 20.0, "bowel")
    solid = measured(pool, 8.0, (16.0, 24.0))
    mimic = _mimic("bowel_content", "oral_contrast", solid, draw_log(random, 130.0, 900.0))
    return Insert(bodies=(body,), mimics=(mimic,))


def _gallstone(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return stones on the floor of the gallbladder: calcified through, or in their shell."""
    bladder = abdomen.liver.gallbladder
    if bladder is None:
        raise UsageError("this patient has no gallbladder; ask for another seed")
    low, high = (np.asarray(c) for c in bladder.bounds())
    points = np.round(low + (high - low) * random.random((BOX_TRIES, 3)), 4)
    stones: list[Deposit] = []
    taken: list[tuple[Point, float]] = []
    for _ in range(int(random.integers(1, 6))):
        radius = draw_log(random, 1.5, 7.0)
        room = depths(bladder, points) > radius + 2.0
        free = [
            p for p in points[room] if all(np.sqrt(((p - c) ** 2).sum()) > radius + r + 0.5 for c, r in taken)
        ]
        if not free:
            continue
        lowest = max(free, key=lambda p: float(p[1]))  # the back is down
        at = (float(lowest[0]), float(lowest[1]), float(lowest[2]))
        taken.append((at, radius))
        whole = Capsule(at, at, radius)
        core = Capsule(at, at, round(radius * float(random.uniform(0.4, 0.8)), 6))
        layers = ((1.0, whole), (round(-float(random.uniform(0.2, 0.9)), 6), core))
        solid = Layered(whole, layers)
        stones.append(_mimic("gallstone", "gallstone", solid, draw_log(random, 90.0, 700.0), calcium=True))
    if not stones:
        raise UsageError("the gallbladder has no room for stones; ask for another seed")
    return Insert(mimics=tuple(stones))


def _gas(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return gas in ducts near the hilum, or in portal branches far out."""
    central = float(random.uniform()) < 0.6
    tree = abdomen.liver.ducts if central else abdomen.liver.portal
    run = choose_duct(abdomen, random)
    kept = list(duct_beyond(tree, run[0]))
    kept = kept[:3] if central else kept[-3:]
    radii = [min(max(max(tree.branches[i].radii_mm) * 1.2, 0.8), 2.6) for i in kept]
    solid = make_tree([tree.branches[i].path for i in kept], radii)
    excess = abdomen.tissues["gas"] - abdomen.tissues["liver"]
    return Insert(mimics=(_mimic("gas", "pneumobilia" if central else "portal_gas", solid, excess),))


def _artery_path(abdomen: Abdomen) -> tuple[tuple[Point, ...], float]:
    """Return the path and radius of the hepatic artery's trunk."""
    branch = min(abdomen.liver.artery.branches, key=lambda b: (b.order, -path_length(b.path)))
    return branch.path, max(branch.radii_mm)


def _artery_plaque(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return short stretches of calcified wall along the hepatic artery."""
    path, radius = _artery_path(abdomen)
    radius = max(radius, 1.6)
    length = path_length(path)
    pieces: list[Solid] = []
    place = float(random.uniform(0, 0.2)) * length
    while place < 0.95 * length and len(pieces) < 4:
        stop = min(place + float(random.uniform(3, 10)), length)
        if stop - place > 1.5:
            wall = round(float(random.uniform(0.6, 1.1)), 4)
            part = along_path(path, [place + (stop - place) * n / 4 for n in range(5)])
            pieces.append(make_sleeve(part, round(radius, 4), wall))
        place = stop + 2 * radius + 2.5 + float(random.uniform(2, 8))
    mimics = tuple(
        _mimic(
            "vessel_wall_calcification",
            "artery_plaque",
            p,
            draw_log(random, 300.0, 1000.0),
            calcium=True,
            group=1,
        )
        for p in pieces
    )
    return Insert(mimics=mimics)


def _aneurysm(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return an aneurysm of the hepatic artery near the hilum, part of its wall calcified."""
    path, _ = _artery_path(abdomen)
    (place,) = along_path(path, [0.85 * path_length(path)])
    size = draw_log(random, 12.0, 32.0)
    ball = Capsule(place, place, round(size / 2, 6))
    body = Body(ball, abdomen.tissues["hepatic_artery"])
    solid = make_rim_pieces(place, size, random, wall_mm=round(float(random.uniform(0.8, 1.6)), 4))
    mimic = _mimic(
        "vessel_wall_calcification", "aneurysm", solid, draw_log(random, 300.0, 1000.0), calcium=True
    )
    return Insert(bodies=(body,), mimics=(mimic,))


MAKERS: Mapping[str, Callable[[Abdomen, np.random.Generator], Insert]] = MappingProxyType(
    {
        "clip": _clip,
        "coil": _coil,
        "stent": _stent,
        "lipiodol": _lipiodol,
        "glue": _glue,
        "iodine_in_duct": _iodine_in_duct,
        "iodine_in_vessel": _iodine_in_vessel,
        "rib": _rib,
        "dome": _dome,
        "bowel_contrast": _bowel,
        "gallstone": _gallstone,
        "gas": _gas,
        "artery_plaque": _artery_plaque,
        "aneurysm": _aneurysm,
    }
)
"""Who makes what."""

MIMICS = tuple(MAKERS)
"""Every mimic that can be made."""


def make_mimic(name: str, abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return something that looks like calcium in the liver, labelled as what it is.

    Parameters
    ----------
    name
        One of `MIMICS`.
    abdomen
        The patient it is laid into.
    random
        Draws its place, size and density.

    Raises
    ------
    UsageError
        If there is no such mimic, or this patient cannot have it (no gallbladder, say).
    """
    if name not in MAKERS:
        raise UsageError(f"no mimic is called {name!r}: choose one of {', '.join(MIMICS)}")
    return MAKERS[name](abdomen, random)
