"""Cases of parasites: hydatid cysts by WHO stage, alveolar echinococcosis, schistosomiasis japonica."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.cases.case import RIGHT, Room, calcium, chance, cited, draw_place, sphere
from hepalith.phantom.contents.host import make_host
from hepalith.phantom.contents.morphology import make_morphology
from hepalith.phantom.contents.shell import make_eggshell, make_rim_pieces
from hepalith.phantom.contents.site import add, draw_direction, draw_log, draw_site
from hepalith.phantom.deposit import Deposit, make_calcium
from hepalith.phantom.insert import HostTruth, Insert, PatternTruth, join_inserts
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Common, Ellipsoid, Grown, Point, Shape

__all__ = ["STAGES", "hydatid_maker", "make_alveolar", "make_schistosomiasis"]


@dataclass(frozen=True, slots=True)
class Stage:
    """How a hydatid cyst of one WHO stage looks.

    Parameters
    ----------
    host
        One of `HOSTS`.
    content
        What fills it: ``"fluid"``, ``"daughters"``, ``"daughters_in_solid"``, ``"solid"``.
    calcified
        Share with calcium in the wall.
    form
        Of that calcium: ``"flecks"``, ``"rim"``, ``"eggshell"``.
    diagnosis
        Of the vocabulary.
    diameter_mm
        Least and most.
    """

    host: str
    content: str
    calcified: float
    form: str
    diagnosis: str
    diameter_mm: tuple[float, float]


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        "ce1": Stage("cyst_walled", "fluid", 0.45, "flecks", "ce_active_CE1_3", (35.0, 110.0)),
        "ce2": Stage("cyst_daughters", "daughters", 0.5, "flecks", "ce_active_CE1_3", (45.0, 110.0)),
        "ce3": Stage("cyst_daughters", "daughters_in_solid", 0.7, "rim", "ce_active_CE1_3", (40.0, 95.0)),
        "ce4": Stage("cyst_walled", "solid", 0.9, "rim", "ce_inactive_CE4_5", (30.0, 80.0)),
        "ce5": Stage("cyst_walled", "solid", 1.0, "eggshell", "ce_inactive_CE4_5", (22.0, 75.0)),
    }
)
"""WHO informal working group's stages: unilocular, with daughters, in transition, solid, calcified; calcium
may occur in every stage and is the rule in the last. The shares are our judgement, higher than in life,
for a set about calcification. WHO-IWGE, Acta Tropica 85:253-261, 2003. doi:10.1016/S0001-706X(02)00223-1"""


def _solid_content(host: Insert, random: np.random.Generator, *, daughters: bool) -> Insert:
    """Return a cyst whose content has turned solid: uneven, with folded membranes, at times daughters."""
    truth = host.hosts[0]
    assert truth.shape is not None  # noqa: S101 - every cyst has a surface
    inner = Grown(truth.shape, round(-truth.wall_mm, 4))
    half = truth.diameter_mm / 2 - truth.wall_mm
    filling = round(float(random.uniform(24, 42)), 3)
    bodies = [Body(inner, filling, mottle_hu=5.0)]
    for _ in range(int(random.integers(4, 9))):
        middle = _rounded(
            add(truth.centre_lps_mm, draw_direction(random), half * float(random.uniform(0.1, 0.7)))
        )
        radii = [round(half * float(random.uniform(0.08, 0.3)), 4) for _ in range(3)]
        fold = Ellipsoid(
            middle, (radii[0], max(radii[1] * 0.3, 1.0), radii[2]), float(random.uniform(-80, 80))
        )
        bodies.append(Body(Common((fold, inner)), round(filling - float(random.uniform(8, 16)), 3)))
    if daughters:
        for _ in range(int(random.integers(3, 7))):
            radius = round(half * float(random.uniform(0.14, 0.28)), 4)
            middle = _rounded(add(truth.centre_lps_mm, draw_direction(random), half - 1.2 * radius))
            bodies.append(
                Body(Common((sphere(middle, 2 * radius), inner)), round(float(random.uniform(4, 12)), 3))
            )
    extra = ("solid_content", "daughter_cysts") if daughters else ("solid_content",)
    features = tuple(dict.fromkeys((*(f for f in truth.features if f != "septa"), *extra)))
    turned = replace(truth, kind="mixed", features=features)
    return replace(host, bodies=(*host.bodies, *bodies), hosts=(turned,))


def _rounded(point: Point) -> Point:
    return (round(point[0], 6), round(point[1], 6), round(point[2], 6))


def _in_wall(
    abdomen: Abdomen, random: np.random.Generator, truth: HostTruth, form: str
) -> tuple[Deposit, ...]:
    """Return calcium in a cyst's wall."""
    place, across = truth.centre_lps_mm, round(truth.diameter_mm - 0.8, 6)
    if form == "flecks":
        room = Room.of(abdomen, random, truth)
        sizes = [round(float(random.uniform(3, 8)), 3) for _ in range(int(random.integers(1, 4)))]
        return room.fill(("punctate", "nodular"), sizes, 0.92, 1.0)
    excess = draw_log(random, 300.0, 1000.0)
    if form == "rim":
        return (make_calcium("rim", make_rim_pieces(place, across, random), excess, host=0),)
    shell = make_eggshell(place, across, random, wall_mm=round(float(random.uniform(1.2, 3.0)), 6))
    return (make_calcium("eggshell", shell, excess, host=0),)


def hydatid_maker(name: str) -> Callable[[Abdomen, np.random.Generator], Insert]:
    """Return the maker of a hydatid cyst of one stage of `STAGES`.

    S86 (commonly calcifying), S90 (salts in the cyst's wall), S91 (the wall's strong echo: its late stages).
    """
    stage = STAGES[name]

    def made(abdomen: Abdomen, random: np.random.Generator) -> Insert:
        diameter = round(draw_log(random, *stage.diameter_mm) * min(abdomen.variation.scale, 1.0), 6)
        place = draw_place(abdomen, random, diameter / 2, RIGHT if chance(random, 0.75) else ())
        calcified = chance(random, stage.calcified)
        host = make_host(
            stage.host, abdomen, random, place=place, diameter_mm=diameter,
            position="peripheral" if calcified else "",
        )  # fmt: skip
        if stage.content in {"solid", "daughters_in_solid"}:
            host = _solid_content(host, random, daughters=stage.content == "daughters_in_solid")
        if stage.content == "fluid":  # clear as water
            inner = host.bodies[-1]
            host = replace(host, bodies=(*host.bodies[:-1], replace(inner, hu=8.0, mottle_hu=0.0)))
        pieces = _in_wall(abdomen, random, host.hosts[0], stage.form) if calcified else ()
        patterns: tuple[PatternTruth, ...] = ()
        if pieces:
            every = tuple(range(len(pieces)))
            patterns = (PatternTruth("solitary" if len(pieces) == 1 else "clustered", every),)
        note = f"hydatid cyst {diameter:.0f} mm wide, stage {name.upper()}"
        whole = replace(host, deposits=pieces, patterns=patterns)
        return cited(whole, stage.diagnosis, ("S86", "S90", "S91"), note)

    return made


def make_alveolar(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return alveolar echinococcosis: an infiltrating mass, liquid in its middle, calcium strewn through it.

    S89, S92 (infiltrating, blurred margin), S93 (extensive granular or irregular calcium), S94 (central
    necrosis), S95 (no enhancement), S96 (calcium with small cystic areas).
    """
    diameter = round(draw_log(random, 50.0, 115.0) * min(abdomen.variation.scale, 1.0), 6)
    place = draw_site(abdomen, random, diameter / 2, clear_mm=0.0)
    host = make_host(
        "infiltrating", abdomen, random, place=place, diameter_mm=diameter, position="throughout"
    )
    room = Room.of(abdomen, random, host.hosts[0])
    fields = [
        round(diameter * float(random.uniform(0.14, 0.28)), 3) for _ in range(int(random.integers(1, 4)))
    ]
    specks = [round(float(random.uniform(2.0, 6.0)), 3) for _ in range(int(random.integers(4, 11)))]
    lumps = [round(float(random.uniform(8.0, 14.0)), 3) for _ in range(int(random.integers(0, 3)))]
    pieces = room.fill(("granular",), fields, 0.3, 0.95) + room.fill(
        ("punctate", "nodular"), specks, 0.25, 1.0
    )
    if lumps:
        pieces += room.fill(("coarse",), [max(v, 11.0) for v in lumps], 0.3, 0.9)
    every = tuple(range(len(pieces)))
    patterns = (PatternTruth("within_mass", every), PatternTruth("scattered", every))
    whole = replace(host, deposits=pieces, patterns=patterns)
    return cited(whole, "alveolar_echinococcosis", ("S89", "S92", "S93", "S94", "S95", "S96"))


def make_schistosomiasis(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return schistosomiasis japonica: calcified septa like a turtle's back, plates along the capsule.

    S97 (by load), S98 (capsular and septal calcium), S99 (map or turtle-back liver).
    """
    network = make_morphology("curvilinear_septal", abdomen, random, diameter_mm=draw_log(random, 50.0, 85.0))
    septa: Shape = network.deposits[0].shape
    taken = [Grown(septa, 3.0)]
    plates: list[Deposit] = []
    middles: list[Shape] = []
    for _ in range(int(random.integers(2, 6))):
        size = draw_log(random, 8.0, 16.0)
        spot = draw_site(abdomen, random, 1.5, clear_mm=0.5, at_most_mm=2.5, clear_of=(*taken, *middles))
        middles.append(sphere(spot, size + 14))
        plates.append(calcium("plaque", abdomen, random, spot, size))
    plating = Insert(
        deposits=tuple(plates), patterns=(PatternTruth("along_capsule", tuple(range(len(plates)))),)
    )
    return cited(join_inserts(network, plating), "schisto_japonica", ("S97", "S98", "S99"))
