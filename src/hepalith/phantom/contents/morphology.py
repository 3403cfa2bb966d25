"""Each morphology of the vocabulary, laid into a liver at a sub-voxel place with known volume and mass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.contents.compact import (
    make_cloudy,
    make_coarse,
    make_grains,
    make_nodule,
    make_plaque,
    make_punctate,
)
from hepalith.phantom.contents.duct import choose_duct, dilate
from hepalith.phantom.contents.host import make_host
from hepalith.phantom.contents.line import make_fork, make_sleeve, make_star, make_string
from hepalith.phantom.contents.network import make_septal_network
from hepalith.phantom.contents.shell import make_eggshell, make_rim_pieces
from hepalith.phantom.contents.site import (
    along_path,
    draw_log,
    draw_site,
    normal_at,
    path_length,
    spaced_along,
)
from hepalith.phantom.deposit import Deposit, DuctTruth, make_calcium
from hepalith.phantom.insert import Insert, PatternTruth
from hepalith.phantom.shape.shape import Point
from hepalith.phantom.shape.solid import Solid

__all__ = ["MORPHOLOGIES", "Wish", "make_morphology"]

EXCESS_HU: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "punctate": (200, 1200),
        "nodular": (250, 1100),
        "coarse": (350, 1200),
        "linear": (200, 900),
        "branching": (200, 900),
        "beaded": (150, 900),
        "rim": (250, 1000),
        "eggshell": (300, 1100),
        "curvilinear_septal": (200, 700),
        "stellate": (250, 900),
        "granular": (500, 1200),
        "plaque": (250, 1000),
        "tram_track": (300, 1000),
        "amorphous": (150, 450),
    }
)
"""Mean excess at 120 kVp, least and most, drawn evenly on a logarithmic scale: from pigment stones and
young, mucinous calcium (150 HU) to dense old chunks (1200 HU). Grains are dense each, their cloud is
faint. Our judgement."""

DIAMETER_MM: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "punctate": (1.2, 3.5),
        "nodular": (4.0, 15.0),
        "coarse": (11.0, 34.0),
        "linear": (8.0, 28.0),
        "branching": (16.0, 42.0),
        "beaded": (2.5, 6.5),
        "rim": (12.0, 44.0),
        "eggshell": (10.0, 50.0),
        "curvilinear_septal": (45.0, 90.0),
        "stellate": (12.0, 32.0),
        "granular": (10.0, 28.0),
        "plaque": (8.0, 26.0),
        "tram_track": (14.0, 34.0),
        "amorphous": (11.0, 34.0),
    }
)
"""Size, least and most, drawn evenly on a logarithmic scale: the length of lines and trees, the longest
caliper of what is compact, the outer diameter of what lies on a surface, of each bead. Our judgement."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a morphology: its size, its density, and its place, if that matters."""

    diameter_mm: float
    excess_hu: float
    place: Point | None

    def at(self, abdomen: Abdomen, random: np.random.Generator, radius_mm: float | None = None) -> Point:
        """Return the place, drawn if none is wanted."""
        if self.place is not None:
            return self.place
        return draw_site(abdomen, random, self.diameter_mm / 2 if radius_mm is None else radius_mm)


def _alone(deposit: Deposit, note: str = "") -> Insert:
    return Insert(
        deposits=(deposit,), patterns=(PatternTruth("solitary", (0,)),), notes=(note,) if note else ()
    )


def _compact(name: str, make: Callable[[Point, float, np.random.Generator], Solid]) -> Maker:
    """Return the maker of a morphology that is one solid about one place."""

    def made(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
        solid = make(wish.at(abdomen, random), wish.diameter_mm, random)
        return _alone(make_calcium(name, solid, wish.excess_hu))

    return made


def _line(name: str, make: Callable[[Point, float, float, np.random.Generator], Solid]) -> Maker:
    """Return the maker of a morphology that is drawn along a line."""

    def made(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
        width = round(float(random.uniform(1.3, 2.8)), 6)
        place = wish.at(abdomen, random)
        solid = make(place, max(wish.diameter_mm, 3 * width), width, random)
        return _alone(make_calcium(name, solid, wish.excess_hu))

    return made


def _beaded(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
    """Return stones like beads in a dilated duct, bile around them."""
    run = choose_duct(abdomen, random, wish.place)
    size = wish.diameter_mm
    calibre = size + float(random.uniform(2.0, 5.0))
    bodies, path = dilate(abdomen, run, calibre)
    step = size * float(random.uniform(1.15, 1.5)) + 2.2
    places = spaced_along(path, size / 2 + 0.5, step, int(random.integers(3, 7)))
    count = len(places)
    duct = DuctTruth("in_lumen", round(calibre, 3), "upstream")
    beads = []
    for place in places:
        own = size * float(random.uniform(0.8, 1.0))
        beads.append(
            make_calcium(
                "beaded", make_punctate(place, round(own, 6), random), wish.excess_hu, group=1, duct=duct
            )
        )
    return Insert(
        bodies=bodies,
        deposits=tuple(beads),
        patterns=(PatternTruth("along_duct", tuple(range(count))),),
        notes=(f"{count} stones like beads in a duct dilated to {calibre:.1f} mm",),
    )


def _on_cyst(name: str, make: Callable[[Point, float, np.random.Generator], Solid]) -> Maker:
    """Return the maker of calcium on the wall of an old cyst."""

    def made(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
        place = wish.at(abdomen, random)
        solid = make(place, wish.diameter_mm, random)
        host = make_host(
            "cyst_walled",
            abdomen,
            random,
            place=place,
            diameter_mm=wish.diameter_mm + 1.0,
            position="peripheral",
        )
        deposit = make_calcium(name, solid, wish.excess_hu, host=0)
        return replace(host, deposits=(deposit,), patterns=(PatternTruth("solitary", (0,)),))

    return made


def _stellate(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
    """Return calcium in the central scar of a mass."""
    mass = wish.diameter_mm * float(random.uniform(2.6, 3.6))
    place = wish.place or draw_site(abdomen, random, min(mass / 2, 45.0), clear_mm=0.0)
    host = make_host("mass_with_scar", abdomen, random, place=place, diameter_mm=mass, position="central")
    width = round(max(1.4, wish.diameter_mm * 0.11), 6)
    solid = make_star(place, round(wish.diameter_mm / 2, 6), width, random)
    deposit = make_calcium("stellate", solid, wish.excess_hu, host=0)
    return replace(host, deposits=(deposit,), patterns=(PatternTruth("within_mass", (0,)),))


def _plaque(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
    """Return a plate, half of them along the capsule."""
    on_capsule = float(random.uniform()) < 0.5 and wish.place is None
    if on_capsule:
        place = draw_site(abdomen, random, 1.5, clear_mm=0.3, at_most_mm=2.5)
        normal = normal_at(abdomen.liver.shape, place)
        normal = (round(normal[0], 4), round(normal[1], 4), round(normal[2], 4))
        size = min(wish.diameter_mm, 16.0)  # a flat plate leaves a curved capsule beyond that
        solid = make_plaque(place, size, random, normal=normal)
    else:
        solid = make_plaque(wish.at(abdomen, random), wish.diameter_mm, random)
    pattern = PatternTruth("along_capsule" if on_capsule else "solitary", (0,))
    return Insert(deposits=(make_calcium("plaque", solid, wish.excess_hu),), patterns=(pattern,))


def _tram_track(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
    """Return the calcified wall of a stretch of portal vein."""
    branches = [b for b in abdomen.liver.portal.branches if min(b.radii_mm) >= 2.6]
    branches = [b for b in branches if path_length(b.path) > 12] or list(abdomen.liver.portal.branches)
    branch = branches[int(random.integers(len(branches)))]
    length = min(wish.diameter_mm, 0.9 * path_length(branch.path))
    start = float(random.uniform(0, path_length(branch.path) - length))
    path = along_path(branch.path, [start + length * s / 8 for s in range(9)])
    radius = max(sum(branch.radii_mm) / len(branch.radii_mm), 2.2)
    wall = round(float(random.uniform(0.9, 1.6)), 6)
    solid = make_sleeve(path, round(radius, 6), wall)
    deposit = make_calcium("tram_track", solid, wish.excess_hu, label="vessel_wall_calcification")
    return _alone(deposit, f"the wall of a portal branch {2 * radius:.1f} mm wide is calcified")


def _septal(abdomen: Abdomen, random: np.random.Generator, wish: Wish) -> Insert:
    """Return calcified septa that divide part of the liver and reach its capsule."""
    solid = make_septal_network(abdomen, random, wish.diameter_mm, wish.place)
    deposit = make_calcium("curvilinear_septal", solid, wish.excess_hu)
    patterns = (PatternTruth("septal_network", (0,)), PatternTruth("along_capsule", (0,)))
    return Insert(deposits=(deposit,), patterns=patterns)


Maker = Callable[[Abdomen, np.random.Generator, Wish], Insert]
"""Makes a morphology as wished."""

MAKERS: Mapping[str, Maker] = MappingProxyType(
    {
        "punctate": _compact("punctate", make_punctate),
        "nodular": _compact("nodular", make_nodule),
        "coarse": _compact("coarse", make_coarse),
        "linear": _line("linear", make_string),
        "branching": _line("branching", make_fork),
        "beaded": _beaded,
        "rim": _on_cyst("rim", make_rim_pieces),
        "eggshell": _on_cyst("eggshell", make_eggshell),
        "curvilinear_septal": _septal,
        "stellate": _stellate,
        "granular": _compact("granular", make_grains),
        "plaque": _plaque,
        "tram_track": _tram_track,
        "amorphous": _compact("amorphous", make_cloudy),
    }
)
"""Who makes what."""

MORPHOLOGIES = tuple(MAKERS)
"""Every morphology of the vocabulary that CT shows."""


def make_morphology(
    name: str,
    abdomen: Abdomen,
    random: np.random.Generator,
    *,
    diameter_mm: float | None = None,
    excess_hu: float | None = None,
    place: Point | None = None,
) -> Insert:
    """Return calcium of one morphology, with the host it needs.

    Parameters
    ----------
    name
        One of `MORPHOLOGIES`.
    abdomen
        The patient it is laid into.
    random
        Draws what is not given.
    diameter_mm
        Size, as in `DIAMETER_MM`; the truth holds the longest caliper of what was made.
    excess_hu
        Mean HU above the surroundings at 120 kVp.
    place
        Centre, LPS mm; anywhere with room in the liver unless given. Vessel walls follow the vessels.

    Raises
    ------
    UsageError
        If there is no such morphology, or no room for it.
    """
    if name not in MAKERS:
        raise UsageError(f"no morphology is called {name!r}: choose one of {', '.join(MORPHOLOGIES)}")
    size, excess = draw_log(random, *DIAMETER_MM[name]), draw_log(random, *EXCESS_HU[name])
    wish = Wish(
        size if diameter_mm is None else diameter_mm, excess if excess_hu is None else excess_hu, place
    )
    if not (math.isfinite(wish.diameter_mm) and wish.diameter_mm > 0):
        raise UsageError(f"diameter_mm {wish.diameter_mm} is no size; give millimetres above 0")
    return MAKERS[name](abdomen, random, wish)
