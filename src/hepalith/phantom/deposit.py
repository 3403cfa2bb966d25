"""Deposits: small dense bodies of known volume, and exactly what a scanner makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hepalith.phantom.scanner.render import Rendered, render
from hepalith.phantom.shape.caliper import longest_caliper_mm
from hepalith.phantom.shape.shape import Capsule, Point, Shell
from hepalith.phantom.shape.solid import Solid

__all__ = [
    "CALCIUM_HU_PER_MG_ML",
    "Deposit",
    "DuctTruth",
    "Rendered",
    "Solid",
    "displaced",
    "make_bead_chain",
    "make_calcium",
    "make_rim",
    "make_rod",
    "make_sphere",
    "name_by_size",
    "render",
]

CALCIUM_HU_PER_MG_ML = 1.29
"""HU above water per mg/mL of hydroxyapatite at 120 kVp: what turns an excess into a density.

What the scanner's beam gives (`Scanner.hu_per_mg_ml`, a test holds them together), within the 1.2 to
1.5 that inserts of known density show on scanners at 120 kVp.
"""


PUNCTATE_MM, COARSE_MM = 3.5, 10.0
"""Longest caliper up to which compact calcium is a dot, and from which an irregular lump is coarse: the
definitions of the vocabulary, which the reader follows as well."""


def name_by_size(morphology: str, diameter_mm: float) -> str:
    """Return the contract's word for one body made as a dot, a nodule, a chunk or a bead of that size.

    Each bead of a chain is a body of its own, a dot or a nodule; that they lie on one line is the pattern's
    and the group's to say. Sand and clouds no larger than a dot are dots. Every other form keeps its name.

    Examples
    --------
    >>> name_by_size("punctate", 8.0), name_by_size("beaded", 3.0), name_by_size("coarse", 9.0)
    ('nodular', 'punctate', 'nodular')
    >>> name_by_size("granular", 3.0), name_by_size("granular", 12.0)
    ('punctate', 'granular')
    """
    if morphology in ("punctate", "nodular", "beaded") or (
        morphology == "coarse" and diameter_mm < COARSE_MM
    ):
        return "punctate" if diameter_mm <= PUNCTATE_MM else "nodular"
    if morphology in ("granular", "amorphous") and diameter_mm <= PUNCTATE_MM:
        return "punctate"
    return morphology


def displaced(solid: Solid, by: Point) -> Solid:
    """Return a sphere, rod or hollow sphere moved `by` mm.

    Raises
    ------
    TypeError
        If the solid is of another kind.
    """

    def shifted(point: Point) -> Point:
        return (point[0] + by[0], point[1] + by[1], point[2] + by[2])

    if isinstance(solid, Shell):
        return replace(solid, centre=shifted(solid.centre))
    if isinstance(solid, Capsule):
        return replace(solid, start=shifted(solid.start), end=shifted(solid.end))
    raise TypeError(f"{type(solid).__name__} cannot be moved")


@dataclass(frozen=True, slots=True)
class DuctTruth:
    """How a focus lies to a bile duct.

    Parameters
    ----------
    relation
        ``"in_lumen"``, ``"in_wall"``, ``"along_portal_triad"``, ``"apart"``.
    calibre_mm
        Inner diameter of the duct beside it.
    side
        Which side of the focus is dilated: ``"upstream"``, ``"downstream"``, ``"both"``, ``"none"``.
    """

    relation: str
    calibre_mm: float = 0.0
    side: str = "none"


@dataclass(frozen=True, slots=True)
class Deposit:
    """A solid whose HU stand on average `excess_hu` above what it lies in.

    Parameters
    ----------
    kind
        ``"sphere"``, ``"rod"``, ``"rim"``, ``"bead"``, a morphology, or what a mimic is.
    shape
        The solid.
    excess_hu
        HU above the surroundings at 120 kVp, the mean over the solid's volume.
    diameter_mm
        Longest caliper of the solid.
    width_mm
        Its smallest extent: a sphere's diameter, a rod's thickness, a rim's wall.
    group
        Number shared by the beads of one chain; 0 for what stands alone.
    label
        The contract's ``foci[].label``: what it is made of.
    morphology
        The contract's morphology of this one body, as it truly is (`name_by_size`); ``""`` if none is meant.
    host
        Place of the lesion that holds it in `Insert.hosts`; -1: none.
    duct
        How it lies to a bile duct; ``None``: nothing is meant.
    density_mg_ml
        Mean hydroxyapatite, mg/mL; ``None`` if it is no calcium.
    """

    kind: str
    shape: Solid
    excess_hu: float
    diameter_mm: float
    width_mm: float
    group: int = 0
    label: str = "calcification"
    morphology: str = ""
    host: int = -1
    duct: DuctTruth | None = None
    density_mg_ml: float | None = None

    @property
    def centre_lps_mm(self) -> Point:
        """Centre of the solid's box; of mass too, for every shape made here."""
        low, high = self.shape.bounds()
        return ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2)

    @property
    def volume_mm3(self) -> float:
        """Volume in mm³."""
        return self.shape.volume_mm3

    @property
    def integrated_excess(self) -> float:
        """Volume times excess, HU·mm³."""
        return self.volume_mm3 * self.excess_hu

    @property
    def mass_mg(self) -> float | None:
        """Hydroxyapatite in mg: volume times density."""
        return None if self.density_mg_ml is None else self.volume_mm3 * self.density_mg_ml / 1000


def make_calcium(
    morphology: str,
    solid: Solid,
    excess_hu: float,
    *,
    diameter_mm: float | None = None,
    label: str = "calcification",
    group: int = 0,
    host: int = -1,
    duct: DuctTruth | None = None,
) -> Deposit:
    """Return calcium of a morphology, its density by `CALCIUM_HU_PER_MG_ML`.

    The longest caliper is measured unless it is given; its size decides what compact calcium is called.
    """
    longest = longest_caliper_mm(solid) if diameter_mm is None else diameter_mm
    return Deposit(
        kind=morphology,
        shape=solid,
        excess_hu=round(excess_hu, 3),
        diameter_mm=longest,
        width_mm=solid.width_mm,
        group=group,
        label=label,
        morphology=name_by_size(morphology, longest),
        host=host,
        duct=duct,
        density_mg_ml=round(excess_hu / CALCIUM_HU_PER_MG_ML, 3),
    )


def make_sphere(centre: Point, diameter_mm: float, excess_hu: float, *, kind: str = "sphere") -> Deposit:
    """Return a sphere."""
    shape = Capsule(centre, centre, diameter_mm / 2)
    return Deposit(kind, shape, excess_hu, diameter_mm, diameter_mm)


def make_rod(centre: Point, along: Point, length_mm: float, width_mm: float, excess_hu: float) -> Deposit:
    """Return a rod with round ends, `length_mm` from end to end, pointing `along`."""
    half = (length_mm - width_mm) / 2 / math.hypot(*along)
    x, y, z = centre
    a, b, c = (half * v for v in along)
    shape = Capsule((x - a, y - b, z - c), (x + a, y + b, z + c), width_mm / 2)
    return Deposit("rod", shape, excess_hu, length_mm, width_mm)


def make_rim(centre: Point, diameter_mm: float, wall_mm: float, excess_hu: float) -> Deposit:
    """Return a hollow sphere."""
    return Deposit("rim", Shell(centre, diameter_mm / 2, wall_mm), excess_hu, diameter_mm, wall_mm)


def make_bead_chain(
    path: tuple[Point, ...], diameter_mm: float, excess_hu: float, group: int
) -> tuple[Deposit, ...]:
    """Return one bead at each point of `path`: separate foci that share a group."""
    return tuple(
        Deposit("bead", Capsule(p, p, diameter_mm / 2), excess_hu, diameter_mm, diameter_mm, group)
        for p in path
    )
