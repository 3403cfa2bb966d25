"""What a history leads one to expect in a liver that is no calcium: clips, stents, coils, glue, lipiodol."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hepalith.study.patient import Patient

__all__ = ["expect_materials"]

EXPECTED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "tace": {"lipiodol": 4.0, "clip_or_coil": 2.0},
        "coil_glue_or_tips": {"glue": 3.5, "clip_or_coil": 3.5, "stent_or_catheter": 3.0},
        "liver_surgery": {"clip_or_coil": 3.0},
        "liver_transplant": {"clip_or_coil": 3.0, "stent_or_catheter": 2.0},
        "biliary_surgery": {"clip_or_coil": 3.0, "stent_or_catheter": 3.0},
        "cholecystectomy": {"clip_or_coil": 2.5, "gallstone": -4.0},
        "portal_hypertension": {"glue": 1.0, "stent_or_catheter": 1.0},
    }
)
"""By entry of the history, the log odds by which a material becomes more likely than without knowing of it. A
factor of 50 for the one that the procedure leaves behind, 10 for what may go with it. Our judgement (C):
density alone cannot tell lipiodol from calcium (8 of 9 lesions above 365 HU weeks later, PMID 8402781, A)."""

DENIED = -2.0
"""Log odds of a material all of whose procedures are denied. Our judgement: people forget operations."""


def expect_materials(patient: Patient) -> dict[str, float]:
    """Return, by label, the log odds that a patient's history adds to what a bright thing may be.

    Of several procedures that leave the same material the most telling counts. What is not known
    of adds nothing.

    Examples
    --------
    >>> expect_materials(Patient(history={"tace": True}))
    {'lipiodol': 4.0, 'clip_or_coil': 2.0}
    >>> expect_materials(Patient())
    {}
    """
    found: dict[str, float] = {}
    for entry, materials in EXPECTED.items():
        if patient.knows(entry) is True:
            for label, weight in materials.items():
                earlier = found.get(label, 0.0)
                found[label] = weight if abs(weight) > abs(earlier) else earlier
    leaving: dict[str, list[str]] = {}
    for entry, materials in EXPECTED.items():
        for label, weight in materials.items():
            if weight > 0:
                leaving.setdefault(label, []).append(entry)
    for label, entries in leaving.items():
        if all(patient.knows(entry) is False for entry in entries):
            found[label] = DENIED
    return found
