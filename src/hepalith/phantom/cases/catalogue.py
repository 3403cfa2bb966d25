"""The whole cases of the source article, each laid into a patient with all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from hepalith.errors import UsageError
from hepalith.phantom.body.abdomen import Abdomen
from hepalith.phantom.cases.parasite import STAGES, hydatid_maker, make_alveolar, make_schistosomiasis
from hepalith.phantom.cases.simple import (
    make_abscess_scar,
    make_brucelloma,
    make_healthy_one_focus,
    make_portal_vein,
    make_stones,
    make_tuberculosis,
    make_tuberculosis_miliary,
)
from hepalith.phantom.cases.tumour import (
    PRIMARIES,
    make_fibrolamellar,
    make_haemangioma,
    make_hepatoblastoma,
    metastasis_maker,
)
from hepalith.phantom.insert import Insert

__all__ = ["CASES", "case_variation", "make_case"]

MAKERS: Mapping[str, Callable[[Abdomen, np.random.Generator], Insert]] = MappingProxyType(
    {
        "healthy_one_focus": make_healthy_one_focus,
        "stones": make_stones,
        "haemangioma": make_haemangioma,
        "fibrolamellar": make_fibrolamellar,
        "hepatoblastoma": make_hepatoblastoma,
        **{f"metastasis_{name}": metastasis_maker(name) for name in PRIMARIES},
        **{f"hydatid_{name}": hydatid_maker(name) for name in STAGES},
        "alveolar": make_alveolar,
        "schistosomiasis": make_schistosomiasis,
        "tuberculosis": make_tuberculosis,
        "tuberculosis_miliary": make_tuberculosis_miliary,
        "abscess_scar": make_abscess_scar,
        "brucelloma": make_brucelloma,
        "portal_vein": make_portal_vein,
    }
)
"""Who makes what."""

CASES = tuple(MAKERS)
"""Every whole case."""

AGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "hepatoblastoma": (0.8, 4.8),
        "fibrolamellar": (14.0, 35.0),
        "metastasis_osteosarcoma": (14.0, 40.0),
        "tuberculosis": (30.0, 85.0),
        "tuberculosis_miliary": (30.0, 85.0),
        "schistosomiasis": (45.0, 88.0),
        "stones": (35.0, 80.0),
        "abscess_scar": (30.0, 85.0),
    }
)
"""Ages of a case, least and most: S56, S57 of the source article; the others are our judgement."""

ADULT_AGES = (20.0, 85.0)
"""Ages of the other cases."""

GROWN_AT = 14.0
"""Age from which a patient has an adult's size here."""

ATROPHY_SHARE = 0.45
"""Share of patients with stones whose stone-bearing left lobe has shrunk (S48, S114). Our judgement."""


def case_variation(name: str, random: np.random.Generator) -> dict[str, Any]:
    """Return what a case fixes of its patient, for `draw_variation`: age, size, atrophy of a lobe.

    Examples
    --------
    >>> case_variation("hepatoblastoma", np.random.default_rng(0))["age_years"] < 5
    True
    """
    _check(name)
    age = round(float(random.uniform(*AGES.get(name, ADULT_AGES))), 1)
    fixed: dict[str, Any] = {"age_years": age, "resection": "", "atrophy": ""}
    if age < GROWN_AT:
        fixed["scale"] = round((0.5 + 0.033 * age) * float(random.uniform(0.95, 1.05)), 6)
    else:
        fixed["scale"] = round(float(random.uniform(0.88, 1.08)), 6)
    shrunk = float(random.uniform())
    if name == "stones" and shrunk < ATROPHY_SHARE:
        fixed["atrophy"] = "lateral" if shrunk < ATROPHY_SHARE / 2 else "left"
    return fixed


def _check(name: str) -> None:
    if name not in MAKERS:
        raise UsageError(f"no case is called {name!r}: choose one of {', '.join(CASES)}")


def make_case(name: str, abdomen: Abdomen, random: np.random.Generator) -> Insert:
    """Return a whole case: lesions, calcium, their patterns, the diagnosis.

    Parameters
    ----------
    name
        One of `CASES`.
    abdomen
        The patient; `case_variation` says what kind of patient suits the case.
    random
        Draws the rest.

    Raises
    ------
    UsageError
        If there is no such case, or the liver has no room for it.
    """
    _check(name)
    return MAKERS[name](abdomen, random)
