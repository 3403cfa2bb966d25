"""Cases without tumour or parasite: one healed focus, stones, tuberculosis, an old abscess."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.cases.case import LEFT, RIGHT, calcium, chance, cited, draw_place, sphere
from hepalith.phantom.contents.compact import make_nodule, make_punctate
from hepalith.phantom.contents.duct import choose_duct, dilate
from hepalith.phantom.contents.host import make_host
from hepalith.phantom.contents.morphology import make_morphology
from hepalith.phantom.contents.site import along_path, depth_at, draw_log, path_length
from hepalith.phantom.deposit import Deposit, DuctTruth, make_calcium
from hepalith.phantom.insert import HostTruth, Insert, PatternTruth
from hepalith.phantom.scene import Body
from hepalith.phantom.shape.shape import Point, Shape

__all__ = [
    "make_abscess_scar",
    "make_brucelloma",
    "make_healthy_one_focus",
    "make_portal_vein",
    "make_stones",
    "make_tuberculosis",
    "make_tuberculosis_miliary",
]

DUCTS_TRIED = 6
"""Ducts looked at for one long enough to hold a string of stones; half of them in the wanted lobe."""


def make_healthy_one_focus(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return one small healed focus in a healthy liver, mostly on the right, away from ducts.

    S4, S5 (single, right), S23, S25 (isolated, liver normal), S33 (dot-like), S35, S134 (outside ducts).
    """
    diameter = draw_log(random, 2.0, 9.0)
    place = draw_place(abdomen, random, diameter / 2, RIGHT if chance(random, 0.75) else LEFT)
    piece = calcium("punctate" if diameter < 4 else "nodular", abdomen, random, place, diameter)
    made = Insert(deposits=(piece,), patterns=(PatternTruth("solitary", (0,)),))
    return cited(made, "simple_healed", ("S4", "S5", "S23", "S25", "S33", "S35", "S134"))


def _bead(place: Point, size: float, excess: float, duct: DuctTruth, random: np.random.Generator) -> Deposit:
    make = make_punctate if size < 5 else make_nodule
    solid = make(place, round(size, 6), random)
    return make_calcium("beaded", solid, excess, group=1, host=0, duct=duct)


def _dilated(
    abdomen: Abdomen,
    random: np.random.Generator,
    segments: tuple[str, ...],
    calibre_mm: float,
    least_mm: float,
) -> tuple[tuple[Body, ...], tuple[Point, ...]]:
    """Return a dilated duct at least so long: of the wanted segments, else of any, else the longest tried."""
    tried = []
    for number in range(DUCTS_TRIED):
        run = choose_duct(abdomen, random, segments=segments if number < DUCTS_TRIED // 2 else ())
        bodies, path = dilate(abdomen, run, calibre_mm)
        tried.append((path_length(path), bodies, path))
        if tried[-1][0] >= least_mm:
            break
    _, bodies, path = max(tried, key=lambda t: t[0])
    return bodies, path


def make_stones(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return stones strung along a dilated duct above a stricture, bile around them, mostly on the left.

    S41 to S45 (a string of beads along the duct, fluid around, stricture toward the hilum, dilatation
    beyond), S110 (above the confluence), S127, S128 (round or lumpy, apart or fused), S129 (branching
    dilatation), S132 (left more often). S48, S114 (atrophy) are the patient's: see `case_variation`.
    """
    left = chance(random, 0.7) and abdomen.variation.resection not in {"left", "lateral"}
    size = draw_log(random, 3.5, 9.0)
    calibre = round(size + float(random.uniform(2.0, 5.5)), 3)
    bodies, path = _dilated(abdomen, random, ("II", "III") if left else (), calibre, 3.2 * size + 8)
    excess = draw_log(random, 150.0, 800.0)
    length = path_length(path)
    duct = DuctTruth("in_lumen", calibre, "upstream")
    beads: list[Deposit] = []
    at = size / 2 + 1.0
    while at < length - size / 3 and len(beads) < 8:
        own = size * float(random.uniform(0.65, 1.0))
        place = along_path(path, [at])[0]
        if depth_at(abdomen.liver.shape, place) > own / 2 + 1:
            beads.append(_bead(place, own, excess * float(random.uniform(0.8, 1.2)), duct, random))
        at += own + 2.2 + float(random.uniform(0, 4))
    host = HostTruth(
        "fluid", "dilated_ducts", path[len(path) // 2], round(length, 2), bodies[0].shape, "throughout",
        features=("dilated_ducts",),
    )  # fmt: skip
    made = Insert(
        bodies=bodies,
        deposits=tuple(beads),
        hosts=(host,),
        patterns=(PatternTruth("along_duct", tuple(range(len(beads)))),),
    )
    note = f"{len(beads)} stones in a duct dilated to {calibre:.1f} mm beyond a stricture"
    claims = ("S41", "S42", "S43", "S44", "S45", "S110", "S127", "S128", "S129", "S132")
    return cited(made, "hepatolithiasis", claims, note)


def _scattered(
    abdomen: Abdomen, random: np.random.Generator, sizes_mm: list[float], excess: tuple[float, float]
) -> list[Deposit]:
    """Return foci in both lobes by turns, apart from each other."""
    taken: list[Shape] = []
    found: list[Deposit] = []
    for number, size in enumerate(sizes_mm):
        lobe = LEFT if number % 3 == 2 else RIGHT
        place = draw_place(abdomen, random, size / 2, lobe, taken)
        taken.append(sphere(place, size + 6))
        name = "punctate" if size < 4 else ("nodular" if size < 18 else "coarse")
        found.append(calcium(name, abdomen, random, place, size, excess_hu=draw_log(random, *excess)))
    return found


def _in_spleen(
    abdomen: Abdomen, random: np.random.Generator, count: int, most_mm: float
) -> tuple[Deposit, ...]:
    """Return foci in the spleen, which are no foci of the liver, though of the same making."""
    spleen = abdomen.organs.get("spleen")
    if spleen is None:
        return ()
    low, high = spleen.bounds()
    found: list[Deposit] = []
    for _ in range(40 * count):
        if len(found) == count:
            break
        x, y, z = (round(float(random.uniform(a, b)), 6) for a, b in zip(low, high, strict=True))
        size = round(float(random.uniform(1.5, most_mm)), 6)
        near = any(math.dist((x, y, z), d.centre_lps_mm) < size + d.diameter_mm for d in found)
        if not near and depth_at(spleen, (x, y, z)) > size:
            solid = make_punctate((x, y, z), size, random)
            piece = make_calcium("punctate", solid, draw_log(random, 250.0, 900.0))
            found.append(replace(piece, kind="spleen_calcification"))
    return tuple(found)


def make_tuberculosis(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return healed tuberculosis: nodules of 8 to 12 mm evenly in both lobes, at times one confluent chunk.

    S103 (evenly in both lobes), S104 (90 % measure 8 to 12 mm), S105 (a confluent one up to 3 to 4 cm).
    """
    sizes = [
        round(float(random.uniform(8, 12)) if chance(random, 0.9) else float(random.uniform(3, 8)), 3)
        for _ in range(int(random.integers(5, 11)))
    ]
    if chance(random, 0.35):
        sizes[0] = round(float(random.uniform(24, 38)), 3)
    scale = min(abdomen.variation.scale, 1.0)
    foci = _scattered(abdomen, random, [s * scale for s in sizes], (300.0, 1000.0))
    every = tuple(range(len(foci)))
    made = Insert(
        deposits=tuple(foci),
        mimics=_in_spleen(abdomen, random, int(random.integers(0, 5)), 8.0),
        patterns=(PatternTruth("scattered", every), PatternTruth("bilobar_even", every)),
    )
    return cited(made, "tb_hepatic", ("S100", "S103", "S104", "S105"))


def make_tuberculosis_miliary(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return healed miliary tuberculosis: many dots in both lobes, and in the spleen.

    S100, S103 (evenly in both lobes); the dots' size and the spleen are our judgement.
    """
    count = int(random.integers(16, 32))
    foci = _scattered(abdomen, random, [draw_log(random, 1.5, 3.5) for _ in range(count)], (300.0, 1000.0))
    every = tuple(range(len(foci)))
    made = Insert(
        deposits=tuple(foci),
        mimics=_in_spleen(abdomen, random, int(random.integers(5, 14)), 3.5),
        patterns=(PatternTruth("miliary", every), PatternTruth("bilobar_even", every)),
    )
    return cited(made, "tb_hepatic", ("S100", "S103"))


def make_abscess_scar(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return an old abscess: calcium in its wall, in part while it heals, a fairly full ring years later.

    S107, S108 (wall or margin), S109 (after ten years a ring of the first size and form).
    """
    diameter = draw_log(random, 14.0, 42.0)
    place = draw_place(abdomen, random, diameter / 2, RIGHT if chance(random, 0.75) else LEFT)
    name = "eggshell" if chance(random, 0.5) else "rim"
    made = make_morphology(name, abdomen, random, diameter_mm=diameter, place=place)
    return cited(
        made, "abscess_scar", ("S107", "S108", "S109"), f"{name} of an old abscess {diameter:.0f} mm wide"
    )


def make_brucelloma(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a brucelloma: an abscess with a chunk of calcium in its middle.

    S101 (rarer infections), S102 (no characteristic look; its note names the central calcium).
    """
    diameter = draw_log(random, 25.0, 60.0)
    place = draw_place(abdomen, random, diameter / 2)
    host = make_host("cyst_walled", abdomen, random, place=place, diameter_mm=diameter, position="central")
    piece = calcium("coarse", abdomen, random, place, max(11.0, diameter * float(random.uniform(0.2, 0.4))))
    made = replace(host, deposits=(replace(piece, host=0),), patterns=(PatternTruth("within_mass", (0,)),))
    return cited(made, "brucelloma", ("S101", "S102"))


def make_portal_vein(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return the calcified wall of a stretch of portal vein. S101 and the note of S102 (tram track)."""
    return cited(make_morphology("tram_track", abdomen, random), "portal_vein_calc", ("S101", "S102"))
