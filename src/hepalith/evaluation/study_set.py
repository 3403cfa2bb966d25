"""The sets that are measured: which studies they hold, drawn by seed, and what is read of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from hepalith.errors import UsageError
from hepalith.evaluation.examination import DrawnStudy, Examination
from hepalith.evaluation.examine import Arms
from hepalith.evaluation.sight import noise_power_of, sphere_renderer
from hepalith.phantom import ORGANS, Recipe, Scan, Scanner, Scene, make_implant, scan
from hepalith.phantom.abdomen import make_abdomen
from hepalith.phantom.truth import TEST_SEEDS_FROM, split_of
from hepalith.study import Acquisition

__all__ = ["SETS", "Plan", "draw", "plan_of", "seeds_of"]

SPHERES = 16
"""Spheres in one liver: as many as keep apart in most, so that a study yields many answers."""

SPHERE_MM = (1.5, 12.0)
"""Range of the spheres' diameters, drawn evenly on a logarithmic scale."""

SPHERE_EXCESS_HU = (100.0, 1000.0)
"""Range of their contrast, drawn likewise: faint to dense calcium."""

SLICES_MM = (1.0, 2.0, 2.5, 3.0, 5.0)
"""Slice thicknesses in use, each as likely."""

CLAIM_SPHERES = 12
"""Spheres of the stated smallest size put into one liver."""

MOST_SPHERE_MM = 30.0
"""A stated smallest focus larger than this is not tested: no liver has room for a dozen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A set: what is drawn, how many studies by default, and what is read of each.

    `shares` holds for each kind of study how many of `sum(shares)` consecutive seeds draw it.
    """

    name: str
    shares: Mapping[str, int]
    count: int
    arms: Arms = field(default_factory=Arms)
    rescan_every: int = 4
    """Every so many studies the body is scanned again."""

    def kind_of(self, seed: int) -> str:
        """Return the kind of study that a seed draws."""
        place = seed % sum(self.shares.values())
        for kind, share in self.shares.items():
            place -= share
            if place < 0:
                return kind
        raise AssertionError(seed)

    def arms_of(self, seed: int) -> Arms:
        """Return what is read of the study of a seed."""
        return replace(self.arms, rescan=seed % self.rescan_every == 0)


SETS = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            Plan("small", {"spheres": 1}, 4),
            Plan("full", {"spheres": 1}, 200),
            Plan("spheres", {"spheres": 1}, 100),
        )
    }
)
"""Every set by name."""


def plan_of(name: str) -> Plan:
    """Return a set by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in SETS:
        raise UsageError(f"no set is called {name!r}: choose one of {', '.join(SETS)}")
    return SETS[name]


def seeds_of(split: str, first: int, count: int) -> range:
    """Return the seeds of a split from its `first`, counted from 0.

    Examples
    --------
    >>> seeds_of("test", 3, 2)
    range(1000003, 1000005)
    """
    start = first + (TEST_SEEDS_FROM if split == "test" else 0)
    return range(start, start + count)


def draw(kind: str, seed: int) -> DrawnStudy:
    """Return the study of a kind and a seed; nothing is made until it is asked for."""
    return DRAWN_BY[kind](seed)


def _draw_spheres(seed: int) -> DrawnStudy:
    """Return a body with spheres of all sizes and densities in its liver."""
    random = np.random.default_rng([seed, 41])
    slice_mm = float(random.choice(SLICES_MM))
    height = 190.0
    scanner = Scanner(
        matrix=416,
        pixel_mm=0.9,
        slices=math.ceil(height / slice_mm),
        slice_spacing_mm=slice_mm,
        slice_thickness_mm=slice_mm,
        low_z_mm=-105.0 + float(random.uniform(0, slice_mm)),
        blur_mm=float(random.choice((0.55, 0.42, 0.75))),
        noise_hu=float(random.uniform(8, 22)),
    )
    abdomen = make_abdomen(np.random.default_rng([seed, 0]))
    scene = Scene(abdomen.bodies)

    def make_clean(noise_seed: int = seed, by: Scanner = scanner) -> Examination:
        return _examination(scan(scene, by, noise_seed), by)

    def put(clean: Examination, recipe: Recipe, draw_seed: int) -> Examination:
        made = make_implant(clean.volume, clean.liver, draw_seed, recipe)
        return replace(clean, volume=made.volume, truths=made.truth.foci, foci_map=made.foci)

    def recipe_for(by: Scanner) -> Recipe:
        sizes = np.geomspace(*SPHERE_MM, 64)
        return Recipe(
            SPHERES,
            by.blur_mm,
            by.slice_thickness_mm,
            tuple(float(s) for s in sizes),
            SPHERE_EXCESS_HU,
            ("sphere",),
        )

    def add_spheres(clean: Examination, diameter_mm: float, excess_hu: float) -> Examination:
        recipe = replace(
            recipe_for(scanner),
            count=CLAIM_SPHERES,
            diameters_mm=(diameter_mm,),
            excesses_hu=(excess_hu, excess_hu),
        )
        return put(clean, recipe, seed + 1)

    return DrawnStudy(
        key=f"spheres-{seed}",
        seed=seed,
        split=split_of(seed),
        kind="spheres",
        phase="none",
        scanner=_facts(scanner),
        make=lambda clean: put(clean or make_clean(), recipe_for(scanner), seed),
        make_clean=make_clean,
        add_spheres=add_spheres,
        render=sphere_renderer(scanner.grid.spacing_mm, scanner.blur_mm, scanner.profile),
        noise=lambda: noise_power_of(scanner, scanner.noise_hu),
    )


def _facts(scanner: Scanner) -> Mapping[str, float | str]:
    """Return what is true of a scanner, as it is kept."""
    return MappingProxyType(
        {
            "slice_mm": scanner.slice_thickness_mm,
            "spacing_mm": scanner.slice_spacing_mm,
            "pixel_mm": scanner.pixel_mm,
            "blur_mm": scanner.blur_mm,
            "noise_hu": scanner.noise_hu,
            "kernel": scanner.kernel,
            "kvp": scanner.kvp,
        }
    )


def _examination(made: Scan, scanner: Scanner) -> Examination:
    """Return a scan with nothing put in."""
    acquisition = Acquisition(
        slice_thickness_mm=scanner.slice_thickness_mm, kernel=scanner.kernel, kvp=scanner.kvp
    )
    return Examination(
        made.volume,
        acquisition,
        made.organs == ORGANS["liver"],
        (),
        made.foci,
        (),
        made.mimics,
        organs=made.organs,
    )


DRAWN_BY: Mapping[str, Callable[[int], DrawnStudy]] = MappingProxyType({"spheres": _draw_spheres})
"""What draws each kind of study."""
