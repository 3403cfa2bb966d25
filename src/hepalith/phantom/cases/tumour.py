"""Cases with a tumour: haemangioma, fibrolamellar carcinoma, hepatoblastoma, metastases by their primary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.cases.case import Room, calcium, chance, cited, draw_place, sphere
from hepalith.phantom.contents.host import make_host
from hepalith.phantom.contents.morphology import make_morphology
from hepalith.phantom.contents.site import draw_log, draw_site
from hepalith.phantom.insert import EMPTY, Insert, PatternTruth, join_inserts
from hepalith.phantom.shape.shape import Shape

__all__ = [
    "PRIMARIES",
    "make_fibrolamellar",
    "make_haemangioma",
    "make_hepatoblastoma",
    "metastasis_maker",
]


@dataclass(frozen=True, slots=True)
class Primary:
    """How metastases of one primary look.

    Parameters
    ----------
    claim
        The source article's row.
    hosts
        Lesions of `HOSTS`, one drawn for all deposits of a patient.
    morphologies
        Of their calcium.
    excess_hu
        Mean excess at 120 kVp, least and most.
    capsular
        Share of patients with implants on the capsule too.
    """

    claim: str
    hosts: tuple[str, ...]
    morphologies: tuple[str, ...]
    excess_hu: tuple[float, float]
    capsular: float = 0.0


PRIMARIES: Mapping[str, Primary] = MappingProxyType(
    {
        "crc": Primary("S68", ("mass_rim", "mass_none"), ("granular", "amorphous"), (180.0, 700.0)),
        "breast": Primary("S69", ("mass_rim",), ("punctate", "amorphous"), (200.0, 700.0)),
        "gastric": Primary("S70", ("mass_rim", "mass_none"), ("amorphous", "granular"), (160.0, 500.0)),
        "mtc": Primary("S71", ("mass_washout",), ("granular", "nodular", "coarse"), (300.0, 1100.0)),
        "ovary": Primary("S72", ("mass_none",), ("granular", "plaque"), (200.0, 800.0), 0.7),
        "other": Primary(
            "S73", ("mass_rim", "mass_none"), ("punctate", "granular", "plaque"), (200.0, 800.0)
        ),
        "net": Primary("S75", ("mass_washout",), ("nodular", "coarse", "granular"), (250.0, 900.0)),
        "osteosarcoma": Primary("S76", ("mass_none",), ("coarse", "nodular"), (600.0, 1400.0)),
    }
)
"""Primaries in the article's order; granular and amorphous calcium of mucinous and psammomatous ones by the
notes of S64, S68, S70 to S72, ossified ones by that of S76. Shares are our judgement."""

CALCIFIED_SHARE = ((20.0, 0.15), (30.0, 0.5), (1e9, 0.85))
"""Share of metastases with calcium by diameter: often above 3 cm (S60), seldom below 2 cm (S61)."""


def make_haemangioma(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a cavernous haemangioma with phleboliths, bands or a chunk of calcium.

    S50 (the benign tumour that calcifies most), S51 (septa and small vessels), S52 (spots or bands).
    """
    diameter = draw_log(random, 28.0, 85.0) * min(abdomen.variation.scale, 1.0)
    place = draw_place(abdomen, random, diameter / 2)
    host = make_host("haemangioma", abdomen, random, place=place, diameter_mm=diameter, position="throughout")
    room = Room.of(abdomen, random, host.hosts[0])
    form = int(random.integers(3))
    if form == 0:
        sizes = [round(float(random.uniform(2.0, 6.0)), 3) for _ in range(int(random.integers(2, 7)))]
        pieces, note = room.fill(("nodular",), sizes), "phleboliths"
    elif form == 1:
        sizes = [round(diameter * float(random.uniform(0.25, 0.45)), 3) for _ in range(2)]
        pieces, note = room.fill(("linear",), sizes), "calcified bands"
    else:
        pieces, note = (
            room.fill(("coarse",), [max(11.0, round(0.3 * diameter, 3))], 0.0, 0.3),
            "a central chunk",
        )
    patterns = (PatternTruth("within_mass", tuple(range(len(pieces)))),)
    made = replace(host, deposits=pieces, patterns=patterns)
    return cited(made, "haemangioma", ("S50", "S51", "S52"), f"haemangioma with {note}")


def make_fibrolamellar(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a fibrolamellar carcinoma: a large mass, a star of calcium in its central scar.

    S54 (calcification commoner), S56 (the young), S58 (stellate within the tumour).
    """
    reach = draw_log(random, 16.0, 32.0)
    made = make_morphology("stellate", abdomen, random, diameter_mm=reach)
    return cited(made, "fibrolamellar", ("S54", "S56", "S58"))


def make_hepatoblastoma(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a hepatoblastoma: a large mass of a small child with coarse and fine calcium.

    S55 (calcification commoner), S57 (under five years), S58 (nodular within the tumour).
    """
    liver_mm = 10 * (abdomen.liver.shape.volume_ml * 6 / np.pi) ** (1 / 3)
    diameter = round(float(liver_mm * random.uniform(0.42, 0.6)), 6)
    place = draw_site(abdomen, random, diameter / 2, clear_mm=0.0)
    host = make_host("mass_none", abdomen, random, place=place, diameter_mm=diameter, position="throughout")
    room = Room.of(abdomen, random, host.hosts[0])
    coarse = [
        max(round(diameter * float(random.uniform(0.16, 0.3)), 3), 10.5)
        for _ in range(int(random.integers(1, 4)))
    ]
    fine = [round(float(random.uniform(3, 7)), 3) for _ in range(int(random.integers(0, 4)))]
    pieces = room.fill(("coarse",), coarse) + (room.fill(("nodular", "punctate"), fine) if fine else ())
    patterns = (PatternTruth("within_mass", tuple(range(len(pieces)))),)
    return cited(replace(host, deposits=pieces, patterns=patterns), "hepatoblastoma", ("S55", "S57", "S58"))


def _calcified(diameter_mm: float) -> float:
    return next(share for limit, share in CALCIFIED_SHARE if diameter_mm < limit)


def _metastasis(
    abdomen: Abdomen, random: np.random.Generator, primary: Primary, kind: str, diameter: float, *,
    sure: bool, clear_of: list[Shape],
) -> Insert:  # fmt: skip
    """Return one metastasis, with calcium if it is large, or if `sure`."""
    place = draw_place(abdomen, random, diameter / 2, clear_of=clear_of)
    clear_of.append(sphere(place, diameter + 4))
    spread = ("central", "peripheral", "throughout")[int(random.integers(3))]
    with_calcium = chance(random, _calcified(diameter)) or sure
    host = make_host(
        kind, abdomen, random, place=place, diameter_mm=diameter, position=spread if with_calcium else ""
    )
    if not with_calcium:
        return host
    room = Room.of(abdomen, random, host.hosts[0])
    excess = draw_log(random, *primary.excess_hu)
    name = primary.morphologies[int(random.integers(len(primary.morphologies)))]
    if spread == "throughout":
        sizes, low, high = [0.6 * diameter], 0.0, 0.2
    elif spread == "central":
        sizes, low, high = [0.38 * diameter], 0.0, 0.25
    else:
        sizes = [diameter * float(random.uniform(0.14, 0.22)) for _ in range(int(random.integers(2, 5)))]
        low, high = 0.75, 1.0
    pieces = [
        replace(p, excess_hu=round(excess, 3), density_mg_ml=_density(p.excess_hu, p.density_mg_ml, excess))
        for p in room.fill((name,), [max(round(s, 3), 2.0) for s in sizes], low, high)
    ]
    foci = tuple(range(len(pieces)))
    patterns = [PatternTruth("within_mass", foci)]
    if spread == "central" and kind in {"mass_rim", "mass_none"}:
        patterns.append(PatternTruth("bulls_eye", foci))
    return replace(host, deposits=tuple(pieces), patterns=tuple(patterns))


def _density(old_hu: float, old_mg_ml: float | None, new_hu: float) -> float | None:
    """Return the density that goes with a new excess."""
    return None if old_mg_ml is None else round(old_mg_ml * new_hu / old_hu, 3)


def _implants(abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return plates of calcium on the capsule."""
    taken: list[Shape] = []
    plates = []
    for _ in range(int(random.integers(2, 5))):
        size = draw_log(random, 8.0, 16.0)
        place = draw_site(abdomen, random, 1.5, clear_mm=0.5, at_most_mm=2.5, clear_of=taken)
        taken.append(sphere(place, size + 12))
        plates.append(calcium("plaque", abdomen, random, place, size))
    return Insert(
        deposits=tuple(plates), patterns=(PatternTruth("along_capsule", tuple(range(len(plates)))),)
    )


def metastasis_maker(name: str) -> Callable[[Abdomen, np.random.Generator], Insert]:
    """Return the maker of metastases of one primary of `PRIMARIES`.

    S59 (definition), S60, S61 (calcium by size), S62 (central, peripheral or throughout), S63 (bull's
    eye), S64 to S66 (sand, plaques, specks), and the primary's own row.
    """
    primary = PRIMARIES[name]

    def made(abdomen: Abdomen, random: np.random.Generator) -> Insert:
        scale = min(abdomen.variation.scale, 1.0)
        sizes = sorted(draw_log(random, 12.0, 60.0) * scale for _ in range(int(random.integers(2, 7))))
        kind = primary.hosts[int(random.integers(len(primary.hosts)))]
        taken: list[Shape] = []
        whole = EMPTY
        for number, size in enumerate(reversed(sizes)):
            one = _metastasis(
                abdomen, random, primary, kind, round(size, 6), sure=number == 0, clear_of=taken
            )
            whole = join_inserts(whole, one)
        if chance(random, primary.capsular):
            whole = join_inserts(whole, _implants(abdomen, random))
        claims = ("S59", "S60", "S61", "S62", "S64", "S65", "S66", primary.claim)
        return cited(whole, f"metastasis_{name}", claims, f"{len(sizes)} metastases")

    return made
