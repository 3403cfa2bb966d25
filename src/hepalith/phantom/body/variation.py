"""What varies from one phantom to the next: the patient, the liver, the neighbours, the examination.

One frame is kept through all of it. Coordinates are LPS in mm with the liver's dome near z = 78 and
its lower tip near z = -90 for an adult of scale 1; breathing moves the skeleton past the liver, not
the liver, and a scale other than 1 multiplies every length about the origin. Whatever is built
from a `Variation` is built in those final millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from hepalith.errors import UsageError

__all__ = ["ATROPHIES", "COVERAGES", "PHASES", "RESECTIONS", "Variation", "draw_variation"]

PHASES = ("none", "arterial", "portal", "delayed")
"""Contrast phases: before contrast, about 35 s, 70 s and 3 to 5 min after its injection."""

COVERAGES = ("whole", "slab", "dome", "low")
"""How much of the liver the scan holds: all, a slab of it, its dome only, its lower part only."""

ATROPHIES = ("", "left", "right", "lateral")
"""Which part has shrunk: none, the left lobe, the right lobe, the lateral segments II and III."""

RESECTIONS = ("", "lateral", "left", "right", "right_posterior")
"""Which part has been taken out."""

COLONS = ("usual", "high", "interposed", "low")
"""Hepatic flexure: under the liver, high beside it, before the liver (Chilaiditi), far below."""

CHOICES = {
    "sex": ("female", "male"),
    "phase": PHASES,
    "coverage": COVERAGES,
    "atrophy": ATROPHIES,
    "resection": RESECTIONS,
    "kidneys": ("both", "left", "right"),
    "colon": COLONS,
    "oral_contrast": ("none", "positive", "water"),
}
"""What each field of words may hold."""

CHILD_SHARE = 0.06
"""Share of children among drawn patients: the article's hepatoblastoma needs them. Our judgement."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One patient and one examination; the defaults are an ordinary adult without contrast.

    Parameters
    ----------
    age_years, sex
        Age and ``"female"`` or ``"male"``.
    scale
        Overall size; 1 is an adult, a two-year-old near 0.6.
    breadth, depth
        Width and depth of the trunk's inside over the usual.
    wall_fat_mm
        Fat beneath the skin at the side.
    visceral_fat
        Fat between the organs: 0 lean, 1 obese.
    muscle
        Bulk of muscles over the usual; below 1 in wasting.
    bone_density
        HU of bone over the usual of middle age.
    steatosis
        Fat fraction of the liver, 0 to 1.
    liver_shift_hu
        What iron, amiodarone or glycogen add to the liver's HU.
    liver_scale, left_lobe
        Size of the liver, and of its left lateral segments, over the usual.
    riedel
        A tongue of the right lobe reaches below the costal margin.
    atrophy, resection
        One of `ATROPHIES`, of `RESECTIONS`; the rest grows in their place.
    gallbladder_scale
        Size of the gallbladder over the usual; 0 after its removal.
    phase, coverage
        One of `PHASES`, of `COVERAGES`.
    oral_contrast
        Content of the gut: ``"none"``, ``"positive"`` (dense) or ``"water"``.
    breath_mm
        How far the skeleton lies below its usual place beside the liver: positive in expiration.
    dome_mm
        How far the left dome of the diaphragm lies above its usual height.
    rotation_deg, tilt_deg
        Turn of the patient about the long axis, and in the frontal plane.
    scoliosis_mm
        Sideways bow of the spine at mid-abdomen, positive to the left.
    kyphosis_mm
        How far the upper spine stands back behind the lower.
    spleen_scale
        Size of the spleen (linear) over the usual; 0 after its removal.
    kidneys
        ``"both"``, or the only side left.
    kidney_scale, kidney_drop_mm
        Size of the kidneys, and how far the right one has sunk (negative: rides high).
    stomach_fill, stomach_gas
        Size of the stomach from 0 (collapsed) to 1 (huge), and gas as a share of its content.
    colon, bowel_gas
        One of `COLONS`; gas as a share of the gut's content.
    heart_scale, heart_drop_mm
        Size of the heart, and how far it presses down on the left lobe.
    ascites_mm, effusion_mm
        Depth of fluid around the liver and behind the lungs; 0 for none.
    arms_down, couch
        Whether arms lie beside the trunk, and whether the couch is in the picture.
    jitter
        How strongly each organ's place and shape vary by chance; 1 as in life.
    """

    age_years: float = 45.0
    sex: str = "male"
    scale: float = 1.0
    breadth: float = 1.0
    depth: float = 1.0
    wall_fat_mm: float = 16.0
    visceral_fat: float = 0.5
    muscle: float = 1.0
    bone_density: float = 1.0
    steatosis: float = 0.0
    liver_shift_hu: float = 0.0
    liver_scale: float = 1.0
    left_lobe: float = 1.0
    riedel: bool = False
    atrophy: str = ""
    resection: str = ""
    gallbladder_scale: float = 1.0
    phase: str = "none"
    coverage: str = "whole"
    oral_contrast: str = "none"
    breath_mm: float = 0.0
    dome_mm: float = 0.0
    rotation_deg: float = 0.0
    tilt_deg: float = 0.0
    scoliosis_mm: float = 0.0
    kyphosis_mm: float = 0.0
    spleen_scale: float = 1.0
    kidneys: str = "both"
    kidney_scale: float = 1.0
    kidney_drop_mm: float = 0.0
    stomach_fill: float = 0.5
    stomach_gas: float = 0.3
    colon: str = "usual"
    bowel_gas: float = 0.35
    heart_scale: float = 1.0
    heart_drop_mm: float = 0.0
    ascites_mm: float = 0.0
    effusion_mm: float = 0.0
    arms_down: bool = False
    couch: bool = True
    jitter: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a word that no generator knows."""
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} {getattr(self, name)!r}: choose one of {', '.join(allowed)}")


def _one_of(random: np.random.Generator, words: tuple[str, ...], weights: tuple[float, ...]) -> str:
    """Return one of `words` by weight, from a single uniform number."""
    mark = float(random.uniform(0, sum(weights)))
    for word, weight in zip(words, weights, strict=True):
        mark -= weight
        if mark < 0:
            return word
    return words[-1]


def _bell(random: np.random.Generator, middle: float, spread: float, low: float, high: float) -> float:
    """Return a number near `middle`, kept within bounds; a sum of uniform numbers, not a logarithm."""
    unit = float(random.uniform(-1, 1) + random.uniform(-1, 1) + random.uniform(-1, 1))
    return round(min(max(middle + spread * unit, low), high), 6)


def _maybe(random: np.random.Generator, share: float, low: float, high: float, otherwise: float) -> float:
    """Return a number between `low` and `high` in `share` of cases, else `otherwise`."""
    drawn, value = float(random.uniform()), float(random.uniform(low, high))
    return round(value, 6) if drawn < share else otherwise


def _draw_person(random: np.random.Generator) -> dict[str, Any]:
    """Draw age, sex, size and habitus."""
    child = float(random.uniform()) < CHILD_SHARE
    grown = float(random.uniform(20, 92))
    young = float(random.uniform(1, 14))
    age = young if child else grown
    sex = _one_of(random, CHOICES["sex"], (1, 1))
    stature = (0.56 + 0.029 * young) if child else (0.95 if sex == "female" else 1.02)
    obesity = _bell(random, 0.42, 0.3, 0.0, 1.0)
    fat_mm = 4.0 + 14.0 * obesity + 34.0 * obesity * obesity * obesity
    if sex == "female":
        fat_mm *= 1.25
    ageing = max(age - 45.0, 0.0) / 50.0
    return {
        "age_years": round(age, 1),
        "sex": sex,
        "scale": _bell(random, stature, 0.05, 0.45, 1.2),
        "breadth": _bell(random, 0.95 + 0.14 * obesity, 0.05, 0.78, 1.22),
        "depth": _bell(random, 0.90 + 0.28 * obesity, 0.07, 0.72, 1.35),
        "wall_fat_mm": _bell(random, fat_mm, 0.2 * fat_mm, 2.0, 75.0) * (0.6 if child else 1.0),
        "visceral_fat": _bell(random, obesity * (0.8 if sex == "female" else 1.1), 0.12, 0.0, 1.0),
        "muscle": _bell(random, 1.05 - 0.25 * ageing - (0.12 if sex == "female" else 0.0), 0.1, 0.55, 1.35),
        "bone_density": _bell(random, 1.1 - 0.45 * ageing, 0.12, 0.5, 1.5),
    }


def _draw_liver(random: np.random.Generator) -> dict[str, Any]:
    """Draw the liver's own variation."""
    fat = _maybe(random, 0.3, 0.22, 0.63, 0.0)
    return {
        "steatosis": round(fat * fat, 6),
        "liver_shift_hu": _maybe(random, 0.08, 8.0, 45.0, _bell(random, 0.0, 2.5, -8, 8)),
        "liver_scale": _bell(random, 1.0, 0.09, 0.72, 1.32),
        "left_lobe": _bell(random, 1.0, 0.22, 0.45, 1.7),
        "riedel": float(random.uniform()) < 0.08,
        "atrophy": _one_of(random, ATROPHIES, (0.84, 0.06, 0.05, 0.05)),
        "resection": _one_of(random, RESECTIONS, (0.92, 0.02, 0.02, 0.02, 0.02)),
        "gallbladder_scale": 0.0 if float(random.uniform()) < 0.15 else _bell(random, 1.0, 0.25, 0.4, 1.9),
    }


def _draw_neighbours(random: np.random.Generator) -> dict[str, Any]:
    """Draw how the neighbours of the liver vary."""
    spleen = _maybe(random, 0.12, 1.3, 1.75, _bell(random, 0.97, 0.1, 0.65, 1.3))
    return {
        "breath_mm": _bell(random, 0.0, 12.0, -30.0, 35.0),
        "dome_mm": _bell(random, 0.0, 10.0, -25.0, 35.0),
        "rotation_deg": _maybe(random, 0.1, -18.0, 18.0, _bell(random, 0.0, 2.5, -7, 7)),
        "tilt_deg": _bell(random, 0.0, 2.0, -6, 6),
        "scoliosis_mm": _maybe(random, 0.12, -30.0, 30.0, _bell(random, 0.0, 3.0, -8, 8)),
        "kyphosis_mm": _bell(random, 8.0, 8.0, -12, 35),
        "spleen_scale": 0.0 if float(random.uniform()) < 0.04 else spleen,
        "kidneys": _one_of(random, ("both", "left", "right"), (0.93, 0.04, 0.03)),
        "kidney_scale": _bell(random, 1.0, 0.1, 0.65, 1.35),
        "kidney_drop_mm": _maybe(random, 0.08, 25.0, 60.0, _bell(random, 0.0, 9.0, -30, 30)),
        "stomach_fill": _bell(random, 0.45, 0.28, 0.0, 1.0),
        "stomach_gas": _bell(random, 0.35, 0.25, 0.0, 1.0),
        "colon": _one_of(random, COLONS, (0.6, 0.18, 0.08, 0.14)),
        "bowel_gas": _bell(random, 0.4, 0.3, 0.0, 1.0),
        "heart_scale": _bell(random, 1.0, 0.12, 0.75, 1.4),
        "heart_drop_mm": _bell(random, 0.0, 8.0, -16, 24),
        "ascites_mm": _maybe(random, 0.06, 3.0, 25.0, 0.0),
        "effusion_mm": _maybe(random, 0.08, 5.0, 45.0, 0.0),
    }


def _draw_examination(random: np.random.Generator) -> dict[str, Any]:
    """Draw how the patient is examined."""
    return {
        "phase": _one_of(random, PHASES, (0.3, 0.17, 0.4, 0.13)),
        "coverage": _one_of(random, COVERAGES, (0.7, 0.12, 0.09, 0.09)),
        "oral_contrast": _one_of(random, CHOICES["oral_contrast"], (0.55, 0.28, 0.17)),
        "arms_down": float(random.uniform()) < 0.12,
        "couch": float(random.uniform()) < 0.85,
        "jitter": _bell(random, 1.0, 0.15, 0.5, 1.5),
    }


def draw_variation(random: np.random.Generator, **fixed: Any) -> Variation:
    """Return a patient and an examination drawn by chance, with `fixed` fields as given.

    The numbers drawn do not depend on what is fixed, so that two phantoms of one seed differ in
    the fixed fields alone.

    Examples
    --------
    >>> drawn = draw_variation(np.random.default_rng(1), phase="portal")
    >>> drawn.phase
    'portal'
    """
    drawn = {**_draw_person(random), **_draw_liver(random), **_draw_neighbours(random)}
    drawn |= _draw_examination(random)
    unknown = set(fixed) - {f.name for f in fields(Variation)}
    if unknown:
        raise UsageError(f"no variation is called {', '.join(sorted(unknown))}")
    return replace(Variation(**drawn), **fixed)
