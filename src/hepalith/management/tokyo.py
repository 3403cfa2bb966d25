"""Acute cholangitis by the Tokyo Guidelines 2018: whether it is suspected, and how severe it is.

References
----------
Kiriyama S et al. Tokyo Guidelines 2018: diagnostic criteria and severity grading of acute cholangitis.
J Hepatobiliary Pancreat Sci 2018;25:17-30. DOI 10.1002/jhbp.512. The numbers of the criteria were read in
GPnotebook's and digestivedashboard.org's restatements of its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from hepalith.management.known import Known
from hepalith.study.unit import conversion
from hepalith.vocabulary import load_vocabulary

__all__ = ["SOURCE", "Cholangitis", "assess_cholangitis"]

SOURCE = "Tokyo Guidelines 2018, DOI 10.1002/jhbp.512 (B)"

Reading = Literal["met", "not_met", "unknown"]

DEFAULT_ALBUMIN_LOWER_G_L = 35.0
"""Lower limit of albumin where the laboratory's is not given (general knowledge, K). Grade II asks for less
than 0.7 of it: 24.5 g/L."""


@dataclass(frozen=True, slots=True)
class Cholangitis:
    """What the criteria say.

    Parameters
    ----------
    suspected
        A sign of inflammation and one of cholestasis or of imaging (A with B or C).
    definite
        One of each (A, B and C).
    obstructed
        A sign of imaging (C): wide ducts, or what blocks them.
    grade
        3 where any organ fails, 2 where two signs of a moderate one are met, 1 where neither can be
        any more, ``None`` where what is known leaves it open. Grades 3 and 2 stand whatever is unknown,
        but 2 may still be 3.
    met, unknown
        Criteria of severity that are met, and those that nobody has told.
    """

    suspected: bool
    definite: bool
    obstructed: bool
    grade: int | None
    met: tuple[str, ...]
    unknown: tuple[str, ...]


def assess_cholangitis(known: Known) -> Cholangitis:
    """Return whether cholangitis is suspected and how severe it would be.

    Notes
    -----
    Inflammation known only from the laboratory has many causes; with it alone A, B and C are all
    asked for by the red flag (`hepalith.management.facts`), not here.
    """
    inflammation = _any(known, INFLAMMATION)
    cholestasis = _any(known, CHOLESTASIS)
    imaging = _any(known, IMAGING)
    severe = {name: rule(known) for name, rule in ORGANS.items()}
    moderate = {name: rule(known) for name, rule in MODERATE.items()}
    return Cholangitis(
        suspected=inflammation and (cholestasis or imaging),
        definite=inflammation and cholestasis and imaging,
        obstructed=imaging,
        grade=_grade(severe, moderate),
        met=tuple(name for name, read in (severe | moderate).items() if read == "met"),
        unknown=tuple(name for name, read in (severe | moderate).items() if read == "unknown"),
    )


def _grade(severe: Mapping[str, Reading], moderate: Mapping[str, Reading]) -> int | None:
    reads = list(moderate.values())
    if "met" in severe.values():
        return 3
    if reads.count("met") >= MODERATE_FROM:
        return 2
    if "unknown" in severe.values() or reads.count("met") + reads.count("unknown") >= MODERATE_FROM:
        return None
    return 1


MODERATE_FROM = 2
"""Signs of a moderate cholangitis that make grade II (TG18)."""


def value_in(known: Known, term_id: str) -> float | None:
    """Return a laboratory value in the vocabulary's unit; ``None`` where unknown or not to be converted."""
    lab, unit = known.lab(term_id), load_vocabulary()[term_id].unit
    factor = conversion(term_id, lab.unit, unit) if lab is not None and unit is not None else None
    return None if lab is None or factor is None else lab.value * factor


def _lab(term_id: str, holds: Callable[[float], bool]) -> Callable[[Known], Reading]:
    def read(known: Known) -> Reading:
        value = value_in(known, term_id)
        return "unknown" if value is None else "met" if holds(value) else "not_met"

    return read


def _finding(*names: str) -> Callable[[Known], Reading]:
    def read(known: Known) -> Reading:
        if any(known.has(name) for name in names):
            return "met"
        return "not_met" if all(known.denies(name) for name in names) else "unknown"

    return read


def _above_limit(term_id: str, times: float) -> Callable[[Known], Reading]:
    def read(known: Known) -> Reading:
        lab = known.lab(term_id)
        if lab is None or lab.upper_limit is None:
            return "unknown"
        return "met" if lab.value > times * lab.upper_limit else "not_met"

    return read


def _in_lumen(known: Known) -> Reading:
    return "met" if known.chose("duct_relation", ("in_lumen",)) else "unknown"


def _stones_likely(known: Known) -> Reading:
    return "met" if known.share(STONE_DIAGNOSES) >= STONES_FROM else "unknown"


def _old(known: Known) -> Reading:
    age = known.patient.age_years
    return "unknown" if age is None else "met" if age >= 75 else "not_met"


def _low_albumin(known: Known) -> Reading:
    value = value_in(known, "albumin")
    if value is None:
        return _finding("albumin_low")(known)
    return "met" if value < 0.7 * DEFAULT_ALBUMIN_LOWER_G_L else "not_met"


def _any(known: Known, criteria: Mapping[str, Callable[[Known], Reading]]) -> bool:
    return any(rule(known) == "met" for rule in criteria.values())


STONE_DIAGNOSES = ("hepatolithiasis", "caroli", "tb_biliary", "perihilar_cca", "fluke_disease")
"""Diseases that block ducts: the aetiology that criterion C-2 asks for, where it is suspected, not seen."""

STONES_FROM = 0.15
"""Share of these from which duct stones, or what blocks like them, count as suspected. Our judgement.

With fever and nothing else known of a focus they have a share of 0.11 where tuberculosis is rare: a fever
alone suspects no stones there. In East Asian health checks it is 0.6, and does.
"""

CAUSES_SEEN = (
    "duct_stricture",
    "hilar_stricture",
    "duct_wall_thickening",
    "beaded_chain",
    "along_duct",
    "common_duct_stones",
    "worm_seen",
    "saccular_ducts",
)
"""What blocks a duct, as it is seen."""

INFLAMMATION: Mapping[str, Callable[[Known], Reading]] = {
    "fever": _finding("fever"),
    "temperature": _lab("temperature", lambda v: v > 38),
    "leucocytes": _lab("leucocytes", lambda v: v < 4 or v > 10),
    "crp": _lab("crp", lambda v: v >= 10),
    "inflammation_up": _finding("inflammation_up"),
}
"""A: fever above 38 °C, white cells below 4 or above 10 × 10³/µL, CRP of 1 mg/dL or more (TG18, table 1)."""

CHOLESTASIS: Mapping[str, Callable[[Known], Reading]] = {
    "jaundice": _finding("jaundice"),
    "bilirubin": _lab("bilirubin", lambda v: v >= 2),
    "bilirubin_up": _finding("bilirubin_up"),
    "alp": _above_limit("alp", 1.5),
    "ggt": _above_limit("ggt", 1.5),
    "ast": _above_limit("ast", 1.5),
    "alt": _above_limit("alt", 1.5),
}
"""B: bilirubin of 2 mg/dL or more, ALP, GGT, AST or ALT above 1.5 of the upper limit (TG18, table 1).

A raised bilirubin stated without its value counts, to be safe; a raised ALP or GGT without one does not.
"""

IMAGING: Mapping[str, Callable[[Known], Reading]] = {
    "dilated_ducts": _finding("dilated_ducts"),
    "cause": _finding(*CAUSES_SEEN),
    "stone": _in_lumen,
    "suspected": _stones_likely,
}
"""C: dilated ducts, or what blocks them seen (stricture, stone, stent) or suspected (TG18, table 1)."""

ORGANS: Mapping[str, Callable[[Known], Reading]] = {
    "hypotension": _finding("hypotension"),
    "confusion": _finding("confusion"),
    "pao2_fio2": _lab("pao2_fio2", lambda v: v < 300),
    "creatinine": _lab("creatinine", lambda v: v > 2.0),
    "inr": _lab("inr", lambda v: v > 1.5),
    "platelets": _lab("platelets", lambda v: v < 100),
}
"""Grade III: any one of these. Oliguria, which the guideline names too, is not in the vocabulary.

It asks for hypotension that needs dopamine or norepinephrine; a low pressure stated without more counts, to
be safe.
"""

MODERATE: Mapping[str, Callable[[Known], Reading]] = {
    "leucocytes": _lab("leucocytes", lambda v: v > 12 or v < 4),
    "temperature": _lab("temperature", lambda v: v >= 39),
    "age_years": _old,
    "bilirubin": _lab("bilirubin", lambda v: v >= 5),
    "albumin": _low_albumin,
}
"""Grade II: any two of these."""
