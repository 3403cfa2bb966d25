"""The sets that are measured: which studies they hold, drawn by seed, and what is read of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hepalith.errors import UsageError
from hepalith.evaluation.examination import DrawnStudy
from hepalith.evaluation.examine import Arms
from hepalith.evaluation.phantom_study import draw_company, draw_family, draw_small, draw_spheres
from hepalith.evaluation.real_study import draw_implant
from hepalith.phantom.cases.company import COMPANY
from hepalith.phantom.truth import TEST_SEEDS_FROM

__all__ = ["SETS", "Plan", "draw", "plan_of", "seeds_of"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A set: what is drawn, how many studies by default, and what is read of each.

    `shares` holds for each kind of study how many of ``sum(shares.values())`` consecutive seeds draw it.
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
        return replace(
            self.arms,
            rescan=self.arms.rescan and seed // 3 % self.rescan_every == 0,
            given=self.arms.given and seed % 2 == 0,
        )


FULL = Arms(rescan=True, given=True)
"""Everything; bodies are scanned again, and true livers given, in some of the studies (`Plan.arms_of`)."""

ALONE = Arms(clean=False, claim=False, baseline=False)
"""The study itself and nothing beside it."""

SETS = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            Plan("small", {"small": 1}, 4, Arms(clean=False, claim=False)),
            Plan(
                "full",
                {"spheres": 4, "morphologies": 2, "mimics": 2, "hosts": 1, "cases": 1},
                200,
                FULL,
            ),
            Plan("spheres", {"spheres": 1}, 150, FULL),
            Plan("morphology", {"morphologies": 1}, 100, FULL),
            Plan("mimics", {"mimics": 1}, 60, FULL),
            Plan("cases", {"cases": 1}, 100, FULL),
            Plan("liver", {"healthy": 1}, 100, Arms(clean=False, claim=False, baseline=False)),
            Plan("implants", {"implants": 1}, 24, FULL),
            Plan("company", dict.fromkeys(COMPANY, 1), 8 * len(COMPANY), ALONE),
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
    if kind == "spheres":
        return draw_spheres(seed)
    if kind == "small":
        return draw_small(seed)
    if kind in COMPANY:
        return draw_company(seed, kind)
    if kind == "implants":
        return draw_implant(seed)
    return draw_family(seed, kind)
