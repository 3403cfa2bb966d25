"""One thing that keeps calcium company, and calcium beside it: mimics, hosts, ducts, each form of its own.

A set for questions of telling apart: each study holds one mimic, one lesion with calcium in it, one duct
with its stones, or one form of calcium, and plain foci apart from it. Where a focus was put is where it
lies to the ducts; the family's other contents leave that unsaid for most foci.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.cases.case import Room, chance
from hepalith.phantom.contents.compact import make_nodule, make_plaque
from hepalith.phantom.contents.duct import choose_duct, dilate
from hepalith.phantom.contents.host import HOSTS, make_host
from hepalith.phantom.contents.mimic import MIMICS, make_mimic
from hepalith.phantom.contents.morphology import MORPHOLOGIES, make_morphology
from hepalith.phantom.contents.site import (
    add,
    along_path,
    depth_at,
    draw_log,
    draw_site,
    path_length,
    perpendicular,
    spaced_along,
)
from hepalith.phantom.deposit import Deposit, DuctTruth, make_calcium
from hepalith.phantom.insert import HostTruth, Insert, PatternTruth
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Point, Shape

__all__ = ["COMPANY", "make_ducted", "make_holding"]

POSITIONS = ("central", "peripheral", "throughout")
"""Where calcium lies in a lesion, one drawn."""

DILATED_MM = (3.6, 9.0)
"""Calibre of dilated ducts, least and most: all above 3 mm, from which they are to be found."""

ALONG_TRIAD_MM = (1.0, 3.0)
"""How far from the wall of a portal branch the middle of a focus along the triad lies: duct and artery run
there. Our judgement."""

APART_MM = 9.0
"""How far from every portal branch that a scan shows the edge of a focus apart from them lies."""

SHOWN_RADIUS_MM = 1.0
"""Least radius of a portal branch that counts for that; thinner ones no scan shows."""

TRIES = 40
"""Places drawn for one focus."""


def make_holding(name: str, abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a lesion of `hepalith.phantom.contents.host.HOSTS` with one to four pieces of calcium in it.

    Raises
    ------
    UsageError
        If there is no such lesion, or no room for it.
    """
    position = POSITIONS[int(random.integers(len(POSITIONS)))]
    host = make_host(name, abdomen, random, position=position)
    truth = host.hosts[0]
    low, high = {"central": (0.0, 0.3), "peripheral": (0.7, 1.0), "throughout": (0.0, 1.0)}[position]
    most = 0.4 if position == "central" else 0.25
    sizes = [
        max(round(truth.diameter_mm * float(random.uniform(0.1, most)), 3), 2.5)
        for _ in range(1 if position == "central" else int(random.integers(1, 5)))
    ]
    pieces = Room.of(abdomen, random, truth).fill(("nodular", "coarse", "punctate"), sizes, low, high)
    patterns = (PatternTruth("within_mass", tuple(range(len(pieces)))),)
    return replace(host, deposits=pieces, patterns=patterns)


def _dilated(
    abdomen: Abdomen, random: np.random.Generator
) -> tuple[tuple[Body, ...], tuple[Point, ...], float, HostTruth]:
    """Return a dilated duct: its bodies, its middle line, its calibre, and what is known of it."""
    calibre = round(draw_log(random, *DILATED_MM), 3)
    bodies, path = dilate(abdomen, choose_duct(abdomen, random), calibre)
    truth = HostTruth(
        "fluid", "dilated_ducts", path[len(path) // 2], round(path_length(path), 2), bodies[0].shape,
        features=("dilated_ducts",),
    )  # fmt: skip
    return bodies, path, calibre, truth


def _excess(random: np.random.Generator) -> float:
    return draw_log(random, 200.0, 1000.0)


def _in_lumen(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return one to four stones in a dilated duct, bile around them."""
    bodies, path, calibre, host = _dilated(abdomen, random)
    size = round(max(calibre - float(random.uniform(1.2, 3.0)), 0.55 * calibre), 3)
    count = int(random.integers(1, 5))
    places = spaced_along(path, size / 2 + 0.5, 1.4 * size + 3.0, count)
    duct = DuctTruth("in_lumen", calibre, "upstream")
    stones = tuple(
        make_calcium("nodular", make_nodule(p, size, random), _excess(random), group=1, duct=duct)
        for p in places
    )
    pattern = (PatternTruth("along_duct", tuple(range(len(stones)))),) if len(stones) > 2 else ()
    return Insert(bodies=bodies, deposits=stones, hosts=(host,), patterns=pattern)


def _in_wall(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return one or two plates of calcium in the wall of a dilated duct."""
    bodies, path, calibre, host = _dilated(abdomen, random)
    length = path_length(path)
    plates: list[Deposit] = []
    for share in ((0.3, 0.75), (0.5,))[int(random.integers(2))]:
        middle, ahead = along_path(path, [share * length, min(share * length + 1.0, length)])
        way = perpendicular(add(ahead, middle, -1.0), random)
        radius = calibre / 2 * (1.0 - 0.28 * share)  # as the duct tapers outward
        at = add(middle, way, radius + 0.5)
        plate = make_plaque(at, round(float(random.uniform(3.0, 6.0)), 3), random, normal=way)
        plates.append(
            make_calcium("plaque", plate, _excess(random), duct=DuctTruth("in_wall", calibre, "both"))
        )
    return Insert(bodies=bodies, deposits=tuple(plates), hosts=(host,))


def _nodule(place: Point, size: float, relation: str, random: np.random.Generator) -> Deposit:
    solid = make_nodule(place, size, random)
    return make_calcium("nodular", solid, _excess(random), duct=DuctTruth(relation))


def _along_triad(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return foci at the walls of portal branches of a liver whose ducts are not dilated."""
    branches = [
        b for b in abdomen.liver.portal.branches if 1 <= b.order <= 4 and min(b.radii_mm) >= SHOWN_RADIUS_MM
    ]
    if not branches:
        raise UsageError("this liver has no portal branch there; ask for another seed")
    foci: list[Deposit] = []
    for _ in range(TRIES):
        branch = branches[int(random.integers(len(branches)))]
        share = float(random.uniform(0.15, 0.85))
        at = share * path_length(branch.path)
        middle, ahead = along_path(branch.path, [at, at + 1.0])
        way = perpendicular(add(ahead, middle, -1.0), random)
        reach = float(np.interp(share, np.linspace(0, 1, len(branch.radii_mm)), branch.radii_mm))
        place = add(middle, way, reach + float(random.uniform(*ALONG_TRIAD_MM)))
        size = round(draw_log(random, 2.5, 6.0), 3)
        clear = all(math.dist(place, f.centre_lps_mm) > 20.0 for f in foci)
        if clear and depth_at(abdomen.liver.shape, place) > size:
            foci.append(_nodule(place, size, "along_portal_triad", random))
        if len(foci) == 3:
            break
    if not foci:
        raise UsageError("this liver has no room beside its portal branches; ask for another seed")
    return Insert(deposits=tuple(foci))


def _apart(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return foci apart from every duct, half of them in a liver with a dilated duct elsewhere."""
    shown: list[Shape] = [
        b.tube() for b in abdomen.liver.portal.branches if max(b.radii_mm) >= SHOWN_RADIUS_MM
    ]
    bodies: tuple[Body, ...] = ()
    hosts: tuple[HostTruth, ...] = ()
    if chance(random, 0.5):
        bodies, _, _, host = _dilated(abdomen, random)
        hosts, shown = (host,), [*shown, *(b.shape for b in bodies)]
    foci: list[Deposit] = []
    for _ in range(TRIES):
        size = round(draw_log(random, 3.0, 7.0), 3)
        place = draw_site(abdomen, random, size / 2)
        clear = all(depth_at(s, place) < -(size / 2 + APART_MM) for s in shown)
        if clear and all(math.dist(place, f.centre_lps_mm) > 20.0 for f in foci):
            foci.append(_nodule(place, size, "apart", random))
        if len(foci) == 3:
            break
    if not foci:
        raise UsageError("this liver has no room apart from its ducts; ask for another seed")
    return Insert(bodies=bodies, deposits=tuple(foci), hosts=hosts)


def _without_stones(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a dilated duct with nothing in it."""
    bodies, _, calibre, host = _dilated(abdomen, random)
    return Insert(bodies=bodies, hosts=(host,), notes=(f"ducts dilated to {calibre:.1f} mm",))


DUCTED: Mapping[str, Callable[[Abdomen, np.random.Generator], Insert]] = MappingProxyType(
    {
        "duct_in_lumen": _in_lumen,
        "duct_in_wall": _in_wall,
        "duct_along_triad": _along_triad,
        "duct_apart": _apart,
        "duct_dilated": _without_stones,
    }
)
"""Who makes what of ducts."""


def make_ducted(name: str, abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return calcium that lies to the ducts as its truth says: one of the names ``duct_…`` of `COMPANY`.

    Raises
    ------
    UsageError
        If there is no such thing, or no room for it.
    """
    if name not in DUCTED:
        raise UsageError(f"no duct is called {name!r}: choose one of {', '.join(DUCTED)}")
    return DUCTED[name](abdomen, random)


Part = tuple[Callable[[str, Abdomen, np.random.Generator], Insert], str]
"""Something laid in: who makes it, and its name."""


BESIDE: tuple[Part, ...] = (
    (make_morphology, "nodular"),
    (make_morphology, "nodular"),
    (make_morphology, "punctate"),
)
"""Plain foci laid in beside everything, as far as there is room."""

COMPANY: Mapping[str, tuple[Part, ...]] = MappingProxyType(
    {
        **{f"mimic_{n}": ((make_mimic, n), *BESIDE) for n in MIMICS},
        **{f"host_{n}": ((make_holding, n), BESIDE[0]) for n in HOSTS if n != "dilated_ducts"},
        **{n: ((make_ducted, n), BESIDE[0]) for n in DUCTED},
        **{f"form_{n}": ((make_morphology, n), BESIDE[0]) for n in MORPHOLOGIES},
    }
)
"""Everything that can be asked for, and its parts, laid in apart from one another in this order."""
