"""What a phantom study will be: patient, protocol and contents, drawn from its seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.variation import Variation, draw_variation
from hepalith.phantom.cases.catalogue import CASES, case_variation
from hepalith.phantom.cases.company import COMPANY
from hepalith.phantom.contents.host import HOSTS
from hepalith.phantom.contents.mimic import MIMICS
from hepalith.phantom.contents.morphology import MORPHOLOGIES
from hepalith.phantom.scanner.scanner import KERNELS

__all__ = ["CONTENTS", "CROWD", "StudyPlan", "draw_plan", "list_contents"]

Key = TypeVar("Key")

CONTENTS = MappingProxyType(
    {"spheres": 0.25, "morphologies": 0.25, "mimics": 0.15, "hosts": 0.1, "cases": 0.2, "healthy": 0.05}
)
"""What may be laid into a liver, and its share of studies. Our judgement: a yardstick, not a prevalence."""

CROWD = "crowd"
"""A liver crowded with things that shine, for learning (`hepalith.phantom.cases.crowd`)."""

SLICES_MM = MappingProxyType(
    {(1.0, 1.0): 0.12, (1.25, 0.625): 0.04, (1.5, 1.5): 0.08, (2.0, 2.0): 0.12, (2.5, 2.5): 0.16,
     (3.0, 3.0): 0.16, (3.0, 1.5): 0.04, (5.0, 5.0): 0.24, (5.0, 2.5): 0.04}
)  # fmt: skip
"""Thickness and spacing of slices, and its share of studies: what liver protocols use. Our judgement."""

KERNEL_SHARES = MappingProxyType({"standard": 0.5, "soft": 0.2, "smooth": 0.1, "sharp": 0.1, "lung": 0.1})
"""Kernels, and their share of studies. Our judgement."""

KVPS = MappingProxyType({80.0: 0.04, 100.0: 0.21, 120.0: 0.65, 140.0: 0.1})
"""Tube voltages, and their share of studies. Our judgement."""

NOISE_5MM_HU = (5.5, 14.0)
"""Noise of 5 mm slices with a standard kernel in the middle of the body, least and most: the range of
abdominal protocols from generous to low dose. Our judgement."""

MOST_NOISE_HU = 38.0
"""Noise beyond which nobody reads a liver: makers cap it with iterative reconstruction. Our judgement."""

KERNEL_NOISE = MappingProxyType({"smooth": 0.72, "soft": 0.9, "standard": 1.0, "sharp": 1.35, "lung": 1.9})
"""Noise of each kernel over that of the standard one, where the cap allows. Our judgement."""


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """What a study will be, before it is made.

    Parameters
    ----------
    seed
        Everything else follows from it, but what the caller fixed.
    variation
        The patient and the examination.
    contents
        A name of `CONTENTS`, `CROWD`, or one thing of them: ``"case:hydatid_ce4"``, ``"morphology:rim"``,
        ``"mimic:stent"``, ``"host:cyst"``, ``"company:mimic_stent"``.
    slice_thickness_mm, slice_spacing_mm
        Of the slices.
    kernel
        One of `hepalith.phantom.scanner.scanner.KERNELS`.
    kvp
        Tube voltage in kV, 80 to 140.
    noise_hu
        Noise in the middle of the body.
    mas
        Tube load from which the noise follows instead; ``None``: `noise_hu` holds.
    matrix
        Pixels along a row and a column.
    """

    seed: int
    variation: Variation
    contents: str
    slice_thickness_mm: float
    slice_spacing_mm: float
    kernel: str
    kvp: float
    noise_hu: float
    mas: float | None = None
    matrix: int = 512


def _pick(random: np.random.Generator, shares: Mapping[Key, float]) -> Key:
    """Return a key by its share, from a single uniform number."""
    mark = float(random.uniform(0, sum(shares.values())))
    for key, share in shares.items():
        mark -= share
        if mark < 0:
            return key
    return key


def _names() -> dict[str, tuple[str, ...]]:
    """Return what may stand behind the colon in `StudyPlan.contents`, by what stands before it."""
    return {
        "morphology": tuple(MORPHOLOGIES),
        "mimic": tuple(MIMICS),
        "host": tuple(HOSTS),
        "case": CASES,
        "company": tuple(COMPANY),
    }


def list_contents() -> tuple[str, ...]:
    """Return everything that `StudyPlan.contents` may be."""
    return (*CONTENTS, CROWD, *(f"{kind}:{name}" for kind, names in _names().items() for name in names))


def _check(contents: str) -> None:
    kind, _, name = contents.partition(":")
    names = _names()
    if contents in CONTENTS or contents == CROWD or name in names.get(kind, ()):
        return
    if kind in names:
        raise UsageError(f"no {kind} is called {name!r}: choose one of {', '.join(names[kind])}")
    raise UsageError(
        f"contents {contents!r} are not known: choose one of {', '.join((*CONTENTS, CROWD))}, or "
        f"one thing as {', '.join(f'{k}:NAME' for k in names)}"
    )


LIMITS = MappingProxyType(
    {"noise_hu": (0.0, 200.0), "mas": (1.0, 2000.0), "age_years": (0.0, 110.0), "steatosis": (0.0, 0.6),
     "scale": (0.3, 1.4)}
)  # fmt: skip
"""Least and most of numbers that a caller may give."""


def _check_numbers(given: Mapping[str, Any]) -> None:
    """Refuse a number that no patient or scanner has."""
    for name, (low, high) in LIMITS.items():
        value = given.get(name)
        if value is not None and not low <= value <= high:
            raise UsageError(f"{name} {value:g}: give {low:g} to {high:g}")


def _check_protocol(thickness: float, spacing: float, kernel: str, kvp: float, matrix: int) -> None:
    """Refuse a protocol that no scanner has."""
    if not 0.3 <= spacing <= thickness <= 20:
        raise UsageError(
            f"slices {thickness:g} mm thick every {spacing:g} mm: give 0.3 to 20 mm, the spacing no larger"
        )
    if kernel not in KERNELS:
        raise UsageError(f"no kernel is called {kernel!r}: choose one of {', '.join(KERNELS)}")
    if not 80 <= kvp <= 140:
        raise UsageError(f"a tube voltage of {kvp:g} kV: give 80 to 140")
    if not 64 <= matrix <= 1024:
        raise UsageError(f"a matrix of {matrix}: give 64 to 1024")


def draw_plan(
    seed: int,
    *,
    contents: str | None = None,
    slices_mm: tuple[float, float] | None = None,
    kernel: str | None = None,
    kvp: float | None = None,
    noise_hu: float | None = None,
    mas: float | None = None,
    matrix: int = 512,
    **fixed: Any,
) -> StudyPlan:
    """Return what the study of a seed will be.

    Parameters
    ----------
    seed
        0 or above; from `TEST_SEEDS_FROM` on it belongs to the test split.
    contents
        As in `StudyPlan`; ``None``: drawn.
    slices_mm
        Thickness and spacing of the slices; ``None``: drawn.
    kernel, kvp, noise_hu, mas
        The protocol, as in `StudyPlan`; ``None``: drawn.
    matrix
        Pixels along a row and a column.
    fixed
        Fields of `Variation` that are not drawn.

    Raises
    ------
    UsageError
        If a name is not known or a number is out of range.

    Examples
    --------
    >>> draw_plan(1, contents="spheres").contents
    'spheres'
    """
    if seed < 0:
        raise UsageError(f"seed {seed}: give 0 or above")
    if contents is not None:
        _check(contents)
    _check_numbers({"noise_hu": noise_hu, "mas": mas, **fixed})
    random = np.random.default_rng([seed, 5])
    drawn, which = _pick(random, CONTENTS), CASES[int(random.integers(len(CASES)))]
    contents = contents or drawn
    if contents == "cases":
        contents = f"case:{which}"
    usual_slices = _pick(random, SLICES_MM)
    usual_kernel, usual_kvp = _pick(random, KERNEL_SHARES), _pick(random, KVPS)
    thickness, spacing = slices_mm or usual_slices
    kernel, kvp = kernel or usual_kernel, kvp or usual_kvp
    _check_protocol(thickness, spacing, kernel, kvp, matrix)
    quiet = float(random.uniform(*NOISE_5MM_HU)) * math.sqrt(5.0 / thickness) * KERNEL_NOISE[kernel]
    noise = round(min(quiet, MOST_NOISE_HU), 3) if noise_hu is None else noise_hu
    if contents.startswith("case:"):
        fixed = case_variation(contents.removeprefix("case:"), np.random.default_rng([seed, 8])) | fixed
    variation = draw_variation(random, **fixed)
    return StudyPlan(seed, variation, contents, thickness, spacing, kernel, kvp, noise, mas, matrix)
